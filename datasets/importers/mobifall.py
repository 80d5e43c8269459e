"""MobiFall v2 and MobiAct, which share one format: Vavoulas et al., Hellenic Mediterranean University."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datasets.importers.base import Context, Importer, RejectError
from datasets.importers.signals import MG_PER_M_S2, numbers, on_even_grid, samples_mg
from simulator.trace import Recording

# The phone delivers 71 to 95 samples a second, about 10.5 ms apart with holes of 0.2 s: 100 Hz keeps every
# sample.
RATE_HZ = 100.0

# One published fall has a hole of 1.12 s, three seconds after its impact: it is kept.
MAX_GAP_S = 1.2

FALLS = {
    "FOL": "fall forward from standing, hands damping",
    "FKL": "fall forward onto the knees, then lying",
    "BSC": "fall backward when sitting down on a chair",
    "SDL": "fall sideways from standing, legs bending",
}
OTHERS = {
    "STD": "standing",
    "WAL": "walking",
    "JOG": "jogging",
    "JUM": "jumping",
    "STU": "stairs up",
    "STN": "stairs down",
    "SCH": "sitting down on a chair",
    "CHU": "rising from a chair",
    "SIT": "sitting on a chair",
    "CSI": "getting into a car",
    "CSO": "getting out of a car",
    "LYI": "lying after a fall",
    "SLH": "scenario: leaving home",
    "SBW": "scenario: at work",
    "SLW": "scenario: leaving work",
    "SBE": "scenario: exercising",
    "SRH": "scenario: coming home",
}


def read(match: re.Match[str], data: bytes, context: Context) -> Iterator[Recording]:
    _, mark, body = data.partition(b"@DATA")
    if not mark:
        raise RejectError("no @DATA line")
    if not body.strip():
        raise RejectError("no samples")
    rows = numbers(body.strip(), ["t_ns", "x", "y", "z"])
    t_s = (rows[:, 0] - rows[0, 0]) / 1e9
    code = match["code"]
    yield Recording(
        id=f"mobifall/{match['stem']}",
        dataset="mobifall",
        samples=samples_mg(on_even_grid(t_s, rows[:, 1:] * MG_PER_M_S2, RATE_HZ, MAX_GAP_S)),
        rate_hz=RATE_HZ,
        range_mg=2000,
        kind="fall" if code in FALLS else "adl",
        subject=match["subject"],
        activity=code,
        words=(FALLS | OTHERS).get(code, ""),
        placement="trouser pocket",
        up=None,  # the phone lay in the pocket any way round
        notes="irregular stamps interpolated to 100 Hz; clips at 2 g",
    )


IMPORTER = Importer(
    name="mobifall",
    title="MobiFall v2 and MobiAct, trouser pocket, irregular 71-95 Hz",
    example="sub1/FALLS/FOL/FOL_acc_1_1.txt",
    files=re.compile(r"(?:^|/)(?P<stem>(?P<code>[A-Z]{3})_acc_(?P<subject>\d+)_\d+)\.txt$"),
    read=read,
)
