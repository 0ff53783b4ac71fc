"""A finished stage's file, read with every check there is on its bytes.

HDF5 of version 1.10 has checksums for its own structure; each chunk of an array is a zlib stream that stores its bytes uncompressed,
for the Adler-32 at its end (HDF5's own fletcher32 takes a chunk of zeros for sound, and lost pages read as zeros); each chunk is
held against a sum of its own besides, which knows the chunk's place; attributes carry a seal.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from recortex import disk
from recortex.chunks import aligned, grid, places, sum_of
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

    def read(self, name: str, rows: slice | np.ndarray = slice(None), columns: slice = slice(None)) -> np.ndarray:
        """Read an array, or some of its rows (first axis) or columns (last axis), whole chunks of it in turn.

        Raises
        ------
        KeyError
            There is no such array; the message lists those there are.
        DamagedFile
            The bytes on disk are not those that were written.
        """
        if any(isinstance(some, slice) and (some.step or 1) < 1 for some in (rows, columns)):
            raise IndexError(f"{name}: rows and columns are read forwards; turn them round afterwards")
        if name not in self._arrays:
            raise KeyError(f"{name}; {self.path.name} holds {', '.join(self._arrays)}")
        with self._open() as file:
            try:
                values = self._sound(file[name], self._arrays[name], rows, columns)
                if values.dtype.kind == "S":
                    return np.char.decode(values, "utf-8")
                # not by the array's own attributes, which xarray reads: they lie where HDF5 has no checksums
                return values.astype(bool) if self._arrays[name]["bool"] else values
            except (OSError, RuntimeError, KeyError, ValueError) as error:
                raise _damage(self.path, error, f"{name} cannot be read") from error

    def _sound(self, dataset: Any, made: Mapping[str, Any], rows: slice | np.ndarray, columns: slice) -> np.ndarray:
        """Some rows and columns, each chunk that holds any of them held against its sum."""
        if not dataset.ndim:
            values = np.asarray(dataset[()], dtype=dataset.dtype)
            self._check(dataset.name, values, made["sums"][0])
            return values
        shape, chunks = dataset.shape, made["chunks"]
        first, numbered = chunks[0], grid(shape, chunks)
        wanted, low, high = np.arange(shape[0])[rows], [0] * len(shape), list(shape)
        across: tuple[Any, ...] = ()
        if len(shape) > 1:
            begin, end, step = columns.indices(shape[-1])
            low[-1], high[-1] = aligned(columns, shape[-1], chunks[-1])
            across = (..., slice(begin - low[-1], max(end, begin) - low[-1], step))
        width = [len(range(shape[-1])[columns])] if across else []
        out = np.empty((len(wanted), *shape[1 : len(shape) - len(width)], *width), dataset.dtype)
        for number in np.unique(wanted // first):
            low[0], high[0] = int(number * first), min(int((number + 1) * first), shape[0])
            slab = np.asarray(dataset[tuple(map(slice, low, high))], dtype=dataset.dtype)
            for place, inside in places(low, high, chunks):
                self._check(dataset.name, slab[inside], made["sums"][int(np.ravel_multi_index(place, numbered))])
            mine = wanted // first == number
            out[mine] = slab[wanted[mine] - low[0]][across]
        return out

    def _check(self, name: str, values: np.ndarray, written: int) -> None:
        if sum_of(values) != written:
            raise DamagedFile(self.path, f"{name.lstrip('/')} is not what was written")

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


def seal(words: Mapping[str, str]) -> str:
    """What a file's attributes must give; any change of one of `WORDS` gives another."""
    return hashlib.sha256("\0".join(words[name] for name in WORDS).encode()).hexdigest()
