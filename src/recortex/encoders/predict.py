"""A fitted encoder applied to new stimuli."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.encoders.base import Encoder, PredictedResponses
from recortex.errors import InvalidInput
from recortex.features.base import Features
from recortex.splits.held_out import training_stimuli


class Predict(PredictedResponses):
    """Responses that a fitted encoder expects for new stimuli, the mean over its folds' models.

    Parameters
    ----------
    encoder : Encoder
        The fitted encoder.
    features : Features
        The same kind of features, of new stimuli. Those that a fold of the encoder was fitted on are marked as seen.
    """

    encoder: Encoder
    features: Features

    def compute(self) -> dict[str, Any]:
        """Apply the fitted models.

        Raises
        ------
        InvalidInput
            Features of another kind or setting than the encoder was fitted on, or of another width.
        """
        fitted_on, given = self.encoder.features.recipe(), self.features.recipe()
        for name in fitted_on | given:
            if fitted_on.get(name) != given.get(name):
                raise InvalidInput(
                    f"the encoder was fitted on features with {name} = {fitted_on.get(name)} and these have {given.get(name)}; "
                    "make both in the same way"
                )
        new = self.features.run()
        trials = self.encoder.brain.trial_table()
        known = training_stimuli(self.encoder.split.apply(trials), trials)
        return {
            "stimulus": new["stimulus"],
            "prediction": self.encoder.apply(new["features"]),
            "seen": np.isin(new["stimulus"], known),
        }
