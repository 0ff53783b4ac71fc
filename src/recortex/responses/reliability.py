"""How much of what each unit does is the stimulus and not noise, as training trials alone tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recortex.data.base import LABELS, Responses
from recortex.errors import InvalidInput, no_column
from recortex.metrics import signal_and_noise
from recortex.responses._presentations import shown_again, without_offsets
from recortex.responses.normalisation import ZScore
from recortex.splits.base import Fold, qualified

AT_ONCE = 2**24  # responses that are compared at a time, in trials x units


@dataclass(frozen=True)
class Reliability:
    """Responses shrunk towards their mean as far as they are noise.

    Of a response r with mean m to a stimulus, the share e of whose variance the stimulus explains, ``m + e (r - m)`` is the best linear
    guess of what it would be without noise. A ridge on responses that are shrunk so leans on units that can be trusted.

    Parameters
    ----------
    explainable : mapping of str to (unit,) array
        Of each fold by name, as `explainable_in_training` finds it.
    standardise : bool
        Whether units are also brought to unit variance, by the fold's training trials.
    """

    explainable: Mapping[str, np.ndarray]
    standardise: bool

    def gain(self, responses: np.ndarray, fold: Fold) -> np.ndarray:
        """What responses are multiplied by in a fold, (unit,); their mean stays where it falls, as an intercept takes it up.

        Parameters
        ----------
        responses : (trial, unit) array
        fold : Fold
        """
        gain = self.explainable[fold.name]
        if self.standardise:
            spread = responses[fold.train].std(axis=0, dtype=np.float64)
            gain = np.divide(gain, spread, out=np.zeros_like(spread), where=spread > 0)
        return gain.astype(responses.dtype)


def explainable_in_training(brain: Responses, folds: Sequence[Fold], normalise_by: str = "") -> dict[str, np.ndarray]:
    """The share of each unit's variance that the stimulus explains, by presentations of each fold's training stimuli.

    It is that of the brain's rows: single trials, or averages of as many presentations as the training rows hold. Offsets of runs are
    taken off before presentations are compared, and trials of one block are one presentation, as in `NoiseCeiling`.

    Parameters
    ----------
    brain : Responses
        Its single presentations are read again where its rows are averages.
    folds : sequence of Fold
    normalise_by : str
        A column, such as "session", within which presentations are z-scored first; empty for none.

    Returns
    -------
    dict of str to (unit,) array
        By the fold's name; 0 for a unit that shows no signal.

    Raises
    ------
    InvalidInput
        A fold's training trials show no stimulus twice, no unit is reliable in them, or there is no such column.
    """
    units, rows_named = brain.run().shape("responses")[1], np.asarray(brain.trial_table()["stimulus"])
    presented = int(np.sum(brain.run()["n_repeats"]))
    step = max(1, AT_ONCE // presented) if brain.gives_units() else units
    found: dict[str, list[np.ndarray]] = {fold.name: [] for fold in folds}
    for first in range(0, units, step):
        shown = brain.recorded(slice(first, min(first + step, units)))
        table = {name: np.asarray(shown[name]) for name in ("stimulus", *LABELS) if name in shown}
        if normalise_by and normalise_by not in table:
            raise InvalidInput(no_column("normalise_by", normalise_by, table))
        responses = np.asarray(shown["responses"])
        for fold in folds:
            rows = fold.train if brain.repeats == "keep" else np.flatnonzero(np.isin(table["stimulus"], rows_named[fold.train]))
            mine, labels = responses[rows], {name: values[rows] for name, values in table.items()}
            if not len(shown_again(labels)):
                raise InvalidInput(
                    f"by_reliability: no training stimulus of fold {fold.name} was shown twice, so nobody can tell signal from noise "
                    "there; leave by_reliability out"
                )
            if normalise_by:
                mine = ZScore(qualified(labels, normalise_by), normalise_by, unsupervised=True, first=first).own(mine)
            parts = signal_and_noise(without_offsets(mine, labels), labels["stimulus"])
            counts = np.unique(labels["stimulus"], return_counts=True)[1]
            left = parts.noise * (float(np.mean(1 / counts)) if brain.repeats == "average" else 1.0)
            found[fold.name].append(parts.signal / np.maximum(parts.signal + left, 1e-300))
    joined = {name: np.nan_to_num(np.concatenate(parts)) for name, parts in found.items()}
    for name, share in joined.items():
        if not share.any():
            raise InvalidInput(
                f"by_reliability: no unit of {brain.where()} responds to a stimulus as it did before in the training trials of fold "
                f"{name}; look at the recording, or leave by_reliability out"
            )
    return joined
