"""Results on disk: one immutable HDF5 file a stage, found by its key.

``ROOT/results/TYPE/KEY.h5`` is a result, ``KEY.parts/`` holds the parts of one that is being made, ``KEY.lock`` keeps two
processes of one host from making it twice. Correctness never rests on the lock: a file gets its name by an atomic rename after
it was written and synced, so whoever comes second replaces equal bytes by equal bytes. Files are opened without HDF5 locks,
which many cluster file systems do not have.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from recortex.arrays import Array
from recortex.errors import DamagedFile

if TYPE_CHECKING:
    import xarray

MARK = "recortex_key"
_current: ContextVar[Store | None] = ContextVar("store", default=None)


class Result(Mapping[str, np.ndarray]):
    """A finished stage: a mapping from array name to NumPy array, read from disk when asked for.

    ``result["correlation"]`` reads one array; ``result.dims("correlation")`` names its axes; ``result.dataset()`` opens the
    file in xarray. The file stays closed between reads, so a result can be sent to another process.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        with self._open() as file:
            try:
                self.attributes = {name: _plain(value) for name, value in file.attrs.items()}
                self._arrays = json.loads(self.attributes["recortex_arrays"])
                for name, shape in self._arrays.items():
                    if list(file[name].shape) != shape:
                        raise DamagedFile(self.path, f"{name} has shape {file[name].shape} instead of {tuple(shape)}")
            except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
                raise _damage(self.path, error, "it is no result of recortex") from error

    def __repr__(self) -> str:
        arrays = ", ".join(f"{name} {tuple(shape)}" for name, shape in self._arrays.items())
        return f"<Result of {self.attributes.get('recortex_stage')}: {arrays}>"

    @contextmanager
    def _open(self) -> Iterator[h5py.File]:
        try:
            file = h5py.File(self.path, "r", locking=False)
        except OSError as error:
            raise _damage(self.path, error, "HDF5 cannot open it") from error
        with file:
            yield file

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
        if name not in self._arrays:
            raise KeyError(f"{name}; {self.path.name} holds {', '.join(self._arrays)}")
        with self._open() as file:
            try:
                dataset = file[name]
                place = rows if dataset.ndim else ()
                values = np.asarray(dataset[place])
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
        return tuple(self._arrays[name])

    def dims(self, name: str) -> tuple[str, ...]:
        """The dimension names of an array, first axis first."""
        with self._open() as file:
            return tuple(dim[0].name.rsplit("/", 1)[-1] for dim in file[name].dims)

    def dataset(self) -> xarray.Dataset:
        """The whole file as an xarray dataset, read lazily."""
        import xarray

        return xarray.open_dataset(self.path, engine="h5netcdf")


def _damage(path: Path, error: Exception, reason: str) -> Exception:
    """An error of reading as damage, unless the system refused: a file that may not be opened now is not bad."""
    if isinstance(error, DamagedFile):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return DamagedFile(path, reason)


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


@dataclass
class Draft:
    """A result while it is written: arrays whole or in slices, then attributes, then its name, all or nothing."""

    file: Any
    promised: Mapping[str, Array]
    shapes: dict[str, list[int]] = field(default_factory=dict)

    def create(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        """Make room for an array; its dimensions become HDF5 dimension scales."""
        spec = self.promised[name]
        for dim, size in zip(spec.dims, shape, strict=True):
            if dim not in self.file.dimensions:
                self.file.dimensions[dim] = size
        stored = np.dtype("int8") if dtype.kind == "b" else dtype
        # a checksum a chunk: flipped bytes are noticed on read
        variable = self.file.create_variable(name, spec.dims, stored, **({"fletcher32": True} if shape else {}))
        if spec.units:
            variable.attrs["units"] = spec.units
        if spec.about:
            variable.attrs["long_name"] = spec.about
        if dtype.kind == "b":
            variable.attrs["dtype"] = "bool"  # as xarray writes and reads booleans
        if dtype.kind == "S":
            variable.attrs["_Encoding"] = "utf-8"  # as xarray reads words
        self.shapes[name] = list(shape)
        return variable

    def put(self, name: str, values: Any) -> None:
        """Write a whole array."""
        values = np.asarray(values)
        if values.dtype.kind == "U":
            # of fixed length: words of any length would lie in HDF5's global heap, which has no checksum
            values = np.char.encode(values, "utf-8")
            values = values.astype(f"S{max(values.dtype.itemsize, 1)}")
        variable = self.create(name, values.shape, values.dtype)
        variable[...] = values


@dataclass(frozen=True)
class Store:
    """A folder of results.

    Parameters
    ----------
    root : Path
        The cache folder; made when first written to.
    """

    root: Path

    def file(self, type_name: str, key: str) -> Path:
        """Where the result of a key stands or will stand."""
        return self.root / "results" / type_name.replace(":", ".") / f"{key}.h5"

    def load(self, type_name: str, key: str) -> Result | None:
        """The result under a key, or None. A damaged one is set aside with a warning, and counts as absent."""
        path = self.file(type_name, key)
        try:
            result = Result(path)
            if result.attributes.get(MARK) != key:
                raise DamagedFile(path, "it does not hold the key of its name")
        except FileNotFoundError:
            return None
        except DamagedFile as damage:
            self.set_aside(damage)
            return None
        return result

    def write(
        self, type_name: str, key: str, promised: Mapping[str, Array], fill: Callable[[Draft], None], provenance: Mapping
    ) -> Result:
        """Write a result so that it exists whole or not at all, whatever happens meanwhile."""
        return self.write_file(self.file(type_name, key), type_name, key, promised, fill, provenance)

    def write_file(
        self,
        path: Path,
        type_name: str,
        key: str,
        promised: Mapping[str, Array],
        fill: Callable[[Draft], None],
        provenance: Mapping,
    ) -> Result:
        """As `write`, under a given path: temporary file, flush, fsync, rename, fsync of the folder."""
        import h5netcdf

        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        try:
            with h5netcdf.File(unfinished, "w", locking=False) as file:
                draft = Draft(file, promised)
                fill(draft)
                words = {
                    "recortex_stage": type_name,
                    "recortex_arrays": json.dumps(draft.shapes),
                    "recortex_provenance": json.dumps(provenance),
                    MARK: key,
                }
                for name, text in words.items():
                    file.attrs[name] = np.bytes_(text.encode())
            with open(unfinished, "rb+") as handle:
                os.fsync(handle.fileno())
            unfinished.chmod(0o444)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return Result(path)

    def set_aside(self, damage: DamagedFile) -> None:
        """Move a damaged file out of the way, next to where it was, and say so."""
        import logging

        aside = damage.path.with_suffix(".damaged")
        if damage.path.exists():
            os.replace(damage.path, aside)
        logging.getLogger("recortex").warning(
            "%s was damaged (%s): kept as %s, computed again", damage.path.name, damage.reason, aside.name
        )

    @contextmanager
    def lock(self, type_name: str, key: str) -> Iterator[None]:
        """Let one process of this host at a time make a result; where locks do not work, let all."""
        path = self.file(type_name, key).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError:  # a file system without locks: the work may be done twice, the file stays right
                pass
            yield
        # not removed here: another process may wait on this very file; `recortex cache prune` sweeps it


def current() -> Store:
    """The store in use: the one of `use`, else ``RECORTEX_CACHE``, else the user's cache folder."""
    chosen = _current.get()
    if chosen is not None:
        return chosen
    if folder := os.environ.get("RECORTEX_CACHE"):
        return Store(Path(folder).expanduser().absolute())
    from platformdirs import user_cache_path

    return Store(user_cache_path("recortex"))


@contextmanager
def use(store: Store) -> Iterator[Store]:
    """Make a store the current one inside a with block."""
    token = _current.set(store)
    try:
        yield store
    finally:
        _current.reset(token)
