"""Ridge with a penalty for every band of features, chosen for every target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from recortex.errors import InvalidInput
from recortex.linear.atom_rows import AtomRows, Tile
from recortex.linear.band_space import BandSpace
from recortex.linear.descent import descend, solve_banded
from recortex.linear.device import on_cpu
from recortex.linear.folds import CrossValidation, resolve_folds
from recortex.linear.independent import Units
from recortex.linear.inputs import (
    check_weight_of_folds,
    checked_alphas,
    checked_groups,
    checked_weight,
    column_means,
    near_means,
)
from recortex.linear.primal import FeatureSide
from recortex.linear.ridge import RidgeCV
from recortex.linear.selection import Selection, check
from recortex.linear.table import Table
from recortex.linear.threads import threads_for_fit
from recortex.linear.weights import PrimalWeights

__all__ = ["BandedRidgeCV"]

_TILE_BYTES = 2**29
_AT_ONCE = 4096
_SEARCHES = ("random", "gradient")


class BandedRidgeCV(RidgeCV):
    """Ridge regression whose features come in bands, each with a weight of its own for every target.

    Minimises ``||y - b - sum_j X_j B_j||^2 + sum_j alpha / gamma_j ||B_j||^2`` over bands j, with weights gamma that are positive and
    sum to 1 (Dupre la Tour, Eickenberg, Nunez-Elizalde and Gallant 2022). A band of weight 0 is left out.

    Parameters
    ----------
    bands : array, (feature,), or None
        The band of each feature: names or numbers. None is one band, which is plain ridge.
    alphas, cv, scoring, fit_intercept, scale_features, device, memory_limit
        As in `RidgeCV`; scaling comes before weighting.
    selection : {"kfold", "gcv", "gcv+kfold"}, default="kfold"
        How weights and alphas are compared.
    search : {"random", "gradient"}, default="random"
        Over candidates alone, or from the best of them downhill in the error of the folds, for every target by itself.
    candidates : int or array, (candidate, band), default=50
        Weights to try. A number of them: equal ones, each band alone, then draws from Dirichlet distributions of concentration 1
        and .1 in turn.
    n_steps : int, default=20
        Of the gradient search.
    random_state : int, default=0

    Attributes
    ----------
    bands_ : array, (band,)
        Names of the bands, sorted.
    band_weights_ : array, (target, band)
        gamma.
    best_alphas_ : array, (target,)
    cv_scores_ : array, (target,)
        Of the chosen weights and alpha, by folds or as the selection has it.
    coef_, intercept_, n_features_in_
        As in `RidgeCV`.

    Notes
    -----
    All candidates are weightings of one set of Gram matrices and cross-products, so rows are read once. A band of more features than
    rows is rotated into the space of its rows first, which changes nothing but the cost. The gradient search minimises the mean
    squared error of the folds, whatever `scoring` is.
    """

    def __init__(
        self,
        bands: ArrayLike | None = None,
        alphas: Sequence[float] = (0.1, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6),
        cv: CrossValidation = 5,
        *,
        selection: str = "kfold",
        scoring: str = "neg_mse",
        search: str = "random",
        candidates: int | ArrayLike = 50,
        n_steps: int = 20,
        fit_intercept: bool = True,
        scale_features: bool = False,
        device: str | None = None,
        memory_limit: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            alphas,
            cv,
            selection=selection,
            scoring=scoring,
            fit_intercept=fit_intercept,
            scale_features=scale_features,
            device=device,
            memory_limit=memory_limit,
        )
        self.bands = bands
        self.search = search
        self.candidates = candidates
        self.n_steps = n_steps
        self.random_state = random_state

    def _fit(
        self,
        X: Any,
        y: Any,
        groups: ArrayLike | None,
        sample_weight: ArrayLike | None,
        observe: Callable[..., None] | None = None,
    ) -> BandedRidgeCV:
        alphas = checked_alphas(self.alphas)
        check(self.selection, self.scoring)
        self._flat, features, targets = self._checked_tables(X, y)
        (n_rows, n_features), (_, n_targets) = features.shape, targets.shape
        band, weights = self._checked_bands(n_features)
        weight = checked_weight(sample_weight, n_rows)
        dtype = np.result_type(features.dtype, targets.dtype)
        groups = checked_groups(groups, n_rows)
        folds = (
            []
            if self.selection == "gcv" and self.search == "random"
            else resolve_folds(self.cv, np.empty((n_rows, 0)), None, groups)
        )
        check_weight_of_folds(weight, folds)
        shift_x = column_means(features) if self.fit_intercept else np.zeros(n_features)
        coef, offset = np.empty((n_targets, n_features), dtype), np.empty(n_targets)
        self.band_weights_ = np.empty((n_targets, len(self.bands_)))
        self.best_alphas_, self.cv_scores_ = np.empty(n_targets), np.empty(n_targets)
        with threads_for_fit(n_rows, n_features, n_targets):
            space = BandSpace.of(features.read(slice(None)).astype(dtype, copy=False), shift_x, band)
            if self.scale_features and any(basis is not None for basis in space.bases):
                raise InvalidInput(
                    f"scale_features cannot be done in each fold for bands of more features than the {n_rows} rows; scale the features "
                    "before, by training rows alone, or reduce the bands first"
                )
            band, none = space.band, np.zeros(space.rows.shape[1])
            data = AtomRows.build(space.rows, none, weight, folds, self.device)
            units = None if self.selection == "kfold" else Units.of(features, groups, weight, self.fit_intercept)
            search = _Search(self, data, band, weights, alphas, units)
            for columns, y_tile in targets.blocks(self._width(data, targets, dtype)):
                y_tile = y_tile.astype(dtype, copy=False)
                tile = data.tile(y_tile, near_means(y_tile) if self.fit_intercept else np.zeros(y_tile.shape[1]))
                place, best, self.cv_scores_[columns] = search.best(tile, y_tile)
                if self.search == "gradient":
                    penalty = np.log(best) - np.log(np.maximum(weights[place].T, 1e-6))
                    words = (search.features, data.sides, tile, band, penalty, self.fit_intercept, self.scale_features)
                    penalty, self.cv_scores_[columns] = descend(*words, self.n_steps)
                    found, offset[columns] = solve_banded(*words[:4], penalty, *words[5:])
                    # alpha / gamma_j with gammas that sum to 1
                    self.best_alphas_[columns] = 1.0 / np.exp(-penalty).sum(axis=0)
                    self.band_weights_[columns] = (self.best_alphas_[columns] * np.exp(-penalty)).T
                else:
                    found, offset[columns] = search.solve(tile, place, best)
                    self.best_alphas_[columns], self.band_weights_[columns] = best, weights[place]
                coef[columns] = space.to_features(found)
        self._weights = PrimalWeights(coef, shift_x, offset)
        return self

    def _checked_bands(self, n_features: int) -> tuple[np.ndarray, np.ndarray]:
        """The band of each feature as a number, and candidate weights, (candidate, band)."""
        if self.search not in _SEARCHES or self.selection == "loo":
            raise InvalidInput(
                f"search must be one of {', '.join(_SEARCHES)} and selection kfold, gcv or gcv+kfold, got {self.search!r} and "
                f"{self.selection!r}"
            )
        bands = np.zeros(n_features, int) if self.bands is None else np.asarray(self.bands)
        if bands.shape != (n_features,):
            raise InvalidInput(f"bands must name the band of each of {n_features} features, got shape {bands.shape}")
        self.bands_, band = np.unique(bands, return_inverse=True)
        count = len(self.bands_)
        if not isinstance(self.candidates, int | np.integer):
            weights = np.asarray(self.candidates, np.float64)
            if weights.ndim != 2 or weights.shape[1] != count or (weights < 0).any() or not weights.any(axis=1).all():
                raise InvalidInput(
                    f"candidates must be rows of {count} weights of 0 or more, not all 0, got shape {weights.shape}"
                )
            return band, weights / weights.sum(axis=1, keepdims=True)
        rng = np.random.default_rng(self.random_state)
        drawn = [rng.dirichlet(np.full(count, (1.0, 0.1)[number % 2])) for number in range(max(self.candidates - count - 1, 0))]
        weights = np.array([np.full(count, 1 / count), *np.eye(count), *drawn])[: max(self.candidates, 1)]
        return band, weights[:1] if count == 1 else weights

    def _width(self, data: AtomRows, targets: Table, dtype: np.dtype) -> int:
        n_rows, n_features = data.rows.shape
        per_target = (len(data.bounds) + 2) * n_features * dtype.itemsize + n_rows * (2 * dtype.itemsize)
        return max(64, (self.memory_limit or _TILE_BYTES) // per_target)


class _Search:
    """The best of some candidate weights for a tile of targets."""

    def __init__(
        self, model: BandedRidgeCV, data: AtomRows, band: np.ndarray, weights: np.ndarray, alphas: np.ndarray, units: Units | None
    ):
        self.model, self.data, self.band, self.weights, self.alphas, self.units = model, data, band, weights, alphas, units
        self.features = data.features()

    def side(self, number: int, with_folds: bool) -> FeatureSide:
        """The decompositions of one candidate."""
        gain = self.weights[number][self.band] ** 0.5
        sides = self.data.sides if with_folds else ()
        return FeatureSide.build(self.features, sides, self.model.fit_intercept, self.model.scale_features, gain)

    def best(self, tile: Tile, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Number of the candidate, alpha and score, (target,) each."""
        n_targets = y.shape[1]
        place, alpha, best = np.zeros(n_targets, int), np.zeros(n_targets), np.full(n_targets, -np.inf)
        for number in range(len(self.weights)):
            side = self.side(number, self.model.selection != "gcv")
            selection = Selection(self.model.selection, self.model.scoring, self.alphas, side, self.units)
            for start in range(0, n_targets, _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                chosen = selection.choose([atom.targets(some) for atom in tile], y[:, some])
                score = np.nanmax(chosen.scores, axis=0)
                better = np.flatnonzero(score > best[some]) + start
                place[better], alpha[better] = number, self.alphas[chosen.place][better - start]
                best[better] = score[better - start]
        return place, alpha, best

    def solve(self, tile: Tile, place: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients, (target, feature), and offsets: the targets of one candidate together."""
        coef, offset = np.empty((len(place), len(self.band)), on_cpu(tile[0].xy[:0]).dtype), np.empty(len(place))
        for number in np.unique(place):
            some = np.flatnonzero(place == number)
            side = self.side(number, with_folds=False)
            coef[some], offset[some] = side.whole([atom.targets(some) for atom in tile]).solve(alpha[some])
        return coef, offset
