"""Voice calls: one at a time, followed by +CLCC, for OK does not mean that somebody answered."""

from .at import BUSY, NO_ANSWER, NO_CARRIER, OK, TIMEOUT, field, quoted
from .sms import is_number
from .ticks import Countdown

# Call states.
IDLE = 0
DIALING = 1
ALERTING = 2  # it rings there
ACTIVE = 3
RINGING = 4  # somebody calls us

_DIAL_MS = 30000  # until OK; setting up a call over LTE may fall back to 3G first
_POLL_MS = 2000
_RING_MS = 8000  # RING comes every 6 s
_MISSES = 2  # polls without our call, after which it is over
_REASONS = {NO_CARRIER: "no_carrier", BUSY: "busy", NO_ANSWER: "no_answer"}


class Calls:
    """The modem's voice side. Reports on_call(state, reason, t_ms) and on_dtmf(digit, t_ms) to the listener."""

    def __init__(self, modem, listener):
        self._modem = modem
        self._listener = listener
        self.state = IDLE
        self.caller = ""  # of the last incoming call, as far as the network tells
        self.auto_answer = False
        self._number = ""  # still to be dialled
        self._hang_up = False
        self._answer = False
        self._clearing = False  # an incoming call makes way for ours
        self._seen = False
        self._misses = 0
        self._poll = Countdown(_POLL_MS)
        self._ring = Countdown(_RING_MS)

    @property
    def live(self):
        """A call is under way or about to be: no command for messages meanwhile."""
        return self.state != IDLE or self._hang_up

    def dial(self, number, t_ms):
        if self.state not in (IDLE, RINGING) or not is_number(number):
            return False
        self._clearing = self.state == RINGING
        self._ring.stop()
        self._number = number
        self.state = DIALING
        return True

    def hang_up(self, t_ms):
        if self._number and not self._clearing:
            self._number = ""
            self._end("", t_ms)
        elif self.state != IDLE:
            self._number = ""
            self._clearing = False
            self._hang_up = True

    def answer(self, t_ms):
        """Take the call that is ringing."""
        self._answer = self.state == RINGING

    def reset(self, t_ms):
        """The modem was restarted: whatever was under way is gone."""
        self._hang_up = self._answer = self._clearing = False
        self._number = ""
        if self.state != IDLE:
            self._end("error", t_ms)

    def tick(self, t_ms):
        if self._ring.ran_out(t_ms) and self.state == RINGING:
            self._end("no_answer", t_ms)

    def work(self, t_ms):
        """Give the next command, if there is one to give."""
        command = self._modem.command
        if self.state == RINGING and self._modem.messages.waiting and not self._answer:
            self._hang_up = True  # an alarm does not wait until somebody stops ringing
        if self._hang_up or self._clearing:
            return command("AT+CHUP", t_ms, self._hung_up)
        if self._number:
            if self._modem.messages.engaged:
                return False
            number = self._number
            self._number = ""
            self._misses = 0
            self._listener.on_call(DIALING, "", t_ms)
            return command("ATD%s;" % number, t_ms, self._dialled, _DIAL_MS, None, True)
        if self._answer:
            self._answer = False
            return command("ATA", t_ms, self._answered, _DIAL_MS, None, True)
        if self._poll.ran_out(t_ms):
            self._seen = False
            return command("AT+CLCC", t_ms, self._polled)
        return False

    def _hung_up(self, result, t_ms):
        self._hang_up = False
        if self._clearing:
            self._clearing = False
            return
        if self.state != IDLE:
            self._end("", t_ms)

    def _dialled(self, result, t_ms):
        if result != OK:
            self._hang_up = result == TIMEOUT  # the call may yet be set up
            self._end(_REASONS.get(result, "error"), t_ms)
        elif self.state != IDLE:
            self._poll.start(t_ms)

    def _answered(self, result, t_ms):
        if result == OK:
            self._poll.start(t_ms)
        elif self.state == RINGING:
            self._end("error", t_ms)

    def _polled(self, result, t_ms):
        if self.state == IDLE:
            return
        if result == OK:
            self._misses = 0 if self._seen else self._misses + 1
            if self._misses >= _MISSES:
                self._end(self._why(), t_ms)
                return
        self._poll.start(t_ms)

    # --- what the modem says ---

    def on_clcc(self, line, t_ms):
        """`+CLCC: id,dir,stat,mode,mpty,"number",type`"""
        incoming = field(line, 1) == 1
        stat = field(line, 2)
        if incoming and stat in (4, 5):
            self.on_ring(line, t_ms)
            return
        if self.state == IDLE or self._number or (incoming and self.state not in (RINGING, ACTIVE)):
            return
        if stat == 6:
            # The reason is told in a line of its own; should it not come, the polls find the call gone.
            self._poll.start(t_ms)
            return
        self._seen = True
        if stat in (0, 1):
            self._enter(ACTIVE, t_ms)
        elif stat == 3 and self.state == DIALING:
            self._enter(ALERTING, t_ms)

    def on_voice(self, line, t_ms):
        """`VOICE CALL: BEGIN`, `VOICE CALL: END: 000017`"""
        if self._number or self.state == IDLE:
            return
        if "BEGIN" in line:
            self._enter(ACTIVE, t_ms)
        elif "END" in line:
            self._end(self._why(), t_ms)

    def on_end(self, line, t_ms):
        """`NO CARRIER`, `BUSY`, `NO ANSWER` apart from the result of a command."""
        if self._number or self.state == IDLE:
            return
        if line == "BUSY":
            self._end("busy", t_ms)
        elif line == "NO ANSWER":
            self._end("no_answer", t_ms)
        else:
            self._end(self._why(), t_ms)

    def on_ring(self, line, t_ms):
        """`RING`, and +CLIP or +CLCC with the number."""
        if self.state not in (IDLE, RINGING):
            return
        self.caller = quoted(line) or self.caller
        self._ring.start(t_ms)
        if self.state == IDLE:
            self.caller = quoted(line)
            self._answer = self.auto_answer
            self._enter(RINGING, t_ms)

    def on_dtmf(self, line, t_ms):
        """`+RXDTMF: 8` (ModemManager reads it of SIM7600), `+DTMF: 8` (SIM800): in none of the manuals, so never
        the only way to confirm.
        """
        digit = line[line.find(":") + 1 :].strip()
        if len(digit) == 1 and digit in "0123456789ABCD*#":
            self._listener.on_dtmf(digit, t_ms)

    # --- inside ---

    def _why(self):
        if self._hang_up:
            return ""
        return "ended" if self.state == ACTIVE else "no_answer" if self.state == RINGING else "no_carrier"

    def _enter(self, state, t_ms):
        if self.state != state:
            self.state = state
            if state == ACTIVE:
                self._ring.stop()
                self._poll.start(t_ms)
            self._listener.on_call(state, "", t_ms)

    def _end(self, reason, t_ms):
        self.state = IDLE
        self._answer = False
        self._poll.stop()
        self._ring.stop()
        self._listener.on_call(IDLE, reason, t_ms)
