"""Values and kinds of units where they are in the brain, as far as their recording tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recortex.drawing.cortex import cortex_labels, cortex_map
from recortex.drawing.slices import slice_labels, slice_map

ON_CORTEX = ("hemisphere", "vertex")
IN_VOLUME = ("voxel", "affine", "grid")


def brain_map(
    values: np.ndarray, places: Mapping[str, Any], label: str, low: float | None = None, high: float | None = None
) -> str:
    """A number of each unit on the cortex, in slices where there are only voxels, or nothing.

    Parameters
    ----------
    values : (unit,) array
        NaN where there is none.
    places : mapping
        `hemisphere` and `vertex`, or `voxel`, `affine` and `grid`, as recordings have them; may have neither, and more.
    label, low, high
        As in `cortex_map`.

    Returns
    -------
    str
        HTML; empty where units do not say where they are.
    """
    if all(name in places for name in ON_CORTEX):
        return cortex_map(values, places["hemisphere"], places["vertex"], label, low, high)
    if all(name in places for name in IN_VOLUME):
        return slice_map(values, places["voxel"], places["affine"], places["grid"], label, low, high)
    return ""


def brain_labels(
    labels: np.ndarray,
    places: Mapping[str, Any],
    label: str,
    order: Sequence[str] = (),
    colours: Mapping[str, str] | None = None,
) -> str:
    """As `brain_map`, of kinds: see `cortex_labels`."""
    if all(name in places for name in ON_CORTEX):
        return cortex_labels(labels, places["hemisphere"], places["vertex"], label, order, colours)
    if all(name in places for name in IN_VOLUME):
        return slice_labels(labels, places["voxel"], places["affine"], places["grid"], label, order, colours)
    return ""
