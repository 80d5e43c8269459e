"""What the device's own accelerometer would have read where a recording's better sensor was.

The constants are those of the ST LIS3DH data sheet (high-resolution mode).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from simulator.errors import UserError
from simulator.trace import Recording

# mg a digit by full scale in mg, high-resolution mode. Source: ST LIS3DH data sheet, mechanical
# characteristics.
LIS3DH_LSB_MG = {2000: 1, 4000: 2, 8000: 4, 16000: 12}

# The ratio of two rates as a fraction this fine is off by a millionth at most: 4 ms in an hour.
MAX_DENOMINATOR = 1000


@dataclass(frozen=True)
class SensorModel:
    """A three-axis accelerometer: its rate, range, step, and errors of offset, gain, temperature, noise.

    Limits: the FIR filter that goes before a lower rate is steeper than the LIS3DH's own, which lets some
    motion above half its rate through (`anti_alias=False` shows the worst: a sampler with no filter); it
    overshoots by up to a tenth at the edges of a shock. Where the source clipped, the true peak is lost, and
    a wider range here does not bring it back. Cross-axis sensitivity and non-linearity are left out.
    """

    rate_hz: float = 50.0
    range_mg: int = 8000
    lsb_mg: int = 4
    offset_mg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    offset_drift_mg_per_k: float = 0.0
    temperature_k: float = 0.0  # above (or below) the temperature of calibration
    gain_ppm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    noise_mg_rms: float = 0.0
    seed: int = 0
    anti_alias: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.rate_hz <= 5000:
            raise UserError(f"sensor: rate {self.rate_hz} Hz is outside 1 to 5000 Hz; choose another")
        if not 1 <= self.lsb_mg <= self.range_mg <= 32767:
            raise UserError(
                f"sensor: range {self.range_mg} mg, step {self.lsb_mg} mg: needs 1 <= step <= range <= 32767"
            )
        if self.noise_mg_rms < 0:
            raise UserError(f"sensor: noise {self.noise_mg_rms} mg is below zero; choose zero or more")

    @classmethod
    def lis3dh(cls, rate_hz: float = 50.0, range_mg: int = 8000) -> SensorModel:
        """An ideal LIS3DH in high-resolution mode. Raises `UserError` for a range that it does not have."""
        if range_mg not in LIS3DH_LSB_MG:
            known = ", ".join(str(known_mg) for known_mg in LIS3DH_LSB_MG)
            raise UserError(f"sensor: the LIS3DH has no range of {range_mg} mg; use one of {known}")
        return cls(rate_hz=rate_hz, range_mg=range_mg, lsb_mg=LIS3DH_LSB_MG[range_mg])

    def apply(self, recording: Recording) -> np.ndarray:
        """The recording as this sensor would have read it: int16, shape (m, 3), mg at the model's `rate_hz`.

        Samples already at that rate are not filtered; whole steps within the range then pass through
        unchanged. The noise depends on `seed` and the recording's id alone.
        """
        accel_mg = self._resampled(recording.samples.astype(np.float64), recording.rate_hz)
        accel_mg = accel_mg * (1 + np.asarray(self.gain_ppm) * 1e-6) + np.asarray(self.offset_mg)
        accel_mg += self.offset_drift_mg_per_k * self.temperature_k
        if self.noise_mg_rms:
            random = np.random.default_rng([self.seed, zlib.crc32(recording.id.encode())])
            accel_mg += random.normal(0.0, self.noise_mg_rms, accel_mg.shape)
        steps = self.range_mg // self.lsb_mg
        return (np.clip(np.rint(accel_mg / self.lsb_mg), -steps, steps) * self.lsb_mg).astype(np.int16)

    def _resampled(self, accel_mg: np.ndarray, rate_hz: float) -> np.ndarray:
        ratio = Fraction(self.rate_hz / rate_hz).limit_denominator(MAX_DENOMINATOR)
        if ratio == 1:
            return accel_mg
        if self.anti_alias:
            # Edges held, not zero: a recording does not begin and end in free fall.
            return resample_poly(accel_mg, ratio.numerator, ratio.denominator, axis=0, padtype="edge")
        at = np.arange(0, len(accel_mg) - 1 + 1e-9, float(1 / ratio))
        index = np.arange(len(accel_mg))
        return np.column_stack([np.interp(at, index, accel_mg[:, axis]) for axis in range(3)])
