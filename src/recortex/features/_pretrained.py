"""Features by a trained model: how pictures go through one, and what makes two such features the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from recortex import keys
from recortex.checkpoints.loading import in_one_line
from recortex.checkpoints.pretrained import Pretrained
from recortex.data.base import Pictures
from recortex.errors import InvalidInput
from recortex.features.base import Features
from recortex.progress import steps
from recortex.stage import NOT_IN_KEY, Tiling

if TYPE_CHECKING:
    import torch

Look = Callable[[np.ndarray], "torch.Tensor"]
"""(n, height, width, 3) uint8 pictures to what the model makes of each, (n, ...)."""


class PretrainedFeatures(Pretrained, Features):
    """Features that a trained model makes."""

    embedding: ClassVar[bool] = True

    def recipe(self) -> dict[str, Any]:
        """Settings, and the model by what decides it: two folders with the same files make the same features."""
        elsewhere = [name for name, field in type(self).model_fields.items() if NOT_IN_KEY in field.metadata]
        settings = {name: value for name, value in super().recipe().items() if name not in elsewhere}
        model = self.trained.key() if self.trained is not None else keys.digest(self.key_extra())
        return settings | {"the model's files": model}


class PictureModel(PretrainedFeatures):
    """Features that a trained model makes of pictures; subclasses give `look`.

    Parameters
    ----------
    stimuli : Pictures
        The pictures.
    """

    stimuli: Pictures

    def look(self, folder: Path) -> Look:
        """Load the model from its folder, on its device, with its own preprocessing."""
        raise TypeError(f"{type(self).__name__} does not say how it looks at pictures")

    def tiling(self) -> Tiling:
        """Many pictures at a time where little is kept of each, for the model is loaded anew for each part."""
        small = getattr(self, "output", "") in ("pooled", "cls", "mean")
        return Tiling("stimulus", self.stimuli.run().shape("picture")[0], 2048 if small else 256)

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """Features of some pictures.

        Raises
        ------
        InvalidInput
            Damaged or foreign files, no such layer or device, pictures that the model cannot see, features that are no numbers.
        MissingData
            The model is not on this machine and cannot be fetched.
        """
        import torch

        seen = self.stimuli.run()
        features: list[np.ndarray] = []
        shape: tuple[int, ...] = ()
        with self.model_folder() as folder, torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            look = self.look(folder)
            for start in steps(range(rows.start, rows.stop, self.batch), "batches of pictures"):
                pictures = seen.read("picture", slice(start, min(start + self.batch, rows.stop)))
                with in_one_line(
                    f"{self.type_name()} cannot look at pictures of {pictures.shape[1]} x {pictures.shape[2]} pixels"
                ):
                    made = look(
                        np.array(np.broadcast_to(pictures, (*pictures.shape[:3], 3)))
                    )  # a copy: torch wants one of its own
                    shape = tuple(made.shape[1:])
                    features.append(made.to("cpu", torch.float32).flatten(1).numpy())
        values = np.concatenate(features)
        names = seen["stimulus"][rows.start : rows.stop]
        check_finite(values, names, self.type_name())
        return {"stimulus": names, "features": values, "shape": np.array(shape)}


def check_finite(values: np.ndarray, names: np.ndarray, owner: str) -> None:
    """Refuse features that are no numbers.

    Raises
    ------
    InvalidInput
    """
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise InvalidInput(
            f"{owner}: features of {len(bad)} stimuli are NaN or infinite (the first is {names[bad[0]]}); the model's weights are broken"
        )
