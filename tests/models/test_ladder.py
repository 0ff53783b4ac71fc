"""The null ladder: each control is there, stands where it must, and its difference to the real thing is what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.stats import kstest

from recortex import store
from recortex.data.picture_file import PictureFile
from recortex.data.response_file import ResponseFile
from recortex.decoders.category_decoder import CategoryDecoder
from recortex.decoders.decode import Decode
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.features.pixels import Pixels
from recortex.generators.nearest_picture import NearestPicture
from recortex.generators.pixel_pictures import PixelPictures
from recortex.metrics import permutation_p, unit_correlation
from recortex.scores.base import Scores
from recortex.scores.category_scores import CategoryScores
from recortex.scores.encoding_scores import EncodingScores
from recortex.scores.image_scores import ImageScores
from recortex.splits.hold_out import HoldOut
from recortex.splits.k_fold import KFold
from tests.laws import planted, recording

Row = dict[str, Any]
Rows = list[Row]
SPLIT = KFold(by="stimulus", folds=4)
ALPHAS = (1.0, 100.0)
CLASSES = np.array(["ant", "bee", "cow", "dog"])


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the whole file, so that what several tests look at is made once."""
    folder = tmp_path_factory.mktemp("kept")
    with store.use(store.Store(folder / "cache")):
        yield folder


def pictures_of(first: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures that share much with their class, and their classes, which take turns."""
    kinds = np.random.default_rng(100).integers(0, 256, (len(CLASSES), 6, 6))
    kind = np.arange(first, first + count) % len(CLASSES)
    own = np.random.default_rng(seed).integers(0, 256, (count, 6, 6))
    return (0.5 * kinds[kind] + 0.5 * own).astype(np.uint8), CLASSES[kind]


def recorded(folder: Path, first: int = 0, count: int = 40, seed: int = 0, noise: float = 1.5, repeats: int = 2) -> Any:
    """Responses to such pictures, a linear map of them and noise; runs show each picture once, in blocks of five."""
    pictures, kind = pictures_of(first, count, seed)
    weights = np.random.default_rng(200).standard_normal((36, 40))
    rng = np.random.default_rng([seed, 1])
    order = np.concatenate([rng.permutation(count) for _ in range(repeats)])
    responses = (pictures.reshape(count, -1)[order] / 255 - 0.5) @ weights + noise * rng.standard_normal((len(order), 40))
    table = {
        "stimulus": np.array([f"p{number:03d}" for number in order + first]),
        "run": np.repeat(np.arange(repeats), count),
        "block": np.arange(len(order)) // 5,
        "category": kind[order],
    }
    brain, stimuli = recording(folder, responses, pictures, table)
    (folder / "names.txt").write_text("".join(f"p{number:03d}\n" for number in range(first, first + count)))
    return brain, PictureFile(path=stimuli.path, names=folder / "names.txt")


@pytest.fixture(scope="module")
def own(kept: Path) -> tuple[ResponseFile, PictureFile]:
    return recorded(kept / "own")


def decoder_of(brain: ResponseFile, stimuli: PictureFile, **more: Any) -> RidgeDecoder:
    return RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, cv=2, **{"split": SPLIT} | more)


def image_scores(own: tuple[ResponseFile, PictureFile], **more: Any) -> ImageScores:
    pictures = PixelPictures(decoder=decoder_of(*own, split=more.pop("split", SPLIT)))
    return ImageScores(pictures=pictures, stimuli=own[1], **{"permutations": 9, "resamples": 300} | more)


def category_scores(brain: ResponseFile, **more: Any) -> CategoryScores:
    decoder = CategoryDecoder(brain=brain, split=more.pop("split", SPLIT), classifier="ridge")
    return CategoryScores(decoder=decoder, **{"permutations": 9, "resamples": 300} | more)


def rows_of(stage: Scores) -> Rows:
    result = stage.run()
    names = [name for name in Scores.returns if name in result]
    return [dict(zip(names, values, strict=True)) for values in zip(*(result[name] for name in names), strict=True)]


def the(rows: Rows, metric: str, subset: str = "", control: str = "", summary: str = "mean") -> Row:
    (row,) = (
        row
        for row in rows
        if (row["metric"], row["subset"], row["control"], row["summary"]) == (metric, subset, control, summary)
    )
    return row


def rungs(rows: Rows) -> set[str]:
    return {row["control"] for row in rows} - {""}


PIXEL_RUNGS = {"shuffled", "mean", "class_mean", "trial_order", "nearest", "true_features"}


def test_every_rung_that_applies_is_there_for_every_score_with_its_difference(own):
    rows = rows_of(image_scores(own))
    assert rungs(rows) == PIXEL_RUNGS
    real = [row for row in rows if not row["control"]]
    assert {(row["metric"], row["subset"]) for row in real} == {
        ("pixel_correlation", ""),
        *(
            ("two_way_identification", subset)
            for subset in ("", "by_stimulus", "within_category", "within_fold", "within_category_and_fold")
        ),
        *(("top1_retrieval", subset) for subset in ("", "within_fold")),
    }
    assert len(rows) == len(real) * (1 + 2 * len(PIXEL_RUNGS))
    by_category = rows_of(category_scores(own[0]))
    assert rungs(by_category) == {"shuffled", "mean", "nearest", "trial_order"}
    assert {row["subset"] for row in by_category if not row["control"]} == {"", *CLASSES}


def check_differences(rows: Rows) -> None:
    """Each difference is the real value minus the control's, inside its interval, over the same units."""
    compared = 0
    for control in (row for row in rows if row["control"] and row["summary"] == "mean"):
        name = control["metric"], control["subset"]
        real, apart = the(rows, *name), the(rows, *name, control["control"], "difference")
        if np.isnan(control["value"]):
            assert np.isnan(apart["value"])
            continue
        assert apart["value"] == pytest.approx(real["value"] - control["value"], abs=1e-5)
        for row in (real, control, apart):
            assert row["low"] - 1e-6 <= row["value"] <= row["high"] + 1e-6
            assert (row["n"], row["n_unit"], row["candidates"]) == (real["n"], real["n_unit"], real["candidates"])
        compared += 1
    assert compared >= 4


def test_a_difference_is_the_real_thing_minus_its_control(own):
    check_differences(rows_of(image_scores(own)))
    check_differences(rows_of(category_scores(own[0])))


def test_the_training_mean_identifies_nothing(own):
    rows = rows_of(image_scores(own))
    # one picture for a whole fold: what it gains on one stimulus it loses on another
    assert the(rows, "two_way_identification", "within_fold", "mean")["value"] == pytest.approx(0.5, abs=1e-6)
    assert abs(the(rows, "two_way_identification", "", "mean")["value"] - 0.5) < 0.15
    assert the(rows, "two_way_identification", "", "mean", "difference")["low"] > 0


def test_the_class_mean_identifies_the_class_and_nothing_within_it(own):
    pictures = PixelPictures(decoder=decoder_of(*own, split=HoldOut(test=0.5)))
    rows = rows_of(ImageScores(pictures=pictures, stimuli=own[1], permutations=0, resamples=300))
    assert the(rows, "two_way_identification", "", "class_mean")["low"] > 0.6
    # one test set, so one picture for all of a class
    assert the(rows, "two_way_identification", "within_category", "class_mean")["value"] == pytest.approx(0.5, abs=1e-6)
    assert the(rows, "two_way_identification", "", "mean")["value"] == pytest.approx(0.5, abs=1e-6)
    # over pooled folds it lies below: a training mean resembles the pictures of its own fold the least
    pooled = rows_of(image_scores(own))
    assert the(pooled, "two_way_identification", "within_category", "class_mean")["value"] < 0.4
    assert the(pooled, "two_way_identification", "within_category_and_fold", "class_mean")["value"] == pytest.approx(
        0.5, abs=1e-6
    )


def test_noise_does_not_beat_what_is_made_of_the_training_set_within_folds(kept):
    beaten = {"mean": 0, "class_mean": 0, "nearest": 0}
    for seed in range(6):
        brain, stimuli = recorded(kept / f"noise_{seed}", seed=seed, noise=1e3, repeats=1)
        rows = rows_of(image_scores((brain, stimuli), permutations=0))
        for control in beaten:
            subset = "within_category_and_fold" if control == "class_mean" else "within_fold"
            beaten[control] += the(rows, "two_way_identification", subset, control, "difference")["low"] > 0
    # one of 40 each time, by chance
    assert max(beaten.values()) <= 1, beaten


def test_true_features_of_pixels_are_the_pictures(own):
    rows = rows_of(image_scores(own))
    for metric, subset in {(row["metric"], row["subset"]) for row in rows}:
        row = the(rows, metric, subset, "true_features")
        assert row["value"] == pytest.approx(1, abs=1e-6) and row["low"] == pytest.approx(1, abs=1e-6)
        assert the(rows, metric, subset, "true_features", "difference")["value"] <= 1e-6


def test_shuffled_and_trial_order_stay_at_chance_where_there_is_signal(own):
    rows = rows_of(image_scores(own))
    for control in ("shuffled", "trial_order"):
        assert the(rows, "two_way_identification", "", control)["value"] < 0.55
        assert abs(the(rows, "two_way_identification", "within_fold", control)["value"] - 0.5) < 0.12
        assert the(rows, "two_way_identification", "", control, "difference")["low"] > 0
    assert the(rows, "two_way_identification", "", "shuffled")["value"] == pytest.approx(
        the(rows, "two_way_identification")["chance"], abs=0.01
    )
    by_category = rows_of(category_scores(own[0]))
    for control in ("shuffled", "trial_order", "mean"):
        assert the(by_category, "accuracy", "", control)["value"] < 0.4
    assert the(by_category, "accuracy")["value"] > 0.6


def test_only_a_method_with_a_prior_has_an_unconditional_rung(own):
    retrieval = NearestPicture(decoder=decoder_of(*own), stimuli=own[1])
    rows = rows_of(ImageScores(pictures=retrieval, stimuli=own[1], permutations=2, resamples=50))
    assert rungs(rows) == PIXEL_RUNGS - {"nearest"} | {"unconditional"}
    assert abs(the(rows, "two_way_identification", "within_fold", "unconditional")["value"] - 0.5) < 0.15
    check_differences(rows)


def test_a_paired_interval_is_narrower_where_two_decoders_err_alike(own):
    rows = rows_of(image_scores(own, resamples=1000))
    for metric, subset, control in (
        ("pixel_correlation", "", "class_mean"),
        ("pixel_correlation", "", "nearest"),
        ("two_way_identification", "", "class_mean"),
    ):
        width = {
            name: row["high"] - row["low"]
            for name, row in {
                "real": the(rows, metric, subset),
                "control": the(rows, metric, subset, control),
                "paired": the(rows, metric, subset, control, "difference"),
            }.items()
        }
        assert width["paired"] < np.hypot(width["real"], width["control"]), (metric, control, width)


def new_data(own: tuple[ResponseFile, PictureFile], folder: Path) -> tuple[ResponseFile, PictureFile]:
    """Responses to pictures that the decoder never met, and these pictures together with the old ones."""
    brain, stimuli = recorded(folder, first=40, count=16, seed=7)
    np.save(folder / "all.npy", np.concatenate([np.load(some.path) for some in (own[1], stimuli)]))
    (folder / "all.txt").write_text("".join(f"p{number:03d}\n" for number in range(56)))
    return brain, PictureFile(path=folder / "all.npy", names=folder / "all.txt")


def test_new_data_are_held_against_finished_predictions_and_only_what_applies_is_shown(own, tmp_path):
    brain, both = new_data(own, tmp_path)
    pictures = PixelPictures(decoder=Decode(decoder=decoder_of(own[0], both), brain=brain))
    shared = {"pictures": pictures, "stimuli": both, "resamples": 100}
    rows = rows_of(ImageScores(**shared, permutations=0))
    assert rungs(rows) == {"mean", "class_mean", "nearest", "true_features"}
    assert all(np.isnan(row["p"]) and np.isnan(row["chance"]) for row in rows)
    assert the(rows, "two_way_identification")["candidates"] == 16
    assert the(rows, "two_way_identification")["low"] > 0.6
    assert the(rows, "two_way_identification", "", "mean")["value"] == pytest.approx(0.5, abs=1e-6)
    assert {row["split"] for row in rows} == {"new data"}
    check_differences(rows)
    permuted = rows_of(ImageScores(**shared, permutations=19))
    assert rungs(permuted) == {"shuffled", "mean", "class_mean", "nearest", "true_features"}
    assert all("quick null" in row["protocol"] for row in permuted)
    assert abs(the(permuted, "two_way_identification", "", "shuffled")["value"] - 0.5) < 0.1
    assert the(permuted, "two_way_identification")["p"] == pytest.approx(0.05)


def test_new_data_may_have_pictures_of_their_own(own, tmp_path):
    brain, both = new_data(own, tmp_path)
    pictures = PixelPictures(decoder=Decode(decoder=decoder_of(*own), brain=brain))
    rows = rows_of(ImageScores(pictures=pictures, stimuli=both, permutations=0, resamples=10))
    assert rungs(rows) == {"mean", "class_mean", "nearest"}  # the decoder's features are not of these pictures


def test_noise_does_not_beat_the_most_frequent_label(tmp_path):
    beaten = 0
    for seed in range(3):
        _, pictures, table = planted(stimuli=30, repeats=1)
        noise = np.random.default_rng(seed).standard_normal((30, 8))
        brain, _ = recording(tmp_path / str(seed), noise, pictures, table)
        decoder = CategoryDecoder(brain=brain, split=KFold(folds=30), classifier="ridge")
        rows = rows_of(CategoryScores(decoder=decoder, permutations=0, resamples=200))
        beaten += the(rows, "accuracy", "", "mean", "difference")["low"] > 0
    assert beaten <= 1


def test_a_quick_null_is_another_one_and_says_so(own):
    split = HoldOut(test=0.5)
    refit, quick = (rows_of(image_scores(own, null=null, split=split)) for null in ("refit", "quick"))
    one, other = (the(rows, "two_way_identification") for rows in (refit, quick))
    assert one["value"] == other["value"] and one["chance"] != other["chance"]
    assert all("quick null" in row["protocol"] for row in quick) and not any("quick" in row["protocol"] for row in refit)
    nulls = [category_scores(own[0], null=null, split=split).run()["null"] for null in ("refit", "quick")]
    assert nulls[0].shape == nulls[1].shape and not np.array_equal(*nulls)


def test_what_was_exchanged_within_what_stands_in_the_table(own):
    brain, stimuli = own
    images = rows_of(image_scores(own, permute_within="category", permutations=2, resamples=10))
    assert {row["protocol"] for row in images} == {"pixels 6x6 grey, null within category"}
    assert {row["n_unit"] for row in images} == {"stimulus"} and the(images, "two_way_identification")["n"] == 40
    rows = rows_of(category_scores(brain, exchange="block", permute_within="run", permutations=2, resamples=10))
    assert {row["protocol"] for row in rows} == {"null within run"}
    assert {(row["n_unit"], row["n"]) for row in rows if not row["subset"]} == {("block", 16)}
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, cv=2, split=SPLIT)
    rows = rows_of(EncodingScores(encoder=encoder, permute_within="category", permutations=2, resamples=10))
    assert {row["protocol"] for row in rows} == {"null within category"}


def test_strong_signal_reaches_the_smallest_p_that_so_many_permutations_allow(own):
    encoder = RidgeEncoder(brain=own[0], features=Pixels(stimuli=own[1]), alphas=ALPHAS, cv=2, split=SPLIT)
    for stage, metric in (
        (image_scores(own), "two_way_identification"),
        (category_scores(own[0]), "accuracy"),
        (EncodingScores(encoder=encoder, permutations=9, resamples=10), "unit_correlation"),
    ):
        row = the(rows_of(stage), metric)
        assert row["p"] == pytest.approx(1 / 10) and row["value"] > row["chance"]


RUNS, LENGTH, LINGER, UNITS = 5, 60, 3, 6


def film(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs of a film, a volume and a picture each second: pictures, what they drive, and noise; all of them change slowly."""
    rng = np.random.default_rng([seed, 5])
    slow = gaussian_filter1d(rng.standard_normal((RUNS, LENGTH, 9 + UNITS)), LINGER, axis=1, mode="reflect")
    slow = (slow / slow.std(axis=(0, 1))).reshape(RUNS * LENGTH, -1)
    pictures = np.clip(128 + 40 * slow[:, :9], 0, 255).astype(np.uint8).reshape(-1, 3, 3)
    return pictures, (pictures.reshape(len(pictures), -1) / 40 - 3.2) @ rng.standard_normal((9, UNITS)) / 3, slow[:, 9:]


def encoder_of_film(folder: Path, seed: int, signal: float) -> RidgeEncoder:
    pictures, drive, noise = film(seed)
    table = {"stimulus": np.arange(len(pictures)), "run": np.repeat(np.arange(RUNS), LENGTH)}
    brain, stimuli = recording(folder, signal * drive + noise, pictures, table)
    return RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=KFold(by="run"), alphas=(10.0,), cv=2)


def test_a_circular_shift_finds_what_a_film_drives(tmp_path):
    encoder = encoder_of_film(tmp_path, 0, 1.0)
    row = the(
        rows_of(EncodingScores(encoder=encoder, permutations=19, resamples=2, exchange="circular_shift")), "unit_correlation"
    )
    assert row["p"] == pytest.approx(0.05) and row["protocol"] == "null by circular shift"
    assert (row["n"], row["n_unit"]) == (RUNS, "run")


def test_slow_noise_gives_no_false_alarm_under_a_circular_shift(tmp_path):
    """Many films at once, without a file for each; the p-values of single volumes exchanged show what the shift is for."""
    encoder = encoder_of_film(tmp_path, 0, 0.0)
    found: dict[str, list[float]] = {"circular_shift": [], "stimulus": []}
    for seed in range(30):
        pictures, _, noise = film(seed)
        inputs = (pictures.reshape(len(pictures), -1) / 255).astype(np.float32)
        pairs = replace(encoder.pairs(), inputs=inputs, targets=noise.astype(np.float32))
        prediction, _ = encoder.fit_folds(pairs)
        value = unit_correlation(pairs.measured(), prediction).mean()
        for exchange, p in found.items():
            scores = EncodingScores(encoder=encoder, permutations=19, exchange=exchange, seed=seed)
            null = [
                unit_correlation(pairs.measured(source), refit).mean()
                for source, refit in scores.permuted(encoder, pairs, prediction)
            ]
            p.append(float(permutation_p(value, np.array(null))))
    assert kstest(found["circular_shift"], "uniform").pvalue > 0.01, np.sort(found["circular_shift"])
    assert np.mean(np.array(found["circular_shift"]) <= 0.05) <= 0.2  # of 30, more than 6 come by chance once in 3,000 times
    assert kstest(found["stimulus"], "uniform").pvalue < 0.01, np.sort(found["stimulus"])


def test_scores_that_only_some_permutations_have_do_not_displace_others(tmp_path: Path) -> None:
    # every category once a run: no rival of the same category in the same fold, until stimuli change places
    rng = np.random.default_rng(0)
    runs, categories = 6, 4
    count = runs * categories
    table = {
        "stimulus": np.arange(count),
        "run": np.repeat(np.arange(runs), categories),
        "category": np.tile(np.array(list("abcd")), runs),
    }
    pictures = rng.integers(0, 256, (count, 4, 4)).astype(np.uint8)
    brain, stimuli = recording(tmp_path, rng.standard_normal((count, 6)), pictures, table)
    decoder = decoder_of(brain, stimuli, split=KFold(by="run", folds=runs))
    stage = ImageScores(pictures=PixelPictures(decoder=decoder), stimuli=stimuli, permutations=9, resamples=10)
    real = [row for row in rows_of(stage) if not row["control"]]
    assert "within_category_and_fold" not in {row["subset"] for row in real}
    null = stage.run()["null"]
    assert null.shape == (9, len(real))
    for row, column in zip(real, null.T, strict=True):
        assert row["chance"] == pytest.approx(np.nanmean(column))
        # each has its own column: two-way identification among the 4 of a run lies about 1/2, top-1 retrieval about 1/4 or 1/24
        if row["subset"] == "within_fold":
            assert abs(np.nanmean(column) - (0.5 if row["metric"] == "two_way_identification" else 0.25)) < 0.12
        elif row["metric"] == "top1_retrieval":
            assert np.nanmean(column) < 0.12
