"""Held-out predictions see no test row; permutations exchange whole stimuli."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from recortex.linear import RidgeCV, held_out_predictions
from recortex.metrics import permute_pairs


def test_each_row_is_predicted_by_the_model_that_did_not_see_it(problem) -> None:
    X, y = problem()
    folds = [(np.arange(30, 60), np.arange(15)), (np.arange(15), np.arange(50, 60)[::-1])]
    result = held_out_predictions(lambda: Ridge(2.0), X, y, folds)
    np.testing.assert_array_equal(result.rows, [*range(15), *range(50, 60)])
    for (train, test), estimator in zip(folds, result.estimators, strict=True):
        reference = Ridge(2.0).fit(X[train], y[train])
        np.testing.assert_array_equal(estimator.coef_, reference.coef_)
        where = np.searchsorted(result.rows, test)
        np.testing.assert_allclose(result.predictions[where], reference.predict(X[test]), rtol=1e-10)


def test_test_targets_are_never_read(problem) -> None:
    X, y = problem()
    folds = [(np.arange(40), np.arange(40, 60))]
    before = held_out_predictions(RidgeCV, X, y, folds).predictions
    y[40:] = 1e6
    np.testing.assert_array_equal(held_out_predictions(RidgeCV, X, y, folds).predictions, before)


def test_groups_reach_the_inner_folds(problem) -> None:
    X, y = problem()
    groups = np.arange(60) // 3
    result = held_out_predictions(RidgeCV, X, y[:, 0], 4, groups)
    assert result.predictions.shape == (60,)
    train = groups % 4 != 0

    class Recorder(Ridge):
        def fit(self, X, y, groups):
            self.groups = groups
            return super().fit(X, y)

    recorded = held_out_predictions(Recorder, X, y, [(train, ~train)], groups).estimators[0]
    np.testing.assert_array_equal(recorded.groups, groups[train])


def test_leaks_are_refused(problem) -> None:
    X, y = problem()
    rows = np.arange(60)
    with pytest.raises(ValueError, match="one group"):
        held_out_predictions(Ridge, X, y, [(rows[:31], rows[31:])], rows // 2)
    with pytest.raises(ValueError, match="more than one fold"):
        held_out_predictions(Ridge, X, y, [(rows[:30], rows[30:]), (rows[:20], rows[40:])])


def test_repeats_leak_and_groups_do_not() -> None:
    # Responses without any relation to features beyond stimulus identity, three repeats each.
    rng = np.random.default_rng(0)
    stimulus = np.tile(np.arange(80), 3)
    X, y = rng.standard_normal((80, 100))[stimulus], rng.standard_normal((80, 40))[stimulus]

    def correlation(groups):
        result = held_out_predictions(RidgeCV, X, y, 5, groups)
        return np.mean([np.corrcoef(p, t)[0, 1] for p, t in zip(result.predictions.T, y.T, strict=True)])

    assert correlation(None) > 0.5
    # Pooled over folds the null lies below zero: a training mean is high where the test mean is low.
    assert -0.3 < correlation(stimulus) < 0.05


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_stimuli_move_whole(groups: list[int], seed: int) -> None:
    groups = np.array(groups)
    rows = permute_pairs(groups, np.random.default_rng(seed))
    partners = {}
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        (partner,) = np.unique(groups[rows[members]])
        partners[group] = partner
        pool = np.flatnonzero(groups == partner)
        np.testing.assert_array_equal(rows[members], pool[np.arange(len(members)) % len(pool)])
    assert sorted(partners.values()) == sorted(partners)


def test_equal_repeats_make_a_permutation() -> None:
    groups = np.random.default_rng(1).permutation(np.repeat(list("abcdef"), 3))
    rows = permute_pairs(groups, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(rows), np.arange(18))
    assert (groups[rows] != groups).any()
    np.testing.assert_array_equal(rows, permute_pairs(groups, np.random.default_rng(0)))
