"""Wearable: the whole mind of the device, where detectors, alarm, modem, messages, place and supervision meet.

Sans-I/O: it is told the time and given samples, bytes and buttons; what it wants of the world it leaves in `modem`,
`signal`, `beeps` and `vibrate`, for `runtime.py` to carry out.
"""

from . import duty, journal, signals, supervision, texts
from .alarm import IN_ALARM, IN_PRE_ALARM, QUIET
from .clock import Clock
from .device import Device
from .events import (
    ACKNOWLEDGED,
    ALARM,
    CANCELLED,
    CAUSE_ADDED,
    CLEARED,
    PRE_ALARM,
    REFUSED,
    SAMPLES_LOST,
    SIGNAL,
)
from .face import lasting
from .health import Health
from .memory import Memory
from .modem import Modem
from .outbox import Outbox
from .place import PlaceWatch
from .position import Position
from .record import QUIET as NOTHING_OWED
from .shift import Shift
from .supervision import StuckAxis
from .switchboard import Switchboard
from .ticks import Countdown, ticks_add, ticks_diff
from .watch import Watch

_FAST_MS = 20  # between turns while the worker is waited for, or the vibrator is to be pulsed
_MODEM_MS = 50  # while the modem has something to say
_SLOW_MS = 200  # in an alarm
_SILENT_MS = 1000  # without samples; they come twice a second
_SOON_MS = 200  # the same while they are asked for all the time, or the sensor is known to be silent
_MOST_BEEPS = 4  # that wait; the newest counts
_TAP_MS = 1000  # a button held so long was not only pressed
_KEPT = (PRE_ALARM, ALARM, CAUSE_ADDED, CANCELLED, ACKNOWLEDGED, CLEARED)  # what a reset must not undo


class Wearable:
    """One device. The runtime hands it what happened, then calls `tick`."""

    def __init__(self, settings, plan, dialect, store, cipher, random, log, t_ms, scratch=None):
        """store: the storage port. cipher, random: see `dc09`. log(what, detail): a line on the console, for people.

        scratch: memory that a reset leaves alone, see `Memory`.
        """
        self.settings = settings
        self.plan = plan
        self.log = log
        self.clock = Clock()
        self.device = Device(settings, t_ms)
        self.journal = journal.Journal(store)
        self.memory = Memory(store, scratch)
        self.position = Position()
        self.watch = Watch(self, settings, t_ms)
        self.supervision = self.watch.supervision
        self.shift = Shift(self)
        switchboard = Switchboard(self)
        self.modem = Modem(dialect, switchboard, plan.apn, plan.pin)
        self.outbox = Outbox(settings, plan, self.modem, self.clock, switchboard, cipher, random)
        self.place = PlaceWatch(settings, self.position, self.modem, store)
        self.duty = duty.OFF
        self.function_test = None
        self.signal = signals.OFF_DUTY
        self.beeps = []  # short signals that the runtime has not yet played
        self.sensor_ok = True
        self.sensor_suspect = False  # asks the runtime for the sensor's self-test
        self.battery_percent = -1
        self.charging = False
        self.recorder = None
        self.health = Health(plan.zero_mg)
        self._stuck = StuckAxis()
        self._hold = Countdown(settings.duty_hold_ms)  # of the cancel button
        self._up = None  # the worn vertical that is kept
        self._dated = False
        self._losing = False  # samples are missing, and that was noted
        self._sampled_ms = t_ms  # up to which the device's time has come

    def start(self, started_by, t_ms):
        """Take up what a reset or an empty battery interrupted. `started_by` is a reset of `journal`."""
        self.journal.open()
        found = self.memory.load()
        self.note(journal.STARTED, started_by, t_ms)
        self.place.start(t_ms)
        self.device.guard(False)
        if found:
            memory = self.memory
            self.device.bank.set_vertical(*memory.vertical)
            self._up = self._worn_up()
            if not self.outbox.restore(memory.outbox, t_ms) and memory.outbox:
                self.note_text(journal.NOTE, "messages to be sent: not of this version", t_ms)
            if self.outbox.record.test:
                self.outbox.cleared(t_ms)  # nobody waits for its answer any more
            self.device.resume(memory.state, memory.causes)
            if memory.on_duty:
                self.shift.set_duty(duty.ON, t_ms, True)
                if not memory.expected:
                    self.supervision.happened(supervision.RESTART, t_ms)
            memory.expected = False
            self.follow(t_ms)
            self.save()
        elif self.memory.lost:
            # It may have been on duty, or in an alarm: it must not just be dark.
            self.note_text(journal.NOTE, "state lost: off duty", t_ms)
            self.beep(signals.DUTY_REFUSED)
        self.modem.start(t_ms)

    # --- what happens to it ---

    def samples(self, samples, count, overflowed, t_ms):
        """`count` samples from the sensor's FIFO, int16 mg; `overflowed`: others were lost before them."""
        rate_hz = self.settings.rate_hz
        passed_ms = ticks_diff(t_ms, self._sampled_ms)
        if count == 0:
            # The device's time is the samples'. Without any it must go on all the same, or a held SOS never counts.
            if passed_ms > (_SILENT_MS if self.sensor_ok and not self.waited_for else _SOON_MS):
                lost = passed_ms * rate_hz // 1000
                self._sampled_ms = ticks_add(self._sampled_ms, lost * 1000 // rate_hz)  # the rest is not forgotten
                self._lose(lost, t_ms)
            return
        if overflowed:
            self._lose(max(1, passed_ms * rate_hz // 1000 - count), t_ms)
        self._sampled_ms = t_ms
        self._losing = False
        first = 0
        while first < count:
            taken = self.device.run(samples, first, count)
            if self.function_test is not None:
                self.function_test.samples(samples, first, taken, t_ms)
            first = taken
            self.follow(t_ms)
        if self._stuck.probe(samples, 0, t_ms) and self.sensor_ok:
            self.sensor_suspect = True
        record = self.health.look(self.device.bank, t_ms)
        if record is not None:
            self.note_health(record, t_ms)

    def _lose(self, count, t_ms):
        self.device.lost(count)
        self.follow(t_ms)

    def sensor(self, ok, t_ms):
        """Whether the sensor works: it answers, is the part it should be, and passed its self-test if asked for one."""
        self.sensor_suspect = False
        if self.sensor_ok and not ok and self.duty == duty.ON:
            self.device.blind()
            self.follow(t_ms)
        self.sensor_ok = ok
        if self.function_test is not None:
            self.function_test.done(duty.SENSOR, t_ms, ok)

    def sos(self, pressed, t_ms):
        test = self.function_test
        passes = False
        if pressed and test is not None and test.step == duty.PRESS:
            test.done(duty.PRESS, t_ms)
            # Whoever holds it even then means it; where a press is all it takes, it passes the step and no more.
            passes = self.settings.sos_hold_ms < _TAP_MS
        if pressed and not passes:
            self.device.press_sos()
        else:
            self.device.release_sos()
        self.follow(t_ms)

    def cancel(self, pressed, t_ms):
        """The cancel button: cancels, answers, and held long begins or ends duty."""
        if not pressed:
            self._hold.stop()
            return
        if self.device.alarm.state == QUIET:
            self._hold.start(t_ms)
        self.device.cancel()
        self.follow(t_ms)

    def cord(self, pulled, t_ms):
        self.shift.cord_out = pulled
        if pulled and self.duty == duty.ON:
            self.device.pull_cord()
        else:
            self.device.restore_cord()
        self.follow(t_ms)

    def power(self, percent, charging, t_ms):
        """The battery, now and then: `percent` -1 when not known."""
        self.battery_percent = percent
        if charging != self.charging:
            self.charging = charging
            self.note(journal.CHARGING_BEGAN if charging else journal.CHARGING_ENDED, percent, t_ms)
        # In an alarm the device stays what it is: a cradle is no acknowledgement.
        if self.device.alarm.state == QUIET and charging != (self.duty == duty.CHARGING):
            if charging:
                self.shift.interrupt(t_ms)
            self.shift.set_duty(duty.CHARGING if charging else duty.OFF, t_ms)
        if self.function_test is not None and percent >= 0:
            self.function_test.battery(percent, t_ms)

    def crashed(self, what, t_ms):
        """A part of the program failed and was left out of this turn."""
        self.note_text(journal.NOTE, "crash: " + what, t_ms)
        self.supervision.happened(supervision.PROGRAM, t_ms)

    def record(self, recorder, firmware, t_ms):
        """Record from now on all that the device is told. True when it does.

        Off duty only: a log begins where a device begins, with nothing seen. `firmware`: a hash of what runs.
        """
        from .recorded import RecordedDevice, settings_text

        up = self._worn_up()
        refused = self.duty == duty.ON or self.device.alarm.state != QUIET
        if refused or not recorder.begin(settings_text(self.settings), firmware, up, self.clock.utc_s(t_ms), t_ms):
            self.beep(signals.REFUSED)
            return False
        self.device = RecordedDevice(self.settings, t_ms, recorder)
        self.device.bank.set_vertical(*up)
        self.device.guard(False)
        self._sampled_ms = t_ms
        self.recorder = recorder
        self.note_text(journal.RECORDER_ON, firmware, t_ms)
        return True

    # --- time ---

    def tick(self, t_ms):
        if self._hold.ran_out(t_ms):
            self.shift.toggle(t_ms)
        self.shift.tick(t_ms)
        if self.recorder is not None and not self.recorder.on:
            self.note(journal.RECORDER_OFF, self.recorder.size, t_ms)  # full, or the flash failed
            self.recorder = None
        self.position.tick(t_ms)
        if self.position.utc_s >= 0 and not self.clock.is_set():
            self.tell_time(self.position.utc_s, self.position.utc_at_ms)
        if self.clock.is_set() and not self._dated:
            # Told by network, satellites or the centre; a place from before the reset now learns its age.
            self._dated = True
            self.position.told_time(self.clock.utc_s(t_ms), t_ms)
            self.note(journal.CLOCK_SET, 0, t_ms)
        urgent = self.device.alarm.state != QUIET or self.shift.testing
        self.place.tick(self.duty == duty.ON, urgent, self.clock.utc_s(t_ms), t_ms)
        self.tell_facts(t_ms)
        self._insist(t_ms)
        self.modem.tick(t_ms)
        self.outbox.tick(t_ms)
        self.watch.tick(t_ms)
        signal = lasting(self)
        if signal != self.signal:
            self.signal = signal
            self.log("signal", signals.name_of(signal))
        if self.outbox.changed:
            self.outbox.changed = False
            self.save()

    @property
    def waited_for(self):
        """Whether the worker does something, or is to do it now: the device must look at once."""
        return (
            self.device.alarm.state == IN_PRE_ALARM
            or self.device.sos.running
            or self.device.tear_off.running
            or self._hold.running
            or self.function_test is not None
        )

    @property
    def may_doze(self):
        """Whether the serial lines may go deaf until the next turn."""
        busy = self.modem.busy or self.place.on or self.waited_for
        # With USB there is no need to save, and light sleep would lose what the host writes.
        return self.modem.sleep and not busy and not self.charging

    @property
    def vibrate(self):
        """Whether the vibrator runs: in step with the slots that the detectors leave out."""
        return self.device.alarm.vibrating(self.device.now_ms)

    def poll_ms(self, idle_ms):
        """How long the board may leave it alone, at most `idle_ms`."""
        if self.waited_for:
            return min(idle_ms, _FAST_MS)
        if self.modem.busy or self.place.on or not self.modem.sleep:
            return min(idle_ms, _MODEM_MS)
        if self.device.alarm.state != QUIET:
            return min(idle_ms, _SLOW_MS)
        return idle_ms

    # --- alarm ---

    def follow(self, t_ms):
        """Draw the consequences of the device's events.

        What a reset must not undo is kept first, whole and in one piece; the journal takes its time, and comes after.
        """
        events = self.device.events
        if events.count == 0:
            return
        happened = []
        keep = False
        while events.count:
            code = events.code()
            argument = events.argument()
            if self.recorder is not None:
                self.recorder.event(code, argument, events.t_ms())
            events.drop()
            happened.append((code, argument))
            keep = keep or code in _KEPT
            if code == ACKNOWLEDGED:
                self.outbox.acknowledged(t_ms)
            elif code == CLEARED:
                self.outbox.cleared(t_ms)
            elif code == CANCELLED:
                self.outbox.sign_of_life()
            elif code == REFUSED:
                self.beep(signals.REFUSED)
        self._insist(t_ms)
        if keep:
            self.save()
        for code, argument in happened:
            if code != SIGNAL and not (code == SAMPLES_LOST and self._losing):
                self.note(code, argument, t_ms)
            self._losing = self._losing or code == SAMPLES_LOST

    def _insist(self, t_ms):
        """What the alarm is raised for, the outbox tells: whatever became of the event, over a crash or a reset."""
        alarm = self.device.alarm
        record = self.outbox.record
        if alarm.state != IN_ALARM or not alarm.causes & ~record.causes:
            return
        self.shift.interrupt(t_ms)
        if record.state == NOTHING_OWED:
            self.memory.number = self.memory.number % 9999 + 1
        self.tell_facts(t_ms)
        self.outbox.alarm(self.memory.number, alarm.causes, t_ms)

    # --- what it knows ---

    def tell_time(self, utc_s, t_ms):
        self.clock.set(utc_s, t_ms)

    def tell_facts(self, t_ms):
        """What messages say beside who and why."""
        facts = self.outbox.facts
        position = self.position
        facts.has_position = position.known
        facts.lat_e7 = position.lat_e7
        facts.lon_e7 = position.lon_e7
        facts.age_s = position.age_s(t_ms)
        facts.error_m = position.error_m(t_ms)
        facts.fresh = position.fresh(t_ms)
        facts.battery_percent = self.battery_percent
        facts.signal_dbm = self.modem.signal_dbm

    def status(self):
        """One line for whoever asks."""
        on = self.duty == duty.ON
        return texts.status(self.plan, self.outbox.facts, on, self.device.alarm.state != QUIET)

    # --- what is shown, kept and told ---

    def beep(self, signal):
        """A short signal, for the runtime to play."""
        if len(self.beeps) == _MOST_BEEPS:
            self.beeps.pop(0)
        self.beeps.append(signal)
        self.log("beep", signals.name_of(signal))

    def save(self, again=False):
        """Keep what must survive a reset; True once it is safe. `again`: though it has not changed."""
        memory = self.memory
        memory.state = self.device.alarm.state
        memory.causes = self.device.alarm.causes
        memory.on_duty = self.duty == duty.ON
        up = self._worn_up()
        if up != self._up:
            # Only what was learned: taking it up rounds it, again and again over many resets.
            self._up = up
            memory.vertical = up
        memory.outbox = self.outbox.save()
        return memory.save(again)

    def _worn_up(self):
        vertical = self.device.bank.vertical
        return vertical.x_q14, vertical.y_q14, vertical.z_q14

    def note(self, kind, argument, t_ms):
        """A number into the journal, and on the console."""
        self.log(journal.name_of(kind), argument)
        self.journal.put_number(kind, argument, self.clock.utc_s(t_ms), t_ms)

    def note_text(self, kind, text, t_ms):
        self.log(journal.name_of(kind), text)
        self.journal.put_text(kind, text, self.clock.utc_s(t_ms), t_ms)

    def note_health(self, record, t_ms):
        self.journal.put(journal.HEALTH, record, self.clock.utc_s(t_ms), t_ms)
