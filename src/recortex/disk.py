"""What a disk may refuse, in words that say what to do; and small files that are replaced whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recortex.errors import CannotRead, CannotWrite, RecortexError
from recortex.unfinished import Unfinished

CACHE = "--cache FOLDER or RECORTEX_CACHE"
OUTPUTS = "--outputs FOLDER"
DATA = "RECORTEX_DATA"

# not every system knows every one
_SILENT = {
    getattr(errno, name, None)
    for name in ("EIO", "ESTALE", "ETIMEDOUT", "ENOTCONN", "EHOSTDOWN", "EHOSTUNREACH", "ENODEV", "ENXIO", "EREMOTEIO", "EBUSY")
}


@contextmanager
def refusals(path: Path, elsewhere: str = CACHE) -> Iterator[None]:
    """Turn what the system refuses while a file is written inside a with block into one line.

    Parameters
    ----------
    path : Path
        What is being written.
    elsewhere : str
        How a person names another place for it.

    Raises
    ------
    CannotWrite
        No room, no permission, no answer. Files that are not there, and errors of our own, pass as they are.
    """
    try:
        yield
    except RecortexError:
        raise
    except OSError as error:
        if error.errno in (None, errno.ENOENT):
            raise
        raise CannotWrite(f"{path} cannot be written: {_said(error, path, elsewhere)}") from error


def make_folder(folder: Path, elsewhere: str = CACHE) -> None:
    """Make a folder and those above it.

    Raises
    ------
    CannotWrite
        It cannot be made.
    """
    with refusals(folder, elsewhere):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError as error:  # in a place like /proc
            raise CannotWrite(f"{folder} cannot be made; name another place with {elsewhere}") from error


def unreadable(path: Path, error: OSError) -> CannotRead:
    """The same for a result that the system does not let us read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        said = "you have no permission; ask whose cache it is, or use one of your own with --cache FOLDER or RECORTEX_CACHE"
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        said = f"{os.strerror(error.errno)}; allow more with ulimit -n, or use fewer workers, then run again"
    elif error.errno == errno.ENOTDIR:
        said = f"{_in_the_way(path)} is a file, and the cache needs a folder there; name another place with {CACHE}"
    else:
        said = f"{os.strerror(error.errno or errno.EIO)}; run again once its disk answers"
    return CannotRead(f"{path} cannot be read: {said}")


def _said(error: OSError, path: Path, elsewhere: str) -> str:
    again = "then run again: what is finished is kept"
    match error.errno:
        case errno.ENOSPC:
            return (
                f"{_fullness(path)}; make room (`recortex cache prune` may help) or name another place with {elsewhere}, {again}"
            )
        case errno.EDQUOT:
            return f"your quota on this disk is used up; make room or name another place with {elsewhere}, {again}"
        case errno.EFBIG:
            return (
                f"files may not grow so large here (ulimit -f, or the file system); name another place with {elsewhere}, {again}"
            )
        case errno.EROFS:
            return f"this disk is read-only; name another place with {elsewhere}, {again}"
        case errno.EACCES | errno.EPERM:
            return f"you have no permission; name another place with {elsewhere}, {again}"
        case errno.EMFILE | errno.ENFILE:
            return f"too many open files; allow more with ulimit -n, or use fewer workers, {again}"
        case errno.ENAMETOOLONG:
            return f"its name is too long for this disk; name a shorter place with {elsewhere}"
        case errno.ENOTDIR | errno.EEXIST:
            return f"{_in_the_way(path)} is a file where a folder should be; move it, or name another place with {elsewhere}"
        case errno.EISDIR | errno.ENOTEMPTY:
            return f"a folder stands there; move it, or name another place with {elsewhere}"
        case code if code is not None and code in _SILENT:
            return f"its disk does not answer ({os.strerror(code)}); run again once it does: what is finished is kept"
    return f"{error.strerror or error}; name another place with {elsewhere}, {again}"


def _in_the_way(path: Path) -> Path:
    """The file that stands where a folder should be, on the way to a path."""
    return next((place for place in reversed((path, *path.parents)) if place.exists() and not place.is_dir()), path)


def _fullness(path: Path) -> str:
    try:
        here = os.statvfs(existing(path))
    except OSError:
        return "the disk is full"
    if here.f_files and not here.f_favail:
        return "the disk has no room for another file, though it has for bytes (no inodes left)"
    return f"the disk is full ({here.f_bavail * here.f_frsize / 1e6:.1f} MB free)"


def existing(path: Path) -> Path:
    """A path, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())


def write_whole(path: Path, text: str, lasting: bool = True) -> None:
    """Replace a text file so that it is there whole or as it was, also with several writers at once.

    Parameters
    ----------
    path : Path
    text : str
    lasting : bool
        Whether to wait until it is on the disk.

    Raises
    ------
    OSError
        As the system says; `refusals` puts it into words.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with Unfinished(path) as file:
        file.write(text.encode())
        file.finish(lasting)
