"""A finished stage's file, read with every check there is on its bytes.

HDF5 of version 1.10 has checksums for its own structure; each chunk of an array is a zlib stream that stores its bytes uncompressed,
for the Adler-32 at its end (HDF5's own fletcher32 takes a chunk of zeros for sound, and lost pages read as zeros); an array read
whole is held against a sum of its own, which knows the chunks' places; attributes carry a seal.
"""

from __future__ import annotations

import errno
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from recortex import disk
from recortex.errors import CannotRead, DamagedFile

if TYPE_CHECKING:
    import xarray

MARK = "recortex_key"
SEAL = "recortex_seal"
WORDS = (MARK, "recortex_stage", "recortex_arrays", "recortex_provenance")


class Result(Mapping[str, np.ndarray]):
    """A finished stage: a mapping from array name to NumPy array, read from disk when asked for.

    ``result["correlation"]`` reads one array; ``result.dims("correlation")`` names its axes; ``result.dataset()`` opens the
    file in xarray. The file stays closed between reads, so a result can be sent to another process.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        with self._open() as file:
            try:
                self.attributes = {name: _plain(file.attrs[name]) for name in (*WORDS, SEAL)}
                if self.attributes[SEAL] != seal(self.attributes):
                    raise DamagedFile(self.path, "its attributes are not those that were written")
                self._arrays: dict[str, Any] = json.loads(self.attributes["recortex_arrays"])
                for name, made in self._arrays.items():
                    if list(file[name].shape) != made["shape"]:
                        raise DamagedFile(self.path, f"{name} has shape {file[name].shape} instead of {tuple(made['shape'])}")
            except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
                raise _damage(self.path, error, "it is no result of recortex") from error

    def __repr__(self) -> str:
        arrays = ", ".join(f"{name} {self.shape(name)}" for name in self._arrays)
        return f"<Result of {self.attributes['recortex_stage']}: {arrays}>"

    @contextmanager
    def _open(self) -> Iterator[h5py.File]:
        self.seen = identity(self.path)
        try:
            try:
                file = h5py.File(self.path, "r", locking=False)
            except OSError as error:
                raise _damage(self.path, error, "HDF5 cannot open it") from error
            with file:
                yield file
        except DamagedFile as damage:
            damage.seen = self.seen
            raise

    @property
    def key(self) -> str:
        """The key of the stage that made this."""
        return str(self.attributes[MARK])

    @property
    def provenance(self) -> dict[str, Any]:
        """How it was made: configuration, input keys, versions, git state, licences and citations."""
        return json.loads(self.attributes["recortex_provenance"])

    def __getitem__(self, name: str) -> np.ndarray:
        return self.read(name)

    def read(self, name: str, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Read an array, or some rows (first axis) of it.

        Raises
        ------
        KeyError
            There is no such array; the message lists those there are.
        DamagedFile
            The bytes on disk are not those that were written.
        """
        if isinstance(rows, slice) and (rows.step or 1) < 1:
            raise IndexError(f"{name}: rows are read forwards; turn them round afterwards")
        if name not in self._arrays:
            raise KeyError(f"{name}; {self.path.name} holds {', '.join(self._arrays)}")
        with self._open() as file:
            try:
                dataset = file[name]
                place = rows if dataset.ndim else ()
                values = np.asarray(dataset[place], dtype=dataset.dtype)
                if (
                    values.shape == dataset.shape
                    and isinstance(rows, slice)
                    and not _is_whole(values, self._arrays[name]["sums"])
                ):
                    raise DamagedFile(self.path, f"{name} is not what was written")
                if values.dtype.kind == "S":
                    return np.char.decode(values, "utf-8")
                return values.astype(bool) if dataset.attrs.get("dtype") == "bool" else values
            except (OSError, RuntimeError, KeyError, ValueError) as error:
                raise _damage(self.path, error, f"{name} cannot be read") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, without reading it."""
        return tuple(self._arrays[name]["shape"])

    def dims(self, name: str) -> tuple[str, ...]:
        """The dimension names of an array, first axis first."""
        return tuple(self._arrays[name]["dims"])

    @property
    def nbytes(self) -> int:
        """What the arrays take, whatever is written around them."""
        with self._open() as file:
            return sum(file[name].nbytes for name in self._arrays)

    def dataset(self) -> xarray.Dataset:
        """The whole file as an xarray dataset, read lazily."""
        import xarray

        return xarray.open_dataset(self.path, engine="h5netcdf")


def identity(path: Path) -> tuple[int, int, int] | None:
    """Which file has a name now; None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _damage(path: Path, error: Exception, reason: str) -> Exception:
    """An error of reading as damage, unless the system refused: a file that may not be opened now is not bad."""
    if isinstance(error, DamagedFile | CannotRead | FileNotFoundError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.EISDIR, errno.ELOOP):
        return DamagedFile(path, "it is no file")
    if isinstance(error, OSError) and error.errno is not None:
        return disk.unreadable(path, error)
    return DamagedFile(path, reason)


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def sum_of(values: np.ndarray) -> int:
    """CRC-32 of an array's bytes in order."""
    return zlib.crc32(np.atleast_1d(np.ascontiguousarray(values)).view(np.uint8).data)


def _is_whole(values: np.ndarray, sums: list[list[int]]) -> bool:
    """Whether an array is what was written, slice by slice: the axis, where it stops, and its sum."""
    start = 0
    for axis, stop, written in sums:
        if sum_of(values[(slice(None),) * axis + (slice(start, stop),)] if values.ndim else values) != written:
            return False
        start = stop
    return True


def seal(words: Mapping[str, str]) -> str:
    """What a file's attributes must give; any change of one of `WORDS` gives another."""
    return hashlib.sha256("\0".join(words[name] for name in WORDS).encode()).hexdigest()
