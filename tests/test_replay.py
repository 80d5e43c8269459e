"""Replay: whose settings count, where inputs land, what a digest tells, and memory that stays flat."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from dati import events as codes

from simulator import engines
from simulator.engines import Engine, Event, Result
from simulator.errors import UserError
from simulator.replay import (
    REACTION_MS,
    Options,
    Outcome,
    cause_names,
    device_settings,
    digest,
    event_detail,
    event_line,
    event_name,
    make_job,
    replay,
)
from simulator.trace import INPUTS, Input, Recording

PYTHON = engines.get("python")
NUMBER = {what: number for number, what in enumerate(INPUTS)}


def recording(seconds=5.0, rate_hz=50.0, lean_deg=0.0, **values):
    rad = np.radians(lean_deg)
    one = np.rint([1000 * np.sin(rad), 1000 * np.cos(rad), 0])
    samples = np.tile(one.astype(np.int16), (round(seconds * rate_hz), 1))
    values = {"id": "test/1", "dataset": "test", "up": (0, 1000, 0), "range_mg": 8000, **values}
    return Recording(samples=samples, rate_hz=rate_hz, **values)


def outcome(one, **options) -> Outcome:
    [out] = replay([one], PYTHON, Options(**options))
    return out


# --- settings ---


def test_options_stand_over_the_recording_and_the_recording_over_the_defaults():
    one = recording(settings={"pre_alarm_ms": 20000, "sos_hold_ms": 2000})
    made = device_settings(one, Options(settings={"sos_hold_ms": 3000}))
    assert (made.pre_alarm_ms, made.sos_hold_ms, made.tear_off_delay_ms) == (20000, 3000, 200)


def test_the_profile_of_the_options_is_that_which_binds():
    one = recording(settings={"profile": "default", "flight_enabled": True, "flight_delay_ms": 20000})
    assert device_settings(one, Options()).flight_delay_ms == 20000
    with pytest.raises(UserError, match=r"flight_delay_ms = 20000 ms.* 10000 ms"):
        device_settings(one, Options(settings={"profile": "din-0825-11"}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"no_such_setting": 1}, "no_such_setting"),
        ({"pre_alarm_ms": 45001}, "pre_alarm_ms = 45001: permitted: 0 to 45000 ms"),
        ({"pre_alarm_ms": True}, "pre_alarm_ms"),
        ({"profile": "no such"}, "no such"),
    ],
)
def test_a_refused_setting_is_a_users_mistake_wherever_it_stands(values, said):
    for one, options in ((recording(settings=values), Options()), (recording(), Options(settings=values))):
        with pytest.raises(UserError) as caught:
            list(replay([one], PYTHON, options))
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


# --- the job that is made ---


@pytest.mark.parametrize("rate_hz", [25, 33, 50, 200])
def test_a_job_is_at_the_rate_of_the_settings(rate_hz):
    job = make_job(recording(seconds=10, rate_hz=100.0), Options(settings={"rate_hz": rate_hz}))
    assert job.samples.dtype == np.int16
    assert abs(len(job.samples) - 10 * rate_hz) <= 1
    assert job.settings["rate_hz"] == rate_hz


@pytest.mark.parametrize("rate_hz", [25, 33, 50, 200])
def test_inputs_land_on_the_first_sample_that_is_not_early(rate_hz):
    times_ms = (0, 1, 19, 20, 21, 999, 1000, 3333, 4999)
    one = recording(inputs=tuple(Input(t_ms, "cancel", t_ms) for t_ms in times_ms))
    job = make_job(one, Options(settings={"rate_hz": rate_hz}))
    for (at, what, value), t_ms in zip(job.inputs.tolist(), times_ms, strict=True):
        assert what == NUMBER["cancel"]
        assert value == t_ms
        assert at * 1000 // rate_hz >= t_ms
        assert at == 0 or (at - 1) * 1000 < t_ms * rate_hz


def test_inputs_are_sorted_and_those_at_the_same_sample_keep_their_order():
    puts = (Input(500, "sos_up"), Input(100, "sos_down"), Input(100, "zero"), Input(100, "cancel"))
    job = make_job(recording(inputs=puts), Options())
    order = [what for _, what, _ in job.inputs.tolist()]
    assert order == [NUMBER[what] for what in ("sos_down", "zero", "cancel", "sos_up")]


def test_an_input_is_seen_at_its_time():
    puts = (Input(1000, "sos_down"), Input(3000, "acknowledge"), Input(4000, "clear", codes.CENTRE))
    out = outcome(recording(inputs=puts))
    at_ms = {event.code: event.t_ms for event in out.events}
    assert at_ms[codes.ALARM] == 1000 + 1500
    assert at_ms[codes.ACKNOWLEDGED] == 3000
    assert at_ms[codes.CLEARED] == 4000


def test_lost_samples_come_beside_those_present():
    out = outcome(recording(seconds=5, inputs=(Input(2000, "lost", 100),)))
    [lost] = [event for event in out.events if event.code == codes.SAMPLES_LOST]
    assert (lost.sample, lost.t_ms, lost.argument) == (100, 2000, 100)


def test_a_recording_that_says_which_way_is_up_is_believed():
    out = outcome(recording(seconds=25, lean_deg=90, up=(0, 1000, 0)))
    assert "verticality" in out.raised
    out = outcome(recording(seconds=25, lean_deg=90, up=(1000, 0, 0)))
    assert out.raised == {}


def test_a_recording_that_does_not_say_is_zeroed_on_its_first_second():
    assert make_job(recording(lean_deg=90, up=None), Options()).up == (1000, 0, 0)
    nothing = recording(up=None)
    nothing.samples[:] = 0
    assert make_job(nothing, Options()).up is None


def test_a_worker_who_cancels_does_so_after_the_reaction_time():
    still = recording(seconds=100)
    ignored = outcome(still)
    cancelled = outcome(still, worker_cancels=True)
    assert ignored.alarms == 1
    assert cancelled.alarms == 0
    at_ms = [event.t_ms for event in cancelled.events if event.code in (codes.PRE_ALARM, codes.CANCELLED)]
    assert at_ms[1] - at_ms[0] == REACTION_MS


def test_the_start_tick_and_the_block_change_nothing():
    still = recording(seconds=90)
    first = outcome(still)
    assert first.events
    for start_ms, block in ((0, 1), (0, 7), ((1 << 30) - 1, 32), ((1 << 30) - 60000, 1 << 20)):
        assert outcome(still, start_ms=start_ms, block=block).digest == first.digest


# --- outcomes ---


def test_outcomes_come_in_order_and_each_with_its_recording():
    several = [recording(id=f"test/{number}", lean_deg=90 * (number % 2), seconds=22) for number in range(6)]
    outs = list(replay(several, PYTHON, Options()))
    assert [out.recording.id for out in outs] == [one.id for one in several]
    assert [out.job.id for out in outs] == [one.id for one in several]
    assert [bool(out.raised) for out in outs] == [False, True] * 3


def test_raised_tells_each_cause_and_when_it_first_came():
    puts = (Input(1000, "sos_down"), Input(2000, "sos_up"), Input(30000, "sos_down"))
    out = outcome(recording(seconds=40, lean_deg=90, inputs=puts))
    assert list(out.raised) == ["verticality", "voluntary"]
    assert out.raised["voluntary"] == 31500
    assert out.pre_alarms == 1
    assert out.alarms == 1


def test_a_digest_changes_with_every_figure_of_every_event():
    events = [Event(1, 20, 3, 4), Event(50, 1000, 4, 12)]
    wanted = digest(events)
    assert digest(list(events)) == wanted
    for at in range(2):
        for name in Event._fields:
            changed = list(events)
            changed[at] = changed[at]._replace(**{name: getattr(changed[at], name) + 1})
            assert digest(changed) != wanted
    assert len({digest(part) for part in (events, events[:1], events[::-1], [], events * 2)}) == 5


def test_events_read_as_words():
    for code, name, kind in codes.EVENTS:
        event = Event(1, 61234, code, 1)
        assert event_name(event) == name
        assert event_line(event).startswith("   61.234  ")
        assert event_line(event) == event_line(event).rstrip()
        assert bool(event_detail(event)) == (kind != "zeroing")
    assert event_detail(Event(0, 0, codes.ALARM, codes.FALL | codes.VOLUNTARY)) == "voluntary+fall"
    assert cause_names(0) == []


# --- memory ---


class Quiet(Engine):
    """Answers at once: what is measured is replay's own memory."""

    name = "quiet"

    def run(self, jobs):
        for _ in jobs:
            yield Result([])


def peak_bytes(count, engine):
    many = (recording(seconds=20, id=f"test/{number}") for number in range(count))
    tracemalloc.start()
    try:
        for out in replay(many, engine, Options()):
            assert out.recording.id.startswith("test/")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("engine", [PYTHON, Quiet()], ids=lambda engine: engine.name)
def test_memory_stays_flat_over_any_number_of_recordings(engine):
    peak_bytes(2, engine)  # caches
    assert peak_bytes(60, engine) < 1.5 * peak_bytes(6, engine)
