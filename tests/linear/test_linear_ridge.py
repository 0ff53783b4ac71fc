"""Laws of the cross-validated ridge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, LeaveOneGroupOut, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recortex.linear import RidgeCV

ALPHAS = (0.01, 1.0, 30.0, 1e3)
SHAPES = [(60, 12), (30, 80)]
FIT = ("best_alphas_", "coef_", "intercept_", "cv_scores_")


def same_fit(a: RidgeCV, b: RidgeCV, rtol: float = 1e-7) -> None:
    for name in FIT:
        scale = np.abs(getattr(b, name)).max()
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=rtol * scale, err_msg=name)


def purged_folds(n_rows: int, k: int = 5, gap: int = 2) -> list[tuple[np.ndarray, np.ndarray]]:
    """Consecutive test blocks whose neighbours are in neither set."""
    return [
        (np.flatnonzero((np.arange(n_rows) < test[0] - gap) | (np.arange(n_rows) > test[-1] + gap)), test)
        for test in np.array_split(np.arange(n_rows), k)
    ]


def refits(X, y, folds, alphas, fit_intercept, scale_features, weight=None):
    """Scores and out-of-fold predictions of scikit-learn's Ridge, refitted for every fold and alpha."""
    scores, predictions = np.zeros((len(alphas), y.shape[1])), np.zeros((len(alphas), *y.shape))
    weight = np.ones(len(X)) if weight is None else weight
    for train, test in folds:
        scale = np.sqrt(np.average((X[train] - np.average(X[train], 0, weight[train])) ** 2, 0, weight[train]))
        Z = X / scale if scale_features else X
        for number, alpha in enumerate(alphas):
            model = Ridge(alpha, fit_intercept=fit_intercept, solver="cholesky").fit(Z[train], y[train], weight[train])
            predictions[number, test] = model.predict(Z[test])
            error = (y[test] - predictions[number, test]) ** 2
            scores[number] -= np.average(error, 0, weight[test]) / len(folds)
    return scores, predictions


@pytest.mark.parametrize("scale_features", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("folds", ["kfold", "purged"])
@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("shape", SHAPES)
def test_leave_out_by_statistics_is_refitting(problem, shape, solver, folds, fit_intercept, scale_features) -> None:
    X, y = problem(*shape)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    folds = list(KFold(4).split(X)) if folds == "kfold" else purged_folds(len(X))
    model = RidgeCV(
        ALPHAS, folds, fit_intercept=fit_intercept, scale_features=scale_features, solver=solver, store_cv_predictions=True
    )
    model.fit(X, y, sample_weight=weight)
    scores, predictions = refits(X, y, folds, ALPHAS, fit_intercept, scale_features, weight)
    np.testing.assert_allclose(model.cv_scores_, scores, rtol=1e-8)
    best = scores.argmax(axis=0)
    np.testing.assert_array_equal(model.best_alphas_, np.array(ALPHAS)[best])
    expected = predictions[best, :, np.arange(y.shape[1])].T
    np.testing.assert_allclose(model.cv_predictions_, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_target_is_sklearn_ridge_at_its_alpha(problem, shape, solver, fit_intercept) -> None:
    X, y = problem(*shape)
    model = RidgeCV(ALPHAS, fit_intercept=fit_intercept, solver=solver).fit(X, y)
    assert len(set(model.best_alphas_)) > 1
    reference = Ridge(model.best_alphas_, fit_intercept=fit_intercept).fit(X, y)
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.intercept_, reference.intercept_, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(model.predict(X), X @ model.coef_.T + model.intercept_, rtol=1e-8, atol=1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_rows=st.integers(4, 25),
    n_features=st.integers(1, 30),
    fit_intercept=st.booleans(),
    scale_features=st.booleans(),
)
def test_primal_is_dual(seed, n_rows, n_features, fit_intercept, scale_features) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n_rows, n_features)) + 1.0, rng.standard_normal((n_rows, 3))
    # Overlapping test sets, rows that are never used, and rows without weight.
    cv = list(ShuffleSplit(3, test_size=0.3, train_size=0.6, random_state=0).split(X))
    weight = rng.integers(0, 3, n_rows).astype(float)
    for train, test in cv:
        weight[train[:2]], weight[test[0]] = 1.0, 1.0
    fits = [
        RidgeCV(
            (0.1, 10.0), cv, fit_intercept=fit_intercept, scale_features=scale_features, solver=solver, store_cv_predictions=True
        ).fit(X, y, sample_weight=weight)
        for solver in ("primal", "dual")
    ]
    same_fit(*fits, rtol=1e-6)
    np.testing.assert_allclose(fits[0].cv_predictions_, fits[1].cv_predictions_, rtol=1e-6, atol=1e-7)


def test_solver_goes_by_shape(problem) -> None:
    assert RidgeCV().fit(*problem(60, 48)).solver_ == "primal"
    assert RidgeCV().fit(*problem(60, 49)).solver_ == "dual"


@pytest.mark.parametrize("scale_features", [False, True])
@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_weights_are_duplicates(problem, solver, scale_features) -> None:
    X, y = problem(40, 30)
    weight = np.random.default_rng(2).integers(0, 4, len(X))
    rows, fold = np.repeat(np.arange(len(X)), weight), np.arange(len(X)) // 10

    def fit(rows, sample_weight=None):
        cv = list(LeaveOneGroupOut().split(rows, groups=fold[rows]))
        model = RidgeCV(ALPHAS, cv, scale_features=scale_features, solver=solver)
        return model.fit(X[rows], y[rows], sample_weight=sample_weight)

    same_fit(fit(np.arange(len(X)), weight), fit(rows))


def test_trials_are_weighted_stimulus_averages(problem) -> None:
    X, y = problem(40)
    repeats = np.random.default_rng(3).integers(1, 4, len(X))
    stimulus = np.repeat(np.arange(len(X)), repeats)
    trials = y[stimulus] + np.random.default_rng(4).standard_normal((len(stimulus), y.shape[1]))
    averages = np.stack([trials[stimulus == s].mean(axis=0) for s in range(len(X))])
    fold = np.arange(len(X)) // 10
    by_trial = RidgeCV(ALPHAS, list(LeaveOneGroupOut().split(trials, groups=fold[stimulus])))
    by_average = RidgeCV(ALPHAS, list(LeaveOneGroupOut().split(X, groups=fold)))
    by_trial.fit(X[stimulus], trials)
    by_average.fit(X, averages, sample_weight=repeats)
    np.testing.assert_array_equal(by_trial.best_alphas_, by_average.best_alphas_)
    np.testing.assert_allclose(by_trial.coef_, by_average.coef_, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("scale_features", [False, True])
@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_constants_change_nothing(problem, dtype, solver, scale_features) -> None:
    # Multiples of 2^-9 below 4 plus 2^13: mean / sd of 1e4, and the sum is exact in float32.
    X, y = (np.round(np.clip(a / a.std(0), -3.9, 3.9) * 512) / 512 for a in problem(50, 20))
    X, y, constant = X.astype(dtype), y.astype(dtype), np.dtype(dtype).type(2**13)
    folds = list(KFold(5).split(X))
    settings_ = {"cv": folds, "solver": solver, "scale_features": scale_features}
    plain = RidgeCV(ALPHAS, **settings_).fit(X, y)
    moved = RidgeCV(ALPHAS, **settings_).fit(X + constant, y - constant)
    tolerance = 1e-5 if dtype == "f4" else 1e-10
    np.testing.assert_array_equal(moved.best_alphas_, plain.best_alphas_)
    np.testing.assert_allclose(moved.coef_, plain.coef_, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(moved.cv_scores_, plain.cv_scores_, rtol=10 * tolerance)
    shifted = moved.predict(X + constant) + constant
    np.testing.assert_allclose(shifted, plain.predict(X), atol=2e-3 if dtype == "f4" else 1e-8)


@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_order_of_rows_within_folds_does_not_matter(problem, solver) -> None:
    X, y = problem()
    fold = np.arange(len(X)) // 12
    order = np.random.default_rng(5).permutation(len(X))
    fits = [
        RidgeCV(ALPHAS, list(LeaveOneGroupOut().split(X, groups=fold[rows])), solver=solver).fit(X[rows], y[rows])
        for rows in (np.arange(len(X)), order)
    ]
    same_fit(*fits)


@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_scaled_features_forget_their_units(problem, solver) -> None:
    X, y = problem()
    units = np.random.default_rng(6).uniform(1e-3, 1e3, X.shape[1])
    plain = RidgeCV(ALPHAS, scale_features=True, solver=solver).fit(X, y)
    other = RidgeCV(ALPHAS, scale_features=True, solver=solver).fit(X * units, y)
    np.testing.assert_allclose(other.coef_ * units, plain.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.cv_scores_, plain.cv_scores_, rtol=1e-8)
    pipeline = make_pipeline(StandardScaler(), Ridge(plain.best_alphas_)).fit(X, y)
    np.testing.assert_allclose(plain.predict(X), pipeline.predict(X), rtol=1e-7, atol=1e-8)


def test_stacked_targets_are_separate_targets(problem, monkeypatch) -> None:
    X, y = problem(n_targets=150)
    stacked = RidgeCV(ALPHAS, store_cv_predictions=True).fit(X, y)
    monkeypatch.setattr("recortex.linear.ridge._TILE_BYTES", 1)  # tiles of 64 targets
    tiled = RidgeCV(ALPHAS, store_cv_predictions=True).fit(X, y)
    same_fit(stacked, tiled, 1e-9)
    np.testing.assert_allclose(tiled.cv_predictions_, stacked.cv_predictions_, rtol=1e-9)
    for target in (0, 70, 149):
        single = RidgeCV(ALPHAS, store_cv_predictions=True).fit(X, y[:, target])
        assert single.coef_.shape == (X.shape[1],) and np.ndim(single.intercept_) == 0
        assert single.best_alphas_ == stacked.best_alphas_[target]
        np.testing.assert_allclose(single.coef_, stacked.coef_[target], rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(single.predict(X), stacked.predict(X)[:, target], rtol=1e-8)
        np.testing.assert_allclose(single.cv_predictions_, stacked.cv_predictions_[:, target], rtol=1e-8)


@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_float32_stays_and_agrees(problem, solver) -> None:
    X, y = problem(200, 40, 30)
    narrow = RidgeCV(ALPHAS, solver=solver, store_cv_predictions=True).fit(X.astype("f4"), y.astype("f4"))
    wide = RidgeCV(ALPHAS, solver=solver).fit(X, y)
    assert narrow.intercept_.dtype == np.float64  # stored weights must apply to data with a large mean
    for value in (narrow.coef_, narrow.cv_predictions_, narrow.predict(X.astype("f4"))):
        assert value.dtype == np.float32
    assert narrow.cv_scores_.dtype == wide.coef_.dtype == np.float64
    np.testing.assert_array_equal(narrow.best_alphas_, wide.best_alphas_)
    np.testing.assert_allclose(narrow.coef_, wide.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(narrow.cv_scores_, wide.cv_scores_, rtol=1e-5)


@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("shape", SHAPES)
def test_alpha_zero_is_least_squares_of_smallest_norm(problem, shape, solver) -> None:
    X, y = problem(*shape)
    X = np.c_[X, X[:, :3], np.full(len(X), 7.0)]
    model = RidgeCV([0.0], solver=solver).fit(X, y)
    expected = np.linalg.lstsq(X - X.mean(0), y - y.mean(0), rcond=1e-10)[0].T
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-6, atol=1e-8)
    assert model.cv_scores_.shape == (1, y.shape[1])


def test_ties_go_to_the_larger_alpha(problem) -> None:
    X, y = problem()
    for alphas in [(1.0, 100.0, 10.0), (100.0, 1.0)]:
        assert (RidgeCV(alphas).fit(np.zeros_like(X), y).best_alphas_ == 100.0).all()


@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_constant_features_and_targets(problem, solver) -> None:
    X, y = problem()
    model = RidgeCV(ALPHAS, solver=solver, scale_features=True).fit(np.full_like(X, 0.1), np.full_like(y, 0.3))
    np.testing.assert_allclose(model.predict(X), np.full_like(y, 0.3))


def test_rows_outside_of_folds_are_in_the_final_fit(problem) -> None:
    X, y = problem()
    cv = [(np.arange(20), np.arange(20, 30))]
    model = RidgeCV([1.0], cv, store_cv_predictions=True).fit(X, y)
    np.testing.assert_allclose(model.coef_, Ridge(1.0).fit(X, y).coef_, rtol=1e-8)
    tested = ~np.isnan(model.cv_predictions_[:, 0])
    np.testing.assert_array_equal(np.flatnonzero(tested), cv[0][1])


def test_inputs_are_left_alone(problem) -> None:
    X, y = problem()
    copies = X.copy(), y.copy()
    RidgeCV(scale_features=True, solver="dual").fit(X, y)
    np.testing.assert_array_equal(X, copies[0])
    np.testing.assert_array_equal(y, copies[1])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_features_constant_in_one_training_set_have_scale_one(problem, solver, dtype) -> None:
    X, y = (a.astype(dtype) for a in problem(60, 12))
    X[12:, 0] = 0.7  # varies in the first fold only, which the first training set lacks
    model = RidgeCV(ALPHAS, solver=solver, scale_features=True).fit(X, y)
    train = np.arange(12, 60)
    scale = np.r_[1.0, X[train, 1:].std(0)]
    first = RidgeCV(ALPHAS, [(train, np.arange(12))], scale_features=True, solver=solver).fit(X, y)
    expected, _ = refits(X / scale, y, [(train, np.arange(12))], ALPHAS, True, False)
    np.testing.assert_allclose(first.cv_scores_, expected, rtol=1e-4 if dtype == "f4" else 1e-8)
    other = RidgeCV(ALPHAS, solver="primal", scale_features=True).fit(X.astype(float), y.astype(float))
    np.testing.assert_allclose(model.cv_scores_, other.cv_scores_, rtol=1e-4 if dtype == "f4" else 1e-8)
