"""A split and what must hold of it.

A split assigns trials to folds by a column of the trial table. Whatever its kind, no trial and no stimulus may stand on both sides
of a fold: repeats of a stimulus share its noise-free response, and a fit that has seen one of them is not tested by the other. The
same holds for trials of one clip, and for trials whose windows of raw recording overlap.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recortex.errors import InvalidInput, listed, no_column
from recortex.splits.windows import refuse_overlap
from recortex.stage import Node

Trials = Mapping[str, np.ndarray]
UNSTATED = ("", "n/a", "nan", "NaN", "None")


@dataclass(frozen=True)
class Fold:
    """Row numbers of the trials that fit and of those that score.

    Parameters
    ----------
    name : str
        What the fold is called in tables.
    train, test : (n,) int arrays
        Rows of the trial table, ascending.
    """

    name: str
    train: np.ndarray
    test: np.ndarray


class Split(Node):
    """How trials are divided for fitting and scoring.

    Parameters
    ----------
    by : str
        The column whose groups stay together: "stimulus", "run", "block", "session", "category" or any other of the trial table.
        Folds inside the fit (for the choice of alpha) keep the same groups together.
    """

    by: str = "stimulus"

    version: ClassVar[int] = 2

    def assign(self, trials: Trials) -> list[Fold]:
        """Make the folds; `apply` checks them."""
        raise TypeError(f"{type(self).__name__} does not assign trials")

    def apply(self, trials: Trials, context_s: float = 0.0) -> list[Fold]:
        """The checked folds of a trial table.

        Parameters
        ----------
        trials : mapping of str to (trial,) arrays
            Columns; "stimulus" is always among them.
        context_s : float
            How far around a trial's own window its features look, in seconds.

        Raises
        ------
        InvalidInput
            The column is not there, a side of a fold is empty, a trial, stimulus or clip stands on both sides of one, windows of
            recording overlap across it, or two folds score the same trial.
        """
        folds, labels = self.assign(trials), self.groups(trials)
        check(folds, trials, context_s)
        for fold in folds:
            if torn := sorted(set(labels[fold.train]) & set(labels[fold.test])):
                raise InvalidInput(
                    f"split: fold {fold.name} has {self.by} {listed(torn, 3)} in training and test, which by: {self.by} keeps "
                    f"together; use by: stimulus, or split whole {self.by}s"
                )
        return folds

    def groups(self, trials: Trials) -> np.ndarray:
        """The group of each trial, as labels; runs and blocks of different sessions differ.

        Raises
        ------
        InvalidInput
            The trial table has no such column, or a trial has no value there.
        """
        if self.by not in trials:
            raise InvalidInput(no_column("split", self.by, trials))
        labels = np.asarray(trials[self.by]).astype(str)
        if (unstated := np.flatnonzero(np.isin(labels, UNSTATED))).size:
            raise InvalidInput(
                f"split: {len(unstated)} of {len(labels)} trials state no {self.by} (trials {listed(unstated, 3)}, counted from 0), "
                "so nobody knows whom they belong with; fill in the column, leave these trials out, or split by another column"
            )
        return qualified(trials, self.by)

    def expected_folds(self) -> int | None:
        """How many folds there will be, where that is known without the trials."""
        return 1

    def describe(self) -> str:
        """A few words for a table of scores."""
        raise TypeError(f"{type(self).__name__} does not describe itself")


def check(folds: Sequence[Fold], trials: Trials, context_s: float = 0.0) -> None:
    """Refuse folds that would flatter.

    Raises
    ------
    InvalidInput
        As in `Split.apply`; the message names fold and stimuli.
    """
    stimulus = np.asarray(trials["stimulus"])
    names = [fold.name for fold in folds]
    if len(set(names)) < len(names):
        raise InvalidInput(
            f"split: two folds are called {next(name for name in names if names.count(name) > 1)}, so tables would mix them up"
        )
    for fold in folds:
        for side, rows in (("training", fold.train), ("test", fold.test)):
            if len(rows) == 0:
                raise InvalidInput(f"split: fold {fold.name} has no {side} trials; use fewer folds or another column")
        if twice := sorted(set(fold.train.tolist()) & set(fold.test.tolist())):
            raise InvalidInput(f"split: fold {fold.name} both fits and scores trials {listed(twice)}")
        if shared := sorted(set(stimulus[fold.train]) & set(stimulus[fold.test])):
            raise InvalidInput(
                f"split: fold {fold.name} has {len(shared)} stimuli in training and test ({listed(shared, 3)}), so a "
                "score would measure memory for them; split by stimulus, or give each presentation its own stimulus name if they differ"
            )
        if "clip" in trials:
            clip = np.asarray(trials["clip"]).astype(str)
            if shared := sorted((set(clip[fold.train]) & set(clip[fold.test])) - set(UNSTATED)):
                raise InvalidInput(
                    f"split: fold {fold.name} has {len(shared)} clips in training and test ({listed(shared, 3)}), whose "
                    "trials share content and slow signal; split by clip"
                )
        refuse_overlap(fold, trials, context_s)
    tested = np.concatenate([fold.test for fold in folds]) if folds else np.array([], dtype=int)
    numbers, times = np.unique(tested, return_counts=True)
    if (times > 1).any():
        raise InvalidInput(
            f"split: trials {listed(numbers[times > 1])} are scored by two folds, so their predictions cannot be pooled"
        )


def qualified(trials: Trials, name: str) -> np.ndarray:
    """A column as labels, in which runs and blocks of different subjects, sessions and runs differ though their names start anew.

    Parameters
    ----------
    trials : mapping of str to (trial,) arrays
    name : str
        "run" is told apart by subject and session where there are such columns, "block" by run as well; any other stays as it is.
    """
    above = {"run": ("subject", "session"), "block": ("subject", "session", "run")}.get(name, ())
    labels = np.asarray(trials[name]).astype(str)
    for column in reversed(above):
        if column in trials:
            labels = np.char.add(np.char.add(np.asarray(trials[column]).astype(str), "/"), labels)
    return labels


def split_hash(folds: Sequence[Fold], trials: Trials) -> str:
    """Twelve hex digits that two results share when the same stimuli fit and scored, fold by fold, in any order of rows."""
    stimulus = np.asarray(trials["stimulus"])
    sides = [[sorted(stimulus[fold.train].tolist()), sorted(stimulus[fold.test].tolist())] for fold in folds]
    return hashlib.sha256(json.dumps(sorted(sides)).encode()).hexdigest()[:12]
