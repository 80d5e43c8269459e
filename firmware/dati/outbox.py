"""What must reach whom, by which channel, again until it is acknowledged.

Here meet the record of what is owed (record.py), the cascade over the contacts (people.py) and the exchange with the
receiving centre (centre.py). All is sent at least once: what was under way when the device was reset is sent again,
to the centre under the same sequence number. Nothing here sleeps, and no message waits for another's answer.
"""

from . import texts
from .commands import CENTRE
from .desk import TEST_CAUSE, Desk
from .faults import Faults
from .follow import PlaceTold
from .inbox import Inbox
from .mail import Mail
from .people import People
from .record import (
    ACKNOWLEDGED,
    ANSWERED,
    BY_CENTRE,
    CANCELLED,
    CENTRE_BIT,
    ENDED,
    FAULT,
    KINDS,
    OFF_DUTY,
    ON_DUTY,
    QUIET,
    RAISED,
    UPDATE,
    Record,
)
from .ticks import ticks_diff


class Outbox:
    """Tell it what happened, `tick` it often (every 50 ms while `busy`), forward the modem's words to it.

    `facts` is the owner's to keep current; `changed`: `save()` and keep the bytes before the next tick, then unset it.
    The listener hears: on_acknowledged(by, who, t_ms), by "centre" or "contact": nothing here stops until the owner
    says `acknowledged`; on_delivered(channel, who, t_ms); on_command(verb, source, t_ms); on_ignored(reason, source,
    t_ms); on_sent_message(channel, who, what, t_ms) and on_failed(channel, who, reason, t_ms) for journal and timeline.
    """

    def __init__(self, settings, plan, modem, clock, listener, cipher, random):
        self.facts = texts.Facts()
        self.record = Record()
        self.changed = False
        self.asker = ""  # of the sign of life that the worker is now to give
        self.listener = listener
        self._settings = settings
        self._plan = plan
        self._clock = clock
        self._random = random
        self._people = People(settings, plan, modem, self.record, self)
        self._desk = None
        self._everybody = 0
        for i in range(len(plan.contacts)):
            self._everybody |= 2 << i
        if ("centre", -1) in plan.stages():
            self._everybody |= CENTRE_BIT
            self._desk = Desk(settings, plan, modem, clock, cipher, random, self)
        self._inbox = Inbox(plan, self)
        self.on_sms = self._inbox.on_sms
        self.command = self._inbox.command
        self.confirmed = self._inbox.confirm
        self.who = self._inbox.name_of
        self.on_sms_sent = self._people.on_sms_sent
        self.on_call = self._people.on_call
        self.on_dtmf = self._people.on_dtmf
        self._mail = Mail(plan, self._people, self)
        self._faults = Faults(self.record, self._people, self._desk, self._everybody)
        self._place = PlaceTold(settings.message_repeat_ms)
        self._began_ms = -1  # the alarm; -1: before a reset

    # --- what happened ---

    def alarm(self, number, causes, t_ms, test=False):
        """The alarm `number` is raised, or a test that looks like one. False where it is no new one."""
        record = self.record
        if record.state != QUIET:
            if test or not record.test:
                if not test:
                    self.add_cause(causes, t_ms)
                return False
            self.cleared(t_ms)  # a test makes room
        record.state = RAISED
        record.test = test
        record.number = number
        record.causes = causes
        record.told = 0
        self.asker = ""
        record.utc_s = self._clock.utc_s(t_ms)
        self._began_ms = t_ms
        self._place.forget()
        self._raise(TEST_CAUSE if test else causes, t_ms)
        return True

    def add_cause(self, causes, t_ms):
        """Another cause has joined: those told are told, and an alarm already acknowledged is raised again."""
        record = self.record
        new = causes & ~record.causes
        if record.state == QUIET or not new:
            return
        record.causes |= new
        if record.state == ANSWERED:
            record.state = RAISED
            self._raise(new, t_ms)
            return
        if self._desk is not None:
            self._desk.owe(new)
        record.add(UPDATE, 0, record.utc_s, self.told() & ~CENTRE_BIT)
        self.changed = True

    def acknowledged(self, t_ms, who=""):
        """Somebody answers for the alarm: a contact's name, "centre", or "" for the one who confirmed here."""
        record = self.record
        if record.state != RAISED:
            return
        by = self._inbox.number_of(who) if who else self._inbox.confirmed
        told = self.told()
        record.state = ANSWERED
        self._stop(t_ms)
        # The centre knows what it has itself receipted.
        record.add(ACKNOWLEDGED, by, record.utc_s, told & ~CENTRE_BIT if by == BY_CENTRE else told)
        self.changed = True

    def sign_of_life(self):
        """The worker has given one: whoever asked is told."""
        if self.asker:
            self.answer(self.asker, texts.alive(self._plan))
            self.asker = ""

    def cancelled(self, t_ms):
        self._end(CANCELLED, t_ms)

    def cleared(self, t_ms):
        self._end(ENDED, t_ms)

    def technical(self, fault, began, t_ms):
        """A fault of `supervision` began or ended: told to the centre, or to the contacts where that is not to be."""
        self._faults.tell(fault, began, self._clock.utc_s(t_ms))
        self.changed = True

    def duty(self, on, t_ms):
        """Duty begins or ends. The centre hears of it: one that no longer beats is missed, unless it is off duty."""
        if self._desk is not None:
            self.record.drop((ON_DUTY, OFF_DUTY), 0)
            self.record.add(ON_DUTY if on else OFF_DUTY, 0, self._clock.utc_s(t_ms), CENTRE_BIT)
            self.changed = True

    def guard(self, on, t_ms):
        """On duty: heartbeats to the centre from now on."""
        if self._desk is not None:
            self._desk.guard(on, t_ms)

    def poll(self):
        """Ask the centre for a sign of life now; `link_ok_ms` moves on when it gives one."""
        if self._desk is not None:
            self._desk.poll()

    def answer(self, source, text):
        """`text` to whom a command came from. Forgotten over a reset: he asks again."""
        if source != CENTRE:
            self._mail.answer(source, text)
        elif self._desk is not None:
            self._desk.answer(text)

    @property
    def link_ok_ms(self):
        """When the centre last receipted anything; -1: never, or there is no centre."""
        return -1 if self._desk is None else self._desk.link.ok_ms

    @property
    def busy(self):
        """Whether something is under way or waits to be."""
        if self._people.sms is not None or self._people.calling >= 0 or self.record.state == RAISED:
            return True
        desk = self._desk
        if desk is not None and (desk.link.job is not None or desk.answers):
            return True
        return bool(self.record.notices) or bool(self._mail.answers)

    def save(self):
        """What must survive, as bytes (version 1, at most 388)."""
        return self.record.pack(self.told())

    def restore(self, data, t_ms):
        """Take up what `save` gave: the alarm goes on. False where it is of another version or damaged."""
        record = self.record
        if not record.unpack(data):
            return False
        self._inbox.commands.counter = record.counter
        record.told &= self._everybody
        for notice in list(record.notices):
            record.told_to(notice, ~self._everybody)  # the plan may have changed
        self._began_ms = -1
        if record.state == RAISED:
            self._people.resume(t_ms)
        return True

    def tick(self, t_ms):
        record = self.record
        stage = record.stage
        if record.state != QUIET:
            self._learn_time(t_ms)
            if record.told and self._place.is_due(self.facts, t_ms):
                self._place.tell(self.facts, t_ms)
                record.add(UPDATE, 0, record.utc_s, record.told)
                self.changed = True
        if self._desk is not None:
            self._desk.tick(t_ms)
        self._people.tick(t_ms)
        self._mail.tick(t_ms)
        if stage != record.stage:
            self.changed = True

    # --- the modem's words ---

    def on_sms_report(self, reference, delivered, t_ms):
        contact = self._people.on_sms_report(reference, delivered, t_ms)
        if contact >= 0:
            self.listener.on_delivered("sms", self._plan.contacts[contact].name, t_ms)

    def on_link(self, state, error, t_ms):
        if self._desk is not None:
            self._desk.link.on_link(state, error, t_ms)

    def on_sent(self, ok, t_ms):
        if self._desk is not None:
            self._desk.link.on_sent(ok, t_ms)

    def on_data(self, data, t_ms):
        if self._desk is not None:
            self._desk.link.on_data(data, t_ms)

    # --- what the cascade and the centre's desk ask and tell ---

    def alarm_text(self, contact):
        facts = self.facts_of(self.record.test, self.record.utc_s)
        by_voice = "voice" in self._plan.steps and self._plan.contacts[contact].voice
        return texts.alarm(self._plan, facts, "%d" % self.record.code, by_voice)

    def alarm_begins(self, t_ms):
        self.changed = True

    def answered(self, contact, t_ms):
        self._has_left(2 << contact, t_ms)
        self.listener.on_sent_message("voice", self._plan.contacts[contact].name, self._what(), t_ms)

    def sms_over(self, sms, ok, t_ms):
        self.changed = True
        if sms.about is not None:
            self._mail.over(sms, ok, t_ms)
        elif ok:
            if sms.alarm_number == self.record.number:
                self._has_left(2 << sms.contact, t_ms)
            self.listener.on_sent_message("sms", self._plan.contacts[sms.contact].name, self._what(), t_ms)
        elif sms.first:
            # Nothing had left for him: he hears nothing of the alarm's end either.
            for notice in list(self.record.notices):
                if notice.number == sms.alarm_number and notice.kind < FAULT:
                    self.record.told_to(notice, 2 << sms.contact)

    def turn_failed(self, channel, contact, reason, t_ms):
        who = self._plan.contacts[contact].name if contact >= 0 else "centre"
        self.listener.on_failed(channel, who, reason, t_ms)

    def centre_told(self, t_ms):
        self._people.left(t_ms)
        self._has_left(CENTRE_BIT, t_ms)
        self.listener.on_sent_message("centre", self._plan.centre.host, self._what(), t_ms)

    def centre_has_all(self, t_ms):
        self._people.centre_over(t_ms)
        if self._settings.centre_ack_suffices:
            self._inbox.confirm_by_centre(t_ms)

    def centre_failed(self, t_ms):
        self._people.centre_over(t_ms)

    def sent(self, channel, who, kind, t_ms):
        for number, name in KINDS:
            if number == kind:
                self.listener.on_sent_message(channel, who, name, t_ms)

    def facts_of(self, test, utc_s):
        """`facts`, of that alarm."""
        self.facts.test = test
        self.facts.utc_s = utc_s
        self.facts.causes = self.record.causes
        return self.facts

    # --- inside ---

    def _what(self):
        return "test" if self.record.test else "alarm"

    def _raise(self, causes, t_ms):
        # Not the code of the commands: who knows the one must not know the other.
        record = self.record
        while True:
            drawn = self._random(2)
            record.code = 1000 + (drawn[0] << 8 | drawn[1]) % 9000
            if "%d" % record.code != self._plan.code:
                break
        self._inbox.confirmed = 0
        if self._desk is not None:
            self._desk.owe(causes)
        self._people.start(t_ms)
        self.changed = True

    def _stop(self, t_ms):
        """Nobody need be told of the alarm any more."""
        self._people.stop(t_ms)
        if self._desk is not None:
            self._desk.stop_alarm(t_ms)

    def _end(self, kind, t_ms):
        """To exactly those who were told; what was still to be told of it is not told any more."""
        record = self.record
        if record.state == QUIET:
            return
        told = self.told()
        causes = 0 if record.test else record.causes & ~record.unreceived | record.frame_cause
        record.drop((UPDATE, ACKNOWLEDGED), record.number)
        record.add(kind, causes, record.utc_s, told)
        record.state = QUIET
        self._stop(t_ms)
        record.told = 0
        record.test = False
        record.causes = 0
        record.frame_cause = 0
        record.frame_sequence = 0
        self.changed = True

    def told(self):
        """The mask of those told, whoever a message now on its way may reach among them."""
        told = self.record.told
        sms = self._people.sms
        if sms is not None and sms.about is None and sms.alarm_number == self.record.number:
            told |= 2 << sms.contact
        if self._desk is not None and self._desk.may_have_alarm():
            told |= CENTRE_BIT
        return told if self.record.state != QUIET else 0

    def _has_left(self, bit, t_ms):
        """The alarm has left for `bit`; the place it told need not be told again."""
        if self.record.state == QUIET:
            return
        self.record.told |= bit
        self.changed = True
        if not self._place.known:
            self._place.tell(self.facts, t_ms)

    def _learn_time(self, t_ms):
        """The clock was unset when the alarm began, and no longer is."""
        record = self.record
        if record.utc_s < 0 and self._began_ms >= 0 and self._clock.is_set():
            record.utc_s = self._clock.utc_s(t_ms) - ticks_diff(t_ms, self._began_ms) // 1000
            self.changed = True
