"""DetectorBank: samples in, the conditions that began or ended out. Allocates nothing after it is made."""

from array import array

from .fall import Fall
from .flight import Flight
from .gravity import Direction, Gravity, Motion
from .immobility import Immobility
from .verticality import Verticality

_LOWEST_1G_MG = 850  # at rest within these, or zeroing is refused: the sensor is moving or faulty
_HIGHEST_1G_MG = 1150


class DetectorBank:
    """All detectors over one stream of samples at `settings.rate_hz`.

    Samples are gathered into slots of `slot_samples`, a power of two (its mean is a shift) and 113 to 226 ms long,
    160 ms at 25, 50, 100 and 200 Hz. What runs for every sample is three sums, one sum of squares and a comparison;
    the rest runs once a slot. Delays are converted from ms once, here.

    After `run`, `step` or `skip`, `began` and `ended` hold the conditions (bits of `events`) that changed.
    """

    def __init__(self, settings):
        rate_hz = settings.rate_hz
        self._slot_shift = 2
        while (1000 << self._slot_shift) < 113 * rate_hz:
            self._slot_shift += 1
        self.slot_samples = 1 << self._slot_shift
        self._rate_hz = rate_hz
        self.conditions = 0
        self.began = 0
        self.ended = 0
        self.shaken = False  # set by the device while its own vibrator runs
        self.gravity = Gravity()
        self.motion = Motion(settings.immobility_sensitivity_mg)
        self.vertical = Direction()
        self.verticality = Verticality(
            settings, self.slots(settings.verticality_delay_ms), self.slots(settings.verticality_return_ms)
        )
        self.immobility = Immobility(
            self.beats(settings.immobility_delay_ms), self.beats(settings.immobility_return_ms)
        )
        self.fall = Fall(settings, self.slots, self.vertical)
        self.flight = Flight(settings, self.beats(settings.flight_delay_ms))
        self._verticality_on = settings.verticality_enabled
        self._immobility_on = settings.immobility_enabled
        self._fall_on = settings.fall_enabled
        self._flight_on = settings.flight_enabled
        self._sensitivity_mg = settings.immobility_sensitivity_mg
        self._beat_peak = 0
        self._one = array("h", [0, 0, 0])
        # The slot in progress.
        self._left = self.slot_samples
        self._sum_x = 0
        self._sum_y = 0
        self._sum_z = 0
        self._peak = 0
        self._missing = 0
        self._shaken_slot = False
        # The mean of the last slot.
        self._x_mg = 0
        self._y_mg = 0
        self._z_mg = 0
        axis = settings.worn_up_axis
        up_mg = 1000 if axis > 0 else -1000
        self.set_vertical(
            up_mg if abs(axis) == 1 else 0, up_mg if abs(axis) == 2 else 0, up_mg if abs(axis) == 3 else 0
        )

    def slots(self, delay_ms):
        """`delay_ms` (up to 1 h at 200 Hz: 720 million) in slots, rounded up, at least 1."""
        slot = 1000 * self.slot_samples
        return max(1, (delay_ms * self._rate_hz + slot - 1) // slot)

    def beats(self, delay_ms):
        """`delay_ms` in beats of the motion measure, rounded up, at least 1."""
        beat = self.motion.beat_slots
        return max(1, (self.slots(delay_ms) + beat - 1) // beat)

    def set_vertical(self, x_mg, y_mg, z_mg):
        """The worn vertical: what the sensor reads (up is positive) while the worker stands. False if all zero."""
        return self.vertical.point(x_mg, y_mg, z_mg)

    def zero(self):
        """Learn the worn vertical from gravity now. False, and nothing learned, unless the worker is seen still."""
        if not self.motion.judged or self.motion.level_mg > self._sensitivity_mg:
            return False
        gravity = self.gravity
        if max(abs(gravity.x_mg), abs(gravity.y_mg), abs(gravity.z_mg)) > _HIGHEST_1G_MG:
            return False
        squared = gravity.x_mg * gravity.x_mg + gravity.y_mg * gravity.y_mg + gravity.z_mg * gravity.z_mg
        if squared < _LOWEST_1G_MG * _LOWEST_1G_MG or squared > _HIGHEST_1G_MG * _HIGHEST_1G_MG:
            return False
        return self.set_vertical(gravity.x_mg, gravity.y_mg, gravity.z_mg)

    def rearm(self):
        """Forget every condition: each needs its full delay again."""
        self.conditions = 0
        self.verticality.rearm()
        self.immobility.rearm()
        self.fall.rearm()
        self.flight.rearm()

    def step(self, x_mg, y_mg, z_mg):
        """Take one sample, int16 milli-g each; True when a condition changed."""
        one = self._one
        one[0] = x_mg
        one[1] = y_mg
        one[2] = z_mg
        self.run(one, 0, 1)
        return self.began != 0 or self.ended != 0

    def run(self, samples, first, end):
        """Take samples `first` <= i < `end` of an int16 array x, y, z, x, y, z... in milli-g.

        Stops after a sample that changed a condition; returns the index of the next one to take.
        """
        self.began = 0
        self.ended = 0
        left = self._left
        sum_x = self._sum_x
        sum_y = self._sum_y
        sum_z = self._sum_z
        peak = self._peak
        if self.shaken:
            self._shaken_slot = True
        i = 3 * first
        while first < end:
            stop = min(end, first + left)
            left -= stop - first
            for _ in range(first, stop):
                x = samples[i]
                y = samples[i + 1]
                z = samples[i + 2]
                i += 3
                sum_x += x
                sum_y += y
                sum_z += z
                # Halved before squaring: 3 * 16384**2 = 805 million fits a small int, 3 * 32768**2 would not.
                x >>= 1
                y >>= 1
                z >>= 1
                squared = x * x + y * y + z * z
                if squared > peak:
                    peak = squared
            first = stop
            if left == 0:
                self._sum_x = sum_x
                self._sum_y = sum_y
                self._sum_z = sum_z
                self._peak = peak
                self._finish_slot()
                left = self._left
                sum_x = 0
                sum_y = 0
                sum_z = 0
                peak = 0
                if self.began != 0 or self.ended != 0:
                    break
        self._left = left
        self._sum_x = sum_x
        self._sum_y = sum_y
        self._sum_z = sum_z
        self._peak = peak
        return first

    def skip(self, count):
        """Let `count` lost samples pass; stops like `run`, returns how many passed.

        Lost time is time: delays go on under the last judgement, for a gap must not hide a motionless worker.
        """
        self.began = 0
        self.ended = 0
        passed = 0
        while passed < count:
            take = min(count - passed, self._left)
            passed += take
            self._left -= take
            self._missing += take
            if self._left == 0:
                self._finish_slot()
                if self.began != 0 or self.ended != 0:
                    break
        return passed

    def _finish_slot(self):
        """Judge the slot that is full, and start the next."""
        got = self.slot_samples - self._missing
        judge = not self._shaken_slot and 2 * got >= self.slot_samples
        # A slot that is not judged leaves posture as the last one had it.
        if judge and self._missing == 0:
            self._x_mg = self._sum_x >> self._slot_shift
            self._y_mg = self._sum_y >> self._slot_shift
            self._z_mg = self._sum_z >> self._slot_shift
        elif judge:
            self._x_mg = self._sum_x // got
            self._y_mg = self._sum_y // got
            self._z_mg = self._sum_z // got
        peak = self._peak
        self._left = self.slot_samples
        self._sum_x = 0
        self._sum_y = 0
        self._sum_z = 0
        self._peak = 0
        self._missing = 0
        self._shaken_slot = self.shaken
        self._judge(self._x_mg, self._y_mg, self._z_mg, peak, judge)

    def _judge(self, x_mg, y_mg, z_mg, peak, judge):
        gravity = self.gravity
        motion = self.motion
        if judge:
            gravity.step(x_mg, y_mg, z_mg)
        if peak > self._beat_peak:
            self._beat_peak = peak
        conditions = 0
        if motion.step(x_mg, y_mg, z_mg, gravity, judge):
            if self._immobility_on:
                self.immobility.step(motion.moving)
            if self._flight_on and motion.judged:
                self.flight.step(self._beat_peak)
            self._beat_peak = 0
        if self._verticality_on:
            self.vertical.lean(gravity.x_mg, gravity.y_mg, gravity.z_mg)
            self.verticality.step(self.vertical, motion.moving)
            if self.verticality.active:
                conditions |= self.verticality.cause
        if self.immobility.active:
            conditions |= self.immobility.cause
        if self.flight.active:
            conditions |= self.flight.cause
        if self._fall_on:
            self.fall.step(x_mg, y_mg, z_mg, peak)
            if self.fall.active:
                conditions |= self.fall.cause
        self.began = conditions & ~self.conditions
        self.ended = self.conditions & ~conditions
        self.conditions = conditions
