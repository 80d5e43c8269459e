"""Everything the decision sees, in one file on flash that can be replayed to the same events: the device log.

The file is MCAP (https://mcap.dev/spec), which Foxglove opens: header, then a chunk for each block written, its CRC-32
over the records in it; then the end record. A file that was cut reads up to its last whole chunk. Messages are CDR,
little-endian, described by ROS 2 message definitions; the first one, /start, is JSON. Times are ns since 1970, or
since the ticks began where the clock was unset.

A log begins where the life of a `Device` begins, and everything goes in by the order in which the device was told.
"""

from .ticks import ticks_diff

# What is done to the device beside motion. Numbers are never given again.
SOS_DOWN = 0
SOS_UP = 1
CANCEL = 2
TEAR_OFF = 3
TEAR_OFF_RESTORED = 4
ACKNOWLEDGE = 5
CLEAR = 6  # value: by which party
ZERO = 7
LOST = 8  # value: samples lost
ASK = 9
BLIND = 10
GUARD = 11  # value: 1 begun, 0 ended
RESUME = 12  # value: state * 256 + causes


def apply(device, what, value):
    """Do to a device what a log says was done. Raises IndexError for a number that is none."""
    if what == SOS_DOWN:
        device.press_sos()
    elif what == SOS_UP:
        device.release_sos()
    elif what == CANCEL:
        device.cancel()
    elif what == TEAR_OFF:
        device.pull_cord()
    elif what == TEAR_OFF_RESTORED:
        device.restore_cord()
    elif what == ACKNOWLEDGE:
        device.acknowledge()
    elif what == CLEAR:
        device.clear(value)
    elif what == ZERO:
        device.zero()
    elif what == LOST:
        device.lost(value)
    elif what == ASK:
        device.ask()
    elif what == BLIND:
        device.blind()
    elif what == GUARD:
        device.guard(value != 0)
    elif what == RESUME:
        device.resume(value >> 8, value & 255)
    else:
        raise IndexError("no input %d" % what)


_MAGIC = b"\x89MCAP0\r\n"
_HEADER = 0x01
_FOOTER = 0x02
_SCHEMA = 0x03
_CHANNEL = 0x04
_MESSAGE = 0x05
_CHUNK = 0x06
_DATA_END = 0x0F
_CHUNK_HEAD = 49  # bytes of a chunk before its records: nothing is compressed
_RECORD_HEAD = 9
_MESSAGE_HEAD = 31
_CDR = b"\x00\x01\x00\x00"
_CDR_HEAD = 4
_LONGEST_RUN = 64  # samples in one message
_LONGEST_PIECE = 512  # bytes in one message
_1970_TO_2000_S = 946684800

_SAMPLES = 1
_INPUT = 2
_EVENT = 3
_BYTES = 4
_BATTERY = 5
_CLOCK = 6
_START = 7

# (number, name, definition); fields stand in the order that needs no padding.
_SCHEMAS = (
    (
        _SAMPLES,
        "Samples",
        "uint32 first # samples taken before\nuint32 t_ms\ndati/Sample[] samples\n"
        + "=" * 80
        + "\nMSG: dati/Sample\nint16 x_mg\nint16 y_mg\nint16 z_mg\n",
    ),
    (_INPUT, "Input", "uint32 taken # samples before\nuint32 t_ms\nint32 value\nuint8 what\n"),
    (_EVENT, "Event", "uint32 taken # samples before\nuint32 t_ms\nint32 argument\nuint8 code\n"),
    (_BYTES, "Bytes", "uint32 t_ms\nuint8[] data\n"),
    (_BATTERY, "Battery", "uint32 t_ms\nuint16 mv\n"),
    (_CLOCK, "Clock", "uint32 t_ms\nuint32 utc_s # since 2000-01-01\n"),
    (_START, "Start", '{"type":"object"}'),
)

# (number, topic, schema)
_GNSS = 11
_MODEM_IN = 12
_MODEM_OUT = 13
_CHANNELS = (
    (_SAMPLES, "/samples", _SAMPLES),
    (_INPUT, "/input", _INPUT),
    (_EVENT, "/event", _EVENT),
    (_GNSS, "/gnss", _BYTES),
    (_MODEM_IN, "/modem/in", _BYTES),
    (_MODEM_OUT, "/modem/out", _BYTES),
    (_BATTERY, "/battery", _BATTERY),
    (_CLOCK, "/clock", _CLOCK),
    (_START, "/start", _START),
)


class Recorder:
    """One device log. `on` while it records; what it is told otherwise is dropped, so that nobody need ask.

    `failed`: the store raised OSError, and the log ends there, as it would by a cut. `full`: it reached its limit and
    was ended. `size` is in bytes, as written.
    """

    def __init__(self, store, name, crc32=None, limit_bytes=1000000, block_bytes=2048):
        """`crc32`: binascii.crc32, or None to leave the check out. A block of memory is held only while recording."""
        self.on = False
        self.failed = False
        self.full = False
        self.size = 0
        self._store = store
        self._name = name
        self._crc32 = crc32
        self._limit_bytes = limit_bytes
        self._block_bytes = block_bytes
        self._block = bytearray(0)
        self._end = _CHUNK_HEAD  # of what is in the block
        self._run_at = -1  # where the message of samples begins that may still grow
        self._run = 0  # samples in it
        self._taken = 0
        self._messages = 0
        self._start_ms = 0
        self._start_ns = 0
        self._first_ms = 0  # of the messages in the block, since the start
        self._last_ms = 0

    def begin(self, settings_text, firmware, up, utc_s, t_ms):
        """Begin the file anew. True when it is under way.

        settings_text: JSON, all that differs from the defaults at least. firmware: a hash of what runs. up: the worn
        vertical that was set (x, y, z), or None for the settings' axis. t_ms: the device's first tick.
        """
        self.failed = False
        self.full = False
        self._taken = 0
        self._messages = 0
        self._run_at = -1
        self._start_ms = t_ms
        self._first_ms = 0
        self._last_ms = 0
        self._start_ns = (utc_s + _1970_TO_2000_S) * 1000000000 if utc_s >= 0 else t_ms * 1000000
        about = '{"firmware":"%s","t_ms":%d,"utc_s":%d,"up":%s,"settings":%s}' % (
            firmware,
            t_ms,
            utc_s,
            "[%d,%d,%d]" % tuple(up) if up else "null",
            settings_text,
        )
        start = about.encode()
        header = _MAGIC + _record(_HEADER, _string("") + _string("dati " + firmware))
        self.size = len(header)
        try:
            self._store.write(self._name, header)
        except OSError:
            self.failed = True
            return False
        self.on = True
        self._new_block(max(self._block_bytes, _CHUNK_HEAD + _MESSAGE_HEAD + len(start)))
        for number, name, definition in _SCHEMAS:
            encoding = "jsonschema" if number == _START else "ros2msg"
            self._put(
                _record(_SCHEMA, _two(number) + _string("dati/msg/" + name) + _string(encoding) + _string(definition))
            )
        for number, topic, schema in _CHANNELS:
            encoding = "json" if schema == _START else "cdr"
            self._put(_record(_CHANNEL, _two(number) + _two(schema) + _string(topic) + _string(encoding) + _four(0)))
        at = self._message(_START, len(start), t_ms)
        if at >= 0:
            self._block[at : at + len(start)] = start
        self.flush()
        if self.on:
            self._new_block(self._block_bytes)
        return self.on

    def samples(self, samples, first, end, t_ms):
        """Samples `first` <= i < `end` that the device took, as given to `Device.run`; t_ms: when the first came."""
        while first < end and self.on:
            count = min(end - first, _LONGEST_RUN)
            grown = self._run + count
            if self._run_at < 0 or grown > _LONGEST_RUN or self._end + 6 * count > len(self._block):
                at = self._cdr_message(_SAMPLES, 12, t_ms, 6 * count)
                if at < 0:
                    return
                self._four(at, self._taken)
                self._four(at + 4, t_ms)
                self._run_at = at
                self._run = 0
            block = self._block
            at = self._end
            for i in range(3 * first, 3 * (first + count)):
                block[at] = samples[i] & 255
                block[at + 1] = (samples[i] >> 8) & 255
                at += 2
            self._end = at
            self._run += count
            self._taken += count
            first += count
            self._four(self._run_at + 8, self._run)
            length_at = self._run_at - _CDR_HEAD - _MESSAGE_HEAD + 1
            self._four(length_at, self._end - length_at - 8)

    def input(self, what, value, t_ms):
        """Something done to the device, before it takes its next sample."""
        self._numbers(_INPUT, self._taken, t_ms, value, what)

    def lost(self, count, t_ms):
        self.input(LOST, count, t_ms)

    def event(self, code, argument, t_ms):
        """Something the device reported, with its own time."""
        self._numbers(_EVENT, self._taken, t_ms, argument, code)

    def gnss(self, data, count, t_ms):
        """The first `count` bytes of a buffer, from the receiver."""
        self._bytes(_GNSS, data, count, t_ms)

    def modem_in(self, data, count, t_ms):
        self._bytes(_MODEM_IN, data, count, t_ms)

    def modem_out(self, data, count, t_ms):
        self._bytes(_MODEM_OUT, data, count, t_ms)

    def battery(self, mv, t_ms):
        at = self._cdr_message(_BATTERY, 6, t_ms, 0)
        if at >= 0:
            self._four(at, t_ms)
            self._block[at + 4] = mv & 255
            self._block[at + 5] = mv >> 8

    def clock(self, utc_s, t_ms):
        """The clock was set."""
        at = self._cdr_message(_CLOCK, 8, t_ms, 0)
        if at >= 0:
            self._four(at, t_ms)
            self._four(at + 4, utc_s)

    def flush(self):
        """Write what waits, as one chunk. For moments that matter; a full block is written by itself."""
        end = self._end
        self._run_at = -1
        if not self.on or end == _CHUNK_HEAD:
            return
        block = self._block
        size = end - _CHUNK_HEAD
        block[0] = _CHUNK
        block[1:9] = _eight(end - _RECORD_HEAD)
        block[9:17] = self._time(self._first_ms)
        block[17:25] = self._time(self._last_ms)
        block[25:33] = _eight(size)
        block[33:37] = b"\x00\x00\x00\x00"
        if self._crc32 is not None:
            block[33:37] = self._crc32(memoryview(block)[_CHUNK_HEAD:end]).to_bytes(4, "little")
        block[37:41] = b"\x00\x00\x00\x00"
        block[41:49] = _eight(size)
        self._end = _CHUNK_HEAD
        self._append(memoryview(block)[:end])
        if self.on and self.size + 2 * self._block_bytes > self._limit_bytes:
            self.full = True
            self.end()

    def end(self):
        """Write what waits and the end of the file."""
        self.flush()
        if self.on:
            self._append(_record(_DATA_END, _four(0)) + _record(_FOOTER, _eight(0) + _eight(0) + _four(0)) + _MAGIC)
        self._stop()

    # --- inside ---

    def _stop(self):
        self.on = False
        self._block = bytearray(0)
        self._end = _CHUNK_HEAD

    def _new_block(self, size):
        self._block = bytearray(size)
        self._end = _CHUNK_HEAD

    def _append(self, data):
        try:
            self._store.append(self._name, data)
            self.size += len(data)
        except OSError:
            self.failed = True
            self._stop()

    def _room(self, size):
        """Make room for a record of `size` bytes. False when recording has ended over it."""
        if self._end + size > len(self._block):
            self.flush()
        return self.on

    def _put(self, record):
        if self._room(len(record)):
            self._block[self._end : self._end + len(record)] = record
            self._end += len(record)

    def _message(self, channel, size, t_ms, spare=0):
        """Begin a message of `size` bytes; where they go, or -1. `spare` bytes are sure to follow it in the block."""
        self._run_at = -1
        if not self.on or not self._room(_MESSAGE_HEAD + size + spare):
            return -1
        block = self._block
        at = self._end
        past_ms = ticks_diff(t_ms, self._start_ms)
        if at == _CHUNK_HEAD or past_ms < self._first_ms:
            self._first_ms = past_ms
        if at == _CHUNK_HEAD or past_ms > self._last_ms:
            self._last_ms = past_ms
        log_time = self._time(past_ms)
        block[at] = _MESSAGE
        block[at + 1 : at + 9] = _eight(_MESSAGE_HEAD - _RECORD_HEAD + size)
        block[at + 9 : at + 11] = _two(channel)
        self._four(at + 11, self._messages)
        block[at + 15 : at + 23] = log_time
        block[at + 23 : at + 31] = log_time
        self._messages += 1
        self._end = at + _MESSAGE_HEAD + size
        return at + _MESSAGE_HEAD

    def _cdr_message(self, channel, size, t_ms, spare):
        at = self._message(channel, _CDR_HEAD + size, t_ms, spare)
        if at < 0:
            return -1
        self._block[at : at + _CDR_HEAD] = _CDR
        return at + _CDR_HEAD

    def _numbers(self, channel, taken, t_ms, signed, byte):
        at = self._cdr_message(channel, 13, t_ms, 0)
        if at >= 0:
            self._four(at, taken)
            self._four(at + 4, t_ms)
            self._four(at + 8, signed)
            self._block[at + 12] = byte

    def _bytes(self, channel, data, count, t_ms):
        first = 0
        while first < count and self.on:
            size = min(count - first, _LONGEST_PIECE)
            at = self._cdr_message(channel, 8 + size, t_ms, 0)
            if at >= 0:
                self._four(at, t_ms)
                self._four(at + 4, size)
                self._block[at + 8 : at + 8 + size] = memoryview(data)[first : first + size]
            first += size

    def _time(self, past_ms):
        return _eight(max(0, self._start_ns + past_ms * 1000000))

    def _four(self, at, value):
        block = self._block
        block[at] = value & 255
        block[at + 1] = (value >> 8) & 255
        block[at + 2] = (value >> 16) & 255
        block[at + 3] = (value >> 24) & 255


def _two(value):
    return value.to_bytes(2, "little")


def _four(value):
    return value.to_bytes(4, "little")


def _eight(value):
    return value.to_bytes(8, "little")


def _string(text):
    data = text.encode()
    return _four(len(data)) + data


def _record(kind, body):
    return bytes((kind,)) + _eight(len(body)) + body
