"""CSV recordings: the header names the units, and every mistake is one line that says where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.importers import read_csv_recording, read_csv_recordings
from simulator.errors import UserError

WALK_MG = [[0, -1000, 100], [10, -1010, 110], [-20, -990, 120], [30, -1000, 130]]


def write(tmp_path: Path, text: str | bytes, name: str = "walk.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(header: str, unit_per_mg: float, times=None, separator: str = ",") -> str:
    rows = [[value * unit_per_mg for value in row] for row in WALK_MG]
    if times is not None:
        rows = [[time, *row] for time, row in zip(times, rows, strict=True)]
    return "\n".join([header, *(separator.join(f"{cell:.9g}" for cell in row) for row in rows)]) + "\n"


@pytest.mark.parametrize(
    ("header", "unit_per_mg", "times", "rate_hz"),
    [
        ("t_s,x_g,y_g,z_g", 1e-3, [5, 5.02, 5.04, 5.06], 50),
        ("t_ms,x_mg,y_mg,z_mg", 1, [0, 20, 40, 60], 50),
        ("t_us,x_ms2,y_ms2,z_ms2", 9.80665e-3, [0, 10_000, 20_000, 30_000], 100),
        ("t_ms,x_g,y_g,z_g", 1e-3, [0, 31, 63, 94], 32),  # 31.25 ms, rounded
        ("t_unix_ms,x_g,y_g,z_g", 1e-3, [0, 1, 2, 3], 1000),
        ("T_S,X_G,Y_G,Z_G", 1e-3, [0, 0.1, 0.2, 0.3], 10),
    ],
)
def test_units_and_rates(tmp_path, header, unit_per_mg, times, rate_hz):
    recording = read_csv_recording(write(tmp_path, table(header, unit_per_mg, times)))
    assert recording.samples.tolist() == WALK_MG
    assert recording.samples.dtype == np.int16
    assert recording.rate_hz == rate_hz
    assert (recording.id, recording.kind, recording.placement, recording.up) == (
        "csv/walk",
        "unknown",
        "unknown",
        None,
    )


def test_rate_and_more_from_comment_lines(tmp_path):
    text = "# rate_hz=25\n# placement = waist\n# up=0,-1000,0\n# kind=adl\n# made by hand\n\n" + table(
        "x_g,y_g,z_g", 1e-3
    )
    recording = read_csv_recording(write(tmp_path, text))
    assert recording.samples.tolist() == WALK_MG
    assert (recording.rate_hz, recording.placement, recording.kind) == (25, "waist", "adl")
    assert recording.up == (0, -1000, 0)


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_separators_and_windows_line_ends(tmp_path, separator):
    text = table("t_ms,x_g,y_g,z_g".replace(",", separator), 1e-3, [0, 20, 40, 60], separator)
    recording = read_csv_recording(write(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()))
    assert recording.samples.tolist() == WALK_MG


def test_decimal_comma(tmp_path):
    text = table("t_s;x_g;y_g;z_g", 1e-3, [0, 0.02, 0.04, 0.06], ";").replace(".", ",")
    assert read_csv_recording(write(tmp_path, text)).samples.tolist() == WALK_MG


def test_other_columns_may_stand_by(tmp_path):
    text = "t_ms,note,x_g,y_g,z_g\n0,a,0,-1,0\n20,,0,-1,0\n"
    assert read_csv_recording(write(tmp_path, text)).samples.tolist() == [[0, -1000, 0]] * 2


def test_range_is_the_smallest_that_holds_the_samples(tmp_path):
    for peak_g, range_mg in ((1, 2000), (2.1, 4000), (-16, 16000), (20, 32767)):
        text = f"# rate_hz=50\nx_g,y_g,z_g\n{peak_g},0,0\n"
        assert read_csv_recording(write(tmp_path, text)).range_mg == range_mg


def test_uneven_stamps_are_interpolated(tmp_path):
    t_s = np.concatenate([np.arange(0, 1, 0.01), np.arange(1, 2, 0.03)])
    rows = "\n".join(f"{t:.3f},{t:.4f},0,-1" for t in t_s)
    recording = read_csv_recording(write(tmp_path, f"t_s,x_g,y_g,z_g\n{rows}\n"))
    grid_s = np.arange(len(recording.samples)) / recording.rate_hz
    assert recording.samples[:, 0] == pytest.approx(grid_s * 1000, abs=2)  # the ramp stays a ramp
    assert recording.duration_s == pytest.approx(2, abs=0.05)


def test_a_folder_of_files_in_order(tmp_path):
    for name in ("b.csv", "a.csv"):
        write(tmp_path, table("t_ms,x_g,y_g,z_g", 1e-3, [0, 20, 40, 60]), name)
    write(tmp_path, "no recording", "readme.txt")
    assert [recording.id for recording in read_csv_recordings(tmp_path)] == ["csv/a", "csv/b"]


def rows(*lines: str) -> str:
    return "\n".join(["t_ms,x_g,y_g,z_g", *lines])


GOOD = ("0,0,-1,0", "20,0,-1,0")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["no samples"]),
        ("# rate_hz=50\n", ["no samples"]),
        ("t_ms,x_g,y_g,z_g\n", ["no samples", "line 1"]),
        (rows("0,0,-1,0"), ["one sample"]),
        (rows(*GOOD, "40,nan,-1,0"), ["not a number", "line 4", "x_g"]),
        (rows(*GOOD, "40,0,,0"), ["not a number", "line 4", "y_g"]),
        (rows(*GOOD, "", "40,0,abc,0"), ["not a number", "line 5", "'abc'"]),
        (rows(*GOOD, "40,0,inf,0"), ["not a number", "line 4"]),
        (rows(*GOOD, "40,0,-1"), ["unparsable row", "line 4", "3 values for 4 columns"]),
        (rows(*GOOD, "10,0,-1,0"), ["time goes back", "line 4", "sort"]),
        (rows("5,0,-1,0", "5,0,-1,0"), ["time stands still"]),
        (rows(*GOOD, "1500,0,-1,0"), ["gap in time longer than 1 s", "1.48 s", "line 4"]),
        (rows("0,0,-1,0", "200,0,-1,0"), ["rate outside 10 to 1000 Hz", "5 Hz"]),
        ("t_us,x_g,y_g,z_g\n0,0,1,0\n20,0,1,0\n", ["rate outside", "check the unit of the time"]),
        ("# rate_hz=5\nx_g,y_g,z_g\n0,0,1\n", ["rate outside"]),
        ("# rate_hz=fast\nx_g,y_g,z_g\n0,0,1\n", ["rate_hz", "'fast'"]),
        ("x_g,y_g,z_g\n0,0,1\n", ["no time column and no rate", "# rate_hz=50"]),
        ("t_h,x_g,y_g,z_g\n0,0,0,1\n", ["unknown unit of time", "t_h"]),
        ("t_s,t_ms,x_g,y_g,z_g\n0,0,0,0,1\n", ["two time columns"]),
        ("t_ms,x_g,y_g\n0,0,1\n", ["missing column z", "x_g, y_g"]),
        ("t_ms,x_g,y_mg,z_g\n0,0,1,0\n20,0,1,0\n", ["mixed units", "y_mg"]),
        ("t_ms,x_lb,y_lb,z_lb\n0,0,1,0\n", ["unknown unit", "x_lb"]),
        ("t_ms,x_g,x_mg,y_g,z_g\n0,0,1,0,0\n", ["two columns for one axis"]),
        ("t_ms,x_g,x_g,y_g,z_g\n0,0,1,0,0\n", ["two columns of one name"]),
        ("0,0,0,1\n20,0,0,1\n", ["no header"]),
        (rows("0,40,-1,0", "20,0,-1,0"), ["beyond +-32767 mg", "sample 0", "check the unit"]),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", ["is not text"]),
        ("# kind=party\n" + rows(*GOOD), ["kind", "'party'"]),
        ("# up=north\n" + rows(*GOOD), ["up", "'north'"]),
    ],
)
def test_says_what_is_wrong_and_where(tmp_path, text, parts):
    path = write(tmp_path, text)
    with pytest.raises(UserError) as error:
        read_csv_recording(path)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message
    if "option" not in message:
        assert message.startswith(f"{path}: ")


def test_missing_file_and_folders(tmp_path):
    for path, read, part in (
        (tmp_path / "none.csv", read_csv_recording, "no such file"),
        (tmp_path, read_csv_recording, "is a folder"),
        (tmp_path, lambda path: list(read_csv_recordings(path)), "no recordings in this folder"),
    ):
        with pytest.raises(UserError, match=part) as error:
            read(path)
        assert str(path) in str(error.value)
