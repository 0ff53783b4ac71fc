"""What decoders return, and how the rooms above learn what a decoder aims at and on what it was fitted."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from recortex.data.base import Responses
from recortex.errors import InvalidInput
from recortex.features.base import Features
from recortex.fits.base import Fit
from recortex.fits.pairs import Pairs
from recortex.splits.held_out import HELD_OUT, held_out_table
from recortex.stage import Array, Stage


class DecodedFeatures(Stage):
    """Features of what was seen, as brain responses tell them: what generators and captioners start from."""

    returns: ClassVar[dict[str, Array]] = {
        "row": HELD_OUT["row"],
        "stimulus": HELD_OUT["stimulus"],
        "decoded": Array("trial", "feature", units="", about="decoded features of each trial"),
    }

    def target(self) -> Features:
        """The features that are decoded."""
        raise TypeError(f"{type(self).__name__} has no target")

    def width(self) -> int | None:
        """How many features are decoded a trial; None where that cannot be told before a run."""
        return self.foresee().get("feature", self.target().foresee().get("feature"))

    def responses(self) -> Responses:
        """The brain that is read."""
        raise TypeError(f"{type(self).__name__} reads no brain")

    def known(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """What the model behind each decoded trial was fitted on.

        Returns
        -------
        list of (rows of `decoded`, names of training stimuli)
            Together the rows are all rows. A control that looks things up, such as the nearest training picture, may look among
            these names and no others.
        """
        raise TypeError(f"{type(self).__name__} was not fitted")


class Decoder(DecodedFeatures, Fit):
    """Decodes features from brain responses, held-out trial by held-out trial.

    For every fold of the split a fresh model is fitted on training trials alone; what it decodes from its test trials is pooled
    over folds.

    Parameters
    ----------
    brain : Responses
        What is read.
    features : Features
        What is decoded.
    split, normalise, normalise_by
        As in every fit.
    """

    features: Features

    predicts: ClassVar[str] = "decoded"
    returns: ClassVar[dict[str, Array]] = HELD_OUT | DecodedFeatures.returns

    def apply(self, responses: np.ndarray) -> np.ndarray:
        """Decode new responses with the fitted models, the mean over folds.

        Parameters
        ----------
        responses : (trial, unit) array

        Returns
        -------
        (trial, feature) array

        Raises
        ------
        InvalidInput
            The models were fitted on another number of units.
        """
        raise TypeError(f"{type(self).__name__} cannot be applied to new responses")

    def pairs(self) -> Pairs:
        """Responses and features, joined by stimulus and split."""
        trials = self.brain.trial_table()
        folds = self.split.apply(trials, self.features.context_s())
        return Pairs(
            inputs=self.brain.run()["responses"],
            targets=self.features.of(trials["stimulus"]),
            trials=trials,
            folds=folds,
            groups=self.split.groups(trials),
            z_score=self.z_score(trials),
            responses="inputs",
        )

    def stimulus_side(self) -> Features:
        """The features."""
        return self.features

    def compute(self) -> dict[str, Any]:
        """Fit and decode."""
        pairs = self.pairs()
        decoded, fitted = self.fit_folds(pairs)
        return held_out_table(pairs.folds, pairs.trials) | fitted | {"decoded": decoded}

    def target(self) -> Features:
        """The features it was fitted to decode."""
        return self.features

    def responses(self) -> Responses:
        """The brain it was fitted on."""
        return self.brain

    def known(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """A fold's test trials and its training stimuli."""
        result, trials = self.run(), self.brain.trial_table()
        return [
            (np.flatnonzero(result["held_out_in"] == fold.name), np.unique(trials["stimulus"][fold.train]))
            for fold in self.split.apply(trials)
        ]


def check_units(fitted: int, new: int, model: str) -> None:
    """Refuse responses of another width than a model was fitted on.

    Raises
    ------
    InvalidInput
        The widths differ; the message holds both.
    """
    if fitted != new:
        raise InvalidInput(f"{model} was fitted on {fitted} units and is applied to {new}; use the same units for both")
