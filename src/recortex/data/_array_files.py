"""Arrays out of files: .npy, .npz, .mat (up to v7.3), .h5 and .csv, without ever running a pickle.

What a file claims to hold is looked at before it is read, so that a broken header is told in one line and takes no memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recortex.data import _hdf5_files, _mat_files, _number_table, _numpy_files
from recortex.data._in_our_words import in_our_words
from recortex.errors import InvalidInput

READERS: dict[str, Any] = {
    ".npy": _numpy_files,
    ".npz": _numpy_files,
    ".mat": _mat_files,
    ".h5": _hdf5_files,
    ".hdf5": _hdf5_files,
    ".csv": _number_table,
    ".tsv": _number_table,
}
SUFFIXES = tuple(READERS)
UNNAMED = (".npy", ".csv", ".tsv")
IN_PARTS = (".npy", ".h5", ".hdf5")
"""Kinds of files of which a part can be read without the rest."""


def read_array(path: Path, name: str | None = None, part: tuple[slice, ...] | None = None) -> np.ndarray:
    """Read one array.

    Parameters
    ----------
    path : Path
        A file with one of `SUFFIXES`.
    name : str, optional
        Which array, where the file holds several. In a .mat file ``struct.field`` stacks a field of a struct array along a new
        first axis; in an HDF5 file ``group/dataset`` reaches below.
    part : tuple of slice, optional
        Which part of it; of kinds of files not in `IN_PARTS` it takes the memory of the whole.

    Returns
    -------
    np.ndarray
        Of numbers, at least one, with the axes that the program that wrote it showed: v7.3 .mat files, which store them reversed,
        are turned back.

    Raises
    ------
    InvalidInput
        An unknown kind of file, a name that is missing or ambiguous, content that is not numbers, that would need pickle, that lies in
        another file, or that does not fit into memory.
    """
    reader = _reader(path, name)
    with in_our_words(path):
        if part is not None and path.suffix.lower() in IN_PARTS:
            return reader.read(path, name, part=part)
        values = reader.read(path, name)
        return values if part is None else values[part]


def shape_of(path: Path, name: str | None = None) -> tuple[int, ...] | None:
    """The shape of an array, from the file's header; None where only reading the file tells.

    Raises
    ------
    InvalidInput
        As `read_array`, as far as the header shows it.
    """
    reader = _reader(path, name)
    with in_our_words(path):
        return reader.shape(path, name)


def array_names(path: Path) -> list[str]:
    """The arrays that a file holds by name; empty for a kind of file that holds just one.

    Raises
    ------
    InvalidInput
        As `read_array`.
    """
    reader = _reader(path, None)
    with in_our_words(path):
        return reader.names(path)


def _reader(path: Path, name: str | None) -> Any:
    suffix = path.suffix.lower()
    if path.is_dir():
        raise InvalidInput(
            f"{path} is a folder; name an array file ({', '.join(SUFFIXES)}), or for pictures use type PictureFolder"
        )
    if suffix not in READERS:
        raise InvalidInput(f"{path}: {suffix or 'a file without suffix'} is not an array file; use one of {', '.join(SUFFIXES)}")
    if name is not None and suffix in UNNAMED:
        raise InvalidInput(f"{path} holds one array, without a name: leave out array: {name}")
    return READERS[suffix]
