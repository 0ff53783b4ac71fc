"""How arrays are cut into chunks on disk, and a sum for each: whatever part of an array is read, its chunks are held against these."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil, prod

import numpy as np

Place = tuple[slice, ...]

BYTES = 2**20  # of a chunk, about
MOST = 2048  # chunks of an array, about: their sums stand in the file's head
WIDTH = 1024  # items along the last axis, so that some columns of all rows are read as readily as some rows


def chunk_shape(shape: Sequence[int], itemsize: int, axis: int = 0, step: int | None = None) -> tuple[int, ...]:
    """The shape of the chunks of an array.

    Parameters
    ----------
    shape : sequence of int
    itemsize : int
    axis : int
        Along which the array is written in slices.
    step : int, optional
        The length of these slices but the last; each then holds whole chunks.

    Examples
    --------
    >>> chunk_shape((10_000, 100_000), 4)
    (476, 1024)
    >>> chunk_shape((1000, 256, 256, 3), 1)
    (5, 256, 256, 3)
    >>> chunk_shape((3, 768, 100_000), 4, axis=2, step=5000)
    (1, 262, 1000)
    """
    room = max(BYTES, prod(shape) * itemsize / MOST) / itemsize
    made: list[int] = []
    for place in reversed(range(len(shape))):
        left = max(1, int(room // prod(made)))
        size = min(shape[place], max(WIDTH, left) if len(shape) == 1 else WIDTH if not made else left)
        if place == axis and step is not None and step < shape[place]:
            size = next(step // parts for parts in range(ceil(step / max(size, 1)), step + 1) if step % parts == 0)
        made.append(max(1, size))
    return tuple(reversed(made))


def aligned(place: slice, size: int, chunk: int) -> tuple[int, int]:
    """Where the chunks of a slice along an axis begin and end."""
    start, stop, _ = place.indices(size)
    return start // chunk * chunk, min(ceil(max(stop, start) / chunk) * chunk, size)


def sum_of(values: np.ndarray) -> int:
    """CRC-32 of an array's bytes in order."""
    return zlib.crc32(np.atleast_1d(np.ascontiguousarray(values)).view(np.uint8).data)


def grid(shape: Sequence[int], chunks: Sequence[int]) -> tuple[int, ...]:
    """How many chunks there are along each axis."""
    return tuple(ceil(size / chunk) for size, chunk in zip(shape, chunks, strict=True))


def places(start: Sequence[int], stop: Sequence[int], chunks: Sequence[int]) -> Iterator[tuple[tuple[int, ...], Place]]:
    """Every chunk of a box that begins and ends with chunks: its number along each axis, and where it lies in the box."""
    ranges = [range(low // chunk, ceil(high / chunk)) for low, high, chunk in zip(start, stop, chunks, strict=True)]
    for numbers in product(*ranges):
        yield (
            numbers,
            tuple(
                slice(number * chunk - low, min((number + 1) * chunk, high) - low)
                for number, chunk, low, high in zip(numbers, chunks, start, stop, strict=True)
            ),
        )
