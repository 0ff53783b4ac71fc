"""The loop from noise to latents: as diffusers' own pipeline of Stable unCLIP, and each picture for itself."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recortex.checkpoints.latent_diffusion import LatentDiffusion, load_latent_diffusion, pictures
from recortex.errors import InvalidInput
from tests import tiny_models

FEATURES, WIDTH, TOKENS = 12, 16, 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.latent_diffusion(tmp_path_factory.mktemp("models") / "diffusion", FEATURES, WIDTH)


@pytest.fixture(scope="module")
def model(folder: Path) -> LatentDiffusion:
    return load_latent_diffusion(folder)


def given(n: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Embeddings, tokens and the tokens of an empty text."""
    draw = torch.Generator().manual_seed(1)
    embedding = torch.randn(n, FEATURES, generator=draw)
    tokens = torch.randn(n, TOKENS, WIDTH, generator=draw)
    return embedding, tokens, torch.randn(1, TOKENS, WIDTH, generator=draw)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_latents_are_those_of_the_pipeline_of_diffusers(model: LatentDiffusion, guidance: float) -> None:
    from diffusers import AutoencoderTiny, StableUnCLIPImg2ImgPipeline
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    embedding, tokens, empty = given()
    blocks = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    vae = AutoencoderTiny(**blocks, num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1))
    size = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "image_size": 8}
    eye = CLIPVisionModelWithProjection(
        CLIPVisionConfig(**size, patch_size=8, projection_dim=FEATURES)
    )  # asked for its dtype alone
    theirs = StableUnCLIPImg2ImgPipeline(None, eye, model.normaliser, model.noising, None, None, model.unet, model.scheduler, vae)
    theirs.set_progress_bar_config(disable=True)
    noisy = theirs.noise_image_embeddings
    theirs.noise_image_embeddings = lambda image_embeds, noise_level, generator: noisy(
        image_embeds, noise_level, noise=torch.zeros_like(image_embeds)
    )
    noise = torch.stack([torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(seed)) for seed in (5, 6, 7)])
    wanted = theirs(
        image_embeds=embedding,
        prompt_embeds=tokens,
        negative_prompt_embeds=empty.expand_as(tokens),
        latents=noise,
        num_inference_steps=4,
        guidance_scale=guidance,
        output_type="latent",
        height=8 * theirs.vae_scale_factor,
        width=8 * theirs.vae_scale_factor,
    ).images
    made = model.draw(embedding, tokens, empty, [5, 6, 7], steps=4, guidance=guidance)
    torch.testing.assert_close(made, wanted, rtol=1e-4, atol=1e-4)


def test_a_picture_depends_on_its_own_seed_and_conditions_alone(model: LatentDiffusion) -> None:
    embedding, tokens, empty = given()
    together = model.draw(embedding, tokens, empty, [5, 6, 7], steps=3)
    alone = model.draw(embedding[1:2], tokens[1:2], empty, [6], steps=3)
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-4)
    other = model.draw(embedding[1:2], tokens[1:2], empty, [9], steps=3)
    assert (other - alone).abs().mean() > 0.1


def test_without_guidance_the_conditions_say_nothing(model: LatentDiffusion) -> None:
    embedding, tokens, empty = given()
    blank = empty.expand(3, -1, -1)
    without = model.draw(None, blank, empty, [1, 2, 3], steps=3)
    torch.testing.assert_close(
        model.draw(embedding, tokens, empty, [1, 2, 3], steps=3, guidance=0), without, rtol=1e-4, atol=1e-4
    )
    assert not torch.allclose(model.draw(embedding, blank, empty, [1, 2, 3], steps=3), without, atol=1e-3)
    assert not torch.allclose(model.draw(None, tokens, empty, [1, 2, 3], steps=3), without, atol=1e-3)


def test_a_start_is_kept_at_no_strength_and_forgotten_at_full(model: LatentDiffusion) -> None:
    embedding, tokens, empty = given()
    start = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    conditions = (embedding, tokens, empty, [1, 2, 3])
    assert torch.equal(model.draw(*conditions, steps=10, start=start, strength=0), start)
    little = model.draw(*conditions, steps=10, start=start, strength=0.1)
    much = model.draw(*conditions, steps=10, start=start, strength=0.8)
    assert 0 < (little - start).square().mean() < (much - start).square().mean()
    # the schedule ends in noise alone, so nothing of the start is left
    whole = model.draw(*conditions, steps=10, start=start, strength=1)
    torch.testing.assert_close(whole, model.draw(*conditions, steps=10), rtol=1e-3, atol=1e-3)


def test_noise_on_the_embedding_is_told_and_seeded(model: LatentDiffusion) -> None:
    embedding, tokens, empty = given()
    clean = model.draw(embedding, tokens, empty, [1, 2, 3], steps=3)
    noisy = model.draw(embedding, tokens, empty, [1, 2, 3], steps=3, level=500)
    assert not torch.allclose(clean, noisy, atol=1e-3)
    assert torch.equal(noisy, model.draw(embedding, tokens, empty, [1, 2, 3], steps=3, level=500))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"embedding": torch.zeros(3, 7)}, "takes embeddings of 12 numbers, got 7; decode the features"),
        ({"tokens": torch.zeros(3, 5, 9)}, "takes text tokens of 16 numbers, got 9; use the text tower"),
        ({"start": torch.zeros(3, 4, 4, 4)}, r"takes latents of shape \(4, 8, 8\), got \(4, 4, 4\); use the autoencoder"),
    ],
)
def test_conditions_of_other_sizes_are_refused(model: LatentDiffusion, change: dict, said: str) -> None:
    embedding, tokens, empty = given()
    with pytest.raises(InvalidInput, match=said):
        model.draw(**({"embedding": embedding, "tokens": tokens, "empty": empty, "seeds": [1, 2, 3], "steps": 2} | change))


@pytest.mark.parametrize("part", ["unet", "scheduler", "image_noising_scheduler", "image_normalizer"])
def test_a_folder_without_a_part_is_refused(folder: Path, tmp_path: Path, part: str) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / part)
    with pytest.raises(InvalidInput, match=f"has no folder {part}, so it is no pipeline of Stable unCLIP"):
        load_latent_diffusion(tmp_path / "model")


def test_damaged_weights_are_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "model")
    weights = tmp_path / "model" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(InvalidInput, match="unet cannot be loaded as UNet2DConditionModel") as raised:
        load_latent_diffusion(tmp_path / "model")
    assert "\n" not in str(raised.value)


def test_latents_become_pictures_whatever_the_batch() -> None:
    from diffusers import AutoencoderTiny

    from recortex.checkpoints.autoencoder import Autoencoder

    torch.manual_seed(0)
    blocks = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    coder = Autoencoder(AutoencoderTiny(**blocks, num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1)).eval(), 4, 2)
    latents = torch.randn(5, 4, 8, 8)
    made = pictures(coder, latents)
    assert made.shape == (5, 16, 16, 3)
    assert made.min() >= 0 and made.max() <= 1 and made.std() > 0.01
    np.testing.assert_allclose(made, pictures(coder, latents, batch=2), atol=1e-5)
