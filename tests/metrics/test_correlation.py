"""Correlation, R2 and explained variance against SciPy and scikit-learn, and what tells them apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr
from sklearn.metrics import explained_variance_score, r2_score

from recortex.errors import InvalidInput
from recortex.metrics import (
    correlation,
    correlation_matrix,
    explained_variance,
    r2,
    row_correlation,
    unit_correlation,
)

SCORES = [unit_correlation, r2, explained_variance]
responses = arrays(np.float64, (12, 3), elements=st.floats(-100, 100, width=32))
factors = st.floats(0.01, 100)
offsets = st.floats(-1e4, 1e4)


def noisy_pair(n_trial: int = 60, n_unit: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    measured = rng.normal(size=(n_trial, n_unit))
    return measured, 0.5 * measured + rng.normal(size=(n_trial, n_unit)) + 0.3


def test_unit_correlation_equals_scipy():
    measured, predicted = noisy_pair()
    expected = [pearsonr(y, p).statistic for y, p in zip(measured.T, predicted.T, strict=True)]
    np.testing.assert_allclose(unit_correlation(measured, predicted), expected, rtol=1e-13)


def test_r2_and_explained_variance_equal_scikit_learn():
    measured, predicted = noisy_pair()
    raw = {"multioutput": "raw_values"}
    np.testing.assert_allclose(r2(measured, predicted), r2_score(measured, predicted, **raw), rtol=1e-12)
    np.testing.assert_allclose(
        explained_variance(measured, predicted),
        explained_variance_score(measured, predicted, **raw),
        rtol=1e-12,
    )


def test_correlation_matrix_equals_numpy_and_its_diagonal_is_row_correlation():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(9, 40)), rng.normal(size=(5, 40))
    np.testing.assert_allclose(correlation_matrix(a, b), np.corrcoef(a, b)[:9, 9:], atol=1e-14)
    np.testing.assert_allclose(correlation_matrix(b, a), correlation_matrix(a, b).T, atol=1e-15)
    np.testing.assert_allclose(np.diag(correlation_matrix(a[:5], b)), row_correlation(a[:5], b), atol=1e-15)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(responses, responses, factors, offsets, factors, offsets)
def test_correlation_is_blind_to_scale_and_offset(measured, predicted, scale, offset, other_scale, other_offset):
    measured, predicted = np.round(measured, 3), np.round(predicted, 3)
    before = unit_correlation(measured, predicted)
    after = unit_correlation(measured * scale + offset, -other_scale * predicted + other_offset)
    varies = (np.ptp(measured, axis=0) > 0) & (np.ptp(predicted, axis=0) > 0)
    assert np.all(np.isnan(before) == ~varies)
    assert np.all(np.abs(before[varies]) <= 1)
    np.testing.assert_allclose(after[varies], -before[varies], atol=1e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(responses, responses, offsets)
def test_an_offset_is_punished_by_r2_and_forgiven_by_explained_variance(measured, predicted, offset):
    measured, predicted = np.round(measured, 3), np.round(predicted, 3)
    shifted = predicted + offset
    spread, varies = np.var(measured, axis=0), np.ptp(measured, axis=0) > 0
    np.testing.assert_allclose(
        explained_variance(measured, shifted)[varies],
        explained_variance(measured, predicted)[varies],
        rtol=1e-6,
        atol=1e-6,
    )
    punishment = np.mean(measured - shifted, axis=0) ** 2
    difference = explained_variance(measured, shifted) - r2(measured, shifted)
    np.testing.assert_allclose((difference * spread)[varies], punishment[varies], rtol=1e-6, atol=1e-6)


def test_predicting_the_mean_scores_zero_and_the_truth_scores_one():
    measured, _ = noisy_pair()
    mean = np.broadcast_to(measured.mean(axis=0), measured.shape)
    np.testing.assert_allclose(r2(measured, mean), 0, atol=1e-14)
    np.testing.assert_allclose(explained_variance(measured, mean + 5), 0, atol=1e-14)
    for score in SCORES:
        np.testing.assert_allclose(score(measured, measured), 1, rtol=1e-15)


@pytest.mark.parametrize("score", SCORES)
def test_a_large_mean_in_float32_costs_no_digits(score):
    measured, predicted = (array.astype(np.float32) + np.float32(1e4) for array in noisy_pair(2000))
    exact = score(measured.astype(np.longdouble) - 10000, predicted.astype(np.longdouble) - 10000)
    np.testing.assert_allclose(score(measured, predicted), exact, rtol=1e-10)
    table = correlation_matrix(measured.T, predicted.T)
    np.testing.assert_allclose(np.diag(table), unit_correlation(measured, predicted), rtol=1e-10)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e4 / 3, -1e-30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_has_no_correlation(constant, dtype):
    measured, predicted = (array.astype(dtype) for array in noisy_pair(31))
    flat = np.full_like(measured, constant)
    assert np.isnan(unit_correlation(measured, flat)).all()
    assert np.isnan(unit_correlation(flat, predicted)).all()
    assert np.isnan(r2(flat, predicted)).all()
    assert np.isnan(r2(flat, flat)).all()
    assert np.isnan(explained_variance(flat, predicted)).all()
    np.testing.assert_allclose(explained_variance(measured, flat), 0, atol=1e-12)
    table = correlation_matrix(np.vstack([measured.T, flat.T[:1]]), predicted.T)
    np.testing.assert_array_equal(np.isnan(table).all(axis=1), np.arange(8) == 7)
    assert not np.isnan(table[:-1]).any()


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_correlation_neither_overflows_nor_vanishes(size):
    measured, predicted = noisy_pair()
    expected = unit_correlation(measured, predicted)
    np.testing.assert_allclose(unit_correlation(measured * size, predicted * size), expected, rtol=1e-12)
    np.testing.assert_allclose(np.diag(correlation_matrix(measured.T * size, predicted.T)), expected, rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("score", SCORES)
def test_a_hole_spoils_its_own_unit_only(score, bad):
    measured, predicted = noisy_pair()
    clean = score(measured, predicted)
    measured[3, 2] = bad
    spoilt = score(measured, predicted)
    assert np.isnan(spoilt[2])
    np.testing.assert_array_equal(np.delete(spoilt, 2), np.delete(clean, 2))


@pytest.mark.parametrize("block", [1, 64, 130])
def test_the_size_of_a_block_changes_nothing(monkeypatch, block):
    measured, predicted = noisy_pair()
    whole = [*(score(measured, predicted) for score in SCORES), correlation_matrix(measured, predicted)]
    monkeypatch.setattr(correlation, "_BLOCK", block)
    monkeypatch.setattr(correlation, "_FEATURES", block // 60 + 1)
    parts = [*(score(measured, predicted) for score in SCORES), correlation_matrix(measured, predicted)]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-14)


def test_integers_and_booleans_are_numbers():
    rng = np.random.default_rng(2)
    counts, labels = rng.integers(0, 255, (30, 4)).astype(np.uint8), rng.random((30, 4)) < 0.5
    expected = unit_correlation(counts.astype(float), labels.astype(float))
    np.testing.assert_allclose(unit_correlation(counts, labels), expected, rtol=1e-14)
    np.testing.assert_allclose(r2(counts, counts[::-1]), r2(counts.astype(float), counts[::-1].astype(float)))


def test_what_cannot_be_compared_is_refused_by_name():
    measured, predicted = noisy_pair()
    with pytest.raises(InvalidInput, match=r"measured \(60, 7\), predicted \(60, 6\)"):
        unit_correlation(measured, predicted[:, :6])
    with pytest.raises(InvalidInput, match=r"predicted must have dimensions \(trial, unit\)"):
        r2(measured, predicted[:, 0])
    with pytest.raises(InvalidInput, match="no trial"):
        explained_variance(measured[:0], predicted[:0])
    with pytest.raises(InvalidInput, match="60 features and b has 59"):
        correlation_matrix(measured.T, predicted[:59].T)
    with pytest.raises(InvalidInput, match="complex"):
        row_correlation(measured.astype(complex), predicted)
    assert unit_correlation(measured[:, :0], predicted[:, :0]).shape == (0,)
