"""K-fold splits over groups of trials."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from recortex.errors import InvalidInput
from recortex.splits.base import Fold, Split, Trials


class KFold(Split):
    """Groups are dealt into folds; each fold scores once and fits the other times.

    Parameters
    ----------
    by : str
        The column whose groups stay together.
    folds : int, optional
        How many folds; without it each group is a fold of its own (leave one out).
    seed : int, optional
        Shuffles the groups before they are dealt; without it they are dealt in order of appearance, in contiguous stretches.
    """

    folds: int | None = Field(default=None, ge=2)
    seed: int | None = Field(default=0, ge=0)

    def assign(self, trials: Trials) -> list[Fold]:
        """Make the folds.

        Raises
        ------
        InvalidInput
            There are fewer groups than folds.
        """
        labels = self.groups(trials)
        # with a seed by name: people who saw the same stimuli in another order get the same folds
        groups = np.array(list(dict.fromkeys(labels.tolist()))) if self.seed is None else np.unique(labels)
        count = self.folds or len(groups)
        if len(groups) < 2:
            raise InvalidInput(
                f"split by {self.by}: all trials share {self.by} {groups[0]}, so none can be held out; use another column"
            )
        if len(groups) < count:
            raise InvalidInput(
                f"split by {self.by}: there are {len(groups)} different {self.by} values, too few for {count} folds; set folds: "
                f"{len(groups)} or fewer"
            )
        if self.seed is not None and self.folds is not None:
            groups = np.random.default_rng(self.seed).permutation(groups)
        dealt = []
        for number, held_out in enumerate(np.array_split(groups, count)):
            test = np.isin(labels, held_out)
            name = str(held_out[0]) if self.folds is None else str(number + 1)
            dealt.append(Fold(name, np.flatnonzero(~test), np.flatnonzero(test)))
        return dealt

    def expected_folds(self) -> int | None:
        """As many as asked for; leave-one-out depends on the trials."""
        return self.folds

    def describe(self) -> str:
        """For the table of scores."""
        return f"{self.folds}-fold by {self.by}" if self.folds else f"leave one {self.by} out"
