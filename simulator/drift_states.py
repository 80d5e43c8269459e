"""What is known of a device's accelerometer: its readings at rest, what is tolerated, its state as time goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulator.ellipsoid import Array, Fit

YEAR_DAYS = 365.25


@dataclass(frozen=True)
class Readings:
    """A device's readings at rest in their order. Arrays of n, or (n, 3); NaN where not known.

    `day`: days since 2000-01-01 UTC. `mean_mg`: what the detectors saw, after `zero_mg` had been taken off.
    `standing`: at a start of duty, with the self-test.
    """

    device: str
    day: Array
    mean_mg: Array
    zero_mg: Array
    self_test_mg: Array
    noise_mg: Array
    temperature_c: Array
    standing: np.ndarray

    def __len__(self) -> int:
        return len(self.day)

    @property
    def raw_mg(self) -> Array:
        """As the sensor itself read."""
        return self.mean_mg + self.zero_mg


@dataclass(frozen=True)
class Rules:
    """What is tolerated, and how a device is worn."""

    tolerance_deg: float = 2.0
    tolerance_percent: float = 10.0
    sessions: int = 20  # that make the commissioning state
    horizon_days: float = 90.0  # a tolerance forecast to be reached within them is flagged
    threshold_deg: float = 45.0
    limit_mg: float = 50.0  # motion that counts as life where it is calm: half of the default sensitivity
    worn_up: tuple[float, float, float] = (0.0, 1.0, 0.0)  # where nothing was zeroed


@dataclass(frozen=True)
class Change:
    """A step (`by_mg` (3,), as far as seen) or a re-zeroing (`by_mg`: of the zero): when, and when it was found."""

    kind: str  # "step", "re-zeroed"
    day: float
    found_day: float
    by_mg: Array


@dataclass(frozen=True)
class State:
    """What is known on a day. Offsets and gains are changes since commissioning, or what a re-zeroing left.

    `known` (6,): which of the offsets and gains the readings determine; the others are at their priors.
    """

    day: float
    offset_mg: Array
    offset_sd_mg: Array
    gain: Array
    gain_sd: Array
    known: np.ndarray
    built_offset_mg: Array  # as the sensor is now, nothing taken off
    per_kelvin_mg: Array
    error_deg: float
    error_sd_deg: float
    rate_deg: float  # a day
    rate_sd_deg: float
    gain_percent: float
    gain_sd_percent: float
    noise_mg: float
    noise_percent: float
    noise_sd_percent: float
    self_test: Array  # ratio to the first sessions', NaN where not known
    scatter_mg: float
    step_share: float  # of the error that steps explain


@dataclass
class Course:
    """All states of one device. `commissioned`: index of the first reading after commissioning; 0 while it lasts."""

    readings: Readings
    rules: Rules
    commissioned: int = 0
    zeroed: bool = True
    states: list[State] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    first: Fit | None = None
    last: Fit | None = None
