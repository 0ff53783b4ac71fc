"""Captions of simulated scenes."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.data.base import Captions
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.words import WORDINGS
from recortex.stage import Source


class SimulatedCaptions(Captions):
    """Five differently worded true captions of every simulated scene: a full one first, a short one last.

    Parameters
    ----------
    scenes : SimulatedScenes
        What they are about.
    """

    scenes: SimulatedScenes

    def source(self) -> Source:
        """Made here."""
        return Source("Captions of simulated scenes", "none needed", "", "", ("The captions are written by a program.",))

    def expect(self) -> dict[str, int]:
        """Known beforehand."""
        return {"stimulus": self.scenes.count, "wording": WORDINGS}

    def compute(self) -> dict[str, Any]:
        """Put every scene into words."""
        seen = self.scenes.run()
        captions = [self.scenes.wordings(number) for number in range(self.scenes.count)]
        return {"stimulus": seen["stimulus"], "category": seen["category"], "caption": np.array(captions)}
