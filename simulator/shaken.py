"""The motion of a scenario, and what the device's own vibrator does to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from simulator.parts.clock import VirtualClock

SHAKE_MG = 300  # what the vibrator does to the sensor beside it; assumed, as in simulator/replay.py


class Truth(Protocol):
    """The motion: true mg, shape (n, 3), at `rate_hz`; `pieces` are (s, words) for the timeline."""

    @property
    def samples(self) -> np.ndarray: ...
    @property
    def rate_hz(self) -> float: ...
    @property
    def repeat(self) -> bool: ...
    @property
    def pieces(self) -> Sequence[tuple[float, str]]: ...


class ShakenMotion:
    """The worker's motion, and what the device's own vibrator adds to it."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._runs: list[list[int]] = []  # from, until, in us

    def vibrate(self, on: bool, now_us: int) -> None:
        if on:
            self._runs.append([now_us, 1 << 62])
        elif self._runs:
            self._runs[-1][1] = min(self._runs[-1][1], now_us)

    def samples(self, first_us: int, step_us: int, n: int) -> np.ndarray:
        times_us = first_us + step_us * np.arange(n, dtype=np.int64)
        at = times_us * int(self._truth.rate_hz * 1000) // 1_000_000_000
        count = len(self._truth.samples)
        if self._truth.repeat:
            at %= count
        else:
            # The last second goes on: a body that lies there does not begin to move.
            second = min(count, int(self._truth.rate_hz))
            over = at >= count
            at[over] = count - second + (at[over] - count) % second
        mg = self._truth.samples[at]
        for begin_us, end_us in self._runs[-40:]:
            shaken = (times_us >= begin_us) & (times_us < end_us)
            if shaken.any():
                mg = np.array(mg, dtype=np.float64)
                mg[shaken, 0] += SHAKE_MG * np.where(at[shaken] % 2, 1, -1)
        return mg


class Spans:
    """When something was on: (from, until) in s."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._since_s: float | None = None
        self._over: list[tuple[float, float]] = []

    def set(self, on: bool) -> None:
        now_s = self._clock.now_us / 1e6
        if on and self._since_s is None:
            self._since_s = now_s
        elif not on and self._since_s is not None:
            self._over.append((self._since_s, now_s))
            self._since_s = None

    def all(self) -> list[tuple[float, float]]:
        """What is on now has lasted until now."""
        now = [] if self._since_s is None else [(self._since_s, self._clock.now_us / 1e6)]
        return self._over + now
