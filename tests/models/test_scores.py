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
    assert all(np.allclose(values, 1) for values, _ in perfect.values())
    flat = compare(np.full_like(seen, 0.5), seen, truth, category)
    assert np.allclose(flat["two_way_identification", ""][0], 0.5)
    assert np.allclose(flat["top1_retrieval", ""][0], 1 / 12)


def test_class_mean_pictures_identify_the_class_and_nothing_within_it():
    rng = np.random.default_rng(0)
    base = rng.random((2, 12, 12, 1))
    category = np.repeat(["a", "b"], 20)
    seen = np.clip(0.7 * base[(category == "b").astype(int)] + 0.3 * rng.random((40, 12, 12, 1)), 0, 1)
    means = np.stack([seen[category == name].mean(axis=0) for name in category])
    scored = compare(means, seen, np.arange(40), category)
    assert scored["two_way_identification", ""][0].mean() > 0.7
    assert abs(scored["two_way_identification", "within_category"][0].mean() - 0.5) < 1e-9


def test_trials_of_one_stimulus_are_no_rivals_of_each_other():
    rng = np.random.default_rng(0)
    seen = rng.random((5, 12, 12, 1))
    truth = np.repeat(np.arange(5), 3)
    scored = compare(seen[truth], seen, truth, None)
    assert np.allclose(scored["two_way_identification", ""][0], 1) and scored["two_way_identification", ""][1] == 5
    reverse, candidates = scored["two_way_identification", "by_stimulus"]
    assert np.allclose(reverse, 1) and candidates == 13  # the trials of the four other stimuli, and its own


def test_a_retrieval_and_a_decoder_compare_fairly_within_folds():
    rng = np.random.default_rng(0)
    seen = rng.random((12, 12, 12, 1))
    truth, fold = np.arange(12), np.repeat(["1", "2"], 6)
    neighbour = np.roll(truth, 6)  # a perfect guess of nothing: some picture of the other fold, where training pictures come from
    scored = compare(seen[neighbour], seen, truth, fold=fold)
    assert scored["top1_retrieval", ""][0].max() == 0  # beaten by itself among the candidates
    assert abs(scored["two_way_identification", "within_fold"][0].mean() - 0.5) < 0.25
    assert scored["two_way_identification", "within_fold"][1] == 6


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


def test_one_exchange_of_stimuli_holds_for_all_folds_and_repeats_move_together(tmp_path):
    brain, stimuli = recording(tmp_path / "own", *planted())
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=KFold(folds=4))
    pairs, met = encoder.pairs(), []

    def watch(permuted):
        met.append(permuted)
        return encoder.fit_folds(permuted)

    made = refit_permuted(watch, pairs, np.random.default_rng(0), "features")
    stimulus = np.asarray(pairs.trials["stimulus"])
    assert made.shape == pairs.responses.shape and len(met) == 1
    assert np.array_equal(met[0].responses, pairs.responses)
    for name in np.unique(stimulus):
        assert len(np.unique(met[0].features[stimulus == name], axis=0)) == 1
    assert len(np.unique(met[0].features, axis=0)) == len(np.unique(pairs.features, axis=0))


def test_within_a_category_stimuli_are_exchanged_inside_it_only(tmp_path):
    brain, stimuli = recording(tmp_path / "own", *planted())
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=KFold(folds=4))
    pairs = encoder.pairs()
    category = np.asarray(pairs.trials["category"])
    home = {features.tobytes(): label for features, label in zip(pairs.features, category, strict=True)}

    def watch(permuted):
        assert [home[features.tobytes()] for features in permuted.features] == category.tolist()
        return encoder.fit_folds(permuted)

    refit_permuted(watch, pairs, np.random.default_rng(0), "features", "category")
    from recortex.errors import InvalidInput

    with pytest.raises(InvalidInput, match="run differs between repeats"):
        refit_permuted(watch, pairs, np.random.default_rng(0), "features", "run")


def test_p_is_uniform_where_there_is_nothing_to_find():
    """Pooled folds on noise: the null must be as wide as the statistic (a permutation drawn anew for each fold is not)."""
    from recortex.features.pairs import Pairs
    from recortex.splits.base import Fold

    n, alpha = 40, 10.0
    trials = {"stimulus": np.arange(n).astype(str)}
    folds = [
        Fold(str(number), np.setdiff1d(np.arange(n), test), test) for number, test in enumerate(np.array_split(np.arange(n), 5))
    ]

    def fit_folds(pairs):
        out = np.empty((n, pairs.responses.shape[1]))
        for train, test in pairs.rows():
            x, y = pairs.features[train], pairs.responses[train]
            centred = x - x.mean(axis=0)
            weights = centred.T @ np.linalg.solve(centred @ centred.T + alpha * np.eye(len(x)), y - y.mean(axis=0))
            out[test] = (pairs.features[test] - x.mean(axis=0)) @ weights + y.mean(axis=0)
        return out, {}

    def statistics(measured, predicted):
        scored = unit_correlation(measured, predicted)
        return scored.mean(), np.percentile(scored, 95)

    p = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((n, 20))
        pairs = Pairs(rng.standard_normal((n, 30)), noise, trials, folds, trials["stimulus"])
        value = statistics(noise, fit_folds(pairs)[0])
        null = np.array([statistics(noise, refit_permuted(fit_folds, pairs, rng, "features")) for _ in range(19)])
        p.append([p_value(value[column], null[:, column]) for column in (0, 1)])
    from scipy.stats import binomtest

    for column in (0, 1):
        false_alarms = int(np.sum(np.array(p)[:, column] <= 0.1))
        assert binomtest(false_alarms, len(p), 0.1, alternative="greater").pvalue > 0.01, false_alarms


def test_quantiles_over_units_have_no_interval_and_the_mean_has_one_around_it(nothing):
    brain, stimuli = nothing
    scores = EncodingScores(
        encoder=RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli)), permutations=0, resamples=200
    ).run()
    for summary, value, low, high in zip(scores["summary"], scores["value"], scores["low"], scores["high"], strict=True):
        assert (low <= value <= high) if summary == "mean" else np.isnan(low)


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
