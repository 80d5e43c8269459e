"""SisFall: Sucerquia, Lopez and Vargas-Bonilla, Sensors 17:198 (2017)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from datasets.importers.base import Context, Importer, RejectError
from datasets.importers.signals import numbers, samples_mg
from simulator.trace import Recording

# ADXL345: 13 bits over +-16 g.
MG_PER_COUNT = 32000 / 8192

COLUMNS = [f"{sensor}_{axis}" for sensor in ("adxl345", "itg3200", "mma8451q") for axis in "xyz"]

WORDS = {
    "D01": "walking slowly",
    "D02": "walking quickly",
    "D03": "jogging slowly",
    "D04": "jogging quickly",
    "D05": "stairs up and down slowly",
    "D06": "stairs up and down quickly",
    "D07": "sitting on a half-height chair and rising, slowly",
    "D08": "sitting on a half-height chair and rising, quickly",
    "D09": "sitting on a low chair and rising, slowly",
    "D10": "sitting on a low chair and rising, quickly",
    "D11": "trying to rise and collapsing into the chair",
    "D12": "from sitting to lying and back, slowly",
    "D13": "from sitting to lying and back, quickly",
    "D14": "turning from back to side and back while lying",
    "D15": "bending at the knees and straightening",
    "D16": "bending with straight knees and straightening",
    "D17": "getting into a car, sitting, getting out",
    "D18": "stumbling while walking",
    "D19": "jumping to reach something high",
    "F01": "fall forward: slip while walking",
    "F02": "fall backward: slip while walking",
    "F03": "fall sideways: slip while walking",
    "F04": "fall forward: trip while walking",
    "F05": "fall forward: trip while jogging",
    "F06": "straight down: faint while walking",
    "F07": "faint while walking, hands on a table damping",
    "F08": "fall forward when getting up",
    "F09": "fall sideways when getting up",
    "F10": "fall forward when sitting down",
    "F11": "fall backward when sitting down",
    "F12": "fall sideways when sitting down",
    "F13": "fall forward from sitting: faint or asleep",
    "F14": "fall backward from sitting: faint or asleep",
    "F15": "fall sideways from sitting: faint or asleep",
}


# What the sensor reads on an upright wearer in the mean of all subjects, for one who has no slow walk.
MEAN_UP = (0, -1000, 0)


def worn_up(context: Context, subject: str) -> tuple[int, int, int]:
    """Which way was up as this subject wore it: the mean over the slow walk, D01.

    A device is zeroed on its wearer. The belts of SisFall sat up to 43 degrees from the mean of all, and within 25
    of the wearer's own slow walk.
    """
    for path, data in context.beside.items():
        if f"_{subject}_" in path and (up := _mean_mg(data)):
            return up
    return MEAN_UP


@lru_cache(maxsize=64)
def _mean_mg(data: bytes) -> tuple[int, int, int] | None:
    try:
        mean_mg = _counts(data).mean(axis=0) * MG_PER_COUNT
    except RejectError:
        return None
    x, y, z = (round(float(mg)) for mg in mean_mg)
    return (x, y, z) if x or y or z else None


def _counts(data: bytes) -> np.ndarray:
    return numbers(data.replace(b";", b"").rstrip(), COLUMNS, COLUMNS[:3])


def read(match: re.Match[str], data: bytes, context: Context) -> Iterator[Recording]:
    code, subject, folder = match["code"], match["subject"], match["folder"]
    if folder and folder != subject:
        # The public copies hold five files of SE15 a second time, in the folder of SA15.
        raise RejectError("duplicate filed under another subject", f"{subject} in the folder of {folder}")
    counts = _counts(data)
    age = "60 to 75" if subject.startswith("SE") else "19 to 30"
    yield Recording(
        id=f"sisfall/{match['stem']}",
        dataset="sisfall",
        samples=samples_mg(counts * MG_PER_COUNT),
        rate_hz=200.0,
        range_mg=16000,
        kind="fall" if code.startswith("F") else "adl",
        subject=subject,
        activity=code,
        words=WORDS.get(code, ""),
        placement="waist",
        up=worn_up(context, subject),
        notes=f"ADXL345; subject {age} years old",
    )


IMPORTER = Importer(
    name="sisfall",
    title="SisFall, waist, 200 Hz",
    example="SisFall_dataset/SA01/F05_SA01_R01.txt",
    files=re.compile(
        r"(?:(?:^|/)(?P<folder>S[AE]\d\d)/|^|/)(?P<stem>(?P<code>[DF]\d\d)_(?P<subject>S[AE]\d\d)_R\d\d)\.txt$"
    ),
    read=read,
    beside=re.compile(r"(?:^|/)D01_S[AE]\d\d_R01\.txt$"),
)
