"""A matrix of rows and columns that is read some columns at a time: from memory, or from HDF5 while the last ones are worked on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h5py
import numpy as np
from sklearn.utils import assert_all_finite

from recortex.errors import InvalidInput

__all__ = ["Table"]

_EXACT_IN_FLOAT32 = ("i1", "u1", "i2", "u2", "f2")


class Table:
    """Numbers, (row, column), decoded to floats as they are read.

    Parameters
    ----------
    values : array or h5py.Dataset, (row, column)
        Integers of 16 bits or less become float32, other integers float64. A dataset's attributes `scale_factor` and `add_offset`
        are heeded, as the CF conventions have them.
    name : str
        For messages: "X", "y".

    Raises
    ------
    InvalidInput
        It has not two dimensions, or no numbers.
    """

    def __init__(self, values: Any, name: str):
        if values.ndim != 2 or 0 in values.shape:
            raise InvalidInput(f"{name} must be a table of rows and columns, got shape {values.shape}")
        if values.dtype.kind not in "biuf":
            raise InvalidInput(f"{name} must hold numbers, got {values.dtype}")
        self.values, self.name = values, name
        self.shape: tuple[int, int] = values.shape
        self.in_memory = isinstance(values, np.ndarray) and not isinstance(values, np.memmap)
        attributes = values.attrs if isinstance(values, h5py.Dataset) else {}
        self.scale = float(attributes.get("scale_factor", 1.0))
        self.offset = float(attributes.get("add_offset", 0.0))
        stored = values.dtype
        self.dtype = np.dtype(
            stored if stored in (np.float32, np.float64) else "f4" if stored.str[1:] in _EXACT_IN_FLOAT32 else "f8"
        )

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, columns: slice) -> np.ndarray:
        """Some columns as floats, (row, column).

        Raises
        ------
        InvalidInput
            NaN or infinity among them.
        """
        values = np.asarray(self.values[:, columns]).astype(self.dtype, copy=False)
        if self.scale != 1.0 or self.offset != 0.0:
            values = values * self.dtype.type(self.scale) + self.dtype.type(self.offset)
        if not self.in_memory:
            try:
                assert_all_finite(values)
            except ValueError as error:
                column = columns.start + int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])
                raise InvalidInput(
                    f"{self.name} has NaN or infinity in column {column}, counted from 0; leave it out or fill it"
                ) from error
        return values

    def blocks(self, step: int) -> Iterator[tuple[slice, np.ndarray]]:
        """All columns in order, some at a time; those of a file are read ahead by a thread."""
        pieces = [slice(start, min(start + step, self.shape[1])) for start in range(0, self.shape[1], step)]
        if self.in_memory:
            yield from ((piece, self.read(piece)) for piece in pieces)
            return
        with ThreadPoolExecutor(1) as reader:
            waiting = reader.submit(self.read, pieces[0])
            for number, piece in enumerate(pieces):
                values = waiting.result()
                if number + 1 < len(pieces):
                    waiting = reader.submit(self.read, pieces[number + 1])
                yield piece, values
                del values
