"""The diffusion model's training: how often noise levels come, and what is refused before it begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.pretraining import latent_diffusion
from recortex.pretraining._latent_diffusion_exam import MOST_WEIGHT, how_often
from recortex.pretraining.autoencoder import AutoencoderTraining
from recortex.pretraining.autoencoder_decoder import AutoencoderDecoderTraining
from recortex.pretraining.captioner import CaptionerTraining
from recortex.pretraining.image_text import ImageTextTraining
from recortex.pretraining.judge import JudgeTraining
from recortex.pretraining.latent_diffusion import LatentDiffusionTraining
from recortex.pretraining.shipped_models import ShippedModels, best

SCENES, OTHERS, HELD_OUT, VALIDATION = (SimulatedScenes(count=8, seed=seed) for seed in (1, 2, 3, 4))


def diffusion(eye: SimulatedScenes = SCENES, coder: SimulatedScenes = SCENES, **changed: Any) -> LatentDiffusionTraining:
    image_text = ImageTextTraining(captions=SimulatedCaptions(scenes=eye), held_out=SimulatedCaptions(scenes=VALIDATION))
    autoencoder = AutoencoderTraining(scenes=coder, held_out=VALIDATION)
    fields = {
        "latents": AutoencoderLatents(stimuli=SCENES, trained=autoencoder),
        "embeddings": CLIP(stimuli=SCENES, trained=image_text),
        "captions": SimulatedCaptions(scenes=SCENES),
        "held_out_latents": AutoencoderLatents(stimuli=HELD_OUT, trained=autoencoder),
        "held_out_embeddings": CLIP(stimuli=HELD_OUT, trained=image_text),
    }
    return LatentDiffusionTraining(**fields | changed)


def shipped(judged: SimulatedScenes = OTHERS, decoder: AutoencoderLatents | None = None, **changed: Any) -> ShippedModels:
    one = diffusion(**changed)
    eye = one.embeddings.trained
    return ShippedModels(
        decoder=None
        if decoder is None
        else AutoencoderDecoderTraining(latents=decoder, held_out=SimulatedScenes(count=8, seed=9)),
        diffusion=one,
        captioner=CaptionerTraining(
            embeddings=one.embeddings,
            captions=one.captions,
            held_out_embeddings=one.held_out_embeddings,
            held_out_captions=SimulatedCaptions(scenes=HELD_OUT),
        ),
        judge=JudgeTraining(scenes=judged, held_out=HELD_OUT),
        validation=CLIP(stimuli=VALIDATION, trained=eye),
        held_out=one.held_out_embeddings,
        held_out_latents=one.held_out_latents,
    )


@pytest.mark.parametrize(
    ("seen", "coder", "said"),
    [
        (SCENES, OTHERS, "decoder must be of the autoencoder"),
        (VALIDATION, SCENES, "validation: 8 of its scenes are trained on"),
        (OTHERS, SCENES, "judge: 8 of its scenes are trained on by"),
    ],
)
def test_a_decoder_that_goes_with_other_latents_or_saw_what_is_judged_is_refused(
    seen: SimulatedScenes, coder: SimulatedScenes, said: str
) -> None:
    shipped(decoder=diffusion().latents).check_inputs()
    trained = AutoencoderTraining(scenes=coder, held_out=VALIDATION)
    with pytest.raises(InvalidInput, match=said):
        shipped(decoder=AutoencoderLatents(stimuli=seen, trained=trained)).check_inputs()


def test_a_decoder_brings_the_scenes_of_its_autoencoder_with_it() -> None:
    decoder = AutoencoderDecoderTraining(latents=diffusion().latents.model_copy(update={"stimuli": OTHERS}), held_out=HELD_OUT)
    latents = {"latents": AutoencoderLatents(stimuli=SCENES, trained=decoder)}
    one = diffusion(**latents, held_out_latents=AutoencoderLatents(stimuli=HELD_OUT, trained=decoder))
    one.check_inputs()
    assert set(one.scenes_seen()) == {SCENES, OTHERS}


def test_latents_of_another_size_are_refused_where_models_are_gathered() -> None:
    one = shipped()
    small = one.model_copy(update={"held_out_latents": one.held_out_latents.model_copy(update={"size": 32})})
    with pytest.raises(InvalidInput, match="of pictures of its size"):
        small.check_inputs()


@pytest.mark.parametrize(("widths", "sides"), [((16, 32), 5), ((16, 16, 32), 5), ((16, 16, 32), 8)])
def test_what_is_where_is_read_half_way_and_teaches_what_comes_before(
    widths: tuple[int, ...], sides: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the sides of the latents, which the network halves rounding up."""
    count, rng = 8, np.random.default_rng(0)
    stage = diffusion(widths=widths, told_width=32, batch=4, without_words=1.0)
    planted = {"features": rng.standard_normal((count, 3 * sides**2)), "shape": np.array([3, sides, sides])}
    monkeypatch.setattr(AutoencoderLatents, "run", lambda self: planted)
    monkeypatch.setattr(CLIP, "run", lambda self: {"features": rng.standard_normal((count, 6))})
    monkeypatch.setattr(LatentDiffusionTraining, "_words", lambda self: lambda rows, rng: torch.zeros(len(rows), 2, 8))
    monkeypatch.setattr(latent_diffusion, "empty_words", lambda embeddings: torch.zeros(1, 2, 8))
    torch.manual_seed(0)
    recipe = stage.recipe()
    terms = recipe.losses(rng)
    assert list(terms) == ["velocity", "kind", "design", "colour", "part"]
    terms["part"].backward()
    reached = {name.split(".")[1] for name, weight in recipe.network.named_parameters() if weight.grad is not None}
    assert {"down_blocks", "mid_block", "up_blocks", "weight"} <= reached and "conv_out" not in reached


def test_noise_levels_come_as_often_as_the_errors_they_stand_for_count() -> None:
    """The velocity's square error is the latents' times 1 + SNR: drawn so often it counts as much as SNR does, up to the most."""
    signal = DDIMScheduler(beta_schedule="squaredcos_cap_v2", rescale_betas_zero_snr=True).alphas_cumprod
    ratio = (signal / (1 - signal)).double()
    torch.testing.assert_close(how_often(signal).double() * (1 + ratio), (1 + ratio).clamp(max=MOST_WEIGHT), rtol=1e-4, atol=0)
    assert float(how_often(signal)[-1]) == 1  # where noise is all there is
    assert float(how_often(signal)[0]) < 0.01


def test_what_belongs_together_is_taken() -> None:
    diffusion().check_inputs()
    shipped().check_inputs()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"captions": SimulatedCaptions(scenes=OTHERS)}, "same scenes"),
        ({"widths": (30, 64)}, "widths: each is a multiple of 8, and the last two of the 4 heads"),
        ({"widths": (16, 64), "heads": 5}, "widths: each is a multiple of 8, and the last two of the 5 heads"),
        ({"held_out_latents": AutoencoderLatents(stimuli=HELD_OUT)}, "same models"),
        ({"held_out_embeddings": CLIP(stimuli=HELD_OUT, unit_length=True)}, "same models"),
        ({"embeddings": CLIP(stimuli=SCENES)}, "trained"),
        ({"eye": HELD_OUT}, "held_out_embeddings: 8 of its scenes are trained on"),
        ({"coder": HELD_OUT}, "held_out_embeddings: 8 of its scenes are trained on"),
    ],
)
def test_inputs_that_do_not_belong_together_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        diffusion(**changed).check_inputs()


def test_embeddings_that_the_generators_could_not_take_are_refused() -> None:
    one = diffusion()
    short = one.embeddings.model_copy(update={"unit_length": True})
    with pytest.raises(InvalidInput, match="unit_length"):
        diffusion(embeddings=short, held_out_embeddings=short.model_copy(update={"stimuli": HELD_OUT})).check_inputs()


@pytest.mark.parametrize("part", ["eye", "coder"])
def test_nothing_that_is_chosen_or_judged_on_was_trained_on(part: str) -> None:
    with pytest.raises(InvalidInput, match="validation: 8 of its scenes are trained on"):
        shipped(**{part: VALIDATION}).check_inputs()
    with pytest.raises(InvalidInput, match="judge: 8 of its scenes are trained on by what it judges"):
        shipped(OTHERS, **{part: OTHERS}).check_inputs()
    with pytest.raises(InvalidInput, match="held_out: 8 of its scenes are trained on"):
        shipped(HELD_OUT).check_inputs()


def test_guidance_is_chosen_first_and_then_steps() -> None:
    kinds = {(1.0, 20): 0.5, (2.0, 20): 0.7, (3.0, 20): 0.6, (2.0, 10): 0.6, (2.0, 40): 0.8, (3.0, 10): 1.0}
    models = shipped().model_copy(update={"guidances": (1.0, 2.0, 3.0), "sampling_steps": (20, 10, 40)})
    scored = models.tried(lambda guidance, steps: {"kind": kinds[guidance, steps], "background": 0.9})
    assert set(scored) == {(1.0, 20), (2.0, 20), (3.0, 20), (2.0, 10), (2.0, 40)}
    assert best(scored) == (2.0, 40)
    assert best({(2.0, 20): {"kind": 0.5, "background": 0.9}, (3.0, 20): {"kind": 0.6, "background": 0.7}}) == (2.0, 20)
