"""Milliseconds that wrap, as MicroPython's `time.ticks_ms` gives them: 0 .. 2**30 - 1, round in 12.4 days.

Nothing here reads a clock. Times compare rightly while they lie less than 2**29 ms (6.2 days) apart.
"""

MASK = 0x3FFFFFFF
_HALF = 0x20000000


def ticks_add(t_ms, delay_ms):
    """`t_ms` plus `delay_ms` (0 .. 2**30 - 1), wrapped. The plain sum could leave the small-int range."""
    room_ms = MASK - delay_ms
    if t_ms > room_ms:
        return t_ms - room_ms - 1
    return t_ms + delay_ms


def ticks_diff(later_ms, earlier_ms):
    """Signed milliseconds from `earlier_ms` to `later_ms`."""
    gap_ms = (later_ms - earlier_ms) & MASK
    if gap_ms >= _HALF:
        return gap_ms - MASK - 1
    return gap_ms


class Countdown:
    """A delay that is started, may be stopped, and runs out once.

    Everything of the device that waits is one of these: the held SOS button, the tear-off cord, the pre-alarm, the
    dead-man interval.
    """

    def __init__(self, delay_ms):
        self.delay_ms = delay_ms
        self.running = False
        self._due_ms = 0

    def start(self, t_ms):
        self.running = True
        self._due_ms = ticks_add(t_ms, self.delay_ms)

    def stop(self):
        self.running = False

    def left_ms(self, t_ms):
        """Milliseconds until it runs out, 0 or less once it has; only meaningful while running."""
        return ticks_diff(self._due_ms, t_ms)

    def ran_out(self, t_ms):
        """True once, when it was running and its delay has passed."""
        if self.running and ticks_diff(self._due_ms, t_ms) <= 0:
            self.running = False
            return True
        return False
