"""Ridge on fewer directions than there are features: principal components, or random ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from recortex.errors import InvalidInput
from recortex.linear.folds import CrossValidation
from recortex.linear.inputs import checked_weight
from recortex.linear.ridge import RidgeCV
from recortex.linear.weights import DualWeights, PrimalWeights

__all__ = ["ReducedRidgeCV"]

_DIRECTIONS = ("pca", "random")


@dataclass(frozen=True, eq=False)
class ReducedWeights:
    """Weights of directions, and the directions in the space of features.

    Attributes
    ----------
    inner : PrimalWeights or DualWeights
        Of the directions.
    directions : array, (component, feature)
    centre : array, (feature,), float64
    """

    inner: PrimalWeights | DualWeights
    directions: np.ndarray
    centre: np.ndarray

    @cached_property
    def coef(self) -> np.ndarray:
        """Weights of the features, (target, feature)."""
        return self.inner.coef @ self.directions.astype(self.inner.coef.dtype)

    @cached_property
    def intercept(self) -> np.ndarray:
        """Predictions where all features are 0, (target,), float64."""
        return self.inner.intercept - np.einsum("tf,f->t", self.coef, self.centre)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(row, feature) to (row, target)."""
        return self.inner.predict(along(X, self.directions, self.centre))


def along(X: np.ndarray, directions: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Coordinates of rows along directions, (row, component), in the precision of X."""
    return (X - centre.astype(X.dtype)) @ directions.T.astype(X.dtype)


class ReducedRidgeCV(RidgeCV):
    """`RidgeCV` on some directions of the features, found in the rows of the fit without a look at the targets.

    Parameters
    ----------
    components : int, default=100
        How many; no more than there are rows or features.
    directions : {"pca", "random"}, default="pca"
        Principal components, by randomised decomposition where that is faster; or Gaussian random projections, which keep distances
        as well as any directions do and need no decomposition (Johnson and Lindenstrauss 1984).
    random_state : int, default=0
    alphas, cv, selection, scoring, fit_intercept, solver, device, memory_limit, store_cv_predictions
        As in `RidgeCV`.
    scale_features : bool, default=False
        Divide features by their standard deviation over all rows of the fit, before the directions are found.

    Attributes
    ----------
    directions_ : array, (component, feature)
    coef_ : array, (target, feature), or (feature,) for 1-D y
        Weights of the features that the directions amount to.
    """

    def __init__(
        self,
        components: int = 100,
        directions: str = "pca",
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
        random_state: int = 0,
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
        self.components = components
        self.directions = directions
        self.random_state = random_state

    def _fit(
        self,
        X: Any,
        y: Any,
        groups: ArrayLike | None,
        sample_weight: ArrayLike | None,
        observe: Callable[..., None] | None = None,
    ) -> ReducedRidgeCV:
        if self.directions not in _DIRECTIONS:
            raise InvalidInput(f"directions must be one of {', '.join(_DIRECTIONS)}, got {self.directions!r}")
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), multi_output=True, y_numeric=True)
        X, width = np.asarray(X), X.shape[1]
        weight = checked_weight(sample_weight, len(X))
        share = np.full(len(X), 1 / len(X)) if weight is None else weight / weight.sum()
        mean = share @ X
        centre, scale = mean if self.fit_intercept else np.zeros(width), np.ones(width)
        if self.scale_features:
            spread = np.sqrt(share @ (X - mean) ** 2)
            scale = np.where(spread > 0, spread, 1.0)
        seen = share > 0
        Z = (X[seen] - centre.astype(X.dtype)) / scale.astype(X.dtype) * np.sqrt(share[seen] * len(X))[:, None].astype(X.dtype)
        self.directions_ = self._found(Z) / scale
        scaled, self.scale_features = self.scale_features, False  # components have the scales that they should have
        try:
            super()._fit(along(X, self.directions_, centre), y, groups, sample_weight, observe)
        finally:
            self.scale_features = scaled
        self.n_features_in_ = width
        self._weights = ReducedWeights(self._weights, self.directions_, centre)  # type: ignore[assignment, arg-type]
        return self

    def _found(self, Z: np.ndarray) -> np.ndarray:
        """Directions in the space of centred and scaled features, (component, feature), float64."""
        count = min(self.components, *Z.shape)
        if self.directions == "random":
            rng = np.random.default_rng(self.random_state)
            return rng.standard_normal((count, Z.shape[1])) / np.sqrt(count)
        from sklearn.utils.extmath import randomized_svd

        if count > 0.2 * min(Z.shape):
            return np.linalg.svd(Z, full_matrices=False)[2][:count].astype(np.float64)
        return randomized_svd(Z, count, n_iter=7, random_state=self.random_state)[2].astype(np.float64)
