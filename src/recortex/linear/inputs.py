"""What every ridge asks of its inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight

from recortex.errors import InvalidInput, listed
from recortex.linear.folds import Fold
from recortex.linear.kernel import FEATURES_AT_ONCE
from recortex.linear.selection import is_centred
from recortex.linear.table import Table

__all__ = [
    "all_centred",
    "check_weight_of_folds",
    "checked_alphas",
    "checked_groups",
    "checked_weight",
    "column_means",
    "near_means",
]

_NEAR_ZERO = 4.0  # standard deviations between the mean of a target and 0 that cost no precision


def checked_alphas(alphas: ArrayLike) -> np.ndarray:
    """Candidates for the penalty, (alpha,), float64."""
    grid = np.atleast_1d(np.asarray(alphas, np.float64))
    if grid.ndim != 1 or not grid.size:
        raise InvalidInput("alphas must be a non-empty list of numbers, as in (1, 10, 100)")
    if len(bad := grid[~(np.isfinite(grid) & (grid >= 0))]):
        raise InvalidInput(f"alphas must be finite and >= 0, got {listed(bad)}")
    return grid


def checked_groups(groups: ArrayLike | None, n_rows: int) -> np.ndarray | None:
    """The group of each row, (row,)."""
    if groups is None:
        return None
    labels = np.asarray(groups)
    if labels.shape != (n_rows,):
        raise InvalidInput(f"groups must name the group of each of {n_rows} rows, got shape {labels.shape}")
    return labels


def checked_weight(sample_weight: ArrayLike | None, n_rows: int) -> np.ndarray | None:
    """Weights of rows, (row,), float64."""
    if sample_weight is None:
        return None
    weight = _check_sample_weight(sample_weight, np.empty((n_rows, 1)), dtype=np.float64, ensure_non_negative=True)
    if not weight.any():
        raise InvalidInput("sample_weight is zero everywhere")
    return weight


def check_weight_of_folds(weight: np.ndarray | None, folds: Sequence[Fold]) -> None:
    """Refuse a fold that has no weight on one of its sides."""
    for number, fold in enumerate(folds):
        if weight is not None and not all(weight[side].any() for side in fold):
            raise InvalidInput(f"Fold {number} of cv has no sample_weight on its training or its test side")


def column_means(table: Table) -> np.ndarray:
    """Means of the columns in their own precision, so that subtracting them is exact."""
    mean = np.zeros(table.shape[1])
    for columns, block in table.blocks(FEATURES_AT_ONCE):
        mean[columns] = block.mean(axis=0, dtype=np.float64).astype(block.dtype)
    return mean


def near_means(y: np.ndarray) -> np.ndarray:
    """A shift near the mean of each target, (target,); 0 where the mean is so small beside the spread that none is needed."""
    some = y[:: max(1, len(y) // 64)].astype(np.float64)
    mean = some.mean(axis=0)
    shift = np.where(np.abs(mean) <= _NEAR_ZERO * some.std(axis=0), 0.0, mean)
    return shift.astype(y.dtype).astype(np.float64)


def all_centred(table: Table) -> bool:
    """Whether the mean of every column is 0, but for rounding."""
    return all(is_centred(block).all() for _, block in table.blocks(FEATURES_AT_ONCE))
