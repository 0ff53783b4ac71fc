"""Captioners: what is planted is said or looked up, among training stimuli alone, and what does not fit is refused before a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from recortex.captioners.clip_cap import ClipCap
from recortex.captioners.nearest_caption import NearestCaption
from recortex.checkpoints.captioner import load_captioner
from recortex.data.caption_table import CaptionTable
from recortex.data.picture_file import PictureFile
from recortex.data.response_file import ResponseFile
from recortex.decoders.decode import Decode
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.errors import InvalidInput
from recortex.features.clip import CLIP
from recortex.features.pixels import Pixels
from recortex.splits.k_fold import KFold
from tests.laws import recording
from tests.tiny_models import VOCABULARY
from tests.tiny_models import captioner as tiny

WORDS = len(VOCABULARY)
STIMULI = 24
SIDE = (1, WORDS)  # a picture is a row of pixels, one bright: the word that it stands for


@pytest.fixture(scope="module")
def captioner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("models") / "planted")


@pytest.fixture
def babbling(tmp_path: Path) -> Path:
    return tiny(tmp_path / "babbling", planted=False)


def word_of(stimulus: np.ndarray) -> np.ndarray:
    """The word that each picture stands for; none of the tokenizer's own signs."""
    return 4 + stimulus.astype(int) % (WORDS - 4)


def seen(folder: Path, noise: float = 0.0, seed: int = 0) -> tuple[ResponseFile, PictureFile]:
    """Responses that follow the word of each picture, which are shown twice."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(STIMULI) for _ in range(2)])
    pictures = rng.integers(0, 40, (STIMULI, *SIDE)).astype(np.uint8)
    pictures[np.arange(STIMULI), 0, word_of(np.arange(STIMULI))] = 255
    responses = (pictures.reshape(STIMULI, -1)[order] / 255) @ rng.standard_normal((WORDS, 15))
    responses = responses + (noise or 1e-3) * rng.standard_normal(responses.shape)
    return recording(folder, responses, pictures, {"stimulus": order, "run": np.repeat([0, 1], STIMULI)})


def decoder_of(brain: ResponseFile, stimuli: PictureFile, **more: Any) -> RidgeDecoder:
    split = KFold(by="stimulus", folds=6)
    return RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=split, alphas=(1e-3, 10.0), cv=2, **more)


@pytest.fixture
def decoder(tmp_path: Path) -> RidgeDecoder:
    return decoder_of(*seen(tmp_path / "own"))


def table(folder: Path, names: Any, wordings: int = 2, name: str = "captions.csv") -> CaptionTable:
    """A caption for each stimulus, and another wording that nothing should give."""
    lines = [
        f"{stimulus},{'picture' if not wording else 'other'} {stimulus}" for stimulus in names for wording in range(wordings)
    ]
    (folder / name).write_text("\n".join(["stimulus,caption", *lines]) + "\n")
    return CaptionTable(path=folder / name)


def refusal(stage: Any, run: bool = False) -> str:
    with pytest.raises(InvalidInput) as caught:
        stage.run() if run else stage.check_ready()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_captioner_says_what_was_decoded(captioner, decoder):
    made = ClipCap(decoder=decoder, folder=captioner).run()
    assert made["caption"].tolist() == [VOCABULARY[word] for word in word_of(made["stimulus"])]
    source = decoder.run()
    assert np.array_equal(made["row"], source["row"]) and np.array_equal(made["stimulus"], source["stimulus"])


def test_a_captioner_follows_the_features_and_not_the_trials(captioner, decoder):
    stage = ClipCap(decoder=decoder, folder=captioner)
    assert stage.write(np.eye(WORDS)[:3:-1]).tolist() == VOCABULARY[:3:-1]


def test_beams_and_the_longest_caption_are_passed_on_and_the_batch_changes_nothing(babbling, decoder):
    given = np.random.default_rng(2).standard_normal((30, WORDS), dtype=np.float32)
    plain = load_captioner(babbling)
    written = {}
    for beams, most, batch in ((1, 6, 32), (5, 6, 7), (5, 2, 64)):
        stage = ClipCap(decoder=decoder, folder=babbling, beams=beams, most=most, batch=batch)
        torch.manual_seed(batch)
        written[stage.key()] = stage.write(given).tolist()
        assert written[stage.key()] == plain.captions(torch.from_numpy(given), beams=beams, most=most, batch=30)
    assert len(written) == 3
    assert len({tuple(captions) for captions in written.values()}) == 3 < len(set(written[stage.key()]))
    assert ClipCap(decoder=decoder, folder=babbling, most=2, batch=1).key() == stage.key()


def test_embeddings_of_another_size_are_refused_before_a_run_with_both_shapes(decoder, tmp_path):
    stage = ClipCap(decoder=decoder, folder=tiny(tmp_path / "wide", features=WORDS + 5))
    said = refusal(stage)
    assert f"(trial, {WORDS + 5})" in said and f"(trial, {WORDS}) of Pixels" in said
    assert decoder.cached() is None and decoder.features.cached() is None
    assert refusal(stage, run=True) == said


def test_longer_captions_than_a_model_can_write_are_refused_before_a_run(decoder, tmp_path):
    folder = tiny(tmp_path / "short", room=20)
    ClipCap(decoder=decoder, folder=folder, most=18).check_ready()
    assert "most: 19 tokens are more than the 18 that this captioner can write" in refusal(
        ClipCap(decoder=decoder, folder=folder, most=19)
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "prefix.safetensors").unlink(), "prefix.safetensors is not there"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json cannot be read as JSON"),
        (lambda folder: save_file({"bias": torch.zeros(4)}, folder / "prefix.safetensors"), "holds no weight (token * width, feature)"),
        (lambda folder: save_file({"weight": torch.zeros(4)}, folder / "prefix.safetensors"), "holds no weight (token * width, feature)"),
        (lambda folder: (folder / "prefix.safetensors").write_bytes(b"nothing at all"), "cannot be read as safetensors"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_captioners_is_refused_before_a_run(captioner, decoder, tmp_path, spoil, said):
    folder = Path(shutil.copytree(captioner, tmp_path / "spoilt"))
    spoil(folder)
    assert said in refusal(ClipCap(decoder=decoder, folder=folder))


def test_a_captioner_whose_configuration_names_no_sizes_is_left_to_its_library(captioner, decoder, tmp_path):
    folder = Path(shutil.copytree(captioner, tmp_path / "nameless"))
    found = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({name: value for name, value in found.items() if name != "n_positions"}))
    ClipCap(decoder=decoder, folder=folder).check_ready()


def test_the_caption_of_the_planted_neighbour_is_found(decoder, tmp_path):
    captions = table(tmp_path, range(STIMULI))
    made = NearestCaption(decoder=decoder, captions=captions).run()
    assert made["caption"].tolist() == [f"picture {name}" for name in made["retrieved"]]
    # the same word, another picture of it
    assert np.array_equal(word_of(made["retrieved"]), word_of(made["stimulus"]))
    assert (made["retrieved"] != made["stimulus"]).all()


def test_only_what_a_fold_was_fitted_on_is_looked_up(decoder, tmp_path):
    made = NearestCaption(decoder=decoder, captions=table(tmp_path, range(STIMULI))).run()
    for rows, names in decoder.known():
        assert set(made["retrieved"][rows]) <= set(names)
        assert not set(made["stimulus"][rows]) & set(made["retrieved"][rows])


def test_another_order_of_the_captions_changes_nothing(decoder, tmp_path):
    one = NearestCaption(decoder=decoder, captions=table(tmp_path, range(STIMULI))).run()
    other = NearestCaption(decoder=decoder, captions=table(tmp_path, reversed(range(STIMULI)), name="b.csv")).run()
    assert np.array_equal(one["caption"], other["caption"])


def test_training_stimuli_without_a_caption_are_named(decoder, tmp_path):
    lacking = NearestCaption(decoder=decoder, captions=table(tmp_path, range(STIMULI - 1)))
    decoded = decoder.run()["decoded"]
    with pytest.raises(InvalidInput, match=r"^1 of the training stimuli is not in .*captions.csv: 23; "):
        lacking.write(decoded)  # whether it would have been the nearest of a trial or not


def test_new_data_are_captioned_and_looked_up_by_all_the_decoder_knows(captioner, tmp_path):
    brain, stimuli = seen(tmp_path / "own")
    new, _ = seen(tmp_path / "new")  # the same cortex, pictures under new names
    names = (tmp_path / "new" / "trials.csv").read_text().splitlines()
    (tmp_path / "new" / "trials.csv").write_text("\n".join([names[0], *(f"n{line}" for line in names[1:])]) + "\n")
    decoder = Decode(decoder=decoder_of(brain, stimuli), brain=ResponseFile(path=new.path, trials=new.trials))
    told = ClipCap(decoder=decoder, folder=captioner).run()
    looked_up = NearestCaption(decoder=decoder, captions=table(tmp_path, range(STIMULI))).run()
    expected = word_of(np.array([int(name[1:]) for name in told["stimulus"]]))
    assert told["caption"].tolist() == [VOCABULARY[word] for word in expected]
    assert np.array_equal(word_of(looked_up["retrieved"]), expected)


def test_the_captioner_that_ships_reads_embeddings_of_the_clip_that_ships_alone(decoder, tmp_path):
    said = refusal(ClipCap(decoder=decoder))
    assert "decodes Pixels" in said and "the CLIP that ships" in said
    scenes = PictureFile(path=decoder.features.stimuli.path)
    for fields, word in (({"unit_length": True}, "unit length"), ({"output": "tokens"}, "tokens")):
        other = decoder.model_copy(update={"features": CLIP(stimuli=scenes, **fields)})
        assert word in refusal(ClipCap(decoder=other))
