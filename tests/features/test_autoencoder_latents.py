"""Latents are what diffusers itself gives, shifted and scaled as a diffusion model sees them, and decode to the picture again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from recortex.checkpoints.autoencoder import load_autoencoder
from recortex.data.picture_file import PictureFile
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from tests import tiny_models


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    by_channel = {"latents_mean": [0.1, 0.2, -0.3, 0.4], "latents_std": [1.5, 2.0, 0.5, 0.8], "scaling_factor": 0.5}
    return {
        "tiny": tiny_models.autoencoder(folder / "tiny"),
        "scaled": tiny_models.autoencoder(folder / "scaled", scaling_factor=0.7, shift_factor=0.2),
        "kl": tiny_models.autoencoder(folder / "kl", "kl"),
        "shifted": tiny_models.autoencoder(folder / "shifted", "kl", scaling_factor=0.36, shift_factor=0.12),
        "by channel": tiny_models.autoencoder(folder / "channel", "kl", **by_channel),
    }


@pytest.fixture
def few(pictures) -> PictureFile:
    return pictures(np.random.default_rng(0).integers(0, 256, (5, 24, 32, 3), dtype=np.uint8), "few")


def refusal(make: Callable[[], object], *words: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        make()
    said = str(caught.value)
    assert "\n" not in said and all(word in said for word in words), said
    return said


def seen(few: PictureFile) -> torch.Tensor:
    return torch.from_numpy(few.run()["picture"]).permute(0, 3, 1, 2) / 127.5 - 1


def test_a_tiny_autoencoders_latents_are_as_they_leave_it(made, few):
    model = diffusers.AutoencoderTiny.from_pretrained(made["tiny"]).eval()
    with torch.inference_mode():
        expected = model.encode(seen(few)).latents
    result = AutoencoderLatents(stimuli=few, folder=made["tiny"]).run()
    assert result["shape"].tolist() == [4, 6, 8]
    assert np.allclose(result["features"], expected.flatten(1), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "shift", "scale"),
    [
        ("kl", [0.0] * 4, [0.18215] * 4),
        ("shifted", [0.12] * 4, [0.36] * 4),
        ("by channel", [0.1, 0.2, -0.3, 0.4], [0.5 / 1.5, 0.5 / 2.0, 0.5 / 0.5, 0.5 / 0.8]),
    ],
)
def test_a_kl_autoencoders_latents_are_the_middle_of_its_distribution_shifted_and_scaled(kind, shift, scale, made, few):
    model = diffusers.AutoencoderKL.from_pretrained(made[kind]).eval()
    with torch.inference_mode():
        middle = model.encode(seen(few)).latent_dist.mean
    expected = (middle - torch.tensor(shift)[:, None, None]) * torch.tensor(scale)[:, None, None]
    result = AutoencoderLatents(stimuli=few, folder=made[kind]).run()
    assert result["shape"].tolist() == [4, 6, 8]
    assert np.allclose(result["features"], expected.flatten(1), atol=1e-5)


@pytest.mark.parametrize("kind", ["tiny", "scaled", "kl", "shifted", "by channel"])
def test_decoding_takes_back_what_encoding_did_to_the_latents(kind, made, few):
    coder = load_autoencoder(made[kind])
    model = coder.model
    with torch.inference_mode():
        encoded = model.encode(seen(few))
        own = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        assert torch.allclose(coder.decode(coder.encode(seen(few))), model.decode(own).sample, atol=1e-4)
    assert (coder.channels, coder.factor) == (4, 4)


def test_latents_hold_the_picture_channel_first_then_rows(made, pictures):
    """What changes in one corner of a picture changes there."""
    base = np.full((2, 32, 48, 3), 128, dtype=np.uint8)
    base[1, :4, -4:] = 255
    result = AutoencoderLatents(stimuli=pictures(base), folder=made["tiny"]).run()
    moved = np.abs(np.diff(result["features"].reshape(2, *result["shape"]), axis=0)[0]).max(axis=0)
    assert np.unravel_index(moved.argmax(), moved.shape)[0] <= 2 and np.unravel_index(moved.argmax(), moved.shape)[1] >= 9
    assert moved[-1, 0] == 0


def test_nothing_is_drawn_by_chance_and_the_batch_changes_nothing(made, few):
    few.run()
    stages = [AutoencoderLatents(stimuli=few, folder=made["kl"], batch=batch) for batch in (1, 2, 32)]
    assert len({stage.key() for stage in stages}) == 1
    computed = [stage.compute_tile(range(5))["features"] for stage in stages]
    assert all(np.allclose(features, computed[0], atol=1e-5) for features in computed)
    assert np.array_equal(stages[2].compute_tile(range(5))["features"], computed[2])


def test_pictures_are_brought_to_a_size_first(made, few):
    assert AutoencoderLatents(stimuli=few, folder=made["tiny"], size=16).run()["shape"].tolist() == [4, 4, 4]


def test_half_precision_weights_are_used_in_float32(made, few, tmp_path):
    diffusers.AutoencoderTiny.from_pretrained(made["tiny"]).half().save_pretrained(tmp_path / "half")
    half = AutoencoderLatents(stimuli=few, folder=tmp_path / "half").run()["features"]
    whole = AutoencoderLatents(stimuli=few, folder=made["tiny"]).run()["features"]
    assert half.dtype == np.float32 and not np.array_equal(half, whole) and np.allclose(half, whole, atol=2e-2)


def test_a_size_that_the_autoencoder_would_cut_off_is_refused(made, pictures):
    odd = pictures(np.zeros((1, 24, 30, 3), dtype=np.uint8), "odd")
    refusal(AutoencoderLatents(stimuli=odd, folder=made["kl"]).run, "24 x 30", "(30)", "multiple of 4", "size")


@pytest.mark.parametrize(
    "change", [{"latents_mean": [0.1] * 4}, {"latents_mean": [0.1], "latents_std": [0.1]}, {"latent_channels": "x"}]
)
def test_statistics_that_do_not_go_with_the_latents_are_refused(change, made, few, tmp_path):
    shutil.copytree(made["kl"], tmp_path / "copy")
    path = tmp_path / "copy" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    refusal(AutoencoderLatents(stimuli=few, folder=tmp_path / "copy").check_ready, "config.json", "latent")


def test_weights_that_lack_a_part_are_refused_though_diffusers_would_draw_it_by_chance(made, few, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(made["tiny"], tmp_path / "copy")
    path = tmp_path / "copy" / "diffusion_pytorch_model.safetensors"
    state = load_file(path)
    name = sorted(state)[3]
    del state[name]
    save_file(state, path, {"format": "pt"})
    refusal(AutoencoderLatents(stimuli=few, folder=tmp_path / "copy").run, str(tmp_path / "copy"), name)


def test_a_device_that_is_not_here_is_refused(made, few):
    refusal(AutoencoderLatents(stimuli=few, folder=made["tiny"], device="cuda:99").run, "device", "cuda:99")
