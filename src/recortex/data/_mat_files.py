"""Arrays out of .mat files: v4 through SciPy, v5 to v7, and v7.3, which is HDF5, with its axes turned back."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from recortex.data import _hdf5_files, _mat5
from recortex.data._sound import choose, room_for, sound
from recortex.errors import InvalidInput, did_you_mean, listed, shown

WORDS = {
    "complex": "complex numbers; save their real part or their magnitude",
    "sparse": "a sparse matrix; save it in full, as full(NAME) in MATLAB",
    "text": "text; give an array of numbers",
}


def names(path: Path) -> list[str]:
    """The variables of a file, and in place of a struct what its fields hold; of v7.3 the datasets, those inside structs too."""
    if _hdf5_files.is_hdf5(path):
        return _hdf5_files.names(path)
    found = []
    for number, (name, _, kind) in enumerate(_variables(path)):
        found += _below(name, _mat5.variable(path, number)) if kind == "struct" else [name]
    return found


def _below(name: str, array: _mat5.Array) -> list[str]:
    """``struct.field`` of whatever is no struct itself, at any depth, in the order of the file."""
    found, waiting = [], [(name, array)]
    while waiting:
        called, one = waiting.pop()
        if one.kind != "struct":
            found.append(called)
        elif prod(one.shape):
            waiting += [(f"{called}.{field}", next(one.field(field))) for field in reversed(one.fields())]
    return found


def shape(path: Path, name: str | None) -> tuple[int, ...] | None:
    """The shape of a variable, from its header; None for a field of a struct, which only reading tells."""
    if _hdf5_files.is_hdf5(path):
        return _hdf5_files.shape(path, _slashed(name), reverse=True)
    _, fields, found = _chosen(path, name)
    return None if fields else found


def read(path: Path, name: str | None) -> np.ndarray:
    """Read a variable, or ``struct.field``."""
    if _hdf5_files.is_hdf5(path):
        return _hdf5_files.read(path, _slashed(name), reverse=True)
    number, fields, size = _chosen(path, name)
    chosen = _variables(path)[number][0]
    called = f"{path}: {shown(name or chosen)}"
    if not fields:
        room_for(called, size, np.dtype(np.float64))
    if _is_old(path):
        from scipy.io import loadmat

        values = np.asarray(loadmat(path, variable_names=[chosen])[chosen])
    else:
        values = _stacked(_mat5.variable(path, number), fields, called)
    sound(called, values.shape, values.dtype)
    return values


def _slashed(name: str | None) -> str | None:
    return name.replace(".", "/") if name else None


def _is_old(path: Path) -> bool:
    from scipy.io.matlab import matfile_version

    return matfile_version(path)[0] == 0


def _variables(path: Path) -> list[tuple[str, tuple[int, ...], str]]:
    """Name, shape and kind of every variable."""
    if not _is_old(path):
        return [(array.name, array.shape, array.kind) for array in _mat5.variables(path)]
    from scipy.io import whosmat

    return [(name, size, "numbers" if kind == "double" else kind) for name, size, kind in whosmat(path)]


def _chosen(path: Path, name: str | None) -> tuple[int, list[str], tuple[int, ...]]:
    """Which variable is meant, the fields below it, and its shape, once its header is known to be sound."""
    head, *fields = (name or "").split(".")
    variables = _variables(path)
    known = [variable for variable, _, _ in variables]
    number = known.index(choose(known, head or None, path))
    chosen, size, kind = variables[number]
    called = f"{path}: {shown(chosen)}"
    if kind == "struct":
        if not fields:
            first = shown(next(iter(_mat5.variable(path, number).fields()), "FIELD"))
            raise InvalidInput(f"{called} is a struct; say which field with array: {shown(chosen)}.{first}")
    elif fields:
        raise InvalidInput(f"{called} is no struct, so it has no field {shown(fields[0])}; leave out .{shown(fields[0])}")
    else:
        _numbers(called, kind)
        sound(called, size, np.dtype(bool if kind == "logical" else float))
    return number, fields, size


def _numbers(called: str, kind: str) -> None:
    if kind not in ("numbers", "logical"):
        raise InvalidInput(f"{called} holds {WORDS.get(kind, f'{kind}; save it as a plain array')}")


def _stacked(array: _mat5.Array, fields: list[str], called: str) -> np.ndarray:
    """A variable's numbers, or those of a field, along a new first axis where there are several structs."""
    arrays = [array]
    for depth, field in enumerate(fields):
        for one in arrays:
            known = one.fields() if one.kind == "struct" else []
            if field not in known:
                above = called.rsplit(".", len(fields) - depth)[0]
                raise InvalidInput(f"{above} has no field {shown(field)}{did_you_mean(field, map(shown, known))}")
        arrays = [below for one in arrays for below in one.field(field)]
    for one in arrays:
        _numbers(called, one.kind)
    if not fields:
        return array.numbers()
    shapes = sorted({one.shape for one in arrays})
    if len(shapes) != 1:
        raise InvalidInput(f"{called} differs in shape between {len(arrays)} structs ({listed(shapes, 3)})")
    items = [one.numbers() for one in arrays]
    squeezed = [np.squeeze(item) if item.ndim < 3 else item for item in items]
    return squeezed[0] if len(squeezed) == 1 else np.stack(squeezed)
