"""Positive safety: each fault is told once when it has lasted, and its end; an axis that is stuck is suspect."""

from __future__ import annotations

from array import array

import pytest
from dati import supervision as sv
from dati.settings import Settings
from dati.supervision import StuckAxis, Supervision
from dati.ticks import MASK, ticks_add
from hypothesis import given
from hypothesis import strategies as st

OBSERVED = [fault for fault, _ in sv.FAULTS if fault not in (sv.PROGRAM, sv.RESTART)]
STARTS_MS = [0, MASK, MASK - 30000]


class Listener:
    def __init__(self):
        self.told = []

    def on_fault(self, fault, began, t_ms):
        self.told.append((fault, began, t_ms))


def watch(**settings):
    listener = Listener()
    return Supervision(Settings(settings), listener), listener.told


def test_every_fault_has_a_name_of_its_own():
    assert len({code for code, _ in sv.FAULTS}) == len({name for _, name in sv.FAULTS}) == len(sv.FAULTS)
    assert sv.name_of(sv.SIM) == "sim"
    assert sv.name_of(99) == "99"
    assert sv.FAULTS[0] == (1, "network")  # numbers stand in journals and messages
    assert sv.FAULTS[10] == (11, "restart")


@pytest.mark.parametrize("start_ms", STARTS_MS)
@pytest.mark.parametrize("fault", OBSERVED)
def test_a_fault_is_told_once_it_has_lasted_and_once_it_ends(fault, start_ms):
    made, told = watch(technical_delay_ms=5000)
    delay_ms = {sv.NETWORK: 5000, sv.BATTERY: 10000, sv.CLOCK: 600000, sv.SIM: 5000}.get(fault, 0)
    made.observe(fault, True, start_ms)
    if delay_ms:
        made.observe(fault, True, ticks_add(start_ms, delay_ms - 1))
        assert told == []
        assert not made.has(fault)
        assert made.raised == 0
    due_ms = ticks_add(start_ms, delay_ms)
    made.observe(fault, True, due_ms)
    made.observe(fault, True, ticks_add(due_ms, 1))
    assert told == [(fault, True, due_ms)]
    assert made.has(fault)
    assert made.raised == 1 << fault
    over_ms = ticks_add(due_ms, 10)
    made.observe(fault, False, over_ms)
    made.observe(fault, False, ticks_add(over_ms, 1))
    assert told[1:] == [(fault, False, over_ms)]
    assert made.raised == 0


def test_a_fault_that_comes_and_goes_within_its_delay_is_never_told():
    made, told = watch(technical_delay_ms=5000)
    for t_ms in range(0, 60000, 4000):
        made.observe(sv.NETWORK, True, t_ms)
        made.observe(sv.NETWORK, False, t_ms + 3999)
    assert told == []


def test_one_that_lasts_for_weeks_is_told_once():
    made, told = watch(technical_delay_ms=5000)
    for hour in range(24 * 20):
        made.observe(sv.NETWORK, True, hour * 3600000 & MASK)
    assert len(told) == 1


@pytest.mark.parametrize("start_ms", STARTS_MS)
@pytest.mark.parametrize("fault", [sv.PROGRAM, sv.RESTART])
def test_what_happens_is_told_at_once_and_stays_visible_for_a_minute(fault, start_ms):
    made, told = watch()
    made.happened(fault, start_ms)
    made.happened(fault, ticks_add(start_ms, 30000))  # again: longer, not told twice
    made.tick(ticks_add(start_ms, 89999))
    assert told == [(fault, True, start_ms)]
    made.tick(ticks_add(start_ms, 90000))
    assert told[1:] == [(fault, False, ticks_add(start_ms, 90000))]
    made.tick(ticks_add(start_ms, 200000))
    assert len(told) == 2


def test_a_crash_and_a_restart_end_both():
    made, told = watch()
    made.happened(sv.RESTART, 0)
    made.happened(sv.PROGRAM, 1000)
    made.tick(61000)
    assert sorted(told[2:]) == [(sv.PROGRAM, False, 61000), (sv.RESTART, False, 61000)]


@given(st.lists(st.tuples(st.sampled_from(OBSERVED), st.booleans(), st.integers(1, 700000)), max_size=40))
def test_what_is_told_alternates_and_agrees_with_what_is_raised(steps):
    made, told = watch()
    t_ms = MASK - 100000
    for fault, failing, step_ms in steps:
        t_ms = ticks_add(t_ms, step_ms)
        made.observe(fault, failing, t_ms)
    for fault in OBSERVED:
        own = [began for what, began, _ in told if what == fault]
        assert own == [number % 2 == 0 for number in range(len(own))]
        assert made.has(fault) == (len(own) % 2 == 1)


# --- the stuck axis ---


def suspects(samples, every_ms=440, start_ms=0):
    """Whether any window of these probes is suspect."""
    axis = StuckAxis()
    seen = False
    for number, sample in enumerate(samples):
        seen = axis.probe(array("h", sample), 0, (start_ms + number * every_ms) & MASK) or seen
    return seen


MOVING = [(number % 2 * 300, 1000 - number % 3 * 130, number % 5 * 90) for number in range(60)]


@pytest.mark.parametrize("start_ms", STARTS_MS)
@pytest.mark.parametrize("stuck", [0, 1, 2])
@pytest.mark.parametrize("value", [0, 1000, -32768, 32767])
def test_an_axis_that_stands_while_another_moves_is_suspect(start_ms, stuck, value):
    samples = [tuple(value if axis == stuck else mg for axis, mg in enumerate(sample)) for sample in MOVING]
    assert suspects(samples, start_ms=start_ms)


@pytest.mark.parametrize("every_ms", [440, 20, 640])
def test_a_worker_who_moves_or_rests_is_not(every_ms):
    assert not suspects(MOVING, every_ms)
    assert not suspects([(0, 1000, 0)] * 900, every_ms)
    # At rest a 10-bit sensor truly reads the same on one axis, and a step more or less on another.
    assert not suspects([(16 * (number % 2), 1000, 0) for number in range(900)], every_ms)


def test_a_sensor_that_says_nothing_but_zero_is():
    assert suspects([(0, 0, 0)] * 60)


def test_a_window_needs_its_time_and_its_probes():
    axis = StuckAxis()
    probes = [axis.probe(array("h", (number % 2 * 600, 0, 0)), 0, number * 440) for number in range(70)]
    first = probes.index(True)
    assert 10000 <= first * 440 <= 11000
    assert sum(probes) == 2
    slow = StuckAxis()
    assert [slow.probe(array("h", (number % 2 * 600, 0, 0)), 0, number * 2000) for number in range(16)][:15] == [
        False
    ] * 15


def test_only_the_sample_asked_for_is_looked_at():
    axis = StuckAxis()
    samples = array("h", [9999, 1, 1] * 3)
    samples[3:6] = array("h", (0, 0, 0))
    found = [axis.probe(samples, 3, number * 700) for number in range(16)]
    assert found == [False] * 15 + [True]
