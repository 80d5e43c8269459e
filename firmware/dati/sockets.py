"""One TCP connection through the modem's own stack: AT+NETOPEN, +CIPOPEN, +CIPSEND, +CIPRXGET.

A76XX Series AT Command Manual V1.09 and SIM7500_SIM7600 AT Command Manual V3.00, TCP/IP. The network stays open, so
that an alarm needs no more than opening the connection and sending.
"""

from .at import ERROR, MAX_DATA, OK, field
from .ticks import Countdown

# States of the link.
CLOSED = 0
OPENING = 1
OPEN = 2

# Errors of on_link: 0 none; 1 to 12 as +CIPOPEN gives them; and ours.
NO_ERROR = 0
NETWORK = 1
NOT_OPENED = 2
PARAMETER = 3
TIMED_OUT = 10
CLOSED_BY_CENTRE = 13
MODEM_LOST = 14
NOT_SENT = 15

_NET_MS = 60000  # AT+NETOPEN may take up to 120 s by default; AT+CIPTIMEOUT below shortens it
_OPEN_MS = 20000
_SEND_MS = 15000
_CLOSE_MS = 10000
_SLACK_MS = 2000  # beyond the modem's own limits
_RETRY_MS = 5000  # doubled with every failure of the network
_MAX_RETRY_MS = 320000
_PATIENCE_MS = 30000  # from open() until the link is open, the network's opening included
_ENGAGED_MS = 20000  # the modem stays awake for an answer
_CHUNK = 512

# The modem's network: down; up but of a former life; up.
_DOWN = 0
_STALE = 1
_UP = 2

# The modem's socket.
_NONE = 0
_CONNECTING = 1
_CONNECTED = 2
_CLOSING = 3
_GONE = 4  # closed from the other side, perhaps with something to read


class Link:
    """Reports on_link(state, error, t_ms), on_sent(ok, t_ms) and on_data(bytes, t_ms) to the listener."""

    def __init__(self, modem, listener):
        self._modem = modem
        self._listener = listener
        self.wanted = True  # keep the network open; False for a device without a centre
        self.state = CLOSED
        self._host = ""
        self._port = 0
        self._frame = None
        self._sending = False
        self._failures = 0  # in a row
        self._wait = Countdown(0)  # for what the modem says after its OK
        self._patience = Countdown(_PATIENCE_MS)
        self._retry = Countdown(_RETRY_MS)
        self._engaged = Countdown(_ENGAGED_MS)
        self._forget()

    def _forget(self):
        self._net = _DOWN
        self._net_asked = False
        self._ready = False  # AT+CIPRXGET=1 was heard
        self._socket = _NONE
        self._ours = False  # the socket belongs to the present open(); else it is to be closed
        self._to_read = False
        self._opened = False  # "already", said in place of +NETOPEN: 0
        self._error = NO_ERROR
        self._wait.stop()

    @property
    def engaged(self):
        """The modem must not sleep."""
        return self.state == OPENING or self._wait.running or self._to_read or self._engaged.running

    def open(self, host, port, t_ms):
        if self.state != CLOSED or not host or not 0 < port < 65536:
            return False
        for character in host:
            if character == '"' or not " " < character < "\x7f":
                return False
        self._host = host
        self._port = port
        self.state = OPENING
        self._retry.stop()
        self._patience.start(t_ms)
        return True

    def send(self, frame, t_ms):
        if self.state == CLOSED or self._frame is not None or not 0 < len(frame) <= MAX_DATA:
            return False
        self._frame = bytes(frame)
        return True

    def close(self, t_ms):
        if self.state != CLOSED:
            self._fail(NO_ERROR, t_ms)

    def look(self):
        """Ask for data whose announcement may have been lost."""
        if self._socket == _CONNECTED:
            self._to_read = True

    def reset(self, t_ms):
        """The modem was restarted."""
        self._forget()
        if self.state != CLOSED:
            self._fail(MODEM_LOST, t_ms)

    def tick(self, t_ms):
        self._retry.ran_out(t_ms)
        self._engaged.ran_out(t_ms)
        if self._patience.ran_out(t_ms) and self.state == OPENING:
            self._fail(TIMED_OUT, t_ms)
        if self._wait.ran_out(t_ms):
            self._waited_in_vain(t_ms)

    # --- commands ---

    def work(self, t_ms):
        """Give the next command, if there is one to give."""
        command = self._modem.command
        if self._net != _UP:
            return self._work_net(t_ms)
        if not self._ready:
            return command("AT+CIPRXGET=1", t_ms, self._manual, own=True)
        if self._to_read and (self._frame is None or self._sending):
            self._to_read = False
            return command("AT+CIPRXGET=2,0,%d" % _CHUNK, t_ms)
        if self._socket == _GONE:
            self._socket = _NONE
            self._wait.stop()
            if self._ours:
                self._fail(CLOSED_BY_CENTRE, t_ms)
        if self._wait.running:
            return False
        if self._socket == _CONNECTED:
            if not self._ours:
                self._socket = _CLOSING
                self._await(_CLOSE_MS, t_ms)
                return command("AT+CIPCLOSE=0", t_ms, self._close_heard)
            if self._frame is not None:
                self._sending = True
                self._engaged.start(t_ms)
                self._await(_SEND_MS, t_ms)
                return command("AT+CIPSEND=0,%d" % len(self._frame), t_ms, self._send_heard, _SEND_MS, self._frame)
        elif self._socket == _NONE and self.state == OPENING:
            self._socket = _CONNECTING
            self._ours = True
            self._error = NO_ERROR
            self._await(_OPEN_MS, t_ms)
            ask = 'AT+CIPOPEN=0,"TCP","%s",%d' % (self._host, self._port)
            return command(ask, t_ms, self._open_heard, _OPEN_MS + _SLACK_MS)
        return False

    def _work_net(self, t_ms):
        if self._wait.running or self._retry.running:
            return False
        if self._net == _STALE:
            self._net = _DOWN
            self._await(_CLOSE_MS, t_ms)
            return self._modem.command("AT+NETCLOSE", t_ms, self._net_close_heard, own=True)
        if not self._modem.registered or not (self.wanted or self.state == OPENING):
            return False
        self._opened = False
        self._net_asked = True
        self._await(_NET_MS, t_ms)
        return self._modem.command("AT+NETOPEN", t_ms, self._net_heard, _NET_MS + _SLACK_MS)

    def _await(self, delay_ms, t_ms):
        self._wait.delay_ms = delay_ms + _SLACK_MS
        self._wait.start(t_ms)

    def _net_heard(self, result, t_ms):
        if result == OK:
            return  # +NETOPEN: follows, or came
        if self._opened:
            self._net_is_up()
            # A socket of this program's former life may be open.
            self._socket = _CONNECTED
            self._ours = False
        elif self._net_asked:
            self._net_failed(t_ms)

    def _net_is_up(self):
        self._net_asked = False
        self._net = _UP
        self._wait.stop()
        self._retry.delay_ms = _RETRY_MS

    def _net_failed(self, t_ms):
        self._net_asked = False
        self._net = _DOWN
        self._wait.stop()
        self._retry.start(t_ms)
        self._retry.delay_ms = min(self._retry.delay_ms * 2, _MAX_RETRY_MS)

    def _net_close_heard(self, result, t_ms):
        if result != OK:
            self._wait.stop()

    def _manual(self, result, t_ms):
        self._ready = result == OK
        if not self._ready:
            self._net = _STALE
            self._retry.start(t_ms)

    def _open_heard(self, result, t_ms):
        if result != OK and self._socket == _CONNECTING:
            self._open_failed(self._error or (PARAMETER if result == ERROR else TIMED_OUT), t_ms)

    def _open_failed(self, error, t_ms):
        self._socket = _NONE
        self._wait.stop()
        self._failures += 1
        if error in (NETWORK, NOT_OPENED) or self._failures > 1:
            self._lose_net()
        if self._ours:
            self._fail(error, t_ms)

    def _send_heard(self, result, t_ms):
        if result != OK and self._sending:
            self._sent(False, t_ms)

    def _close_heard(self, result, t_ms):
        if result != OK and self._socket == _CLOSING:
            self._socket = _NONE
            self._wait.stop()

    def _waited_in_vain(self, t_ms):
        if self._sending:
            self._sent(False, t_ms)
        elif self._socket == _CONNECTING:
            # It may yet be opened behind our back.
            self._socket = _CONNECTED
            self._failures += 1
            if self._ours:
                self._fail(TIMED_OUT, t_ms)
        elif self._socket == _CLOSING:
            self._socket = _NONE
            self._lose_net()
        elif self._net_asked:
            self._net_failed(t_ms)
            self._net = _STALE

    # --- what the modem says ---

    def on_netopen(self, line, t_ms):
        """`+NETOPEN: 0`, or `+NETOPEN: 1` and the like for a failure."""
        if not self._net_asked:
            return
        if field(line, 0) == 0:
            self._net_is_up()
        else:
            self._net_failed(t_ms)

    def on_netclose(self, line, t_ms):
        self._wait.stop()
        if self._net != _DOWN:
            self.on_event(line, t_ms)

    def on_ip_error(self, line, t_ms):
        """`+IP ERROR: Network is already opened`; ERROR follows."""
        self._opened = "already opened" in line

    def on_cipopen(self, line, t_ms):
        """`+CIPOPEN: 0,<error>`"""
        if self._socket != _CONNECTING or field(line, 0) != 0:
            return
        self._error = field(line, 1)
        if self._error != NO_ERROR:
            self._open_failed(self._error, t_ms)
            return
        self._socket = _CONNECTED
        self._wait.stop()
        self._failures = 0
        if self._ours:
            self._patience.stop()
            self._engaged.start(t_ms)
            self.state = OPEN
            self._listener.on_link(OPEN, NO_ERROR, t_ms)

    def on_cipsend(self, line, t_ms):
        """`+CIPSEND: 0,<asked>,<taken>`: -1 taken for a dead connection, 0 for a full buffer."""
        if field(line, 0) != 0 or self._socket != _CONNECTED:
            return
        self._wait.stop()
        if self._sending:
            asked = field(line, 1)
            self._sent(asked > 0 and field(line, 2) == asked, t_ms)

    def on_rxget(self, line, t_ms):
        """`+CIPRXGET: 1,0` there is something; `+CIPRXGET: 2,0,<given>,<left>` with the data behind."""
        mode = field(line, 0)
        if mode == 1 or (mode == 2 and field(line, 3) > 0):
            self._to_read = True

    def on_socket(self, data, t_ms):
        if self._ours and self.state == OPEN:
            self._engaged.start(t_ms)
            self._listener.on_data(data, t_ms)

    def on_cipclose(self, line, t_ms):
        """`+CIPCLOSE: 0,<error>`, asked for or not; `+IPCLOSE: 0,<reason>` when the other side closed."""
        if self._socket == _CLOSING:
            self._socket = _NONE
            self._wait.stop()
        elif self._socket == _CONNECTED:
            self._socket = _GONE

    def on_event(self, line, t_ms):
        """`+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY`"""
        self._socket = _NONE
        self._lose_net()
        if self.state != CLOSED:
            self._fail(NETWORK, t_ms)

    # --- inside ---

    def _lose_net(self):
        self._net = _STALE
        self._ready = False
        self._to_read = False
        self._wait.stop()

    def _sent(self, ok, t_ms):
        self._sending = False
        self._frame = None
        self._wait.stop()
        self._listener.on_sent(ok, t_ms)
        if not ok and self.state == OPEN:
            self._fail(NOT_SENT, t_ms)

    def _fail(self, error, t_ms):
        """The link is closed for the listener; the socket follows."""
        self.state = CLOSED
        self._ours = False
        self._patience.stop()
        self._engaged.stop()
        if self._frame is not None:
            self._frame = None
            self._sending = False
            self._listener.on_sent(False, t_ms)
        self._listener.on_link(CLOSED, error, t_ms)
