"""Wearable: the whole mind of the device, where detectors, alarm, modem, messages, place and supervision meet.

Sans-I/O: it is told the time and given samples, bytes and buttons; what it wants of the world it leaves in `modem.out`,
`signal`, `vibrate` and the modem's pin levels, for `runtime.py` to carry out.
"""

from . import duty, journal, signals, supervision
from .alarm import IN_ALARM, IN_PRE_ALARM, IS_ACKNOWLEDGED, QUIET, VIBRATOR_ON_MS
from .clock import Clock
from .commands import ACK, CHECK, CLEAR, LOCATE, STATUS, TEST
from .device import Device
from .events import (
    ACKNOWLEDGED,
    ALARM,
    CANCELLED,
    CAUSE_ADDED,
    CAUSES,
    CENTRE,
    CLEARED,
    DEAD_MAN,
    EVENTS,
    PRE_ALARM,
    REFUSED,
    SAMPLES_LOST,
    SIGNAL,
)
from .memory import Memory
from .modem import DEAD, READY, SIM_ABSENT, SIM_PIN, SIM_PUK, SIM_REFUSED, Modem
from .outbox import Outbox
from .position import Position
from .slots import TwoSlots
from .supervision import StuckAxis, Supervision
from .ticks import Countdown, ticks_diff

_FAST_MS = 20  # between turns while the worker is waited for, or the vibrator must be pulsed
_MODEM_MS = 50  # while the modem has something to say
_SLOW_MS = 200  # in an alarm
_SILENT_MS = 1000  # without samples: the sensor is asked for them at least twice as often
_LOOK_MS = 1000  # between looks at what is supervised
_NAMES = {row[0]: row[1] for row in EVENTS}


class Wearable:
    """One device. `runtime` hands it what happened, then calls `tick`.

    store: the storage port. cipher and random: see `dc09`. log(what, detail): a line on the console, for people.
    """

    def __init__(self, settings, plan, dialect, store, cipher, random, log, t_ms):
        self.settings = settings
        self.plan = plan
        self.log = log
        self.clock = Clock()
        self.device = Device(settings, t_ms)
        self.modem = Modem(dialect, self, plan.apn, plan.pin)
        self.outbox = Outbox(settings, plan, self.modem, self.clock, self, cipher, random)
        self.position = Position()
        self.supervision = Supervision(settings, self)
        self.memory = Memory(store)
        self.place = TwoSlots(store, "place")
        self.journal = journal.Journal(store)
        self.duty = duty.OFF
        self.function_test = None
        self.signal = signals.OFF_DUTY
        self.beeps = []  # short signals that the runtime has not yet played
        self.sensor_ok = True
        self.sensor_suspect = False  # asks the runtime for the sensor's self-test
        self.recorder = None
        self.battery_percent = -1
        self.charging = False
        self._stuck = StuckAxis()
        self._hold = Countdown(settings.duty_hold_ms)  # of the cancel button
        self._look = Countdown(_LOOK_MS)
        self._place_due = Countdown(settings.gnss_interval_ms)
        self._searching = Countdown(settings.gnss_search_ms)
        self._sentences = 0
        self._gnss_on = False
        self._sampled_ms = t_ms  # up to which the device's time has come
        self._look.start(t_ms)

    # --- power-on ---

    def start(self, started_by, t_ms):
        """Take up what a reset or an empty battery interrupted. `started_by` is a reset of `journal`."""
        self.journal.open()
        found = self.memory.load()
        self.note(journal.STARTED, started_by, t_ms)
        place = self.place.load()
        if place:
            self.position.restore(place, -1, t_ms)
        self.device.guard(False)
        if found:
            self.device.bank.set_vertical(*self.memory.vertical)
            self.outbox.restore(self.memory.outbox, t_ms)
            self.device.resume(self.memory.state, self.memory.causes)
            if self.memory.on_duty:
                self._set_duty(duty.ON, t_ms)
                self.supervision.happened(supervision.RESTART, t_ms)
        self.modem.start(t_ms)

    # --- what happens to it ---

    def samples(self, samples, count, overflowed, t_ms):
        """`count` samples from the sensor's FIFO; `overflowed`: others were lost before them."""
        rate_hz = self.settings.rate_hz
        passed_ms = ticks_diff(t_ms, self._sampled_ms)
        if count == 0:
            # While somebody waits on the device's time it must go on; else the next samples will move it.
            if passed_ms > (_FAST_MS if self.waited_for() and not self.sensor_ok else _SILENT_MS):
                self._lose(passed_ms * rate_hz // 1000, t_ms)
            return
        if overflowed:
            self._lose(max(1, passed_ms * rate_hz // 1000 - count), t_ms)
        self._sampled_ms = t_ms
        first = 0
        while first < count:
            taken = self.device.run(samples, first, count)
            if self.function_test is not None:
                self.function_test.samples(samples, first, taken, t_ms)
            first = taken
            self._follow(t_ms)
        if self._stuck.probe(samples, 0, t_ms):
            self.sensor_suspect = True

    def _lose(self, count, t_ms):
        self._sampled_ms = t_ms
        if count > 0:
            self.device.lost(count)
            self._follow(t_ms)

    def sensor(self, ok, t_ms):
        """Whether the sensor works: it answers, is the part it should be, and passed its self-test when asked."""
        if self.sensor_ok and not ok:
            self.device.blind()
        self.sensor_ok = ok
        self.sensor_suspect = False
        if self.function_test is not None:
            self.function_test.done(duty.SENSOR, t_ms, ok)

    def sos(self, pressed, t_ms):
        if pressed and self.function_test is not None and self.function_test.step == duty.PRESS:
            self.function_test.done(duty.PRESS, t_ms)
        elif pressed:
            self.device.press_sos()
        else:
            self.device.release_sos()
        self._follow(t_ms)

    def cancel(self, pressed, t_ms):
        """The cancel button: cancels, answers, and held long begins or ends duty."""
        if not pressed:
            self._hold.stop()
            return
        if self.device.alarm.state == QUIET:
            self._hold.start(t_ms)
        self.device.cancel()
        self._follow(t_ms)

    def cord(self, pulled, t_ms):
        if self.duty != duty.ON:
            return
        if pulled:
            self.device.pull_cord()
        else:
            self.device.restore_cord()
        self._follow(t_ms)

    def power(self, percent, charging, t_ms):
        """The battery, now and then: `percent` -1 when not known."""
        self.battery_percent = percent
        if charging != self.charging:
            self.charging = charging
            self.note(journal.CHARGING_BEGAN if charging else journal.CHARGING_ENDED, percent, t_ms)
            if charging and self.device.alarm.state == QUIET and self.duty != duty.OFF:
                self._set_duty(duty.CHARGING, t_ms)
            elif self.duty in (duty.OFF, duty.CHARGING):
                self.duty = duty.CHARGING if charging else duty.OFF
        if self.function_test is not None and self.function_test.step == duty.BATTERY and percent >= 0:
            self.function_test.battery(percent, t_ms)

    def crashed(self, part, t_ms):
        """A part of the program failed and was started anew, or left out."""
        self.note_text(journal.NOTE, "crash " + part, t_ms)
        self.supervision.happened(supervision.PROGRAM, t_ms)

    # --- time ---

    def tick(self, t_ms):
        if self._hold.ran_out(t_ms):
            self._toggle_duty(t_ms)
        if self.function_test is not None:
            self._tick_function_test(t_ms)
        self.position.tick(t_ms)
        if self.position.utc_s >= 0 and not self.clock.is_set():
            self._tell_time(self.position.utc_s, self.position.utc_at_ms, t_ms)
        self._tick_gnss(t_ms)
        self._tell_facts(t_ms)
        self.modem.tick(t_ms)
        self.outbox.tick(t_ms)
        self.supervision.tick(t_ms)
        if self._look.ran_out(t_ms):
            self._look.start(t_ms)
            self._supervise(t_ms)
        self.signal = self._signal()
        if self.outbox.changed:
            self.outbox.changed = False
            self.save()

    def waited_for(self):
        """Whether the worker does something, or is to do it now: the device must look at once."""
        state = self.device.alarm.state
        return state == IN_PRE_ALARM or self.device.sos.running or self._hold.running or self.function_test is not None

    def poll_ms(self, idle_ms):
        """How long the board may leave it alone, at most `idle_ms`."""
        if self.waited_for():
            return min(idle_ms, _FAST_MS)
        if self.modem.busy or self._gnss_on:
            return min(idle_ms, _MODEM_MS)
        if self.device.alarm.state != QUIET:
            return min(idle_ms, _SLOW_MS)
        return idle_ms

    @property
    def may_doze(self):
        """Whether the serial lines may go deaf meanwhile."""
        return not (self.modem.busy or self._gnss_on or self.waited_for())

    @property
    def vibrate(self):
        """Whether the vibrator runs: in step with the slots that the detectors leave out."""
        alarm = self.device.alarm
        return alarm.state == IN_PRE_ALARM and alarm.phase_ms(self.device.now_ms) < VIBRATOR_ON_MS

    # --- inside ---

    def _follow(self, t_ms):
        """Draw the consequences of the device's events."""
        events = self.device.events
        while events.count:
            code = events.code()
            argument = events.argument()
            events.drop()
            if code == SIGNAL:
                continue
            self.note(code, argument, t_ms)
            if code == ALARM:
                self._raise_alarm(argument, t_ms)
            elif code == CAUSE_ADDED and self.device.alarm.state == IN_ALARM:
                self.outbox.add_cause(self.device.alarm.causes, t_ms)
            elif code == CANCELLED:
                self.outbox.cancelled(t_ms)
            elif code == ACKNOWLEDGED:
                self.outbox.acknowledged(t_ms)
            elif code == CLEARED:
                self.outbox.cleared(t_ms)
            elif code == REFUSED:
                self.beeps.append(signals.REFUSED)
            if code == ALARM or code == ACKNOWLEDGED or code == CLEARED or code == CAUSE_ADDED:
                self.save()

    def _raise_alarm(self, causes, t_ms):
        memory = self.memory
        if memory.state == IS_ACKNOWLEDGED:
            self.outbox.add_cause(causes, t_ms)
            return
        memory.number = memory.number % 9999 + 1
        memory.utc_s = self.clock.utc_s(t_ms)
        self._tell_facts(t_ms)
        self.outbox.alarm(memory.number, causes, t_ms, self.function_test is not None)

    def save(self):
        memory = self.memory
        memory.state = self.device.alarm.state
        memory.causes = self.device.alarm.causes
        memory.on_duty = self.duty == duty.ON
        vertical = self.device.bank.vertical
        memory.vertical = (vertical.x_q14, vertical.y_q14, vertical.z_q14)
        memory.outbox = self.outbox.save()
        return memory.save()

    def note(self, kind, argument, t_ms):
        """Into the journal, and on the console."""
        self.log(_NAMES.get(kind, "") or journal.name_of(kind), argument)
        self.journal.put_number(kind, argument, self.clock.utc_s(t_ms), t_ms)

    def note_text(self, kind, text, t_ms):
        self.log(journal.name_of(kind), text)
        self.journal.put_text(kind, text, self.clock.utc_s(t_ms), t_ms)
