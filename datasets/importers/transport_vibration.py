"""Vibration of tram and bus floors: Hajek, Slovak University of Technology in Bratislava, 2022. No wearer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datasets.importers.base import Context, Importer
from datasets.importers.signals import MG_PER_M_S2, numbers, samples_mg
from simulator.trace import Recording


def read(match: re.Match[str], data: bytes, context: Context) -> Iterator[Recording]:
    accel_m_s2 = numbers(data, columns=["x", "y", "z"], separator=" ")
    yield Recording(
        id=f"transport-vibration/{match['stem']}",
        dataset="transport-vibration",
        samples=samples_mg(accel_m_s2 * MG_PER_M_S2),
        rate_hz=500.0,
        range_mg=2000,  # the axes clip there
        # Neither a wearer's stillness nor a wearer's motion: no alarm is right or wrong by it alone.
        kind="unknown",
        activity="ride",
        words=f"floor of a tram or bus on line {match['line']}, nobody wearing the device",
        placement="vehicle floor",
        up=(0, 0, 1000),  # as the board lay
        notes="reads 3.8 % high at rest",
    )


IMPORTER = Importer(
    name="transport-vibration",
    title="Tram and bus floor vibration, no wearer, 500 Hz",
    example="measurements/datasets/L83_4940_Alexyho_Svantnerova.csv",
    files=re.compile(r"(?:^|/)(?P<stem>L(?P<line>\d+)_\w+)\.csv$"),
    read=read,
)
