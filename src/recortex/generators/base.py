"""What generators return."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from recortex.decoders.base import DecodedFeatures
from recortex.splits.held_out import HELD_OUT
from recortex.stage import Array, Stage


class GeneratedPictures(Stage):
    """A picture for each decoded trial.

    Parameters
    ----------
    decoder : DecodedFeatures
        What the pictures are made from.
    """

    decoder: DecodedFeatures

    returns: ClassVar[dict[str, Array]] = {
        "row": HELD_OUT["row"],
        "stimulus": HELD_OUT["stimulus"],
        "picture": Array("trial", "height", "width", "channel", about="decoded picture, 0 to 1"),
    }

    def render(self, decoded: np.ndarray) -> dict[str, Any]:
        """Make pictures of decoded features; the score stages call it again for their controls.

        Parameters
        ----------
        decoded : (trial, feature) array
            In the order of the decoder's trials.

        Returns
        -------
        dict
            picture, (trial, height, width, channel) between 0 and 1, and what else the stage returns.
        """
        raise TypeError(f"{type(self).__name__} makes no pictures")

    def unconditional(self, rng: np.random.Generator) -> np.ndarray | None:
        """A picture a trial as this method makes them without any condition: what its own prior gives.

        Returns
        -------
        (trial, height, width, channel) array or None
            None for a method that has no prior of its own.
        """
        return None

    def compute(self) -> dict[str, Any]:
        """A picture of each decoded trial."""
        source = self.decoder.run()
        return {"row": source["row"], "stimulus": source["stimulus"]} | self.render(source["decoded"])
