"""Importers: each publisher's format in small, the real archives where there are any, and bad sources."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.catalogue import Entry, catalogue
from datasets.importers import IMPORTERS, ImportReport, import_corpus
from datasets.importers.signals import on_even_grid, sensor_clock
from simulator.corpus import read_corpus
from simulator.errors import UserError
from simulator.trace import Recording

G = 9.80665


def put(folder: Path, path: str, text: str | bytes) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


def run(tmp_path: Path, name: str, source: Path, **options: str) -> tuple[ImportReport, dict[str, Recording]]:
    out = tmp_path / f"{name}.parquet"
    report = import_corpus(name, source, out, options)
    recordings = {recording.id: recording for recording in read_corpus(out)}
    assert len(recordings) == report.taken == report.by_kind.total() == report.by_placement.total()
    assert report.hours == pytest.approx(sum(one.duration_s for one in recordings.values()) / 3600)
    return report, recordings


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


# --- each publisher's format ---


def sisfall_file(rows: int = 3) -> str:
    return "".join(f"  {row},-256,4095,   1,2,3,  -7,-1024, 0;\r\n" for row in range(rows)) + " \r\n"


def test_sisfall_is_zeroed_on_each_subjects_slow_walk(tmp_path, source):
    put(source, "SE15/D01_SE15_R01.txt", sisfall_file())
    put(source, "SE15/D17_SE15_R02.txt", sisfall_file())
    put(source, "SA01/F05_SA01_R01.txt", sisfall_file())
    _, recordings = run(tmp_path, "sisfall", source)
    assert recordings["sisfall/D17_SE15_R02"].up == (4, -1000, 15996)
    assert recordings["sisfall/F05_SA01_R01"].up == (0, -1000, 0)  # no walk of SA01: the mean of all


def test_sisfall(tmp_path, source):
    put(source, "SA01/F05_SA01_R01.txt", sisfall_file())
    put(source, "SE15/D17_SE15_R02.txt", sisfall_file())
    put(source, "SA15/D17_SE15_R02.txt", sisfall_file())
    put(source, "SA15/D17_SE15_R03.txt", sisfall_file())
    put(source, "SA01/D01_SA01_R01.txt", "1,2,x,4,5,6,7,8,9;\n")
    put(source, "SA01/D02_SA01_R01.txt", "")
    put(source, "Readme.txt", "SisFall")
    report, recordings = run(tmp_path, "sisfall", source)
    assert set(recordings) == {"sisfall/F05_SA01_R01", "sisfall/D17_SE15_R02"}
    fall = recordings["sisfall/F05_SA01_R01"]
    # 3.90625 mg a count
    assert fall.samples.tolist() == [[0, -1000, 15996], [4, -1000, 15996], [8, -1000, 15996]]
    assert (fall.kind, fall.rate_hz, fall.range_mg, fall.up) == ("fall", 200, 16000, (0, -1000, 0))
    assert (fall.subject, fall.activity, fall.placement) == ("SA01", "F05", "waist")
    assert "jogging" in fall.words
    assert recordings["sisfall/D17_SE15_R02"].kind == "adl"
    assert report.files == 6
    assert report.by_reason == {
        "duplicate filed under another subject": 2,
        "unparsable number or row": 1,
        "no samples": 1,
    }
    assert all("SA15/" in one.file for one in report.rejected if one.reason.startswith("duplicate"))


def mobifall_file(t_ms: list[float], head: str = "#Activity: 10 - FOL\n@DATA\n") -> str:
    return head + "".join(f"{round(1e15 + t * 1e6)}, {t / 1000:.6f}, {G}, 0.0\n" for t in t_ms)


def test_mobifall(tmp_path, source):
    t_ms = [0.0, 9, 21, 30, 41, 50, 61, 250, 260]
    put(source, "sub3/FALLS/FOL/FOL_acc_3_1.txt", mobifall_file(t_ms))
    put(source, "sub3/ADL/WAL/WAL_acc_3_1.txt", mobifall_file(t_ms))
    put(source, "sub3/ADL/WAL/WAL_gyro_3_1.txt", mobifall_file(t_ms))
    put(
        source,
        "sub3/ADL/JOG/JOG_acc_3_1.txt",
        mobifall_file([0, 10, 1500, 1510] + [1520 + 10 * n for n in range(90)]),
    )
    put(source, "sub3/ADL/JUM/JUM_acc_3_1.txt", mobifall_file([0, 10, 5, 20]))
    put(source, "sub3/ADL/STD/STD_acc_3_1.txt", mobifall_file(t_ms, head=""))
    put(source, "sub3/ADL/STD/STD_acc_3_2.txt", mobifall_file([]))
    report, recordings = run(tmp_path, "mobifall", source)
    assert set(recordings) == {"mobifall/FOL_acc_3_1", "mobifall/WAL_acc_3_1"}
    fall = recordings["mobifall/FOL_acc_3_1"]
    # x is the time in s, so it tells whether samples are where they belong on the even grid
    assert fall.samples[:, 0] == pytest.approx(np.arange(27) * 10 / G, abs=0.51)
    assert (fall.samples[:, 1] == 1000).all()
    assert (fall.kind, fall.rate_hz, fall.range_mg, fall.up) == ("fall", 100, 2000, None)
    assert recordings["mobifall/WAL_acc_3_1"].words == "walking"
    assert report.by_reason == {
        "gap in time longer than 1.2 s": 1,
        "time goes back": 1,
        "no @DATA line": 1,
        "no samples": 1,
    }


def weda_file(step_s: float = 0.02, count: int = 200) -> str:
    """Bursts of four samples, and a clock that was once set back; x is the true time in m/s2."""
    lines = ["accel_time_list,accel_x_list,accel_y_list,accel_z_list"]
    for n in range(count):
        delivered = (n // 4 * 4 + 3) * step_s + (n % 4) * 0.001 - (1.2 if 50 <= n < 60 else 0)
        lines.append(f"{delivered:.3f},{n * step_s:.3f},{G},0")
    return "\n".join(lines) + "\n"


def test_weda_fall(tmp_path, source):
    put(source, "dataset/50Hz/F01/U01_R02_accel.csv", weda_file(step_s=0.0253))
    put(source, "dataset/50Hz/D01/U21_R01_accel.csv", weda_file())
    put(source, "dataset/25Hz/D01/U21_R01_accel.csv", weda_file())
    put(source, "dataset/50Hz/D01/U21_R01_gyro.csv", "")
    put(source, "dataset/50Hz/D02/U01_R01_accel.csv", weda_file(count=2))
    put(source, "dataset/fall_timestamps.csv", "\ufefffilename,start_time,end_time\nF01/U01_R02,1.0,3.5\n")
    report, recordings = run(tmp_path, "weda-fall", source)
    assert set(recordings) == {"weda-fall/F01_U01_R02", "weda-fall/D01_U21_R01"}
    fall, walk = recordings["weda-fall/F01_U01_R02"], recordings["weda-fall/D01_U21_R01"]
    assert (fall.rate_hz, fall.range_mg, fall.placement, fall.up) == (50, 4000, "wrist", None)
    # delivered a burst late: onset on the clock of the stamps, less the stamp of the first sample
    assert fall.onset_ms == pytest.approx(1000, abs=80)
    assert fall.end_ms - fall.onset_ms == pytest.approx(2500, abs=1)
    for recording in (fall, walk):
        assert recording.samples[:, 0] == pytest.approx(np.arange(len(recording.samples)) * 20 / G, abs=2)
    assert len(fall.samples) == pytest.approx(200 * 0.0253 * 50, abs=2)
    assert walk.onset_ms is None
    assert "77 to 95" in walk.notes
    assert report.by_reason == {"copy at a lower rate than 50 Hz": 1, "fewer than three samples": 1}


def umafall_file(decimals: str = "0.5") -> str:
    head = [
        "% --> Maximum Range: 2.0 G",
        "% --> Maximum Range: 16 G",
        "% MAC Address; Sensor_ID; Position; Device Model",
        "%f8:95; 0; RIGHTPOCKET; lge-LG-H815-5.1",
        "%C4:BE; 2; WAIST; SensorTag",
        "%B0:B4; 3; WRIST; SensorTag",
        "",
        "% TimeStamp; Sample No; X-Axis; Y-Axis; Z-Axis; Sensor Type; Sensor ID;",
    ]
    rows = [f"{n * 5};{n};0.0;1.0;0.0;0;0" for n in range(400)]
    rows += [f"{n * 50};{n};1.0;{decimals};0.0;0;2" for n in range(40)]
    rows += [f"{n * 50};{n};9.0;9.0;9.0;1;3" for n in range(40)]  # gyroscope only
    return "\n".join(head + rows) + "\n"


def test_umafall(tmp_path, source):
    put(source, "UMAFall_Subject_02_Fall_forwardFall_3_2016-06-13_20-56-57.csv", umafall_file())
    put(source, "UMAFall_Subject_02_Fall_forwardFall_3_2016-06-14_20-56-57.csv", umafall_file())
    put(source, "UMAFall_Subject_13_ADL_LyingDown_OnABed_1_2016-06-13_20-33-39.csv", umafall_file("0.5.1"))
    put(source, "UMAFall_Subject_13_ADL_Walking_1_2016-06-13_20-33-39.csv", umafall_file("40.5"))
    report, recordings = run(tmp_path, "umafall", source)
    stem = "umafall/Subject_02_Fall_forwardFall_3_2016-06-13_20-56-57"
    waist, pocket = recordings[f"{stem}@waist"], recordings[f"{stem}@trouser-pocket"]
    assert len(recordings) == 5  # two positions of two falls, one of the walk
    assert (waist.rate_hz, waist.range_mg, waist.up, waist.kind) == (20, 8000, (1000, 0, 0), "fall")
    assert (pocket.rate_hz, pocket.range_mg, pocket.up) == (200, 2000, (0, 1000, 0))
    assert waist.samples.tolist() == [[1000, 500, 0]] * 40
    assert waist.words == "fall forward"
    assert report.files_by_kind == {"fall": 2, "adl": 1}
    assert report.by_reason == {"unparsable number or row": 1, "beyond +-32767 mg": 1}
    assert any(one.file.endswith("@waist") for one in report.rejected)


ASSIST_HEADER = "SET|PARTICIPANT|TIMESTAMP|SOURCE|X|Y|Z|TYPE|ACTIVITY|IS_FALL"


def assist_rows(start_s: float, seconds: float, kind: str, activity: int, falls=(), part="stairs") -> list[str]:
    rows = []
    for n in range(int(seconds * 125)):
        t_s = start_s + n * 0.008
        mark = int(any(first <= n * 0.008 < first + 3 for first in falls))
        stamp = f"2023-02-01 12:{int(t_s // 60):02d}:{t_s % 60:06.3f}"
        rows.append(f"{part}|3|{stamp}|TAG|-1.0|-0.3|0.2|{kind}|{activity}|{mark}")
    return rows


def test_assist_iot_stairs_are_one_recording_in_the_order_of_time(tmp_path, source):
    rows = assist_rows(100, 4, "A", 6) + assist_rows(10, 6, "A", 5)
    rows.insert(3, "stairs|3|2023-02-01 12:00:00.000|WATCH_R|0.13|0|0|A|6|0")
    put(source, "data/full_acceleration/stairs/03/acceleration.csv", "\n".join([ASSIST_HEADER, *rows]))
    _, recordings = run(tmp_path, "assist-iot", source)
    (stairs,) = recordings.values()
    assert (stairs.id, stairs.activity, stairs.kind) == ("assist-iot/stairs_03", "A5,A6", "adl")
    assert (stairs.rate_hz, stairs.placement, stairs.licence) == (125, "waist", "CC BY 4.0")
    assert stairs.words == "stairs slowly; stairs quickly"
    assert stairs.duration_s == pytest.approx(10, abs=0.05)
    assert stairs.notes == "84.0 s cut out at 6.0 s"
    assert (stairs.samples == [-1000, -300, 200]).all()
    up = np.array(stairs.up) / np.linalg.norm(stairs.up)
    assert up @ [-1, -0.3, -0.1] > 1.0


def test_assist_iot_falls_are_cut_apart(tmp_path, source):
    rows = assist_rows(0, 60, "F", 3, falls=(10, 40), part="lab") + assist_rows(200, 5, "I", 1, part="lab")
    put(source, "lab/04/acceleration.csv", "\n".join([ASSIST_HEADER, *rows]))
    _, recordings = run(tmp_path, "assist-iot", source)
    assert set(recordings) == {"assist-iot/lab_04", "assist-iot/lab_04_F03_1", "assist-iot/lab_04_F03_2"}
    first, second = recordings["assist-iot/lab_04_F03_1"], recordings["assist-iot/lab_04_F03_2"]
    assert first.kind == second.kind == "fall"
    assert (first.onset_ms, first.end_ms) == (pytest.approx(10_000, abs=9), pytest.approx(12_992, abs=17))
    assert first.duration_s == pytest.approx(26.5, abs=0.1)  # half the way to the second
    assert second.onset_ms == pytest.approx(13_500, abs=20)
    assert recordings["assist-iot/lab_04"].words == "lying on the back"


def test_openpack(tmp_path, source):
    def rows(times) -> str:
        return "unixtime,acc_x,acc_y,acc_z,gyro_x\n" + "".join(f"{1648531521000 + t},0.5,-1,0,9\n" for t in times)

    put(source, "v1.0.0/U0209/atr/atr02/S0500.csv", rows([30, 0, 60, 90, 5000, 5030, 5060]))
    put(source, "v1.0.0/U0209/atr/atr04/S0500.csv", "unixtime,acc_x,acc_y\n0,0,0\n")
    put(source, "v1.0.0/U0209/e4/e401/acc/S0500.csv", "time,acc_x,acc_y,acc_z\n0,0,0,0\n")
    report, recordings = run(tmp_path, "openpack", source)
    (wrist,) = recordings.values()
    assert (wrist.id, wrist.kind, wrist.placement) == ("openpack/U0209_S0500_atr02", "work", "left wrist")
    assert wrist.rate_hz == pytest.approx(33.333, abs=0.001)
    assert wrist.samples.tolist() == [[500, -1000, 0]] * 7
    assert "1 pauses cut out" in wrist.notes
    assert report.by_reason == {"missing column": 1}


def test_transport_vibration(tmp_path, source):
    put(source, "datasets/L83_4940_A_B.csv", f"x y z\n-{G} 0.0 {G}\n0 0 {2 * G}\n")
    put(source, "datasets/L9_A_B.csv", "x y z\n0 0 nan\n")
    report, recordings = run(tmp_path, "transport-vibration", source)
    ride = recordings["transport-vibration/L83_4940_A_B"]
    assert ride.samples.tolist() == [[-1000, 0, 1000], [0, 0, 2000]]
    assert (ride.kind, ride.placement, ride.rate_hz) == ("unknown", "vehicle floor", 500)
    assert "line 83" in ride.words
    assert report.by_reason == {"not a number": 1}


def test_empatica(tmp_path, source):
    def export(rate: str) -> str:
        return f"1644226061.000000, 1644226061.000000, 1644226061.000000\n{rate}\n-35,30,64\n-128,127,0\n"

    put(source, "Raw_data/S01/ACC.csv", export("32.000000, 32.000000, 32.000000"))
    put(source, "Raw_data/S01/BVP.csv", "1")
    put(source, "mine/ACC.csv", export("32.0,32.0,32.0"))
    put(source, "slow/ACC.csv", export("4.0,4.0,4.0"))
    put(source, "odd/ACC.csv", export("32.0,32.0,64.0"))
    put(source, "short/ACC.csv", "1,1,1\n32,32,32\n")
    report, recordings = run(tmp_path, "empatica", source)
    assert set(recordings) == {"stress-predict/S01", "empatica/mine"}
    one = recordings["stress-predict/S01"]
    assert one.samples.tolist() == [[-547, 469, 1000], [-2000, 1984, 0]]
    assert (one.rate_hz, one.range_mg, one.kind, one.words) == (32, 2000, "work", "seated tasks")
    assert (one.placement, one.licence) == ("wrist", "MIT")
    assert recordings["empatica/mine"].licence == "not stated"
    assert report.by_reason == {
        "rate outside 10 to 1000 Hz": 1,
        "the rates of the axes differ": 1,
        "no samples": 1,
    }


def test_csv_with_options(tmp_path, source):
    put(source, "day1/data.csv", "when;ax;ay;az;note\n1000;0;256;-256;a\n1020;1;256;-256;b\n")
    put(source, "day2/data.csv", "when;ax;ay;az;note\n2000;0;256;x;a\n2020;1;256;-256;b\n")
    report, recordings = run(
        tmp_path,
        "csv",
        source,
        time="when",
        time_unit="unix-ms",
        x="ax",
        y="ay",
        z="az",
        unit="counts",
        scale_mg="3.90625",
        dataset="mine",
        subject="me",
        activity="welding",
        kind="work",
        placement="belt",
        up="0,1000,0",
    )
    (one,) = recordings.values()
    assert (one.id, one.dataset, one.subject, one.kind) == ("mine/day1/data", "mine", "me", "work")
    assert one.samples.tolist() == [[0, 1000, -1000], [4, 1000, -1000]]
    assert (one.rate_hz, one.up, one.placement, one.activity) == (50, (0, 1000, 0), "belt", "welding")
    (rejection,) = report.rejected
    assert (rejection.reason, rejection.file) == ("not a number", "source/day2/data.csv")
    assert "line 2" in rejection.where


def test_csv_of_one_file_with_a_fixed_rate(tmp_path):
    put(tmp_path, "walk.csv", "X\tY\tZ\n0\t0\t9.80665\n")
    _, recordings = run(tmp_path, "csv", tmp_path / "walk.csv", rate_hz="25", x="x", y="y", z="z", unit="m/s2")
    assert recordings["csv/walk"].samples.tolist() == [[0, 0, 1000]]
    assert recordings["csv/walk"].rate_hz == 25


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"colour": "red"}, "unknown option colour"),
        ({"unit": "lb"}, "option unit: 'lb'"),
        ({"unit": "counts"}, "scale_mg"),
        ({"unit": "counts", "scale_mg": "-1"}, "option scale_mg: '-1'"),
        ({"time_unit": "h"}, "option time_unit: 'h'"),
        ({"kind": "party"}, "option kind: 'party'"),
        ({"up": "1,2"}, "option up: '1,2'"),
        ({"range_mg": "wide"}, "option range_mg: 'wide'"),
        ({"time": "when"}, "missing column when"),
        ({"x": "ax"}, "missing column ax"),
    ],
)
def test_csv_options_that_are_wrong(tmp_path, options, part):
    put(tmp_path, "walk.csv", "t_ms,x_g,y_g,z_g\n0,0,0,1\n20,0,0,1\n")
    with pytest.raises(UserError) as error:
        import_corpus("csv", tmp_path / "walk.csv", tmp_path / "out.parquet", options)
    assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.parquet").exists()


# --- shared arithmetic ---


def test_equal_stamps_become_their_mean():
    accel = np.array([[0.0, 0, 0], [10, 0, 0], [20, 0, 0], [30, 0, 0]])
    grid = on_even_grid(np.array([0.0, 0.1, 0.1, 0.2]), accel, 10.0)
    assert grid[:, 0].tolist() == pytest.approx([0, 15, 30])


def test_sensor_clock_sees_through_late_and_set_stamps():
    true_s = 0.3 + np.arange(400) / 39.5
    stamps = true_s + np.random.default_rng(0).uniform(0, 0.1, 400)
    stamps[100:130] -= 2.3
    assert sensor_clock(stamps) == pytest.approx(true_s + 0.05, abs=0.02)


# --- sources ---


def archive(folder: Path, path: Path) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            for file in sorted(folder.rglob("*.*")):
                zipped.write(file, file.relative_to(folder))
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}" if path.suffix != ".tar" else "w") as packed:
            packed.add(folder, "set")
    return path


@pytest.fixture
def small_sisfall(source: Path) -> Path:
    for trial in range(1, 4):
        put(source, f"SA01/F01_SA01_R0{trial}.txt", sisfall_file(500))
    put(source, "Readme.txt", os.urandom(200_000))  # so that a cut file is cut in the middle of something
    return source


ARCHIVES = ("set.tar", "set.tar.xz", "set.tar.gz", "set.tar.bz2", "set.zip")


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_hold_what_the_folder_holds(tmp_path, small_sisfall, name):
    _, from_folder = run(tmp_path, "sisfall", small_sisfall)
    before = set(tmp_path.rglob("*"))
    packed = archive(small_sisfall, tmp_path / name)
    _, from_archive = run(tmp_path, "sisfall", packed)
    assert from_folder.keys() == from_archive.keys()
    assert len(from_folder) == 3
    assert set(tmp_path.rglob("*")) - before == {packed}  # nothing unpacked


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("keep", [0.5, 0.97])
def test_truncated_archives(tmp_path, small_sisfall, name, keep):
    packed = archive(small_sisfall, tmp_path / name)
    packed.write_bytes(packed.read_bytes()[: int(packed.stat().st_size * keep)])
    with pytest.raises(UserError) as error:
        import_corpus("sisfall", packed, tmp_path / "out.parquet")
    assert "truncated or damaged archive" in str(error.value)
    assert "download it again" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.parquet").exists()


def test_a_tar_cut_between_two_members(tmp_path, small_sisfall):
    """The cut that tarfile itself takes for the end."""
    packed = archive(small_sisfall, tmp_path / "set.tar")
    with tarfile.open(packed) as tar:
        last = max(member.offset for member in tar)
    packed.write_bytes(packed.read_bytes()[:last])
    with pytest.raises(UserError, match="truncated or damaged archive"):
        import_corpus("sisfall", packed, tmp_path / "out.parquet")


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_are_none(tmp_path, name):
    put(tmp_path, name, "<html>404 not found</html>" * 100)
    with pytest.raises(UserError, match="truncated or damaged archive"):
        import_corpus("sisfall", tmp_path / name, tmp_path / "out.parquet")


def test_hostile_members_write_nothing(tmp_path):
    packed = tmp_path / "set.tar.xz"
    text = sisfall_file().encode()
    with lzma.open(packed, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name in ("../../F01_SA01_R01.txt", str(tmp_path / "F02_SA01_R01.txt")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
        link = tarfile.TarInfo("F03_SA01_R01.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    _, recordings = run(tmp_path, "sisfall", packed)
    assert set(recordings) == {"sisfall/F01_SA01_R01", "sisfall/F02_SA01_R01"}
    assert {path.name for path in tmp_path.iterdir()} == {"set.tar.xz", "sisfall.parquet"}


def test_a_second_file_of_one_id_is_turned_away(tmp_path, source):
    put(source, "one/F01_SA01_R01.txt", sisfall_file())
    put(source, "two/F01_SA01_R01.txt", sisfall_file())
    report, _ = run(tmp_path, "sisfall", source)
    assert (report.taken, dict(report.by_reason)) == (1, {"duplicate id": 1})


@pytest.mark.parametrize("level", ["", "SA01", "SA01/F01_SA01_R01.txt"])
def test_any_level_of_the_set_may_be_named(tmp_path, small_sisfall, level):
    _, recordings = run(tmp_path, "sisfall", small_sisfall / level)
    assert "sisfall/F01_SA01_R01" in recordings


@pytest.mark.parametrize(
    ("name", "prepare", "parts"),
    [
        ("sisfal", lambda source: source, ["'sisfal' is not known", "sisfall"]),
        ("sisfall", lambda source: source / "none", ["none: no such file or folder"]),
        ("sisfall", lambda source: source, ["no recordings of sisfall", "F05_SA01_R01.txt"]),
        (
            "mobifall",
            lambda source: put(source, "FOL_acc_1_1.txt", "") or source,
            ["none of 1 files", "@DATA"],
        ),
    ],
)
def test_sources_that_are_wrong(tmp_path, source, name, prepare: Callable[[Path], Path], parts):
    with pytest.raises(UserError) as error:
        import_corpus(name, prepare(source), tmp_path / "out.parquet")
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.parquet").exists()


def test_options_for_an_importer_without_any(tmp_path, small_sisfall):
    with pytest.raises(UserError, match="importer sisfall: unknown option unit; it takes none"):
        import_corpus("sisfall", small_sisfall, tmp_path / "out.parquet", {"unit": "g"})


def test_out_that_cannot_be_written(tmp_path, small_sisfall):
    with pytest.raises(UserError, match="create it first"):
        import_corpus("sisfall", small_sisfall, tmp_path / "none" / "out.parquet")


@pytest.mark.parametrize("name", ["folder", *ARCHIVES])
def test_progress_rises_to_the_end(tmp_path, small_sisfall, name):
    packed = small_sisfall if name == "folder" else archive(small_sisfall, tmp_path / name)
    seen: list[float] = []
    import_corpus("sisfall", packed, tmp_path / "out.parquet", None, lambda fraction, path: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert name != "folder" or seen[0] == 0
    assert len(seen) >= 4


# --- the catalogue ---


def test_the_catalogue_names_real_importers():
    entries = {entry.name: entry for entry in catalogue()}
    assert {entry.importer for entry in entries.values() if entry.importer} == set(IMPORTERS) - {"csv"}
    assert {"KFall", "FallAllD", "UP-Fall", "MobiAct v2", "FARSEEING"} <= set(entries)
    assert "10.5281/zenodo.8340378" in entries["ASSIST-IoT worker falls"].source
    assert entries["SisFall"].falls == 1798
    for entry in entries.values():
        assert entry.what and entry.licence and entry.source


def test_the_catalogue_has_no_name_twice():
    path = Path(__file__).parent.parent / "datasets" / "catalogue.toml"
    raw = tomllib.loads(path.read_text("utf-8"))["dataset"]
    assert len({entry["name"] for entry in raw}) == len(raw)
    assert all(Entry(**entry) for entry in raw)


# --- the real archives ---

DATA = Path(os.environ.get("DATI_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def real(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not there; set DATI_DATA to the folder of the archives")
    return path


@pytest.mark.parametrize(
    ("name", "file", "kinds", "files_by_kind"),
    [
        ("mobifall", "mobifall-acc-part.tar.xz", {"fall": 192, "adl": 190}, None),
        ("weda-fall", "weda-fall-50hz-part.tar.xz", {"fall": 250, "adl": 394}, None),
        ("umafall", "umafall-subjects-01-02.tar.xz", {"fall": 95, "adl": 245}, {"fall": 19, "adl": 49}),
        ("assist-iot", "assist-iot-falls.tar.xz", {"adl": 8}, None),
        ("openpack", "openpack-sample.tar.xz", {"work": 4}, None),
        ("transport-vibration", "vibration-transport.tar.xz", {"unknown": 10}, None),
        ("empatica", "stress-predict-e4-part.tar.xz", {"work": 20}, None),
    ],
)
def test_real_archives_give_every_recording(tmp_path, name, file, kinds, files_by_kind):
    report, recordings = run(tmp_path, name, real(file))
    assert report.by_kind == kinds
    assert report.files_by_kind == (files_by_kind or kinds)
    assert not report.rejected
    # Gravity is the check of axes and units: the quietest second of a median recording reads 1 g.
    rest_mg = []
    for recording in recordings.values():
        second = round(recording.rate_hz)
        blocks = recording.samples[: len(recording.samples) // second * second].reshape(-1, second, 3)
        quietest = blocks[blocks.std(axis=1).sum(axis=1).argmin()]
        rest_mg.append(np.linalg.norm(quietest.mean(axis=0)))
    assert np.median(rest_mg) == pytest.approx(1040 if name == "transport-vibration" else 1000, abs=20)


def test_real_sisfall(tmp_path):
    report = import_corpus("sisfall", real("sisfall-part.tar.xz"), tmp_path / "out.parquet")
    assert report.by_kind == {"fall": 750, "adl": 1074}
    assert not report.rejected
    assert 8 < report.hours < 10


def test_real_weda_peaks_lie_within_the_falls(tmp_path):
    _, recordings = run(tmp_path, "weda-fall", real("weda-fall-50hz-part.tar.xz"))
    falls = [one for one in recordings.values() if one.kind == "fall"]
    inside = 0
    for fall in falls:
        peak_ms = np.linalg.norm(fall.samples.astype(float), axis=1).argmax() * 20
        inside += fall.onset_ms <= peak_ms <= fall.end_ms
    assert inside >= 0.98 * len(falls)
