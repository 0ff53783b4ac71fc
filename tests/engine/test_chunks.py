"""Whatever part of an array is read is what was written, and no other chunk can take its place."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recortex import store
from recortex.arrays import Array
from recortex.chunks import BYTES, MOST, aligned, chunk_shape, grid, places
from recortex.errors import DamagedFile

SHAPES = st.lists(st.integers(0, 3000), min_size=1, max_size=4).map(tuple)


def written(values: np.ndarray, axis: int = 0, step: int | None = None) -> store.Result:
    """A result with one array, in slices along an axis."""
    promised = {"x": Array(*"abcd"[: values.ndim])}

    def fill(draft: store.Draft) -> None:
        if step is None:
            draft.put("x", values)
            return
        draft.create("x", values.shape, values.dtype, axis, step)
        for start in range(0, values.shape[axis], step):
            draft.write("x", start, np.take(values, range(start, min(start + step, values.shape[axis])), axis), axis)

    return store.current().write("Made", f"{values.shape}-{axis}-{step}", promised, fill, {})


@given(SHAPES, st.sampled_from([1, 2, 4, 8]))
def test_chunks_are_neither_large_nor_many(shape, itemsize) -> None:
    chunks = chunk_shape(shape, itemsize)
    assert all(1 <= chunk <= max(size, 1) for chunk, size in zip(chunks, shape, strict=True))
    size = np.prod(np.array(shape, float)) * itemsize
    assert np.prod(np.array(chunks, float)) * itemsize <= max(BYTES, size / MOST)
    assert np.prod(np.array(grid(shape, chunks), float)) <= 4 * MOST + 4


@given(SHAPES, st.data())
def test_slices_hold_whole_chunks(shape, data) -> None:
    axis, step = data.draw(st.integers(0, len(shape) - 1)), data.draw(st.integers(1, 4000))
    chunk = chunk_shape(shape, 4, axis, step)[axis]
    assert step >= shape[axis] or step % chunk == 0


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3))
def test_places_cover_a_box_once(sides) -> None:
    shape, chunks = zip(*sides, strict=True)
    seen = np.zeros(shape, int)
    numbers = []
    for number, inside in places([0] * len(shape), shape, chunks):
        seen[inside] += 1
        numbers.append(number)
    assert (seen == 1).all() and len(set(numbers)) == len(numbers) == np.prod(grid(shape, chunks))


@given(st.integers(0, 20), st.integers(1, 9), st.data())
def test_aligned_is_the_smallest_run_of_chunks_around_a_slice(size, chunk, data) -> None:
    place = slice(data.draw(st.integers(0, 20)), data.draw(st.integers(0, 20)))
    start, stop = aligned(place, size, chunk)
    assert start % chunk == 0 and (stop % chunk == 0 or stop == size)
    low, high, _ = place.indices(size)
    if low < high:
        assert start <= low < start + chunk and stop - chunk < high <= stop


@pytest.mark.parametrize(
    ("shape", "axis", "step"), [((700, 3000), 0, None), ((700, 3000), 1, 900), ((5, 60, 2100), 2, 700), ((9,), 0, 4)]
)
def test_any_rows_and_columns_are_those_of_the_whole(shape, axis, step) -> None:
    values = np.random.default_rng(0).standard_normal(shape)
    result = written(values, axis, step)
    np.testing.assert_array_equal(result["x"], values)
    for rows in (slice(None), slice(1, 3), slice(2, 600, 5), slice(0, 0), np.array([4, 0, 4]), np.arange(shape[0]) % 2 == 0):
        np.testing.assert_array_equal(result.read("x", rows), values[rows])
        if len(shape) > 1:
            for columns in (slice(1000, 1030), slice(None, None, 7), slice(5, 5), slice(1500, 10**6)):
                np.testing.assert_array_equal(result.read("x", rows, columns), values[rows][..., columns])
    with pytest.raises(IndexError, match="read forwards"):
        result.read("x", slice(None), slice(None, None, -1))


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_chunk_in_the_place_of_another_is_found_by_whatever_read_meets_it(data) -> None:
    values = np.random.default_rng(0).standard_normal((1100, 2500)).astype(np.float32)
    result = written(values)
    with h5py.File(result.path) as file:
        first, second = file["x"].chunks
        stored = {
            (row, column): file["x"].id.get_chunk_info_by_coord((row, column))
            for row in range(0, 1100, first)
            for column in range(0, 2500, second)
        }
    of_one_size = [places for places in stored if stored[places].size == stored[0, 0].size]
    one, other = data.draw(st.permutations(of_one_size))[:2]
    content = bytearray(result.path.read_bytes())
    pieces = [slice(info.byte_offset, info.byte_offset + info.size) for info in (stored[one], stored[other])]
    content[pieces[0]], content[pieces[1]] = content[pieces[1]], content[pieces[0]]
    copy = Path(result.path.parent / "swapped.h5")
    copy.write_bytes(content)
    swapped = store.Result(copy)
    for row, column in (one, other):
        with pytest.raises(DamagedFile, match="x is not what was written"):
            swapped.read("x", slice(row + 3, row + 4), slice(column + 1, column + 2))
    for row, column in set(stored) - {one, other}:
        np.testing.assert_array_equal(
            swapped.read("x", slice(row, row + 2), slice(column, column + 2)), values[row : row + 2, column : column + 2]
        )
    copy.unlink()


def test_truths_stay_truths_where_an_attribute_for_xarray_goes_bad() -> None:
    result = store.current().write("Made", "truths", {"x": Array("a")}, lambda draft: draft.put("x", np.array([True, False])), {})
    content = result.path.read_bytes()
    assert content.count(b"bool") == 2  # one of them in the sealed head, one where HDF5 keeps words without a checksum
    for place in (content.index(b"bool"), content.rindex(b"bool")):
        copy = result.path.with_name("worse.h5")
        copy.write_bytes(content[:place] + b"dull" + content[place + 4 :])
        try:
            assert store.Result(copy)["x"].dtype == bool
        except DamagedFile:
            pass
        copy.unlink()
