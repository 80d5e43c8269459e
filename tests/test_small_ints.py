"""Proof by running: no value of the firmware leaves the ESP32's small ints, -2**30 .. 2**30 - 1.

The firmware runs on an int whose every result is checked and is again such an int. It enters by the samples, the
settings, the ticks and the arrays, so that it reaches whatever is computed from them.
"""

from __future__ import annotations

import importlib
import pkgutil
from array import array as machine_array

import dati
import numpy as np
import pytest
from dati import gravity as gravity_module
from dati.bank import DetectorBank
from dati.device import Device
from dati.fall import FEATURES, flat
from dati.fall_scores import CARDS
from dati.gravity import Direction, Motion, isqrt
from dati.settings import Settings
from dati.ticks import ticks_add, ticks_diff
from dati.tunables import TUNABLES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

LOWEST = -(1 << 30)
HIGHEST = (1 << 30) - 1


class NotSmallError(AssertionError):
    """A result for which MicroPython on the ESP32 would make a heap object."""


class SmallInt(int):
    """An int, contagious, that cannot leave the range of a small int."""

    def __new__(cls, value=0):
        made = super().__new__(cls, value)
        if not LOWEST <= int(made) <= HIGHEST:
            raise NotSmallError(f"{int(made)} is no small int")
        return made


def _checked(name):
    plain = getattr(int, name)

    def method(self, *others):
        result = plain(self, *others)
        if result is NotImplemented:
            return result
        if type(result) is tuple:
            return tuple(SmallInt(part) for part in result)
        return SmallInt(result)

    return method


TWO_SIDED = ("add", "sub", "mul", "floordiv", "mod", "lshift", "rshift", "and", "or", "xor", "divmod")
for _name in TWO_SIDED:
    setattr(SmallInt, f"__{_name}__", _checked(f"__{_name}__"))
    setattr(SmallInt, f"__r{_name}__", _checked(f"__r{_name}__"))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(SmallInt, f"__{_name}__", _checked(f"__{_name}__"))


def _no_real_numbers(self, *others):
    raise NotSmallError("a real number")


for _name in ("truediv", "rtruediv", "pow", "rpow", "float"):
    setattr(SmallInt, f"__{_name}__", _no_real_numbers)

PLACED = list(CARDS)
BOUNDS = {"h": (-(1 << 15), (1 << 15) - 1), "i": (LOWEST, HIGHEST)}


class SmallArray(list):
    """Stands in for array("h") and array("i"): what is stored is checked, and read as SmallInt."""

    def __init__(self, typecode, values=()):
        self.bounds = BOUNDS[typecode]
        super().__init__(self._checked(value) for value in values)

    def _checked(self, value):
        lowest, highest = self.bounds
        if not lowest <= value <= highest:
            raise NotSmallError(f"{int(value)} does not fit the array")
        return SmallInt(value)

    def __setitem__(self, at, value):
        assert 0 <= at < len(self)
        super().__setitem__(at, self._checked(value))

    def __getitem__(self, at):
        assert 0 <= at < len(self)  # the compiled engine does not count from the end
        return super().__getitem__(at)


def small_settings(values):
    """Checked settings, each number made a SmallInt. `Settings` itself takes plain ints only."""
    made = Settings(values)
    for name, unit, *_ in TUNABLES:
        if unit not in ("switch", "choice"):
            setattr(made, name, SmallInt(getattr(made, name)))
    return made


def small_constants(monkeypatch):
    """Every whole number, tuple of numbers and array of the modules becomes a checked one."""
    for found in pkgutil.iter_modules(dati.__path__):
        module = importlib.import_module(f"dati.{found.name}")
        for name, value in list(vars(module).items()):
            if type(value) is int:
                monkeypatch.setattr(module, name, SmallInt(value))
            elif type(value) is tuple and value and all(type(part) is int for part in value):
                monkeypatch.setattr(module, name, tuple(map(SmallInt, value)))
            elif value is machine_array:
                monkeypatch.setattr(module, name, SmallArray)


@pytest.fixture(scope="module", autouse=True)
def checked_firmware():
    with pytest.MonkeyPatch.context() as monkeypatch:
        small_constants(monkeypatch)
        yield


# --- the proof of the proof ---


@pytest.mark.parametrize("small_on_the_left", [True, False])
@pytest.mark.parametrize("name", TWO_SIDED)
def test_the_type_is_contagious_from_either_side(name, small_on_the_left):
    a, b = (SmallInt(13), 3) if small_on_the_left else (13, SmallInt(3))
    operations = {
        "add": lambda: a + b,
        "sub": lambda: a - b,
        "mul": lambda: a * b,
        "floordiv": lambda: a // b,
        "mod": lambda: a % b,
        "lshift": lambda: a << b,
        "rshift": lambda: a >> b,
        "and": lambda: a & b,
        "or": lambda: a | b,
        "xor": lambda: a ^ b,
        "divmod": lambda: divmod(a, b)[0],
    }
    result = operations[name]()
    assert type(result) is SmallInt
    plain = getattr(int, f"__{name}__")(13, 3)
    assert result == (plain[0] if name == "divmod" else plain)


def test_the_type_is_contagious_through_one_operand():
    n = SmallInt(-5)
    for result in (-n, +n, ~n, abs(n), min(n, 3), max(n, SmallInt(-7)), min(SmallInt(2), SmallInt(1))):
        assert type(result) is SmallInt
    n += 1
    n >>= 1
    assert type(n) is SmallInt
    assert n == -2


@pytest.mark.parametrize(
    "overflow",
    [
        lambda n: n + 1,
        lambda n: 1 + n,
        lambda n: n * n,
        lambda n: 2 * n,
        lambda n: n << 1,
        lambda n: 1 << (n >> 24),
        lambda n: -n - 2,
        lambda n: n - -1,
        lambda n: n + n - n,
        lambda n: n / 2,
        lambda n: n**2,
    ],
)
def test_an_overflow_is_caught(overflow):
    with pytest.raises(NotSmallError):
        overflow(SmallInt(HIGHEST))


def test_both_ends_of_the_range_are_small():
    assert SmallInt(HIGHEST) - HIGHEST == 0
    assert SmallInt(LOWEST) + HIGHEST == -1
    assert ~SmallInt(HIGHEST) == LOWEST


def test_arrays_check_and_do_not_launder():
    numbers = SmallArray("h", [0] * 3)
    numbers[1] = 7
    assert all(type(number) is SmallInt for number in (numbers[0], numbers[1], *numbers))
    for bad in (32768, -32769):
        with pytest.raises(NotSmallError):
            numbers[0] = bad
    with pytest.raises(AssertionError):
        numbers[-1]


def test_an_overflow_in_the_firmware_itself_is_caught(monkeypatch):
    """Squares of full int16 samples, without the halving, do not fit: the proof must see it."""
    monkeypatch.setattr("dati.gravity.min", lambda *values: values[0], raising=False)
    motion = Motion(100)
    gravity = type("Gravity", (), {"x_mg": 0, "y_mg": 0, "z_mg": 0})
    with pytest.raises(NotSmallError):
        for _ in range(2):
            motion.step(SmallInt(32767), SmallInt(32767), SmallInt(32767), gravity, True)


def test_every_number_a_device_keeps_is_checked():
    """After a run, hardly a plain int is left in the device: flags, literals just assigned, and no more."""
    device = run({}, HIGHEST - 3000, [(0, 1000, 0)] * 49 + [(900, 100, 0)] * 60)
    vertical, motion = device.bank.vertical, device.bank.motion
    kept = [device.now_ms, device._second_ms, device.bank._sum_y, device.bank.gravity.y_mg, motion.level_mg]
    kept += [vertical.x_q14, vertical.along_q4, vertical.squared, device.bank.fall._impact]
    kept += [device.bank.slots(SmallInt(1000)), device.alarm.pre_alarm.delay_ms]
    assert [type(number) for number in kept] == [SmallInt] * len(kept)


# --- the proof ---


def run(values, start_ms, samples_mg, lost=0, actions=()):
    device = Device(small_settings(values), SmallInt(start_ms))
    flat = SmallArray("h", [int(mg) for sample in samples_mg for mg in sample])
    device.bank.set_vertical(flat[0], flat[1], flat[2])
    at, count = 0, len(samples_mg)
    pending = list(actions)
    while at < count:
        at = device.run(flat, SmallInt(at), SmallInt(min(count, at + 50)))
        if pending:
            what, *arguments = pending.pop(0)
            getattr(device, what)(*arguments)
        while device.events.count:
            assert type(device.events.t_ms()) is SmallInt
            device.events.drop()
    if lost:
        device.lost(SmallInt(lost))
    return device


FULL_SCALE = [-32768, 32767, -32767, 0, 1, -1]
EVERYTHING_ON = {name: True for name, unit, *_ in TUNABLES if unit == "switch"}
int16 = st.one_of(st.sampled_from(FULL_SCALE), st.integers(-32768, 32767))
start_ticks = st.one_of(st.sampled_from([0, HIGHEST]), st.integers(HIGHEST - 9000, HIGHEST), st.integers(0, HIGHEST))
rates_hz = st.sampled_from([25, 26, 35, 36, 50, 141, 142, 199, 200])


@st.composite
def any_settings(draw):
    """Every number at one of its ends, its default, or anywhere; combinations that are refused are put right."""
    values = {}
    for name, unit, default, lowest, highest, _ in TUNABLES:
        if unit == "switch":
            values[name] = draw(st.booleans())
        elif unit == "choice":
            values[name] = draw(st.sampled_from(lowest))
        else:
            values[name] = draw(st.one_of(st.sampled_from([lowest, default, highest]), st.integers(lowest, highest)))
    values["worn_up_axis"] = values["worn_up_axis"] or 1
    values["verticality_return_deg"] = min(values["verticality_return_deg"], values["verticality_threshold_deg"] - 1)
    values["verticality_needs_immobility"] &= values["verticality_enabled"]
    return values


@st.composite
def any_samples(draw):
    """A few hundred samples: runs of the same, and noise over the whole range."""
    samples_mg = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["held", "noise", "flips"]))
        count = draw(st.integers(1, 250))
        one = draw(st.tuples(int16, int16, int16))
        if kind == "held":
            samples_mg += [one] * count
        elif kind == "flips":
            samples_mg += [one, tuple(-1 - mg for mg in one)] * (count // 2)
        else:
            random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
            samples_mg += random.integers(-32768, 32768, (count, 3)).tolist()
    return samples_mg or [(0, 0, 0)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(values=any_settings(), start_ms=start_ticks, samples_mg=any_samples(), lost=st.integers(0, 2000))
def test_any_samples_settings_and_ticks_stay_small(values, start_ms, samples_mg, lost):
    actions = [("press_sos",), ("pull_cord",), ("zero",), ("acknowledge",), ("clear", 1), ("cancel",)]
    run(values, start_ms, samples_mg, lost, actions)


@settings(max_examples=40)
@given(rate_hz=rates_hz, start_ms=start_ticks, samples_mg=any_samples())
@example(rate_hz=200, start_ms=HIGHEST, samples_mg=[(-32768, -32768, -32768)] * 700)
@example(rate_hz=25, start_ms=HIGHEST, samples_mg=[(32767, 32767, 32767)] * 700)
def test_every_detector_at_its_quickest_stays_small(rate_hz, start_ms, samples_mg):
    """The shortest delays, so that all of the alarm sequence is gone through."""
    shortest = {name: lowest for name, unit, _, lowest, *_ in TUNABLES if unit == "ms"}
    values = {**EVERYTHING_ON, **shortest, "rate_hz": rate_hz, "pre_alarm_ms": 1500, "fall_impact_mg": 1500}
    run(values, start_ms, samples_mg * 3, 20 * rate_hz, [("cancel",), ("acknowledge",), ("clear", 2)] * 3)


@pytest.mark.parametrize("rate_hz", [25, 199, 200])
@pytest.mark.parametrize("start_ms", [0, HIGHEST, HIGHEST - 1800000])
def test_the_longest_delays_stay_small(rate_hz, start_ms):
    longest = {name: highest for name, unit, _, _, highest, _ in TUNABLES if unit == "ms"}
    device = run({**EVERYTHING_ON, **longest, "rate_hz": rate_hz}, start_ms, [(0, 1000, 0)] * 400, 3600 * rate_hz)
    assert device.alarm.causes
    assert device.now_ms == (start_ms + (400 + 3600 * rate_hz) * 1000 // rate_hz) % (1 << 30)


def test_hours_without_an_end_stay_small():
    """Counts that only grow would leave the range one day: each is stopped, or wraps."""
    device = run({**EVERYTHING_ON, "rate_hz": 25}, 0, [(1000, 0, 0)] * 25)
    device.lost(SmallInt(25 * 3600))
    before = numbers_of(device)
    device.lost(SmallInt(25 * 3600))
    grown = {name for name, number in numbers_of(device).items() if number > before.get(name, 0) + 1000}
    # Time, the due times that follow it, and events nobody reads.
    assert {name.rpartition(".")[2] for name in grown} <= {"now_ms", "_second_ms", "_due_ms", "_since_ms"}


def numbers_of(thing, path=""):
    found = {}
    for name, value in vars(thing).items():
        if isinstance(value, bool):
            continue
        if isinstance(value, int):
            found[f"{path}.{name}"] = int(value)
        elif type(value).__module__.startswith("dati."):
            found.update(numbers_of(value, f"{path}.{name}"))
    return found


LOUDEST = 3 * (1 << 14) ** 2  # the peak of a slot of which a sample was at the end of int16 on every axis


@st.composite
def any_slots(draw):
    """Means and peaks of slots, from power-on on; the last of the peaks is followed by enough for a judgement."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    count = draw(st.integers(1, 160))
    kind = draw(st.sampled_from(["noise", "ends", "held", "flips"]))
    means = random.integers(-32768, 32768, (count + 30, 3))
    if kind == "ends":
        means = random.choice(FULL_SCALE, means.shape)
    elif kind == "held":
        means[:] = draw(st.tuples(int16, int16, int16))
    elif kind == "flips":
        means[::2] = draw(st.tuples(int16, int16, int16))
        means[1::2] = -1 - means[0]
    peaks = random.choice([0, 1, LOUDEST - 1, LOUDEST], count + 30)
    peaks[count - 1] = LOUDEST
    peaks[count:] = random.choice([0, LOUDEST], 30)
    return np.column_stack([means, peaks]).tolist()


def judged_slots(values, up, slots):
    """Each case of these slots, by the detector of a whole bank; the features and points are checked on the way."""
    bank = DetectorBank(small_settings(values))
    bank.set_vertical(*map(SmallInt, up))
    for slot in slots:
        before = bank.fall.judged
        bank.fall.step(*map(SmallInt, slot))
        if bank.fall.judged > before:
            assert all(type(feature) is SmallInt for feature in bank.fall.features)
            assert type(bank.fall.points) is SmallInt
            yield list(bank.fall.features)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    rate_hz=rates_hz,
    placement=st.sampled_from(PLACED),
    up=st.tuples(int16, int16, int16),
    slots=any_slots(),
    fall_points=st.sampled_from([-500, 500]),
)
def test_judgements_of_falls_stay_small_over_all_of_int16(rate_hz, placement, up, slots, fall_points):
    values = {"rate_hz": rate_hz, "placement": placement, "fall_points": fall_points}
    assert list(judged_slots(values, up, slots))


@pytest.mark.parametrize("rate_hz", [25, 35, 36, 141, 142, 200])
@pytest.mark.parametrize("placement", PLACED)
def test_the_largest_features_stay_small(placement, rate_hz):
    """Every slot at the end of int16, with the hardest peak, and as different from the one before as can be."""
    for low, high in ((-32768, 32767), (32767, -32768), (-32768, -32768), (32767, 32767), (0, 0)):
        slots = [[mg] * 3 + [LOUDEST] for mg in (low, high)] * 70
        slots[100][3] = LOUDEST + 1  # never from a bank: it lets the judgement end
        values = {"rate_hz": rate_hz, "placement": placement, "fall_points": 500}
        cases = list(judged_slots(values, (low or 1, low, low), slots))
        assert cases
        largest = dict(zip(FEATURES, cases[-1], strict=True))
        assert largest["peak_mg"] >= 56700
        assert abs(largest["tilt_cos"]) <= 1030


def test_the_scorecards_add_up_within_small_ints_for_any_features():
    for placement in PLACED:
        card = flat(CARDS[placement])
        assert type(card) is SmallArray
        told = [[points, *(then for _, then in steps)] for _, points, steps in CARDS[placement]]
        assert all(type(SmallInt(sum(extreme))) is SmallInt for extreme in (map(max, told), map(min, told)))
        bank = DetectorBank(small_settings({"placement": placement}))
        bank.fall._measure = lambda hit, first: None
        for feature in (LOWEST, -1, 0, 1, HIGHEST):
            for number in range(len(FEATURES)):
                bank.fall.features[number] = feature
            bank.fall._judge()
            assert type(bank.fall.points) is SmallInt


@given(n=st.one_of(st.integers(0, HIGHEST), st.integers(HIGHEST - 100, HIGHEST)))
def test_isqrt_stays_small(n):
    root = isqrt(SmallInt(n))
    assert type(root) is SmallInt or n == 0


@given(a=st.tuples(int16, int16, int16), b=st.tuples(int16, int16, int16), deg=st.integers(0, 90))
def test_directions_stay_small(a, b, deg):
    direction = Direction()
    direction.point(*map(SmallInt, a))
    direction.lean(*map(SmallInt, b))
    direction.beyond(gravity_module.COS2_Q15[deg])  # the checked table, not the one imported


@given(t_ms=start_ticks, delay_ms=st.integers(0, HIGHEST))
def test_ticks_stay_small(t_ms, delay_ms):
    later_ms = ticks_add(SmallInt(t_ms), SmallInt(delay_ms))
    assert type(ticks_diff(later_ms, SmallInt(t_ms))) is SmallInt
