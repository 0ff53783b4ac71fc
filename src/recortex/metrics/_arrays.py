"""The entrance check of every metric: real numbers in the dimensions that the metric names."""

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
