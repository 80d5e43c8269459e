"""Control charts: has a measure left the state in which it began? EWMA for small shifts, CUSUM for when they began.

Limits as in the handbooks for shifts of about one standard deviation (NIST/SEMATECH e-Handbook, 6.3.2.3 and 6.3.2.4),
set wider, for a fleet is looked at every week for years.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.ellipsoid import Array

EWMA_WEIGHT = 0.1
EWMA_LIMIT = 4.5  # standard deviations of the EWMA
CUSUM_SLACK = 1.0  # standard deviations of one value: what is too small to matter is let pass
CUSUM_LIMIT = 10.0
_CLIP = 4.0  # standard deviations that one value counts for at most: one wild reading is no shift


@dataclass(frozen=True)
class Chart:
    """One measure over `days`, in standard deviations from its beginning. `high`, `low`: the sums of CUSUM.

    `ewma_since` and `cusum_since`: the day from which on the last signal has lasted, None where there is none.
    """

    name: str
    unit: str
    days: Array
    values: Array
    ewma: Array
    high: Array
    low: Array
    sd: float
    ewma_since: float | None
    cusum_since: float | None


def chart(name: str, unit: str, days: Array, values: Array, centre: float, sd: float) -> Chart:
    """Follow `values`, which began at `centre` with a standard deviation `sd` each."""
    standard = (values - centre) / sd
    ewma, high, low = np.zeros(len(standard)), np.zeros(len(standard)), np.zeros(len(standard))
    mean = above = below = 0.0
    for number, value in enumerate(standard.tolist()):
        mean += EWMA_WEIGHT * max(-_CLIP, min(_CLIP, value - mean))
        value = max(-_CLIP, min(_CLIP, value))
        # Held a little above the limit, so that a measure that comes back is seen to.
        above = min(2 * CUSUM_LIMIT, max(0.0, above + value - CUSUM_SLACK))
        below = min(2 * CUSUM_LIMIT, max(0.0, below - value - CUSUM_SLACK))
        ewma[number], high[number], low[number] = mean, above, below
    steady = np.sqrt(EWMA_WEIGHT / (2 - EWMA_WEIGHT))
    return Chart(
        name, unit, days, values, ewma, high, low, sd,
        _since(days, np.abs(ewma) > EWMA_LIMIT * steady),
        _since(days, np.maximum(high, low) > CUSUM_LIMIT),
    )  # fmt: skip


def _since(days: Array, signals: np.ndarray) -> float | None:
    if not len(signals) or not signals[-1]:
        return None
    quiet = np.flatnonzero(~signals)
    return float(days[quiet[-1] + 1 if len(quiet) else 0])


class Watch:
    """A two-sided CUSUM fed one value at a time; `began` is where the sum that signals left zero."""

    def __init__(self) -> None:
        self._sums = [0.0, 0.0]
        self._began = [-1, -1]

    def add(self, number: int, standard: float) -> int | None:
        """Take value `number`; where the shift began, once it is one."""
        value = max(-_CLIP, min(_CLIP, standard))
        for side, signed in enumerate((value, -value)):
            if self._sums[side] == 0:
                self._began[side] = number
            self._sums[side] = max(0.0, self._sums[side] + signed - CUSUM_SLACK)
            if self._sums[side] > CUSUM_LIMIT:
                return self._began[side]
        return None

    def reset(self) -> None:
        self._sums = [0.0, 0.0]
