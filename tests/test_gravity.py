"""Gravity, direction and motion in integers, against real numbers."""

from __future__ import annotations

import itertools
import math
from array import array

import numpy as np
import pytest
from dati.bank import DetectorBank
from dati.gravity import COS2_Q15, Direction, Gravity, Motion, isqrt
from dati.settings import Settings
from hypothesis import example, given
from hypothesis import strategies as st

EXTREMES_MG = (-32768, -32767, -1024, -1023, -1, 0, 1, 511, 512, 1023, 1024, 32766, 32767)
SENSITIVITY_MG = 100
# Rounded components, a squared cosine of 15 bits.
ANGLE_ERROR_DEG = 0.25

int16 = st.one_of(st.integers(-32768, 32767), st.sampled_from(EXTREMES_MG))
vectors = st.tuples(int16, int16, int16)


# --- square root, cosines ---


def test_isqrt_is_exact_for_every_small_number():
    assert [isqrt(n) for n in range(20000)] == [math.isqrt(n) for n in range(20000)]


def test_isqrt_is_exact_beside_every_square():
    for root in range(1, 1 << 15):
        assert isqrt(root * root) == root
        assert isqrt(root * root - 1) == root - 1
    assert isqrt((1 << 30) - 1) == 32767


@given(st.integers(0, (1 << 30) - 1))
def test_isqrt_is_exact(n):
    assert isqrt(n) == math.isqrt(n)


def test_the_cosines_are_the_cosines():
    wanted = tuple(round(32768 * math.cos(math.radians(deg)) ** 2) for deg in range(91))
    assert wanted == COS2_Q15


# --- angles ---


def of_length(direction, length_mg):
    x, y, z = np.rint(np.asarray(direction) * (length_mg / np.linalg.norm(direction))).astype(int).tolist()
    return x, y, z


def angle_deg(a, b):
    return math.degrees(math.atan2(np.linalg.norm(np.cross(a, b)), np.dot(a, b)))


def beyond(vertical, gravity, threshold_deg):
    direction = Direction()
    assert direction.point(*vertical)
    direction.lean(*gravity)
    return direction.beyond(COS2_Q15[threshold_deg])


@pytest.mark.parametrize("gravity_mg", [1000, 500, 750, 1500, 2000])
def test_every_threshold_is_honoured_in_any_orientation(gravity_mg):
    random = np.random.default_rng(gravity_mg)
    for deg, vertical_mg in itertools.product(range(20, 91), (850, 1000, 1150)):
        for off_deg in (-10, -1, -2 * ANGLE_ERROR_DEG, 2 * ANGLE_ERROR_DEG, 1, 10):
            up = random.normal(size=3)
            up /= np.linalg.norm(up)
            across = np.cross(up, random.normal(size=3))
            across /= np.linalg.norm(across)
            lean = math.radians(deg + off_deg)
            vertical = of_length(up, vertical_mg)
            gravity = of_length(math.cos(lean) * up + math.sin(lean) * across, gravity_mg)
            # Rounding to whole mg has moved the vectors: the angle is measured anew.
            true_deg = angle_deg(vertical, gravity)
            if abs(true_deg - deg) > ANGLE_ERROR_DEG:
                assert beyond(vertical, gravity, deg) == (true_deg > deg), (vertical, gravity)


@given(vertical=vectors, gravity=vectors, deg=st.integers(20, 90))
@example(vertical=(-32768, -32768, -32768), gravity=(32767, 32767, 32767), deg=90)
@example(vertical=(1, 0, 0), gravity=(-32768, 0, 0), deg=20)
@example(vertical=(-32768, 0, 0), gravity=(-32768, 0, 0), deg=20)
def test_vectors_of_any_length_are_judged_within_a_degree(vertical, gravity, deg):
    if not any(vertical) or max(map(abs, gravity)) < 60:
        return  # below 60 mg a whole mg is a degree
    true_deg = angle_deg(vertical, gravity)
    if abs(true_deg - deg) > 1:
        assert beyond(vertical, gravity, deg) == (true_deg > deg)


def test_the_vectors_along_the_axes_are_judged_exactly():
    axes = [tuple(sign * (axis == i) for i in range(3)) for axis in range(3) for sign in (1, -1)]
    for a, b in itertools.product(axes, axes):
        for mg_a, mg_b in itertools.product((1, 3, 1000, 32767), (1, 3, 1000, 32767)):
            lean = beyond([mg_a * c for c in a], [mg_b * c for c in b], 89)
            assert lean == (np.dot(a, b) <= 0)


@given(vectors)
def test_a_direction_has_length_one(vertical):
    direction = Direction()
    if direction.point(*vertical):
        length = math.hypot(direction.x_q14, direction.y_q14, direction.z_q14)
        assert length == pytest.approx(16384, rel=2e-3)


def test_a_zero_vector_is_no_direction_and_leaves_the_last_one():
    direction = Direction()
    assert direction.point(0, 1000, 0)
    assert not direction.point(0, 0, 0)
    direction.lean(0, 1000, 0)
    assert not direction.beyond(COS2_Q15[20])
    direction.lean(1000, 0, 0)
    assert direction.beyond(COS2_Q15[45])


def test_free_fall_leans_nowhere():
    direction = Direction()
    direction.lean(0, 0, 0)
    for deg in range(91):
        assert not direction.beyond(COS2_Q15[deg])


# --- gravity ---


@given(before=vectors, after=vectors)
def test_gravity_starts_at_once_and_settles_exactly(before, after):
    gravity = Gravity()
    gravity.step(*before)
    assert (gravity.x_mg, gravity.y_mg, gravity.z_mg) == before
    for _ in range(60):
        gravity.step(*after)
    assert (gravity.x_mg, gravity.y_mg, gravity.z_mg) == after


def test_gravity_follows_a_step_with_a_time_constant_of_four_slots():
    gravity = Gravity()
    gravity.step(0, 0, 0)
    for slots in range(1, 20):
        gravity.step(1000, -1000, 0)
        wanted_mg = 1000 * (1 - 0.75**slots)
        assert gravity.x_mg == pytest.approx(wanted_mg, abs=2)
        assert gravity.y_mg == pytest.approx(-wanted_mg, abs=2)
        assert gravity.z_mg == 0


# --- motion ---


def worker_mg_by_beat(accel_mg, rate_hz):
    """What the bank takes for the worker's own motion, beat by beat; `accel_mg` comes on top of 1 g on y."""
    bank = DetectorBank(Settings({"rate_hz": rate_hz, "immobility_sensitivity_mg": SENSITIVITY_MG}))
    samples = np.column_stack([accel_mg, np.full(len(accel_mg), 1000.0), 0.3 * accel_mg])
    flat = array("h", np.rint(samples).astype(np.int16).tobytes())
    beat = bank.slot_samples * bank.motion.beat_slots
    levels_mg = []
    for end in range(beat, len(accel_mg) + 1, beat):
        at = end - beat
        while at < end:
            at = bank.run(flat, at, end)
        assert bank.motion.judged
        levels_mg.append(bank.motion.worker_mg())
    return np.array(levels_mg)


def tone(frequency_hz, amplitude_mg, rate_hz, seconds=60):
    return amplitude_mg * np.sin(2 * np.pi * frequency_hz * np.arange(seconds * rate_hz) / rate_hz + 0.5)


@pytest.mark.parametrize("rate_hz", [25, 50, 100, 200])
def test_steady_vibration_is_not_the_workers_motion(rate_hz):
    # Above half the rate the sensor folds it down to what a worker has: a limit that Motion states.
    for frequency_hz in np.arange(5, min(25, rate_hz / 2 - 0.5) + 0.1, 0.5):
        worker_mg = worker_mg_by_beat(tone(frequency_hz, 400, rate_hz), rate_hz)
        settled_mg = worker_mg[9:]  # the floor is the lowest of 8 beats
        assert settled_mg.max() <= SENSITIVITY_MG // 2, frequency_hz


@pytest.mark.parametrize("rate_hz", [25, 33, 50, 100, 200])
@pytest.mark.parametrize("frequency_hz", [0.5, 0.8, 1.0, 1.4, 2.0])
def test_the_uneven_motion_of_a_worker_is_motion(frequency_hz, rate_hz):
    t_s = np.arange(60 * rate_hz) / rate_hz
    swell = 1 + 0.25 * np.sin(2 * np.pi * t_s / 7)
    worker_mg = worker_mg_by_beat(swell * tone(frequency_hz, 500, rate_hz), rate_hz)
    assert (worker_mg > SENSITIVITY_MG).mean() > 0.9


def test_rest_is_no_motion():
    noise_mg = np.random.default_rng(1).normal(0, 10, 60 * 50)
    assert worker_mg_by_beat(noise_mg, 50).max() <= 20


def beat(motion, gravity, slots_mg, judge):
    ended = [motion.step(mg, 1000, 0, gravity, judge) for mg in slots_mg]
    assert ended == [False] * 5 + [True]


def test_a_beat_without_a_judged_slot_is_not_judged_and_keeps_the_level():
    gravity = Gravity()
    gravity.step(0, 1000, 0)
    motion = Motion(100)
    beat(motion, gravity, [400] * 6, True)
    assert motion.judged
    assert motion.level_mg == 400
    beat(motion, gravity, [-3000] * 6, False)
    assert not motion.judged
    assert motion.level_mg == 400
    beat(motion, gravity, [400] * 6, True)
    assert motion.judged
    assert motion.level_mg == 400


def test_a_slot_is_never_averaged_with_one_that_was_not_judged():
    gravity = Gravity()
    gravity.step(0, 1000, 0)
    motion = Motion(100)
    for judge in (True, False, True, False, True):
        assert not motion.step(5 if judge else 3000, 1000, 0, gravity, judge)
    assert motion.step(3000, 1000, 0, gravity, False)
    assert not motion.judged
    for judge, mg in ((False, 3000), (True, 5), (True, 5), (True, 5), (True, 5), (True, 5)):
        motion.step(mg, 1000, 0, gravity, judge)
    assert motion.judged
    assert motion.level_mg == 5


def test_motion_survives_the_largest_steps():
    gravity = Gravity()
    motion = Motion(100)
    for mg in (32767, -32768) * 30:
        gravity.step(mg, mg, mg)
        motion.step(mg, -mg - 1, mg, gravity, True)
        assert 0 <= motion.level_mg <= math.isqrt(3 * 4095 * 4095)
        assert 0 <= motion.worker_mg() <= motion.level_mg
