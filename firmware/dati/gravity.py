"""What the detectors share: which way is up, how far it leans, and how much the worker moves. Integers throughout.

Samples are gathered into *slots* of about 160 ms (see `bank`); everything here and in the detectors runs once a slot,
about six times a second, so the cost per sample stays small on an interpreter.
"""

from array import array

# Squared cosines of 0 .. 90 degrees in 1/2**15: no trigonometry at run time. Rounding is below 0.03 degree from 5 to
# 89 degrees.
COS2_Q15 = (
    32768, 32758, 32728, 32678, 32609, 32519, 32410, 32281, 32133, 31966, 31780, 31575, 31352, 31110, 30850,
    30573, 30278, 29967, 29639, 29295, 28935, 28560, 28170, 27765, 27347, 26915, 26471, 26014, 25546, 25066,
    24576, 24076, 23566, 23048, 22522, 21988, 21447, 20900, 20348, 19790, 19229, 18664, 18097, 17527, 16956,
    16384, 15812, 15241, 14671, 14104, 13539, 12978, 12420, 11868, 11321, 10780, 10246, 9720, 9202, 8692, 8192,
    7702, 7222, 6754, 6297, 5853, 5421, 5003, 4598, 4208, 3833, 3473, 3129, 2801, 2490, 2195, 1918, 1658, 1416,
    1193, 988, 802, 635, 487, 358, 249, 159, 90, 40, 10, 0,
)  # fmt: skip


def isqrt(n):
    """Whole square root of 0 .. 2**30 - 1, by Newton's method from the tangents at 2**18 and 2**28.

    A tangent is never below the root, so the steps only come down: 2 to 4 divisions for most, 9 at most.
    """
    if n == 0:
        return 0
    root = min(257 + (n >> 10), 8193 + (n >> 15))
    better = (root + n // root) >> 1
    while better < root:
        root = better
        better = (root + n // root) >> 1
    return root


class Direction:
    """A direction in space, against which vectors are leant.

    A vector is first scaled so that its largest component is 512 to 1023: then every product fits a small int, and
    the angle it is judged by is off by less than 0.2 degree.
    """

    def __init__(self):
        self.x_q14 = 0
        self.y_q14 = 0
        self.z_q14 = 16384
        # Of the vector last given to `lean`: how far it reaches along the direction (1/16), and its squared length
        # (1/128). cos(angle)**2 = along**2 / 256 / (squared * 128).
        self.along_q4 = 0
        self.squared = 0

    def point(self, x, y, z):
        """Take the direction of (x, y, z), int16 each. A zero vector leaves the direction as it was: False."""
        largest = max(abs(x), abs(y), abs(z))
        if largest == 0:
            return False
        while largest > 1023:
            x >>= 1
            y >>= 1
            z >>= 1
            largest >>= 1
        while largest < 512:
            x <<= 1
            y <<= 1
            z <<= 1
            largest <<= 1
        length_q4 = isqrt((x * x + y * y + z * z) << 8)
        half = length_q4 >> 1
        self.x_q14 = ((x << 18) + half) // length_q4
        self.y_q14 = ((y << 18) + half) // length_q4
        self.z_q14 = ((z << 18) + half) // length_q4
        return True

    def lean(self, x, y, z):
        """Measure (x, y, z), int16 each, against this direction; ask `beyond` afterwards."""
        largest = max(abs(x), abs(y), abs(z))
        while largest > 1023:
            x >>= 1
            y >>= 1
            z >>= 1
            largest >>= 1
        while 0 < largest < 512:
            x <<= 1
            y <<= 1
            z <<= 1
            largest <<= 1
        self.along_q4 = (x * self.x_q14 + y * self.y_q14 + z * self.z_q14) >> 10
        self.squared = (x * x + y * y + z * z) >> 7

    def beyond(self, cos2_q15):
        """Whether the vector last measured leans by more than the angle (0 to 90 degrees) of this squared cosine.

        Both products are below 2**30: along is at most 16 * 1773, squared at most 24577.
        """
        return self.along_q4 < 0 or self.along_q4 * self.along_q4 < self.squared * cos2_q15


class Gravity:
    """Gravity as the sensor reads it (up is positive), in mg: slot means through a first-order low-pass.

    The time constant is 4 slots, 0.64 s: shorter and a step tilts it, longer and a change of posture is seen late.
    """

    def __init__(self):
        self.x_mg = 0
        self.y_mg = 0
        self.z_mg = 0
        self._x_q2 = 0
        self._y_q2 = 0
        self._z_q2 = 0
        self._started = False

    def step(self, x_mg, y_mg, z_mg):
        """Take the mean of one slot, int16 each."""
        if self._started:
            self._x_q2 += x_mg - (self._x_q2 >> 2)
            self._y_q2 += y_mg - (self._y_q2 >> 2)
            self._z_q2 += z_mg - (self._z_q2 >> 2)
        else:
            self._started = True
            self._x_q2 = x_mg << 2
            self._y_q2 = y_mg << 2
            self._z_q2 = z_mg << 2
        self.x_mg = self._x_q2 >> 2
        self.y_mg = self._y_q2 >> 2
        self.z_mg = self._z_q2 >> 2


class Motion:
    """How much the worker moves, in mg, judged once a *beat* (about 1 s).

    A worker moves slowly and unevenly; a machine shakes fast and steadily. So the slot means are averaged in pairs
    (320 ms: nulls at 3.1, 6.2, 9.4 Hz...), gravity is taken off, and the largest of the beat is the level. Vibration
    that the sensor folds to a low frequency passes that filter, but its level is the same beat after beat: when 8 in
    a row lie within an eighth of the largest, the lowest of them is the machine's floor, and only what rises above
    it is the worker's. No gait is that even for long: on SisFall's walks 8 beats spread by 18 to 25 % in the median.
    Limit: folded vibration that swells and fades by more reads as motion once it exceeds the sensitivity.

    The sensitivity is a ceiling. Where it is calm, less motion is life: the limit follows four times the typical
    level, between half the sensitivity and all of it. On trams and buses the typical beat is 16 mg, under a seated
    worker's resting hand 3 to 4 mg; the falling of the typical level is slower than its rise, so that a stop at
    traffic lights does not make the limit sharp.
    """

    def __init__(self, sensitivity_mg):
        self.beat_slots = 6
        self.level_mg = 0  # of the last beat
        self.floor_mg = 0
        self.limit_mg = sensitivity_mg
        self.judged = False  # whether the last beat had a slot that could be judged
        self.moving = True  # whether the worker moved in it; a beat not judged is taken for still
        self._sensitivity_mg = sensitivity_mg
        self._highest_typical_q3 = 5 * sensitivity_mg >> 1
        self._typical_q3 = self._highest_typical_q3  # the limit starts high: careful until the place is known
        self._rise_q3 = max(2, sensitivity_mg // 25)
        self._slots_left = self.beat_slots
        self._largest = -1  # squared deviation, mg**2; -1: nothing judged yet in this beat
        self._last_x_mg = 0
        self._last_y_mg = 0
        self._last_z_mg = 0
        self._paired = False
        self._floor_beats = 8
        self._levels_mg = array("h", [0] * self._floor_beats)
        self._last_level_mg = 0
        self._next = 0

    def worker_mg(self):
        """The worker's own motion in the last beat."""
        return self.level_mg - self.floor_mg

    def step(self, x_mg, y_mg, z_mg, gravity, judge):
        """Take the mean of one slot; `judge` is False for one that our own vibrator shook or that is missing.

        Returns True when the slot completes a beat.
        """
        if judge:
            if self._paired:
                x = ((x_mg + self._last_x_mg) >> 1) - gravity.x_mg
                y = ((y_mg + self._last_y_mg) >> 1) - gravity.y_mg
                z = ((z_mg + self._last_z_mg) >> 1) - gravity.z_mg
                x = min(abs(x), 4095)
                y = min(abs(y), 4095)
                z = min(abs(z), 4095)
                squared = x * x + y * y + z * z
                if squared > self._largest:
                    self._largest = squared
            self._last_x_mg = x_mg
            self._last_y_mg = y_mg
            self._last_z_mg = z_mg
        self._paired = judge
        self._slots_left -= 1
        if self._slots_left > 0:
            return False
        self._slots_left = self.beat_slots
        self.judged = self._largest >= 0
        if self.judged:
            self.level_mg = isqrt(self._largest)
            self._largest = -1
            self._follow_floor()
            self.moving = self.worker_mg() > self._follow_limit()
        else:
            self.moving = False
        return True

    def _follow_floor(self):
        # The higher of two beats: a slow tone does not reach its crest in every one.
        self._levels_mg[self._next] = max(self.level_mg, self._last_level_mg)
        self._last_level_mg = self.level_mg
        self._next += 1
        if self._next == self._floor_beats:
            self._next = 0
        lowest_mg = 32767
        highest_mg = 0
        for i in range(self._floor_beats):
            level_mg = self._levels_mg[i]
            lowest_mg = min(lowest_mg, level_mg)
            highest_mg = max(highest_mg, level_mg)
        self.floor_mg = lowest_mg if (highest_mg - lowest_mg) << 3 <= highest_mg else 0

    def _follow_limit(self):
        """The limit for this beat, by what was typical before it; then the typical level takes it in."""
        self.limit_mg = max(self._sensitivity_mg >> 1, min(self._sensitivity_mg, self._typical_q3 >> 1))
        if self.level_mg << 3 > self._typical_q3:
            self._typical_q3 = min(self._highest_typical_q3, self._typical_q3 + self._rise_q3)
        else:
            self._typical_q3 = max(0, self._typical_q3 - (3 * self._rise_q3 >> 2))
        return self.limit_mg
