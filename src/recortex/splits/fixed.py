"""One split into training and test, as a column of the trial table says."""

from __future__ import annotations

import numpy as np

from recortex.errors import InvalidInput, listed, no_column
from recortex.splits.base import Fold, Split, Trials


class FixedSplit(Split):
    """Training and test as the data's own column names them.

    Parameters
    ----------
    column : str
        The column that says which is which.
    train, test : str
        Its values for training and test; trials with any other value are left out of both.
    """

    column: str = "split"
    train: str = "train"
    test: str = "test"

    def assign(self, trials: Trials) -> list[Fold]:
        """Make the one fold.

        Raises
        ------
        InvalidInput
            The column is not there, or holds neither value.
        """
        if self.column not in trials:
            raise InvalidInput(f"{no_column('split', self.column, trials)} (its values: {self.train} and {self.test})")
        values = np.asarray(trials[self.column]).astype(str)
        for side in (self.train, self.test):
            if side not in values:
                raise InvalidInput(
                    f"split: no trial has {self.column} = {side}; the values are {listed(sorted(set(values)))}: say which trains "
                    "and which tests with train: VALUE and test: VALUE, or name another column"
                )
        return [Fold("test", np.flatnonzero(values == self.train), np.flatnonzero(values == self.test))]

    def describe(self) -> str:
        """For the table of scores."""
        return f"fixed by column {self.column}"
