"""One split into training and test, as a column of the trial table says or as a share of the groups."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from recortex.errors import InvalidInput, did_you_mean, listed
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
            raise InvalidInput(
                f"split: the trials have no column {self.column}{did_you_mean(self.column, trials)}; add it to the trial "
                f"table with the values {self.train} and {self.test}"
            )
        values = np.asarray(trials[self.column]).astype(str)
        for side in (self.train, self.test):
            if side not in values:
                raise InvalidInput(f"split: no trial has {self.column} = {side}; the values are {listed(sorted(set(values)))}")
        return [Fold("test", np.flatnonzero(values == self.train), np.flatnonzero(values == self.test))]

    def describe(self) -> str:
        """For the table of scores."""
        return f"fixed by column {self.column}"


class HoldOut(Split):
    """A share of the groups, drawn once, is held out for scoring.

    Parameters
    ----------
    by : str
        The column whose groups stay together.
    test : float
        The share of groups held out, between 0 and 1.
    seed : int
        Draws them.
    """

    test: float = Field(default=0.1, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)

    def assign(self, trials: Trials) -> list[Fold]:
        """Make the one fold."""
        labels = self.groups(trials)
        groups = np.array(list(dict.fromkeys(labels.tolist())))
        count = max(1, round(self.test * len(groups)))
        held_out = np.random.default_rng(self.seed).permutation(groups)[:count]
        test = np.isin(labels, held_out)
        return [Fold("test", np.flatnonzero(~test), np.flatnonzero(test))]

    def describe(self) -> str:
        """For the table of scores."""
        return f"{self.test:.0%} held out by {self.by}"
