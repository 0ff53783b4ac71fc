"""The facts that captions tell, and that scenes hold: what of the world's vocabulary can be right or wrong."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recortex.data.simulated.reading import read
from recortex.stage import Result

SCORED = ("kind", "background", "colour", "count", "design")
FACTS = (*SCORED, "night")
TIME = {True: "night", False: "day", None: ""}


def read_facts(captions: Iterable[str]) -> np.ndarray:
    """What captions say: kind, design and colour of the thing that is named first, place, time, and number of things.

    Parameters
    ----------
    captions : iterable of str

    Returns
    -------
    (caption, fact) str array
        In the order of `FACTS`; empty where a caption does not say.

    Examples
    --------
    >>> read_facts(["a red bird on the beach", "nothing of the kind"]).tolist()
    [['animal', 'beach', 'red', '1', 'bird', ''], ['', '', '', '', '', '']]
    """
    rows = []
    for caption in captions:
        said = read(caption)
        count = str(said.count) if said.count else ""
        rows.append([said.first.kind, said.background, said.first.colour, count, said.first.design, TIME[said.night]])
    return np.array(rows, dtype=str).reshape(-1, len(FACTS))


def scene_facts(scenes: Result) -> np.ndarray:
    """What is in simulated scenes: kind, design and colour of the largest thing, place, time, and number of things.

    Returns
    -------
    (stimulus, fact) str array
        In the order of `FACTS`.
    """
    count = (scenes["kind"] != "").sum(axis=1).astype(str)
    time = np.where(scenes["night"], TIME[True], TIME[False])
    return np.column_stack(
        [scenes["category"], scenes["background"], scenes["colour"][:, 0], count, scenes["design"][:, 0], time]
    )


def agreement(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Where what is said is true, fact by fact.

    Parameters
    ----------
    said, true : (trial, fact) str arrays

    Returns
    -------
    (trial, fact) array
        1 for right, 0 for wrong or not said, NaN where the truth is not known.
    """
    return np.where(true == "", np.nan, said == true)


def resemblance(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """How many facts agree, of every caption with every stimulus; what either does not tell does not agree.

    Parameters
    ----------
    said : (trial, fact) str array
    true : (stimulus, fact) str array

    Returns
    -------
    (trial, stimulus) array
    """
    agreeing = np.zeros((len(said), len(true)))
    for one, other in zip(said.T, true.T, strict=True):
        agreeing += (one[:, None] == other) & (other != "")
    return agreeing


def shares(training: np.ndarray, true: np.ndarray) -> np.ndarray:
    """How often a guess would be right that is drawn as often as each label comes in training.

    Parameters
    ----------
    training : (stimulus, fact) str array
        Facts of the training stimuli.
    true : (trial, fact) str array

    Returns
    -------
    (trial, fact) array
        The share of the true label among the training labels; NaN where the truth is not known, or no training label.
    """
    out = np.full(true.shape, np.nan)
    for column, labels in enumerate(training.T):
        known = labels[labels != ""]
        if len(known):
            out[:, column] = np.mean(known[None, :] == true[:, column, None], axis=1)
    return np.where(true == "", np.nan, out)


def commonest(training: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Whether a guess is right that always names the commonest label of training; arrays as for `shares`."""
    out = np.full(true.shape, np.nan)
    for column, labels in enumerate(training.T):
        named, count = np.unique(labels[labels != ""], return_counts=True)
        if len(named):
            out[:, column] = true[:, column] == named[count.argmax()]
    return np.where(true == "", np.nan, out)
