"""Falls: an impact, in the context before and after it; never a bare peak."""

from array import array

from .events import FALL
from .gravity import COS2_Q15, Direction

# Offsets from the impact, in ms, at which posture is read: before it starts to change, and after the body has
# settled. On SisFall the tilt between 4 to 1.5 s before and 2 to 4 s after separates falls from daily life best
# among single measures.
_BEFORE_FROM_MS = 4000
_BEFORE_TO_MS = 1500
_AFTER_FROM_MS = 2000
_AFTER_TO_MS = 4000
_HELD_MS = 5000  # how long a fall stays active: the next one is not judged before


class Fall:
    """Watches for an impact, waits until the body has settled, and compares the posture before and after.

    Costs a few comparisons a slot; the judgement itself runs once per impact.
    """

    def __init__(self, settings, slots):
        """`slots` converts ms into slots."""
        self.cause = FALL
        self.active = False
        self.pending_slots = 0  # since the impact being judged; 0: none
        self.peak = 0  # of the impact being judged, (mg/2)**2
        self._held_slots = 0
        self._hold_slots = slots(_HELD_MS)
        self._before_from = slots(_BEFORE_FROM_MS)
        self._before_to = slots(_BEFORE_TO_MS)
        self._after_from = slots(_AFTER_FROM_MS)
        self._after_to = slots(_AFTER_TO_MS)
        self._impact = (settings.fall_impact_mg >> 1) * (settings.fall_impact_mg >> 1)
        self._tilt_cos2_q15 = COS2_Q15[settings.fall_tilt_deg]
        self._ring_slots = 128  # more than 10 s at any rate: the longest chain of impacts, and the postures around it
        self._x_mg = array("h", [0] * self._ring_slots)
        self._y_mg = array("h", [0] * self._ring_slots)
        self._z_mg = array("h", [0] * self._ring_slots)
        self._next = 0
        self._filled = 0
        self._first_age = 0  # slots since the first impact of a chain
        self._before = Direction()
        self._sum_x = 0
        self._sum_y = 0
        self._sum_z = 0

    def rearm(self):
        """Drop an impact under judgement and end a fall."""
        self.active = False
        self.pending_slots = 0
        self._held_slots = 0

    def step(self, x_mg, y_mg, z_mg, peak):
        """Judge one slot: its mean, and its largest |a|**2 in (mg/2)**2."""
        self._x_mg[self._next] = x_mg
        self._y_mg[self._next] = y_mg
        self._z_mg[self._next] = z_mg
        self._next += 1
        if self._next == self._ring_slots:
            self._next = 0
        if self._filled < self._ring_slots:
            self._filled += 1
        if self.active:
            self._held_slots -= 1
            if self._held_slots <= 0:
                self.active = False
            return
        if self.pending_slots:
            self.pending_slots += 1
            self._first_age += 1
            if peak > self.peak:
                # A harder one: judge that instead. Impacts close together are one fall, and "before" is before
                # the first of them; steps and landings further back are not part of it.
                self.peak = peak
                self.pending_slots = 1
                if self._first_age > self._after_from:
                    self._first_age = 1
            if self.pending_slots > self._after_to:
                self.pending_slots = 0
                if self._posture_changed():
                    self.active = True
                    self._held_slots = self._hold_slots
        elif peak >= self._impact:
            self.peak = peak
            self.pending_slots = 1
            self._first_age = 1

    def _posture_changed(self):
        self._mean(self._first_age + self._before_to, self._first_age + self._before_from)
        if not self._before.point(self._sum_x, self._sum_y, self._sum_z):
            return False
        self._mean(1, 1 + self._after_to - self._after_from)
        self._before.lean(self._sum_x, self._sum_y, self._sum_z)
        return self._before.beyond(self._tilt_cos2_q15)

    def _mean(self, from_age, to_age):
        """Mean posture of the slots from_age <= age < to_age (1: the newest), into _sum_x, _sum_y, _sum_z."""
        self._sum_x = 0
        self._sum_y = 0
        self._sum_z = 0
        if from_age > self._filled:
            from_age = self._filled
        if to_age > self._filled + 1:
            to_age = self._filled + 1
        if to_age <= from_age:
            to_age = from_age + 1
        at = self._next - from_age
        for _ in range(to_age - from_age):
            if at < 0:
                at += self._ring_slots
            self._sum_x += self._x_mg[at]
            self._sum_y += self._y_mg[at]
            self._sum_z += self._z_mg[at]
            at -= 1
        count = to_age - from_age
        self._sum_x //= count
        self._sum_y //= count
        self._sum_z //= count
