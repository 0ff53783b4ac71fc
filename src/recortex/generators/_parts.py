"""The models that an UnCLIP stage draws with, where each comes from, and whether they fit together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recortex.checkpoints import finding
from recortex.checkpoints.autoencoder import (
    Autoencoder,
    choose_autoencoder,
    factor_of,
    load_autoencoder,
    read_autoencoder_config,
)
from recortex.checkpoints.finding import Found
from recortex.checkpoints.from_open_clip import words_of
from recortex.checkpoints.latent_diffusion import AUTOENCODER, LatentDiffusion, load_latent_diffusion, sizes_of_latent_diffusion
from recortex.checkpoints.loading import to_device
from recortex.checkpoints.text_encoder import ENCODER, TextEncoder, load_text_encoder, of_image_text, width_of_text_encoder
from recortex.decoders.base import DecodedFeatures
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP


@dataclass(frozen=True)
class Parts:
    """Where the parts beside the diffusion network come from.

    Parameters
    ----------
    decoder : DecodedFeatures
        Of CLIP's embeddings; that CLIP's text tower reads captions, unless the model's own folder has one.
    start : DecodedFeatures, optional
        Of latents.
    coder : AutoencoderLatents, optional
        The stage whose autoencoder is used.
    ships : bool
        Whether the diffusion model is the one that ships.
    """

    decoder: DecodedFeatures
    start: DecodedFeatures | None
    coder: AutoencoderLatents | None
    ships: bool

    @property
    def clip(self) -> CLIP:
        """What is decoded."""
        target = self.decoder.target()
        assert isinstance(target, CLIP)
        return target

    @property
    def ships_autoencoder(self) -> bool:
        """Whether the autoencoder is the one that ships."""
        return self.coder is None and self.ships

    def check_stages(self) -> None:
        """What ships goes with what ships."""
        if self.ships and not self.clip.is_shipped():
            raise InvalidInput(
                "UnCLIP: decoder decodes CLIP by another model, and the diffusion model that ships takes embeddings of the CLIP that "
                "ships alone; decode those, or name a diffusion model of yours with folder"
            )
        if self.ships and self.coder is not None and not self.coder.is_shipped():
            raise InvalidInput(
                f"UnCLIP: {'latents' if self.start is None else 'start'} is of another autoencoder, and the diffusion model that ships "
                "draws latents of the one that ships alone; use that, or name a diffusion model of yours with folder"
            )

    def check_files(self, found: Found) -> None:
        """Sizes are those of the network, as far as they are known."""
        sizes = sizes_of_latent_diffusion(found.folder)
        where = str(found.folder)
        if self.coder is None and not self.ships and not (found.folder / AUTOENCODER).is_dir():
            raise InvalidInput(f"UnCLIP: {where} holds no autoencoder (folder {AUTOENCODER}); name one with latents")
        width = self.decoder.width()
        if width is not None and width != sizes.embedding:
            raise InvalidInput(
                f"UnCLIP: decoder decodes embeddings of shape ({width},) and the diffusion model in {where} takes ({sizes.embedding},); "
                "decode the embedding that it was trained with"
            )
        config = self._autoencoder_config(found.folder)
        channels = sizes.latents[0] if config is None else int(config.get("latent_channels", 4))
        if channels != sizes.latents[0]:
            raise InvalidInput(
                f"UnCLIP: the autoencoder makes pictures of latents with {channels} channels and the diffusion model in {where} draws "
                f"latents of shape {sizes.latents}; use the autoencoder that it was trained with"
            )
        count = None if self.start is None else self.start.width()
        if count is not None and count != np.prod(sizes.latents):
            raise InvalidInput(
                f"UnCLIP: start decodes {count} numbers a trial and the diffusion model in {where} takes latents of shape "
                f"{sizes.latents}; decode latents of the autoencoder that it was trained with, of pictures of its size"
            )
        words = self._word_width(found.folder)
        if words is not None and words != sizes.token:
            raise InvalidInput(
                f"UnCLIP: the text tower gives tokens of shape ({words},) and the diffusion model in {where} takes ({sizes.token},); "
                "decode the embedding of the image-text model that it was trained with"
            )

    def picture_size(self, folder: Path) -> tuple[int, int] | None:
        """Height and width of what is drawn; None where the autoencoder is not here yet."""
        config = self._autoencoder_config(folder)
        if config is None:
            return None
        _, height, width = sizes_of_latent_diffusion(folder).latents
        return height * factor_of(config), width * factor_of(config)

    @contextmanager
    def loaded(self, folder: Path, device: str) -> Iterator[tuple[LatentDiffusion, Autoencoder, TextEncoder]]:
        """The diffusion model in a folder, its autoencoder and its text tower, on a device."""
        with ExitStack() as stack:
            model = load_latent_diffusion(folder)
            to_device(model.unet, device)
            autoencoder = load_autoencoder(self._autoencoder_folder(folder, stack))
            to_device(autoencoder.model, device)
            if (folder / ENCODER).is_dir():
                words = load_text_encoder(folder, device)
            else:
                tower = words_of(self.clip)
                words = of_image_text(tower.load(stack.enter_context(tower.model_folder())), device)
            yield model, autoencoder, words

    def _autoencoder_folder(self, folder: Path, stack: ExitStack) -> Path:
        if self.coder is not None:
            return stack.enter_context(self.coder.model_folder())
        if (folder / AUTOENCODER).is_dir():
            return folder / AUTOENCODER
        return finding.look_for_shipped("autoencoder", choose_autoencoder).folder

    def _autoencoder_config(self, folder: Path) -> dict[str, Any] | None:
        """None where the autoencoder is to be fetched or trained."""
        if self.coder is not None:
            return self.coder.config_here()
        with ExitStack() as stack:
            return read_autoencoder_config(self._autoencoder_folder(folder, stack))

    def _word_width(self, folder: Path) -> int | None:
        """How many numbers a text token has; None where that is not known beforehand."""
        if (folder / ENCODER).is_dir():
            return width_of_text_encoder(folder)
        config = self.clip.config_here()
        return None if config is None else config["model_cfg"]["text_cfg"].get("width")
