"""One picture, from a file's bytes to an array on which two programs agree."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from unicodedata import normalize

import numpy as np

from recortex.data._in_our_words import CONTROL, in_our_words, quoted
from recortex.data._memory import afford
from recortex.errors import InvalidInput, shown

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
# what those suffixes stand for, and no other: Pillow would hand PostScript to Ghostscript
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")
DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
ORIENTATION = 0x0112  # of EXIF: 1 is upright, 5 to 8 lie on a side
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
Colours = Literal["rgb", "grey"]
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its errors, which it raises too, go to the terminal


def read_picture(path: Path, size: int | None, colours: Colours) -> np.ndarray:
    """Read a picture as a person sees it: EXIF rotation applied, palette and CMYK turned to RGB, transparency laid on mid grey.

    Colour profiles are passed over. Of a photograph with others in the same file (MPO) the first is the photograph.

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
        It is not a picture, breaks off, moves, or does not fit into memory.
    """
    with in_our_words(path, "a picture"), _opened(path) as opened:
        from PIL import Image, ImageOps

        width, height = opened.size
        afford(16 * width * height, f"{path}, {width} x {height} pixels,", "make it smaller")
        with _muted(opened.format == "TIFF"):
            opened.load()  # before its orientation is asked for: a TIFF is turned by this
        turn = TURNS.get(_orientation(opened, path))
        upright = opened.transpose(Image.Transpose[turn]) if turn else opened
        if upright.mode in DEEP:
            deep = np.asarray(upright, dtype=np.float32)
            top = 65535.0 if upright.mode != "F" else 1.0 if deep.max() <= 1 else 255.0
            if not np.isfinite(deep).all() or deep.min() < 0 or deep.max() > top:
                raise ValueError(f"its values run from {deep.min():g} to {deep.max():g}")
            upright = Image.fromarray((deep / top * 255).round().astype(np.uint8))
        if upright.has_transparency_data:
            ground = Image.new("RGBA", upright.size, (128, 128, 128, 255))
            upright = Image.alpha_composite(ground, upright.convert("RGBA"))
        picture = upright.convert("RGB" if colours == "rgb" else "L")
        if size is not None:
            picture = ImageOps.fit(picture, (size, size), method=Image.Resampling.BICUBIC)
        values = np.asarray(picture)
    return values[:, :, None] if values.ndim == 2 else values


@contextmanager
def _muted(mute: bool) -> Iterator[None]:
    """Keep libtiff from writing to the terminal, past Python; what matters of it comes as an error too."""
    if not mute:
        yield
        return
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)


def picture_name(file: Path) -> str:
    """What a picture is called: its file's name as tables write it, in Unicode's composed form, which not every disk keeps to.

    Raises
    ------
    InvalidInput
        The name ends a line, or is no text.
    """
    if CONTROL.search(file.name):
        raise InvalidInput(f"{shown(file, 200)} has a name that no table can write; rename it")
    return normalize("NFC", file.stem.strip())


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it will be seen, from its header; refuses as `read_picture` does."""
    with in_our_words(path, "a picture"), _opened(path) as opened:
        width, height = opened.size
        lying = opened.format != "TIFF" and _orientation(opened, path) >= 5  # of a TIFF Pillow gives the upright size
        return (height, width) if lying else (width, height)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from PIL import Image

    # the file and not its name: Pillow maps files into memory, where one that shrinks crashes the process, and turned TIFFs come askew
    with open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # what fits into memory may be read
        try:
            opened = Image.open(file, formats=FORMATS)
            if opened.format == "PNG":
                opened.verify()  # its checksums, which reading does not look at
                opened = Image.open(file, formats=FORMATS)
        except Image.UnidentifiedImageError:
            raise ValueError(f"it is none of {', '.join(FORMATS)} inside") from None
        except Image.DecompressionBombError:
            raise InvalidInput(f"{path} has more pixels than Pillow takes for a picture; make it smaller") from None
        if opened.format != "MPO" and (frames := getattr(opened, "n_frames", 1)) > 1:
            raise InvalidInput(f"{path} holds {frames} pictures, as films do; save the one that was shown")
        yield opened


def _orientation(opened: Any, path: Path) -> int:
    try:
        return int(opened.getexif().get(ORIENTATION, 1))
    except Exception as error:  # a browser shows such a picture as it is stored, too
        logging.getLogger("recortex").warning("%s: its EXIF is broken, so it is not turned (%s)", path.name, quoted(error))
        return 1
