"""Duty: off, being tested, on, in the charger; and the function test without which duty does not begin.

DGUV Information 212-139, annex 2: every active kind of alarm is tested each time operation begins. The worker is led
by signals: stand still (zeroing), tilt, hold still, knock, press SOS; then the link is tried with a test message.
"""

from . import signals
from .gravity import COS2_Q15, Direction
from .ticks import Countdown

OFF = 0
TESTING = 1
ON = 2
CHARGING = 3
STATES = ((OFF, "off_duty"), (TESTING, "function_test"), (ON, "on_duty"), (CHARGING, "charging"))

# Steps of the function test, in their order; bits of `passed`.
SENSOR = 0x01
STAND = 0x02
TILT = 0x04
HOLD = 0x08
KNOCK = 0x10
PRESS = 0x20
LINK = 0x40
BATTERY = 0x80
STEPS = (
    (SENSOR, "sensor"),
    (BATTERY, "battery"),
    (STAND, "stand"),
    (TILT, "tilt"),
    (HOLD, "hold"),
    (KNOCK, "knock"),
    (PRESS, "press"),
    (LINK, "link"),
)
SIGNAL_OF = {
    STAND: signals.DUTY_STAND,
    TILT: signals.DUTY_TILT,
    HOLD: signals.DUTY_HOLD,
    KNOCK: signals.DUTY_KNOCK,
    PRESS: signals.DUTY_PRESS,
    LINK: signals.DUTY_LINK,
}

_STEP_MS = 30000  # for the worker
LINK_MS = 120000  # a modem just switched on registers within half a minute; then a message and its answer
_SETTLE_MS = 2000  # standing still before it counts


def name_of(step):
    for code, name in STEPS:
        if code == step:
            return name
    return str(step)


def names_of(passed):
    """Names of the steps in a bit set."""
    return " ".join([name for code, name in STEPS if passed & code])


class FunctionTest:
    """One run through the steps of what is enabled. `tick` until `over`; then `failed` is 0 or the step that failed."""

    def __init__(self, settings, device, t_ms):
        self._device = device
        self._threshold_cos2_q15 = COS2_Q15[settings.verticality_threshold_deg]
        self._impact_mg = settings.fall_impact_mg
        self._low_percent = settings.low_battery_percent
        self._steps = [SENSOR, BATTERY, STAND]
        if settings.verticality_enabled:
            self._steps.append(TILT)
        if settings.immobility_enabled:
            self._steps.append(HOLD)
        if settings.fall_enabled or settings.flight_enabled:
            self._steps.append(KNOCK)
        self._steps += [PRESS, LINK]
        self._limit = Countdown(_STEP_MS)
        self._settle = Countdown(_SETTLE_MS)
        self._upright = Direction()
        self.passed = 0
        self.failed = 0
        self.over = False
        self.step = 0
        self.changed = False  # for the owner to unset: a step was passed
        self.stood = False  # the same: the worn vertical was learned
        self._next(t_ms)

    @property
    def signal(self):
        """What the worker is asked to do now."""
        return SIGNAL_OF.get(self.step, signals.DUTY_LINK)

    def done(self, step, t_ms, passed=True):
        """`step` was seen: the sensor's self-test, the SOS button, the answer to the test message."""
        if step != self.step or self.over:
            return
        if passed:
            self._next(t_ms)
        else:
            self._fail()

    def battery(self, percent, t_ms):
        self.done(BATTERY, t_ms, percent >= self._low_percent)

    def samples(self, samples, first, end, t_ms):
        """Motion while the test runs, after the device has taken it."""
        bank = self._device.bank
        if self.step == KNOCK:
            half_mg = self._impact_mg >> 1
            for i in range(3 * first, 3 * end, 3):
                x = samples[i] >> 1
                y = samples[i + 1] >> 1
                z = samples[i + 2] >> 1
                if x * x + y * y + z * z > half_mg * half_mg:
                    self._next(t_ms)
                    return
        elif self.step == TILT:
            gravity = bank.gravity
            self._upright.lean(gravity.x_mg, gravity.y_mg, gravity.z_mg)
            if self._upright.beyond(self._threshold_cos2_q15):
                self._next(t_ms)
        elif self.step == HOLD:
            if bank.motion.moving or not bank.motion.judged:
                self._settle.start(t_ms)
            elif self._settle.ran_out(t_ms):
                self._next(t_ms)

    def tick(self, t_ms):
        if self.over:
            return
        if self.step == STAND and self._settle.ran_out(t_ms):
            if self._device.zero():
                vertical = self._device.bank.vertical
                self._upright.point(vertical.x_q14, vertical.y_q14, vertical.z_q14)
                self.stood = True
                self._next(t_ms)
            else:
                self._settle.start(t_ms)
        if self._limit.ran_out(t_ms):
            self._fail()

    def _next(self, t_ms):
        self.passed |= self.step
        self.changed = True
        if not self._steps:
            self.over = True
            self._limit.stop()
            return
        self.step = self._steps.pop(0)
        self._limit.delay_ms = LINK_MS if self.step == LINK else _STEP_MS
        self._limit.start(t_ms)
        self._settle.start(t_ms)

    def _fail(self):
        self.failed = self.step
        self.over = True
        self._limit.stop()
