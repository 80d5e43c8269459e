"""The whole device: buttons, cord, dead-man check, sensor silence, time, blocks, its own vibrator."""

from __future__ import annotations

from array import array
from pathlib import Path

import dati
import numpy as np
import pytest
from dati import events as codes
from dati.alarm import IN_ALARM, IN_PRE_ALARM, IS_ACKNOWLEDGED, QUIET
from dati.device import Device
from dati.settings import Settings
from dati.tunables import TUNABLES
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from made_up import falling

PERIOD_MS = 1 << 30
ALL_RATES_HZ = (25, 26, 33, 36, 50, 52, 100, 104, 142, 199, 200)
DETECTORS_OFF = dict.fromkeys(("verticality_enabled", "immobility_enabled", "fall_enabled"), False)
ONLY_IMMOBILITY = {**DETECTORS_OFF, "immobility_enabled": True, "immobility_delay_ms": 10000}
ONLY_VERTICALITY = {**DETECTORS_OFF, "verticality_enabled": True}


class Wearer:
    """A device, fed sample by sample or in blocks, and what it reported: (samples taken, ms, code, argument)."""

    def __init__(self, start_ms=0, block=1 << 20, shake=None, **values):
        self.settings = Settings(values)
        self.device = Device(self.settings, start_ms)
        self.rate_hz = self.settings.rate_hz
        self.start_ms = start_ms
        self.block = block
        self.shake = shake  # sample number -> mg on x while the vibrator runs
        self.taken = 0
        self.events = []

    def drain(self):
        events = self.device.events
        while events.count:
            t_ms = (events.t_ms() - self.start_ms) % PERIOD_MS
            self.events.append((self.taken, t_ms, events.code(), events.argument()))
            events.drop()
        return self

    def feed(self, samples_mg):
        flat = array("h", np.rint(samples_mg).astype(np.int16).tobytes())
        at, count = 0, len(samples_mg)
        while at < count:
            block = self.block
            if self.shake and self.device.alarm.state == IN_PRE_ALARM:
                block = 1
                if self.device.alarm.shaking(self.device.now_ms):
                    flat[3 * at] = max(-32768, min(32767, flat[3 * at] + round(self.shake(self.taken))))
            taken = self.device.run(flat, at, min(at + block, count))
            self.taken += taken - at
            at = taken
            self.drain()
        return self

    def lean(self, deg, seconds):
        rad = np.radians(np.full(round(seconds * self.rate_hz), float(deg)))
        return self.feed(np.column_stack([1000 * np.sin(rad), 1000 * np.cos(rad), 0 * rad]))

    def take(self, count):
        """Samples of somebody who stands still."""
        return self.feed(np.tile((0, 1000, 0), (count, 1)))

    def work(self, seconds, amplitude_mg=500, seed=0):
        random = np.random.default_rng(seed)
        count = round(seconds * self.rate_hz)
        every = self.rate_hz // 3
        jerks_mg = random.uniform(-amplitude_mg, amplitude_mg, (count // every + 1, 3))
        samples_mg = np.repeat(jerks_mg, every, axis=0)[:count]
        samples_mg[:, 1] += 1000
        return self.feed(samples_mg)

    def times_ms(self, code, argument=None):
        return [t_ms for _, t_ms, seen, of in self.events if seen == code and argument in (None, of)]

    @property
    def state(self):
        return self.device.alarm.state


def first_sample_at(t_ms, rate_hz):
    """The first n with n * 1000 // rate_hz >= t_ms."""
    return -(-t_ms * rate_hz // 1000)


# --- SOS button and cord ---


@pytest.mark.parametrize("rate_hz", ALL_RATES_HZ)
@pytest.mark.parametrize("hold_ms", [1, 1000, 1500, 3333])
def test_sos_held_for_its_time_raises_and_one_sample_less_does_not(rate_hz, hold_ms):
    held = first_sample_at(hold_ms, rate_hz)
    for samples, raised in ((held - 1, []), (held, [held * 1000 // rate_hz])):
        worn = Wearer(rate_hz=rate_hz, sos_hold_ms=hold_ms)
        worn.device.press_sos()
        worn.take(samples)
        worn.device.release_sos()
        worn.take(5 * rate_hz)
        assert worn.times_ms(codes.ALARM, codes.VOLUNTARY) == raised
        assert worn.times_ms(codes.PRE_ALARM) == []


def test_sos_pressed_between_seconds_is_timed_from_there():
    for before in range(1, 60, 7):
        worn = Wearer().take(before)
        worn.device.press_sos()
        worn.take(200)
        assert worn.times_ms(codes.ALARM) == [before * 20 + 1500]


def test_sos_without_hold_raises_at_once():
    worn = Wearer(sos_hold_ms=0).take(7)
    worn.device.press_sos()
    worn.drain()
    assert worn.times_ms(codes.ALARM, codes.VOLUNTARY) == [140]


def test_short_presses_do_not_add_up():
    worn = Wearer()
    for _ in range(10):
        worn.device.press_sos()
        worn.take(74)
        worn.device.release_sos()
        worn.take(1)
    assert worn.events == []


def test_sos_during_a_pre_alarm_and_in_the_dark_of_a_gap():
    worn = Wearer(**ONLY_IMMOBILITY).take(12 * 50)
    assert worn.state == IN_PRE_ALARM
    worn.device.press_sos()
    worn.device.lost(75)
    worn.drain()
    assert worn.state == IN_ALARM
    assert worn.device.alarm.causes == codes.IMMOBILITY | codes.VOLUNTARY


@pytest.mark.parametrize("delay_ms", [200, 0, 90000])
def test_the_cord_out_for_its_time_raises_and_put_back_before_does_not(delay_ms):
    out = first_sample_at(delay_ms, 50)
    worn = Wearer(tear_off_delay_ms=delay_ms, **DETECTORS_OFF).take(3)
    if delay_ms:
        worn.device.pull_cord()
        worn.take(out - 1)
        worn.device.restore_cord()
        worn.take(100)
        assert worn.events == []
    pulled_ms = worn.taken * 20
    worn.device.pull_cord()
    worn.drain().take(out + 10)
    assert worn.times_ms(codes.ALARM, codes.TEAR_OFF) == [pulled_ms + delay_ms]


def test_a_cord_that_is_off_does_nothing():
    worn = Wearer(tear_off_enabled=False)
    worn.device.pull_cord()
    worn.take(500)
    assert worn.events == []


# --- dead-man check ---

DEAD_MAN = {**DETECTORS_OFF, "dead_man_enabled": True, "dead_man_interval_ms": 30000}


def test_a_dead_man_check_that_is_answered_never_raises():
    worn = Wearer(**DEAD_MAN)
    for _ in range(10):
        worn.take(30 * 50 - 1)
        worn.device.cancel()
    assert worn.drain().events == []


def test_a_dead_man_check_unanswered_is_a_pre_alarm_then_an_alarm():
    worn = Wearer(**DEAD_MAN, dead_man_pre_alarm_ms=20000, pre_alarm_ms=10000).take(60 * 50)
    assert worn.times_ms(codes.PRE_ALARM, codes.DEAD_MAN) == [30000]
    assert worn.times_ms(codes.ALARM, codes.DEAD_MAN) == [50000]


def test_a_cancelled_dead_man_pre_alarm_starts_the_interval_anew():
    worn = Wearer(**DEAD_MAN).take(40 * 50)
    worn.device.cancel()
    worn.take(50 * 50)
    assert worn.times_ms(codes.CANCELLED, codes.WORKER) == [40000]
    assert worn.times_ms(codes.PRE_ALARM) == [30000, 70000]


def test_the_interval_starts_anew_once_an_alarm_is_cleared():
    worn = Wearer(**DEAD_MAN).take(70 * 50)
    worn.device.acknowledge()
    assert worn.device.clear(codes.CENTRE)
    worn.take(40 * 50)
    assert worn.times_ms(codes.PRE_ALARM) == [30000, 100000]


def test_without_dead_man_check_there_is_none():
    worn = Wearer(**{**DEAD_MAN, "dead_man_enabled": False}).take(100 * 50)
    worn.device.cancel()
    assert worn.drain().take(100 * 50).events == []


# --- the alarm sequence, from samples ---


def test_the_pre_alarm_lasts_exactly_its_time_at_every_rate():
    for rate_hz in ALL_RATES_HZ:
        worn = Wearer(rate_hz=rate_hz, **ONLY_IMMOBILITY).take(30 * rate_hz)
        [(began, began_ms)] = [event[:2] for event in worn.events if event[2] == codes.PRE_ALARM]
        [(alarm, alarm_ms)] = [event[:2] for event in worn.events if event[2] == codes.ALARM]
        assert alarm_ms == alarm * 1000 // rate_hz
        assert began_ms + 15000 <= alarm_ms  # at the first sample that is not early
        assert (alarm - 1) * 1000 // rate_hz < began_ms + 15000
        assert began < alarm


def test_after_the_worker_cancelled_the_full_delay_must_pass_again():
    worn = Wearer(**ONLY_VERTICALITY).lean(90, 25)
    worn.device.cancel()
    cancelled_ms = worn.taken * 20
    worn.drain().lean(90, 25)
    assert worn.times_ms(codes.CANCELLED, codes.WORKER) == [cancelled_ms]
    first_ms, second_ms = worn.times_ms(codes.PRE_ALARM)
    assert 20000 <= first_ms <= 20160
    assert abs(second_ms - cancelled_ms - 20000) <= 160


def test_an_alarm_stays_until_acknowledged_and_cleared_by_the_centre():
    worn = Wearer(**ONLY_VERTICALITY).lean(90, 40)
    assert worn.state == IN_ALARM
    worn.lean(0, 100)
    worn.device.cancel()
    assert not worn.device.clear(codes.CENTRE)
    assert worn.state == IN_ALARM
    assert worn.device.acknowledge()
    assert not worn.device.clear(codes.WORKER)
    assert worn.lean(0, 100).state == IS_ACKNOWLEDGED
    assert worn.device.clear(codes.SUPERVISOR)
    assert worn.state == QUIET
    assert worn.lean(0, 100).state == QUIET


@pytest.mark.parametrize("recovery_cancels", [True, False])
@pytest.mark.parametrize("only", [ONLY_VERTICALITY, ONLY_IMMOBILITY], ids=["verticality", "immobility"])
def test_recovery_cancels_its_pre_alarm_when_it_may_and_only_then(only, recovery_cancels):
    worn = Wearer(recovery_cancels=recovery_cancels, verticality_delay_ms=10000, **only)
    worn.lean(90, 13)
    assert worn.state == IN_PRE_ALARM
    worn.lean(0, 1).work(16, amplitude_mg=400)
    assert bool(worn.times_ms(codes.CANCELLED, codes.RECOVERY)) == recovery_cancels
    assert bool(worn.times_ms(codes.ALARM)) == (not recovery_cancels)
    assert len(worn.times_ms(codes.CONDITION_ENDED)) == 1


def test_recovery_cancels_neither_a_fall_nor_an_alarm():
    fell = Wearer(recovery_cancels=True, immobility_enabled=False).lean(0, 6)
    fell.feed(falling(50)).lean(90, 5).lean(0, 30)
    assert fell.times_ms(codes.PRE_ALARM, codes.FALL)
    assert fell.times_ms(codes.ALARM, codes.FALL)
    late = Wearer(recovery_cancels=True, **ONLY_VERTICALITY).lean(90, 36).lean(0, 30)
    assert late.state == IN_ALARM


# --- a silent sensor ---

TECHNICAL_S = 60


def test_a_silent_sensor_is_a_technical_alarm_after_the_delay_and_not_before():
    worn = Wearer(**DETECTORS_OFF).take(100)
    worn.device.lost(TECHNICAL_S * 50 - 1)
    assert worn.drain().times_ms(codes.ALARM) == []
    worn.device.lost(1)
    assert worn.drain().times_ms(codes.ALARM, codes.TECHNICAL) == [2000 + TECHNICAL_S * 1000]
    assert worn.times_ms(codes.SAMPLES_LOST) == [2000, 2000 + TECHNICAL_S * 1000 - 20]


def test_one_sample_ends_the_silence():
    worn = Wearer(**DETECTORS_OFF)
    for _ in range(5):
        worn.device.lost(TECHNICAL_S * 50 - 1)
        worn.take(1)
    assert worn.times_ms(codes.ALARM) == []


def test_reading_no_samples_does_not_end_the_silence():
    worn = Wearer(**DETECTORS_OFF).take(1)
    for _ in range(TECHNICAL_S + 1):
        worn.device.lost(50)
        worn.drain()
        worn.device.run(array("h"), 0, 0)  # a FIFO found empty
    assert len(worn.drain().times_ms(codes.ALARM, codes.TECHNICAL)) == 1


def test_every_loss_is_reported_with_its_count():
    worn = Wearer(**DETECTORS_OFF).take(50)
    worn.device.lost(7)
    worn.device.lost(20000)
    lost = [event for event in worn.drain().events if event[2] == codes.SAMPLES_LOST]
    assert lost == [(50, 1000, codes.SAMPLES_LOST, 7), (50, 1140, codes.SAMPLES_LOST, 20000)]


def test_a_long_gap_goes_through_the_whole_sequence_at_the_right_times():
    worn = Wearer(**{**ONLY_IMMOBILITY, "technical_delay_ms": 3600000}).take(50)
    worn.device.lost(2 * 3600 * 50)
    worn.drain()
    assert len(worn.times_ms(codes.PRE_ALARM)) == 1
    assert worn.times_ms(codes.ALARM) == [worn.times_ms(codes.PRE_ALARM)[0] + 15000]
    assert worn.times_ms(codes.CAUSE_ADDED, codes.TECHNICAL) == [1000 + 3600000]
    assert worn.device.events.overflow == 0


# --- zeroing ---


def test_zeroing_learns_how_the_device_hangs():
    worn = Wearer(**ONLY_VERTICALITY).lean(70, 5)
    assert worn.device.zero()
    worn.drain().lean(70, 60)
    assert worn.times_ms(codes.PRE_ALARM) == []
    assert len(worn.times_ms(codes.ZEROED)) == 1
    assert worn.lean(0, 30).times_ms(codes.PRE_ALARM)


@pytest.mark.parametrize(
    "samples_mg",
    [
        np.tile((0, 800, 0), (500, 1)),
        np.tile((0, 1200, 0), (500, 1)),
        np.tile((0, 0, 0), (500, 1)),
        np.tile((1000, 1000, 1000), (500, 1)),
        np.tile((32767, -32768, 32767), (500, 1)),
    ],
    ids=["0.8 g", "1.2 g", "none", "1.7 g", "full scale"],
)
def test_zeroing_is_refused_off_1_g(samples_mg):
    worn = Wearer(**ONLY_VERTICALITY).feed(samples_mg)
    before = worn.device.bank.vertical.y_q14
    assert not worn.device.zero()
    assert worn.drain().times_ms(codes.REFUSED, codes.REQUEST_ZERO) == [10000]
    assert worn.device.bank.vertical.y_q14 == before


def test_zeroing_is_accepted_within_the_tolerance_of_1_g():
    for mg in (860, 1000, 1140):
        assert Wearer().feed(np.tile((0, 0, -mg), (500, 1))).device.zero()


def test_zeroing_is_refused_while_the_worker_moves_and_before_anything_was_seen():
    assert not Wearer().device.zero()
    for seed in range(10):
        assert not Wearer().work(10, seed=seed).device.zero()


@pytest.mark.parametrize("seconds", [0.2, 0.4, 0.6, 0.8])
def test_zeroing_is_refused_while_it_is_not_known_whether_the_worker_is_still(seconds):
    """Swung about since power-on, less than a beat ago."""
    worn = Wearer()
    deg = np.linspace(0, 180 * seconds, round(seconds * 50))
    worn.feed(np.column_stack([1000 * np.sin(np.radians(deg)), 1000 * np.cos(np.radians(deg)), 0 * deg]))
    assert not worn.device.zero()


def test_zeroing_is_refused_on_a_silent_sensor():
    worn = Wearer(**DETECTORS_OFF).take(500)
    worn.device.lost(500)
    assert not worn.device.zero()


# --- blocks and start ticks ---

BLOCKS = (1, 7, 25, 32)
ACTIONS = ("press_sos", "release_sos", "pull_cord", "restore_cord", "cancel", "acknowledge", "zero")

motion_parts = st.lists(
    st.tuples(
        st.sampled_from(["lean", "work", "noise", "impact", "lost", "extreme"]),
        st.integers(1, 400),  # samples
        st.integers(-180, 180),  # degrees, or amplitude in 10 mg
        st.sampled_from((None, None, *ACTIONS, "clear")),
    ),
    min_size=3,
    max_size=12,
)

fast_settings = st.fixed_dictionaries(
    {
        "rate_hz": st.sampled_from([25, 33, 50, 97, 200]),
        "verticality_delay_ms": st.sampled_from([1000, 1777]),
        "verticality_return_ms": st.just(1000),
        "verticality_needs_immobility": st.booleans(),
        "immobility_delay_ms": st.just(10000),
        "immobility_return_ms": st.just(1000),
        "flight_enabled": st.booleans(),
        "flight_delay_ms": st.just(3000),
        "pre_alarm_ms": st.sampled_from([0, 1, 1999, 2345, 5000]),
        "recovery_cancels": st.booleans(),
        "sos_hold_ms": st.sampled_from([0, 333, 1500]),
        "tear_off_delay_ms": st.sampled_from([0, 111]),
        "dead_man_enabled": st.booleans(),
        "dead_man_interval_ms": st.just(30000),
        "technical_delay_ms": st.sampled_from([1000, 1234]),
    }
)


def samples_of(kind, count, amount, random):
    upright_mg = np.tile((0.0, 1000.0, 0.0), (count, 1))
    if kind == "lean":
        rad = np.radians(amount)
        return upright_mg @ np.array([[np.cos(rad), -np.sin(rad), 0], [np.sin(rad), np.cos(rad), 0], [0, 0, 1]])
    if kind == "work":
        return upright_mg + 10 * amount * np.sin(np.arange(count) / 7)[:, None]
    if kind == "noise":
        return upright_mg + random.normal(0, 10 * abs(amount) + 1, (count, 3))
    if kind == "impact":
        upright_mg[0] = 5000
        return upright_mg
    return random.choice([-32768.0, 32767.0], (count, 3))


def story(parts, values, start_ms, block):
    worn = Wearer(start_ms=start_ms, block=block, **values)
    random = np.random.default_rng(len(parts))
    for kind, count, amount, action in parts:
        if kind == "lost":
            worn.device.lost(count)
            worn.drain()
        else:
            samples_mg = samples_of(kind, count, amount, random)
            worn.feed(np.clip(samples_mg, -32768, 32767))
        if action == "clear":
            worn.device.clear(abs(amount) % 4)
        elif action:
            getattr(worn.device, action)()
        worn.drain()
    worn.lean(80, 20)
    return worn.events


@hypothesis_settings(max_examples=40)
@given(
    parts=motion_parts,
    values=fast_settings,
    start_ms=st.one_of(st.integers(0, PERIOD_MS - 1), st.integers(PERIOD_MS - 40000, PERIOD_MS - 1)),
)
@example(parts=[("lean", 300, 90, "press_sos")] * 5, values={"rate_hz": 33}, start_ms=PERIOD_MS - 1)
def test_events_depend_neither_on_the_blocks_nor_on_the_start_tick(parts, values, start_ms):
    wanted = story(parts, values, 0, 1 << 20)
    assert wanted
    for block in BLOCKS:
        assert story(parts, values, 0, block) == wanted
    assert story(parts, values, start_ms, 1 << 20) == wanted


# --- time ---


@pytest.mark.parametrize("start_ms", [0, PERIOD_MS - 1, PERIOD_MS - 3600000])
@pytest.mark.parametrize("rate_hz", [25, 33, 50, 77, 199, 200])
def test_time_never_drifts(rate_hz, start_ms):
    device = Device(Settings({"rate_hz": rate_hz, **DETECTORS_OFF, "technical_delay_ms": 3600000}), start_ms)
    standing = array("h", [0, 1000, 0] * 997)
    taken = 0
    while taken < 3 * 3600 * rate_hz:
        count = device.run(standing, 0, 997)
        taken += count
        if taken % 5 == 0:
            device.lost(1234)
            taken += 1234
            while device.events.count:
                device.events.drop()
        assert device.now_ms == (start_ms + taken * 1000 // rate_hz) % PERIOD_MS


def test_an_hour_lost_at_once_is_an_hour():
    for rate_hz in ALL_RATES_HZ:
        worn = Wearer(rate_hz=rate_hz, **DETECTORS_OFF).take(17)
        worn.device.lost(3600 * rate_hz)
        assert worn.device.now_ms == (17 + 3600 * rate_hz) * 1000 // rate_hz


# --- its own vibrator ---

RECOVERING = {**ONLY_IMMOBILITY, "recovery_cancels": True, "pre_alarm_ms": 30000}


def shakes(rate_hz, amplitude_mg=500):
    """What a vibrator may look like to the sensor that folds it: from a steady push to every second sample."""
    yield "alternating", lambda n: amplitude_mg if n & 1 else -amplitude_mg
    for folded_hz in (0.0, 0.4, 1.1, 2.3, 5.0, 11.0):
        yield folded_hz, lambda n, hz=folded_hz: amplitude_mg * np.cos(2 * np.pi * hz * n / rate_hz)


@pytest.mark.parametrize("rate_hz", ALL_RATES_HZ)
def test_its_own_vibrator_does_not_make_a_motionless_worker_move(rate_hz):
    for name, shake in shakes(rate_hz):
        worn = Wearer(rate_hz=rate_hz, shake=shake, **RECOVERING).take(45 * rate_hz)
        assert worn.times_ms(codes.CANCELLED) == [], name
        assert worn.times_ms(codes.ALARM, codes.IMMOBILITY), name


@pytest.mark.parametrize("rate_hz", [25, 50, 100])
def test_its_own_vibrator_does_not_make_a_fallen_worker_stand(rate_hz):
    values = {**ONLY_VERTICALITY, "recovery_cancels": True, "verticality_delay_ms": 10000}
    for name, shake in shakes(rate_hz):
        worn = Wearer(rate_hz=rate_hz, shake=shake, **values).lean(60, 30)
        assert worn.times_ms(codes.CANCELLED) == [], name
        assert worn.times_ms(codes.ALARM, codes.VERTICALITY), name


@pytest.mark.parametrize("rate_hz", ALL_RATES_HZ)
def test_a_worker_who_really_moves_is_seen_between_the_pulses(rate_hz):
    for after in range(0, 4 * rate_hz, rate_hz // 2):
        worn = Wearer(rate_hz=rate_hz, shake=dict(shakes(rate_hz))["alternating"], **RECOVERING)
        while worn.state == QUIET:
            worn.take(1)
        worn.take(after)
        moves_ms = worn.taken * 1000 // rate_hz
        worn.work(20, seed=after)
        cancelled_ms = worn.times_ms(codes.CANCELLED, codes.RECOVERY)
        assert cancelled_ms, after
        assert cancelled_ms[0] - moves_ms <= 10000, after


@pytest.mark.parametrize("rate_hz", ALL_RATES_HZ)
def test_in_any_two_seconds_of_pre_alarm_one_second_is_judged(rate_hz):
    worn = Wearer(rate_hz=rate_hz, **RECOVERING)
    judged = []  # a flag a sample
    bank = worn.device.bank
    step = bank.motion.step

    def watched(x_mg, y_mg, z_mg, gravity, judge):
        judged.extend([judge] * bank.slot_samples)
        return step(x_mg, y_mg, z_mg, gravity, judge)

    bank.motion.step = watched
    worn.take(45 * rate_hz)
    [(began, _)] = [event[:2] for event in worn.events if event[2] == codes.PRE_ALARM]
    for first in range(began, began + 25 * rate_hz):
        assert sum(judged[first : first + 2 * rate_hz]) >= rate_hz
    assert all(judged[:began])
    assert all(judged[began + 31 * rate_hz :])


# --- settings reach what they set ---


def test_every_setting_changes_something():
    """No tunable is decoration: each is read when a device is made, or by what speaks to the centre."""

    class Watched(Settings):
        read: set[str] = set()  # noqa: RUF012

        def __getattribute__(self, name):
            if not name.startswith("_"):
                Watched.read.add(name)
            return super().__getattribute__(name)

    settings = Watched()
    Watched.read.clear()
    Device(settings)
    unread = {row[0] for row in TUNABLES} - Watched.read
    firmware = Path(dati.__file__).parent
    elsewhere = "".join(path.read_text() for path in firmware.glob("*.py"))
    assert [name for name in sorted(unread) if f"settings.{name}" not in elsewhere] == []
