"""The key of a node: a hash over what it is, all the way down.

The walk is our own and goes by each object's *actual* class: a dump by declared type would lose the fields of a subclass, and two
different trees would share a key. Fields at their default are left out, so a new field with a default keeps old results; a golden
file in the tests notices a changed default. Local files count by content, wherever they lie.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from recortex import disk, store
from recortex.errors import InvalidInput

_settled: ContextVar[dict[Path, str] | None] = ContextVar("settled", default=None)
LENGTH = 32  # hex digits: 128 bits
RACY_S = 2.0  # a file changed this recently may change again within one tick of its clock


def digest(value: Any) -> str:
    """Hash a JSON-able value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def token(value: Any) -> Any:
    """A JSON-able stand-in that differs whenever the value differs, in type or content.

    JSON itself tells 1 from 1.0, true and "1"; everything it does not know is tagged. Nodes and files are handled by their owner,
    `recortex.stage.Node`, which knows which of its fields are inputs.

    Raises
    ------
    TypeError
        A kind of value whose content is not known to determine a result.
    """
    if isinstance(value, Enum):
        return {"enum": [type(value).__name__, value.name]}
    if isinstance(value, np.generic):
        return token(value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, list | tuple):
        return [token(item) for item in value]
    if isinstance(value, set | frozenset):
        return {"set": sorted((token(item) for item in value), key=json.dumps)}
    if isinstance(value, dict):
        return {"dict": sorted(([token(key), token(item)] for key, item in value.items()), key=json.dumps)}
    raise TypeError(f"a field of type {type(value).__name__} cannot be part of a key")


def content(path: Path) -> str:
    """sha256 of a file, or of the names and bytes of all files in a folder (hidden ones left out).

    Raises
    ------
    InvalidInput
        There is no such file or folder, or it cannot be read.
    """
    settled = _settled.get()
    if settled is not None and path in settled:
        return settled[path]
    found = _content(path)
    if settled is not None:
        settled[path] = found
    return found


@contextmanager
def settled() -> Iterator[None]:
    """Take files and folders as they were at first sight, inside a with block: a folder of ten thousand pictures is walked once."""
    mark = _settled.set({})
    try:
        yield
    finally:
        _settled.reset(mark)


@contextmanager
def looking_again() -> Iterator[None]:
    """Look at files anew inside a with block, whatever was settled outside."""
    mark = _settled.set(None)
    try:
        yield
    finally:
        _settled.reset(mark)


def _content(path: Path) -> str:
    if path.is_dir():
        return digest([[file.relative_to(path).as_posix(), content(file)] for file in visible_files(path)])
    try:
        before = path.stat()
        identity = f"{before.st_dev}:{before.st_ino}:{before.st_size}:{before.st_mtime_ns}:{before.st_ctime_ns}"
        name = hashlib.sha256(identity.encode()).hexdigest()
        memory = store.current().root / "digests" / name[:2] / name[2:]
        known = _recall(memory)
        if known:
            return known
        with open(path, "rb") as handle:
            found = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    if time.time() - max(before.st_mtime, before.st_ctime) > RACY_S:
        _remember(memory, found)
    return found


def visible_files(folder: Path) -> list[Path]:
    """All files below a folder but hidden ones and those in hidden folders, sorted; what a stage may read of it."""
    found = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _recall(memory: Path) -> str | None:
    try:
        found, _, seal = memory.read_bytes().decode("ascii", errors="replace").partition(" ")
    except OSError:
        return None
    return found if seal == digest(found) else None


def _remember(memory: Path, found: str) -> None:
    try:
        disk.write_whole(memory, f"{found} {digest(found)}", lasting=False)
    except OSError:
        return  # a full or read-only cache: the file is hashed again next time
