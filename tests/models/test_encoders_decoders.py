"""Encoders and decoders find what was planted, and only that; a fitted one is applied to new data."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from recortex.data.handwritten_digits import HandwrittenDigits
from recortex.data.planted_units import PlantedUnits
from recortex.decoders.category_decoder import CategoryDecoder
from recortex.decoders.decode import Decode
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.encoders.predict import Predict
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels
from recortex.generators.nearest_picture import NearestPicture
from recortex.generators.pixel_pictures import PixelPictures
from recortex.metrics import unit_correlation
from recortex.scores.category_scores import CategoryScores
from recortex.splits.fixed import FixedSplit
from recortex.splits.k_fold import KFold
from tests.laws import planted, recording


@pytest.fixture
def own(tmp_path):
    return recording(tmp_path / "own", *planted())


def test_a_fixed_split_equals_scikit_learns_ridge_at_the_chosen_alphas(own):
    brain, stimuli = own
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit()).run()
    trials, responses = brain.trial_table(), brain.run()["responses"]
    features = Pixels(stimuli=stimuli).of(trials["stimulus"])
    train, test = (np.flatnonzero(trials["split"] == side) for side in ("train", "test"))
    expected = np.column_stack(
        [
            Ridge(alpha).fit(features[train], responses[train, unit]).predict(features[test])
            for unit, alpha in enumerate(encoder["best_alpha"][0])
        ]
    )
    assert np.array_equal(encoder["row"], test)
    np.testing.assert_allclose(encoder["prediction"], expected, atol=1e-4)
    np.testing.assert_allclose(encoder["correlation"], unit_correlation(responses[test], expected), atol=1e-4)


def test_pooled_folds_predict_every_trial_once_by_the_fold_that_did_not_see_it(own):
    brain, stimuli = own
    split = KFold(by="stimulus", folds=4)
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=split).run()
    assert np.array_equal(encoder["row"], np.arange(48))
    assert np.array_equal(encoder["stimulus"], brain.trial_table()["stimulus"])
    features = Pixels(stimuli=stimuli).of(encoder["stimulus"])
    for number, name in enumerate(encoder["fold"]):
        rows = encoder["held_out_in"] == name
        np.testing.assert_allclose(
            encoder["prediction"][rows], features[rows] @ encoder["coef"][number] + encoder["intercept"][number], atol=1e-4
        )


def test_rows_and_pictures_in_another_order_change_nothing(own, tmp_path):
    responses, pictures, table = planted()
    turn = np.random.default_rng(3).permutation(len(responses))
    turned = {name: values[turn] for name, values in table.items()}
    brain, stimuli = own
    other, _ = recording(tmp_path / "turned", responses[turn], pictures, turned)
    one = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit()).run()
    two = RidgeEncoder(brain=other, features=Pixels(stimuli=stimuli), split=FixedSplit()).run()
    np.testing.assert_allclose(one["correlation"], two["correlation"], atol=1e-3)
    assert one["split_hash"] == two["split_hash"]


def test_a_fitted_encoder_predicts_new_stimuli_and_marks_those_it_has_seen(own, tmp_path):
    brain, stimuli = own
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit())
    predicted = Predict(encoder=encoder, features=Pixels(stimuli=stimuli)).run()
    fitted = encoder.run()
    held_out = np.isin(predicted["stimulus"], fitted["stimulus"])
    assert np.array_equal(predicted["seen"], ~held_out)
    rows = [predicted["stimulus"].tolist().index(name) for name in fitted["stimulus"]]
    np.testing.assert_allclose(predicted["prediction"][rows], fitted["prediction"], atol=1e-4)


def test_features_of_another_width_are_refused_with_both_widths(own):
    brain, stimuli = own
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit())
    with pytest.raises(InvalidInput, match=r"fitted on 16 features and is applied to 64"):
        Predict(encoder=encoder, features=Pixels(stimuli=HandwrittenDigits(count=20))).run()


def test_a_fitted_decoder_reads_new_responses_and_refuses_stimuli_it_was_fitted_on(own, tmp_path):
    brain, stimuli = own
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit())
    with pytest.raises(InvalidInput, match="among those the decoder was fitted on"):
        Decode(decoder=decoder, brain=brain).run()
    responses, pictures, table = planted()
    test = table["split"] == "test"
    new, _ = recording(tmp_path / "new", responses[test], pictures, {name: values[test] for name, values in table.items()})
    decoded = Decode(decoder=decoder, brain=new).run()
    np.testing.assert_allclose(decoded["decoded"], decoder.run()["decoded"], atol=1e-4)
    pictures_of_new = PixelPictures(decoder=Decode(decoder=decoder, brain=new)).run()
    np.testing.assert_allclose(pictures_of_new["picture"], PixelPictures(decoder=decoder).run()["picture"], atol=1e-4)


def test_stored_weights_apply_to_responses_with_a_large_mean(tmp_path):
    responses, pictures, table = planted()
    brain, stimuli = recording(tmp_path / "raw", responses + 1e4, pictures, table)
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit())
    test = table["split"] == "test"
    new, _ = recording(
        tmp_path / "new", (responses + 1e4)[test], pictures, {name: values[test] for name, values in table.items()}
    )
    np.testing.assert_allclose(Decode(decoder=decoder, brain=new).run()["decoded"], decoder.run()["decoded"], atol=2e-3)


def test_calibration_gives_decoded_features_the_spread_of_the_training_set():
    digits = HandwrittenDigits(count=200)
    brain = PlantedUnits(stimuli=digits, units=80, repeats="average")
    spread = {}
    for calibration in ("none", "variance"):
        decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=digits), calibration=calibration)
        spread[calibration] = decoder.run()["decoded"].std(axis=0)
    true = Pixels(stimuli=digits).run()["features"].std(axis=0)
    lively = true > 0.1
    assert np.median(spread["none"][lively] / true[lively]) < 0.95
    assert abs(np.median(spread["variance"][lively] / true[lively]) - 1) < 0.05


def test_the_nearest_picture_is_never_one_the_fold_was_not_fitted_on(own):
    brain, stimuli = own
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli))
    nearest = NearestPicture(decoder=decoder, stimuli=stimuli).run()
    for rows, names in decoder.known():
        assert set(nearest["retrieved"][rows]) <= set(names.tolist())
        assert not set(nearest["retrieved"][rows]) & set(nearest["stimulus"][rows])
    shown = stimuli.run()
    at = [shown["stimulus"].tolist().index(name) for name in nearest["retrieved"]]
    np.testing.assert_allclose(nearest["picture"], shown["picture"][at] / 255, atol=1e-6)


def test_pixel_pictures_of_other_features_are_refused():
    digits = HandwrittenDigits(count=40)
    brain = PlantedUnits(stimuli=digits, units=5)
    from recortex.features.gabor_energy import GaborEnergy

    decoder = RidgeDecoder(brain=brain, features=GaborEnergy(stimuli=digits, frequencies=(1,), size=8))
    with pytest.raises(InvalidInput, match="GaborEnergy"):
        PixelPictures(decoder=decoder).run()


@pytest.mark.parametrize("classifier", ["logistic", "svm", "ridge", "lda"])
def test_categories_are_decoded_from_planted_units_and_guessed_from_noise(tmp_path, classifier):
    rng = np.random.default_rng(0)
    label = np.repeat(["face", "house", "cat"], 20)
    centres = {"face": 0, "house": 1, "cat": 2}
    signal = rng.standard_normal((3, 30))[[centres[name] for name in label]] * 2
    table = {"stimulus": np.arange(60), "category": label}
    pictures = np.zeros((60, 4, 4), dtype=np.uint8)
    accuracy = {}
    for name, responses in {"signal": signal + rng.standard_normal((60, 30)), "noise": rng.standard_normal((60, 30))}.items():
        brain, _ = recording(tmp_path / name, responses, pictures, table)
        scores = CategoryScores(decoder=CategoryDecoder(brain=brain, classifier=classifier), permutations=19).run()
        accuracy[name] = scores["value"][0]
        assert scores["candidates"][0] == 3 and abs(scores["chance"][0] - 1 / 3) < 0.06
        assert (scores["p"][0] == 0.05) == (name == "signal")
        rungs = {
            control: value for control, value, summary in zip(scores["control"], scores["value"], scores["summary"], strict=True)
        }
        assert set(rungs) == {"", "shuffled", "mean", "trial_order", "nearest"}
        assert scores["confusion"].sum() == 60
    assert accuracy["signal"] > 0.9
    assert accuracy["noise"] < 0.6


def test_a_label_missing_from_training_is_said(tmp_path):
    responses, pictures, table = planted()
    table["category"] = np.where(table["stimulus"] == 3, "rare", "common")
    brain, _ = recording(tmp_path / "rare", responses, pictures, table)
    with pytest.raises(
        InvalidInput, match=r"no training trial of rare, which has one stimulus only \(3\); decode another column$"
    ):
        CategoryDecoder(brain=brain, split=KFold(by="stimulus", folds=4)).run()
    table["category"] = np.where(table["stimulus"] == 4, "odd", table["category"])
    table["category"] = np.where(table["stimulus"] > 11, "plain", table["category"])
    brain, _ = recording(tmp_path / "odd", responses, pictures, table)
    with pytest.raises(InvalidInput, match=r"decode another column, or leave labels out with among: \[common, plain\]$"):
        CategoryDecoder(brain=brain, split=KFold(by="stimulus", folds=4)).run()
    with pytest.raises(
        InvalidInput, match=r"^among names one label only \(odd\); name at least two of common, odd, plain, rare$"
    ):
        CategoryDecoder(brain=brain, among=("odd",)).run()


@pytest.mark.parametrize("word", ["", "n/a"])
def test_a_trial_without_a_label_is_never_a_label_of_its_own(word, tmp_path):
    responses, pictures, table = planted()
    table["category"] = np.where(table["stimulus"] < 3, word, np.where(table["stimulus"] % 2, "face", "house"))
    brain, _ = recording(tmp_path / "own", responses, pictures, table)
    with pytest.raises(
        InvalidInput, match=r"trials state no category \(the first is of stimulus [0-2]\).*among: \[face, house\]$"
    ):
        CategoryDecoder(brain=brain).run()
    assert set(CategoryDecoder(brain=brain, among=("face", "house")).run()["category"]) == {"face", "house"}


def test_features_of_another_kind_with_the_same_width_are_refused(own):
    brain, stimuli = own
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit())
    with pytest.raises(InvalidInput, match="grey = False and these have True"):
        Predict(encoder=encoder, features=Pixels(stimuli=stimuli, grey=True)).run()


def test_responses_of_other_units_of_the_same_number_are_refused(tmp_path):
    responses, pictures, table = planted()
    test = table["split"] == "test"
    first, second = responses.copy(), responses.copy()[test]
    first[:, 0] = 1.0  # constant in one recording, another unit in the other
    second[:, 6] = 1.0
    brain, stimuli = recording(tmp_path / "first", first, pictures, table)
    other, _ = recording(tmp_path / "second", second, pictures, {name: values[test] for name, values in table.items()})
    brain, other = (one.model_copy(update={"drop_units": "invalid"}) for one in (brain, other))
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit())
    with pytest.raises(InvalidInput, match="not of the units"):
        Decode(decoder=decoder, brain=other).run()


def test_a_file_that_changes_while_it_is_read_is_not_kept_under_its_old_key(own):
    from recortex import keys

    brain, _ = own
    with keys.settled():
        brain.key()
        np.save(brain.path, np.load(brain.path) + 1)
        with pytest.raises(InvalidInput, match="changed while it was read"):
            brain.run()
    assert np.allclose(brain.run()["responses"], np.load(brain.path))


def test_the_same_stimuli_in_another_order_get_the_same_folds():
    stimulus = np.arange(30).astype(str)
    turn = np.random.default_rng(0).permutation(30)
    for split in (KFold(folds=5), KFold(folds=5, seed=3)):
        one = [set(stimulus[fold.test]) for fold in split.apply({"stimulus": stimulus})]
        two = [set(stimulus[turn][fold.test]) for fold in split.apply({"stimulus": stimulus[turn]})]
        assert one == two
