"""The diffusion model's training: how often noise levels come, and what is refused before it begins."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler

from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.pretraining.autoencoder import AutoencoderTraining
from recortex.pretraining.captioner import CaptionerTraining
from recortex.pretraining.image_text import ImageTextTraining
from recortex.pretraining.judge import JudgeTraining
from recortex.pretraining.latent_diffusion import MOST_WEIGHT, LatentDiffusionTraining, how_often
from recortex.pretraining.shipped_models import ShippedModels

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


def shipped(judged: SimulatedScenes = OTHERS, **changed: Any) -> ShippedModels:
    one = diffusion(**changed)
    eye = one.embeddings.trained
    return ShippedModels(
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
