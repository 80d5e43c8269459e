"""UMAFall: Casilari, Santoyo-Ramon and Cano-Garcia, University of Malaga. Five positions in every file."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from datasets.importers.base import Context, Importer, RejectError, Rejection
from datasets.importers.signals import MG_PER_G, numbers, on_even_grid, samples_mg, sensor_clock
from simulator.trace import Recording

# Header name of a position: our word, and what an upright wearer's sensor reads there.
POSITIONS: dict[str, tuple[str, tuple[int, int, int] | None]] = {
    "WAIST": ("waist", (1000, 0, 0)),
    "CHEST": ("chest", (1000, 0, 0)),
    "RIGHTPOCKET": ("trouser pocket", (0, 1000, 0)),
    "WRIST": ("wrist", (-1000, 0, 0)),
    "ANKLE": ("ankle", None),  # not established
}

WORDS = {
    "backwardFall": "fall backward",
    "forwardFall": "fall forward",
    "lateralFall": "fall sideways",
    "Aplausing": "applauding",
    "Bending": "bending down and straightening",
    "GoDownstairs": "stairs down",
    "GoUpstairs": "stairs up",
    "HandsUp": "raising the hands",
    "Hopping": "hopping",
    "Jogging": "jogging",
    "LyingDown_OnABed": "lying down on a bed",
    "MakingACall": "making a phone call",
    "OpeningDoor": "opening a door",
    "Sitting_GettingUpOnAChair": "sitting on a chair and rising",
    "Walking": "walking",
}

COLUMNS = ["t_ms", "number", "x", "y", "z", "type", "sensor"]
ACCELEROMETER = 0

TAG_RATE_HZ = 20.0
PHONE_RATE_HZ = 200.0
TAG_RANGE_MG = 8000  # where the tags clip, though the header says 16 g
PHONE_RANGE_MG = 4000  # likewise; some phones clip at the 2 g that their header says


def read(match: re.Match[str], data: bytes, context: Context) -> Iterator[Recording | Rejection]:
    text = data.decode("latin-1").splitlines()
    header = [line for line in text if line.startswith("%")]
    positions = _positions(header)
    if not positions:
        raise RejectError("no positions in the header")
    body = "\n".join(line.rstrip().rstrip(";") for line in text if line.strip() and not line.startswith("%"))
    rows = numbers(body.encode("latin-1"), COLUMNS, separator=";")
    if np.isnan(rows).any():
        raise RejectError("not a number", f"row {int(np.isnan(rows).any(axis=1).argmax())} of the samples")
    rows = rows[rows[:, 5] == ACCELEROMETER]
    if not len(rows):
        raise RejectError("no samples")
    for sensor, (position, phone) in sorted(positions.items()):
        own = rows[rows[:, 6] == sensor]
        if not len(own):
            continue
        placement, up = POSITIONS.get(position, (position.lower(), None))
        rate_hz = PHONE_RATE_HZ if phone else TAG_RATE_HZ
        try:
            # The stamps are times of arrival: up to 0.4 s late, never early, over a steady sensor clock.
            even_mg = on_even_grid(sensor_clock(own[:, 0] / 1000), own[:, 2:5] * MG_PER_G, rate_hz)
            samples = samples_mg(even_mg)
        except RejectError as reject:
            yield Rejection(f"{match.string}@{placement}", reject.reason, reject.where)
            continue
        yield Recording(
            id=f"umafall/{match['stem']}@{placement.replace(' ', '-')}",
            dataset="umafall",
            samples=samples,
            rate_hz=rate_hz,
            range_mg=min(PHONE_RANGE_MG, _phone_range_mg(header)) if phone else TAG_RANGE_MG,
            kind="fall" if match["kind"].lower() == "fall" else "adl",
            subject=match["subject"],
            activity=match["activity"],
            words=WORDS.get(match["activity"], match["activity"].replace("_", " ")),
            placement=placement,
            up=up,
            notes="stamps spread evenly",
        )


def _positions(header: list[str]) -> dict[int, tuple[str, bool]]:
    """Position, and whether it is the phone, by sensor id, from `%C4:BE:84; 1; CHEST; SensorTag`."""
    positions = {}
    for line in header:
        cells = [cell.strip() for cell in line.strip("% ").split(";")]
        if len(cells) >= 4 and cells[1].isdigit():
            positions[int(cells[1])] = cells[2].upper(), "sensortag" not in cells[3].lower()
    return positions


def _phone_range_mg(header: list[str]) -> int:
    """The first range in the header is the phone's."""
    for line in header:
        if found := re.search(r"Maximum Range:\s*([\d.]+)\s*G", line):
            return round(float(found[1])) * 1000
    return PHONE_RANGE_MG


IMPORTER = Importer(
    name="umafall",
    title="UMAFall, waist, chest, wrist, ankle (20 Hz) and pocket (200 Hz)",
    example="UMAFall_Subject_02_Fall_forwardFall_3_2016-06-13_20-56-57.csv",
    # The date stays in the id: one trial number was used twice for some activities.
    files=re.compile(
        r"(?:^|/)UMAFall_(?P<stem>(?P<subject>Subject_\d+)_(?P<kind>Fall|ADL)_"
        r"(?P<activity>[A-Za-z_]+?)_\d+_\d{4}[-\d_]+)\.csv$",
        re.I,
    ),
    read=read,
)
