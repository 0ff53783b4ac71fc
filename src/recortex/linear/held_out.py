"""Predictions for rows a model has not seen, and the exchange of stimuli that a null distribution needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from recortex.linear.folds import CrossValidation, resolve_folds

__all__ = ["HeldOutPredictions", "held_out_predictions", "permute_pairs"]


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
    test mean is low. Compare with a permutation null of the same folds, see `permute_pairs`, not with zero.
    """
    X, y = np.asarray(X), np.asarray(y)
    folds = resolve_folds(folds, X, y, groups)
    tested = np.concatenate([test for _, test in folds])
    if np.unique(tested).size != tested.size:
        raise ValueError("A row is tested by more than one fold: its predictions cannot be pooled.")
    estimators, predictions = [], []
    for train, test in folds:
        inner = {} if groups is None else {"groups": np.asarray(groups)[train]}
        estimators.append(make_estimator().fit(X[train], y[train], **inner))
        predictions.append(estimators[-1].predict(X[test]))
    order = np.argsort(tested)
    return HeldOutPredictions(tested[order], np.concatenate(predictions)[order], estimators)


def permute_pairs(groups: ArrayLike, rng: np.random.Generator) -> np.ndarray:
    """Exchange stimuli between rows; the repeats of one stimulus move together.

    Every group g gets the rows of a group pi(g), pi a random permutation of groups: the row with repetition
    index k in g gets the row of pi(g) with index k modulo the number of its repeats. Fit with X[rows] and y
    for the null of no relation between a stimulus and its response. Shuffling single rows instead would break
    repeats apart, and the null would be too narrow.

    Parameters
    ----------
    groups : array, (row,)
    rng : numpy Generator

    Returns
    -------
    rows : int array, (row,)
        With equal repeat counts a permutation of the rows.
    """
    _, group, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    by_group = np.argsort(group, kind="stable")
    first = np.cumsum(counts) - counts
    repetition = np.empty(len(group), np.intp)
    repetition[by_group] = np.arange(len(group)) - first[group[by_group]]
    partner = rng.permutation(len(counts))[group]
    return by_group[first[partner] + repetition % counts[partner]]
