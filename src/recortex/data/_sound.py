"""Whether what a file claims to hold is an array of numbers that this process can have; asked before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from recortex.data._memory import afford
from recortex.errors import InvalidInput, did_you_mean, listed, shown

NUMBERS = "fiub"
WORDS = "words, not numbers; save the numbers as a plain array"
NO_NUMBERS = {
    "O": "Python objects, which could only be read by running a pickle; save it again as plain numbers",
    "V": "records, cells or references, not numbers; save it as a plain array",
    "c": "complex numbers; save their real part or their magnitude",
    "M": "dates, not numbers",
    "m": "durations with a unit, not numbers",
}


def choose(names: list[str], name: str | None, path: Path) -> str:
    """The array that is meant: the named one, or the only one.

    Raises
    ------
    InvalidInput
        It is not there, stands twice, or which one is meant is open.
    """
    if name is None:
        if len(names) == 1:
            return names[0]
        most = f"{len(names)} arrays ({listed(map(shown, names), 8)}); say which with array: NAME" if names else "no array"
        raise InvalidInput(f"{path} holds {most}")
    if name not in names:
        raise InvalidInput(f"{path} holds no array {shown(name)}{did_you_mean(name, map(shown, names))}")
    if names.count(name) > 1:
        raise InvalidInput(
            f"{path} holds {names.count(name)} arrays called {shown(name)}; save it again with each under its own name"
        )
    return name


def sound(what: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse what is no array of numbers, or holds none.

    Parameters
    ----------
    what : str
        The file, and the array's name where it has one.
    shape, dtype
        As its header claims.

    Raises
    ------
    InvalidInput
        As said.
    """
    kind = "O" if dtype.hasobject else dtype.kind
    if kind not in NUMBERS:
        raise InvalidInput(f"{what} holds {NO_NUMBERS.get(kind, WORDS)}")
    if min(shape, default=1) < 1:
        raise InvalidInput(f"{what} holds nothing: its shape is {shape}")


def room_for(what: str, shape: Sequence[int], dtype: np.dtype) -> None:
    """Refuse what does not fit into memory; as `sound`, but asked only where it is to be read."""
    afford(
        prod(shape) * dtype.itemsize,
        f"{what}, {dtype} of shape {tuple(shape)},",
        "save a part of it (fewer trials or units), or as float32, or run where there is more",
    )
