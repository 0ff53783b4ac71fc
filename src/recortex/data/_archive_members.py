"""The members of a .zip or .tar, as a stranger's archive tells them: read one by one, and never more than a ration at once."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from recortex.errors import InvalidInput

DIRECTORY = 2**25  # bytes of a zip's directory
HEADER = 2**16  # bytes that a tar may say about one member
TAIL = 2**24  # bytes of nothing behind the end of a tar
AT_ONCE = 2**20


@dataclass(frozen=True)
class Member:
    """One member of an archive, before it is unpacked.

    Parameters
    ----------
    name : str
        As the archive says it.
    size : int
        Bytes, as the archive says.
    is_folder : bool
    wrong : str
        Why it is no plain file or folder; empty for one that is.
    open : callable
        Gives its bytes.
    """

    name: str
    size: int
    is_folder: bool
    wrong: str
    open: Callable[[], IO[bytes] | None]


def members_of(archive: Path) -> Generator[Member]:
    """The members of an archive, one after the other; each is opened, if at all, before the next.

    Raises
    ------
    InvalidInput
        The file cannot be read.
    Exception
        Whatever the standard library stumbles over in a file that is no archive, cut off or damaged.
    """
    try:
        with open(archive, "rb") as handle:
            start = handle.read(6)
    except OSError as error:
        raise InvalidInput(f"{archive} cannot be read: {error.strerror or error}") from error
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zip_members(archive)
    packings: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
    return _tar_members(next((opened for magic, opened in packings.items() if start.startswith(magic)), open)(archive, "rb"))


class _Rationed:
    """A file that gives no more at once than its ration: what a header claims is not taken into memory on trust."""

    def __init__(self, file: Any, ration: int):
        self.file, self.ration, self.last = file, ration, b""

    def read(self, size: int = -1) -> bytes:
        if size > self.ration:
            raise ValueError(f"it claims {size:,} bytes where {self.ration:,} are enough")
        self.last = self.file.read(size if size >= 0 else self.ration)
        self.ration -= len(self.last)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def _zip_members(archive: Path) -> Generator[Member]:
    with open(archive, "rb") as handle:
        source = _Rationed(handle, DIRECTORY)
        with zipfile.ZipFile(source) as file:  # type: ignore[call-overload]
            infos = file.infolist()
            source.ration = 2**63
            if sum(info.compress_size for info in infos) > archive.stat().st_size:
                raise ValueError("its members claim more bytes than it has")
            for info in infos:
                kind = stat.S_IFMT(info.external_attr >> 16)
                name = info.orig_filename
                wrong = "is encrypted" if info.flag_bits & 0x41 else _unplain(kind)
                if not wrong and kind and (kind == stat.S_IFDIR) != name.endswith("/"):
                    wrong = "is a file and a folder at once"
                yield Member(name, info.file_size, name.endswith("/"), wrong, partial(file.open, info))


def _unplain(kind: int) -> str:
    if kind == stat.S_IFLNK:
        return "is a link"
    return "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "is a device or pipe"


def _tar_members(unpacking: Any) -> Generator[Member]:
    with unpacking:
        source = _Rationed(unpacking, HEADER)
        with tarfile.open(fileobj=source, mode="r:") as file:  # type: ignore[call-overload]
            while (info := file.next()) is not None:
                file.members.clear()  # type: ignore[attr-defined]
                wrong = "is a link" if info.issym() or info.islnk() else ""
                if not wrong and (info.issparse() or not (info.isfile() or info.isdir())):
                    wrong = "is no plain file or folder"
                source.ration = max(info.size, 0) if info.isfile() else 0
                yield Member(info.name, 0 if info.isdir() else info.size, info.isdir(), wrong, partial(file.extractfile, info))
                source.ration = HEADER
            if source.last != b"\0" * tarfile.BLOCKSIZE:
                raise EOFError("there is no end mark where the last member ends")
            source.ration = TAIL  # to the end, where gzip and others keep their checksums
            while source.read(AT_ONCE):
                if source.last.strip(b"\0"):
                    raise EOFError("there are bytes behind its end mark")
