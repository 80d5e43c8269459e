"""`dati drift`: offsets and gains found, charts, records read, and lines for all that is odd."""

from __future__ import annotations

import binascii
import csv
import io
import json
from array import array
from itertools import pairwise

import numpy as np
import pytest
from dati import health, journal
from dati.bank import DetectorBank
from dati.recorder import Recorder
from dati.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets import scenarios
from host_tools import drifting
from simulator import fleet, simulate
from simulator.charts import chart
from simulator.chronology import DAY_S, Moment, Record
from simulator.device_log import read_device_log
from simulator.drift_effect import Lean, sensitivity_shares
from simulator.drift_readings import readings_of, still_moments, unpack
from simulator.ellipsoid import simple_fit
from simulator.fleet_files import write_device
from simulator.parts.flash import Flash

UTC_S = 845_000_000  # 2026-10-11
OFFSET_MG, GAIN = np.array([40.0, -25.0, 60.0]), np.array([0.02, -0.01, 0.005])


def taken(directions, noise_mg=3.0, seed=1):
    """Readings of a sensor with OFFSET_MG and GAIN, lying that way."""
    up = directions / np.linalg.norm(directions, axis=1)[:, None]
    return 1000 * (1 + GAIN) * up + OFFSET_MG + np.random.default_rng(seed).normal(0, noise_mg, up.shape)


# --- the fit ---


def test_six_faces_determine_all_and_a_knocked_reading_does_not_matter():
    accel = taken(np.vstack([np.eye(3), -np.eye(3)]).repeat(6, axis=0))
    accel[3] += 300
    found = simple_fit(accel)
    assert np.abs(found.offsets_mg[0] - OFFSET_MG).max() < 3
    assert np.abs(found.gains[0] - GAIN).max() < 0.003
    assert max(found.spread_of_offset(0, axis) for axis in range(3)) < 2


def test_upright_readings_determine_the_vertical_alone_and_say_so():
    around = np.random.default_rng(2).normal((0, 1, 0), 0.05, (40, 3))
    found = simple_fit(taken(around))
    vertical = found.offsets_mg[0, 1] + 1000 * found.gains[0, 1]
    assert vertical == pytest.approx(OFFSET_MG[1] + 1000 * GAIN[1], abs=6)
    assert found.spread_of_gain(0, 1) > 0.015 and found.spread_of_offset(0, 1) > 10


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_ways_to_lie_at_random_determine_all(seed):
    around = np.random.default_rng(seed).normal(size=(60, 3))
    found = simple_fit(taken(around, seed=seed))
    off = np.abs(found.offsets_mg[0] - OFFSET_MG)
    assert (off < 4.5 * np.array([found.spread_of_offset(0, axis) for axis in range(3)]) + 1).all()


# --- what it costs ---


@given(
    offset=st.lists(st.floats(-50, 50), min_size=3, max_size=3),
    gain=st.lists(st.floats(-0.03, 0.03), min_size=3, max_size=3),
    zeroed=st.booleans(),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_error_in_degrees_is_the_one_of_the_angles_themselves(offset, gain, zeroed):
    lean = Lean(np.array([0.1, 1.0, -0.2]), 45.0, zeroed=zeroed)
    offset, gain = np.array(offset), np.array(gain)
    linear, slope = lean.error(offset, gain)
    assert linear == pytest.approx(lean.exact_error(offset, gain), rel=0.12, abs=0.08)
    assert linear == pytest.approx(slope @ np.concatenate([offset, gain]), abs=1e-9)


def test_an_offset_along_the_vertical_costs_most_and_one_across_more_when_never_zeroed():
    lean, never = (Lean(np.array([0, 1.0, 0]), 45.0, zeroed=zeroed) for zeroed in (True, False))
    along, across = np.array([0, 50.0, 0]), np.array([50.0, 0, 0])
    assert lean.error(along, np.zeros(3))[0] == pytest.approx(2.03, abs=0.02)
    assert lean.error(across, np.zeros(3))[0] == pytest.approx(0.84, abs=0.02)
    assert never.error(across, np.zeros(3))[0] == pytest.approx(2.03, abs=0.02)


def test_sensitivity_is_lost_by_gain_and_by_noise_but_not_by_less_noise():
    assert sensitivity_shares(np.array([0.01, -0.04, 0]), 5.0, 50.0) == (4.0, 10.0)
    assert sensitivity_shares(np.zeros(3), -5.0, 50.0) == (0.0, 0.0)


# --- charts ---


def test_charts_signal_a_shift_since_when_it_came_and_stay_quiet_without():
    random = np.random.default_rng(3)
    days = np.arange(400.0)
    quiet = random.normal(10, 2, 400)
    shifted = quiet + 4 * (days >= 300)
    calm = chart("y", "mg", days, quiet, 10, 2)
    assert calm.ewma_since is None and calm.cusum_since is None
    found = chart("y", "mg", days, shifted, 10, 2)
    assert 300 <= found.ewma_since < 312 and 300 <= found.cusum_since < 316
    assert found.high[-1] > 10 > found.low[-1]


def test_one_wild_value_is_no_shift_and_what_comes_back_is_seen_to():
    days = np.arange(200.0)
    values = np.zeros(200)
    values[50] = 1000
    assert chart("y", "mg", days, values, 0, 1).cusum_since is None
    values[80:120] = 5
    assert chart("y", "mg", days, values, 0, 1).cusum_since is None


# --- records ---


def moments(*records):
    return [Moment(Record(kind, n, -1, 0, data), 0, 0.0, utc_s) for n, (kind, utc_s, data) in enumerate(records)]


@given(
    mean=st.tuples(*[st.integers(-1400, 1400)] * 3),
    noise=st.integers(0, 3000),
    warmth=st.integers(-400, 800),
    zero=st.tuples(*[st.integers(-500, 500)] * 3),
)
@settings(derandomize=True)
def test_what_the_device_packs_is_what_is_read(mean, noise, warmth, zero):
    found = unpack(health.pack(mean, (350, 351, 352), noise, warmth, zero))
    assert found == (mean, (350, 351, 352), noise / 10, warmth / 10, zero)
    still = unpack(health.pack(mean, health.NOT_TESTED, noise, health.UNKNOWN, zero))
    assert still.self_test_mg is None and still.temperature_c is None
    assert len(health.pack(mean, health.NOT_TESTED, noise, health.UNKNOWN, zero)) == 22


def test_a_newer_record_is_read_as_far_as_known_and_a_short_or_impossible_one_is_counted():
    good = health.pack((0, 1000, 0), (350, 350, 350), 10, 200, (0, 0, 0))
    wild = health.pack((0, 9000, 0), (350, 350, 350), 10, 200, (0, 0, 0))
    rows = [(journal.HEALTH, UTC_S, good + b"xy"), (journal.HEALTH, UTC_S, good[:6]), (journal.HEALTH, UTC_S, wild)]
    readings, problems = readings_of("A", moments(*rows))
    assert len(readings) == 1
    assert {problem.key: problem.values.get("count") for problem in problems} == {"newer": 1, "not_understood": 2}


def test_a_clock_that_jumps_ahead_or_was_never_set_puts_no_reading_out_of_order():
    good = health.pack((0, 1000, 0), (350, 350, 350), 10, 200, (0, 0, 0))
    times = [UTC_S, UTC_S + DAY_S, UTC_S + 3000 * DAY_S, None, UTC_S + 4 * DAY_S, UTC_S - 900 * DAY_S]
    readings, problems = readings_of("A", moments(*((journal.HEALTH, utc_s, good) for utc_s in times)))
    assert (readings.day - UTC_S / DAY_S).round().tolist() == [0, 1, 2, 3, 4, 4]
    assert [(problem.key, problem.values) for problem in problems] == [("mended", {"count": 3})]
    never, _ = readings_of("A", moments(*((journal.HEALTH, None, good) for _ in range(3))))
    assert len(never) == 3


# --- still moments, by the device's own code ---


def lying(seconds, accel_mg, rate_hz=50, noise_mg=4, seed=0):
    noise = np.random.default_rng(seed).normal(0, noise_mg, (seconds * rate_hz, 3))
    return np.rint(np.asarray(accel_mg) + noise).astype(np.int16)


def looked(samples, made, rate_hz=50, t_ms=0):
    """Records the device makes of the samples, with the second of each."""
    bank = DetectorBank(Settings({"rate_hz": rate_hz}))
    data = array("h", samples.astype("<i2").tobytes())
    found = []
    for first in range(0, len(samples) - 24, 25):
        at = first
        while at < first + 25:
            at = bank.run(data, at, first + 25)
        record = made.look(bank, t_ms + at * 20)
        if record is not None:
            found.append((at // 50, unpack(record)))
    return found, bank


def test_a_record_comes_after_a_minute_of_stillness_and_at_most_once_an_hour():
    made = health.Health((3, -4, 5))
    made.temperature_dc = 215
    found, _ = looked(lying(3 * 3600 + 300, (30, -20, 990)), made)
    assert [60 <= second % 3600 < 200 for second, _ in found] == [True] * len(found) and len(found) >= 3
    assert all(later - one >= 3600 for (one, _), (later, _) in pairwise(found))
    read = found[0][1]
    assert np.abs(np.array(read.mean_mg) - (30, -20, 990)).max() <= 2
    assert read.self_test_mg is None and read.temperature_c == 21.5 and read.zero_mg == (3, -4, 5)
    assert 0 < read.noise_mg < 5


def test_who_moves_or_turns_is_not_still():
    walking = lying(120, (0, 1000, 0), noise_mg=300)
    assert looked(walking, health.Health((0, 0, 0)))[0] == []
    turning = np.vstack([lying(40, (0, 1000 - 45 * n, 0)) for n in range(6)])
    assert looked(turning, health.Health((0, 0, 0)))[0] == []


def test_the_record_of_a_start_of_duty_bears_the_self_test():
    made = health.Health((0, 0, 0))
    made.self_test_mg = [340, 350, 360]
    found, bank = looked(lying(10, (0, 1000, 0)), made)
    assert found == []
    read = unpack(made.standing(bank))
    assert read.self_test_mg == (340, 350, 360) and abs(read.mean_mg[1] - 1000) <= 2
    assert unpack(health.Health((0, 0, 0)).standing(bank)).mean_mg[1] == pytest.approx(1000, abs=4)


def log_of(folder, samples, utc_s=UTC_S, firmware="abc", name="log.mcap"):
    flash = Flash()
    made = Recorder(flash, "log", binascii.crc32)
    assert made.begin('{"rate_hz":50}', firmware, (0, 1000, 0), utc_s, 1000)
    data = array("h", samples.astype("<i2").tobytes())
    for first in range(0, len(samples), 25):
        made.samples(data, first, min(first + 25, len(samples)), 1000 + first * 20)
    made.end()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(flash.read("log"))


def test_still_moments_are_cut_out_of_a_log(tmp_path):
    samples = np.vstack([lying(30, (0, 1000, 0), noise_mg=200), lying(100, (10, 20, 1030)), lying(30, (0, 1000, 0))])
    log_of(tmp_path, samples)
    found = still_moments(read_device_log(tmp_path / "log.mcap"))
    assert len(found) == 1
    t_s, read = found[0]
    assert 88 < t_s < 130 and np.abs(np.array(read.mean_mg) - (10, 20, 1030)).max() <= 3


# --- the command ---


@pytest.fixture(scope="module")
def read_outs(tmp_path_factory):
    """Half a year of three devices: one healthy, one dropped, one never zeroed on record."""
    folder = tmp_path_factory.mktemp("fleet")
    for number, fault, only_still in ((1, "", False), (6, fleet.DROPPED, False), (3, "", True)):
        made = fleet.make(number, fault, years=0.6)
        write_device(made.readings, folder / made.readings.device, only_still=only_still)
    return folder


def test_the_table_names_what_to_do_and_why(dati, read_outs, monkeypatch):
    monkeypatch.setattr(drifting.out, "width", 250)
    status, out, err = dati("drift", read_outs, "--language", "en")
    assert status == 0
    rows = {line.split()[0]: line for line in out.splitlines()[:6] if line.strip().startswith("PTI-")}
    assert "over tolerance, step" in rows["PTI-006"] and "re-zero" in rows["PTI-006"] and "offset of axis" in out
    assert " fine " in rows["PTI-001"] and "re-zero" not in rows["PTI-001"]
    assert "Proposed zero, zero_mg: [" in out
    assert "PTI-003: no zeroing known" in err
    assert "PTI-001" not in err


def test_json_csv_and_page_tell_the_same(dati, read_outs, tmp_path):
    page, table = tmp_path / "fleet.html", tmp_path / "fleet.csv"
    status, out, _ = dati("drift", read_outs, "--json", "--csv", table, "--html", page)
    assert status == 0
    devices = {row["device"]: row for row in json.loads(out)["devices"]}
    rows = {row["device"]: row for row in csv.DictReader(io.StringIO(table.read_text()))}
    assert devices.keys() == rows.keys() == {"PTI-001", "PTI-006", "PTI-003"}
    dropped = devices["PTI-006"]
    assert dropped["status"] == "over tolerance" and dropped["kind"] == "step" and dropped["action"] == "re-zero"
    assert float(rows["PTI-006"]["verticality_deg"]) == dropped["verticality_deg"] > 2
    text = page.read_text()
    assert "hors tolérance" in text and text.count("data:image/png") == 2 and "PTI-003" in text
    assert "http" not in text.split("</style>")[1].replace("http://www.w3.org", "")


def test_two_devices_of_one_identity_are_kept_apart_and_nothing_is_lost(dati, tmp_path):
    for number, name in ((1, "left"), (2, "right")):
        write_device(fleet.make(number, years=0.3).readings, tmp_path / name, device="PTI-7")
    counts = [len(fleet.make(number, years=0.3).readings) for number in (1, 2)]
    status, out, err = dati("drift", tmp_path, "--json", "--language", "en")
    assert status == 0
    devices = json.loads(out)["devices"]
    assert sorted(row["device"] for row in devices) == ["PTI-7 #1", "PTI-7 #2"]
    assert sorted(row["readings"] for row in devices) == sorted(counts)
    assert err.count("several devices bear the identity PTI-7") == 2


def test_a_clock_that_jumped_is_told_in_a_line_and_the_verdict_stands(dati, tmp_path):
    readings = fleet.make(6, fleet.DROPPED, years=0.6).readings

    def clock(number, utc_s):
        return -1 if number in range(30, 40) else utc_s + 9 * 365 * DAY_S * (number in range(60, 64))

    write_device(readings, tmp_path / "A", clock=clock)
    status, out, err = dati("drift", tmp_path, "--json", "--language", "en")
    assert status == 0
    row = json.loads(out)["devices"][0]
    assert row["readings"] == len(readings)
    assert row["action"] == "re-zero" and row["kind"] == "step" and row["last_day"] == fleet.date_of(readings.day[-1])
    assert "the clock" in err and "placed between their neighbours" in err
    assert err.count("\n") < 12


def test_records_of_another_firmware_are_told_in_a_line(dati, tmp_path):
    readings = fleet.make(1, years=0.3).readings
    write_device(readings, tmp_path / "newer", payload=lambda packed: packed + b"\1\2\3\4", device="N")
    write_device(readings, tmp_path / "older", payload=lambda packed: packed[:8], device="O")
    (next((tmp_path / "newer").iterdir()) / "firmware").write_text("0123456789ab")
    status, out, err = dati("drift", tmp_path, "--json", "--language", "en")
    assert status == 0
    counts = {row["device"]: row["readings"] for row in json.loads(out)["devices"]}
    assert counts == {"N": len(readings), "O": 0}
    assert f"N: {len(readings)} health record(s) of a newer firmware" in err
    assert "journal written by firmware 0123456789ab" in err
    assert f"O: {len(readings)} health record(s) that cannot be understood" in err


def test_a_log_counts_with_its_folder_and_a_broken_one_is_told(dati, tmp_path):
    write_device(fleet.make(1, years=0.3).readings, tmp_path / "A")
    folder = next((tmp_path / "A").iterdir())
    log_of(folder, lying(100, (0, 0, 1000)), firmware="old")
    log_of(folder, lying(100, (0, 0, 1000)), utc_s=-1, name="undated.mcap")
    (folder / "broken.mcap").write_bytes(b"no log")
    status, out, err = dati("drift", tmp_path, "--json", "--language", "en")
    assert status == 0
    assert json.loads(out)["devices"][0]["readings"] == len(fleet.make(1, years=0.3).readings) + 1
    for said in ("log.mcap: 1 still moment(s)", "recorded by firmware old", "undated.mcap: its clock was unset"):
        assert said in err
    assert "broken.mcap: is not a device log" in err


def test_logs_alone_are_a_device_too_with_too_little_to_judge(dati, tmp_path):
    log_of(tmp_path / "B12", lying(100, (0, 0, 1000)))
    status, out, _ = dati("drift", tmp_path / "B12" / "log.mcap", "--json", "--language", "en")
    row = json.loads(out)["devices"][0]
    assert (status, row["device"], row["status"], row["readings"]) == (0, "B12", "commissioning", 1)
    assert row["why"] == "never zeroed, 1 still moments: too few"


def test_settings_of_another_version_are_told_and_defaults_taken(dati, tmp_path):
    write_device(fleet.make(1, years=0.3).readings, tmp_path / "A")
    for copy in (tmp_path / "A").iterdir():
        (copy / "settings.json").write_text('{"format": 9, "plan": {"device": "PTI-9"}}')
    status, out, err = dati("drift", tmp_path, "--json", "--language", "en")
    assert status == 0 and json.loads(out)["devices"][0]["device"] == "PTI-9"
    assert "settings.json of another version" in err and "format 9" in err


def test_the_virtual_board_writes_what_the_commands_read(dati, tmp_path):
    """A start of duty on the whole firmware, its driver and the register model of its sensor."""
    scenario = scenarios.find("duty-begins")
    outcome = simulate.run(scenario, scenarios.motion(scenario))
    for name, data in outcome.files.items():
        if name.startswith("data/"):
            (tmp_path / name.removeprefix("data/")).write_bytes(data)
    status, out, _ = dati("journal", tmp_path / "journal.0", "--json")
    records = [row["detail"] for row in json.loads(out)["records"] if row["what"] == "health"]
    assert status == 0 and len(records) >= 1
    assert "self-test 3" in records[0] and "25.0 C" in records[0]
    status, out, _ = dati("drift", tmp_path, "--json", "--language", "en")
    row = json.loads(out)["devices"][0]
    assert (status, row["starts_of_duty"], row["status"]) == (0, 1, "commissioning")
    assert row["why"] == "1 starts of duty; 21 are needed"


def test_bad_input_is_one_line(mistake, tmp_path):
    assert "no such file or folder" in mistake("drift", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert "neither journal.0" in mistake("drift", tmp_path / "empty")
    (tmp_path / "journal.0").write_bytes(b"rubbish")
    assert "no journal record" in mistake("drift", tmp_path / "journal.0")
    assert "there is no folder" in mistake("drift", tmp_path, "--csv", tmp_path / "x" / "f.csv")
