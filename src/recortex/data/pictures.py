"""Pictures as arrays, (picture, height, width, channel): grey, smaller."""

from __future__ import annotations

import numpy as np


def luma(pictures: np.ndarray) -> np.ndarray:
    """(stimulus, height, width, channel) to one channel by ITU-R 601 weights."""
    if pictures.shape[3] == 1:
        return pictures
    return (pictures @ np.array([0.299, 0.587, 0.114], dtype=pictures.dtype))[..., None]


def resized(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    """(picture, height, width, channel) at another size, linear and antialiased; the same array where the size is right."""
    if pictures.shape[1:3] == (height, width):
        return pictures
    from skimage.transform import resize

    made = [resize(picture, (height, width), order=1, anti_aliasing=True) for picture in pictures]
    return np.stack(made).astype(pictures.dtype)
