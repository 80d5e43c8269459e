"""The motion pieces of a worker (figures and their sources: see the package)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np

from datasets.synthetic.body import RATE_HZ, Array, Body, G, add_at, half_sine, leaning, smooth

# Amplitude in mg of harmonics of the step rate, medians of SisFall D01 to D04, at four step rates (Hz).
_GAIT_HZ = (1.5, 1.95, 2.6, 2.75)
_GAIT_HARMONICS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
_GAIT = (
    (
        (87, 21, 36, 25, 35, 35, 31, 22),
        (10, 155, 20, 60, 51, 57, 39, 27),
        (18, 153, 19, 65, 60, 48, 16, 16),
    ),
    (
        (130, 31, 61, 40, 44, 37, 30, 27),
        (12, 389, 30, 94, 112, 63, 77, 49),
        (19, 228, 20, 118, 100, 90, 72, 41),
    ),
    (
        (60, 53, 114, 76, 74, 50, 44, 28),
        (34, 1090, 63, 162, 258, 190, 96, 56),
        (30, 320, 32, 79, 73, 124, 141, 113),
    ),
    (
        (68, 83, 202, 106, 122, 83, 59, 47),
        (51, 1315, 83, 362, 441, 195, 135, 66),
        (48, 360, 52, 190, 125, 129, 134, 120),
    ),
)
# A narrow line measures less than the motion carries, for steps are not evenly spaced: total SD over lines'
# SD.
_GAIT_SPREAD = 1.15


class Wearer(Body):
    """A worker with the device on the belt. Each method appends a piece of motion and returns the wearer.

    The first argument, `seed`, fixes every random draw; `mount` = (toward, tilt_deg) is how crooked the
    device sits on the belt. Durations are s, angles degrees from upright, accelerations mg, frequencies Hz.
    """

    # --- upright ---

    def stand(self, duration_s: float) -> Self:
        """Stand quietly: the sway of the body, a few mg at the waist below 1 Hz."""
        return self._go(duration_s, push=self._noise(duration_s, 3, 0.1, 1.0))

    def work_standing(self, duration_s: float) -> Self:
        """Work with the hands at a bench: leans 0 to 25 deg forward for some seconds at a time, arms move."""
        return self._work(duration_s, 60, lambda: leaning("forward", self._rng.uniform(0, 25)), (2, 5))

    def walk(self, duration_s: float, cadence_hz: float = 1.8) -> Self:
        """Walk (1.4 to 2.2 steps/s) or run (2.5 to 2.9): SisFall D01 to D04."""
        return self._gait(duration_s, cadence_hz)

    def run(self, duration_s: float, cadence_hz: float = 2.75) -> Self:
        """Run as for one's life: SisFall D04, jogging quickly."""
        return self._gait(duration_s, cadence_hz)

    def stairs(self, duration_s: float, cadence_hz: float = 1.4) -> Self:
        """Climb stairs: SisFall D05 has 1.37 steps/s, peak 1.6 to 2.2 g, and 150 mg at the stride rate."""
        return self._gait(duration_s, cadence_hz, limp_mg=150)

    def bend(self, tilt_deg: float = 60, hold_s: float = 2.5, toward: str = "forward") -> Self:
        """Bend at the hips, reach for something, come up again: SisFall D16."""
        before = self._up
        self._turn(leaning(toward, tilt_deg), self._rng.uniform(0.9, 1.5))
        self._go(hold_s, push=self._noise(hold_s, 25, 0.3, 4))
        return self._turn(before, self._rng.uniform(0.9, 1.5))

    def lean(self, tilt_deg: float, toward: str = "forward", duration_s: float = 1.0) -> Self:
        """Lean so far and stay so: the next piece goes on from there."""
        return self._turn(leaning(toward, tilt_deg), duration_s)

    def work_leaning(self, duration_s: float, tilt_deg: float = 25) -> Self:
        """Work leaning forward, give or take 4 deg."""
        wander = self._rng.uniform
        return self._work(duration_s, 40, lambda: leaning("forward", tilt_deg + wander(-4, 4)), (3, 6))

    def sway(self, tilt_deg: float, by_deg: float, duration_s: float) -> Self:
        """Sway about a forward lean, every 3 to 4 s once `by_deg` above and once below it."""
        end = self.t_ms + 1000 * duration_s
        while self.t_ms < end:
            for side in (1, -1):
                self._turn(leaning("forward", tilt_deg + side * by_deg), self._rng.uniform(1.5, 2))
        return self

    def crouch(self, hold_s: float = 4, tilt_deg: float = 25) -> Self:
        """Crouch, do something with the hands, stand up again: SisFall D15 leans 13 to 50 deg."""
        before = self._up
        self._turn(leaning("forward", tilt_deg), 1.2, rise_m=-0.5)
        self._go(hold_s, push=self._noise(hold_s, 30, 0.3, 4))
        return self._turn(before, 1.1, rise_m=0.5)

    def tie_shoes(self) -> Self:
        """Crouch and bend over one shoe, then the other, pulling at the laces."""
        for _ in range(2):
            self.crouch(self._rng.uniform(5, 7), tilt_deg=self._rng.uniform(60, 70))
            self.stand(0.6)
        return self

    def stumble(self) -> Self:
        """Trip while walking, and save oneself with two or three hard steps: SisFall D18."""
        before = self._up
        for _ in range(self._rng.integers(2, 4)):
            lean = leaning("forward", self._rng.uniform(12, 25))
            width_s = self._rng.uniform(0.05, 0.07)
            drop_s = self._rng.uniform(0.18, 0.26)
            self._drop_and_hit(lean, drop_s, 0.75, ((0, 1, width_s),), 0.25, onset_s=0.1)
        return self._turn(before, 0.8)

    def jump_down(self, height_m: float = 0.4) -> Self:
        """Jump from a step: free for sqrt(2 h/g), landing on the toes, then the heels: SisFall D19."""
        before = self._up
        fall_s = float(np.sqrt(2 * height_m / G))
        hits = ((0, 0.6, self._rng.uniform(0.08, 0.11)), (0.11, 0.4, 0.12))
        self._drop_and_hit(leaning("forward", 18), fall_s, 0.93, hits, 0.7, onset_s=0.05)
        return self._turn(before, 0.7)

    # --- seated, driving ---

    def sit(self, hard: bool = False) -> Self:
        """Sit down on a chair: slowly (SisFall D07) or hard (D08, D11), to lean back 12 deg."""
        back = leaning("backward", 12)
        if not hard:
            self._turn(leaning("forward", 32), 0.9, rise_m=-0.15)
            return self._turn(back, 1.1, rise_m=-0.3)
        self._turn(leaning("forward", 22), 0.4)
        width_s = self._rng.uniform(0.08, 0.11)
        return self._drop_and_hit(back, 0.42, 0.6, ((0, 1, width_s),), 0.8)

    def get_up(self) -> Self:
        """Stand up, from a chair or from the floor."""
        if self._up[1] < 0.5:
            self._turn(leaning("forward", 50), self._rng.uniform(1.8, 2.4), rise_m=0.4, effort_mg=80)
            return self._turn(leaning("forward", 0), 1.4, rise_m=0.5, effort_mg=60)
        self._turn(leaning("forward", 35), 0.9)
        return self._turn(leaning("forward", 0), 1.0, rise_m=0.45)

    def work_seated(self, duration_s: float) -> Self:
        """Quiet work on a chair: 10 mg of hand work at the waist, and every 8 to 20 s a shift of the body."""
        return self._work(duration_s, 10, lambda: leaning("backward", self._rng.uniform(-12, 20)), (8, 20))

    def drive(self, duration_s: float) -> Self:
        """Drive a van: seat, road, engine line, braking and bends, bumps, and the driver's own moving.

        A public set of tram and bus rides (board on the floor, etakerim/bachelor-thesis) has 10 to 30 mg
        rms in 1 to 3 Hz, 20 to 35 mg in 3 to 25 Hz, 50 to 100 mg of slow horizontal pushes.
        """
        push = self._noise(duration_s, 30, 1, 3) + self._noise(duration_s, 35, 4, 20)
        push += self._noise(duration_s, 60, 0.05, 0.4) * (1, 0.05, 1)
        t = np.arange(len(push)) / RATE_HZ
        push[:, 1] += self._edges(len(push)) * 12 * np.sin(2 * np.pi * 27 * t)
        for _ in range(int(duration_s / 10)):
            bump = np.sin(2 * np.pi * np.arange(48) / 48) * self._rng.uniform(150, 400)
            add_at(push[:, 1], int(self._rng.integers(0, len(push) - 100)), bump)
            # A junction: braking, pulling away or turning, 1.5 to 3 m/s2 for 2 to 3.5 s, begun within 0.3 s.
            manoeuvre = self._edges(self._count(self._rng.uniform(2, 3.5)), 0.3) * self._rng.uniform(150, 300)
            add_at(
                push[:, 2 * int(self._rng.integers(2))],
                int(self._rng.integers(0, len(push) - 1400)),
                manoeuvre,
            )
        return self._work(duration_s, 20, lambda: leaning("backward", self._rng.uniform(5, 20)), (4, 9), push)

    # --- lying ---

    def lie_down(self, toward: str = "backward", tilt_deg: float = 90, duration_s: float = 4) -> Self:
        """Lie down with care, as to look under a machine: SisFall D12."""
        self._turn(leaning("forward", 40), duration_s / 2, rise_m=-0.5, effort_mg=40)
        return self._turn(leaning(toward, tilt_deg), duration_s / 2, rise_m=-0.3, effort_mg=40)

    def lie(self, duration_s: float) -> Self:
        """Lie awake: now and then a small movement."""
        here = self._up
        return self._work(duration_s, 12, lambda: here, (4, 10))

    def work_lying(self, duration_s: float) -> Self:
        """Work on the back under a machine: arms pull and push, the hips follow by up to 20 deg."""
        here = self._up
        side = np.cross(here, (0, 1, 0))
        return self._work(duration_s, 70, lambda: here + self._rng.uniform(-0.35, 0.35) * side, (2, 5))

    def unconscious(self, duration_s: float) -> Self:
        """Motionless in whatever posture: only breath, 0.2 to 0.3 Hz, 5 to 10 mg.

        SisFall after its falls has 0.2 to 2.3 mg rms per axis in the breathing band, but 9 to 22 mg below 5
        Hz in all: volunteers still stir. Here the breath is deeper and nothing else moves, 3 to 6 mg in
        all.
        """
        n = self._count(duration_s)
        t = (self._samples + np.arange(n)) / RATE_HZ
        # The belt moves with the belly: out along +Z, or, lying on the back, tipping along the trunk.
        across = np.array([0, 0, 1.0]) if abs(self._up[2]) < 0.8 else np.array([0, 1.0, 0])
        rate = 2 * np.pi * self._breath_hz * t + 0.3 * np.sin(2 * np.pi * 0.03 * t)
        breath = self._edges(n) * self._breath_mg * np.sin(rate)
        return self._go(duration_s, push=np.outer(breath, across))

    # --- falls ---

    def trip_fall(self) -> Self:
        """Trip and fall on the face (SisFall F04): a stiff body topples, hands and knees brake little."""
        self.onset()
        self._turn(leaning("forward", 15), 0.3)
        width_s = self._rng.uniform(0.025, 0.05)
        return self._fall(leaning("forward", self._rng.uniform(85, 97)), 0.7, 0.75, width_s)

    def slip_fall(self) -> Self:
        """Slip and fall on the back (SisFall F02): the feet go first, so the body falls more freely."""
        self.onset()
        self._turn(leaning("backward", 10), 0.25)
        width_s = self._rng.uniform(0.025, 0.055)
        return self._fall(leaning("backward", self._rng.uniform(78, 95)), 0.7, 0.9, width_s)

    def side_fall(self, toward: str = "left") -> Self:
        """Fall on the side (SisFall F03), hip first."""
        self.onset()
        self._turn(leaning(toward, 12), 0.25)
        end = leaning(toward, self._rng.uniform(82, 98))
        return self._fall(end, 0.7, 0.85, self._rng.uniform(0.03, 0.06))

    def faint(self) -> Self:
        """Faint while standing (SisFall F06): the knees give way and hit first, then the trunk topples."""
        self.onset()
        self._drop_and_hit(leaning("forward", 38), 0.5, 0.75, ((0, 1, 0.07),), 0.12)
        width_s = self._rng.uniform(0.035, 0.055)
        return self._fall(leaning("forward", self._rng.uniform(82, 95)), 0.55, 0.75, width_s)

    def slump(self, slow: bool = False, toward: str = "forward") -> Self:
        """Faint on a chair: topple from it (SisFall F13), or, `slow`, sink along it without an impact."""
        self.onset()
        end = leaning(toward, self._rng.uniform(78, 92))
        if slow:
            return self._turn(end, self._rng.uniform(3, 4.5), rise_m=-0.35, effort_mg=15)
        self._turn(leaning(toward, 30), 0.6)
        return self._fall(end, 0.6, 0.8, self._rng.uniform(0.075, 0.11))

    def harness_fall(self, free_fall_s: float = 0.55, hang_deg: float = 25) -> Self:
        """Fall from a height into a harness: free fall, arrest, one rebound, then hang and swing.

        0.55 s free is 5.2 m/s and 1.5 m; EN 355 absorbers stop a 100 kg person with at most 6 kN, 6 g; here
        4 to 5 g in 0.2 s. EN 361 wants a dummy to end at most 50 deg from the vertical. Swinging on the
        rope, the force stays along the rope: the sensor sees it only as load, cos(angle) + (angular
        speed)^2 length/g, at twice the rate.
        """
        self.onset()
        end = leaning("forward", hang_deg)
        width_s = self._rng.uniform(0.19, 0.22)
        self._drop_and_hit(end, free_fall_s, 0.97, ((0, 0.85, width_s), (0.75, 0.15, 0.3)), 1.6, onset_s=0.06)
        t = np.arange(self._count(20)) / RATE_HZ
        omega = np.sqrt(G / 2.0)  # a rope of 2 m
        swing = 0.4 * np.exp(-t / 6)
        angle, speed = swing * np.cos(omega * t), -swing * omega * np.sin(omega * t)
        support = 1 + (np.cos(angle) + speed**2 / omega**2 - 1) * self._edges(len(t), 1.0)
        return self._go(20, support=support, push=self._noise(20, 6, 0.3, 1.5))

    # --- off the body ---

    def take_off(self) -> Self:
        """Take the device off and put it on a table, flat on its back."""
        self._turn(leaning("forward", 40), 0.8, effort_mg=180)
        self._turn(np.array([0.0, 0.0, 1.0]), 1.0, effort_mg=120)
        return self._drop_and_hit(self._up, 0.05, 0.3, ((0, 1, 0.01),), 0.3)

    def untouched(self, duration_s: float) -> Self:
        """The device lies by itself: nothing but the sensor's noise."""
        return self._go(duration_s)

    def drop(self, height_m: float = 0.95) -> Self:
        """The device falls to the floor, bounces twice and lies on its side."""
        fall_s = float(np.sqrt(2 * height_m / G))
        back = 0.35  # coefficient of restitution: plastic on concrete
        flights = [fall_s] + [2 * fall_s * back**bounce for bounce in (1, 2)]
        n = self._count(sum(flights) + 0.05)
        support = np.zeros(n)
        at, speed = 0, fall_s * G
        for flight_s in flights:
            at += self._count(flight_s)
            add_at(support, at, speed * (1 + back) / G * half_sine(0.008))
            speed *= back
        support[at:] += 1
        course = smooth(np.arange(n) / n)
        return self._go(n / RATE_HZ, end=leaning("left", 90), course=course, support=support)

    def pick_up(self) -> Self:
        """Snatch the device from the floor and clip it on again."""
        self._turn(leaning("left", 35), 0.5, rise_m=0.9, effort_mg=150)
        return self._turn(leaning("forward", 0), 0.5, effort_mg=150)

    # --- families of pieces ---

    def _work(
        self,
        duration_s: float,
        rms_mg: float,
        posture: Callable[[], Array],
        every_s: tuple[float, float],
        push: Array | None = None,
    ) -> Self:
        """Hand work of `rms_mg`, and a shift to a new `posture()` in about 1 s, `every_s` apart."""
        left = self._count(duration_s)
        done = 0
        while left:
            stay = min(left, self._count(self._rng.uniform(*every_s)))
            shift = min(stay, self._count(self._rng.uniform(0.6, 1.2)))
            course = smooth((np.arange(stay) + 1) / shift)
            here = self._noise(stay / RATE_HZ, rms_mg, 0.4, 5)
            here[:shift] += self._noise(shift / RATE_HZ, 120, 1, 5)
            if push is not None:
                here += push[done : done + stay]
            self._go(stay / RATE_HZ, posture(), course, push=here)
            left -= stay
            done += stay
        return self

    def _gait(self, duration_s: float, cadence_hz: float, limp_mg: float = 0) -> Self:
        """Steps: harmonics of an uneven step rate, and a shock of 10 to 20 ms at each heel strike."""
        n = self._count(duration_s)
        uneven = self._noise(duration_s, 1, 0.1, 0.8)
        steps = np.cumsum(cadence_hz * (1 + 0.04 * uneven[:, 0])) / RATE_HZ
        table = np.array(_GAIT, float)
        amplitude = np.array(
            [[np.interp(cadence_hz, _GAIT_HZ, line) for line in axis.T] for axis in table.transpose(1, 0, 2)]
        )
        amplitude[1, 0] += limp_mg
        # The harmonics of the vertical peak together, at the strike; forward they come a quarter of a step
        # later.
        lag = np.array([self._rng.uniform(0, 1), 0, 0.25])
        envelope = self._edges(n, 0.4) * (1 + 0.1 * uneven[:, 1]) * _GAIT_SPREAD
        push = np.empty((n, 3))
        for axis in range(3):
            angle = 2 * np.pi * np.outer(steps - lag[axis], _GAIT_HARMONICS)
            push[:, axis] = envelope * (np.cos(angle) @ amplitude[axis])
        for strike in np.flatnonzero(np.diff(np.floor(steps))):
            shock_mg = self._rng.uniform(0.1, 0.2) * 1000 * (cadence_hz / 1.5) ** 3
            pulse = half_sine(self._rng.uniform(0.012, 0.02))
            add_at(push[:, 1], int(strike), shock_mg * envelope[strike] * pulse / pulse.max())
            add_at(push[:, 2], int(strike), -0.4 * shock_mg * envelope[strike] * pulse / pulse.max())
        support = np.maximum(1 + push[:, 1] / 1000, 0.05)  # a foot pushes, it never pulls
        push[:, 1] = 0
        return self._go(duration_s, support=support / support.mean(), push=push)

    def _fall(self, end: Array, drop_s: float, depth: float, width_s: float) -> Self:
        """The last part of a fall, to the ground; lies there 2.5 s later, the limbs at rest."""
        drop_s *= self._rng.uniform(0.85, 1.15)
        hits = ((0, 0.8, width_s), (self._rng.uniform(0.2, 0.3), 0.2, 0.08))
        impact_ms = self.t_ms + round(1000 * (drop_s + width_s / 2))
        if self.impact_ms is None:
            self.impact_ms = impact_ms
        return self._drop_and_hit(end, drop_s, depth * self._rng.uniform(0.9, 1.05), hits, 2.5)
