"""What a simulated person's voxels would do without noise: the features that the recordings were made of."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.data.simulated.experiment import Experiment
from recortex.stage import Array, Stage

KEPT = 0.999


class SimulatedDrive(Stage):
    """The noiseless responses of a simulated person to all scenes, turned into their principal components.

    There are as many voxels as a brain has, and most of what they do is in a few hundred directions: the components, largest first,
    hold 99.9 % of the variance of all driven voxels, each voxel divided by the standard deviation of its noise, so that what is heard
    well weighs more. An encoder that has them knows the truth but for noise and weights: the oracle.

    Parameters
    ----------
    brain : SimulatedBetas or SimulatedBold
        Whose drive. Scenes that this person does not see have theirs too.
    most : int
        Most components that are kept.
    """

    brain: Experiment
    most: int = Field(default=1000, ge=1)

    returns: ClassVar[dict[str, Array]] = {
        "stimulus": Array("stimulus", dtype="str", units="", about="names of all scenes"),
        "drive": Array("stimulus", "component", about="noiseless responses along each component, largest first"),
        "share": Array("component", about="share of the variance of all driven voxels that a component holds"),
    }

    def compute(self) -> dict[str, Any]:
        """Drive all voxels by all scenes, then turn."""
        from scipy.linalg import eigh

        world = self.brain.stimuli.run()
        person = self.brain.observer()
        graph = {name: world[name] for name in ("kind", "x", "y", "size")}
        driven = person.ncsnr > 0
        drive = person.drive(world["picture"], graph)[:, driven] / person.noise_sd[driven].astype(np.float32)
        drive -= drive.mean(axis=0)
        # the smaller of the two second moments
        if len(drive) <= drive.shape[1]:
            value, vector = eigh((drive @ drive.T).astype(np.float64))
            scores = vector * np.sqrt(np.maximum(value, 0))
        else:
            value, vector = eigh((drive.T @ drive).astype(np.float64))
            scores = drive @ vector
        value, scores = value[::-1] / value.sum(), scores[:, ::-1]
        count = min(int(np.searchsorted(np.cumsum(value), KEPT)) + 1, self.most, len(value))
        scores = scores[:, :count]
        # a component's sign is free; this one is the same on every machine
        scores = scores * np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(count)])
        return {"stimulus": world["stimulus"], "drive": scores.astype(np.float32), "share": value[:count]}
