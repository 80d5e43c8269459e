"""The journal: what the device did and what was done to it, in records that survive a cut at any byte.

A ring of small files, each filled by appending and begun anew when its turn comes, so that a board holds one of them in
memory at a time. A record: two sync bytes, length of the payload, kind, sequence number (4 bytes), UTC in seconds since
2000-01-01 or all ones (4), ticks in ms (4), payload, CRC-16 of all after the sync bytes (2); numbers little-endian.
A reader steps over what is damaged. A torn end is cut off before more is appended: the next record could by chance
complete it, and would then be lost itself.
"""

from .clock import UNSET
from .crc import crc16
from .events import EVENTS

# Kinds below 32 are the events of `events`, the argument as a number. Numbers are never given again.
STARTED = 32
DUTY_BEGUN = 33
DUTY_ENDED = 34
DUTY_REFUSED = 35
TEST_PASSED = 36
TEST_FAILED = 37
FAULT_BEGAN = 38
FAULT_ENDED = 39
COMMAND_ACCEPTED = 40
COMMAND_IGNORED = 41
SENT = 42
SEND_FAILED = 43
DELIVERED = 44
CONFIRMED = 45
SETTING_CHANGED = 46
RECORDER_ON = 47
RECORDER_OFF = 48
CLOCK_SET = 49
TEST_ALARM = 50
CHARGING_BEGAN = 51
CHARGING_ENDED = 52
SWITCHED_OFF = 53
NOTE = 54
MISSED = 55
HEALTH = 56

# (code, name, what its payload is): "none", "text" (UTF-8), or a signed number of 4 bytes and what it means: "count",
# a word for which there is a table ("cause" and the like as in EVENTS, "reset" below); "health" as `health.pack` says.
KINDS = EVENTS + (
    (STARTED, "started", "reset"),
    (DUTY_BEGUN, "duty_begun", "none"),
    (DUTY_ENDED, "duty_ended", "none"),
    (DUTY_REFUSED, "duty_refused", "text"),  # the step that failed, or why
    (TEST_PASSED, "test_passed", "text"),  # the steps
    (TEST_FAILED, "test_failed", "text"),  # the sensor's, and why
    (FAULT_BEGAN, "fault_began", "text"),  # of `supervision`
    (FAULT_ENDED, "fault_ended", "text"),
    (COMMAND_ACCEPTED, "command_accepted", "text"),  # which, from whom
    (COMMAND_IGNORED, "command_ignored", "text"),  # and why
    (SENT, "sent", "text"),  # by which channel, to whom, what
    (SEND_FAILED, "send_failed", "text"),  # and why
    (DELIVERED, "delivered", "text"),  # a receipt came back: it has arrived
    (CONFIRMED, "confirmed", "text"),  # who answers for the alarm
    (SETTING_CHANGED, "setting_changed", "text"),
    (RECORDER_ON, "recorder_on", "text"),  # name of the log
    (RECORDER_OFF, "recorder_off", "count"),  # bytes of it
    (CLOCK_SET, "clock_set", "none"),  # for the first time since the start
    (TEST_ALARM, "test_alarm", "causes"),
    (CHARGING_BEGAN, "charging_began", "count"),  # battery, %
    (CHARGING_ENDED, "charging_ended", "count"),
    (SWITCHED_OFF, "switched_off", "none"),
    (NOTE, "note", "text"),
    (MISSED, "missed", "count"),  # records that could not be written since the start
    (HEALTH, "health", "health"),  # of the accelerometer: at each start of duty, and from still moments
)

# Why the device started: the argument of STARTED.
RESETS = ((0, "power_on"), (1, "watchdog"), (2, "crash"), (3, "wake"), (4, "brown_out"))

LONGEST = 200  # bytes of payload; what is longer is cut
_SYNC = b"\xd7\x4a"
_HEAD = 16
_CRC = 2
_SEQUENCE_MASK = 0x3FFFFFFF  # years at a record a second


def name_of(kind):
    """The kind's name, "" for one of a newer device."""
    for row in KINDS:
        if row[0] == kind:
            return row[1]
    return ""


def number(value):
    """A signed number of 32 bits as payload."""
    return bytes((value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255))


def four_bytes(data, at):
    """The unsigned number of 32 bits at `at`."""
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24


def find(data, at):
    """Where the first whole record of `data` at or after `at` begins; -1 where there is none."""
    while True:
        at = data.find(_SYNC, at)
        if at < 0 or at + _HEAD + _CRC > len(data):
            return -1
        end = at + _HEAD + data[at + 2]
        if data[at + 2] <= LONGEST and end + _CRC <= len(data):
            if crc16(data, at + 2, end) == data[end] | data[end + 1] << 8:
                return at
        at += 1


def end_of(data, at):
    """Where the record that begins at `at` ends."""
    return at + _HEAD + data[at + 2] + _CRC


def sequence_of(data, at):
    return four_bytes(data, at + 4)


def record_at(data, at):
    """(kind, sequence, utc_s or UNSET, t_ms, payload) of the whole record that begins at `at`."""
    utc_s = UNSET if data[at + 8 : at + 12] == b"\xff\xff\xff\xff" else four_bytes(data, at + 8)
    return (
        data[at + 3],
        sequence_of(data, at),
        utc_s,
        four_bytes(data, at + 12),
        bytes(data[at + _HEAD : at + _HEAD + data[at + 2]]),
    )


class Journal:
    """The device's own journal in `files` files of at most `file_bytes` in `store`. `open` it before the first `put`.

    `failed`: the last thing asked of the store did not work. `missed`: records that were not written for it; their
    sequence numbers are used up, so that a reader sees the gap.
    """

    def __init__(self, store, name="journal", files=8, file_bytes=4096):
        self.failed = False
        self.missed = 0
        self._store = store
        self._name = name
        self._files = files
        self._file_bytes = file_bytes
        self._opened = False
        self._file = 0  # being filled
        self._size = 0  # bytes in it, torn ones among them; -1 when not known
        self._sequence = 0  # of the next record

    def open(self):
        """Find the end of what was written: reads each file once, judges the records of the newest."""
        newest = -1
        read = 0
        self.failed = False
        for file in range(self._files):
            try:
                data = self._store.read(self._file_name(file))
                read += 1
            except OSError:
                self.failed = True
                continue
            at = find(data, 0)
            if at >= 0 and sequence_of(data, at) > newest:
                newest = sequence_of(data, at)
                self._file = file
        if read > 0:
            try:
                self._find_end()
            except OSError:
                self.failed = True
                read = 0
        # With nothing readable at all the store is down for now: asked again with the next record.
        self._opened = read > 0
        return not self.failed

    def put(self, kind, payload, utc_s, t_ms):
        """Append a record; `payload` is bytes. True once it is safe; False, and counted, where the store failed."""
        if not self._opened:
            self.open()
        if len(payload) > LONGEST:
            payload = payload[:LONGEST]
        size = _HEAD + len(payload) + _CRC
        record = bytearray(size)
        record[0:2] = _SYNC
        record[2] = len(payload)
        record[3] = kind
        record[4:8] = number(self._sequence)
        record[8:12] = number(utc_s)
        record[12:16] = number(t_ms)
        record[16 : size - 2] = payload
        crc = crc16(record, 2, size - 2)
        record[size - 2] = crc & 255
        record[size - 1] = crc >> 8
        self._sequence = (self._sequence + 1) & _SEQUENCE_MASK
        self.failed = not (self._opened and self._write(record))
        if self.failed:
            self.missed += 1
        return not self.failed

    def put_number(self, kind, value, utc_s, t_ms):
        return self.put(kind, number(value), utc_s, t_ms)

    def put_text(self, kind, text, utc_s, t_ms):
        return self.put(kind, text.encode(), utc_s, t_ms)

    def chunk(self, position):
        """The file at `position` 0 (oldest) .. files - 1 (newest) as bytes, maybe none; None past the last.

        For reading the journal out, one file at a time. Raises OSError.
        """
        if position >= self._files:
            return None
        return self._store.read(self._file_name((self._file + 1 + position) % self._files))

    def _file_name(self, file):
        return "%s.%d" % (self._name, file)

    def _find_end(self):
        """Learn size and last sequence number of the file being filled; cut off what is torn. Raises OSError."""
        name = self._file_name(self._file)
        data = self._store.read(name)
        end = 0
        at = find(data, 0)
        while at >= 0:
            self._sequence = max(self._sequence, (sequence_of(data, at) + 1) & _SEQUENCE_MASK)
            end = end_of(data, at)
            at = find(data, end)
        if end < len(data):
            mended = self._name + ".new"
            self._store.write(mended, data[:end])
            self._store.rename(mended, name)
        self._size = end

    def _write(self, record):
        try:
            if self._size < 0:
                self._find_end()
            size = self._size
            if size + len(record) > self._file_bytes:
                following = (self._file + 1) % self._files
                self._store.write(self._file_name(following), record)
                self._file = following
                size = 0
            else:
                self._size = -1  # should the store fail, nobody knows how much of it landed
                self._store.append(self._file_name(self._file), record)
        except OSError:
            return False
        self._size = size + len(record)
        return True
