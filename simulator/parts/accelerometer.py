"""What every MEMS accelerometer has: a mass that feels `motion`, a converter with errors, a FIFO. In virtual time.

Nothing happens once a sample. The samples that fell due since the part was last looked at are made together when it is
looked at again, from the motion at their own times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from simulator.parts.clock import Timer, VirtualClock

_NOISE_BLOCK = 4096
AMBIENT_C = 25.0


class Motion(Protocol):
    """What the device goes through."""

    def samples(self, first_us: int, step_us: int, n: int) -> np.ndarray:
        """True acceleration in milli-g, shape (n, 3), at `first_us`, `first_us + step_us`, ..."""


class AtRest:
    """The device lies still."""

    def __init__(self, accel_mg: tuple[float, float, float] = (0.0, 0.0, 1000.0)) -> None:
        self._accel_mg = np.asarray(accel_mg, dtype=np.float64)

    def samples(self, first_us: int, step_us: int, n: int) -> np.ndarray:
        return np.broadcast_to(self._accel_mg, (n, 3))


@dataclass(frozen=True)
class Errors:
    """In which way this specimen is not ideal.

    The rate error is a real part's oscillator: several percent are common. `self_test_mg` is what the test force moves
    each axis by.
    """

    offset_mg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    offset_drift_mg_per_k: float = 0.0
    gain_ppm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    noise_mg_rms: float = 0.0
    seed: int = 0
    rate_error_ppm: float = 0.0
    self_test_mg: tuple[float, float, float] = (300.0, 300.0, 300.0)


class Accelerometer:
    """Converter, sample clock, FIFO and faults. A subclass adds the registers.

    Times are those of `clock`; sample k since the start is taken one period after k - 1, the first one period after
    the start. Left out: the part's own filters (the motion is sampled as it is), cross-axis sensitivity,
    non-linearity, and a FIFO fed by anything but acceleration.
    """

    DEPTH: ClassVar[int]

    def __init__(self, clock: VirtualClock, motion: Motion, errors: Errors | None = None) -> None:
        self.clock = clock
        self.motion = motion
        self.errors = errors or Errors()
        self.temperature_c = AMBIENT_C
        self.absent = False
        self.hung = False
        self._lost = 0
        self.violations: list[str] = []  # what the data sheet forbids and was done all the same
        self.on_int1: Callable[[bool], None] | None = None
        self._stuck: dict[int, float] = {}
        self._dead = False
        self._int1 = False
        self._int1_timer: Timer | None = None
        self._noise: tuple[int, np.ndarray] = (-1, np.empty((0, 3)))
        self._epoch = 0
        self._gain = 1 + np.asarray(self.errors.gain_ppm) * 1e-6
        self._offset_mg = np.asarray(self.errors.offset_mg)
        self._test_force_mg = np.asarray(self.errors.self_test_mg)
        self._power_down()

    # Faults. Each takes effect from now on.

    def stick(self, axis: int, accel_mg: float | None = None) -> None:
        """One axis (0 to 2) stays where it is, or at a value."""
        self._catch_up()
        self._stuck[axis] = float(self._last_mg[axis]) if accel_mg is None else accel_mg

    def release(self) -> None:
        """All axes move again and convert again."""
        self._catch_up()
        self._stuck.clear()
        self._dead = False

    def kill_output(self) -> None:
        """The registers work, but every output is zero."""
        self._catch_up()
        self._dead = True

    def brown_out(self) -> None:
        """The supply dips: the part restarts at its defaults, off, and says nothing about it."""
        self._power_down()
        self.hung = False
        self.reset_registers()
        self._refresh_int1()

    def reset_registers(self) -> None:
        raise NotImplementedError

    # Sampling.

    def _power_down(self) -> None:
        self._period_us = 0
        self._start_us = 0
        self._done = 0  # samples made since the start
        self._unsettled = 0
        self._self_test = 0  # sign of the test force
        self._last_mg = np.zeros(3)
        self._last = bytes(6)
        self._fifo = bytearray()
        self._fifo_on = False
        self._fifo_keeps_oldest = False
        self._overrun = False

    def _run(self, rate_hz: float, unsettled: int) -> None:
        """Sample at this rate from now on; 0 powers down. The first `unsettled` samples are wrong: half the value."""
        self._start_us = self.clock.now_us
        self._done = 0
        self._unsettled = unsettled
        self._epoch += 1
        self._period_us = round(1e6 / (rate_hz * (1 + self.errors.rate_error_ppm * 1e-6))) if rate_hz else 0

    def _due(self) -> int:
        return (self.clock.now_us - self._start_us) // self._period_us if self._period_us else 0

    def _catch_up(self) -> None:
        """Make what fell due since the last look."""
        due = self._due()
        new = due - self._done
        if new <= 0:
            return
        first = self._done
        self._done = due
        if not self._fifo_on:
            self._last = self._encode(self._measure(due - 1, 1))
            return
        room = self.DEPTH - len(self._fifo) // 6
        if self._fifo_keeps_oldest:
            kept = min(new, room)
        else:
            kept = min(new, self.DEPTH)
            first = due - kept
            del self._fifo[: 6 * max(0, kept - room)]
        if new > room:
            self._lost += new - room
            self._overrun = True
        if kept:
            self._fifo += self._encode(self._measure(first, kept))
            self._last = bytes(self._fifo[-6:])

    def _measure(self, first: int, count: int) -> np.ndarray:
        """Samples in milli-g as this specimen sees them, float, shape (count, 3)."""
        errors = self.errors
        at_us = self._start_us + (first + 1) * self._period_us
        mg = self.motion.samples(at_us, self._period_us, count) * self._gain
        mg += self._offset_mg
        mg += errors.offset_drift_mg_per_k * (self.temperature_c - AMBIENT_C)
        if self._self_test:
            mg += self._self_test * self._test_force_mg
        if errors.noise_mg_rms:
            mg += errors.noise_mg_rms * self._noise_at(first, count)
        if first < self._unsettled:
            mg[: self._unsettled - first] *= 0.5
        for axis, stuck_mg in self._stuck.items():
            mg[:, axis] = stuck_mg
        if self._dead:
            mg[:] = 0.0
        self._last_mg = mg[-1]
        return mg

    def _noise_at(self, first: int, count: int) -> np.ndarray:
        """The noise of a sample depends on its number, not on when it is read."""
        parts = []
        while count:
            block, within = divmod(first, _NOISE_BLOCK)
            if self._noise[0] != block + (self._epoch << 32):
                random = np.random.default_rng([self.errors.seed, self._epoch, block])
                self._noise = (block + (self._epoch << 32), random.standard_normal((_NOISE_BLOCK, 3)))
            part = self._noise[1][within : within + count]
            parts.append(part)
            first += len(part)
            count -= len(part)
        return np.concatenate(parts)

    def _encode(self, mg: np.ndarray) -> bytes:
        """Output registers of samples, six bytes each."""
        raise NotImplementedError

    # The FIFO.

    @property
    def unread(self) -> int:
        return len(self._fifo) // 6

    def _use_fifo(self, on: bool, keeps_oldest: bool = False) -> None:
        self._fifo_on = on
        self._fifo_keeps_oldest = keeps_oldest
        if not on:
            self._fifo.clear()
            self._overrun = False

    def _pop(self, count: int) -> bytes:
        """The oldest `count` samples. What is read beyond the last repeats the last that was ever taken."""
        taken = bytes(self._fifo[: 6 * count])
        del self._fifo[: 6 * count]
        if taken:
            self._overrun = False
        return taken + self._last * (count - len(taken) // 6)

    @property
    def lost(self) -> int:
        """Samples since the part was made that the FIFO had no room for."""
        self._catch_up()
        return self._lost

    # The interrupt line.

    def _watermark(self) -> int:
        """Unread samples that raise INT1, or 0 when none do."""
        raise NotImplementedError

    @property
    def int1(self) -> bool:
        """The level of the interrupt line now."""
        watermark = self._watermark()
        return self._fifo_on and 0 < watermark <= self._waiting()

    def _waiting(self) -> int:
        """Unread samples, those that nobody has had to measure yet among them."""
        return min(self.DEPTH, self.unread + max(0, self._due() - self._done))

    def next_watermark_us(self) -> int | None:
        """When INT1 will rise if nobody reads: now if it is up, None if it never will."""
        watermark = self._watermark()
        if not watermark or not self._fifo_on:
            return None
        if watermark <= self._waiting():
            return self.clock.now_us
        missing = watermark - self.unread  # when `_done` were made
        if not self._period_us or watermark > self.DEPTH:
            return None
        return self._start_us + (self._done + missing) * self._period_us

    def _refresh_int1(self) -> None:
        """Tell of the line's level, now and when it next rises by itself."""
        if self.on_int1 is None:
            return
        if self._int1_timer is not None:
            self._int1_timer.cancel()
            self._int1_timer = None
        level = self.int1
        if level != self._int1:
            self._int1 = level
            self.on_int1(level)
        if not level:
            rise_us = self.next_watermark_us()
            if rise_us is not None:
                self._int1_timer = self.clock.at_us(rise_us, self._refresh_int1)
