"""How much of what each unit does is the stimulus and not noise, as training trials alone tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from recortex.data.base import Responses
from recortex.errors import InvalidInput
from recortex.metrics import signal_and_noise
from recortex.responses._presentations import a_block_each, average_rows, recorded, without_offsets
from recortex.responses.normalisation import ZScore
from recortex.splits.base import Fold, qualified

AT_ONCE = 2**24  # responses that are compared at a time, in trials x units
LEAST_REPEATED = 15  # stimuli; of fewer a reliable unit is too often told to be all noise


@dataclass(frozen=True, eq=False)
class Reliability:
    """Responses shrunk towards their mean as far as they are noise.

    Of a response r with mean m to a stimulus, the share e of whose variance the stimulus explains, ``m + e (r - m)`` is the best linear
    guess of what it would be without noise. A ridge on responses that are shrunk so leans on units that can be trusted. Nothing is
    computed before a gain is asked for.

    Parameters
    ----------
    brain : Responses
        Its single presentations are read again where its rows are averages.
    folds : sequence of Fold
        Presentations of each one's training stimuli are compared.
    normalise_by : str
        A column, such as "session", within which presentations are z-scored first; empty for none.
    standardise : bool
        Whether units are also brought to unit variance, by the fold's training trials.
    """

    brain: Responses
    folds: Sequence[Fold]
    normalise_by: str
    standardise: bool
    _share: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def gain(self, responses: np.ndarray, fold: Fold) -> np.ndarray:
        """What responses are multiplied by in a fold, (unit,); their mean stays where it falls, as an intercept takes it up.

        Parameters
        ----------
        responses : (trial, unit) array
            The brain's rows, as the fold may see them.
        fold : Fold
            One of `folds`.

        Raises
        ------
        InvalidInput
            Too few of a fold's training stimuli were shown more than once, no unit is reliable, or there is no such column.
        """
        if not self._share:
            self._share.update(share_in_training(self.brain, self.folds, self.normalise_by))
        gain = self._share[fold.name].copy()
        if not gain.any():
            raise InvalidInput(
                f"by_reliability: no unit of {self.brain.where()} responds to a stimulus as it did before in the training trials of fold "
                f"{fold.name}; look at the recording, or leave by_reliability out"
            )
        if self.standardise:
            np.divide(gain, responses[fold.train].std(axis=0, dtype=np.float64), out=gain, where=gain > 0)
        return gain.astype(responses.dtype)


def share_in_training(brain: Responses, folds: Sequence[Fold], normalise_by: str = "") -> dict[str, np.ndarray]:
    """The share of each unit's variance over training rows that is signal, by presentations of each fold's training stimuli.

    Signal is the variance of responses to different stimuli without that of presentations of one. Offsets of runs are taken off before
    presentations are compared, and trials of one block are one presentation; whatever else varies over rows, offsets as well, is noise.

    Returns
    -------
    dict of str to (unit,) array
        By the fold's name; 0 for a unit that shows no signal.
    """
    units, named = brain.run().shape("responses")[1], np.asarray(brain.trial_table()["stimulus"])
    presented, single = int(np.sum(brain.run()["n_repeats"])), brain.repeats == "keep"
    step = max(1, AT_ONCE // presented) if brain.gives_units() else units
    found: dict[str, list[np.ndarray]] = {fold.name: [] for fold in folds}
    for first in range(0, units, step):
        responses, table = recorded(brain, slice(first, min(first + step, units)), normalise_by)
        for fold in folds:
            rows = fold.train if single else np.flatnonzero(np.isin(table["stimulus"], named[fold.train]))
            labels = {name: values[rows] for name, values in table.items()}
            mine = responses[rows]
            if normalise_by:
                mine = ZScore(qualified(labels, normalise_by), normalise_by, unsupervised=True, first=first).own(mine)
            means, stimulus = a_block_each(without_offsets(mine, labels), labels)
            names, counts = np.unique(stimulus, return_counts=True)
            if (repeated := int((counts > 1).sum())) < LEAST_REPEATED:
                raise InvalidInput(
                    f"by_reliability: {repeated} of the {len(names)} training stimuli of fold {fold.name} were shown more than once, and "
                    f"signal is told from noise by {LEAST_REPEATED} at least; leave by_reliability out"
                )
            scored = mine if single else average_rows(mine, labels["stimulus"])
            spread, n = scored.std(axis=0, dtype=np.float64), len(scored)
            share, lively = np.zeros_like(spread), spread > 1e-7 * np.abs(scored.mean(axis=0, dtype=np.float64))
            signal = np.nan_to_num(signal_and_noise(means, stimulus).signal)
            np.divide(signal * (n - 1) / n, spread**2, out=share, where=lively)
            found[fold.name].append(np.minimum(share, 1))
    return {name: np.concatenate(parts) for name, parts in found.items()}
