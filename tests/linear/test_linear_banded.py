"""Banded ridge: a weighting of bands is ridge on weighted columns, found where it was planted."""

import numpy as np
import pytest
from himalaya.backend import set_backend
from himalaya.ridge import GroupRidgeCV
from sklearn.model_selection import GroupKFold, KFold

from recortex.errors import InvalidInput
from recortex.linear import BandedRidgeCV, RidgeCV
from recortex.linear.atom_rows import AtomRows
from recortex.linear.descent import _Fold

ALPHAS = (0.1, 3.0, 100.0)
BANDS = np.array(["a"] * 5 + ["c"] * 9 + ["b"] * 4)
WEIGHTS = np.array([[1, 1, 1], [0.7, 0.1, 0.2], [0, 1, 0]]) / [[3], [1], [1]]


def made(n_rows: int = 120, n_targets: int = 6, seed: int = 0, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Targets that hear band a alone, band b alone, both, all, all, and none."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, 18)) + rng.uniform(-2, 2, 18)
    weights = rng.standard_normal((18, n_targets))
    for target, heard in enumerate(["a", "b", "ab", "abc", "abc", ""][:n_targets]):
        weights[~np.isin(BANDS, list(heard) or [""]), target] = 0
    return X, X @ weights + noise * rng.standard_normal((n_rows, n_targets)) + 3


def by_hand(X, y, weights, **settings):
    """Ridge on weighted columns for every candidate, and the best of them."""
    fits = [RidgeCV(ALPHAS, **settings).fit(X * np.sqrt(w)[np.unique(BANDS, return_inverse=True)[1]], y) for w in weights]
    scores = np.array([np.nanmax(fit.cv_scores_, axis=0) for fit in fits])
    place = scores.argmax(axis=0)
    gains = np.sqrt(weights)[place][:, np.unique(BANDS, return_inverse=True)[1]]
    coef = np.array([fits[number].coef_[target] for target, number in enumerate(place)]) * gains
    return place, scores.max(axis=0), coef


@pytest.mark.parametrize("selection", ["kfold", "gcv", "gcv+kfold"])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_candidates_are_ridge_on_weighted_columns(fit_intercept, selection) -> None:
    X, y = made()
    settings = {"selection": selection, "fit_intercept": fit_intercept, "solver": "primal"}
    place, scores, coef = by_hand(X, y, WEIGHTS, **settings)
    del settings["solver"]
    model = BandedRidgeCV(BANDS, ALPHAS, candidates=WEIGHTS, **settings).fit(X, y)
    np.testing.assert_array_equal(model.bands_, ["a", "b", "c"])
    np.testing.assert_allclose(model.band_weights_, WEIGHTS[place], rtol=1e-12)
    np.testing.assert_allclose(model.cv_scores_, scores, rtol=1e-8)
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.predict(X), X @ coef.T + model.intercept_, rtol=1e-8)


@pytest.mark.parametrize("search", ["random", "gradient"])
def test_bands_of_more_features_than_rows_are_the_same_for_less(search) -> None:
    rng = np.random.default_rng(4)
    X, bands = rng.standard_normal((30, 130)) + 2, np.where(rng.permutation(130) < 100, "wide", "narrow")
    y = X[:, bands == "wide"][:, :40] @ rng.standard_normal((40, 3)) + rng.standard_normal((30, 3))
    model = BandedRidgeCV(bands, (10.0, 100.0), candidates=[[0.5, 0.5], [0.1, 0.9]], search=search, n_steps=3).fit(X, y)
    Z, targets = X - X.mean(axis=0), y - y.mean(axis=0)
    for target in range(3):
        penalty = np.diag(np.where(bands == "wide", *(model.best_alphas_[target] / model.band_weights_[target])[::-1]))
        expected = np.linalg.solve(Z.T @ Z + penalty, Z.T @ targets[:, target])
        np.testing.assert_allclose(model.coef_[target], expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.predict(X), X @ model.coef_.T + model.intercept_, rtol=1e-8)
    with pytest.raises(InvalidInput, match="scale_features cannot"):
        BandedRidgeCV(bands, scale_features=True).fit(X, y)


def test_one_band_is_plain_ridge() -> None:
    X, y = made()
    plain, banded = RidgeCV(ALPHAS, scale_features=True).fit(X, y), BandedRidgeCV(None, ALPHAS, scale_features=True).fit(X, y)
    np.testing.assert_allclose(banded.coef_, plain.coef_, rtol=1e-9)
    np.testing.assert_allclose(banded.cv_scores_, plain.cv_scores_.max(axis=0), rtol=1e-10)
    np.testing.assert_array_equal(banded.band_weights_, np.ones((6, 1)))


def test_scaling_comes_before_weighting() -> None:
    X, y = made()
    units = np.random.default_rng(1).uniform(0.01, 100, 18)
    one = BandedRidgeCV(BANDS, ALPHAS, candidates=WEIGHTS, scale_features=True).fit(X, y)
    other = BandedRidgeCV(BANDS, ALPHAS, candidates=WEIGHTS, scale_features=True).fit(X * units, y)
    np.testing.assert_allclose(other.coef_ * units, one.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(one.band_weights_, other.band_weights_)


@pytest.mark.parametrize("search", ["random", "gradient"])
def test_planted_bands_are_found(search) -> None:
    X, y = made(400)
    model = BandedRidgeCV(BANDS, np.logspace(-2, 4, 13), search=search, candidates=60).fit(X, y)
    plain = RidgeCV(np.logspace(-2, 4, 13)).fit(X, y)
    a, b, c = model.band_weights_.T
    assert a[0] > 0.95 and b[1] > 0.95 and c[2] < 0.05
    assert (model.cv_scores_[:3] > plain.cv_scores_.max(axis=0)[:3]).all()
    np.testing.assert_allclose(model.band_weights_.sum(axis=1), 1, rtol=1e-9)


def test_the_gradient_is_the_difference_quotient() -> None:
    X, y = made(60)
    folds = [(np.arange(40), np.arange(40, 60))]
    data = AtomRows.build(X, X.mean(axis=0), None, folds, None)
    fold = _Fold.of(data.features(), data.tile(y, y.mean(axis=0)), *data.sides[0], True, True)
    band = np.unique(BANDS, return_inverse=True)[1]
    penalty = np.random.default_rng(3).uniform(-1, 4, (3, 6))
    _, slope = fold.error(penalty, band)
    for number in range(3):
        away = np.zeros((3, 6))
        away[number] = 1e-3
        quotient = (fold.error(penalty + away, band)[0] - fold.error(penalty - away, band)[0]) / 2e-3
        np.testing.assert_allclose(slope[number], quotient, rtol=2e-3, atol=1e-4)


def test_the_gradient_search_only_improves_and_solves_what_it_says() -> None:
    X, y = made(80)
    settings = {"alphas": ALPHAS, "candidates": 4}
    random = BandedRidgeCV(BANDS, **settings).fit(X, y)
    model = BandedRidgeCV(BANDS, search="gradient", **settings).fit(X, y)
    assert (model.cv_scores_ >= random.cv_scores_ - 1e-3 * np.abs(random.cv_scores_)).all()
    assert (model.cv_scores_ > random.cv_scores_ * (1 - 1e-3)).sum() >= 4
    band = np.unique(BANDS, return_inverse=True)[1]
    Z, targets = X - X.mean(axis=0), y - y.mean(axis=0)
    for target in range(6):
        penalty = np.diag((model.best_alphas_[target] / model.band_weights_[target])[band])
        expected = np.linalg.solve(Z.T @ Z + penalty, Z.T @ targets[:, target])
        np.testing.assert_allclose(model.coef_[target], expected, rtol=1e-6, atol=1e-8)


def test_himalaya_finds_no_better_weights() -> None:
    set_backend("numpy")
    X, y = made(200, seed=2)
    X, y = X - X.mean(axis=0), y - y.mean(axis=0)
    alphas, cv = np.logspace(-2, 4, 13), KFold(4)
    params = {"alphas": alphas, "n_iter": 100, "progress_bar": False}
    theirs = GroupRidgeCV(groups=np.unique(BANDS, return_inverse=True)[1], cv=cv, random_state=0, solver_params=params).fit(X, y)
    ours = BandedRidgeCV(BANDS, alphas, cv, candidates=100, fit_intercept=False).fit(X, y)
    best = np.asarray(theirs.cv_scores_).max(axis=0)
    np.testing.assert_allclose(ours.cv_scores_, best, rtol=0.02)


def test_groups_and_tiles_and_seeds() -> None:
    X, y = made(n_targets=6)
    groups = np.arange(120) // 4
    one = BandedRidgeCV(BANDS, ALPHAS, candidates=10).fit(X, np.tile(y, 30), groups)
    small = BandedRidgeCV(BANDS, ALPHAS, list(GroupKFold(5).split(X, y, groups)), candidates=10, memory_limit=1).fit(
        X, np.tile(y, 30)
    )
    np.testing.assert_allclose(one.coef_, small.coef_, rtol=1e-9)
    np.testing.assert_allclose(one.coef_[:6], one.coef_[-6:], rtol=1e-9)
    other = BandedRidgeCV(BANDS, ALPHAS, candidates=10, random_state=1).fit(X, y)
    assert not np.array_equal(other.band_weights_, one.band_weights_[:6])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"search": "grid"}, "search must be one of"),
        ({"selection": "loo"}, "selection kfold"),
        ({"bands": [0, 1]}, "each of 18 features"),
        ({"candidates": [[1, 2]]}, "rows of 3 weights"),
        ({"candidates": [[0, 0, 0]]}, "not all 0"),
        ({"alphas": [-1]}, ">= 0"),
    ],
)
def test_wrong_settings_are_refused(fields, words) -> None:
    with pytest.raises(InvalidInput, match=words):
        BandedRidgeCV(**{"bands": BANDS} | fields).fit(*made())
