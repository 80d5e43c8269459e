"""The receiver inside the modem: power, where its NMEA sentences go, and the position asked for by command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from simulator.parts.modem_command import READ, SET, TEST, AtError, Command, Handler

if TYPE_CHECKING:
    from simulator.parts.modem import VirtualModem


class GnssReceiver(Protocol):
    """What the modem switches. It calls `on_line` with each sentence, \\r\\n included, between start and stop."""

    on_line: Callable[[bytes], None] | None

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Gnss:
    """A76XX: CGNSSPWR, then 9 s until the other commands work. SIM7600: CGPS, NMEA by CGPSINFOCFG.

    `switched_antenna`: the board powers the antenna by the modem's own pins, and without that there is no sky.
    """

    def __init__(
        self, modem: VirtualModem, receiver: GnssReceiver | None, on_nmea: Callable[[bytes], None] | None
    ) -> None:
        self._modem = modem
        self._receiver = receiver
        self._on_nmea = on_nmea
        self.on = False
        self.switched_antenna = False
        self._antenna = False
        self._rmc: list[str] = []
        self._gga: list[str] = []
        self.start()
        if receiver is not None:
            receiver.on_line = self._line
        self.commands: dict[str, Handler] = {}
        if modem.dialect == "a76xx":
            self.commands = {
                "+CGNSSPWR": self._cgnsspwr,
                "+CGNSSPORTSWITCH": self._port_switch,
                "+CGNSSTST": self._test_output,
                "+CGNSSINFO": self._cgnssinfo,
            }
            for name in ("+CGNSSMODE", "+CGNSSNMEA", "+CGPSNMEARATE", "+CGPSCOLD", "+CGPSWARM", "+CGPSHOT", "+CAGPS"):
                self.commands[name] = self._when_ready
            self.commands |= {"+CGDRT": lambda command: "OK", "+CGSETV": self._power_antenna}
        else:
            self.commands = {
                "+CGPS": self._cgps,
                "+CGPSINFOCFG": self._info_config,
                "+CGPSINFO": self._cgpsinfo,
            }
            self.commands["+CVAUXS"] = self._power_antenna
            for name in ("+CGPSNMEA", "+CGPSNMEAPORTCFG", "+CGPSNMEARATE", "+CGPSCOLD", "+CGPSHOT"):
                self.commands[name] = lambda command: "OK"

    def start(self) -> None:
        self.on = self._ready = False
        self._to_uart = self._output = False
        self._antenna = False

    def stop(self) -> None:
        self._switch(False)

    def _switch(self, on: bool) -> None:
        if on == self.on:
            return
        self.on, self._ready = on, False
        self._rmc, self._gga = [], []
        self._see()
        self._modem.power_changed()

    def _see(self) -> None:
        if self._receiver is not None:
            if self.on and (self._antenna or not self.switched_antenna):
                self._receiver.start()
            else:
                self._receiver.stop()

    def _power_antenna(self, command: Command) -> str:
        """AT+CGSETV=1,<level>, AT+CVAUXS=<on>."""
        self._antenna = bool(command.number(len(command.parameters) - 1, allowed=range(2)))
        self._see()
        return "OK"

    def _line(self, line: bytes) -> None:
        if not self.on:
            return
        fields = line.decode("ascii", "replace").split("*")[0].split(",")
        if fields[0].endswith("RMC"):
            self._rmc = fields
        elif fields[0].endswith("GGA"):
            self._gga = fields
        if self._on_nmea is not None:
            self._on_nmea(line)
        elif self._output and (self._to_uart or self._modem.dialect == "sim7600"):
            self._modem.nmea(line)

    # A76XX.

    def _cgnsspwr(self, command: Command) -> str:
        if command.form == TEST:
            return self._says("+CGNSSPWR: (0,1)")
        if command.form == READ:
            return self._says(f"+CGNSSPWR: {int(self.on)}")
        on = bool(command.number(0, allowed=range(2)))
        if on and not self.on:
            self._modem.after(self._modem.timing.gnss_ready, self._is_ready)
        self._switch(on)
        return "OK"

    def _is_ready(self) -> None:
        if self.on and not self._ready:
            self._ready = True
            self._modem.urc("+CGNSSPWR: READY!")

    def _when_ready(self, command: Command) -> str:
        if not self._ready:
            raise AtError("before +CGNSSPWR: READY!")
        return "OK"

    def _port_switch(self, command: Command) -> str:
        """<parsed>,<nmea>: 1 sends them to the UART instead of USB."""
        self._when_ready(command)
        if command.form == SET:
            self._to_uart = bool(command.number(1, allowed=range(2)))
        return "OK"

    def _test_output(self, command: Command) -> str:
        self._when_ready(command)
        if command.form == SET:
            self._output = bool(command.number(0, allowed=range(2)))
        return "OK"

    def _fix(self) -> list[str]:
        """lat,N,lon,E,ddmmyy,hhmmss.ss,altitude,speed,course; all empty without a fix."""
        rmc, gga = self._rmc, self._gga
        if len(rmc) < 10 or rmc[2] != "A":
            return [""] * 9
        altitude = gga[9] if len(gga) > 9 else ""
        return [rmc[3], rmc[4], rmc[5], rmc[6], rmc[9], rmc[1], altitude, rmc[7], rmc[8]]

    def _cgnssinfo(self, command: Command) -> str:
        self._when_ready(command)
        fix = self._fix()
        if not fix[0]:
            return self._says("+CGNSSINFO:,,,,,,,,,,,,,,,")
        hdop = self._gga[8] if len(self._gga) > 8 else ""
        satellites = self._gga[7] if len(self._gga) > 7 else ""
        return self._says(f"+CGNSSINFO: 2,{satellites},00,00,{','.join(fix)},{hdop},{hdop},{hdop}")

    # SIM7600.

    def _cgps(self, command: Command) -> str:
        if command.form == TEST:
            return self._says("+CGPS: (0-1),(1-3)")
        if command.form == READ:
            return self._says(f"+CGPS: {int(self.on)},1")
        on = bool(command.number(0, allowed=range(2)))
        if on and self.on:
            raise AtError("already on")
        if not on and self.on:
            self._modem.after(self._modem.timing.answer, lambda: self._modem.urc("+CGPS: 0"))
        self._switch(on)
        return "OK"

    def _info_config(self, command: Command) -> str:
        """<seconds>,<sentences>: bits of the sentences to print, 31 for all; 0 seconds stops them."""
        if command.form == SET:
            self._output = command.number(0, allowed=range(256)) > 0 and command.number(1, 31, range(512)) > 0
        return "OK"

    def _cgpsinfo(self, command: Command) -> str:
        return self._says("+CGPSINFO: " + ",".join(self._fix()))

    def _says(self, line: str) -> str:
        self._modem.line.info(line)
        return "OK"
