"""What a ridge fit needs to know of its rows: counts, sums, squares and cross-products.

Every linear model of this package is fitted from these numbers and never from rows. They add up over
disjoint sets of rows, so the training set of any split is the sum of the parts it is made of, and in-fold
centring and scaling are algebra on p x p matrices instead of another pass over the data.

Raw BOLD has a mean of 1e4 and a standard deviation of 1e2 or less: squares of such numbers do not fit in
float32. A provisional shift is therefore subtracted from every row *before* anything is accumulated; any
value near the mean will do, because `SufficientStatistics.about` moves it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from recortex.errors import InvalidInput

__all__ = ["SufficientStatistics"]

_ROWS_AT_ONCE = 1024
# A variance below this fraction of the second moment is rounding, not signal.
_CONSTANT = 1e-12


@dataclass(frozen=True, eq=False)
class SufficientStatistics:
    """Weighted moments of a set of rows about a shift.

    With weights w_i and shifts s_x, s_y, sums running over rows:

    Attributes
    ----------
    n : float
        sum w_i; weights count as repeats of a row.
    sum_x : array, (feature,), float64
        sum w_i (x_i - s_x).
    sum_y : array, (target,), float64
        sum w_i (y_i - s_y).
    xx : array, (feature, feature), float64, or None
        sum w_i (x_i - s_x)(x_i - s_x)'. None where a tile of targets stands next to a Gram matrix that is
        kept elsewhere, because it is the same for every tile.
    xy : array, (feature, target)
        sum w_i (x_i - s_x)(y_i - s_y)'; float32 if X and y are, else float64.
    yy : array, (target,), float64
        sum w_i (y_i - s_y)^2.
    shift_x, shift_y : array, (feature,) and (target,), float64
        The shifts themselves.
    """

    n: float
    sum_x: np.ndarray
    sum_y: np.ndarray
    xx: np.ndarray | None
    xy: np.ndarray
    yy: np.ndarray
    shift_x: np.ndarray
    shift_y: np.ndarray

    @classmethod
    def from_rows(
        cls,
        X: np.ndarray,
        y: np.ndarray | None = None,
        sample_weight: ArrayLike | None = None,
        shift_x: ArrayLike | None = None,
        shift_y: ArrayLike | None = None,
        gram: bool = True,
    ) -> SufficientStatistics:
        """Accumulate rows, a block at a time.

        Parameters
        ----------
        X : array, (row, feature), float32 or float64
        y : array, (row, target) or (row,), or None for no targets
        sample_weight : array, (row,), or None for ones
        shift_x, shift_y : arrays, (feature,) and (target,), or None for the column means
            Rounded to the precision of X and y, so that the value stored is the value subtracted.
        gram : bool
            False leaves `xx` out.
        """
        y = np.empty((len(X), 0), X.dtype) if y is None else y.reshape(len(y), -1)
        shift_x, shift_y = _shift(X, shift_x), _shift(y, shift_y)
        n_rows, n_features, n_targets = len(X), X.shape[1], y.shape[1]
        cross_dtype = np.result_type(X.dtype, y.dtype, np.float32)
        sum_x, sum_y, yy = np.zeros(n_features), np.zeros(n_targets), np.zeros(n_targets)
        xx = np.zeros((n_features, n_features)) if gram else None
        xy = np.zeros((n_features, n_targets), cross_dtype)
        weighted = sample_weight is not None
        weight = np.asarray(sample_weight, np.float64) if weighted else np.ones(n_rows)
        for start in range(0, n_rows, _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            # The root of the weight on both sides: X'WX stays symmetric (BLAS syrk, half the work).
            root = np.sqrt(weight[block])
            x_block = _block(X[block], shift_x, root if weighted else None)
            y_block = _block(y[block], shift_y, root if weighted else None)
            # einsum widens to float64 as it goes, without a copy of the block.
            sum_x += np.einsum("i,ij->j", root, x_block)
            sum_y += np.einsum("i,ij->j", root, y_block)
            yy += np.einsum("ij,ij->j", y_block, y_block, dtype=np.float64)
            if n_targets:
                xy += x_block.T @ y_block
            if xx is not None:
                wide = x_block.astype(np.float64, copy=False)
                xx += wide.T @ wide
        return cls(float(weight.sum()), sum_x, sum_y, xx, xy, yy, shift_x, shift_y)

    @classmethod
    def total(cls, parts: Sequence[SufficientStatistics]) -> SufficientStatistics:
        """Add up disjoint sets of rows, about the shift of the first."""
        first = parts[0]
        parts = [part.about(first.shift_x, first.shift_y) for part in parts]
        grams = [part.xx for part in parts if part.xx is not None]
        return replace(
            first,
            n=sum(part.n for part in parts),
            sum_x=_added([part.sum_x for part in parts]),
            sum_y=_added([part.sum_y for part in parts]),
            xx=_added(grams) if len(grams) == len(parts) else None,
            xy=_added([part.xy for part in parts]),
            yy=_added([part.yy for part in parts]),
        )

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        """Add the rows of `other`."""
        return SufficientStatistics.total([self, other])

    def __sub__(self, other: SufficientStatistics) -> SufficientStatistics:
        """Take out the rows of `other`, which must be among the rows of `self`."""
        xx = None if other.xx is None else -other.xx
        return self + replace(other, n=-other.n, sum_x=-other.sum_x, sum_y=-other.sum_y, xx=xx, xy=-other.xy, yy=-other.yy)

    @property
    def gram(self) -> np.ndarray:
        """`xx`, (feature, feature), where it is kept."""
        if self.xx is None:
            raise InvalidInput("These statistics are a tile of targets and have no Gram matrix")
        return self.xx

    @property
    def mean_x(self) -> np.ndarray:
        """Weighted mean of the features, (feature,)."""
        return self.shift_x + self.sum_x / self.n

    @property
    def mean_y(self) -> np.ndarray:
        """Weighted mean of the targets, (target,)."""
        return self.shift_y + self.sum_y / self.n

    @property
    def scale_x(self) -> np.ndarray:
        """Standard deviation of the features, (feature,), with 1 for constant ones."""
        return _scale(self.n, self.sum_x, np.diagonal(self.gram), self.mean_x)

    @property
    def scale_y(self) -> np.ndarray:
        """Standard deviation of the targets, (target,), with 1 for constant ones."""
        return _scale(self.n, self.sum_y, self.yy, self.mean_y)

    def about(self, shift_x: np.ndarray, shift_y: np.ndarray) -> SufficientStatistics:
        """See the same rows from another origin.

        With d = new shift - old shift: sum w (x - d)(y - e)' = xy - d sum_y' - (sum_x - n d) e'.
        """
        if np.array_equal(shift_x, self.shift_x) and np.array_equal(shift_y, self.shift_y):
            return self
        by_x, by_y = shift_x - self.shift_x, shift_y - self.shift_y
        sum_x, sum_y = self.sum_x - self.n * by_x, self.sum_y - self.n * by_y
        xx = None if self.xx is None else self.xx - np.outer(by_x, self.sum_x) - np.outer(sum_x, by_x)
        left = np.stack([by_x, sum_x], axis=1).astype(self.xy.dtype)
        right = np.stack([self.sum_y, by_y]).astype(self.xy.dtype)
        yy = self.yy - by_y * (self.sum_y + sum_y)
        return replace(
            self,
            sum_x=sum_x,
            sum_y=sum_y,
            xx=xx,
            xy=self.xy - left @ right,
            yy=yy,
            shift_x=shift_x,
            shift_y=shift_y,
        )

    def centred(self, fit_intercept: bool = True) -> SufficientStatistics:
        """Move to the means of these rows; without an intercept, to the origin."""
        if fit_intercept:
            return self.about(self.mean_x, self.mean_y)
        return self.about(np.zeros_like(self.shift_x), np.zeros_like(self.shift_y))

    def scaled(self, scale_x: np.ndarray) -> SufficientStatistics:
        """Divide every feature by its scale: D^-1 G D^-1 and D^-1 C."""
        if (scale_x == 1).all():
            return self
        return replace(
            self,
            sum_x=self.sum_x / scale_x,
            shift_x=self.shift_x / scale_x,
            xx=None if self.xx is None else self.xx / np.outer(scale_x, scale_x),
            xy=self.xy / scale_x[:, None].astype(self.xy.dtype),
        )


def _shift(values: np.ndarray, shift: ArrayLike | None) -> np.ndarray:
    """Round the shift to the precision of the values: stored as it will be subtracted."""
    if shift is None:
        shift = values.mean(axis=0, dtype=np.float64)
    return np.asarray(shift, np.float64).astype(values.dtype).astype(np.float64)


def _block(rows: np.ndarray, shift: np.ndarray, root: np.ndarray | None) -> np.ndarray:
    """Shift rows and multiply them by the root of their weights, in their own precision."""
    rows = rows - shift.astype(rows.dtype)
    if root is not None:
        rows *= root[:, None].astype(rows.dtype)
    return rows


def _added(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Sum arrays into one new array rather than one a term."""
    total = arrays[0].copy()
    for array in arrays[1:]:
        total += array
    return total


def _scale(n: float, sums: np.ndarray, squares: np.ndarray, mean: np.ndarray) -> np.ndarray:
    second = squares / n
    variance = second - (sums / n) ** 2
    constant = variance <= _CONSTANT * second + (_CONSTANT * mean) ** 2
    return np.sqrt(np.where(constant, 1.0, variance))
