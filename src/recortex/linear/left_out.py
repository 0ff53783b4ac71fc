"""Folds of a kernel ridge without a decomposition of their own: from the fit on all rows.

With P = (K + alpha)^-1 of all rows, and the constant direction taken out of it where an intercept is fitted, the rows v of a fold
are predicted by a fit on the others, t, as

    y_v - P_vv^-1 (P y)_v = -P_vv^-1 P_vt y_t = H y_t

exactly, by the inverse of a partitioned matrix; about the mean of t it is the same with the rows of P_vt centred, which no multiple of
the identity in P changes. Every alpha costs a product and, for each fold, the solution of a system as large as
the fold, where an eigendecomposition for each training set costs several times that and turns every target into its basis.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from recortex.linear.device import like
from recortex.linear.folds import Fold
from recortex.linear.moments import Moments
from recortex.linear.path import RidgePath
from recortex.linear.threads import SMALL_SIDE, side_by_side

__all__ = ["LeftOut", "LeftOutTile", "leave_out", "moments_of"]

ALPHAS_A_FOLD = 4  # more alphas than this a fold, and decompositions are cheaper
ROWS_AT_ONCE = 2048  # of predictions
SMALL_INVERSE = 32
WELL_CONDITIONED = 1e3  # largest over smallest of K + alpha, where the precision of the targets does for its inverse


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A fold, predicted from all other rows.

    Attributes
    ----------
    train, test : int arrays, (train row,) and (test row,)
    share : array, (train row,), float64
        Of each training row in their mean; zeros without an intercept.
    test_weight : array, (test row,)
    alphas : array, (alpha,)
    hats : array, (alpha, test row, train row)
        H less the mean, so that predictions are about the training mean.
    """

    train: np.ndarray
    test: np.ndarray
    share: Any
    test_weight: Any
    alphas: np.ndarray
    hats: Any

    @property
    def bytes(self) -> int:
        """What it takes."""
        return int(self.hats.nbytes)

    @property
    def rows_at_once(self) -> int:
        """How many numbers a target takes while it is scored."""
        return len(self.train) + 3 * len(self.test)

    def mean(self, y: Any) -> Any:
        """Training mean of a tile of targets, (target,); 0 without an intercept."""
        return like(self.share, y) @ y[self.train]

    def rotated(self, y: Any) -> LeftOutTile:
        """A tile of targets, (row, target), with what predicts it."""
        given = y[self.train]
        truth = y[self.test] - like(self.share, y) @ given
        return LeftOutTile(self.alphas, like(self.hats, y), given, truth, self.test_weight)


@dataclass(frozen=True, eq=False)
class LeftOutTile:
    """A tile of targets on either side of a fold.

    Attributes
    ----------
    alphas, hats
        Of the fold.
    given : array, (train row, target)
    truth : array, (test row, target)
        About the training means.
    weight : array, (test row,)
    """

    alphas: np.ndarray
    hats: Any
    given: Any
    truth: Any
    weight: Any

    def predictions(self, alpha: Any) -> Any:
        """About the training means, (test row, target), at one alpha or one a target."""
        wanted = np.atleast_1d(alpha)
        if len(wanted) == 1:
            return self.hats[self._place(wanted[0])] @ self.given
        made = array_namespace(self.truth).zeros_like(self.truth)
        for each in np.unique(wanted):
            some = np.flatnonzero(wanted == each)
            made[:, some] = self.hats[self._place(each)] @ self.given[:, some]
        return made

    def only(self, targets: np.ndarray) -> LeftOutTile:
        """Some targets of the tile."""
        return replace(self, given=self.given[:, targets], truth=self.truth[:, targets])

    def moments(self, alphas: Any, with_sums: bool) -> Moments:
        """Of the predictions at each alpha, (alpha,)."""
        return moments_of(self, self._each(alphas), with_sums)

    def _each(self, alphas: Any) -> Iterable[Any]:
        """Predictions at one alpha after the other; several in one product, as small ones are slow."""
        places = [self._place(alpha) for alpha in alphas]
        height, width = self.hats.shape[1:]
        step = max(1, ROWS_AT_ONCE // height)
        for start in range(0, len(places), step):
            some = places[start : start + step]
            made = array_namespace(self.hats).reshape(self.hats[some], (len(some) * height, width)) @ self.given
            yield from (made[at * height : (at + 1) * height] for at in range(len(some)))

    def _place(self, alpha: float) -> int:
        return int(np.flatnonzero(self.alphas == alpha)[0])


def leave_out(
    path: RidgePath, weight: Any, folds: Sequence[Fold], alphas: np.ndarray, fit_intercept: bool, dtype: np.dtype
) -> tuple[LeftOut, ...] | None:
    """Every fold from the decomposition of all rows, or None where that is not exact or not cheaper.

    Parameters
    ----------
    path : RidgePath
        Of the centred and weighted kernel of all rows.
    weight : array, (row,), float64
    folds : sequence of (train, test) int arrays
    alphas : array, (alpha,)
    fit_intercept : bool
    dtype : dtype
        Of the targets.
    """
    xp, count = array_namespace(weight), len(weight)
    complete = all(len(train) + len(test) == count for train, test in folds)
    if not complete or len(alphas) > ALPHAS_A_FOLD * len(folds) or not bool(xp.all(weight > 0)) or not len(path.eigenvalues):
        return None
    lost = count - fit_intercept - len(path.eigenvalues)
    smallest = (0.0 if lost else float(path.eigenvalues[0])) + alphas.min()
    if np.finfo(np.float64).eps * float(path.eigenvalues[-1]) > max(1e-10, np.finfo(dtype).eps) * smallest:
        return None
    example = xp.zeros(0, dtype=getattr(xp, dtype.name), device=weight.device)
    precise = float(path.eigenvalues[-1]) > WELL_CONDITIONED * smallest
    vectors = path.vectors if precise else like(path.vectors, example)
    root = like(weight**0.5, vectors)
    constant = fit_intercept * root[:, None] * root / like(xp.sum(weight), vectors)
    shares = [fit_intercept * weight[train] / xp.sum(weight[train]) for train, _ in folds]
    # directions that no feature reaches, where the kernel is 0
    beyond = xp.eye(count, dtype=vectors.dtype, device=weight.device) - vectors @ vectors.T - constant if lost else 0.0
    largest = float(path.eigenvalues[-1])
    hats = [xp.empty((len(alphas), len(test), len(train)), dtype=example.dtype, device=weight.device) for train, test in folds]

    def take_out(place: int) -> None:
        alpha = float(alphas[place])
        # P beyond its smallest eigenvalue: what stands off the diagonal, without the rounding of what does not
        least = 1.0 / (largest + alpha)
        half = vectors * like((largest - path.eigenvalues) * least / (path.eigenvalues + alpha), vectors) ** 0.5
        excess = half @ half.T
        if lost:
            excess = excess + beyond * (largest * least / alpha)
        for made, share, (train, test) in zip(hats, shares, folds, strict=True):
            rows = excess[test]
            within = rows[:, test] + least * (xp.eye(len(test), dtype=rows.dtype, device=rows.device) - constant[test][:, test])
            across = rows[:, train] * root[train]
            across = across - xp.sum(across, axis=1)[:, None] * like(share, across)
            made[place] = like((_inverse(within) / -root[test][:, None]) @ across, example)

    list(side_by_side(take_out, range(len(alphas)), isinstance(weight, np.ndarray) and count <= SMALL_SIDE))
    return tuple(
        LeftOut(train, test, share, weight[test], alphas, made)
        for (train, test), share, made in zip(folds, shares, hats, strict=True)
    )


def _inverse(matrix: Any) -> Any:
    """Of a positive definite matrix, by halves: in products, which are faster than LAPACK's general inverse."""
    xp, half = array_namespace(matrix), len(matrix) // 2
    if len(matrix) <= SMALL_INVERSE:
        return xp.linalg.inv(matrix)
    first, beside = _inverse(matrix[:half, :half]), matrix[:half, half:]
    across = first @ beside
    last = _inverse(matrix[half:, half:] - beside.T @ across)
    corner = across @ last
    made = xp.empty_like(matrix)
    made[:half, :half], made[:half, half:] = first + corner @ across.T, -corner
    made[half:, :half], made[half:, half:] = -corner.T, last
    return made


def moments_of(tile: Any, predictions: Iterable[Any], with_sums: bool) -> Moments:
    """Moments of predictions, (test row, target) for each alpha, over a tile's rows of `truth` and `weight`."""
    xp = array_namespace(tile.truth)
    weight = like(tile.weight, tile.truth)
    even = bool(xp.all(weight == 1.0))
    truth = tile.truth if even else tile.truth * weight[:, None]
    products, squares, sums = [], [], []
    for made in predictions:
        products.append(_sum(truth * made))
        squares.append(_sum(made * made if even else made * made * weight[:, None]))
        if with_sums:
            sums.append(_sum(made if even else made * weight[:, None]))
    return Moments(
        float(xp.sum(tile.weight)),
        _sum(truth),
        _sum(truth * tile.truth),
        xp.stack(products),
        xp.stack(squares),
        xp.stack(sums) if with_sums else None,
    )


def _sum(values: Any) -> Any:
    xp = array_namespace(values)
    return xp.astype(xp.sum(values, axis=0), xp.float64)
