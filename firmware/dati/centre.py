"""The exchange with the receiving centre: one DC-09 frame out, its answer in, tried twice; then the next frame."""

from . import dc09
from .ticks import Countdown

# States of the modem's connection.
CLOSED = 0
OPENING = 1
OPEN = 2

_ANSWER_MS = 10000  # from the frame's leaving to its answer
_OPEN_MS = 45000  # a slow network still opens; the cascade does not wait for it
_AGAIN_MS = 1000  # between two tries to connect
_LINGER_MS = 3000  # an idle connection is closed: the modem may sleep
_TRIES = 2
# pysiaalarm's window is -40 to +20 s: an honest answer that took our frame lies within.
_STALE_S = 60

# Where an exchange stands.
_IDLE = 0
_CONNECTING = 1
_REFUSED = 2  # by the modem, which is busy with another frame
_SENT = 3


class Job:
    """A frame to be sent: `rank` 0 goes before 1; `sequence` stays the same however often it is sent, so that the
    receiver knows it again; `about` is the owner's."""

    def __init__(self, rank, sequence, about):
        self.rank = rank
        self.sequence = sequence
        self.about = about
        self.resynced = False


class Link:
    """At most one exchange at a time, of `job`. The owner hears, from inside these calls:

    content(job, t_ms) -> (token, body, xdata), asked anew for each try; frame_left(job, t_ms),
    receipted(sequence, t_ms), frame_failed(job, reason, t_ms), from_centre(text, t_ms).
    `ok_ms`: when the centre last receipted anything, -1: not yet.
    """

    def __init__(self, centre, modem, clock, cipher, random, owner):
        self.job = None
        self.ok_ms = -1
        self._centre = centre
        self._modem = modem
        self._clock = clock
        self._cipher = cipher
        self._random = random
        self._owner = owner
        self._replies = dc09.Replies(centre.key, cipher)
        self._at = _IDLE
        self._tries = 0
        self._limit = Countdown(0)
        self._pause = Countdown(_AGAIN_MS)
        self._linger = Countdown(_LINGER_MS)

    def start(self, job, t_ms):
        """Send `job` now. What was under way is dropped: only give a job of a lower rank number over another."""
        if self.job is not None and self._at == _SENT:
            self._at = _IDLE
        self.job = job
        self._tries = 0
        self._linger.stop()

    def abandon(self, t_ms):
        """Whatever the answer, nobody waits for it any more."""
        self._done(t_ms)

    def sent(self):
        """Whether the job's frame was given to the modem: it may have left."""
        return self.job is not None and self._at == _SENT

    def tick(self, t_ms):
        modem = self._modem
        job = self.job
        if job is None:
            if self._linger.ran_out(t_ms) and modem.link != CLOSED:
                modem.close(t_ms)
        elif self._at == _SENT:
            if self._limit.ran_out(t_ms):
                self._failed("no answer", t_ms)
        elif modem.link == OPEN and not self._pausing(t_ms):
            self._send(job, t_ms)
        elif self._at == _IDLE and modem.link == OPENING:
            self._at = _CONNECTING
            self._set_limit(_OPEN_MS, t_ms)
        elif self._at == _CONNECTING:
            if self._limit.ran_out(t_ms):
                self._failed("no connection", t_ms)
        elif (
            modem.link == CLOSED and not self._pausing(t_ms) and modem.open(self._centre.host, self._centre.port, t_ms)
        ):
            self._replies.reset()
            self._at = _CONNECTING
            self._set_limit(_OPEN_MS, t_ms)

    def on_link(self, state, error, t_ms):
        if state == OPEN:
            self._pause.stop()
        elif state == CLOSED and self.job is not None and self._at != _IDLE:
            self._failed("no connection" if self._at == _CONNECTING else "connection lost", t_ms)

    def on_sent(self, ok, t_ms):
        if self.job is None or self._at != _SENT:
            return
        if ok:
            self._owner.frame_left(self.job, t_ms)
        else:
            self._failed("not sent", t_ms)

    def on_data(self, data, t_ms):
        self._replies.receive(data, len(data))
        reply = self._replies.take()
        while reply is not None:
            self._judge(reply, t_ms)
            reply = self._replies.take()

    # --- inside ---

    def _pausing(self, t_ms):
        return self._pause.running and not self._pause.ran_out(t_ms)

    def _set_limit(self, delay_ms, t_ms):
        self._limit.delay_ms = delay_ms
        self._limit.start(t_ms)

    def _send(self, job, t_ms):
        centre = self._centre
        token, body, xdata = self._owner.content(job, t_ms)
        frame = dc09.frame(
            token,
            job.sequence,
            centre.account,
            body,
            xdata,
            # An encrypted frame with the clock unset bears the year 2000: the centre's NAK then tells the time.
            self._clock.utc_s(t_ms),
            centre.key,
            self._cipher,
            self._random,
            centre.receiver,
            centre.prefix,
        )
        if self._modem.send(frame, t_ms):
            self._at = _SENT
            self._set_limit(_ANSWER_MS, t_ms)
        elif self._at != _REFUSED:
            # The frame that this one overtook is still being handed over.
            self._at = _REFUSED
            self._set_limit(_ANSWER_MS, t_ms)
        elif self._limit.ran_out(t_ms):
            self._failed("not sent", t_ms)

    def _judge(self, reply, t_ms):
        if reply.encrypted and self._clock.is_set():
            if abs(reply.utc_s - self._clock.utc_s(t_ms)) > _STALE_S:
                return  # an old answer that somebody plays back
        job = self.job
        if reply.kind == dc09.ACK or reply.kind == dc09.RSP:
            self.ok_ms = t_ms
            if job is not None and self._at == _SENT and reply.sequence == job.sequence:
                self._done(t_ms)
            self._owner.receipted(reply.sequence, t_ms)
            if reply.data:
                self._owner.from_centre(_words(reply.data), t_ms)
        elif job is not None and self._at == _SENT:
            if reply.kind == dc09.DUH:
                if reply.sequence == job.sequence:
                    self._done(t_ms)
                    self._owner.frame_failed(job, "not understood", t_ms)
            elif self._clock.set(reply.utc_s, t_ms) and not job.resynced:
                job.resynced = True
                self._at = _IDLE
                self._send(job, t_ms)
            else:
                self._done(t_ms)
                self._owner.frame_failed(job, "refused", t_ms)

    def _failed(self, reason, t_ms):
        """A try failed: the connection is made anew for the next."""
        job = self.job
        self._tries += 1
        self._at = _IDLE
        self._pause.start(t_ms)
        if self._tries >= _TRIES:
            self._done(t_ms)
        if self._modem.link != CLOSED:
            self._modem.close(t_ms)
        if self.job is None:
            self._owner.frame_failed(job, reason, t_ms)

    def _done(self, t_ms):
        self.job = None
        self._at = _IDLE
        self._limit.stop()
        self._linger.start(t_ms)


def _words(data):
    """What rides on a reply, as text: after `#account|` where that is repeated."""
    text = ""
    for byte in data:
        text += chr(byte) if 32 <= byte < 127 else "?"
    return text[text.rfind("|") + 1 :]
