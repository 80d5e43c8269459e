"""Made-up motion that several tests share: a worker who leans in the plane of y (up) and x, and who falls."""

from __future__ import annotations

import numpy as np


def leaning(deg) -> np.ndarray:
    """What a still worker who leans by these angles reads, in mg; 0 is upright on the default axis y."""
    rad = np.radians(deg)
    return np.column_stack([1000 * np.sin(rad), 1000 * np.cos(rad), np.zeros(len(rad))])


def falling(rate_hz, before_deg=0.0, after_deg=90.0, peak_mg=4000.0, push_mg=2200.0) -> np.ndarray:
    """0.4 s of going down, nearly weightless, and 0.3 s on the ground that stops the fall: hard, and pushing long.

    What comes before and after is the caller's. The peak is one sample in the middle of the push; without a push or
    without a peak, there is none.
    """
    down = np.linspace(before_deg, (before_deg + after_deg) / 2, round(0.4 * rate_hz))
    down_mg = leaning(down) * np.linspace(1, 0.3, len(down))[:, None]
    hit = leaning(np.full(round(0.3 * rate_hz), float(after_deg)))
    hit_mg = hit * (push_mg / 1000 if push_mg else 1)
    if peak_mg:
        hit_mg[len(hit) // 2] = hit[0] * peak_mg / 1000
    return np.vstack([down_mg, hit_mg])
