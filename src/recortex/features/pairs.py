"""Features and responses joined by stimulus and split: what encoders and decoders fit on, and their permutation null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recortex.data.base import Responses
from recortex.errors import InvalidInput, did_you_mean
from recortex.features.base import Features
from recortex.metrics import permute_pairs
from recortex.splits.base import Fold, Split, Trials


@dataclass(frozen=True)
class Pairs:
    """Features and responses, trial by trial, and how they are split.

    Parameters
    ----------
    features : (trial, feature) array
    responses : (trial, unit) array
    trials : mapping of str to (trial,) arrays
        The trial table.
    folds : list of Fold
    groups : (trial,) str array
        What stays together when alpha is chosen inside a fold.
    """

    features: np.ndarray
    responses: np.ndarray
    trials: Trials
    folds: list[Fold]
    groups: np.ndarray

    def rows(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Training and test rows of each fold."""
        return [(fold.train, fold.test) for fold in self.folds]


FitFolds = Callable[[Pairs], tuple[np.ndarray, dict[str, Any]]]


def pair(brain: Responses, features: Features, split: Split) -> Pairs:
    """Join responses and features by stimulus, and split them.

    Raises
    ------
    InvalidInput
        A stimulus has no features, or the split would leak; before anything is fitted.
    """
    trials = brain.trial_table()
    folds = split.apply(trials)
    return Pairs(features.of(trials["stimulus"]), brain.run()["responses"], trials, folds, split.groups(trials))


def refit_permuted(fit_folds: FitFolds, pairs: Pairs, rng: np.random.Generator, within: str = "") -> np.ndarray:
    """Held-out predictions of models whose training pairs were permuted.

    In each fold the features of the training trials are exchanged between stimuli (repeats move together); test trials keep
    theirs. Everything that is fitted, the choice of alpha included, meets the permuted pairs.

    Parameters
    ----------
    fit_folds : callable
        An encoder's or decoder's own.
    pairs : Pairs
    rng : np.random.Generator
    within : str, optional
        A column of the trial table: stimuli are exchanged only with those of the same label.

    Returns
    -------
    (held-out trial, unit or feature) array
        In the order of the trial table.

    Raises
    ------
    InvalidInput
        The trials have no such column.
    """
    if within and within not in pairs.trials:
        raise InvalidInput(f"permute_within: the trials have no column {within}{did_you_mean(within, pairs.trials)}")
    stimulus = np.asarray(pairs.trials["stimulus"])
    labels = np.asarray(pairs.trials[within]) if within else np.zeros(len(stimulus), dtype=int)
    made: dict[int, np.ndarray] = {}
    for fold in pairs.folds:
        source = np.arange(len(stimulus))
        for label in np.unique(labels[fold.train]):
            rows = fold.train[labels[fold.train] == label]
            source[rows] = rows[permute_pairs(stimulus[rows], rng)]
        permuted = replace(pairs, features=pairs.features[source], folds=[fold])
        for row, values in zip(fold.test, fit_folds(permuted)[0], strict=True):
            made.setdefault(int(row), values)
    return np.stack([made[row] for row in sorted(made)])
