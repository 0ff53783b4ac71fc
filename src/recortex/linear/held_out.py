"""Predictions for rows a model has not seen, and a fitted line applied to new rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from recortex.errors import InvalidInput
from recortex.linear.folds import CrossValidation, resolve_folds

__all__ = ["HeldOutPredictions", "apply_weights", "held_out_predictions"]


class HeldOutPredictions(NamedTuple):
    """What an outer cross-validation leaves behind.

    Attributes
    ----------
    rows : int array, (tested row,)
        Indices of the tested rows, ascending.
    predictions : array, (tested row, target) or (tested row,)
        Each by the estimator that did not see the row.
    estimators : list
        The fitted estimators, one a fold.
    """

    rows: np.ndarray
    predictions: np.ndarray
    estimators: list[Any]


def held_out_predictions(
    make_estimator: Callable[[], Any],
    X: np.ndarray,
    y: np.ndarray,
    folds: CrossValidation,
    groups: ArrayLike | None = None,
) -> HeldOutPredictions:
    """Fit a fresh estimator on the training rows of every outer fold and predict its test rows.

    Parameters
    ----------
    make_estimator : callable
        Returns an unfitted estimator; all choices, of alpha or of scale, are made inside the training rows.
    X : array, (row, feature)
    y : array, (row, target) or (row,)
    folds : iterable of (train, test), splitter or int
        No row may be tested twice.
    groups : array, (row,), or None
        Keep rows together in the outer folds (checked) and, passed to `fit`, in the inner ones.

    Notes
    -----
    Without signal, correlations over pooled folds lie *below* zero, because a training mean is high where the
    test mean is low. Compare with a permutation null of the same folds, see `recortex.metrics.permute_pairs`, not with zero.
    """
    X, y = np.asarray(X), np.asarray(y)
    folds = resolve_folds(folds, X, y, groups)
    tested = np.concatenate([test for _, test in folds])
    if np.unique(tested).size != tested.size:
        raise InvalidInput("A row is tested by more than one fold: its predictions cannot be pooled")
    estimators, predictions = [], []
    for train, test in folds:
        inner = {} if groups is None else {"groups": np.asarray(groups)[train]}
        estimators.append(make_estimator().fit(X[train], y[train], **inner))
        predictions.append(estimators[-1].predict(X[test]))
    order = np.argsort(tested)
    return HeldOutPredictions(tested[order], np.concatenate(predictions)[order], estimators)


def apply_weights(X: np.ndarray, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Predictions of stored weights, safe where features have a large mean.

    Parameters
    ----------
    X : array, (row, feature)
    coef : array, (feature, target)
    intercept : array, (target,), float64

    Returns
    -------
    array, (row, target)
        X @ coef + intercept, computed about the mean of X: raw BOLD has a mean of 1e4, and in float32 its product with the weights
        would cancel against the intercept. The mean decides rounding only.
    """
    centre = X.mean(axis=0, dtype=np.float64)
    offset = np.asarray(intercept, np.float64) + np.einsum("f,ft->t", centre, coef)
    return (X - centre).astype(coef.dtype) @ coef + offset.astype(coef.dtype)
