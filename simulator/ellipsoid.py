"""Offset and gain of an accelerometer from readings at rest: at rest it measures 1 g, whichever way it lies.

Readings of a true vector of 1 g lie on an ellipsoid, here with axes along the sensor's: its centre is the zero-g
offset, its half-axes are the gains. Few ways to lie leave much of it open, so every parameter has a prior, and the
spread that is left says what the readings determine. Cross-axis sensitivity is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

GRAVITY_MG = 1000.0
_ITERATIONS = 12
_ENOUGH_MG = 0.02  # the change of the largest parameter below which it has converged
_TUKEY = 4.7  # scales beyond which a reading counts nothing: 95 % efficient on normal errors
_LEAST_SCALE_MG = 2.0  # readings on one step of the sensor agree better than they are right
_GAIN_MG = 1000.0  # gains are fitted in mg at 1 g, so that all parameters are of one size


@dataclass(frozen=True)
class Fit:
    """`offsets_mg` (m, 3) and `gains` (q, 3), one row a basis function; gain 0.01 reads 1 % too much.

    `covariance`: of both, flattened in that order, gains as they are. `scale_mg`: the readings' own scatter, robust.
    `residual_mg` (n,) and `direction` (n, 3), unit: by how much each reading exceeds 1 g, and where up is in it.
    """

    offsets_mg: Array
    gains: Array
    covariance: Array
    scale_mg: float
    residual_mg: Array
    direction: Array

    def spread_of_offset(self, row: int, axis: int) -> float:
        """Standard deviation, mg."""
        at = 3 * row + axis
        return float(np.sqrt(self.covariance[at, at]))

    def spread_of_gain(self, row: int, axis: int) -> float:
        """Standard deviation, as a fraction."""
        at = self.offsets_mg.size + 3 * row + axis
        return float(np.sqrt(self.covariance[at, at]))


def fit(
    accel_mg: Array,
    offset_basis: Array,
    gain_basis: Array,
    offset_sd_mg: Array,
    gain_sd: Array,
    *,
    gain_centre: Array | None = None,
    beliefs: tuple[Array, Array, Array] | None = None,
    start: Fit | None = None,
) -> Fit:
    """Fit readings (n, 3) at rest.

    The offset of reading i is `offset_basis[i] @ offsets_mg`, its gain 1 + `gain_basis[i] @ gains`: columns of ones for
    what stays, of time or temperature for what goes with them. Priors: normal, around zero (`gain_centre` for gains),
    standard deviations (m, 3) and (q, 3). `beliefs`: rows (k, 3 m), values and standard deviations, mg: what sums of
    the offsets are known to be. `start`: an earlier fit like this one. Robust: readings of no rest lose their weight.
    """
    prior = np.concatenate([offset_sd_mg.ravel(), _GAIN_MG * gain_sd.ravel()])
    centre = np.zeros(len(prior))
    if gain_centre is not None:
        centre[offset_sd_mg.size :] = _GAIN_MG * gain_centre.ravel()
    precision = np.diag(prior**-2)
    pull = precision @ centre
    offset_count = offset_sd_mg.size
    if beliefs is not None:
        rows, values_mg, sd_mg = beliefs
        precision[:offset_count, :offset_count] += (rows / sd_mg[:, None] ** 2).T @ rows
        pull[:offset_count] += rows.T @ (values_mg / sd_mg**2)
    at = centre.copy()
    if start is not None and start.offsets_mg.size + start.gains.size == len(at):
        at = np.concatenate([start.offsets_mg.ravel(), _GAIN_MG * start.gains.ravel()])
    scale_mg = start.scale_mg if start is not None else 8.0
    for _ in range(_ITERATIONS):
        columns, residual_mg, _ = _linearised(accel_mg, offset_basis, gain_basis, at, offset_count)
        weight = np.clip(1 - (residual_mg / (_TUKEY * scale_mg)) ** 2, 0, None) ** 2
        weighted = columns * (weight / scale_mg**2)[:, None]
        normal = weighted.T @ columns + precision
        step = np.linalg.solve(normal, weighted.T @ residual_mg + pull - precision @ at)
        at = at + step
        # The scale shrinks slowly: a start far off must not make outliers of what is merely not yet fitted.
        spread_mg = max(_LEAST_SCALE_MG, 1.4826 * float(np.median(np.abs(residual_mg - columns @ step))))
        settled = abs(scale_mg - spread_mg) < 0.02 * scale_mg
        scale_mg = max(spread_mg, 0.6 * scale_mg)
        if settled and np.abs(step).max() < _ENOUGH_MG:
            break
    _, residual_mg, direction = _linearised(accel_mg, offset_basis, gain_basis, at, offset_count)
    covariance = np.linalg.inv(normal)
    covariance[offset_count:] /= _GAIN_MG
    covariance[:, offset_count:] /= _GAIN_MG
    return Fit(
        at[:offset_count].reshape(-1, 3), at[offset_count:].reshape(-1, 3) / _GAIN_MG, covariance, scale_mg,
        residual_mg, direction,
    )  # fmt: skip


def simple_fit(accel_mg: Array, offset_sd_mg: float = 60.0, gain_sd: float = 0.02) -> Fit:
    """One offset and one gain for readings (n, 3) taken in any positions; six faces determine all of it."""
    ones = np.ones((len(accel_mg), 1))
    return fit(accel_mg, ones, ones, np.full((1, 3), offset_sd_mg), np.full((1, 3), gain_sd))


def _linearised(
    accel_mg: Array, offset_basis: Array, gain_basis: Array, at: Array, offset_count: int
) -> tuple[Array, Array, Array]:
    """Change of each residual with each parameter, sign turned; the residuals; directions of up."""
    offset_mg = offset_basis @ at[:offset_count].reshape(-1, 3)
    gain = 1 + gain_basis @ (at[offset_count:].reshape(-1, 3) / _GAIN_MG)
    true_mg = (accel_mg - offset_mg) / gain
    length_mg = np.linalg.norm(true_mg, axis=1)
    up = true_mg / np.maximum(length_mg, 1.0)[:, None]
    by_offset = up / gain
    by_gain = by_offset * true_mg / _GAIN_MG
    columns = np.hstack([
        (offset_basis[:, :, None] * by_offset[:, None, :]).reshape(len(up), -1),
        (gain_basis[:, :, None] * by_gain[:, None, :]).reshape(len(up), -1),
    ])  # fmt: skip
    return columns, length_mg - GRAVITY_MG, up
