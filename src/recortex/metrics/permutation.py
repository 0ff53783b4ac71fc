"""The exchange of stimuli that a null distribution needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


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
