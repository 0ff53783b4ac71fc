"""Variables out of .mat files of v5 to v7, as "MAT-File Format" (The MathWorks) describes them.

SciPy's reader believes the lengths that a damaged file claims: it takes the memory they ask for, crashes the process on some structs,
and recurses as deep as cells lie within each other. Here every length is held against what there is, and only what is asked for is read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path

import numpy as np

from recortex.data._memory import afford

STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, PACKED = 14, 15
CLASSES = dict(enumerate(["cells", "struct", "objects", "text", "sparse", *["numbers"] * 10, "functions", "opaque"], start=1))
COMPLEX, LOGICAL = 0x0800, 0x0200
START = 128  # where the first variable begins, behind a text
HEADER = 1024  # bytes that hold the class, shape and name of a variable


@dataclass(frozen=True)
class Array:
    """One array, at any depth of a file.

    Parameters
    ----------
    kind : str
        One of the values of `CLASSES`, "complex" or "logical".
    shape : tuple of int
    name : str
    body : memoryview
        What follows its name: numbers, or the fields of a struct.
    order : "<" or ">"
        Of its bytes.
    """

    kind: str
    shape: tuple[int, ...]
    name: str
    body: memoryview
    order: str

    def numbers(self) -> np.ndarray:
        """Its numbers, as they were stored."""
        kind, content, _ = _element(self.body, 0, self.order)
        stored = np.frombuffer(content, dtype=f"{self.order}{STORED[kind]}")
        values = stored.reshape(self.shape, order="F")
        return values.astype(bool) if self.kind == "logical" else values

    def fields(self) -> list[str]:
        """The names of a struct's fields."""
        return self._fields()[0]

    def field(self, name: str) -> Iterator[Array]:
        """A field of each struct of an array of them."""
        names, at = self._fields()
        for number in range(prod(self.shape) * len(names)):
            _, content, at = _element(self.body, at, self.order)
            if names[number % len(names)] == name:
                yield _array(content, self.order)

    def _fields(self) -> tuple[list[str], int]:
        _, width, at = _element(self.body, 0, self.order)
        (letters,) = struct.unpack(f"{self.order}i", width)
        _, content, at = _element(self.body, at, self.order)
        names = [bytes(content[start : start + letters]) for start in range(0, len(content), letters)]
        return [name.partition(b"\0")[0].decode("latin-1") for name in names], at


def variables(path: Path) -> list[Array]:
    """Every variable of a file, without what it holds."""
    return [array for array, _ in _walk(path)]


def variable(path: Path, number: int) -> Array:
    """One variable, with what it holds."""
    array, (at, size, packed) = next(islice(_walk(path), number, None))
    with open(path, "rb") as file:
        file.seek(at)
        content = file.read(size)
    if packed:
        stream = zlib.decompressobj()
        start = stream.decompress(content, 8)
        (inside,) = struct.unpack(f"{array.order}4xI", start)
        if array.kind in ("numbers", "logical") and inside > 8 * prod(array.shape) + HEADER:
            raise ValueError(f"{array.name} claims {inside:,} bytes, more than its shape {array.shape} can hold")
        afford(2 * inside, f"{path}: {array.name}", "save it by itself, or run where there is more")
        content = stream.decompress(stream.unconsumed_tail, inside)
        stream.decompress(stream.unconsumed_tail, 8)  # to the checksum at its end
        if len(content) < inside or not stream.eof:
            raise ValueError("it breaks off")
    return _array(memoryview(content), array.order)


def _walk(path: Path) -> Iterator[tuple[Array, tuple[int, int, bool]]]:
    """Each variable's header, and where its content is: place, length, and whether it is packed."""
    length = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(START - 2)
        order = {b"IM": "<", b"MI": ">"}[file.read(2)]
        at = START
        while at < length:
            file.seek(at)
            kind, size = struct.unpack(f"{order}II", file.read(8))
            if at + 8 + size > length:
                raise ValueError("it breaks off")
            content = file.read(min(size, HEADER))
            if kind == PACKED:
                content = zlib.decompressobj().decompress(content, HEADER)
                inner, _ = struct.unpack(f"{order}II", content[:8])
                content = content[8:]
            if (inner if kind == PACKED else kind) != MATRIX:
                raise ValueError("it holds what is no variable")
            yield _array(memoryview(content), order), (at + 8, size, kind == PACKED)
            at += 8 + size


def _array(content: memoryview, order: str) -> Array:
    """The array of a matrix element."""
    if not len(content):
        return Array("numbers", (0, 0), "", content, order)
    _, flags, at = _element(content, 0, order)
    _, sizes, at = _element(content, at, order)
    _, name, at = _element(content, at, order)
    (bits,) = struct.unpack_from(f"{order}I", flags)
    kind = CLASSES.get(bits & 0xFF, "what no program knows")
    if kind == "numbers":
        kind = "complex" if bits & COMPLEX else "logical" if bits & LOGICAL else kind
    shape = tuple(np.frombuffer(sizes, dtype=f"{order}i4").tolist())
    return Array(kind, shape, bytes(name).decode("latin-1"), content[at:], order)


def _element(content: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """The element at a place: its kind, what it holds, and the place of the next."""
    kind, size = struct.unpack_from(f"{order}II", content, at)
    if small := kind >> 16:  # up to four bytes, in the place of the length
        return kind & 0xFFFF, content[at + 4 : at + 4 + min(small, 4)], at + 8
    if at + 8 + size > len(content):
        raise ValueError("it breaks off")
    return kind, content[at + 8 : at + 8 + size], at + 8 + size + -size % 8
