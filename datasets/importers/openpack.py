"""OpenPack: a packing worker's wrists and upper arms. Yoshimura et al., Zenodo 10.5281/zenodo.5909086."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from datasets.importers.base import Context, Importer
from datasets.importers.signals import MG_PER_G, numbers, on_even_grid, samples_mg, split_at_gaps
from simulator.trace import Recording

RATE_HZ = 1000 / 30  # a sample every 30 ms

PLACEMENTS = {
    "atr01": "right wrist",
    "atr02": "left wrist",
    "atr03": "right upper arm",
    "atr04": "left upper arm",
}


def read(match: re.Match[str], data: bytes, context: Context) -> Iterator[Recording]:
    rows = numbers(data, columns=["unixtime", "acc_x", "acc_y", "acc_z"])
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    t_s = (rows[:, 0] - rows[0, 0]) / 1000
    # A session of work may have pauses; they are cut out, since nothing is known of them.
    runs = [run for run in split_at_gaps(t_s) if run.stop - run.start > 1] or [slice(0, len(t_s))]
    parts = [samples_mg(on_even_grid(t_s[run], rows[run, 1:] * MG_PER_G, RATE_HZ)) for run in runs]
    yield Recording(
        id=f"openpack/{match['user']}_{match['session']}_{match['device']}",
        dataset="openpack",
        samples=np.concatenate(parts),
        rate_hz=RATE_HZ,
        range_mg=4000,
        kind="work",
        licence="CC BY-NC-SA 4.0",
        subject=match["user"],
        activity="packing",
        words="packing work: picking items, folding, filling and closing boxes",
        placement=PLACEMENTS[match["device"]],
        up=None,
        notes=f"{len(parts) - 1} pauses cut out" if len(parts) > 1 else "",
    )


IMPORTER = Importer(
    name="openpack",
    title="OpenPack, a packing worker's wrists and upper arms, 33.3 Hz",
    example="openpack/v1.0.0/U0209/atr/atr01/S0500.csv",
    files=re.compile(r"(?:^|/)(?P<user>U\d+)/atr/(?P<device>atr0[1-4])/(?P<session>S\d+)\.csv$"),
    read=read,
)
