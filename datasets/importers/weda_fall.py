"""WEDA-FALL, wrist, young and elderly: Marques, Instituto Superior Tecnico, with times for every fall."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datasets.importers.base import Context, Importer, RejectError
from datasets.importers.signals import MG_PER_M_S2, numbers, on_even_grid, samples_mg, sensor_clock
from simulator.trace import Recording

RATE_HZ = 50.0

WORDS = {
    "F01": "fall forward: slip while walking",
    "F02": "fall sideways: slip while walking",
    "F03": "fall backward: slip while walking",
    "F04": "fall forward: trip while walking",
    "F05": "fall backward when sitting down",
    "F06": "fall forward from sitting: faint or asleep",
    "F07": "fall backward from sitting: faint or asleep",
    "F08": "fall sideways from sitting: faint or asleep",
    "D01": "walking",
    "D02": "jogging",
    "D03": "stairs up and down",
    "D04": "sitting on a chair and rising",
    "D05": "trying to rise and collapsing into the chair",
    "D06": "crouching to tie shoes and rising",
    "D07": "stumbling while walking",
    "D08": "jumping to reach something high",
    "D09": "hitting a table with the hand",
    "D10": "clapping hands",
    "D11": "opening and closing a door",
}

COLUMNS = ["accel_time_list", "accel_x_list", "accel_y_list", "accel_z_list"]


def fall_times_s(table: bytes) -> dict[str, tuple[float, float]]:
    """Start and end of each fall by `F01/U01_R01`, in seconds on the clock of the recording's own stamps."""
    times = {}
    for line in table.decode("utf-8-sig").splitlines()[1:]:
        if line.strip():
            name, start, end = line.split(",")[:3]
            times[name.strip()] = float(start), float(end)
    return times


def read(match: re.Match[str], data: bytes, context: Context) -> Iterator[Recording]:
    if match["rate"] not in (None, "50Hz"):
        raise RejectError("copy at a lower rate than 50 Hz")
    code, user, trial = match["code"], match["user"], match["trial"]
    rows = numbers(data, columns=COLUMNS)
    # The watch delivers bursts of four or five samples; the sensor under them runs at a steady 49.4 Hz in the
    # daily activities and at 39.5 Hz in the falls.
    taken_s = sensor_clock(rows[:, 0])
    onset_ms = end_ms = None
    for table in context.beside.values():
        if times := fall_times_s(table).get(f"{code}/{user}_{trial}"):
            onset_ms, end_ms = (max(0, round((time_s - taken_s[0]) * 1000)) for time_s in times)
    elderly = int(user[1:]) >= 21
    yield Recording(
        id=f"weda-fall/{code}_{user}_{trial}",
        dataset="weda-fall",
        samples=samples_mg(on_even_grid(taken_s, rows[:, 1:] * MG_PER_M_S2, RATE_HZ)),
        rate_hz=RATE_HZ,
        range_mg=4000,
        kind="fall" if code.startswith("F") else "adl",
        subject=user,
        activity=code,
        words=WORDS.get(code, ""),
        placement="wrist",
        up=None,
        onset_ms=onset_ms,
        end_ms=end_ms,
        notes=f"subject {'77 to 95' if elderly else '20 to 46'} years old; stamps spread evenly",
    )


IMPORTER = Importer(
    name="weda-fall",
    title="WEDA-FALL, wrist, 50 Hz",
    example="dataset/50Hz/F01/U01_R01_accel.csv",
    files=re.compile(r"(?:(?:^|/)(?P<rate>\d+Hz)/|^|/)(?P<code>[FD]\d\d)/(?P<user>U\d+)_(?P<trial>R\d+)_accel\.csv$"),
    read=read,
    beside=re.compile(r"(?:^|/)fall_timestamps\.csv$"),
)
