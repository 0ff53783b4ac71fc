"""A file while it is written: under a hidden name of its own, held by its writer, then given its name in one step.

HDF5 writes into it through the methods of a file object. A write that fails must not fail inside HDF5, which may then crash the
process when it closes the file; so the failure is kept, what HDF5 writes from then on stays in memory, and the writer asks with
`check`.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import platform
import re
import secrets
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType

PAGE = 4096
STALE_S = 24 * 3600  # an unfinished file of another host that is this old belongs to no living process


class Unfinished:
    """A new file beside `path`; removed at the end of a with block unless `finish` gave it its name.

    Parameters
    ----------
    path : Path
        The name it is to have.

    Raises
    ------
    OSError
        As the system says.
    """

    read = None  # h5py takes what has `read` and `seek` for a file, and then calls `readinto`

    def __init__(self, path: Path):
        self.target = path
        short = path.name.encode()[:100].decode(errors="ignore")
        self.path = path.with_name(f".{short}.{_host()}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self.place = 0
        self.error: BaseException | None = None
        self.pages: dict[int, bytearray] = {}
        hold(self.file)

    def __enter__(self) -> Unfinished:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            with suppress(OSError):  # what went wrong before matters more
                self.path.unlink(missing_ok=True)
        finally:
            os.close(self.file)

    def stop(self, error: BaseException) -> None:
        """Let the next `check` raise an error."""
        self.error = self.error or error

    def check(self) -> None:
        """Raise what went wrong since the file was opened."""
        if self.error is not None:
            raise self.error

    def finish(self, lasting: bool = True, read_only: bool = False) -> None:
        """Bring it to the disk (`lasting`), protect it (`read_only`), and give it its name, in place of whatever had it."""
        self.check()
        if lasting:
            os.fsync(self.file)
        if read_only:
            os.fchmod(self.file, os.fstat(self.file).st_mode & 0o444)
        os.replace(self.path, self.target)
        if lasting:
            _sync_folder(self.target.parent)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place, as files do."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.place}.get(whence)
        self.place = offset + (os.fstat(self.file).st_size if start is None else start)
        return self.place

    def tell(self) -> int:
        """The place."""
        return self.place

    def flush(self) -> None:
        """Nothing is held back."""

    def truncate(self, size: int) -> None:
        """Set the size."""
        if self.error is None:
            try:
                os.ftruncate(self.file, size)
            except OSError as error:
                self.error = error

    def write(self, data: bytes | memoryview) -> int:
        """Write bytes at the place; a failure is kept for `check`."""
        data = memoryview(data).cast("B")
        if self.error is None:
            try:
                done = 0
                while done < len(data):
                    done += os.pwrite(self.file, data[done:], self.place + done)
            except OSError as error:
                self.error = error
        if self.error is not None:
            self._remember(data)
        self.place += len(data)
        return len(data)

    def readinto(self, buffer: memoryview) -> int:
        """Read bytes from the place: those on the disk, and over them those that did not get there."""
        count = len(buffer)
        if not self.pages:
            data = os.pread(self.file, count, self.place)
        else:
            first, last = self.place // PAGE, (self.place + count - 1) // PAGE
            start = self.place - first * PAGE
            data = b"".join(bytes(self._page(number)) for number in range(first, last + 1))[start : start + count]
        buffer[: len(data)] = data
        self.place += len(data)
        return len(data)

    def _page(self, number: int) -> bytearray:
        found = self.pages.get(number)
        return bytearray(os.pread(self.file, PAGE, number * PAGE).ljust(PAGE, b"\0")) if found is None else found

    def _remember(self, data: memoryview) -> None:
        start = 0
        while start < len(data):
            number, offset = divmod(self.place + start, PAGE)
            count = min(PAGE - offset, len(data) - start)
            if number not in self.pages:
                self.pages[number] = self._page(number)
            self.pages[number][offset : offset + count] = data[start : start + count]
            start += count


def _sync_folder(folder: Path) -> None:
    """Bring a new name to the disk; some network and FUSE file systems do that by themselves, and refuse to be asked."""
    try:
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES):
            raise


@cache
def _host() -> str:
    """This host since it was started: locks that a host keeps to itself say nothing of another with the same name."""
    name = re.sub(r"[^A-Za-z0-9-]", "_", platform.node())[:40] or "host"
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return name
    return f"{name}-{hashlib.sha256(started.encode()).hexdigest()[:6]}"


def hold(file: int, wait: bool = False) -> bool | None:
    """Lock an open file for as long as it is open: True, or False where another holds it, or None where locks do not work."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_abandoned(path: Path) -> bool:
    """Whether no living process writes an unfinished file: nobody on this host holds it; from another host, it is a day old."""
    try:
        old = time.time() - path.stat().st_mtime > STALE_S
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        free = hold(file) if f".{_host()}." in path.name else None
    finally:
        os.close(file)
    return old if free is None else free
