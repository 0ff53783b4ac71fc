"""What encoders return, and the one way in which they are fitted and scored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from recortex.errors import InvalidInput
from recortex.features.base import Features
from recortex.fits.base import Fit
from recortex.fits.pairs import Pairs
from recortex.splits.held_out import HELD_OUT, held_out_table
from recortex.stage import Array, Figure, Result, Stage, Tiling

AT_ONCE = 2**26  # responses of a part, in trials x units
SAMPLE = 4096  # units


class Encoder(Fit):
    """Predicts each unit's responses from features, held-out trial by held-out trial.

    For every fold of the split a fresh model is fitted on training trials alone; the predictions for its test trials are pooled
    over folds.

    Parameters
    ----------
    brain : Responses
        What is predicted.
    features : Features
        What it is predicted from.
    split, normalise, normalise_by
        As in every fit. Predictions are in the unit of the normalised responses.
    """

    features: Features

    returns: ClassVar[dict[str, Array]] = HELD_OUT | {
        "prediction": Array("trial", "unit", units="", about="predicted response to each held-out trial"),
        "correlation": Array("unit", about="Pearson correlation of predicted and measured responses over held-out trials"),
        "r2": Array("unit", about="coefficient of determination over held-out trials; an offset counts"),
        "explained_variance": Array("unit", about="1 - variance of the residual / variance; an offset does not count"),
    }

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Predict responses to new stimuli with the fitted models, the mean over folds.

        Parameters
        ----------
        features : (stimulus, feature) array

        Returns
        -------
        (stimulus, unit) array

        Raises
        ------
        InvalidInput
            The models were fitted on another number of features.
        """
        raise TypeError(f"{type(self).__name__} cannot be applied to new stimuli")

    def pairs(self, units: slice = slice(None)) -> Pairs:
        """Features and the responses of all units, or of some, joined by stimulus and split."""
        trials = self.brain.trial_table()
        folds, z_score = self.split.apply(trials, self.features.context_s()), self.z_score(trials)
        return Pairs(
            inputs=self.features.of(trials["stimulus"]),
            targets=self.brain.run().read("responses", columns=units),
            trials=trials,
            folds=folds,
            groups=self.split.groups(trials),
            z_score=None if z_score is None else replace(z_score, first=units.start or 0),
            responses="targets",
        )

    def stimulus_side(self) -> Features:
        """The features."""
        return self.features

    def sample(self) -> slice:
        """Every so many-th unit, where each is fitted without regard to the others."""
        return slice(None, None, -(-self._size()[1] // SAMPLE)) if self.separable else slice(None)

    def sampled_pairs(self) -> Pairs:
        """As `pairs`, with the units of `sample` alone."""
        return self.pairs(self.sample())

    def tiling(self) -> Tiling | None:
        """A part for some units, where these are fitted without regard to each other and do not fit into memory together."""
        trials, units = self._size()
        step = max(1, AT_ONCE // max(trials, 1))
        return Tiling("unit", units, step) if self.separable and units > step else None

    def compute(self) -> dict[str, Any]:
        """Fit, predict and score all units."""
        return self._of(slice(None))

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """As `compute`, for some units."""
        return self._of(slice(rows.start, rows.stop))

    def _size(self) -> tuple[int, int]:
        trials, units = self.brain.run().shape("responses")
        return trials, units

    def _of(self, units: slice) -> dict[str, Any]:
        """Fit, predict and score.

        Raises
        ------
        InvalidInput
            A single trial is held out, or as in `pairs`.
        """
        from recortex.metrics import explained_variance, r2, unit_correlation

        pairs = self.pairs(units)
        if len(pairs.held_out()) < 2:
            raise InvalidInput("split: only one trial is held out, and over one there is no correlation; hold out more")
        prediction, fitted = self.fit_folds(pairs)
        table = held_out_table(pairs.folds, pairs.trials)
        measured = pairs.measured()
        scores = {
            "prediction": prediction,
            "correlation": unit_correlation(measured, prediction),
            "r2": r2(measured, prediction),
            "explained_variance": explained_variance(measured, prediction),
        }
        return table | fitted | scores

    def figures(self, result: Result) -> list[Figure]:
        """How well the units are predicted."""
        from recortex.drawing import brain_map, histogram

        correlation = result["correlation"]
        scored = correlation[np.isfinite(correlation)]
        if not len(scored):  # no unit changes over the held-out trials
            return []
        middle, high = np.percentile(scored, [50, 95])
        return [
            Figure(
                f"Encoding by {self.features.type_name()}",
                f"Correlation of predicted and measured responses of {len(scored)} units over {result.shape('row')[0]} held-out "
                f"trials, {self.split.describe()}. Lines: median {middle:.2f} and 95th percentile {high:.2f}.",
                histogram(scored, "held-out correlation", "units", {"median": middle, "95th percentile": high})
                + brain_map(correlation, self.brain.cached() or {}, "held-out correlation", low=0.0),
                "encoding",
            )
        ]


class PredictedResponses(Stage):
    """Responses that a fitted encoder expects for stimuli."""

    returns: ClassVar[dict[str, Array]] = {
        "stimulus": Array("stimulus", dtype="str", units="", about="names, distinct"),
        "prediction": Array("stimulus", "unit", units="", about="predicted response, the mean over the encoder's folds"),
        "seen": Array("stimulus", dtype="bool", units="", about="whether a fold of the encoder was fitted on this stimulus"),
    }


def check_width(fitted: int, new: int, model: str) -> None:
    """Refuse features of another width than a model was fitted on.

    Raises
    ------
    InvalidInput
        The widths differ; the message holds both.
    """
    if fitted != new:
        raise InvalidInput(f"{model} was fitted on {fitted} features and is applied to {new}; use the same features for both")
