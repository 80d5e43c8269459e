"""Falls: an impact, judged by what came before and after it; never a bare peak.

A slot whose peak reaches `fall_impact_mg` opens a case; a harder impact takes its place. When the body has had time
to settle, the *features* of the case are measured, each earns points by the scorecard of the placement (see
`fall_scores`), and a sum of at least `fall_points` is a fall. So every judgement explains itself: the points say
which features decided.
"""

from array import array

from .events import FALL
from .gravity import Direction, isqrt

# Offsets from the impact in ms; "before" counts from the first impact of a chain, "after" from the hardest.
_BEFORE_FROM_MS = 4000  # posture before: until well before the body began to fall
_BEFORE_TO_MS = 1500
_APPROACH_FROM_MS = 1600  # posture as the fall began
_APPROACH_TO_MS = 600
_SETTLING_FROM_MS = 500  # posture right after
_SETTLING_TO_MS = 1300
_JUDGED_MS = 2600  # when the case is judged
_AFTER_MS = 1100  # posture after: the last of that
_CLOSE_MS = 2000  # a chain of impacts is no longer than this from its first
_DROP_MS = 1000
_AROUND_MS = 1500
_HARD_MG = 1600  # a slot with a peak above this counts as an impact
_HELD_MS = 5000  # how long a fall stays active

# The features in their order. Cosines are in 1/1024.
FEATURES = (
    "peak_mg",  # of the hardest impact
    "lean_before_cos",  # of posture before, from the worn vertical
    "tilt_cos",  # between posture before and after
    "approach_cos",  # between posture as the fall began and after
    "settling_cos",  # between posture before and right after
    "settled_cos",  # between posture right after and after
    "drop",  # weight missing along posture before, in mg times slots: how far the body fell
    "impacts",  # number of slots with an impact around the hardest
    "push_mg",  # largest slot mean at the impact
    "jerk_mg",  # largest change from slot to slot at the impact, summed over the axes
    "shock_mg",  # sum of the peaks of the slots at the impact
    "stir_mg",  # mean change from slot to slot since right after
    "sway_mg",  # largest deviation from posture after, summed over the axes
    "calm_mg",  # mean peak of the slots since right after
)


def flat(card):
    """A scorecard as one int32 array: feature, points below the first step, number of steps, then the steps."""
    numbers = []
    for name, points, steps in card:
        numbers += [FEATURES.index(name), points, len(steps)]
        for step in steps:
            numbers += step
    return array("i", numbers)


class Fall:
    """Costs a few comparisons a slot; the judgement runs once a case, at most every 2.6 s."""

    def __init__(self, settings, slots, vertical):
        """`slots` converts ms into slots; `vertical` is the worn vertical."""
        # Of three cards one is kept, and that flat: `runtime` lets go of the rest.
        from .fall_scores import CARDS

        self.cause = FALL
        self.active = False
        self.pending_slots = 0  # since the impact under judgement, it included; 0: no case
        self.peak = 0  # of that impact, (mg/2)**2
        self.judged = 0  # cases so far: `features` and `points` are those of the last
        self.points = 0
        self.features = array("i", [0] * len(FEATURES))
        self._card = flat(CARDS[settings.placement])
        self._needed = settings.fall_points
        self._impact = (settings.fall_impact_mg >> 1) * (settings.fall_impact_mg >> 1)
        self._hard = (_HARD_MG >> 1) * (_HARD_MG >> 1)
        self._vertical = vertical
        self._held_slots = 0
        self._hold_slots = slots(_HELD_MS)
        self._before_from = slots(_BEFORE_FROM_MS)
        self._before_to = slots(_BEFORE_TO_MS)
        self._approach_from = slots(_APPROACH_FROM_MS)
        self._approach_to = slots(_APPROACH_TO_MS)
        self._settling_from = slots(_SETTLING_FROM_MS)
        self._settling_to = slots(_SETTLING_TO_MS)
        self._judged_after = slots(_JUDGED_MS)
        self._after = slots(_AFTER_MS)
        self._close = slots(_CLOSE_MS)
        self._drop = slots(_DROP_MS)
        self._around = slots(_AROUND_MS)
        # More than 14 s at any rate: the longest chain of impacts, and the postures around it.
        self._ring_slots = 128
        self._x_mg = array("h", [0] * self._ring_slots)
        self._y_mg = array("h", [0] * self._ring_slots)
        self._z_mg = array("h", [0] * self._ring_slots)
        self._peaks = array("i", [0] * self._ring_slots)
        self._next = 0
        self._filled = 0
        self._first_age = 0  # slots since the first impact of the chain, it included
        self._posture = Direction()
        self._mean_x = 0
        self._mean_y = 0
        self._mean_z = 0

    def rearm(self):
        """Drop the case and end a fall."""
        self.active = False
        self.pending_slots = 0
        self._held_slots = 0

    def step(self, x_mg, y_mg, z_mg, peak):
        """Judge one slot: its mean, and its largest |a|**2 in (mg/2)**2."""
        at = self._next
        self._x_mg[at] = x_mg
        self._y_mg[at] = y_mg
        self._z_mg[at] = z_mg
        self._peaks[at] = peak
        at += 1
        self._next = 0 if at == self._ring_slots else at
        if self._filled < self._ring_slots:
            self._filled += 1
        if self.active:
            self._held_slots -= 1
            if self._held_slots <= 0:
                self.active = False
        elif self.pending_slots:
            self.pending_slots += 1
            self._first_age += 1
            if peak > self.peak:
                # A harder one. Steps and landings further back than a chain are not part of the fall.
                self.peak = peak
                self.pending_slots = 1
                if self._first_age > self._close:
                    self._first_age = 1
            elif self.pending_slots > self._judged_after:
                self._judge()
                self.pending_slots = 0
                if self.points >= self._needed:
                    self.active = True
                    self._held_slots = self._hold_slots
        elif peak >= self._impact:
            self.peak = peak
            self.pending_slots = 1
            self._first_age = 1

    # --- the judgement; ages count slots back from the newest, which is 1 ---

    def _judge(self):
        self._measure(self.pending_slots, self._first_age)
        self.judged += 1
        self.points = 0
        card = self._card
        at = 0
        while at < len(card):
            value = self.features[card[at]]
            points = card[at + 1]
            after = at + 3 + 2 * card[at + 2]
            at += 3
            while at < after:
                if value >= card[at]:
                    points = card[at + 1]
                at += 2
            self.points += points

    def _measure(self, hit, first):
        """Fill `features` for an impact at age `hit` whose chain began at age `first`."""
        features = self.features
        posture = self._posture
        settling_from = hit - self._settling_to
        settling_to = hit - self._settling_from

        self._mean(first + self._before_to, first + self._before_from)
        features[1] = self._cosine(self._vertical)
        posture.point(self._mean_x, self._mean_y, self._mean_z)
        features[6] = self._missing_weight(hit + 1, hit + 1 + self._drop)
        self._mean(settling_from, settling_to)
        features[4] = self._cosine(posture)
        self._mean(1, 1 + self._after)
        features[2] = self._cosine(posture)
        features[12] = self._sway(1, 1 + self._after)
        posture.point(self._mean_x, self._mean_y, self._mean_z)
        self._mean(first + self._approach_to, first + self._approach_from)
        features[3] = self._cosine(posture)
        self._mean(settling_from, settling_to)
        features[5] = self._cosine(posture)

        features[0] = 2 * isqrt(self.peak)
        features[7] = self._impacts(max(1, hit - self._around), hit + self._around)
        features[8] = self._push(max(1, hit - 2), hit + 3)
        features[9] = self._change(max(1, hit - 3), hit + 3, True)
        features[10] = self._shock(max(1, hit - 4), hit + 4)
        features[11] = self._change(1, settling_to, False)
        features[13] = self._shock(1, settling_to) // (settling_to - 1)

    def _index(self, age):
        """Where the slot of this age is; one older than all there are is the oldest."""
        if age > self._filled:
            age = self._filled
        at = self._next - age
        return at + self._ring_slots if at < 0 else at

    def _mean(self, from_age, to_age):
        """Mean posture of the slots from_age <= age < to_age, as far back as there are any; at least one."""
        if to_age > self._filled + 1:
            to_age = self._filled + 1
        if to_age <= from_age:
            to_age = from_age + 1
        sum_x = 0
        sum_y = 0
        sum_z = 0
        for age in range(from_age, to_age):
            at = self._index(age)
            sum_x += self._x_mg[at]
            sum_y += self._y_mg[at]
            sum_z += self._z_mg[at]
        self._mean_x = sum_x // (to_age - from_age)
        self._mean_y = sum_y // (to_age - from_age)
        self._mean_z = sum_z // (to_age - from_age)

    def _cosine(self, direction):
        """Of the angle between the mean and a direction, in 1/1024."""
        direction.lean(self._mean_x, self._mean_y, self._mean_z)
        length_q4 = isqrt(direction.squared << 7) << 4
        return direction.along_q4 * 1024 // length_q4 if length_q4 else 1024

    def _missing_weight(self, from_age, to_age):
        missing = 0
        posture = self._posture
        for age in range(from_age, to_age):
            at = self._index(age)
            # Shifted first: 3 * 32768 * 16384 would not fit.
            along = (self._x_mg[at] >> 4) * posture.x_q14
            along += (self._y_mg[at] >> 4) * posture.y_q14
            along += (self._z_mg[at] >> 4) * posture.z_q14
            missing += 1000 - (along >> 10)
        return missing

    def _sway(self, from_age, to_age):
        largest = 0
        for age in range(from_age, to_age):
            at = self._index(age)
            sway = abs(self._x_mg[at] - self._mean_x)
            sway += abs(self._y_mg[at] - self._mean_y)
            sway += abs(self._z_mg[at] - self._mean_z)
            largest = max(largest, sway)
        return largest

    def _change(self, from_age, to_age, largest_only):
        """Change from slot to slot: the largest, or else the mean, of from_age <= age < to_age."""
        total = 0
        largest = 0
        for age in range(from_age, to_age):
            at = self._index(age)
            older = self._index(age + 1)
            change = abs(self._x_mg[at] - self._x_mg[older])
            change += abs(self._y_mg[at] - self._y_mg[older])
            change += abs(self._z_mg[at] - self._z_mg[older])
            total += change
            largest = max(largest, change)
        return largest if largest_only else total // (to_age - from_age)

    def _impacts(self, from_age, to_age):
        count = 0
        for age in range(from_age, to_age):
            if self._peaks[self._index(age)] > self._hard:
                count += 1
        return count

    def _shock(self, from_age, to_age):
        total = 0
        for age in range(from_age, to_age):
            total += 2 * isqrt(self._peaks[self._index(age)])
        return total

    def _push(self, from_age, to_age):
        largest = 0
        for age in range(from_age, to_age):
            at = self._index(age)
            x = self._x_mg[at] >> 1
            y = self._y_mg[at] >> 1
            z = self._z_mg[at] >> 1
            largest = max(largest, x * x + y * y + z * z)
        return 2 * isqrt(largest)
