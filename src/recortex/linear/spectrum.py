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

__all__ = ["LeaveOneOut", "Spectrum", "gcv_errors"]


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


def gcv_errors(spectrum: Spectrum, units: Units, within: np.ndarray | float, alphas: np.ndarray) -> np.ndarray:
    """Generalised cross-validation error of every alpha and target, (alpha, target), as a mean squared error of rows.

    Parameters
    ----------
    spectrum : Spectrum
    units : Units
    within : array, (target,), or 0
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


class LeaveOneOut:
    """What the features say of leaving out each unit, with all others of its group, at every alpha.

    Parameters
    ----------
    axes : array, (unit, axis), float64
        Orthonormal coordinates of the units, with the roots of their weights.
    eigenvalues : array, (axis,)
    units : Units
    alphas : array, (alpha,)
    dtype : dtype
        Of the targets.
    """

    def __init__(self, axes: np.ndarray, eigenvalues: np.ndarray, units: Units, alphas: np.ndarray, dtype: np.dtype):
        self.units, self.axes = units, axes.astype(dtype)
        # with nothing beyond the features' reach, R / a; else R, of which the identity comes apart
        self.reached = units.count - units.fit_intercept - len(eigenvalues) <= 0
        left = 1.0 / (eigenvalues + alphas[:, None])
        self.kept = left if self.reached else -eigenvalues * left
        root = units.weight**0.5 / units.total**0.5 if units.fit_intercept else np.zeros(units.count)
        self.groups = list(units.groups_by_size())
        self.blocks = [[self._blocks(axes, kept, root, members) for members in self.groups] for kept in self.kept]

    def _blocks(self, axes: np.ndarray, kept: np.ndarray, root: np.ndarray, members: np.ndarray) -> np.ndarray:
        """The part of R, or R / a, that groups of one size have to themselves: (group, member, member), (unit,) for single ones."""
        if members.shape[1] == 1:
            alone = members[:, 0]
            return axes[alone] ** 2 @ kept + (0.0 if self.reached else 1.0 - root[alone] ** 2)
        inside, away = axes[members], root[members]
        blocks = (inside * kept) @ inside.transpose(0, 2, 1)
        return blocks if self.reached else blocks + np.eye(members.shape[1]) - away[:, :, None] * away[:, None, :]

    def residuals(self, coordinates: np.ndarray, means: np.ndarray, place: int) -> np.ndarray:
        """What is left of each unit when all of its group were left out of the fit, (unit, target).

        Parameters
        ----------
        coordinates : array, (axis, target)
            Of a `Spectrum`.
        means : array, (unit, target)
            Centred targets with the roots of their weights, as the result.
        place : int
            Of the alpha.
        """
        residual = self.axes @ (self.kept[place][:, None] * coordinates).astype(self.axes.dtype)
        if not self.reached:
            residual += means
        for members, blocks in zip(self.groups, self.blocks[place], strict=True):
            if members.shape[1] == 1:
                residual[members[:, 0]] /= blocks[:, None].astype(residual.dtype)
            else:
                residual[members] = np.linalg.solve(blocks, residual[members])
        return residual
