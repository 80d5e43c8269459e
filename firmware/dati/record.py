"""What the outbox must not forget over a reset or a pulled battery: the alarm, who was told, what is still to be told.

Recipients are bits: bit 0 the receiving centre, bit 1 + i the contact i of the plan.
"""

VERSION = 1  # of the packed form

# States of the alarm.
QUIET = 0
RAISED = 1  # told again and again until acknowledged
ANSWERED = 2  # acknowledged, not ended

# Kinds of notices: what is told once to each.
UPDATE = 1  # a better place, another cause
ACKNOWLEDGED = 2  # argument: 0 nobody known, 1 + i contact i, BY_CENTRE
CANCELLED = 3  # argument: the causes whose end the centre has not received yet
ENDED = 4  # the same
FAULT = 5  # argument: a fault of `supervision`
MENDED = 6
ON_DUTY = 7  # duty began, or ended: the centre misses only who is on duty
OFF_DUTY = 8
KINDS = ((UPDATE, "update"), (ACKNOWLEDGED, "acknowledged"), (CANCELLED, "cancelled"), (ENDED, "ended")) + (
    (FAULT, "fault"),
    (MENDED, "mended"),
    (ON_DUTY, "on duty"),
    (OFF_DUTY, "off duty"),
)

BY_CENTRE = 100
CENTRE_BIT = 1
MOST_NOTICES = 24  # 11 faults that began and ended leave room for an alarm's own
# A contact whom the network refuses for good must not be tried for ever; an alarm's cascade has no such end.
MOST_TRIES = 60

_ALARM_SIZE = 28
_NOTICE_SIZE = 15


class Notice:
    """`kind` with its argument, to those of the mask `waiting`; `test` and `utc_s` of what it tells."""

    def __init__(self, kind, argument, utc_s, test, waiting, number):
        self.kind = kind
        self.argument = argument
        self.utc_s = utc_s
        self.test = test
        self.waiting = waiting
        self.number = number  # of the alarm it belongs to; 0 for faults
        self.sequence = 0  # of its DC-09 frame, once one has been made
        self.tries = 0


class Record:
    """The alarm and the notices. `pack` gives at most 28 + 15 * MOST_NOTICES bytes, `unpack` takes them back."""

    def __init__(self):
        self.sequence = 0  # the last DC-09 sequence number given, 0..9999
        self.counter = 0  # of the last remote command taken
        self.state = QUIET
        self.test = False
        self.number = 0  # of the alarm
        self.causes = 0
        self.unreceived = 0  # causes that the centre has not receipted
        self.code = 0  # by which a contact confirms, 1000..9999
        self.utc_s = -1  # when the alarm began
        self.told = 0  # mask: something has left for them
        self.stage = 0  # of the cascade
        self.frame_cause = 0  # the cause that went out with frame_sequence: sent again, it is the same frame
        self.frame_sequence = 0
        self.notices = []

    def next_sequence(self):
        """1..9999. 0 is the link test's."""
        self.sequence = self.sequence % 9999 + 1
        return self.sequence

    def add(self, kind, argument, utc_s, waiting):
        """Tell those of `waiting`; what waits already is not told twice."""
        if not waiting:
            return
        number = self.number if kind < FAULT else 0
        for notice in self.notices:
            if notice.kind == kind and notice.argument == argument and notice.number == number:
                notice.waiting |= waiting
                return
        if len(self.notices) == MOST_NOTICES:
            self._make_room()
        self.notices.append(Notice(kind, argument, utc_s, self.test, waiting, number))

    def told_to(self, notice, bit):
        """One of its recipients has it, or cannot be told."""
        notice.waiting &= ~bit
        notice.tries = 0
        if not notice.waiting and notice in self.notices:
            self.notices.remove(notice)

    def drop(self, kinds, number):
        """Forget what a later notice of the alarm `number` says better."""
        self.notices = [notice for notice in self.notices if notice.kind not in kinds or notice.number != number]

    def _make_room(self):
        for notice in self.notices:
            if notice.kind == FAULT or notice.kind == MENDED:
                self.notices.remove(notice)
                return
        self.notices.pop(0)

    def pack(self, maybe_told=0):
        """Bytes; who may have been told by a message now on its way counts as told after a reset."""
        out = bytearray((VERSION,))
        for value, size in (
            (self.sequence, 2),
            (self.counter, 4),
            (self.state, 1),
            (1 if self.test else 0, 1),
            (self.number, 4),
            (self.causes, 1),
            (self.unreceived, 1),
            (self.code, 2),
            (self.utc_s + 1, 4),
            (self.told | maybe_told, 2),
            (self.stage, 1),
            (self.frame_cause, 1),
            (self.frame_sequence, 2),
            (len(self.notices), 1),
        ):
            out.extend(value.to_bytes(size, "big"))
        for notice in self.notices:
            out.append(notice.kind | (0x80 if notice.test else 0))
            out.append(notice.argument)
            out.extend((notice.utc_s + 1).to_bytes(4, "big"))
            out.extend(notice.waiting.to_bytes(2, "big"))
            out.extend(notice.number.to_bytes(4, "big"))
            out.extend(notice.sequence.to_bytes(2, "big"))
            out.append(notice.tries)
        return bytes(out)

    def unpack(self, data):
        """Take back what `pack` gave. False, and nothing changed, where it is of another version or damaged."""
        if len(data) < _ALARM_SIZE or data[0] != VERSION:
            return False
        if len(data) != _ALARM_SIZE + _NOTICE_SIZE * data[_ALARM_SIZE - 1] or data[7] > ANSWERED:
            return False
        self.sequence = _number(data, 1, 2)
        self.counter = _number(data, 3, 4)
        self.state = data[7]
        self.test = data[8] != 0
        self.number = _number(data, 9, 4)
        self.causes = data[13]
        self.unreceived = data[14]
        self.code = _number(data, 15, 2)
        self.utc_s = _number(data, 17, 4) - 1
        self.told = _number(data, 21, 2)
        self.stage = data[23]
        self.frame_cause = data[24]
        self.frame_sequence = _number(data, 25, 2)
        self.notices = []
        for at in range(_ALARM_SIZE, len(data), _NOTICE_SIZE):
            notice = Notice(
                data[at] & 0x7F,
                data[at + 1],
                _number(data, at + 2, 4) - 1,
                data[at] > 0x7F,
                _number(data, at + 6, 2),
                _number(data, at + 8, 4),
            )
            notice.sequence = _number(data, at + 12, 2)
            notice.tries = data[at + 14]
            self.notices.append(notice)
        return True


def _number(data, at, size):
    return int.from_bytes(data[at : at + size], "big")
