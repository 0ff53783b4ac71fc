"""Pictures as a DINO vision transformer sees them, which learnt from pictures alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from recortex.checkpoints.finding import Found, require, weights_among
from recortex.checkpoints.loading import check_complete, in_one_line, quietly, read_json, sound, three_numbers, to_device
from recortex.errors import InvalidInput, shown
from recortex.features._pretrained import Look, PictureModel

if TYPE_CHECKING:
    import torch

CONFIG, PREPROCESSING = "config.json", "preprocessor_config.json"
KINDS = ("dinov2", "dinov2_with_registers", "dinov3_vit")


class DINO(PictureModel):
    """Tokens of DINOv2, DINOv2 with registers or DINOv3 (vision transformers), through transformers.

    Pictures are resized, cut and normalised as the checkpoint says (preprocessor_config.json). Register tokens, where the model only
    keeps notes, are dropped.

    Parameters
    ----------
    stimuli : Pictures
        The pictures.
    model : str
        A hub id: "facebook/dinov2-small", "facebook/dinov2-with-registers-base" ...
    output : "cls", "patches" or "mean"
        The class token, (feature,); the tokens of the patches, (token, feature), row by row; or their mean, (feature,).
    layer : int, optional
        After which block, from 1; tokens are then as they leave it. Without it they are the last, after the final norm.
    """

    output: Literal["cls", "patches", "mean"] = "cls"
    layer: int | None = Field(default=None, ge=1)

    def choose(self, names: set[str], where: str) -> list[str]:
        """Configuration, preprocessing and weights."""
        config = require(names, (CONFIG, PREPROCESSING), where, "a vision transformer of transformers with its preprocessing")
        return [*config, *weights_among(names, ("model",), where)]

    def check_files(self, found: Found) -> None:
        """The kind of model is known, the layer is there, the preprocessing is complete."""
        super().check_files(found)
        path = found.folder / CONFIG
        config = read_json(path)
        if config.get("model_type") not in KINDS:
            raise InvalidInput(
                f"{path} is of a {shown(config.get('model_type'))}, not of one that DINO knows ({', '.join(KINDS)})"
            )
        blocks = config.get("num_hidden_layers")
        if self.layer is not None and isinstance(blocks, int) and self.layer > blocks:
            raise InvalidInput(f"DINO: {path} has no layer {self.layer}; it has 1 to {blocks}")
        check_preprocessing(found.folder / PREPROCESSING)

    def look(self, folder: Path) -> Look:
        """The transformer with its own preprocessing."""
        import torch
        from transformers import AutoImageProcessor

        processor = None
        with quietly(), in_one_line(f"{folder} cannot be loaded by transformers"):
            processor = AutoImageProcessor.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        model = to_device(load_dino(folder), self.device)
        extra = 1 + (getattr(model.config, "num_register_tokens", 0) or 0)

        def look(pictures: np.ndarray) -> torch.Tensor:
            seen = processor(images=list(pictures), input_data_format="channels_last", return_tensors="pt")["pixel_values"]
            made = model(seen.to(self.device, torch.float32), output_hidden_states=self.layer is not None)
            tokens = made.last_hidden_state if self.layer is None else made.hidden_states[self.layer]
            if self.output == "cls":
                return tokens[:, 0]
            patches = tokens[:, extra:]
            return patches.mean(dim=1) if self.output == "mean" else patches

        return look


def load_dino(folder: Path) -> Any:
    """A DINO model of transformers from its folder: float32, on the CPU, without gradients.

    Raises
    ------
    InvalidInput
        Files that are damaged or of another model.
    """
    from transformers import AutoModel

    with quietly(), in_one_line(f"{folder} cannot be loaded by transformers"):
        model, info = AutoModel.from_pretrained(
            str(folder), use_safetensors=True, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
    check_complete(info, folder)
    return sound(model, folder)


def check_preprocessing(path: Path) -> None:
    """Refuse preprocessing that leaves something to the library's defaults.

    Raises
    ------
    InvalidInput
    """
    config = read_json(path)
    needed = ["size"] if config.get("do_resize", True) else []
    needed += ["crop_size"] if config.get("do_center_crop", False) else []
    if lacking := [name for name in needed if not config.get(name)]:
        raise InvalidInput(f"{path} does not say {lacking[0]}; copy the file from the model's page")
    for name, positive in (("image_mean", False), ("image_std", True)):
        if config.get("do_normalize", True) and not three_numbers(config.get(name), positive):
            raise InvalidInput(
                f"{path} does not say the {name} that pictures are normalised by, three numbers; copy the file from the model's page"
            )
