"""Captions by a language model that is told by an image embedding what to say (ClipCap)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from recortex.checkpoints.captioner import Captioner, choose_captioner, load_captioner, sizes_of_captioner
from recortex.checkpoints.finding import Found
from recortex.checkpoints.pretrained import Pretrained
from recortex.decoders.decoded_captions import DecodedCaptions
from recortex.errors import InvalidInput
from recortex.features.clip import CLIP
from recortex.progress import steps


class ClipCap(Pretrained, DecodedCaptions):
    """Sentences of a causal language model of transformers, told by a linear prefix what the decoded embedding is of.

    As in ClipCap (Mokady et al. 2021, arXiv 2111.09734). A beam search looks for the most probable sentence; nothing is drawn by
    chance. The model's folder is that of any causal language model (GPT-2 ...) with prefix.safetensors, the map from an embedding
    to the tokens before the first word. The decoder must decode the embeddings that the captioner was trained with; of a captioner
    of your own only their number of features can be checked.

    Parameters
    ----------
    decoder : DecodedFeatures
        Decodes embeddings of the captioner's own image-text model, neither scaled nor cut.
    beams : int
        How many beginnings of a sentence are followed at a time; 1 takes the most probable word at each step.
    most : int
        Longest caption in tokens of the language model; a longer one is cut off.
    """

    beams: int = Field(default=5, ge=1)
    most: int = Field(default=50, ge=1)

    shipped: ClassVar[str] = "captioner"
    _held: Captioner | None = PrivateAttr(default=None)

    def choose(self, names: set[str], where: str) -> list[str]:
        """Configuration, prefix, weights and tokenizer."""
        return choose_captioner(names, where)

    def check_fields(self) -> None:
        """The decoder aims at what the captioner reads, as far as that is known.

        Raises
        ------
        InvalidInput
        """
        super().check_fields()
        target = self.decoder.target()
        clip = isinstance(target, CLIP)
        if isinstance(target, CLIP) and (target.output != "pooled" or target.unit_length):
            said = "tokens" if target.output != "pooled" else "embeddings of unit length"
            raise InvalidInput(
                f"ClipCap: decoder decodes CLIP's {said}, and a captioner reads pooled embeddings as they are; decode those"
            )
        if self.is_shipped() and not (isinstance(target, CLIP) and target.is_shipped()):
            said = "CLIP by another model" if clip else target.type_name()
            raise InvalidInput(
                f"ClipCap: decoder decodes {said}, and the captioner that ships reads embeddings of the CLIP that ships "
                "alone; decode those, or name a captioner of yours with folder"
            )

    def check_files(self, found: Found) -> None:
        """The captioner reads embeddings as long as the decoder's, and can write captions as long as are asked for."""
        super().check_files(found)
        features, room = sizes_of_captioner(found.folder)
        decoded = self.decoder.width()
        if decoded is not None and decoded != features:
            raise InvalidInput(
                f"ClipCap: its captioner in {found.folder} reads embeddings (trial, {features}), and the decoder gives "
                f"(trial, {decoded}) of {self.decoder.target().type_name()}; decode the embeddings that the captioner was "
                "trained with, or name a captioner of these"
            )
        if room is not None and self.most > room:
            raise InvalidInput(
                f"ClipCap: most: {self.most} tokens are more than the {room} that this captioner can write ({found.folder}); give fewer"
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """The captioner stays loaded."""
        with self._captioner() as captioner:
            self._held = captioner
            try:
                yield
            finally:
                self._held = None

    def write(self, decoded: np.ndarray) -> np.ndarray:
        """The most probable captions that a beam search finds.

        Raises
        ------
        InvalidInput
            Damaged or foreign files, no such device, embeddings of another size or not finite.
        MissingData
            The model is not on this machine and cannot be fetched.
        """
        import torch

        given = torch.from_numpy(np.array(decoded, dtype=np.float32))  # a copy: torch wants one of its own
        written: list[str] = []
        with self._captioner() as captioner:
            for start in steps(range(0, len(given), self.batch), "batches of captions"):
                written += captioner.captions(given[start : start + self.batch], self.beams, self.most, self.batch)
        return np.array(written, dtype=str)

    @contextmanager
    def _captioner(self) -> Iterator[Captioner]:
        """The captioner, loaded where it is not."""
        if self._held is not None:
            yield self._held
            return
        with self.model_folder() as folder:
            yield load_captioner(folder).to(self.device)
