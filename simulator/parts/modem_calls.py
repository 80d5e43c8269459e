"""Voice calls, outgoing and incoming, with the lines that SIMCom firmware adds: VOICE CALL, MISSED_CALL, +RXDTMF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.parts.clock import Timer
from simulator.parts.modem_command import READ, RUN, SET, TEST, AtError, CmeError, Command, Handler
from simulator.parts.network import EMERGENCY_NUMBERS
from simulator.parts.network_calls import BUSY, BY_DEVICE, Call

if TYPE_CHECKING:
    from simulator.parts.modem import VirtualModem

# <stat> of +CLCC
ACTIVE, DIALING, ALERTING, INCOMING, ENDED = 0, 2, 3, 4, 6
_STATS = {"active": ACTIVE, "dialing": DIALING, "alerting": ALERTING, "incoming": INCOMING, "ended": ENDED}
NOT_ALLOWED, NO_SERVICE = 3, 30


class Calls:
    def __init__(self, modem: VirtualModem) -> None:
        self._modem = modem
        self.call: Call | None = None
        # Digits that the other end presses: "+RXDTMF", "+DTMF", or None. No SIMCom manual of these families documents
        # it; ModemManager's simtech plugin reads the first, SIM800 firmware writes the second.
        self.digits_as: str | None = "+RXDTMF"
        self._rings: Timer | None = None
        self.start()
        self.commands: dict[str, Handler] = {
            "D": self._dial,
            "H": self._hook,
            "A": self._answer,
            "+CHUP": self._hang_up,
            "+CVHU": self._cvhu,
            "+CLCC": self._list,
            "+CLIP": self._clip,
            "+CRC": self._crc,
            "+COLP": lambda command: "OK",
            "+CCWA": lambda command: "OK",
            "+CSSN": lambda command: "OK",
            "+VTS": self._tones,
            "+VTD": lambda command: "OK",
            "+DDET": lambda command: "OK",
            "+CLIR": lambda command: "OK",
        }

    def start(self) -> None:
        self._list_urc = self._show_number = self._ring_kind = 0
        self._hook_ignored = 1  # CVHU, factory value

    def stop(self) -> None:
        call, self.call = self.call, None
        if call is not None:
            call.on_change = lambda call: None
            call.end(BY_DEVICE)

    @property
    def power(self) -> str:
        return "call" if self.call is not None else ""

    # Commands.

    def _dial(self, command: Command) -> str:
        number = command.text.strip()
        if not number.endswith(";"):
            return "NO CARRIER"  # a data call, which no network here takes
        number = number[:-1].strip().rstrip("iIgG")
        if not number or any(digit not in "+0123456789*#" for digit in number):
            raise AtError("number")
        radio, network = self._modem.radio, self._modem.network
        if self.call is not None:
            raise CmeError(NOT_ALLOWED)
        emergency = number in EMERGENCY_NUMBERS and network.covered and radio.on
        if not emergency:
            code = {"absent": 10, "pin": 11, "puk": 12, "blocked": 13}.get(network.sim.state)
            if code:
                raise CmeError(code)
            if not radio.has_service:
                raise CmeError(NO_SERVICE)
        self._take(network.switchboard.dial(number))
        self._modem.after(0, self._tell_list)
        return "OK"

    def _hook(self, command: Command) -> str:
        """ATH, which these modems take for nothing until AT+CVHU=0."""
        if not self._hook_ignored and self.call is not None:
            self.call.end(BY_DEVICE)
        return "OK"

    def _hang_up(self, command: Command) -> str:
        if command.form == TEST:
            return "OK"
        if self.call is not None:
            self.call.end(BY_DEVICE)
        return "OK"

    def _answer(self, command: Command) -> str:
        if self.call is None or self.call.state != "incoming":
            return "NO CARRIER"
        self.call.answer()
        return "OK"

    def _cvhu(self, command: Command) -> str:
        if command.form == SET:
            self._hook_ignored = command.number(0, allowed=range(2))
            return "OK"
        return self._says("+CVHU: (0,1)" if command.form == TEST else f"+CVHU: {self._hook_ignored}")

    def _list(self, command: Command) -> str:
        if command.form == SET:
            self._list_urc = command.number(0, allowed=range(2))
        elif command.form == TEST:
            self._modem.line.info("+CLCC: (0,1)")
        elif command.form == READ:
            self._modem.line.info(f"+CLCC: {self._list_urc}")
        elif self.call is not None:
            self._modem.line.info(self._line(self.call))
        return "OK"

    def _clip(self, command: Command) -> str:
        if command.form in (SET, RUN):
            self._show_number = command.number(0, 0, range(2))
            return "OK"
        return self._says("+CLIP: (0,1)" if command.form == TEST else f"+CLIP: {self._show_number},1")

    def _crc(self, command: Command) -> str:
        if command.form in (SET, RUN):
            self._ring_kind = command.number(0, 0, range(2))
            return "OK"
        return self._says("+CRC: (0,1)" if command.form == TEST else f"+CRC: {self._ring_kind}")

    def _tones(self, command: Command) -> str:
        if command.form != SET:
            return "OK"
        if self.call is None or self.call.state != "active":
            raise CmeError(NOT_ALLOWED)
        tones = [tone for tone in command.parameters if tone]
        if not tones or any(tone not in tuple("0123456789*#ABCD") for tone in tones):
            raise AtError("tone")
        for tone in tones:
            self.call.hear(tone)
        return "OK"

    # The call.

    def _take(self, call: Call) -> None:
        self.call = call
        call.on_change = self._changed
        call.on_digit = self._digit
        self._modem.power_changed()

    def incoming(self, call: Call) -> None:
        self._take(call)
        self._modem.ring_hold(True)
        self._ring()

    def _ring(self) -> None:
        """RING and who it is, every so often until something happens."""
        if self.call is None or self.call.state != "incoming":
            return
        self._modem.urc("+CRING: VOICE" if self._ring_kind else "RING")
        if self._show_number:
            self._modem.urc(f'+CLIP: "{self.call.number}",{_kind(self.call.number)},,,,0')
        self._tell_list()
        self._rings = self._modem.after(self._modem.timing.ring_every, self._ring)

    def _changed(self, call: Call) -> None:
        if call is not self.call:
            return
        if call.state == "ended":
            self._ended(call)
            return
        if call.state == "active":
            if not call.outgoing:
                self._stop_ringing()
            self._modem.urc("VOICE CALL: BEGIN")
        self._tell_list()

    def _ended(self, call: Call) -> None:
        self._tell_list()
        self.call = None
        if call.answered_us:
            seconds = (self._modem.clock.now_us - call.answered_us) // 1_000_000
            self._modem.urc(f"VOICE CALL: END: {seconds // 3600:02}{seconds // 60 % 60:02}{seconds % 60:02}")
            if call.reason != BY_DEVICE:
                self._modem.urc("NO CARRIER")
        elif not call.outgoing:
            self._stop_ringing()
            if call.reason != BY_DEVICE:
                self._modem.urc("NO CARRIER")
                self._modem.urc(f"MISSED_CALL: {self._modem.network.local:%I:%M%p} {call.number}")
        elif call.reason == BUSY:
            self._modem.urc("BUSY")
        elif call.reason != BY_DEVICE:
            self._modem.urc("NO CARRIER")
        else:
            self._modem.urc("VOICE CALL: END")
        self._modem.power_changed()
        self._modem.consider_sleep()

    def _stop_ringing(self) -> None:
        if self._rings is not None:
            self._rings.cancel()
            self._rings = None
            self._modem.ring_hold(False)

    def _digit(self, digit: str) -> None:
        if self.digits_as is not None:
            self._modem.urc(f"{self.digits_as}: {digit}")

    def _tell_list(self) -> None:
        if self._list_urc and self.call is not None:
            self._modem.urc(self._line(self.call))

    def _line(self, call: Call) -> str:
        direction = 0 if call.outgoing else 1
        return f'+CLCC: 1,{direction},{_STATS[call.state]},0,0,"{call.number}",{_kind(call.number)}'

    def _says(self, line: str) -> str:
        self._modem.line.info(line)
        return "OK"


def _kind(number: str) -> int:
    return 145 if number.startswith("+") else 129
