"""Ridge in the space of rows, for more features than rows: one kernel for all folds, and never a feature x target matrix.

With the centred and weighted training kernel W^1/2 K W^1/2 = U diag(w) U' and B = U' W^1/2 y, the solution at alpha predicts
K_new W^1/2 U [B / (w + alpha)] (Saunders, Gammerman and Vovk 1998). Centring and scaling are done in each training set: the
first is algebra on the kernel, the second needs a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from recortex.linear.device import like, on_cpu, on_device
from recortex.linear.folds import Fold
from recortex.linear.kernel import FEATURES_AT_ONCE, kernel_of
from recortex.linear.left_out import LeftOut, LeftOutTile, leave_out, moments_of
from recortex.linear.moments import Moments
from recortex.linear.path import RidgePath, shrinkage
from recortex.linear.spectrum import Spectrum
from recortex.linear.statistics import SufficientStatistics
from recortex.linear.table import Table


@dataclass(frozen=True, eq=False)
class DualSplit:
    """The kernel side of one training set and, unless it is the final fit, one validation set.

    Attributes
    ----------
    train, test : int arrays, (train row,) and (test row,)
    weight, test_weight : arrays of float64
    fit_intercept : bool
    path : RidgePath
        Of the training kernel; its vectors are (train row, axis).
    turn : array, (train row, axis)
        W^1/2 U in the precision of the targets.
    rows : array, (test row, axis)
        K W^1/2 U in the precision of the targets: predictions are `rows` @ [B / (w + alpha)] + training mean.
    centre : array, (train row,), float64
        Of the kernel: the mean row's products with all training rows.
    """

    train: np.ndarray
    test: np.ndarray
    weight: Any
    test_weight: Any
    fit_intercept: bool
    path: RidgePath
    turn: Any
    rows: Any
    centre: Any

    @classmethod
    def from_kernel(
        cls, kernel: Any, weight: Any, train: np.ndarray, test: np.ndarray, fit_intercept: bool, dtype: np.dtype
    ) -> DualSplit:
        """Decompose one split of a (row, row) kernel, for targets of some precision."""
        inside, across = kernel[train][:, train], kernel[test][:, train]
        weight, test_weight = weight[train], weight[test]
        share = weight / weight.sum() if fit_intercept else 0.0 * weight
        centre = inside @ share
        inside = inside - centre - centre[:, None] + centre @ share
        across = across - centre - (across @ share)[:, None] + centre @ share
        root = weight**0.5
        path = RidgePath.from_gram(inside * root * root[:, None])
        turn = path.vectors * root[:, None]
        example = array_namespace(weight).zeros(0, dtype=getattr(array_namespace(weight), dtype.name), device=weight.device)
        return cls(
            train, test, weight, test_weight, fit_intercept, path, like(turn, example), like(across @ turn, example), centre
        )

    @property
    def bytes(self) -> int:
        """What it takes: eigenvectors, twice, and validation rows."""
        return int(self.path.vectors.nbytes + self.turn.nbytes + self.rows.nbytes)

    @property
    def rows_at_once(self) -> int:
        """How many numbers a target takes while it is scored."""
        return len(self.train) + 3 * len(self.test)

    def mean(self, y: Any) -> Any:
        """Training mean of a tile of targets, (target,); 0 without an intercept."""
        xp = array_namespace(y)
        if not self.fit_intercept:
            return xp.zeros(y.shape[1], dtype=y.dtype, device=y.device)
        return like(self.weight / self.weight.sum(), y) @ y[self.train]

    def rotate(self, y: Any) -> Any:
        """B, (axis, target)."""
        # the vectors of a centred kernel are orthogonal to the roots of the weights, so that no mean need be taken off
        return self.turn.T @ y[self.train]

    def rotated(self, y: Any) -> DualRotated:
        """A tile of targets, (row, target), in the eigenbasis, against the validation set."""
        return DualRotated(self.path.eigenvalues, self.rotate(y), self.rows, y[self.test] - self.mean(y), self.test_weight)


@dataclass(frozen=True, eq=False)
class DualTile:
    """Some targets.

    Attributes
    ----------
    values : array, (row, target)
        About the shift.
    shift : array, (target,), float64
    """

    values: Any
    shift: np.ndarray


@dataclass(frozen=True, eq=False)
class DualRotated:
    """A tile of targets in the eigenbasis of a training set, against its validation set.

    Attributes
    ----------
    eigenvalues : array, (axis,), float64
    basis : array, (axis, target)
        B.
    rows : array, (test row, axis)
        Of the split.
    truth : array, (test row, target)
        About the training means.
    weight : array, (test row,)
    """

    eigenvalues: Any
    basis: Any
    rows: Any
    truth: Any
    weight: Any

    def predictions(self, alpha: Any) -> Any:
        """About the training means, (test row, target), at one alpha or one a target."""
        by_axis = shrinkage(self.eigenvalues, alpha, self.basis)
        return (self.rows * by_axis.T) @ self.basis if by_axis.shape[1] == 1 else self.rows @ (self.basis * by_axis)

    def only(self, targets: np.ndarray) -> DualRotated:
        """Some targets of the tile."""
        return replace(self, basis=self.basis[:, targets], truth=self.truth[:, targets])

    def moments(self, alphas: Any, with_sums: bool) -> Moments:
        """Of the predictions at each alpha, (alpha,)."""
        return moments_of(self, map(self.predictions, alphas), with_sums)


@dataclass(frozen=True, eq=False)
class DualWhole:
    """A tile of targets in the eigenbasis of the fit on all rows.

    Attributes
    ----------
    final : DualSplit
    tile : DualTile
    basis : array, (axis, target)
        B.
    """

    final: DualSplit
    tile: DualTile
    basis: Any

    def solve(self, alphas: Any) -> tuple[np.ndarray, np.ndarray]:
        """Dual weights, (target, row), and offsets, (target,).

        Predictions are K(new, rows) dual + offset, with the kernel of features about their shift.
        """
        y = self.tile.values
        xp = array_namespace(y)
        dual = (self.basis * shrinkage(self.final.path.eigenvalues, alphas, self.basis)).T @ self.final.turn.T
        away = xp.astype(dual, xp.float64) @ self.final.centre
        return on_cpu(dual), on_cpu(xp.astype(self.final.mean(y), xp.float64) - away) + self.tile.shift

    def spectrum(self) -> Spectrum:
        """The fit in orthonormal coordinates of its rows, for what leaves single rows out."""
        y = self.tile.values
        centred = on_cpu((y - self.final.mean(y)) * like(self.final.weight[:, None] ** 0.5, y))
        squares = np.einsum("ij,ij->j", centred, centred, dtype=np.float64)
        return Spectrum(on_cpu(self.final.path.eigenvalues), on_cpu(self.basis), squares)


@dataclass(frozen=True, eq=False)
class Dual:
    """Kernels of all rows, with the splits that draw on them.

    Attributes
    ----------
    splits : tuple of DualSplit or LeftOut
        One a fold.
    final : DualSplit
        On all rows.
    scale : array, (feature,), float64
        Standard deviations over all rows, or ones.
    device : str or None
    """

    splits: tuple[DualSplit | LeftOut, ...]
    final: DualSplit
    scale: np.ndarray
    device: str | None

    @classmethod
    def build(
        cls,
        X: Table,
        shift: np.ndarray,
        weight: np.ndarray | None,
        folds: Sequence[Fold],
        fit_intercept: bool,
        scale_features: bool,
        device: str | None,
        alphas: np.ndarray,
        dtype: np.dtype,
    ) -> Dual:
        """Make the kernel, or one a training set where features are scaled, and whatever decompositions the folds need."""
        weights = on_device(np.ones(len(X)) if weight is None else weight, device)
        ones, everything, nothing = np.ones(X.shape[1]), np.arange(len(X)), np.empty(0, np.intp)
        if scale_features:

            def scaled(train: np.ndarray, test: np.ndarray) -> tuple[DualSplit, np.ndarray]:
                scale = _scales(X, train, None if weight is None else weight[train], shift)
                kernel = kernel_of(X, shift, scale, device)
                return DualSplit.from_kernel(kernel, weights, train, test, fit_intercept, dtype), scale

            final, scale = scaled(everything, nothing)
            return cls(tuple(scaled(*fold)[0] for fold in folds), final, scale, device)
        for exact in (False, True) if X.dtype == np.float32 else (True,):
            kernel = kernel_of(X, shift, ones, device, exact)
            final = DualSplit.from_kernel(kernel, weights, everything, nothing, fit_intercept, dtype)
            if exact or _is_above_rounding(final.path, kernel, alphas):
                break
        splits: Sequence[DualSplit | LeftOut] | None = leave_out(final.path, weights, folds, alphas, fit_intercept, dtype)
        if splits is None:
            splits = [DualSplit.from_kernel(kernel, weights, *fold, fit_intercept, dtype) for fold in folds]
        return cls(tuple(splits), final, ones, device)

    @property
    def n_splits(self) -> int:
        """How many folds there are."""
        return len(self.splits)

    def only(self, tile: DualTile, targets: np.ndarray) -> DualTile:
        """Some targets of a tile."""
        return DualTile(tile.values[:, targets], tile.shift[targets]) if len(targets) < len(tile.shift) else tile

    def rotated(self, number: int, tile: DualTile) -> DualRotated | LeftOutTile:
        """A tile as a fold takes it, against its validation set."""
        return self.splits[number].rotated(tile.values)

    @property
    def bytes(self) -> int:
        """What the kernel side takes."""
        return sum(split.bytes for split in (*self.splits, self.final))

    def bytes_per_target(self, itemsize: int) -> int:
        """What a target takes while its tile is scored, beyond its rows."""
        longest = max(split.rows_at_once for split in (*self.splits, self.final))
        return (longest + len(self.final.train)) * itemsize

    def tile(self, y: np.ndarray, shift_y: np.ndarray) -> DualTile:
        """A tile of targets, (row, target), about their shift."""
        return DualTile(on_device(y - shift_y.astype(y.dtype) if shift_y.any() else y, self.device), shift_y)

    def predict(self, number: int, tile: DualTile, alphas: Any) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a split's validation set, and their predictions, (row, target)."""
        split = self.splits[number]
        made = split.rotated(tile.values).predictions(alphas) + split.mean(tile.values)
        return split.test, on_cpu(made) + tile.shift.astype(on_cpu(made).dtype)

    def whole(self, tile: DualTile) -> DualWhole:
        """A tile in the eigenbasis of the fit on all rows."""
        return DualWhole(self.final, tile, self.final.rotate(tile.values))

    def axes(self) -> np.ndarray:
        """Orthonormal coordinates of the rows of the final fit, divided by the roots of their weights, (row, axis), float64."""
        weight = on_cpu(self.final.weight)
        root = np.where(weight > 0, weight, 1.0) ** 0.5
        return on_cpu(self.final.path.vectors) / root[:, None]


def _is_above_rounding(path: RidgePath, kernel: Any, alphas: np.ndarray) -> bool:
    """Whether what float32 takes from a kernel is nothing beside its smallest eigenvalue and alpha."""
    # the spectral norm of independent errors is about twice the root of their number a row
    lost = 2 * len(kernel) ** 0.5 * float(np.finfo(np.float32).eps) * float(kernel.diagonal().max())
    return bool(lost <= 1e-4 * (float(path.eigenvalues[0]) + alphas.min()))


def _scales(X: Table, train: np.ndarray, weight: np.ndarray | None, shift: np.ndarray) -> np.ndarray:
    """Standard deviations of features over training rows."""
    scale = np.empty(X.shape[1])
    for columns, values in X.blocks(FEATURES_AT_ONCE):
        seen = values[train]
        # Columns of X stand in the place of targets, whose moments come without a Gram matrix.
        scale[columns] = SufficientStatistics.from_rows(seen[:, :0], seen, weight, shift_y=shift[columns], gram=False).scale_y
    return scale
