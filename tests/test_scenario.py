"""What a scenario may hold, and that whatever it may not is refused in one line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets import scenarios
from simulator.errors import UserError
from simulator.scenario import ACTIONS, FAULTS, KEYS, check, load
from simulator.simulate import run
from simulator.world import World

MUST = [{"who": "device", "what": "alarm"}]
LEAST = {"title": "t", "minutes": 1, "must": MUST}


def refusal(values, build=False):
    """The one line."""
    with pytest.raises(UserError) as error:
        scenario = check("x", values)
        if build:
            World(scenario, scenarios.motion(scenario))
    text = str(error.value)
    assert text.startswith("scenario x: ") or text.startswith("board ")
    assert "\n" not in text
    return text


def test_the_least_there_is():
    scenario = check("x", LEAST)
    assert (scenario.title, scenario.end_s, scenario.at, scenario.never) == ("t", 60, (), ())
    assert scenario.must[0].words() == "device alarm"


@pytest.mark.parametrize("name", scenarios.names())
def test_every_bundled_scenario_is_one_and_demands_something(name):
    scenario = scenarios.find(name)
    assert scenario.must
    assert scenario.title[0].isupper()
    World(scenario, scenarios.motion(scenario), scenarios.FOLDER)


@pytest.mark.parametrize("missing", ["title", "minutes", "must"])
def test_what_is_missing_is_named(missing):
    assert f"{missing} is missing" in refusal({key: value for key, value in LEAST.items() if key != missing})


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("minuts", 1, "minuts: unknown; permitted: title"),
        ("minutes", 0, "minutes = 0: permitted: above 0"),
        ("minutes", -1, "minutes = -1"),
        ("minutes", 1e9, "permitted: above 0, up to 20160"),
        ("minutes", float("nan"), "minutes = nan"),
        ("minutes", "1", "minutes = '1': how long it lasts"),
        ("minutes", True, "minutes = True"),
        ("title", 5, "title = 5: one line"),
        ("start", "on", "start = 'on': permitted: duty, off, new"),
        ("seed", 1.5, "seed = 1.5"),
        ("repeat", 1, "repeat = 1"),
        ("motion", "walk", "motion = 'walk'"),
        ("at", {}, "at = {}"),
        ("must", 5, "must = 5"),
        ("battery_percent", 101, "battery_percent = 101: permitted: 0 to 100"),
        ("battery_percent", -1, "battery_percent = -1"),
        ("reacts_s", -1, "reacts_s = -1"),
    ],
)
def test_a_key_that_cannot_be_is_refused(key, value, named):
    assert named in refusal({**LEAST, key: value})


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("sos", "at: 'sos': each needs its time"),
        ({"press": "sos"}, "each needs its time, s = ..."),
        ({"s": 61, "press": "sos"}, "at.s = 61: permitted: 0 to 60, the end of the scenario"),
        ({"s": -1, "press": "sos"}, "at.s = -1"),
        ({"s": float("nan"), "press": "sos"}, "at.s = nan"),
        ({"s": True, "press": "sos"}, "at.s = True"),
        ({"s": "1", "press": "sos"}, "at.s = '1'"),
        ({"s": 1}, "at 1 s: nothing happens; permitted: press"),
        ({"s": 1, "push": "sos"}, "at 1 s: push: unknown; permitted: press"),
        ({"s": 1, "press": "SOS"}, "press = 'SOS': permitted: sos, cancel"),
        ({"s": 1, "press": 1}, "press = 1: sos or cancel"),
        ({"s": 1, "for_s": 2}, "for_s needs press beside it"),
        ({"s": 1, "press": "sos", "for_s": -2}, "for_s = -2: permitted: 0 to 60"),
        ({"s": 1, "cord": "out"}, "cord = 'out': permitted: pull, restore"),
        ({"s": 1, "fault": "fire"}, "fault = 'fire': permitted: bus_stuck"),
        ({"s": 1, "steps": 5}, "steps needs fault"),
        ({"s": 1, "fault": "power_cut", "steps": -5}, "steps = -5"),
        ({"s": 1, "fault": "stuck_axis", "axis": 3}, "axis = 3: permitted: 0 to 2"),
        ({"s": 1, "registration": "abroad"}, "registration = 'abroad': permitted: idle"),
        ({"s": 1, "signal_dbm": True}, "signal_dbm = True: permitted: a strength, or false"),
        ({"s": 1, "smsc": "burn"}, "smsc = 'burn': permitted: lose, refuse, deliver"),
        ({"s": 1, "centre": "sleeps"}, "centre = 'sleeps': permitted: ack"),
        ({"s": 1, "answers": "busy"}, "answers needs contact"),
        ({"s": 1, "contact": "+33639980001", "answers": "sings"}, "answers = 'sings': permitted: "),
        ({"s": 1, "from": "+33639980001"}, "from needs sms or call"),
        ({"s": 1, "battery_percent": 120}, "battery_percent = 120"),
        ({"s": 1, "charger": "in"}, "charger = 'in'"),
    ],
)
def test_what_cannot_happen_is_refused(row, named):
    assert named in refusal({**LEAST, "at": [row]})


@pytest.mark.parametrize("kind", ["must", "never"])
@pytest.mark.parametrize(
    ("row", "named"),
    [
        (5, "5: permitted: a table with who, what"),
        ({"who": "device"}, "what is missing"),
        ({"what": "alarm"}, "who is missing"),
        ({"who": "nobody", "what": "x"}, "who = 'nobody': permitted: worker, device"),
        ({"who": "device", "what": "x", "soon": 1}, "soon: unknown"),
        ({"who": "device", "what": "x", "by_s": 61}, "by_s = 61: permitted: 0 to 60"),
        ({"who": "device", "what": "x", "by_s": "5"}, "by_s = '5': of another type"),
        ({"who": "device", "what": "x", "after_s": 9, "by_s": 5}, "by_s = 5: permitted: not before after_s = 9"),
        ({"who": "device", "what": "x", "least": 3, "most": 2}, "least = 3, most = 2"),
        ({"who": "device", "what": "x", "least": -1}, "least = -1"),
        ({"who": "device", "what": "("}, "what = '(': no regular expression"),
        ({"who": "device", "what": "x", "text": "["}, "text = '[': no regular expression"),
        ({"who": "device", "what": "x", "every_s": 0}, "every_s"),
    ],
)
def test_what_cannot_be_demanded_is_refused(kind, row, named):
    assert named in refusal({**LEAST, kind: [row]})


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"board": "arduino"}, "board 'arduino' is unknown; there are t_a7670e"),
        ({"motion": ["fly 5"]}, "motion: 'fly 5': unknown; permitted: "),
        ({"motion": ["walk x"]}, "motion: 'walk x'"),
        ({"motion": ["walk 1 2 3 4 5 6"]}, "motion: 'walk 1 2 3 4 5 6'"),
        ({"sensor": {"nois": 1}}, "sensor: "),
        ({"sky": {"clouds": 1}}, "sky: clouds: unknown"),
        ({"sky": {"log": "nothing.nmea"}}, "sky: log nothing.nmea"),
        ({"sky": {"path": 5}}, "sky: "),
        ({"network": {"operator": 1}}, "network: operator: unknown"),
        ({"network": {"registration": "moon"}}, "network: 'moon'"),
        ({"contacts": [{"nam": "x"}]}, "network: "),
        ({"centre": {"reply": 1}}, "centre: reply: unknown"),
        ({"centre": {"replies": [5]}}, "centre: replies are [[s, reply, ...]]"),
        ({"centre": {"operators": [[1]]}}, "centre: replies are"),
        ({"settings": {"sos": 1}}, "sos: unknown setting"),
        ({"settings": {"sos_hold_ms": -1}}, "sos_hold_ms = -1: permitted: 0 to 60000"),
        ({"plan": {"codes": "1"}}, "plan.codes: unknown"),
    ],
)
def test_a_world_that_cannot_be_is_refused(values, named):
    assert named in refusal({**LEAST, **values}, build=True)


def test_files_that_are_none(tmp_path):
    for name, content in (("absent.toml", None), ("broken.toml", b"title = "), ("binary.toml", b"\xff\xfe")):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError) as error:
            load(path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="is unknown; `dati sim --list` names them"):
        scenarios.find("no-such-scenario")


def test_actions_are_put_in_order():
    scenario = check("x", {**LEAST, "at": [{"s": 9, "note": "b"}, {"s": 1, "note": "a"}]})
    assert [row["s"] for row in scenario.at] == [1, 9]


@pytest.mark.parametrize("kind", ["must", "never"])
def test_a_demand_can_fail(kind):
    values = {**LEAST, "minutes": 0.1, "must": [{"who": "device", "what": "started"}]}
    unmet = {"must": {"who": "device", "what": "alarm"}, "never": {"who": "device", "what": "started"}}[kind]
    scenario = check("x", {**values, kind: [unmet]})
    outcome = run(scenario, scenarios.motion(scenario))
    assert not outcome.passed
    assert outcome.failures[0].startswith(kind)


def test_everything_there_is_says_what_it_is():
    for table in (KEYS, ACTIONS):
        assert all(words and "\n" not in words for _, words in table.values())
    assert all(FAULTS.values())
    assert Path(scenarios.FOLDER).is_dir()
