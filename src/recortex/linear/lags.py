"""Features of the past of each sample: finite impulse responses, and convolution with a haemodynamic response."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from recortex.errors import InvalidInput

__all__ = ["convolved", "lagged"]


def lagged(features: np.ndarray, lags: Sequence[int], runs: ArrayLike) -> np.ndarray:
    """Features as they were some samples before, side by side.

    Parameters
    ----------
    features : array, (sample, feature)
        In the order of time within each run.
    lags : sequence of int
        In samples: 2 is what was two samples earlier, -1 what comes next.
    runs : array, (sample,)
        The run of each sample. Nothing crosses from one into another: what would come from outside of a run is 0.

    Returns
    -------
    array, (sample, lag x feature)
        All features at the first lag, then all at the second.

    Raises
    ------
    InvalidInput
        No lags, one that is no whole number, or runs of another length.
    """
    features, runs = np.asarray(features), _of_samples(runs, len(features))
    steps = np.asarray(lags)
    if steps.ndim != 1 or not steps.size or steps.dtype.kind not in "iu":
        raise InvalidInput(f"lags must be a list of whole numbers of samples, as in [1, 2, 3, 4], got {lags!r}")
    out = np.zeros((len(features), steps.size, features.shape[1]), features.dtype)
    for run in np.unique(runs):
        rows = np.flatnonzero(runs == run)
        for place, lag in enumerate(steps):
            later, earlier = (rows[lag:], rows[: len(rows) - lag]) if lag >= 0 else (rows[:lag], rows[-lag:])
            out[later, place] = features[earlier[: len(later)]]
    return out.reshape(len(features), -1)


def convolved(features: np.ndarray, response: ArrayLike, runs: ArrayLike) -> np.ndarray:
    """Features convolved with a response, run by run.

    Parameters
    ----------
    features : array, (sample, feature)
    response : array, (lag,)
        Sampled like the features, from lag 0: `nilearn.glm.first_level.glover_hrf` makes one.
    runs : array, (sample,)
        The run of each sample; before its first sample a run was silent.

    Returns
    -------
    array, (sample, feature)
    """
    from scipy.signal import lfilter

    features, runs, weights = np.asarray(features), _of_samples(runs, len(features)), np.asarray(response, np.float64)
    if weights.ndim != 1 or not weights.size or not np.isfinite(weights).all():
        raise InvalidInput(f"a response must be a list of numbers, one a sample, got shape {weights.shape}")
    out = np.empty_like(features, dtype=np.result_type(features, np.float32))
    for run in np.unique(runs):
        rows = np.flatnonzero(runs == run)
        out[rows] = lfilter(weights, [1.0], features[rows], axis=0)
    return out


def _of_samples(runs: ArrayLike, count: int) -> np.ndarray:
    labels = np.asarray(runs)
    if labels.shape != (count,):
        raise InvalidInput(f"runs must name the run of each of {count} samples, got shape {labels.shape}")
    return labels
