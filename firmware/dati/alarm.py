"""The alarm sequence: quiet -> pre-alarm -> alarm -> acknowledged -> quiet, and who may do which.

It only decides; what must be heard and seen leaves as SIGNAL events that the drivers render.
"""

from .events import (
    ACKNOWLEDGED,
    ALARM,
    CANCELLED,
    CAUSE_ADDED,
    CENTRE,
    CLEARED,
    DEAD_MAN,
    PRE_ALARM,
    RECOVERY,
    REFUSED,
    REQUEST_ACKNOWLEDGE,
    REQUEST_CANCEL,
    REQUEST_CLEAR,
    SIGNAL,
    SUPERVISOR,
    TEAR_OFF,
    TECHNICAL,
    VOLUNTARY,
    WORKER,
)
from .ticks import Countdown, ticks_diff

# States, also the argument of the SIGNAL event: each has its pattern.
QUIET = 0
IN_PRE_ALARM = 1  # buzzer rising, vibrator in pulses, LED flashing: "cancel now"
IN_ALARM = 2  # buzzer and LED: locate me
IS_ACKNOWLEDGED = 3  # LED: help is on its way
STATES = (
    (QUIET, "quiet"),
    (IN_PRE_ALARM, "pre_alarm"),
    (IN_ALARM, "alarm"),
    (IS_ACKNOWLEDGED, "acknowledged"),
)

# The worker meant these, or nobody can cancel them: no pre-alarm.
_AT_ONCE = VOLUNTARY | TEAR_OFF | TECHNICAL

# The vibrator pulses in the pre-alarm only. Slots in which it runs or rings down are not judged: 550 ms of every 2 s,
# with the slots cut at both ends at most 1 s. The other half stays judged, so a worker who moves is still seen, and a
# motionless one is not taken for moving because the device shakes itself.
VIBRATOR_PERIOD_MS = 2000
VIBRATOR_ON_MS = 400
_SHAKEN_MS = 550


class AlarmSequence:
    """Causes in, state and events out. At most one sequence runs; later causes join it and none is lost."""

    def __init__(self, pre_alarm_ms, dead_man_pre_alarm_ms, events):
        self.state = QUIET
        self.causes = 0
        self.pre_alarm = Countdown(pre_alarm_ms)
        self._pre_alarm_ms = pre_alarm_ms
        self._dead_man_pre_alarm_ms = dead_man_pre_alarm_ms
        self._events = events
        self._since_ms = 0

    def raise_cause(self, cause, t_ms):
        """A cause has come up."""
        if self.state == QUIET:
            self.causes = cause
            self.pre_alarm.delay_ms = self._delay_ms(cause)
            if cause & _AT_ONCE or self.pre_alarm.delay_ms == 0:
                self._enter(IN_ALARM, ALARM, t_ms)
            else:
                self.pre_alarm.start(t_ms)
                self._enter(IN_PRE_ALARM, PRE_ALARM, t_ms)
            return
        if self.causes & cause:
            return
        self.causes |= cause
        self._events.put(t_ms, CAUSE_ADDED, cause)
        if self.state == IN_PRE_ALARM:
            if cause & _AT_ONCE:
                self._enter(IN_ALARM, ALARM, t_ms)
            elif self.pre_alarm.left_ms(t_ms) > self._delay_ms(cause):
                # A fall does not wait for the longer time that the dead-man check gives.
                self.pre_alarm.delay_ms = self._delay_ms(cause)
                self.pre_alarm.start(t_ms)
        elif self.state == IS_ACKNOWLEDGED:
            # Nobody has acknowledged this one yet.
            self._enter(IN_ALARM, ALARM, t_ms)

    def recovered(self, cause, t_ms):
        """The worker moves or stands again: `cause` no longer speaks for a pre-alarm. True when that ended it."""
        if self.state != IN_PRE_ALARM or not self.causes & cause:
            return False
        self.causes &= ~cause
        if self.causes:
            return False
        self._events.put(t_ms, CANCELLED, RECOVERY)
        self._enter(QUIET, 0, t_ms)
        return True

    def cancel(self, t_ms):
        """The worker's button: ends a pre-alarm, nothing else. True when it did."""
        if self.state != IN_PRE_ALARM:
            if self.state != QUIET:
                self._events.put(t_ms, REFUSED, REQUEST_CANCEL)
            return False
        self._events.put(t_ms, CANCELLED, WORKER)
        self._enter(QUIET, 0, t_ms)
        return True

    def acknowledge(self, t_ms):
        """Somebody answers for the alarm."""
        if self.state != IN_ALARM:
            self._events.put(t_ms, REFUSED, REQUEST_ACKNOWLEDGE)
            return False
        self._enter(IS_ACKNOWLEDGED, ACKNOWLEDGED, t_ms)
        return True

    def clear(self, by, t_ms):
        """End the alarm: only once acknowledged, and only by the centre or a supervisor. True when it did."""
        if self.state != IS_ACKNOWLEDGED or not (by == CENTRE or by == SUPERVISOR):
            self._events.put(t_ms, REFUSED, REQUEST_CLEAR)
            return False
        self._events.put(t_ms, CLEARED, by)
        self._enter(QUIET, 0, t_ms)
        return True

    def resume(self, state, causes, t_ms):
        """Take up what a reset interrupted. A pre-alarm gets its whole time again: it can still be cancelled."""
        if causes == 0 or state == QUIET:
            return
        if state == IN_PRE_ALARM:
            self.raise_cause(causes, t_ms)
            return
        self.causes = causes
        self._enter(state, 0, t_ms)

    def tick(self, t_ms):
        """Let time pass: a pre-alarm that was not cancelled becomes the alarm."""
        if self.pre_alarm.ran_out(t_ms):
            self._enter(IN_ALARM, ALARM, t_ms)

    @property
    def awaits_acknowledgement(self):
        return self.state == IN_ALARM

    def vibrating(self, t_ms):
        """Whether the vibrator is to run now."""
        if self.state != IN_PRE_ALARM:
            return False
        return ticks_diff(t_ms, self._since_ms) % VIBRATOR_PERIOD_MS < VIBRATOR_ON_MS

    def shaking(self, t_ms):
        """Whether our own vibrator shakes the sensor now."""
        if self.state != IN_PRE_ALARM:
            return False
        return ticks_diff(t_ms, self._since_ms) % VIBRATOR_PERIOD_MS < _SHAKEN_MS

    def until_shaking_changes_ms(self, t_ms):
        """How long `shaking` stays as it is; only meaningful in the pre-alarm."""
        phase_ms = ticks_diff(t_ms, self._since_ms) % VIBRATOR_PERIOD_MS
        if phase_ms < _SHAKEN_MS:
            return _SHAKEN_MS - phase_ms
        return VIBRATOR_PERIOD_MS - phase_ms

    def _delay_ms(self, cause):
        return self._dead_man_pre_alarm_ms if cause == DEAD_MAN else self._pre_alarm_ms

    def _enter(self, state, event, t_ms):
        self.state = state
        self._since_ms = t_ms
        if state != IN_PRE_ALARM:
            self.pre_alarm.stop()
        if event:
            self._events.put(t_ms, event, self.causes)
        if state == QUIET:
            self.causes = 0
        self._events.put(t_ms, SIGNAL, state)
