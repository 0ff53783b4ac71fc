"""One picture, from a file's bytes to an array on which two programs agree."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from recortex.errors import InvalidInput

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
Colours = Literal["rgb", "grey"]


def read_picture(path: Path, size: int | None, colours: Colours) -> np.ndarray:
    """Read a picture as a person sees it: EXIF rotation applied, palette and CMYK turned to RGB, transparency laid on mid grey.

    Parameters
    ----------
    path : Path
    size : int, optional
        Side in pixels: the shorter side is resized to it (Pillow, bicubic, antialiased) and the middle square cut out.
    colours : "rgb" or "grey"

    Returns
    -------
    (height, width, channel) uint8 array

    Raises
    ------
    InvalidInput
        It is not a picture, or it breaks off.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            if upright.mode in ("I", "I;16", "I;16B", "F"):
                deep = np.asarray(upright, dtype=np.float64)
                top = 65535.0 if upright.mode != "F" else 1.0 if deep.max() <= 1 else 255.0
                if not np.isfinite(deep).all() or deep.min() < 0 or deep.max() > top:
                    raise ValueError(f"its values run from {deep.min():g} to {deep.max():g}")
                upright = Image.fromarray(np.clip(deep / top * 255, 0, 255).round().astype(np.uint8))
            if upright.has_transparency_data:
                ground = Image.new("RGBA", upright.size, (128, 128, 128, 255))
                upright = Image.alpha_composite(ground, upright.convert("RGBA"))
            picture = upright.convert("RGB" if colours == "rgb" else "L")
            if size is not None:
                picture = ImageOps.fit(picture, (size, size), method=Image.Resampling.BICUBIC)
    except Exception as error:  # Pillow's plugins raise whatever their format's parser does
        raise InvalidInput(f"{path} cannot be read as a picture: {error}") from error
    values = np.asarray(picture)
    return values[:, :, None] if values.ndim == 2 else values
