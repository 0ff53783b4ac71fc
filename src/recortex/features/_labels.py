"""One label a stimulus, from the trial table."""

from __future__ import annotations

import numpy as np

from recortex.data.base import NUMBERS, Responses
from recortex.errors import InvalidInput, no_column


def labels_of_stimuli(brain: Responses, column: str) -> tuple[np.ndarray, np.ndarray]:
    """The stimuli of a recording and the label of each.

    Parameters
    ----------
    brain : Responses
    column : str
        A column of labels of its trial table.

    Returns
    -------
    stimulus : (stimulus,) str array
        Distinct names, in order of first appearance.
    label : (stimulus,) str array

    Raises
    ------
    InvalidInput
        There is no such column, it holds numbers, a label is missing, or a stimulus has two.
    """
    trials = brain.trial_table()
    if column not in trials:
        raise InvalidInput(no_column(f"column ({brain.where()})", column, trials))
    if column in NUMBERS:
        raise InvalidInput(f"column: {column} holds times, not labels")
    found: dict[str, str] = {}
    for row, (stimulus, label) in enumerate(zip(trials["stimulus"].tolist(), trials[column].tolist(), strict=True)):
        if label in ("", "n/a"):
            raise InvalidInput(
                f"{brain.where()}: trial {row} ({stimulus}), counted from 0, has no {column}; complete the trial table"
            )
        if found.setdefault(stimulus, label) != label:
            raise InvalidInput(
                f"{brain.where()}: stimulus {stimulus} has two values of {column} ({found[stimulus]} and {label}), so its features "
                "are not determined; give what was shown names of its own"
            )
    return np.array(list(found)), np.array(list(found.values()))
