"""What a device's course means: flagged or not, since when, slow or at a step, what to do, and by when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.chronology import Problem
from simulator.drift_states import Course, Rules, State
from simulator.ellipsoid import Array

FINE, EARLY, FLAGGED, OVER = "fine", "commissioning", "flagged", "over tolerance"

_NEAR = 0.8  # of a tolerance: flagged
_BACK = 0.6  # of a tolerance: a flag is taken back
_FROM = 0.4  # of a tolerance: a forecast is believed
_SURE = 3.0  # standard deviations
_AGAIN = 2  # evaluations that must agree
_SELF_TEST = 0.15  # change of the response that means a damaged sensor
_TREND_WEEKS = 13
_MOST_DAYS = 3650.0

_QUANTITIES = ("verticality", "sensitivity", "self-test")


@dataclass
class Flag:
    """`quantity` was flagged on `day`, because it was near or forecast to be; `kind`: "slow" or "step"."""

    quantity: str
    day: float
    kind: str
    until: float | None = None  # the day it was taken back


@dataclass(frozen=True)
class Verdict:
    """The state now. `reached`: day the first tolerance is forecast for (earliest, latest), None where it is not."""

    status: str
    flags: list[Flag]
    kind: str  # "", "slow", "step"
    action: str  # "", "re-zero", "recalibrate", "retire"
    why: Problem | None
    reached: float | None
    earliest: float | None
    latest: float | None
    recovered: bool  # by a re-zeroing


@dataclass(frozen=True)
class Measure:
    """A quantity as a share of its tolerance, with its speed a day."""

    share: float
    sd: float
    rate: float
    rate_sd: float

    def days_left(self, rate: float) -> float | None:
        if self.share >= 1:
            return 0.0
        days = (1 - self.share) / rate if rate > 0 else _MOST_DAYS
        return days if days < _MOST_DAYS else None

    def flagged(self, horizon_days: float) -> bool:
        if self.share < _SURE * self.sd:
            return False
        if self.share >= _NEAR:
            return True
        if self.share < _FROM or self.rate < _SURE * self.rate_sd:
            return False
        left = self.days_left(self.rate)
        return left is not None and left <= horizon_days


def judge(course: Course) -> Verdict:
    """Go through the states once more and say what they mean now."""
    if not course.states:
        return Verdict(EARLY, [], "", "", _too_few(course), None, None, None, False)
    rules = course.rules
    flags: list[Flag] = []
    running: dict[str, Flag] = {}
    counts = dict.fromkeys(_QUANTITIES, 0)
    backs = dict.fromkeys(_QUANTITIES, 0)
    for number, state in enumerate(course.states):
        measures = _measures(course.states[: number + 1], rules)
        for quantity, measure in measures.items():
            wanted = measure.flagged(rules.horizon_days)
            counts[quantity] = counts[quantity] + 1 if wanted else 0
            backs[quantity] = backs[quantity] + 1 if measure.share < _BACK and not wanted else 0
            just_stepped = quantity == "verticality" and abs(state.step_share) > 0.5
            if quantity not in running and (counts[quantity] >= _AGAIN or (wanted and just_stepped)):
                running[quantity] = Flag(quantity, state.day, "step" if just_stepped else "slow")
                flags.append(running[quantity])
            elif quantity in running and backs[quantity] >= _AGAIN:
                running.pop(quantity).until = state.day
    return _verdict(course, flags, running)


def _verdict(course: Course, flags: list[Flag], running: dict[str, Flag]) -> Verdict:
    state, rules = course.states[-1], course.rules
    measures = _measures(course.states, rules)
    soonest = _soonest(state.day, measures)
    over = any(measures[q].share >= 1 for q in running)
    rezeroed = [change.day for change in course.changes if change.kind == "re-zeroed"]
    recovered = not running and any(
        flag.until is not None and any(flag.day <= day <= flag.until for day in rezeroed) for flag in flags
    )
    status = OVER if over else FLAGGED if running else FINE
    action, why = _action(course, running)
    kind = "step" if any(flag.kind == "step" for flag in running.values()) else "slow" if running else ""
    return Verdict(status, flags, kind, action, why, *soonest, recovered)


def measures_of(course: Course) -> dict[str, Measure]:
    """What is judged, as it is now; nothing while commissioning lasts."""
    return _measures(course.states, course.rules) if course.states else {}


def _measures(states: list[State], rules: Rules) -> dict[str, Measure]:
    state = states[-1]
    deg = rules.tolerance_deg
    sensitivity_sd = float(np.hypot(state.gain_sd_percent, state.noise_sd_percent)) / rules.tolerance_percent
    share = (state.gain_percent + state.noise_percent) / rules.tolerance_percent
    recent = states[-_TREND_WEEKS:]
    rate, rate_sd = _trend(
        np.array([one.day for one in recent]),
        np.array([(one.gain_percent + one.noise_percent) / rules.tolerance_percent for one in recent]),
    )
    change = state.self_test[np.isfinite(state.self_test)] - 1
    return {
        "verticality": Measure(
            state.error_deg / deg, state.error_sd_deg / deg, state.rate_deg / deg, state.rate_sd_deg / deg
        ),
        "sensitivity": Measure(share, sensitivity_sd, rate, rate_sd),
        # Beyond this share of the response nothing is forecast: it is judged where it is.
        "self-test": Measure(float(np.abs(change).max()) / _SELF_TEST if len(change) else 0.0, 0.05, 0.0, 1.0),
    }


def _trend(days: Array, values: Array) -> tuple[float, float]:
    """Slope a day and its standard deviation; weeks share their readings, so it is taken for twice as large."""
    if len(days) < 6 or np.ptp(days) < 30:
        return 0.0, np.inf
    from_mean = days - days.mean()
    squares = float(from_mean @ from_mean)
    rate = float(from_mean @ values) / squares
    left = values - values.mean() - rate * from_mean
    return rate, 2 * float(np.sqrt(left @ left / (len(days) - 2) / squares)) + 1e-9


def _soonest(day: float, measures: dict[str, Measure]) -> tuple[float | None, float | None, float | None]:
    best: tuple[float | None, float | None, float | None] = (None, None, None)
    for measure in measures.values():
        growing = measure.share >= 0.2 and measure.rate >= _SURE * measure.rate_sd
        if measure.share < _SURE * measure.sd or not (growing or measure.share >= 1):
            continue
        days = [
            measure.days_left(measure.rate + spread * measure.rate_sd if np.isfinite(measure.rate_sd) else 0.0)
            for spread in (0, 2, -2)
        ]
        expected = days[0]
        if expected is not None and (best[0] is None or day + expected < best[0]):
            best = tuple(None if one is None else day + one for one in days)  # type: ignore[assignment]
    return best


def _action(course: Course, running: dict[str, Flag]) -> tuple[str, Problem | None]:
    if not running:
        return "", None
    state = course.states[-1]
    steps = [change for change in course.changes if change.kind == "step" and change.day > state.day - 365]
    if "self-test" in running:
        change = 100 * (state.self_test - 1)
        axis = int(np.nanargmax(np.abs(change)))
        return "retire", Problem("self_test", {"axis": "xyz"[axis], "percent": round(float(change[axis]))})
    if "sensitivity" in running and state.noise_percent > state.gain_percent:
        return "retire", Problem("noise", {"noise_mg": round(state.noise_mg, 1)})
    if len(steps) >= 2:
        return "retire", Problem("steps", {"count": len(steps)})
    by_gain = float(np.abs(state.gain).max())
    if "sensitivity" in running or 1000 * by_gain > float(np.abs(state.offset_mg).max()):
        axis = int(np.argmax(np.abs(state.gain)))
        return "recalibrate", Problem("gain", {"axis": "xyz"[axis], "percent": round(100 * float(state.gain[axis]), 1)})
    axis = int(np.argmax(np.abs(state.offset_mg)))
    values = {"axis": "xyz"[axis], "offset_mg": round(float(state.offset_mg[axis]))}
    unknown = [name for name, known in zip("xyz", state.known[:3], strict=True) if not known]
    if unknown:
        return "re-zero", Problem("offset_open", {**values, "unknown": ", ".join(unknown)})
    return "re-zero", Problem("offset", values)


def _too_few(course: Course) -> Problem:
    if course.zeroed:
        standing = int(course.readings.standing.sum())
        return Problem("too_few", {"count": standing, "needed": course.rules.sessions + 1})
    return Problem("too_few_never_zeroed", {"count": len(course.readings)})
