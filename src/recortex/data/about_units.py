"""What is known of units beyond their responses, wherever below the responses it was written down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recortex.stage import Result, Stage, walk


def about_units(brain: Stage, wanted: Sequence[str]) -> Result | None:
    """The result that says something of a brain's units: the brain's own, else that of a stage it was made from.

    Parameters
    ----------
    brain : Stage
        Responses.
    wanted : sequence of str
        Arrays over ``unit`` that the result must hold.

    Returns
    -------
    Result or None
        None where nothing below is known of the same units: as many, and the same voxels where these are told.
    """
    own = brain.run()
    for node in walk(brain):
        if not isinstance(node, Stage) or not set(wanted) <= set(node.returns):
            continue
        found = node.run()
        if set(wanted) <= set(found) and found.shape(wanted[0])[0] == own.shape("responses")[1]:
            voxels = [result["voxel"] for result in (own, found) if "voxel" in result]
            if len(voxels) < 2 or np.array_equal(voxels[0], voxels[1]):
                return found
    return None
