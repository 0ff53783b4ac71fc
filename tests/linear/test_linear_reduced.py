"""Ridge on some directions is ridge on those coordinates, and its weights are weights of the features."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from recortex.errors import InvalidInput
from recortex.linear import ReducedRidgeCV, RidgeCV

ALPHAS = (0.1, 10.0, 1e3)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("components", [3, 40])
def test_principal_components_are_scikit_learns(problem, components, fit_intercept) -> None:
    X, y = problem(80, 60)
    X = X * np.geomspace(10, 0.1, 60)
    X = X if fit_intercept else X - X.mean(axis=0)
    model = ReducedRidgeCV(components, alphas=ALPHAS, fit_intercept=fit_intercept).fit(X, y)
    coordinates = PCA(components, svd_solver="full").fit(X).transform(X)
    expected = RidgeCV(ALPHAS, fit_intercept=fit_intercept).fit(coordinates, y)
    np.testing.assert_array_equal(model.best_alphas_, expected.best_alphas_)
    np.testing.assert_allclose(model.predict(X), expected.predict(coordinates), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.predict(X), X @ model.coef_.T + model.intercept_, rtol=1e-7, atol=1e-8)
    assert model.coef_.shape == (7, 60) and model.directions_.shape == (components, 60) and model.n_features_in_ == 60


def test_all_components_are_plain_ridge(problem) -> None:
    X, y = problem()
    np.testing.assert_allclose(
        ReducedRidgeCV(12, alphas=ALPHAS).fit(X, y).coef_, RidgeCV(ALPHAS).fit(X, y).coef_, rtol=1e-7, atol=1e-9
    )


def test_scaling_forgets_units_and_random_directions_keep_what_can_be_predicted() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((300, 5))
    X = hidden @ rng.standard_normal((5, 2000)) + rng.standard_normal((300, 2000))
    y = hidden @ rng.standard_normal((5, 4)) + 0.1 * rng.standard_normal((300, 4))
    units = rng.uniform(0.01, 100, 2000)
    for directions in ("pca", "random"):
        settings = {"components": 150, "directions": directions, "alphas": np.logspace(-1, 6, 8), "scale_features": True}
        one = ReducedRidgeCV(**settings).fit(X[:200], y[:200])
        other = ReducedRidgeCV(**settings).fit(X[:200] * units, y[:200])
        np.testing.assert_allclose(other.predict(X[200:] * units), one.predict(X[200:]), rtol=1e-6, atol=1e-7)
        assert one.scale_features
        assert np.mean((one.predict(X[200:]) - y[200:]) ** 2) < 0.1 * y.var()


def test_other_directions_are_refused(problem) -> None:
    with pytest.raises(InvalidInput, match="pca, random"):
        ReducedRidgeCV(directions="ica").fit(*problem())
