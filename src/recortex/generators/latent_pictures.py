"""Decoded latents put back into pictures by their autoencoder."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from recortex.checkpoints.autoencoder import load_autoencoder
from recortex.checkpoints.latent_diffusion import pictures
from recortex.checkpoints.loading import to_device
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.generators.base import NOTHING, Beside, GeneratedPictures
from recortex.stage import NOT_IN_KEY


class LatentPictures(GeneratedPictures):
    """What the autoencoder makes of decoded latents: nothing that was not decoded, and so blurred where little was.

    It is what a diffusion model that starts from decoded latents starts from.

    Parameters
    ----------
    decoder : DecodedFeatures
        A decoder of `AutoencoderLatents`.
    device : str
        Where it is computed: "cpu", "cuda" ...
    batch : int
        How many pictures at a time.
    """

    device: Annotated[str, NOT_IN_KEY] = "cpu"
    batch: Annotated[int, NOT_IN_KEY] = Field(default=32, ge=1)

    def check_ready(self) -> None:
        """The decoder aims at latents."""
        super().check_ready()
        self._latents()

    def expect(self) -> dict[str, int]:
        """Pictures of the size that the latents were made of."""
        decoded, latents = self.decoder.foresee(), self._latents()
        shown = latents.stimuli.foresee()
        if not decoded or not shown:
            return {}
        height, width = (latents.size, latents.size) if latents.size else (shown["height"], shown["width"])
        return {"trial": decoded["trial"], "height": height, "width": width, "channel": 3}

    def render(self, decoded: np.ndarray, beside: Beside = NOTHING) -> dict[str, Any]:
        """Decode, and clip.

        Raises
        ------
        InvalidInput
            The decoder aims at something other than latents, or the autoencoder is damaged.
        """
        import torch

        latents = self._latents()
        shape = tuple(int(size) for size in latents.run()["shape"])
        values = torch.from_numpy(decoded.astype(np.float32)).reshape(len(decoded), *shape)
        with latents.model_folder() as folder:
            autoencoder = load_autoencoder(folder)
        to_device(autoencoder.model, self.device)
        return {"picture": pictures(autoencoder, values.to(self.device), self.batch)}

    def _latents(self) -> AutoencoderLatents:
        target = self.decoder.target()
        if not isinstance(target, AutoencoderLatents):
            raise InvalidInput(
                f"LatentPictures needs a decoder of AutoencoderLatents; this one decodes {target.type_name()}, which has no way back "
                "to pictures"
            )
        return target
