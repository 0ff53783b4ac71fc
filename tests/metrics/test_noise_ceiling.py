"""Planted explainable variance is found again, from single trials and averages; without repeats nothing is said."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recortex.errors import InvalidInput
from recortex.metrics import noise_ceiling, signal_and_noise, split_half, unit_correlation

PLANTED = np.linspace(0.02, 0.95, 60)


def presented(counts: Any, share: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Responses of units with a planted share of signal in their single trials, in random order; also stimuli and the signal."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(len(counts), len(share))) * np.sqrt(share)
    stimulus = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return signal[stimulus] + rng.normal(size=(len(stimulus), len(share))) * np.sqrt(1 - share), stimulus, signal


def of_averages(share: np.ndarray, presentations: float) -> np.ndarray:
    return share / (share + (1 - share) * presentations)


@pytest.mark.parametrize(("averaged", "presentations"), [(1, 1), (3, 1 / 3), ([3, 3, 2, 1], (2 / 3 + 1 / 2 + 1) / 4)])
def test_planted_shares_are_found(averaged, presentations):
    responses, stimulus, _ = presented(np.full(1000, 3), PLANTED, 0)
    found = noise_ceiling(responses, stimulus, averaged, n_resamples=2)
    error = np.abs(found.explainable - of_averages(PLANTED, presentations))
    assert np.median(error) < 0.02
    assert error.max() < 0.1
    np.testing.assert_array_equal(found.correlation, np.sqrt(found.explainable))
    assert found.repeated == 1000


def test_planted_shares_are_found_from_mixed_repeats():
    counts = np.random.default_rng(1).choice([1, 2, 3, 7], 1000, p=[0.4, 0.2, 0.3, 0.1])
    responses, stimulus, _ = presented(counts, PLANTED, 1)
    found = noise_ceiling(responses, stimulus, counts, n_resamples=2)
    error = np.abs(found.explainable - of_averages(PLANTED, float(np.mean(1 / counts))))
    assert np.median(error) < 0.02
    assert error.max() < 0.1
    assert found.repeated == np.count_nonzero(counts > 1)


def test_variances_are_unbiased_before_the_cut():
    counts = np.array([1, 1, 2, 3, 5, 2])
    responses, stimulus, _ = presented(counts, np.full(40_000, 0.97), 2)
    found = signal_and_noise(responses, stimulus)
    assert np.mean(found.signal == 0) < 1e-3, "too few are cut to matter for the mean"
    assert found.signal.mean() == pytest.approx(0.97, abs=4 * found.signal.std() / 200)
    assert found.noise.mean() == pytest.approx(0.03, abs=4 * found.noise.std() / 200)


def test_a_perfect_model_reaches_the_ceiling():
    counts = np.random.default_rng(3).choice([1, 2, 3], 1500)
    responses, stimulus, signal = presented(counts, PLANTED, 3)
    means = np.array([responses[stimulus == name].mean(axis=0) for name in range(1500)])
    reached, single = unit_correlation(means, signal), unit_correlation(responses, signal[stimulus])
    assert np.median(np.abs(reached - noise_ceiling(responses, stimulus, counts, n_resamples=2).correlation)) < 0.02
    assert np.median(np.abs(single - noise_ceiling(responses, stimulus, 1, n_resamples=2).correlation)) < 0.02
    same = np.full(1500, 3)
    responses, stimulus, signal = presented(same, PLANTED, 4)
    means = np.array([responses[stimulus == name].mean(axis=0) for name in range(1500)])
    assert np.median(np.abs(unit_correlation(means, signal) - np.sqrt(split_half(responses, stimulus, 20)))) < 0.02


def test_the_formula_of_nsd():
    """NC = 100 ncsnr^2 / (ncsnr^2 + 1 / n); with A, B, C images shown 3, 2, 1 times, 1 / n is (A / 3 + B / 2 + C) / (A + B + C)."""
    counts = np.repeat([3, 2, 1], [50, 30, 20])
    responses, stimulus, _ = presented(counts, PLANTED, 5)
    found = noise_ceiling(responses, stimulus, counts, n_resamples=2)
    ncsnr = np.sqrt(found.signal / found.noise)
    percent = 100 * ncsnr**2 / (ncsnr**2 + (50 / 3 + 30 / 2 + 20) / 100)
    np.testing.assert_allclose(100 * found.explainable, percent, rtol=1e-12)


def test_other_estimators_agree_on_many_stimuli():
    responses, stimulus, _ = presented(np.full(2000, 3), PLANTED, 6)
    responses = (responses - responses.mean(axis=0)) / responses.std(axis=0)
    ours = noise_ceiling(responses, stimulus, 1, n_resamples=2).explainable
    by_repeat = responses[np.argsort(stimulus, kind="stable")].reshape(2000, 3, -1)
    nsd_noise = by_repeat.var(axis=1, ddof=1).mean(axis=0)
    nsd_signal = np.maximum(0, 1 - nsd_noise)
    np.testing.assert_allclose(ours, nsd_signal, atol=2e-3)
    share = by_repeat.mean(axis=1).var(axis=0) / by_repeat.var(axis=0).mean(axis=0)
    np.testing.assert_allclose(ours, share - (1 - share) / 2, atol=3e-3)


def test_the_definition_read_aloud():
    counts = np.array([4, 1, 2, 1, 3])
    responses, stimulus, _ = presented(counts, np.array([0.9, 0.6, 0.3]), 7)
    groups = [responses[stimulus == name] for name in range(5)]
    noise = sum(((group - group.mean(axis=0)) ** 2).sum(axis=0) for group in groups) / (11 - 5)
    signal = np.array([group.mean(axis=0) for group in groups]).var(axis=0, ddof=1) - noise * np.mean(1 / counts)
    found = signal_and_noise(responses, np.array(list("abcde"))[stimulus])
    np.testing.assert_allclose(found.noise, noise, rtol=1e-12)
    np.testing.assert_allclose(found.signal, np.maximum(0, signal), rtol=1e-12)
    assert found.repeated == 3


def test_resampling_by_weights_equals_resampling_rows():
    counts = np.random.default_rng(8).choice([1, 2, 3], 25)
    responses, stimulus, _ = presented(counts, np.linspace(0.2, 0.8, 7), 8)
    found = noise_ceiling(responses, stimulus, 2, n_resamples=60, seed=9, level=0.8)
    rng = np.random.default_rng(9)
    samples = []
    for _ in range(60):
        drawn = rng.integers(25, size=25)
        rows = np.concatenate([np.flatnonzero(stimulus == name) for name in drawn])
        copy = np.repeat(np.arange(25), counts[drawn])  # a stimulus drawn twice is two stimuli
        noise = signal_and_noise(responses[rows], copy).noise
        means = np.array([responses[stimulus == name].mean(axis=0) for name in drawn])
        signal = np.maximum(0, means.var(axis=0) * 25**2 / 24**2 - noise * np.mean(1 / counts[drawn]))
        samples.append(signal / (signal + noise / 2))
    low, high = np.quantile(samples, [0.1, 0.9], axis=0)
    np.testing.assert_allclose(found.low, low, rtol=1e-9)
    np.testing.assert_allclose(found.high, high, rtol=1e-9)
    mean = found.mean_correlation
    assert mean.value == pytest.approx(found.correlation.mean(), rel=1e-12)
    below, above = np.quantile(np.sqrt(samples).mean(axis=1), [0.1, 0.9])
    assert (mean.low, mean.high) == pytest.approx((2 * mean.value - above, 2 * mean.value - below))
    assert (mean.n, mean.n_groups, mean.n_undefined) == (7, 25, 0)


@pytest.mark.parametrize("counts", [np.full(100, 3), np.tile([1, 2, 4], 40)])
def test_intervals_cover_the_truth_about_as_often_as_they_say(counts):
    share = np.tile([0.0, 0.1, 0.3, 0.6, 0.9], 400)  # many units of independent noise are many worlds
    responses, stimulus, _ = presented(counts, share, 10)
    found = noise_ceiling(responses, stimulus, counts, n_resamples=300)
    truth = of_averages(share, float(np.mean(1 / counts)))
    covered = ((found.low <= truth) & (truth <= found.high)).reshape(400, 5).mean(axis=0)
    assert np.all(covered > 0.9), covered
    assert np.all(covered < 0.99), covered
    np.testing.assert_array_less(found.low, found.high + 1e-12)


def test_the_interval_of_the_mean_covers_the_truth_of_units_that_share_a_signal():
    share = np.linspace(0.2, 0.8, 40)
    truth = np.sqrt(share).mean()
    covered = 0
    for world in range(120):
        rng = np.random.default_rng(world)
        mixing = rng.normal(size=(6, 40))
        shared = rng.normal(size=(100, 6)) @ (mixing / np.linalg.norm(mixing, axis=0))
        responses = np.repeat(shared * np.sqrt(share), 3, axis=0) + rng.normal(size=(300, 40)) * np.sqrt(1 - share)
        interval = noise_ceiling(responses, np.repeat(np.arange(100), 3), 1, n_resamples=200, seed=world).mean_correlation
        covered += interval.low <= truth <= interval.high
    assert covered / 120 > 0.88


@pytest.mark.parametrize("averaged", [1, 3])
@pytest.mark.parametrize("counts", [np.full(1000, 3), np.full(20, 2), np.tile([1, 2, 5], 10), [4, 4]])
def test_the_bias_is_what_units_without_signal_show(counts, averaged):
    n_unit = 20_000 if len(counts) < 100 else 2000
    responses, stimulus, _ = presented(counts, np.zeros(n_unit), 11)
    found = noise_ceiling(responses, stimulus, averaged, n_resamples=1)
    error = found.explainable.std() / np.sqrt(n_unit)
    equal = len(set(counts)) == 1
    assert found.bias[0] == pytest.approx(found.explainable.mean(), abs=4 * error, rel=0 if equal else 0.01)
    assert len(set(found.bias)) == 1
    if len(counts) == 1000:
        normal = np.sqrt(2 / 999 + 2 / 2000) / 3 / np.sqrt(2 * np.pi)  # standard deviation of Var(means) - noise / 3
        assert found.bias[0] == pytest.approx(normal * averaged, rel=0.06)


@pytest.mark.parametrize("stimulus", [np.arange(12), ["one"]])
def test_without_repeats_nothing_is_known(stimulus):
    responses = np.random.default_rng(12).normal(size=(len(stimulus), 3))
    found = noise_ceiling(responses, stimulus, 1, n_resamples=10)
    parts = signal_and_noise(responses, stimulus)
    mean = found.mean_correlation
    for values in (
        *(found.explainable, found.low, found.high, found.bias, found.signal, found.noise, found.correlation),
        *(parts.signal, parts.noise, split_half(responses, stimulus)),
    ):
        assert values.shape == (3,)
        assert np.isnan(values).all()
    assert np.isnan([mean.value, mean.low, mean.high]).all()
    assert (found.repeated, parts.repeated, mean.n, mean.n_undefined) == (0, 0, 0, 3)


def test_too_little_for_an_interval():
    responses = np.random.default_rng(13).normal(size=(13, 3)) + np.repeat(np.arange(12), [2] + [1] * 11)[:, None]
    found = noise_ceiling(responses, np.repeat(np.arange(12), [2] + [1] * 11), 1, n_resamples=10)
    assert found.repeated == 1
    assert np.isfinite(found.explainable).all()
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(found.mean_correlation.low)
    assert np.isnan(split_half(responses, np.repeat(np.arange(12), [2] + [1] * 11))).all()
    alone = noise_ceiling(responses, np.zeros(13), 1, n_resamples=10)
    assert np.isfinite(alone.noise).all(), "one stimulus tells its noise"
    assert np.isnan([alone.signal, alone.explainable, alone.low, alone.bias]).all()


def test_units_without_variance_or_with_gaps_are_undefined_alone():
    responses, stimulus, _ = presented(np.full(30, 2), np.full(6, 0.5), 14)
    clean = noise_ceiling(responses, stimulus, 1, n_resamples=50)
    halves = split_half(responses, stimulus)
    responses[:, 1] = 1e8 / 3
    responses[4, 3] = np.nan
    responses[4, 4] = np.inf
    broken = noise_ceiling(responses, stimulus, 1, n_resamples=50)
    for before, after in (
        (clean.explainable, broken.explainable),
        (clean.low, broken.low),
        (halves, split_half(responses, stimulus)),
    ):
        np.testing.assert_allclose(after[[0, 2, 5]], before[[0, 2, 5]], rtol=1e-12)
        assert np.isnan(after[[1, 3, 4]]).all()
    assert broken.mean_correlation.n_undefined == 3
    assert np.isfinite(broken.mean_correlation.low)
    rare = np.zeros((60, 1))
    rare[stimulus == 7] = [[1.0], [2.0]]
    lost = noise_ceiling(rare, stimulus, 1, n_resamples=50)  # a resample without stimulus 7 is constant
    assert np.isfinite(lost.explainable[0])
    assert np.isnan(lost.low[0])


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-1e4, 1e4))
def test_neither_offset_nor_scale_nor_order_matters(seed, scale, offset):
    rng = np.random.default_rng(seed)
    responses, stimulus, _ = presented(rng.choice([1, 2, 3, 4], 20), rng.uniform(0, 1, 4), seed)
    order = rng.permutation(len(stimulus))
    moved = (responses * scale + offset * np.arange(4))[order]
    before, after = noise_ceiling(responses, stimulus, 2, 40), noise_ceiling(moved, stimulus[order], 2, 40)
    for name in ("explainable", "low", "high", "bias"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(after.signal, before.signal * scale**2, rtol=1e-5, atol=1e-7 * scale**2)
    shifted = split_half(responses * scale + offset * np.arange(4), stimulus, 5)
    np.testing.assert_allclose(shifted, split_half(responses, stimulus, 5), atol=1e-7)


def test_single_precision_on_a_large_mean_loses_nothing():
    responses, stimulus, _ = presented(np.full(200, 3), PLANTED, 15)
    raw = (responses + 1e4).astype(np.float32)
    given_exactly = raw.astype(np.float64) - 1e4
    for made in (lambda y: noise_ceiling(y, stimulus, 1, n_resamples=20).high, lambda y: split_half(y, stimulus, 3)):
        np.testing.assert_allclose(made(raw), made(given_exactly), rtol=1e-9)
    integers = np.round(responses * 300).astype(np.int16)
    kept = signal_and_noise(integers.astype(np.float64), stimulus).signal
    np.testing.assert_allclose(signal_and_noise(integers, stimulus).signal, kept, rtol=1e-12)


def test_tiles_change_nothing(monkeypatch):
    responses, stimulus, _ = presented(np.full(20, 3), PLANTED, 16)
    made = (noise_ceiling(responses, stimulus, 1, 30), split_half(responses, stimulus, 5))
    monkeypatch.setattr(sys.modules["recortex.metrics._presentations"], "_BLOCK", 60 * 7)
    again = (noise_ceiling(responses, stimulus, 1, 30), split_half(responses, stimulus, 5))
    np.testing.assert_allclose(again[0].low, made[0].low, rtol=1e-9)
    np.testing.assert_allclose(again[0].explainable, made[0].explainable, rtol=1e-9)
    assert again[0].mean_correlation.low == pytest.approx(made[0].mean_correlation.low, rel=1e-9)
    np.testing.assert_allclose(again[1], made[1], rtol=1e-9)


@pytest.mark.parametrize("counts", [np.full(1000, 2), np.full(1000, 3), np.full(600, 7), np.tile([1, 2, 3, 5], 400)])
def test_split_half_is_the_reliability_of_the_mean_over_all_repeats(counts):
    responses, stimulus, _ = presented(counts, PLANTED, 17)
    repeated = counts[counts > 1]
    error = split_half(responses, stimulus, 20) - of_averages(PLANTED, float(np.mean(1 / repeated)))
    assert np.median(np.abs(error)) < 0.02
    assert abs(error.mean()) < 0.01


def test_split_half_of_two_repeats_is_spearman_brown():
    responses, stimulus, _ = presented(np.full(50, 2), PLANTED, 18)
    order = np.argsort(stimulus, kind="stable").reshape(50, 2)
    rng = np.random.default_rng(19)
    correlations = []
    for _ in range(400):
        swapped = rng.permuted(order, axis=1)
        correlations.append(unit_correlation(responses[swapped[:, 0]], responses[swapped[:, 1]]))
    r = np.mean(correlations, axis=0)
    np.testing.assert_allclose(split_half(responses, stimulus, 400), 2 * r / (1 + np.abs(r)), atol=0.02)


def test_split_half_is_not_biased_without_signal_and_keeps_its_sign():
    responses, stimulus, _ = presented(np.full(40, 3), np.zeros(3000), 20)
    halves = split_half(responses, stimulus, 20)
    assert halves.mean() == pytest.approx(0, abs=4 * halves.std() / np.sqrt(3000))
    assert np.abs(halves).max() <= 1
    opposed = np.array([[1.0], [-1.0], [2.0], [-2.0], [-3.0], [3.0]])
    fixed = split_half(opposed, [0, 0, 1, 1, 2, 2], 500)
    assert -1 <= fixed[0] < 0


def test_the_seed():
    responses, stimulus, _ = presented(np.full(20, 3), PLANTED, 21)
    for made in (
        lambda seed: noise_ceiling(responses, stimulus, 1, 20, seed).low,
        lambda seed: split_half(responses, stimulus, 5, seed),
    ):
        np.testing.assert_array_equal(made(1), made(1))
        np.testing.assert_array_equal(made(1), made(np.random.default_rng(1)))
        assert np.any(made(1) != made(2))


def test_wrong_inputs_are_refused():
    responses, stimulus, _ = presented(np.full(5, 2), np.full(3, 0.5), 22)
    for call in (lambda y, s: noise_ceiling(y, s, 1), signal_and_noise, split_half):
        with pytest.raises(InvalidInput, match="responses has 10 trials and stimulus 9"):
            call(responses, stimulus[:9])
        with pytest.raises(InvalidInput, match=r"\(trial, unit\), not shape \(10,\)"):
            call(responses[:, 0], stimulus)
        with pytest.raises(InvalidInput, match="stimulus must be one label a row"):
            call(responses[:0], stimulus[:0])
        with pytest.raises(InvalidInput, match="stimulus holds NaN"):
            call(responses, np.where(stimulus == 1, np.nan, stimulus))
        with pytest.raises(InvalidInput, match="real numbers"):
            call(responses.astype(str), stimulus)
    for averaged in (0, 0.5, [], [1, np.nan], [np.inf], -1):
        with pytest.raises(InvalidInput, match="averaged must hold the number of presentations"):
            noise_ceiling(responses, stimulus, averaged)
    for level in (0, 1, 95):
        with pytest.raises(InvalidInput, match="level"):
            noise_ceiling(responses, stimulus, 1, level=level)
    with pytest.raises(InvalidInput, match="n_resamples"):
        noise_ceiling(responses, stimulus, 1, n_resamples=0)
    with pytest.raises(InvalidInput, match="n_splits"):
        split_half(responses, stimulus, 0)
