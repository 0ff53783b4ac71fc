"""The training picture whose features are nearest to the decoded ones."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from recortex.data.base import Pictures, rows_of
from recortex.generators.base import NOTHING, Beside, GeneratedPictures
from recortex.metrics import correlation_matrix
from recortex.stage import Array


class NearestPicture(GeneratedPictures):
    """Retrieval: of all pictures the decoder's fold was fitted on, the one whose features correlate best with the decoded ones.

    A generator that does not beat this has added nothing that the training set did not hold.

    Parameters
    ----------
    decoder : DecodedFeatures
        Any decoder.
    stimuli : Pictures
        Where the pictures are taken from.
    """

    stimuli: Pictures

    returns: ClassVar[dict[str, Array]] = GeneratedPictures.returns | {
        "retrieved": Array("trial", dtype="str", units="", about="which training stimulus was nearest"),
    }

    def expect(self) -> dict[str, int]:
        """The stimuli's size, a picture a trial."""
        decoded, seen = self.decoder.foresee(), self.stimuli.foresee()
        return seen | {"trial": decoded["trial"]} if decoded and seen else {}

    def render(self, decoded: np.ndarray, beside: Beside = NOTHING) -> dict[str, Any]:
        """Look up the nearest one, fold by fold."""
        retrieved = np.empty(len(decoded), dtype=object)
        for rows, names in self.decoder.known():
            nearness = correlation_matrix(decoded[rows], self.decoder.target().of(names))
            retrieved[rows] = names[np.argmax(np.nan_to_num(nearness, nan=-np.inf), axis=1)]
        names = retrieved.astype(str)
        return {"picture": self._pictures(names), "retrieved": names}

    def unconditional(self, rng: np.random.Generator) -> np.ndarray:
        """Any training picture of each trial's fold."""
        names = np.empty(self.decoder.run().shape("row")[0], dtype=object)
        for rows, known in self.decoder.known():
            names[rows] = rng.choice(known, len(rows))
        return self._pictures(names.astype(str))

    def _pictures(self, names: np.ndarray) -> np.ndarray:
        shown = self.stimuli.run()
        pictures = shown["picture"][rows_of(names, shown["stimulus"], "training stimuli", "the pictures")]
        return (pictures / 255).astype(np.float32)
