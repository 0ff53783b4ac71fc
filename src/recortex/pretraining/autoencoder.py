"""Training of the autoencoder whose latents the diffusion model makes."""

from __future__ import annotations

import copy
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.checkpoints.autoencoder import load_autoencoder
from recortex.data.base import Stimuli
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.errors import InvalidInput, listed
from recortex.pretraining._cells import cell_losses, cells_of, numbers_read
from recortex.pretraining._principal_start import start_at_principal_components
from recortex.pretraining.base import Examined, ModelTraining, check_apart
from recortex.pretraining.training import Recipe, Schedule

if TYPE_CHECKING:
    import torch

SHOWN = 12
Width = Annotated[int, Field(ge=4)]
MEASURED = 2000  # scenes that decide mean and standard deviation of the latents
ASKED = ("kind", "design")  # of the thing at each place of the latents
FED_NOISE = 0.1  # standard deviation of the errors in latents under which the decoder is measured


class AutoencoderTraining(ModelTraining):
    """An autoencoder of diffusers (AutoencoderDC), for pictures from -1 to 1 as Stable Diffusion's own.

    It starts as the principal components of patches, of 8 x 8 pixels with three resolutions, and learns what a linear map cannot
    do. Latents are standardised in each channel by the encoder itself, so a diffusion model takes them as they are. The decoder is
    trained on latents with small errors in them, because a diffusion model will feed it such.

    Latents that only look like pixels in small are slow to learn for a diffusion model: what a thing is shows in none of them. So
    a linear map that is not saved has to read, from each place of latents under noise, of what kind and design the thing there is
    and which part of it is seen (as latents are aligned to features of vision models by Yao et al. 2025, VA-VAE). In so short a
    training that a thing is there and which part of it becomes readable; of what kind it is hardly does.

    Parameters
    ----------
    scenes, held_out : SimulatedScenes
        What it is trained on, and what it is measured on.
    batch : int
        How many scenes a step sees; small batches with many steps train it faster than large ones.
    encoder_widths, decoder_widths : tuple of int
        Channels at half the resolution, at a quarter and so on.
    channels : int
        Channels of the latents.
    encoder_blocks, decoder_blocks : tuple of int
        Residual blocks at the same resolutions.
    contrast : float
        How much more a picture element counts per unit of standard deviation around it.
    latent_noise : float
        Largest standard deviation of the errors in latents.
    meaning : float
        How much it counts that what is where can be read from the latents.
    meaning_noise : float
        Largest standard deviation of the errors in latents under which that is read.
    """

    version: ClassVar[int] = 2

    scenes: SimulatedScenes
    held_out: SimulatedScenes
    steps: int = Field(default=10_000, ge=1)
    batch: int = Field(default=8, ge=2)
    learning_rate: float = Field(default=8e-4, gt=0, lt=1)
    encoder_widths: tuple[Width, ...] = Field(default=(16, 64, 128), min_length=2, max_length=4)
    decoder_widths: tuple[Width, ...] = Field(default=(24, 96, 128), min_length=2, max_length=4)
    channels: int = Field(default=24, ge=1, le=48)
    encoder_blocks: tuple[int, ...] = (1, 1, 2)
    decoder_blocks: tuple[int, ...] = (1, 2, 2)
    contrast: float = Field(default=1.0, ge=0)
    latent_noise: float = Field(default=0.1, ge=0, lt=1)
    meaning: float = Field(default=0.003, ge=0)
    meaning_noise: float = Field(default=1.0, ge=0)

    summary: ClassVar[str] = (
        "An autoencoder for 64 x 64 pictures from -1 to 1: latents of 24 x 8 x 8, standardised in each channel (`scaling_factor` 1), "
        "from which a linear map can read what is where."
    )

    def check_inputs(self) -> None:
        """Widths that a patch fits into, held-out scenes that are not trained on."""
        shapes = {len(given) for given in (self.encoder_widths, self.decoder_widths, self.encoder_blocks, self.decoder_blocks)}
        if len(shapes) > 1:
            raise InvalidInput(
                "encoder_widths, decoder_widths, encoder_blocks and decoder_blocks are one number each per resolution"
            )
        if min(*self.encoder_blocks, *self.decoder_blocks) < 1:
            raise InvalidInput("encoder_blocks and decoder_blocks are 1 or more each")
        for name, widths in (("encoder_widths", self.encoder_widths), ("decoder_widths", self.decoder_widths)):
            if any(width % 4 or 4 * width % following for width, following in pairwise(widths)) or widths[-1] % 4:
                raise InvalidInput(f"{name}: each is a multiple of 4 and divides four times the one before")
        room = [12 * 4**level + (level == 0) for level in range(len(self.decoder_widths) - 1)]
        if any(width < least for width, least in zip(self.decoder_widths, room, strict=False)):
            raise InvalidInput(
                f"decoder_widths: all but the last have room for a patch's colours, {listed(map(str, room))} or more"
            )
        if min(self.encoder_widths[-1], self.decoder_widths[-1]) < self.channels:
            raise InvalidInput(f"encoder_widths and decoder_widths end with no fewer than the latents' channels, {self.channels}")
        check_apart(self.held_out, self.scenes, "held_out")

    def scenes_seen(self) -> list[Stimuli]:
        """Its scenes."""
        return [self.scenes]

    def schedule(self) -> Schedule:
        """No average: the rate falls to 0, and the statistics of the latents belong to the last weights."""
        return Schedule(self.steps, self.learning_rate, warmup=200)

    def recipe(self) -> Recipe:
        """Encoder, normalisation of the latents, decoder; errors count more where there is something to see."""
        import torch
        from diffusers import AutoencoderDC

        none: Any = ((),) * (1 + len(self.encoder_widths))
        autoencoder: Any = AutoencoderDC(
            latent_channels=self.channels,
            encoder_block_types="ResBlock",
            decoder_block_types="ResBlock",
            encoder_block_out_channels=(self.encoder_widths[0], *self.encoder_widths),  # the full resolution is left at once
            decoder_block_out_channels=(self.decoder_widths[0], *self.decoder_widths),
            encoder_layers_per_block=(0, *self.encoder_blocks),
            decoder_layers_per_block=(0, *self.decoder_blocks),
            encoder_qkv_multiscales=none,
            decoder_qkv_multiscales=none,
            encoder_out_shortcut=False,
            decoder_in_shortcut=False,
            scaling_factor=1.0,
        )
        found = self.scenes.run()
        pictures = found["picture"]
        start_at_principal_components(autoencoder, as_input(pictures[:MEASURED]))
        standard = torch.nn.BatchNorm2d(self.channels, affine=False)
        read = torch.nn.Conv2d(self.channels, numbers_read(ASKED), 1)
        network = torch.nn.ModuleDict({"autoencoder": autoencoder, "standard": standard, "read": read})
        network.to(memory_format=torch.channels_last)  # twice as fast on a CPU
        cells = cells_of(found, pictures.shape[1] >> len(self.encoder_widths), ASKED)

        def losses(rng: np.random.Generator) -> dict[str, torch.Tensor]:
            device = read.weight.device
            rows = rng.integers(len(pictures), size=self.batch)
            mirrored = torch.rand(self.batch) < 0.5
            seen = as_input(pictures[rows])
            seen = torch.where(mirrored[:, None, None, None], seen.flip(3), seen).to(device)
            latents = standard(autoencoder.encoder(seen))

            def disturbed(most: float) -> torch.Tensor:
                return latents + most * torch.rand(len(seen), 1, 1, 1, device=device) * torch.randn_like(latents)

            square = square_error(autoencoder.decoder(disturbed(self.latent_noise)), seen, self.contrast)
            meant = cell_losses(read(disturbed(self.meaning_noise)), cells[rows].mirrored(mirrored).to(device))
            return {"square": square} | {name: self.meaning * loss for name, loss in meant.items()}

        return Recipe(network, losses)

    def save(self, network: torch.nn.Module, folder: Path) -> None:
        """As diffusers has it, with the normalisation of the latents inside the encoder."""
        import torch

        copied: Any = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
        settle(copied["standard"], copied["autoencoder"].encoder, self.scenes.run().read("picture", slice(0, MEASURED)))
        fold(copied["autoencoder"].encoder.conv_out, copied["standard"])
        copied["autoencoder"].half().save_pretrained(folder)

    def examine(self, folder: Path) -> Examined:
        """How near held-out scenes come back, also of latents with errors."""
        return examined(folder, self.held_out, self.seed)


def examined(folder: Path, scenes: SimulatedScenes, seed: int) -> Examined:
    """How near scenes come back from an autoencoder in a folder, also of latents with errors."""
    import torch

    coder = load_autoencoder(folder)
    found = scenes.run()
    pictures = found["picture"]
    draw = torch.Generator().manual_seed(seed)
    latents, plain, fed = [], [], []
    with torch.inference_mode():
        for start in range(0, len(pictures), 64):
            code = coder.encode(as_input(pictures[start : start + 64]))
            latents.append(code)
            plain.append(as_pictures(coder.decode(code)))
            fed.append(as_pictures(coder.decode(code + FED_NOISE * torch.randn(code.shape, generator=draw))))
    rows = {
        "seen": pictures / np.float32(255),
        "decoded": np.concatenate(plain),
        "decoded, latents with errors": np.concatenate(fed),
    }
    seen, decoded, with_errors = rows.values()
    figures = {"psnr_db": psnr(seen, decoded), "psnr_db_latent_noise": psnr(seen, with_errors)}
    code = torch.cat(latents)
    for name, values in (("mean", code.mean((0, 2, 3))), ("sd", code.std((0, 2, 3)))):
        figures |= {f"latent_{name}_{channel}": float(value) for channel, value in enumerate(values, 1)}
    return Examined(
        figures, {"psnr_db": 28.0}, {name: row[:SHOWN] for name, row in rows.items()}, found["category"][:SHOWN].tolist()
    )


def as_input(pictures: np.ndarray) -> torch.Tensor:
    """Pictures (n, height, width, 3) of 0 to 255 as the autoencoder wants them: (n, 3, height, width), from -1 to 1."""
    import torch

    return torch.from_numpy(pictures).permute(0, 3, 1, 2).to(torch.float32).div(127.5).sub(1)


def as_pictures(decoded: torch.Tensor) -> np.ndarray:
    """What the autoencoder makes as pictures (n, height, width, 3) from 0 to 1."""
    return decoded.add(1).div(2).clamp(0, 1).permute(0, 2, 3, 1).numpy()


def square_error(decoded: torch.Tensor, seen: torch.Tensor, contrast: float) -> torch.Tensor:
    """Mean squared error, more of it where there is something to see: `contrast` times per unit of standard deviation."""
    return ((1 + contrast * local_contrast(seen)) * (decoded - seen).square()).mean()


def local_contrast(pictures: torch.Tensor, side: int = 5) -> torch.Tensor:
    """Standard deviation around each picture element, (n, 1, height, width), over colours pooled."""
    from torch.nn.functional import avg_pool2d

    def around(values: torch.Tensor) -> torch.Tensor:
        return avg_pool2d(values, side, 1, side // 2, count_include_pad=False)

    return (around(pictures.square()) - around(pictures).square()).clamp(min=0).mean(1, keepdim=True).sqrt()


def settle(standard: torch.nn.BatchNorm2d, encoder: torch.nn.Module, pictures: np.ndarray) -> None:
    """Set the statistics of a normalisation to those of pictures: what it ran up in training lags behind the weights."""
    import torch

    assert standard.running_mean is not None and standard.running_var is not None
    with torch.inference_mode():
        latents = torch.cat([encoder(as_input(pictures[start : start + 64])) for start in range(0, len(pictures), 64)])
        variance, mean = torch.var_mean(latents, (0, 2, 3))
    standard.running_mean.copy_(mean)
    standard.running_var.copy_(variance)


def fold(last: torch.nn.Conv2d, standard: torch.nn.BatchNorm2d) -> None:
    """Put a normalisation by running statistics into the convolution before it, which then gives what both gave."""
    import torch

    assert standard.running_mean is not None and standard.running_var is not None and last.bias is not None
    with torch.no_grad():
        scale = (standard.running_var + standard.eps).rsqrt()
        last.weight.mul_(scale[:, None, None, None])
        last.bias.sub_(standard.running_mean).mul_(scale)


def psnr(seen: np.ndarray, decoded: np.ndarray) -> float:
    """Peak signal-to-noise ratio in decibel, of the error pooled over all pictures (from 0 to 1)."""
    return float(-10 * np.log10(np.mean((seen - decoded) ** 2, dtype=np.float64)))
