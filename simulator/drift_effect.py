"""What an accelerometer's errors mean to its wearer: degrees of verticality, percent of immobility's sensitivity."""

from __future__ import annotations

import numpy as np

from simulator.ellipsoid import GRAVITY_MG, Array

_AZIMUTHS = np.linspace(0, 2 * np.pi, 36, endpoint=False)


class Lean:
    """How a worn vertical `up` (as the sensor sees it) and the lean at the threshold are misjudged, to any side.

    `zeroed`: the vertical was learned with the errors that are there now, as at each start of duty; else before them.
    """

    def __init__(self, up: Array, threshold_deg: float, *, zeroed: bool = True) -> None:
        self.threshold_deg = threshold_deg
        self.zeroed = zeroed
        self.up = up / np.linalg.norm(up)
        side = np.cross(self.up, np.eye(3)[int(np.argmin(np.abs(self.up)))])
        side /= np.linalg.norm(side)
        across = np.outer(np.cos(_AZIMUTHS), side) + np.outer(np.sin(_AZIMUTHS), np.cross(self.up, side))
        rad = np.radians(threshold_deg)
        self._leans = np.cos(rad) * self.up + np.sin(rad) * across
        # Along the lean: where a small error of the reading turns it.
        tangent = np.cos(rad) * across - np.sin(rad) * self.up
        by_offset = tangent / GRAVITY_MG
        by_gain = tangent * self._leans
        if zeroed:
            by_offset = by_offset - across / GRAVITY_MG
            by_gain = by_gain - across * self.up
        self._slopes = np.degrees(np.hstack([by_offset, by_gain]))

    def error(self, offset_mg: Array, gain: Array) -> tuple[float, Array]:
        """Degrees misjudged to the worst side, for small errors; and how that goes with each of the six."""
        errors = self._slopes @ np.concatenate([offset_mg, gain])
        worst = int(np.argmax(np.abs(errors)))
        return abs(float(errors[worst])), self._slopes[worst] * np.sign(errors[worst])

    def exact_error(self, offset_mg: Array, gain: Array) -> float:
        """The same for errors of any size."""
        start = GRAVITY_MG * self.up
        if self.zeroed:
            start = start * (1 + gain) + offset_mg
        leans = GRAVITY_MG * self._leans * (1 + gain) + offset_mg
        cosine = leans @ start / np.linalg.norm(leans, axis=1) / np.linalg.norm(start)
        return float(np.abs(np.degrees(np.arccos(np.clip(cosine, -1, 1))) - self.threshold_deg).max())


def sensitivity_shares(gain: Array, noise_mg: float, limit_mg: float) -> tuple[float, float]:
    """Percent by which immobility's sensitivity is off: by the worst axis' gain, and by noise that passes for motion.

    `noise_mg`: by how much the level of a still device has risen. `limit_mg`: the motion that counts as life.
    """
    return 100 * float(np.abs(gain).max()), 100 * max(0.0, noise_mg) / limit_mg
