"""Exchanges that keep together what belongs together, and p-values that are uniform when nothing is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, permutation_test

from recortex.errors import InvalidInput
from recortex.metrics import circular_shift, permutation_p, permute_pairs

seeds = st.integers(0, 2**32 - 1)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), seeds)
def test_the_rows_of_a_group_move_together(groups, seed):
    groups = np.array(groups)
    rows = permute_pairs(groups, np.random.default_rng(seed))
    partners = {group: {int(other) for other in groups[rows[groups == group]]} for group in groups}
    assert all(len(partner) == 1 for partner in partners.values())
    assert sorted(next(iter(partner)) for partner in partners.values()) == sorted(partners), "each group is taken once"
    for group, partner in partners.items():
        taken = rows[groups == group]
        size = np.count_nonzero(groups == next(iter(partner)))
        assert len(set(taken)) == min(len(taken), size), "rows are used again only where the partner has fewer"


@given(st.integers(1, 8), st.integers(1, 4), seeds)
def test_equal_groups_give_a_permutation(n_group, size, seed):
    rng = np.random.default_rng(seed)
    rows = permute_pairs(rng.permutation(np.repeat(np.arange(n_group), size)), rng)
    assert sorted(rows) == list(range(n_group * size))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 4), seeds)
def test_groups_stay_within_their_label(groups, n_label, seed):
    groups = np.array(groups)
    label = np.array([f"label {group % n_label}" for group in groups])
    rows = permute_pairs(groups, np.random.default_rng(seed), within=label)
    np.testing.assert_array_equal(label[rows], label)
    one_by_one = np.empty(len(groups), int)
    rng = np.random.default_rng(seed)
    for name in np.unique(label):
        inside = np.flatnonzero(label == name)
        one_by_one[inside] = inside[permute_pairs(groups[inside], rng)]
    np.testing.assert_array_equal(rows, one_by_one)


def test_one_label_is_no_label():
    groups = np.random.default_rng(0).integers(0, 12, 40)
    free, same = (permute_pairs(groups, np.random.default_rng(1), within) for within in (None, np.zeros(40)))
    np.testing.assert_array_equal(free, same)
    apart = permute_pairs(groups, np.random.default_rng(1), within=groups)
    np.testing.assert_array_equal(apart, np.arange(40), "alone in its label, a group stays")


def test_every_arrangement_of_groups_is_as_likely():
    rng = np.random.default_rng(2)
    met = [tuple(permute_pairs([0, 1, 2], rng)) for _ in range(6000)]
    counts = [met.count(arrangement) for arrangement in set(met)]
    assert len(counts) == 6
    assert max(abs(count - 1000) for count in counts) < 4 * np.sqrt(1000 * 5 / 6)


@given(st.lists(st.integers(2, 12), min_size=1, max_size=5), st.integers(0, 3), seeds)
def test_a_circular_shift_keeps_the_order_of_time_and_stays_away_from_zero(lengths, shortest, seed):
    rng = np.random.default_rng(seed)
    runs = rng.permutation(np.repeat(np.arange(len(lengths)), np.maximum(lengths, 2 * shortest)))
    rows = circular_shift(runs, rng, shortest)
    for run in range(len(lengths)):
        here = np.flatnonzero(runs == run)
        place = np.searchsorted(here, rows[here])
        np.testing.assert_array_equal(here[place], rows[here], "rows stay in their run")
        n = len(here)
        lag = (np.arange(n) - place) % n
        assert len(set(lag)) == 1, "the run keeps its order, end joined to beginning"
        assert shortest <= lag[0] <= n - shortest


def test_runs_shift_apart_and_lags_are_uniform():
    rng = np.random.default_rng(3)
    runs = np.repeat(["a", "b"], 8)
    lags = np.array([-circular_shift(runs, rng, 2)[[0, 8]] % 8 for _ in range(5000)])
    counts = np.histogram2d(*lags.T, bins=np.arange(9))[0]
    assert counts[[0, 1, 7]].sum() == counts[:, [0, 1, 7]].sum() == 0
    inside = counts[2:7, 2:7]
    assert np.abs(inside - 200).max() < 4.5 * np.sqrt(200)


def test_a_shift_that_may_be_none_draws_every_lag_alike():
    rng = np.random.default_rng(5)
    lags = [int(circular_shift(np.zeros(6, int), rng, shortest=0)[0]) for _ in range(6000)]
    assert np.abs(np.bincount(lags, minlength=6) - 1000).max() < 4.5 * np.sqrt(1000)


def test_a_shift_holds_its_level_on_series_where_an_exchange_of_rows_does_not():
    """Two unrelated autocorrelated series correlate by chance far more than their shuffled rows do."""
    rng = np.random.default_rng(4)
    n, lingers = 300, 15
    runs = np.repeat([0, 1], n // 2)
    p: dict[str, list[float]] = {"shift": [], "exchange": []}
    for _ in range(120):
        x, y = (np.concatenate([np.convolve(rng.normal(size=n), np.ones(lingers), "same")[: n // 2] for _ in "ab"]) for _ in "xy")
        sources = {
            "shift": [circular_shift(runs, rng) for _ in range(39)],
            "exchange": [permute_pairs(np.arange(n), rng) for _ in range(39)],
        }
        for name, drawn in sources.items():
            p[name].append(float(permutation_p(x @ y, np.array([x[rows] @ y for rows in drawn]))))
    assert np.mean(np.array(p["shift"]) <= 0.05) < 0.1
    assert np.mean(np.array(p["exchange"]) <= 0.05) > 0.25


def test_p_is_uniform_when_values_are_exchangeable():
    drawn = np.random.default_rng(5).normal(size=(100, 20_000))
    p = permutation_p(drawn[0], drawn[1:])
    hundredths = np.round(p * 100).astype(int)
    np.testing.assert_allclose(p, hundredths / 100, rtol=1e-12)
    counts = np.bincount(hundredths, minlength=101)
    assert counts[0] == 0, "p is never 0"
    assert chisquare(counts[1:]).pvalue > 0.01


def test_p_equals_scipy():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 30))
    made = permutation_test(
        (x,), lambda x: np.corrcoef(x, y)[0, 1], permutation_type="pairings", alternative="greater", n_resamples=999, rng=rng
    )
    assert float(permutation_p(made.statistic, made.null_distribution)) == pytest.approx(made.pvalue, rel=1e-12)


@given(st.lists(st.integers(-3, 3) | st.just(None), min_size=1, max_size=20), st.integers(-3, 3))
def test_p_counts_ties_and_leaves_out_what_is_undefined(null, value):
    column = np.array([np.nan if entry is None else entry for entry in null], float)
    defined = [entry for entry in null if entry is not None]
    expected = (sum(entry >= value for entry in defined) + 1) / (len(defined) + 1) if defined else np.nan
    np.testing.assert_array_equal(permutation_p(value, column), expected)
    two = permutation_p([value, np.nan], np.column_stack([column, column]))
    np.testing.assert_array_equal(two, [expected, np.nan])


def test_a_null_kept_in_single_precision_still_ties():
    value = np.array([0.1, 1 / 3, 0.7])
    np.testing.assert_array_equal(permutation_p(value, np.array([value, value - 1]).astype(np.float32)), 2 / 3)
    np.testing.assert_array_equal(permutation_p(value.astype(np.float32), np.array([value, value - 1])), 2 / 3)


def test_what_cannot_be_exchanged_is_refused():
    rng = np.random.default_rng(7)
    with pytest.raises(InvalidInput, match=r"between the rows of group b\.jpg, which must move together$"):
        permute_pairs(["a.jpg", "b.jpg", "b.jpg"], rng, within=["x", "x", "y"])
    with pytest.raises(InvalidInput, match=r"groups \(3,\), within \(2,\)"):
        permute_pairs([0, 1, 2], rng, within=[0, 0])
    with pytest.raises(InvalidInput, match="within holds NaN"):
        permute_pairs([0, 1], rng, within=[0.0, np.nan])
    with pytest.raises(InvalidInput, match=r"run rest2 has 3 rows, .* it takes 4"):
        circular_shift(["film"] * 5 + ["rest2"] * 3, rng, shortest=2)
    with pytest.raises(InvalidInput, match="run 1 has 1 rows"):
        circular_shift([0, 0, 1], rng)
    with pytest.raises(InvalidInput, match="shortest must be 0 rows or more"):
        circular_shift([0, 0], rng, shortest=-1)
    for move in (permute_pairs, circular_shift):
        with pytest.raises(InvalidInput, match="one label a row"):
            move([], rng)


def test_p_without_a_fitting_null_is_refused():
    with pytest.raises(InvalidInput, match="2 units and null 3"):
        permutation_p([1, 2], np.zeros((9, 3)))
    with pytest.raises(InvalidInput, match=r"null must have dimensions \(permutation\)"):
        permutation_p(1, np.zeros((9, 3)))
    with pytest.raises(InvalidInput, match=r"null must have dimensions \(permutation, unit\)"):
        permutation_p([1, 2], np.zeros(9))
    with pytest.raises(InvalidInput, match=r"value must have dimensions \(unit\)"):
        permutation_p(np.zeros((2, 2)), np.zeros((9, 2)))
    with pytest.raises(InvalidInput, match="no permutation"):
        permutation_p(1, [])
