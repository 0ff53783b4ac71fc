"""Autoencoders in the format of diffusers: the public entry for whatever turns pictures into latents and back.

``coder = load_autoencoder(folder)``, then ``coder.encode(pictures)``, pictures from -1 to 1, and ``coder.decode(latents)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recortex.checkpoints.finding import require, weights_among
from recortex.checkpoints.loading import check_complete, in_one_line, quietly, read_json, sound
from recortex.errors import InvalidInput, listed, shown

if TYPE_CHECKING:
    import torch

KINDS = ("AutoencoderTiny", "AutoencoderKL", "AutoencoderDC")


@dataclass(frozen=True)
class Autoencoder:
    """A loaded autoencoder, whose latents are those that a diffusion model of its family sees.

    Parameters
    ----------
    model : torch.nn.Module
        Of diffusers: float32, on the CPU, without gradients.
    channels : int
        Of the latents.
    factor : int
        How many pixels along a side are one place of the latents.
    """

    model: Any
    channels: int
    factor: int

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) from -1 to 1 to latents (n, channels, height / factor, width / factor).

        Those of an AutoencoderKL are the middle of what it gives a distribution over; nothing is drawn by chance.
        """
        made = self.model.encode(pictures)
        latents = made.latent_dist.mode() if hasattr(made, "latent_dist") else getattr(made, "latents", None)
        latents = made.latent if latents is None else latents  # AutoencoderDC's
        shift, scale = self._statistics(latents)
        return (latents - shift) * scale

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents as `encode` gives them to pictures (n, 3, height, width), about -1 to 1."""
        shift, scale = self._statistics(latents)
        return self.model.decode(latents / scale + shift).sample

    def _statistics(self, like: torch.Tensor) -> tuple[Any, Any]:
        """What the configuration has latents shifted and scaled by, of all or by channel."""
        config = self.model.config
        scale = _given(config, "scaling_factor", 1.0)
        mean, sd = _given(config, "latents_mean", None), _given(config, "latents_std", None)
        if mean is None:
            return _given(config, "shift_factor", 0.0), scale
        by_channel = (1, -1, 1, 1)
        return like.new_tensor(mean).reshape(by_channel), scale / like.new_tensor(sd).reshape(by_channel)


def choose_autoencoder(names: set[str], where: str) -> list[str]:
    """Configuration and weights in a folder, or in the vae folder of a whole diffusion model."""
    inside = "vae/" if "config.json" not in names and "vae/config.json" in names else ""
    config = require(names, (f"{inside}config.json",), where, "an autoencoder of diffusers")
    return [*config, *weights_among(names, (f"{inside}diffusion_pytorch_model",), where)]


def read_autoencoder_config(folder: Path) -> dict[str, Any]:
    """A folder's configuration, checked.

    Raises
    ------
    InvalidInput
        Of another kind of model; mean and standard deviation of latents that are not one a channel.
    """
    path = folder / "config.json"
    config = read_json(path)
    kind = config.get("_class_name")
    if kind not in KINDS:
        raise InvalidInput(f"{path} is of a {shown(kind)}, not of an autoencoder that is known here ({', '.join(KINDS)})")
    mean, sd = config.get("latents_mean"), config.get("latents_std")
    channels = config.get("latent_channels", 4)
    if not isinstance(channels, int) or channels < 1:
        raise InvalidInput(f"{path} has {shown(channels)} as latent_channels; it is damaged")
    if (mean is None) != (sd is None) or any(part is not None and len(part) != channels for part in (mean, sd)):
        raise InvalidInput(
            f"{path}: latents_mean and latents_std are one number for each of the {channels} latent channels, or left out"
        )
    return config


def load_autoencoder(folder: Path) -> Autoencoder:
    """Load an AutoencoderKL, AutoencoderTiny or AutoencoderDC.

    Parameters
    ----------
    folder : Path
        As diffusers' ``save_pretrained`` writes it.

    Raises
    ------
    InvalidInput
        Files that are not there, damaged, or of another model.
    """
    import diffusers

    kind = read_autoencoder_config(folder)["_class_name"]
    with quietly(), in_one_line(f"{folder} cannot be loaded by diffusers"):
        model, info = getattr(diffusers, kind).from_pretrained(
            str(folder), use_safetensors=True, local_files_only=True, low_cpu_mem_usage=False, output_loading_info=True
        )
        check_complete(info, folder)
        model = sound(model, folder)
    return Autoencoder(model, int(model.config["latent_channels"]), factor_of(model.config))


def factor_of(config: Any) -> int:
    """How many pixels along a side are one place of the latents, by a configuration."""
    kind = "block_out_channels" if "block_out_channels" in config else "encoder_block_out_channels"
    return 2 ** (len(config[kind]) - 1)


def check_size(coder: Autoencoder, height: int, width: int, where: str) -> None:
    """Refuse pictures whose sides are no multiple of the factor: the edge would be lost or made up.

    Raises
    ------
    InvalidInput
    """
    if wrong := [side for side in (height, width) if side % coder.factor]:
        raise InvalidInput(
            f"{where}: pictures of {height} x {width} pixels have a side ({listed(wrong)}) that is no multiple of {coder.factor}, as the "
            "autoencoder needs; set size"
        )


def _given(config: Any, name: str, otherwise: Any) -> Any:
    value = config.get(name)
    return otherwise if value is None else value
