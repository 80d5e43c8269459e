"""The AT dialogue with a cellular modem: bytes in, bytes out, one command at a time.

Whatever is not the end of a command is passed on as a line, whether the modem said it unasked or in reply: SIMCom's
lines say by themselves what they are, so no order of replies and news can mislead. Three things need more than a
line: the prompt after which a payload goes out, the data a socket hands over by count, and the PDU below its header.

3GPP TS 27.007, TS 27.005; A76XX Series AT Command Manual V1.09 (maximum response times, section 28: errors).
"""

from .ticks import Countdown

# Results of a command. Above 0: the number of +CME ERROR or +CMS ERROR.
OK = 0
ERROR = -1
TIMEOUT = -2
NO_CARRIER = -3
BUSY = -4
NO_ANSWER = -5

ANSWER_MS = 9000  # the manual's maximum for most commands
MAX_QUEUE = 8
MAX_DATA = 1500  # octets a socket hands over at once
_MAX_LINE = 400  # the PDU of a message takes up to 352
# After a time-out the answer may still come and would be taken for the next command's. So AT is repeated until it is
# answered, and what follows shortly after is let go by.
_SYNC_MS = 2000
_SETTLE_MS = 300

_CALL_ENDS = {"NO CARRIER": NO_CARRIER, "NO DIALTONE": NO_CARRIER, "BUSY": BUSY, "NO ANSWER": NO_ANSWER}
_PDU_FOLLOWS = ("+CMT:", "+CDS:", "+CMGR:", "+CMGL:")
_READ = "AT+CIPRXGET=2,"


class AtEngine:
    """Tells its handler on_line(line, t_ms), on_pdu(header, pdu, t_ms), on_nmea(data, count, t_ms) for a sentence with
    its line end, on_socket(data, t_ms), on_echo(t_ms) for a command that comes back, as it does before ATE0, and
    on_idle(t_ms) whenever the next command may be given.

    `timeouts` counts those in a row; `overflows`, `garbage` and `strays` count lines too long, lines with octets that
    are no text, and results that nobody asked for.
    """

    def __init__(self, handler):
        self._handler = handler
        self._line = bytearray(_MAX_LINE + 2)
        self._wait = Countdown(0)
        self._settle = Countdown(_SETTLE_MS)
        self._hold = Countdown(0)
        self.timeouts = 0
        self.overflows = 0
        self.garbage = 0
        self.strays = 0
        self.reset()

    def reset(self):
        """Forget all commands and what has come of their answers: the modem was restarted."""
        self._count = 0  # octets of a line so far
        self._skipping = False  # the rest of a line that was too long
        self._binary = 0  # octets of socket data still to come
        self._header = ""  # whose PDU is awaited
        self._command = None  # (text, done, timeout_ms, payload, dials)
        self._prompt = False  # awaited
        self._queue = []
        self._out = bytearray()
        self._wait.stop()
        self._settle.stop()
        self._hold.stop()
        self.timeouts = 0

    @property
    def busy(self):
        """A command is under way or waits."""
        return self._command is not None or len(self._queue) > 0 or self._settle.running

    def hold(self, delay_ms, t_ms):
        """Write nothing for `delay_ms`: the modem's UART is waking up."""
        self._hold.delay_ms = delay_ms
        self._hold.start(t_ms)

    def command(self, text, t_ms, done=None, timeout_ms=ANSWER_MS, payload=None, dials=False):
        """Queue `text`; `done(result, t_ms)` is called at its end. False, and nothing queued, when the queue is full.

        `payload` (bytes) is written after the modem's prompt. `dials`: NO CARRIER, BUSY and the like end it.
        """
        if len(self._queue) >= MAX_QUEUE:
            return False
        self._queue.append((text, done, timeout_ms, payload, dials))
        self._next(t_ms)
        return True

    def take(self):
        """The bytes to write to the modem."""
        if not self._out:
            return b""
        out = bytes(self._out)
        self._out = bytearray()
        return out

    def tick(self, t_ms):
        if self._hold.ran_out(t_ms):
            self._next(t_ms)
        if self._settle.ran_out(t_ms):
            self._next(t_ms)
        if self._wait.ran_out(t_ms):
            self._time_out(t_ms)

    # --- what the modem says ---

    def receive(self, data, count, t_ms):
        """The first `count` bytes of a bytearray, as they came from the UART."""
        first = 0
        while first < count:
            if self._binary:
                end = min(count, first + self._binary)
                self._binary -= end - first
                self._handler.on_socket(bytes(data[first:end]), t_ms)
                first = end
                continue
            end = data.find(b"\n", first, count)
            self._keep(data, first, end if end >= 0 else count)
            if end >= 0:
                self._end_line(t_ms)
                first = end + 1
            else:
                first = count
        if self._prompt and self._count:
            self._look_for_prompt(t_ms)

    def _keep(self, data, first, end):
        more = end - first
        if self._skipping or more <= 0:
            return
        if self._count + more > _MAX_LINE:
            self._skipping = True
            self.overflows += 1
            return
        self._line[self._count : self._count + more] = data[first:end]
        self._count += more

    def _look_for_prompt(self, t_ms):
        """The prompt has no line end; an echo of the command may stand before it, ended by a mere carriage return."""
        said = bytes(self._line[: self._count])
        said = said[said.rfind(b"\r") + 1 :]
        if said.strip() == b">":
            self._count = 0
            self._answer_prompt(t_ms)

    def _answer_prompt(self, t_ms):
        self._prompt = False
        command = self._command
        if command is not None:
            self._out.extend(command[3])
        self._wait.start(t_ms)

    def _end_line(self, t_ms):
        said = b"" if self._skipping else bytes(self._line[: self._count]).strip()
        self._skipping = False
        self._count = 0
        if not said:
            return
        if said[0] == 0x24:  # "$": a sentence of the receiver of satellites
            count = len(said)
            self._line[:count] = said
            self._line[count] = 13
            self._line[count + 1] = 10
            self._handler.on_nmea(self._line, count + 2, t_ms)
        elif min(said) < 32 or max(said) > 126:
            self.garbage += 1
        else:
            self._take_line(str(said, "utf-8"), t_ms)

    def _take_line(self, line, t_ms):
        command = self._command
        if line.startswith("AT"):
            self._handler.on_echo(t_ms)
            return
        if line == ">" and self._prompt:
            self._answer_prompt(t_ms)
        elif line == "OK":
            self._finish(OK, t_ms)
        elif line == "ERROR":
            self._finish(ERROR, t_ms)
        elif line.startswith(("+CME ERROR:", "+CMS ERROR:")):
            code = line[11:].strip()
            # 0, "phone failure", would read as OK; words come where +CMEE=1 was not heard.
            self._finish(int(code) if code.isdigit() and int(code) else ERROR, t_ms)
        elif line in _CALL_ENDS and command is not None and command[4]:
            self._finish(_CALL_ENDS[line], t_ms)
        elif line.startswith(_PDU_FOLLOWS):
            self._header = line
        elif self._header and _is_hex(line):
            header = self._header
            self._header = ""
            self._handler.on_pdu(header, line, t_ms)
        else:
            if line.startswith("+CIPRXGET: 2,") and command is not None and command[0].startswith(_READ):
                size = field(line, 2)
                self._binary = size if 0 < size <= MAX_DATA else 0
            self._handler.on_line(line, t_ms)

    # --- commands ---

    def _next(self, t_ms):
        if self._command is not None or self._hold.running or self._settle.running:
            return
        if self._queue:
            self._write(self._queue.pop(0), t_ms)
        else:
            self._handler.on_idle(t_ms)

    def _write(self, command, t_ms):
        self._command = command
        self._prompt = command[3] is not None
        self._out.extend(command[0].encode())
        self._out.append(13)
        self._wait.delay_ms = command[2]
        self._wait.start(t_ms)

    def _finish(self, result, t_ms):
        command = self._command
        # An OK cannot come before the prompt was answered: it is a late one.
        if command is None or (self._prompt and result == OK):
            self.strays += 1
            return
        self._command = None
        self._prompt = False
        self._wait.stop()
        self.timeouts = 0
        if self._header.startswith("+CMG"):
            self._header = ""
        if command is _SYNC:
            self._settle.start(t_ms)
            return
        if command[1] is not None:
            command[1](result, t_ms)
        self._next(t_ms)

    def _time_out(self, t_ms):
        command = self._command or _SYNC
        self.timeouts += 1
        self._binary = 0
        if self._prompt:
            self._out.append(27)  # Escape, in case the prompt was there and went unheard
        self._write(_SYNC, t_ms)
        if command[1] is not None:
            command[1](TIMEOUT, t_ms)


_SYNC = ("AT", None, _SYNC_MS, None, False)


def _is_hex(line):
    if len(line) & 1:
        return False
    for character in line:
        if character not in "0123456789ABCDEFabcdef":
            return False
    return True


def field(line, index):
    """The number in field `index` of `+NAME: a,b,c`, or -1 where there is none."""
    fields = line[line.find(":") + 1 :].split(",")
    if index >= len(fields):
        return -1
    text = fields[index].strip()
    return int(text) if text.isdigit() else -1


def quoted(line):
    """What stands between the first two quotation marks of `line`, or ""."""
    parts = line.split('"')
    return parts[1] if len(parts) > 2 else ""
