"""What survives a reset and an empty battery: duty, the alarm, the worn vertical, the outbox. Kept in two slots."""

from .slots import TwoSlots

_VERSION = 1
_FIELDS = 8


class Memory:
    """Saved as one line of numbers, then whatever the outbox wants to keep.

    `on_duty`, whether the restart to come is `expected` (somebody asked for it), `state` and `causes` of the alarm,
    `number` of the last alarm, and the worn vertical as the sensor reads it (int16).
    """

    def __init__(self, store, scratch=None):
        """`scratch`: kept() and keep(data), memory that a reset leaves alone, for a flash that is full or failing."""
        self.slots = TwoSlots(store, "state")
        self._scratch = scratch
        self.on_duty = False
        self.expected = False
        self.state = 0
        self.causes = 0
        self.number = 0
        self.vertical = (0, 0, 0)
        self.outbox = b""
        self.lost = False  # something was saved, and could not be taken back
        self._saved = b""

    def load(self):
        """Take back what was saved. False where there is nothing, or nothing that this version wrote."""
        saved = self.slots.load()
        self.lost = saved is not None or self.slots.damaged or self.slots.failed
        # What a reset left alone is never older than what the flash took.
        kept = b"" if self._scratch is None else self._scratch.kept()
        for data in (kept, saved):
            if data and self._take(data):
                self._saved = b"" if saved is None else bytes(saved)
                self.lost = False
                return True
        return False

    def _take(self, data):
        end = data.find(b"\n")
        try:
            fields = [int(word) for word in data[: max(end, 0)].decode().split()]
        except ValueError:
            return False
        if len(fields) != _FIELDS + 1 or fields[0] != _VERSION:
            return False
        self.on_duty = fields[1] != 0
        self.expected = fields[2] != 0
        self.state, self.causes, self.number = fields[3:6]
        self.vertical = (fields[6], fields[7], fields[8])
        self.outbox = bytes(data[end + 1 :])
        return True

    def encode(self):
        flags = (_VERSION, 1 if self.on_duty else 0, 1 if self.expected else 0)
        fields = flags + (self.state, self.causes, self.number) + self.vertical
        return (" ".join([str(field) for field in fields]) + "\n").encode() + self.outbox

    def save(self, again=False):
        """True once it is safe. What is already there is written only when asked to, `again`: flash wears."""
        data = self.encode()
        if self._scratch is not None:
            self._scratch.keep(data)
        if data == self._saved and not again:
            return True
        if not self.slots.save(data):
            return False
        self._saved = data
        return True
