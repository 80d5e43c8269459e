"""What so many hours can say of a rate, and so many cases of a share. All one-sided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import chi2, norm

SHIFT_H = 8.0
MOST_HOURS = 100_000.0  # more are no advice


def upper_per_shift(count: float, hours: float, confidence: float, dispersion: float = 1.0) -> float:
    """Upper bound of events in a shift (Garwood, Biometrika 28:437, 1936); infinite without hours.

    `dispersion` is the variance over the mean: events that come in clusters say as much as that many fewer.
    """
    if hours <= 0:
        return float("inf")
    return float(chi2.ppf(confidence, 2 * count / dispersion + 2)) / 2 / (hours / dispersion) * SHIFT_H


def most_permitted(hours: float, target: float, confidence: float) -> int:
    """The largest count in `hours` that shows at most `target` a shift; -1 where none at all would not."""
    count = -1
    while upper_per_shift(count + 1, hours, confidence) <= target:
        count += 1
    return count


def hours_needed(rate: float, target: float, confidence: float, dispersion: float = 1.0) -> float | None:
    """Hours that would show at most `target` a shift if events went on at `rate` a shift; None: no number would."""

    def shown(hours: float) -> bool:
        return upper_per_shift(rate * hours / SHIFT_H, hours, confidence, dispersion) <= target

    if rate >= target or not shown(MOST_HOURS):
        return None
    low, high = 0.0, MOST_HOURS
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def dispersion(counts: Sequence[int], hours: Sequence[float]) -> float:
    """Variance over mean of counts among units of so many hours (Pearson's), at least 1."""
    observed, share = np.asarray(counts, float), np.asarray(hours, float)
    used = share > 0
    observed, share = observed[used], share[used]
    if len(observed) < 3 or observed.sum() < 2:
        return 1.0  # too little to tell clusters from chance
    expected = observed.sum() * share / share.sum()
    return max(1.0, float(((observed - expected) ** 2 / expected).sum() / (len(observed) - 1)))


def kept_at_least(kept: np.ndarray, of: int, confidence: float) -> np.ndarray:
    """The share kept less its standard error times the quantile of `confidence`, elementwise; 1 where `of` is 0.

    A margin, not a bound: where none is lost nothing is taken off, however few the cases.
    """
    share = np.asarray(kept, float) / max(1, of)
    margin = float(norm.ppf(confidence)) * np.sqrt(share * (1 - share) / max(1, of))
    return np.asarray(share - margin if of else np.ones_like(share))
