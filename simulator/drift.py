"""How a device's accelerometer has changed since it was commissioned, from its readings at rest, as time goes on.

Every week the readings of the last months are fitted together with those of the first sessions (`ellipsoid`): one
offset and gain then, a change of both since, the speed of the offset, its dependence on temperature. Between the weeks
a CUSUM of what the last fit did not foresee finds steps. What is found on a day rests on nothing that came later.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.charts import Watch
from simulator.drift_effect import Lean, sensitivity_shares
from simulator.drift_states import YEAR_DAYS, Change, Course, Readings, Rules, State
from simulator.ellipsoid import GRAVITY_MG, Array, Fit, fit

_WEEK_DAYS = 7.0
_WINDOW_DAYS = 120.0
_LEAST_IN_WINDOW = 8
_NO_STANDING = 60  # readings that stand for the first sessions of a device that never recorded one
_RECENT = 10  # self-tests whose median is the one of now
_NOISES = 90  # readings of which the calmest tell the noise of now
_CALM = 0.1  # of them are as calm

# Priors: what may be before anything is read. LIS3DH data sheet: offset 40 mg typical, 0.5 mg/K; the others assumed.
_FIRST_OFFSET_MG = 60.0
_CHANGE_MG = 30.0
_CHANGE_AFTER_STEP_MG = 150.0
_SPEED_MG = 60.0  # a year
_PER_KELVIN_MG = 0.7
_FIRST_GAIN = 0.02
_GAIN_CHANGE = 0.02
_GAIN_SPEED = 0.05  # a year
_GAIN_CHANGE_TESTED = 0.01  # around what the self-test says: the same spring holds the mass
_ZERO_MG = 15.0  # how well a zero that was set is believed
_ZERO_MOVED_MG = 3  # less is no re-zeroing

_STEP_CHI2 = 40.0  # what a step must explain, in squared standard deviations
_STEP_MG = 15.0  # and its least size
_JUMP_MG = 100.0  # prior of its size
_EARLIER = 12  # readings before the signal at which it may have been
_BEFORE_STEP = 40  # readings before it that a slow change would have to explain, too
_LEAST_SCATTER_MG = 4.0
# The sensor's own steps (16 mg) are no noise: a device that always lies on one table errs the same way each time.
_STEPS_LEAVE_MG = 2.0


def follow(readings: Readings, rules: Rules) -> Course:
    """Go through a device's life."""
    course = Course(readings, rules)
    standing = np.flatnonzero(readings.standing)
    course.zeroed = len(standing) > 0
    enough = len(standing) > rules.sessions if course.zeroed else len(readings) > _NO_STANDING
    if not enough:
        return course
    course.commissioned = int(standing[rules.sessions]) if course.zeroed else _NO_STANDING
    _Follower(course).run()
    return course


class _Follower:
    def __init__(self, course: Course) -> None:
        readings, rules = course.readings, course.rules
        self.course = course
        self.readings = readings
        self.rules = rules
        self.first = slice(0, course.commissioned)
        self.raw_mg = readings.raw_mg
        self.warmth_k = np.zeros(len(readings))  # from the middle of what has been seen
        up = readings.mean_mg[self.first][readings.standing[self.first]] if course.zeroed else [rules.worn_up]
        self.lean = Lean(np.median(np.asarray(up), axis=0), rules.threshold_deg, zeroed=course.zeroed)
        self.first_noise = self._noise(course.commissioned)
        self.tested = np.asarray(np.isfinite(readings.self_test_mg).all(axis=1))
        early = readings.self_test_mg[self.first][self.tested[self.first]]
        self.self_test_mg = np.median(early, axis=0) if len(early) else np.full(3, np.nan)
        self.window_from = course.commissioned
        self.fit: Fit | None = None
        self.fit_day = 0.0
        self.watches = [Watch() for _ in range(3)]

    def run(self) -> None:
        day = self.readings.day
        end = len(day)
        done = self.course.commissioned
        self._evaluate(done)
        self.course.first = self.fit
        while done < end:
            until = int(np.searchsorted(day, max(self.fit_day + _WEEK_DAYS, day[done]), side="right"))
            step_found = self._watch(done, max(done + 1, until))
            done = step_found if step_found is not None else max(done + 1, until)
            self._evaluate(done)
        self.course.last = self.fit

    def _evaluate(self, end: int) -> None:
        """Fit what is known after `end` readings."""
        readings, course = self.readings, self.course
        now = float(readings.day[end - 1])
        warmth_c = readings.temperature_c
        if np.isfinite(warmth_c[:end]).any():
            self.warmth_k = np.nan_to_num(warmth_c - np.nanmedian(warmth_c[:end]))
        begin = max(self.window_from, int(np.searchsorted(readings.day, now - _WINDOW_DAYS)))
        begin = min(begin, max(self.window_from, end - _LEAST_IN_WINDOW))
        rows = np.r_[self.first, begin:end] if begin < end else np.r_[self.first]
        late = (rows >= course.commissioned).astype(float)
        years = late * (readings.day[rows] - now) / YEAR_DAYS
        offset_basis = np.column_stack([np.ones(len(rows)), late, years, self.warmth_k[rows]])
        gain_basis = offset_basis[:, :3]
        stepped = any(change.kind == "step" for change in course.changes)
        change_mg = _CHANGE_AFTER_STEP_MG if stepped else _CHANGE_MG
        offset_sd = np.repeat([[_FIRST_OFFSET_MG], [change_mg], [_SPEED_MG], [_PER_KELVIN_MG]], 3, axis=1)
        self_test = self._self_test(end)
        gain_sd = np.repeat([[_FIRST_GAIN], [_GAIN_CHANGE], [_GAIN_SPEED]], 3, axis=1)
        gain_sd[1, np.isfinite(self_test)] = _GAIN_CHANGE_TESTED
        centre = np.zeros((3, 3))
        centre[1] = np.where(np.isfinite(self_test), self_test - 1, 0.0)
        self.fit = fit(
            self.raw_mg[rows], offset_basis, gain_basis, offset_sd, gain_sd,
            gain_centre=centre, beliefs=self._believed(end, now), start=self.fit,
        )  # fmt: skip
        self.fit_day = now
        course.states.append(self._state(end, now, offset_sd, gain_sd, self_test))

    def _believed(self, end: int, now: float) -> tuple[Array, Array, Array] | None:
        """A zero that was set says what the offset was."""
        rezeroed = self._rezeroed(end)
        if rezeroed is None or self.window_from > rezeroed:
            return None
        years = (self.readings.day[rezeroed] - now) / YEAR_DAYS
        rows = np.hstack([np.eye(3), np.eye(3), years * np.eye(3), np.zeros((3, 3))])
        return rows, self.readings.zero_mg[rezeroed], np.full(3, _ZERO_MG + _SPEED_MG * abs(years))

    def _rezeroed(self, end: int) -> int | None:
        """Index of the first reading with the zero that now holds, if it was set after commissioning."""
        zero = self.readings.zero_mg
        other = np.flatnonzero(np.abs(zero[:end] - zero[end - 1]).max(axis=1) >= _ZERO_MOVED_MG)
        if not len(other) or other[-1] + 1 <= self.course.commissioned:
            return None
        at = int(other[-1]) + 1
        known = [change for change in self.course.changes if change.kind == "re-zeroed"]
        if not known or known[-1].day != self.readings.day[at]:
            by = zero[end - 1] - zero[at - 1]
            self.course.changes.append(Change("re-zeroed", self.readings.day[at], self.readings.day[end - 1], by))
        return at

    def _noise(self, end: int) -> tuple[float, float, float]:
        """What the device shows where nobody wears it or its wearer is calmest, with a deviation; and in the middle."""
        recent = self.readings.noise_mg[max(0, end - _NOISES) : end]
        recent = recent[np.isfinite(recent)]
        if not len(recent):
            return 0.0, np.inf, 0.0
        spread = np.sqrt(_CALM * (1 - _CALM) / len(recent))
        least, calm, most, middle = np.quantile(recent, [max(0.0, _CALM - spread), _CALM, _CALM + spread, 0.5])
        return float(calm), max(0.5, float(most - least) / 2), float(middle)

    def _noise_now(self, end: int) -> tuple[float, float]:
        """Noise and its deviation. A sensor's own noise shows in calm moments and others: in one alone it is wear."""
        calm_mg, sd_mg, middle_mg = self._noise(end)
        first_mg, first_sd_mg, first_middle_mg = self.first_noise
        return first_mg + min(calm_mg - first_mg, middle_mg - first_middle_mg), float(np.hypot(sd_mg, first_sd_mg))

    def _self_test(self, end: int) -> Array:
        recent = np.flatnonzero(self.tested[:end])[-_RECENT:]
        if not len(recent) or not np.isfinite(self.self_test_mg).all():
            return np.full(3, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.median(self.readings.self_test_mg[recent], axis=0) / self.self_test_mg

    def _state(self, end: int, now: float, offset_sd: Array, gain_sd: Array, self_test: Array) -> State:
        found = self.fit
        assert found is not None
        readings, rules = self.readings, self.rules
        offset_at = slice(3, 6)
        gain_at = slice(found.offsets_mg.size + 3, found.offsets_mg.size + 6)
        built_mg = found.offsets_mg[0] + found.offsets_mg[1]
        covariance = found.covariance
        offset_mg = found.offsets_mg[1]
        picked = np.r_[offset_at, gain_at]
        if self._rezeroed(end) is not None:
            offset_mg = built_mg - readings.zero_mg[end - 1]
            join = np.zeros((6, len(covariance)))
            join[np.arange(6), picked] = 1
            join[np.arange(3), np.arange(3)] = 1
            spread = join @ covariance @ join.T
        else:
            spread = covariance[np.ix_(picked, picked)]
        gain = found.gains[1]
        spread = spread + np.diag([_STEPS_LEAVE_MG**2] * 3 + [(_STEPS_LEAVE_MG / GRAVITY_MG) ** 2] * 3)
        sd = np.sqrt(np.diag(spread))
        known = sd < 0.5 * np.concatenate([offset_sd[1], gain_sd[1]])
        error_deg, slope = self.lean.error(offset_mg, gain)
        speed_at = slice(6, 9)
        rate = float(slope[:3] @ found.offsets_mg[2]) / YEAR_DAYS
        rate_sd = float(np.sqrt(slope[:3] @ covariance[speed_at, speed_at] @ slope[:3])) / YEAR_DAYS
        noise_mg, noise_sd_mg = self._noise_now(end)
        gain_percent, noise_percent = sensitivity_shares(gain, noise_mg - self.first_noise[0], rules.limit_mg)
        steps = [c for c in self.course.changes if c.kind == "step" and c.day >= now - YEAR_DAYS]
        by_steps = float(slope[:3] @ np.sum([c.by_mg for c in steps], axis=0)) if steps else 0.0
        return State(
            day=now, offset_mg=offset_mg, offset_sd_mg=sd[:3], gain=gain, gain_sd=sd[3:], known=known,
            built_offset_mg=built_mg, per_kelvin_mg=found.offsets_mg[3],
            error_deg=error_deg, error_sd_deg=float(np.sqrt(slope @ spread @ slope)),
            rate_deg=rate, rate_sd_deg=rate_sd,
            gain_percent=gain_percent, gain_sd_percent=100 * float(sd[3:][np.argmax(np.abs(gain))]),
            noise_mg=noise_mg, noise_percent=noise_percent,
            noise_sd_percent=100 * noise_sd_mg / rules.limit_mg,
            self_test=self_test, scatter_mg=found.scale_mg,
            step_share=by_steps / error_deg if error_deg else 0.0,
        )  # fmt: skip

    def _watch(self, begin: int, end: int) -> int | None:
        """Look for a step in readings that the last fit did not know; where it is found, how many were looked at."""
        found = self.fit
        assert found is not None
        rows = slice(begin, end)
        surplus_mg, up = self._surplus(rows)
        scatter_mg = max(found.scale_mg, _LEAST_SCATTER_MG)
        axes = np.argmax(np.abs(up), axis=1)
        signs = np.sign(up[np.arange(len(up)), axes])
        for number, (axis, sign, surplus) in enumerate(zip(axes, signs, surplus_mg, strict=True), begin):
            began = self.watches[axis].add(number, float(sign * surplus) / scatter_mg)
            if began is None:
                continue
            for watch in self.watches:
                watch.reset()
            if self._is_step(began, number + 1, scatter_mg):
                return number + 1
        return None

    def _surplus(self, rows: slice) -> tuple[Array, Array]:
        """By how much readings exceed 1 g under the last fit, and where up is."""
        found = self.fit
        assert found is not None
        years = ((self.readings.day[rows] - self.fit_day) / YEAR_DAYS)[:, None]
        offsets = found.offsets_mg
        offset_mg = offsets[0] + offsets[1] + years * offsets[2] + self.warmth_k[rows, None] * offsets[3]
        gains = found.gains
        true_mg = (self.raw_mg[rows] - offset_mg) / (1 + gains[0] + gains[1] + years * gains[2])
        length_mg = np.linalg.norm(true_mg, axis=1)
        return length_mg - GRAVITY_MG, true_mg / np.maximum(length_mg, 1.0)[:, None]

    def _is_step(self, began: int, end: int, scatter_mg: float) -> bool:
        """Whether a step at reading `began` explains what followed, better than the same change bit by bit."""
        found = self.fit
        assert found is not None
        begin = max(began - _BEFORE_STEP, self.window_from)
        surplus_mg, up = self._surplus(slice(begin, end))
        surplus_mg = surplus_mg / scatter_mg
        day = self.readings.day
        growing = ((day[begin:end] - day[begin]) / max(day[end - 1] - day[begin], 0.1))[:, None]
        slowly, _ = _explained(surplus_mg, up * growing / scatter_mg)
        # The axis that signalled may not have been the first to show it.
        explained, by_mg, began = max(
            (
                (*_explained(surplus_mg, up * (np.arange(begin, end) >= start)[:, None] / scatter_mg), start)
                for start in range(max(begin, began - _EARLIER), began + 1)
            ),
            key=lambda found: found[0],
        )
        if explained < max(_STEP_CHI2, slowly) or np.abs(up[began - begin :] @ by_mg).max() < _STEP_MG:
            return False
        self.course.changes.append(Change("step", float(day[began]), float(day[end - 1]), by_mg))
        self.window_from = began
        self.fit = replace(found, offsets_mg=found.offsets_mg + np.outer([0, 1, 0, 0], by_mg))
        return True


def _explained(surplus: Array, rows: Array) -> tuple[float, Array]:
    """By how much a change lessens the squares of what was not foreseen; and the change (3,)."""
    by_mg = np.linalg.solve(rows.T @ rows + np.eye(3) / _JUMP_MG**2, rows.T @ surplus)
    left = surplus - rows @ by_mg
    return float(surplus @ surplus - left @ left), by_mg
