"""Leaving out single rows, without a fold: generalised cross-validation, and exact leave-one-out.

In orthonormal coordinates U of the weighted, centred rows, b = U'y, a ridge leaves the residual

    R y = P y + U [a / (w + a) o b],

with P the projection on what no feature reaches (Golub, Heath and Wahba 1979). The constant direction, which the intercept takes,
is in neither. Where there are as many features as rows, P is nothing and both R y and the leverages R_ii go to zero with a: their
ratio has a limit, and 1 / (w + a) in the place of a / (w + a) gives it for every a.

What counts as a row is the independent unit: rows of the same features are one row of their joint weight and mean, and rows of one
group are left out together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recortex.linear.independent import Units

__all__ = ["Spectrum", "gcv_errors", "loo_residuals"]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A tile of targets in the orthonormal coordinates of a ridge fit.

    Attributes
    ----------
    eigenvalues : array, (axis,)
    coordinates : array, (axis, target)
        b = U'y.
    squares : array, (target,)
        Weighted sum of squares of the centred targets.
    """

    eigenvalues: np.ndarray
    coordinates: np.ndarray
    squares: np.ndarray


def gcv_errors(spectrum: Spectrum, units: Units, within: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Generalised cross-validation error of every alpha and target, (alpha, target), as a mean squared error of rows.

    Parameters
    ----------
    spectrum : Spectrum
    units : Units
    within : array, (target,)
        Weighted sum of squares of rows about the mean of those of the same features, see `Units.average`.
    alphas : array, (alpha,)
    """
    unreached = units.count - units.fit_intercept - len(spectrum.eigenvalues)
    squares = spectrum.coordinates**2
    left = 1.0 / (spectrum.eigenvalues + alphas[:, None])  # (alpha, axis)
    beyond: np.ndarray | float = 0.0
    if unreached > 0:
        left = alphas[:, None] * left
        beyond = np.maximum(spectrum.squares - within - squares.sum(axis=0, dtype=np.float64), 0.0)
    residual = beyond + (left.astype(squares.dtype) ** 2 @ squares).astype(np.float64)
    freedom = left.sum(axis=1) + max(unreached, 0)
    return (residual * (units.count / freedom[:, None]) ** 2 + within) / units.total


def loo_residuals(spectrum: Spectrum, axes: np.ndarray, units: Units, means: np.ndarray, alpha: float) -> np.ndarray:
    """What is left of each unit when all of its group were left out of the fit, (unit, target).

    Parameters
    ----------
    spectrum : Spectrum
    axes : array, (unit, axis)
        Orthonormal coordinates of the units, with the roots of their weights.
    units : Units
    means : array, (unit, target)
        Centred targets with the roots of their weights, as the result.
    alpha : float
    """
    unreached = units.count - units.fit_intercept - len(spectrum.eigenvalues)
    root = units.weight**0.5 / units.total**0.5 if units.fit_intercept else np.zeros(units.count)
    if unreached <= 0:
        left = 1.0 / (spectrum.eigenvalues + alpha)
        residual, kept = axes @ (left[:, None] * spectrum.coordinates), left
    else:
        kept = -spectrum.eigenvalues / (spectrum.eigenvalues + alpha)
        residual = means + axes @ (kept[:, None] * spectrum.coordinates)
    base = 0.0 if unreached <= 0 else 1.0
    out = np.empty_like(residual)
    for members in units.groups_by_size():  # (group, member)
        inside = axes[members]
        blocks = (inside * kept) @ inside.transpose(0, 2, 1)
        if base:
            blocks += np.eye(members.shape[1]) - root[members][:, :, None] * root[members][:, None, :]
        out[members] = np.linalg.solve(blocks, residual[members])
    return out
