"""The picture of a scenario: its bands and messages are the timeline's, and it is drawn whatever happened."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from datasets import scenarios
from host_tools import timeline_lanes as lanes
from host_tools.plot_timeline import draw
from host_tools.timeline_panels import Rows, panels, times
from simulator.parts.clock import Entry
from simulator.simulate import Outcome, run

NAMES = ("fall-confirmed-by-sms", "power-cut-in-an-alarm", "sms-lost-then-voicemail", "duty-refused-not-configured")
_outcomes: dict[str, Outcome] = {}


def outcome_of(name: str) -> Outcome:
    if name not in _outcomes:
        scenario = scenarios.find(name)
        _outcomes[name] = run(scenario, scenarios.motion(scenario))
    return _outcomes[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_sensible_size(name, tmp_path):
    path = tmp_path / "a.png"
    draw(outcome_of(name), path)
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width == 1540 and 300 <= height <= 1600
    assert 15_000 < len(data) < 500_000


def test_the_bands_of_the_device_are_its_signals_and_its_power():
    bands = lanes.device_bands(outcome_of("power-cut-in-an-alarm"))
    assert [band.name for band in bands] == [
        *("starts", "off duty", "on duty", "alarm", "no power", "off duty", "alarm", "acknowledged"),
    ]
    assert all(one.until_s == following.from_s for one, following in pairwise(bands))
    no_power = bands[4]
    assert no_power.from_s == 75 and 77 < no_power.until_s < 77.5


def test_messages_leave_and_arrive_where_the_timeline_has_it():
    outcome = outcome_of("fall-confirmed-by-sms")
    number = "+33639980001"
    assert lanes.contacts_of(outcome) == {number: "Garde"}
    found = [one for one in lanes.messages(outcome) if one.kind != "report"]
    assert [(one.source, one.target, one.kind) for one in found] == [
        ("device", number, "alarm"),
        ("device", number, "update"),
        (number, "device", "confirms"),
        ("device", number, "acknowledged"),
    ]
    assert all(one.until_s == pytest.approx(one.from_s + 2) for one in found)


def test_a_command_in_a_receipt_shows():
    outcome = outcome_of("operator-acknowledges-and-clears")
    commands = [one for one in lanes.messages(outcome) if one.label.startswith("command")]
    assert [(one.label, one.source, one.target) for one in commands] == [
        ("command ACK", "centre", "device"),
        ("command CLEAR", "centre", "device"),
    ]
    assert "alarm over" in {one.label for one in lanes.messages(outcome)}


def test_what_is_lost_and_what_a_voicemail_takes_shows():
    outcome = outcome_of("sms-lost-then-voicemail")
    lost = [one for one in lanes.messages(outcome) if one.failed]
    assert {one.label for one in lost} >= {"SMS alarm: lost", "SMS update: lost"}
    assert all(one.target == "network" for one in lost)
    rings, voicemail = lanes.call_bands(outcome, "+33639980001")
    assert (rings.name, voicemail.name) == ("rings", "voicemail") and rings.until_s == voicemail.from_s


def test_the_closer_look_spans_the_four_durations():
    outcome = outcome_of("fall-confirmed-by-sms")
    whole, closer = panels(outcome, lanes.contacts_of(outcome))
    assert (whole.from_s, whole.until_s) == (0, 90)
    moments = times(outcome.durations[0])
    assert all(closer.from_s < s < closer.until_s for s in moments.values())
    assert moments["alarm"] - moments["perceived"] == pytest.approx(15, abs=0.1)
    assert moments["condition"] < moments["perceived"] < moments["sent"] < moments["arrived"]


def test_labels_do_not_overlap():
    outcome = outcome_of("duty-refused-not-configured")
    [panel] = panels(outcome, {})
    rows = Rows(panel, 2)
    at_s = panel.until_s / 2
    assert [rows.place(at_s, "a label") for _ in range(3)] == [(0, True), (1, True), (-1, True)]
    assert rows.place(panel.until_s, "at the edge") == (0, False)


def test_a_timeline_of_nothing_is_drawn_too(tmp_path):
    outcome = outcome_of("duty-refused-not-configured")
    draw(Outcome(outcome.scenario, "cpython", [], ["must: x"], [], outcome.energy, [], []), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 1000


def test_a_hang_is_no_signal():
    outcome = outcome_of("duty-refused-not-configured")
    entries = [
        Entry(0, "device", "signal", "on_duty"),
        Entry(5000, "fault", "watchdog", ""),
        Entry(25000, "fault", "watchdog", "the watchdog was not fed: the processor restarts"),
        Entry(25300, "device", "started", "watchdog"),
        Entry(25400, "device", "signal", "on_duty"),
    ]
    hung = Outcome(outcome.scenario, "cpython", entries, [], [], outcome.energy, [], [])
    assert [band.name for band in lanes.device_bands(hung)] == ["on duty", "hangs", "off duty", "on duty"]
    assert [mark.label for mark in lanes.fault_marks(hung)] == ["program hangs", "watchdog bites"]
