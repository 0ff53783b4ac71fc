"""The bootstrap: groups move together, two ways of resampling agree, intervals cover what they say."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap

from recortex.errors import InvalidInput
from recortex.metrics import bootstrap, bootstrap_interval, bootstrap_rows


def ends(interval: bootstrap.Interval) -> tuple[float, float]:
    return interval.low, interval.high


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(0, 1000))
def test_the_rows_of_a_group_move_together(groups, seed):
    groups = np.array(groups)
    members = {group: set(np.flatnonzero(groups == group)) for group in groups}
    for rows in bootstrap_rows(groups, n_resamples=20, seed=seed):
        times = np.bincount(rows, minlength=groups.size)
        assert all(len({times[row] for row in together}) == 1 for together in members.values())
        assert sum(times[min(together)] for together in members.values()) == len(members)


def test_group_sums_give_the_same_interval_as_resampled_rows():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 37, 150)
    values = rng.normal(size=150)
    values[rng.random(150) < 0.1] = np.nan
    fast = bootstrap_interval(values, groups, seed=5)
    slow = bootstrap_interval(values, groups, seed=5, statistic=lambda sample: float(np.mean(sample)))
    assert ends(fast) == pytest.approx(ends(slow), rel=1e-12)
    assert fast.value == pytest.approx(np.nanmean(values), rel=1e-14)


def test_an_interval_equals_scipy_up_to_the_draw():
    values = np.random.default_rng(1).exponential(size=60)
    ours = bootstrap_interval(values, n_resamples=20_000, level=0.9)
    theirs = scipy_bootstrap(
        (values,), np.mean, n_resamples=20_000, confidence_level=0.9, method="percentile", rng=0
    ).confidence_interval
    assert ends(ours) == pytest.approx(tuple(theirs), abs=0.01)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-10, 10), st.integers(2, 4))
def test_scale_order_and_copies_of_rows(seed, scale, offset, copies):
    rng = np.random.default_rng(seed)
    values, groups = rng.normal(size=30), rng.integers(0, 8, 30)
    low, high = ends(bootstrap_interval(values, groups, n_resamples=100))
    moved = bootstrap_interval(values * scale + offset, groups, n_resamples=100)
    assert ends(moved) == pytest.approx((low * scale + offset, high * scale + offset), abs=1e-9)
    order = rng.permutation(30)
    assert ends(bootstrap_interval(values[order], groups[order], n_resamples=100)) == pytest.approx((low, high))
    copied = bootstrap_interval(np.repeat(values, copies), np.repeat(groups, copies), n_resamples=100)
    assert ends(copied) == pytest.approx((low, high)), "copies of the rows of a stimulus are no new stimuli"


def test_repeats_counted_as_independent_would_look_too_sure():
    rng = np.random.default_rng(2)
    stimulus = np.repeat(np.arange(40), 3)
    values = rng.normal(size=40)[stimulus] + 0.1 * rng.normal(size=120)
    together = bootstrap_interval(values, stimulus)
    apart = bootstrap_interval(values)
    ratio = (together.high - together.low) / (apart.high - apart.low)
    assert 1.5 < ratio < 2.0  # sqrt(3) = 1.73
    assert (together.n_groups, apart.n_groups) == (40, 120)


@pytest.mark.parametrize(("n_group", "at_least"), [(10, 0.85), (60, 0.92)])
def test_intervals_cover_the_truth_about_as_often_as_they_say(n_group, at_least):
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(n_group), 2)
    n_world = 600
    covered = 0
    for world in range(n_world):
        values = rng.normal(size=n_group)[groups] + 0.5 * rng.normal(size=groups.size)
        interval = bootstrap_interval(values, groups, n_resamples=400, seed=world)
        covered += interval.low <= 0 <= interval.high
    assert at_least < covered / n_world < 0.975


def test_undefined_values_are_left_out_and_counted():
    values, groups = np.array([1, np.nan, 2, 3, np.nan, 4]), np.array(list("aabbcd"))
    interval = bootstrap_interval(values, groups)
    assert (interval.n, interval.n_groups, interval.n_undefined, interval.value) == (4, 3, 2, 2.5)
    clean = bootstrap_interval(values[[0, 2, 3, 5]], groups[[0, 2, 3, 5]])
    assert ends(interval) == ends(clean)


def test_one_group_has_a_value_and_no_interval():
    interval = bootstrap_interval([0.2, 0.4, 0.9], ["a", "a", "a"])
    assert interval.value == pytest.approx(0.5)
    assert np.isnan(ends(interval)).all()


def test_the_seed_and_the_blocks(monkeypatch):
    values = np.random.default_rng(4).normal(size=33)
    first = bootstrap_interval(values, seed=1)
    assert first == bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)
    monkeypatch.setattr(bootstrap, "_BLOCK", 100)
    assert first == bootstrap_interval(values, seed=1)


def test_what_cannot_be_resampled_is_refused():
    with pytest.raises(InvalidInput, match="all of them NaN"):
        bootstrap_interval([np.nan, np.nan])
    with pytest.raises(InvalidInput, match="nothing to resample"):
        bootstrap_interval([])
    with pytest.raises(InvalidInput, match="level"):
        bootstrap_interval([1, 2], level=95)
    with pytest.raises(InvalidInput, match="n_resamples"):
        bootstrap_interval([1, 2], n_resamples=0)
    with pytest.raises(InvalidInput, match=r"values \(3,\), groups \(2,\)"):
        bootstrap_interval([1, 2, 3], [1, 2])
    with pytest.raises(InvalidInput, match="groups holds NaN"):
        bootstrap_rows([1.0, np.nan])
    with pytest.raises(InvalidInput, match="one label a row"):
        bootstrap_rows([])


def test_the_example_in_the_documentation():
    assert doctest.testmod(bootstrap).failed == 0
