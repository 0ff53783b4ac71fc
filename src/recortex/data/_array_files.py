"""Arrays out of files: .npy, .npz, .mat (up to v7.3), .h5 and .csv, without ever running a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from recortex.errors import InvalidInput, did_you_mean, listed

SUFFIXES = (".npy", ".npz", ".mat", ".h5", ".hdf5", ".csv", ".tsv")


def read_array(path: Path, name: str | None = None) -> np.ndarray:
    """Read one array.

    Parameters
    ----------
    path : Path
        A file with one of `SUFFIXES`.
    name : str, optional
        Which array, where the file holds several. In a .mat file ``struct.field`` stacks a field of a struct array along a new
        first axis; in an HDF5 file ``group/dataset`` reaches below.

    Returns
    -------
    np.ndarray
        With the axes that the program that wrote it showed: v7.3 .mat files, which store them reversed, are turned back.

    Raises
    ------
    InvalidInput
        An unknown kind of file, a name that is missing or ambiguous, content that is not numbers or text, or that would need pickle.
    """
    with _in_our_words(path):
        suffix = _suffix(path)
        if suffix == ".npy":
            _only_one(path, name)
            return np.load(path, allow_pickle=False)
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return file[_choose(file.files, name, path)]
        if suffix in (".csv", ".tsv"):
            _only_one(path, name)
            return _read_text(path, "," if suffix == ".csv" else "\t")
        return _read_mat(path, name) if suffix == ".mat" else _read_hdf5(path, name)


def array_names(path: Path) -> list[str]:
    """The arrays that a file holds by name; empty for a kind of file that holds just one.

    Raises
    ------
    InvalidInput
        As `read_array`.
    """
    with _in_our_words(path):
        suffix = _suffix(path)
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return list(file.files)
        if suffix in (".h5", ".hdf5") or (suffix == ".mat" and _is_hdf5(path)):
            return _hdf5_names(path)
        if suffix == ".mat":
            from scipy.io import whosmat

            return [name for name, _, _ in whosmat(path)]
        return []


def _suffix(path: Path) -> str:
    """The kind of a file, by its name and, for NumPy's, its first bytes."""
    suffix = path.suffix.lower()
    if path.is_dir():
        raise InvalidInput(
            f"{path} is a folder; name an array file ({', '.join(SUFFIXES)}), or for pictures use type PictureFolder"
        )
    if suffix not in SUFFIXES:
        raise InvalidInput(f"{path}: {suffix or 'a file without suffix'} is not an array file; use one of {', '.join(SUFFIXES)}")
    start = {".npy": b"\x93NUMPY", ".npz": b"PK"}.get(suffix, b"")
    with open(path, "rb") as handle:
        if handle.read(len(start)) != start:
            raise InvalidInput(f"{path} cannot be read: it is not a NumPy file, whatever its name; save it again with numpy.save")
    return suffix


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    """Each reader has its own errors for a broken file; here they all become one line that names it."""
    try:
        yield
    except InvalidInput:
        raise
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        if "pickle" in said.lower():
            said = "it holds Python objects, which could only be read by running a pickle; save it again as plain numbers"
        elif isinstance(error, UnicodeDecodeError):
            said = "it is not text in UTF-8; save it again in that encoding"
        raise InvalidInput(f"{path} cannot be read: {said}") from error


def _only_one(path: Path, name: str | None) -> None:
    if name is not None:
        raise InvalidInput(f"{path} holds one array, without a name: leave out array: {name}")


def _choose(names: list[str], name: str | None, path: Path) -> str:
    if name is None:
        if len(names) == 1:
            return names[0]
        raise InvalidInput(f"{path} holds {len(names)} arrays ({listed(names, 8)}); say which with array: NAME")
    if name not in names:
        raise InvalidInput(f"{path} holds no array {name}{did_you_mean(name, names)}")
    return name


def _read_text(path: Path, separator: str) -> np.ndarray:
    import pandas

    table = pandas.read_csv(path, sep=separator, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    cells = table.to_numpy()
    if cells.shape[1] == 1 and any(other in cells[-1, 0] for other in (";", "\t", ",")):
        raise InvalidInput(
            f"{path}: its cells are not separated by {'commas' if separator == ',' else 'tabs'}: {cells[-1, 0][:40]!r}"
        )
    if cells[0, 0] == "" and len(cells) > 1:
        raise InvalidInput(
            f"{path}: its first column has no name; if it holds row numbers, save the table without them (index=False in pandas)"
        )
    first = 1  # line of the first row of numbers
    try:
        cells[0].astype(float)
    except ValueError:
        cells, first = cells[1:], 2  # a line of unit names
    try:
        return cells.astype(np.float64)
    except ValueError:
        for row, line in enumerate(cells):
            for column, cell in enumerate(line):
                try:
                    float(cell)
                except ValueError:
                    said = "an empty cell" if cell == "" else repr(cell)
                    raise InvalidInput(f"{path}: row {row + first}, column {column + 1} is {said}, not a number") from None
        raise


def _is_hdf5(path: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(path))


def _hdf5_names(path: Path) -> list[str]:
    import h5py

    names: list[str] = []
    with h5py.File(path, "r", locking=False) as file:

        def visit(name: str, item: Any) -> None:
            # "#refs#" is where MATLAB keeps what its cells point to; a bare dimension scale holds no data
            bare = isinstance(item, h5py.Dataset) and "not a netCDF variable" in str(item.attrs.get("NAME", b""))
            if isinstance(item, h5py.Dataset) and not name.startswith("#") and not bare:
                names.append(name)

        file.visititems(visit)
    return names


def _read_hdf5(path: Path, name: str | None, reverse: bool = False) -> np.ndarray:
    import h5py

    chosen = _choose(_hdf5_names(path), name, path)
    with h5py.File(path, "r", locking=False) as file:
        dataset = file[chosen]
        if h5py.check_string_dtype(dataset.dtype):
            values = np.array(dataset.asstr()[()], dtype=str)
        elif dataset.dtype.kind not in "fiub":
            raise InvalidInput(f"{path}: {chosen} holds references or records, not numbers; save it as a plain array")
        else:
            values = dataset[()]
        if reverse and dataset.attrs.get("MATLAB_class") == b"char":
            return np.array("".join(chr(code) for code in values.T.ravel()))
    return values.T if reverse else values


def _read_mat(path: Path, name: str | None) -> np.ndarray:
    if _is_hdf5(path):
        return _read_hdf5(path, name.replace(".", "/") if name else None, reverse=True)
    from scipy.io import loadmat

    head, _, field = (name or "").partition(".")
    chosen = _choose(array_names(path), head or None, path)
    value = loadmat(path, variable_names=[chosen])[chosen]
    if field:
        if not value.dtype.names or field not in value.dtype.names:
            fields = value.dtype.names or ()
            raise InvalidInput(f"{path}: {chosen} has no field {field}{did_you_mean(field, fields)}")
        items = [np.squeeze(item) if np.ndim(item) < 3 else item for item in value[field].ravel()]
        shapes = {np.shape(item) for item in items}
        if len(shapes) > 1:
            raise InvalidInput(f"{path}: the {field} of {chosen} differ in shape ({listed(sorted(shapes), 3)})")
        value = items[0] if len(items) == 1 else np.stack(items)
    if hasattr(value, "toarray"):
        raise InvalidInput(f"{path}: {chosen} is sparse; save it in full, as full({chosen}) in MATLAB")
    if value.dtype.names:
        raise InvalidInput(f"{path}: {chosen} is a struct; say which field with array: {chosen}.{value.dtype.names[0]}")
    if value.dtype.kind not in "fiubU":
        raise InvalidInput(f"{path}: {chosen} holds cells or objects, which would need pickle; save it as a plain array")
    return value
