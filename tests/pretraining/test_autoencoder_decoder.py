"""A decoder that is trained further leaves the latents as they were."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderDC

from recortex import SimulatedScenes
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.pretraining.autoencoder import AutoencoderTraining, as_input
from recortex.pretraining.autoencoder_decoder import AutoencoderDecoderTraining

SCENES, HELD_OUT = SimulatedScenes(count=24, seed=5), SimulatedScenes(count=12, seed=6)
BEFORE = AutoencoderTraining(
    scenes=SCENES,
    held_out=HELD_OUT,
    steps=3,
    batch=4,
    channels=4,
    encoder_widths=(16, 64),
    decoder_widths=(16, 64),
    encoder_blocks=(1, 1),
    decoder_blocks=(1, 1),
)


def training(**fields) -> AutoencoderDecoderTraining:
    given = {"latents": AutoencoderLatents(stimuli=SCENES, trained=BEFORE), "held_out": HELD_OUT, "steps": 60, "batch": 8}
    return AutoencoderDecoderTraining(**given | fields)


def figures(stage) -> dict[str, float]:
    made = stage.run()
    return dict(zip(made["figure"].tolist(), made["value"].tolist(), strict=True))


def test_the_encoder_is_handed_on_and_the_decoder_brings_pictures_nearer():
    stage = training()
    with BEFORE.folder() as one, stage.folder() as other:
        before, after = AutoencoderDC.from_pretrained(one), AutoencoderDC.from_pretrained(other)
        card, written = ((other / name).read_text() for name in ("README.md", "config.json"))
    assert "_name_or_path" not in written  # the same bytes, whatever folder the first one was read from
    state = after.encoder.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in before.encoder.state_dict().items())
    state = after.decoder.state_dict()
    assert not all(torch.equal(value, state[name]) for name, value in before.decoder.state_dict().items())
    with torch.no_grad():
        pictures = as_input(HELD_OUT.run()["picture"])
        torch.testing.assert_close(before.encode(pictures).latent, after.encode(pictures).latent, rtol=0, atol=0)
    assert "- steps: 60" in card and "after `AutoencoderTraining`, with" in card and "- encoder_widths: (16, 64)" in card
    assert figures(stage)["psnr_db"] > figures(BEFORE)["psnr_db"]
    assert figures(stage)["latent_sd_1"] == figures(BEFORE)["latent_sd_1"]


def test_it_loads_as_any_autoencoder_and_makes_the_same_latents():
    after = AutoencoderLatents(stimuli=HELD_OUT, trained=training()).run()["features"]
    np.testing.assert_array_equal(after, AutoencoderLatents(stimuli=HELD_OUT, trained=BEFORE).run()["features"])


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(InvalidInput, match="latents must be of an AutoencoderTraining of this pipeline"):
        training(latents=AutoencoderLatents(stimuli=SCENES)).check_ready()
    with pytest.raises(InvalidInput, match="leave size out"):
        training(latents=AutoencoderLatents(stimuli=SCENES, trained=BEFORE, size=32)).check_ready()
    others = AutoencoderLatents(stimuli=SimulatedScenes(count=24, seed=7), trained=BEFORE)
    for held_out in (SCENES, others.stimuli):
        with pytest.raises(InvalidInput, match="held_out: 24 of its scenes are trained on"):
            training(latents=others, held_out=held_out).check_ready()
