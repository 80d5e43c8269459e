"""`dati report`: what journals tell of use and alarms, and what they hide is said and never invented."""

from __future__ import annotations

import csv
import datetime
import inspect
import json
import random
import re

import pytest
from dati import events as e
from dati import journal as j
from dati.clock import seconds
from dati.journal import Journal
from hypothesis import given
from hypothesis import strategies as st

from host_tools import readouts, reporting
from host_tools.documents import Words
from simulator import chronology, usage
from simulator.chronology import Record, day_of, in_time, keep, month_of, months_before, week_of
from simulator.parts.flash import Flash
from simulator.usage import Figures, Tally

NOON = seconds(2026, 11, 3, 12, 0, 0)
HOUR = 3600


class Diary:
    """A journal as the firmware writes it: `note(kind, at_s, value)`, in s since its clock's noon."""

    def __init__(self, start_utc_s=NOON, first_sequence=0):
        self.flash = Flash()
        self.journal = Journal(self.flash, files=40)
        self.journal.open()
        self.journal._sequence = first_sequence
        self.utc_s = start_utc_s

    def note(self, kind, at_s, value=0, utc=True, ticks_s=None):
        utc_s = self.utc_s + round(at_s) if utc is True else (-1 if utc is False else utc)
        t_ms = round((at_s if ticks_s is None else ticks_s) * 1000) % (1 << 30)
        put = self.journal.put_text if isinstance(value, str) else self.journal.put_number
        assert put(kind, value, utc_s, t_ms)
        return self

    def duty(self, from_s, until_s):
        return self.note(j.TEST_PASSED, from_s, "sensor press").note(j.DUTY_BEGUN, from_s).note(j.DUTY_ENDED, until_s)

    def alarm(self, at_s, cause=e.FALL, after_s=3.0, who="centre centre"):
        self.note(e.PRE_ALARM, at_s - 15, cause).note(e.ALARM, at_s, cause).note(j.SENT, at_s + 1, "centre c: alarm")
        self.note(j.CONFIRMED, at_s + after_s, who).note(e.ACKNOWLEDGED, at_s + after_s, cause)
        return self.note(e.CLEARED, at_s + after_s + 60, e.CENTRE)

    @property
    def data(self):
        return {name: bytes(data) for name, data in self.flash.files.items()}

    @property
    def records(self):
        found = []
        for data in self.data.values():
            at = j.find(data, 0)
            while at >= 0:
                found.append(Record(*j.record_at(data, at)))
                at = j.find(data, j.end_of(data, at))
        return found

    def write(self, folder, device=None):
        folder.mkdir(parents=True)
        for name, data in self.data.items():
            (folder / name).write_bytes(data)
        if device:
            (folder / "settings.json").write_text(json.dumps({"plan": {"device": device}}))
        return folder


def tally(diary, **by):
    moments, problems = in_time(diary.records)
    found = Tally("D", **by).take(moments)
    total = Figures()
    for figures in found.periods.values():
        total.add(figures)
    return total, [problem.key for problem in problems + found.problems], found.periods


# --- what is counted ---


def test_a_duty_with_an_alarm_is_counted_once_and_timed_by_ticks():
    diary = Diary().note(j.STARTED, 0).note(j.DUTY_BEGUN, 100).alarm(1000)
    total, problems, periods = tally(diary.note(j.DUTY_ENDED, 100 + 8 * HOUR))
    assert total.hours_on_duty == pytest.approx(8)
    assert (total.duties, total.pre_alarms, total.alarms) == (1, {"fall": 1}, {"fall": 1})
    assert total.acknowledged_s == [3.0] and total.sent_s == [1.0]
    assert (total.confirmed, total.cleared) == ({"centre": 1}, {"centre": 1})
    assert list(periods) == ["2026-11"] and problems == [] and not total.at_least


def test_a_cancelled_pre_alarm_is_no_alarm():
    diary = Diary().note(e.PRE_ALARM, 10, e.IMMOBILITY).note(e.CANCELLED, 14, e.WORKER)
    total, _, _ = tally(diary)
    assert (total.pre_alarms, total.cancelled, total.alarm_count) == ({"immobility": 1}, {"worker": 1}, 0)


def test_of_several_causes_the_highest_is_counted():
    total, _, _ = tally(Diary().note(e.ALARM, 10, e.FALL | e.VERTICALITY))
    assert total.alarms == {"fall": 1}


def test_faults_charging_tests_and_restarts():
    diary = Diary().note(j.STARTED, 0, 1).note(j.DUTY_REFUSED, 5, "tilt").note(j.DUTY_REFUSED, 6, "contacts missing")
    diary.note(j.FAULT_BEGAN, 10, "network").note(j.FAULT_ENDED, 1810, "network")
    diary.note(j.CHARGING_BEGAN, 2000, 30).note(j.CHARGING_ENDED, 2000 + 2 * HOUR, 95).note(j.TEST_ALARM, 9999)
    total, problems, _ = tally(diary)
    assert total.tests_refused == {"tilt": 1, "not_ready": 1}
    assert total.technical == {"network": 1} and total.technical_hours["network"] == pytest.approx(0.5)
    assert total.charging_hours == pytest.approx(2) and (total.charges, total.test_alarms) == (1, 1)
    assert total.restarts == {"watchdog": 1} and problems == []


def test_a_duty_over_midnight_and_the_end_of_a_month_is_parted():
    diary = Diary(seconds(2026, 11, 30, 22, 0, 0)).duty(0, 8 * HOUR)
    _, _, periods = tally(diary)
    assert periods["2026-11"].hours_on_duty == pytest.approx(2)
    assert periods["2026-12"].hours_on_duty == pytest.approx(6)
    assert periods["2026-11"].duties == 1 and periods["2026-12"].duties == 0
    _, _, days = tally(diary, period=lambda utc_s: day_of(utc_s))
    assert sorted(days) == ["2026-11-30", "2026-12-01"]


@given(st.integers(0, 2_000_000_000))
def test_a_week_begins_with_a_monday_of_the_same_week(utc_s):
    day = datetime.date(2000, 1, 1) + datetime.timedelta(days=utc_s // 86400)
    assert week_of(utc_s) == max(day - datetime.timedelta(days=day.weekday()), datetime.date(2000, 1, 1)).isoformat()


# --- what a clock, a restart or a gap does ---


def test_a_clock_that_jumps_stretches_no_duty():
    diary = Diary().note(j.DUTY_BEGUN, 0, utc=NOON - 5 * 365 * 86400).note(e.REFUSED, 60, 1)
    total, problems, periods = tally(diary.note(j.DUTY_ENDED, HOUR))
    assert total.hours_on_duty == pytest.approx(1)
    assert problems == ["clock_jump"]
    assert list(periods) == ["2026-11"]  # dated by what the clock was corrected to


def test_records_before_the_clock_was_set_are_dated_by_it():
    diary = Diary().note(j.STARTED, 0, utc=False).note(j.DUTY_BEGUN, 20, utc=False).note(j.DUTY_ENDED, HOUR + 20)
    total, problems, periods = tally(diary)
    assert (list(periods), problems) == (["2026-11"], []) and total.hours_on_duty == pytest.approx(1)


def test_a_clock_never_set_leaves_figures_undated_and_says_so():
    diary = Diary().note(j.STARTED, 0, utc=False).note(j.DUTY_BEGUN, 20, utc=False)
    total, problems, periods = tally(diary.note(j.DUTY_ENDED, HOUR + 20, utc=False))
    assert total.hours_on_duty == pytest.approx(1)
    assert (list(periods), problems) == ([""], ["undated"])


def test_an_undated_run_between_two_of_one_month_is_of_that_month():
    diary = Diary().duty(0, HOUR).note(j.STARTED, 0, 4, utc=False).note(e.ALARM, 50, e.FALL, utc=False)
    diary.note(j.STARTED, 86400, ticks_s=1)
    total, problems, periods = tally(diary)
    assert list(periods) == ["2026-11"] and "undated" not in problems and total.alarm_count == 1


def test_ticks_that_come_round_are_carried_on():
    near = (1 << 30) / 1000 - 100
    diary = Diary(NOON - round(near)).note(j.DUTY_BEGUN, near).note(j.DUTY_ENDED, near + HOUR)
    total, problems, _ = tally(diary)
    assert total.hours_on_duty == pytest.approx(1) and problems == []


def test_three_weeks_of_silence_are_told_by_the_clock():
    diary = Diary().note(j.CHARGING_BEGAN, 0, 50).note(j.CHARGING_ENDED, 21 * 86400, 100)
    total, _, _ = tally(diary)
    assert total.charging_hours == pytest.approx(21 * 24)


def test_a_watchdog_on_duty_costs_seconds_and_begins_no_second_duty():
    diary = Diary().note(j.DUTY_BEGUN, 0).note(e.REFUSED, HOUR, 1)
    diary.note(j.STARTED, HOUR + 3, 1, ticks_s=0.3).note(j.DUTY_BEGUN, HOUR + 3, ticks_s=0.4)
    total, problems, _ = tally(diary.note(j.DUTY_ENDED, 2 * HOUR + 3, ticks_s=HOUR + 0.4))
    assert total.duties == 1 and total.hours_on_duty == pytest.approx(2, abs=0.01)
    assert not total.at_least and problems == []


def test_an_empty_battery_on_duty_is_counted_to_the_last_record():
    diary = Diary().note(j.DUTY_BEGUN, 0).note(e.REFUSED, HOUR, 1)
    diary.note(j.STARTED, 9 * HOUR, 0, ticks_s=0.3).note(j.DUTY_BEGUN, 9 * HOUR, ticks_s=0.4)
    total, problems, _ = tally(diary.note(j.DUTY_ENDED, 10 * HOUR, ticks_s=HOUR + 0.4))
    assert total.hours_on_duty == pytest.approx(2) and total.at_least and total.duties == 1
    assert problems == ["duty_cut"]


def test_an_alarm_answered_after_a_restart_is_timed_by_the_clock():
    diary = Diary().note(e.ALARM, 100, e.FALL).note(j.STARTED, 110, 1, ticks_s=0.3)
    total, _, _ = tally(diary.note(e.ACKNOWLEDGED, 130, e.FALL, ticks_s=20))
    assert total.acknowledged == 1 and total.acknowledged_s == [30.0]


def test_missing_records_are_said_with_their_number():
    diary = Diary().note(j.STARTED, 0).note(j.DUTY_BEGUN, 5)
    diary.journal._sequence += 7
    _, _, _ = tally(diary.note(j.DUTY_ENDED, HOUR))
    moments, _ = in_time(diary.records)
    problem = Tally("D").take(moments).problems[0]
    assert (problem.key, problem.values) == ("missing", {"count": 7, "number": 2})


def test_a_journal_that_begins_and_ends_on_duty_counts_at_least_what_it_knows():
    diary = Diary(first_sequence=500).note(e.REFUSED, 0, 1).note(j.DUTY_ENDED, HOUR)
    diary.note(j.DUTY_BEGUN, 2 * HOUR).note(e.REFUSED, 3 * HOUR, 1)
    total, problems, _ = tally(diary)
    assert total.hours_on_duty == pytest.approx(2) and total.duties == 2 and total.at_least
    assert problems == ["duty_before", "still_on_duty"]


def test_a_kind_of_a_newer_device_is_counted_and_breaks_nothing():
    diary = Diary().note(j.DUTY_BEGUN, 0).note(200, 5, "from the future")
    total, problems, _ = tally(diary.note(j.DUTY_ENDED, HOUR))
    assert problems == ["unknown_kinds"] and total.hours_on_duty == pytest.approx(1)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_no_record_and_no_second_is_lost_or_invented_by_any_life(seed, restarts):
    """Random lives: what is counted is what was put, in any order of records."""
    drawn = random.Random(seed)
    diary, at_s, hours, alarms = Diary(), 0.0, 0.0, 0
    for _ in range(drawn.randint(1, 12)):
        if drawn.random() < (restarts % 10) / 30:
            diary.utc_s += round(at_s)
            at_s = 0.0
            diary.note(j.STARTED, at_s)
        at_s += drawn.randint(60, 50_000)
        length_s = drawn.randint(1, 40_000)
        diary.note(j.DUTY_BEGUN, at_s)
        if drawn.random() < 0.5:
            diary.note(e.ALARM, at_s + 0.5 * length_s, e.FALL)
            alarms += 1
        at_s += length_s
        diary.note(j.DUTY_ENDED, at_s)
        hours += length_s / 3600
    records = diary.records
    drawn.shuffle(records)
    moments, _ = in_time(records)
    total = Figures()
    for figures in Tally("D").take(moments).periods.values():
        total.add(figures)
    assert len(moments) == len(records)
    assert total.hours_on_duty == pytest.approx(hours, abs=0.01) and total.alarm_count == alarms


# --- retention ---


def test_older_records_are_left_out_and_counted():
    diary = Diary(seconds(2026, 8, 3, 8, 0, 0)).duty(0, HOUR).duty(92 * 86400, 92 * 86400 + HOUR)
    moments, _ = in_time(diary.records)
    kept, left_out = keep(moments, months_before(NOON, 2))
    assert (len(kept), left_out) == (3, 3)
    assert month_of(months_before(NOON, 1)) == "2026-11" and month_of(months_before(NOON, 12)) == "2025-12"


def test_the_undated_are_as_old_as_what_follows_them():
    diary = Diary(seconds(2026, 1, 1, 0, 0, 0)).note(e.ALARM, 1, e.FALL, utc=False).note(j.STARTED, 0)
    diary.utc_s = NOON
    moments, _ = in_time(diary.note(j.STARTED, 10, ticks_s=1).records)
    kept, left_out = keep(moments, months_before(NOON, 3))
    assert (len(kept), left_out) == (1, 2)


# --- the command ---


def test_the_table_json_csv_and_what_is_said(dati, tmp_path):
    Diary().note(j.STARTED, 0).note(j.DUTY_BEGUN, 100).alarm(1000).note(j.DUTY_ENDED, 100 + 8 * HOUR).write(
        tmp_path / "fleet" / "a", "DATI-1"
    )
    Diary().duty(0, HOUR).write(tmp_path / "fleet" / "b", "DATI-2")
    status, out, err = dati("report", tmp_path / "fleet", "--json", "--csv", tmp_path / "x.csv", "--language", "en")
    assert status == 0, err
    found = json.loads(out)
    assert [device["device"] for device in found["devices"]] == ["DATI-1", "DATI-2"]
    assert found["periods"]["2026-11"]["hours_on_duty"] == 9
    assert found["periods"]["2026-11"]["within_10_s"] == 1
    rows = list(csv.DictReader((tmp_path / "x.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["device"], row["period"], row["hours_on_duty"]) for row in rows] == [
        ("DATI-1", "2026-11", "8.0"),
        ("DATI-2", "2026-11", "1.0"),
    ]
    status, out, err = dati("report", tmp_path / "fleet", "--language", "en")
    assert status == 0 and "DATI-1" in out and "8.0" in out and "3.0\u00a0s" in out


def test_nobody_is_named_or_located_unless_on_purpose(dati, tmp_path):
    diary = Diary().note(j.DUTY_BEGUN, 0).alarm(1000, who="contact Jeanne Roy")
    diary.note(j.NOTE, 2000, "at 48.8566,2.3522").note(j.COMMAND_ACCEPTED, 2001, "ACK from +33639980001")
    diary.note(j.SENT, 2002, "sms Jeanne Roy: update").write(tmp_path / "a", "DATI-1")
    files = [tmp_path / name for name in ("x.html", "x.csv")]
    status, out, err = dati("report", tmp_path / "a", "--json", "--html", files[0], "--csv", files[1])
    assert status == 0, err
    for text in (out, err, *(file.read_text(encoding="utf-8") for file in files)):
        for secret in ("Jeanne", "Roy", "48.8", "48,8", "+3363"):
            assert secret not in text
    (tmp_path / "names.csv").write_text("device,name\nDATI-1,Jeanne Roy\n", encoding="utf-8")
    status, out, _ = dati("report", tmp_path / "a", "--names", tmp_path / "names.csv")
    assert status == 0 and "Jeanne Roy" in out


def test_two_devices_with_one_identity_are_counted_apart_and_said(dati, tmp_path):
    Diary().duty(0, HOUR).write(tmp_path / "a", "DATI-1")
    Diary().duty(60, 3 * HOUR + 60).write(tmp_path / "b", "DATI-1")
    status, out, err = dati("report", tmp_path, "--json", "--language", "en")
    hours = [device["periods"]["2026-11"]["hours_on_duty"] for device in json.loads(out)["devices"]]
    assert status == 0 and sorted(hours) == [1, 3] and "several devices bear the identity DATI-1" in err


def test_read_outs_of_one_device_that_overlap_are_one(dati, tmp_path):
    diary = Diary().note(j.STARTED, 0).duty(10, HOUR)
    diary.write(tmp_path / "october", "DATI-1")
    diary.duty(2 * HOUR, 4 * HOUR).write(tmp_path / "november", "DATI-1")
    _, out, err = dati("report", tmp_path, tmp_path / "october" / "journal.0", "--json")
    (device,) = json.loads(out)["devices"]
    assert device["periods"]["2026-11"]["duties"] == 2 and err == ""


def test_a_torn_journal_of_other_firmware_without_identity_loses_nothing_whole(dati, tmp_path):
    folder = Diary().note(j.STARTED, 0).duty(10, HOUR).duty(2 * HOUR, 3 * HOUR).write(tmp_path / "locker-4")
    file = folder / "journal.0"
    file.write_bytes(b"\x00noise" + file.read_bytes()[:-5])
    (folder / "firmware").write_text("0123456789ab")
    status, out, err = dati("report", folder, "--json", "--language", "en")
    (device,) = json.loads(out)["devices"]
    assert status == 0 and device["device"] == "locker-4" and device["records"] == 6
    for words in ("torn", "firmware 0123456789ab", "identity unknown"):
        assert words in err
    _, out, err = dati("report", folder, "--json", "--device", "DATI-9", "--language", "en")
    assert json.loads(out)["devices"][0]["device"] == "DATI-9" and "identity unknown" not in err


def test_the_retention_limit_is_said(dati, tmp_path):
    Diary(seconds(2026, 5, 1, 8, 0, 0)).duty(0, HOUR).write(tmp_path / "a", "DATI-1")
    Diary().duty(0, HOUR).write(tmp_path / "b", "DATI-2")
    more = ("--keep-months", 3, "--today", "2026-11-30", "--json", "--language", "en")
    status, out, err = dati("report", tmp_path, *more)
    assert status == 0 and json.loads(out)["records_left_out"] == 3 and "3 records older than the retention" in err
    assert list(json.loads(out)["periods"]) == ["2026-11"]


def test_mistakes_are_one_line(mistake, tmp_path):
    folder = Diary().duty(0, HOUR).write(tmp_path / "a", "DATI-1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "names.csv").write_text("name;device\n")
    assert "no such file" in mistake("report", tmp_path / "nothing")
    assert "no journal" in mistake("report", tmp_path / "empty")
    assert "no journal record" in mistake("report", tmp_path / "names.csv")
    assert "device,name" in mistake("report", folder, "--names", tmp_path / "names.csv")
    assert "--today" in mistake("report", folder, "--today", "tomorrow")
    assert "--device" in mistake("report", folder, "--device", "=x")
    assert "no folder" in mistake("report", folder, "--pdf", tmp_path / "no" / "x.pdf")


def test_every_problem_has_its_words():
    words = {language: Words("report", language) for language in ("fr", "en")}
    text = (
        inspect.getsource(usage)
        + inspect.getsource(chronology)
        + inspect.getsource(readouts)
        + inspect.getsource(reporting)
    )
    keys = set(re.findall(r'Problem\(\s*"(\w+)"', text))
    assert len(keys) > 10
    for language in words.values():
        assert all(f"problem_{key}" in language._words for key in keys)
