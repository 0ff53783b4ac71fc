"""Diffusion models in the layout of Stable unCLIP: latents from an image embedding and words.

    model = load_latent_diffusion(folder)
    latents = model.draw(embedding, tokens, empty, seeds=[1, 2, 3])

The conditions are those of Stable unCLIP: the image embedding, with noise of a stated level, enters as class label; words enter as
tokens of a text tower. A condition that is absent is zero, or the tokens of an empty text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recortex.checkpoints.finding import require, weights_among
from recortex.checkpoints.loading import check_complete, in_one_line, quietly, read_json, sound
from recortex.checkpoints.text_encoder import choose_text_encoder
from recortex.errors import InvalidInput, shown

if TYPE_CHECKING:
    import torch

    from recortex.checkpoints.autoencoder import Autoencoder

UNET, SCHEDULER, NOISING, NORMALISER = "unet", "scheduler", "image_noising_scheduler", "image_normalizer"
WEIGHTS = "diffusion_pytorch_model"
AUTOENCODER = "vae"


@dataclass(frozen=True)
class LatentDiffusion:
    """A denoising network with its schedule and its way to take an image embedding.

    Parameters
    ----------
    unet : diffusers.UNet2DConditionModel
    scheduler : diffusers.DDIMScheduler
        Or any other that goes from noise to latents.
    noising : diffusers.DDPMScheduler
        How noise is added to an image embedding.
    normaliser : module
        Mean and standard deviation of image embeddings, as noise is added to them.
    """

    unet: Any
    scheduler: Any
    noising: Any
    normaliser: Any

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(channel, y, x) of the latents it was trained on."""
        side = self.unet.config.sample_size
        return self.unet.config.in_channels, side, side

    @property
    def embedding_size(self) -> int:
        """How many numbers an image embedding has."""
        return self.unet.config.projection_class_embeddings_input_dim // 2

    @property
    def token_size(self) -> int:
        """How many numbers a text token has."""
        return self.unet.config.cross_attention_dim

    def condition(self, embedding: torch.Tensor, level: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """An image embedding as class label: with noise, and with how much.

        Parameters
        ----------
        embedding, noise : (n, feature) tensor
        level : (n,) int tensor
            Step of the noise's schedule; 0 adds next to none.

        Returns
        -------
        (n, 2 feature) tensor

        Notes
        -----
        As in diffusers' ``StableUnCLIPImg2ImgPipeline.noise_image_embeddings``.
        """
        import torch
        from diffusers.models.embeddings import get_timestep_embedding

        mean, sd = self.normaliser.mean.to(embedding), self.normaliser.std.to(embedding)
        noisy = self.noising.add_noise((embedding - mean) / sd, noise, level) * sd + mean
        told = get_timestep_embedding(level, embedding.shape[1], flip_sin_to_cos=True, downscale_freq_shift=0)
        return torch.cat([noisy, told.to(noisy)], 1)

    def draw(
        self,
        embedding: torch.Tensor | None,
        tokens: torch.Tensor,
        empty: torch.Tensor,
        seeds: Sequence[int],
        steps: int = 20,
        guidance: float = 2.0,
        level: int = 0,
        start: torch.Tensor | None = None,
        strength: float = 1.0,
    ) -> torch.Tensor:
        """Latents from noise, or from given latents with noise.

        A picture depends on its own seed and conditions alone, whatever else is in the batch.

        Parameters
        ----------
        embedding : (n, feature) tensor or None
            Image embeddings; None for pictures of no particular content.
        tokens : (n, token, width) tensor
            Words; those of the empty text where nothing is said.
        empty : (1, token, width) tensor
            The tokens of the empty text.
        seeds : sequence of n int
            What the noise of each picture is drawn from.
        steps : int
            From pure noise; a start from given latents takes the share `strength` of them.
        guidance : float
            How far the conditions are followed: 1 as learnt, more exaggerates what they add; 0 is without them.
        level : int
            How noisy the embeddings are said to be, with noise added to match, as a step of the noise's schedule.
        start : (n, channel, y, x) tensor, optional
            Latents to begin at, under noise.
        strength : float
            How much noise they are put under: 0 leaves them as they are, 1 leaves nothing of them.

        Returns
        -------
        (n, channel, y, x) tensor

        Raises
        ------
        InvalidInput
            Embeddings, tokens or latents of other sizes than the network was trained on.
        """
        import torch

        self._check(embedding, tokens, start)
        n, device = len(seeds), tokens.device
        draws = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
        noise = torch.stack([torch.randn(self.latent_shape, generator=draw) for draw in draws]).to(device)
        labels = torch.zeros(n, 2 * self.embedding_size, device=device)
        if embedding is not None:
            clean = torch.full((n,), level, device=device)
            around = torch.stack([torch.randn(self.embedding_size, generator=draw) for draw in draws]).to(device)
            labels = self.condition(embedding, clean, around if level else torch.zeros_like(around))
        self.scheduler.set_timesteps(steps, device=device)
        times = self.scheduler.timesteps
        latents = noise * self.scheduler.init_noise_sigma
        if start is not None:
            times = times[len(times) - taken(len(times), strength) :]
            latents = start if not len(times) else self.scheduler.add_noise(start, noise, times[:1].expand(n))
        both = torch.cat([torch.zeros_like(labels), labels])
        words = torch.cat([empty.to(tokens).expand_as(tokens), tokens])
        with torch.inference_mode():
            for time in times:
                seen = self.scheduler.scale_model_input(latents, time)
                if guidance == 1:
                    made = self.unet(seen, time, tokens, class_labels=labels).sample
                else:
                    without, given = self.unet(torch.cat([seen, seen]), time, words, class_labels=both).sample.chunk(2)
                    made = without + guidance * (given - without)
                latents = self.scheduler.step(made, time, latents).prev_sample
        return latents

    def _check(self, embedding: torch.Tensor | None, tokens: torch.Tensor, start: torch.Tensor | None) -> None:
        if embedding is not None and embedding.shape[1] != self.embedding_size:
            raise InvalidInput(
                f"the diffusion model takes embeddings of {self.embedding_size} numbers, got {embedding.shape[1]}; "
                "decode the features that it was trained on"
            )
        if tokens.shape[-1] != self.token_size:
            raise InvalidInput(
                f"the diffusion model takes text tokens of {self.token_size} numbers, got {tokens.shape[-1]}; "
                "use the text tower that it was trained with"
            )
        if start is not None and tuple(start.shape[1:]) != self.latent_shape:
            raise InvalidInput(
                f"the diffusion model takes latents of shape {self.latent_shape}, got {tuple(start.shape[1:])}; "
                "use the autoencoder that it was trained with"
            )


def taken(steps: int, strength: float) -> int:
    """How many of the sampler's steps a start from given latents takes."""
    return round(strength * steps)


@dataclass(frozen=True)
class Sizes:
    """What a network takes.

    Parameters
    ----------
    latents : (channel, y, x) tuple of int
    embedding, token : int
        How many numbers an image embedding and a text token have.
    """

    latents: tuple[int, int, int]
    embedding: int
    token: int


def choose_latent_diffusion(names: set[str], where: str) -> list[str]:
    """The files of a model in the layout of Stable unCLIP, with its autoencoder and text encoder where it has them."""
    schedules = tuple(f"{name}/scheduler_config.json" for name in (SCHEDULER, NOISING))
    configurations = tuple(f"{name}/config.json" for name in (UNET, NORMALISER))
    found = require(
        names, ("model_index.json", *configurations, *schedules), where, "a diffusion model in the layout of Stable unCLIP"
    )
    parts = [UNET, NORMALISER]
    if f"{AUTOENCODER}/config.json" in names:
        found.append(f"{AUTOENCODER}/config.json")
        parts.append(AUTOENCODER)
    weights = [file for part in parts for file in weights_among(names, (f"{part}/{WEIGHTS}",), where)]
    return [*found, *weights, *choose_text_encoder(names, where)]


def sizes_of_latent_diffusion(folder: Path) -> Sizes:
    """What a network takes, as its configuration says.

    Raises
    ------
    InvalidInput
        It does not say, or is of a network that takes no image embedding.
    """
    path = folder / UNET / "config.json"
    config = read_json(path)
    found = []
    for name in ("in_channels", "sample_size", "projection_class_embeddings_input_dim", "cross_attention_dim"):
        value = config.get(name)
        if not isinstance(value, int):
            raise InvalidInput(f"{path} has {shown(value)} as {name}; a network of Stable unCLIP has a number there")
        found.append(value)
    channels, side, told, token = found
    return Sizes((channels, side, side), told // 2, token)


def load_latent_diffusion(folder: Path) -> LatentDiffusion:
    """Load a pipeline's folder in the layout of Stable unCLIP, weights as float32.

    Raises
    ------
    InvalidInput
        Something is missing, damaged or of another kind.
    """
    import torch
    from diffusers import DDIMScheduler, DDPMScheduler, UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer

    parts: dict[str, Any] = {}
    kinds = {
        UNET: UNet2DConditionModel,
        SCHEDULER: DDIMScheduler,
        NOISING: DDPMScheduler,
        NORMALISER: StableUnCLIPImageNormalizer,
    }
    for name, kind in kinds.items():
        if not (folder / name).is_dir():
            raise InvalidInput(f"{folder} has no folder {name}, so it is no pipeline of Stable unCLIP; name one that has")
        with quietly(), in_one_line(f"{folder / name} cannot be loaded as {kind.__name__}"):
            if kind is not UNet2DConditionModel:
                parts[name] = kind.from_pretrained(folder / name, local_files_only=True)
                continue
            options = {"torch_dtype": torch.float32, "use_safetensors": True, "low_cpu_mem_usage": False}
            parts[name], info = kind.from_pretrained(folder / name, local_files_only=True, output_loading_info=True, **options)
            check_complete(info, folder / name)
            sound(parts[name], folder / name)
    return LatentDiffusion(parts[UNET], parts[SCHEDULER], parts[NOISING], parts[NORMALISER])


def pictures(autoencoder: Autoencoder, latents: torch.Tensor, batch: int = 64) -> np.ndarray:
    """Latents as pictures.

    Parameters
    ----------
    autoencoder : Autoencoder
    latents : (n, channel, y, x) tensor
        As the diffusion model sees them.
    batch : int

    Returns
    -------
    (n, height, width, channel) float32 array
        From 0 to 1.
    """
    import torch

    with torch.inference_mode():
        made = [autoencoder.decode(part) for part in latents.split(batch)]
    shown = (torch.cat(made).float() / 2 + 0.5).clamp(0, 1)
    return shown.permute(0, 2, 3, 1).cpu().numpy()
