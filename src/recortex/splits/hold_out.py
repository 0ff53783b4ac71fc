"""One split into training and test, as a share of the groups."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from recortex.errors import InvalidInput
from recortex.splits.base import Fold, Split, Trials


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
        """Make the one fold.

        Raises
        ------
        InvalidInput
            There is one group only, or the share takes all.
        """
        labels = self.groups(trials)
        groups = np.unique(labels)
        if len(groups) < 2:
            raise InvalidInput(
                f"split by {self.by}: all trials share {self.by} {groups[0]}, so none can be held out; use another column"
            )
        count = max(1, round(self.test * len(groups)))
        if count == len(groups):
            raise InvalidInput(
                f"split: test: {self.test:g} holds out all of {count} {self.by} values, so nothing is left to train on; set a smaller "
                "share, as test: 0.2"
            )
        held_out = np.random.default_rng(self.seed).permutation(groups)[:count]
        test = np.isin(labels, held_out)
        return [Fold("test", np.flatnonzero(~test), np.flatnonzero(test))]

    def describe(self) -> str:
        """For the table of scores."""
        return f"{self.test:.0%} held out by {self.by}"
