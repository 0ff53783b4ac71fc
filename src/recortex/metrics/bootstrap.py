"""How far a score would move with other stimuli: the bootstrap over exchangeable groups.

The group is what could have been drawn differently: a stimulus with all of its repeats, a clip, a subject.
Resampling trials instead would count the repeats of a stimulus as independent and make the interval too
narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput
from recortex.metrics._arrays import real_array, row_labels, same_shape

_BLOCK = 2**22
"""Groups drawn at a time."""


@dataclass(frozen=True)
class Interval:
    """A statistic and its bootstrap interval.

    Attributes
    ----------
    value : float
        The statistic of all defined values.
    low, high : float
        Percentile interval; NaN with fewer than two groups.
    n : int
        Values that took part.
    n_groups : int
        Groups that took part: the size of the sample in the sense of the bootstrap.
    n_undefined : int
        Values left out because they are NaN.
    """

    value: float
    low: float
    high: float
    n: int
    n_groups: int
    n_undefined: int


def bootstrap_interval(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
    seed: int | np.random.Generator = 0,
    level: float = 0.95,
    statistic: Callable[[NDArray[np.float64]], float] = np.mean,
) -> Interval:
    """Percentile interval of a statistic of per-query values, over groups drawn with replacement.

    Parameters
    ----------
    values : array (query,)
        One score a query, as the functions of this room give it. NaN (undefined) values are left out and
        counted in the result; a group with nothing else is left out with them.
    groups : array (query,), optional
        Label of the group of each query; queries of a group move together. By default each query is its own.
    n_resamples : int
        Bootstrap samples; the ends of a 95 % interval want a thousand or more.
    seed : int or numpy Generator
        The same seed gives the same interval.
    level : float
        Nominal coverage, between 0 and 1.
    statistic : callable
        (query,) -> float. The mean (over queries: a group counts by its size) is computed from group sums;
        any other is called once a sample.

    Returns
    -------
    Interval

    Raises
    ------
    InvalidInput
        If shapes differ, all values are NaN, or a setting is out of range.

    Notes
    -----
    Efron and Tibshirani 1993, chapter 13, with whole groups as the unit of resampling. What the
    interval does not cover:

    - A percentile interval is too narrow with few groups (by the root of 1 - 1 / groups, and more where
      values are skewed): expect less than the nominal coverage below about 20 groups.
    - Where all values are equal, as at 100 % accuracy, it has no width. That is not certainty.
    - The candidates of an identification stay as they were; other candidates would be another score.
    - Neither subject, nor training set, nor the decoder's own randomness is resampled.
    """
    scores = real_array("values", values, "query").astype(np.float64)
    labels = np.arange(scores.size) if groups is None else np.asarray(groups)
    same_shape(values=scores, groups=labels)
    if not 0 < level < 1:
        raise InvalidInput(f"level must lie between 0 and 1, not {level}")
    defined = ~np.isnan(scores)
    n_undefined = int(np.count_nonzero(~defined))
    if n_undefined == scores.size:
        raise InvalidInput(f"there is nothing to resample: {scores.size} values, all of them NaN")
    scores, labels = scores[defined], labels[defined]

    members = _members(labels)
    low = high = float("nan")
    if len(members) > 1:
        if statistic is np.mean:
            samples = _resampled_means(scores, members, n_resamples, seed)
        else:
            resampled = bootstrap_rows(labels, n_resamples, seed)
            samples = np.array([statistic(scores[rows]) for rows in resampled])
        low, high = (float(end) for end in np.quantile(samples, [(1 - level) / 2, (1 + level) / 2]))
    return Interval(float(statistic(scores)), low, high, scores.size, len(members), n_undefined)


def bootstrap_rows(groups: ArrayLike, n_resamples: int = 2000, seed: int | np.random.Generator = 0) -> Iterator[NDArray[np.intp]]:
    """Row numbers of bootstrap samples, for statistics that `bootstrap_interval` cannot see.

    Groups are drawn with replacement, as many as there are, and bring all of their rows. The same seed
    draws the same groups as in `bootstrap_interval`. One walk through the samples can serve all units, so
    that they are resampled together.

    Parameters
    ----------
    groups : array (row,)
        Label of the group of each row.
    n_resamples : int
        Bootstrap samples.
    seed : int or numpy Generator

    Yields
    ------
    array (drawn_row,), int
        As long as the rows of the drawn groups together, so its length varies where group sizes do.

    Raises
    ------
    InvalidInput
        If `groups` is not (row,), is empty, or holds NaN.

    Examples
    --------
    The 95th percentile over units of the correlation, with repeats of a stimulus kept together:

    >>> from recortex.metrics import unit_correlation
    >>> stimulus = np.repeat(np.arange(30), 3)
    >>> measured = np.random.default_rng(0).normal(size=(90, 50))
    >>> predicted = np.random.default_rng(1).normal(size=(90, 50))
    >>> samples = [
    ...     np.nanpercentile(unit_correlation(measured[rows], predicted[rows]), 95)
    ...     for rows in bootstrap_rows(stimulus, n_resamples=200)
    ... ]
    >>> low, high = np.quantile(samples, [0.025, 0.975])
    """
    members = _members(np.asarray(groups))
    return (
        np.concatenate([members[group] for group in draw]) for some in draws(len(members), n_resamples, seed) for draw in some
    )


def _members(groups: NDArray[Any]) -> list[NDArray[np.intp]]:
    """Rows of each group, groups in the order of their labels."""
    _, label, size = np.unique(row_labels("groups", groups), return_inverse=True, return_counts=True)
    return np.split(np.argsort(label, kind="stable"), np.cumsum(size)[:-1])


def draws(n_groups: int, n_resamples: int, seed: int | np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """(sample, group) numbers of drawn groups, in blocks of samples; the blocks do not change the draws."""
    if n_resamples < 1:
        raise InvalidInput(f"n_resamples must be at least 1, not {n_resamples}")
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // n_groups)
    for start in range(0, n_resamples, step):
        yield rng.integers(n_groups, size=(min(step, n_resamples - start), n_groups))


def _resampled_means(
    scores: NDArray[np.float64],
    members: list[NDArray[np.intp]],
    n_resamples: int,
    seed: int | np.random.Generator,
) -> NDArray[np.float64]:
    sums = np.array([scores[rows].sum() for rows in members])
    sizes = np.array([len(rows) for rows in members])
    means = [sums[drawn].sum(1) / sizes[drawn].sum(1) for drawn in draws(len(members), n_resamples, seed)]
    return np.concatenate(means)
