"""Pictures as the latents of an autoencoder, which a diffusion model can be started from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.checkpoints.autoencoder import (
    check_size,
    choose_autoencoder,
    factor_of,
    load_autoencoder,
    read_autoencoder_config,
)
from recortex.checkpoints.finding import Found
from recortex.checkpoints.loading import to_device
from recortex.data.pictures import resized
from recortex.features._pretrained import Look, PictureModel

if TYPE_CHECKING:
    import torch


class AutoencoderLatents(PictureModel):
    """Latents of an AutoencoderKL, AutoencoderTiny or AutoencoderDC of diffusers, as a diffusion model of its family sees them.

    They are the middle of the distribution that an AutoencoderKL gives, not drawn from it, shifted and scaled as its configuration
    says (shift_factor and scaling_factor, or latents_mean and latents_std). The shape is (channel, y, x).

    Parameters
    ----------
    stimuli : Pictures
        The pictures.
    model : str
        "shipped", or a hub id, org/name: an autoencoder, or a whole diffusion model with one in its folder vae.
    size : int, optional
        Side in pixels to which the pictures are brought (linear, antialiased); without it they stay as they are.
    """

    size: int | None = Field(default=None, ge=8, le=4096)

    shipped: ClassVar[str] = "autoencoder"
    embedding: ClassVar[bool] = False

    def choose(self, names: set[str], where: str) -> list[str]:
        """Configuration and weights."""
        return choose_autoencoder(names, where)

    def check_files(self, found: Found) -> None:
        """The kind of model is known."""
        super().check_files(found)
        read_autoencoder_config(found.folder)

    def expect(self) -> dict[str, int]:
        """As many as pictures, and as the model's configuration says."""
        seen = self.stimuli.foresee()
        config = self.config_here()
        if not seen or config is None:
            return {}
        height, width = (self.size, self.size) if self.size else (seen["height"], seen["width"])
        places = (height // factor_of(config)) * (width // factor_of(config))
        return {"stimulus": seen["stimulus"], "feature": int(config.get("latent_channels", 4)) * places, "axis": 3}

    def config_here(self) -> dict[str, Any] | None:
        """The model's configuration; None where the model is to be fetched or trained."""
        found = None if self.trained is not None else self._here()
        return None if found is None else read_autoencoder_config(found.folder)

    def look(self, folder: Path) -> Look:
        """The encoder."""
        import torch

        coder = load_autoencoder(folder)
        to_device(coder.model, self.device)

        def look(pictures: np.ndarray) -> torch.Tensor:
            values = pictures.astype(np.float32) / 127.5 - 1
            values = values if self.size is None else resized(values, self.size, self.size)
            check_size(coder, values.shape[1], values.shape[2], "AutoencoderLatents")
            return coder.encode(torch.from_numpy(values).permute(0, 3, 1, 2).to(self.device))

        return look
