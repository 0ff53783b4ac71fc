"""Stages made in parts: a file per range in ``KEY.parts/``, joined when all are there.

The tiling is recorded beside the parts, and the record wins: a run that was killed goes on with the ranges it began with.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recortex import disk, store
from recortex.arrays import check_arrays
from recortex.errors import DamagedFile, InvalidInput
from recortex.progress import steps

if TYPE_CHECKING:
    from recortex.stage import Stage


@dataclass(frozen=True)
class Tiling:
    """How a stage is split into parts: ``range(0, size, step)`` along one dimension, or from edge to edge.

    Parameters
    ----------
    dim : str
    size : int
    step : int
        Length of all parts but the last.
    edges : tuple of int
        Where parts of unequal length begin, in order, the first at 0; then there is no step.
    """

    dim: str
    size: int
    step: int = 0
    edges: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a tiling that does not cover the dimension once."""
        fits = (
            self.edges[0] == 0 and all(one < other for one, other in pairwise((*self.edges, self.size))) if self.edges else True
        )
        if not fits or bool(self.edges) == (self.step > 0):
            raise TypeError(f"a tiling has a step or edges that rise from 0 to its size, got {self}")

    def tiles(self) -> list[range]:
        """The index ranges, in order; together they cover the dimension once."""
        if self.edges:
            return [range(start, stop) for start, stop in pairwise((*self.edges, self.size))]
        return [range(start, min(start + self.step, self.size)) for start in range(0, self.size, self.step)]


def folder(stage: Stage) -> Path:
    """Where the parts of a stage lie until they are joined."""
    return store.current().file(stage.type_name(), stage.key()).with_suffix(".parts")


def remove(stage: Stage) -> None:
    """Remove what lies there, once the result is written."""
    shutil.rmtree(folder(stage), ignore_errors=True)


def settle(stage: Stage, wanted: Tiling) -> Tiling:
    """The tiling to use: the recorded one, else the wanted one, which is then recorded."""
    record = folder(stage) / "tiling.json"
    try:
        fields = json.loads(record.read_text())
        known = Tiling(**fields | {"edges": tuple(fields["edges"])})
        if (known.dim, known.size, known.edges) == (wanted.dim, wanted.size, wanted.edges) and type(known.step) is int:
            return known
    except (OSError, ValueError, TypeError, KeyError):
        pass  # no record, or half of one
    with disk.refusals(record):
        disk.write_whole(record, json.dumps(asdict(wanted)))
    return wanted


def part_file(stage: Stage, tile: range) -> Path:
    """The file of one part, named by its range."""
    return folder(stage) / f"{tile.start:010d}-{tile.stop:010d}.h5"


def make(stage: Stage, tile: range, dim: str) -> Path:
    """Compute and write one part along a dimension, unless a sound one is there.

    Raises
    ------
    TypeError
        The stage made a part of another length than asked for.
    """
    here, path = store.current(), part_file(stage, tile)
    with here.lock(path, f"part {tile.start} to {tile.stop} of {stage.type_name()}"):
        if _is_sound(path, stage, tile):
            return path
        arrays = stage.compute_tile(tile)
        sizes = check_arrays(stage.returns, arrays, stage.type_name())
        if sizes.get(dim) != len(tile):
            raise TypeError(f"{stage.type_name()}: asked for {len(tile)} along {dim}, made {sizes.get(dim)}")

        def fill(draft: store.Draft) -> None:
            for name, values in arrays.items():
                draft.put(name, values)

        here.write_file(path, stage.type_name(), stage.key(), stage.returns, fill, _mark(stage, tile))
    return path


def _mark(stage: Stage, tile: range) -> dict[str, Any]:
    return {"part_of": stage.key(), "range": [tile.start, tile.stop]}


def _is_sound(path: Path, stage: Stage, tile: range) -> bool:
    try:
        found = store.Result(path)
        if found.provenance != _mark(stage, tile):
            raise DamagedFile(path, "it is another part than its name says")
    except FileNotFoundError:
        return False
    except DamagedFile as damage:
        store.current().set_aside(damage)
        return False
    return True


def make_all(stage: Stage, tiling: Tiling) -> list[Path]:
    """Make every missing part, one after the other."""
    tiles = settle(stage, tiling).tiles()
    return [make(stage, tile, tiling.dim) for tile in steps(tiles, "parts")]


def join(stage: Stage, paths: Sequence[Path], tiling: Tiling, provenance: dict[str, Any]) -> store.Result:
    """Stream the parts into the final file, one part in memory at a time, and remove them.

    Raises
    ------
    TypeError
        An array without the tiled dimension, or the kind of an array, differs between parts.
    """
    results = [store.Result(path) for path in paths]
    first = results[0]

    def fill(draft: store.Draft) -> None:
        for name in first:
            dims = stage.returns[name].dims
            head = first[name]
            if tiling.dim not in dims:
                same = all(np.array_equal(head, other[name], equal_nan=head.dtype.kind == "f") for other in results[1:])
                if not same:
                    raise InvalidInput(
                        f"{stage.type_name()}: {name} is not the same in all parts, which may have been made on different machines; "
                        "remove them with `recortex cache prune --unfinished`, then run again"
                    )
                draft.put(name, head)
                continue
            axis = dims.index(tiling.dim)
            if head.dtype.kind == "U":  # few bytes, and the longest word is known only when all are there
                draft.put(name, np.concatenate([result[name] for result in results], axis=axis))
                continue
            shape = (*head.shape[:axis], tiling.size, *head.shape[axis + 1 :])
            step = max(result.shape(name)[axis] for result in results)
            draft.create(name, shape, head.dtype, axis, step)
            start = 0
            for values in _of_length(step, (result[name] for result in results), axis):
                if values.dtype != head.dtype:
                    raise TypeError(f"{stage.type_name()}: {name} is {head.dtype} in one part and {values.dtype} in another")
                draft.write(name, start, values, axis)
                start += values.shape[axis]

    joined = store.current().write(stage.type_name(), stage.key(), stage.returns, fill, provenance)
    remove(stage)
    return joined


def _of_length(step: int, arrays: Iterable[np.ndarray], axis: int) -> Iterator[np.ndarray]:
    """The same rows along an axis in arrays of one length, but for the last: what a file takes in whole chunks."""
    held: np.ndarray | None = None
    for each in arrays:
        held = each if held is None or not held.shape[axis] else np.concatenate([held, each], axis)
        while held.shape[axis] >= step:
            whole, held = np.split(held, [step], axis)
            yield whole
    if held is not None and held.shape[axis]:
        yield held
