"""The features that simulated responses were made of: the oracle that any other features are held against."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.data.planted_units import PlantedUnits
from recortex.features.base import Features


class PlantedFeatures(Features):
    """The noise-free drive of every planted unit, as features: what an encoder could reach if it knew the truth.

    Parameters
    ----------
    brain : PlantedUnits
        The simulation.
    """

    brain: PlantedUnits

    def expect(self) -> dict[str, int]:
        """A feature a planted unit."""
        units, seen = self.brain.foresee(), self.brain.stimuli.foresee()
        return {"stimulus": seen["stimulus"], "feature": units["unit"]} if units and seen else {}

    def compute(self) -> dict[str, Any]:
        """The planted drive of each stimulus."""
        planted = self.brain.run()
        names, first = np.unique(planted["stimulus"], return_index=True)
        return {"stimulus": names, "features": planted["drive"][first]}
