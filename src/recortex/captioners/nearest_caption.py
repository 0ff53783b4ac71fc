"""The caption of the training stimulus whose features are nearest to the decoded ones."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from recortex.data.base import Captions, rows_of
from recortex.decoders.decoded_captions import DecodedCaptions
from recortex.metrics import correlation_matrix
from recortex.stage import Array

FULL = 0  # the wording that is given; simulated captions have the full one first


class NearestCaption(DecodedCaptions):
    """Retrieval: of all stimuli the decoder's fold was fitted on, the caption of the one whose features correlate best.

    A captioner that does not beat this has written nothing that could not have been looked up.

    Parameters
    ----------
    decoder : DecodedFeatures
        Any decoder.
    captions : Captions
        Where the captions are taken from: those of the training stimuli, the first wording of each.
    """

    captions: Captions

    returns: ClassVar[dict[str, Array]] = DecodedCaptions.returns | {
        "retrieved": Array("trial", dtype="str", units="", about="which training stimulus was nearest"),
    }

    def write(self, decoded: np.ndarray) -> np.ndarray:
        """Look up the nearest one, fold by fold."""
        return self._look_up(decoded)["caption"]

    def compute(self) -> dict[str, Any]:
        """The captions, and whose they are.

        Raises
        ------
        InvalidInput
            A stimulus that a fold was fitted on has no caption.
        """
        source = self.decoder.run()
        return {"row": source["row"], "stimulus": source["stimulus"]} | self._look_up(source["decoded"])

    def _look_up(self, decoded: np.ndarray) -> dict[str, np.ndarray]:
        told = self.captions.run()
        given, full = told["stimulus"], told["caption"][:, FULL]
        retrieved = np.empty(len(decoded), dtype=int)
        for rows, names in self.decoder.known():
            known = rows_of(names, given, "training stimuli", self.captions.where())
            alike = correlation_matrix(decoded[rows], self.decoder.target().of(names))
            retrieved[rows] = known[np.argmax(np.nan_to_num(alike, nan=-np.inf), axis=1)]
        return {"caption": full[retrieved], "retrieved": given[retrieved]}
