"""Every estimator is a scikit-learn estimator, and the ridge is himalaya's."""

import numpy as np
import pytest
from himalaya.backend import set_backend
from himalaya.ridge import RidgeCV as HimalayaRidgeCV
from sklearn.model_selection import KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from recortex.linear import BandedRidgeCV, CalibratedRidgeCV, ReducedRidgeCV, RidgeCV

ESTIMATORS = [
    RidgeCV(),
    RidgeCV(solver="dual"),
    RidgeCV(solver="dual", scale_features=True, store_cv_predictions=True),
    CalibratedRidgeCV(),
    CalibratedRidgeCV(calibration="regression"),
    RidgeCV(selection="loo", scoring="r2"),
    RidgeCV(selection="gcv"),
    RidgeCV(selection="gcv+kfold", scoring="r", solver="dual"),
    BandedRidgeCV(),
    ReducedRidgeCV(),
    ReducedRidgeCV(directions="random", scale_features=True),
    BandedRidgeCV(search="gradient", n_steps=2),
]


@pytest.mark.filterwarnings("ignore:.*array_api:UserWarning")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check) -> None:
    check(estimator)


@pytest.mark.filterwarnings("ignore:Solving ridge is slower")
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("shape", [(400, 60, 2000), (90, 400, 1000)])
def test_himalaya(shape, fit_intercept) -> None:
    set_backend("numpy")
    rng = np.random.default_rng(0)
    n_rows, n_features, n_targets = shape
    X = rng.standard_normal((n_rows, n_features)).astype("f4")
    weights = rng.standard_normal((n_features, n_targets)) * rng.uniform(0, 1, n_targets) / np.sqrt(n_features)
    y = (X @ weights + rng.standard_normal((n_rows, n_targets))).astype("f4")
    alphas, cv = np.logspace(0, 5, 10), KFold(5)
    theirs = HimalayaRidgeCV(alphas, cv=cv, fit_intercept=fit_intercept).fit(X, y)
    ours = RidgeCV(alphas, cv, fit_intercept=fit_intercept).fit(X, y)
    equal = np.isclose(ours.best_alphas_, theirs.best_alphas_, rtol=1e-4)
    assert equal.mean() >= 0.999
    np.testing.assert_allclose(ours.cv_scores_.max(axis=0), theirs.cv_scores_, rtol=1e-4)
    difference = np.linalg.norm((ours.coef_.T - theirs.coef_)[:, equal])
    assert difference <= 1e-4 * np.linalg.norm(theirs.coef_[:, equal])
