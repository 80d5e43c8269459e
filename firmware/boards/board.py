"""The Board object: everything of the hardware that the firmware touches, built from one description.

What this needs of MicroPython, all of it through plain imports, so that a simulator can put its own in their place:

    machine.Pin(number, mode, value=)  .init(mode[, pull])  .value([level])  .irq(handler=, trigger=)
        Pin.IN, OUT, OPEN_DRAIN (bus recovery), PULL_UP, PULL_DOWN, IRQ_RISING, IRQ_FALLING
    machine.I2C(id, scl=Pin, sda=Pin, freq=)  .readfrom_mem_into(address, register, buffer)  .writeto_mem(...)
    machine.UART(id, baudrate=, tx=, rx=, rxbuf=, timeout=)  .any()  .readinto(buffer)  .write(data)
    machine.ADC(Pin, atten=ADC.ATTN_11DB)  .read_uv()
    machine.PWM(Pin, freq=, duty_u16=)  .freq(hz)  .duty_u16(duty)
    machine.WDT(timeout=)  .feed()
    machine.RTC()  .memory([data])
    machine.freq(hz), lightsleep(ms), reset(), reset_cause(), PWRON_RESET, WDT_RESET, DEEPSLEEP_RESET
    esp32.wake_on_ext0(pin, level), wake_on_ext1(pins, level), WAKEUP_ALL_LOW, WAKEUP_ANY_HIGH
    select.poll() of sys.stdin, sys.stdin.read(1), sys.stdout.write(text)
    time.sleep_ms(ms), os.urandom(n), os.stat, mkdir, remove, rename, open(), cryptolib.aes(key, 2, iv)
"""

import os
import time

import cryptolib
import esp32
import machine
from dati.crc import crc16
from drivers.battery import Battery
from drivers.bus import Bus
from drivers.buttons import Buttons
from drivers.console import Console
from drivers.files import Files
from drivers.modem_pins import ModemPins
from drivers.signals import Signals
from drivers.watchdog import Watchdog

# started_by()
POWER_ON = 0
WATCHDOG = 1  # a part of the firmware hung
CRASH = 2  # the firmware or the interpreter ended in an error and was started anew
WAKE = 3  # from deep sleep
BROWN_OUT = 4  # the supply dipped or went while on duty
STARTS = (
    (POWER_ON, "power_on"),
    (WATCHDOG, "watchdog"),
    (CRASH, "crash"),
    (WAKE, "wake"),
    (BROWN_OUT, "brown_out"),
)

# Modem answers of up to 1500 bytes come while a block of samples is judged or flash is written.
_RX_BUFFER = 2048

_GLANCE_MS = (
    20  # instead of light sleep while the modem calls: it must be served, yet a stuck line must not spin the loop
)

# In RTC memory: this word while on duty, what `keep` was given, CRC-16. After power-on it holds anything.
_MARK = b"dati was running"


class Board:
    """One board as its description says. The names of its attributes are what the runtime uses.

    Building it touches pins only: the sensor, the modem and the watchdog start when they are told to.
    """

    def __init__(self, description, folder="data"):
        """`description` is the BOARD of a file beside this one; `folder` holds what the device keeps.

        Raises OSError when the flash cannot hold that folder.
        """
        about = description
        self.name = about["name"]
        self.dialect = about["dialect"]
        self.power_on_ms = about["power_on_ms"]  # how long the modem's power key is pressed to start it
        self.power_off_ms = about["power_off_ms"]  # and to stop one that does not listen
        self.boot_ms = about["boot_ms"]  # from then until it may listen
        self.gnss_on = about["gnss_on"]  # AT commands of this board's wiring: antenna and amplifier
        self.gnss_off = about["gnss_off"]
        self.voice_on = about["voice_on"]
        machine.freq(about["cpu_hz"])
        self.modem_pins = ModemPins(about["power_key"], about["ring"], about["reset"], about["sleep"], about["supply"])
        self.buttons = Buttons(about["sos"], about["cancel"], about["cord"])
        self.signals = Signals(about["buzzer"], about["led"], about["vibrator"])
        self.battery = Battery(about["battery"][0], about["battery"][1], about["charging"])
        self.watchdog = Watchdog(about["watchdog_ms"])
        self.modem_uart = _uart(about["modem_uart"])
        self.gnss_uart = _uart(about["gnss_uart"])
        self.sensor = _sensor(about["sensor"], about["i2c"], about["sensor_interrupt"])
        self._wake = [_WakePin(number, self.buttons.all) for number in about["wake"]]
        self._armed = None  # which of them were to wake it last time
        self._rtc = machine.RTC()
        self._marked = False
        self._kept = b""
        self._read_rtc()
        self.store = Files(folder)
        self.console = Console()
        esp32.wake_on_ext0(
            self.modem_pins.ring_pin, esp32.WAKEUP_ANY_HIGH if about["ring"][1] else esp32.WAKEUP_ALL_LOW
        )

    def sleep(self, ms, light):
        """Sleep until `ms` have passed or, when `light`, a wake pin becomes active.

        Light sleep stops the UARTs and the buzzer; whoever asks for it knows that no byte is due. A pin that is active
        already wakes nothing, or a cord once pulled would keep the board awake.
        """
        if ms <= 0:
            return
        if not light or self.signals.sounding:
            time.sleep_ms(ms)
            return
        if self.modem_pins.calling():
            time.sleep_ms(min(ms, _GLANCE_MS))
            return
        armed = [wake.pin for wake in self._wake if not wake.pin.value()]
        if armed != self._armed:
            esp32.wake_on_ext1(armed, esp32.WAKEUP_ANY_HIGH)
            self._armed = armed
        machine.lightsleep(ms)
        for wake in self._wake:
            wake.restore()
        self.modem_pins.restore()

    def started_by(self):
        """Why it runs: POWER_ON, WATCHDOG, CRASH, WAKE or BROWN_OUT. Ask before `mark_running`."""
        cause = machine.reset_cause()
        if cause == machine.WDT_RESET:
            return WATCHDOG
        if cause == machine.DEEPSLEEP_RESET:
            return WAKE
        if not self.was_running():
            return POWER_ON
        # The ESP32 port reports a brown-out as power-on (ports/esp32/modmachine.c); real power-on leaves no mark.
        return BROWN_OUT if cause == machine.PWRON_RESET else CRASH

    def was_running(self):
        """Whether it was marked as running when it last stopped. False, too, after the battery was out."""
        return self._marked

    def mark_running(self, running):
        """Leave a mark that survives a reset, but no real loss of power."""
        self._marked = running
        self._write_rtc()

    def kept(self):
        """What `keep` was given last; b"" after a real loss of power, or when what is there is damaged."""
        return self._kept

    def keep(self, data):
        """Put up to 2 KB where a reset does not reach, however ill the flash is."""
        if data != self._kept:
            self._kept = data
            self._write_rtc()

    def _read_rtc(self):
        data = self._rtc.memory()
        size = len(data) - 2
        whole = size >= len(_MARK) and crc16(data, 0, size) == data[size] | data[size + 1] << 8
        self._marked = whole and data[: len(_MARK)] == _MARK
        self._kept = bytes(data[len(_MARK) : size]) if whole else b""

    def _write_rtc(self):
        data = (_MARK if self._marked else bytes(len(_MARK))) + self._kept
        crc = crc16(data, 0, len(data))
        self._rtc.memory(data + bytes((crc & 255, crc >> 8)))

    def random(self, count):
        """`count` bytes that cannot be guessed."""
        return os.urandom(count)

    def cipher(self, key, data, encrypt):
        """AES-CBC with a zero IV, as SIA DC-09 has it; `data` comes in whole blocks of 16."""
        aes = cryptolib.aes(key, 2, bytes(16))
        return aes.encrypt(data) if encrypt else aes.decrypt(data)

    def reset(self):
        """Start anew, at once."""
        machine.reset()


class _WakePin:
    """A pin that wakes it: a button, which knows its own pull, or the sensor's interrupt."""

    def __init__(self, number, buttons):
        self.pin = machine.Pin(number)
        self._button = None
        for button in buttons:
            if button.number == number:
                self._button = button
                self.pin = button.pin

    def restore(self):
        """A digital input again: light sleep leaves it to the RTC (ESP-IDF, "Sleep Modes", ext0 and ext1)."""
        if self._button is not None:
            self._button.restore()
        else:
            self.pin.init(machine.Pin.IN)


def _uart(description):
    if description is None:
        return None
    number, baud, tx, rx = description
    return machine.UART(number, baudrate=baud, tx=tx, rx=rx, rxbuf=_RX_BUFFER, timeout=0)


def _sensor(sensor, i2c, interrupt):
    """The accelerometer's driver, the only one that is loaded."""
    kind, address = sensor
    number, scl, sda, freq_hz = i2c
    bus = Bus(number, scl, sda, freq_hz)
    pin = None if interrupt is None else machine.Pin(interrupt, machine.Pin.IN)
    if kind == "lsm6dsox":
        from drivers.lsm6dsox import Lsm6dsox

        return Lsm6dsox(bus, address, pin)
    from drivers.lis3dh import Lis3dh

    return Lis3dh(bus, address, pin)
