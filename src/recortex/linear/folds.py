"""Cross-validation folds as index pairs, and the atoms they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator, GroupKFold, check_cv
from sklearn.utils import check_array, check_consistent_length

from recortex.errors import InvalidInput

__all__ = ["Atoms", "Fold", "resolve_folds"]

Fold: TypeAlias = tuple[np.ndarray, np.ndarray]
CrossValidation: TypeAlias = int | BaseCrossValidator | Iterable[tuple[ArrayLike, ArrayLike]] | None


def resolve_folds(cv: CrossValidation, X: np.ndarray, y: np.ndarray | None = None, groups: ArrayLike | None = None) -> list[Fold]:
    """Turn any scikit-learn `cv` into checked (train, test) pairs of row indices.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        An int means `KFold` without shuffling, or `GroupKFold` when groups are given. Pairs may leave rows
        out (purged folds), and training or test sets of different folds may overlap.
    X : array, (row, ...)
    y : array, (row, ...), or None
    groups : array, (row,), or None
        Rows of one group must stay on one side of every fold; a fold that tears a group is refused.

    Returns
    -------
    list of (train, test), each an int array of row indices

    Raises
    ------
    InvalidInput
        Fewer groups than folds, an empty side, a row or group on both sides, indices outside of the data.
    """
    if groups is not None:
        groups = np.asarray(check_array(groups, ensure_2d=False, dtype=None, input_name="groups"))
        check_consistent_length(X, groups)
        if cv is None or isinstance(cv, (int, np.integer)):
            count, distinct = 5 if cv is None else int(cv), len(np.unique(groups))
            if distinct < count:
                way = f"set cv to {distinct} or less" if distinct > 1 else "none can be held out"
                raise InvalidInput(
                    f"cv={count} needs {count} different stimuli (or other groups) in training, and there are {distinct}; {way}"
                )
            cv = GroupKFold(count)
    pairs = check_cv(cv, y, classifier=False).split(X, y, groups)
    folds = [(_rows(train, len(X)), _rows(test, len(X))) for train, test in pairs]
    if not folds:
        raise InvalidInput("cv has no folds")
    for number, (train, test) in enumerate(folds):
        if not (train.size and test.size):
            raise InvalidInput(f"Fold {number} of cv has no {'test' if train.size else 'training'} rows")
        if np.intersect1d(train, test).size:
            raise InvalidInput(f"Fold {number} of cv trains on rows that it tests")
        if groups is not None and np.intersect1d(groups[train], groups[test]).size:
            raise InvalidInput(f"Fold {number} of cv has rows of one group on both sides")
    return folds


def _rows(indices: ArrayLike, n_rows: int) -> np.ndarray:
    indices = np.asarray(indices)
    if indices.dtype == bool:
        indices = np.flatnonzero(indices)
    indices = indices.astype(np.intp, copy=False)
    if indices.size and (indices.min() < 0 or indices.max() >= n_rows):
        raise InvalidInput(f"cv has row indices outside of the data, n_samples={n_rows}")
    if np.unique(indices).size != indices.size:
        raise InvalidInput("cv lists a row twice in one side of a fold; give it a sample_weight instead")
    return indices


@dataclass(frozen=True, eq=False)
class Atoms:
    """The coarsest partition of rows from which every side of every fold can be put together.

    Two rows share an atom if they are on the same side of every fold. For K-fold the atoms are the test
    folds; purged rows and overlapping test sets only make more of them. Statistics are accumulated once per
    atom.

    Attributes
    ----------
    rows : tuple of int arrays
        Row indices of each atom, ascending.
    train, test : tuples of int arrays
        For each fold, the atoms that make up its training and its test rows.
    """

    rows: tuple[np.ndarray, ...]
    train: tuple[np.ndarray, ...]
    test: tuple[np.ndarray, ...]

    @classmethod
    def from_folds(cls, folds: Sequence[Fold], n_rows: int) -> Atoms:
        """Group rows by their sides in (train, test) pairs."""
        side = np.zeros((n_rows, len(folds)), np.int8)
        for number, (train, test) in enumerate(folds):
            side[train, number], side[test, number] = 1, -1
        patterns, atom = np.unique(side, axis=0, return_inverse=True)
        rows = np.split(np.argsort(atom, kind="stable"), np.cumsum(np.bincount(atom))[:-1])
        return cls(
            rows=tuple(rows),
            train=tuple(np.flatnonzero(column == 1) for column in patterns.T),
            test=tuple(np.flatnonzero(column == -1) for column in patterns.T),
        )
