"""The cascade: who is tried now, by SMS or call, and when the next is. One SMS or one call at a time.

A contact has `contact_wait_ms` from the beginning of his turn to confirm. Whatever fails gives the turn away at once.
A call counts as his message while it lives, for the modem sends no SMS meanwhile; so it is kept short.
The centre has a turn in the first round only: from then on its frames are repeated beside the contacts' turns.
"""

from .record import RAISED
from .texts import CONFIRM_DIGIT
from .ticks import Countdown, ticks_diff

# States of the modem's call.
CALL_IDLE = 0
CALL_ALERTING = 2
CALL_ACTIVE = 3

# What has to leave every N seconds is begun so much earlier: the modem takes its time, and ticks are coarse.
LEAD_MS = 2000

_CENTRE_MS = 20000  # the centre's turn: two tries of 10 s
_ROUND_MS = 10000  # between two rounds in which nothing could leave
_SMS_LIMIT_MS = 120000  # the modem answers within 40 s (A76XX AT manual, AT+CMGS) or has lost the command
_HANG_UP_MS = 10000
_CONFIRM_MS = 28000  # of a call's turn, after the ringing
_BUSY_MS = 60000  # a modem that does not take the message so long gets the next turn's
_TALK_MS = 600000  # a call that goes on after the alarm was acknowledged
_REPORTS = 8  # SMS whose delivery reports are still told apart


class Sms:
    """An SMS: `number`, `contact` (-1: no contact of the plan), `about`: None for the alarm itself, else the owner's;
    `first`: of an alarm, whether nothing had left for him before."""

    def __init__(self, number, contact, about, record):
        self.number = number
        self.contact = contact
        self.about = about
        self.alarm_number = record.number
        self.first = not record.told & 2 << max(contact, 0)


class People:
    """Turns of the cascade, the SMS on its way, the call. The owner hears, from inside these calls:

    alarm_text(contact) -> text; alarm_begins(t_ms): an SMS is with the modem; sms_over(sms, ok, t_ms);
    answered(contact, t_ms): the call; confirmed(contact, t_ms); turn_failed(channel, contact, reason, t_ms).
    """

    def __init__(self, settings, plan, modem, record, owner):
        self.sms = None  # on its way
        self.calling = -1  # the contact
        self.answered = False
        self._plan = plan
        self._modem = modem
        self._record = record
        self._owner = owner
        self._stages = plan.stages()
        self._rounds = [i for i in range(len(self._stages)) if self._stages[i][1] >= 0]
        self._wait = Countdown(settings.contact_wait_ms - LEAD_MS)
        self._contact_ms = settings.contact_wait_ms - LEAD_MS
        self._ring_ms = settings.call_ring_ms
        self._voice_ms = min(self._contact_ms, self._ring_ms + _CONFIRM_MS)
        self._repeat_ms = settings.message_repeat_ms - LEAD_MS
        self._begun = False  # the stage's message has been given to the modem
        self._left_any = False  # in this round
        self._pause = Countdown(_ROUND_MS)
        self._last_ms = 0  # when the last message was given to the modem
        self._sms_limit = Countdown(_SMS_LIMIT_MS)
        self._call_limit = Countdown(0)
        self._hanging_up = False
        self._digits = ""
        self._reports = []  # (reference, contact) of the last alarms sent

    def start(self, t_ms):
        """From the first turn on."""
        self._record.stage = 0
        self.resume(t_ms)

    def resume(self, t_ms):
        """After a reset: the turn that it interrupted, from its beginning."""
        if self._record.stage >= len(self._stages):
            self._record.stage = 0
        self._pause.stop()
        self._left_any = False
        self._last_ms = t_ms
        self._begin()

    def stop(self, t_ms):
        """Nobody need be tried any more. A contact who is talking goes on talking."""
        self._begun = False
        self._wait.stop()
        self._pause.stop()
        if self.calling >= 0 and not self.answered:
            self._hang_up(t_ms)
        elif self.calling >= 0 and not self._hanging_up:
            self._set_call_limit(_TALK_MS, t_ms)

    def left(self, t_ms):
        """A message of the alarm has left, here or to the centre: the next is due `message_repeat_ms` later."""
        self._last_ms = t_ms
        self._left_any = True

    def centre_over(self, t_ms):
        """The centre's turn, if it is the centre's, ends: it has receipted, or cannot be reached."""
        if self._stages and self._stages[self._record.stage][1] < 0 and self._record.state == RAISED:
            self._next(t_ms)

    def tick(self, t_ms):
        if self.sms is not None and self._sms_limit.ran_out(t_ms):
            self.on_sms_sent(False, -1, t_ms)
        if self.calling >= 0 and self._call_limit.ran_out(t_ms):
            if self._hanging_up:
                self._call_over("", t_ms)
            else:
                self._hang_up(t_ms)
        if self._record.state == RAISED and self._stages:
            self._tick_turn(t_ms)

    def can_text(self):
        """Whether an SMS that is not the alarm may go now: none is on its way and the alarm's own does not wait."""
        if self.sms is not None or self.calling >= 0 or not self._can("sms"):
            return False
        waits = self._record.state == RAISED and self._stages and not self._begun
        return not (waits and self._stages[self._record.stage][0] == "sms")

    def text(self, number, contact, text, about, t_ms):
        """Send an SMS that is not the alarm, when `can_text`. False where the modem does not take it."""
        if not self._modem.send_sms(number, text, t_ms):
            return False
        self.sms = Sms(number, contact, about, self._record)
        self._sms_limit.start(t_ms)
        return True

    # --- the modem ---

    def on_sms_sent(self, ok, reference, t_ms):
        sms = self.sms
        if sms is None:
            return
        self.sms = None
        self._sms_limit.stop()
        current = self._record.state == RAISED and sms.alarm_number == self._record.number
        if sms.about is None and ok:
            self._reports = self._reports[1 - _REPORTS :] + [(reference, sms.contact)]
            self._left_any = True
        self._owner.sms_over(sms, ok, t_ms)
        if sms.about is None and not ok and current:
            self._fail(sms.contact, "sms", "not sent", t_ms)

    def on_sms_report(self, reference, delivered, t_ms):
        """The contact whom an alarm's SMS has reached, or -1."""
        for pair in self._reports:
            if pair[0] == reference:
                self._reports.remove(pair)
                if delivered:
                    return pair[1]
                if self._record.state == RAISED:
                    self._fail(pair[1], "sms", "not delivered", t_ms)
        return -1

    def on_call(self, state, reason, t_ms):
        if self.calling < 0:
            return
        if state == CALL_ACTIVE and not self.answered:
            self.answered = True
            self._owner.answered(self.calling, t_ms)
            self.left(t_ms)
            left_ms = self._wait.left_ms(t_ms) if self._wait.running else _TALK_MS
            self._set_call_limit(left_ms, t_ms)
        elif state == CALL_ALERTING and not self._hanging_up:
            self._set_call_limit(self._ring_ms, t_ms)
        elif state == CALL_IDLE:
            self._call_over(reason or "ended", t_ms)

    def on_dtmf(self, digit, t_ms):
        if self.calling < 0 or not self.answered or self._record.state != RAISED:
            return
        self._digits = (self._digits + digit)[-4:]
        if digit == CONFIRM_DIGIT or self._digits == "%d" % self._record.code:
            self._owner.confirmed(self.calling, t_ms)

    # --- turns ---

    def _begin(self):
        self._begun = False
        self._wait.stop()
        self._digits = ""

    def _can(self, channel):
        if channel == "sms":
            return self._modem.registered or self._modem.sms_only
        return self._modem.registered

    def _tick_turn(self, t_ms):
        if self._pause.running and not self._pause.ran_out(t_ms):
            return
        if not self._begun:
            self._try_turn(t_ms)
        elif self._wait.ran_out(t_ms):
            self._next(t_ms)
        elif ticks_diff(t_ms, self._last_ms) >= self._repeat_ms:
            self._repeat(t_ms)

    def _try_turn(self, t_ms):
        """Begin the turn, or that of the next who can be reached now; where nobody can, it stays and waits."""
        record = self._record
        for _ in range(len(self._stages)):
            if self._can(self._stages[record.stage][0]):
                break
            record.stage = (record.stage + 1) % len(self._stages)
        else:
            return
        channel, contact = self._stages[record.stage]
        if channel == "centre":
            self._wait.delay_ms = _CENTRE_MS
            self._begun = True
            self._last_ms = t_ms  # after a time without a network nobody else is told beside the centre at once
        elif channel == "sms":
            self._wait.delay_ms = self._contact_ms
            self._begun = self._send_alarm(contact, t_ms)
        elif self.calling < 0 and self._modem.dial(self._plan.contacts[contact].number, t_ms):
            self._wait.delay_ms = self._voice_ms
            self._begun = True
            self.calling = contact
            self.answered = False
            self._hanging_up = False
            self._set_call_limit(self._ring_ms, t_ms)
        if self._begun:
            self._wait.start(t_ms)
        elif not self._wait.running:
            self._wait.delay_ms = _BUSY_MS
            self._wait.start(t_ms)
        elif self._wait.ran_out(t_ms):
            self._owner.turn_failed(channel, contact, "modem busy", t_ms)
            self._next(t_ms)

    def _send_alarm(self, contact, t_ms):
        if self.sms is not None or self.calling >= 0:
            return False
        number = self._plan.contacts[contact].number
        if not self._modem.send_sms(number, self._owner.alarm_text(contact), t_ms):
            return False
        self.sms = Sms(number, contact, None, self._record)
        self._sms_limit.start(t_ms)
        self._last_ms = t_ms
        self._owner.alarm_begins(t_ms)
        return True

    def _repeat(self, t_ms):
        """The turn lasts longer than an alarm may stay silent: the SMS again, to him or the first who takes one."""
        contact = self._stages[self._record.stage][1]
        if contact < 0 or not self._plan.contacts[contact].sms:
            others = [stage[1] for stage in self._stages if stage[0] == "sms"]
            if not others:
                return
            contact = others[0]
        if self._can("sms"):
            self._send_alarm(contact, t_ms)

    def _next(self, t_ms):
        """The next turn; after the last, the first contact's, or the centre's where there are none."""
        self._begun = False  # before the call: its end is not another reason to go on
        if self.calling >= 0 and not self._hanging_up:
            self._hang_up(t_ms)
        record = self._record
        record.stage += 1
        if record.stage >= len(self._stages):
            record.stage = self._rounds[0] if self._rounds else 0
            if not self._left_any:
                self._pause.start(t_ms)
            self._left_any = False
        self._begin()

    def _fail(self, contact, channel, reason, t_ms):
        self._owner.turn_failed(channel, contact, reason, t_ms)
        if self._begun and self._stages[self._record.stage] == (channel, contact):
            self._next(t_ms)

    # --- the call ---

    def _set_call_limit(self, delay_ms, t_ms):
        self._call_limit.delay_ms = max(0, delay_ms)
        self._call_limit.start(t_ms)

    def _hang_up(self, t_ms):
        self._hanging_up = True
        self._set_call_limit(_HANG_UP_MS, t_ms)
        self._modem.hang_up(t_ms)

    def _call_over(self, reason, t_ms):
        contact = self.calling
        answered = self.answered
        self.calling = -1
        self.answered = False
        self._call_limit.stop()
        if self._record.state == RAISED:
            if self._hanging_up:
                reason = "not confirmed" if answered else "no answer"
            self._fail(contact, "voice", reason, t_ms)
