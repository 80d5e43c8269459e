"""What the detectors share: which way is up, how far it leans, and how much the worker moves. Integers throughout.

Samples are gathered into *slots* of about 160 ms (see `bank`); everything here and in the detectors runs once a slot,
about six times a second, so the cost per sample stays small on an interpreter.
"""

from array import array

# Cosines of 0 .. 90 degrees in 1/2**14: no trigonometry at run time. Rounding is below 0.01 degree above 5 degrees.
COS_Q14 = (
    16384, 16382, 16374, 16362, 16344, 16322, 16294, 16262, 16225, 16182, 16135, 16083, 16026, 15964, 15897, 15826,
    15749, 15668, 15582, 15491, 15396, 15296, 15191, 15082, 14968, 14849, 14726, 14598, 14466, 14330, 14189, 14044,
    13894, 13741, 13583, 13421, 13255, 13085, 12911, 12733, 12551, 12365, 12176, 11982, 11786, 11585, 11381, 11174,
    10963, 10749, 10531, 10311, 10087, 9860, 9630, 9397, 9162, 8923, 8682, 8438, 8192, 7943, 7692, 7438, 7182, 6924,
    6664, 6402, 6138, 5872, 5604, 5334, 5063, 4790, 4516, 4240, 3964, 3686, 3406, 3126, 2845, 2563, 2280, 1997, 1713,
    1428, 1143, 857, 572, 286, 0,
)  # fmt: skip


def isqrt(n):
    """Whole square root of 0 .. 2**30 - 1, by Newton's method from the tangent at 2**28.

    That start is never below the root, so the steps only come down; it is 2 divisions for gravity at rest, at most 15.
    """
    if n == 0:
        return 0
    root = 8193 + (n >> 15)
    better = (root + n // root) >> 1
    while better < root:
        root = better
        better = (root + n // root) >> 1
    return root


class Direction:
    """A direction in space, against which vectors are leant.

    A vector is first scaled so that its largest component is below 1024: then every product fits a small int, and
    the angle it is judged by is off by less than 0.1 degree.
    """

    def __init__(self):
        self.x_q14 = 0
        self.y_q14 = 0
        self.z_q14 = 16384
        # Of the last vector given to `lean`: cos(angle) = along / length. Both below 2**29.
        self.along = 0
        self.length = 0

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
        # |vector| <= 1773, in 1/16: the square is at most 3 * 1024**2 * 256 = 805 million.
        self.length = isqrt((x * x + y * y + z * z) << 8)
        self.along = (x * self.x_q14 + y * self.y_q14 + z * self.z_q14) << 4

    def beyond(self, cos_q14):
        """Whether the vector last measured leans by more than the angle of this cosine (0 to 90 degrees)."""
        return self.along < self.length * cos_q14


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
    """

    def __init__(self):
        self.beat_slots = 6
        self.level_mg = 0  # of the last beat
        self.floor_mg = 0
        self.judged = False  # whether the last beat had a slot that could be judged
        self._slots_left = self.beat_slots
        self._largest = -1  # squared deviation, mg**2; -1: nothing judged yet in this beat
        self._last_x_mg = 0
        self._last_y_mg = 0
        self._last_z_mg = 0
        self._paired = False
        self._floor_beats = 8
        self._levels_mg = array("h", [0] * self._floor_beats)
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
            self._levels_mg[self._next] = self.level_mg
            self._next += 1
            if self._next == self._floor_beats:
                self._next = 0
            lowest_mg = self.level_mg
            highest_mg = lowest_mg
            for i in range(self._floor_beats):
                level_mg = self._levels_mg[i]
                if level_mg < lowest_mg:
                    lowest_mg = level_mg
                elif level_mg > highest_mg:
                    highest_mg = level_mg
            self.floor_mg = lowest_mg if (highest_mg - lowest_mg) << 3 <= highest_mg else 0
        return True
