"""How good the decisions are: falls found, false pre-alarms per worn hour, and the plain rule they must beat.

Pure functions over outcomes. Replay with a worker who cancels, or one alarm hides the rest of its recording.
Intervals cover 95 %.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from dati import events as codes
from dati.alarm import QUIET
from scipy.stats import binomtest, chi2

from simulator.engines import Event
from simulator.replay import Outcome, cause_names
from simulator.trace import Recording

CONFIDENCE = 0.95

# What a recording can be scored for.
FALL = "fall"
OTHER = "other"
LYING = "lying"  # scripted lying down: verticality and immobility are right to speak, a fall is not
NOT_WORN = "not worn"

_LYING = re.compile(r"\blying|\blie\b|\bbed\b", re.IGNORECASE)
_NOBODY = ("vehicle floor",)  # placements at which nobody wears the device

# Only motion is judged: the cord and the button are meant, the dead-man check asks for an answer no recording holds.
JUDGED = ("fall", "flight", "verticality", "immobility")

_ANNOUNCED = (codes.PRE_ALARM, codes.ALARM, codes.CAUSE_ADDED)

IMPACT_LABEL = "impact label"
PEAK = "peak of |a|"  # stands for the impact where the source does not label it


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; None throughout where there was nothing to count."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    def as_json(self) -> dict[str, float | None]:
        return {name: value if value is None else round(value, 5) for name, value in vars(self).items()}


def share(count: int, of: int) -> Estimate:
    """A share of independent trials, with Wilson's interval (E. B. Wilson, J. Am. Stat. Assoc. 22:209, 1927)."""
    if not of:
        return Estimate()
    low, high = binomtest(count, of).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(count / of, float(low), float(high))


def hourly(count: int, hours: float) -> Estimate:
    """Events an hour, with the exact Poisson interval (F. Garwood, Biometrika 28:437, 1936)."""
    if not hours:
        return Estimate()
    tail = (1 - CONFIDENCE) / 2
    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(1 - tail, 2 * count + 2) / 2
    return Estimate(count / hours, float(low) / hours, float(high) / hours)


@dataclass(frozen=True)
class Score:
    """What one recording adds to the account. `rule` is the two-line rule on the same samples."""

    id: str
    dataset: str
    placement: str
    subject: str
    activity: str
    words: str
    role: str
    duration_s: float
    fall_raised: bool  # of a fall recording: since its onset
    delay_s: float | None = None  # from impact to announcement, of a fall that was found
    delay_since: str | None = None
    false_by_cause: Mapping[str, int] = field(default_factory=dict)
    rule_raised: bool = False
    rule_alarms: int = 0

    @property
    def right(self) -> bool:
        """Whether the device did as it should: found the fall, or kept quiet."""
        return self.fall_raised if self.role == FALL else not self.false_by_cause


def role(recording: Recording) -> str:
    """What the recording is scored for."""
    if recording.placement in _NOBODY:
        return NOT_WORN
    if recording.kind == "fall":
        return FALL
    return LYING if _LYING.search(f"{recording.words} {recording.activity}") else OTHER


def score(outcome: Outcome) -> Score:
    """Score one recording.

    A fall is found when its cause is announced between the labelled onset (or the start) and the end of the
    recording: posture is judged for seconds after the impact, so the label's own end would be too early. The delay
    counts from the labelled impact, or from the greatest |a| where there is no label.
    """
    recording, job = outcome.recording, outcome.job
    rate_hz = int(job.settings["rate_hz"])  # type: ignore[call-overload]
    what = role(recording)
    since = (recording.onset_ms or 0) * rate_hz / 1000 if what == FALL else 0
    raised = [
        event.sample
        for event in outcome.events
        if event.code in _ANNOUNCED and event.argument & codes.FALL and event.sample >= since
    ]
    delay_s = delay_since = None
    if what == FALL and raised:
        if recording.impact_ms is not None:
            impact, delay_since = recording.impact_ms * rate_hz / 1000, IMPACT_LABEL
        else:
            impact, delay_since = float(np.argmax(_squared(job.samples))), PEAK
        delay_s = (raised[0] - impact) / rate_hz
    # Announced when its last window ends, so it is held to the onset as the device is.
    rule = [peak for peak in two_line_rule(job.samples, rate_hz) if peak + RULE_AFTER_S[1] * rate_hz >= since]
    return Score(
        id=recording.id,
        dataset=recording.dataset,
        placement=recording.placement,
        subject=recording.subject,
        activity=recording.activity,
        words=recording.words,
        role=what,
        duration_s=recording.duration_s,
        fall_raised=bool(raised),
        delay_s=delay_s,
        delay_since=delay_since,
        false_by_cause=_false(outcome.events, what),
        rule_raised=bool(rule),
        rule_alarms=len(rule),
    )


def _false(events: Sequence[Event], what: str) -> dict[str, int]:
    """Causes that came up where none should have, most urgent first."""
    if what == FALL:
        return {}
    count = Counter(name for causes in _announced(events) for name in cause_names(causes))
    wrong = ("fall",) if what == LYING else JUDGED
    return {name: count[name] for name in wrong if count[name]}


def _announced(events: Sequence[Event]) -> Iterator[int]:
    """The causes of every announcement, each cause once: an alarm repeats what its pre-alarm had said."""
    quiet = True
    for event in events:
        if event.code == codes.SIGNAL:
            quiet = event.argument == QUIET
        elif event.code in (codes.PRE_ALARM, codes.CAUSE_ADDED) or (event.code == codes.ALARM and quiet):
            yield event.argument


# The two-line rule: a hard knock, and afterwards the body lies otherwise than before. Constants as they were first
# set by hand, fitted to nothing; windows in seconds from the peak.
RULE_PEAK_MG = 2500
RULE_TILT_DEG = 50
RULE_BEFORE_S = (-4.0, -1.5)
RULE_AFTER_S = (2.0, 4.0)
RULE_LOCK_OUT_S = 5.0
_RULE_PEAK_WITHIN_S = 1.0  # of the first crossing: what follows a fall's first touch is the same fall
_RULE_EDGE_S = 0.5  # stands in where a window lies wholly outside the recording: the floor gets every chance


def two_line_rule(samples: np.ndarray, rate_hz: int) -> list[int]:
    """The peaks (sample indices) that the rule takes for falls. `samples`: (n, 3), mg, at `rate_hz`."""
    squared = _squared(samples)
    total = np.vstack([np.zeros(3), np.cumsum(samples, axis=0, dtype=np.float64)])
    edge = max(1, round(_RULE_EDGE_S * rate_hz))
    count = len(samples)

    def gravity(peak: int, window_s: tuple[float, float]) -> np.ndarray:
        start, stop = (min(max(peak + round(at_s * rate_hz), 0), count) for at_s in window_s)
        if start == stop:
            start, stop = (0, min(edge, count)) if window_s[1] < 0 else (max(count - edge, 0), count)
        return total[stop] - total[start]

    falls, free_from = [], 0
    for crossing in np.flatnonzero(squared > RULE_PEAK_MG**2):
        if crossing < free_from:
            continue
        peak = int(crossing + np.argmax(squared[crossing : crossing + round(_RULE_PEAK_WITHIN_S * rate_hz)]))
        free_from = peak + round(RULE_LOCK_OUT_S * rate_hz)
        before, after = gravity(peak, RULE_BEFORE_S), gravity(peak, RULE_AFTER_S)
        if before @ after < np.cos(np.radians(RULE_TILT_DEG)) * np.linalg.norm(before) * np.linalg.norm(after):
            falls.append(peak)
    return falls


def _squared(samples: np.ndarray) -> np.ndarray:
    """|a| squared, mg squared, of (n, 3) samples."""
    wide = samples.astype(np.int64)
    return np.einsum("ij,ij->i", wide, wide)


@dataclass(frozen=True)
class Summary:
    """What many scores come to; the same questions for the device and for the two-line rule."""

    scores: Sequence[Score]

    @cached_property
    def falls(self) -> list[Score]:
        return [one for one in self.scores if one.role == FALL]

    @cached_property
    def others(self) -> list[Score]:
        """Recordings without a fall, scripted lying down among them."""
        return [one for one in self.scores if one.role in (OTHER, LYING)]

    @cached_property
    def worn(self) -> list[Score]:
        """Recordings in which every pre-alarm is false: others without scripted lying down."""
        return [one for one in self.scores if one.role == OTHER]

    @property
    def worn_hours(self) -> float:
        return sum(one.duration_s for one in self.worn) / 3600

    @property
    def sensitivity(self) -> Estimate:
        return share(sum(one.fall_raised for one in self.falls), len(self.falls))

    @property
    def specificity(self) -> Estimate:
        return share(sum(not one.fall_raised for one in self.others), len(self.others))

    @property
    def false_by_cause(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for one in self.worn:
            found.update(one.false_by_cause)
        return {name: found[name] for name in JUDGED if found[name]}

    @property
    def false_pre_alarms(self) -> int:
        """Over all causes; one with two causes counts as two."""
        return sum(self.false_by_cause.values())

    @property
    def false_per_hour(self) -> Estimate:
        return hourly(self.false_pre_alarms, self.worn_hours)

    @property
    def false_falls_per_hour(self) -> Estimate:
        return hourly(self.false_by_cause.get("fall", 0), self.worn_hours)

    @property
    def rule_sensitivity(self) -> Estimate:
        return share(sum(one.rule_raised for one in self.falls), len(self.falls))

    @property
    def rule_specificity(self) -> Estimate:
        return share(sum(not one.rule_raised for one in self.others), len(self.others))

    @property
    def rule_alarms(self) -> int:
        return sum(one.rule_alarms for one in self.worn)

    @property
    def rule_alarms_per_hour(self) -> Estimate:
        return hourly(self.rule_alarms, self.worn_hours)

    @property
    def delay_s(self) -> dict[str, float | str | None]:
        """Median and 95th percentile, s, of the falls found, and since what they count."""
        delays_s = [one.delay_s for one in self.falls if one.delay_s is not None]
        if not delays_s:
            return {"median": None, "p95": None, "since": None}
        since = sorted({one.delay_since for one in self.falls if one.delay_since is not None})
        median_s, p95_s = np.percentile(delays_s, (50, 95))
        return {"median": round(float(median_s), 3), "p95": round(float(p95_s), 3), "since": " or ".join(since)}

    def worst(self, key: str, count: int = 3) -> dict[str, list[dict[str, object]]]:
        """Where most goes wrong, by `key` (activity, subject): falls missed, and pre-alarms that are false.

        Of scripted lying down only a fall is false.
        """
        falls = _ranked(self.falls, key, lambda one: int(not one.fall_raised), count)
        others = _ranked(self.others, key, lambda one: sum(one.false_by_cause.values()), count)
        return {
            "missed": [
                {"name": name, "words": words, "missed": wrong, "falls": len(them)}
                for name, words, wrong, them in falls
            ],
            "false": [
                {
                    "name": name,
                    "words": words,
                    "false_pre_alarms": wrong,
                    "hours": round(sum(one.duration_s for one in them) / 3600, 4),
                }
                for name, words, wrong, them in others
            ],
        }

    def as_json(self) -> dict[str, object]:
        return {
            "falls": len(self.falls),
            "others": len(self.others),
            "lying_down": len(self.others) - len(self.worn),
            "sensitivity": self.sensitivity.as_json(),
            "specificity": self.specificity.as_json(),
            "worn_hours": round(self.worn_hours, 4),
            "false_pre_alarms": self.false_pre_alarms,
            "false_pre_alarms_per_hour": self.false_per_hour.as_json()["value"],
            "false_pre_alarms_per_hour_interval": self.false_per_hour.as_json(),
            "false_falls_per_hour": self.false_falls_per_hour.as_json(),
            "false_by_cause": self.false_by_cause,
            "delay_s": self.delay_s,
            "two_line_rule": {
                "sensitivity": self.rule_sensitivity.as_json(),
                "specificity": self.rule_specificity.as_json(),
                "false_alarms": self.rule_alarms,
                "false_alarms_per_hour": self.rule_alarms_per_hour.as_json(),
            },
            "worst": {"activities": self.worst("activity"), "subjects": self.worst("subject")},
        }


def _ranked(
    scores: Collection[Score], key: str, wrong: Callable[[Score], int], count: int
) -> list[tuple[str, str, int, list[Score]]]:
    """The groups with most wrong, those with none left out: name, words, how many, the scores. Ties by name."""
    rows = []
    for name, them in grouped(scores, key).items():
        words = them[0].words if key == "activity" else ""
        rows.append((name, words, sum(map(wrong, them)), them))
    rows.sort(key=lambda row: (-row[2], row[0]))
    return [row for row in rows[:count] if row[2]]


def grouped(scores: Collection[Score], key: str) -> dict[str, list[Score]]:
    """Scores by a text they bear (activity, subject, placement), sorted by it."""
    groups: dict[str, list[Score]] = {}
    for one in scores:
        groups.setdefault(getattr(one, key), []).append(one)
    return dict(sorted(groups.items()))


def corpora(scores: Collection[Score]) -> dict[str, Summary]:
    """Summaries by data set and placement, as "umafall waist": one file may hold several, and they differ much."""
    groups: dict[tuple[str, str], list[Score]] = {}
    for one in scores:
        if one.role != NOT_WORN:
            groups.setdefault((one.dataset, one.placement), []).append(one)
    return {" ".join(key): Summary(them) for key, them in sorted(groups.items())}
