"""Arrays out of .npy and .npz files: what their headers claim is held against the bytes that are there, and no pickle is run."""

from __future__ import annotations

import zipfile
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from recortex.data._in_our_words import quoted, what_it_is
from recortex.data._sound import choose, room_for, sound
from recortex.errors import InvalidInput

LONGEST_HEADER = 10_000  # bytes; NumPy's own limit, but looked at before they are read
PACKED_BY_NUMPY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may unpack to any size at once


def names(path: Path) -> list[str]:
    """The arrays of an .npz file, as `numpy.load` calls them; none for an .npy file, whose one array has no name."""
    if path.suffix.lower() == ".npy":
        return []
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def shape(path: Path, name: str | None) -> tuple[int, ...]:
    """The shape of an array, from its header."""
    with ExitStack() as opened:
        return _header(path, *_stream(path, name, opened))[0]


def read(path: Path, name: str | None, part: tuple[slice, ...] = ()) -> np.ndarray:
    """Read an array, or of an .npy file a part."""
    with ExitStack() as opened:
        handle, size, called = _stream(path, name, opened)
        made, dtype = _header(path, handle, size, called)
        room_for(called, [len(range(size)[some]) for size, some in zip(made, part, strict=True)] if part else made, dtype)
    if part:
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False)[part])
    with ExitStack() as opened:
        return np.lib.format.read_array(_stream(path, name, opened)[0], allow_pickle=False)


def _stream(path: Path, name: str | None, opened: ExitStack) -> tuple[IO[bytes], int, str]:
    """The bytes of an array as an open file, their number, and what messages call it."""
    if path.suffix.lower() == ".npy":
        return opened.enter_context(open(path, "rb")), path.stat().st_size, str(path)
    archive = opened.enter_context(zipfile.ZipFile(path))
    chosen = choose(names(path), name, path)
    member = archive.getinfo(f"{chosen}.npy")
    if member.compress_type not in PACKED_BY_NUMPY or member.flag_bits & 1:
        kind = "encrypted" if member.flag_bits & 1 else "packed in a way that NumPy does not write"
        raise InvalidInput(f"{path}: {chosen} is {kind}; save it again with numpy.savez_compressed")
    return opened.enter_context(archive.open(member)), member.file_size, f"{path}: {chosen}"


def _header(path: Path, handle: IO[bytes], size: int, called: str) -> tuple[tuple[int, ...], np.dtype]:
    """What an array's header claims, held against the bytes that there are."""
    start = handle.read(12)
    if start[:6] != b"\x93NUMPY" or start[6:7] not in (b"\x01", b"\x02", b"\x03"):
        raise _refusal(called, what_it_is(path) or "it is not a NumPy array, whatever its name")
    wide = 2 if start[6] == 1 else 4
    if int.from_bytes(start[8 : 8 + wide], "little") > LONGEST_HEADER:
        raise _refusal(called, "its header is longer than those that NumPy writes")
    handle.seek(8)
    reader = np.lib.format.read_array_header_1_0 if wide == 2 else np.lib.format.read_array_header_2_0
    try:
        made, _, dtype = reader(handle)
    except Exception as error:  # of the parser of Python's that NumPy gives it to, a MemoryError among them
        raise _refusal(called, f"its header is none that NumPy writes ({quoted(error)})") from error
    sound(called, made, dtype)
    promised, there = prod(made) * dtype.itemsize, size - handle.tell()
    if promised != there:
        remedy = "copy it again" if promised > there else "save each array to a file of its own, or all to one .npz"
        raise _refusal(called, f"its header promises {promised:,} bytes of numbers, and there are {there:,}", remedy)
    return made, dtype


def _refusal(called: str, why: str, remedy: str = "save it again with numpy.save") -> InvalidInput:
    return InvalidInput(f"{called} cannot be read: {why}; {remedy}")
