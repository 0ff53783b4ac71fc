"""Which units follow their prediction in trials that nothing was fitted on."""

from __future__ import annotations

import math

import numpy as np

from recortex.errors import InvalidInput
from recortex.metrics import permutation_p, permute_pairs

SAME = 1e-5
"""Correlations that lie closer are the same."""


def held_out_p(
    measured: np.ndarray, predicted: np.ndarray, stimulus: np.ndarray, permutations: int, seed: int, several: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of each unit with its prediction, and its one-sided p when stimuli change places, repeats together.

    Nothing is fitted again: finished predictions are held against moved responses. With one fold that is exact, as the model knows
    nothing of the tested trials. Where several folds are pooled, two trials predict each other through the same product, and the
    correlation of a unit without signal spreads wider than its permutations, by the root of 2 at most. There it is divided by that
    root before it is compared.

    Parameters
    ----------
    measured, predicted : (trial, unit) arrays
    stimulus : (trial,) str array
        Only stimuli with equal numbers of trials change places.
    permutations : int
    seed : int
        The same for all blocks of units, so that these are permuted together.
    several : bool
        Whether predictions come from several folds.

    Returns
    -------
    correlation, p : (unit,) arrays
        NaN where a unit or its prediction does not change.
    """
    _, group, counts = np.unique(stimulus, return_inverse=True, return_counts=True)
    flat = (np.ptp(measured, axis=0) == 0) | (np.ptp(predicted, axis=0) == 0)
    y, f = (values.astype(np.float64) - values.mean(axis=0, dtype=np.float64) for values in (measured, predicted))
    with np.errstate(invalid="ignore", divide="ignore"):
        y, f = (np.where(flat, np.nan, values / np.linalg.norm(values, axis=0)) for values in (y, f))
    # the same for all repeats of a stimulus, a sum over trials is one over stimuli
    means = [np.zeros((len(counts), measured.shape[1])) for _ in range(2)]
    for mean, values in zip(means, (y, f), strict=True):
        np.add.at(mean, group, values)
        mean /= counts[:, None]
    moved, weighted = means[0].astype(np.float32), (means[1] * counts[:, None]).astype(np.float32)
    rng = np.random.default_rng([seed, 4])
    null = np.empty((permutations, measured.shape[1]), np.float32)
    for number in range(permutations):
        source = permute_pairs(np.arange(len(counts)), rng, within=counts)
        np.einsum("su,su->u", moved[source], weighted, out=null[number])
    reached = np.einsum("su,su->u", moved, weighted)
    compared = np.where(reached > 0, reached / np.sqrt(2), reached) if several else reached
    return np.clip(np.einsum("tu,tu->u", y, f), -1, 1), permutation_p(compared, null, SAME)


def check_ways(stimulus: np.ndarray, level: float) -> None:
    """Refuse trials that can be exchanged in so few ways that no p could be small.

    Parameters
    ----------
    stimulus : (trial,) str array
        Only stimuli with equal numbers of trials change places.
    level : float
        What p has to reach.

    Raises
    ------
    InvalidInput
    """
    _, shown = np.unique(stimulus, return_counts=True)
    ways = sum(math.lgamma(1 + count) for count in np.unique(shown, return_counts=True)[1].tolist())
    if ways < -math.log(level):
        raise InvalidInput(
            f"{len(shown)} stimuli, of which only those shown equally often change places, can be exchanged in "
            f"{round(math.exp(ways))} ways, so no p is below {math.exp(-ways):.2g}, and level is {level:g}; hold out more stimuli, or "
            "show them equally often"
        )
