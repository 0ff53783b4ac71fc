"""Calibration restores the spread of targets, from training data, and leaves noise alone."""

import numpy as np
import pytest

from recortex.linear import CalibratedRidgeCV, RidgeCV


def noisy(n_rows: int = 400, n_noise: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Three targets with signal, then targets without any."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, 20))
    signal = X @ rng.standard_normal((20, 3)) + 6 * rng.standard_normal((n_rows, 3)) + 50
    return X, np.c_[signal, 3 * rng.standard_normal((n_rows, n_noise)) + 10]


def test_out_of_fold_predictions_get_mean_and_spread() -> None:
    X, y = noisy()
    model = CalibratedRidgeCV(store_cv_predictions=True, min_correlation=0.0).fit(X, y)
    calibrated = model.cv_predictions_ * model.calibration_slope_ + model.calibration_offset_
    done = model.calibrated_
    np.testing.assert_allclose(calibrated.mean(0)[done], y.mean(0)[done], rtol=1e-10)
    np.testing.assert_allclose(calibrated.std(0)[done], y.std(0)[done], rtol=1e-10)


def test_new_predictions_spread_like_targets() -> None:
    X, y = noisy(800)
    model = CalibratedRidgeCV().fit(X[:400], y[:400])
    raw, calibrated = model.predict_raw(X[400:])[:, :3], model.predict(X[400:])[:, :3]
    assert (raw.std(0) < 0.75 * y[:, :3].std(0)).all()
    np.testing.assert_allclose(calibrated.std(0), y[:, :3].std(0), rtol=0.2)
    # An affine map per target changes no correlation.
    for before, after in zip(raw.T, calibrated.T, strict=True):
        assert np.corrcoef(before, after)[0, 1] == pytest.approx(1.0)


def test_one_image_is_decoded_alone() -> None:
    X, y = noisy()
    model = CalibratedRidgeCV().fit(X, y)
    np.testing.assert_allclose(model.predict(X[:1]), model.predict(X)[:1], rtol=1e-10)


def test_targets_without_signal_are_not_blown_up() -> None:
    X, y = noisy()
    model = CalibratedRidgeCV().fit(X, y)
    assert model.calibrated_[:3].all() and model.calibrated_[3:].mean() <= 0.1
    kept = ~model.calibrated_
    np.testing.assert_array_equal(model.calibration_slope_[kept], 1.0)
    np.testing.assert_array_equal(model.predict(X)[:, kept], model.predict_raw(X)[:, kept])


def test_regression_shrinks_what_is_not_predicted() -> None:
    X, y = noisy()
    model = CalibratedRidgeCV(calibration="regression", store_cv_predictions=True).fit(X, y)
    for target in range(y.shape[1]):
        slope, offset = np.polyfit(model.cv_predictions_[:, target], y[:, target], 1)
        if slope > 0:
            np.testing.assert_allclose(model.calibration_slope_[target], slope, rtol=1e-6)
            np.testing.assert_allclose(model.calibration_offset_[target], offset, rtol=1e-6, atol=1e-8)
        else:
            assert model.calibration_slope_[target] == 0.0
            np.testing.assert_allclose(model.calibration_offset_[target], y[:, target].mean())


def test_none_is_the_ridge() -> None:
    X, y = noisy()
    model, ridge = CalibratedRidgeCV(calibration="none").fit(X, y), RidgeCV().fit(X, y)
    np.testing.assert_array_equal(model.predict(X), ridge.predict(X))
    np.testing.assert_array_equal(model.coef_, ridge.coef_)


@pytest.mark.parametrize("calibration", ["variance", "regression"])
def test_weights_are_duplicates(calibration) -> None:
    X, y = noisy(100)
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    rows, fold = np.repeat(np.arange(len(X)), weight), np.arange(len(X)) // 25

    def fit(rows, sample_weight=None):
        cv = [(np.flatnonzero(fold[rows] != k), np.flatnonzero(fold[rows] == k)) for k in range(4)]
        return CalibratedRidgeCV(cv=cv, calibration=calibration).fit(X[rows], y[rows], sample_weight=sample_weight)

    weighted, repeated = fit(np.arange(len(X)), weight), fit(rows)
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-8)
    np.testing.assert_allclose(weighted.cv_correlation_, repeated.cv_correlation_, rtol=1e-6, atol=1e-9)


def test_groups_count_once_for_the_least_correlation() -> None:
    # Ten identical repeats of each stimulus are no more evidence than one.
    X, y = noisy(40)
    rows = np.repeat(np.arange(40), 10)
    model = CalibratedRidgeCV().fit(X[rows], y[rows], groups=rows)
    np.testing.assert_array_equal(model.calibrated_, model.cv_correlation_ >= 1.645 / np.sqrt(40))


def test_constant_and_partly_tested_targets() -> None:
    X, y = noisy(60, 1)
    y[:, -1] = 4.0
    model = CalibratedRidgeCV(cv=[(np.arange(40), np.arange(45, 60))]).fit(X, y)
    assert not model.calibrated_[-1] and np.isfinite(model.predict(X)).all()
    np.testing.assert_allclose(model.predict(X)[:, -1], 4.0)


def test_unknown_calibration_is_refused() -> None:
    with pytest.raises(ValueError, match="calibration must be"):
        CalibratedRidgeCV(calibration="z-score").fit(*noisy())
