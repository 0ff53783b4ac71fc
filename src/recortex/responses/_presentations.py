"""Presentations of the same stimulus: which can be compared, and what they share that is not the stimulus."""

from __future__ import annotations

import numpy as np

from recortex.data.base import Responses
from recortex.errors import InvalidInput, no_column
from recortex.splits.base import UNSTATED, Trials, qualified

LEAST_STIMULI = 20  # in each run or session, for its mean to be taken off


def recorded(brain: Responses, units: slice, normalise_by: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """As a recording's own, where a column to normalise by is among those of the table.

    Raises
    ------
    InvalidInput
        It is not.
    """
    responses, table = brain.recorded(units)
    if normalise_by and normalise_by not in table:
        raise InvalidInput(no_column("normalise_by", normalise_by, table))
    return responses, table


def a_block_each(responses: np.ndarray, trials: Trials) -> tuple[np.ndarray, np.ndarray]:
    """Presentations, (presentation, unit), and what each showed: the mean of a stimulus's trials in each block, else the trials.

    Trials of a block share more than the stimulus, so that they tell nothing of its noise. A trial that states no block is alone in its.
    """
    stimulus = np.asarray(trials["stimulus"]).astype(str)
    if "block" not in trials:
        return responses, stimulus
    alone = np.isin(np.asarray(trials["block"]).astype(str), UNSTATED)
    block = np.where(alone, np.arange(len(stimulus)).astype(str), np.char.add("block ", qualified(trials, "block")))
    together = np.char.add(np.char.add(block, "/"), stimulus)
    _, first = np.unique(together, return_index=True)
    return average_rows(responses, together), stimulus[first]


def without_offsets(responses: np.ndarray, trials: Trials) -> np.ndarray:
    """Responses with the mean of each run (else session) taken off, where every one of them shows enough stimuli.

    The mean of S stimuli takes a share 1 / S of their variance with it. Where stimuli come again in other runs, signal and noise lose
    it alike and it is given back; where they come again in the same run only the signal does.
    """
    column = next((name for name in ("run", "session") if name in trials), "")
    if not column:
        return responses
    number = np.unique(qualified(trials, column), return_inverse=True)[1]
    groups = [np.flatnonzero(number == group) for group in range(number.max() + 1)]
    shown = [len(np.unique(trials["stimulus"][rows])) for rows in groups]
    again = sum(shown) > len(np.unique(trials["stimulus"]))
    if min(shown) < LEAST_STIMULI:
        return responses
    out = np.empty(responses.shape)
    for rows, stimuli in zip(groups, shown, strict=True):
        out[rows] = (responses[rows] - responses[rows].mean(axis=0, dtype=np.float64)) * np.sqrt(stimuli / (stimuli - again))
    return out


def average_rows(responses: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    """The mean response to each stimulus, (stimulus, unit)."""
    _, number, counts = np.unique(stimulus, return_inverse=True, return_counts=True)
    summed = np.zeros((len(counts), responses.shape[1]))
    np.add.at(summed, number, responses)
    return summed / counts[:, None]
