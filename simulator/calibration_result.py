"""What calibration says of one post: the figures, whether they support it, and why not."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.calibration_grid import SEARCHED
from simulator.confidence import SHIFT_H, hours_needed, most_permitted

SWITCHED = ("verticality_enabled", "verticality_needs_immobility")


@dataclass(frozen=True)
class Goal:
    """False pre-alarms a shift at most, shown with this confidence; the share of detection that must be kept."""

    target: float = 1.0
    confidence: float = 0.9
    floor: float = 0.95


@dataclass(frozen=True)
class Detection:
    """Who was found in one family. `kept` of the `of` that the reference finds are found here, too."""

    cases: int
    found: int
    of: int
    kept: int
    mean_s: float | None  # until they were found, of those found

    @property
    def kept_share(self) -> float:
        return self.kept / self.of if self.of else 1.0

    def as_json(self) -> dict[str, object]:
        return {**vars(self), "kept_share": round(self.kept_share, 4)}


@dataclass(frozen=True)
class Figures:
    """What settings did, by replay with all detectors on."""

    settings: dict[str, object]  # those searched, and the switches that go with them
    hours: float
    false: int
    upper_per_shift: float
    by_cause: dict[str, int]
    detection: dict[str, Detection]

    @property
    def per_shift(self) -> float:
        return self.false / self.hours * SHIFT_H if self.hours else 0.0

    def as_json(self) -> dict[str, object]:
        return {
            "settings": self.settings,
            "hours": round(self.hours, 3),
            "false_pre_alarms": self.false,
            "false_per_shift": round(self.per_shift, 3),
            "false_per_shift_at_most": round(self.upper_per_shift, 3),
            "by_cause": self.by_cause,
            "detection": {name: one.as_json() for name, one in self.detection.items()},
        }


@dataclass(frozen=True)
class Point:
    """Of the curve: the soonest help at so many false pre-alarms."""

    false: int
    per_shift: float
    kept: dict[str, float]
    mean_s: float
    settings: dict[str, object]


@dataclass
class Result:
    """What is said of one post; `reason` where nothing is recommended."""

    post: str
    hours: float
    wearers: int
    goal: Goal
    reason: str = ""
    more_hours: float | None = None  # to be recorded before it can be said; None where more would not help
    combinations: int = 0
    held_out_by: str = ""
    folds: int = 0
    agreeing_folds: int = 0  # of which the choice is the same as that of all
    dispersion: float = 1.0
    before: Figures | None = None
    reference: Figures | None = None
    after: Figures | None = None
    held_out: Figures | None = None
    settings: dict[str, object] | None = None  # all of them
    curve: list[Point] = field(default_factory=list)
    points: dict[str, Point] = field(default_factory=dict)  # "default" and, where there is one, "chosen"
    cloud: list[tuple[float, float, float]] = field(default_factory=list)  # see Search.cloud

    @property
    def supported(self) -> bool:
        return self.after is not None and not self.reason

    @property
    def advice(self) -> str:
        """What to do where nothing is recommended."""
        if self.supported:
            return ""
        if self.more_hours is not None:
            return f"record at least {self.more_hours:.1f} hours more"
        if self.after is not None and self.after.upper_per_shift <= self.goal.target:
            who = "wearers" if self.held_out_by == "wearer" else "hours"
            return f"what suits some {who} does not suit the others: record more of them"
        return "more of the same recordings would not change that: change how it is worn, or the target or the floor"

    def as_json(self) -> dict[str, object]:
        figures = {name: getattr(self, name) for name in ("before", "reference", "after", "held_out")}
        return {
            "post": self.post,
            "supported": self.supported,
            "reason": self.reason,
            "advice": self.advice,
            "more_hours": None if self.more_hours is None else round(self.more_hours, 1),
            "hours": round(self.hours, 3),
            "wearers": self.wearers,
            **vars(self.goal),
            "combinations": self.combinations,
            "held_out_by": self.held_out_by,
            "folds": self.folds,
            "agreeing_folds": self.agreeing_folds,
            "dispersion": round(self.dispersion, 3),
            **{name: one and one.as_json() for name, one in figures.items()},
            "curve": [vars(point) for point in self.curve],
        }


def shown(settings: dict[str, object]) -> dict[str, object]:
    """What of full settings calibration decides on."""
    return {name: settings[name] for name in (*SEARCHED, *SWITCHED)}


def too_short(result: Result) -> bool:
    """Whether so few hours can show the target at all; the result then says how many more are needed."""
    goal = result.goal
    if most_permitted(result.hours, goal.target, goal.confidence) >= 0:
        return False
    needed = hours_needed(0.0, goal.target, goal.confidence)
    result.more_hours = None if needed is None else max(0.0, needed - result.hours)
    result.reason = (
        f"{_hours(result.hours)} cannot show {goal.target:g} false pre-alarms a shift with "
        f"{100 * goal.confidence:g} % confidence, even without a single one"
    )
    return True


def judge(result: Result) -> None:
    """Say why not, where what was held out, or the replay with all detectors on, does not bear the choice out."""
    goal = result.goal
    assert result.after is not None and result.held_out is not None
    lost = [
        f"{name} {100 * one.kept_share:.1f} %"
        for name, one in result.held_out.detection.items()
        if one.kept_share < goal.floor
    ]
    if lost:
        result.reason = (
            f"of what the default finds, {', '.join(lost)} is found in cases the choice was not given; "
            f"the floor is {100 * goal.floor:g} %"
        )
    elif result.held_out.upper_per_shift > goal.target or result.after.upper_per_shift > goal.target:
        worst = max((result.held_out, result.after), key=lambda one: one.upper_per_shift)
        clusters = result.dispersion if worst is result.held_out else 1.0
        where = "in recordings the choice was not given" if worst is result.held_out else "with all detectors on"
        result.reason = (
            f"{worst.false} false pre-alarms {where}: up to {worst.upper_per_shift:.2f} a shift, over {goal.target:g}"
        )
        needed = hours_needed(worst.per_shift, goal.target, goal.confidence, clusters)
        result.more_hours = None if needed is None else max(0.1, needed - result.hours)


def nothing_fits(result: Result, least: int, within: int) -> None:
    """No combination is quiet enough above the floor."""
    goal = result.goal
    per_shift = least / result.hours * SHIFT_H
    result.reason = (
        f"above the floor of {100 * goal.floor:g} % no setting tried gives fewer than {least} false pre-alarms in "
        f"{_hours(result.hours)} ({per_shift:.2f} a shift); {within} were permitted"
    )
    # Half of what is permitted must suffice, as in the choice.
    needed = hours_needed(2 * per_shift, goal.target, goal.confidence)
    result.more_hours = None if needed is None else max(0.1, needed - result.hours)


def _hours(hours: float) -> str:
    return f"{60 * hours:.0f} min" if hours < 1 else f"{hours:.1f} h"
