"""Rows sorted by atom, and their statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from recortex.linear.device import like, on_device
from recortex.linear.folds import Atoms, Fold
from recortex.linear.statistics import SufficientStatistics

__all__ = ["AtomRows", "Pair", "Tile"]

Tile = Sequence[SufficientStatistics]
Pair = tuple[np.ndarray, np.ndarray]
"""Atoms of a training and of a validation set."""


@dataclass(frozen=True, eq=False)
class AtomRows:
    """Features about a shift, cut into atoms of the folds.

    Attributes
    ----------
    rows : array, (row, feature)
        About `shift`, sorted by atom.
    order : int array, (row,)
        Which row of the data each is.
    bounds : tuple of int
        Where atoms begin and end among `rows`.
    weight : array, (row,), or None
    shift : array, (feature,), float64
    sides : tuple of (train, test) int arrays
        For each fold, the atoms on either side.
    """

    rows: Any
    order: np.ndarray
    bounds: tuple[int, ...]
    weight: Any | None
    shift: np.ndarray
    sides: tuple[Pair, ...]

    @classmethod
    def build(
        cls, X: np.ndarray, shift: np.ndarray, weight: np.ndarray | None, folds: Sequence[Fold], device: str | None
    ) -> AtomRows:
        """Sort rows by the sides that they take in folds."""
        atoms = Atoms.from_folds(folds, len(X))
        order = np.concatenate(atoms.rows)
        ordered = np.array_equal(order, np.arange(len(X)))
        rows = on_device((X if ordered else X[order]) - shift.astype(X.dtype), device)
        weight = None if weight is None else on_device(weight[order], device)
        bounds = (0, *np.cumsum([len(rows) for rows in atoms.rows]).tolist())
        return cls(rows, order, bounds, weight, shift, tuple(zip(atoms.train, atoms.test, strict=True)))

    def features(self) -> Tile:
        """Statistics of the features, a set an atom."""
        return self._statistics(None, None, gram=True)

    def tile(self, y: np.ndarray, shift_y: np.ndarray) -> Tile:
        """Cross-products of a tile of targets, (row, target), a set an atom."""
        ordered = y if np.array_equal(self.order, np.arange(len(y))) else y[self.order]
        return self._statistics(ordered if isinstance(self.rows, np.ndarray) else like(ordered, self.rows), shift_y, gram=False)

    def _statistics(self, y: Any | None, shift_y: Any | None, gram: bool) -> Tile:
        zero = np.zeros(self.rows.shape[1])
        made = []
        for start, stop in pairwise(self.bounds):
            block = slice(start, stop)
            targets, weight = (None if values is None else values[block] for values in (y, self.weight))
            made.append(SufficientStatistics.from_rows(self.rows[block], targets, weight, zero, shift_y, gram))
        return made
