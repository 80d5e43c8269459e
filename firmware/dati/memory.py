"""What survives a reset and an empty battery: duty, the alarm, the worn vertical, the outbox. Kept in two slots."""

from .slots import TwoSlots

_VERSION = 1
_FIELDS = 8


class Memory:
    """Saved as one line of numbers, then whatever the outbox wants to keep.

    `on_duty`, whether the restart to come is `expected` (somebody asked for it), `state` and `causes` of the alarm,
    `number` of the last alarm, and the worn vertical as the sensor reads it (int16).
    """

    def __init__(self, store):
        self.slots = TwoSlots(store, "state")
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
        data = self.slots.load()
        self.lost = data is not None or self.slots.damaged or self.slots.failed
        if data is None:
            return False
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
        self._saved = bytes(data)
        self.lost = False
        return True

    def encode(self):
        flags = (_VERSION, 1 if self.on_duty else 0, 1 if self.expected else 0)
        fields = flags + (self.state, self.causes, self.number) + self.vertical
        return (" ".join([str(field) for field in fields]) + "\n").encode() + self.outbox

    def save(self, again=False):
        """True once it is safe. What is already there is written only when asked to, `again`: flash wears."""
        data = self.encode()
        if data == self._saved and not again:
            return True
        if not self.slots.save(data):
            return False
        self._saved = data
        return True
