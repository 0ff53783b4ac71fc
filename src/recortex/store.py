"""Results on disk: one immutable HDF5 file a stage, found by its key.

``ROOT/results/TYPE/KEY.h5`` is a result, ``KEY.parts/`` holds the parts of one that is being made, ``KEY.lock`` keeps two
processes of one host from making it twice. Correctness never rests on the lock: a file gets its name by an atomic rename after
it was written and synced, so whoever comes second replaces equal bytes by equal bytes. Files are opened without HDF5 locks,
which many cluster file systems do not have.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recortex import disk
from recortex.arrays import Array
from recortex.chunks import chunk_shape, grid, places, sum_of
from recortex.errors import CannotWrite, DamagedFile
from recortex.interrupts import held_back
from recortex.result import MARK, SEAL, Result, identity, seal
from recortex.unfinished import Unfinished, hold

AT_ONCE = 2**23  # bytes written between two looks at whether the disk still takes them
_current: ContextVar[Store | None] = ContextVar("store", default=None)


@dataclass
class Draft:
    """A result while it is written: arrays whole or in slices, then attributes, then its name, all or nothing."""

    file: Any
    promised: Mapping[str, Array]
    unfinished: Unfinished
    arrays: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)

    def create(self, name: str, shape: tuple[int, ...], dtype: np.dtype, axis: int = 0, step: int | None = None) -> None:
        """Make room for an array that comes in slices of `step` along an axis; its dimensions become HDF5 dimension scales."""
        spec = self.promised[name]
        for dim, size in zip(spec.dims, shape, strict=True):
            if dim not in self.file.dimensions:
                self.file.dimensions[dim] = size
        stored = np.dtype("int8") if dtype.kind == "b" else dtype
        chunks = chunk_shape(shape, stored.itemsize, axis, step)
        checked = {"compression": "gzip", "compression_opts": 0, "chunks": chunks} if shape else {}
        variable = self.file.create_variable(name, spec.dims, stored, **checked)
        if spec.units:
            variable.attrs["units"] = spec.units
        if spec.about:
            variable.attrs["long_name"] = spec.about
        if dtype.kind == "b":
            variable.attrs["dtype"] = "bool"  # as xarray writes and reads booleans
        if dtype.kind == "S":
            variable.attrs["_Encoding"] = "utf-8"  # as xarray reads words
        self.arrays[name] = {
            "dims": spec.dims,
            "shape": list(shape),
            "bool": dtype.kind == "b",
            "chunks": chunks,
            "sums": [0] * prod(grid(shape, chunks)),
        }
        self.variables[name] = variable

    def put(self, name: str, values: Any) -> None:
        """Write a whole array."""
        values = np.asarray(values)
        if values.dtype.kind == "U":
            # of fixed length: words of any length would lie in HDF5's global heap, which has no checksum
            values = np.char.encode(values, "utf-8")
            values = values.astype(f"S{max(values.dtype.itemsize, 1)}")
        self.create(name, values.shape, values.dtype)
        if not values.ndim:
            self.variables[name][...] = values
            self.arrays[name]["sums"] = [sum_of(values)]
            return
        chunk = self.arrays[name]["chunks"][0]
        rows = max(1, AT_ONCE // max(1, chunk * values[:1].nbytes)) * chunk
        for start in range(0, len(values), rows):
            self.write(name, start, values[start : start + rows])

    def write(self, name: str, start: int, values: np.ndarray, axis: int = 0) -> None:
        """Write a slice of an array that was made with `create`, of whole chunks.

        Raises
        ------
        OSError
            The disk did not take it.
        KeyboardInterrupt
            It is to stop.
        """
        place = (slice(None),) * axis + (slice(start, start + values.shape[axis]),)
        self.variables[name][place] = values
        self.unfinished.check()
        made = self.arrays[name]
        low = [start if place == axis else 0 for place in range(values.ndim)]
        high = [below + size for below, size in zip(low, values.shape, strict=True)]
        shape = grid(made["shape"], made["chunks"])
        for numbers, inside in places(low, high, made["chunks"]):
            made["sums"][int(np.ravel_multi_index(numbers, shape))] = sum_of(values[inside])


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
            if result.key != key:
                damage = DamagedFile(path, "it does not hold the key of its name")
                damage.seen = result.seen
                raise damage
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
        """As `write`, under a given path: temporary file, flush, fsync, rename, fsync of the folder.

        Raises
        ------
        CannotWrite
            The disk is full, read-only, over a quota, or gone.
        """
        import h5netcdf

        disk.make_folder(path.parent)
        with disk.refusals(path), Unfinished(path) as unfinished:
            try:
                with (
                    held_back(unfinished.stop),
                    h5py.File(unfinished, "w", libver=("v110", "v110"), track_order=True) as plain,
                    h5netcdf.File(plain, "w") as file,
                ):
                    draft = Draft(file, promised, unfinished)
                    fill(draft)
                    words = {
                        "recortex_stage": type_name,
                        "recortex_arrays": json.dumps(draft.arrays),
                        "recortex_provenance": json.dumps(provenance),
                        MARK: key,
                    }
                    for name, text in (words | {SEAL: seal(words)}).items():
                        file.attrs[name] = np.bytes_(text.encode())
            except Exception:
                unfinished.check()  # what the disk said comes before what HDF5 made of it
                raise
            unfinished.finish(read_only=True)
        return Result(path)

    def set_aside(self, damage: DamagedFile) -> None:
        """Move a damaged file out of the way, next to where it was, and say so.

        Raises
        ------
        CannotWrite
            It may not be moved.
        """
        aside = damage.path.with_suffix(".damaged")
        if damage.seen is not None and identity(damage.path) != damage.seen:
            return  # another process has put a new one in its place
        try:
            with disk.refusals(damage.path):
                if aside.is_dir() and not aside.is_symlink():
                    shutil.rmtree(aside)
                os.replace(damage.path, aside)
        except FileNotFoundError:
            return  # another process has done it
        except CannotWrite as error:
            raise CannotWrite(f"{damage.path} is damaged ({damage.reason}) and cannot be moved away: {error}") from error
        logging.getLogger("recortex").warning(
            "the cached result %s was damaged (%s) and is set aside as %s; a run computes it again, nothing is for you to do",
            damage.path,
            damage.reason,
            aside.name,
        )

    @contextmanager
    def lock(self, path: Path, what: str) -> Iterator[None]:
        """Let one process of this host at a time make a file; where locks do not work, let all.

        Parameters
        ----------
        path : Path
            The file; its lock stands beside it.
        what : str
            What is made, for those who wait.

        Raises
        ------
        CannotWrite
            The lock cannot be made, nor could the file.
        """
        path = path.with_suffix(".lock")
        while True:
            disk.make_folder(path.parent)
            with disk.refusals(path):
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                if hold(file) is False:
                    logging.getLogger("recortex").warning("another process is making %s: waiting for it", what)
                    hold(file, wait=True)
                if _is_there(path, file):  # else `recortex cache prune` took it away before it was held: again, with a new one
                    yield
                    return
            finally:
                with suppress(OSError):  # nothing was written to it
                    os.close(file)


def _is_there(path: Path, file: int) -> bool:
    """Whether an open file still has its name."""
    try:
        return path.stat().st_ino == os.fstat(file).st_ino
    except FileNotFoundError:
        return False


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
