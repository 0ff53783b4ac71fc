"""Pictures from an array in a file."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from recortex.data._array_files import read_array
from recortex.data.base import Pictures
from recortex.errors import InvalidInput
from recortex.stage import LocalPath


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

    path: LocalPath
    array: str | None = None
    names: LocalPath | None = None
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
        values = self._unfold(values)
        if values.ndim == 3:
            values = values[..., None]
        if values.ndim != 4 or values.shape[3] not in (1, 3):
            raise InvalidInput(
                f"{self.path} has shape {values.shape}; pictures are (picture, height, width) or (picture, height, width, 3)"
            )
        names = self._names(len(values))
        return {"stimulus": names, "picture": as_bytes(values, str(self.path))}

    def _unfold(self, values: np.ndarray) -> np.ndarray:
        if values.ndim != 2:
            return values
        if self.height is None or self.width is None:
            raise InvalidInput(f"{self.path} has a flat row of {values.shape[1]} pixels a picture; give height and width")
        if self.height * self.width != values.shape[1]:
            raise InvalidInput(f"{self.path}: {self.height} x {self.width} is not {values.shape[1]} pixels")
        order = "F" if self.column_major else "C"
        return np.stack([row.reshape(self.height, self.width, order=order) for row in values])

    def _names(self, count: int) -> np.ndarray:
        if self.names is None:
            return np.arange(self.numbered_from, self.numbered_from + count).astype(str)
        try:
            lines = self.names.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{self.names} is not a text file in UTF-8, a name a line: {error}") from error
        names = [line.strip() for line in lines if line.strip()]
        if len(names) != count:
            raise InvalidInput(f"{self.names} names {len(names)} pictures and {self.path.name} holds {count}")
        if len(set(names)) != count:
            raise InvalidInput(f"{self.names}: a name stands twice; stimulus names must be distinct")
        return np.array(names)


def as_bytes(values: np.ndarray, where: str) -> np.ndarray:
    """Pictures as uint8: whole numbers 0 to 255 as they are, fractions 0 to 1 and logical 0 or 1 times 255.

    Raises
    ------
    InvalidInput
        NaN, or values outside both ranges.
    """
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() <= 1:
        return (values * 255).astype(np.uint8)  # logical pictures, which MATLAB's files hold as 0 and 1
    if values.dtype == np.uint8:
        return values
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 255:
        raise InvalidInput(
            f"{where}: pixel values run from {values.min():g} to {values.max():g}; they must lie in 0 to 255 or 0 to 1"
        )
    top = 1.0 if values.dtype.kind == "f" and values.max() <= 1 else 255.0
    return np.round(values * (255.0 / top)).astype(np.uint8)
