"""Trials that belong together, and which of them stand on both sides of a fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recortex.audit.base import Case
from recortex.splits.base import Fold

RECORDING = ("subject", "session", "run")


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows by group.

    Parameters
    ----------
    names : (group,) str array
        What each group is called.
    code : (trial,) int array
        The group of each row.
    """

    names: np.ndarray
    code: np.ndarray

    def on_both_sides(self, fold: Fold, rows: np.ndarray | None = None) -> np.ndarray:
        """Which groups have rows in training and in test.

        Parameters
        ----------
        fold : Fold
            The fold.
        rows : (trial,) bool array, optional
            The rows that count; without it all.

        Returns
        -------
        (n,) int array
            Group numbers, ascending.
        """
        sides = []
        for side in (fold.train, fold.test):
            there = np.zeros(len(self.names), bool)
            there[self.code[side if rows is None else side[rows[side]]]] = True
            sides.append(there)
        return np.flatnonzero(sides[0] & sides[1])


def groups(labels: np.ndarray) -> Groups:
    """Rows of one label are a group."""
    names, code = np.unique(labels, return_inverse=True)
    return Groups(names, code)


def rows_that_agree(case: Case, columns: Iterable[str]) -> Groups:
    """Rows that agree in those of the columns that the table has; named by them, as "session 1 run 2"."""
    there = [column for column in columns if column in case.trials]
    code = np.zeros(case.n_trials, np.int64)
    for column in there:
        labels = groups(np.asarray(case.text(column)))
        code = np.unique(code * len(labels.names) + labels.code, return_inverse=True)[1]
    first = np.unique(code, return_index=True)[1]
    names = [" ".join(f"{column} {case.trials[column][row]}" for column in there) or "the recording" for row in first]
    return Groups(np.array(names, dtype=str), code)


def recordings(case: Case) -> Groups:
    """Rows by subject, session and run, as far as the table tells them apart."""
    return rows_that_agree(case, RECORDING)


def worst_fold(folds: Sequence[Fold], counts: Sequence[int]) -> tuple[int, str]:
    """The number of the fold with the highest count, the first of several, and how a sentence names it and the others concerned."""
    number = int(np.argmax(counts))
    others = sum(count > 0 for count in counts) - 1
    more = f" (and {counted(others, 'other fold')})" if others else ""
    return number, f"fold {folds[number].name}{more}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number and its noun.

    >>> counted(1, "stimulus", "stimuli"), counted(3000, "run")
    ('1 stimulus', '3,000 runs')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
