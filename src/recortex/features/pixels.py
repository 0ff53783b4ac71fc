"""Pictures as they are: one feature a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from recortex.data.base import Pictures
from recortex.features.base import Features


class Pixels(Features):
    """Pixel values between 0 and 1, rows first; a decoder of these can be looked at.

    Parameters
    ----------
    stimuli : Pictures
        The pictures.
    size : int, optional
        Side in pixels to shrink the pictures to (area average); without it they stay as they are.
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
        if self.size is not None and values.shape[1:3] != (self.size, self.size):
            values = shrink(values, self.size)
        return {
            "stimulus": seen["stimulus"],
            "features": values.reshape(len(values), -1),
            "shape": np.array(values.shape[1:]),
        }


def luma(pictures: np.ndarray) -> np.ndarray:
    """(stimulus, height, width, channel) to one channel by ITU-R 601 weights."""
    if pictures.shape[3] == 1:
        return pictures
    return (pictures @ np.array([0.299, 0.587, 0.114], dtype=pictures.dtype))[..., None]


def shrink(pictures: np.ndarray, size: int) -> np.ndarray:
    """(stimulus, height, width, channel) to (stimulus, size, size, channel), antialiased."""
    from skimage.transform import resize

    resized = [resize(picture, (size, size), order=1, anti_aliasing=True) for picture in pictures]
    return np.stack(resized).astype(pictures.dtype)
