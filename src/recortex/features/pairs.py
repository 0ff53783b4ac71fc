"""Features and responses joined by stimulus and split: what encoders and decoders fit on, and their permutation null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

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


def refit_permuted(
    fit_folds: FitFolds,
    pairs: Pairs,
    rng: np.random.Generator,
    moved: Literal["features", "responses"],
    within: str = "",
) -> np.ndarray:
    """Held-out predictions of the whole procedure on pairs that do not belong together.

    One exchange of stimuli holds for all folds (repeats move together), and the model's input moves while its target stays. Drawing
    anew for each fold would be wrong: over pooled folds two trials predict each other through the same product, and a null without
    that symmetry is too narrow (for linear models by half its variance; p < .05 in 24 % of noise for the 95th percentile over units).

    Parameters
    ----------
    fit_folds : callable
        An encoder's or decoder's own.
    pairs : Pairs
    rng : np.random.Generator
    moved : "features" or "responses"
        Which side is exchanged: what the model starts from.
    within : str, optional
        A column of the trial table: stimuli are exchanged only with those of the same label.

    Returns
    -------
    (held-out trial, unit or feature) array
        In the order of the trial table.

    Raises
    ------
    InvalidInput
        The trials have no such column, or it differs between repeats of a stimulus, which then could not move together.
    """
    stimulus = np.asarray(pairs.trials["stimulus"])
    labels = np.zeros(len(stimulus), dtype=int)
    if within:
        if within not in pairs.trials:
            raise InvalidInput(f"permute_within: the trials have no column {within}{did_you_mean(within, pairs.trials)}")
        labels = np.unique(pairs.trials[within], return_inverse=True)[1]
        _, first, number = np.unique(stimulus, return_index=True, return_inverse=True)
        if (differs := labels != labels[first][number]).any():
            raise InvalidInput(
                f"permute_within: {within} differs between repeats of stimulus {stimulus[differs][0]}, which must move together"
            )
    source = np.arange(len(stimulus))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        source[rows] = rows[permute_pairs(stimulus[rows], rng)]
    return fit_folds(replace(pairs, **{moved: getattr(pairs, moved)[source]}))[0]
