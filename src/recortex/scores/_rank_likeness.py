"""Rank correlations of many captions and many units, their two nulls, and their bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recortex.metrics import bootstrap_counts, permute_pairs, unit_correlation

AT_ONCE = 2**24  # numbers of a block, in captions or permutations x units
TIE = 1e-9


@dataclass(frozen=True)
class Resampled:
    """The mean correlation over units, of the real thing ("") and of controls; and the same in bootstrap samples of pictures.

    Parameters
    ----------
    value : dict of str to float
    again : dict of str to (sample,) array
    """

    value: dict[str, float]
    again: dict[str, np.ndarray]


def ranked(values: np.ndarray) -> np.ndarray:
    """Ranks of each column, equal values sharing theirs."""
    from scipy.stats import rankdata

    # what differs in the last bits of a product is equal
    return np.asarray(rankdata(np.round(values, 12), axis=0))


def rank_correlation(rank_p: np.ndarray, rank_y: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each column with the same column; NaN where either does not vary."""
    return unit_correlation(rank_y, rank_p)


def standard(ranks: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and length 1; NaN where they do not vary."""
    centred = ranks - ranks.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return np.asarray(centred / np.where(length > 0, length, np.nan))


def pictures_null(
    rank_p: np.ndarray, rank_y: np.ndarray, which: np.ndarray, counts: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """Correlations after pictures changed places, among those that were shown equally often, (permutation, unit).

    Parameters
    ----------
    rank_p : (stimulus, caption) array
    rank_y : (stimulus, unit) array
    which : (unit,) int array
        The caption of each unit.
    counts : (stimulus,) int array
    permutations, seed : int
    """
    mine, y = standard(rank_p)[:, which], standard(rank_y)
    rng = np.random.default_rng([seed, 5])
    made = np.empty((permutations, len(which)), np.float32)
    for number in range(permutations):
        source = permute_pairs(np.arange(len(counts)), rng, within=counts)
        made[number] = np.einsum("su,su->u", mine, y[source])
    return made


def captions_p(rank_p: np.ndarray, rank_y: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """Share of all captions that correlate with a unit at least as highly as its own does, which counts, too."""
    p, y = np.nan_to_num(standard(rank_p)), standard(rank_y)
    made = np.empty(len(reached))
    step = max(1, AT_ONCE // p.shape[1])
    for start in range(0, len(reached), step):
        units = slice(start, start + step)
        made[units] = (p.T @ y[:, units] >= reached[units] - TIE).mean(axis=0)
    return np.where(np.isnan(reached), np.nan, made)


def resampled(
    rank_p: np.ndarray, rank_y: np.ndarray, which: np.ndarray, common: int | None, resamples: int, seed: int
) -> Resampled:
    """Mean correlations over units, and again in samples of pictures drawn with replacement; ranks stay as they are over all of them.

    Controls: `shuffled`, the mean over all ways to give captions to units, which is the correlation of every caption with every unit;
    `commonest`, one caption for all units.
    """
    groups = np.arange(len(rank_y))
    value, again = _means(rank_p, rank_y, which, common), dict[str, list[float]]()
    for some in bootstrap_counts(groups, resamples, seed):
        for count in some:
            rows = np.repeat(groups, count.astype(int))
            for name, mean in _means(rank_p[rows], rank_y[rows], which, common).items():
                again.setdefault(name, []).append(mean)
    return Resampled(value, {name: np.array(means) for name, means in again.items()})


def _means(rank_p: np.ndarray, rank_y: np.ndarray, which: np.ndarray, common: int | None) -> dict[str, float]:
    p, y = standard(rank_p), standard(rank_y)
    defined = np.isfinite(y[0]) & np.isfinite(p[0])[which]
    if not defined.any():
        return dict.fromkeys(["", "shuffled", *([] if common is None else ["commonest"])], float("nan"))
    y, which = y[:, defined], which[defined]
    mean_y = y.mean(axis=1)
    made = {"": float(np.einsum("su,su->", p[:, which], y)) / len(which)}
    made["shuffled"] = float(p[:, which].mean(axis=1) @ mean_y)
    if common is not None:
        made["commonest"] = float(p[:, common] @ mean_y)
    return made
