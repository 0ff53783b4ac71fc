"""Correlations in bootstrap samples of trials, for many units at once: sums over a sample are products with its counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.metrics._arrays import row_labels
from recortex.metrics.bootstrap import draws

_UNITS_AT_ONCE = 2**21
"""Trials x units."""
_CONSTANT = 1e-12
"""A series whose variance is that share of its second moment does not vary but for rounding."""


def bootstrap_counts(groups: ArrayLike, n_resamples: int, seed: int | np.random.Generator = 0) -> Iterator[NDArray[np.float64]]:
    """How often each row is drawn in bootstrap samples: the samples of `bootstrap_rows` with the same seed.

    Parameters
    ----------
    groups : array (row,)
        Label of the group of each row.
    n_resamples : int
    seed : int or numpy Generator

    Yields
    ------
    array (sample, row)
        Some samples at a time.
    """
    _, label = np.unique(row_labels("groups", groups), return_inverse=True)
    for drawn in draws(int(label.max()) + 1, n_resamples, seed):
        counts = np.zeros(drawn.shape)
        np.add.at(counts, (np.arange(len(drawn))[:, None], drawn), 1.0)
        yield counts[:, label]


def resampled_correlation(measured: ArrayLike, predicted: ArrayLike, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """`unit_correlation` in every sample.

    Parameters
    ----------
    measured, predicted : array (trial, unit)
    counts : array (sample, trial)
        How often each trial is in each sample.

    Returns
    -------
    array (sample, unit)
        NaN where either series does not vary within the sample.
    """
    measured, predicted = np.asarray(measured), np.asarray(predicted)
    made = np.empty((len(counts), measured.shape[1]))
    number = counts.sum(axis=1)[:, None]
    step = max(1, _UNITS_AT_ONCE // max(len(measured), 1))
    for start in range(0, measured.shape[1], step):
        some = slice(start, start + step)
        # about the means of all trials, so that no sum is far larger than what it is wanted for
        y, p = (values[:, some].astype(np.float64) for values in (measured, predicted))
        y -= y.mean(axis=0)
        p -= p.mean(axis=0)
        sum_y, sum_p, square_y, square_p, product = (counts @ values for values in (y, p, y * y, p * p, y * p))
        spread_y, spread_p = square_y - sum_y**2 / number, square_p - sum_p**2 / number
        varies = (spread_y > _CONSTANT * square_y) & (spread_p > _CONSTANT * square_p)
        spread = np.sqrt(np.where(varies, spread_y, np.nan) * np.where(varies, spread_p, np.nan))
        made[:, some] = np.clip((product - sum_y * sum_p / number) / spread, -1, 1)
    return made
