"""Stages that load a CLIP-like model: what names it, and what is looked at beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from recortex.checkpoints.finding import Found, weights_among
from recortex.checkpoints.image_text import (
    STEMS,
    OpenClip,
    check_activation,
    check_config,
    choose_open_clip,
    load_open_clip,
    published,
    read_config,
    tokenizer_among,
    tokens_of,
)
from recortex.checkpoints.loading import in_one_line, to_device
from recortex.checkpoints.pretrained import Pretrained
from recortex.errors import InvalidInput


class FromOpenClip(Pretrained):
    """A stage with a model of open_clip.

    Parameters
    ----------
    model : str
        "shipped"; an architecture that open_clip knows, "ViT-B-32", with `weights`; or a hub id, org/name, of a repository that holds
        an open_clip_config.json.
    weights : str
        Which of open_clip's weights of an architecture, by its tag: "laion2b_s34b_b79k".
    """

    weights: str = ""

    shipped: ClassVar[str] = "image_text"
    words: ClassVar[bool] = False
    """Whether the tokenizer is needed."""

    def choose(self, names: set[str], where: str) -> list[str]:
        """Weights, with the configuration where it is not open_clip's own, and the tokenizer where words are read."""
        if not self._is_architecture():
            return choose_open_clip(names, where, self.words)
        file = published(self.model, self.weights).file
        stems = (Path(file).stem, *STEMS) if file else STEMS
        return [*weights_among(names, stems, where, any_other=True), *tokenizer_among(names, self.words)]

    def hub_id(self) -> str:
        """An architecture's weights lie in a repository too."""
        return published(self.model, self.weights).repository if self._is_architecture() else super().hub_id()

    def check_fields(self) -> None:
        """Weights go with an architecture."""
        super().check_fields()
        if self.weights and not self._is_architecture():
            raise InvalidInput(
                f"{self.type_name()}: weights goes with an architecture of open_clip, as in ViT-B-32; a hub id or a folder has its own"
            )

    def key_extra(self) -> Any:
        """With the architecture, where the files do not hold it."""
        extra = super().key_extra()
        return extra | {"architecture": self.model} if self._is_architecture() else extra

    def check_files(self, found: Found) -> None:
        """The normalisation is there, and the activation is right."""
        super().check_files(found)
        if self._is_architecture():
            check_config(published(self.model, self.weights).config, f"{self.model} with weights {self.weights}")
            return
        config = read_config(found.folder)
        if self.model != "shipped":
            check_activation(self.model, config)

    def config_here(self) -> dict[str, Any] | None:
        """The model's configuration; None where it is to be fetched or trained."""
        if self._is_architecture():
            return published(self.model, self.weights).config
        found = None if self.trained is not None else self._here()
        return None if found is None else read_config(found.folder)

    def load(self, folder: Path) -> OpenClip:
        """The model from its folder."""
        if not self._is_architecture():
            return load_open_clip(folder, words=self.words)
        names = {path.name for path in folder.iterdir()}
        known = published(self.model, self.weights)
        return load_open_clip(folder, known.config, self.choose(names, str(folder))[0], self.words)

    def _is_architecture(self) -> bool:
        return self.model != "shipped" and "/" not in self.model


class ImageTextWords(FromOpenClip):
    """The side of an image-text model that reads words, for those who have named the model already; it only loads."""

    words: ClassVar[bool] = True

    def embeddings(self, captions: list[str], cut: bool = False) -> np.ndarray:
        """Embeddings of captions, of unit length: (caption, feature).

        Parameters
        ----------
        captions : list of str
        cut : bool
            Whether a caption that is too long is cut off instead of refused.

        Raises
        ------
        InvalidInput
            Damaged or foreign files, or a caption that is too long.
        MissingData
            The model is not on this machine and cannot be fetched.
        """
        import torch

        made = []
        with self.model_folder() as folder, torch.inference_mode():
            loaded = self.load(folder)
            tokens = tokens_of(loaded, captions, cut=cut)
            model = to_device(loaded.model, self.device)
            for start in range(0, len(captions), self.batch):
                with in_one_line("the captions cannot be read"):
                    some = model.encode_text(tokens[start : start + self.batch].to(self.device), normalize=True)
                    made.append(some.to("cpu", torch.float32).numpy())
        return np.concatenate(made)


def words_of(named: FromOpenClip) -> ImageTextWords:
    """The words' side of the model that a stage names."""
    fields = {name: getattr(named, name) for name in ImageTextWords.model_fields}
    return ImageTextWords(**fields)
