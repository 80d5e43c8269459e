"""What the receiving centre is told, in which order: the alarm, its end, faults, and that all is well."""

from . import dc09, supervision, texts
from .centre import Job, Link
from .commands import CENTRE
from .people import LEAD_MS
from .record import (
    ACKNOWLEDGED,
    CANCELLED,
    CENTRE_BIT,
    ENDED,
    FAULT,
    MENDED,
    MOST_TRIES,
    OFF_DUTY,
    ON_DUTY,
    QUIET,
    RAISED,
    UPDATE,
)
from .ticks import Countdown, ticks_diff

TEST_CAUSE = 0x80  # stands for a test among the causes the centre has to receipt

_AGAIN_MS = 10000  # until an alarm's frame that found no answer is tried again
_LATER_MS = 60000  # any other
_MOST_ANSWERS = 2

# What a fault is to the centre.
_REPORT_OF = {
    supervision.NETWORK: dc09.LINK,
    supervision.SIM: dc09.SIM,
    supervision.BATTERY: dc09.BATTERY,
    supervision.SENSOR: dc09.SENSOR,
    supervision.CLOCK: dc09.CLOCK,
    supervision.STORAGE: dc09.STORAGE,
    supervision.CENTRE: dc09.LINK,
    supervision.MODEM: dc09.LINK,
    supervision.PROGRAM: dc09.PROGRAM,
    supervision.POSITION: dc09.GNSS,
    supervision.RESTART: dc09.RESTART,
}

# What a job is about where it is no notice and no answer: also its rank, the alarm first.
_ALARM = 0
_HEARTBEAT = 4


class Desk:
    """The centre's side of the outbox `box`, which hears: centre_told(t_ms), centre_has_all(t_ms), centre_failed(t_ms),
    command(text, source, t_ms); and whose record, facts, listener and `changed` this uses."""

    def __init__(self, settings, plan, modem, clock, cipher, random, box):
        self.link = Link(plan.centre, modem, clock, cipher, random, self)
        self.answers = []  # texts
        self._host = plan.centre.host
        self._plan = plan
        self._modem = modem
        self._record = box.record
        self._box = box
        self._repeat_ms = settings.message_repeat_ms - LEAD_MS
        self._beat_ms = settings.heartbeat_interval_ms
        self._alarm_pause = Countdown(0)
        self._later = Countdown(_LATER_MS)
        self._guarding = False
        self._poll = False
        self._answer_sequence = 0  # of the frame with the first of `answers`
        self._null = True  # whether the centre takes NULL for a heartbeat
        self._last_ms = 0  # the last time it receipted, or was asked

    def owe(self, causes):
        """The centre has to receipt these causes, and the first frame leaves at once."""
        self._record.unreceived |= causes
        self._alarm_pause.stop()

    def guard(self, on, t_ms):
        self._guarding = on
        self._poll = False
        self._last_ms = t_ms

    def answer(self, text):
        """In the words of a report of routine."""
        if len(self.answers) < _MOST_ANSWERS:
            self.answers.append(text)

    def poll(self):
        self._poll = True
        self._later.stop()

    def may_have_alarm(self):
        """An alarm's frame has been given to the modem, and nobody knows yet whether it has left."""
        job = self.link.job
        return job is not None and job.about == _ALARM and self.link.sent()

    def stop_alarm(self, t_ms):
        """Nobody need receipt it any more."""
        self._record.unreceived = 0
        if self.link.job is not None and self.link.job.about == _ALARM:
            self.link.abandon(t_ms)

    def tick(self, t_ms):
        if self._modem.registered:
            job = self._next(t_ms)
            if job is not None:
                self.link.start(job, t_ms)
        self.link.tick(t_ms)

    # --- the link's words ---

    def content(self, job, t_ms):
        """(token, body, xdata) of a frame, of what is known now."""
        record = self._record
        about = job.about
        account = self._plan.centre.account
        if about == _HEARTBEAT:
            if self._null:
                return dc09.NULL, b"", b""
            return dc09.SIA_DCS, dc09.report_body(account, dc09.PERIODIC), b""
        if isinstance(about, str):
            return dc09.SIA_DCS, dc09.report_body(account, dc09.PERIODIC), dc09.text(about)
        kind = UPDATE if about == _ALARM else about.kind
        if kind == FAULT or kind == MENDED:
            began = kind == FAULT
            return (
                dc09.SIA_DCS,
                dc09.report_body(account, _REPORT_OF.get(about.argument, dc09.PROGRAM), not began),
                dc09.occurred(about.utc_s) + dc09.text(texts.technical(self._plan, about.argument, began, about.utc_s)),
            )
        if kind == ON_DUTY or kind == OFF_DUTY:
            on = kind == ON_DUTY
            return (
                dc09.SIA_DCS,
                dc09.report_body(account, dc09.OFF_DUTY, on),
                dc09.occurred(about.utc_s) + dc09.text(texts.duty(self._plan, on, about.utc_s)),
            )
        alarm = record if about == _ALARM else about
        facts = self._box.facts_of(alarm.test, alarm.utc_s)
        over = kind == ENDED
        causes = record.frame_cause if about == _ALARM else about.argument
        number = dc09.TEST if facts.test else dc09.number_of(causes or record.causes)
        words = texts.note(self._plan, facts)
        xdata = dc09.occurred(facts.utc_s)
        if kind == UPDATE:
            if facts.has_position:
                xdata = dc09.place(facts.lat_e7, facts.lon_e7) + xdata
        elif kind == ACKNOWLEDGED:
            # No code says that a person answers for it: a report of routine, its words tell.
            number = dc09.PERIODIC
            words = texts.acknowledged(self._plan, facts, self._box.who(about.argument))
        else:
            if kind == CANCELLED:
                number = dc09.CANCEL
            words = (texts.ended if over else texts.cancelled)(self._plan, facts)
        return dc09.SIA_DCS, dc09.report_body(account, number, over), xdata + dc09.text(words)

    def frame_left(self, job, t_ms):
        if job.about == _ALARM:
            self._box.centre_told(t_ms)

    def receipted(self, sequence, t_ms):
        record = self._record
        self._last_ms = t_ms
        self._later.stop()
        if self._alarm_pause.delay_ms == _AGAIN_MS:
            self._alarm_pause.stop()  # it answers again
        if sequence == 0:
            return
        if sequence == self._answer_sequence:
            self._answer_sequence = 0
            self._box.listener.on_sent_message("centre", self._host, "answer", t_ms)
            self.answers.pop(0)
            return
        if sequence == record.frame_sequence:
            record.unreceived &= ~record.frame_cause
            record.frame_cause = 0
            record.frame_sequence = 0
            self._alarm_pause.stop()
            self._box.changed = True
            if record.state == RAISED:
                self._box.listener.on_delivered("centre", self._host, t_ms)
                # A test is over with that.
                if record.state == RAISED and not record.unreceived:
                    self._box.centre_has_all(t_ms)
            return
        for notice in record.notices:
            if notice.sequence == sequence and notice.waiting & CENTRE_BIT:
                self._receipted(notice, t_ms)
                return

    def frame_failed(self, job, reason, t_ms):
        refused = reason == "refused" or reason == "not understood"
        self._box.listener.on_failed("centre", self._host, reason, t_ms)
        if job.about == _ALARM:
            if not refused:
                self._alarm_pause.delay_ms = _AGAIN_MS
                self._alarm_pause.start(t_ms)
            self._box.centre_failed(t_ms)
            return
        self._later.start(t_ms)
        if job.about == _HEARTBEAT:
            self._poll = self._guarding or self._record.state != QUIET
            if reason == "not understood" and self._null:
                self._null = False
                self.poll()
        elif isinstance(job.about, str):
            if refused:
                self._answer_sequence = 0
                self.answers.pop(0)
        elif refused:
            job.about.tries += 1
            if job.about.tries >= MOST_TRIES:
                self._record.told_to(job.about, CENTRE_BIT)
            self._box.changed = True

    def from_centre(self, text, t_ms):
        self._box.command(text, CENTRE, t_ms)

    # --- inside ---

    def _receipted(self, notice, t_ms):
        kind = notice.kind
        self._box.changed = True
        if kind == ENDED and not notice.test:
            # Every cause is a zone of its own, and is restored on its own.
            notice.argument &= ~(1 << dc09.number_of(notice.argument) - 1)
            if notice.argument:
                notice.sequence = 0
                return
        self._record.told_to(notice, CENTRE_BIT)
        self._box.sent("centre", self._host, kind, t_ms)

    def _next(self, t_ms):
        """What is to be sent now, if it ranks before what is under way."""
        record = self._record
        job = self.link.job
        rank = 9 if job is None else job.rank
        if rank > _ALARM and record.state == RAISED and record.unreceived and not _pausing(self._alarm_pause, t_ms):
            cause = 1 << dc09.number_of(record.unreceived) - 1
            if record.frame_cause != cause:
                record.frame_cause = cause
                record.frame_sequence = record.next_sequence()
                self._box.changed = True
            self._alarm_pause.delay_ms = self._repeat_ms
            self._alarm_pause.start(t_ms)
            return Job(_ALARM, record.frame_sequence, _ALARM)
        later = _pausing(self._later, t_ms)
        if not later:
            for most, notices_rank in ((FAULT, 1), (OFF_DUTY + 1, 3)):
                if rank <= notices_rank:
                    return None
                for notice in record.notices:
                    if notice.waiting & CENTRE_BIT and notice.kind < most:
                        if not notice.sequence:
                            notice.sequence = record.next_sequence()
                            self._box.changed = True
                        return Job(notices_rank, notice.sequence, notice)
                if self.answers and notices_rank == 1 and rank > 2:
                    if not self._answer_sequence:
                        self._answer_sequence = record.next_sequence()
                        self._box.changed = True
                    return Job(2, self._answer_sequence, self.answers[0])
        # A frame that failed does not keep the link test back: the centre may refuse one and take the other.
        if rank > _HEARTBEAT and self._beat_due(later, t_ms):
            self._poll = False
            self._last_ms = t_ms
            return Job(_HEARTBEAT, 0, _HEARTBEAT)
        return None

    def _beat_due(self, later, t_ms):
        """A link test is due: on duty now and then; in an alarm every minute, for commands ride on the answers."""
        if self._poll and not later:
            return True
        since_ms = ticks_diff(t_ms, self._last_ms)
        if self._record.state != QUIET and not self._record.unreceived:
            return since_ms >= self._repeat_ms
        return self._guarding and since_ms >= self._beat_ms


def _pausing(countdown, t_ms):
    return countdown.running and not countdown.ran_out(t_ms)
