"""The shift: when duty begins and ends, the function test before it, and test alarms."""

from . import duty, journal, signals
from .alarm import QUIET
from .ticks import Countdown


class Shift:
    """Of one `wearable`, whose `duty` and `function_test` it sets."""

    def __init__(self, wearable):
        self._wearable = wearable
        self._test = Countdown(duty.LINK_MS)  # of a test alarm that was asked for
        self.cord_out = False

    @property
    def testing(self):
        """Whether a test alarm is under way."""
        return self._test.running

    def test_alarm(self, t_ms):
        """A message that says TEST, to whom an alarm would go first."""
        wearable = self._wearable
        wearable.memory.number = wearable.memory.number % 9999 + 1
        wearable.note(journal.TEST_ALARM, 0, t_ms)
        wearable.tell_facts(t_ms)
        if wearable.outbox.alarm(wearable.memory.number, 0, t_ms, True):
            self._test.start(t_ms)

    def test_arrived(self, t_ms):
        """Somebody has, or has receipted, the test alarm."""
        wearable = self._wearable
        self._end_test_alarm(t_ms)
        if wearable.function_test is not None:
            wearable.function_test.done(duty.LINK, t_ms)

    def _end_test_alarm(self, t_ms):
        wearable = self._wearable
        self._test.stop()
        if wearable.outbox.record.test:
            wearable.outbox.cleared(t_ms)

    def toggle(self, t_ms):
        wearable = self._wearable
        if wearable.device.alarm.state != QUIET or wearable.duty == duty.CHARGING:
            wearable.beep(signals.REFUSED)
        elif wearable.duty == duty.OFF:
            missing = wearable.plan.missing()
            if not missing and self.cord_out and wearable.settings.tear_off_enabled:
                missing = "cord"
            if missing:
                self._refuse(missing, t_ms)
                return
            wearable.duty = duty.TESTING
            wearable.function_test = duty.FunctionTest(wearable.settings, wearable.device, t_ms)
            wearable.sensor_suspect = True
        elif wearable.duty == duty.TESTING:
            self._refuse("given up", t_ms)
        else:
            self.set_duty(duty.OFF, t_ms)

    def tick(self, t_ms):
        wearable = self._wearable
        if self._test.ran_out(t_ms):
            self._end_test_alarm(t_ms)
        test = wearable.function_test
        if test is None:
            return
        test.tick(t_ms)
        if test.stood:
            test.stood = False
            wearable.note_health(wearable.health.standing(wearable.device.bank), t_ms)
        if test.changed:
            test.changed = False
            wearable.beep(signals.STEP_DONE)
        if test.step == duty.LINK and not test.over and not self._test.running:
            self.test_alarm(t_ms)
        if test.over:
            wearable.function_test = None
            if test.failed:
                self._refuse(duty.name_of(test.failed), t_ms)
            else:
                wearable.note_text(journal.TEST_PASSED, duty.names_of(test.passed), t_ms)
                self.set_duty(duty.ON, t_ms)

    def interrupt(self, t_ms):
        """A true alarm, or the charger, ends a function test."""
        wearable = self._wearable
        if wearable.function_test is not None:
            self._refuse("interrupted", t_ms)
        self._end_test_alarm(t_ms)

    def _refuse(self, why, t_ms):
        wearable = self._wearable
        wearable.function_test = None
        wearable.duty = duty.OFF
        self._end_test_alarm(t_ms)
        wearable.note_text(journal.DUTY_REFUSED, why, t_ms)
        wearable.beep(signals.DUTY_REFUSED)

    def set_duty(self, state, t_ms, resumed=False):
        wearable = self._wearable
        before = wearable.duty
        wearable.duty = state
        on = state == duty.ON
        if on != (before == duty.ON):
            wearable.note(journal.DUTY_BEGUN if on else journal.DUTY_ENDED, 0, t_ms)
            wearable.beep(signals.DUTY_BEGUN if on else signals.DUTY_ENDED)
            wearable.device.guard(on)
            wearable.outbox.guard(on, t_ms)
            if not resumed:
                wearable.outbox.duty(on, t_ms)
            wearable.watch.duty_changed(on, t_ms)
            wearable.save()
