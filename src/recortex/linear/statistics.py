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
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from array_api_compat import array_namespace

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

    Notes
    -----
    Arrays are NumPy's, or torch's on any device: all that is done to them here is in the array API standard.
    """

    n: float
    sum_x: Any
    sum_y: Any
    xx: Any | None
    xy: Any
    yy: Any
    shift_x: Any
    shift_y: Any

    @classmethod
    def from_rows(
        cls,
        X: Any,
        y: Any | None = None,
        sample_weight: Any | None = None,
        shift_x: Any | None = None,
        shift_y: Any | None = None,
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
        xp = array_namespace(X)
        place = {"device": X.device, "dtype": xp.float64}
        y = X[:, :0] if y is None else y.reshape(len(y), -1)
        shift_x, shift_y = _shift(X, shift_x), _shift(y, shift_y)
        n_features, n_targets = X.shape[1], y.shape[1]
        sum_x, sum_y, yy = (xp.zeros(size, **place) for size in (n_features, n_targets, n_targets))
        xx = xp.zeros((n_features, n_features), **place) if gram else None
        xy = xp.zeros((n_features, n_targets), dtype=xp.result_type(X.dtype, y.dtype), device=X.device)
        root = None if sample_weight is None else xp.asarray(sample_weight, **place) ** 0.5
        for start in range(0, len(X), _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            # The root of the weight on both sides: X'WX stays symmetric (BLAS syrk, half the work).
            by = None if root is None else root[block]
            x_block, y_block = _block(X[block], shift_x, by), _block(y[block], shift_y, by)
            sum_x += _sum(x_block, by)
            sum_y += _sum(y_block, by)
            if n_targets:
                yy += _squares(y_block)
                xy += x_block.T @ y_block
            if xx is not None:
                wide = xp.astype(x_block, xp.float64, copy=False)
                xx += wide.T @ wide
        n = float(len(X)) if root is None else float(xp.sum(root**2))
        return cls(n, sum_x, sum_y, xx, xy, yy, shift_x, shift_y)

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
    def gram(self) -> Any:
        """`xx`, (feature, feature), where it is kept."""
        if self.xx is None:
            raise InvalidInput("These statistics are a tile of targets and have no Gram matrix")
        return self.xx

    @property
    def mean_x(self) -> Any:
        """Weighted mean of the features, (feature,)."""
        return self.shift_x + self.sum_x / self.n

    @property
    def mean_y(self) -> Any:
        """Weighted mean of the targets, (target,)."""
        return self.shift_y + self.sum_y / self.n

    @property
    def scale_x(self) -> Any:
        """Standard deviation of the features, (feature,), with 1 for constant ones."""
        return _scale(self.n, self.sum_x, array_namespace(self.gram).linalg.diagonal(self.gram), self.mean_x)

    @property
    def scale_y(self) -> Any:
        """Standard deviation of the targets, (target,), with 1 for constant ones."""
        return _scale(self.n, self.sum_y, self.yy, self.mean_y)

    def about(self, shift_x: Any, shift_y: Any) -> SufficientStatistics:
        """See the same rows from another origin.

        With d = new shift - old shift: sum w (x - d)(y - e)' = xy - d sum_y' - (sum_x - n d) e'.
        """
        if _same(shift_x, self.shift_x) and _same(shift_y, self.shift_y):
            return self
        xp = array_namespace(self.xy)
        by_x, by_y = shift_x - self.shift_x, shift_y - self.shift_y
        sum_x, sum_y = self.sum_x - self.n * by_x, self.sum_y - self.n * by_y
        xx = None if self.xx is None else self.xx - by_x[:, None] * self.sum_x - sum_x[:, None] * by_x
        left = xp.astype(xp.stack([by_x, sum_x], axis=1), self.xy.dtype)
        right = xp.astype(xp.stack([self.sum_y, by_y]), self.xy.dtype)
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
        return self.about(0.0 * self.shift_x, 0.0 * self.shift_y)

    def scaled(self, scale_x: Any) -> SufficientStatistics:
        """Divide every feature by its scale: D^-1 G D^-1 and D^-1 C."""
        xp = array_namespace(self.xy)
        if xp.all(scale_x == 1):
            return self
        return replace(
            self,
            sum_x=self.sum_x / scale_x,
            shift_x=self.shift_x / scale_x,
            xx=None if self.xx is None else self.xx / (scale_x[:, None] * scale_x),
            xy=self.xy / xp.astype(scale_x[:, None], self.xy.dtype),
        )

    def shift_x_of(self, scale_x: Any) -> Any:
        """The shift in the units that features had before `scaled`; 0 for those of infinite scale, which have no weight."""
        xp = array_namespace(self.xy)
        return self.shift_x * xp.where(xp.isfinite(scale_x), scale_x, 0.0)

    def restricted(self, features: Any) -> SufficientStatistics:
        """Keep some features: a band, or several.

        Parameters
        ----------
        features : int or bool array
            Which, as an index.
        """
        return replace(
            self,
            sum_x=self.sum_x[features],
            shift_x=self.shift_x[features],
            xx=None if self.xx is None else self.xx[features][:, features],
            xy=self.xy[features],
        )

    def targets(self, some: Any) -> SufficientStatistics:
        """Keep some targets; `some` is an index."""
        return replace(self, sum_y=self.sum_y[some], xy=self.xy[:, some], yy=self.yy[some], shift_y=self.shift_y[some])

    def with_gram(self, gram: Any) -> SufficientStatistics:
        """Put the Gram matrix of the same rows, about the same shift, beside a tile of targets."""
        return replace(self, xx=gram)

    def save(self, path: Path | str) -> None:
        """Write these numbers (from NumPy arrays) to an .npz file."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez(path, **{name: values for name, values in kept.items() if values is not None})

    @classmethod
    def load(cls, path: Path | str) -> SufficientStatistics:
        """Read what `save` wrote.

        Raises
        ------
        InvalidInput
            It is another kind of file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                kept = {name: file[name] for name in file.files}
            return cls(**{"xx": None} | kept | {"n": float(kept["n"])})
        except (ValueError, TypeError, KeyError, AttributeError, EOFError, BadZipFile) as error:
            raise InvalidInput(f"{path} holds no sufficient statistics; write them with SufficientStatistics.save") from error


def _same(one: Any, other: Any) -> bool:
    return bool(array_namespace(one).all(one == other))


def _shift(values: Any, shift: Any | None) -> Any:
    """Round the shift to the precision of the values: stored as it will be subtracted."""
    xp = array_namespace(values)
    if shift is None:
        shift = xp.sum(values, axis=0, dtype=xp.float64) / len(values)
    narrow = xp.astype(xp.asarray(shift, dtype=xp.float64, device=values.device), values.dtype)
    return xp.astype(narrow, xp.float64)


def _block(rows: Any, shift: Any, root: Any | None) -> Any:
    """Shift rows and multiply them by the root of their weights, in their own precision."""
    xp = array_namespace(rows)
    if not _same(shift, 0.0 * shift):
        rows = rows - xp.astype(shift, rows.dtype)
    return rows if root is None else rows * xp.astype(root[:, None], rows.dtype)


def _sum(rows: Any, root: Any | None) -> Any:
    """Weighted sum of weighted rows, wide."""
    xp = array_namespace(rows)
    if root is None:
        return xp.sum(rows, axis=0, dtype=xp.float64)
    return xp.sum(rows * xp.astype(root[:, None], rows.dtype), axis=0, dtype=xp.float64)


def _squares(rows: Any) -> Any:
    xp = array_namespace(rows)
    if isinstance(rows, np.ndarray):  # widened as it goes, without a copy
        return np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
    return xp.sum(rows**2, axis=0, dtype=xp.float64)


def _added(arrays: Sequence[Any]) -> Any:
    """Sum arrays into one new array rather than one a term."""
    if len(arrays) == 1:
        return arrays[0]
    total = arrays[0] + arrays[1]
    for array in arrays[2:]:
        total += array
    return total


def _scale(n: float, sums: Any, squares: Any, mean: Any) -> Any:
    xp = array_namespace(squares)
    second = squares / n
    variance = second - (sums / n) ** 2
    constant = variance <= _CONSTANT * second + (_CONSTANT * mean) ** 2
    return xp.where(constant, 1.0, variance) ** 0.5
