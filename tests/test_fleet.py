"""The synthetic fleet: what was done to its devices is found, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from simulator import fleet
from simulator.drift import follow
from simulator.drift_states import Rules
from simulator.drift_verdict import FLAGGED, OVER, judge
from simulator.fleet_files import write_device


def lived(fault, number=0, **options):
    return fleet.live(number, fault, **options)


def test_a_device_is_the_same_for_the_same_seed_and_another_for_another():
    one, same, other = (fleet.make(3, seed=seed, years=0.3).readings for seed in (1, 1, 2))
    assert np.array_equal(one.mean_mg, same.mean_mg) and np.array_equal(one.day, same.day)
    assert not np.array_equal(one.mean_mg[:20], other.mean_mg[:20])
    assert (np.diff(one.day) >= 0).all()


def test_devices_come_as_the_data_sheet_says():
    """At rest within what the data sheet's errors allow; offsets of a typical 40 mg."""
    length = [np.linalg.norm(fleet.make(n, years=0.2).readings.mean_mg, axis=1) for n in range(40)]
    off = np.array([np.median(one) for one in length]) - 1000
    assert 20 < np.std(off) < 60
    assert np.abs(off).max() < 200


@pytest.mark.parametrize("number", range(8))
def test_nothing_is_said_of_a_healthy_device(number):
    found = lived(fleet.HEALTHY, number, years=1.5)
    assert found.verdict.flags == [] and found.verdict.action == "" and found.crossed_day is None


@pytest.mark.parametrize("number", [2, 3, 7])
def test_a_slow_drift_is_flagged_before_the_tolerance_and_not_taken_for_a_drop(number):
    found = lived(fleet.SLOW, number)
    assert found.crossed_day is not None and found.flagged_day is not None
    assert found.fault_day < found.flagged_day < found.crossed_day
    assert found.verdict.flags[0].kind == "slow" and found.verdict.action == "re-zero"
    assert found.verdict.status in (FLAGGED, OVER) and found.steps == 0


@pytest.mark.parametrize("number", [4, 5, 6])
def test_a_dropped_device_is_flagged_within_a_fortnight_as_a_step(number):
    found = lived(fleet.DROPPED, number)
    assert 0 < found.flagged_day - found.fault_day < 14
    assert found.verdict.flags[0].kind == "step" and found.verdict.status == OVER and found.steps == 1


def test_a_forecast_made_before_comes_true():
    """The records end when a drifting device is flagged; what then is forecast is compared with what came."""
    made = fleet.make(2, fleet.SLOW)
    crossed = made.truth.day[np.flatnonzero(made.truth.error_deg > 2)[0]]
    readings = made.readings
    early = readings.day < crossed - 45
    cut = type(readings)(readings.device, *(getattr(readings, name)[early] for name in readings.__match_args__[1:]))
    verdict = judge(follow(cut, Rules()))
    assert verdict.status == FLAGGED
    assert abs(verdict.reached - crossed) < 30
    assert verdict.earliest < verdict.reached < verdict.latest


def test_a_device_re_zeroed_is_seen_to_recover():
    made = fleet.make(8, fleet.REZEROED)
    course = follow(made.readings, Rules())
    verdict = judge(course)
    assert verdict.recovered and not verdict.action
    at = next(change.day for change in course.changes if change.kind == "re-zeroed")
    before = [state.error_deg for state in course.states if state.day < at][-1]
    after = [state.error_deg for state in course.states if state.day >= at][2]
    assert before > 1.2 and after < 0.6
    assert at - 8 < made.truth.rezeroed_day < at + 8
    flag = verdict.flags[0]
    assert flag.day < at < flag.until


def test_a_re_zeroing_gone_wrong_is_no_recovery():
    made = fleet.make(8, fleet.REZEROED)
    readings = made.readings
    wrong = readings.zero_mg * np.array([1, -1, 1])  # a sign mixed up
    mean = readings.raw_mg - wrong
    bad = type(readings)(readings.device, readings.day, mean, wrong, *(
        getattr(readings, name) for name in readings.__match_args__[4:]
    ))  # fmt: skip
    verdict = judge(follow(bad, Rules()))
    assert verdict.status in (FLAGGED, OVER) and not verdict.recovered


@pytest.mark.parametrize(("fault", "actions"), [(fleet.NOISY, {"retire"}), (fleet.WEAK, {"retire", "recalibrate"})])
def test_what_no_zero_mends_is_not_to_be_re_zeroed(fault, actions):
    found = lived(fault, 6 if fault == fleet.NOISY else 7)
    assert found.verdict.status == OVER and found.verdict.action in actions


def test_the_whole_life_is_known_only_as_it_goes_on():
    """What is said of a day rests on nothing later: a life cut short gives the same states."""
    readings = fleet.make(4, fleet.DROPPED, years=1.0).readings
    half = len(readings) // 2
    cut = type(readings)(readings.device, *(getattr(readings, name)[:half] for name in readings.__match_args__[1:]))
    whole, part = follow(readings, Rules()).states, follow(cut, Rules()).states
    for one, other in zip(whole, part[:-1], strict=False):
        assert one.day == other.day and one.error_deg == pytest.approx(other.error_deg, abs=1e-9)


def test_the_report_of_a_small_fleet_and_its_command(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["fleet", "--count", "7", "--years", "1"])
    fleet.main()
    text = capsys.readouterr().out
    assert text.startswith("7 devices, 7 device-years, 5 with a fault")
    assert "per device-year" in text and "told apart" in text and "slow drift" in text
    assert sorted(filter(None, fleet.kinds(7))) == sorted(fault for fault, _ in fleet.FAULTS)
    assert sum(map(bool, fleet.kinds(200))) == 28


def test_files_are_copied_every_two_months_and_overlap(tmp_path):
    write_device(fleet.make(0, years=0.5).readings, tmp_path / "A")
    copies = sorted((tmp_path / "A").iterdir())
    assert len(copies) >= 3 and all((copy / "settings.json").is_file() for copy in copies)
