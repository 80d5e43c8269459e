"""The cellular modem as the rest of the device sees it; power, network, calls, messages and the link are its parts.

No input or output of its own: bytes from the UART come in by receive(), bytes for it are fetched by take(), the levels
of the pins are attributes, time is told. A modem that does not answer is started again, and that is counted.
"""

from .at import ANSWER_MS, OK, AtEngine
from .calls import ACTIVE, ALERTING, DIALING, IDLE, RINGING, Calls  # noqa: F401  for those who use a Modem
from .dialects import dialect as dialect_of
from .messages import Messages
from .power import DEAD, OFF, READY, STARTING, Power  # noqa: F401
from .sockets import CLOSED, OPEN, OPENING, Link  # noqa: F401
from .station import (  # noqa: F401
    DENIED,
    HOME,
    ROAMING,
    SIM_ABSENT,
    SIM_PIN,
    SIM_PUK,
    SIM_READY,
    SIM_REFUSED,
    SIM_UNKNOWN,
    Station,
)
from .ticks import Countdown

_LINGER_MS = 2000  # awake after the last work
_GNSS_MS = 30000  # for +CGNSSPWR: READY!, about 9 s


class Modem:
    """`listener` is told on_modem(state), on_sms_sent(ok, reference), on_sms_report(reference, delivered),
    on_sms(number, text), on_call(state, reason), on_dtmf(digit), on_link(state, error), on_sent(ok), on_data(bytes),
    on_nmea(data, count) and on_network_time(utc_s), each with the tick last.
    """

    WAKE_MS = 100  # from DTR low until the UART listens

    def __init__(self, dialect, listener, apn="", pin=""):
        """`dialect` is "a76xx" or "sim7600"; `apn` "" for the network's own; `pin` "" for none.

        Raises ValueError for a dialect that is not known.
        """
        self.dialect = dialect_of(dialect)
        self._listener = listener
        self.at = AtEngine(self)
        self.power = Power(self, listener, apn)
        self.station = Station(self, listener, pin)
        self.calls = Calls(self, listener)
        self.messages = Messages(self, listener)
        self.socket = Link(self, listener)
        self.sleep = False  # DTR high: the modem may sleep
        self.may_sleep = True
        self.antenna_on = ()  # commands that power it on a board that switches it by the modem's pins
        self.antenna_off = ()
        self.nmea_here = True  # sentences come on the AT port; False for a board with a UART for them
        self.identity = ""  # model and firmware, as AT+SIMCOMATI tells
        self._linger = Countdown(_LINGER_MS)
        self._gnss_wait = Countdown(_GNSS_MS)
        self._gnss_wanted = False
        self._gnss_on = None  # unknown: a device that was reset may find it running
        on_registration = self.station.on_registration
        on_end = self.calls.on_end
        self._lines = {
            "RDY": self._on_ready,
            "+CPIN": self.station.on_cpin,
            "+SPIC": self.station.on_spic,
            "+CREG": on_registration,
            "+CEREG": on_registration,
            "+CSQ": self.station.on_csq,
            "+CCLK": self.station.on_time,
            "+CTZV": self.station.on_time,
            "SMS DONE": self.messages.on_done,
            "+CMGS": self.messages.on_cmgs,
            "+CMTI": self.messages.on_cmti,
            "+CDSI": self.messages.on_cmti,
            "+CLCC": self.calls.on_clcc,
            "VOICE CALL": self.calls.on_voice,
            "NO CARRIER": on_end,
            "NO ANSWER": on_end,
            "BUSY": on_end,
            "RING": self.calls.on_ring,
            "+CRING": self.calls.on_ring,
            "+CLIP": self.calls.on_ring,
            "+RXDTMF": self.calls.on_dtmf,
            "+DTMF": self.calls.on_dtmf,
            "+NETOPEN": self.socket.on_netopen,
            "+NETCLOSE": self.socket.on_netclose,
            "+IP ERROR": self.socket.on_ip_error,
            "+CIPOPEN": self.socket.on_cipopen,
            "+CIPSEND": self.socket.on_cipsend,
            "+CIPRXGET": self.socket.on_rxget,
            "+CIPCLOSE": self.socket.on_cipclose,
            "+IPCLOSE": self.socket.on_cipclose,
            "+CIPEVENT": self.socket.on_event,
            "+CGNSSPWR": self._on_gnss,
            "Model": self._on_identity,
            "Revision": self._on_identity,
        }

    # --- what is known ---

    @property
    def state(self):
        return self.power.state

    @property
    def restarts(self):
        return self.power.restarts

    @property
    def power_key(self):
        """The level wanted of the key's pin: True while it is to be pressed."""
        return self.power.key

    @property
    def reset(self):
        """The level wanted of the reset pin."""
        return self.power.reset

    @property
    def busy(self):
        """The board must keep listening to the UART and call tick() every 50 ms."""
        return self.state == STARTING or (self.state == READY and not self.sleep)

    @property
    def sim(self):
        return self.station.sim

    @property
    def signal_dbm(self):
        """-113 .. -51, 0 for unknown."""
        return self.station.signal_dbm

    @property
    def registration(self):
        """0 .. 11 as +CEREG has it: the better of +CEREG and +CREG."""
        return self.station.registration

    @property
    def registered(self):
        return self.station.registration in (HOME, ROAMING)

    @property
    def sms_only(self):
        return self.station.registration in (6, 7)

    @property
    def denied(self):
        return self.station.registration == DENIED

    @property
    def call_state(self):
        return self.calls.state

    @property
    def link(self):
        return self.socket.state

    # --- what is wanted ---

    def start(self, t_ms):
        """Power up; a modem that is on already is found so."""
        self.power.start(t_ms)

    def stop(self, t_ms):
        """Power down, properly where it still listens."""
        self.power.stop(t_ms)

    def send_sms(self, number, text, t_ms):
        """Queue a message, in several parts if it is long. False when one is on its way or it cannot be sent."""
        return self._do(self.state == READY and self.messages.send(number, text, t_ms), t_ms)

    def dial(self, number, t_ms):
        """Queue a call. False while another lives, or when that is no number."""
        return self._do(self.state == READY and self.calls.dial(number, t_ms), t_ms)

    def hang_up(self, t_ms):
        self.calls.hang_up(t_ms)
        self._work(t_ms)

    def answer(self, t_ms):
        """Take the call that is ringing."""
        self.calls.answer(t_ms)
        self._work(t_ms)

    def open(self, host, port, t_ms):
        """Queue the opening of the link. False while it is open, or when that is no address."""
        return self._do(self.state == READY and self.socket.open(host, port, t_ms), t_ms)

    def send(self, frame, t_ms):
        """Queue a frame for the link, which may still be opening. False while another is on its way."""
        return self._do(self.socket.send(frame, t_ms), t_ms)

    def close(self, t_ms):
        self.socket.close(t_ms)
        self._work(t_ms)

    def gnss(self, on, t_ms):
        """The receiver of satellites inside the modem."""
        self._gnss_wanted = on
        self._work(t_ms)

    def wake(self, t_ms):
        """The modem rings (RI): what it may have said while nobody listened is asked for."""
        if self.state == READY and self.sleep:
            self.messages.look()
            self.socket.look()
            self.command("AT", t_ms)  # comes back from one that has restarted meanwhile
            self._work(t_ms)

    def _do(self, accepted, t_ms):
        if accepted:
            self._work(t_ms)
        return accepted

    # --- time and bytes ---

    def take(self):
        """The bytes to write to the UART, b"" for none."""
        return self.at.take()

    def receive(self, data, count, t_ms):
        """The first `count` bytes of a bytearray, from the UART."""
        if not self.power.deaf:
            self.at.receive(data, count, t_ms)

    def tick(self, t_ms):
        """At least every 50 ms while `busy`, every few seconds else."""
        self.at.tick(t_ms)
        self.power.tick(t_ms)
        if self.state == READY:
            self.station.tick(t_ms)
            self.calls.tick(t_ms)
            self.messages.tick(t_ms)
            self.socket.tick(t_ms)
            self._linger.ran_out(t_ms)
            if self._gnss_wait.ran_out(t_ms):
                self._gnss_on = False  # so it is asked again
            self._work(t_ms)

    # --- for the parts ---

    def command(self, text, t_ms, done=None, timeout_ms=ANSWER_MS, payload=None, dials=False, own=False):
        """Give a command, waking the modem first; True. `own`: housekeeping, which keeps it awake no longer."""
        self.rouse(t_ms)
        if not own:
            self._linger.start(t_ms)
        return self.at.command(text, t_ms, done, timeout_ms, payload, dials)

    def rouse(self, t_ms):
        if self.sleep:
            self.sleep = False
            self.at.hold(self.WAKE_MS, t_ms)

    def lost(self, t_ms):
        """The modem, or what it knew, is gone: so is all that was under way."""
        self.at.reset()
        self.sleep = False
        self._gnss_on = None  # unknown: a device that was reset may find it running
        self._gnss_wait.stop()
        self.station.forget()
        self.calls.reset(t_ms)
        self.messages.reset(t_ms)
        self.socket.reset(t_ms)

    # --- what the AT engine tells ---

    def on_idle(self, t_ms):
        self.power.answered(t_ms)
        self._work(t_ms)

    def on_echo(self, t_ms):
        self.power.echoed(t_ms)

    def on_line(self, line, t_ms):
        colon = line.find(":")
        handler = self._lines.get(line[:colon] if colon >= 0 else line)
        if handler is not None:
            handler(line, t_ms)

    def on_pdu(self, header, pdu, t_ms):
        self.messages.on_pdu(header, pdu, t_ms)

    def on_nmea(self, data, count, t_ms):
        self._listener.on_nmea(data, count, t_ms)

    def on_socket(self, data, t_ms):
        self.socket.on_socket(data, t_ms)

    def _on_ready(self, line, t_ms):
        self.power.began(t_ms)

    def _on_identity(self, line, t_ms):
        said = line[line.find(":") + 1 :].strip()
        self.identity = said if line.startswith("Model") else self.identity + " " + said

    # --- what next ---

    def _work(self, t_ms):
        """The alarm's ways out first; then what can wait; then sleep."""
        if self.state != READY or self.at.busy:
            return
        if (
            self.socket.work(t_ms)
            or self.calls.work(t_ms)
            or self.messages.work(t_ms)
            or self._work_gnss(t_ms)
            or self.station.work(t_ms)
        ):
            return
        self.sleep = self.may_sleep and not (
            self._linger.running
            or self._gnss_wait.running
            or (self._gnss_wanted and self.nmea_here)
            or self.calls.live
            or self.messages.restless
            or self.socket.engaged
            or self.at.busy
        )

    def _work_gnss(self, t_ms):
        if self._gnss_wanted == self._gnss_on:
            return False
        self._gnss_on = self._gnss_wanted
        self._gnss_wait.stop()
        if not self._gnss_wanted:
            for text in self.dialect.gnss_off + self.antenna_off:
                self.command(text, t_ms, own=True)
        else:
            for text in self.antenna_on:
                self.command(text, t_ms, own=True)
            self.command(self.dialect.gnss_on, t_ms, self._gnss_heard, own=True)
        return True

    def _gnss_heard(self, result, t_ms):
        if self.dialect.gnss_ready and result == OK:
            self._gnss_wait.start(t_ms)
        else:
            # Refused mostly because it is on already.
            self._ask_for_nmea(t_ms)

    def _on_gnss(self, line, t_ms):
        if line == self.dialect.gnss_ready and self._gnss_wait.running:
            self._gnss_wait.stop()
            self._ask_for_nmea(t_ms)

    def _ask_for_nmea(self, t_ms):
        if self.nmea_here and self._gnss_wanted:
            for text in self.dialect.gnss_output:
                self.command(text, t_ms, own=True)
