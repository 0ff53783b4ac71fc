"""Penalties of bands by gradient: downhill in the error of the folds, for all targets side by side.

With b = (G + D)^-1 C for a penalty D of each band, the error on a validation set is e = y'y - 2 b'C_v + b'G_v b, and with
l = (G + D)^-1 (G_v b - C_v) its derivative by the logarithm of the penalty of band j is -2 sum_i in j l_i D_i b_i. Both systems are
solved by conjugate gradients, in which all targets share the products with G. Steps go by the sign of the derivative, and grow
while it stays (resilient propagation; Riedmiller and Braun 1993): errors of different targets have different scales.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from recortex.linear.atom_rows import Pair, Tile
from recortex.linear.device import like, on_cpu
from recortex.linear.statistics import SufficientStatistics

__all__ = ["descend", "solve_banded"]

_ITERATIONS = 300
_FIRST_STEP, _LONGEST_STEP = 0.5, 2.0


def descend(
    features: Tile,
    sides: Sequence[Pair],
    tile: Tile,
    band: np.ndarray,
    penalty: np.ndarray,
    fit_intercept: bool,
    scale_features: bool,
    n_steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Better penalties, and their scores.

    Parameters
    ----------
    features, tile : sequences of SufficientStatistics
        Of the atoms: with Gram matrices, and with cross-products.
    sides : sequence of (train, test) int arrays
        Atoms of each fold.
    band : int array, (feature,)
    penalty : array, (band, target)
        Logarithms of the penalties to begin with.
    fit_intercept, scale_features : bool
    n_steps : int

    Returns
    -------
    penalty : array, (band, target)
    score : array, (target,)
        Negative mean squared error averaged over folds, never below that of the first penalties.
    """
    folds = [_Fold.of(features, tile, *side, fit_intercept, scale_features) for side in sides]
    step, before = np.full_like(penalty, _FIRST_STEP), np.zeros_like(penalty)
    kept, lowest = penalty.copy(), np.full(penalty.shape[1], np.inf)
    for _ in range(n_steps + 1):
        made = [fold.error(penalty, band) for fold in folds]
        error = np.mean([error for error, _ in made], axis=0)
        slope = np.mean([slope for _, slope in made], axis=0)
        better = error < lowest
        kept[:, better], lowest[better] = penalty[:, better], error[better]
        same = np.sign(slope) * np.sign(before)
        step = np.clip(step * np.where(same > 0, 1.2, np.where(same < 0, 0.5, 1.0)), 1e-3, _LONGEST_STEP)
        penalty, before = penalty - np.sign(slope) * step, slope
    return kept, -lowest


def solve_banded(
    features: Tile,
    sides: Sequence[Pair],
    tile: Tile,
    band: np.ndarray,
    penalty: np.ndarray,
    fit_intercept: bool,
    scale_features: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, (target, feature), and offsets, (target,), of all atoms at given penalties."""
    everything = np.arange(len(features))
    fold = _Fold.of(features, tile, everything, everything[:0], fit_intercept, scale_features)
    xp = array_namespace(fold.cross)
    tolerance = 1e-12 if fold.cross.dtype == xp.float64 else 1e-7
    coef = _solved(fold.gram, fold.spread(penalty, band), fold.cross, tolerance) / like(fold.scale[:, None], fold.cross)
    train = fold.train
    away = train.shift_x_of(fold.scale) @ xp.astype(coef, xp.float64)
    return on_cpu(coef.T), on_cpu(train.shift_y - away)


class _Fold:
    """Centred and scaled training statistics, and validation statistics about their means."""

    def __init__(self, train: SufficientStatistics, test: SufficientStatistics | None, scale: Any):
        self.train, self.test, self.scale = train, test, scale
        self.gram, self.cross = like(train.gram, train.xy), train.xy

    @classmethod
    def of(
        cls, features: Tile, tile: Tile, train: np.ndarray, test: np.ndarray, fit_intercept: bool, scale_features: bool
    ) -> _Fold:
        pooled = _joined(features, tile, train)
        scale = pooled.scale_x if scale_features else 0.0 * pooled.sum_x + 1.0
        centred = pooled.centred(fit_intercept).scaled(scale)
        held_out = _joined(features, tile, test).scaled(scale).about(centred.shift_x, centred.shift_y) if test.size else None
        return cls(centred, held_out, scale)

    def spread(self, penalty: np.ndarray, band: np.ndarray) -> Any:
        """Penalties of features, (feature, target)."""
        return like(np.exp(penalty)[band], self.cross)

    def error(self, penalty: np.ndarray, band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean squared error, (target,), and its derivative by the logarithms of the penalties, (band, target)."""
        assert self.test is not None
        xp = array_namespace(self.cross)
        diagonal = self.spread(penalty, band)
        # steps go by signs of slopes, which a loose solution gets wrong where features outnumber rows
        tolerance = 1e-11 if self.cross.dtype == xp.float64 else 1e-6
        coef = _solved(self.gram, diagonal, self.cross, tolerance)
        seen = like(self.test.gram, coef) @ coef
        squares = xp.astype(xp.sum(coef * (seen - 2.0 * self.test.xy), axis=0), xp.float64)
        error = on_cpu(self.test.yy + squares) / self.test.n
        adjoint = _solved(self.gram, diagonal, seen - self.test.xy, tolerance)
        by_feature = on_cpu(adjoint * diagonal * coef)
        slope = np.array([by_feature[band == number].sum(axis=0, dtype=np.float64) for number in range(len(penalty))])
        return np.maximum(error, 0.0), -2.0 * slope / self.test.n


def _joined(features: Tile, tile: Tile, atoms: np.ndarray) -> SufficientStatistics:
    """Features with their Gram matrix and a tile's cross-products, of some atoms."""
    gram = SufficientStatistics.total([features[index] for index in atoms])
    cross = SufficientStatistics.total([tile[index] for index in atoms])
    return cross.with_gram(gram.about(cross.shift_x, gram.shift_y).gram)


def _solved(gram: Any, diagonal: Any, cross: Any, tolerance: float) -> Any:
    """(G + D) b = C by conjugate gradients with a diagonal preconditioner, a D for each target."""
    xp = array_namespace(cross)
    scale = xp.linalg.diagonal(gram)[:, None] + diagonal
    coef = cross / scale
    residual = cross - (gram @ coef + diagonal * coef)
    goal = tolerance**2 * xp.sum(cross * cross, axis=0)
    direction = residual / scale
    power = xp.sum(residual * direction, axis=0)
    for _ in range(_ITERATIONS):
        # a target that is solved stands still, so that no other in its tile moves it
        going = xp.sum(residual * residual, axis=0) > goal
        if not bool(xp.any(going)):
            break
        image = gram @ direction + diagonal * direction
        length = xp.sum(direction * image, axis=0)
        step = xp.where(going & (length > 0), power / xp.where(length > 0, length, 1.0), 0.0)
        coef = coef + step * direction
        residual = residual - step * image
        ahead = residual / scale
        now = xp.where(going, xp.sum(residual * ahead, axis=0), power)
        direction = ahead + xp.where(power > 0, now / xp.where(power > 0, power, 1.0), 0.0) * direction
        power = now
    return coef
