"""What comes back: a contact's confirmation, and commands from whom may give them."""

from .commands import ACK, CENTRE, Commands, has_code, same_number
from .record import BY_CENTRE, QUIET, RAISED


class Inbox:
    """Reads what people and the centre write. `confirmed` is who answered last, as ACKNOWLEDGED's argument has it."""

    def __init__(self, plan, box):
        self.commands = Commands(plan)
        self.confirmed = 0
        self._plan = plan
        self._record = box.record
        self._box = box

    def on_sms(self, number, text, t_ms):
        """The alarm's own code, from somebody who was told of it, acknowledges: such a code is fresh by itself."""
        record = self._record
        if record.state == RAISED and has_code(text, "%d" % record.code):
            told = self._box.told()
            for i in range(len(self._plan.contacts)):
                if told & 2 << i and same_number(self._plan.contacts[i].number, number):
                    self.confirm(i, t_ms)
                    return
        self.command(text, number, t_ms)

    def confirm(self, contact, t_ms):
        self.confirmed = 1 + contact
        self._box.listener.on_acknowledged("contact", self._plan.contacts[contact].name, t_ms)

    def confirm_by_centre(self, t_ms):
        self.confirmed = BY_CENTRE
        self._box.listener.on_acknowledged("centre", "centre", t_ms)

    def command(self, text, source, t_ms):
        verb = self.commands.take(text, source, self._record.state != QUIET)
        if not verb:
            self._box.listener.on_ignored(self.commands.reason, source, t_ms)
            return
        if verb == ACK:
            self.confirmed = self._by(source)
        self._record.counter = self.commands.counter
        self._box.changed = True
        self._box.listener.on_command(verb, source, t_ms)

    def number_of(self, who):
        """ACKNOWLEDGED's argument for a name, or "centre"."""
        if who == CENTRE:
            return BY_CENTRE
        for i in range(len(self._plan.contacts)):
            if self._plan.contacts[i].name == who:
                return 1 + i
        return 0

    def name_of(self, by):
        """The name for ACKNOWLEDGED's argument: "centre", or "" where nobody is known."""
        if by == BY_CENTRE:
            return CENTRE
        return self._plan.contacts[by - 1].name if 0 < by <= len(self._plan.contacts) else ""

    def _by(self, source):
        if source == CENTRE:
            return BY_CENTRE
        for i in range(len(self._plan.contacts)):
            if same_number(self._plan.contacts[i].number, source):
                return 1 + i
        return 0
