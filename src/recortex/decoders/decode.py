"""A fitted decoder applied to new responses."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.data.base import Responses
from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.errors import InvalidInput, listed
from recortex.features.base import Features
from recortex.splits.held_out import training_stimuli


class Decode(DecodedFeatures):
    """Features decoded from new responses by a fitted decoder, the mean over its folds' models.

    Parameters
    ----------
    decoder : Decoder
        The fitted decoder.
    brain : Responses
        New responses of the same units. Stimuli that a fold of the decoder was fitted on are refused: what is decoded from
        them would be memory.
    """

    decoder: Decoder
    brain: Responses

    def _training(self) -> np.ndarray:
        trials = self.decoder.brain.trial_table()
        return training_stimuli(self.decoder.split.apply(trials), trials)

    def compute(self) -> dict[str, Any]:
        """Apply the fitted models.

        Raises
        ------
        InvalidInput
            Other units or another number of them, stimuli that the decoder was fitted on, or a normalisation that new responses
            cannot have.
        """
        new, old = self.brain.run(), self.decoder.brain.run()
        for name in ("column", "voxel", "grid", "affine"):
            if name in new and name in old and not np.array_equal(new[name], old[name]):
                raise InvalidInput(
                    f"the new responses are not of the units the decoder was fitted on: {name} differs; use the same mask, and the "
                    "same units where invalid ones are dropped"
                )
        if shared := sorted(set(new["stimulus"]) & set(self._training())):
            raise InvalidInput(
                f"{len(shared)} stimuli of the new responses ({listed(shared, 3)}) are among those the decoder was fitted on; "
                "leave them out of one of the two"
            )
        return {
            "row": np.arange(len(new["stimulus"])),
            "stimulus": new["stimulus"],
            "decoded": self.decoder.apply(self._normalised(new["responses"])),
        }

    def _normalised(self, responses: np.ndarray) -> np.ndarray:
        """As the decoder's own were; a new session has no training trials to be scaled by."""
        z_score = self.decoder.z_score(self.brain.trial_table())
        if z_score is None:
            return responses
        if not z_score.unsupervised:
            raise InvalidInput(
                f"the decoder was fitted on responses scaled by each {z_score.column}'s training trials, of which new responses have "
                "none; fit it with normalise: unsupervised, or with none"
            )
        return z_score.own(responses)

    def target(self) -> Features:
        """The features the decoder was fitted to decode."""
        return self.decoder.features

    def responses(self) -> Responses:
        """The new responses."""
        return self.brain

    def known(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """All rows, and all stimuli that any fold was fitted on."""
        return [(np.arange(self.run().shape("row")[0]), self._training())]
