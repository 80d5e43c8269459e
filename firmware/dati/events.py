"""Why an alarm is raised, what the device reports, and the queue through which it does.

Codes are written to journals, traces and expected results: a number once given is never given again.
"""

from array import array

# Causes, one bit each. A higher bit ranks higher: the highest of several is the one named first to the rescuers.
TECHNICAL = 0x01  # a part or link has failed
DEAD_MAN = 0x02  # the worker did not answer in time
IMMOBILITY = 0x04
VERTICALITY = 0x08
FLIGHT = 0x10  # violent motion that goes on
FALL = 0x20
TEAR_OFF = 0x40  # the cord was pulled, or the device was torn off
VOLUNTARY = 0x80  # the worker held the SOS button

CAUSES = (
    (VOLUNTARY, "voluntary"),
    (TEAR_OFF, "tear_off"),
    (FALL, "fall"),
    (FLIGHT, "flight"),
    (VERTICALITY, "verticality"),
    (IMMOBILITY, "immobility"),
    (DEAD_MAN, "dead_man"),
    (TECHNICAL, "technical"),
)

# Events: (code, name, what its argument is).
CONDITION_BEGAN = 1
CONDITION_ENDED = 2
PRE_ALARM = 3
ALARM = 4
CAUSE_ADDED = 5
CANCELLED = 6
ACKNOWLEDGED = 7
CLEARED = 8
REFUSED = 9
ZEROED = 10
SAMPLES_LOST = 11
SIGNAL = 12

EVENTS = (
    (CONDITION_BEGAN, "condition_began", "cause"),
    (CONDITION_ENDED, "condition_ended", "cause"),
    (PRE_ALARM, "pre_alarm", "causes"),
    (ALARM, "alarm", "causes"),
    (CAUSE_ADDED, "cause_added", "cause"),
    (CANCELLED, "cancelled", "by"),
    (ACKNOWLEDGED, "acknowledged", "causes"),
    (CLEARED, "cleared", "by"),
    (REFUSED, "refused", "request"),
    (ZEROED, "zeroed", "zeroing"),
    (SAMPLES_LOST, "samples_lost", "count"),
    (SIGNAL, "signal", "signal"),
)

# Who cancels or clears.
WORKER = 0
CENTRE = 1  # the receiving centre
SUPERVISOR = 2  # on site, with a code
RECOVERY = 3  # the worker moves or stands again
PARTIES = ((WORKER, "worker"), (CENTRE, "centre"), (SUPERVISOR, "supervisor"), (RECOVERY, "recovery"))

# What was asked for and refused.
REQUEST_CANCEL = 1
REQUEST_ACKNOWLEDGE = 2
REQUEST_CLEAR = 3
REQUEST_ZERO = 4
REQUESTS = (
    (REQUEST_CANCEL, "cancel"),
    (REQUEST_ACKNOWLEDGE, "acknowledge"),
    (REQUEST_CLEAR, "clear"),
    (REQUEST_ZERO, "zero"),
)


class EventQueue:
    """A ring of the last events, three numbers each: time (ticks, ms), code, argument. Allocates only when made.

    The reader takes them with `t_ms`, `code`, `argument` of the oldest and `drop`. If nobody reads, the oldest are
    lost and counted in `overflow`: an alarm must never wait for its reader.
    """

    def __init__(self, capacity=32):
        self._ring = array("i", [0] * (3 * capacity))
        self._capacity = capacity
        self._oldest = 0
        self.count = 0
        self.overflow = 0

    def put(self, t_ms, code, argument):
        if self.count == self._capacity:
            self.overflow += 1
            self.drop()
        at = self._oldest + self.count
        if at >= self._capacity:
            at -= self._capacity
        at *= 3
        self._ring[at] = t_ms
        self._ring[at + 1] = code
        self._ring[at + 2] = argument
        self.count += 1

    def t_ms(self):
        return self._ring[3 * self._oldest]

    def code(self):
        return self._ring[3 * self._oldest + 1]

    def argument(self):
        return self._ring[3 * self._oldest + 2]

    def drop(self):
        """Forget the oldest event."""
        self._oldest += 1
        if self._oldest == self._capacity:
            self._oldest = 0
        self.count -= 1
