"""Features that lie somewhere in the picture."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from recortex.features.base import Features
from recortex.stage import Array


class Maps(Features):
    """Features of which each has a place in the picture and belongs to a channel, as the cells of maps do.

    Places are shares of the picture: x from the left, y from the top.
    """

    returns: ClassVar[dict[str, Array]] = Features.returns | {
        "x": Array("feature", units="", about="place of each feature from the left, as a share of the picture"),
        "y": Array("feature", units="", about="place of each feature from the top, as a share of the picture"),
        "of_channel": Array("feature", dtype="int", units="", about="which channel each feature belongs to, from 0"),
        "channel": Array("channel", dtype="str", units="", about="names of the channels, distinct"),
    }

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Place, (feature, 2), and number of the channel, (feature,), of each feature."""
        made = self.run()
        return np.column_stack([made["x"], made["y"]]), made["of_channel"]


def on_grid(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres x and y of cells x cells squares, row by row, (place,) each."""
    centres = (np.arange(cells) + 0.5) / cells
    return np.tile(centres, cells), np.repeat(centres, cells)
