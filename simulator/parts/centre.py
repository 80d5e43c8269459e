"""The receiving centre: takes frames, answers them as its script says, and watches over the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from simulator.errors import UserError
from simulator.parts.clock import Timeline, Timer, VirtualClock
from simulator.parts.dc09_peer import NOT_UNDERSTOOD, Peer, RefusedError, Report

REPLIES = {
    "ack": "receipt, with a waiting command in its data",
    "rsp": "the same as a RSP",
    "nak": "refused, with the centre's time",
    "duh": "received, not understood",
    "silence": "no answer, as if the frame were lost",
    "refuse": "no connection; no answer on one that stands",
    "bad_crc": "receipt, spoilt on the way",
    "close": "the connection is closed instead of an answer",
}
_ACCEPTED = ("ack", "rsp", "bad_crc")
_BUFFER_BYTES = 4096


@dataclass(frozen=True)
class Behaviour:
    """How frames are answered. `split_at`: so many bytes of the answer first, the rest `split_ms` later; 0: at once."""

    reply: str = "ack"
    latency_ms: int = 200
    split_at: int = 0
    split_ms: int = 500

    def __post_init__(self) -> None:
        if self.reply not in REPLIES:
            raise UserError(f"centre: reply {self.reply!r}: unknown; there are {', '.join(REPLIES)}")
        if min(self.latency_ms, self.split_at, self.split_ms) < 0:
            raise UserError("centre: a latency or a split below 0")


@dataclass(frozen=True)
class Operator:
    """Someone at the centre who answers the first event of a kind with a command, `after_ms` later.

    `to`: a kind of event, as "alarm" or "trouble". The command leaves in the answer to the device's next frame.
    """

    after_ms: int
    command: str
    to: str = "alarm"


class Session:
    """One TCP connection. The network sets `send` and `closed`, and calls `receive` and `close`."""

    def __init__(self, centre: Centre) -> None:
        self.send: Callable[[bytes], None] = lambda data: None
        self.closed: Callable[[], None] = lambda: None
        self.open = True
        self._centre = centre
        self._buffer = b""

    def receive(self, data: bytes) -> None:
        """Bytes of the device, in any split."""
        self._buffer = (self._buffer + data)[-_BUFFER_BYTES:]
        while self.open and (end := self._buffer.find(b"\r")) >= 0:
            frame, self._buffer = self._buffer[: end + 1], self._buffer[end + 1 :]
            self._centre.judge(self, frame[max(frame.rfind(b"\n"), 0) :])

    def close(self) -> None:
        """The device, or the network, ends the connection."""
        self.open = False
        self._centre.left(self)

    def transmit(self, data: bytes) -> None:
        if self.open:
            self.send(data)

    def hang_up(self) -> None:
        """The centre ends the connection."""
        if self.open:
            self.close()
            self.closed()


class Centre:
    """One receiver with one account.

    `key`: 16, 24 or 32 bytes; with one, frames that are not encrypted are refused. `behaviours`: (from ms, Behaviour),
    in order of time. `heartbeat_ms`: how often the device is to be heard at least; after `allowed` of them without a
    frame it is missed, until it is heard again or has said that it goes off duty. `utc`: when the scenario begins.
    Raises UserError when `siadc09` is not installed or an argument is no good.
    """

    def __init__(
        self,
        clock: VirtualClock,
        timeline: Timeline,
        account: str = "1234",
        key: bytes | None = None,
        *,
        behaviours: Sequence[tuple[int, Behaviour]] = (),
        operators: Sequence[Operator] = (),
        heartbeat_ms: int | None = None,
        allowed: int = 2,
        utc: datetime = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC),
    ) -> None:
        self._peer = Peer(account, key)
        self.account = account.upper()
        times = [from_ms for from_ms, _ in behaviours]
        if times != sorted(times) or any(from_ms < 0 for from_ms in times):
            raise UserError("centre: behaviours not in order of time")
        if heartbeat_ms is not None and (heartbeat_ms <= 0 or allowed <= 0):
            raise UserError("centre: heartbeat_ms and allowed must be above 0")
        self._clock = clock
        self._timeline = timeline
        self._behaviours = list(behaviours)
        self._operators = [(operator, _checked(operator.command)) for operator in operators]
        self._watched_ms = heartbeat_ms * allowed if heartbeat_ms is not None else None
        self._utc = utc
        self._sessions: list[Session] = []
        self._commands: deque[str] = deque()
        self._seen: deque[tuple[object, ...]] = deque(maxlen=32)
        self._watch: Timer | None = None
        self.missing = False

    @property
    def utc(self) -> datetime:
        """The centre's clock, in whole seconds."""
        return self._utc + timedelta(seconds=self._clock.now_ms // 1000)

    @property
    def behaviour(self) -> Behaviour:
        """What the script says now."""
        now = Behaviour()
        for from_ms, behaviour in self._behaviours:
            if from_ms <= self._clock.now_ms:
                now = behaviour
        return now

    def command(self, text: str) -> None:
        """A command for the device: it leaves in the next receipt. UserError where a reply cannot carry it."""
        self._commands.append(_checked(text))

    def connect(self) -> Session:
        """A device connects. Raises ConnectionRefusedError."""
        if self.behaviour.reply == "refuse":
            self._note("refused", "a connection is refused")
            raise ConnectionRefusedError
        session = Session(self)
        self._sessions.append(session)
        self._note("connected", "a device connects")
        return session

    def left(self, session: Session) -> None:
        if session in self._sessions:
            self._sessions.remove(session)

    def restart(self) -> None:
        """The receiver is restarted: every connection ends."""
        self._note("restarted", "the receiver is restarted")
        for session in list(self._sessions):
            session.hang_up()

    def judge(self, session: Session, frame: bytes) -> None:
        """A frame, LF to CR, has come in."""
        try:
            report = self._peer.read(frame, self.utc)
        except RefusedError as refused:
            self._note("unreadable", str(refused), frame=frame.decode("latin-1"))
            if refused.reply:
                self._later(session, refused.reply)
            return
        behaviour = self.behaviour
        accepted = behaviour.reply in _ACCEPTED and report.kind != NOT_UNDERSTOOD
        seen = (report.sequence, report.code, report.zone, report.occurred)
        repeated = report.kind != "heartbeat" and seen in self._seen
        self._seen.append(seen)
        self._note(
            report.kind,
            report.words,
            account=self.account,
            token=report.token,
            sequence=report.sequence,
            code=report.code,
            zone=report.zone,
            name=report.name,
            latitude=report.latitude,
            longitude=report.longitude,
            message=report.text,
            occurred=report.occurred,
            encrypted=report.encrypted,
            repeated=repeated,
            accepted=accepted,
        )
        if accepted:
            self._heard(report.kind)
            for entry in [entry for entry in self._operators if entry[0].to == report.kind]:
                self._operators.remove(entry)
                self._clock.after_ms(entry[0].after_ms, partial(self._operate, entry[1]))
        self._answer(session, report, behaviour)

    def _answer(self, session: Session, report: Report, behaviour: Behaviour) -> None:
        if behaviour.reply in ("silence", "refuse"):
            return
        if behaviour.reply == "close":
            self._clock.after_ms(behaviour.latency_ms, session.hang_up)
            return
        token, command = behaviour.reply.upper(), ""
        if token == "NAK":
            answer = self._peer.nak(self.utc)
        elif token == "DUH" or report.kind == NOT_UNDERSTOOD:
            answer = self._peer.answer("DUH", report, self.utc)
        else:
            if self._commands and token != "BAD_CRC":
                command = self._commands.popleft()
            answer = self._peer.answer("RSP" if token == "RSP" else "ACK", report, self.utc, command)
        if token == "BAD_CRC":
            answer = answer[:1] + (b"0000" if answer[1:5] != b"0000" else b"0001") + answer[5:]
        if command:
            self._note("command", command)
        self._later(session, answer)

    def _later(self, session: Session, answer: bytes) -> None:
        behaviour = self.behaviour
        first = behaviour.split_at or len(answer)
        self._clock.after_ms(behaviour.latency_ms, lambda: session.transmit(answer[:first]))
        if answer[first:]:
            rest_ms = behaviour.latency_ms + behaviour.split_ms
            self._clock.after_ms(rest_ms, lambda: session.transmit(answer[first:]))

    def _operate(self, command: str) -> None:
        self._note("operator", f"the operator sends: {command}")
        self._commands.append(command)

    def _heard(self, kind: str) -> None:
        """A frame was received in good order: the watch begins anew."""
        if self.missing:
            self.missing = False
            self._note("device_back", "the device is heard again")
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._watched_ms is not None and kind != "off_duty":
            self._watch = self._clock.after_ms(self._watched_ms, self._miss)

    def _miss(self) -> None:
        self.missing = True
        self._note("device_missing", f"nothing heard for {(self._watched_ms or 0) // 1000} s")

    def _note(self, what: str, text: str, **data: object) -> None:
        self._timeline.note("centre", what, text, **data)


def _checked(command: str) -> str:
    if not command or not command.isascii() or not command.isprintable() or set(command) & set("[]|"):
        raise UserError(f"centre: command {command!r}: plain text without [ ] and | is what a reply carries")
    return command
