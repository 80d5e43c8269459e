"""Scores: what counts as found, false, worn; the intervals; and the rule that stands beside ours."""

from __future__ import annotations

import numpy as np
import pytest
from dati import events as codes
from dati.alarm import IN_ALARM, IN_PRE_ALARM, QUIET

from simulator import scoring
from simulator.engines import Event, Job
from simulator.replay import Outcome
from simulator.scoring import FALL, LYING, NOT_WORN, OTHER, Estimate, Score, Summary, hourly, share
from simulator.trace import Recording

RATE_HZ = 50


def motion(seconds, *, impact_s=None, peak_mg=4000, tilt_deg=90):
    """A person upright, and from `impact_s` on turned by `tilt_deg`, with one sample of `peak_mg`."""
    samples = np.tile(np.array([0, 1000, 0], np.int16), (round(seconds * RATE_HZ), 1))
    if impact_s is not None:
        at = round(impact_s * RATE_HZ)
        tilt = np.radians(tilt_deg)
        samples[at:] = np.rint(1000 * np.array([np.sin(tilt), np.cos(tilt), 0]))
        samples[at] = (0, peak_mg, 0)
    return samples


def outcome(*raised, kind="adl", samples=None, **fields):
    """An outcome with the events `raised`: (second, code, argument)."""
    samples = motion(20) if samples is None else samples
    recording = Recording("made/1", "made", samples, RATE_HZ, 8000, kind=kind, **{"placement": "waist", **fields})
    job = Job(recording.id, samples, {"rate_hz": RATE_HZ, "pre_alarm_ms": 15000}, np.zeros((0, 3), np.int32))
    events = [Event(round(t_s * RATE_HZ), round(t_s * 1000), code, argument) for t_s, code, argument in raised]
    return Outcome(recording, job, events)


def made(role, *, fall_raised=False, hours=0.01, false=None, rule=0, delay_s=None, **fields):
    return Score(
        **{
            "id": "i",
            "dataset": "made",
            "placement": "waist",
            "subject": "S1",
            "activity": "A1",
            "words": "",
            **fields,
        },
        role=role,
        duration_s=hours * 3600,
        fall_raised=fall_raised,
        delay_s=delay_s,
        delay_since=None if delay_s is None else scoring.PEAK,
        false_by_cause=false or {},
        rule_raised=bool(rule),
        rule_alarms=rule,
    )


def close(estimate, value, low, high):
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((value, low, high), abs=5e-4)


def test_wilson_interval_is_the_published_one():
    # R. G. Newcombe, Statistics in Medicine 17:857 (1998), table I, method 3.
    close(share(81, 263), 0.3080, 0.2553, 0.3662)
    close(share(15, 148), 0.1014, 0.0624, 0.1605)
    close(share(0, 20), 0, 0, 0.1611)
    close(share(1, 29), 0.0345, 0.0061, 0.1718)


def test_poisson_interval_is_the_tabulated_one():
    # Exact limits of a Poisson count, as tabulated since Garwood 1936.
    close(hourly(0, 1), 0, 0, 3.6889)
    close(hourly(1, 1), 1, 0.0253, 5.5716)
    close(hourly(10, 1), 10, 4.7954, 18.3904)
    close(hourly(10, 4), 2.5, 1.1988, 4.5976)


def test_nothing_counted_is_no_value():
    assert share(0, 0) == hourly(0, 0) == Estimate()
    assert Estimate().as_json() == {"value": None, "low": None, "high": None}


@pytest.mark.parametrize(
    ("fields", "role"),
    [
        ({"kind": "fall", "words": "fall forward onto the knees, then lying"}, FALL),
        ({"words": "from sitting to lying and back, slowly"}, LYING),
        ({"words": "lying down on a bed"}, LYING),
        ({"words": "sit, lie down and rise"}, LYING),
        ({"words": "to bed"}, LYING),
        ({"words": "Lying"}, LYING),
        ({"words": "", "activity": "LyingDown_OnABed"}, LYING),
        ({"words": "relying on embedded underlying beliefs"}, OTHER),
        ({"words": "walking"}, OTHER),
        ({"kind": "unknown"}, OTHER),
        ({"kind": "still"}, OTHER),
        ({"kind": "unknown", "placement": "vehicle floor"}, NOT_WORN),
        ({"kind": "fall", "placement": "vehicle floor"}, NOT_WORN),
    ],
)
def test_role(fields, role):
    assert scoring.role(outcome(**fields).recording) == role


@pytest.mark.parametrize("code", [codes.PRE_ALARM, codes.ALARM, codes.CAUSE_ADDED])
def test_a_fall_is_found_by_any_announcement_of_it(code):
    assert scoring.score(outcome((9, code, codes.FALL), kind="fall")).fall_raised
    assert scoring.score(outcome((9, code, codes.FALL | codes.IMMOBILITY), kind="fall")).fall_raised


@pytest.mark.parametrize("event", [(9, codes.CONDITION_BEGAN, codes.FALL), (9, codes.PRE_ALARM, codes.VERTICALITY)])
def test_anything_else_does_not_find_a_fall(event):
    found = scoring.score(outcome(event, kind="fall"))
    assert not found.fall_raised
    assert not found.right
    assert found.delay_s is None


def test_a_fall_is_found_from_its_onset_to_the_end_of_the_recording():
    labels = {"kind": "fall", "onset_ms": 8000, "end_ms": 11000}
    assert not scoring.score(outcome((7.98, codes.PRE_ALARM, codes.FALL), **labels)).fall_raised
    assert scoring.score(outcome((8, codes.PRE_ALARM, codes.FALL), **labels)).fall_raised
    assert scoring.score(outcome((19.98, codes.PRE_ALARM, codes.FALL), **labels)).fall_raised


def test_the_delay_counts_from_the_label_or_from_the_peak():
    samples = motion(20, impact_s=6)
    event = (10.5, codes.PRE_ALARM, codes.FALL)
    labelled = scoring.score(outcome(event, kind="fall", samples=samples, impact_ms=7000))
    assert (labelled.delay_s, labelled.delay_since) == (pytest.approx(3.5), scoring.IMPACT_LABEL)
    bare = scoring.score(outcome(event, kind="fall", samples=samples))
    assert (bare.delay_s, bare.delay_since) == (pytest.approx(4.5), scoring.PEAK)


def test_the_peak_is_that_of_the_whole_vector_at_full_scale():
    samples = motion(20)
    samples[100] = (-32768, -32768, -32768)  # squares beyond 31 bits
    samples[200] = (32767, 0, 0)
    assert scoring.score(outcome((3, codes.PRE_ALARM, codes.FALL), kind="fall", samples=samples)).delay_s == 1


def test_false_pre_alarms_by_cause():
    found = scoring.score(
        outcome(
            (1, codes.CONDITION_BEGAN, codes.FALL),
            (2, codes.PRE_ALARM, codes.FALL | codes.VERTICALITY),
            (2, codes.SIGNAL, IN_PRE_ALARM),
            (3, codes.CAUSE_ADDED, codes.IMMOBILITY),
            (4, codes.ALARM, codes.FALL | codes.VERTICALITY | codes.IMMOBILITY),  # has all been announced
            (4, codes.SIGNAL, IN_ALARM),
            (5, codes.SIGNAL, QUIET),
            (6, codes.PRE_ALARM, codes.FALL),
        )
    )
    assert found.false_by_cause == {"fall": 2, "verticality": 1, "immobility": 1}
    assert found.fall_raised
    assert not found.right


def test_an_alarm_without_a_pre_alarm_counts_too():
    events = [(2, codes.ALARM, codes.FALL), (2, codes.SIGNAL, IN_ALARM)]
    assert scoring.score(outcome(*events)).false_by_cause == {"fall": 1}


def test_what_is_meant_or_asked_for_is_not_false():
    meant = (codes.VOLUNTARY, codes.TEAR_OFF, codes.DEAD_MAN, codes.TECHNICAL)
    found = scoring.score(outcome(*((n, codes.PRE_ALARM, cause) for n, cause in enumerate(meant))))
    assert found.right


def test_of_scripted_lying_down_only_a_fall_is_false():
    lying = {"words": "lying down on a bed"}
    right = outcome((9, codes.PRE_ALARM, codes.VERTICALITY), (9, codes.CAUSE_ADDED, codes.IMMOBILITY), **lying)
    assert scoring.score(right).right
    assert scoring.score(outcome((9, codes.PRE_ALARM, codes.FALL), **lying)).false_by_cause == {"fall": 1}


def test_two_line_rule_finds_a_fall_at_its_peak():
    assert scoring.two_line_rule(motion(20, impact_s=8), RATE_HZ) == [8 * RATE_HZ]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"peak_mg": 2500}, 0),
        ({"peak_mg": 2501}, 1),
        ({"tilt_deg": 49}, 0),
        ({"tilt_deg": 51}, 1),
        ({"tilt_deg": 180}, 1),
    ],
)
def test_two_line_rule_at_its_limits(fields, found):
    assert len(scoring.two_line_rule(motion(20, impact_s=8, **fields), RATE_HZ)) == found


def test_two_line_rule_is_quiet_while_walking_and_running():
    t_s = np.arange(60 * RATE_HZ) / RATE_HZ
    for step_hz, swing_mg in ((1.9, 600), (2.6, 3000)):
        vertical_mg = 1000 + swing_mg * np.sin(2 * np.pi * step_hz * t_s)
        samples = np.stack([0 * t_s, vertical_mg, 0 * t_s], axis=1).astype(np.int16)
        assert scoring.two_line_rule(samples, RATE_HZ) == []


@pytest.mark.parametrize("impact_s", [0, 0.5, 19.5, 19.98])
def test_two_line_rule_judges_by_what_there_is_at_the_edges(impact_s):
    # At the very end a single sample is left of the new posture: the half second before outweighs it.
    found = scoring.two_line_rule(motion(20, impact_s=impact_s), RATE_HZ)
    assert found == ([] if impact_s in (0, 19.98) else [round(impact_s * RATE_HZ)])


def test_two_line_rule_on_a_recording_of_one_sample():
    assert scoring.two_line_rule(np.array([[3000, 0, 0]], np.int16), RATE_HZ) == []
    assert scoring.two_line_rule(np.zeros((1, 3), np.int16), RATE_HZ) == []


def test_two_line_rule_locks_out_for_five_seconds():
    samples = motion(40, impact_s=8)
    samples[12 * RATE_HZ] = samples[30 * RATE_HZ] = (4000, 0, 0)
    samples[30 * RATE_HZ + 1 :] = (0, 1000, 0)  # up again, with a knock
    assert scoring.two_line_rule(samples, RATE_HZ) == [8 * RATE_HZ, 30 * RATE_HZ]


def test_two_line_rule_is_held_to_the_onset_by_its_announcement():
    fall = {"kind": "fall", "samples": motion(20, impact_s=6)}  # announced at 10 s
    assert scoring.score(outcome(onset_ms=10000, **fall)).rule_raised
    assert not scoring.score(outcome(onset_ms=10100, **fall)).rule_raised


def test_summary():
    summary = Summary(
        [
            made(FALL, fall_raised=True, delay_s=2.0, rule=1),
            made(FALL, fall_raised=True, delay_s=4.0),
            made(FALL, subject="S2"),
            made(OTHER, hours=1, false={"fall": 1, "verticality": 2}, fall_raised=True, rule=3),
            made(OTHER, hours=3),
            made(LYING, hours=5, false={"fall": 1}, fall_raised=True, activity="A2", words="lying"),
            made(LYING, hours=5, rule=1),
        ]
    )
    found = summary.as_json()
    assert (found["falls"], found["others"], found["lying_down"], found["worn_hours"]) == (3, 4, 2, 4)
    assert found["sensitivity"] == share(2, 3).as_json()
    assert found["specificity"] == share(2, 4).as_json()
    assert found["false_pre_alarms"] == 3
    assert found["false_by_cause"] == {"fall": 1, "verticality": 2}
    assert found["false_pre_alarms_per_hour"] == 0.75
    assert found["false_pre_alarms_per_hour_interval"] == hourly(3, 4).as_json()
    assert found["false_falls_per_hour"] == hourly(1, 4).as_json()
    assert found["delay_s"] == {"median": 3.0, "p95": 3.9, "since": scoring.PEAK}
    assert found["two_line_rule"] == {
        "sensitivity": share(1, 3).as_json(),
        "specificity": share(2, 4).as_json(),
        "false_alarms": 3,
        "false_alarms_per_hour": hourly(3, 4).as_json(),
    }
    assert found["worst"]["subjects"]["missed"] == [{"name": "S2", "words": "", "missed": 1, "falls": 1}]
    assert [row["name"] for row in found["worst"]["activities"]["false"]] == ["A1", "A2"]


def test_summary_of_falls_alone_and_of_others_alone():
    falls, others = Summary([made(FALL)]).as_json(), Summary([made(OTHER)]).as_json()
    assert falls["specificity"]["value"] is falls["false_pre_alarms_per_hour"] is None
    assert others["sensitivity"]["value"] is others["delay_s"]["median"] is None
    assert others["worst"]["activities"] == {"missed": [], "false": []}


def test_worst_names_three_with_most_first():
    missed = [made(FALL, activity=f"F{n}", words=f"fall {n}") for n in (1, 2, 2, 3, 3, 3, 4)]
    assert [(row["name"], row["words"], row["missed"]) for row in Summary(missed).worst("activity")["missed"]] == [
        ("F3", "fall 3", 3),
        ("F2", "fall 2", 2),
        ("F1", "fall 1", 1),
    ]


def test_corpora_are_told_apart_by_data_set_and_placement():
    scores = [
        made(OTHER, dataset="b", placement="wrist"),
        made(OTHER, dataset="b", placement="waist"),
        made(FALL, dataset="a"),
        made(NOT_WORN, dataset="bus", placement="vehicle floor"),
        made(FALL, dataset="b", placement="wrist"),
    ]
    found = scoring.corpora(scores)
    assert list(found) == ["a waist", "b waist", "b wrist"]
    assert len(found["b wrist"].falls) == len(found["b wrist"].others) == 1
