"""What goes to people by SMS beside the alarm itself: its updates and its end, answers to commands, faults."""

from . import texts
from .record import ACKNOWLEDGED, CANCELLED, CENTRE_BIT, ENDED, FAULT, MENDED, MOST_TRIES, UPDATE
from .ticks import Countdown

_AGAIN_MS = 10000  # after an SMS that was not sent
_MOST_ANSWERS = 4


class Mail:
    """One SMS after the other, when the cascade needs none; `answers` are (number, text), forgotten over a reset."""

    def __init__(self, plan, people, box):
        self.answers = []
        self._plan = plan
        self._people = people
        self._record = box.record
        self._box = box
        self._pause = Countdown(_AGAIN_MS)

    def answer(self, number, text):
        """The one who asked is told; where too many asked, the oldest is not."""
        self.answers = self.answers[1 - _MOST_ANSWERS :] + [(number, text)]

    def tick(self, t_ms):
        """The next: of a worker's alarm first, then an answer, then a fault."""
        if not (self._record.notices or self.answers) or not self._people.can_text():
            return
        if self._pause.running and not self._pause.ran_out(t_ms):
            return
        if self._send_notice(UPDATE, ENDED, t_ms):
            return
        if self.answers:
            number, text = self.answers[0]
            self._people.text(number, -1, text, self.answers[0], t_ms)
            return
        self._send_notice(FAULT, MENDED, t_ms)

    def over(self, sms, ok, t_ms):
        """An SMS of ours has left, or has not."""
        who = self._plan.contacts[sms.contact].name if sms.contact >= 0 else sms.number
        if not ok:
            self._pause.start(t_ms)
            self._box.listener.on_failed("sms", who, "not sent", t_ms)
        if isinstance(sms.about, tuple):
            if ok and sms.about in self.answers:
                self.answers.remove(sms.about)
                self._box.listener.on_sent_message("sms", who, "answer", t_ms)
        elif ok:
            self._record.told_to(sms.about, 2 << sms.contact)
            self._box.sent("sms", who, sms.about.kind, t_ms)
        else:
            sms.about.tries += 1
            if sms.about.tries >= MOST_TRIES:
                # Those who are left are refused for good; the centre is another matter.
                self._record.told_to(sms.about, sms.about.waiting & ~CENTRE_BIT)

    def _send_notice(self, first, last, t_ms):
        """True where a notice of these kinds waits for a contact."""
        for notice in list(self._record.notices):
            if not first <= notice.kind <= last:
                continue
            waiting = []
            for i in range(len(self._plan.contacts)):
                if notice.waiting & 2 << i:
                    if self._plan.contacts[i].sms:
                        waiting.append(i)
                    else:
                        # He has a voice only, and nobody calls for this.
                        self._record.told_to(notice, 2 << i)
                        self._box.changed = True
            if waiting:
                # In turn: a number that is refused does not keep the others waiting.
                i = waiting[notice.tries % len(waiting)]
                self._people.text(self._plan.contacts[i].number, i, self._text(notice), notice, t_ms)
                return True
        return False

    def _text(self, notice):
        facts = self._box.facts_of(notice.test, notice.utc_s)
        if notice.kind == UPDATE:
            return texts.update(self._plan, facts)
        if notice.kind == ACKNOWLEDGED:
            return texts.acknowledged(self._plan, facts, self._box.who(notice.argument))
        if notice.kind == CANCELLED:
            return texts.cancelled(self._plan, facts)
        if notice.kind == ENDED:
            return texts.ended(self._plan, facts)
        return texts.technical(self._plan, notice.argument, notice.kind == FAULT, notice.utc_s)
