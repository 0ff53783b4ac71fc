"""The models that ship, as anyone gets them, on scenes that nothing was trained, chosen or measured on before."""

import numpy as np
import torch

from recortex.checkpoints.autoencoder import load_autoencoder
from recortex.checkpoints.captioner import load_captioner
from recortex.checkpoints.finding import MODELS
from recortex.checkpoints.image_text import load_open_clip, tokens_of
from recortex.checkpoints.latent_diffusion import load_latent_diffusion
from recortex.checkpoints.text_encoder import of_image_text
from recortex.data.simulated.reading import read
from recortex.data.simulated.scene import KINDS
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.vocabulary import KIND_NOUNS
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.generators._painter import Painter
from recortex.judging.judge import load_judge

FRESH = SimulatedScenes(count=96, seed=304)


def test_the_image_text_model_names_the_largest_thing():
    made = CLIP(stimuli=FRESH, unit_length=True).run()["features"]
    loaded = load_open_clip(MODELS / "image_text")
    with torch.inference_mode():
        named = loaded.model.encode_text(
            tokens_of(loaded, [f"a {KIND_NOUNS[kind][0]}" for kind in KINDS]), normalize=True
        ).numpy()
    said = np.array(KINDS)[(made @ named.T).argmax(1)]
    assert made.shape == (96, 256)
    assert np.mean(said == FRESH.run()["category"]) >= 0.9


def test_the_autoencoder_brings_pictures_back():
    latents = AutoencoderLatents(stimuli=FRESH).run()
    assert latents["shape"].tolist() == [24, 8, 8]
    values = torch.from_numpy(latents["features"]).reshape(-1, 24, 8, 8)
    assert values.mean((0, 2, 3)).abs().max() < 0.1
    assert (values.std((0, 2, 3)) - 1).abs().max() < 0.1
    with torch.inference_mode():
        decoded = load_autoencoder(MODELS / "autoencoder").decode(values).add(1).div(2).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    error = np.mean((decoded - FRESH.run()["picture"] / 255) ** 2)
    assert -10 * np.log10(error) >= 28


def test_the_captioner_says_what_is_there_also_of_noisy_embeddings():
    seen, made = FRESH.run(), torch.from_numpy(CLIP(stimuli=FRESH).run()["features"])
    captioner = load_captioner(MODELS / "captioner")
    noise = torch.randn(made.shape, generator=torch.Generator().manual_seed(0))
    noisy = made + noise * made.std(0)  # as strong as what tells one embedding from another
    for embeddings, kind, background in ((made, 0.92, 0.95), (noisy, 0.8, 0.8)):
        read_ones = [read(caption) for caption in captioner.captions(embeddings)]
        assert np.mean(np.array([one.first.kind for one in read_ones]) == seen["category"]) >= kind
        assert np.mean(np.array([one.background for one in read_ones]) == seen["background"]) >= background


def test_the_judge_knows_what_is_in_a_picture():
    seen = FRESH.run()
    said = load_judge(MODELS / "judge").verdicts(seen["picture"] / np.float32(255))
    assert np.mean(said["kind"] == seen["category"]) >= 0.92
    assert np.mean(said["background"] == seen["background"]) >= 0.97
    assert np.mean(said["count"] == (seen["kind"] != "").sum(1)) >= 0.92


def test_the_diffusion_model_draws_what_an_embedding_stands_for():
    seen, made = FRESH.run(), CLIP(stimuli=FRESH).run()["features"]
    painter = Painter(
        load_latent_diffusion(MODELS / "diffusion"),
        load_autoencoder(MODELS / "autoencoder"),
        of_image_text(load_open_clip(MODELS / "image_text")),
        steps=10,
        guidance=3.0,
        strength=1.0,
        noise_level=0,
        device="cpu",
    )
    seeds = np.arange(len(made))[:, None]
    judge = load_judge(MODELS / "judge")
    drawn, nothing = (
        judge.verdicts(painter.paint(len(made), 1, seeds, embeddings, None, None, batch=32)[:, 0] / np.float32(255))
        for embeddings in (made, None)
    )
    assert np.mean(drawn["kind"] == seen["category"]) >= 0.75  # .80 over many scenes; 96 leave .08 of chance
    assert np.mean(drawn["background"] == seen["background"]) >= 0.92
    assert np.mean(nothing["kind"] == seen["category"]) <= 0.25
    assert np.mean(nothing["background"] == seen["background"]) <= 0.4


def test_a_model_that_is_shipped_has_a_card_and_safe_weights_in_half_precision():
    from safetensors.torch import load_file

    for folder in MODELS.iterdir():
        assert "## On held-out scenes" in (folder / "README.md").read_text()
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert {path.suffix for path in files} <= {".md", ".json", ".safetensors"}
        for path in files:
            assert path.suffix == ".safetensors" or "_name_or_path" not in path.read_text(), path
            if path.suffix == ".safetensors":
                kinds = {value.dtype for value in load_file(path).values() if value.is_floating_point()}
                assert kinds == {torch.float16}, path
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) < 32e6
