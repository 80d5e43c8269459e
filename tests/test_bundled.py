"""The bundled traces: their claims hold, at other rates too, and what is committed of them is of one piece."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from dati import events as codes
from dati.alarm import STATES
from dati.settings import Settings

from datasets.scenes import CAUSES, SCENES, Scene
from datasets.sources import bundled_traces
from host_tools.regression import EXPECTED, trace_text
from simulator import engines
from simulator.replay import Options, Outcome, replay

BY_NAME = {scene.name: scene for scene in SCENES}
NAMES = list(BY_NAME)
ENABLED_BY = {
    "tear_off": "tear_off_enabled",
    "fall": "fall_enabled",
    "flight": "flight_enabled",
    "verticality": "verticality_enabled",
    "immobility": "immobility_enabled",
    "dead_man": "dead_man_enabled",
}  # the others are always on
RATES_HZ = (25, 50, 100)
NOT_AT_RATE: dict[tuple[str, int], str] = {}


@cache
def traces() -> dict[str, object]:
    return {trace.id: trace for trace in bundled_traces()}


@cache
def outcomes(rate_hz: int = 0) -> dict[str, Outcome]:
    """Of all traces with the default engine, at their own rate or at another."""
    options = Options({"rate_hz": rate_hz} if rate_hz else {})
    return {one.recording.id: one for one in replay(traces().values(), engines.fastest(), options)}


def state_at_end(outcome: Outcome) -> str:
    signals = [event.argument for event in outcome.events if event.code == codes.SIGNAL]
    return dict(STATES)[signals[-1]] if signals else "quiet"


def assert_claims(scene: Scene, outcome: Outcome) -> None:
    raised = set(outcome.raised)
    assert set(scene.must) <= raised
    assert not raised & set(scene.must_not)
    assert raised <= {*scene.must, *scene.may}
    assert state_at_end(outcome) == scene.ends


@pytest.mark.parametrize("name", NAMES)
def test_the_claims_hold(name):
    assert_claims(BY_NAME[name], outcomes()[name])


@pytest.mark.parametrize(
    ("name", "rate_hz"),
    [
        pytest.param(
            name,
            rate_hz,
            marks=[pytest.mark.xfail(strict=True, reason=NOT_AT_RATE[name, rate_hz])]
            if (name, rate_hz) in NOT_AT_RATE
            else [],
        )
        for name, scene in BY_NAME.items()
        for rate_hz in RATES_HZ
        if "rate_hz" not in scene.settings and scene.rate_hz == 50  # else its story is told for its own rate
    ],
)
def test_the_claims_hold_at_other_rates(name, rate_hz):
    outcome = outcomes(rate_hz)[name]
    assert outcome.job.settings["rate_hz"] == rate_hz
    assert_claims(BY_NAME[name], outcome)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_committed_is_what_the_scene_tells(name):
    committed, told = traces()[name], BY_NAME[name].recording()
    assert committed.samples.shape == told.samples.shape
    assert np.abs(committed.samples.astype(int) - told.samples).max() <= 4  # the last bit of a sine, one step of 4 mg
    for field in vars(told):
        if field != "samples":
            assert getattr(committed, field) == getattr(told, field), field


def test_traces_and_scenes_are_in_one_order_and_each_has_its_own_name():
    assert list(traces()) == NAMES
    assert len(NAMES) == len(SCENES)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_a_trace_that_must_raise_it(cause):
    assert [scene.name for scene in SCENES if cause in scene.must]


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_a_trace_that_must_not_raise_it_though_it_is_watched_for(cause):
    def watched(scene: Scene) -> bool:
        return cause not in ENABLED_BY or Settings(dict(scene.settings)).as_dict()[ENABLED_BY[cause]]

    assert [scene.name for scene in SCENES if cause in scene.must_not and watched(scene)]


def test_causes_are_the_devices():
    assert set(CAUSES) == {name for _, name in codes.CAUSES}


def test_every_state_at_the_end_and_every_way_out_of_a_pre_alarm_is_told():
    assert {"quiet", "alarm"} <= {state_at_end(outcome) for outcome in outcomes().values()}
    codes_seen = {event.code for outcome in outcomes().values() for event in outcome.events}
    never = {name for code, name, _ in codes.EVENTS if code not in codes_seen}
    assert never <= {"events_lost"}, never


def test_expected_files_match_the_traces_one_to_one():
    assert {path.name for path in EXPECTED.iterdir()} == {f"{name}.txt" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_expected_text_is_what_is_decided(name):
    assert (EXPECTED / f"{name}.txt").read_text(encoding="utf-8") == trace_text(outcomes()[name])


def test_expected_files_are_for_people():
    for name, scene in BY_NAME.items():
        head = (EXPECTED / f"{name}.txt").read_text(encoding="utf-8").splitlines()[:2]
        assert head == [f"# {scene.story}", f"# {scene.claim}"]
