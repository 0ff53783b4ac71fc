"""Captions of what was seen: what captioners write, and generators may be told."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import numpy as np

from recortex.decoders.base import DecodedFeatures
from recortex.splits.held_out import HELD_OUT
from recortex.stage import Array, Stage


class DecodedCaptions(Stage):
    """A caption for each decoded trial.

    Parameters
    ----------
    decoder : DecodedFeatures
        What the captions are written from.
    """

    decoder: DecodedFeatures

    returns: ClassVar[dict[str, Array]] = {
        "row": HELD_OUT["row"],
        "stimulus": HELD_OUT["stimulus"],
        "caption": Array("trial", dtype="str", units="", about="decoded caption"),
    }

    def expect(self) -> dict[str, int]:
        """A caption a trial."""
        decoded = self.decoder.foresee()
        return {"trial": decoded["trial"]} if "trial" in decoded else {}

    def write(self, decoded: np.ndarray) -> np.ndarray:
        """Put decoded features into words; the score stages call it again for their controls.

        Parameters
        ----------
        decoded : (trial, feature) array
            In the order of the decoder's trials.

        Returns
        -------
        (trial,) str array
        """
        raise TypeError(f"{type(self).__name__} writes no captions")

    def held(self) -> AbstractContextManager[None]:
        """Whatever is loaded to write captions stays loaded until the block ends."""
        return nullcontext()

    def compute(self) -> dict[str, Any]:
        """A caption of each decoded trial."""
        source = self.decoder.run()
        return {"row": source["row"], "stimulus": source["stimulus"], "caption": self.write(source["decoded"])}
