"""How reliable the mean over presentations is, from the correlation of random halves; it asks for no scale that stays the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput
from recortex.metrics._presentations import Presentations, sums_over
from recortex.metrics.correlation import unit_correlation


def split_half(
    responses: ArrayLike, stimulus: ArrayLike, n_splits: int = 100, seed: int | np.random.Generator = 0
) -> NDArray[np.float64]:
    """Reliability of the mean over all presentations of a stimulus, from the correlation of random halves.

    Each stimulus's presentations are halved at random, and r is the correlation over stimuli between the means of the halves,
    averaged over splits. Spearman and Brown carry it from halves to all presentations: ``k r / (1 + (k - 1) r)``, k being how much
    less noise the whole has: 2 for even numbers of presentations, 3 for three, which leave halves of one, and the ratio of the means of
    1 / n over stimuli where numbers differ. What it estimates is the explainable variance of that average, so its root is the
    highest correlation that a perfect model can expect with it. Correlations do not mind the scale, so this suits M/EEG and
    whatever has variances that cannot be compared.

    Parameters
    ----------
    responses : array (trial, unit)
        Single presentations.
    stimulus : array (trial,)
        Label of the stimulus of each trial; stimuli shown once are left out. Of an odd number of presentations one is left out at
        random in each split.
    n_splits : int
        Random halvings.
    seed : int or numpy Generator

    Returns
    -------
    array (unit,)
        In -1..1. Around 0 for a unit without signal: a negative r is corrected as its positive would be, and not clipped. NaN with
        fewer than two repeated stimuli, and where the halves of a unit are constant.

    Raises
    ------
    InvalidInput
        If there is no trial, not one stimulus a trial, or no split.
    """
    shown = Presentations.of(responses, stimulus)
    if n_splits < 1:
        raise InvalidInput(f"n_splits must be at least 1, not {n_splits}")
    correlation = np.full(shown.n_unit, np.nan)
    if shown.repeated < 2:
        return correlation
    counts = shown.counts[shown.counts > 1]
    half = counts // 2
    splits = [
        [sums_over(rows, half, len(shown.order)) for rows in halves]
        for halves in _halves(shown.counts, n_splits, np.random.default_rng(seed))
    ]
    for units, trials in shown.tiles():
        means = (((one @ trials) / half[:, None], (other @ trials) / half[:, None]) for one, other in splits)
        correlation[units] = np.mean([unit_correlation(*pair) for pair in means], axis=0)
    less = np.mean(1 / half) / np.mean(1 / counts)
    return less * correlation / (1 + (less - 1) * np.abs(correlation))


def _halves(
    counts: NDArray[np.intp], n_splits: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Places, in the order of stimuli, of two random halves of the presentations of each repeated stimulus."""
    number = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    half = np.repeat(counts // 2, counts)
    for _ in range(n_splits):
        drawn = np.lexsort((rng.random(len(number)), number))
        yield drawn[place < half], drawn[(place >= half) & (place < 2 * half)]
