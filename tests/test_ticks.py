"""Ticks that wrap, against integers that do not."""

from __future__ import annotations

from dati.ticks import MASK, Countdown, ticks_add, ticks_diff
from hypothesis import example, given
from hypothesis import strategies as st

PERIOD_MS = 1 << 30
HALF_MS = 1 << 29

near_the_wrap = st.one_of(st.integers(0, 300), st.integers(PERIOD_MS - 300, PERIOD_MS - 1))
ticks = st.one_of(st.integers(0, MASK), near_the_wrap)
gaps = st.one_of(
    st.integers(-HALF_MS, HALF_MS - 1),
    st.integers(-300, 300),
    st.integers(HALF_MS - 300, HALF_MS - 1),
    st.integers(-HALF_MS, 300 - HALF_MS),
)


def test_the_period_is_that_of_micropython():
    assert MASK == PERIOD_MS - 1


@given(t_ms=ticks, delay_ms=ticks)
@example(t_ms=MASK, delay_ms=MASK)
@example(t_ms=MASK, delay_ms=0)
@example(t_ms=MASK, delay_ms=1)
@example(t_ms=0, delay_ms=MASK)
def test_ticks_add_is_the_sum_round_the_period(t_ms, delay_ms):
    assert ticks_add(t_ms, delay_ms) == (t_ms + delay_ms) % PERIOD_MS


@given(earlier_ms=ticks, gap_ms=gaps)
@example(earlier_ms=0, gap_ms=-HALF_MS)
@example(earlier_ms=MASK, gap_ms=HALF_MS - 1)
def test_ticks_diff_recovers_every_gap_below_half_a_period(earlier_ms, gap_ms):
    assert ticks_diff((earlier_ms + gap_ms) % PERIOD_MS, earlier_ms) == gap_ms


@given(start_ms=ticks, delay_ms=st.integers(0, 3600000), early_ms=st.integers(1, 3600000))
def test_a_countdown_runs_out_on_the_millisecond_and_once_across_the_wrap(start_ms, delay_ms, early_ms):
    countdown = Countdown(delay_ms)
    assert not countdown.ran_out(start_ms)  # not started
    countdown.start(start_ms)
    assert countdown.left_ms(start_ms) == delay_ms
    if early_ms <= delay_ms:
        at_ms = (start_ms + delay_ms - early_ms) % PERIOD_MS
        assert not countdown.ran_out(at_ms)
        assert countdown.running
        assert countdown.left_ms(at_ms) == early_ms
    due_ms = (start_ms + delay_ms) % PERIOD_MS
    assert countdown.ran_out(due_ms)
    assert not countdown.running
    assert not countdown.ran_out(due_ms)


@given(start_ms=ticks, late_ms=st.integers(0, HALF_MS - 1))
def test_a_countdown_looked_at_late_has_run_out(start_ms, late_ms):
    countdown = Countdown(1000)
    countdown.start(start_ms)
    assert countdown.ran_out((start_ms + 1000 + late_ms) % PERIOD_MS)


@given(start_ms=ticks)
def test_a_stopped_countdown_never_runs_out_and_a_restarted_one_runs_in_full(start_ms):
    countdown = Countdown(1000)
    countdown.start(start_ms)
    countdown.stop()
    assert not countdown.ran_out((start_ms + 1000) % PERIOD_MS)
    countdown.start(start_ms)
    countdown.start((start_ms + 900) % PERIOD_MS)
    assert not countdown.ran_out((start_ms + 1899) % PERIOD_MS)
    assert countdown.ran_out((start_ms + 1900) % PERIOD_MS)
