"""Ridge regression from responses to features."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.decoders.base import Decoder, check_units
from recortex.fits.pairs import Pairs
from recortex.responses.reliability import Reliability
from recortex.stage import NOT_IN_KEY, Array

# to four digits: the last ones of a power depend on the machine, and a default is part of a key
ALPHAS = tuple(float(f"{alpha:.4g}") for alpha in np.logspace(-1, 7, 17))


class RidgeDecoder(Decoder):
    """Ridge regression with an alpha for every feature, its predictions calibrated on training trials.

    Ridge predictions shrink towards the mean, and a generator that expects features of natural spread is misled by that. The
    calibration is fitted on out-of-fold predictions of training trials, so that one test trial can be decoded alone.

    Parameters
    ----------
    brain, features, split, normalise, normalise_by
        As in every decoder.
    alphas : tuple of float
        Candidates for the penalty.
    cv : int
        Folds of the choice of alpha and of the calibration; they keep together what the split keeps together.
    standardise : bool
        Whether units are scaled to unit variance, by training trials of each inner fold alone; with `by_reliability`, of each fold.
    by_reliability : bool
        Whether each unit's responses are shrunk by the share of their variance that the stimulus explains, as presentations of the
        fold's training stimuli tell it; a unit that is all noise then has no say. Asks for 15 stimuli or more shown again.
    selection : "kfold", "gcv", "loo" or "gcv+kfold"
        How penalties are compared inside a fold's training trials: over folds; by generalised cross-validation, fast, which counts
        trials of the same features as one and refuses groups of several; by leaving out each group; or over folds near the best of
        the second.
    device : str, optional
        Where it is computed: a device of torch, as "cuda", instead of NumPy.
    calibration : "variance", "regression" or "none"
        Give each feature that is decoded at all (out-of-fold correlation beyond chance) the spread it has in training, or give
        all the least-squares one, or leave them shrunk.
    """

    version: ClassVar[int] = 4

    alphas: tuple[float, ...] = Field(default=ALPHAS, min_length=1)
    cv: int = Field(default=5, ge=2)
    standardise: bool = True
    by_reliability: bool = False
    selection: Literal["kfold", "gcv", "loo", "gcv+kfold"] = "kfold"
    device: Annotated[str | None, NOT_IN_KEY] = None
    calibration: Literal["variance", "regression", "none"] = "variance"

    returns: ClassVar[dict[str, Array]] = Decoder.returns | {
        "coef": Array("fold", "unit", "feature", units="", about="weights of each fold's fit, on responses as they are"),
        "intercept": Array("fold", "feature", units="", about="decoded value where all responses are 0"),
        "best_alpha": Array("fold", "feature", about="chosen penalty"),
        "slope": Array("fold", "feature", about="calibration: decoded = offset + slope * (intercept + responses @ coef)"),
        "offset": Array("fold", "feature", units="", about="calibration"),
    }

    separable: ClassVar[bool] = True

    def estimator(self) -> Any:
        """A fresh CalibratedRidgeCV."""
        from recortex.linear import CalibratedRidgeCV

        return CalibratedRidgeCV(
            self.alphas,
            cv=self.cv,
            selection=self.selection,
            scale_features=self.standardise and not self.by_reliability,  # else shrunk units would be scaled up again
            device=self.device,
            calibration=self.calibration,
        )

    def pairs(self) -> Pairs:
        """Responses and features, joined by stimulus and split, and how reliable units are."""
        pairs = super().pairs()
        if not self.by_reliability:
            return pairs
        by = "" if self.normalise == "none" else self.normalise_by
        return replace(pairs, reliability=Reliability(self.brain, pairs.folds, by, self.standardise))

    def fit_folds(self, pairs: Pairs) -> tuple[np.ndarray, dict[str, Any]]:
        """As of any fit; weights are those of responses that are not shrunk."""
        decoded, learned = super().fit_folds(pairs)
        gains = [gain for fold in pairs.folds if (gain := pairs.gain(fold)) is not None]
        return decoded, learned | ({"coef": learned["coef"] * np.stack(gains)[:, :, None]} if gains else {})

    def learned(self, estimator: Any) -> dict[str, np.ndarray]:
        """Weights, penalties and calibration."""
        return {
            "coef": estimator.coef_.T,
            "intercept": estimator.intercept_,
            "best_alpha": estimator.best_alphas_,
            "slope": estimator.calibration_slope_,
            "offset": estimator.calibration_offset_,
        }

    def apply(self, responses: np.ndarray) -> np.ndarray:
        """The mean of the folds' calibrated predictions."""
        from recortex.linear import apply_weights

        fitted = self.run()
        coef, slope = fitted["coef"], fitted["slope"]
        check_units(coef.shape[1], responses.shape[1], self.type_name())
        # calibration is affine, so the mean prediction is that of the mean weights
        weights = (coef * slope[:, None, :]).mean(axis=0)
        return apply_weights(responses, weights.astype(coef.dtype), (fitted["intercept"] * slope + fitted["offset"]).mean(axis=0))
