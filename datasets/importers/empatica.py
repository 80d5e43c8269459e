"""Empatica E4 wristband: `ACC.csv` of its export, as in Stress-Predict (Iqbal et al., MIT licence).

The first line is the start time, the second the rate, then three columns of 1/64 g.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from datasets.importers.base import Context, Importer, RejectError
from datasets.importers.signals import MG_PER_G, check_rate, numbers, samples_mg
from simulator.trace import Recording

MG_PER_COUNT = MG_PER_G / 64


def read(match: re.Match[str], data: bytes, context: Context) -> Iterator[Recording]:
    rows = numbers(data, ["x", "y", "z"])
    if len(rows) < 3:
        raise RejectError("no samples")
    rate_hz = float(rows[1, 0])
    check_rate(rate_hz)
    if (rows[1] != rate_hz).any():
        raise RejectError("the rates of the axes differ")
    # Only the layout tells Stress-Predict, and with it the licence, from another E4's export.
    stress_predict = match["top"] is not None
    dataset = "stress-predict" if stress_predict else "empatica"
    yield Recording(
        id=f"{dataset}/{match['subject']}",
        dataset=dataset,
        samples=samples_mg(rows[2:] * MG_PER_COUNT),
        rate_hz=rate_hz,
        range_mg=2000,
        kind="work",
        licence="MIT" if stress_predict else "not stated",
        subject=match["subject"],
        activity="seated",
        words="seated tasks",
        placement="wrist",
        up=None,
    )


IMPORTER = Importer(
    name="empatica",
    title="Empatica E4 wristband exports (Stress-Predict), 32 Hz",
    example="Raw_data/S01/ACC.csv",
    files=re.compile(r"(?:^|/)(?P<top>Raw_data/)?(?P<subject>[^/]+)/ACC\.csv$"),
    read=read,
)
