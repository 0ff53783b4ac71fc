"""What can be said of a held-out trial without the model: training means, and the mere order of trials."""

from __future__ import annotations

import numpy as np

from recortex.fits.pairs import Pairs
from recortex.splits.base import Trials, qualified


def training_means(pairs: Pairs, labels: np.ndarray | None = None) -> np.ndarray | None:
    """The mean target of each held-out trial's fold, over all training trials or over those of its own label.

    Parameters
    ----------
    pairs : Pairs
    labels : (trial,) array, optional
        The true label of every trial, which is thereby given away.

    Returns
    -------
    (held-out trial, target) array or None
        None where a held-out trial has a label that its fold was not fitted on.
    """
    labels = np.zeros(len(pairs.targets), dtype=int) if labels is None else np.asarray(labels)
    out = np.empty((len(pairs.targets), *pairs.targets.shape[1:]))
    for fold in pairs.folds:
        targets = pairs.inside(fold)[1]
        for label in np.unique(labels[fold.test]):
            training = fold.train[labels[fold.train] == label]
            if not len(training):
                return None
            out[fold.test[labels[fold.test] == label]] = targets[training].mean(axis=0, dtype=np.float64)
    return out[pairs.held_out()]


def trial_order(trials: Trials, n_repeats: np.ndarray, waves: int = 10) -> np.ndarray | None:
    """When each trial came, and nothing else: what a model can learn of slow drifts and of a fixed order of conditions.

    Parameters
    ----------
    trials : mapping of str to (trial,) arrays
        In each run by ``onset_s`` where there is one; else rows stand in the order of the recording.
    n_repeats : (trial,) int array
        Presentations averaged into each trial; an average of several came at no time.
    waves : int
        Cosines over the whole recording and, where there are runs, over each run: the slowest 1 .. `waves`, fewer for short ones.

    Returns
    -------
    (trial, wave) array or None
        Mean 0 and variance 1; None where trials are averages.
    """
    if n_repeats.max() > 1:
        return None
    count = len(trials["stimulus"])
    runs = qualified(trials, "run") if "run" in trials else np.zeros(count, dtype=int)
    onset = np.asarray(trials.get("onset_s", np.arange(count)), dtype=float)
    # runs one after the other as they appear, trials by onset inside
    _, first, number = np.unique(runs, return_index=True, return_inverse=True)
    order = np.lexsort((onset, first[number]))
    overall = np.empty(count)
    overall[order] = np.arange(count)
    columns = [_cosines(overall, count, waves)]
    if "run" in trials:
        place, length = np.zeros(count), np.zeros(count)
        for run in np.unique(runs):
            rows = order[runs[order] == run]
            place[rows], length[rows] = np.arange(len(rows)), len(rows)
        columns.append(_cosines(place, length, min(waves, int(length.max()) // 2)))
    basis = np.column_stack(columns)
    basis = basis[:, basis.std(axis=0) > 1e-9]
    return (basis - basis.mean(axis=0)) / basis.std(axis=0)


def _cosines(place: np.ndarray, length: np.ndarray | int, waves: int) -> np.ndarray:
    return np.cos(np.pi * np.outer((place + 0.5) / length, np.arange(1, max(1, waves) + 1)))
