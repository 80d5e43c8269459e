"""Two slots: a small value (settings, the state of an alarm) kept so that a cut at any byte leaves the old or the new.

A slot is a file: two magic bytes, generation (2 bytes), length (2), the value, CRC-16 of all before it (2);
little-endian. The newer generation of the whole ones counts; the other slot is the next to be written.
"""

from .crc import crc16

_MAGIC = b"\xd7\x53"
_HEAD = 6
_CRC = 2
LONGEST = 0xFFFF  # bytes of a value


class TwoSlots:
    """The slots `name`.0 and `name`.1 of a store.

    `failed`: the last thing asked of the store did not work. `damaged`: at the last load something was there, but
    nothing whole; a cut alone cannot do that.
    """

    def __init__(self, store, name):
        self.failed = False
        self.damaged = False
        self._store = store
        self._name = name
        self._loaded = False
        self._current = -1  # the slot that holds the value, -1 for none
        self._generation = 0  # of that

    def load(self):
        """The value as bytes, or None where none was ever saved or none can be read."""
        self.failed = False
        self.damaged = False
        self._current = -1
        value = None
        for slot in (0, 1):
            try:
                data = self._store.read(self._file_name(slot))
            except OSError:
                self.failed = True
                continue
            if not _whole(data):
                self.damaged = self.damaged or len(data) > 0
                continue
            generation = data[2] | data[3] << 8
            if value is None or _newer(generation, self._generation):
                self._current = slot
                self._generation = generation
                value = data[_HEAD : len(data) - _CRC]
        if value is not None:
            self.damaged = False
        self._loaded = True
        return value

    def save(self, value):
        """Keep `value`, bytes-like, at most LONGEST. True once it is safe; else the old one is still there."""
        if not self._loaded or self.failed:
            self.load()
        # With nothing to go by and a slot that cannot be read, which may hold an older value: both are written.
        both = self._current < 0 and self.failed
        slot = 1 if self._current == 0 else 0
        self.failed = not (self._write(slot, value) and (not both or self._write(1, value)))
        return not self.failed

    def _file_name(self, slot):
        return "%s.%d" % (self._name, slot)

    def _write(self, slot, value):
        size = len(value)
        generation = (self._generation + 1) & 0xFFFF
        data = bytearray(_HEAD + size + _CRC)
        data[0:2] = _MAGIC
        data[2] = generation & 255
        data[3] = generation >> 8
        data[4] = size & 255
        data[5] = size >> 8
        data[_HEAD : _HEAD + size] = value
        crc = crc16(data, 0, _HEAD + size)
        data[_HEAD + size] = crc & 255
        data[_HEAD + size + 1] = crc >> 8
        try:
            self._store.write(self._file_name(slot), data)
        except OSError:
            return False
        self._current = slot
        self._generation = generation
        return True


def _newer(generation, other):
    """Generations wrap: a step forward is less than half the way round."""
    return 0 < (generation - other) & 0xFFFF < 0x8000


def _whole(data):
    end = len(data) - _CRC
    if end < _HEAD or data[0:2] != _MAGIC or _HEAD + (data[4] | data[5] << 8) != end:
        return False
    return crc16(data, 0, end) == data[end] | data[end + 1] << 8
