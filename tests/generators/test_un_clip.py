"""Pictures by a diffusion model: each for itself, from all its conditions, refused before a run where models do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recortex.checkpoints.autoencoder import load_autoencoder
from recortex.checkpoints.latent_diffusion import load_latent_diffusion, pictures
from recortex.data.picture_file import PictureFile
from recortex.data.response_file import ResponseFile
from recortex.decoders.decoded_captions import DecodedCaptions
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.features.pixels import Pixels
from recortex.generators import _parts
from recortex.generators.latent_pictures import LatentPictures
from recortex.generators.un_clip import UnCLIP
from recortex.splits.fixed import FixedSplit
from tests import tiny_models
from tests.laws import recording

SCENES, TESTED = 14, 5


class RedOrBlue(DecodedCaptions):
    """Says what the first number that was decoded is."""

    def write(self, decoded: np.ndarray) -> np.ndarray:
        return np.where(decoded[:, 0] > 0, "a red cup", "a blue dog")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models that fit together: embeddings of 12, latents of 4 x 8 x 8, text tokens of 16."""
    folder = tmp_path_factory.mktemp("models")
    tiny_models.open_clip(folder / "image_text")
    tiny_models.autoencoder(folder / "autoencoder")
    tiny_models.latent_diffusion(folder / "diffusion")
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResponseFile, PictureFile]:
    """A recording of random responses to random pictures."""
    rng = np.random.default_rng(0)
    table = {"stimulus": np.arange(SCENES), "split": np.where(np.arange(SCENES) < TESTED, "test", "train")}
    shown = rng.integers(0, 256, (SCENES, 32, 32, 3)).astype(np.uint8)
    return recording(tmp_path_factory.mktemp("own"), rng.standard_normal((SCENES, 6)), shown, table)


@pytest.fixture
def drawn(models: Path, own: tuple[ResponseFile, PictureFile]) -> Any:
    """drawn(started=True, words=True, **fields) -> the stage."""

    def make(started: bool = False, words: bool = False, **fields: Any) -> UnCLIP:
        decoder, latents = embedding(models, own), layout(models, own)
        more: dict[str, Any] = {"start": latents} if started else {"latents": latents.features}
        if words:
            more["captions"] = RedOrBlue(decoder=decoder)
        return UnCLIP(**{"decoder": decoder, "folder": models / "diffusion", "steps": 3} | more | fields)

    return make


def decoded_from(brain: ResponseFile, features: Any) -> RidgeDecoder:
    return RidgeDecoder(brain=brain, features=features, split=FixedSplit(), cv=2, alphas=(1.0, 10.0), calibration="none")


def embedding(models: Path, own: tuple[ResponseFile, PictureFile], **fields: Any) -> RidgeDecoder:
    return decoded_from(own[0], CLIP(stimuli=own[1], folder=models / "image_text", **fields))


def layout(models: Path, own: tuple[ResponseFile, PictureFile], **fields: Any) -> RidgeDecoder:
    return decoded_from(own[0], AutoencoderLatents(stimuli=own[1], folder=models / "autoencoder", **fields))


def same_but_for_rounding(some: np.ndarray, others: np.ndarray) -> None:
    """Pictures of 256 steps whose numbers differed by 1e-5 before they were rounded."""
    np.testing.assert_allclose(some, others, atol=1 / 255 + 1e-6)
    assert np.mean(some != others) < 0.01


def test_a_picture_is_the_same_whatever_is_drawn_beside_it(drawn: Any) -> None:
    one, other = drawn(started=True, words=True, batch=2), drawn(started=True, words=True, batch=32)
    assert one.key() == other.key()
    decoded, start = one.decoder.run()["decoded"], one.start.run()["decoded"]
    alone = one.render(decoded, {"start": start})["picture"]
    together = other.render(decoded, {"start": start})["picture"]
    assert alone.shape == (TESTED, 32, 32, 3) and alone.min() >= 0 and alone.max() <= 1
    same_but_for_rounding(alone, together)
    assert len(np.unique(alone.reshape(TESTED, -1), axis=0)) == TESTED


def test_its_sizes_are_foreseen(drawn: Any) -> None:
    for stage in (drawn(), drawn(started=True, samples=2)):
        stage.decoder.run()
        foreseen = stage.expect()
        made = stage.run()
        shapes = {dim: size for name in made for dim, size in zip(stage.returns[name].dims, made.shape(name), strict=True)}
        assert foreseen == shapes


def test_the_first_sample_is_drawn_alone_from_models_that_stay_loaded(drawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = drawn(started=True, words=True, samples=3)
    made = stage.run()
    decoded, beside = stage.decoder.run()["decoded"], {"start": stage.start.run()["decoded"]}
    loaded: list[Path] = []

    def load(folder: Path) -> Any:
        loaded.append(folder)
        return load_latent_diffusion(folder)

    monkeypatch.setattr(_parts, "load_latent_diffusion", load)
    key = stage.key()
    with stage.held():
        first, again = stage.picture(decoded, beside), stage.picture(decoded, beside)
    assert len(loaded) == 1 and stage.key() == key
    np.testing.assert_array_equal(first, again)
    same_but_for_rounding(first, made["picture"])
    np.testing.assert_array_equal(made["caption"], stage.captions.write(decoded))
    np.testing.assert_array_equal(made["picture"], made["samples"][:, 0] / np.float32(255))
    stage.picture(decoded, beside)
    assert len(loaded) == 2


def test_seed_and_every_condition_change_what_is_drawn(drawn: Any) -> None:
    stages = [
        drawn(),
        drawn(seed=1),
        drawn(started=True),
        drawn(words=True),
        drawn(started=True, words=True),
        drawn(guidance=5.0),
    ]
    stages += [drawn(steps=4), drawn(noise_level=300), drawn(started=True, strength=0.4)]
    made = [stage.run()["picture"] for stage in stages]
    for number, one in enumerate(made):
        assert all(np.abs(one - other).max() > 1e-4 for other in made[:number])


def test_without_noise_a_picture_is_the_decoded_latents_decoded(drawn: Any, models: Path) -> None:
    stage = drawn(started=True, strength=0.0)
    latents = torch.from_numpy(stage.start.run()["decoded"].astype(np.float32)).reshape(-1, 4, 8, 8)
    np.testing.assert_allclose(
        stage.run()["picture"], pictures(load_autoencoder(models / "autoencoder"), latents), atol=0.51 / 255
    )


def test_decoded_latents_alone_are_what_a_start_without_noise_gives(drawn: Any, models: Path, own: Any) -> None:
    layout_alone = LatentPictures(decoder=layout(models, own))
    layout_alone.check_ready()
    assert {name: layout_alone.foresee()[name] for name in ("height", "width", "channel")} == {
        "height": 32,
        "width": 32,
        "channel": 3,
    }
    np.testing.assert_allclose(layout_alone.run()["picture"], drawn(started=True, strength=0.0).run()["picture"], atol=0.51 / 255)
    with pytest.raises(InvalidInput, match="decodes CLIP"):
        LatentPictures(decoder=embedding(models, own)).check_ready()


def test_pictures_without_a_condition_know_nothing_of_the_brain(drawn: Any, own: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    table = {"stimulus": np.arange(SCENES), "split": np.where(np.arange(SCENES) < TESTED, "test", "train")}
    brain, _ = recording(tmp_path, rng.standard_normal((SCENES, 6)), np.zeros((SCENES, 2, 2), np.uint8), table)
    stage = drawn(started=True)
    other = stage.model_copy(
        update={"decoder": decoded_from(brain, stage.decoder.features), "start": decoded_from(brain, stage.start.features)}
    )
    assert np.abs(stage.run()["picture"] - other.run()["picture"]).max() > 1e-4
    np.testing.assert_array_equal(*(one.unconditional(np.random.default_rng(0)) for one in (stage, other)))


def test_the_kept_sample_is_the_one_whose_embedding_is_closest(drawn: Any, models: Path, tmp_path: Path) -> None:
    stage = drawn(samples=4, keep="closest")
    made, aim = stage.run(), stage.decoder.run()["decoded"]
    samples = made["samples"]
    np.save(tmp_path / "samples.npy", samples.reshape(-1, 32, 32, 3))
    looked = CLIP(stimuli=PictureFile(path=tmp_path / "samples.npy"), folder=models / "image_text").run()
    order = np.argsort(looked["stimulus"].astype(int))
    seen = looked["features"][order].reshape(TESTED, 4, -1)
    cosine = np.einsum("tsf,tf->ts", seen, aim) / np.linalg.norm(seen, axis=2) / np.linalg.norm(aim, axis=1, keepdims=True)
    np.testing.assert_array_equal(made["kept"], cosine.argmax(1))
    kept = samples[np.arange(TESTED), made["kept"]]
    np.testing.assert_array_equal(made["picture"], kept / np.float32(255))
    assert len(np.unique(samples[0].reshape(4, -1), axis=0)) == 4
    same_but_for_rounding(drawn(samples=4).run()["picture"], drawn().run()["picture"])  # the first is the same


class Talkative(DecodedCaptions):
    """Says more than a text tower reads, and after that something else."""

    ending: str = ""

    def write(self, decoded: np.ndarray) -> np.ndarray:
        return np.full(len(decoded), "a red cup " * 40 + self.ending)


def test_the_end_of_a_caption_that_is_too_long_is_not_read(drawn: Any, tmp_path: Path) -> None:
    whole = tiny_models.text_encoder(tiny_models.latent_diffusion(tmp_path / "whole"))
    for folder in ({}, {"folder": whole}):
        stage = drawn(**folder)
        one, other = (
            stage.model_copy(update={"captions": Talkative(decoder=stage.decoder, ending=ending)})
            for ending in ("", "a blue dog")
        )
        np.testing.assert_array_equal(one.run()["picture"], other.run()["picture"])
        assert np.abs(one.run()["picture"] - stage.run()["picture"]).max() > 1e-4


def test_words_count_in_the_key_only_where_they_are_read(drawn: Any, models: Path, tmp_path: Path) -> None:
    words = models / "image_text" / "tokenizer.json"
    whole = tiny_models.text_encoder(tiny_models.latent_diffusion(tmp_path / "whole"))
    keys, text = [stage.key_extra() for stage in (drawn(), drawn(folder=whole))], words.read_text()
    try:
        words.write_text(text + " ")
        again = [stage.key_extra() for stage in (drawn(), drawn(folder=whole))]
    finally:
        words.write_text(text)
    assert again[0] != keys[0] and again[1] == keys[1]


def test_a_folder_with_everything_in_it_needs_nothing_else(drawn: Any, models: Path, tmp_path: Path) -> None:
    tiny_models.latent_diffusion(tmp_path / "whole")
    tiny_models.text_encoder(tmp_path / "whole")
    tiny_models.autoencoder(tmp_path / "whole" / "vae", "kl", seed=5)
    whole = drawn(folder=tmp_path / "whole", words=True, latents=None)
    whole.check_ready()
    borrowed = drawn(folder=tmp_path / "whole", words=True)  # the autoencoder that is named
    assert whole.key() != borrowed.key()
    assert np.abs(whole.run()["picture"] - borrowed.run()["picture"]).max() > 1e-3
    assert np.abs(borrowed.run()["picture"] - drawn(words=True).run()["picture"]).max() > 1e-4  # other words


def test_models_in_folders_of_other_names_are_the_same(drawn: Any, tmp_path: Path) -> None:
    again = drawn(folder=tiny_models.latent_diffusion(tmp_path / "elsewhere"))
    assert again.key() == drawn().key()
    other = drawn(folder=tiny_models.latent_diffusion(tmp_path / "other", seed=1))
    assert other.key() != drawn().key()


def refusal(stage: UnCLIP) -> str:
    with pytest.raises(InvalidInput) as caught:
        stage.check_ready()
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_what_does_not_fit_is_refused_before_a_run_with_both_shapes(
    drawn: Any, models: Path, own: tuple[ResponseFile, PictureFile], tmp_path: Path
) -> None:
    drawn(started=True, words=True).check_ready()
    wide = tiny_models.latent_diffusion(tmp_path / "wide", features=20)
    assert "(12,)" in (said := refusal(drawn(folder=wide))) and "(20,)" in said
    large = tiny_models.latent_diffusion(tmp_path / "large", side=16)
    assert "256 numbers" in (said := refusal(drawn(started=True, folder=large))) and "(4, 16, 16)" in said
    assert "256 numbers" in refusal(drawn(started=True, folder=large, strength=0.5))
    wordy = tiny_models.latent_diffusion(tmp_path / "wordy", width=24)
    assert "(16,)" in (said := refusal(drawn(folder=wordy))) and "(24,)" in said


def test_decoders_of_something_else_are_refused(
    drawn: Any, models: Path, own: tuple[ResponseFile, PictureFile], tmp_path: Path
) -> None:
    pixels = decoded_from(own[0], Pixels(stimuli=own[1]))
    assert "Pixels" in refusal(drawn(decoder=pixels)) and "Pixels" in refusal(drawn(start=pixels, latents=None))
    assert "unit length" in refusal(drawn(decoder=embedding(models, own, unit_length=True)))
    assert "tokens" in refusal(drawn(decoder=embedding(models, own, output="tokens")))
    other = tiny_models.autoencoder(tmp_path / "other", seed=7)
    assert "another autoencoder" in refusal(
        drawn(start=layout(models, own), latents=AutoencoderLatents(stimuli=own[1], folder=other))
    )
    assert "same decoder" in refusal(drawn(captions=RedOrBlue(decoder=pixels)))
    assert "samples: 4" in refusal(drawn(keep="closest"))
    assert "at least 0.333333" in refusal(drawn(started=True, strength=0.1))
    four = tiny_models.autoencoder(tmp_path / "eight", seed=7, latent_channels=8)
    said = refusal(drawn(latents=AutoencoderLatents(stimuli=own[1], folder=four)))
    assert "8 channels" in said and "(4, 8, 8)" in said
    assert "the CLIP that ships alone" in refusal(drawn(folder=None))
    with pytest.raises(KeyError, match="start"):
        drawn(started=True).picture(drawn(started=True).decoder.run()["decoded"])
    with pytest.raises(InvalidInput, match="vae"):
        drawn(latents=None).run()


def test_decoders_of_other_trials_are_refused(drawn: Any, models: Path, own: tuple[ResponseFile, PictureFile]) -> None:
    start = layout(models, own)
    fewer = start.model_copy(update={"split": FixedSplit(train="test", test="train")})
    with pytest.raises(InvalidInput, match="other trials"):
        drawn(start=fewer, latents=None).run()
