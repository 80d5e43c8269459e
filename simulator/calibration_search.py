"""Which settings to recommend for a post, and whether what was recorded can support it.

Chosen is, among the combinations that stay above the floor of detection and within half of the false pre-alarms that
the target permits, the one that finds people soonest. The other half, and a step of delay, are the margin for what
the choice was not given: it is made anew without each fold of the work and of the cases and counted on that fold, and
the counts together must show the target, with clusters allowed for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.calibration import COLLAPSED, FALLEN, MOTIONLESS, Array, Counted, Evidence, Post, count, divide, work_job
from simulator.calibration_grid import DETECTORS, FALL, IMMOBILITY, OTHER, VERTICALITY, keener, reference
from simulator.calibration_result import Detection, Figures, Goal, Point, Result, judge, nothing_fits, shown
from simulator.confidence import SHIFT_H, dispersion, kept_at_least, most_permitted, upper_per_shift
from simulator.sweep import Sweep

_CLOUD = 2000

FAMILIES = (FALLEN, MOTIONLESS, COLLAPSED)
Index = tuple[int, int, int]  # of the options of verticality, immobility, fall


class Search:
    """Choices over the evidence of one post."""

    def __init__(self, found: Evidence, goal: Goal) -> None:
        self.found = found
        self.goal = goal
        vertical, immobile = found.first_s[VERTICALITY], found.first_s[IMMOBILITY]
        self._first_s = np.minimum(vertical[:, None, :], immobile[None, :, :]).astype(np.float32)
        self._fall_s = found.first_s[FALL]
        self._keener = {name: keener(found.options[name]) for name in (VERTICALITY, IMMOBILITY)}

    def total(self, pieces: NDArray[np.bool_], of_keener: bool = False) -> NDArray[np.int64]:
        """Most false pre-alarms in these pieces of every combination, or of what is a step keener."""
        sums = {name: self.found.false[name][:, pieces].sum(axis=1) for name in DETECTORS}
        if of_keener:
            sums.update({name: sums[name][at] for name, at in self._keener.items()})
        every: NDArray[np.int64] = (
            sums[VERTICALITY][:, None, None] + sums[IMMOBILITY][None, :, None] + sums[FALL] + sums[OTHER][0]
        )
        return every

    def allowed(self, cases: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Combinations that keep the floor of detection on these cases, with a margin for those not seen."""
        every = self.found.agree[:, :, None] & np.ones(len(self._fall_s), bool)
        for family in FAMILIES:
            kept, of = self._kept(family, cases)
            if not of:
                continue
            above = kept_at_least(kept, of, self.goal.confidence) >= self.goal.floor
            every = every & (above[None, None, :] if family == FALLEN else above[:, :, None])
        return every

    def _kept(self, family: str, cases: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
        """How many of those that the reference finds are found, by option; and how many that is."""
        ours = cases & (self.found.family == family)
        first_s = self._fall_s[:, ours] if family == FALLEN else self._first_s[:, :, ours]
        by_reference = np.isfinite(first_s[(0,) * (first_s.ndim - 1)])
        return (np.isfinite(first_s) & by_reference).sum(axis=-1), int(by_reference.sum())

    def mean_s(self, cases: NDArray[np.bool_]) -> Array:
        """Mean time of every combination until help is called, all families alike; who is missed waits longest."""
        missed_s = self.found.missed_s
        every = np.zeros((*self._first_s.shape[:2], len(self._fall_s)))
        families = 0
        for family in FAMILIES:
            ours = cases & (self.found.family == family)
            if not self._kept(family, cases)[1]:
                continue  # who is not found by the default either says nothing of what to choose
            families += 1
            if family == FALLEN:
                every += np.minimum(self._fall_s[:, ours], missed_s).mean(axis=1)[None, None, :]
            else:
                every += np.minimum(self._first_s[:, :, ours], missed_s).mean(axis=2)[:, :, None]
        return every / max(1, families)

    def choose(self, permitted: int, pieces: NDArray[np.bool_], cases: NDArray[np.bool_]) -> Index | None:
        """The combination that finds people soonest within half of what is permitted; None where none does.

        What is a step keener must stay within all of it, where any combination does so: work may be slower or
        stiller another day.
        """
        total = self.total(pieces)
        fit = self.allowed(cases) & (total <= permitted // 2)
        fits = np.argwhere(fit & (self.total(pieces, of_keener=True) <= permitted))
        if not len(fits):
            fits = np.argwhere(fit)
        if not len(fits):
            return None
        at = tuple(fits.T)
        # Equal to a tenth of a second: the fewest false ones, then the least departure from the default.
        order = np.lexsort((fits.sum(axis=1), total[at], np.round(self.mean_s(cases)[at], 1)))
        v, i, f = fits[order[0]]
        return int(v), int(i), int(f)

    def least(self, cases: NDArray[np.bool_]) -> int:
        """Fewest false pre-alarms of any combination above the floor."""
        everything = np.ones(len(self.found.pieces.hours), bool)
        return int(self.total(everything)[self.allowed(cases)].min())

    def curve(self) -> list[Point]:
        """The soonest help at each number of false pre-alarms: what more disturbance buys. Floors are not applied."""
        total, mean_s = self._plane()
        order = np.lexsort((mean_s.ravel(), total.ravel()))
        points: list[Point] = []
        best = np.inf
        for at in order:
            if mean_s.flat[at] < best - 0.05:
                best = float(mean_s.flat[at])
                v, i, f = (int(n) for n in np.unravel_index(at, total.shape))
                points.append(self.point((v, i, f)))
        return points

    def cloud(self) -> list[tuple[float, float, float]]:
        """Some of all combinations, for a picture: false pre-alarms a shift, mean s, the lowest share kept."""
        total, mean_s = self._plane()
        lowest = np.ones(total.shape)
        for family in FAMILIES:
            kept, of = self._kept(family, np.ones(len(self.found.cases), bool))
            if of:
                lowest = np.minimum(lowest, (kept[None, None, :] if family == FALLEN else kept[:, :, None]) / of)
        per_shift = total / self.found.pieces.hours.sum() * SHIFT_H
        agreeing = np.flatnonzero(np.isfinite(mean_s))
        some = np.random.default_rng(1).permutation(agreeing)[:_CLOUD]
        return [(float(per_shift.flat[at]), float(mean_s.flat[at]), float(lowest.flat[at])) for at in some]

    def _plane(self) -> tuple[NDArray[np.int64], Array]:
        """False pre-alarms and mean s of every combination, infinite where its settings do not agree."""
        total = self.total(np.ones(len(self.found.pieces.hours), bool))
        mean_s = self.mean_s(np.ones(len(self.found.cases), bool))
        return total, np.where(self.found.agree[:, :, None], mean_s, np.inf)

    def point(self, index: Index) -> Point:
        """Where a combination lies."""
        total, mean_s = self._plane()
        return self._point(index, int(total[index]), float(mean_s[index]))

    def _point(self, index: Index, false: int, mean_s: float) -> Point:
        cases = np.ones(len(self.found.cases), bool)
        kept = {}
        for family in FAMILIES:
            counts, of = self._kept(family, cases)
            if of:
                kept[family] = round(float(counts[index[2:] if family == FALLEN else index[:2]]) / of, 4)
        per_shift = false / self.found.pieces.hours.sum() * SHIFT_H
        return Point(false, round(float(per_shift), 3), kept, round(mean_s, 1), shown(self.found.settings(index)))


def figures(one: Counted, by: Counted, found: Evidence, confidence: float) -> Figures:
    """The figures of settings, their detection beside that of the reference `by`."""
    hours = float(found.pieces.hours.sum())
    false = int(one.false.sum())
    upper = upper_per_shift(false, hours, confidence)
    every = np.ones(len(found.cases), bool)
    return Figures(
        shown(one.settings), hours, false, upper, one.by_cause, detection(one.first_s, by.first_s, found, every)
    )


def detection(first_s: Array, by_s: Array, found: Evidence, cases: NDArray[np.bool_]) -> dict[str, Detection]:
    """Who was found, by family."""
    rows = {}
    for family in FAMILIES:
        ours = cases & (found.family == family)
        if ours.any():
            mine, theirs = np.isfinite(first_s[ours]), np.isfinite(by_s[ours])
            mean_s = round(float(first_s[ours][mine].mean()), 1) if mine.any() else None
            rows[family] = Detection(
                int(ours.sum()), int(mine.sum()), int(theirs.sum()), int((mine & theirs).sum()), mean_s
            )
    return rows


def decide(found: Evidence, before: dict[str, object], goal: Goal, sweep: Sweep) -> Result:
    """Choose for a post, check the choice by replay and on what it was not given, and say whether it holds."""
    search = Search(found, goal)
    hours = float(found.pieces.hours.sum())
    result = Result(found.post.name, hours, found.post.wearers, goal, combinations=found.combinations)
    result.held_out_by, result.folds = found.pieces.by, found.pieces.folds
    result.curve, result.cloud = search.curve(), search.cloud()
    result.points["default"] = search.point((0, 0, 0))
    permitted = max(0, most_permitted(hours, goal.target, goal.confidence))
    pieces, cases = np.ones(len(found.pieces.hours), bool), np.ones(len(found.cases), bool)
    chosen = search.choose(permitted, pieces, cases)
    by_fold: list[Index] = []
    if chosen is not None:
        for fold in range(result.folds):
            without = search.choose(permitted, found.pieces.fold != fold, found.case_fold != fold)
            by_fold.append(without or (0, 0, 0))
    many = [reference(found.given).as_dict(), before, *(found.settings(at) for at in [chosen, *by_fold] if at)]
    counted = _counted(found, many, sweep)
    result.reference = figures(counted[0], counted[0], found, goal.confidence)
    result.before = figures(counted[1], counted[0], found, goal.confidence)
    if chosen is None:
        nothing_fits(result, search.least(cases), permitted // 2)
        return result
    result.settings = found.settings(chosen)
    result.points["chosen"] = search.point(chosen)
    result.after = figures(counted[2], counted[0], found, goal.confidence)
    result.agreeing_folds = sum(at == chosen for at in by_fold)
    result.held_out = _held_out(result, found, counted[0], counted[3:])
    judge(result)
    return result


def measured(
    result: Result, post: Post, given: Mapping[str, object], before: Mapping[str, object], sweep: Sweep
) -> Result:
    """Add what the settings did `before` to a result that can say no more."""
    found = Evidence(post, dict(given), [], divide(post.work), {})
    found.work_jobs = [work_job(one, given) for one in post.work]
    counted = count(found, [before], sweep)[0]
    result.before = figures(counted, counted, found, result.goal.confidence)
    return result


def _counted(found: Evidence, many: Sequence[dict[str, object]], sweep: Sweep) -> list[Counted]:
    """As `count`, each different combination replayed once."""
    distinct: list[dict[str, object]] = []
    for settings in many:
        if settings not in distinct:
            distinct.append(settings)
    counted = count(found, distinct, sweep)
    return [counted[distinct.index(settings)] for settings in many]


def _held_out(result: Result, found: Evidence, by: Counted, folds: Sequence[Counted]) -> Figures:
    """Figures of the choices made without each fold, on that fold, all folds together."""
    false = np.zeros(len(found.pieces.hours), np.int64)
    first_s = np.full(len(found.cases), np.inf)
    for fold, one in enumerate(folds):
        ours = found.pieces.fold == fold
        false[ours] = one.false[ours]
        ours = found.case_fold == fold
        first_s[ours] = one.first_s[ours]
    hours = found.pieces.hours
    result.dispersion = dispersion([int(n) for n in false], [float(h) for h in hours])
    upper = upper_per_shift(int(false.sum()), float(hours.sum()), result.goal.confidence, result.dispersion)
    every = np.ones(len(found.cases), bool)
    return Figures({}, float(hours.sum()), int(false.sum()), upper, {}, detection(first_s, by.first_s, found, every))
