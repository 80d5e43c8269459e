"""`dati drill`: the plan is checked, every step kept, what was seen judged, and the report says what to change."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from datasets.sources import open_source
from datasets.synthetic import Wearer
from host_tools import drill_live, drill_sources, drilling
from host_tools.documents import Words, as_html
from host_tools.drill_document import document
from host_tools.drill_session import Done, Session, read_session
from host_tools.drill_words import words_of
from simulator import drill as plans
from simulator import engines
from simulator.corpus import CorpusWriter
from simulator.drill import DISTRESS, KINDS, Exercise, Step, Worker
from simulator.drill_judge import Act, Worn, cap_s, judge_act, judge_worn, per_half_day
from simulator.errors import UserError
from simulator.parts.clock import Entry

LIMITS = plans.check({"title": "t", "workers": [{"device": "D", "post": "p"}], "exercises": [{"do": "sos"}]}).limits
WELL = Act(20.0, 35.0, ("verticality",), 36.0, 36.5, "centre", 37.0, "centre", 3.0, 14.0, 5.0, 40.0)
PLAN = """
title = "Exercice"
site = "Atelier"
date = 2026-11-23
language = "en"
{head}
[[workers]]
device = "DATI-1"
post = "standing"
motion = ["work_standing 60"]
{worker}
[[exercises]]
do = "{do}"
hours = 0.05
{tail}
"""


@pytest.fixture
def plan_file(tmp_path):
    def write(do="sos", head="", worker="", tail="", text=None):
        path = tmp_path / "plan.toml"
        path.write_text(text or PLAN.format(do=do, head=head, worker=worker, tail=tail), encoding="utf-8")
        return path

    return write


def step(do="tilt", **settings):
    return Step(Worker("D", "standing", settings={"profile": "din-0825-11", **settings}), Exercise(do))


# --- judging ---


def test_the_longest_times_are_the_profile_s():
    assert {do: cap_s("din-0825-11", do) for do in DISTRESS} == {
        "sos": 60,
        "fall": 90,
        "still": 90,
        "tilt": 90,
        "cord": 90,
        "rescue": 60,
    }
    assert cap_s("critical", "sos") == 2 and cap_s("critical", "tilt") == 90
    assert all(cap_s("default", do) is None for do in DISTRESS)


@pytest.mark.parametrize(("count", "passes"), [(0, True), (10, True), (11, False)])
def test_more_than_ten_in_half_a_day_do_not_pass(count, passes):
    worn = Worn(4.0, [(60.0 * n, "immobility") for n in range(count)])
    judged = judge_worn(worn, LIMITS)
    assert judged.passed is passes and per_half_day(worn).value == count
    keys = [key for key, _ in judged.advice]
    assert keys == ([] if passes else ["quieten_immobility", "calibrate"])


def test_a_pass_on_little_wear_says_how_little_that_shows():
    assert [key for key, _ in judge_worn(Worn(0.5, []), LIMITS).remarks] == ["wear_longer"]
    assert not judge_worn(Worn(0.0, []), LIMITS).passed


def test_a_distress_noticed_sent_received_and_answered_passes():
    judged = judge_act(step(), WELL, LIMITS)
    assert judged.passed and not judged.reasons + judged.remarks + judged.advice


@pytest.mark.parametrize(
    ("changed", "reason", "advice"),
    [
        ({"noticed_s": None, "alarm_s": None}, "no_alarm", "sharpen_verticality"),
        ({"causes": ("immobility",)}, "other_cause", "sharpen_verticality"),
        ({"sent_s": 90.1, "arrived_s": 91.0}, "too_late", "shorten"),
        ({"arrived_s": None}, "not_arrived", "check_link"),
        ({"arrived_s": 36.0 + 61}, "slow_link", "check_link"),
    ],
)
def test_what_fails_and_what_to_change(changed, reason, advice):
    judged = judge_act(step(), replace(WELL, **changed), LIMITS)
    assert not judged.passed
    assert ([key for key, _ in judged.reasons], [key for key, _ in judged.advice]) == ([reason], [advice])


def test_at_the_cap_it_still_passes():
    assert judge_act(step(), replace(WELL, sent_s=90.0, arrived_s=91.0), LIMITS).passed
    assert judge_act(step(profile="default"), replace(WELL, sent_s=500.0, arrived_s=501.0), LIMITS).passed


def test_a_rescue_needs_somebody_who_answers():
    act = replace(WELL, causes=("voluntary",), acknowledged_s=None)
    assert [key for key, _ in judge_act(step("rescue"), act, LIMITS).reasons] == ["nobody_answers"]
    assert judge_act(step("sos"), act, LIMITS).passed


def test_an_old_far_or_missing_place_is_remarked():
    keys = lambda **changed: [key for key, _ in judge_act(step(), replace(WELL, **changed), LIMITS).remarks]  # noqa: E731
    assert keys(location_age_s=301.0) == ["old_place"] and keys(location_error_m=101.0) == ["far_place"]
    assert keys(location_age_s=None, located_s=None) == ["not_located"]


# --- the plan ---


def test_a_detector_that_is_off_is_not_exercised_and_one_not_tried_is_named(plan_file):
    text = PLAN.format(do="tilt", head="", worker="settings = {verticality_enabled = false}", tail="")
    plan = plans.load(plan_file(text=text + '\n[[exercises]]\ndo = "fall"\n'))
    assert [one.key for one in plan.steps()] == ["DATI-1/fall"]
    assert [do for _, do in plan.left_off()] == ["still", "cord"]


def test_settings_by_post_or_device_go_over_the_plan_s(plan_file):
    plan = plans.load(plan_file(), {"standing": {"fall_points": 15}, "DATI-1": {"immobility_delay_ms": 70000}})
    assert plan.workers[0].settings == {"profile": "din-0825-11", "fall_points": 15, "immobility_delay_ms": 70000}
    assert plan.digest != plans.load(plan_file()).digest


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"do": "dance"}, "permitted: familiarisation, sos"),
        ({"tail": "hours = 99"}, "no TOML"),
        ({"head": "colour = 1"}, "colour: unknown"),
        ({"head": "title = 'x'"}, "no TOML"),
        ({"head": "officer = 3"}, "of another type"),
        ({"worker": "acts = {sleep = 'x'}"}, "acts: sleep"),
        ({"worker": "settings = {immobility_delay_ms = 90000}"}, "profile din-0825-11 permits at most"),
        ({"worker": "settings = 'none.json'"}, "none.json"),
        ({"worker": "[[workers]]\ndevice = 'DATI-1'\npost = 'x'"}, "named 2 times"),
        ({"head": "limits = {colour = 1}"}, "limits: colour"),
        ({"tail": "[[exercises]]\ndo = 'sos'"}, "planned twice"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_a_line(mistake, plan_file, tmp_path, changed, words):
    assert words in mistake("drill", plan_file(**changed), "-o", tmp_path / "out", "--yes")
    assert not (tmp_path / "out").exists()


def test_mistakes_of_the_command(mistake, plan_file, tmp_path):
    path, into = plan_file(), ("-o", tmp_path / "out", "--yes")
    assert "name a plan" in mistake("drill", tmp_path / "none.toml", *into)
    assert "POST=FILE" in mistake("drill", path, "--settings", "x", *into)
    assert "DEVICE=FILE" in mistake("drill", path, "--recordings", "x", *into)
    assert "no worker has the device" in mistake("drill", path, "--recordings", "DATI-9=x.mcap", *into)
    assert "DEVICE=PORT" in mistake("drill", path, "--port", "DATI-9=/dev/x", *into)
    assert "permitted: fr, en" in mistake("drill", path, "--language", "de", *into)
    assert "is no session" in mistake("drill", path, "--before", path, *into)


def test_the_bundled_plan_is_whole():
    plan = plans.load(drilling.Path(plans.__file__).parent.parent / "datasets" / "drills" / "drill-day.toml")
    assert {worker.post for worker in plan.workers} == {"sitting", "standing", "mobile"}
    assert {one.exercise.do for one in plan.steps()} == set(KINDS) and not plan.left_off()


# --- virtual workers ---


def test_a_virtual_drill_is_led_kept_signed_and_taken_up(dati, plan_file, tmp_path):
    folder, path = tmp_path / "out", plan_file()
    (tmp_path / "answers.toml").write_text('officer = "M. Roy"\nsign = "yes"\n["DATI-1/sos"]\nnote = "calm"\n')
    more = ("-o", folder, "--yes", "--json", "-e", "python")
    status, out, err = dati("drill", path, *more, "--answers", tmp_path / "answers.toml")
    assert status == 0, err
    found = json.loads(out)
    act = found["steps"]["DATI-1/sos"]["seen"]
    assert found["passed"] and found["signed"]["by"] == "M. Roy"
    assert 1.5 <= act["alarm_s"] < 2.5 and act["alarm_s"] <= act["arrived_s"] < 4
    assert act["received_by"] == "centre" and act["location_error_m"] < 50 and act["located_s"] < 60
    assert {file.name for file in folder.iterdir()} == {"session.json", "marks.csv", "report.html", "report.pdf"}
    marks = list(csv.DictReader((folder / "marks.csv").read_text().splitlines()))
    assert [(row["recording"], row["mark"]) for row in marks] == [
        ("DATI-1/sos", "sos begins"),
        ("DATI-1/sos", "sos ends"),
    ]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "M. Roy, signed off" in page and "calm" in page and found["digest"] in page
    status, out, err = dati("drill", path, *more)
    assert status == 0 and json.loads(out)["digest"] == found["digest"] and "1 steps are done already" in err


def test_another_plan_does_not_go_on_with_a_session(dati, mistake, plan_file, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    Session(plans.load(plan_file())).save(folder)
    other = plan_file(worker="settings = {fall_points = 5}")
    assert "another plan" in mistake("drill", other, "-o", folder, "--yes")


def test_interrupted_it_keeps_what_was_done(dati, plan_file, tmp_path, monkeypatch):
    path = plan_file(tail='[[exercises]]\ndo = "cord"')
    real, calls = drill_sources.Virtual.perform, []

    def perform(self, one):
        calls.append(one.key)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, one)

    monkeypatch.setattr(drill_sources.Virtual, "perform", perform)
    more = ("-o", tmp_path / "out", "--yes", "-e", "python")
    assert dati("drill", path, *more)[0] == 130
    kept = read_session(tmp_path / "out" / "session.json", plans.load(path))
    assert list(kept.done) == ["DATI-1/sos"]
    assert dati("drill", path, *more)[0] == 0
    assert calls == ["DATI-1/sos", "DATI-1/cord", "DATI-1/cord"]


def test_without_coverage_nobody_receives_it_and_the_report_says_so(dati, plan_file, tmp_path):
    path = plan_file(head="world = {network = {signal_dbm = false}}")
    status, out, _ = dati("drill", path, "-o", tmp_path / "out", "--yes", "-e", "python")
    assert status == 1 and "received by nobody" in out
    assert "coverage" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_fall_of_another_is_felt_by_the_virtual_board(plan_file):
    plan = plans.load(plan_file(do="fall", worker="acts = {fall = 'tripping-and-falling'}"))
    (one,) = plan.steps()
    seen = drill_sources.Virtual(plan, engines.get("python")).perform(one)
    assert judge_act(one, seen.what, plan.limits).passed
    assert seen.what.causes[0] == "fall" and seen.marks[0].recording == "tripping-and-falling/fall"


@pytest.mark.parametrize("up", [(0, 1000, 0), (0, -1000, 0), (1000, 0, 0), (0, 300, -950), (-700, 100, 700)])
def test_a_recording_is_turned_upright(up):
    trace = replace(next(iter(open_source("walking-a-beat"))), up=up)
    turn = drill_sources._upright(trace)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9) and np.linalg.det(turn) == pytest.approx(1)
    assert turn @ (np.array(up) / np.linalg.norm(up)) == pytest.approx([0, 1, 0], abs=1e-9)


def test_familiarisation_counts_what_recordings_raise_and_settings_change_it(plan_file, tmp_path):
    still = Wearer(3).work_standing(30).unconscious(75).work_standing(30)
    with CorpusWriter(tmp_path / "work.parquet") as corpus:
        for number in range(3):
            corpus.add(still.recording(f"w{number}", rate_hz=50, dataset="t", kind="work"))
    where = {"DATI-1": [str(tmp_path / "work.parquet")]}
    counts = []
    for settings in ({}, {"standing": {"immobility_enabled": False}}):
        plan = plans.load(plan_file(do="familiarisation"), settings, "", where)
        (one,) = plan.steps()
        worn = drill_sources.Virtual(plan, engines.get("python")).perform(one).what
        counts.append((len(worn.pre_alarms), worn.cancelled, worn.alarms))
        assert worn.hours == pytest.approx(3 * 135 / 3600, rel=0.01)
    assert counts == [(3, 3, 0), (0, 0, 0)]


def test_a_shift_is_long_enough_and_each_part_of_it_other_work():
    parts = list(drill_sources.shift(Worker("D", "standing", motion=("work_standing 120",), seed=4), 0.3))
    assert sum(part.duration_s for part in parts) >= 0.3 * 3600
    assert len({part.samples.tobytes() for part in parts}) == len({part.id for part in parts}) == len(parts) == 2


# --- what a timeline tells ---


def line(t_s, who, what, text="", **data):
    return Entry(round(t_s * 1000), who, what, text, data)


def test_a_timeline_is_read_from_the_act_on():
    place = "Panic Alarm (PA 8) at 48.85660, 2.35220: ALARM D: SOS. Last known position +-30 m, 2 min ago."
    entries = [
        line(5, "device", "alarm", "fall"),
        line(60.5, "device", "pre_alarm", "verticality"),
        line(70, "device", "alarm", "verticality"),
        line(70.5, "device", "cause_added", "immobility"),
        line(71, "device", "sent", "centre x: alarm"),
        line(71.2, "centre", "alarm", place, accepted=True),
        line(72, "device", "confirmed", "contact Garde"),
        line(72.1, "device", "acknowledged", "verticality"),
    ]
    act = drill_sources.seen(entries, 60, {}, ("verticality",))
    assert (act.noticed_s, act.alarm_s, act.sent_s, act.arrived_s) == pytest.approx((0.5, 10, 11, 11.2))
    assert act.transmission_s == pytest.approx(0.2) and act.causes == ("verticality", "immobility")
    assert (act.received_by, act.acknowledged_by) == ("centre", "Garde")
    assert (
        (act.location_age_s, act.location_accuracy_m) == (120, 30)
        and act.location_error_m < 1
        and act.located_s is None
    )
    late = drill_sources.seen(entries, 60, {}, ("immobility",))
    assert late.alarm_s == pytest.approx(10.5)  # another detector spoke first
    assert drill_sources.seen(entries, 80, {}, ("fall",)) == Act()


# --- by hand, and on a cable ---


def test_by_hand_the_officer_s_answers_are_what_was_seen(dati, plan_file, tmp_path):
    text = PLAN.format(do="sos", head="", worker="", tail='[[exercises]]\ndo = "familiarisation"')
    path = plan_file(text=text.replace('motion = ["work_standing 60"]', ""))
    (tmp_path / "a.toml").write_text(
        '["DATI-1/sos"]\nnoticed_s = 2\nalarm_s = 2\narrived_s = 9\nreceived_by = "Garde"\n'
        '["DATI-1/familiarisation"]\nhours = 2\nfalse_pre_alarms = 6\ncancelled = 5\n'
    )
    status, out, _ = dati("drill", path, "-o", tmp_path / "o", "--yes", "--answers", tmp_path / "a.toml", "--json")
    found = json.loads(out)
    assert status == 1 and found["steps"]["DATI-1/sos"]["seen"]["received_by"] == "Garde"
    assert found["judged"]["DATI-1/sos"]["passed"] and not found["judged"]["DATI-1/familiarisation"]["passed"]
    assert found["signed"] is None


def test_where_nobody_answers_it_says_so(dati, plan_file, tmp_path, monkeypatch):
    def ends(*_, **__):
        raise EOFError

    monkeypatch.setattr(drilling.Prompt, "ask", ends)
    status, _, err = dati("drill", plan_file(), "-o", tmp_path / "o", "-e", "python")
    assert status == 2 and "give --yes, or --answers FILE" in err


class FakePort:
    """A device that logs lines as its console does."""

    def __init__(self, lines, device="D"):
        self.log, self._lines, self._device = [], lines, device

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def status(self):
        return {"device": self._device}

    def heard(self, _):
        if self._lines:
            self.log.append(self._lines.pop(0))
        return iter(())


def test_on_a_cable_the_device_s_own_lines_are_what_was_seen(monkeypatch):
    lines = [
        "100 pre_alarm 32",
        "90 beep x",
        "15100 alarm 32",
        "15200 sent centre c: alarm",
        "15400 delivered centre c",
    ]
    port = FakePort([*lines, "15401 confirmed centre centre", "15402 acknowledged 32"])
    monkeypatch.setattr(drill_live, "DevicePort", lambda _: port)
    act = drill_live.OnCable("/dev/x", lambda *_: "").perform(step("fall")).what
    assert act.causes == ("fall",) and act.received_by == act.acknowledged_by == "centre"
    times = (act.noticed_s, act.alarm_s, act.sent_s, act.arrived_s, act.acknowledged_s)
    assert None not in times and list(times) == sorted(times)
    monkeypatch.setattr(drill_live, "DevicePort", lambda _: FakePort([], "DATI-8"))
    with pytest.raises(UserError, match="this is DATI-8; D is to be plugged in"):
        drill_live.OnCable("/dev/x", lambda *_: "").perform(step("fall"))


# --- the report ---


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_report_has_words_for_everything_that_can_be_said(plan_file, language):
    plan = plans.load(plan_file(), None, language)
    words = Words("drill", language)
    for do in KINDS:
        for key in ("do", "short", "how"):
            assert words(f"{key}_{do}", **({"hours": 1} if key == "how" else {}))
    for do in DISTRESS:
        for act in (Act(), WELL, replace(WELL, arrived_s=None), replace(WELL, sent_s=99.0, causes=("x",))):
            judged = judge_act(step(do), replace(act, location_age_s=400.0, location_error_m=500.0), LIMITS)
            for kind, said in (("why", judged.reasons), ("remark", judged.remarks), ("advice", judged.advice)):
                assert all(words_of(words, kind, key, values) for key, values in said)
    causes = ["fall", "verticality", "immobility", "flight", "dead_man", "technical", "other"]
    judged = judge_worn(Worn(0.1, [(1.0, cause) for cause in causes], alarms=1), LIMITS)
    for kind, said in (("why", judged.reasons), ("remark", judged.remarks), ("advice", judged.advice)):
        assert all(words_of(words, kind, key, values) for key, values in said)
    session = Session(plan)
    session.add(Done("DATI-1/sos", "2026-11-23T08:00:00Z", "virtual", replace(WELL, causes=("voluntary",))))
    assert session.passed
    page = as_html(document(session, words, Session(plan)))
    assert words("all_passed").split(":")[0].strip() in page and 'lang="' + language in page


def test_a_step_left_out_is_no_pass(plan_file):
    plan = plans.load(plan_file())
    session = Session(plan, signed_by="M. Roy")
    session.add(Done("DATI-1/sos", "2026-11-23T08:00:00Z", "virtual", None))
    assert not session.passed and session.signed_by == ""
    assert "do the step" in as_html(document(session, Words("drill", "en")))
