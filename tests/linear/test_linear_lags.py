"""Lags stay within their run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recortex.errors import InvalidInput
from recortex.linear import convolved, lagged


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=4), st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_every_sample_holds_what_its_run_held_then(lags, runs) -> None:
    runs = np.array(runs)  # samples of a run need not stand together
    features = np.random.default_rng(0).standard_normal((len(runs), 2)) + 5
    made = lagged(features, lags, runs).reshape(len(runs), len(lags), 2)
    for sample, run in enumerate(runs):
        own = np.flatnonzero(runs == run)
        place = np.flatnonzero(own == sample)[0]
        for number, lag in enumerate(lags):
            there = 0 <= place - lag < len(own)
            expected = features[own[place - lag]] if there else np.zeros(2)
            np.testing.assert_array_equal(made[sample, number], expected)


def test_convolution_is_a_sum_of_lags() -> None:
    rng = np.random.default_rng(0)
    runs, features, response = np.repeat([1, 0, 2], [9, 4, 7]), rng.standard_normal((20, 3)), np.array([0.1, 1.0, 0.5, -0.2])
    by_lags = lagged(features, range(4), runs).reshape(20, 4, 3)
    np.testing.assert_allclose(convolved(features, response, runs), np.einsum("slf,l->sf", by_lags, response), rtol=1e-12)
    changed = features.copy()
    changed[runs != 0] = 1e6
    np.testing.assert_array_equal(convolved(changed, response, runs)[runs == 0], convolved(features, response, runs)[runs == 0])
    assert convolved(features.astype("f4"), response, runs).dtype == np.float32
    assert convolved(features.astype(int), response, runs).dtype == np.float64


@pytest.mark.parametrize(
    "make",
    [
        lambda x, runs: lagged(x, [], runs),
        lambda x, runs: lagged(x, [1.5], runs),
        lambda x, runs: lagged(x, [1], runs[1:]),
        lambda x, runs: convolved(x, [], runs),
        lambda x, runs: convolved(x, [np.nan], runs),
        lambda x, runs: convolved(x, [1.0], runs[1:]),
    ],
)
def test_wrong_lags_and_runs_are_refused(make) -> None:
    with pytest.raises(InvalidInput):
        make(np.ones((5, 2)), np.zeros(5))
