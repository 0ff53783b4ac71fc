"""Presentations of the same stimulus: which can be compared, and what they share that is not the stimulus."""

from __future__ import annotations

import numpy as np

from recortex.splits.base import Trials, qualified

LEAST_STIMULI = 20  # in each run or session, for its mean to be taken off


def shown_again(trials: Trials) -> np.ndarray:
    """Stimuli with presentations in at least two blocks, or trials where there are no blocks."""
    stimulus = np.asarray(trials["stimulus"])
    block = qualified(trials, "block") if "block" in trials else np.arange(len(stimulus)).astype(str)
    names, number = np.unique(stimulus, return_inverse=True)
    shown = np.unique(np.column_stack([number, np.unique(block, return_inverse=True)[1]]), axis=0)
    return names[np.bincount(shown[:, 0]) > 1]


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
