"""What was seen of the steps of a drill, and whether that passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dati.settings import Settings
from dati.tunables import PROFILES

from simulator.drill import DISTRESS, HALF_DAY_H, Step
from simulator.scoring import Estimate, hourly


@dataclass
class Worn:
    """A familiarisation: what was raised, all of it false. Times in s from the begin."""

    hours: float
    pre_alarms: list[tuple[float, str]]
    cancelled: int = 0
    alarms: int = 0

    @property
    def by_cause(self) -> Counter[str]:
        return Counter(cause for _, causes in self.pre_alarms for cause in causes.split("+"))


@dataclass
class Act:
    """A simulated distress. Times in s since it was done; None: it did not come to that, or nobody noted it."""

    noticed_s: float | None = None  # the first pre-alarm or alarm after it
    alarm_s: float | None = None
    causes: tuple[str, ...] = ()
    sent_s: float | None = None
    arrived_s: float | None = None
    received_by: str = ""
    acknowledged_s: float | None = None
    acknowledged_by: str = ""
    location_age_s: float | None = None
    location_accuracy_m: float | None = None  # as the message says
    location_error_m: float | None = None  # against the true place, where that is known
    located_s: float | None = None  # when the first place of now had arrived

    @property
    def transmission_s(self) -> float | None:
        if self.sent_s is None or self.arrived_s is None:
            return None
        return max(0.0, self.arrived_s - self.sent_s)


@dataclass
class Judged:
    """What is thought of a step: keys of words with what belongs into them."""

    passed: bool
    reasons: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # why not
    remarks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    advice: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # what to change


def per_half_day(worn: Worn) -> Estimate:
    """False pre-alarms in half a day, with the exact Poisson interval."""
    found = hourly(len(worn.pre_alarms), worn.hours)
    return Estimate(*(None if value is None else value * HALF_DAY_H for value in (found.value, found.low, found.high)))


def cap_s(profile: str, do: str) -> float | None:
    """The longest time from the distress to its message that the profile permits; None where it sets none."""
    names = set(DISTRESS[do][1])
    found = None
    chain: str | None = profile
    while chain is not None:
        _, base, _, caps = next(row for row in PROFILES if row[0] == chain)
        for capped, highest_ms in caps:
            if set(capped) == names:
                found = min(highest_ms, found or highest_ms)
        chain = base
    return None if found is None else found / 1000


def judge_worn(worn: Worn, limits: Mapping[str, float]) -> Judged:
    """More than the limit in half a day: the setting is to be changed."""
    limit = limits["false_per_half_day"]
    rate = per_half_day(worn)
    judged = Judged(rate.value is not None and rate.value <= limit)
    if rate.value is None:
        judged.reasons.append(("not_worn", {}))
        return judged
    if not judged.passed:
        judged.reasons.append(("too_many", {"rate": rate.value, "limit": limit}))
        for cause, count in Counter(
            cause for _, causes in worn.pre_alarms for cause in causes.split("+")
        ).most_common():
            judged.advice.append((f"quieten_{cause}", {"count": count}))
        judged.advice.append(("calibrate", {}))
    elif rate.high is not None and rate.high > limit:
        judged.remarks.append(("wear_longer", {"hours": worn.hours, "high": rate.high, "limit": limit}))
    if worn.alarms:
        judged.remarks.append(("uncancelled", {"count": worn.alarms}))
    return judged


def judge_act(step: Step, act: Act, limits: Mapping[str, float]) -> Judged:
    """Noticed by what should, sent within the profile's time, arrived, answered, and located."""
    settings = Settings(dict(step.worker.settings))
    do = step.exercise.do
    expected, names = DISTRESS[do]
    judged = Judged(True)

    def fails(key: str, advice: str = "", **values: Any) -> None:
        judged.passed = False
        judged.reasons.append((key, values))
        if advice:
            judged.advice.append((advice, values))

    if act.alarm_s is None:
        fails("no_alarm", f"sharpen_{expected[0]}")
        return judged
    if not set(expected) & set(act.causes):
        fails("other_cause", f"sharpen_{expected[0]}", causes=act.causes)
    cap = cap_s(settings.profile, do)
    told_s = act.sent_s if act.sent_s is not None else act.alarm_s
    if cap is not None and told_s > cap:
        fails("too_late", "shorten", seconds=told_s, cap=cap, names=" + ".join(names))
    if act.arrived_s is None:
        fails("not_arrived", "check_link")
        return judged
    transmission_s = act.transmission_s
    if transmission_s is not None and transmission_s > limits["transmission_s"]:
        fails("slow_link", "check_link", seconds=transmission_s, cap=limits["transmission_s"])
    if do == "rescue" and act.acknowledged_s is None:
        fails("nobody_answers", "check_rescue")
    elif act.acknowledged_s is None:
        judged.remarks.append(("not_acknowledged", {}))
    _judge_place(act, limits, judged)
    return judged


def _judge_place(act: Act, limits: Mapping[str, float], judged: Judged) -> None:
    """The alarm must be located at the receiving side; how well is the plan's own limit."""
    if act.location_age_s is None and act.located_s is None:
        judged.remarks.append(("not_located", {}))
        judged.advice.append(("check_sky", {}))
        return
    if act.location_age_s is not None and act.location_age_s > limits["location_age_s"]:
        judged.remarks.append(("old_place", {"seconds": act.location_age_s}))
        judged.advice.append(("look_more_often", {}))
    error_m = act.location_error_m
    if error_m is not None and error_m > limits["location_error_m"]:
        judged.remarks.append(("far_place", {"metres": error_m}))
        judged.advice.append(("check_sky", {}))
