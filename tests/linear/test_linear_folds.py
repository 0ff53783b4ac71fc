"""Folds are checked, and atoms put every side of every fold together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from recortex.linear.folds import Atoms, resolve_folds


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 5))
def test_atoms_partition_rows_and_rebuild_folds(seed: int, n_rows: int, n_folds: int) -> None:
    side = np.random.default_rng(seed).integers(-1, 2, (n_rows, n_folds))
    folds = [(np.flatnonzero(column == 1)[::-1], np.flatnonzero(column == -1)) for column in side.T]
    atoms = Atoms.from_folds(folds, n_rows)
    np.testing.assert_array_equal(np.sort(np.concatenate(atoms.rows)), np.arange(n_rows))
    assert len(atoms.rows) == len(np.unique(side, axis=0))
    for fold, *parts in zip(folds, atoms.train, atoms.test, strict=True):
        for rows, part in zip(fold, parts, strict=True):
            rebuilt = np.concatenate([np.empty(0, int), *(atoms.rows[index] for index in part)])
            np.testing.assert_array_equal(np.sort(rebuilt), np.sort(rows))


def test_k_fold_atoms_are_its_test_sets() -> None:
    assert len(Atoms.from_folds(list(KFold(5).split(np.ones(50))), 50).rows) == 5


def test_groups_stay_together() -> None:
    groups = np.repeat(np.arange(10), 3)
    for train, test in resolve_folds(5, np.ones((30, 1)), None, groups):
        assert not set(groups[train]) & set(groups[test])


def test_boolean_masks_are_rows() -> None:
    mask = np.arange(6) < 4
    ((train, test),) = resolve_folds([(mask, ~mask)], np.ones((6, 1)))
    np.testing.assert_array_equal(train, [0, 1, 2, 3])
    np.testing.assert_array_equal(test, [4, 5])


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
@pytest.mark.parametrize(
    ("cv", "groups", "message"),
    [
        (7, None, "n_splits=7 greater than the number of samples"),
        (5, [0, 0, 1, 1, 2, 2], "set cv to 3 or less"),
        ([], None, "no folds"),
        ([([0, 1], [1, 2])], None, "trains on rows that it tests"),
        ([([], [1, 2])], None, "no training rows"),
        ([([1, 2], [])], None, "no test rows"),
        ([([0, 0], [1])], None, "lists a row twice"),
        ([([0, 6], [1])], None, "outside of the data"),
        ([([0, -1], [1])], None, "outside of the data"),
        (KFold(3), [0, 1, 1, 0, 2, 2], "rows of one group on both sides"),
        (3, [0, 1], "inconsistent numbers of samples"),
    ],
)
def test_bad_folds_are_refused(cv: object, groups: list | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_folds(cv, np.ones((6, 1)), None, groups)
