"""The control charts of one device against its commissioning state: each axis' 1 g, noise, self-test."""

from __future__ import annotations

import numpy as np

from simulator.charts import Chart, chart
from simulator.drift_states import Course
from simulator.ellipsoid import GRAVITY_MG, Array

_MOSTLY = 0.7  # of 1 g lies along the axis that a reading is charted for
_LEAST = 5  # readings to begin a chart with
_LEAST_SD_MG = 4.0
_LEAST_NOISE_MG = 1.0
_LEAST_SELF_TEST = 1.0  # percent


def charts_of(course: Course) -> list[Chart]:
    """Charts of what there are readings for. After a re-zeroing an axis is charted against none of its offset left."""
    if course.last is None:
        return []
    readings, count = course.readings, course.commissioned
    surplus_mg, up = _surplus(course)
    found = []
    for axis, name in enumerate("xyz"):
        rows = np.flatnonzero(np.abs(up[:, axis]) > _MOSTLY)
        values = np.sign(up[rows, axis]) * surplus_mg[rows]
        found.append(_chart(name, "mg", readings.day[rows], values, int((rows < count).sum()), _LEAST_SD_MG))
    rows = np.flatnonzero(np.isfinite(readings.noise_mg))
    noise = readings.noise_mg[rows]
    found.append(_chart("noise", "mg", readings.day[rows], noise, int((rows < count).sum()), _LEAST_NOISE_MG))
    rows = np.flatnonzero(np.isfinite(readings.self_test_mg).all(axis=1))
    first = int((rows < count).sum())
    if first >= _LEAST:
        tested = readings.self_test_mg[rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            percent = 100 * (tested / np.median(tested[:first], axis=0) - 1)
        for axis, name in enumerate("xyz"):
            if np.isfinite(percent[:, axis]).all():
                days, values = readings.day[rows], percent[:, axis]
                found.append(_chart(f"self-test {name}", "%", days, values, first, _LEAST_SELF_TEST))
    return [one for one in found if one is not None]


def _chart(name: str, unit: str, days: Array, values: Array, first: int, least_sd: float) -> Chart | None:
    if first < _LEAST:
        return None
    begin = values[:first]
    centre = float(np.median(begin))
    return chart(name, unit, days, values, centre, max(least_sd, 1.4826 * float(np.median(np.abs(begin - centre)))))


def _surplus(course: Course) -> tuple[Array, Array]:
    """What each reading exceeds 1 g by, had the sensor stayed as it was commissioned; and where up is in it."""
    readings, found = course.readings, course.last
    assert found is not None
    warmth_k = np.zeros(len(readings))
    if np.isfinite(readings.temperature_c).any():
        warmth_k = np.nan_to_num(readings.temperature_c - np.nanmedian(readings.temperature_c))
    true_mg = readings.raw_mg - found.offsets_mg[0] - warmth_k[:, None] * found.offsets_mg[3]
    for change in course.changes:
        if change.kind == "re-zeroed":
            later = readings.day >= change.day
            true_mg[later] = readings.mean_mg[later] - warmth_k[later, None] * found.offsets_mg[3]
    true_mg = true_mg / (1 + found.gains[0])
    length_mg = np.linalg.norm(true_mg, axis=1)
    return length_mg - GRAVITY_MG, true_mg / np.maximum(length_mg, 1.0)[:, None]
