"""Pictures as they are: one feature a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from recortex.data.base import Pictures
from recortex.data.pictures import luma, resized
from recortex.features.base import Features


class Pixels(Features):
    """Pixel values between 0 and 1, rows first; a decoder of these can be looked at.

    Parameters
    ----------
    stimuli : Pictures
        The pictures.
    size : int, optional
        Side in pixels to which the pictures are brought (linear, antialiased); without it they stay as they are.
    grey : bool
        Whether colour is averaged away first (ITU-R 601 luma).
    """

    stimuli: Pictures
    size: int | None = Field(default=None, ge=1)
    grey: bool = False

    def expect(self) -> dict[str, int]:
        """A feature a pixel and channel."""
        seen = self.stimuli.foresee()
        if not seen:
            return {}
        height, width = (self.size, self.size) if self.size else (seen["height"], seen["width"])
        return {"stimulus": seen["stimulus"], "feature": height * width * (1 if self.grey else seen["channel"])}

    def compute(self) -> dict[str, Any]:
        """Scale to 0 .. 1 and flatten."""
        seen = self.stimuli.run()
        values = seen["picture"].astype(np.float32) / 255
        if self.grey:
            values = luma(values)
        if self.size is not None:
            values = resized(values, self.size, self.size)
        return {
            "stimulus": seen["stimulus"],
            "features": values.reshape(len(values), -1),
            "shape": np.array(values.shape[1:]),
        }
