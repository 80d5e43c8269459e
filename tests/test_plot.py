"""The picture: drawn for every kind of recording, and true to what was decided."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from dati import events as codes

from datasets.sources import bundled_traces
from host_tools.plot import _on_device_clock, draw, measures
from simulator import engines
from simulator.replay import Options, Outcome, replay
from simulator.trace import Input, Recording

TRACES = {trace.id: trace for trace in bundled_traces()}
PYTHON = engines.get("python")


def outcome_of(recording: Recording, options: Options = Options()) -> Outcome:  # noqa: B008  (it is frozen)
    [outcome] = replay([recording], PYTHON, options)
    return outcome


def still(samples: int, **values) -> Recording:
    return Recording("made/1", "made", np.tile(np.array([0, 1000, 0], np.int16), (samples, 1)), 50.0, 8000, **values)


RECORDINGS = {
    "a fall": TRACES["tripping-and-falling"],
    "all states": TRACES["alarm-acknowledged-and-cleared"],
    "lost samples": TRACES["sensor-silent"],
    "no events": TRACES["walking-a-beat"],
    "one second": still(50, words="one second of $tanding & [still]"),
    "less than a slot": still(2),
    "lost first and last": still(100, inputs=(Input(0, "lost", 50), Input(2000, "lost", 50))),
}


@pytest.mark.parametrize("what", RECORDINGS)
def test_a_picture_of_sensible_size(tmp_path, what):
    path = tmp_path / "a.png"
    draw(outcome_of(RECORDINGS[what]), Options(), path)
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", data[16:24])
    assert 1000 <= width <= 2000 and 800 <= height <= 1600
    assert 20_000 < len(data) < 1_000_000


def held_by_events(outcome: Outcome) -> list[tuple[float, int]]:
    """The conditions after each change, by the events. Cancelling starts all detectors over."""
    held, changes = 0, []
    for event in outcome.events:
        if event.code in (codes.CONDITION_BEGAN, codes.CONDITION_ENDED):
            held = held | event.argument if event.code == codes.CONDITION_BEGAN else held & ~event.argument
        elif event.code == codes.CANCELLED:
            held = 0
        if held != (changes[-1][1] if changes else 0):
            changes.append((event.t_ms / 1000, held))
    return changes


@pytest.mark.parametrize("name", ["tripping-and-falling", "unconscious-on-a-running-belt", "getting-up-cancels"])
@pytest.mark.parametrize("worker_cancels", [False, True])
def test_measures_agree_with_what_was_decided(name, worker_cancels):
    outcome = outcome_of(TRACES[name], Options(worker_cancels=worker_cancels))
    slots = measures(outcome)
    changes = held_by_events(outcome)
    assert changes
    seen = [
        (slot.t_s, slot.conditions)
        for before, slot in zip([None, *slots], slots, strict=False)
        if slot.conditions != (before.conditions if before else 0)
    ]
    assert [held for _, held in seen] == [held for _, held in changes]
    # A detector speaks at the end of a slot; what is cancelled within one is gone at its end.
    late_s = np.array([t_s for t_s, _ in seen]) - [t_s for t_s, _ in changes]
    assert late_s.min() > -1e-9 and late_s.max() < 0.161
    if not worker_cancels:
        assert late_s.max() < 1e-9


def test_measures_are_the_motion_of_the_recording():
    slots = measures(outcome_of(TRACES["tripping-and-falling"]))
    assert np.diff([slot.t_s for slot in slots]) == pytest.approx(0.16)
    assert np.mean([slot.lean_deg for slot in slots if slot.t_s < 10]) < 10
    assert 75 < np.mean([slot.lean_deg for slot in slots if slot.t_s > 20]) < 105
    largest_mg = np.linalg.norm(TRACES["tripping-and-falling"].samples.astype(float), axis=1).max()
    assert max(slot.peak_mg for slot in slots) == pytest.approx(largest_mg, rel=0.02)


def test_what_was_lost_takes_its_time_and_shows_as_a_gap():
    outcome = outcome_of(TRACES["sensor-silent"])
    t_s, accel_g, end_s = _on_device_clock(outcome, 50)
    assert end_s == pytest.approx(75)
    [gap] = np.flatnonzero(np.isnan(t_s))
    assert (t_s[gap - 1], t_s[gap + 1], t_s[-1]) == pytest.approx((19.98, 50, 74.98))
    assert np.isnan(accel_g[gap]).all() and len(accel_g) == len(outcome.job.samples) + 1
    slots = measures(outcome)
    assert slots[-1].t_s == pytest.approx(end_s, abs=0.16)
    unmeasured = [slot.t_s for slot in slots if np.isnan(slot.peak_mg)]
    assert min(unmeasured) == pytest.approx(20.16, abs=0.16) and max(unmeasured) == pytest.approx(50, abs=0.16)
