"""What a stage promises of its arrays, and the check that it keeps to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recortex.errors import InvalidInput


@dataclass(frozen=True)
class Array:
    """What a stage promises about one of its arrays.

    Parameters
    ----------
    *dims : str
        Dimension names, first axis first.
    units : str
        Physical unit; "1" for a pure number, empty for names and indices.
    dtype : str
        "float" (any width), "int", "bool", "uint8" or "str".
    optional : bool
        Whether the array may be absent.
    about : str
        One line for the reader of the file.
    """

    dims: tuple[str, ...]
    units: str
    dtype: str
    optional: bool
    about: str

    def __init__(self, *dims: str, units: str = "1", dtype: str = "float", optional: bool = False, about: str = ""):
        for name, value in dict(dims=dims, units=units, dtype=dtype, optional=optional, about=about).items():
            object.__setattr__(self, name, value)


KINDS = {"float": "f", "int": "iu", "bool": "b", "uint8": "u", "str": "U"}


def check_arrays(promised: Mapping[str, Array], arrays: Mapping[str, Any], owner: str) -> dict[str, int]:
    """Hold arrays against what their stage promises; return the size of every dimension.

    Raises
    ------
    TypeError
        A missing or unknown array, a wrong number of axes, a wrong kind of number, or two sizes for one dimension: a mistake in
        the stage, not in its user's input.
    """
    unknown = sorted(set(arrays) - set(promised))
    missing = sorted(name for name, spec in promised.items() if not spec.optional and name not in arrays)
    if unknown or missing:
        raise TypeError(f"{owner} promises {sorted(promised)}; missing {missing}, unknown {unknown}")
    sizes: dict[str, int] = {}
    for name, value in arrays.items():
        spec, value = promised[name], np.asarray(value)
        if value.ndim != len(spec.dims):
            raise TypeError(f"{owner}: {name} has shape {value.shape}, its dimensions are {spec.dims}")
        if value.dtype.kind not in KINDS[spec.dtype]:
            raise TypeError(f"{owner}: {name} is {value.dtype}, promised {spec.dtype}")
        for dim, size in zip(spec.dims, value.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                raise TypeError(f"{owner}: {name} has {size} along {dim}, another array {sizes[dim]}")
            if size == 0:
                raise InvalidInput(f"{owner}: nothing is left along {dim} of {name}")
    for name in arrays:
        if name in sizes and promised[name].dims != (name,):
            raise TypeError(f"{owner}: {name} is also a dimension, so it must run along itself")
    return sizes
