"""Inner products of rows over features that are read some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from recortex.linear.device import on_device
from recortex.linear.table import Table
from recortex.linear.threads import SMALL_SIDE, blas_threads, side_by_side

FEATURES_AT_ONCE = 4096


def kernel_of(X: Table, shift: np.ndarray, scale: np.ndarray, device: str | None, exact: bool = True) -> Any:
    """Inner products of rows about a shift and divided by scales, (row, row), float64.

    Without `exact`, products of some thousand features at a time are in the precision of X.
    """

    def product(piece: tuple[slice, np.ndarray]) -> Any:
        values = on_device(shifted(shift, scale, *piece), device)
        xp = array_namespace(values)
        values = xp.astype(values, xp.float64) if exact else values
        return values @ values.T

    apart = device is None and len(X) <= SMALL_SIDE
    total = sum(side_by_side(product, X.blocks(features_at_once(X.shape[1]) if apart else FEATURES_AT_ONCE), apart))
    xp = array_namespace(total)
    return xp.astype(total, xp.float64)


def features_at_once(n_features: int) -> int:
    """How many where blocks are worked on side by side: few enough that every thread has some."""
    return int(np.clip(-(-n_features // blas_threads()), 1, FEATURES_AT_ONCE // 2))


def column_blocks(X: Table, shift: np.ndarray, scale: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Shifted and scaled features, some columns at a time."""
    for columns, values in X.blocks(FEATURES_AT_ONCE):
        yield columns, shifted(shift, scale, columns, values)


def shifted(shift: np.ndarray, scale: np.ndarray, columns: slice, values: np.ndarray) -> np.ndarray:
    """A block of features about their shifts and divided by their scales."""
    values = values - shift[columns].astype(values.dtype)
    if not (scale[columns] == 1).all():
        values /= scale[columns].astype(values.dtype)
    return values
