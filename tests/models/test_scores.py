"""Scores say what they claim: exact identification, a null that meets nothing, an honest table."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.data.handwritten_digits import HandwrittenDigits
from recortex.data.planted_units import PlantedUnits
from recortex.decoders.category_decoder import CategoryDecoder
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.encoders.banded_ridge_encoder import BandedRidgeEncoder
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.features.bands import Bands
from recortex.features.pixels import Pixels
from recortex.generators.pixel_pictures import PixelPictures
from recortex.scores.base import COLUMNS, Score, as_columns
from recortex.scores.category_scores import CategoryScores
from recortex.scores.encoding_scores import EncodingScores
from recortex.scores.image_scores import ImageScores, compare
from recortex.splits.fixed import FixedSplit
from recortex.splits.hold_out import HoldOut
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


def test_quantiles_over_units_have_no_interval_and_the_mean_has_one_around_it(nothing):
    brain, stimuli = nothing
    scores = EncodingScores(
        encoder=RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli)), permutations=0, resamples=200
    ).run()
    columns = (scores[name][scores["metric"] == "unit_correlation"] for name in ("summary", "value", "low", "high"))
    for summary, value, low, high in zip(*columns, strict=True):
        assert (low <= value <= high) if summary in ("mean", "difference") else np.isnan(low)


def test_a_single_run_held_out_has_no_interval(tmp_path):
    responses, pictures, table = planted(stimuli=90, repeats=1)
    table |= {"run": np.arange(90) // 30, "split": np.where(np.arange(90) < 60, "train", "test")}
    brain, stimuli = recording(tmp_path / "own", responses, pictures, table)
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit(by="run"), cv=2)
    scores = EncodingScores(encoder=encoder, permutations=19, exchange="circular_shift", resamples=20).run()
    assert (scores["n"][:3] == 1).all() and np.isfinite(scores["value"][:3]).all() and np.isfinite(scores["p"][:3]).all()
    assert np.isnan(scores["low"]).all() and np.isnan(scores["high"]).all()


@pytest.mark.parametrize("selection", ["gcv", "loo", "gcv+kfold"])
def test_single_presentations_are_held_against_their_order_however_alphas_are_chosen(tmp_path, selection):
    brain, stimuli = recording(tmp_path / "own", *planted(stimuli=30))
    features = Pixels(stimuli=stimuli)
    encoders = [RidgeEncoder(brain=brain, features=features, selection=selection)]
    if selection != "loo":
        encoders.append(BandedRidgeEncoder(brain=brain, features=Bands(spaces={"pixels": features}), selection=selection))
    for encoder in encoders:
        scores = EncodingScores(encoder=encoder, permutations=0, resamples=20).run()
        assert "trial_order" in scores["control"]


def test_finished_predictions_of_several_folds_are_no_null(nothing):
    brain, stimuli = nothing
    for split, said in ((KFold(folds=3), "null: quick holds finished predictions of 3 folds"), (HoldOut(test=0.4), "")):
        encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=split)
        scores = EncodingScores(encoder=encoder, permutations=19, null="quick", resamples=20)
        if said:
            with pytest.raises(InvalidInput, match=said):
                scores.run()
        else:
            assert np.isfinite(scores.run()["p"][0])


def test_without_permutations_no_exchange_is_refused(tmp_path):
    responses, pictures, table = planted(stimuli=48, repeats=1)
    table |= {"run": np.arange(48) // 12, "category": np.array(["a", "b", "c"])[np.arange(48) // 4 % 3]}
    decoder = CategoryDecoder(brain=recording(tmp_path / "own", responses, pictures, table)[0], split=KFold(by="run"))
    for more in ({"exchange": "run"}, {"exchange": "category"}, {"null": "quick"}):
        scores = CategoryScores(decoder=decoder, permutations=0, resamples=20, **more).run()
        assert np.isnan(scores["p"]).all() and np.isfinite(scores["value"][0])


def test_the_commonest_label_is_counted_over_training_and_test(tmp_path):
    responses, pictures, table = planted(stimuli=140, repeats=1)
    table["category"] = np.repeat(["a", "b"], 70)
    table["split"] = np.where((np.arange(140) < 60) | (np.arange(140) >= 100), "train", "test")
    decoder = CategoryDecoder(brain=recording(tmp_path / "own", responses, pictures, table)[0], split=FixedSplit())
    scores = CategoryScores(decoder=decoder, permutations=0, resamples=20).run()
    (row,) = np.flatnonzero((scores["control"] == "mean") & (scores["summary"] == "mean"))
    assert scores["value"][row] == 0.5  # both come 70 times, though 30 of 40 held out are b


def test_image_scores_refit_the_decoder_for_chance():
    digits = HandwrittenDigits(count=80)
    brain = PlantedUnits(stimuli=digits, units=60, repeats="average")
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=digits))
    scores = ImageScores(pictures=PixelPictures(decoder=decoder), stimuli=digits, permutations=9, resamples=200).run()
    names = zip(scores["metric"], scores["subset"], scores["control"], strict=True)
    row = {(metric, subset): place for place, (metric, subset, control) in enumerate(names) if not control}
    two_way = row["two_way_identification", ""]
    assert scores["value"][two_way] > 0.9 and abs(scores["chance"][two_way] - 0.5) < 0.08
    assert scores["p"][two_way] == 0.1 and scores["candidates"][two_way] == 80
    assert scores["averaging"][0] == "mean of 2 repeats"
    assert ("ssim", "") not in row  # 8 x 8 pictures have no room for its window
