"""Pictures as a CLIP-like model sees them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from recortex.checkpoints.from_open_clip import FromOpenClip
from recortex.checkpoints.loading import to_device
from recortex.errors import InvalidInput
from recortex.features._pretrained import Look, PictureModel

if TYPE_CHECKING:
    import torch


class CLIP(FromOpenClip, PictureModel):
    """A CLIP-like model's embedding of each picture, or its tokens, through open_clip.

    Pictures are resized, cut and normalised as the checkpoint says (preprocess_cfg).

    Parameters
    ----------
    stimuli : Pictures
        The pictures.
    model : str
        "shipped"; an architecture that open_clip knows, "ViT-B-32", with `weights`; or a hub id, org/name.
    weights : str
        Which of open_clip's weights of an architecture: "laion2b_s34b_b79k".
    output : "pooled" or "tokens"
        The embedding that is compared with words, (feature,); or what the image tower makes of each place, (token, feature), row
        by row: patches of a vision transformer, the map that goes into the attention pool of a ResNet.
    unit_length : bool
        Whether the embedding is divided by its length. As it is, the length is kept, and may be taken away later.
    layer : int, optional
        For tokens, after which block of the transformer (or stage of the ResNet), from 1; they are then as they leave it. Without it
        they are the last, after the tower's final norm where it has one.
    class_token : bool
        For tokens, whether the class token comes first, before the patches.
    """

    output: Literal["pooled", "tokens"] = "pooled"
    unit_length: bool = False
    layer: int | None = Field(default=None, ge=1)
    class_token: bool = False

    def check_fields(self) -> None:
        """Fields that go with one output are not given with the other."""
        super().check_fields()
        wrong = ["unit_length"] if self.unit_length else []
        if self.output == "pooled":
            wrong = [name for name in ("layer", "class_token") if getattr(self, name)]
        if wrong:
            other = "tokens" if self.output == "pooled" else "pooled"
            raise InvalidInput(f"CLIP: {wrong[0]} goes with output: {other}; set that, or leave {wrong[0]} out")

    def expect(self) -> dict[str, int]:
        """As many embeddings as pictures, as wide as the model's configuration says."""
        seen, config = self.stimuli.foresee(), self.config_here()
        if not seen or config is None or self.output != "pooled":
            return {}
        return {"stimulus": seen["stimulus"], "feature": int(config["model_cfg"]["embed_dim"]), "axis": 1}

    def look(self, folder: Path) -> Look:
        """The image tower with its own preprocessing."""
        import torch
        from PIL import Image

        loaded = self.load(folder)
        model = to_device(loaded.model, self.device)

        def look(pictures: np.ndarray) -> torch.Tensor:
            seen = torch.stack([loaded.preprocess(Image.fromarray(picture)) for picture in pictures]).to(self.device)
            if self.output == "pooled":
                return model.encode_image(seen, normalize=self.unit_length)
            return self._tokens(model.visual, seen)

        return look

    def _tokens(self, visual: Any, seen: torch.Tensor) -> torch.Tensor:
        import torch
        from open_clip.modified_resnet import ModifiedResNet

        resnet = isinstance(visual, ModifiedResNet)
        blocks = 4 if resnet else len(getattr(getattr(visual, "transformer", None), "resblocks", ()))
        if blocks and self.layer is not None and self.layer > blocks:
            raise InvalidInput(f"CLIP: this model has no layer {self.layer}; it has 1 to {blocks}")
        if resnet:  # open_clip counts the stem as 0
            made = visual.forward_intermediates(seen, indices=[self.layer or 4], intermediates_only=True)["image_intermediates"][
                -1
            ]
            tokens, first = made.flatten(2).transpose(1, 2), None
        else:
            if self.layer is None and getattr(visual, "attn_pool", None) is not None:
                raise InvalidInput("CLIP: this model's final norm comes after its attention pool; name a layer to have tokens")
            made = visual.forward_intermediates(
                seen,
                indices=1 if self.layer is None else [self.layer - 1],
                normalize_intermediates=self.layer is None,
                intermediates_only=True,
                output_fmt="NLC",
                output_extra_tokens=True,
            )
            tokens = made["image_intermediates"][-1]
            first = made["image_intermediates_prefix"][-1] if made.get("image_intermediates_prefix") else None
        if not self.class_token:
            return tokens
        if first is None or not first.shape[1]:
            raise InvalidInput("CLIP: this model has no class token; leave class_token out")
        return torch.cat([first[:, :1], tokens], dim=1)
