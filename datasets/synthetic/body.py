"""The physics of motion pieces: posture, support, and pushes, joined on a timeline (see the package)."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from simulator.sensor_model import SensorModel
from simulator.trace import INPUTS, Input, Recording

Array = NDArray[np.float64]

RATE_HZ = 400  # of the simulated truth
G = 9.80665  # m/s2
FRONT_END_MG = 16000  # beyond its widest range a MEMS part saturates before any digital filter sees the shock
NOISE_MG_PER_ROOT_HZ = 0.22  # LIS3DH data sheet: 220 ug/sqrt(Hz)

# The body's direction that goes down when it leans so.
DOWN = {"forward": (0, 0, 1), "backward": (0, 0, -1), "left": (1, 0, 0), "right": (-1, 0, 0)}


def leaning(toward: str, tilt_deg: float) -> Array:
    """Unit vector up, seen from a body that leans `tilt_deg` (0 to 180) `toward` a key of `DOWN`."""
    tilt = np.radians(tilt_deg)
    return np.cos(tilt) * np.array([0.0, 1.0, 0.0]) - np.sin(tilt) * np.array(DOWN[toward], float)


def smooth(progress: Array) -> Array:
    """Minimum-jerk course from 0 to 1 (Flash and Hogan 1985), as of a deliberate movement."""
    p = np.clip(progress, 0, 1)
    return p**3 * (10 - 15 * p + 6 * p**2)


def half_sine(width_s: float) -> Array:
    """A pulse of unit area over time in s: the simplest shape of an elastic stop."""
    n = max(1, round(width_s * RATE_HZ))
    pulse = np.sin(np.pi * (np.arange(n) + 0.5) / n)
    return pulse / pulse.sum() * RATE_HZ


def add_at(target: Array, at: int, piece: Array) -> None:
    """Add `piece` into `target` from index `at` on; what sticks out at the end is left out."""
    room = target[at : at + len(piece)]
    room += piece[: len(room)]


class Body:
    """What carries the device: the motion so far, and the physics by which pieces are appended to it.

    `seed` fixes every random draw. `mount` = (toward, tilt_deg) is how crooked the device sits on the belt.
    Durations are s, angles deg from upright, accelerations mg, frequencies Hz.
    """

    def __init__(self, seed: int, mount: tuple[str, float] = ("forward", 0.0)) -> None:
        self.seed = seed
        self.onset_ms: int | None = None  # of the first fall
        self.impact_ms: int | None = None
        self.inputs: list[Input] = []
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._mount = mount
        self._pieces: list[Array] = []
        self._samples = 0
        self._up = leaning("forward", 0)
        self._vibration: tuple[float, float, Array] | None = None
        self._breath_hz = self._rng.uniform(0.2, 0.3)
        self._breath_mg = self._rng.uniform(5, 10)

    # --- what others read ---

    @property
    def t_ms(self) -> int:
        """Time of the end of the motion so far."""
        return round(self._samples * 1000 / RATE_HZ)

    @property
    def up(self) -> Array:
        """Unit vector up, seen from the body (or from the device, once it is off the body), shape (3,)."""
        return self._up.copy()

    def truth_mg(self) -> Array:
        """What an ideal sensor mounted so would read: float mg, shape (n, 3), 400 Hz."""
        return np.concatenate(self._pieces) @ self._mounting()

    def recording(self, id: str, rate_hz: float = 50, range_mg: int = 8000, **fields: object) -> Recording:
        """What the device's LIS3DH reads of it: int16 mg, 4 mg steps, with its noise.

        `fields` go to the `Recording` as they are. The orientation, inputs and times are the wearer's.
        """
        truth = np.clip(self.truth_mg(), -FRONT_END_MG, FRONT_END_MG)
        up = np.rint(1000 * leaning("forward", 0) @ self._mounting())
        given: dict[str, object] = {
            "dataset": "synthetic",
            "licence": "Apache-2.0",
            "placement": "waist",
            "up": tuple(int(v) for v in up),
            "onset_ms": self.onset_ms,
            "impact_ms": self.impact_ms,
            "inputs": tuple(sorted(self.inputs, key=lambda given: given.t_ms)),
        } | fields
        samples = np.rint(truth).astype(np.int16)
        real = Recording(id, samples=samples, rate_hz=RATE_HZ, range_mg=FRONT_END_MG, **given)  # type: ignore[arg-type]
        noise_mg_rms = NOISE_MG_PER_ROOT_HZ * float(np.sqrt(rate_hz / 2))
        sensor = SensorModel(rate_hz, range_mg, lsb_mg=4, noise_mg_rms=noise_mg_rms, seed=self.seed)
        return replace(real, samples=sensor.apply(real), rate_hz=rate_hz, range_mg=range_mg)

    def does(self, what: str, value: int = 0, in_s: float = 0) -> Self:
        """Something is done to the device, `in_s` from now: a key of `INPUTS`."""
        if what not in INPUTS:
            raise ValueError(f"{what}: unknown input; known: {', '.join(INPUTS)}")
        self.inputs.append(Input(self.t_ms + round(1000 * in_s), what, value))
        return self

    # --- around the wearer ---

    def vibrate(self, base_hz: float, amplitude_mg: float) -> Self:
        """From now on a machine or conveyor shakes whatever happens: `base_hz` and its harmonics up to 50 Hz.

        `amplitude_mg` is the first harmonic's; the n-th has 1/n of it. The amplitude wavers slowly by a
        tenth. 0 mg: it stands still again.
        """
        direction = self._rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        self._vibration = (base_hz, amplitude_mg, direction) if amplitude_mg else None
        return self

    def onset(self) -> Self:
        """A fall begins here; only the first is noted."""
        if self.onset_ms is None:
            self.onset_ms = self.t_ms
        return self

    # --- how pieces are made ---

    def _count(self, duration_s: float) -> int:
        return max(1, round(duration_s * RATE_HZ))

    def _mounting(self) -> Array:
        """Rotation (3, 3) that takes a row vector in the wearer's frame into the device's."""
        toward, tilt_deg = self._mount
        down, up = np.array(DOWN[toward], float), np.array([0.0, 1.0, 0.0])
        tilt = np.radians(tilt_deg)
        lean = np.outer(up, np.cos(tilt) * up - np.sin(tilt) * down)
        lean += np.outer(down, np.cos(tilt) * down + np.sin(tilt) * up)
        side = np.cross(up, down)
        return lean + np.outer(side, side)

    def _edges(self, n: int, fade_s: float = 0.1) -> Array:
        """1 inside, 0 at both ends: pieces join without a step."""
        i = np.arange(n)
        return smooth(np.minimum(i, n - 1 - i) / min(fade_s * RATE_HZ, n / 2))

    def _noise(self, duration_s: float, rms_mg: float, low_hz: float, high_hz: float) -> Array:
        """Irregular motion (n, 3) in a band, `rms_mg` per axis; none if the piece is shorter than a cycle."""
        n = self._count(duration_s)
        spectrum = np.fft.rfft(self._rng.normal(size=(n, 3)), axis=0)
        hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
        inside = (hz >= low_hz) & (hz <= high_hz)
        spectrum[~inside] = 0
        share = inside.sum() / max(1, len(hz))
        scale = rms_mg / np.sqrt(share) if share else 0.0
        return np.fft.irfft(spectrum, n, axis=0) * scale * self._edges(n)[:, None]

    def _go(
        self,
        duration_s: float,
        end: Array | None = None,
        course: Array | None = None,
        support: Array | None = None,
        push: Array | None = None,
    ) -> Self:
        """Append a piece: posture goes to `end` along `course` (n; 0: here, 1: there, beyond 1: past it)."""
        n = self._count(duration_s)
        force = np.tile(self._up, (n, 1))
        if end is not None and course is not None:
            end = end / np.linalg.norm(end)
            across = end - (end @ self._up) * self._up
            if np.linalg.norm(across) < 1e-6:  # there already, or exactly opposite: any way round is as good
                across = np.cross(self._up, (0.6, 0.0, 0.8))
            across /= np.linalg.norm(across)
            angle = np.arccos(np.clip(end @ self._up, -1, 1)) * course[:, None]
            force = np.cos(angle) * self._up + np.sin(angle) * across
            self._up = end
        force = 1000 * force * (1.0 if support is None else support[:, None])
        if push is not None:
            force = force + push
        if self._vibration:
            base_hz, amplitude_mg, direction = self._vibration
            t = (self._samples + np.arange(n)) / RATE_HZ
            shake = sum(np.sin(2 * np.pi * base_hz * k * t + k) / k for k in range(1, int(50 / base_hz) + 1))
            shake *= amplitude_mg * (1 + 0.1 * np.sin(2 * np.pi * 0.17 * t))
            force = force + np.outer(shake, direction)
        self._pieces.append(force)
        self._samples += n
        return self

    def _turn(self, end: Array, duration_s: float, rise_m: float = 0, effort_mg: float = 20) -> Self:
        """Turn to `end` deliberately, the waist going up by `rise_m`, the muscles working irregularly."""
        n = self._count(duration_s)
        p = (np.arange(n) + 0.5) / n
        # The minimum-jerk course, derived twice.
        lift = rise_m / duration_s**2 * 60 * p * (1 - p) * (1 - 2 * p)
        push = self._noise(duration_s, effort_mg, 0.8, 6)
        return self._go(duration_s, end, smooth(p), 1 + lift / G, push)

    def _drop_and_hit(
        self,
        end: Array,
        drop_s: float,
        depth: float,
        hits: tuple[tuple[float, float, float], ...],
        settle_s: float,
        onset_s: float | None = None,
    ) -> Self:
        """Support goes by `depth` (0 to 1) within `onset_s` (a toppling body: all of `drop_s`), then it hits.

        Each hit is (s after the first touch, share, width in s); together they take away just the speed
        gained. Most of the turn to `end` is made by the first touch; it overshoots and settles within
        `settle_s`.
        """
        drop, settle = self._count(drop_s), self._count(settle_s)
        t = np.arange(drop + settle) / RATE_HZ
        since = t[drop:] - drop_s
        support = 1 - depth * np.clip(t / (onset_s or drop_s), 0, 1) ** 2
        support[drop:] = 1 - depth * np.clip(1 - since / 0.03, 0, 1)
        speed = (1 - support).sum() / RATE_HZ  # in g s
        push = np.zeros((len(t), 3))
        for after_s, share, width_s in hits:
            pulse = share * speed * half_sine(width_s)
            at = drop + self._count(after_s) - 1
            add_at(support, at, pulse)
            # What is strapped to a body rings sideways after a shock: a quarter of it, at 12 to 20 Hz, for
            # 0.1 s.
            ringing_hz = self._rng.uniform(12, 20)
            ringing = np.exp(-t / 0.05) * np.sin(2 * np.pi * ringing_hz * t) * self._edges(len(t))
            add_at(push, at, 250 * pulse.max() * np.outer(ringing, self._rng.normal(size=3)))
        limbs = np.exp(-since / 0.25) * depth
        push[drop:] += self._noise(settle_s, 130, 1, 6) * limbs[:, None]
        course = 0.8 * (t / drop_s) ** 2.2
        course[drop:] = 1 - 0.2 * np.exp(-since / 0.3) * np.cos(2 * np.pi * 2 * since)
        course[drop:] += (1 - course[drop:]) * smooth(since / settle_s)
        return self._go(len(t) / RATE_HZ, end, course, support, push * self._edges(len(t), 0.01)[:, None])
