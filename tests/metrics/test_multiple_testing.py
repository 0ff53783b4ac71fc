"""Error rates are what they say they are, over simulated worlds and against a plain reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.stats import norm

from recortex.errors import InvalidInput
from recortex.metrics import false_discovery, family_wise_p, permutation_p

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=25)


def rejected(p: np.ndarray, level: float, dependent: bool) -> np.ndarray:
    """The step-up procedure as it is told: the largest k with p_(k) <= k level / m, and all p up to it."""
    m = len(p)
    level = level / sum(1 / i for i in range(1, m + 1)) if dependent else level
    passed = [k for k in range(1, m + 1) if np.sort(p)[k - 1] <= k * level / m]
    return p <= np.sort(p)[max(passed) - 1] if passed else np.zeros(m, bool)


@given(p_values, st.floats(0.001, 0.9), st.booleans())
def test_q_decides_as_the_step_up_procedure(p, level, dependent):
    p = np.array(p)
    q = false_discovery(p, dependent)
    decided = np.abs(q - level) > 1e-9  # rounding decides the rest
    np.testing.assert_array_equal((q <= level)[decided], rejected(p, level, dependent)[decided])
    assert np.all(q >= p - 1e-12)
    assert np.all(q <= 1)


@given(p_values, st.booleans())
def test_nan_is_no_test(p, dependent):
    gaps = np.insert(np.array(p), [0, len(p) // 2, len(p)], np.nan)
    q = false_discovery(gaps, dependent)
    np.testing.assert_array_equal(np.isnan(q), np.isnan(gaps))
    np.testing.assert_allclose(q[~np.isnan(q)], false_discovery(p, dependent), rtol=1e-12)
    assert np.isnan(false_discovery([np.nan, np.nan], dependent)).all()


def test_the_price_of_any_dependence():
    p = np.linspace(1e-5, 1e-4, 100)
    ratio = false_discovery(p, dependent=True) / false_discovery(p)
    np.testing.assert_allclose(ratio, sum(1 / i for i in range(1, 101)), rtol=1e-12)


@pytest.mark.parametrize("dependent", [False, True])
def test_false_discoveries_stay_below_their_rate_in_smooth_noise(dependent):
    rng = np.random.default_rng(0)
    n_world, n_unit = 1500, 200
    noise = gaussian_filter1d(rng.normal(size=(n_world, n_unit)), 4, axis=1, mode="wrap")
    noise /= np.sqrt(np.mean(noise**2))
    effect = np.zeros(n_unit)
    effect[60:100] = 3
    p = norm.sf(noise + effect)
    found = np.array([false_discovery(row, dependent) <= 0.1 for row in p])
    false = found[:, effect == 0].sum(axis=1)
    proportion = false / np.maximum(found.sum(axis=1), 1)
    bound = 0.1 * 0.8  # of the share of units without effect
    assert proportion.mean() < bound + 3 * proportion.std() / np.sqrt(n_world)
    power = found[:, effect > 0].mean()
    assert power > (0.3 if dependent else 0.7)
    if not dependent:
        uncorrected = (p <= 0.1)[:, effect == 0].sum(axis=1) / np.maximum((p <= 0.1).sum(axis=1), 1)
        assert uncorrected.mean() > 2 * bound, "the test would notice a correction that does nothing"


@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_any_false_discovery_is_as_rare_as_said(alike):
    rng = np.random.default_rng(1)
    n_world, n_permutation, n_unit = 600, 99, 40
    error = 0
    single = 0
    for _ in range(n_world):
        shared = rng.normal(size=(n_permutation + 1, 1))
        drawn = np.sqrt(alike) * shared + np.sqrt(1 - alike) * rng.normal(size=(n_permutation + 1, n_unit))
        error += family_wise_p(drawn[0], drawn[1:]).min() <= 0.05
        single += permutation_p(drawn[0], drawn[1:]).min() <= 0.05
    assert error / n_world == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / n_world))
    assert single / n_world > 0.1


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 12))
def test_family_wise_p_equals_counting(seed, n_unit, n_permutation):
    rng = np.random.default_rng(seed)
    value, null = rng.integers(-2, 4, n_unit).astype(float), rng.integers(-3, 3, (n_permutation, n_unit)).astype(float)
    null[rng.random(null.shape) < 0.2] = np.nan
    value[rng.random(n_unit) < 0.2] = np.nan
    largest = [max(row[~np.isnan(row)]) for row in null if not np.isnan(row).all()]
    expected = [
        (sum(top >= unit for top in largest) + 1) / (len(largest) + 1) if largest and unit == unit else np.nan for unit in value
    ]
    p = family_wise_p(value, null)
    np.testing.assert_allclose(p, expected, rtol=1e-14)
    if not np.isnan(null).any():
        single = permutation_p(value, null)
        assert np.all((p >= single - 1e-12) | np.isnan(value)), "many units can only make it harder"


def test_one_unit_has_no_family():
    rng = np.random.default_rng(2)
    value, null = rng.normal(size=1), rng.normal(size=(50, 1))
    np.testing.assert_array_equal(family_wise_p(value, null), permutation_p(value, null))
    np.testing.assert_array_equal(family_wise_p([1 / 3, 0.1], np.array([[1 / 3, 0.1]], np.float32)), [1, 1])


def test_wrong_inputs_are_refused():
    for outside in (-0.01, 1.01, np.inf):
        with pytest.raises(InvalidInput, match=r"p-values lie in 0\.\.1$"):
            false_discovery([0.2, outside])
    with pytest.raises(InvalidInput, match=r"p must have dimensions \(unit\)"):
        false_discovery([[0.2]])
    with pytest.raises(InvalidInput, match="2 units and null 3"):
        family_wise_p([1, 2], np.zeros((9, 3)))
    with pytest.raises(InvalidInput, match="no permutation"):
        family_wise_p([1, 2], np.zeros((0, 2)))
    with pytest.raises(InvalidInput, match=r"null must have dimensions \(permutation, unit\)"):
        family_wise_p([1, 2], np.zeros((9, 2, 1)))
