"""Correlations of bootstrap samples by counts are those of the samples themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recortex.metrics import bootstrap_counts, bootstrap_rows, resampled, resampled_correlation, unit_correlation


@given(seed=st.integers(0, 99), groups=st.integers(1, 9), rows=st.integers(1, 20))
@settings(max_examples=40)
def test_counts_are_those_of_the_rows_that_are_drawn(seed: int, groups: int, rows: int) -> None:
    label = np.random.default_rng(seed).integers(groups, size=rows).astype(str)
    counts = np.concatenate(list(bootstrap_counts(label, 7, seed)))
    drawn = [np.bincount(some, minlength=rows) for some in bootstrap_rows(label, 7, seed)]
    np.testing.assert_array_equal(counts, drawn)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("at_once", [1, 10**6])
def test_correlations_are_those_of_the_samples(monkeypatch, dtype, offset, at_once) -> None:
    monkeypatch.setattr(resampled, "_UNITS_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(15), 2)
    measured = (rng.standard_normal((30, 6)) + offset).astype(dtype)
    predicted = (measured + rng.standard_normal((30, 6))).astype(dtype)
    predicted[:, 2], measured[:, 3] = 1.5, -measured[:, 3]
    measured[4:, 5] = 0.1  # constant in samples without the first two groups
    made = np.concatenate([resampled_correlation(measured, predicted, counts) for counts in bootstrap_counts(label, 50, 1)])
    expected = [unit_correlation(measured[rows], predicted[rows]) for rows in bootstrap_rows(label, 50, 1)]
    np.testing.assert_allclose(made, expected, rtol=1e-8 if dtype == "f8" else 2e-6, atol=1e-9)
    assert np.isnan(made[:, 2]).all() and 0 < np.isnan(made[:, 5]).mean() < 1 and np.isfinite(made[:, :2]).all()
