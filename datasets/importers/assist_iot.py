"""ASSIST-IoT / CIOP-PIB worker falls, waist tag: Danilenka et al., Zenodo 10.5281/zenodo.8340378, CC BY 4.0.

The wrist watches of the set are left out: they read 0.13 at rest, in a unit that is stated nowhere, at 10 Hz.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from datasets.importers.base import Context, Importer, RejectError, Rejection
from datasets.importers.signals import MG_PER_G, on_even_grid, samples_mg, split_at_gaps
from simulator.trace import Recording

RATE_HZ = 125.0  # as published; the stamps say 128

# Mean direction of the tag on the belt of eight workers on stairs; a single worker is up to 25 degrees from
# it.
UP = (-950, -300, -120)

# The set marks a region of 3 s around a fall; so much of what was recorded on either side of it is kept.
AROUND_FALL_S = 15.0

FALLS_FROM_HEIGHT = {  # TYPE M, a mannequin in a harness
    1: "mannequin falling forward from a height, harness held in front",
    2: "mannequin falling forward from a height, harness held at the back",
    3: "mannequin tilted forward falling from a height, harness held at the back",
    4: "mannequin tilted backward falling from a height, harness held in front",
}
FALLS = {  # TYPE F, a person on a mattress
    1: "fall forward while walking",
    2: "fall backward while standing",
    3: "fall sideways while walking",
    4: "fall forward while jogging",
    5: "straight down: faint",
    6: "fall backward when sitting down",
    7: "fall onto the knees, then forward",
}
ACTIVITIES = {  # TYPE A
    1: "walking slowly",
    2: "walking quickly",
    3: "jogging slowly",
    4: "jogging quickly",
    5: "stairs slowly",
    6: "stairs quickly",
    7: "sitting on a half-height chair and rising",
    8: "sitting on a low chair and rising, slowly",
    9: "sitting on a low chair and rising, quickly",
    10: "collapsing into a chair",
    11: "from sitting to lying and back, slowly",
    12: "from sitting to lying and back, quickly",
    13: "bending at the knees",
    14: "bending with straight knees",
    15: "stumbling while walking",
    16: "jumping to reach something high",
    17: "crawling",
    18: "jumping on the spot, raising the hands",
}
STILLNESS = {1: "lying on the back", 2: "lying on the stomach"}  # TYPE I
WORDS = {"M": FALLS_FROM_HEIGHT, "F": FALLS, "A": ACTIVITIES, "I": STILLNESS}


def read(match: re.Match[str], data: bytes, context: Context) -> Iterator[Recording | Rejection]:
    """One recording of all that is no fall in the file, and one of each fall."""
    table = _tag_rows(data)
    t_s = table["TIMESTAMP"].cast(pa.int64()).to_numpy() / 1e6
    # The blocks of activities do not come in the order of time.
    order = np.argsort(t_s, kind="stable")
    table, t_s = table.take(order), t_s[order]
    accel_mg = np.column_stack([table[axis].to_numpy() for axis in "XYZ"]) * MG_PER_G
    types = np.array(table["TYPE"].to_pylist())
    activities = table["ACTIVITY"].to_numpy()
    is_fall = table["IS_FALL"].to_numpy().astype(bool)
    stem = match["stem"].replace("/", "_")
    subject = f"{match['set']} {match['subject']}"

    calm = (types == "A") | (types == "I")
    if calm.any():
        yield _one(match, stem, subject, t_s[calm], accel_mg[calm], types[calm], activities[calm])
    for kind in ("F", "M"):
        for activity in np.unique(activities[types == kind]):
            block = (types == kind) & (activities == activity)
            yield from _falls(match, stem, subject, kind, int(activity), t_s[block], accel_mg[block], is_fall[block])


def _tag_rows(data: bytes) -> pa.Table:
    numeric = {axis: pa.float64() for axis in "XYZ"} | {"ACTIVITY": pa.int32(), "IS_FALL": pa.int32()}
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(data),
            parse_options=pyarrow.csv.ParseOptions(delimiter="|"),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={"TIMESTAMP": pa.timestamp("us"), "TYPE": pa.string(), "SOURCE": pa.string()} | numeric,
                include_columns=["TIMESTAMP", "SOURCE", *"XYZ", "TYPE", "ACTIVITY", "IS_FALL"],
            ),
        )
    except (pa.ArrowInvalid, KeyError) as error:
        raise RejectError("unparsable number or row", str(error).splitlines()[0]) from error
    tags = table.filter(pc.equal(table["SOURCE"], "TAG"))
    if not tags.num_rows:
        raise RejectError("no samples", "no row of the waist tag")
    if any(tags[name].null_count for name in ("TIMESTAMP", "TYPE", "ACTIVITY", "IS_FALL")):
        raise RejectError("not a number", "an empty cell")
    return tags


def _one(
    match: re.Match[str],
    stem: str,
    subject: str,
    t_s: np.ndarray,
    accel_mg: np.ndarray,
    types: np.ndarray,
    activities: np.ndarray,
) -> Recording | Rejection:
    """The daily activities of one file, the pauses between them cut out."""
    parts, cuts, samples = [], [], 0
    try:
        for run in split_at_gaps(t_s):
            if run.start:
                pause_s = t_s[run.start] - t_s[run.start - 1]
                cuts.append(f"{pause_s:.1f} s cut out at {samples / RATE_HZ:.1f} s")
            if run.stop - run.start > 1:
                parts.append(samples_mg(on_even_grid(t_s[run], accel_mg[run], RATE_HZ)))
                samples += len(parts[-1])
        if not parts:
            raise RejectError("fewer than two samples")
    except RejectError as reject:
        return Rejection(match.string, reject.reason, reject.where)
    pairs = list(dict.fromkeys(zip(types.tolist(), activities.tolist(), strict=True)))
    return Recording(
        id=f"assist-iot/{stem}",
        dataset="assist-iot",
        samples=np.concatenate(parts),
        rate_hz=RATE_HZ,
        range_mg=8000,
        kind="adl",
        licence="CC BY 4.0",
        subject=subject,
        activity=",".join(f"{kind}{number}" for kind, number in pairs),
        words="; ".join(WORDS[kind].get(number, "") for kind, number in pairs),
        placement="waist",
        up=UP,
        notes="; ".join(cuts),
    )


def _falls(
    match: re.Match[str],
    stem: str,
    subject: str,
    kind: str,
    activity: int,
    t_s: np.ndarray,
    accel_mg: np.ndarray,
    is_fall: np.ndarray,
) -> Iterator[Recording | Rejection]:
    """Each marked fall of one activity, as far as half the way to the fall before and after it."""
    number = 0
    for run in split_at_gaps(t_s):
        t_run_s, marks = t_s[run], np.diff(np.concatenate([[0], is_fall[run], [0]]).astype(np.int8))
        starts, ends = np.flatnonzero(marks == 1), np.flatnonzero(marks == -1) - 1
        for fall, (start, end) in enumerate(zip(starts, ends, strict=True)):
            number += 1
            first, last = 0, len(t_run_s) - 1
            if fall:
                first = (ends[fall - 1] + start) // 2
            if fall + 1 < len(starts):
                last = (end + starts[fall + 1]) // 2
            first = max(first, int(np.searchsorted(t_run_s, t_run_s[start] - AROUND_FALL_S)))
            last = min(last, int(np.searchsorted(t_run_s, t_run_s[end] + AROUND_FALL_S)))
            window = slice(run.start + first, run.start + last + 1)
            name = f"{stem}_{kind}{activity:02d}_{number}"
            try:
                samples = samples_mg(on_even_grid(t_s[window], accel_mg[window], RATE_HZ))
            except RejectError as reject:
                yield Rejection(f"{match.string}@{name}", reject.reason, reject.where)
                continue
            yield Recording(
                id=f"assist-iot/{name}",
                dataset="assist-iot",
                samples=samples,
                rate_hz=RATE_HZ,
                range_mg=8000,
                kind="fall",
                licence="CC BY 4.0",
                subject=subject,
                activity=f"{kind}{activity}",
                words=WORDS[kind].get(activity, ""),
                placement="waist",
                up=UP,
                onset_ms=round((t_run_s[start] - t_run_s[first]) * 1000),
                end_ms=round((t_run_s[end] - t_run_s[first]) * 1000),
                notes="onset and end are those of the 3 s marked around the fall",
            )


IMPORTER = Importer(
    name="assist-iot",
    title="ASSIST-IoT worker falls and stairs, waist tag, 125 Hz",
    example="data/full_acceleration/stairs/01/acceleration.csv",
    files=re.compile(r"(?:^|/)(?P<stem>(?P<set>[^/]+)/(?P<subject>\d+))/acceleration\.csv$"),
    read=read,
)
