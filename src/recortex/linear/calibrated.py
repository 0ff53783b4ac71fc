"""Ridge predictions with the spread of what they predict.

Ridge shrinks: its predictions vary less than the targets do, and less the worse a target is predicted.
Image generators that take decoded latents expect the spread of real ones. The habit of decoders
(Brain-Diffuser, Ozcelik and VanRullen 2023) is to standardise test predictions with the mean and standard
deviation *of the test predictions*, which leaks: a decoded image then depends on the other images of the
test set, and one image alone cannot be decoded. Here the map is affine per target and is fitted on
out-of-fold predictions of the training rows, made at the chosen alphas.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from recortex.errors import InvalidInput, listed
from recortex.linear.folds import CrossValidation
from recortex.linear.ridge import RidgeCV

__all__ = ["CalibratedRidgeCV"]

_CALIBRATIONS = ("variance", "regression", "none")


class CalibratedRidgeCV(RidgeCV):
    """`RidgeCV` whose predictions are rescaled by target, from training data alone.

    With r the correlation of targets and out-of-fold predictions over the training rows:

    - "variance": slope = sd(y) / sd(prediction), so that predictions get the mean and spread of the targets.
      A target that is not predicted (r below `min_correlation`) would be blown up to noise of full variance;
      it keeps slope 1 and offset 0, the ridge itself, and is marked in `calibrated_`.
    - "regression": slope = r sd(y) / sd(prediction), least squares of the target on its prediction, not below
      0. An unpredicted target falls back to its mean by itself.
    - "none": slope 1, offset 0.

    Parameters
    ----------
    alphas, cv, selection, scoring, fit_intercept, scale_features, solver, device, memory_limit, store_cv_predictions
        See `RidgeCV`.
    calibration : {"variance", "regression", "none"}, default="variance"
    min_correlation : float or None, default=None
        Least r for "variance". None is 1.645 / sqrt(m), the one-sided 5 % point of r without signal, where m
        counts groups, or rows (by weight) if there are none.

    Attributes
    ----------
    calibration_slope_, calibration_offset_ : arrays, (target,), float64
        ``predict = slope * predict_raw + offset``. `coef_` and `intercept_` are those of the ridge.
    cv_correlation_ : array, (target,), float64
        r; 0 where a target or its predictions are constant.
    calibrated_ : array, (target,), bool
        Where slope and offset were estimated.
    """

    def __init__(
        self,
        alphas: Sequence[float] = (0.1, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6),
        cv: CrossValidation = 5,
        *,
        selection: str = "kfold",
        scoring: str = "neg_mse",
        fit_intercept: bool = True,
        scale_features: bool = False,
        solver: str = "auto",
        device: str | None = None,
        memory_limit: int | None = None,
        store_cv_predictions: bool = False,
        calibration: str = "variance",
        min_correlation: float | None = None,
    ) -> None:
        super().__init__(
            alphas,
            cv,
            selection=selection,
            scoring=scoring,
            fit_intercept=fit_intercept,
            scale_features=scale_features,
            solver=solver,
            device=device,
            memory_limit=memory_limit,
            store_cv_predictions=store_cv_predictions,
        )
        self.calibration = calibration
        self.min_correlation = min_correlation

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> CalibratedRidgeCV:
        """Fit the ridge and its calibration; parameters as in `RidgeCV.fit`."""
        if self.calibration not in _CALIBRATIONS:
            raise InvalidInput(f"calibration must be one of {listed(_CALIBRATIONS)}, got {self.calibration!r}")
        tiles: list[np.ndarray] = []

        def observe(truth: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None) -> None:
            tiles.append(_moments(truth, predicted, weight))

        self._fit(X, y, groups, sample_weight, observe)
        truth_mean, mean, truth_sd, sd, correlation, weight = np.concatenate(tiles, axis=1)
        units = weight[0] if groups is None else len(np.unique(np.asarray(groups)))
        self.cv_correlation_ = correlation
        ratio = np.divide(truth_sd, sd, out=np.ones_like(sd), where=sd > 0)
        least = 1.645 / np.sqrt(units) if self.min_correlation is None else self.min_correlation
        self.calibrated_, slope = {
            "variance": ((correlation >= least) & (sd > 0), ratio),
            "regression": (np.ones(len(sd), bool), np.maximum(correlation, 0.0) * ratio),
            "none": (np.zeros(len(sd), bool), ratio),
        }[self.calibration]
        self.calibration_slope_ = np.where(self.calibrated_, slope, 1.0)
        self.calibration_offset_ = np.where(self.calibrated_, truth_mean - slope * mean, 0.0)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Calibrated predictions, (row, target), or (row,) after a fit to 1-D y."""
        raw = self.predict_raw(X)
        slope, offset = self.calibration_slope_.astype(raw.dtype), self.calibration_offset_.astype(raw.dtype)
        return raw * slope + offset

    def predict_raw(self, X: ArrayLike) -> np.ndarray:
        """Predictions of the ridge itself."""
        return super().predict(X)


def _moments(truth: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Means, standard deviations, correlation and weight over tested rows, (6, target), float64."""
    tested = ~np.isnan(predicted[:, 0])
    weight = np.ones(len(truth)) if weight is None else weight
    share = weight[tested] / weight[tested].sum()
    truth, predicted = truth[tested].astype(np.float64), predicted[tested].astype(np.float64)
    truth_mean, mean = share @ truth, share @ predicted
    truth, predicted = truth - truth_mean, predicted - mean
    truth_sd, sd = np.sqrt(share @ truth**2), np.sqrt(share @ predicted**2)
    # Spread at the level of rounding carries nothing.
    sd[sd <= 1e-12 * (truth_sd + np.abs(mean))] = 0.0
    product = truth_sd * sd
    correlation = np.divide(share @ (truth * predicted), product, out=np.zeros_like(sd), where=product > 0)
    total = np.full_like(sd, weight[tested].sum())
    return np.stack([truth_mean, mean, truth_sd, sd, correlation, total])
