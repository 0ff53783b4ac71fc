"""Encoders on several feature spaces: each unit hears its own band, and what a band explains is what refitting without it says."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from recortex import store
from recortex.audit.fits import DataAudit, FitAudit
from recortex.encoders.banded_ridge_encoder import BandedRidgeEncoder
from recortex.encoders.predict import Predict
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.encoders.variance_partition import VariancePartition
from recortex.errors import InvalidInput
from recortex.features.bands import Bands
from recortex.features.feature_file import FeatureFile
from recortex.scores.encoding_scores import EncodingScores
from recortex.splits.k_fold import KFold
from tests.laws import recording

STIMULI, REPEATS = 80, 2
WIDTHS = {"edges": 6, "noise": 10, "words": 4}
HEARD = ["edges", "words", "edges words", ""]  # by units in turn
SPLIT = KFold(by="stimulus", folds=4)
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0)


@pytest.fixture
def own(tmp_path):
    """own(**changes) -> responses to three spaces of features, and these spaces; units hear some of them and have noise."""

    def make(stimuli=STIMULI, units=12, widths=WIDTHS, scale=1.0, seed=0, **fields):
        rng = np.random.default_rng(seed)
        order = np.concatenate([rng.permutation(stimuli) for _ in range(REPEATS)])
        table = {"stimulus": order, "run": np.repeat(np.arange(REPEATS), stimuli), "category": np.where(order % 2, "odd", "even")}
        responses = rng.standard_normal((len(order), units))
        spaces = {}
        for name, width in widths.items():
            values = rng.standard_normal((stimuli, width)).astype(np.float32)
            for unit in range(units):
                if name in HEARD[unit % len(HEARD)].split():
                    responses[:, unit] += (values @ rng.standard_normal(width))[order] * np.sqrt(2 / width)
            np.save(tmp_path / f"{name}.npy", values * (scale if name == "noise" else 1))
            spaces[name] = FeatureFile(path=tmp_path / f"{name}.npy")
        brain, _ = recording(tmp_path / "own", responses, np.zeros((stimuli, 4, 4), np.uint8), table)
        return brain.model_copy(update=fields), Bands(spaces=spaces)

    return make


def fresh(folder, stage):
    """A result in a cache of its own."""
    with store.use(store.Store(folder)):
        return stage.run()


def test_one_band_is_the_ridge_encoder(own):
    brain, bands = own()
    edges = bands.spaces["edges"]
    plain = RidgeEncoder(brain=brain, features=edges, split=SPLIT, alphas=ALPHAS).run()
    banded = BandedRidgeEncoder(brain=brain, features=Bands(spaces={"edges": edges}), split=SPLIT, alphas=ALPHAS).run()
    assert (banded["band_weight"] == 1).all() and banded["band"].tolist() == ["edges"]
    assert np.array_equal(banded["best_alpha"], plain["best_alpha"])
    np.testing.assert_allclose(banded["prediction"], plain["prediction"], atol=1e-5)


@pytest.mark.parametrize("fields", [{}, {"selection": "gcv"}, {"search": "gradient"}], ids=str)
def test_each_unit_weighs_the_band_it_hears(own, fields):
    brain, bands = own(units=24)
    encoder = BandedRidgeEncoder(brain=brain, features=bands, split=SPLIT, alphas=ALPHAS, **fields)
    made = encoder.run()
    weight = dict(zip(made["band"].tolist(), made["band_weight"].mean(axis=0), strict=True))
    assert made["band"].tolist() == ["edges", "noise", "words"]
    np.testing.assert_allclose(made["band_weight"].sum(axis=1), 1, rtol=1e-6)
    assert np.median(weight["edges"][0::4]) > 0.8 and np.median(weight["words"][1::4]) > 0.8
    assert np.median(weight["noise"][:24][np.arange(24) % 4 < 3]) < 0.1
    plain = RidgeEncoder(brain=brain, features=bands, split=SPLIT, alphas=ALPHAS).run()
    heard = np.arange(24) % 4 < 3
    assert (made["r2"] - plain["r2"])[heard].mean() > 0.01


def test_random_weights_come_from_the_seed(own):
    brain, bands = own()
    words = {"brain": brain, "features": bands, "split": SPLIT, "alphas": ALPHAS, "candidates": 10}
    one, other = BandedRidgeEncoder(**words).run(), BandedRidgeEncoder(**words, seed=1).run()
    assert not np.array_equal(one["band_weight"], other["band_weight"])


def test_a_banded_encoder_is_applied_scored_and_audited(own):
    brain, bands = own()
    encoder = BandedRidgeEncoder(brain=brain, features=bands, split=SPLIT, alphas=ALPHAS, candidates=6)
    predicted = Predict(encoder=encoder, features=bands).run()["prediction"]
    np.testing.assert_allclose(predicted, encoder.apply(bands.run()["features"]), rtol=1e-5)
    scores = EncodingScores(encoder=encoder, permutations=3, resamples=20).run()
    mean = scores["value"][(scores["metric"] == "unit_correlation") & (scores["summary"] == "mean")]
    controls = scores["control"][(scores["metric"] == "unit_correlation") & (scores["summary"] == "mean")].tolist()
    assert set(controls) == {"", "trial_order", "class_mean"}
    # the order of trials is no band: one is what plain ridge makes of it
    plain = RidgeEncoder(brain=brain, features=bands, split=SPLIT, alphas=ALPHAS)
    expected = plain.from_trial_order(plain.pairs())
    np.testing.assert_allclose(encoder.from_trial_order(encoder.pairs()), expected, atol=1e-5)
    assert mean[controls.index("")] > 0.3 > abs(scores["chance"][0]) + 0.1
    assert [found.leak for found in DataAudit.findings(DataAudit(fit=encoder).run())] == ["same_run"]
    assert FitAudit.findings(FitAudit(fit=encoder).run()) == []


@pytest.mark.parametrize("kind", ["random", "gradient", "partition"])
def test_units_in_parts_are_the_units_together(own, tmp_path, monkeypatch, kind):
    brain, bands = own(units=23)
    words = {"brain": brain, "features": bands, "split": SPLIT, "alphas": ALPHAS}
    stage = VariancePartition(**words) if kind == "partition" else BandedRidgeEncoder(**words, search=kind, candidates=6)
    whole = fresh(tmp_path / "whole", stage)
    monkeypatch.setattr("recortex.encoders.base.AT_ONCE", 5 * STIMULI * REPEATS)
    assert len(stage.tiling().tiles()) == 5
    parts = fresh(tmp_path / "parts", stage)
    assert list(whole) == list(parts)
    for name in whole:
        if whole[name].dtype.kind == "f":
            close = 1e-4
            np.testing.assert_allclose(parts[name], whole[name], rtol=close, atol=close, err_msg=name)
        else:
            np.testing.assert_array_equal(parts[name], whole[name])


@pytest.mark.parametrize("fields", [{}, {"standardise": True}, {"normalise": "training", "normalise_by": "run"}], ids=str)
def test_every_subset_is_the_ridge_encoder_of_its_bands(own, fields):
    brain, bands = own()
    words = {"brain": brain, "split": SPLIT, "alphas": ALPHAS, **fields}
    made = VariancePartition(features=bands, **words).run()
    subsets = [c for size in (1, 2, 3) for c in combinations(sorted(WIDTHS), size)]
    assert made["subset"].tolist() == [" + ".join(subset) for subset in subsets]
    assert made["member"].tolist() == [[name in subset for name in sorted(WIDTHS)] for subset in subsets]
    for number, subset in enumerate(subsets):
        alone = RidgeEncoder(features=Bands(spaces={name: bands.spaces[name] for name in subset}), **words).run()
        np.testing.assert_array_equal(made["subset_alpha"][:, number], alone["best_alpha"])
        np.testing.assert_allclose(made["subset_r2"][number], alone["r2"], atol=1e-5)
    np.testing.assert_array_equal(made["prediction"], alone["prediction"])
    np.testing.assert_array_equal(made["best_alpha"], made["subset_alpha"][:, -1])


def test_bands_wider_than_the_training_trials_are_parted_too(own):
    brain, bands = own(stimuli=40, widths=WIDTHS | {"noise": 200}, units=4, repeats="average")
    words = {"brain": brain, "split": SPLIT, "alphas": ALPHAS}
    made = VariancePartition(features=bands, **words).run()
    np.testing.assert_allclose(made["subset_r2"][-1], made["r2"], atol=1e-4)
    alone = RidgeEncoder(features=bands.spaces["noise"], **words).run()
    np.testing.assert_allclose(made["subset_r2"][1], alone["r2"], atol=1e-4)
    with pytest.raises(InvalidInput, match="band noise has 200 features, more than the 30 training trials of fold 1"):
        VariancePartition(features=bands, standardise=True, **words).run()


def test_what_a_band_explains_goes_to_whom_it_belongs(own):
    brain, bands = own(stimuli=300, units=16)
    made = VariancePartition(brain=brain, features=bands, split=SPLIT, alphas=ALPHAS).run()
    r2 = {frozenset(): np.zeros(16)}
    for member, values in zip(made["member"], made["subset_r2"], strict=True):
        r2[frozenset(made["band"][member].tolist())] = values
    names = made["band"].tolist()
    for number, name in enumerate(names):
        orders = [order[: order.index(name) + 1] for order in permutations(names)]
        added = [r2[frozenset(order)] - r2[frozenset(order[:-1])] for order in orders]
        np.testing.assert_allclose(made["shapley"][number], np.mean(added, axis=0), atol=1e-10)
        np.testing.assert_allclose(made["unique"][number], r2[frozenset(names)] - r2[frozenset(names) - {name}], atol=1e-12)
    np.testing.assert_allclose(made["shapley"].sum(axis=0), made["r2"], atol=1e-5)
    edges, noise, words = made["unique"]
    hears_edges, hears_words = np.isin(np.arange(16) % 4, [0, 2]), np.isin(np.arange(16) % 4, [1, 2])
    assert edges[hears_edges].min() > 0.1 > 0.05 > np.abs(edges[~hears_edges]).max()
    assert words[hears_words].min() > 0.1 > 0.05 > np.abs(words[~hears_words]).max()
    assert (noise < 0).any() and np.abs(noise).max() < 0.05  # not clipped


def test_a_partition_is_audited_and_drawn(own):
    brain, bands = own()
    stage = VariancePartition(brain=brain, features=bands, split=SPLIT, alphas=ALPHAS)
    assert [found.leak for found in DataAudit.findings(DataAudit(fit=stage).run())] == ["same_run"]
    assert FitAudit.findings(FitAudit(fit=stage).run()) == []
    figure = stage.figures(stage.run())[-1]
    assert figure.title == "Variance by band" and "medians over all 12 units" in figure.text
    assert figure.html.count("<svg") == 1
    sizes, made = stage.foresee(), stage.run()
    assert sizes["subset"] == 7 == made.shape("subset_r2")[0] and sizes["band"] == 3


def test_what_cannot_be_parted_is_refused(own, tmp_path):
    brain, bands = own(stimuli=20, repeats="average")
    edges = bands.spaces["edges"]
    for count in (1, 9):
        many = Bands(spaces={f"band {number}": edges for number in range(count)})
        with pytest.raises(InvalidInput, match=f"features: {count} bands cannot be parted; give 2 to 8"):
            VariancePartition(brain=brain, features=many).check_ready()
        with pytest.raises(InvalidInput, match=f"{count} bands"):
            VariancePartition(brain=brain, features=many).run()
    with pytest.raises(InvalidInput, match="fold 0 holds out a single trial"):
        VariancePartition(brain=brain, features=bands, split=KFold(by="stimulus", folds=None)).run()
    with pytest.raises(InvalidInput, match="features"):
        BandedRidgeEncoder(brain=brain, features=edges)
