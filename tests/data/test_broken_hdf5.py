"""HDF5 files, MATLAB's v7.3 among them, that lie, lead elsewhere or hold no numbers are told in one line; odd ones are read right."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recortex.data._array_files import array_names, read_array, shape_of
from recortex.data.picture_file import PictureFile
from tests.data import files
from tests.data.broken import Broken, Desk, bounded

BROKEN = Broken()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_hdf5_file_is_told_in_one_line(name, desk):
    BROKEN.check(name, desk)


def h5(desk: Desk, fill: Callable[[Any], Any], name: str = "betas.h5", **options: Any) -> Path:
    with h5py.File(desk.folder / name, "w", **options) as file:
        fill(file)
    return desk.folder / name


def other(desk: Desk) -> Path:
    """A sound file beside the one that is named."""
    return h5(desk, lambda file: file.create_dataset("betas", data=desk.responses), "other.h5")


def raw(file: Any, name: str, kind: Any, space: Any) -> Any:
    """A dataset through HDF5's own calls."""
    return h5py.h5d.create(file.id, name.encode(), kind, space)


# what lies elsewhere: the key of a result knows only the file that is named


@BROKEN("betas.h5: betas", "another file", "other.h5")
def a_link_to_another_file(desk):
    other(desk)
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", h5py.ExternalLink("other.h5", "/betas"))), array="betas")


@BROKEN("betas.h5: betas", "another file", "other.h5")
def a_link_to_another_file_and_nothing_else(desk):
    other(desk)
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", h5py.ExternalLink("other.h5", "/betas"))))


@BROKEN("betas.h5: run1/betas", "another file", "other.h5")
def a_group_in_another_file(desk):
    other(desk)
    return desk.brain(h5(desk, lambda file: file.__setitem__("run1", h5py.ExternalLink("other.h5", "/"))), array="run1/betas")


@BROKEN("betas.h5: betas", "another file", "pipe.h5")
def a_link_to_a_pipe_that_never_answers(desk):
    os.mkfifo(desk.folder / "pipe.h5")
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", h5py.ExternalLink("pipe.h5", "/betas"))), array="betas")


@BROKEN("betas.h5: betas", "another file", "'/etc/passwd\\n'")
def a_link_to_a_file_of_the_system(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", h5py.ExternalLink("/etc/passwd\n", "/"))), array="betas")


@BROKEN("betas.h5: betas", "a link to /run1/betas", "name the array where it lies")
def a_link_within_the_file(desk):
    def fill(file):
        file["run1/betas"], file["run2/betas"] = desk.responses, desk.responses
        file["betas"] = h5py.SoftLink("/run1/betas")

    return desk.brain(h5(desk, fill), array="betas")


@BROKEN("betas.h5: betas", "a link to /nowhere")
def a_link_to_nowhere(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", h5py.SoftLink("/nowhere"))))


@BROKEN("betas.h5: betas", "a link to /betas")
def a_link_to_itself(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", h5py.SoftLink("/betas"))), array="betas")


@BROKEN("betas.h5: betas", "numbers in other files", "numbers.bin")
def numbers_in_a_file_beside(desk):
    desk.bytes("numbers.bin", desk.responses.tobytes())
    external = [("numbers.bin", 0, h5py.h5f.UNLIMITED)]
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", (7, 5), "f8", external=external)))


@BROKEN("betas.h5: betas", "numbers in other files", "/etc/passwd")
def numbers_in_a_file_of_the_system(desk):
    external = [("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", (7, 5), "u1", external=external)))


@BROKEN("betas.h5: betas", "numbers in other files", "other.h5")
def a_virtual_array(desk):
    layout = h5py.VirtualLayout((7, 5), "f8")
    layout[:] = h5py.VirtualSource(other(desk), "betas", (7, 5))
    return desk.brain(h5(desk, lambda file: file.create_virtual_dataset("betas", layout)))


# what was never written, or cannot be unpacked


@BROKEN("betas.h5: betas", "8,000 GB", "this process can have")
def room_for_a_million_by_a_million(desk):
    def fill(file):
        file.create_dataset("betas", (1_000_000, 1_000_000), "f8", chunks=(10, 10))[0, 0] = 1

    return desk.brain(h5(desk, fill), drop_units="invalid")  # which looks at all units at once


@BROKEN("betas.h5 has 1000000 trials", "7 lines")
def room_for_a_million_by_a_million_read_some_units_at_a_time(desk):
    def fill(file):
        file.create_dataset("betas", (1_000_000, 1_000_000), "f8", chunks=(10, 10))[0, 0] = 1

    return desk.brain(h5(desk, fill))


@BROKEN("betas.h5: betas", "no number was ever written")
def room_and_nothing_in_it(desk):
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", (7, 5), "f8")))


@BROKEN("betas.h5: betas", "no number was ever written")
def ten_gigabytes_of_room_and_nothing_in_it(desk):
    """It might fit into memory; reading would fill it with zeros."""
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", (7, 200_000_000), "f8", chunks=(7, 100_000))))


@BROKEN("betas.h5: betas", "nothing", "(0, 5)")
def an_array_that_was_to_grow(desk):
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", (0, 5), "f8", maxshape=(None, 5))))


@BROKEN("betas.h5: betas", "empty array")
def a_null_space(desk):
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", data=h5py.Empty("f8"))))


@BROKEN("betas.h5: betas", "packed with", "32099", "gzip")
def a_filter_that_is_not_installed(desk):
    def fill(file):
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((7, 5))
        made.set_filter(32099, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        space = h5py.h5s.create_simple((7, 5))
        h5py.h5d.create(file.id, b"betas", h5py.h5t.IEEE_F64LE, space, made).write_direct_chunk((0, 0), b"\0" * 280)

    return desk.brain(h5(desk, fill))


@BROKEN("betas.h5", "cannot be read")
def a_checksum_that_is_wrong(desk):
    path = h5(desk, lambda file: file.create_dataset("betas", data=desk.responses, chunks=(7, 5), fletcher32=True))
    content = bytearray(path.read_bytes())
    content[content.index(desk.responses.tobytes()[:40]) + 8] ^= 1
    return desk.brain(desk.bytes("betas.h5", bytes(content)))


@BROKEN("betas.h5", "cannot be read")
def a_packed_chunk_that_is_broken(desk):
    def fill(file):
        made = file.create_dataset("betas", (7, 5), "f8", chunks=(7, 5), compression="gzip")
        made.id.write_direct_chunk((0, 0), b"no zlib stream")

    return desk.brain(h5(desk, fill))


@BROKEN("betas.h5", "cannot be read")
def a_header_and_nothing_behind_it(desk):
    return desk.brain(desk.bytes("betas.h5", other(desk).read_bytes()[:96]))


@BROKEN("betas.h5", "cannot be read")
def a_copy_that_ends_in_zeros(desk):
    content = other(desk).read_bytes()
    return desk.brain(desk.bytes("betas.h5", content[:96] + b"\0" * (len(content) - 96)))


@BROKEN("betas.h5", "cannot be read")
def a_csv_called_h5(desk):
    return desk.brain(desk.bytes("betas.h5", b"1,2,3\n4,5,6\n"))


@BROKEN("betas.h5", "MATLAB file")
def a_mat_called_h5(desk):
    return desk.brain(desk.mat(betas=desk.responses).rename(desk.folder / "betas.h5"))


# what is no array of numbers


@BROKEN("betas.h5: run1", "is a group", "run1/betas")
def a_group_instead_of_an_array(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("run1/betas", desk.responses)), array="run1")


@BROKEN("betas.h5: run1", "is a group", "nothing")
def an_empty_group(desk):
    return desk.brain(h5(desk, lambda file: file.create_group("run1")))


@BROKEN("betas.h5 holds no array")
def a_file_of_nothing(desk):
    return desk.brain(h5(desk, lambda file: None))


@BROKEN("betas.h5 holds no array run1/beta", "did you mean run1/betas?")
def a_misspelt_path(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("run1/betas", desk.responses)), array="run1/beta")


@BROKEN("betas.h5 holds no array betas/values")
def a_path_through_an_array(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", desk.responses)), array="betas/values")


@BROKEN("betas.h5: kind", "name of a type")
def a_named_type(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("kind", np.dtype("f8"))), array="kind")


@BROKEN("betas.h5", "records")
def a_compound(desk):
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", data=np.zeros(7, dtype=[("a", "f8"), ("b", "f8")]))))


@BROKEN("betas.h5: betas", "words, references or lists")
def lists_of_any_length(desk):
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", (7,), h5py.vlen_dtype("f8"))))


@BROKEN("betas.h5: betas", "words, references or lists")
def object_references(desk):
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", (7,), h5py.ref_dtype)))


@BROKEN("betas.h5: betas", "words, references or lists")
def words_of_any_length(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", ["face", "house"])))


@BROKEN("betas.h5: betas", "words, not numbers")
def words_of_one_length(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", np.full((7, 5), b"abc"))))


@BROKEN("betas.h5: betas", "complex")
def complex_numbers(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", desk.responses + 1j)))


@BROKEN("betas.h5", "true and false")
def truths(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", desk.responses > 0)))


@BROKEN("betas.h5", "shape ()", "(trial, unit)")
def a_single_number(desk):
    return desk.brain(h5(desk, lambda file: file.__setitem__("betas", 3.0)))


@BROKEN("betas.h5")
def rows_as_one_element_each(desk):
    def fill(file):
        file.create_dataset("betas", (7,), np.dtype(("f8", (5,))))[...] = desk.responses

    return desk.brain(h5(desk, fill))


@BROKEN("betas.h5")
def opaque_bytes(desk):
    return desk.brain(h5(desk, lambda file: file.create_dataset("betas", data=np.zeros((7, 5), dtype="V8"))))


@BROKEN("betas.h5")
def times_that_no_program_reads(desk):
    return desk.brain(h5(desk, lambda file: raw(file, "betas", h5py.h5t.UNIX_D64LE, h5py.h5s.create_simple((7, 5))) and None))


@BROKEN("betas.h5", "2 arrays", "'a\\nb'")
def a_name_that_ends_a_line(desk):
    def fill(file):
        file["a\nb"], file["c"] = desk.responses, desk.responses

    return desk.brain(h5(desk, fill))


@BROKEN("pictures.h5", "(picture, height, width)", "(7, 5, 2, 2, 2)")
def pictures_of_five_axes(desk):
    return PictureFile(path=h5(desk, lambda file: file.__setitem__("p", np.ones((7, 5, 2, 2, 2))), "pictures.h5"))


# .mat of v7.3


def v73(desk: Desk, name: str = "betas", values: Any = None, **attributes: Any) -> Path:
    path = files.write_mat73(desk.folder / "betas.mat", {name: desk.responses if values is None else values})
    with h5py.File(path, "r+") as file:
        for key, value in attributes.items():
            file[name].attrs[key] = value
    return path


@BROKEN("betas.mat: betas", "words, references or lists")
def a_text_of_matlab(desk):
    return desk.brain(v73(desk, values=np.array([[115, 49]], dtype="u2"), MATLAB_class=np.bytes_("char")))


@BROKEN("betas.mat: betas", "empty array")
def an_empty_array_of_matlab(desk):
    """Of which the file holds the shape, 0 by 5, as if it were two numbers."""
    return desk.brain(v73(desk, values=np.array([0, 5], dtype="u8"), MATLAB_empty=np.uint8(1)))


@BROKEN("betas.mat", "true and false")
def truths_of_matlab(desk):
    return desk.brain(v73(desk, values=np.ones((7, 5), dtype="u1"), MATLAB_class=np.bytes_("logical"), MATLAB_int_decode=1))


@BROKEN("betas.mat: betas", "sparse", "full(betas)")
def a_sparse_matrix_of_matlab(desk):
    path = files.write_mat73(
        desk.folder / "betas.mat", {"betas/data": np.ones(3), "betas/ir": np.arange(3), "betas/jc": np.arange(3)}
    )
    with h5py.File(path, "r+") as file:
        file["betas"].attrs["MATLAB_sparse"] = np.uint64(7)
    return desk.brain(path, array="betas")


@BROKEN("betas.mat: data", "is a group", "data/betas")
def a_struct_of_matlab(desk):
    return desk.brain(v73(desk, "data/betas"), array="data")


@BROKEN("betas.mat: data/beta", "words, references or lists")
def a_struct_array_of_matlab(desk):
    path = files.write_mat73(desk.folder / "betas.mat", {"#refs#/a": desk.responses})
    with h5py.File(path, "r+") as file:
        file.create_dataset("data/beta", data=np.array([[file["#refs#/a"].ref] * 2], dtype=h5py.ref_dtype))
    return desk.brain(path, array="data.beta")


@BROKEN("betas.mat", "cannot be read")
def a_v73_that_breaks_off(desk):
    content = v73(desk).read_bytes()
    return desk.brain(desk.bytes("betas.mat", content[: len(content) - 100]))


@BROKEN("betas.mat", "cannot be read")
def a_v73_of_which_only_its_text_came(desk):
    return desk.brain(desk.bytes("betas.mat", v73(desk).read_bytes()[:512]))


# read right


@pytest.mark.parametrize("kind", ["f2", ">f4", "<f8", "i1", ">i2", "u4", ">i8"])
@pytest.mark.parametrize("layout", ["contiguous", "compact", "chunks", "gzip", "lzf", "shuffle", "scaleoffset"])
def test_every_kind_of_number_in_every_layout_is_read_by_its_value(kind, layout, desk):
    whole = np.random.default_rng(0).permutation(35).reshape(7, 5).astype(kind)
    options: dict[str, Any] = {
        "chunks": {"chunks": (3, 2)},
        "gzip": {"compression": "gzip"},
        "lzf": {"compression": "lzf", "chunks": (2, 5)},
        "shuffle": {"shuffle": True, "fletcher32": True},
        "scaleoffset": {"scaleoffset": 0 if whole.dtype.kind != "f" else 3},
    }.get(layout, {})
    if layout == "scaleoffset" and kind == "f2":
        pytest.skip("HDF5 has no such packing for half precision")

    def fill(file):
        if layout == "compact":
            made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            made.set_layout(h5py.h5d.COMPACT)
            options["dcpl"] = made
        file.create_dataset("betas", data=whole, **options)

    path = h5(desk, fill)
    assert np.array_equal(desk.brain(path).run()["responses"], whole.astype(float))
    assert shape_of(path) == (7, 5)


def test_an_enumeration_is_read_by_its_numbers(desk):
    path = h5(
        desk,
        lambda file: file.create_dataset(
            "betas", data=np.eye(7, 5, dtype="i2"), dtype=h5py.enum_dtype({"no": 0, "yes": 1}, "i2")
        ),
    )
    assert np.array_equal(read_array(path), np.eye(7, 5))


@pytest.mark.parametrize("name", ["a b", "größe", "猫", "run 1/betas (z)", "a.b"])
def test_a_name_of_any_letters_is_found(name, desk):
    def fill(file):
        file[name], file["other"] = desk.responses, desk.responses * 2

    path = h5(desk, fill)
    assert name in array_names(path)
    assert np.array_equal(desk.brain(path, array=name).run()["responses"], desk.responses)
    assert np.array_equal(read_array(path, f"/{name}"), desk.responses)


def test_groups_that_hold_each_other_are_walked_once_and_either_name_of_an_array_is_right(desk):
    def fill(file):
        file["run/betas"] = desk.responses
        file["run/again"] = file["/"]
        file["same"] = file["run/betas"]
        file["other"] = desk.responses * 2

    path = h5(desk, fill)
    with bounded(10):
        assert len(array_names(path)) == 2
        for name in ("run/betas", "same", "run/again/run/again/same"):
            assert np.array_equal(read_array(path, name), desk.responses), name


def test_groups_hundreds_deep_are_walked_to_their_end(desk):
    def fill(file):
        group = file
        for _ in range(300):
            group = group.create_group("g")
        group["betas"] = desk.responses

    path = h5(desk, fill, libver="latest")
    with bounded(10):
        assert np.array_equal(read_array(path), desk.responses)


def test_a_part_that_was_written_is_read_with_what_fills_the_rest(desk):
    def fill(file):
        made = file.create_dataset("betas", (7, 5), "f8", chunks=(1, 5), fillvalue=-1)
        made[3] = desk.responses[3]

    wanted = np.full((7, 5), -1.0)
    wanted[3] = desk.responses[3]
    assert np.array_equal(read_array(h5(desk, fill)), wanted)
