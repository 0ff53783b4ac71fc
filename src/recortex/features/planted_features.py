"""The features that simulated responses were made of: the oracle that any other features are held against."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.data.planted_units import PlantedUnits
from recortex.data.simulated.drive import SimulatedDrive
from recortex.features.base import Features


class PlantedFeatures(Features):
    """The noise-free drive of a simulation, as features: what an encoder could reach if it knew the truth.

    Parameters
    ----------
    brain : PlantedUnits or SimulatedDrive
        The simulation: the drive of every planted unit, or the components of that of a simulated person.
    """

    brain: PlantedUnits | SimulatedDrive

    def expect(self) -> dict[str, int]:
        """A feature a planted unit; how many components a simulated person's drive has is known when it is there."""
        if isinstance(self.brain, SimulatedDrive):
            seen = self.brain.foresee()
            return {"stimulus": seen["stimulus"], "feature": seen["component"]} if "component" in seen else {}
        units, seen = self.brain.foresee(), self.brain.stimuli.foresee()
        return {"stimulus": seen["stimulus"], "feature": units["unit"]} if units and seen else {}

    def compute(self) -> dict[str, Any]:
        """The planted drive of each stimulus."""
        planted = self.brain.run()
        names, first = np.unique(planted["stimulus"], return_index=True)
        return {"stimulus": names, "features": planted["drive"][first]}
