"""Folds that are taken out of the fit on all rows are those of fits on all other rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from recortex.linear import RidgeCV, dual
from recortex.linear.left_out import leave_out

ALPHAS = np.logspace(-2, 9, 12)


@pytest.fixture
def recorded(monkeypatch):
    """Whether each fit took its folds out of the fit on all rows."""
    taken = []

    def record(*given):
        made = leave_out(*given)
        taken.append(made is not None)
        return made

    monkeypatch.setattr(dual, "leave_out", record)
    return taken


def problem(n_features: int, dtype: str, away: float = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_features)
    X = rng.standard_normal((60, n_features)) * np.geomspace(1, 0.01, n_features) + away
    return X.astype(dtype), (X[:, :5] @ rng.standard_normal((5, 7)) + rng.standard_normal((60, 7)) + 5).astype(dtype)


@pytest.mark.parametrize("n_features", [45, 59, 60, 400])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_every_alpha_of_every_fold_is_a_refit(recorded, n_features, fit_intercept, weighted, dtype) -> None:
    X, y = problem(n_features, dtype, 3 * fit_intercept)
    weight = np.random.default_rng(0).uniform(0.5, 3, len(X)) if weighted else None
    folds = KFold(5, shuffle=True, random_state=0)
    for alpha in ALPHAS:
        model = RidgeCV([alpha, *ALPHAS], folds, solver="dual", fit_intercept=fit_intercept, store_cv_predictions=True)
        made = model.set_params(alphas=[alpha]).fit(X, y, sample_weight=weight).cv_predictions_
        for train, test in folds.split(X):
            kept = None if weight is None else weight[train]
            reference = Ridge(alpha, fit_intercept=fit_intercept, solver="svd").fit(
                X[train].astype("f8"), y[train].astype("f8"), kept
            )
            expected = reference.predict(X[test].astype("f8"))
            about = reference.intercept_ if fit_intercept else 0.0
            scale = np.abs(expected - about).max() if fit_intercept else np.abs(expected).max()
            np.testing.assert_allclose(made[test], expected, rtol=0, atol=(1e-8 if dtype == "f8" else 1e-5) * max(scale, 1))
    assert all(recorded)


@pytest.mark.parametrize("scoring", ["neg_mse", "r2", "r"])
def test_scores_are_those_of_decomposed_folds_at_any_alpha(monkeypatch, scoring) -> None:
    """Also where alpha is far beyond the kernel and predictions are all but their mean: r knows no scale."""
    X, y = problem(400, "f4")
    ours = RidgeCV(ALPHAS, scoring=scoring, solver="dual").fit(X, y).cv_scores_
    monkeypatch.setattr(dual, "leave_out", lambda *given: None)
    theirs = RidgeCV(ALPHAS, scoring=scoring, solver="dual").fit(X, y).cv_scores_
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"cv": [(np.arange(20, 60), np.arange(10))]}, id="purged rows"),
        pytest.param({"sample_weight": np.repeat([0.0, 1.0], [1, 59])}, id="a row without weight"),
        pytest.param({"alphas": np.logspace(-2, 9, 41)}, id="more alphas than decompositions are worth"),
        pytest.param({"alphas": [0.0, 1.0]}, id="no penalty where features do not reach all rows"),
        pytest.param({"alphas": [1e-9, 1.0]}, id="a penalty at the level of rounding"),
    ],
)
def test_where_it_would_not_be_exact_or_cheap_folds_are_decomposed(recorded, change) -> None:
    X, y = problem(45, "f8")
    weight = change.get("sample_weight")
    fits = [
        RidgeCV(change.get("alphas", ALPHAS), change.get("cv", 5), solver=solver).fit(X, y, sample_weight=weight)
        for solver in ("dual", "primal")
    ]
    assert recorded == [False]
    np.testing.assert_allclose(fits[0].cv_scores_, fits[1].cv_scores_, rtol=1e-6)


def test_a_kernel_in_float32_is_made_again_where_its_rounding_would_show(monkeypatch) -> None:
    made = []
    kernel_of = dual.kernel_of
    monkeypatch.setattr(dual, "kernel_of", lambda *given: made.append(given[-1]) or kernel_of(*given))
    for n_features, exact in ((4000, [False]), (61, [False, True])):
        X, y = problem(n_features, "f4")
        RidgeCV([0.01, 1.0], solver="dual").fit(X, y)
        assert made == exact
        made.clear()
