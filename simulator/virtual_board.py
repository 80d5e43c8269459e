"""The ESP32 board in virtual time: pins, buses, flash, watchdog, sleep; what the firmware's `machine` really does here.

Every call of the firmware's arrives at `call`. Time moves only there: while it sleeps, while a bus or the flash is
busy. So both runtimes live through the same microseconds, and a run is the same every time.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from simulator.parts.clock import Timeline, Timer, VirtualClock
from simulator.parts.flash import Flash, FlashFile, PowerCut

POWER_ON, HARD, WATCHDOG, DEEP_SLEEP, SOFT = 1, 2, 3, 4, 5  # machine.reset_cause()

# How long the flash takes, in microseconds: ASSUMED from "some 80 ms for
# 4 KB" (MicroPython issue 3782).
FLASH_FLUSH_US = 5_000
FLASH_BYTE_US = 20
# One turn of the program after it woke: what simulator/energy.py assumes for taking in half a second of samples.
TURN_US = 30_000


class Restart(BaseException):
    """The processor restarts; `cause` is what machine.reset_cause() will say."""

    def __init__(self, cause: int) -> None:
        super().__init__(cause)
        self.cause = cause


class Finished(BaseException):
    """The scenario is over."""


class Uart:
    """The processor's side of a serial line: a bounded buffer that loses what does not fit, and what arrives asleep."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.capacity = 256
        self.lost = 0
        self.asleep = False
        self.on_write: Callable[[bytes], None] = lambda data: None

    def feed(self, data: bytes) -> None:
        """Bytes arrive from the other side."""
        if self.asleep:
            self.lost += len(data)
            return
        room = self.capacity - len(self.buffer)
        self.lost += max(0, len(data) - room)
        self.buffer += data[:room]


class VirtualBoard:
    """The processor and what hangs on it. Parts are wired by `inputs`, `on_output`, `on_pwm`, `uarts`, `i2c`, `adc_uv`.

    `power_on` before each start of the program; `end_us` is when the scenario ends.
    """

    def __init__(self, clock: VirtualClock, timeline: Timeline, flash: Flash, seed: int = 0) -> None:
        self.clock = clock
        self.timeline = timeline
        self.flash = flash
        self.i2c: dict[int, Any] = {}
        self.uarts: dict[int, Uart] = {}
        self.inputs: dict[int, Callable[[], int]] = {}
        self.on_output: dict[int, Callable[[int], None]] = {}
        self.on_pwm: dict[int, Callable[[int, int], None]] = {}
        self.adc_uv: dict[int, Callable[[], int]] = {}
        self.on_power: Callable[[str, str], None] = lambda part, state: None
        self.on_cut: Callable[[], None] = lambda: None  # the cell is out: for all that hangs on it
        self.next_interrupt_us: Callable[[], int | None] = lambda: None  # when a wake pin will rise by itself
        self.pace: Callable[[], None] | None = None  # called when the program sleeps, to keep it to the wall clock
        self.console = ""  # what the host has written and nobody read yet
        self.on_console: Callable[[str], None] = lambda text: None
        self.end_us = 1 << 62
        self.start_ticks_ms = 0
        self.random = random.Random(seed)
        self.restarts = 0
        self.heap_peak = 0
        self._cause = POWER_ON
        self._ended: BaseException | None = None
        self._operations = {name[3:]: getattr(self, name) for name in dir(self) if name.startswith("do_")}
        self._rtc = b""
        self._power_on_state()

    # --- power ---

    def _power_on_state(self) -> None:
        self.boot_us = self.clock.now_us
        self.levels: dict[int, int] = {}
        self.pulls: dict[int, int] = {}
        self.wake: dict[int, dict[int, int]] = {}  # by wake-up source: pins and the level that wakes
        self._open: dict[int, FlashFile] = {}
        self._next_fd = 3
        self._watchdog: Timer | None = None
        self.fed_us: int | None = None  # when the watchdog was fed last, since this start
        self._timeout_us = 0
        self.stall_us = 0  # the processor is held up for so long at its next call
        for uart in self.uarts.values():
            uart.buffer.clear()
            uart.asleep = False

    def power_on(self, cause: int) -> None:
        """The program starts anew. RTC memory survives all but a cut of power."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._ended = None
        self._cause = cause
        if cause == POWER_ON:
            self._rtc = b""
        self.flash.power_up()
        for pin, tell in self.on_pwm.items():
            if pin in self.levels or cause == POWER_ON:
                tell(0, 0)
        self._power_on_state()
        self.on_power("cpu", "active")

    def cut_power(self) -> None:
        """The cell is out, or browns out: the program ends at its present call."""
        self._ended = PowerCut()

    def restart(self, cause: int) -> None:
        self._ended = Restart(cause)

    # --- calls of the firmware ---

    @property
    def now_us(self) -> int:
        """What the firmware's ticks count from: this start, or further on to show their wrap."""
        return self.clock.now_us - self.boot_us + self.start_ticks_ms * 1000

    def call(self, operation: str, *arguments: Any) -> Any:
        """Do what the firmware asks. Raises OSError as the board would; Restart, PowerCut, Finished end the program."""
        clock = self.clock  # millions of calls in a shift: no call more than needed
        if self._ended is not None or clock.now_us >= self.end_us:
            self._end()
        if self.stall_us:
            stall_us, self.stall_us = self.stall_us, 0
            self._pass_us(stall_us)
        answer = self._operations[operation](*arguments)
        if self._ended is not None or clock.now_us >= self.end_us:
            self._end()
        return answer

    def _end(self) -> None:
        raise Finished if self._ended is None else self._ended

    def _pass_us(self, us: int) -> None:
        """Time passes; the program ends at once if its power or its watchdog does."""
        until_us = min(self.clock.now_us + us, self.end_us)
        while self._ended is None:
            next_us = self.clock.next_us
            if next_us is None or next_us > until_us:
                self.clock.advance_to_us(until_us)
                return
            self.clock.advance_to_us(next_us)

    def do_sleep_us(self, us: int) -> None:
        self.on_power("cpu", "waiting")
        self._pass_us(us)
        self.on_power("cpu", "active")
        if self.pace is not None:
            self.pace()

    def do_lightsleep(self, ms: int) -> None:
        """Sleep until a wake pin is at its level. Serial lines are deaf meanwhile."""
        until_us = min(self.clock.now_us + ms * 1000, self.end_us)
        for uart in self.uarts.values():
            uart.asleep = True
        if self.pace is not None:
            self.pace()
        self.on_power("cpu", "light_sleep")
        while self._ended is None and self.clock.now_us < until_us and not self._woken():
            next_us = until_us
            if self.clock.next_us is not None:
                next_us = min(next_us, self.clock.next_us)
            interrupt_us = self.next_interrupt_us()
            if interrupt_us is not None and interrupt_us > self.clock.now_us:
                next_us = min(next_us, interrupt_us)  # one that is there already and does not wake never will
            self.clock.advance_to_us(next_us)
        self.on_power("cpu", "active")
        for uart in self.uarts.values():
            uart.asleep = False
        self._pass_us(TURN_US)

    def _woken(self) -> bool:
        for source in self.wake.values():
            for pin, level in source.items():
                if self._level(pin) == level:
                    return True
        return False

    def do_memory(self, used: int) -> None:
        self.heap_peak = max(self.heap_peak, used)

    # pins

    def _level(self, pin: int) -> int:
        wired = self.inputs.get(pin)
        if wired is not None:
            return int(wired())
        return self.levels.get(pin, 1 if self.pulls.get(pin) == 2 else 0)

    def do_pin_init(self, pin: int, mode: int, pull: int) -> None:
        self.pulls[pin] = pull

    def do_pin_get(self, pin: int) -> int:
        return self._level(pin)

    def do_pin_set(self, pin: int, level: int) -> None:
        if self.levels.get(pin) != level:
            self.levels[pin] = level
            if pin in self.on_output:
                self.on_output[pin](level)

    def do_wake(self, source: int, pins: str, level: int) -> None:
        self.wake[source] = {int(pin): level for pin in pins.split()}

    def do_pwm(self, pin: int, hz: int, duty_u16: int) -> None:
        self.levels[pin] = 0
        if pin in self.on_pwm:
            self.on_pwm[pin](hz, duty_u16)

    def do_adc(self, pin: int) -> int:
        return self.adc_uv[pin]() if pin in self.adc_uv else 0

    # buses

    def do_i2c_init(self, bus: int, scl: int, sda: int, hz: int) -> None:
        if bus in self.i2c:
            self.i2c[bus].init()

    def _bus(self, bus: int) -> Any:
        if bus not in self.i2c:
            raise OSError(19, "ENODEV")
        return self.i2c[bus]

    def do_i2c_scan(self, bus: int) -> bytes:
        return bytes(self._bus(bus).scan())

    def do_i2c_read(self, bus: int, address: int, register: int, count: int) -> bytes:
        return bytes(self._bus(bus).read_memory(address, register, count))

    def do_i2c_write(self, bus: int, address: int, register: int, data: bytes) -> None:
        self._bus(bus).write_memory(address, register, data)

    def do_uart_init(self, number: int, baudrate: int, tx: int, rx: int) -> None:
        self.uarts.setdefault(number, Uart())

    def do_uart_rxbuf(self, number: int, size: int) -> None:
        self.uarts[number].capacity = size

    def do_uart_any(self, number: int) -> int:
        return len(self.uarts[number].buffer)

    def do_uart_read(self, number: int, count: int) -> bytes:
        buffer = self.uarts[number].buffer
        data = bytes(buffer[:count])
        del buffer[:count]
        return data

    def do_uart_write(self, number: int, data: bytes) -> int:
        self.uarts[number].on_write(bytes(data))
        return len(data)

    # watchdog, clock, memory that survives a reset

    def do_wdt(self, timeout_ms: int) -> None:
        self._timeout_us = timeout_ms * 1000
        self.do_wdt_feed()

    def do_wdt_feed(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self.fed_us = self.clock.now_us
        self._watchdog = self.clock.at_us(self.clock.now_us + self._timeout_us, self._bite)

    def _bite(self) -> None:
        self.timeline.note("fault", "watchdog", "the watchdog was not fed: the processor restarts")
        self.restart(WATCHDOG)

    def wait_for_watchdog(self) -> None:
        """The program has ended by itself: nobody feeds the watchdog now. Without one the board is dead."""
        while self._ended is None:
            if self.clock.now_us >= self.end_us or (self.clock.next_us or self.end_us) >= self.end_us:
                self.clock.advance_to_us(self.end_us)
                raise Finished
            self.clock.advance_to_us(self.clock.next_us or self.end_us)
        raise self._ended

    def do_reset(self) -> None:
        self.restart(SOFT)

    def do_reset_cause(self) -> int:
        return self._cause

    def do_wake_reason(self) -> int:
        return 0

    def do_freq(self, hz: int) -> int:
        return hz or 80_000_000

    def do_rtc_get(self) -> bytes:
        return self._rtc

    def do_rtc_set(self, data: bytes) -> None:
        self._rtc = bytes(data)

    def do_random(self, count: int) -> bytes:
        return self.random.randbytes(count)

    # console

    def do_console_any(self) -> int:
        return len(self.console)

    def do_console_read(self, count: int) -> str:
        text, self.console = self.console[:count], self.console[count:]
        return text

    def do_console_write(self, text: str) -> None:
        self.on_console(text)

    # flash

    def do_file_open(self, name: str, mode: str) -> int:
        file = self.flash.open(name, mode)
        self._next_fd += 1
        self._open[self._next_fd] = file
        return self._next_fd

    def do_file_read(self, fd: int, size: int) -> bytes:
        data = self._open[fd].read(size)
        return data.encode() if isinstance(data, str) else bytes(data)

    def do_file_write(self, fd: int, data: bytes) -> int:
        self._pass_us(len(data) * FLASH_BYTE_US)
        return self._open[fd].write(data)

    def do_file_seek(self, fd: int, offset: int, whence: int) -> int:
        return self._open[fd].seek(offset, whence)

    def do_file_flush(self, fd: int) -> None:
        self._pass_us(FLASH_FLUSH_US)
        self._open[fd].flush()

    def do_file_close(self, fd: int) -> None:
        self._open.pop(fd).close()

    def do_file_mkdir(self, name: str) -> None:
        self.flash.mkdir(name)

    def do_file_list(self, path: str) -> str:
        return "\n".join(self.flash.listdir(path))

    def do_file_remove(self, name: str) -> None:
        self.flash.remove(name)

    def do_file_rename(self, old: str, new: str) -> None:
        self.flash.rename(old, new)

    def do_file_size(self, name: str) -> int:
        return self.flash.stat(name)[6]
