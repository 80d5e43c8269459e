"""A device's readings at rest, out of the health records of its journal and the still moments of its logs."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from dati import health, journal
from dati.bank import DetectorBank
from dati.settings import Settings

from simulator.chronology import DAY_S, Moment, Problem
from simulator.device_log import DeviceLog
from simulator.drift_states import Readings
from simulator.ellipsoid import Array

_PAYLOAD = struct.Struct("<11h")
_STILL_S = 60.0
_STILL_EVERY_S = 3600.0
_LOOKS_A_SECOND = 2
_WILD_MG = 1500  # no sensor at rest reads more, whatever its errors


class Health(NamedTuple):
    """One reading. `self_test_mg` and `temperature_c` None where not measured."""

    mean_mg: tuple[int, int, int]
    self_test_mg: tuple[int, int, int] | None
    noise_mg: float
    temperature_c: float | None
    zero_mg: tuple[int, int, int]

    @property
    def text(self) -> str:
        """For people."""
        tested = "" if self.self_test_mg is None else " self-test {} {} {} mg".format(*self.self_test_mg)
        warmth = "" if self.temperature_c is None else f" {self.temperature_c:.1f} C"
        zero = " zero {} {} {} mg".format(*self.zero_mg) if any(self.zero_mg) else ""
        return "{} {} {} mg".format(*self.mean_mg) + tested + f" noise {self.noise_mg:.1f} mg{warmth}{zero}"


def unpack(payload: bytes) -> Health | None:
    """What `health.pack` packed; None where it is too short or cannot be. A newer one may have more behind it."""
    if len(payload) < _PAYLOAD.size:
        return None
    values = _PAYLOAD.unpack_from(payload)
    if max(map(abs, values[:3])) > _WILD_MG:
        return None
    tested = None if values[3:6] == health.NOT_TESTED else values[3:6]
    warmth = None if values[7] == health.UNKNOWN else values[7] / 10
    return Health(values[:3], tested, values[6] / 10, warmth, values[8:11])


def readings_of(
    device: str, moments: Sequence[Moment], logs: Iterable[DeviceLog] = ()
) -> tuple[Readings, list[Problem]]:
    """All readings of a device in their order. `moments`: its journal's, in time."""
    problems: list[Problem] = []
    found: list[tuple[float, Health, bool]] = []
    short = longer = 0
    times, mended = _mended([moment.utc_s for moment in moments])
    for moment, utc_s in zip(moments, times, strict=True):
        if moment.record.kind != journal.HEALTH:
            continue
        read = unpack(moment.record.payload)
        longer += len(moment.record.payload) > _PAYLOAD.size
        if read is None:
            short += 1
        else:
            found.append((utc_s / DAY_S, read, read.self_test_mg is not None))
    if mended:
        problems.append(Problem("mended", {"count": mended}))
    if short:
        problems.append(Problem("not_understood", {"count": short}))
    if longer:
        problems.append(Problem("newer", {"count": longer}))
    for log in logs:
        if log.utc_s < 0:
            problems.append(Problem("log_undated", {"file": log.path.name}))
            continue
        zero = next((read.zero_mg for day, read, _ in reversed(found) if day <= log.utc_s / DAY_S), (0, 0, 0))
        still = still_moments(log)
        found += [((log.utc_s + t_s) / DAY_S, read._replace(zero_mg=zero), False) for t_s, read in still]
        problems.append(Problem("log", {"file": log.path.name, "count": len(still)}))
    found.sort(key=lambda one: one[0])
    if not any(standing for _, _, standing in found):
        problems.append(Problem("never_zeroed", {}))
    return _as_arrays(device, found), problems


def _as_arrays(device: str, found: list[tuple[float, Health, bool]]) -> Readings:
    def axes(values: list[tuple[int, int, int] | None]) -> Array:
        return np.array([(np.nan,) * 3 if value is None else value for value in values], float).reshape(-1, 3)

    reads = [read for _, read, _ in found]
    return Readings(
        device=device,
        day=np.array([day for day, _, _ in found], float),
        mean_mg=axes([read.mean_mg for read in reads]),
        zero_mg=axes([read.zero_mg for read in reads]),
        self_test_mg=axes([read.self_test_mg for read in reads]),
        noise_mg=np.array([read.noise_mg for read in reads], float),
        temperature_c=np.array([np.nan if r.temperature_c is None else r.temperature_c for r in reads], float),
        standing=np.array([standing for _, _, standing in found], bool),
    )


def _mended(utc_s: Sequence[int | None]) -> tuple[list[float], int]:
    """Times that only go forward: the longest such row of what the clock said; what is not in it lies between.

    Also how many were put between others. Where the clock was never set, a record a second from 2000 on.
    """
    best: list[int] = []  # by length of a row: index of its last time
    tails: list[int] = []
    before = [-1] * len(utc_s)
    for at, time in enumerate(utc_s):
        if time is None:
            continue
        length = bisect_right(tails, time)
        before[at] = best[length - 1] if length else -1
        tails[length : length + 1] = [time]
        best[length : length + 1] = [at]
    row: list[int] = []
    at = best[-1] if best else -1
    while at >= 0:
        row.append(at)
        at = before[at]
    row.reverse()
    if not row:
        return [float(number) for number in range(len(utc_s))], len(utc_s)
    times = np.interp(np.arange(len(utc_s)), row, [float(utc_s[at] or 0) for at in row])
    return times.tolist(), len(utc_s) - len(row)


def still_moments(log: DeviceLog) -> list[tuple[float, Health]]:
    """Where nothing moved for a minute, by the device's own measure: seconds from the log's begin, and the reading.

    At most one an hour, as the device itself does it.
    """
    settings = Settings(log.settings)
    bank = DetectorBank(settings)
    moment = health.StillMoment()
    step = max(1, settings.rate_hz // _LOOKS_A_SECOND)
    samples = array("h", log.samples.astype("<i2").tobytes())
    count = len(log.samples)
    found: list[tuple[float, Health]] = []
    since = 0
    for first in range(0, count - step + 1, step):
        taken = first
        while taken < first + step:
            taken = bank.run(samples, taken, first + step)
        if not moment.look(bank):
            since = taken
        elif taken - since >= _STILL_S * settings.rate_hz:
            t_s = taken / settings.rate_hz
            if not found or t_s - found[-1][0] >= _STILL_EVERY_S:
                found.append((t_s, Health(moment.mean_mg(), None, moment.noise_dmg() / 10, None, (0, 0, 0))))
            moment.restart()
            since = taken
    return found


def pack_reading(readings: Readings, number: int) -> bytes:
    """The payload of the health record of one reading: for synthetic devices."""

    def known(value: float, scale: int = 1) -> int:
        return round(scale * float(value)) if np.isfinite(value) else health.UNKNOWN

    return health.pack(
        [known(value) for value in readings.mean_mg[number]],
        [known(value) for value in readings.self_test_mg[number]],
        known(readings.noise_mg[number], 10),
        known(readings.temperature_c[number], 10),
        [known(value) for value in readings.zero_mg[number]],
    )
