"""A split of some of the trials, which leaves the others for what comes after."""

from __future__ import annotations

import numpy as np

from recortex.errors import InvalidInput, listed, no_column
from recortex.splits.base import Fold, Split, Trials


class Within(Split):
    """Another split, applied to the trials of one value of a column alone; all others neither fit nor score.

    What is chosen by held-out scores, such as the units that get a caption, can so be chosen inside the training set.

    Parameters
    ----------
    by : str
        That of the inner split, where it is set.
    split : Split
        How the trials of that value are divided.
    column : str
        The column that says which trials are divided.
    value : str
        Its value for these; trials with any other value are left out.
    """

    split: Split
    column: str = "split"
    value: str = "train"

    def assign(self, trials: Trials) -> list[Fold]:
        """The folds of the inner split, which it has checked, as rows of all trials.

        Raises
        ------
        InvalidInput
            The column is not there, no trial has the value, or the inner split refuses those that have it.
        """
        if self.by not in ("stimulus", self.split.by):
            raise InvalidInput(f"split: by: {self.by} stands beside an inner split by {self.split.by}; set by in the inner split")
        rows, inside = self._inside(trials)
        return [Fold(fold.name, rows[fold.train], rows[fold.test]) for fold in self.split.apply(inside)]

    def groups(self, trials: Trials) -> np.ndarray:
        """Those of the inner split; trials that are left out share a label of their own, which no fold meets."""
        rows, inside = self._inside(trials)
        labels = np.full(len(np.asarray(trials["stimulus"])), "left out", dtype=object)
        labels[rows] = self.split.groups(inside)
        return labels.astype(str)

    def expected_folds(self) -> int | None:
        """Those of the inner split."""
        return self.split.expected_folds()

    def describe(self) -> str:
        """For the table of scores."""
        return f"{self.split.describe()}, within {self.column} {self.value}"

    def _inside(self, trials: Trials) -> tuple[np.ndarray, Trials]:
        """Rows of the trials that are divided, and their table."""
        if self.column not in trials:
            raise InvalidInput(no_column("split", self.column, trials))
        values = np.asarray(trials[self.column]).astype(str)
        rows = np.flatnonzero(values == self.value)
        if not len(rows):
            raise InvalidInput(
                f"split: no trial has {self.column} = {self.value}; the values are {listed(sorted(set(values)))}: name one with "
                "value: VALUE, or another column"
            )
        return rows, {name: np.asarray(column)[rows] for name, column in trials.items()}
