"""Arrays out of HDF5 files, .mat of v7.3 among them. Nothing that lies in another file is followed: a key knows only this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from recortex.data._sound import choose, room_for, sound
from recortex.errors import InvalidInput, did_you_mean, listed, shown


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5 inside, whatever its name."""
    import h5py

    return bool(h5py.is_hdf5(path))


def names(path: Path) -> list[str]:
    """The datasets that hold data, by their path in the file."""
    import h5py

    found: list[str] = []
    with h5py.File(path, "r", locking=False) as file:

        def visit(name: str, item: Any) -> None:
            # "#refs#" is where MATLAB keeps what its cells point to; a bare dimension scale holds no data
            bare = isinstance(item, h5py.Dataset) and "not a netCDF variable" in str(item.attrs.get("NAME", b""))
            if isinstance(item, h5py.Dataset) and not name.startswith("#") and not bare:
                found.append(name)

        file.visititems(visit)
    return found


def shape(path: Path, name: str | None, reverse: bool = False) -> tuple[int, ...]:
    """The shape of a dataset, as `read` gives it."""
    with _dataset(path, name) as dataset:
        return dataset.shape[::-1] if reverse else dataset.shape


def read(path: Path, name: str | None, reverse: bool = False, part: tuple[slice, ...] = ()) -> np.ndarray:
    """Read a dataset.

    Parameters
    ----------
    path : Path
    name : str, optional
    reverse : bool
        Whether its axes were stored in reverse, as MATLAB does.
    part : tuple of slice
        As stored.
    """
    with _dataset(path, name) as dataset:
        shape = [len(range(size)[some]) for size, some in zip(dataset.shape, part, strict=True)] if part else dataset.shape
        room_for(f"{path}: {dataset.name.strip('/')}", shape, dataset.dtype)
        values = np.asarray(dataset[part])
        if dataset.attrs.get("MATLAB_class") == b"logical":
            values = values.astype(bool)
    return values.T if reverse else values


@contextmanager
def _dataset(path: Path, name: str | None) -> Iterator[Any]:
    """The dataset that is meant, once it is known to be sound."""
    import h5py

    known = names(path)
    with h5py.File(path, "r", locking=False) as file:
        if name is None:  # a file of nothing but links and groups is told by the first of them
            name = choose(known, None, path) if known or not len(file) else next(iter(file))
        dataset, called = _follow(file, name.strip("/"), known, path), f"{path}: {shown(name)}"
        if isinstance(dataset, h5py.Group):
            if "MATLAB_sparse" in dataset.attrs:
                raise InvalidInput(f"{called} is sparse; save it in full, as full({shown(name)}) in MATLAB")
            inside = listed((shown(f"{name}/{one}") for one in dataset), 5)
            raise InvalidInput(f"{called} is a group; it holds {inside or 'nothing'}")
        if not isinstance(dataset, h5py.Dataset):
            raise InvalidInput(f"{called} is the name of a type, not an array")
        _refuse_unsound(dataset, called)
        yield dataset


def _follow(file: Any, name: str, known: list[str], path: Path) -> Any:
    """Walk to a dataset, link by link; a link that leads elsewhere is not taken."""
    import h5py

    place = file
    for part in name.split("/"):
        link = place.get(part, getlink=True) if isinstance(place, h5py.Group) else None
        if link is None:
            raise InvalidInput(f"{path} holds no array {shown(name)}{did_you_mean(name, map(shown, known))}")
        if isinstance(link, h5py.ExternalLink):
            raise InvalidInput(
                f"{path}: {shown(name)} lies in another file, {shown(link.filename)}; name that, or copy it into one"
            )
        if isinstance(link, h5py.SoftLink):
            raise InvalidInput(f"{path}: {shown(name)} is a link to {shown(link.path)}; name the array where it lies")
        place = place[part]
    return place


def _refuse_unsound(dataset: Any, called: str) -> None:
    import h5py

    attributes, made = dataset.attrs, dataset.id.get_create_plist()
    if dataset.shape is None or "MATLAB_empty" in attributes:
        raise InvalidInput(f"{called} holds nothing: it is an empty array")
    if dataset.external or dataset.is_virtual:
        files = [source[0] for source in dataset.external or ()] or [source.file_name for source in dataset.virtual_sources()]
        raise InvalidInput(f"{called} keeps its numbers in other files ({listed(map(shown, files), 3)}); copy them into one")
    if dataset.dtype.hasobject or attributes.get("MATLAB_class") in (b"char", b"string", b"cell"):
        raise InvalidInput(f"{called} holds words, references or lists, not numbers; save it as a plain array")
    sound(called, dataset.shape, dataset.dtype)
    for number in range(made.get_nfilters()):
        code, _, _, said = made.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            label = shown(said.decode(errors="replace") or str(code))
            raise InvalidInput(f"{called} is packed with {label}, which h5py does not have here; save it with compression='gzip'")
    if not dataset.id.get_storage_size():
        raise InvalidInput(f"{called} holds nothing: room for {dataset.shape} was made, and no number was ever written there")
