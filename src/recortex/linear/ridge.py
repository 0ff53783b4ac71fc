"""Cross-validated ridge regression with one alpha per target, from sufficient statistics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from recortex.errors import InvalidInput
from recortex.linear.atom_rows import AtomRows
from recortex.linear.design import Design
from recortex.linear.dual import Dual
from recortex.linear.fitted import Fitted, fit_targets
from recortex.linear.folds import CrossValidation, Fold, resolve_folds
from recortex.linear.independent import Units
from recortex.linear.inputs import (
    all_centred,
    check_weight_of_folds,
    checked_alphas,
    checked_groups,
    checked_weight,
    column_means,
)
from recortex.linear.primal import Primal
from recortex.linear.selection import Selection, check
from recortex.linear.table import Table
from recortex.linear.threads import blas_threads, side_by_side, threads_for_fit
from recortex.linear.weights import DualWeights, PrimalWeights

__all__ = ["RidgeCV"]

# (responses of a tile of targets, their out-of-fold predictions, weights of rows) -> None
Observer = Callable[[np.ndarray, np.ndarray, np.ndarray | None], None]

_FLOATS = (np.float64, np.float32)
_TILE_BYTES = 2**27
_TILE_TARGETS = 4096
_FEWEST_TARGETS = 64
_TARGETS_AT_ONCE = 512  # what becomes of them stays in the cache of a core


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
    selection : {"kfold", "gcv", "loo", "gcv+kfold"}, default="kfold"
        How alphas are compared: over the folds of `cv`; by generalised cross-validation; by exact leave-one-out;
        or over the folds near the best of generalised cross-validation, which is nearly always the best of all
        folds, and cheaper where there are many alphas. Rows of the same features count as one row, and `loo` leaves out whole
        groups; "gcv" refuses groups of several different rows.
    scoring : {"neg_mse", "r2", "r"}, default="neg_mse"
        Negative mean squared error, R2 or Pearson's r, computed in each fold and averaged over folds.
    fit_intercept : bool, default=True
    scale_features : bool, default=False
        Divide features by their standard deviation over the training rows of each fold, and over all rows for
        the final fit. `coef_` refers to the features as given.
    solver : {"auto", "primal", "dual"}, default="auto"
        "primal" works with feature x feature matrices, "dual" with row x row ones; the results are the same.
        "auto" is primal for p <= 0.8 n.
    device : str, optional
        None computes with NumPy; "cuda" (or another of torch's devices) there, to the same results.
    memory_limit : int, optional
        Bytes that a fit may take beyond X, y and its attributes. Without it a tile of targets takes some 128 MB.
    store_cv_predictions : bool, default=False

    Attributes
    ----------
    best_alphas_ : array, (target,)
        The alpha of the best score; the largest of equals.
    edge_ : int array, (target,)
        -1 where that is the smallest candidate, 1 where it is the largest, else 0: more candidates may do better.
    coef_ : array, (target, feature), or (feature,) for 1-D y
        float32 if X and y are, else float64. With the dual solver it is computed when first asked for.
    dual_coef_ : array, (target, row), or (row,) for 1-D y
        With the dual solver: ``coef_ = dual_coef_ @ X``, for scaled features divided by their variances.
    intercept_ : array, (target,), or float for 1-D y
    cv_scores_ : array, (alpha, target), float64
        In the order of `alphas`; NaN for those that "gcv+kfold" left out.
    solver_ : {"primal", "dual"}
    cv_predictions_ : array, shape of y
        With `store_cv_predictions`: prediction of each row by the folds that test it, at the chosen alphas,
        averaged over these folds; NaN for rows that no fold tests.
    n_features_in_ : int

    Notes
    -----
    Validation scores come from sufficient statistics, see `recortex.linear.path`; ridge in the space of rows
    is Saunders, Gammerman and Vovk (1998), generalised cross-validation Golub, Heath and Wahba (1979). Memory
    beyond X, y, the attributes and a tile is about (folds + atoms) p^2 float64, with p the smaller of features
    and rows; atoms are explained in `recortex.linear.folds.Atoms`.
    """

    best_alphas_: np.ndarray
    cv_scores_: np.ndarray

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
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.selection = selection
        self.scoring = scoring
        self.fit_intercept = fit_intercept
        self.scale_features = scale_features
        self.solver = solver
        self.device = device
        self.memory_limit = memory_limit
        self.store_cv_predictions = store_cv_predictions

    def fit(
        self,
        X: ArrayLike | h5py.Dataset,
        y: ArrayLike | h5py.Dataset,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> RidgeCV:
        """Choose an alpha for every target and fit it on all rows.

        Parameters
        ----------
        X : array or HDF5 dataset, (row, feature)
        y : array or HDF5 dataset, (row, target) or (row,)
            A dataset is read in tiles of targets, ahead of the work; int16 is decoded on the way, see `recortex.linear.table`.
        groups : array, (row,), or None
            Rows of one group (stimulus, run, session) stay together in every fold.
        sample_weight : array, (row,), or None
            A weight of 2 is the same as the row twice, in training and in validation.
        """
        return self._fit(X, y, groups, sample_weight)

    @property
    def coef_(self) -> np.ndarray:
        """Weights of the features, (target, feature), or (feature,) for 1-D y."""
        coef = self._learned("coef_").coef
        return coef[0] if self._flat else coef

    @property
    def dual_coef_(self) -> np.ndarray:
        """Weights of the training rows, (target, row), or (row,) for 1-D y; with the dual solver."""
        learned = self._learned("dual_coef_")
        if not isinstance(learned, DualWeights):
            raise AttributeError("dual_coef_ is there with the dual solver only")
        return learned.dual[0] if self._flat else learned.dual

    @property
    def intercept_(self) -> np.ndarray:
        """Predictions where all features are 0, (target,), or a float for 1-D y."""
        intercept = self._learned("intercept_").intercept
        return intercept[0] if self._flat else intercept

    def _learned(self, asked: str) -> PrimalWeights | DualWeights:
        if "_weights" not in vars(self):
            raise AttributeError(f"{asked} is there after fit")
        return self._weights

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict targets: (row, feature) to (row, target), or (row,) after a fit to 1-D y."""
        check_is_fitted(self)
        made = self._weights.predict(np.asarray(validate_data(self, X, dtype=_FLOATS, reset=False)))
        return made[:, 0] if self._flat else made

    def _fit(
        self,
        X: Any,
        y: Any,
        groups: ArrayLike | None,
        sample_weight: ArrayLike | None,
        observe: Observer | None = None,
    ) -> RidgeCV:
        """`fit`, with an observer that is shown the out-of-fold predictions of each tile of targets."""
        alphas = checked_alphas(self.alphas)
        check(self.selection, self.scoring)
        if self.solver not in ("auto", "primal", "dual"):
            raise InvalidInput(f"solver must be auto, primal or dual, got {self.solver!r}")
        flat, features, targets = self._checked_tables(X, y)
        (n_rows, n_features), n_targets = features.shape, targets.shape[1]
        weight = checked_weight(sample_weight, n_rows)
        dtype = np.result_type(features.dtype, targets.dtype)
        groups = checked_groups(groups, n_rows)
        wants_folds = self.selection in ("kfold", "gcv+kfold") or observe is not None or self.store_cv_predictions
        folds = resolve_folds(self.cv, np.empty((n_rows, 0)), None, groups) if wants_folds else []
        check_weight_of_folds(weight, folds)
        self.solver_ = self.solver
        if self.solver == "auto":
            self.solver_ = "primal" if n_features <= 0.8 * n_rows else "dual"
        logging.getLogger("recortex").debug("ridge of %d rows and %d features: %s", n_rows, n_features, self.solver_)

        shift_x = column_means(features) if self.fit_intercept else np.zeros(n_features)
        with threads_for_fit(n_rows, n_features, n_targets):
            design = self._design(features, shift_x, weight, folds, alphas, dtype)
            units = None if self.selection == "kfold" else Units.of(features, groups, weight, self.fit_intercept)
            centred = units is not None and not self.fit_intercept and units.count <= n_features and all_centred(features)
            axes = design.axes() if self.selection == "loo" else None
            selection = Selection(self.selection, self.scoring, alphas, design, units, axes, centred)
            width = n_features if self.solver_ == "primal" else n_rows
            found, offset = np.empty((n_targets, width), dtype), np.empty(n_targets)
            self.best_alphas_ = np.empty(n_targets)
            self.cv_scores_ = np.empty((len(alphas), n_targets))
            stored = np.empty(targets.shape, dtype) if self.store_cv_predictions else None
            wants_predictions = stored is not None or observe is not None
            for columns, y_tile in targets.blocks(self._tile_width(design, n_rows, targets, dtype)):
                y_tile = y_tile.astype(dtype, copy=False)

                def fitted(part: slice, y: np.ndarray = y_tile) -> Fitted:
                    return fit_targets(design, selection, y[:, part], self.fit_intercept, wants_predictions)

                predictions = np.empty(y_tile.shape, dtype) if wants_predictions else None
                parts = self._parts(y_tile.shape[1])
                for part, made in zip(parts, side_by_side(fitted, parts, len(parts) > 1), strict=True):
                    here = slice(columns.start + part.start, columns.start + part.stop)
                    self.best_alphas_[here], self.cv_scores_[:, here] = made.alphas, made.scores
                    found[here], offset[here] = made.weights, made.offset
                    if predictions is not None:
                        predictions[:, part] = made.predictions
                if stored is not None:
                    stored[:, columns] = predictions
                if observe is not None and predictions is not None:
                    observe(y_tile, predictions, weight)

        self.edge_ = (self.best_alphas_ == alphas.max()).astype(np.int8) - (self.best_alphas_ == alphas.min())
        self._flat = flat
        self._weights: PrimalWeights | DualWeights = (
            DualWeights(found, features, shift_x, design.scale, offset, self.memory_limit)
            if isinstance(design, Dual)
            else PrimalWeights(found, shift_x, offset)
        )
        if stored is not None:
            self.cv_predictions_ = stored[:, 0] if flat else stored
        return self

    def _design(
        self,
        features: Table,
        shift_x: np.ndarray,
        weight: np.ndarray | None,
        folds: list[Fold],
        alphas: np.ndarray,
        dtype: np.dtype,
    ) -> Design:
        if self.solver_ == "dual":
            return Dual.build(
                features, shift_x, weight, folds, self.fit_intercept, self.scale_features, self.device, alphas, dtype
            )
        X = features.read(slice(None)).astype(dtype, copy=False)
        return Primal.of(AtomRows.build(X, shift_x, weight, folds, self.device), self.fit_intercept, self.scale_features)

    def _tile_width(self, design: Design, n_rows: int, targets: Table, dtype: np.dtype) -> int:
        """As many targets as fit into the memory there is, those that are read ahead among them."""
        # of its rows: as read, read ahead, and about the shift; besides, what leaving out single rows needs of them
        copies = {"kfold": 1, "gcv": 2, "gcv+kfold": 2, "loo": 8}[self.selection] + (0 if targets.in_memory else 3)
        per_target = design.bytes_per_target(dtype.itemsize) + n_rows * copies * dtype.itemsize
        room = _TILE_BYTES
        if self.memory_limit is not None:
            room = self.memory_limit - design.bytes
            if room < _FEWEST_TARGETS * per_target:
                least = (design.bytes + _FEWEST_TARGETS * per_target) / 1e6
                raise InvalidInput(f"memory_limit is too small for this fit: give it at least {least:.0f} MB")
        return int(np.clip(room // per_target, _FEWEST_TARGETS, _TILE_TARGETS))

    def _parts(self, n_targets: int) -> list[slice]:
        """A tile of targets in parts to be worked on side by side; it stays whole on a device, or with few targets for each thread."""
        threads = blas_threads()
        whole = self.device is not None or n_targets < _FEWEST_TARGETS * threads
        width = n_targets if whole else min(-(-n_targets // threads), _TARGETS_AT_ONCE)
        return [slice(start, min(start + width, n_targets)) for start in range(0, n_targets, width)]

    def _checked_tables(self, X: Any, y: Any) -> tuple[bool, Table, Table]:
        """X and y as tables of columns, and whether y was one column without a name of its own."""
        lazy_x, lazy_y = (isinstance(values, h5py.Dataset) for values in (X, y))
        if not lazy_x and not lazy_y:
            X, y = validate_data(self, X, y, dtype=_FLOATS, multi_output=True, y_numeric=True)
        elif lazy_y and not lazy_x:
            X = validate_data(self, X, dtype=_FLOATS)
        elif not lazy_y:
            y = check_array(y, ensure_2d=False, dtype=_FLOATS, input_name="y")
        flat = y.ndim == 1
        if lazy_x:
            self.n_features_in_ = X.shape[1]
        if not lazy_y:
            y = np.asarray(y).reshape(len(y), -1)
        features, targets = Table(X if lazy_x else np.asarray(X), "X"), Table(y, "y")
        if len(features) != len(targets):
            raise InvalidInput(f"X has {len(features)} rows and y has {len(targets)}; they must be the same trials in one order")
        return flat, features, targets
