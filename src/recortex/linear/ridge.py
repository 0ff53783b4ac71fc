"""Cross-validated ridge regression with one alpha per target, from sufficient statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from recortex.errors import InvalidInput, listed
from recortex.linear.design import Design, build_designs
from recortex.linear.folds import CrossValidation, resolve_folds
from recortex.linear.statistics import SufficientStatistics
from recortex.linear.threads import threads_for_fit

__all__ = ["RidgeCV"]

# (responses of a tile of targets, their out-of-fold predictions, weights of rows) -> None
Observer = Callable[[np.ndarray, np.ndarray, np.ndarray | None], None]

_FLOATS = (np.float64, np.float32)
_TILE_BYTES = 2**26
_TILE_TARGETS = 4096


class RidgeCV(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Ridge regression with built-in cross-validation of one alpha per target.

    Minimises ``sum_i w_i ||y_i - b - B x_i||^2 + sum_t alpha_t ||B_t||^2``. The penalty is not divided by the
    number of rows, as in scikit-learn and himalaya, and the intercept is not penalised.

    Parameters
    ----------
    alphas : sequence of float, default=(0.1, 1, ..., 1e6)
        Candidates, each >= 0. At alpha = 0 the solution is least squares of smallest norm.
    cv : int, splitter or iterable of (train, test), default=5
        An int is `KFold` without shuffling, or `GroupKFold` when `fit` is given groups. Any pairs of index
        arrays will do, purged and overlapping ones too.
    fit_intercept : bool, default=True
    scale_features : bool, default=False
        Divide features by their standard deviation over the training rows of each fold, and over all rows for
        the final fit. `coef_` refers to the features as given.
    solver : {"auto", "primal", "dual"}, default="auto"
        "primal" works with feature x feature matrices, "dual" with row x row ones; the results are the same.
        "auto" is primal for p <= 0.8 n.
    store_cv_predictions : bool, default=False

    Attributes
    ----------
    best_alphas_ : array, (target,)
        The alpha of the best score; the largest of equals.
    coef_ : array, (target, feature), or (feature,) for 1-D y
        float32 if X and y are float32, else float64.
    intercept_ : array, (target,), or float for 1-D y
    cv_scores_ : array, (alpha, target), float64
        Negative mean squared error averaged over folds, in the order of `alphas` (himalaya's `l2_neg_loss`).
    solver_ : {"primal", "dual"}
    cv_predictions_ : array, shape of y
        With `store_cv_predictions`: prediction of each row by the folds that test it, at the chosen alphas,
        averaged over these folds; NaN for rows that no fold tests.
    n_features_in_ : int

    Notes
    -----
    Validation losses come from sufficient statistics, see `recortex.linear.path`; ridge in the space of rows
    is Saunders, Gammerman and Vovk (1998). Memory beyond X, y and the attributes is about (atoms + 2 folds)
    p^2 float64, with p the smaller of features and rows, and some tiles of targets; atoms are explained in
    `recortex.linear.folds.Atoms`.
    """

    def __init__(
        self,
        alphas: Sequence[float] = (0.1, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6),
        cv: CrossValidation = 5,
        fit_intercept: bool = True,
        scale_features: bool = False,
        solver: str = "auto",
        store_cv_predictions: bool = False,
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.scale_features = scale_features
        self.solver = solver
        self.store_cv_predictions = store_cv_predictions

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> RidgeCV:
        """Choose an alpha for every target and fit it on all rows.

        Parameters
        ----------
        X : array, (row, feature)
        y : array, (row, target) or (row,)
        groups : array, (row,), or None
            Rows of one group (stimulus, run, session) stay together in every fold.
        sample_weight : array, (row,), or None
            A weight of 2 is the same as the row twice, in training and in validation.
        """
        return self._fit(X, y, groups, sample_weight)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict targets: (row, feature) to (row, target), or (row,) after a fit to 1-D y."""
        check_is_fitted(self)
        X = np.asarray(validate_data(self, X, dtype=_FLOATS, reset=False))
        # coef . (x - shift) + offset: with a mean of 1e4, coef . x would cancel against the intercept.
        return (X - self._shift_x.astype(X.dtype)) @ self.coef_.T + self._offset

    def _fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None,
        sample_weight: ArrayLike | None,
        observe: Observer | None = None,
    ) -> RidgeCV:
        """`fit`, with an observer that is shown the out-of-fold predictions of each tile of targets."""
        alphas = self._checked_alphas()
        X, y = validate_data(self, X, y, dtype=_FLOATS, multi_output=True, y_numeric=True)
        X, y = np.asarray(X), np.asarray(y)
        if y.dtype not in _FLOATS:
            y = y.astype(np.float64)
        weight = _checked_weight(sample_weight, X)
        folds = resolve_folds(self.cv, X, y, groups)
        targets, dtype = y.reshape(len(y), -1), np.result_type(X, y)
        self.solver_ = self.solver
        if self.solver == "auto":
            self.solver_ = "primal" if X.shape[1] <= 0.8 * len(X) else "dual"

        shift_x = self._provisional_shift(X)
        with threads_for_fit(len(X), X.shape[1], targets.shape[1]):
            designs = build_designs(X, shift_x, weight, folds, self.solver_, self.fit_intercept, self.scale_features)
            coef = np.empty((targets.shape[1], X.shape[1]), dtype)
            offset = np.empty(targets.shape[1])
            self.best_alphas_ = np.empty(targets.shape[1])
            self.cv_scores_ = np.empty((len(alphas), targets.shape[1]))
            stored = np.empty(targets.shape, dtype) if self.store_cv_predictions else None
            for tile in _tiles(targets.shape[1], designs, dtype.itemsize):
                y_tile = targets[:, tile]
                shift_y = self._provisional_shift(y_tile)
                atoms = [design.statistics(y_tile, shift_y) for design in designs]
                scores = _scores(designs, atoms, alphas)
                best = _largest_of_best(alphas, scores)
                self.cv_scores_[:, tile], self.best_alphas_[tile] = scores, best
                if stored is not None or observe is not None:
                    predictions = _out_of_fold(designs, atoms, best, y_tile.shape, dtype)
                    if stored is not None:
                        stored[:, tile] = predictions
                    if observe is not None:
                        observe(y_tile, predictions, weight)
                coef[tile], offset[tile] = designs[-1].solve(X, atoms[-1], best)

        flat = y.ndim == 1
        # einsum widens coef in a small buffer; `@` would copy all of it to float64.
        intercept = offset - np.einsum("tf,f->t", coef, shift_x)
        self.coef_ = coef[0] if flat else coef
        self.intercept_ = intercept[0] if flat else intercept
        self._shift_x = shift_x
        self._offset = offset.astype(dtype)[0] if flat else offset.astype(dtype)
        if stored is not None:
            self.cv_predictions_ = stored.reshape(y.shape)
        return self

    def _provisional_shift(self, values: np.ndarray) -> np.ndarray:
        """Take the mean in the precision of the values, so that subtracting it is exact."""
        if not self.fit_intercept:
            return np.zeros(values.shape[1])
        return values.mean(axis=0, dtype=np.float64).astype(values.dtype).astype(np.float64)

    def _checked_alphas(self) -> np.ndarray:
        alphas = np.atleast_1d(np.asarray(self.alphas, np.float64))
        if alphas.ndim != 1 or not alphas.size:
            raise InvalidInput("alphas must be a non-empty list of numbers, as in (1, 10, 100)")
        if len(bad := alphas[~(np.isfinite(alphas) & (alphas >= 0))]):
            raise InvalidInput(f"alphas must be finite and >= 0, got {listed(bad)}")
        if self.solver not in ("auto", "primal", "dual"):
            raise InvalidInput(f"solver must be auto, primal or dual, got {self.solver!r}")
        return alphas


def _checked_weight(sample_weight: ArrayLike | None, X: np.ndarray) -> np.ndarray | None:
    if sample_weight is None:
        return None
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weight.any():
        raise InvalidInput("sample_weight is zero everywhere")
    return weight


def _scores(designs: Sequence[Design], atoms: Sequence[Sequence[SufficientStatistics]], alphas: np.ndarray) -> np.ndarray:
    """Negative mean squared error averaged over folds, (alpha, target)."""
    losses = [
        split.losses(parts, alphas)
        for design, parts in zip(designs, atoms, strict=True)
        for split in design.splits
        if split.test.size
    ]
    return -np.mean(losses, axis=0)


def _tiles(n_targets: int, designs: list[Design], itemsize: int) -> Iterator[slice]:
    """Targets in tiles whose cross-products, one set per atom, stay within some 64 MB."""
    per_target = sum(len(design.atoms) * design.rows.shape[1] for design in designs) * itemsize
    step = int(np.clip(_TILE_BYTES // max(per_target, 1), 64, _TILE_TARGETS))
    for start in range(0, n_targets, step):
        yield slice(start, min(start + step, n_targets))


def _largest_of_best(alphas: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Choose the alpha of best score for each target, (target,); of equal scores the largest alpha."""
    descending = np.argsort(-alphas, kind="stable")
    return alphas[descending[np.argmax(scores[descending], axis=0)]]


def _out_of_fold(
    designs: Sequence[Design],
    atoms: Sequence[Sequence[SufficientStatistics]],
    alphas: np.ndarray,
    shape: tuple[int, int],
    dtype: np.dtype,
) -> np.ndarray:
    """Predictions of each row by the folds that test it, averaged; NaN where none does."""
    predictions, times = np.zeros(shape, dtype), np.zeros((shape[0], 1), dtype)
    for design, parts in zip(designs, atoms, strict=True):
        for split in design.splits:
            if split.test.size:
                tested, values = design.predict(split, parts, alphas)
                predictions[tested] += values
                times[tested] += 1
    predictions /= np.where(times > 0, times, np.nan)
    return predictions
