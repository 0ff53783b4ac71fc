"""Left and right exchanged, seen by where units of each side of the brain look."""

from __future__ import annotations

import numpy as np

from recortex.audit.base import Finding

NEAR_MIDLINE_MM, NEAR_MIDDLE = 5.0, 0.05
FEWEST = 30
LOW = 0.4
"""Of simulated people at 5 mm, about .75 of all units that are predicted look away from their own side, .92 in V1; .25 when flipped."""


def mirrored(right_mm: np.ndarray, field_x: np.ndarray) -> list[Finding]:
    """Whether units look at the side that they are on: each hemisphere sees the opposite half of the visual field.

    Parameters
    ----------
    right_mm : (unit,) array
        How far right of the midline a unit is said to be.
    field_x : (unit,) array
        Fitted centre of its receptive field from the left, as a share of a picture with fixation in its middle. Only units that are
        predicted at all should be given; those near the midline or with a field near the middle do not count.

    Returns
    -------
    list of Finding
        Empty where at least .4 of the units that count look away from their own side, or where fewer than 30 count.
    """
    counts = (np.abs(right_mm) > NEAR_MIDLINE_MM) & (np.abs(field_x - 0.5) > NEAR_MIDDLE)
    if counts.sum() < FEWEST:
        return []
    opposite = (right_mm[counts] > 0) == (field_x[counts] < 0.5)
    if opposite.mean() >= LOW:
        return []
    return [
        Finding(
            "warn",
            "mirrored",
            f"only {opposite.mean():.0%} of {int(counts.sum())} predicted units look into the half of the picture opposite to their "
            "side of the brain, where most should: left and right are exchanged in the pictures or in the voxels",
            "compare the sign of the affine's first column, and the pictures, with what the scanner and the screen had",
        )
    ]
