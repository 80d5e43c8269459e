"""Immobility's trade-off: what shakes the motionless, who counts as quiet, and what the command answers."""

from __future__ import annotations

import json
import sys
from itertools import islice

import numpy as np
import pytest

from datasets.synthetic import RATE_HZ, Wearer
from host_tools import cli, tradeoff
from simulator import engines
from simulator.corpus import CorpusWriter
from simulator.stillness import (
    BARE,
    FILTERED,
    FOLDED,
    VEHICLE,
    Body,
    Tradeoff,
    count_still,
    machine_hz,
    machine_mg,
    quiet_group,
    ride_mg,
    still_segments,
    turn,
)
from simulator.trace import Recording

DELAY_S = 10.0


@pytest.fixture(scope="module")
def body():
    wearer = Wearer(1).work_standing(3).lie_down("left")
    since_ms = wearer.t_ms
    return Body("on the left", wearer.unconscious(DELAY_S + 20).truth_mg(), RATE_HZ, since_ms, 1)


def ride(seconds=20, rate_hz=500.0, shake_mg=80):
    t_s = np.arange(round(seconds * rate_hz)) / rate_hz
    floor_mg = np.column_stack([1000 + shake_mg * np.sin(2 * np.pi * 1.5 * t_s), 0 * t_s, 0 * t_s])
    samples = np.rint(floor_mg).astype(np.int16)
    return Recording("ride", "test", samples, rate_hz, 4000, placement="vehicle floor", activity="ride")


def seated(kind="work", seconds=60, **fields):
    samples = np.tile(np.array([[0, 1000, 0]], np.int16), (round(seconds * 50), 1))
    return Recording("seated", "test", samples, 50, 4000, kind=kind, words="seated tasks", placement="wrist", **fields)


@pytest.mark.parametrize("end", [(0, 1, 0), (0, 0, -1), (-1, 0, 0), (1, 0, 0), (0.6, 0, -0.8)])
def test_a_turn_takes_one_direction_to_the_other_and_keeps_lengths(end):
    start = np.array([1.0, 0, 0])
    matrix = turn(start, np.array(end, float))
    assert start @ matrix == pytest.approx(end)
    assert matrix @ matrix.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_a_ride_loses_its_gravity_and_shakes_along_the_bodys_vertical(body):
    shaking = ride_mg(ride(60), body, 0.5)
    assert shaking.shape == body.truth_mg.shape
    assert shaking.mean(axis=0) == pytest.approx([0, 0, 0], abs=2)
    along = shaking @ body.up
    assert along.std() == pytest.approx(80 / np.sqrt(2), rel=0.02)
    assert np.linalg.norm(shaking - np.outer(along, body.up), axis=1).max() < 2


def test_a_ride_that_is_too_short_goes_on_without_a_jump(body):
    shaking = ride_mg(ride(7, shake_mg=80), body, 1.0)
    assert len(shaking) == len(body.truth_mg)
    steepest_mg = 80 * 2 * np.pi * 1.5 / RATE_HZ
    assert np.abs(np.diff(shaking, axis=0)).max() < 3 * steepest_mg


@pytest.mark.parametrize("hz", [5.0, 49.0, 100.0])
@pytest.mark.parametrize("harmonics", [1, 3])
@pytest.mark.parametrize("seed", [0, 3])
def test_a_machine_has_the_strength_asked_for(body, hz, harmonics, seed):
    shaking = machine_mg(hz, 100, harmonics, body, seed)
    assert np.sqrt((shaking**2).sum(axis=1).mean()) == pytest.approx(100, rel=0.01)


def test_machines_include_what_the_rate_folds_to_slow_motion():
    assert {5, 49, 50.3, 52, 97, 99.3} <= set(machine_hz(50))
    assert 99.3 in machine_hz(100) and 49 not in machine_hz(100)


def test_the_count_of_segments_is_the_count(body):
    segments = list(still_segments([body], [ride()], 50))
    assert len(segments) == count_still(1, 1, 50)
    assert {one.group for one in segments} == {BARE, VEHICLE, FILTERED, FOLDED}
    assert len({one.recording.id for one in segments}) == len(segments)
    assert all(one.recording.rate_hz == 50 for one in segments)


def test_only_a_bare_sampler_folds(body):
    """A machine at 49 Hz read at 50 Hz: gone behind a filter, slow motion without."""
    spread = {}
    for one in still_segments([body], [], 50):
        if " 49 Hz 2.5 m/s2 1 lines" in one.recording.id:
            still = one.recording.samples[one.still_since_ms // 20 + 50 :]
            spread[one.group] = float(np.linalg.norm(still.std(axis=0)))
    assert spread[FILTERED] < 40
    assert spread[FOLDED] == pytest.approx(255, rel=0.1)


@pytest.mark.parametrize(
    ("recording", "group"),
    [
        (seated(), "seated, wrist"),
        (seated("adl"), "seated, wrist"),
        (seated("fall"), None),
        (seated("still"), None),
        (seated(seconds=39), None),
        (ride(60), None),
    ],
)
def test_who_counts_as_quiet(recording, group):
    assert quiet_group(recording, DELAY_S) == group


@pytest.mark.parametrize(
    ("words", "posture"),
    [
        ("packing work: picking items", "standing"),
        ("standing", "standing"),
        ("stairs slowly; stairs quickly", "mobile"),
        ("work lying under a machine", "lying"),
        ("repairing something", "mobile"),
    ],
)
def test_posture_is_read_from_the_words(words, posture):
    recording = seated()
    recording.words = words
    assert quiet_group(recording, DELAY_S) == f"{posture}, wrist"


def test_the_motionless_are_found_and_a_still_hand_is_disturbed(body):
    both = Tradeoff(engines.get("python"), [20, 999], DELAY_S, {})
    assert both.rate_hz() == 50
    (bare,) = islice(still_segments([body], [], 50), 1)
    both.add_still(bare)
    both.add_quiet("seated, wrist", seated(seconds=60))
    one = both.still[BARE][20]
    assert (one.segments, one.found) == (1, 1)
    assert DELAY_S - 1 <= one.worst_delay_s <= DELAY_S + 4
    disturbed = both.quiet["seated, wrist"][999]
    assert disturbed.recordings == 1
    assert disturbed.hours == pytest.approx(60 / 3600)
    assert 3 <= disturbed.pre_alarms <= 5  # every delay and the time to cancel
    assert disturbed.per_shift.low < disturbed.per_shift.value < disturbed.per_shift.high


# --- the command ---


@pytest.fixture
def dati(monkeypatch, capsys):
    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dati", "tradeoff", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        text = capsys.readouterr()
        return left.value.code, text.out, text.err

    return run


@pytest.fixture
def small(monkeypatch, body):
    """A handful of segments, and a minute of work."""
    monkeypatch.setattr(tradeoff, "still_bodies", lambda delay_s: [body])
    monkeypatch.setattr(tradeoff, "synthetic_work", lambda rate_hz: iter([seated(seconds=60)]))
    monkeypatch.setattr("simulator.stillness.machine_hz", lambda rate_hz: [49.0])


ARGUMENTS = ("-e", "python", "--delay-s", 10, "--sensitivities", "100,50")


def test_the_command_shows_both_sides(dati, small, tmp_path):
    with CorpusWriter(tmp_path / "rides.parquet") as corpus:
        corpus.add(ride(40))
    picture = tmp_path / "tradeoff.png"
    status, text, said = dati(tmp_path / "rides.parquet", *ARGUMENTS, "--plot", picture)
    assert status == 0, said
    assert "vehicle (4)" in text and "100*" in text and "seated, wrist" in text
    assert picture.stat().st_size > 10_000


def test_json_has_a_row_for_each_group_and_sensitivity(dati, small):
    status, text, _ = dati(*ARGUMENTS, "--json")
    report = json.loads(text)
    assert status == 0
    assert {(row["group"], row["sensitivity_mg"]) for row in report["still"]} == {
        (group, mg) for group in (BARE, FILTERED, FOLDED) for mg in (50, 100)
    }
    assert [row["sensitivity_mg"] for row in report["quiet"]] == [50, 100]
    assert report["interrupted"] is False


def test_an_interrupt_shows_what_was_done(dati, small, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tradeoff, "still_segments", stopped)
    status, text, said = dati(*ARGUMENTS)
    assert status == 130
    assert "seated, wrist" in text and "motionless" not in text
    assert "stopped" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sensitivities", "10"), "20 to 999 mg"),
        (("--sensitivities", "fifty"), "whole numbers"),
        (("--delay-s", "5"), "10 to 1800 s"),
        (("--set", "immobility_sensitivity_mg=50"), "--sensitivities"),
        (("--plot", "tradeoff.txt"), ".png"),
        (("--set", "rate_hz=1"), "rate_hz"),
        (("nowhere.parquet",), "nowhere.parquet"),
    ],
)
def test_a_mistake_is_one_line(dati, small, arguments, words):
    status, text, said = dati("-e", "python", *arguments)
    assert (status, text) == (2, "")
    assert words in said and said.count("\n") == 1
