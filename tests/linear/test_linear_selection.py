"""Ways to choose alpha: each is what refitting would say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.linear_model import RidgeCV as SklearnRidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold

from recortex.errors import InvalidInput
from recortex.linear import RidgeCV
from recortex.linear.independent import Units
from recortex.linear.table import Table

ALPHAS = (0.01, 1.0, 30.0, 1e3)
SHAPES = [(40, 8), (20, 60)]


def left_out(X, y, groups, alphas, fit_intercept, weight=None):
    """Mean squared error of what every group is predicted by the others, refitted for every group and alpha."""
    weight = np.ones(len(X)) if weight is None else weight
    errors = np.zeros((len(alphas), y.shape[1]))
    for number, alpha in enumerate(alphas):
        for group in np.unique(groups):
            test = groups == group
            model = Ridge(alpha, fit_intercept=fit_intercept, solver="cholesky").fit(X[~test], y[~test], weight[~test])
            errors[number] += weight[test] @ (y[test] - model.predict(X[test])) ** 2
    return errors / weight.sum()


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("shape", SHAPES)
def test_leave_one_out_is_refitting(problem, shape, solver, fit_intercept) -> None:
    X, y = problem(*shape)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    model = RidgeCV(ALPHAS, selection="loo", solver=solver, fit_intercept=fit_intercept).fit(X, y, sample_weight=weight)
    expected = left_out(X, y, np.arange(len(X)), ALPHAS, fit_intercept, weight)
    np.testing.assert_allclose(-model.cv_scores_, expected, rtol=1e-8)
    np.testing.assert_array_equal(model.best_alphas_, np.array(ALPHAS)[expected.argmin(axis=0)])


@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("shape", SHAPES)
def test_leave_one_out_leaves_out_whole_groups(problem, shape, solver) -> None:
    X, y = problem(*shape)
    groups = np.random.default_rng(2).permutation(np.arange(len(X)) // 3)  # one of them is smaller
    model = RidgeCV(ALPHAS, selection="loo", solver=solver).fit(X, y, groups)
    np.testing.assert_allclose(-model.cv_scores_, left_out(X, y, groups, ALPHAS, True), rtol=1e-8)


@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_rows_of_the_same_features_are_left_out_together(problem, solver) -> None:
    X, y = problem(30, 8)
    stimulus = np.random.default_rng(3).permutation(np.repeat(np.arange(30), 3))
    y = y[stimulus] + np.random.default_rng(4).standard_normal((90, y.shape[1]))
    model = RidgeCV(ALPHAS, selection="loo", solver=solver).fit(X[stimulus], y)
    np.testing.assert_allclose(-model.cv_scores_, left_out(X[stimulus], y, stimulus, ALPHAS, True), rtol=1e-8)


@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_a_stimulus_of_two_groups_joins_them(problem, solver) -> None:
    X, y = problem(30, 8)
    X[10] = X[0]
    groups = np.arange(30) // 5
    joined = np.where(groups == 2, 0, groups)
    model = RidgeCV(ALPHAS, selection="loo", solver=solver).fit(X, y, groups)
    np.testing.assert_allclose(-model.cv_scores_, left_out(X, y, joined, ALPHAS, True), rtol=1e-8)


@pytest.mark.parametrize("selection", ["gcv", "loo"])
@pytest.mark.parametrize("n_features", [90, 600])
def test_repeated_trials_do_not_pull_alpha_to_the_edge(selection, n_features) -> None:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((200, n_features))
    weights = rng.standard_normal((n_features, 20)) / np.sqrt(n_features)
    shown = np.repeat(np.arange(100), 3)
    own = 2 * rng.standard_normal((200, 20))  # what the features do not hold of an image comes again with it
    y = (images @ weights + own)[shown] + 0.5 * rng.standard_normal((300, 20))
    alphas = np.logspace(-2, 5, 15)
    model = RidgeCV(alphas, selection=selection).fit(images[shown], y)
    plain = SklearnRidgeCV(alphas, alpha_per_target=True).fit(images[shown], y)  # a repeat stays when another is left out
    truth = images[100:] @ weights

    assert np.median(model.best_alphas_) > 10 * np.median(plain.alpha_)
    errors = [np.mean((fit.predict(images[100:]) - truth) ** 2) for fit in (model, plain)]
    assert errors[0] < 0.8 * errors[1]


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("shape", SHAPES)
def test_generalised_cross_validation_is_its_formula(problem, shape, solver, fit_intercept) -> None:
    X, y = problem(*shape)
    n = len(X)
    model = RidgeCV(ALPHAS, selection="gcv", solver=solver, fit_intercept=fit_intercept).fit(X, y)
    centre = np.eye(n) - fit_intercept * np.full((n, n), 1 / n)
    for number, alpha in enumerate(ALPHAS):
        Z = centre @ X
        left = centre - Z @ np.linalg.solve(Z.T @ Z + alpha * np.eye(X.shape[1]), Z.T)
        expected = ((left @ y) ** 2).mean(axis=0) / (np.trace(left) / n) ** 2
        np.testing.assert_allclose(-model.cv_scores_[number], expected, rtol=1e-8)


def test_gcv_of_trials_is_gcv_of_weighted_averages(problem) -> None:
    X, y = problem(30, 8)
    counts = np.random.default_rng(5).integers(1, 5, 30)
    shown = np.repeat(np.arange(30), counts)
    trials = y[shown] + np.random.default_rng(6).standard_normal((len(shown), y.shape[1]))
    means = np.array([trials[shown == image].mean(axis=0) for image in range(30)])
    one = RidgeCV(ALPHAS, selection="gcv").fit(X[shown], trials)
    other = RidgeCV(ALPHAS, selection="gcv").fit(X, means, sample_weight=counts)
    np.testing.assert_array_equal(one.best_alphas_, other.best_alphas_)
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-9)
    within = np.sum((trials - means[shown]) ** 2, axis=0) / len(shown)
    np.testing.assert_allclose(-one.cv_scores_, -other.cv_scores_ + within, rtol=1e-9)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_rows=st.integers(4, 20),
    n_features=st.integers(1, 25),
    fit_intercept=st.booleans(),
    selection=st.sampled_from(["gcv", "loo"]),
)
def test_primal_is_dual(seed, n_rows, n_features, fit_intercept, selection) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n_rows, n_features)) + 1.0, rng.standard_normal((n_rows, 3))
    X[rng.integers(n_rows)] = X[0]
    weight = rng.integers(0, 3, n_rows).astype(float) + (np.arange(n_rows) < 4)
    fits = [
        RidgeCV((0.1, 10.0), selection=selection, fit_intercept=fit_intercept, solver=solver).fit(X, y, sample_weight=weight)
        for solver in ("primal", "dual")
    ]
    np.testing.assert_allclose(fits[0].cv_scores_, fits[1].cv_scores_, rtol=1e-6)


@pytest.mark.parametrize("selection", ["gcv", "loo"])
@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_small_alphas_have_a_limit_where_features_outnumber_rows(problem, solver, selection) -> None:
    X, y = problem(20, 60)
    model = RidgeCV((0.0, 1e-9, 1e-6), selection=selection, solver=solver).fit(X, y)
    assert np.isfinite(model.cv_scores_).all()
    np.testing.assert_allclose(model.cv_scores_[0], model.cv_scores_[2], rtol=1e-4)
    if selection == "loo":
        expected = left_out(X, y, np.arange(20), [1e-6], True)[0]
        np.testing.assert_allclose(-model.cv_scores_[2], expected, rtol=1e-4)


@pytest.mark.parametrize("selection", ["gcv", "loo"])
def test_centred_data_of_many_features_are_refused_without_an_intercept(problem, selection) -> None:
    X, y = problem(20, 60)
    X, y = X - X.mean(axis=0), y - y.mean(axis=0)
    with pytest.raises(InvalidInput, match="fit_intercept=True"):
        RidgeCV(ALPHAS, selection=selection, fit_intercept=False).fit(X.astype("f4"), y.astype("f4"))
    RidgeCV(ALPHAS, selection=selection).fit(X, y)
    RidgeCV(ALPHAS, selection=selection, fit_intercept=False).fit(X + 1, y)
    RidgeCV(ALPHAS, selection=selection, fit_intercept=False).fit(X, y + 1)
    RidgeCV(ALPHAS, selection=selection, fit_intercept=False).fit(X[:, :10], y)


def test_gcv_refuses_groups_of_different_rows_and_r(problem) -> None:
    X, y = problem(20, 8)
    for selection in ("gcv", "gcv+kfold"):
        with pytest.raises(InvalidInput, match="'loo', which leaves out whole groups"):
            RidgeCV(ALPHAS, selection=selection).fit(X, y, np.arange(20) // 2)
    RidgeCV(ALPHAS, selection="gcv").fit(X, y, np.arange(20))
    for selection in ("gcv", "loo"):
        with pytest.raises(InvalidInput, match="'neg_mse' or 'r2'"):
            RidgeCV(ALPHAS, selection=selection, scoring="r").fit(X, y)
    with pytest.raises(InvalidInput, match="each of 20 rows"):
        RidgeCV(ALPHAS, selection="loo").fit(X, y, np.arange(19))
    for wrong in ({"selection": "cv"}, {"scoring": "mse"}):
        with pytest.raises(InvalidInput, match="must be one of"):
            RidgeCV(ALPHAS, **wrong).fit(X, y)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", ["neg_mse", "r2", "r"])
@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("shape", SHAPES)
def test_scores_of_folds_are_those_of_predictions(problem, shape, solver, scoring, weighted) -> None:
    X, y = problem(*shape)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(X)) if weighted else np.ones(len(X))
    model = RidgeCV(ALPHAS, 4, scoring=scoring, solver=solver).fit(X, y, sample_weight=weight)
    expected = np.zeros((len(ALPHAS), y.shape[1]))
    for train, test in KFold(4).split(X):
        for number, alpha in enumerate(ALPHAS):
            made = Ridge(alpha, solver="cholesky").fit(X[train], y[train], weight[train]).predict(X[test])
            if scoring == "r":
                covariance = [np.cov(a, b, aweights=weight[test]) for a, b in zip(made.T, y[test].T, strict=True)]
                expected[number] += [c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]) / 4 for c in covariance]
            elif scoring == "r2":
                expected[number] += r2_score(y[test], made, sample_weight=weight[test], multioutput="raw_values") / 4
            else:
                expected[number] -= np.average((y[test] - made) ** 2, 0, weight[test]) / 4
    np.testing.assert_allclose(model.cv_scores_, expected, rtol=1e-7)
    np.testing.assert_array_equal(model.best_alphas_, np.array(ALPHAS)[expected.argmax(axis=0)])


@pytest.mark.parametrize("scoring", ["r2", "r"])
def test_targets_that_do_not_vary_score_0(problem, scoring) -> None:
    X, y = problem()
    y[:, 0] = 3.0
    model = RidgeCV(ALPHAS, scoring=scoring).fit(X, y)
    assert (model.cv_scores_[:, 0] == 0).all() and model.best_alphas_[0] == 1e3


@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("scoring", ["neg_mse", "r"])
def test_gcv_then_folds_finds_the_best_of_all_folds(solver, scoring) -> None:
    rng = np.random.default_rng(0)
    n_rows, n_features = (400, 50) if solver == "primal" else (100, 300)
    X = rng.standard_normal((n_rows, n_features)) * np.geomspace(1, 0.1, n_features)
    y = X @ rng.standard_normal((n_features, 300)) + rng.uniform(0.3, 30, 300) * rng.standard_normal((n_rows, 300))
    alphas = rng.permutation(np.logspace(-1, 5, 19))
    full = RidgeCV(alphas, selection="kfold", scoring=scoring, solver=solver).fit(X, y)
    near = RidgeCV(alphas, selection="gcv+kfold", scoring=scoring, solver=solver).fit(X, y)
    assert (near.best_alphas_ == full.best_alphas_).mean() > 0.9
    scored = ~np.isnan(near.cv_scores_)
    assert 0.15 < scored.mean() < 0.5  # it did not score them all
    np.testing.assert_allclose(near.cv_scores_[scored], full.cv_scores_[scored], rtol=1e-8)
    # uphill to the top: both neighbours of the choice were scored, and are no better
    order = np.argsort(alphas)
    place = np.argsort(order)[[np.flatnonzero(alphas == alpha)[0] for alpha in near.best_alphas_]]
    ordered = near.cv_scores_[order]
    for step in (-1, 1):
        beside = np.clip(place + step, 0, len(alphas) - 1)
        assert (ordered[beside, np.arange(300)] <= ordered[place, np.arange(300)]).all()


def test_groups_reach_the_folds_and_edges_are_marked(problem) -> None:
    X, y = problem()
    groups = np.arange(60) // 3
    model = RidgeCV(ALPHAS, selection="kfold").fit(X, y, groups)
    other = RidgeCV(ALPHAS, cv=list(GroupKFold(5).split(X, y, groups))).fit(X, y)
    np.testing.assert_array_equal(model.cv_scores_, other.cv_scores_)
    np.testing.assert_array_equal(model.edge_ == 1, model.best_alphas_ == 1e3)
    np.testing.assert_array_equal(model.edge_ == -1, model.best_alphas_ == 0.01)
    assert {0, 1} <= set(model.edge_.tolist())


def test_units_are_numbered_as_their_first_rows_come() -> None:
    X = np.array([[5.0, 1], [2, 2], [5, 1], [0, 0], [2, 2]])
    units = Units.of(Table(X, "X"), None, None, True)
    np.testing.assert_array_equal(units.row, [0, 2, 1, 4, 3])
    np.testing.assert_array_equal(units.start, [0, 2, 4])
    weighted = Units.of(Table(X, "X"), None, np.array([0, 1, 2, 1, 1.0]), True)
    np.testing.assert_array_equal(weighted.row, [1, 4, 2, 3])
    np.testing.assert_array_equal(weighted.weight, [2, 2, 1])
