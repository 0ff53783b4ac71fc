"""Laws that hold for every way to choose: of rows in another order, constants, units of measurement, weights, devices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneGroupOut

from recortex.linear import BandedRidgeCV, RidgeCV, SufficientStatistics, variance_partition

ALPHAS = np.array([0.01, 1.0, 30.0, 1e3])
SHAPES = {"primal": (48, 12), "dual": (30, 60)}
WEIGHTS = np.array([[1, 1, 1], [8, 1, 1], [0, 1, 3]]) / [[3], [10], [4]]
# how -> an estimator with alphas and folds; those with one band or three
KINDS = {
    **{
        f"{selection} {solver}": (
            solver,
            lambda alphas, cv, s=selection, v=solver, **more: RidgeCV(alphas, cv, selection=s, solver=v, **more),
        )
        for selection in ("kfold", "gcv", "loo", "gcv+kfold")
        for solver in SHAPES
    },
    **{
        f"banded {selection} {shape}": (
            shape,
            lambda alphas, cv, s=selection, p=SHAPES[shape][1], **more: BandedRidgeCV(
                np.arange(p) % 3, alphas, cv, selection=s, candidates=WEIGHTS, **more
            ),
        )
        for selection in ("kfold", "gcv", "gcv+kfold")
        for shape in SHAPES
    },
    "banded gradient": ("primal", lambda *words, **more: gradient(12, *words, **more)),
}


def gradient(n_features: int, alphas: np.ndarray, cv, **more) -> BandedRidgeCV:
    """A short search downhill."""
    return BandedRidgeCV(np.arange(n_features) % 3, alphas, cv, candidates=WEIGHTS, search="gradient", n_steps=6, **more)


every_kind = pytest.mark.parametrize("kind", KINDS)


def of(kind: str, problem) -> tuple:
    """Its maker, a problem of its shape, and a fold for each row."""
    shape, make = KINDS[kind]
    X, y = problem(*SHAPES[shape])
    return make, X, y, np.arange(len(X)) // (len(X) // 4)


def folds(fold: np.ndarray) -> list:
    return list(LeaveOneGroupOut().split(fold, groups=fold))


def rounded(values: np.ndarray, dtype: str) -> np.ndarray:
    """Unit variance, and multiples of 2^-9 below 4: exact in float32 with 2^13 added."""
    return (np.round(np.clip(values / values.std(axis=0), -3.9, 3.9) * 512) / 512).astype(dtype)


def same(one: RidgeCV, other: RidgeCV, close: float, coef: float = 1.0, scores: float = 1.0, alphas: float = 1.0) -> None:
    """Equal choices and weights; `coef`, `scores` and `alphas` are what those of the first are multiplied by."""
    np.testing.assert_allclose(other.best_alphas_, one.best_alphas_ * alphas, rtol=1e-6)
    if isinstance(one, BandedRidgeCV):
        np.testing.assert_allclose(other.band_weights_, one.band_weights_, rtol=1e-6)
    scored = ~np.isnan(one.cv_scores_)
    np.testing.assert_array_equal(~np.isnan(other.cv_scores_), scored)
    np.testing.assert_allclose(other.cv_scores_[scored] / scores, one.cv_scores_[scored], rtol=close)
    size = np.abs(one.coef_).max()
    np.testing.assert_allclose(other.coef_ / coef, one.coef_, rtol=close, atol=close * size)


@every_kind
def test_order_of_rows_within_groups_does_not_matter(kind, problem) -> None:
    make, X, y, fold = of(kind, problem)
    order = np.random.default_rng(5).permutation(len(X))
    one, other = (make(ALPHAS, folds(fold[rows])).fit(X[rows], y[rows]) for rows in (np.arange(len(X)), order))
    same(one, other, 1e-8)
    np.testing.assert_allclose(other.intercept_, one.intercept_, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("selection", ["kfold", "loo"])
def test_order_of_rows_and_names_of_groups_do_not_matter(selection, problem) -> None:
    X, y = problem()
    groups = np.random.default_rng(2).permutation(np.arange(60) // 4)
    order = np.random.default_rng(5).permutation(60)
    cv = [(np.flatnonzero(groups != group), np.flatnonzero(groups == group)) for group in np.unique(groups)]
    place = np.argsort(order)
    turned = [(np.sort(place[train]), np.sort(place[test])) for train, test in cv]
    one = RidgeCV(ALPHAS, cv, selection=selection).fit(X, y, groups)
    other = RidgeCV(ALPHAS, turned, selection=selection).fit(X[order], y[order], np.array([f"g{40 - g}" for g in groups[order]]))
    same(one, other, 1e-8)


@pytest.mark.parametrize("constant", [2.0**13, 1.0, 2.0**-13])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@every_kind
def test_constants_change_nothing(kind, problem, dtype, constant) -> None:
    make, X, y, fold = of(kind, problem)
    X, y = rounded(X, dtype), rounded(y, dtype)
    plain = make(ALPHAS, folds(fold)).fit(X, y)
    moved = make(ALPHAS, folds(fold)).fit(X + np.dtype(dtype).type(constant), y - np.dtype(dtype).type(constant))
    same(plain, moved, 1e-4 if dtype == "f4" else 1e-8)


# features in a millionth and a million of their unit, responses in tesla, and both
@pytest.mark.parametrize(("by_x", "by_y"), [(2.0**-20, 1.0), (2.0**20, 1.0), (1.0, 2.0**-43), (2.0**-10, 2.0**30)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@every_kind
def test_units_of_measurement_change_nothing_but_alphas(kind, problem, dtype, by_x, by_y) -> None:
    make, X, y, fold = of(kind, problem)
    X, y = X.astype(dtype), y.astype(dtype)
    one = make(ALPHAS, folds(fold)).fit(X, y)
    other = make(ALPHAS * by_x**2, folds(fold)).fit(X * X.dtype.type(by_x), y * y.dtype.type(by_y))
    same(one, other, 1e-4 if dtype == "f4" else 1e-9, by_y / by_x, by_y**2, by_x**2)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "banded gradient"])  # it descends in squared error alone
def test_scores_of_r2_have_no_unit(kind, problem, dtype) -> None:
    make, X, y, fold = of(kind, problem)
    X, y = X.astype(dtype), y.astype(dtype)
    one = make(ALPHAS, folds(fold), scoring="r2").fit(X, y)
    other = make(ALPHAS, folds(fold), scoring="r2").fit(X, y * y.dtype.type(2.0**-43))
    np.testing.assert_array_equal(other.best_alphas_, one.best_alphas_)
    np.testing.assert_allclose(other.cv_scores_, one.cv_scores_, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale_features", [False, True])
@every_kind
def test_weights_are_duplicates(kind, problem, scale_features) -> None:
    make, X, y, fold = of(kind, problem)
    weight = np.random.default_rng(2).integers(0, 4, len(X))
    rows = np.repeat(np.arange(len(X)), weight)
    one = make(ALPHAS, folds(fold), scale_features=scale_features).fit(X, y, sample_weight=weight)
    other = make(ALPHAS, folds(fold[rows]), scale_features=scale_features).fit(X[rows], y[rows])
    same(one, other, 1e-7)
    np.testing.assert_allclose(other.intercept_, one.intercept_, rtol=1e-7, atol=1e-8)


@every_kind
def test_all_weights_times_two_are_alphas_times_two(kind, problem) -> None:
    make, X, y, fold = of(kind, problem)
    weight = np.random.default_rng(3).uniform(0.5, 2.0, len(X))
    one = make(ALPHAS, folds(fold)).fit(X, y, sample_weight=weight)
    other = make(2 * ALPHAS, folds(fold)).fit(X, y, sample_weight=2 * weight)
    same(one, other, 1e-8, alphas=2.0)


@every_kind
def test_a_target_is_chosen_for_by_itself(kind, problem) -> None:
    make, X, y, fold = of(kind, problem)
    whole = make(ALPHAS, folds(fold)).fit(X, y)
    for target in range(y.shape[1]):
        alone = make(ALPHAS, folds(fold)).fit(X, y[:, target])
        np.testing.assert_array_equal(alone.best_alphas_, whole.best_alphas_[[target]])
        np.testing.assert_allclose(alone.coef_, whole.coef_[target], rtol=1e-8, atol=1e-10)


def test_zeros_of_either_sign_are_one_number(problem) -> None:
    X, y = problem(30, 4)
    X[:, 0] = 0.0
    X = np.repeat(X, 2, axis=0)
    y = np.repeat(y, 2, axis=0) + np.random.default_rng(0).standard_normal((60, y.shape[1]))
    negative = X.copy()
    negative[::2, 0] = -0.0
    for selection in ("gcv", "loo"):
        one, other = (RidgeCV(ALPHAS, selection=selection).fit(values, y) for values in (X, negative))
        same(one, other, 1e-9)


def test_rounding_does_not_lead_the_gradient_search_where_features_outnumber_rows(problem) -> None:
    for seed in range(3):
        X, y = problem(30, 60, seed=seed)
        one = gradient(60, ALPHAS, 4).fit(X, y)
        other = gradient(60, 2 * ALPHAS, 4).fit(X, y, sample_weight=np.full(30, 2.0))
        same(one, other, 1e-6, alphas=2.0)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_bands_are_those_of_refits_without_the_group(problem, weighted, fit_intercept) -> None:
    X, y = problem(48, 12)
    bands, fold = np.arange(12) % 3, np.random.default_rng(4).permutation(np.arange(48) // 8)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, 48) if weighted else np.ones(48)
    model = BandedRidgeCV(bands, ALPHAS, folds(fold), candidates=WEIGHTS, fit_intercept=fit_intercept)
    model.fit(X, y, sample_weight=weight)
    expected = np.zeros((len(WEIGHTS), len(ALPHAS), y.shape[1]))
    for train, test in folds(fold):
        for number, gamma in enumerate(WEIGHTS):
            Z = X * np.sqrt(gamma)[bands]
            for place, alpha in enumerate(ALPHAS):
                refit = Ridge(alpha, fit_intercept=fit_intercept, solver="cholesky").fit(Z[train], y[train], weight[train])
                expected[number, place] -= np.average((y[test] - refit.predict(Z[test])) ** 2, 0, weight[test]) / 6
    flat = expected.reshape(-1, y.shape[1])
    np.testing.assert_allclose(model.cv_scores_, flat.max(axis=0), rtol=1e-8)
    number, place = np.unravel_index(flat.argmax(axis=0), expected.shape[:2])
    np.testing.assert_array_equal(model.best_alphas_, ALPHAS[place])
    np.testing.assert_allclose(model.band_weights_, WEIGHTS[number], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("fields", [{}, {"scale_features": True}, {"search": "gradient", "n_steps": 5}], ids=str)
@pytest.mark.parametrize("selection", ["kfold", "gcv", "gcv+kfold"])
def test_bands_through_torch_are_those_of_numpy(problem, selection, fields, dtype) -> None:
    X, y = (values.astype(dtype) for values in problem(48, 12))
    words = {"bands": np.arange(12) % 3, "alphas": ALPHAS, "candidates": WEIGHTS, "selection": selection, **fields}
    weight = np.random.default_rng(1).uniform(0.5, 2.0, 48)
    here, there = (BandedRidgeCV(**words, device=device).fit(X, y, sample_weight=weight) for device in (None, "cpu"))
    close = 1e-3 if dtype == "f4" else 1e-8
    for name in ("coef_", "intercept_", "band_weights_", "best_alphas_"):
        one, other = getattr(here, name), getattr(there, name)
        assert isinstance(other, np.ndarray) and other.dtype == one.dtype
        np.testing.assert_allclose(other, one, rtol=close, atol=close * np.abs(one).max(), err_msg=name)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_partition_through_torch_is_that_of_numpy(problem, dtype) -> None:
    X, y = (values.astype(dtype) for values in problem(60, 12))
    bands = {"a": slice(0, 5), "b": np.arange(5, 9), "c": np.arange(12) > 8}

    def parted(wrap):
        parts = [SufficientStatistics.from_rows(wrap(X[rows]), wrap(y[rows])) for rows in np.split(np.arange(60), 5)]
        return variance_partition(parts[:4], parts[4], bands, ALPHAS)

    here, there = parted(lambda values: values), parted(torch.asarray)
    assert isinstance(there.r2, np.ndarray)
    np.testing.assert_array_equal(here.best_alphas, there.best_alphas)
    np.testing.assert_allclose(there.r2, here.r2, rtol=1e-4 if dtype == "f4" else 1e-9, atol=1e-5 if dtype == "f4" else 1e-10)


def test_a_partition_forgets_units_constants_and_the_order_of_bands(problem) -> None:
    X, y = problem(60, 12)
    bands = {"a": np.arange(5), "b": np.arange(5, 9), "c": np.arange(9, 12)}

    def parted(X, y, bands, **words):
        parts = [SufficientStatistics.from_rows(X[rows], y[rows]) for rows in np.split(np.arange(60), 5)]
        return variance_partition(parts[:4], parts[4], bands, ALPHAS, **words)

    plain = parted(X, y, bands)
    moved = parted(X + 1e4, 1e-13 * (y + 3e4), bands)
    np.testing.assert_allclose(moved.r2, plain.r2, atol=1e-6)
    turned = parted(X, y, dict(reversed(bands.items())))
    for subset in plain.subsets:
        np.testing.assert_allclose(turned.of(*subset), plain.of(*subset), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(turned.shapley[::-1], plain.shapley, rtol=1e-8, atol=1e-11)
    units = np.random.default_rng(6).uniform(1e-3, 1e3, 12)
    one, other = (parted(values, y, bands, scale_features=True) for values in (X, X * units))
    np.testing.assert_allclose(other.r2, one.r2, rtol=1e-7, atol=1e-9)
