"""Where there is nothing, every p-value is uniform; where a fifth of the units know something, few of those named are false."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest

from recortex.decoders.category_decoder import CategoryDecoder
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.features.pixels import Pixels
from recortex.generators.pixel_pictures import PixelPictures
from recortex.scores.category_scores import CategoryScores
from recortex.scores.encoding_scores import EncodingScores
from recortex.scores.image_scores import ImageScores
from recortex.splits.k_fold import KFold
from tests.laws import recording

ALPHAS = (1.0, 100.0, 10000.0)
SPLIT = KFold(by="stimulus", folds=4)


def nothing(folder: Path, seed: int, stimuli: int, units: int, repeats: int = 1):
    """Responses and pictures drawn apart from each other; slow drift and noise shared by units, as recordings have them."""
    rng = np.random.default_rng([seed, stimuli])
    pictures = rng.integers(0, 256, (stimuli, 4, 4)).astype(np.uint8)
    order = np.concatenate([rng.permutation(stimuli) for _ in range(repeats)])
    drift = np.cumsum(rng.standard_normal(len(order)))[:, None] / np.sqrt(len(order))
    noise = rng.standard_normal((len(order), units)) @ (
        np.eye(units) + 0.3 * rng.standard_normal((units, units)) / np.sqrt(units)
    )
    table = {"stimulus": order, "run": np.arange(len(order)) // 20, "category": np.array(["a", "b", "c"])[order % 3]}
    table["session"] = 2 * np.arange(len(order)) // len(order)
    return recording(folder, noise + drift, pictures, table)


def encoding_p(folder: Path, seed: int) -> list[float]:
    brain, stimuli = nothing(folder, seed, 40, 12, repeats=2)
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=SPLIT, alphas=ALPHAS, cv=3)
    scores = EncodingScores(encoder=encoder, permutations=99, resamples=2).run()
    real = (scores["metric"] == "unit_correlation") & (scores["control"] == "")
    return scores["p"][real].tolist()  # mean, p50, p95


def normalised_p(folder: Path, seed: int) -> list[float]:
    """Shrunk so far that hardly more than the intercept is left."""
    brain, stimuli = nothing(folder, seed, 64, 12)
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=SPLIT, alphas=(1e6,), cv=3, normalise="training")
    scores = EncodingScores(encoder=encoder, permutations=99, resamples=2).run()
    real = (scores["metric"] == "unit_correlation") & (scores["control"] == "")
    return scores["p"][real].tolist()


def identification_p(folder: Path, seed: int) -> list[float]:
    brain, stimuli = nothing(folder, seed, 40, 15)
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=SPLIT, alphas=ALPHAS, cv=3)
    pictures = PixelPictures(decoder=decoder)
    scores = ImageScores(pictures=pictures, stimuli=stimuli, permutations=99, resamples=2).run()
    wanted = (("pixel_correlation", ""), ("two_way_identification", ""), ("two_way_identification", "within_category"))
    rows = zip(scores["metric"], scores["subset"], scores["control"], scores["p"], strict=True)
    found = {(metric, subset): p for metric, subset, control, p in rows if not control}
    return [found[name] for name in wanted]


def accuracy_p(folder: Path, seed: int) -> list[float]:
    brain, _ = nothing(folder, seed, 240, 8)
    decoder = CategoryDecoder(brain=brain, split=SPLIT, classifier="ridge")
    scores = CategoryScores(decoder=decoder, permutations=99, resamples=2).run()
    return scores["p"][:1].tolist()


CASES = {"encoding": encoding_p, "normalised": normalised_p, "identification": identification_p, "accuracy": accuracy_p}


@pytest.mark.parametrize("seeds", [12, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES)
def test_p_is_uniform_where_there_is_nothing_to_find(tmp_path, case, seeds):
    p = np.array([CASES[case](tmp_path / str(seed), seed) for seed in range(seeds)])
    for column in p.T:
        assert kstest(column, "uniform").pvalue > 0.01, (case, np.sort(column))


def smooth_units(folder: Path, seed: int, side: int = 20, stimuli: int = 150, repeats: int = 2):
    """Units on a sheet with noise that neighbours share; one fifth of them, a patch, follows the pictures."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([seed, 77])
    units = side * side
    pictures = rng.integers(0, 256, (stimuli, 4, 4)).astype(np.uint8)
    order = np.concatenate([rng.permutation(stimuli) for _ in range(repeats)])
    noise = gaussian_filter(rng.standard_normal((len(order), side, side)), (0, 2, 2), mode="wrap").reshape(len(order), -1)
    noise /= noise.std(axis=0)
    true = np.zeros((side, side), dtype=bool)
    true[: side // 5] = True
    true = np.roll(true, rng.integers(side), axis=0).ravel()
    drive = (pictures.reshape(stimuli, -1) / 255 - 0.5) @ rng.standard_normal((16, units))
    drive /= drive.std(axis=0)
    strength = rng.uniform(0.2, 1.5, units) * true
    table = {"stimulus": order, "run": np.repeat(np.arange(repeats), stimuli)}
    return *recording(folder, drive[order] * strength + noise, pictures, table), true


def discoveries(folder: Path, seed: int) -> tuple[float, float]:
    """False discovery proportion, and power among true units whose ceiling is above .3."""
    brain, stimuli, true = smooth_units(folder, seed)
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, cv=3)
    scores = EncodingScores(encoder=encoder, permutations=199, resamples=2).run()
    named = scores["unit_q"] <= 0.05
    able = true & (scores["explainable"] > 0.3)
    return float(np.sum(named & ~true) / max(1, named.sum())), float(named[able].mean())


@pytest.mark.parametrize("seeds", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_few_of_the_units_named_are_false_and_most_true_ones_are_named(tmp_path, seeds):
    made = np.array([discoveries(tmp_path / str(seed), seed) for seed in range(seeds)])
    false, power = made.T
    assert false.mean() <= 0.05 + 2 * false.std(ddof=1) / np.sqrt(seeds), false
    assert power.mean() >= 0.8, power
