"""Training of an autoencoder's decoder alone, when its latents shall stay what they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.checkpoints.autoencoder import load_autoencoder
from recortex.data.base import Stimuli
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.pretraining.autoencoder import AutoencoderTraining, as_input, examined, square_error
from recortex.pretraining.base import Examined, ModelTraining, check_apart
from recortex.pretraining.training import Recipe, Schedule

if TYPE_CHECKING:
    import torch


class AutoencoderDecoderTraining(ModelTraining):
    """More training for the decoder of a trained autoencoder; its encoder is handed on as it is.

    What was learnt from the latents before stays right, such as a diffusion model (as with the later decoders of Stable Diffusion's
    autoencoder). Like the decoder before it is shown latents with small errors.

    Parameters
    ----------
    latents : AutoencoderLatents
        Latents of the training scenes, by the autoencoder that a pipeline trains.
    held_out : SimulatedScenes
        What it is measured on.
    contrast : float
        How much more a picture element counts per unit of standard deviation around it.
    latent_noise : float
        Largest standard deviation of the errors in latents.
    """

    version: ClassVar[int] = 3

    latents: AutoencoderLatents
    held_out: SimulatedScenes
    steps: int = Field(default=5000, ge=1)
    batch: int = Field(default=8, ge=2)
    learning_rate: float = Field(default=5e-4, gt=0, lt=1)
    contrast: float = Field(default=1.0, ge=0)
    latent_noise: float = Field(default=0.1, ge=0, lt=1)

    summary: ClassVar[str] = (
        f"{AutoencoderTraining.summary} Its decoder was trained further on the latents of the encoder as it was."
    )

    @property
    def autoencoder(self) -> AutoencoderTraining:
        """Whose decoder it is."""
        assert isinstance(self.latents.trained, AutoencoderTraining)
        return self.latents.trained

    def check_inputs(self) -> None:
        """Latents of an autoencoder that is trained here, held-out scenes that neither was trained on."""
        if not isinstance(self.latents.trained, AutoencoderTraining):
            raise InvalidInput("latents must be of an AutoencoderTraining of this pipeline (their field trained)")
        if self.latents.size is not None:
            raise InvalidInput("latents must be of the scenes as they are; leave size out")
        for seen in self.scenes_seen():
            check_apart(self.held_out, seen, "held_out")

    def scenes_seen(self) -> list[Stimuli]:
        """Its scenes and those of the training before."""
        return [self.latents.stimuli, *self.autoencoder.scenes_seen()]

    def schedule(self) -> Schedule:
        """The rate falls to 0, as in the training before."""
        return Schedule(self.steps, self.learning_rate, warmup=100)

    def goes_on_from(self) -> AutoencoderTraining:
        """The autoencoder's."""
        return self.autoencoder

    def recipe(self) -> Recipe:
        """The decoder as it came out of the training before, and latents with errors in them."""
        import torch

        with self.autoencoder.folder() as folder:
            decoder: Any = load_autoencoder(folder).model.decoder
        decoder.requires_grad_(True)
        network = torch.nn.ModuleDict({"decoder": decoder}).to(memory_format=torch.channels_last)
        pictures, found = self.latents.stimuli.run()["picture"], self.latents.run()
        latents = torch.from_numpy(found["features"].astype(np.float32)).reshape(-1, *map(int, found["shape"]))

        def losses(rng: np.random.Generator) -> dict[str, torch.Tensor]:
            device = next(decoder.parameters()).device
            rows = rng.integers(len(pictures), size=self.batch)
            seen, given = as_input(pictures[rows]).to(device), latents[rows].to(device)
            spread = self.latent_noise * torch.rand(self.batch, 1, 1, 1, device=device)
            given = (given + spread * torch.randn_like(given)).contiguous(memory_format=torch.channels_last)
            return {"square": square_error(decoder(given), seen, self.contrast)}

        return Recipe(network, losses)

    def save(self, network: torch.nn.Module, folder: Path) -> None:
        """The whole autoencoder, as diffusers has it."""
        with self.autoencoder.folder() as place:
            loaded: Any = load_autoencoder(place).model
            whole = type(loaded).from_config(loaded.load_config(place))  # a loaded one's own configuration tells its folder
        whole.load_state_dict(loaded.state_dict())
        whole.decoder.load_state_dict(network.get_submodule("decoder").state_dict())
        whole.half().save_pretrained(folder)

    def examine(self, folder: Path) -> Examined:
        """How near held-out scenes come back, also of latents with errors."""
        return examined(folder, self.held_out, self.seed)
