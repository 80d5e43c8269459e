"""Immobility between two faults: a motionless worker who is not found, and a quiet worker who is disturbed.

Both are measured over the sensitivity, on the device's own code. The still side is motionless bodies, bare or shaken
by what a corpus measured on a vehicle's floor or by a machine; the shaking is added to the body's specific force,
before the sensor. The quiet side is recordings of people at work.

Limits: a floor's shaking reaches the device undamped; a machine shakes steadily along one direction; nothing else of
the body moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from dati import events as codes
from dati.tunables import TUNABLES
from numpy.typing import NDArray
from scipy.signal import resample_poly

from simulator.engines import Engine
from simulator.replay import Options, device_settings, make_job
from simulator.scoring import Estimate, hourly, share
from simulator.sensor_model import MAX_DENOMINATOR, SensorModel
from simulator.trace import Recording

Array = NDArray[np.float64]

SETTING = "immobility_sensitivity_mg"
DELAY_SETTING = "immobility_delay_ms"

BARE = "bare"
VEHICLE = "vehicle"
FILTERED = "machine, filtered"  # the sensor filters before it samples
FOLDED = "machine, folded"  # a bare sampler, which folds what is above half its rate
STILL_GROUPS = (BARE, VEHICLE, FILTERED, FOLDED)

VEHICLE_FLOOR = "vehicle floor"  # the placement of recordings of a vehicle's shaking
SYNTHETIC = "synthetic"
_POSTURES = (
    ("lying", re.compile(r"\blying\b|\blie\b|\bbed\b", re.IGNORECASE)),
    ("mobile", re.compile(r"walk|stairs|jog|run|jump", re.IGNORECASE)),
    ("seated", re.compile(r"\bseated\b|\bsitting\b|\bdesk\b|\bdriv", re.IGNORECASE)),
    ("standing", re.compile(r"\bstanding\b|\bpacking\b|\bbench\b", re.IGNORECASE)),
)

AFTER_DELAY_S = 60.0  # of stillness beyond the delay: later is not found
PROMPT_S = 2.0  # beyond the delay: about two beats
WORN_HOURS = 8.0
_BEYOND_DELAY_S = 30.0  # shorter recordings of quiet work hardly leave room for an alarm

CUTS_PER_RIDE = 4
# Acceleration of machines a worker may lie on, rms; 0.5 and 2.5 m/s2 are the exposure action values of Directive
# 2002/44/EC for the whole body and for hand and arm.
MACHINE_MS2 = (0.5, 1.0, 1.5, 2.0, 2.5)
_MACHINE_HZ = tuple(float(hz) for hz in range(5, 101, 5))
_FOLDED_HZ = (0.0, 0.3, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0)  # off a multiple of the rate: what it folds to
_HARMONICS = (1, 3)
_MG_PER_MS2 = 1000 / 9.80665
_FRONT_END_MG = 16000  # a MEMS part saturates before any digital filter sees the shock
_NOISE_MG_PER_ROOT_HZ = 0.22  # LIS3DH data sheet: 220 ug/sqrt(Hz)


def limits(setting: str) -> tuple[int, int, int]:
    """Default, lowest and highest value of a setting that is a number."""
    for name, _, default, lowest, highest, _ in TUNABLES:
        if name == setting and isinstance(default, int) and isinstance(lowest, int) and isinstance(highest, int):
            return default, lowest, highest
    raise KeyError(setting)


@dataclass(frozen=True)
class Body:
    """A motionless wearer: specific force, float mg, (n, 3), of which all after `still_since_ms` is breath."""

    name: str
    truth_mg: Array
    rate_hz: int
    still_since_ms: int
    seed: int

    @property
    def up(self) -> Array:
        """Of the still body, unit length."""
        return _unit(self.truth_mg[self.still_since_ms * self.rate_hz // 1000 :].mean(axis=0))


@dataclass(frozen=True)
class Still:
    """What the device reads of a motionless wearer, who is still since `still_since_ms`."""

    group: str
    recording: Recording
    still_since_ms: int


def machine_hz(rate_hz: float) -> list[float]:
    """Frequencies of machines, those among them that a bare sampler at `rate_hz` takes for slow motion."""
    folded = {multiple * rate_hz + side * off for multiple in (1, 2, 3, 4) for off in _FOLDED_HZ for side in (-1, 1)}
    return sorted({*_MACHINE_HZ, *(hz for hz in folded if 5 <= hz <= 105)})


def count_still(bodies: int, rides: int, rate_hz: float) -> int:
    """How many segments `still_segments` makes."""
    return bodies + rides * CUTS_PER_RIDE + 2 * len(_HARMONICS) * len(MACHINE_MS2) * len(machine_hz(rate_hz))


def still_segments(bodies: Sequence[Body], rides: Sequence[Recording], rate_hz: int) -> Iterator[Still]:
    """Every motionless wearer as the device would read it at `rate_hz`; bodies take turns under what shakes them.

    `rides` are recordings of a vehicle's floor.
    """
    for body in bodies:
        yield _sensed(BARE, "", body, 0.0, rate_hz)
    for number, ride in enumerate(rides):
        for cut in range(CUTS_PER_RIDE):
            body = bodies[(number * CUTS_PER_RIDE + cut) % len(bodies)]
            yield _sensed(VEHICLE, f" {ride.id} {cut}", body, ride_mg(ride, body, cut / (CUTS_PER_RIDE - 1)), rate_hz)
    number = 0
    for hz in machine_hz(rate_hz):
        for ms2 in MACHINE_MS2:
            for harmonics in _HARMONICS:
                body = bodies[number % len(bodies)]
                shaking = machine_mg(hz, ms2 * _MG_PER_MS2, harmonics, body, seed=number)
                number += 1
                for group in (FILTERED, FOLDED):
                    yield _sensed(group, f" {hz:g} Hz {ms2:g} m/s2 {harmonics} lines", body, shaking, rate_hz)


def ride_mg(ride: Recording, body: Body, part: float) -> Array:
    """What a vehicle's floor adds to the specific force of a body at rest on it, mg, as long as the body's.

    The ride's own gravity, its mean, is taken off, and its vertical turned to the body's. `part` (0 to 1) is where
    in the ride the cut lies; a ride that is too short goes back and forth.
    """
    accel_mg = ride.samples.astype(np.float64)
    mean_mg = accel_mg.mean(axis=0)
    ratio = Fraction(body.rate_hz / ride.rate_hz).limit_denominator(MAX_DENOMINATOR)
    accel_mg = resample_poly(accel_mg - mean_mg, ratio.numerator, ratio.denominator, axis=0, padtype="edge")
    start = round(part * max(0, len(accel_mg) - len(body.truth_mg)))
    at = np.arange(start, start + len(body.truth_mg)) % (2 * len(accel_mg))
    there: Array = accel_mg[np.minimum(at, 2 * len(accel_mg) - 1 - at)]
    return there @ turn(_unit(mean_mg), body.up)


def machine_mg(hz: float, rms_mg: float, harmonics: int, body: Body, seed: int) -> Array:
    """Steady shaking along one direction, an axis or any, mg, as long as the body's; the n-th harmonic has 1/n."""
    random = np.random.default_rng(seed)
    direction = np.eye(3)[seed % 4] if seed % 4 < 3 else random.normal(size=3)
    t_s = np.arange(len(body.truth_mg)) / body.rate_hz
    present = [n for n in range(1, harmonics + 1) if n * hz < body.rate_hz / 2]
    wave = np.zeros(len(t_s))
    for n in present:
        wave += np.sin(2 * np.pi * n * hz * t_s + random.uniform(0, 2 * np.pi)) / n
    power = sum(0.5 / n**2 for n in present)
    return np.outer(wave, rms_mg / np.sqrt(power) * _unit(direction))


def turn(start: Array, end: Array) -> Array:
    """The matrix (3, 3) that takes the row vector `start` to `end`, unit lengths, the shortest way (Rodrigues)."""
    cosine = float(start @ end)
    if cosine < -1 + 1e-9:  # opposite: half a turn about anything square to it
        aside = _unit(np.cross(start, np.eye(3)[np.argmin(np.abs(start))]))
        return 2 * np.outer(aside, aside) - np.eye(3)
    x, y, z = np.cross(start, end)
    cross = np.array([[0, z, -y], [-z, 0, x], [y, -x, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def _unit(vector: Array) -> Array:
    length = float(np.linalg.norm(vector))
    return vector / length if length else np.array([0.0, 0.0, 1.0])


def _sensed(group: str, shaken_by: str, body: Body, shaking_mg: Array | float, rate_hz: int) -> Still:
    truth_mg = np.clip(body.truth_mg + shaking_mg, -_FRONT_END_MG, _FRONT_END_MG)
    real = Recording(
        f"{body.name}, {group}{shaken_by}",
        SYNTHETIC,
        np.rint(truth_mg).astype(np.int16),
        body.rate_hz,
        _FRONT_END_MG,
        kind="still",
        placement="waist",
        up=(0, 1000, 0),
    )
    noise_mg_rms = _NOISE_MG_PER_ROOT_HZ * float(np.sqrt(rate_hz / 2))
    sensor = SensorModel(rate_hz, noise_mg_rms=noise_mg_rms, seed=body.seed, anti_alias=group != FOLDED)
    return Still(group, replace(real, samples=sensor.apply(real), rate_hz=rate_hz), body.still_since_ms)


def quiet_group(recording: Recording, delay_s: float) -> str | None:
    """Posture and placement of a recording of people alive and at work, long enough to tell; else None."""
    if recording.kind not in ("work", "adl") or recording.placement == VEHICLE_FLOOR:
        return None
    if recording.duration_s < delay_s + _BEYOND_DELAY_S:
        return None
    text = f"{recording.words} {recording.activity}"
    posture = next((name for name, words in _POSTURES if words.search(text)), "mobile")
    where = SYNTHETIC if recording.dataset == SYNTHETIC else re.sub(r"^(left|right) ", "", recording.placement)
    return f"{posture}, {where}"


@dataclass
class Found:
    """Motionless wearers of one group, at one sensitivity."""

    segments: int = 0
    found: int = 0
    prompt: int = 0  # of them within `PROMPT_S` of the delay
    worst_delay_s: float | None = None  # from the last motion to the pre-alarm, of those found

    def add(self, delay_s: float, took_s: float | None) -> None:
        self.segments += 1
        if took_s is not None:
            self.found += 1
            self.prompt += took_s <= delay_s + PROMPT_S
            self.worst_delay_s = max(took_s, self.worst_delay_s or 0.0)

    @property
    def share(self) -> Estimate:
        return share(self.found, self.segments)


@dataclass
class Disturbed:
    """Quiet work of one group, at one sensitivity."""

    recordings: int = 0
    hours: float = 0.0
    pre_alarms: int = 0

    @property
    def per_shift(self) -> Estimate:
        """Pre-alarms in `WORN_HOURS`, with their 95 % Poisson interval."""
        return hourly(self.pre_alarms, self.hours / WORN_HOURS)


class Tradeoff:
    """Both sides over the sensitivity; add to it segment by segment, read `still` and `quiet` at any time."""

    def __init__(
        self, engine: Engine, sensitivities_mg: Sequence[int], delay_s: float, settings: Mapping[str, object]
    ) -> None:
        self.engine = engine
        self.sensitivities_mg = tuple(sensitivities_mg)
        self.delay_s = delay_s
        alone: dict[str, object] = {name: False for name, unit, *_ in TUNABLES if unit == "switch"}
        self.settings = {
            **alone,
            **settings,
            "immobility_enabled": True,
            DELAY_SETTING: round(1000 * delay_s),
        }
        self.still: dict[str, dict[int, Found]] = {}
        self.quiet: dict[str, dict[int, Disturbed]] = {}

    def rate_hz(self) -> int:
        """Of the device. UserError where a setting is refused."""
        given = Recording("", "", np.zeros((1, 3), np.int16), 50, 2000)
        return device_settings(given, Options(self.settings)).rate_hz

    def add_still(self, segment: Still) -> None:
        replayed = self._pre_alarms_ms(segment.recording, worker_cancels=False)
        group = self.still.setdefault(segment.group, {mg: Found() for mg in self.sensitivities_mg})
        for mg, times_ms in replayed.items():
            after_s = [(t_ms - segment.still_since_ms) / 1000 for t_ms in times_ms]
            group[mg].add(self.delay_s, next((took_s for took_s in after_s if took_s > 0), None))

    def add_quiet(self, name: str, recording: Recording) -> None:
        replayed = self._pre_alarms_ms(recording, worker_cancels=True)
        group = self.quiet.setdefault(name, {mg: Disturbed() for mg in self.sensitivities_mg})
        for mg, times_ms in replayed.items():
            group[mg].recordings += 1
            group[mg].hours += recording.duration_s / 3600
            group[mg].pre_alarms += len(times_ms)

    def _pre_alarms_ms(self, recording: Recording, worker_cancels: bool) -> dict[int, list[int]]:
        """When pre-alarms began, by sensitivity. The sensor's work is done once for all of them."""
        job = make_job(replace(recording, inputs=()), Options(self.settings, worker_cancels))  # buttons are not motion
        jobs = [replace(job, settings={**job.settings, SETTING: mg}) for mg in self.sensitivities_mg]
        return {
            mg: [event.t_ms for event in result.events if event.code == codes.PRE_ALARM]
            for mg, result in zip(self.sensitivities_mg, self.engine.run(jobs), strict=True)
        }

    def as_json(self) -> dict[str, object]:
        return {
            "still": [
                {
                    "group": name,
                    "sensitivity_mg": mg,
                    "segments": one.segments,
                    "found": one.found,
                    "found_share": one.share.as_json(),
                    "prompt": one.prompt,
                    "prompt_share": share(one.prompt, one.segments).as_json(),
                    "worst_delay_s": one.worst_delay_s,
                }
                for name in STILL_GROUPS
                for mg, one in self.still.get(name, {}).items()
            ],
            "quiet": [
                {
                    "group": name,
                    "sensitivity_mg": mg,
                    "recordings": one.recordings,
                    "hours": round(one.hours, 4),
                    "pre_alarms": one.pre_alarms,
                    "pre_alarms_per_8_h": one.per_shift.as_json(),
                }
                for name in sorted(self.quiet)
                for mg, one in self.quiet[name].items()
            ],
        }
