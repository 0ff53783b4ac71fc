"""Pictures from an array in a file."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unicodedata import normalize

import numpy as np
from pydantic import Field

from recortex.data._array_files import read_array, shape_of
from recortex.data._in_our_words import CONTROL, in_our_words
from recortex.data._memory import afford
from recortex.data.base import Pictures
from recortex.errors import InvalidInput, shown
from recortex.stage import LocalFile


class PictureFile(Pictures):
    """Pictures in one array: (picture, height, width), with channels after that if in colour, or a flat row of pixels each.

    Parameters
    ----------
    path : file
        .npy, .npz, .mat or .h5; numbers 0 to 255, or fractions 0 to 1.
    array : str, optional
        Which array of the file, where it holds several; ``struct.field`` in a .mat file.
    names : file, optional
        A text file with a stimulus name a line; without it they are numbered.
    numbered_from : int
        The first number, where they are numbered: 1 for tables that were written in MATLAB.
    height, width : int, optional
        For flat rows: the size of the picture.
    column_major : bool
        For flat rows: whether pixels run down the columns first, as MATLAB stores them.
    """

    path: LocalFile
    array: str | None = None
    names: LocalFile | None = None
    numbered_from: int = Field(default=0, ge=0)
    height: int | None = Field(default=None, ge=1)
    width: int | None = Field(default=None, ge=1)
    column_major: bool = False

    def compute(self) -> dict[str, Any]:
        """Read, unfold and name the pictures.

        Raises
        ------
        InvalidInput
            A shape that is no stack of pictures, values outside 0 to 255, or another number of names.
        """
        values = read_array(self.path, self.array)
        if values.dtype.kind == "b":
            values = values.astype(np.uint8) * 255
        if values.dtype.kind not in "fiu":
            raise InvalidInput(f"{self.path} holds {values.dtype}, not pictures")
        number, height, width, channel = self._unfolded(values.shape)
        if values.ndim == 2 and self.column_major:
            values = values.reshape(number, width, height).transpose(0, 2, 1)
        values = values.reshape(number, height, width, channel)
        return {"stimulus": self._names(number), "picture": as_bytes(values, str(self.path))}

    def expect(self) -> dict[str, int]:
        """As the file's header says, where it has one.

        Raises
        ------
        InvalidInput
            What a run would refuse, as far as the header shows it.
        """
        shape = shape_of(self.path, self.array)
        return dict(zip(("stimulus", "height", "width", "channel"), self._unfolded(shape), strict=True)) if shape else {}

    def _unfolded(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Of an array of pictures: their number, height, width and channels."""
        if len(shape) == 2:
            if self.height is None or self.width is None:
                raise InvalidInput(f"{self.path} has a flat row of {shape[1]} pixels a picture; give height and width")
            if self.height * self.width != shape[1]:
                raise InvalidInput(
                    f"{self.path}: height {self.height} x width {self.width} is {self.height * self.width}, and a picture of the file "
                    f"has {shape[1]} pixels; correct height or width"
                )
            return shape[0], self.height, self.width, 1
        if len(shape) == 3:
            return shape[0], shape[1], shape[2], 1
        if len(shape) == 4 and shape[3] in (1, 3):
            return shape[0], shape[1], shape[2], shape[3]
        first = ", here with numpy.moveaxis(x, 1, -1)" if len(shape) == 4 and shape[1] in (1, 3) else ""
        raise InvalidInput(
            f"{self.path} has shape {shape}; pictures are (picture, height, width) or (picture, height, width, 3): bring it to that "
            f"order and save it again{first}"
        )

    def _names(self, count: int) -> np.ndarray:
        if self.names is None:
            return np.arange(self.numbered_from, self.numbered_from + count).astype(str)
        with in_our_words(self.names, "a text file in UTF-8, a name a line"):
            afford(30 * self.names.stat().st_size, str(self.names), "a name is a line of text")
            lines = self.names.read_text(encoding="utf-8-sig").split("\n")
        names = [normalize("NFC", line.strip()) for line in lines if line.strip()]
        if len(names) != count:
            raise InvalidInput(
                f"{self.names} names {len(names)} pictures and {self.path.name} holds {count}; give one line a picture"
            )
        if strange := [name for name in names if CONTROL.search(name)]:
            raise InvalidInput(
                f"{self.names}: the name {shown(strange[0])} holds what ends a line or cannot be seen; take it out"
            )
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise InvalidInput(f"{self.names}: {shown(twice[0])} stands twice; give every picture its own name")
        return np.array(names)


def as_bytes(values: np.ndarray, where: str) -> np.ndarray:
    """Pictures as uint8: whole numbers 0 to 255 as they are, fractions 0 to 1 and logical 0 or 1 times 255.

    Raises
    ------
    InvalidInput
        NaN, or values outside both ranges.
    """
    low, high = values.min(), values.max()  # NaN, where there is one
    if not (low >= 0 and high <= 255):
        raise InvalidInput(
            f"{where}: pixel values run from {low:g} to {high:g}; bring them to 0 to 255 or 0 to 1 and save them again"
        )
    if values.dtype == np.uint8 and high > 1:
        return values
    fractions = high <= 1  # also of whole numbers: logical pictures, which MATLAB's files hold as 0 and 1
    made = np.empty(values.shape, dtype=np.uint8)
    for row, picture in enumerate(values):  # one at a time: a stack in float64 is eight times as large as it need be
        made[row] = np.round(picture * (255.0 if fractions else 1.0))
    return made
