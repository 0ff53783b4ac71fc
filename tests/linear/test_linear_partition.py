"""Variance partition: every subset is a refit on its columns, and shares add up."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from recortex.errors import InvalidInput
from recortex.linear import RidgeCV, SufficientStatistics, variance_partition

ALPHAS = (0.1, 10.0, 1e3)
BANDS = {"low": slice(0, 4), "middle": np.array([4, 5, 9]), "high": np.array([False] * 6 + [True] * 3 + [False])}


def made(seed: int = 0, n_rows: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, 10)) + 50
    weights = np.zeros((10, 4))
    weights[:4, 0], weights[6:9, 1], weights[:, 2] = 1.0, 1.0, 0.5
    return X, X @ weights + rng.standard_normal((n_rows, 4)), np.arange(n_rows) // 25


def statistics(X, y, groups) -> list[SufficientStatistics]:
    return [SufficientStatistics.from_rows(X[groups == group], y[groups == group]) for group in np.unique(groups)]


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("scale_features", [False, True])
def test_each_subset_is_a_refit_on_its_columns(scale_features, fit_intercept) -> None:
    X, y, groups = made()
    train = groups < 5
    parts = statistics(X, y, groups)
    settings = {"scale_features": scale_features, "fit_intercept": fit_intercept}
    found = variance_partition(parts[:5], parts[5], BANDS, ALPHAS, **settings)
    assert len(found.subsets) == 7 and found.subsets[-1] == ("low", "middle", "high")
    folds = [(np.flatnonzero(groups[train] != left), np.flatnonzero(groups[train] == left)) for left in range(5)]
    for subset, r2, alphas in zip(found.subsets, found.r2, found.best_alphas, strict=True):
        columns = np.concatenate([np.arange(10)[BANDS[name]] for name in subset])
        model = RidgeCV(ALPHAS, folds, **settings).fit(X[train][:, columns], y[train])
        np.testing.assert_array_equal(alphas, model.best_alphas_)
        expected = r2_score(y[~train], model.predict(X[~train][:, columns]), multioutput="raw_values")
        np.testing.assert_allclose(r2, expected, rtol=1e-8, atol=1e-10)


def test_shares_add_up_and_go_to_whom_they_belong() -> None:
    X, y, groups = made(n_rows=3000)
    parts = statistics(X, y, groups)
    found = variance_partition(parts[:60], SufficientStatistics.total(parts[60:]), BANDS, ALPHAS)
    everything = found.of("low", "middle", "high")
    np.testing.assert_allclose(found.shapley.sum(axis=0), everything, rtol=1e-10)
    np.testing.assert_allclose(found.unique[0], everything - found.of("middle", "high"), rtol=1e-12)
    np.testing.assert_allclose(found.shapley[:, 0], [0.8, 0, 0], atol=0.02)  # four of five parts of its variance are the band's
    np.testing.assert_allclose(found.unique[:, 1], [0, 0, 0.75], atol=0.02)
    np.testing.assert_allclose(found.shapley[:, 3], 0, atol=0.01)
    assert (found.unique < 0).any()  # not clipped


def test_folds_and_targets_in_tiles(monkeypatch) -> None:
    X, y, groups = made()
    parts = statistics(X, y, groups)
    folds = [([0, 1], [2, 3]), ([2, 3], [0, 1])]
    whole = variance_partition(parts[:5], parts[5], BANDS, ALPHAS, folds=folds)
    monkeypatch.setattr("recortex.linear.partition._TARGETS_AT_ONCE", 3)
    tiled = variance_partition(parts[:5], parts[5], BANDS, ALPHAS, folds=folds)
    np.testing.assert_allclose(tiled.r2, whole.r2, rtol=1e-12)
    last = Ridge(whole.best_alphas[-1]).fit(X[groups < 5], y[groups < 5])
    expected = r2_score(y[groups == 5], last.predict(X[groups == 5]), multioutput="raw_values")
    np.testing.assert_allclose(whole.of(*BANDS), expected, rtol=1e-3)


@pytest.mark.parametrize("bands", [{}, {"a": slice(0, 0)}])
def test_nothing_to_part_is_refused(bands) -> None:
    parts = statistics(*made())
    with pytest.raises(InvalidInput, match="band"):
        variance_partition(parts[:5], parts[5], bands, ALPHAS)
    with pytest.raises(InvalidInput, match="two groups"):
        variance_partition(parts[:1], parts[5], BANDS, ALPHAS)
