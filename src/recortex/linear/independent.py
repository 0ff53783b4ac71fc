"""How many independent observations there are: what may be left out of a fit to test it.

Repeats of a stimulus have the same features, so a fit that keeps one of them has seen the others. Over repeated trials plain
leave-one-out takes the smallest alpha for every target.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from recortex.linear.table import Table

__all__ = ["Units"]

_FEATURES_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Units:
    """Rows of equal features, taken together; and which of these belong to one group.

    Attributes
    ----------
    row : int array, (kept row,)
        Rows with a weight, sorted by unit.
    start : int array, (unit,)
        Where each unit begins among `row`.
    row_weight : array, (kept row,)
    group : int array, (unit,)
        Units of one number are left out together.
    fit_intercept : bool
    """

    row: np.ndarray
    start: np.ndarray
    row_weight: np.ndarray
    group: np.ndarray
    fit_intercept: bool

    @classmethod
    def of(cls, X: Table, groups: np.ndarray | None, weight: np.ndarray | None, fit_intercept: bool) -> Units:
        """Find them: rows of equal bytes, and what their groups join."""
        digest = [0] * len(X)
        for _, block in X.blocks(_FEATURES_AT_ONCE):
            block = block + 0.0  # so that -0 becomes 0: one number of two bit patterns
            digest = [hash((before, row.tobytes())) for before, row in zip(digest, block, strict=True)]
        weight = np.ones(len(X)) if weight is None else weight
        kept = np.flatnonzero(weight > 0)
        # numbered as they come: Python's hashes, and with them their order, are others in every process
        number: dict[int, int] = {}
        same = np.array([number.setdefault(digest[row], len(number)) for row in kept])
        order = np.argsort(same, kind="stable")
        start = np.flatnonzero(np.diff(same[order], prepend=-1))
        group = np.arange(len(start))
        if groups is not None:
            # a stimulus that two groups show joins them: units and groups are the two sides of a graph
            label = np.unique(groups[kept], return_inverse=True)[1] + len(start)
            edges = coo_array((np.ones(len(kept)), (same, label)), shape=(label.max() + 1,) * 2)
            group = connected_components(edges, directed=False)[1][: len(start)]
        return cls(kept[order], start, weight[kept][order], np.unique(group, return_inverse=True)[1], fit_intercept)

    @property
    def count(self) -> int:
        """How many units there are."""
        return len(self.start)

    @property
    def has_repeats(self) -> bool:
        """Whether a unit holds several rows."""
        return self.count < len(self.row)

    @property
    def alone(self) -> bool:
        """Whether every group is one unit."""
        return len(np.unique(self.group)) == self.count

    @property
    def weight(self) -> np.ndarray:
        """Of each unit: the sum of its rows'."""
        return np.add.reduceat(self.row_weight, self.start)

    @property
    def total(self) -> float:
        """Weight of all rows."""
        return float(self.row_weight.sum())

    def means(self, y: np.ndarray) -> np.ndarray:
        """Weighted means of the targets, (row, target), over the rows of each unit, (unit, target)."""
        if not self.has_repeats:
            return y[self.row]
        total = np.add.reduceat(y[self.row] * self.row_weight[:, None], self.start)
        return (total / self.weight[:, None]).astype(y.dtype)

    def within(self, y: np.ndarray) -> np.ndarray:
        """Weighted sum of squares of the rows about the means of their units, (target,)."""
        if not self.has_repeats:
            return np.zeros(y.shape[1])
        away = y[self.row].astype(np.float64) - np.repeat(self.means(y), np.diff(self.start, append=len(self.row)), axis=0)
        return np.einsum("i,ij,ij->j", self.row_weight, away, away)

    def groups_by_size(self) -> Iterator[np.ndarray]:
        """Units of every group, (group, member), the groups of one size at a time."""
        order = np.argsort(self.group, kind="stable")
        sizes = np.bincount(self.group)
        start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        for size in np.unique(sizes):
            yield order[start[sizes == size][:, None] + np.arange(size)]
