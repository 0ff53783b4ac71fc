"""Words as a CLIP-like model reads them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.checkpoints.from_open_clip import FromOpenClip
from recortex.checkpoints.image_text import tokens_of
from recortex.checkpoints.loading import in_one_line, to_device
from recortex.data.base import Captions
from recortex.errors import InvalidInput
from recortex.features._pretrained import PretrainedFeatures, check_finite
from recortex.progress import steps


class CLIPText(FromOpenClip, PretrainedFeatures):
    """A CLIP-like model's embedding of what is said of each stimulus, through open_clip; it lies in the space of `CLIP`.

    Parameters
    ----------
    captions : Captions
        The words.
    model : str
        "shipped"; an architecture that open_clip knows, "ViT-B-32", with `weights`; or a hub id, org/name.
    weights : str
        Which of open_clip's weights of an architecture: "laion2b_s34b_b79k".
    wording : int, optional
        Which of a stimulus's wordings is read, from 0; without it the embeddings of all of them are averaged.
    unit_length : bool
        Whether embeddings are divided by their length: that of each wording before they are averaged, and their mean again.
    too_long : "refuse" or "cut"
        What becomes of a caption with more tokens than the model reads.
    """

    captions: Captions
    wording: int | None = Field(default=None, ge=0)
    unit_length: bool = False
    too_long: Literal["refuse", "cut"] = "refuse"

    words: ClassVar[bool] = True

    def expect(self) -> dict[str, int]:
        """As many embeddings as captioned stimuli, as wide as the model's configuration says."""
        said, config = self.captions.foresee(), self.config_here()
        if not said or config is None:
            return {}
        return {"stimulus": said["stimulus"], "feature": int(config["model_cfg"]["embed_dim"]), "axis": 1}

    def compute(self) -> dict[str, Any]:
        """Embed every wording, and average those of a stimulus.

        Raises
        ------
        InvalidInput
            Damaged or foreign files, no such device, a stimulus without that wording, a caption that is too long.
        MissingData
            The model is not on this machine and cannot be fetched.
        """
        import torch

        said = self.captions.run()
        names = said["stimulus"]
        row, texts = self._texts(names, said["caption"])
        made: list[np.ndarray] = []
        with self.model_folder() as folder, torch.inference_mode():
            loaded = self.load(folder)
            tokens = tokens_of(loaded, texts, cut=self.too_long == "cut")
            model = to_device(loaded.model, self.device)
            for start in steps(range(0, len(texts), self.batch), "batches of captions"):
                with in_one_line("CLIPText cannot read these captions"):
                    some = model.encode_text(tokens[start : start + self.batch].to(self.device), normalize=self.unit_length)
                    made.append(some.to("cpu", torch.float32).numpy())
        wordings = np.concatenate(made).astype(np.float64)
        values = np.zeros((len(names), wordings.shape[1]))
        np.add.at(values, row, wordings)
        values /= np.bincount(row, minlength=len(names))[:, None]
        if self.unit_length:
            values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        check_finite(values, names, "CLIPText")
        return {"stimulus": names, "features": values.astype(np.float32), "shape": np.array(values.shape[1:])}

    def _texts(self, names: np.ndarray, captions: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Of each text that is read the stimulus's row, and the text."""
        if self.wording is not None and self.wording >= captions.shape[1]:
            raise InvalidInput(f"wording: {self.captions.where()} has {captions.shape[1]} wordings; they are counted from 0")
        asked = captions if self.wording is None else captions[:, self.wording : self.wording + 1]
        there = np.char.strip(asked) != ""
        if len(without := np.flatnonzero(~there.any(axis=1))):
            which = "no caption" if self.wording is None else f"no wording {self.wording}"
            raise InvalidInput(
                f"{self.captions.where()}: {len(without)} of {len(names)} stimuli have {which} (the first is {names[without[0]]}); "
                "write it, or leave wording out to average what there is"
            )
        row, column = np.nonzero(there)
        return row, asked[row, column].tolist()
