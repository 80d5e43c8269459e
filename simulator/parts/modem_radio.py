"""Registration, signal and network time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from simulator.parts.clock import Timer
from simulator.parts.modem_command import READ, RUN, SET, TEST, AtError, Command, Handler
from simulator.parts.network import (
    EMERGENCY_ONLY,
    HOME,
    IDLE,
    ROAMING,
    SEARCHING,
    SMS_ONLY_HOME,
    SMS_ONLY_ROAMING,
)

if TYPE_CHECKING:
    from simulator.parts.modem import VirtualModem

# What the clock of a modem says that the network has not told the time; the manual's example shows such a year.
STALE = datetime(2014, 1, 1, tzinfo=UTC)
AREA, CELL = "230A", "0A75D1AB"


class Radio:
    """`stat` is what the modem reports; it follows what the network offers after a while."""

    def __init__(self, modem: VirtualModem) -> None:
        self._modem = modem
        self.stat = IDLE
        self.on = True
        self._told = {"+CREG": 0, "+CGREG": 0, "+CEREG": 0}
        self._pending: tuple[int, Timer] | None = None
        self._lost_timer: Timer | None = None
        self._time_update = 0  # CTZU; its factory value, kept when the modem is off
        self._time_report = 0
        self._ahead = STALE - modem.network.utc  # of the modem's clock, local time, before UTC
        self._quarters = 0
        self._operator_format = 0
        self.commands: dict[str, Handler] = {
            "+CREG": self._registration,
            "+CGREG": self._registration,
            "+CEREG": self._registration,
            "+CSQ": self._quality,
            "+CPSI": self._cell,
            "+COPS": self._operator,
            "+CCLK": self._clock,
            "+CTZU": self._ctzu,
            "+CTZR": self._ctzr,
            "+CNSMOD": lambda command: self._says(f"+CNSMOD: 0,{8 if modem.network.access == 7 else 4}"),
        }

    def start(self) -> None:
        self.stat, self.on = IDLE, True
        self._told = dict.fromkeys(self._told, 0)
        self._pending = self._lost_timer = None
        self._time_report = self._operator_format = 0

    def stop(self) -> None:
        self.stat = IDLE

    def forget_time(self) -> None:
        """The supply was cut."""
        self._ahead, self._quarters = STALE - self._modem.network.utc, 0

    @property
    def has_service(self) -> bool:
        """Voice and data."""
        return self.stat in (HOME, ROAMING)

    @property
    def has_sms(self) -> bool:
        return self.stat in (HOME, ROAMING, SMS_ONLY_HOME, SMS_ONLY_ROAMING)

    # Registration.

    def switch(self, on: bool) -> None:
        """AT+CFUN."""
        self.on = on
        self.coverage_changed()

    def sim_changed(self) -> None:
        self.coverage_changed()

    def _aim(self) -> int:
        network = self._modem.network
        if not self.on:
            return IDLE
        if network.sim.state != "ready":
            return EMERGENCY_ONLY if network.covered else IDLE
        return network.registration if network.covered else SEARCHING

    def coverage_changed(self) -> None:
        aim = self._aim()
        if self._pending is not None:
            if self._pending[0] == aim:
                return
            self._pending[1].cancel()
            self._pending = None
        if aim == self.stat:
            return
        if aim == IDLE:
            self._become(IDLE)
            return
        if self.stat == IDLE and self._modem.network.sim.state == "ready":
            self._become(SEARCHING)
        timing = self._modem.timing
        delay = timing.notice_loss if aim == SEARCHING else timing.register
        self._pending = (aim, self._modem.after(delay, lambda: self._arrive(aim)))

    def _arrive(self, aim: int) -> None:
        self._pending = None
        self._become(aim)

    def _become(self, stat: int) -> None:
        had_sms, had_service = self.has_sms, self.has_service
        self.stat = stat
        self._modem.network.timeline.note("network", "registered", f"the device reports {stat}", stat=stat)
        for name, told in self._told.items():
            if told:
                self._modem.urc(f"{name}: {stat}{self._place(told)}")
        if had_service and not self.has_service:
            self._lost_timer = self._modem.after(self._modem.timing.data_abandoned, self._modem.sockets.abandoned)
        elif self.has_service and self._lost_timer is not None:
            self._lost_timer.cancel()
        if self.has_sms and not had_sms:
            self._modem.after(self._modem.timing.network_time, self._hear_time)
            self._modem.after(0, self._modem.network.smsc.device_reachable)

    def _place(self, told: int) -> str:
        return f',"{AREA}","{CELL}",{self._modem.network.access}' if told == 2 and self.has_sms else ""

    def _registration(self, command: Command) -> str:
        if command.form == TEST:
            return self._says(f"{command.name}: (0-2)")
        if command.form == READ:
            told = self._told[command.name]
            return self._says(f"{command.name}: {told},{self.stat}{self._place(told)}")
        self._told[command.name] = command.number(0, 0, range(3))
        return "OK"

    # Signal and cell.

    def _quality(self, command: Command) -> str:
        return self._says("+CSQ: (0-31,99),(99)" if command.form == TEST else f"+CSQ: {self._rssi()},99")

    def _rssi(self) -> int:
        dbm = self._modem.network.signal_dbm
        return 99 if dbm is None or not self.on else min(31, max(0, (dbm + 113) // 2))

    def _cell(self, command: Command) -> str:
        network = self._modem.network
        dbm = network.signal_dbm
        if not self.on:
            return self._says("+CPSI: NO SERVICE,Low Power Mode")
        if dbm is None or not self.has_sms:
            return self._says("+CPSI: NO SERVICE,Online")
        code = f"{network.operator_code[:3]}-{network.operator_code[3:]}"
        if network.access != 7:
            return self._says(f"+CPSI: WCDMA,Online,{code},0x{AREA},175499523,WCDMA 900,24,3088,0,5,62,33,52,62")
        # RSRP = value - 140 dBm, about 25 dB below the RSSI; RSRQ = (value - 40) / 2; RSSI = value - 110.
        levels = f"21,{max(0, dbm - 25 + 140)},{max(0, dbm + 110)},19"
        return self._says(f"+CPSI: LTE,Online,{code},0x{AREA},175499523,318,EUTRAN-BAND3,1650,5,0,{levels}")

    def _operator(self, command: Command) -> str:
        network = self._modem.network
        if command.form == TEST:
            name, code = network.operator, network.operator_code
            return self._says(f'+COPS: (2,"{name}","{name}","{code}",{network.access}),,(0,1,2,3,4),(0,1,2)')
        if command.form == READ:
            if not self.has_sms:
                return self._says("+COPS: 0")
            shown = network.operator_code if self._operator_format == 2 else network.operator
            return self._says(f'+COPS: 0,{self._operator_format},"{shown}",{network.access}')
        if command.form == SET and command.number(0, 0) == 3:
            self._operator_format = command.number(1, 0, range(3))
        return "OK"

    # Time.

    def _hear_time(self) -> None:
        network = self._modem.network
        if not network.sends_time or not self.has_sms:
            return
        if self._time_update:
            self._quarters = network.zone_quarters
            self._ahead = timedelta(minutes=15 * self._quarters)
        network.timeline.note("network", "time", f"{network.utc:%Y-%m-%d %H:%M:%S} UTC", used=bool(self._time_update))
        if self._time_report:
            # UTC, unlike +CCLK; the order of its fields is assumed.
            self._modem.urc(f"+CTZV: {network.zone_quarters:+03},{network.utc:%y/%m/%d,%H:%M:%S},0")

    def _clock(self, command: Command) -> str:
        if command.form == READ:
            local = self._modem.network.utc + self._ahead
            return self._says(f'+CCLK: "{local:%y/%m/%d,%H:%M:%S}{self._quarters:+03}"')
        if command.form == SET:
            text = command.string(0)
            try:
                local = datetime.strptime(text[:17], "%y/%m/%d,%H:%M:%S").replace(tzinfo=UTC)
                self._quarters = int(text[17:] or 0)
            except ValueError:
                raise AtError("time") from None
            self._ahead = local - self._modem.network.utc
        return "OK"

    def _ctzu(self, command: Command) -> str:
        if command.form == SET:
            self._time_update = command.number(0, allowed=range(2))
            return "OK"
        return self._says("+CTZU: (0,1)" if command.form == TEST else f"+CTZU: {self._time_update}")

    def _ctzr(self, command: Command) -> str:
        if command.form in (SET, RUN):
            self._time_report = command.number(0, 0, range(2))
            return "OK"
        return self._says("+CTZR: (0,1)" if command.form == TEST else f"+CTZR: {self._time_report}")

    def _says(self, line: str) -> str:
        self._modem.line.info(line)
        return "OK"
