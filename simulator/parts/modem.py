"""A SIMCom modem at the level of its pins and its UART: A76XX and SIM7600, after their AT command manuals.

Here are power, sleep and what it says by itself; the command line and the commands are in the modem_*.py beside.
Everything happens on the virtual clock, so a run repeats exactly. Faults: `mute`, `hung`, `slow`, `garbage()`,
`restart()`, `brown_out()`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simulator.parts.clock import Timer, VirtualClock
from simulator.parts.modem_calls import Calls
from simulator.parts.modem_command import Handler, Timing, timing
from simulator.parts.modem_general import General
from simulator.parts.modem_gnss import Gnss, GnssReceiver
from simulator.parts.modem_line import CommandLine
from simulator.parts.modem_radio import Radio
from simulator.parts.modem_sms import Sms
from simulator.parts.modem_sockets import Sockets
from simulator.parts.network import Network
from simulator.parts.network_calls import Call

OFF, BOOTING, ON, CLOSING = "off", "booting", "on", "closing"


class Part(Protocol):
    """A field of commands."""

    commands: dict[str, Handler]

    def start(self) -> None:
        """The modem has booted: settings are those of the factory."""

    def stop(self) -> None:
        """The modem goes off, or restarts."""


class VirtualModem:
    """`send` takes what it says on the UART. Pins by `pin`; `on_ring(bool)` is RI; `on_power(power)` tells every
    change of `power`: off, boot, sleep, idle, sms, call, data or (after it) connected, with "+gnss" behind when the
    receiver runs."""

    def __init__(
        self,
        clock: VirtualClock,
        network: Network,
        send: Callable[[bytes], None],
        dialect: str = "a76xx",
        gnss: GnssReceiver | None = None,
        on_nmea: Callable[[bytes], None] | None = None,
        timing_: Timing | None = None,
    ) -> None:
        """`on_nmea` is the separate NMEA UART of boards that have one; `gnss` the receiver inside."""
        self.clock, self.network, self.dialect = clock, network, dialect
        self.timing = timing_ or timing(dialect)
        self.on_ring: Callable[[bool], None] = lambda on: None
        self.on_power: Callable[[str], None] = lambda power: None
        # Faults and variants.
        self.mute = False  # hears, and says nothing
        self.hung = False  # the same, until its power is cycled
        self.slow = 1.0  # every answer takes so many times as long
        self.double_cr = False  # unsolicited lines begin with \r\r\n, as some firmwares have it
        self.state = OFF
        self.power = "off"
        self.asleep = False
        self.sleep_mode = 0  # AT+CSCLK
        self._send = send
        self._life = 0  # timers of an earlier life do nothing
        self._pins = {"power_key": False, "dtr": False, "supply": True, "reset": False}
        self._pressed: Timer | None = None
        self._off_us: int | None = None
        self._held: list[bytes] = []  # unsolicited lines that wait
        self._sleep_timer: Timer | None = None
        self._rings = 0  # who holds RI
        self.radio = Radio(self)
        self.sms = Sms(self)
        self.calls = Calls(self)
        self.sockets = Sockets(self)
        self.gnss = Gnss(self, gnss, on_nmea)
        self._parts: list[Part] = [General(self), self.radio, self.sms, self.calls, self.sockets, self.gnss]
        handlers = {name: handler for part in self._parts for name, handler in part.commands.items()}
        self.line = CommandLine(self, handlers)
        network.attach(self)

    # Time and power.

    def after(self, delay_ms: float, action: Callable[[], None]) -> Timer:
        """In this life of the modem: not when it goes off or restarts before."""
        life = self._life
        return self.clock.after_ms(delay_ms, lambda: action() if life == self._life else None)

    def pin(self, name: str, level: bool) -> None:
        """Logical: power_key and reset True are pressed, dtr True lets it sleep, supply True gives power."""
        if name not in self._pins:
            raise ValueError(f"pin {name!r} is none of {', '.join(self._pins)}")
        changed = self._pins[name] != level
        self._pins[name] = level
        if not changed:
            return
        if name == "supply":
            if not level:
                self.brown_out()
                self.radio.forget_time()
        elif name == "power_key":
            on = self.state in (ON, BOOTING)
            self._press(level, self.timing.power_off_pulse if on else self.timing.power_on_pulse, self._power_key_held)
        elif name == "reset":
            self._press(level, self.timing.reset_pulse, self.restart)
        elif level:
            self.consider_sleep()
        else:
            self._wake()

    def _press(self, down: bool, needed_ms: float, action: Callable[[], None]) -> None:
        if self._pressed is not None:
            self._pressed.cancel()
        if down:
            self._pressed = self.clock.after_ms(needed_ms, action)

    def _power_key_held(self) -> None:
        if self.state in (ON, BOOTING):
            self.shut_down()
        elif self.state == OFF and self._pins["supply"]:
            rest_us = self.timing.rest * 1000
            if self._off_us is None or self.clock.now_us - self._off_us >= rest_us:
                self._boot()

    def _boot(self) -> None:
        self._end_life(BOOTING)
        self.after(self.timing.boot, self._booted)

    def _booted(self) -> None:
        self.line.reset()
        self.sleep_mode = 0
        self.state = ON
        self.urc("RDY")
        for part in self._parts:
            part.start()
        self.power_changed()

    def shut_down(self) -> None:
        """In good order, by the pulse or AT+CPOF."""
        self._end_life(CLOSING)
        self.after(self.timing.shut_down, lambda: self._end_life(OFF))

    def restart(self) -> None:
        """By itself, the reset pin or AT+CRESET: everything volatile is forgotten."""
        if self.state in (ON, BOOTING):
            self._boot()

    def brown_out(self) -> None:
        """The supply fails: off at once, without a word, until the next pulse."""
        self._end_life(OFF)

    def _end_life(self, state: str) -> None:
        was = self.state
        self._life += 1
        self.state = state
        self.hung = False
        if was == ON:
            for part in self._parts:
                part.stop()
        self.asleep = False
        self.line.reset()
        self._held.clear()
        if self._rings:
            self._rings = 0
            self.on_ring(False)
        if state == OFF and was != OFF:
            self._off_us = self.clock.now_us
        self.power_changed()

    def power_changed(self) -> None:
        if self.state != ON:
            power = {OFF: "off", BOOTING: "boot", CLOSING: "idle"}[self.state]
        else:
            power = self.calls.power or self.sms.power or self.sockets.power or ("sleep" if self.asleep else "idle")
            power += "+gnss" if self.gnss.on else ""
        if power != self.power:
            self.power = power
            self.on_power(power)

    # Sleep.

    def consider_sleep(self) -> None:
        """Sleep begins after a while without anything to do."""
        if self._sleep_timer is not None:
            self._sleep_timer.cancel()
        if self._may_sleep():
            self._sleep_timer = self.after(self.timing.falls_asleep, self._fall_asleep)

    def _may_sleep(self) -> bool:
        wanted = self.sleep_mode == 2 or (self.sleep_mode == 1 and self._pins["dtr"])
        busy = self.line.busy or self.calls.call is not None
        return self.state == ON and wanted and not self.asleep and not busy

    def _fall_asleep(self) -> None:
        if self._may_sleep():
            self.asleep = True
            self.line.forget_input()
            self.power_changed()

    def _wake(self) -> None:
        if self.asleep:
            self.after(self.timing.wakes_up, self._awake)

    def _awake(self) -> None:
        if self.asleep and not (self.sleep_mode == 1 and self._pins["dtr"]):
            self.asleep = False
            self.power_changed()
            self.say_held()
            self.consider_sleep()

    # The UART.

    def receive(self, data: bytes) -> None:
        """Bytes from the board. Asleep, off or booting it is deaf."""
        for byte in data:
            if self.state != ON:
                return
            if self.asleep:
                if self.sleep_mode == 2:
                    self._wake()
                return
            self.line.receive(byte)

    def say(self, data: bytes) -> None:
        if data and not self.mute and not self.hung:
            self._send(data)

    def urc(self, line: str, ring_ms: float | None = None) -> None:
        """An unsolicited line. While it sleeps or awaits data the line waits; RI calls the board in either case."""
        if self.state == ON:
            start = "\r\r\n" if self.double_cr else "\r\n"
            self._held.append(f"{start}{line}\r\n".encode("latin-1", "replace"))
            self.ring(self.timing.ring_pulse if ring_ms is None else ring_ms)
            self.say_held()

    def say_held(self) -> None:
        if not self.asleep and not self.line.takes_data:
            held, self._held = self._held, []
            for data in held:
                self.say(data)

    def nmea(self, data: bytes) -> None:
        """A sentence of the receiver on the AT port. Not kept for later: the next one is newer."""
        if self.state == ON and not self.asleep and not self.line.takes_data:
            self.say(data)

    def garbage(self, data: bytes) -> None:
        """Noise on the line to the board."""
        self._send(data)

    def ring(self, pulse_ms: float) -> None:
        """RI for so long, together with whoever else holds it; 0 for not at all."""
        if pulse_ms:
            self.ring_hold(True)
            self.after(pulse_ms, lambda: self.ring_hold(False))

    def ring_hold(self, on: bool) -> None:
        was = self._rings > 0
        self._rings = max(0, self._rings + (1 if on else -1))
        if was != (self._rings > 0):
            self.on_ring(self._rings > 0)

    # What the network says; see network.Device.

    def on_coverage(self) -> None:
        if self.state == ON:
            self.radio.coverage_changed()

    def on_sms(self, tpdu: bytes) -> bool:
        return self.state == ON and self.sms.arrives(tpdu)

    def takes_calls(self) -> bool:
        return self.state == ON and self.radio.has_service and self.calls.call is None

    def on_call(self, call: Call) -> None:
        self.calls.incoming(call)
