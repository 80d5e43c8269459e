"""Short messages over AT commands: one going out at a time with its delivery report, those coming in read and deleted.

SIMCom's modems must not be given commands for messages and for calls together (SIM7500_SIM7600 SMS application note
V3.00), so nothing is given here while a call lives.
"""

from .at import OK, field
from .sms import DELIVER, DELIVERED, FAILED_FROM, decode, is_gsm7, is_number, split, submit
from .station import SIM_READY
from .ticks import Countdown

_SEND_MS = 60000  # 40 s by the A76XX manual, 60 s by the SIM7000's
_WAIT_MS = 60000  # for the SIM to be ready for a message
_RETRY_MS = 5000
_BUSY_MS = 1000
_SIM_BUSY = 314  # +CMS ERROR of a SIM that is still being read, as for some seconds after the registration
_REPORT_MS = 60000  # for so long the modem is kept awake for a report, which is stored nowhere
MAX_PARTS = 8
_MAX_UNREAD = 16
_MAX_AWAITED = 8
_MAX_GROUPS = 3

# +CNMI with reports as +CDS wants mode 1, else it is an error (A76XX Series AT Command Manual V1.09, AT+CNMI); reports
# kept on the SIM, as +CDSI, are second best.
_SETUP = ("AT+CMGF=0", 'AT+CPMS="SM","SM","SM"', "AT+CNMI=1,1,0,1,0")
_SETUP_ELSE = "AT+CNMI=2,1,0,2,0"
_ALL = 4
_UNREAD = 0


class Messages:
    """Reports on_sms_sent, on_sms_report and on_sms to the listener. `refused`: PDUs received that made no sense."""

    def __init__(self, modem, listener):
        self._modem = modem
        self._listener = listener
        self.refused = 0
        self._number = ""
        self._parts = []  # still to send of the message going out
        self._count = 0
        self._gsm7 = False
        self._group = 0
        self._reference = -1  # of its first part
        self._said = -1  # the reference in the last +CMGS line
        self._awaited = []  # [reference of the part, of its message]
        self._report = Countdown(_REPORT_MS)
        self._wait = Countdown(_WAIT_MS)
        self._retry = Countdown(_RETRY_MS)
        self._busy = Countdown(_BUSY_MS)
        self._groups = []  # [number, group, parts, texts] of long messages that are not complete
        self._setup = 0
        self._list = _ALL  # kind to list, -1 for none
        self._kind = _ALL  # to list when next asked to look
        self._unread = []  # places on the SIM
        self._more = False  # than fit there
        self._reading = -1
        self._delete = -1
        self._sending = False

    @property
    def engaged(self):
        """Between two commands that belong together: a call waits."""
        return self._sending or self._reading >= 0 or self._delete >= 0

    @property
    def waiting(self):
        """A message is to go out."""
        return len(self._parts) > 0

    @property
    def restless(self):
        """Something is to come that a sleeping modem would lose."""
        return self.engaged or self._report.running or self.waiting or len(self._unread) > 0

    def send(self, number, text, t_ms):
        pieces = split(text)
        if self._parts or len(pieces) > MAX_PARTS or not is_number(number):
            return False
        self._parts = pieces
        self._count = len(pieces)
        self._gsm7 = is_gsm7(text)
        self._group = (self._group + 1) & 255
        self._number = number
        self._reference = -1
        self._wait.start(t_ms)
        return True

    def look(self):
        """Ask for messages whose announcement may have been lost."""
        if self._list < 0:
            self._list = self._kind

    def set_up(self):
        """The SIM has become ready: everything is to be set again, and what lies on it to be read."""
        self._setup = 0
        self._retry.stop()
        self._list = _ALL

    def reset(self, t_ms):
        self.set_up()
        self._unread = []
        self._reading = self._delete = -1
        if self._parts:
            self._sent(False, t_ms)

    def tick(self, t_ms):
        self._report.ran_out(t_ms)
        self._retry.ran_out(t_ms)
        self._busy.ran_out(t_ms)
        if self._wait.ran_out(t_ms) and self._parts and not self._sending:
            self._sent(False, t_ms)

    def work(self, t_ms):
        """Give the next command, if there is one to give."""
        command = self._modem.command
        if self._modem.sim != SIM_READY or (self._modem.calls.live and not self._sending):
            return False
        if self._setup < len(_SETUP) and not self._retry.running:
            return command(_SETUP[self._setup], t_ms, self._set, own=True)
        if self._parts and self._setup and not self._busy.running:
            return self._send_part(t_ms)
        if self._delete >= 0:
            return command("AT+CMGD=%d" % self._delete, t_ms, self._deleted)
        if self._unread:
            self._reading = self._unread.pop(0)
            return command("AT+CMGR=%d" % self._reading, t_ms, self._was_read)
        if self._list >= 0 and self._setup >= len(_SETUP):
            kind = self._list
            self._list = -1
            return command("AT+CMGL=%d" % kind, t_ms, self._listed, own=True)
        return False

    def on_done(self, line, t_ms):
        """`SMS DONE`: messages can be had from now on."""
        self._retry.stop()
        self._busy.stop()

    def _set(self, result, t_ms):
        if result == OK:
            self._setup += 1
        elif self._setup == len(_SETUP) - 1:
            self._modem.command(_SETUP_ELSE, t_ms, self._set_else, own=True)
        else:
            self._retry.start(t_ms)

    def _set_else(self, result, t_ms):
        if result == OK:
            self._setup += 1
        else:
            self._retry.start(t_ms)

    # --- out ---

    def _send_part(self, t_ms):
        part = self._count - len(self._parts) + 1
        octets, pdu = submit(self._number, self._parts[0], self._gsm7, self._group, part, self._count)
        self._said = -1
        self._sending = True
        payload = pdu.encode() + b"\x1a"
        return self._modem.command("AT+CMGS=%d" % octets, t_ms, self._part_sent, _SEND_MS, payload)

    def on_cmgs(self, line, t_ms):
        """`+CMGS: <reference>`"""
        self._said = field(line, 0)

    def _part_sent(self, result, t_ms):
        if not self._parts:
            return
        if result == _SIM_BUSY and self._wait.running:
            self._sending = False
            self._busy.start(t_ms)
            return
        if result != OK or self._said < 0:
            self._sent(False, t_ms)
            return
        if self._reference < 0:
            self._reference = self._said
        if len(self._awaited) >= _MAX_AWAITED:
            self._awaited.pop(0)
        self._awaited.append((self._said, self._reference))
        self._report.start(t_ms)
        self._parts.pop(0)
        if not self._parts:
            self._sent(True, t_ms)

    def _sent(self, ok, t_ms):
        self._parts = []
        self._sending = False
        self._wait.stop()
        self._listener.on_sms_sent(ok, self._reference, t_ms)

    def _on_report(self, message, t_ms):
        if DELIVERED < message.status < FAILED_FROM:
            return
        delivered = message.status == DELIVERED
        for awaited in self._awaited:
            if awaited[0] == message.reference:
                reference = awaited[1]
                self._awaited.remove(awaited)
                break
        else:
            return
        others = [awaited for awaited in self._awaited if awaited[1] == reference]
        if delivered and (others or (self._parts and self._reference == reference)):
            return  # one part of several
        for awaited in others:
            self._awaited.remove(awaited)
        if not self._awaited:
            self._report.stop()
        self._listener.on_sms_report(reference, delivered, t_ms)

    # --- in ---

    def on_cmti(self, line, t_ms):
        """`+CMTI: "SM",3`, `+CDSI: "SM",3`: something new lies there."""
        self._found(field(line, 1))

    def on_pdu(self, header, pdu, t_ms):
        """The PDU below +CDS, +CMT, +CMGR or +CMGL."""
        if header.startswith("+CMGL"):
            self._found(field(header, 0))
            return
        if header.startswith("+CMGR"):
            self._delete = self._reading
        try:
            message = decode(pdu)
        except ValueError:
            self.refused += 1
            return
        if message.kind != DELIVER:
            self._on_report(message, t_ms)
        elif message.parts == 1:
            self._listener.on_sms(message.number, message.text, t_ms)
        else:
            self._join(message, t_ms)

    def _found(self, place):
        if place < 0 or place in self._unread or place in (self._reading, self._delete):
            return
        if len(self._unread) >= _MAX_UNREAD:
            self._more = True
        else:
            self._unread.append(place)

    def _listed(self, result, t_ms):
        self._kind = _UNREAD if result == OK and not self._more else _ALL
        self._more = False

    def _was_read(self, result, t_ms):
        if self._delete < 0:
            self._kind = _ALL  # not seen, though it may count as read now
        self._reading = -1

    def _deleted(self, result, t_ms):
        self._delete = -1

    def _join(self, message, t_ms):
        if message.parts > MAX_PARTS:
            self.refused += 1
            return
        for group in self._groups:
            if group[:3] == [message.number, message.group, message.parts]:
                break
        else:
            group = [message.number, message.group, message.parts, [None] * message.parts]
            if len(self._groups) >= _MAX_GROUPS:
                self._groups.pop(0)
            self._groups.append(group)
        group[3][message.part - 1] = message.text
        if None not in group[3]:
            self._groups.remove(group)
            self._listener.on_sms(message.number, "".join(group[3]), t_ms)
