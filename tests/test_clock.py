"""The wall clock against Python's own calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dati.clock import UNSET, Clock, date, seconds, stamp
from dati.ticks import MASK, ticks_add
from hypothesis import example, given
from hypothesis import strategies as st

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
LAST_S = int((datetime(2068, 1, 1, tzinfo=UTC) - BEGIN).total_seconds()) - 1
NOON = seconds(2026, 11, 22, 12, 0, 0)


@given(utc_s=st.integers(0, LAST_S))
@example(utc_s=0)
@example(utc_s=LAST_S)
@example(utc_s=59 * 86400)  # 29 February 2000
@example(utc_s=366 * 86400 - 1)
def test_a_date_is_what_the_calendar_says_and_back(utc_s):
    when = BEGIN + timedelta(seconds=utc_s)
    fields = (when.year, when.month, when.day, when.hour, when.minute, when.second)
    assert date(utc_s) == fields
    assert seconds(*fields) == utc_s
    assert stamp(utc_s) == when.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_every_day_there_is():
    for day in range((LAST_S + 1) // 86400):
        when = BEGIN + timedelta(days=day)
        assert seconds(when.year, when.month, when.day, 0, 0, 0) == day * 86400
        assert date(day * 86400)[:3] == (when.year, when.month, when.day)


@pytest.mark.parametrize(
    "fields",
    [
        (1999, 12, 31, 0, 0, 0),
        (2068, 1, 1, 0, 0, 0),
        (2026, 0, 1, 0, 0, 0),
        (2026, 13, 1, 0, 0, 0),
        (2026, 1, 0, 0, 0, 0),
        (2026, 1, 32, 0, 0, 0),
        (2026, 2, 29, 0, 0, 0),
        (2028, 2, 30, 0, 0, 0),
        (2026, 4, 31, 0, 0, 0),
        (2026, 1, 1, 24, 0, 0),
        (2026, 1, 1, 0, 60, 0),
        (2026, 1, 1, 0, 0, 61),
        (2026, 1, 1, -1, 0, 0),
        (2026, 1, 1, 0, -1, 0),
        (2026, 1, 1, 0, 0, -1),
        (-1, 1, 1, 0, 0, 0),
    ],
)
def test_what_is_no_date_is_unset(fields):
    assert seconds(*fields) == UNSET


def test_a_leap_second_is_the_next_minute():
    assert seconds(2026, 12, 31, 23, 59, 60) == seconds(2027, 1, 1, 0, 0, 0)


def test_unset_is_said():
    clock = Clock()
    assert not clock.is_set()
    assert clock.utc_s(123) == UNSET
    assert stamp(UNSET) == "unset"


@pytest.mark.parametrize("start_ms", [0, MASK, MASK - 1500, MASK - 3600500])
def test_it_is_carried_on_by_ticks_across_their_wrap_without_rounding(start_ms):
    clock = Clock()
    assert clock.set(NOON, start_ms)
    t_ms = start_ms
    passed_ms = 0
    for step_ms in (999, 1, 3600000, 3600001, 999, 7, 86400000, 3 * 86400000, 1):
        t_ms = ticks_add(t_ms, step_ms)
        passed_ms += step_ms
        assert clock.utc_s(t_ms) == NOON + passed_ms // 1000


def test_asked_every_few_hours_for_a_month_it_loses_nothing():
    clock = Clock()
    clock.set(NOON, 17)
    for step in range(1, 200):
        assert clock.utc_s((17 + step * 14400777) & MASK) == NOON + step * 14400777 // 1000


@pytest.mark.parametrize("year", [2000, 2014, 2024, 2068])
def test_a_modem_that_heard_no_network_does_not_set_it(year):
    clock = Clock()
    utc_s = int((datetime(year, 1, 1, tzinfo=UTC) - BEGIN).total_seconds())
    assert not clock.set(utc_s, 0)
    assert not clock.is_set()
    clock.set(NOON, 0)
    assert not clock.set(utc_s, 5000)  # nor spoils it
    assert clock.utc_s(10000) == NOON + 10


def test_a_negative_time_is_refused():
    assert not Clock().set(-1, 0)
    assert not Clock().set(UNSET, 0)


def test_it_may_be_told_of_a_moment_just_past():
    clock = Clock()
    assert clock.set(NOON, MASK - 500)
    assert clock.utc_s(600) == NOON + 1
