"""Device: the only place where samples, buttons, time and the alarm meet."""

from .alarm import IN_PRE_ALARM, QUIET, AlarmSequence
from .bank import DetectorBank
from .events import (
    CONDITION_BEGAN,
    CONDITION_ENDED,
    DEAD_MAN,
    FALL,
    FLIGHT,
    IMMOBILITY,
    REFUSED,
    REQUEST_ZERO,
    SAMPLES_LOST,
    TEAR_OFF,
    TECHNICAL,
    VERTICALITY,
    VOLUNTARY,
    ZEROED,
    EventQueue,
)
from .ticks import Countdown, ticks_add

_DETECTED = (FALL, FLIGHT, VERTICALITY, IMMOBILITY)  # most urgent first, the order in which they are reported
_RECOVERABLE = VERTICALITY | IMMOBILITY


class Device:
    """One lone worker's alarm. Its time is the accelerometer's: `now_ms` moves on with every sample, taken or lost.

    Blocks of any size give the same events at the same sample: a block is cut wherever something is due.
    """

    def __init__(self, settings, start_ms=0):
        """`start_ms` is the tick (0 .. 2**30 - 1) at which the first sample begins."""
        self.events = EventQueue()
        self.bank = DetectorBank(settings)
        self.alarm = AlarmSequence(settings.pre_alarm_ms, settings.dead_man_pre_alarm_ms, self.events)
        self.sos = Countdown(settings.sos_hold_ms)
        self.tear_off = Countdown(settings.tear_off_delay_ms)
        self.dead_man = Countdown(settings.dead_man_interval_ms)
        self.silence = Countdown(settings.technical_delay_ms)  # of the sensor
        self._rate_hz = settings.rate_hz
        self._recovery_cancels = settings.recovery_cancels
        self._tear_off_on = settings.tear_off_enabled
        self._dead_man_on = settings.dead_man_enabled
        self.guarding = True  # on duty: what the detectors find is raised
        self._second_ms = start_ms  # the tick at which the current second of samples began
        self._in_second = 0  # samples since
        self.now_ms = start_ms
        if self._dead_man_on:
            self.dead_man.start(start_ms)

    # --- motion ---

    def run(self, samples, first, end):
        """Take samples `first` <= i < `end` of an int16 array x, y, z, x, y, z... in milli-g.

        Stops as soon as there are events to read; returns the index of the next sample to take.
        """
        if first < end:
            self.silence.stop()
        while first < end and self.events.count == 0:
            stop = min(end, first + self._samples_until_due())
            self.bank.shaken = self.alarm.shaking(self.now_ms)
            taken = self.bank.run(samples, first, stop)
            self._pass(taken - first)
            first = taken
            self._follow()
        return first

    def lost(self, count):
        """`count` samples were lost (FIFO overflow, bus fault, silence): time passes without motion being seen."""
        self.events.put(self.now_ms, SAMPLES_LOST, count)
        if self.guarding and not self.silence.running:
            self.silence.start(self.now_ms)
        while count > 0:
            self.bank.shaken = self.alarm.shaking(self.now_ms)
            passed = self.bank.skip(min(count, self._samples_until_due()))
            self._pass(passed)
            count -= passed
            self._follow()

    # --- the worker, the centre ---

    def press_sos(self):
        """The SOS button goes down."""
        self.sos.start(self.now_ms)
        self._follow_time()

    def release_sos(self):
        self.sos.stop()

    def pull_cord(self):
        """The tear-off cord is out."""
        if self._tear_off_on:
            self.tear_off.start(self.now_ms)
            self._follow_time()

    def restore_cord(self):
        self.tear_off.stop()

    def cancel(self):
        """The worker's cancel button: cancels a pre-alarm, and is a sign of life while quiet."""
        if self.alarm.cancel(self.now_ms):
            self._start_over()
        elif self.alarm.state == QUIET and self._dead_man_on and self.guarding:
            self.dead_man.start(self.now_ms)

    def acknowledge(self):
        """The receiving centre, or a contact, answers for the alarm."""
        return self.alarm.acknowledge(self.now_ms)

    def clear(self, by):
        """End an acknowledged alarm; `by` is a party of `events`. Refused to the worker, and before acknowledgement."""
        if self.alarm.clear(by, self.now_ms):
            self._start_over()
            return True
        return False

    def ask(self):
        """The centre asks for a sign of life: the dead-man check, now."""
        self.alarm.raise_cause(DEAD_MAN, self.now_ms)

    def blind(self):
        """The sensor is known to tell nothing true (self-test failed, an axis stuck): a technical alarm."""
        self.alarm.raise_cause(TECHNICAL, self.now_ms)

    def guard(self, on):
        """Begin or end to guard. Off duty the buttons still raise an alarm; detectors and dead-man check do not."""
        if on and not self.guarding:
            self.bank.rearm()
        self.guarding = on
        if on and self._dead_man_on:
            self.dead_man.start(self.now_ms)
        elif not on:
            self.dead_man.stop()
            self.silence.stop()

    def resume(self, state, causes):
        """Take up an alarm that a reset interrupted: `state` of `alarm`, and its causes."""
        self.alarm.resume(state, causes, self.now_ms)

    def zero(self):
        """Learn the worn vertical: the worker stands upright and still. False when that could not be seen."""
        if self.bank.zero():
            self.events.put(self.now_ms, ZEROED, 0)
            return True
        self.events.put(self.now_ms, REFUSED, REQUEST_ZERO)
        return False

    # --- inside ---

    def _start_over(self):
        """After a cancel or the end of an alarm every delay starts anew."""
        self.bank.rearm()
        if self._dead_man_on and self.guarding:
            self.dead_man.start(self.now_ms)

    def _pass(self, count):
        """Move time on by `count` samples, exactly: no rounding adds up."""
        self._in_second += count
        if self._in_second >= self._rate_hz:
            # At most one hour at a time, see _samples_until_due: 3.6 million ms.
            self._second_ms = ticks_add(self._second_ms, self._in_second // self._rate_hz * 1000)
            self._in_second %= self._rate_hz
        self.now_ms = ticks_add(self._second_ms, self._in_second * 1000 // self._rate_hz)

    def _samples_until_due(self):
        """How many samples may pass before something must be looked at: 1 or more, never too many."""
        left_ms = 3600000
        if self.alarm.state == IN_PRE_ALARM:
            left_ms = self.alarm.until_shaking_changes_ms(self.now_ms)
            left_ms = self._sooner(self.alarm.pre_alarm, left_ms)
        left_ms = self._sooner(self.sos, left_ms)
        left_ms = self._sooner(self.tear_off, left_ms)
        left_ms = self._sooner(self.dead_man, left_ms)
        left_ms = self._sooner(self.silence, left_ms)
        # At most 3600000 * 200 = 720 million. Rounded down: the rest follows in steps of one.
        return max(1, left_ms * self._rate_hz // 1000)

    def _sooner(self, countdown, left_ms):
        if countdown.running:
            return min(left_ms, countdown.left_ms(self.now_ms))
        return left_ms

    def _follow(self):
        """Draw the consequences of what the detectors found and of the time that passed."""
        bank = self.bank
        if bank.began != 0 or bank.ended != 0:
            for cause in _DETECTED:
                if bank.ended & cause and self.guarding:
                    self.events.put(self.now_ms, CONDITION_ENDED, cause)
                    if self._recovery_cancels and cause & _RECOVERABLE and self.alarm.recovered(cause, self.now_ms):
                        self._start_over()
                if bank.began & cause and self.guarding:
                    self.events.put(self.now_ms, CONDITION_BEGAN, cause)
                    self.alarm.raise_cause(cause, self.now_ms)
        self._follow_time()

    def _follow_time(self):
        self.alarm.tick(self.now_ms)
        if self.sos.ran_out(self.now_ms):
            self.alarm.raise_cause(VOLUNTARY, self.now_ms)
        if self.tear_off.ran_out(self.now_ms):
            self.alarm.raise_cause(TEAR_OFF, self.now_ms)
        if self.dead_man.ran_out(self.now_ms):
            self.alarm.raise_cause(DEAD_MAN, self.now_ms)
        if self.silence.ran_out(self.now_ms):
            self.alarm.raise_cause(TECHNICAL, self.now_ms)
