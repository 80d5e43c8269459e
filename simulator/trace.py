"""A recording, as everything on the host passes it around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

KINDS = ("fall", "adl", "work", "still", "unknown")

# What may happen to the device during a replay besides motion; `value` is only read where named.
INPUTS = {
    "sos_down": "SOS button pressed",
    "sos_up": "SOS button released",
    "cancel": "cancel button pressed (also answers the dead-man check)",
    "tear_off": "tear-off cord pulled",
    "tear_off_restored": "tear-off cord put back",
    "acknowledge": "receiving centre acknowledges the alarm",
    "clear": "alarm cleared by: value 0 worker, 1 centre, 2 supervisor with a code",
    "zero": "zeroing: the worker stands upright and still",
    "lost": "value samples were lost (FIFO overflow) at this point, beside the samples present",
    "ask": "the centre asks for a sign of life",
    "blind": "the sensor is known to tell nothing true",
    "guard": "value 1: duty begins, 0: it ends",
    "resume": "an alarm is taken up after a reset: value is state * 256 + causes",
}


@dataclass(frozen=True)
class Input:
    """Something done to the device at `t_ms` after the first sample."""

    t_ms: int
    what: str  # a key of INPUTS
    value: int = 0


@dataclass
class Recording:
    """One recording of a worn (or put down, or dropped) accelerometer.

    `samples` is int16, shape (n, 3), milli-g, at the steady rate `rate_hz`; at rest the axis that points up reads
    +1000. `up` is what the sensor reads at rest on a wearer standing upright, any length but zero, or None where
    the source does not fix the orientation. Times are ms after the first sample, None where the source has none.
    """

    id: str
    dataset: str
    samples: np.ndarray
    rate_hz: float
    range_mg: int
    kind: str = "unknown"
    licence: str = "not stated"
    subject: str = ""
    activity: str = ""
    words: str = ""
    placement: str = "unknown"
    up: tuple[int, int, int] | None = None
    onset_ms: int | None = None
    impact_ms: int | None = None
    end_ms: int | None = None
    settings: Mapping[str, object] = field(default_factory=dict)  # what the device was set to, over its defaults
    inputs: tuple[Input, ...] = ()
    notes: str = ""

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.rate_hz
