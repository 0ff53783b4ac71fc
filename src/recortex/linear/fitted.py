"""What a ridge makes of some targets: a choice of alphas, predictions of the folds, and a fit on all rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from recortex.linear.design import Design
from recortex.linear.inputs import near_means
from recortex.linear.selection import Selection

__all__ = ["Fitted", "fit_targets"]


class Fitted(NamedTuple):
    """Some targets at their alphas.

    Attributes
    ----------
    alphas : array, (target,)
    scores : array, (alpha, target), float64
    weights : array, (target, feature or row)
    offset : array, (target,)
    predictions : array, (row, target), or None
        Of the folds, where they are asked for.
    """

    alphas: np.ndarray
    scores: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    predictions: np.ndarray | None


def fit_targets(design: Design, selection: Selection, y: np.ndarray, fit_intercept: bool, with_predictions: bool) -> Fitted:
    """Choose an alpha for every target, (row, target), and fit it on all rows."""
    shift = near_means(y) if fit_intercept else np.zeros(y.shape[1])
    tile = design.tile(y, shift)
    chosen = selection.choose(tile, y - shift.astype(y.dtype) if selection.reads_rows else None)
    best = selection.alphas[chosen.place]
    predictions = _out_of_fold(design, tile, best, y) if with_predictions else None
    weights, offset = (chosen.whole or design.whole(tile)).solve(best)
    return Fitted(best, chosen.scores, weights, offset, predictions)


def _out_of_fold(design: Design, tile: Any, alphas: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Predictions of each row by the folds that test it, averaged; NaN where none does."""
    predictions, times = np.zeros(y.shape, y.dtype), np.zeros((len(y), 1), y.dtype)
    for number in range(design.n_splits):
        tested, values = design.predict(number, tile, alphas)
        predictions[tested] += values
        times[tested] += 1
    predictions /= np.where(times > 0, times, np.nan)
    return predictions
