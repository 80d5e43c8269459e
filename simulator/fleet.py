"""A made-up fleet: devices with the errors of their data sheet, aging, the seasons, and a few faults, over two years.

`python -m simulator.fleet` follows it and says how soon faults were flagged, and how often nothing was wrong.

From the LIS3DH data sheet (DocID17530 rev 2): zero-g offset 40 mg typical, 0.5 mg/K typical, 0.01 %/K, noise
220 ug/sqrt(Hz), steps of 16 mg at 8 g in normal mode. It gives no tolerance of the gain: 1 % is the LSM6DSOX's.
Assumed, for nobody publishes them: aging of 4 mg a year and axis with a walk of 2 mg in a year, the faults, how
devices are worn and lie, temperatures between 0 and 35 C, a self-test response near 350 mg that scatters by 1 %.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from dati.clock import stamp

from simulator.drift import follow
from simulator.drift_effect import Lean
from simulator.drift_states import YEAR_DAYS, Readings, Rules
from simulator.drift_verdict import Verdict, judge
from simulator.ellipsoid import Array

OFFSET_MG, PER_KELVIN_MG, GAIN, GAIN_PER_KELVIN = 40.0, 0.5, 0.01, 1e-4
NOISE_MG = 0.22 * np.sqrt(25)  # up to half of 50 Hz
STEP_MG = 16.0
NOISE_LEVEL = 0.6  # the detectors' level of a still device for each mg of the sensor's noise: they average 16 samples
AGING_MG, WALK_MG = 4.0, 2.0
SELF_TEST_MG, SELF_TEST_SCATTER = 350.0, 0.01
_BEGUN_DAY = 8767.0  # 2024-01-02
_WORKDAYS = 5 / 7 * 0.9
_STILL_A_DAY = 2.0  # still moments in ordinary use
_SAMPLES = 60  # that tell apart, of a minute of stillness
_SWAY_MG = 4.0  # of a person at rest: it spreads the readings over the sensor's steps

SLOW, DROPPED, NOISY, WEAK, REZEROED, HEALTHY = "slow drift", "dropped", "noise", "gain and self-test", "re-zeroed", ""
FAULTS = ((SLOW, 8), (DROPPED, 8), (NOISY, 4), (WEAK, 4), (REZEROED, 4))


@dataclass(frozen=True)
class Truth:
    """What was done to a device, and what nobody but its maker knows: true changes day by day."""

    fault: str
    fault_day: float
    day: Array
    error_deg: Array
    sensitivity_percent: Array
    rezeroed_day: float | None


@dataclass(frozen=True)
class Made:
    """A device of the fleet."""

    readings: Readings
    truth: Truth


def make(number: int, fault: str = HEALTHY, *, seed: int = 1, years: float = 2.0, rules: Rules | None = None) -> Made:
    """Device `number` over `years`; the same for the same seed."""
    rules = rules or Rules()
    random = np.random.default_rng([seed, number])
    days = np.arange(int(years * YEAR_DAYS), dtype=float)
    fault_day = float(random.uniform(0.25, 0.7) * len(days)) if fault else float("inf")
    since = np.clip(days - fault_day, 0, None) / YEAR_DAYS
    after = days >= fault_day

    first_mg = random.normal(0, OFFSET_MG, 3)
    first_gain = random.normal(0, GAIN, 3)
    per_kelvin_mg = random.normal(0, PER_KELVIN_MG, 3)
    aging_mg = random.normal(0, AGING_MG, 3) * (days[:, None] / YEAR_DAYS)
    aging_mg = aging_mg + np.cumsum(random.normal(0, WALK_MG / np.sqrt(YEAR_DAYS), (len(days), 3)), axis=0)
    change_mg, change_gain = aging_mg, np.zeros((len(days), 3))
    noise_factor = np.ones(len(days))
    weak = np.ones((len(days), 3))
    axis = int(random.choice(3, p=(0.2, 0.6, 0.2)))
    sign = random.choice((-1.0, 1.0))
    if fault in (SLOW, REZEROED):
        rate = random.uniform(50, 110) if fault == REZEROED else random.uniform(35, 110)
        change_mg = change_mg + np.outer(sign * rate * since, np.eye(3)[axis]) + np.outer(10 * since, (1, -1, 1))
    elif fault == DROPPED:
        by_mg = random.normal(0, 12, 3)
        by_mg[axis] = sign * random.uniform(45, 130)
        change_mg = change_mg + np.outer(after, by_mg)
    elif fault == NOISY:
        noise_factor = 1 + since * random.uniform(8, 20)
    elif fault == WEAK:
        loss = random.uniform(0.08, 0.2)
        weak = 1 - np.minimum(0.5, loss * since)[:, None] * np.eye(3)[axis]
        change_gain = weak - 1

    up = np.array([0.1, 1.0, 0.1]) + random.normal(0, 0.15, 3)
    lean = Lean(up, rules.threshold_deg)
    zero_mg = np.zeros((len(days), 3))
    rezeroed = None
    if fault == REZEROED:
        # In a drawer for the workshop some time after it went out of tolerance: in six positions, read to 3 mg.
        errors = [lean.exact_error(mg, np.zeros(3)) for mg in change_mg]
        beyond = np.flatnonzero(np.array(errors) > rules.tolerance_deg)
        at = min(len(days) - 60, int(beyond[0]) + 30) if len(beyond) else len(days) - 90
        zero_mg[at:] = np.rint(first_mg + change_mg[at] + random.normal(0, 3, 3))
        rezeroed = _BEGUN_DAY + at
    left_mg = np.where(zero_mg.any(axis=1, keepdims=True), first_mg + change_mg - zero_mg, change_mg)
    error_deg = np.array([lean.exact_error(mg, gain) for mg, gain in zip(left_mg, change_gain, strict=True)])
    level_mg = NOISE_LEVEL * NOISE_MG * (noise_factor - 1)
    percent = 100 * np.abs(change_gain).max(axis=1) + 100 * level_mg / rules.limit_mg

    readings = _read(
        number, random, days, up, first_mg + change_mg, (1 + first_gain) * (1 + change_gain), per_kelvin_mg,
        noise_factor, weak, zero_mg,
    )  # fmt: skip
    truth = Truth(fault, _BEGUN_DAY + fault_day, _BEGUN_DAY + days, error_deg, percent, rezeroed)
    return Made(readings, truth)


def _read(
    number: int, random: np.random.Generator, days: Array, up: Array, offset_mg: Array, gain: Array,
    per_kelvin_mg: Array, noise_factor: Array, weak: Array, zero_mg: Array,
) -> Readings:  # fmt: skip
    """Each working day a start of duty and a few still moments."""
    worked = np.flatnonzero(random.random(len(days)) < _WORKDAYS)
    counts = 1 + random.poisson(_STILL_A_DAY, len(worked))
    on = np.repeat(worked, counts)
    standing = np.zeros(len(on), bool)
    standing[np.cumsum(counts) - counts] = True
    day = days[on] + np.where(standing, 0.3, random.uniform(0.32, 0.7, len(on)))
    order = np.argsort(day, kind="stable")
    on, standing, day = on[order], standing[order], day[order]
    directions = _ways_to_lie(random, up, standing)

    season_c = 17 - 10 * np.cos(2 * np.pi * days / YEAR_DAYS) + random.normal(0, 4, len(days))
    warmth_c = np.clip(season_c[on] + random.normal(0, 2, len(on)), 0, 35)
    noise_mg = NOISE_MG * noise_factor[on]
    true_mg = 1000 * directions * gain[on] * (1 + GAIN_PER_KELVIN * (warmth_c - 20))[:, None]
    true_mg = true_mg + offset_mg[on] + np.outer(warmth_c - 20, per_kelvin_mg)
    # A device on a table gives one step of the sensor again and again, a person's sway spreads it over several.
    sway_mg = np.where(np.abs(directions).max(axis=1) > 0.995, 0.0, _SWAY_MG)
    spread_mg = np.hypot(noise_mg, sway_mg)[:, None, None]
    samples = true_mg[:, None, :] + spread_mg * random.standard_normal((len(on), _SAMPLES, 3))
    mean_mg = (STEP_MG * np.rint(samples / STEP_MG)).mean(axis=1)
    self_test_mg = SELF_TEST_MG * weak[on] * (1 + SELF_TEST_SCATTER * random.standard_normal((len(on), 3)))
    level_mg = NOISE_LEVEL * noise_mg + sway_mg + np.abs(random.normal(0, 1.0, len(on)))
    zero = zero_mg[on]
    return Readings(
        device=f"PTI-{number:03d}",
        day=_BEGUN_DAY + day,
        mean_mg=np.rint(mean_mg - zero),
        zero_mg=zero,
        self_test_mg=np.where(standing[:, None], np.rint(self_test_mg), np.nan),
        noise_mg=np.rint(10 * level_mg) / 10,
        temperature_c=np.rint(warmth_c),
        standing=standing,
    )


def _ways_to_lie(random: np.random.Generator, up: Array, standing: np.ndarray) -> Array:
    """Up in the sensor at each reading: as worn, leaning in a seat, or laid flat on one face or the other."""
    count = len(standing)
    worn = up + random.normal(0, 0.09, (count, 3))
    leaning = up + random.normal(0, 0.35, (count, 3))
    flat = np.tile([0.0, 0.0, 1.0], (count, 1))
    face = random.choice(np.array([1.0, 1.0, 1.0, -1.0]), count)
    flat = flat * face[:, None] + random.normal(0, 0.02, (count, 3))
    anyhow = random.normal(0, 1, (count, 3))
    way = random.choice(4, count, p=(0.45, 0.25, 0.25, 0.05))
    way[standing] = 0
    found = np.choose(way[:, None], (worn, leaning, flat, anyhow))
    return found / np.linalg.norm(found, axis=1)[:, None]


def date_of(days: float) -> str:
    """`2026-11-22` of days since 2000-01-01."""
    return stamp(int(days * 86400))[:10]


def kinds(count: int, seed: int = 1) -> list[str]:
    """The fault of each of `count` devices: FAULTS are of 200, and each comes once at least."""
    faults = [fault for fault, of_200 in FAULTS for _ in range(max(1, round(of_200 * count / 200)))][:count]
    faults += [HEALTHY] * (count - len(faults))
    return [str(fault) for fault in np.random.default_rng(seed).permutation(faults)]


@dataclass(frozen=True)
class Outcome:
    """What became of one device: the truth, the verdict at the end, days of flags and of what was true."""

    number: int
    fault: str
    fault_day: float
    crossed_day: float | None  # the truth left the tolerance
    verdict: Verdict
    false_days: list[float]  # flags where the truth stayed within 80 % of the tolerance for half a year
    steps: int
    rezeroed_day: float | None

    @property
    def flagged_day(self) -> float | None:
        return next((flag.day for flag in self.verdict.flags if flag.day not in self.false_days), None)


def live(number: int, fault: str, seed: int = 1, years: float = 2.0) -> Outcome:
    """Make a device, follow it, compare with the truth."""
    rules = Rules()
    made = make(number, fault, seed=seed, years=years)
    truth = made.truth
    course = follow(made.readings, rules)
    verdict = judge(course)
    share = np.maximum(truth.error_deg / rules.tolerance_deg, truth.sensitivity_percent / rules.tolerance_percent)
    crossed = np.flatnonzero(share > 1)

    def false(day: float) -> bool:
        near = (truth.day >= day - 14) & (truth.day <= day + _AHEAD_DAYS)
        # Of what would have been after the end of the records nobody knows: the last speed goes on.
        gained = max(0.0, float(share[-1] - share[-31])) / 30 * max(0.0, day + _AHEAD_DAYS - truth.day[-1])
        return max(float(share[near].max()), float(share[-1]) + gained) < _TRUE_SHARE and fault != WEAK

    return Outcome(
        number, fault, truth.fault_day, float(truth.day[crossed[0]]) if len(crossed) else None, verdict,
        [flag.day for flag in verdict.flags if false(flag.day)],
        sum(change.kind == "step" for change in course.changes),
        truth.rezeroed_day,
    )  # fmt: skip


_AHEAD_DAYS = 180.0
_TRUE_SHARE = 0.8


def run(count: int = 200, seed: int = 1, years: float = 2.0, workers: int = 1) -> list[Outcome]:
    """Every device of the fleet."""
    faults = kinds(count, seed)
    arguments = (range(count), faults, [seed] * count, [years] * count)
    if workers == 1:
        return list(map(live, *arguments))
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(live, *arguments, chunksize=5))


def report(outcomes: list[Outcome], years: float) -> list[str]:
    """The figures, in lines."""
    device_years = years * len(outcomes)
    false = sum(len(one.false_days) for one in outcomes)
    lines = [
        f"{len(outcomes)} devices, {device_years:g} device-years, {sum(bool(o.fault) for o in outcomes)} with a fault",
        "                           past    flagged   days ahead of the   days after the",
        "fault             devices  tolerance  before  tolerance, median (least)  fault, median",
    ]
    for fault in (SLOW, REZEROED, WEAK, NOISY, DROPPED):
        ones = [one for one in outcomes if one.fault == fault]
        crossed = [one for one in ones if one.crossed_day is not None]
        ahead = sorted(one.crossed_day - one.flagged_day for one in crossed if one.flagged_day and one.crossed_day)
        after = sorted(one.flagged_day - one.fault_day for one in ones if one.flagged_day)
        early = sum(days > 0 for days in ahead)
        lines.append(
            f"{fault:18}{len(ones):7}{len(crossed):11}{early:8}"
            f"{_middle(ahead):>19} ({_least(ahead):>4}){_middle(after):>16}"
        )
    missed = [one.number for one in outcomes if one.crossed_day is not None and one.flagged_day is None]
    told = [one for one in outcomes if one.flagged_day and one.fault in (SLOW, REZEROED, DROPPED)]
    right = sum((one.verdict.flags[0].kind == "step") == (one.fault == DROPPED) for one in told)
    steps = sum(one.steps for one in outcomes if one.fault != DROPPED)
    recovered = sum(_recovered(one) for one in outcomes)
    flagged = sum((one.flagged_day or np.inf) < (one.rezeroed_day or 0) for one in outcomes)
    return [
        *lines,
        f"past tolerance and never flagged: {len(missed)}{' ' + str(missed) if missed else ''}",
        f"false flags: {false}, {false / device_years:.4f} per device-year; steps seen where none was: {steps}",
        f"dropped and slowly drifting told apart: {right} of {len(told)}",
        f"re-zeroed after a flag and seen to recover: {recovered} of {flagged}",
    ]


def _recovered(one: Outcome) -> bool:
    day = one.rezeroed_day
    return day is not None and any(flag.until and flag.day <= day <= flag.until for flag in one.verdict.flags)


def _middle(values: list[float]) -> str:
    return f"{np.median(values):.0f}" if values else "-"


def _least(values: list[float]) -> str:
    return f"{values[0]:.0f}" if values else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--years", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    outcomes = run(arguments.count, arguments.seed, arguments.years, min(4, os.cpu_count() or 1))
    print("\n".join(report(outcomes, arguments.years)))


if __name__ == "__main__":
    main()
