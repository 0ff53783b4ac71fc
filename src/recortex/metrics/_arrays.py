"""The entrance checks of every metric: real numbers in the dimensions that the metric names, and one label a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput


def real_array(name: str, values: ArrayLike, *dimensions: str) -> NDArray[Any]:
    """`values` as an array of real numbers with exactly these `dimensions`, in the type they came in."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"{name} must hold real numbers, not {array.dtype}")
    if array.ndim != len(dimensions):
        raise InvalidInput(f"{name} must have dimensions ({', '.join(dimensions)}), not shape {array.shape}")
    return array


def same_shape(**arrays: NDArray[Any]) -> None:
    """Refuse arrays that should be compared entry by entry and cannot."""
    if len({array.shape for array in arrays.values()}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InvalidInput(f"shapes must be equal: {shapes}")


def row_labels(name: str, labels: ArrayLike) -> NDArray[Any]:
    """`labels` as an array (row,) with a label for every row."""
    array = np.asarray(labels)
    if array.ndim != 1 or array.size == 0:
        raise InvalidInput(f"{name} must be one label a row, not shape {array.shape}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise InvalidInput(f"{name} holds NaN: every row needs a group")
    return array


def in_one_precision(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as floats of the coarser type: a number and its copy in that type are then equal."""
    floats = [array.dtype for array in (a, b) if array.dtype.kind == "f"]
    coarser = min(floats, key=lambda dtype: dtype.itemsize, default=np.dtype(np.float64))
    return a.astype(coarser, copy=False), b.astype(coarser, copy=False)
