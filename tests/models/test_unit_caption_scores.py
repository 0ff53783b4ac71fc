"""Scores of captions of units: planted captions predict new pictures, noise passes as often as said, and truth is counted honestly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from recortex.data.base import Responses
from recortex.data.picture_file import PictureFile
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.metrics import false_discovery, permutation_p
from recortex.scores._rank_likeness import captions_p, pictures_null, rank_correlation, ranked, resampled
from recortex.scores.unit_caption_scores import UnitCaptionScores
from recortex.selectivity.base import UnitCaptions
from recortex.splits.hold_out import HoldOut
from recortex.splits.k_fold import KFold
from recortex.splits.within import Within
from recortex.stage import Array
from tests.selectivity.toy_clip import ToyCLIP

SIDE, TRAINING, FRESH, NULLS = 4, 30, 40, 8
# of each unit its caption, what it was made to prefer, and how much of it is signal; the last ones are noise in the null area
UNITS = [
    ("a dog", "animal", "", 0.8),
    ("a house", "house", "", 0.8),
    ("a dog", "animal", "face", 0.8),
    ("a house", "animal", "", 0.8),  # wrong, and true of its own weights all the same
    ("a dog", "count", "", 0.8),
    ("", "animal", "", 0.8),
    ("a car", "vehicle", "", 0.1),
]


class ToyBrain(Responses):
    """A file of responses, with what was planted in its units."""

    folder: str

    returns: ClassVar[dict[str, Array]] = Responses.returns | {
        "area": Array("unit", dtype="str", units=""),
        "explainable": Array("unit"),
        "preferred": Array("unit", "preference", dtype="str", units=""),
        "kind": Array("kind", dtype="str", units=""),
    }

    def measure(self) -> dict[str, Any]:
        made = dict(np.load(Path(self.folder) / "brain.npz"))
        return {name: made[name] for name in made}


class Said(UnitCaptions):
    """Captions that are given."""

    said: tuple[str, ...]

    def compute(self) -> dict[str, Any]:
        caption = np.array(self.said)
        zeros = np.zeros(len(caption))
        found = {"correlation": zeros, "unit_p": zeros, "unit_q": zeros}
        return found | {"caption": caption, "captioned": caption != ""}


class ToyReader:
    """A caption's embedding is drawn by its letters."""

    def key_extra(self) -> None:
        return None

    def check_ready(self) -> None:
        pass

    def embeddings(self, captions: list[str], cut: bool) -> np.ndarray:
        return np.stack([meaning(caption) for caption in captions])


class ToyScores(UnitCaptionScores):
    """With that reader."""

    def reader(self) -> Any:
        return ToyReader()


def meaning(caption: str) -> np.ndarray:
    return np.random.default_rng(list(caption.encode())).standard_normal(SIDE**2)


def world(folder: Path, repeats: int = 2, units: list[tuple[str, str, str, float]] = UNITS, **fields: Any) -> ToyScores:
    """Each unit answers to a picture as its caption's embedding is like it; units without a caption and the null ones to nothing."""
    rng = np.random.default_rng(3)
    shown = rng.integers(0, 256, (TRAINING + FRESH, SIDE, SIDE)).astype(np.uint8)
    embedding = shown.reshape(len(shown), -1) / 128.0 - 1
    order = np.concatenate([rng.permutation(len(shown)) for _ in range(repeats)])
    count = len(units) + NULLS
    responses = rng.standard_normal((len(order), count))
    for unit, (caption, _, _, explainable) in enumerate(units):
        if caption:
            drive = embedding @ meaning(caption)
            responses[:, unit] += 2 * (explainable > 0.3) * (drive / drive.std())[order]
    preferred = [[one, other] for _, one, other, _ in units] + [["", ""]] * NULLS
    np.savez(
        folder / "brain.npz",
        responses=responses.astype(np.float32),
        stimulus=order.astype(str),
        split=np.where(order < TRAINING, "train", "test"),
        session=np.where(np.arange(len(order)) % 2, "a", "b"),
        area=np.array(["FFA"] * len(units) + ["null"] * NULLS),
        explainable=np.array([unit[3] for unit in units] + [0.0] * NULLS),
        preferred=np.array(preferred),
        kind=np.array(["face", "animal", "house", "vehicle"]),
    )
    np.save(folder / "pictures.npy", shown)
    pictures = ToyCLIP(stimuli=PictureFile(path=folder / "pictures.npy"))
    split = Within(split=KFold(folds=3))
    encoder = RidgeEncoder(brain=ToyBrain(folder=str(folder)), features=pictures, split=split, alphas=(10.0,))
    said = tuple(unit[0] for unit in units) + ("a car",) * NULLS
    made = {"captions": Said(encoder=encoder, said=said), "pictures": pictures, "permutations": 199, "resamples": 50}
    return ToyScores(**made | fields)


def rows(result: Any) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    names = [name for name in UnitCaptionScores.returns if name in result and UnitCaptionScores.returns[name].dims == ("score",)]
    table = [dict(zip(names, values, strict=True)) for values in zip(*(result[name].tolist() for name in names), strict=True)]
    return {(row["metric"], row["summary"], row["control"], row["subset"]): row for row in table}


def test_planted_captions_pass_and_units_without_signal_do_not(tmp_path):
    scores = world(tmp_path)
    result = scores.run()
    passing = result["passing"]
    assert passing[:5].all() and not passing[5] and passing[6:].sum() <= 1
    assert np.isnan(result["caption_correlation"][5]) and (result["caption_correlation"][:5] > 0.7).all()
    table = rows(result)
    real = table["caption_correlation", "mean", "", ""]
    assert real["low"] < real["value"] < real["high"] and real["p"] == 1 / 200 and abs(real["chance"]) < 0.05
    assert real["n"] == FRESH and real["n_unit"] == "stimulus" and real["averaging"] == "mean of 2 repeats"
    assert real["value"] == pytest.approx(np.nanmean(result["caption_correlation"]))
    assert "within split train" in real["split"]
    for control in ("shuffled", "commonest"):
        other, apart = (table["caption_correlation", summary, control, ""] for summary in ("mean", "difference"))
        assert apart["value"] == pytest.approx(real["value"] - other["value"]) and apart["low"] > 0
    by_pictures = table["passing_captions", "share", "", "false discovery rate 0.05, null of pictures"]
    assert by_pictures["value"] == passing.sum() / by_pictures["n"] and by_pictures["n"] == len(UNITS) + NULLS - 1
    by_captions = table["passing_captions", "share", "", "false discovery rate 0.05, null of captions"]
    assert by_captions["value"] == 0  # of three captions none can be the best with a p below 1 / 3
    assert np.nanmin(result["p_captions"]) == pytest.approx(1 / 3)
    with pytest.raises(InvalidInput, match="3 distinct captions give no p below"):
        world(tmp_path, null="captions").run()


def test_what_was_planted_is_counted_over_those_it_is_said_of(tmp_path):
    table = rows(world(tmp_path).run())
    got = table["captioned_units", "share", "", "selective, explainable > 0.3"]
    assert (got["value"], got["n"], got["n_unit"]) == (4 / 5, 5, "unit")
    kind = table["accuracy", "mean", "", "kind"]
    assert (kind["value"], kind["n"], kind["n_unit"]) == (3 / 4, 4, "unit")
    # dog, house, dog, house among units of animal, house, animal or face, animal
    assert kind["chance"] == pytest.approx(1 / 2)
    false = table["passing_in_null_area", "share", "", ""]
    result = world(tmp_path).run()
    assert false["n"] == result["passing"].sum() and false["value"] == result["passing"][-NULLS:].sum() / false["n"]


def test_the_figures_show_truth_beside_what_was_recovered_and_the_best_captions(tmp_path):
    scores = world(tmp_path)
    first, second = scores.figures(scores.run())
    assert "a dog" in first.html and "animal and face" in first.html and "Planted" in second.title


def test_ranks_of_few_pictures_do_not_depend_on_the_last_bits():
    values = np.array([[0.1 + 0.2], [0.3], [0.5]])
    assert ranked(values)[:, 0].tolist() == [1.5, 1.5, 3]


def test_correlations_nulls_and_samples_are_those_done_one_by_one():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    likeness, responses, which = rng.standard_normal((12, 3)), rng.standard_normal((12, 5)), np.array([2, 0, 0, 1, 2])
    rank_p, rank_y = ranked(likeness), ranked(responses)
    every = np.array([[spearmanr(likeness[:, c], responses[:, u])[0] for u in range(5)] for c in range(3)])
    own = every[which, np.arange(5)]
    reached = rank_correlation(rank_p[:, which], rank_y)
    assert np.allclose(reached, own)
    assert np.allclose(captions_p(rank_p, rank_y, reached), (every >= own - 1e-12).mean(axis=0))
    null = pictures_null(rank_p, rank_y, which, np.ones(12, int), 400, 0)
    assert abs(null.mean()) < 0.05 and null.std() == pytest.approx(1 / np.sqrt(11), rel=0.1)
    apart = np.repeat([1, 2], [11, 1])  # the last picture was shown more often and stays where it is
    fixed = pictures_null(np.eye(12)[:, [11]], np.eye(12)[:, [11]], np.zeros(1, int), apart, 20, 0)
    assert np.allclose(fixed, 1)
    made = resampled(rank_p, rank_y, which, 0, 3, 7)
    assert made.value[""] == pytest.approx(own.mean())
    assert made.value["shuffled"] == pytest.approx(np.mean([every[c] for c in which]))
    assert made.value["commonest"] == pytest.approx(every[0].mean())
    assert made.again[""].shape == (3,) and not np.allclose(made.again[""], made.value[""])


def test_units_without_signal_pass_at_the_level_at_most():
    shares, p = [], []
    for seed in range(25):
        rng = np.random.default_rng([seed, 9])
        which = rng.integers(0, 6, 40)
        rank_p, rank_y = ranked(rng.standard_normal((25, 6))), ranked(rng.standard_normal((25, 40)))
        reached = rank_correlation(rank_p[:, which], rank_y)
        null = pictures_null(rank_p, rank_y, which, np.ones(25, int), 199, seed)
        p += permutation_p(reached, null, 1e-9).tolist()
        shares.append(np.mean(false_discovery(np.array(p[-40:])) <= 0.05))
    assert 0.03 < np.mean(np.array(p) <= 0.05) < 0.07
    assert np.mean(shares) <= 0.05


def test_a_plain_recording_has_no_truth_and_repeats_weigh_by_how_often_they_were_shown(tmp_path):
    single = world(tmp_path, repeats=1)
    assert rows(single.run())["caption_correlation", "mean", "", ""]["averaging"] == "single trials"
    names, counts, responses = single._responses(np.array([0, 8]), single.fresh())
    brain = single.captions.encoder.brain.run()
    for name, values in zip(names, responses, strict=True):
        assert np.allclose(values, brain["responses"][brain["stimulus"] == name][:, [0, 8]].mean(axis=0))
    assert (counts == 1).all() and len(names) == FRESH


def test_pictures_that_the_encoder_was_only_tried_on_are_not_fresh(tmp_path):
    scores = world(tmp_path)
    encoder = scores.captions.encoder.model_copy(update={"split": Within(split=HoldOut(test=0.3))})
    apart = scores.model_copy(update={"captions": scores.captions.model_copy(update={"encoder": encoder})})
    fresh = encoder.brain.trial_table()["stimulus"][apart.fresh()]
    assert len(np.unique(fresh)) == FRESH and not set(fresh) & set(encoder.run()["stimulus"])


def test_responses_are_normalised_as_the_encoders_are(tmp_path):
    plain = world(tmp_path)
    encoder = plain.captions.encoder.model_copy(update={"normalise": "training"})
    scores = plain.model_copy(update={"captions": plain.captions.model_copy(update={"encoder": encoder})})
    names, _, made = scores._responses(np.array([2]), scores.fresh())
    brain, expected = encoder.brain.run(), np.zeros(len(names))
    for session in ("a", "b"):
        here = brain["session"] == session
        known = brain["responses"][here & (brain["split"] == "train"), 2]
        for row, name in enumerate(names):
            values = brain["responses"][here & (brain["stimulus"] == name), 2]
            expected[row] += ((values - known.mean()) / known.std()).sum() / 2
    assert np.allclose(made[:, 0], expected, atol=1e-4)


def test_captions_are_read_as_clips_text_features_are(tmp_path):
    from recortex.data.caption_table import CaptionTable
    from recortex.features.clip_text import CLIPText
    from tests import tiny_models

    folder = tiny_models.open_clip(tmp_path / "vit")
    (tmp_path / "captions.csv").write_text("stimulus,caption\nx,a red cup\ny,a blue dog on grass\n")
    plain = world(tmp_path)
    pictures = ToyCLIP(stimuli=plain.pictures.stimuli, folder=folder, batch=1)
    fields = {"captions": plain.captions, "pictures": pictures}
    real = UnitCaptionScores(**fields)
    real.check_ready()
    expected = CLIPText(captions=CaptionTable(path=tmp_path / "captions.csv"), folder=folder, unit_length=True).run()["features"]
    made = real.reader().embeddings(["a red cup", "a blue dog on grass"], cut=False)
    assert np.allclose(made, expected, atol=1e-6)
    said(lambda: real.reader().embeddings(["a " * 9], cut=False), "11 tokens", "reads 10")
    assert real.reader().embeddings(["a " * 9], cut=True).shape == (1, 12)
    before, of_pictures = real.key(), pictures.key()
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace('"cup"', '"cap"'))
    assert UnitCaptionScores(**fields).key() != before and pictures.key() == of_pictures


def said(make, *words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make()
    text = str(caught.value)
    assert "\n" not in text and all(word in text for word in words), text


def test_what_cannot_be_scored_is_refused_in_one_line(tmp_path):
    scores = world(tmp_path)
    captions = scores.captions
    used = captions.encoder.model_copy(update={"split": KFold(folds=3)})
    of = {"captions": captions.model_copy(update={"encoder": used})}
    said(scores.model_copy(update=of).run, "leaves no stimuli out", "type: Within")
    silent = captions.model_copy(update={"said": ("",) * len(captions.said)})
    said(scores.model_copy(update={"captions": silent}).run, "none of 15 units", "raise the captions' level")
    tokens = ToyCLIP(stimuli=scores.pictures.stimuli, output="tokens")
    said(scores.model_copy(update={"pictures": tokens}).check_ready, "pictures", "output: pooled")
    said(scores.model_copy(update={"permutations": 5}).check_ready, "permutations: 5", "19 or more")
