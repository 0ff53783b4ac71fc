"""BrainSCUBA: planted directions lead to their pictures, noise gets no caption, and a bank cannot hold what captions are scored on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recortex.data.picture_file import PictureFile
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.features.bands import Bands
from recortex.features.pixels import Pixels
from recortex.selectivity.brainscuba import BrainSCUBA
from recortex.selectivity.reliability import check_ways, held_out_p
from recortex.selectivity.words import content_words, first_of, most_frequent, words_by_group
from recortex.splits.k_fold import KFold
from recortex.splits.within import Within
from tests.laws import recording
from tests.selectivity.toy_clip import ToyCLIP

NAMED = {"model": "org/one", "revision": "0" * 40}  # of the hub and pinned, so that a key needs none of its files
PLANTED, NOISE = 5, 15
TRAINING, FRESH = 120, 20
SIDE = 5


class Nearest(BrainSCUBA):
    """Its captioner names the likest picture of the bank."""

    def _written(self, embeddings: np.ndarray) -> np.ndarray:
        bank = self.bank.run()["features"]
        unit = bank / np.linalg.norm(bank, axis=1, keepdims=True)
        return np.array([f"picture {row}" for row in (embeddings @ unit.T).argmax(axis=1)], dtype=object)


def pictures(folder: Path, name: str, values: np.ndarray) -> PictureFile:
    np.save(folder / f"{name}.npy", values)
    return PictureFile(path=folder / f"{name}.npy")


def world(folder: Path, **fields: Any) -> tuple[Nearest, np.ndarray]:
    """Units that hear the embedding of one bank picture each, and units that hear nothing; and the bank's pictures."""
    rng = np.random.default_rng(0)
    bank = rng.integers(0, 256, (40, SIDE, SIDE)).astype(np.uint8)
    shown = rng.integers(0, 256, (TRAINING + FRESH, SIDE, SIDE)).astype(np.uint8)
    order = np.concatenate([rng.permutation(len(shown)) for _ in range(2)])
    drive = (shown.reshape(len(shown), -1) / 128.0 - 1) @ (bank.reshape(40, -1)[:PLANTED] / 128.0 - 1).T
    responses = rng.standard_normal((len(order), PLANTED + NOISE))
    responses[:, :PLANTED] += drive[order] / drive.std() * 1.5
    table = {"stimulus": order, "split": np.where(order < TRAINING, "train", "test")}
    brain, stimuli = recording(folder, responses, shown, table)
    encoder = RidgeEncoder(brain=brain, features=ToyCLIP(stimuli=stimuli), split=Within(split=KFold(folds=4)))
    made = {"encoder": encoder, "bank": ToyCLIP(stimuli=pictures(folder, "bank", bank)), "neighbours": 1.5, **NAMED}
    return Nearest(**made | fields), bank


@pytest.fixture
def stage(tmp_path) -> Nearest:
    return world(tmp_path)[0]


def test_planted_units_say_their_picture_and_noise_says_nothing(stage):
    result = stage.run()
    assert result["caption"][:PLANTED].tolist() == [f"picture {unit}" for unit in range(PLANTED)]
    assert result["captioned"][:PLANTED].all() and result["captioned"][PLANTED:].sum() <= 1
    assert (result["caption"][~result["captioned"]] == "").all()
    assert np.isnan(result["projected"][~result["captioned"]]).all()
    assert (result["correlation"][:PLANTED] > 0.6).all() and (result["unit_q"][:PLANTED] <= 0.05).all()
    assert np.median(result["neighbours"][result["captioned"]]) == pytest.approx(1.5, rel=0.02)
    assert (result["cosine"][:PLANTED] > 0.8).all()


def test_a_projection_is_as_long_as_the_pictures_it_is_of(stage):
    result, bank = stage.run(), stage.bank.run()["features"]
    alone = stage.model_copy(update={"temperature": 5000.0}).run()
    assert np.allclose(alone["projected"][:PLANTED], bank[:PLANTED], atol=1e-3)
    assert float(alone["temperature"]) == 5000.0 and float(result["temperature"]) < 5000.0


def test_the_figures_name_words_and_examples(stage):
    first, second = stage.figures(stage.run())
    assert "picture" in first.html and "picture 3" in second.html and "5 of 20 units" in first.text


def test_a_caption_that_says_nothing_counts_as_none(stage):
    class Silent(Nearest):
        def _written(self, embeddings: np.ndarray) -> np.ndarray:
            return np.array([""] * len(embeddings), dtype=object)

    silent = Silent(**{name: getattr(stage, name) for name in type(stage).model_fields})
    assert not silent.run()["captioned"].any() and silent.figures(silent.run()) == []


def ridge_noise(folds: int, units: int = 1500, trials: int = 100, features: int = 30) -> tuple[np.ndarray, ...]:
    """Held-out predictions of units that hear nothing; one fold tests half of the trials, several test all."""
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((trials, features)), rng.standard_normal((trials, units))
    part = np.arange(trials) % max(folds, 2)
    made = np.full_like(y, np.nan)
    for fold in range(folds):
        train = part != fold
        gram = x[train].T @ x[train] + 30 * np.eye(features)
        made[~train] = x[~train] @ np.linalg.solve(gram, x[train].T @ (y[train] - y[train].mean(axis=0))) + y[train].mean(axis=0)
    tested = np.isfinite(made[:, 0])
    return y[tested], made[tested], np.flatnonzero(tested).astype(str)


def test_p_of_units_that_hear_nothing_is_right_for_one_fold_and_not_too_small_for_several():
    one = held_out_p(*ridge_noise(1), 199, 0, several=False)[1]
    assert 0.03 < np.mean(one <= 0.05) < 0.07
    several = ridge_noise(5)
    assert np.mean(held_out_p(*several, 199, 0, several=True)[1] <= 0.05) <= 0.05
    # what the division by the root of 2 is there for
    assert np.mean(held_out_p(*several, 199, 0, several=False)[1] <= 0.05) > 0.065


def test_repeats_move_together_and_a_correlation_is_that_of_trials():
    rng = np.random.default_rng(0)
    stimulus = np.repeat(np.arange(12), 3).astype(str)
    predicted = np.repeat(rng.standard_normal((12, 4)), 3, axis=0)
    measured = np.repeat(rng.standard_normal((12, 4)), 3, axis=0) + 0.01 * rng.standard_normal((36, 4))
    measured[:, 3], predicted[:, 2] = predicted[:, 3], 1.0
    r, p = held_out_p(measured, predicted, stimulus, 999, 0, several=False)
    assert np.allclose(r[:2], [np.corrcoef(measured[:, unit], predicted[:, unit])[0, 1] for unit in range(2)])
    assert np.isnan(r[2]) and np.isnan(p[2]) and p[3] == 0.001
    # twelve stimuli with noise-free repeats are twelve, not thirty-six
    many = rng.standard_normal((12, 800))
    alone = held_out_p(np.repeat(many, 3, axis=0), np.repeat(rng.standard_normal((12, 800)), 3, axis=0), stimulus, 199, 0, False)[
        1
    ]
    assert 0.025 < np.mean(alone <= 0.05) < 0.08


def test_of_bands_only_the_embedding_counts(tmp_path):
    plain = world(tmp_path)[0]
    spaces = {"a": Pixels(stimuli=plain.encoder.features.stimuli), "b": plain.encoder.features}
    encoder = plain.encoder.model_copy(update={"features": Bands(spaces=spaces)})
    both = plain.model_copy(update={"encoder": encoder})
    fitted, every = encoder.run(), slice(0, PLANTED + NOISE)
    seen, coef = encoder.features.of(fitted["stimulus"]), fitted["coef"]
    fold = np.searchsorted(fitted["fold"], fitted["held_out_in"])
    assert fitted["fold"][fold].tolist() == fitted["held_out_in"].tolist()
    other = np.einsum("tf,tfu->tu", seen[:, : SIDE**2], coef[fold][:, : SIDE**2])
    rest = fitted["prediction"] - other - both.predicted(every, fitted["row"])
    for number in range(len(coef)):  # what is left is the same for all trials of a fold
        assert np.ptp(rest[fold == number], axis=0).max() < 1e-4
    assert both.run().shape("projected") == (PLANTED + NOISE, SIDE**2)


def said(make, *words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make()
    text = str(caught.value)
    assert "\n" not in text and all(word in text for word in words), text


def test_features_and_banks_that_do_not_go_together_are_refused_before_a_run(stage):
    pixels = Pixels(stimuli=stage.encoder.features.stimuli)
    of = {"encoder": stage.encoder.model_copy(update={"features": pixels})}
    said(stage.model_copy(update=of).check_ready, "encoder", "Pixels", "exactly one CLIP")
    twice = Bands(spaces={"a": stage.encoder.features, "b": stage.encoder.features})
    of = {"encoder": stage.encoder.model_copy(update={"features": twice})}
    said(stage.model_copy(update=of).check_ready, "ToyCLIP, ", "exactly one CLIP")
    shown = stage.bank.stimuli
    said(stage.model_copy(update={"bank": ToyCLIP(stimuli=shown, unit_length=True)}).check_ready, "bank", "leave unit_length out")
    said(stage.model_copy(update={"bank": ToyCLIP(stimuli=shown, **NAMED)}).check_ready, "bank", "the model's files")
    said(
        stage.model_copy(update={"bank": ToyCLIP(stimuli=shown, output="tokens")}).check_ready,
        "bank",
        "output = pooled",
        "tokens",
    )
    said(stage.model_copy(update={"permutations": 10}).check_ready, "permutations: 10", "19 or more")
    said(stage.model_copy(update={"neighbours": 40.0}).run, "neighbours: 40", "bank of 40")
    assert stage.model_copy(update={"encoder": stage.encoder.model_copy(update={"split": KFold()})}).check_ready() is None


def test_a_bank_may_hold_training_pictures_and_no_others_that_were_shown(tmp_path, stage):
    shown = np.load(stage.encoder.features.stimuli.path)
    everywhere = stage.encoder.model_copy(update={"split": KFold(folds=4)})
    assert stage.model_copy(update={"bank": stage.encoder.features, "encoder": everywhere}).run()["captioned"].any()
    said(stage.model_copy(update={"bank": stage.encoder.features}).run, "bank: 20 of its pictures", "120, 121")
    copied = pictures(tmp_path, "copied", np.concatenate([shown[:TRAINING], 255 - shown[TRAINING:-1], shown[-1:]]))
    said(stage.model_copy(update={"bank": ToyCLIP(stimuli=copied)}).run, "bank: 1 of its pictures", "139")
    training = pictures(tmp_path, "training", np.concatenate([shown[:TRAINING], 255 - shown[TRAINING:]]))
    assert stage.model_copy(update={"bank": ToyCLIP(stimuli=training)}).run()["captioned"].any()


def test_a_captioner_of_another_width_is_refused_before_a_run(tmp_path, stage):
    from safetensors.numpy import save_file

    folder = tmp_path / "captioner"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text(json.dumps({}))
    save_file({"x": np.zeros(3, np.float32)}, folder / "model.safetensors")
    save_file({"weight": np.zeros((8, 7), np.float32), "bias": np.zeros(8, np.float32)}, folder / "prefix.safetensors")
    stage.bank.run()
    own = stage.model_copy(update={"model": "shipped", "revision": None, "folder": folder})
    made = Nearest(**{name: getattr(own, name) for name in Nearest.model_fields})
    said(made.check_ready, "(7,)", "bank have (25,)")


def test_a_captioner_of_ones_own_writes_of_the_projected_embeddings(tmp_path, stage):
    import torch
    from safetensors.numpy import save_file
    from transformers import GPT2Config, GPT2LMHeadModel

    from recortex.checkpoints.captioner import load_captioner
    from tests.tiny_models import VOCABULARY, filled, tokenizer

    sizes = {"vocab_size": len(VOCABULARY), "n_positions": 30, "n_embd": 16, "n_layer": 1, "n_head": 2}
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    folder, rng = tmp_path / "captioner", np.random.default_rng(1)
    filled(GPT2LMHeadModel(GPT2Config(**sizes | special)), 0).save_pretrained(folder)
    tokenizer(folder)
    weight, bias = (rng.standard_normal(shape, dtype=np.float32) for shape in ((2 * 16, SIDE**2), 2 * 16))
    save_file({"weight": weight, "bias": bias}, folder / "prefix.safetensors")
    fields = {"encoder": stage.encoder, "bank": stage.bank, "folder": folder, "neighbours": 1.5, "beams": 2, "most": 6}
    own = BrainSCUBA(**fields)
    own.check_ready()
    result = own.run()
    projected = torch.from_numpy(result["projected"][:PLANTED])
    assert result["caption"][:PLANTED].tolist() == load_captioner(folder).captions(projected, beams=2, most=6)
    assert len(set(result["caption"][:PLANTED])) > 1 and (result["captioned"] == (result["caption"] != "")).all()
    assert BrainSCUBA(**fields | {"most": 7}).key() != own.key()


def test_words_are_counted_by_caption_and_stop_words_left_out():
    captions = np.array(["A dog and a dog.", "The dog's red ball", "a house"])
    assert content_words(captions[1]) == ["dog's", "red", "ball"]
    first, second = words_by_group(captions, np.array(["x", "x", "y"]), most=2)
    assert first == ("x", 2, [("ball", 0.5, 1 / 3), ("dog", 0.5, 1 / 3)])
    assert second == ("y", 1, [("house", 1.0, 1 / 3)])
    # "red" is as frequent among faces, and no less so elsewhere
    mixed = np.array(["red face", "red face", "red house", "red tree"])
    assert words_by_group(mixed, np.array(["f", "f", "p", "p"]), most=1)[0] == ("f", 2, [("face", 1.0, 0.5)])
    assert most_frequent(np.array(["dog", "dog", "cat"]), 1) == ["dog"]
    assert first_of(captions, ["ball", "house"]).tolist() == ["", "ball", "house"]


def test_trials_that_hang_together_are_no_ground_for_a_choice(stage):
    by_run = stage.encoder.model_copy(update={"split": Within(split=KFold(by="run", folds=2))})
    said(stage.model_copy(update={"encoder": by_run}).check_ready, "one run together", "split by stimulus")


def test_stimuli_that_cannot_change_places_are_no_ground_for_a_choice():
    check_ways(np.repeat(list("abcde"), 2), 0.05)
    for shown in (np.repeat(list("abcdef"), np.arange(1, 7)), np.array(list("abc"))):
        with pytest.raises(InvalidInput, match=r"in (1|6) ways, so no p is below"):
            check_ways(shown, 0.05)
