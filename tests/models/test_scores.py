"""Scores say what they claim: exact identification, a null that meets nothing, an honest table."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.data.handwritten_digits import HandwrittenDigits
from recortex.data.planted_units import PlantedUnits
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.features.pairs import refit_permuted
from recortex.features.pixels import Pixels
from recortex.generators.pixel_pictures import PixelPictures
from recortex.metrics import unit_correlation
from recortex.scores.base import COLUMNS, Score, as_columns, p_value
from recortex.scores.encoding_scores import EncodingScores
from recortex.scores.image_scores import ImageScores, compare
from recortex.splits.k_fold import KFold
from tests.laws import planted, recording

DESIGN = (
    "branch stage metric summary control subset protocol value low high p chance ceiling "
    "n n_unit candidates unit split averaging audit"
)


def test_the_columns_are_those_of_the_design():
    assert " ".join(COLUMNS) == DESIGN


def test_two_scores_of_one_name_are_refused():
    score = Score("accuracy", "mean", 0.5, 10, "stimulus")
    with pytest.raises(ValueError, match="accuracy"):
        as_columns([score, score])


def test_p_counts_the_value_itself():
    assert p_value(1.0, np.zeros(99)) == 0.01
    assert p_value(0.0, np.zeros(99)) == 1.0
    assert np.isnan(p_value(1.0, np.array([])))


def test_perfect_pictures_are_identified_and_flat_ones_score_chance():
    rng = np.random.default_rng(0)
    seen = rng.random((12, 16, 16, 1))
    category = np.repeat(["a", "b"], 6)
    truth = np.arange(12)
    perfect = compare(seen, seen, truth, category)
    assert all(np.allclose(perfect[name], 1) for name in perfect)
    flat = compare(np.full_like(seen, 0.5), seen, truth, category)
    assert np.allclose(flat["two_way_identification", ""], 0.5)
    assert np.allclose(flat["top1_retrieval", ""], 1 / 12)


def test_class_mean_pictures_identify_the_class_and_nothing_within_it():
    rng = np.random.default_rng(0)
    base = rng.random((2, 12, 12, 1))
    category = np.repeat(["a", "b"], 20)
    seen = np.clip(0.7 * base[(category == "b").astype(int)] + 0.3 * rng.random((40, 12, 12, 1)), 0, 1)
    means = np.stack([seen[category == name].mean(axis=0) for name in category])
    scored = compare(means, seen, np.arange(40), category)
    assert scored["two_way_identification", ""].mean() > 0.7
    assert abs(scored["two_way_identification", "within_category"].mean() - 0.5) < 1e-9


def test_trials_of_one_stimulus_are_no_rivals_of_each_other():
    rng = np.random.default_rng(0)
    seen = rng.random((5, 12, 12, 1))
    truth = np.repeat(np.arange(5), 3)
    scored = compare(seen[truth], seen, truth, None)
    assert np.allclose(scored["two_way_identification", ""], 1)
    assert np.allclose(scored["two_way_identification", "by_stimulus"], 1)


@pytest.fixture
def nothing(tmp_path):
    """Responses that know nothing of the pictures but their identity: every repeat of a picture has the same random response."""
    _, pictures, table = planted(stimuli=60)
    rng = np.random.default_rng(5)
    responses = rng.standard_normal((60, 30))[table["stimulus"]] + 0.1 * rng.standard_normal((120, 30))
    return recording(tmp_path / "nothing", responses, pictures, table)


def test_where_there_is_nothing_encoding_finds_nothing(nothing):
    brain, stimuli = nothing
    scores = EncodingScores(
        encoder=RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli)), permutations=19, resamples=50
    ).run()
    mean = scores["summary"].tolist().index("mean")
    assert scores["p"][mean] > 0.05
    assert scores["null"].shape == (19, 3)


def test_where_there_is_something_the_null_stays_at_chance(tmp_path):
    brain, stimuli = recording(tmp_path / "own", *planted(stimuli=60))
    scores = EncodingScores(
        encoder=RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli)), permutations=19, resamples=50
    ).run()
    mean = scores["summary"].tolist().index("mean")
    assert scores["p"][mean] == 0.05 and scores["value"][mean] > 0.7
    assert abs(scores["chance"][mean]) < 0.2
    assert scores["low"][mean] < scores["value"][mean] < scores["high"][mean]


def test_the_null_refits_on_exchanged_training_pairs_and_leaves_the_test_trials_alone(tmp_path):
    brain, stimuli = recording(tmp_path / "own", *planted())
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=KFold(folds=4))
    pairs, met = encoder.pairs(), []

    def watch(permuted):
        met.append(permuted)
        return encoder.fit_folds(permuted)

    made = refit_permuted(watch, pairs, np.random.default_rng(0))
    assert made.shape == pairs.responses.shape and len(met) == 4
    stimulus = np.asarray(pairs.trials["stimulus"])
    for permuted, fold in zip(met, pairs.folds, strict=True):
        assert np.array_equal(permuted.features[fold.test], pairs.features[fold.test])
        assert np.array_equal(permuted.responses, pairs.responses)
        assert not np.array_equal(permuted.features[fold.train], pairs.features[fold.train])
        for name in np.unique(stimulus[fold.train]):  # repeats move together
            rows = fold.train[stimulus[fold.train] == name]
            assert len(np.unique(permuted.features[rows], axis=0)) == 1


def test_within_a_category_stimuli_are_exchanged_inside_it_only(tmp_path):
    brain, stimuli = recording(tmp_path / "own", *planted())
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=KFold(folds=4))
    pairs = encoder.pairs()
    category = np.asarray(pairs.trials["category"])
    home = {features.tobytes(): label for features, label in zip(pairs.features, category, strict=True)}

    def watch(permuted):
        rows = permuted.folds[0].train
        assert all(home[permuted.features[row].tobytes()] == category[row] for row in rows)
        return encoder.fit_folds(permuted)

    refit_permuted(watch, pairs, np.random.default_rng(0), "category")


def test_trial_level_splits_are_refused_and_stimulus_level_ones_find_nothing(nothing):
    """The leak pair: repeats on both sides would be remembered; held apart there is nothing to find."""
    from recortex.errors import InvalidInput

    brain, stimuli = nothing
    features = Pixels(stimuli=stimuli)
    with pytest.raises(InvalidInput, match="stimuli in training and test"):
        RidgeEncoder(brain=brain, features=features, split=KFold(by="run")).run()
    honest = RidgeEncoder(brain=brain, features=features).run()["correlation"]
    rows = features.of(brain.trial_table()["stimulus"])
    from recortex.linear import RidgeCV, held_out_predictions

    halves = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    identity = np.random.default_rng(0).standard_normal((60, 200))[brain.trial_table()["stimulus"].astype(int)]
    wide = np.hstack([rows, identity])
    leaked = held_out_predictions(lambda: RidgeCV((0.1, 1.0), cv=3), wide, brain.run()["responses"], halves).predictions
    assert np.mean(unit_correlation(brain.run()["responses"], leaked)) > 0.5
    assert np.mean(honest) < 0.1


def test_image_scores_refit_the_decoder_for_chance():
    digits = HandwrittenDigits(count=80)
    brain = PlantedUnits(stimuli=digits, units=60, repeats="average")
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=digits))
    scores = ImageScores(pictures=PixelPictures(decoder=decoder), stimuli=digits, permutations=9, resamples=200).run()
    row = {(metric, subset): place for place, (metric, subset) in enumerate(zip(scores["metric"], scores["subset"], strict=True))}
    two_way = row["two_way_identification", ""]
    assert scores["value"][two_way] > 0.9 and abs(scores["chance"][two_way] - 0.5) < 0.08
    assert scores["p"][two_way] == 0.1 and scores["candidates"][two_way] == 80
    assert scores["averaging"][0] == "mean of 2 repeats"
    assert ("ssim", "") not in row  # 8 x 8 pictures have no room for its window
