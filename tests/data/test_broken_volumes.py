"""NIfTI images that lie, break off or do not say where they are are told in one line; odd ones are read voxel by voxel as they are."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from recortex.data import _memory
from recortex.data._nifti import read_volumes
from recortex.errors import InvalidInput
from tests.data import files
from tests.data.broken import Broken, Desk, bounded
from tests.data.files import AFFINE, GRID, VOXELS, refused

BROKEN = Broken()
DIM, DATATYPE, PIXDIM, OFFSET, SLOPE, CODES, SROW, MAGIC = 40, 70, 76, 108, 112, 252, 280, 344


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_image_is_told_in_one_line(name, desk):
    BROKEN.check(name, desk)


def patched(path: Path, at: int, kind: str, *values: Any) -> Path:
    """The same image with other numbers in its header."""
    content = path.read_bytes()
    packed = content[:2] == b"\x1f\x8b"
    content = bytearray(gzip.decompress(content) if packed else content)
    content[at : at + struct.calcsize(f"<{kind}")] = struct.pack(f"<{kind}", *values)
    path.write_bytes(gzip.compress(bytes(content)) if packed else bytes(content))
    return path


def brain(desk: Desk, path: Path | None = None, masked: Path | None = None, **fields: Any) -> Any:
    return desk.brain(path or desk.image(name="bold.nii"), mask=masked or desk.mask(), **fields)


# headers


@BROKEN("bold.nii", "cannot be read as NIfTI")
def a_header_that_breaks_off(desk):
    return brain(desk, desk.bytes("bold.nii", desk.image(name="bold.nii").read_bytes()[:200]))


@BROKEN("bold.nii.gz", "cannot be read as NIfTI")
def a_packed_header_that_breaks_off(desk):
    return brain(desk, desk.bytes("bold.nii.gz", gzip.compress(desk.image(name="bold.nii").read_bytes()[:100])))


@BROKEN("bold.nii", "packed with gzip", ".nii.gz")
def a_packed_image_called_nii(desk):
    return brain(desk, desk.image().rename(desk.folder / "bold.nii"))


@BROKEN("bold.nii.gz", "cannot be read as NIfTI")
def a_plain_image_called_nii_gz(desk):
    return brain(desk, desk.image(name="bold.nii").rename(desk.folder / "bold.nii.gz"))


@BROKEN("bold.nii", "cannot be read as NIfTI")
def a_text_called_nii(desk):
    return brain(desk, desk.bytes("bold.nii", b"not an image\n" * 99))


@BROKEN("bold.nii", "HDF5")
def an_h5_called_nii(desk):
    return brain(desk, desk.bytes("bold.nii", b"\x89HDF\r\n\x1a\n" + b"\0" * 600))


@BROKEN("bold.nii", "bytes are all 0")
def an_image_of_zeros(desk):
    return brain(desk, desk.bytes("bold.nii", b"\0" * 4096))


@BROKEN("bold.nii", ".img")
def half_of_a_pair(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), MAGIC, "4s", b"ni1\0"))


@BROKEN("bold.nii", "no NIfTI header")
def an_analyze_header(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), MAGIC, "4s", b"\0" * 4))


@BROKEN("bold.hdr", ".hdr is not an array file")
def an_analyze_pair(desk):
    image = nibabel.AnalyzeImage(files.volumes(desk.responses).astype(np.float32), None)
    nibabel.save(image, desk.folder / "bold.img")
    return desk.brain(desk.folder / "bold.hdr")


# sizes


@BROKEN("bold.nii breaks off", "30000 x 30000 x 30000 x 7", "it has")
def thirty_thousand_cubed(desk):
    big = patched(desk.image(name="bold.nii"), DIM + 2, "4h", 30000, 30000, 30000, 7)
    return brain(desk, big, patched(desk.mask(), DIM + 2, "3h", 30000, 30000, 30000))


@BROKEN("bold.nii.gz breaks off", "30000 x 30000 x 30000 x 7")
def thirty_thousand_cubed_in_a_few_packed_bytes(desk):
    return brain(desk, patched(desk.image(), DIM + 2, "4h", 30000, 30000, 30000, 7))


@BROKEN("bold.nii", "(-4, 3, 2, 7)")
def a_size_below_zero(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), DIM + 2, "h", -4))


@BROKEN("bold.nii", "(0, 3, 2, 7)")
def a_size_of_zero(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), DIM + 2, "h", 0))


@BROKEN("bold.nii")
def nine_axes(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), DIM, "h", 9))


@BROKEN("bold.nii")
def no_axes(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), DIM, "h", 0))


@BROKEN("bold.nii has shape (4, 3, 2, 1, 7)", "4 axes")
def a_vector_image_of_five_axes(desk):
    return brain(desk, desk.image(files.volumes(desk.responses)[..., None, :], name="bold.nii"))


@BROKEN("bold.nii.gz has shape (4, 3)", "4 axes")
def a_slice(desk):
    return brain(desk, desk.image(files.volumes(desk.responses)[:, :, 0, 0]))


@BROKEN("bold.nii breaks off")
def voxels_that_begin_behind_the_end(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), OFFSET, "f", 1e9))


@BROKEN("bold.nii")
def voxels_that_begin_nowhere(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), OFFSET, "f", np.nan))


@BROKEN("bold.nii")
def voxels_that_begin_before_the_file(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), OFFSET, "f", -5000.0))


@BROKEN("bold.nii")
def voxels_that_begin_inside_the_header(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), OFFSET, "f", 16.0))


@BROKEN("bold.nii.gz", "breaks off in volume")
def a_packed_image_that_ends_within_its_trailer(desk):
    noise = np.random.default_rng(0).standard_normal((6, 6, 6, 7))
    content = desk.image(noise).read_bytes()
    return brain(desk, desk.bytes("bold.nii.gz", content[: len(content) // 2]), desk.mask(np.ones((6, 6, 6))))


@BROKEN("bold.nii.gz breaks off", "CRC")
def a_packed_image_with_a_flipped_bit(desk):
    """Its numbers would do; only the checksum at its end tells that they are others."""
    noise = np.random.default_rng(0).standard_normal((6, 6, 6, 7))
    content = bytearray(gzip.compress(desk.image(noise, name="bold.nii").read_bytes(), compresslevel=0))
    content[len(content) // 2] ^= 1
    return brain(desk, desk.bytes("bold.nii.gz", bytes(content)), desk.mask(np.ones((6, 6, 6))))


@BROKEN("mask.nii.gz cannot be read", "CRC")
def a_packed_mask_with_a_flipped_bit(desk):
    content = bytearray(gzip.compress(desk.mask(name="m.nii").read_bytes(), compresslevel=0))
    content[-40] ^= 1
    return brain(desk, None, desk.bytes("mask.nii.gz", bytes(content)))


# what the voxels are


@BROKEN("bold.nii", "colours")
def colours(desk):
    rgb = np.zeros((*GRID, 7), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, AFFINE), desk.folder / "bold.nii")
    return brain(desk, desk.folder / "bold.nii")


@BROKEN("bold.nii", "complex")
def complex_numbers(desk):
    image = nibabel.Nifti1Image(files.volumes(desk.responses).astype(np.complex64), AFFINE)
    nibabel.save(image, desk.folder / "bold.nii")
    return brain(desk, desk.folder / "bold.nii")


@BROKEN("bold.nii")
def a_kind_of_number_that_there_is_not(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), DATATYPE, "h", 12345))


@BROKEN("bold.nii")
def single_bits(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), DATATYPE, "hh", 1, 1))


@BROKEN("bold.nii", "slope is infinite")
def an_infinite_slope(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), SLOPE, "ff", np.inf, 0))


@BROKEN("bold.nii", "NaN or infinite", "drop_units")
def voxels_of_nan(desk):
    values = files.volumes(desk.responses)
    values[VOXELS[1]] = np.nan
    return brain(desk, desk.image(values, name="bold.nii"))


# where the voxels are


@BROKEN("bold.nii", "affine", "not finite")
def an_infinite_affine(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), SROW + 12, "f", np.inf))


@BROKEN("mask.nii", "affine", "not finite")
def a_mask_with_an_affine_of_nan(desk):
    return brain(desk, None, patched(desk.mask(name="mask.nii"), SROW, "f", np.nan))


@BROKEN("bold.nii", "affine", "no inverse")
def an_affine_that_is_flat(desk):
    flat = [1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0]
    return brain(
        desk, patched(desk.image(name="bold.nii"), SROW, "12f", *flat), patched(desk.mask(name="m.nii"), SROW, "12f", *flat)
    )


@BROKEN("bold.nii", "affine", "no inverse")
def an_affine_of_zeros(desk):
    return brain(desk, patched(desk.image(name="bold.nii"), SROW, "12f", *[0] * 12))


@BROKEN("mask.nii", "bold.nii", "affines", "resample_to_img")
def a_mask_that_is_mirrored(desk):
    return brain(desk, None, desk.mask(affine=AFFINE @ np.diag([-1.0, 1, 1, 1])))


@BROKEN("mask.nii", "bold.nii", "affines", "resample_to_img")
def a_mask_that_says_another_place_by_its_other_form(desk):
    """The image has a qform and an sform, which differ; of the two the sform counts, and the mask has the qform's."""
    image = nibabel.Nifti1Image(files.volumes(desk.responses).astype(np.float32), AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(np.diag([3.0, 3, 3, 1]), 1)
    nibabel.save(image, desk.folder / "bold.nii")
    other = nibabel.Nifti1Image(files.mask(), np.diag([3.0, 3, 3, 1]))
    nibabel.save(other, desk.folder / "mask.nii")
    return brain(desk, desk.folder / "bold.nii", desk.folder / "mask.nii")


# masks


@BROKEN("mask.nii is 0 everywhere")
def a_mask_of_nan(desk):
    return brain(desk, None, desk.mask(np.full(GRID, np.nan), name="mask.nii"))


@BROKEN("mask.csv")
def a_mask_that_is_a_table(desk):
    return brain(desk, None, desk.bytes("mask.csv", b"1,0,1\n"))


@BROKEN("bold.nii", "colours")
def a_mask_of_colours(desk):
    rgb = np.zeros((*GRID,), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, AFFINE), desk.folder / "mask_of_bold.nii")
    return brain(desk, None, desk.folder / "mask_of_bold.nii")


@BROKEN("bold.nii.gz is an image", "array: betas")
def a_name_for_an_image(desk):
    return brain(desk, desk.image(), array="betas")


# read right


def same(desk: Desk, path: Path, masked: Path | None = None) -> None:
    with bounded(20):
        made = brain(desk, path, masked).run()
    assert np.array_equal(made["responses"], desk.responses)
    assert made["voxel"].tolist() == [list(voxel) for voxel in VOXELS]


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "i4", "u1", "i1", "u2", "u4", "i8", "u8"])
@pytest.mark.parametrize("endianness", ["<", ">"])
def test_every_kind_of_voxel_in_either_byte_order_is_read_by_its_value(kind, endianness, desk):
    whole = np.random.default_rng(0).permutation(35).reshape(7, 5)
    image = np.zeros((*GRID, 7))
    for unit, voxel in enumerate(VOXELS):
        image[voxel] = whole[:, unit]
    made = brain(desk, desk.image(image, name="bold.nii", dtype=kind, endianness=endianness)).run()
    assert np.array_equal(made["responses"], whole)


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
@pytest.mark.parametrize("endianness", ["<", ">"])
def test_an_image_of_the_second_version_is_read(name, endianness, desk):
    header = nibabel.Nifti2Header(endianness=endianness)
    nibabel.save(nibabel.Nifti2Image(files.volumes(desk.responses).astype(np.float32), AFFINE, header), desk.folder / name)
    same(desk, desk.folder / name)


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_a_slope_that_says_nothing_leaves_the_voxels_as_they_are(slope, desk):
    same(desk, patched(desk.image(name="bold.nii"), SLOPE, "ff", slope, 0.0))


def test_axes_of_length_one_behind_the_others_hold_nothing(desk):
    image = desk.image(files.volumes(desk.responses)[..., None, None], name="bold.nii")
    same(desk, image, desk.mask(files.mask()[..., None]))


def test_the_sform_counts_where_the_qform_says_otherwise(desk):
    image = nibabel.Nifti1Image(files.volumes(desk.responses).astype(np.float32), AFFINE)
    image.set_qform(np.diag([3.0, 3, 3, 1]), 1)
    image.set_sform(AFFINE, 1)
    nibabel.save(image, desk.folder / "bold.nii")
    same(desk, desk.folder / "bold.nii")
    made = read_volumes(desk.folder / "bold.nii", desk.mask())
    assert np.allclose(made["affine"], AFFINE)


def extended(desk: Desk, size: int, code: int, content: bytes, name: str = "bold.nii.gz") -> Path:
    """An image with an extension between header and voxels, which claims a size."""
    plain = desk.image(name="bold.nii").read_bytes()
    extension = struct.pack("<ii", size, code) + content
    extension += b"\0" * (-len(extension) % 16)
    made = bytearray(plain[:348] + b"\1\0\0\0" + extension + plain[352:])
    made[OFFSET : OFFSET + 4] = struct.pack("<f", 352 + len(extension))
    return desk.bytes(name, gzip.compress(bytes(made)) if name.endswith("gz") else bytes(made))


@pytest.mark.parametrize("size", [32, 2**31 - 1, -1, 0, 7])
@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
def test_an_extension_is_passed_over_whatever_it_claims(size, name, desk):
    same(desk, extended(desk, size, 6, b"a comment of words", name))


def test_a_pickle_in_an_extension_is_not_run(desk, monkeypatch):
    monkeypatch.chdir(desk.folder)
    payload = b"cos\nmkdir\n(S'executed'\ntR."
    same(desk, extended(desk, 48, 16, payload))
    assert not (desk.folder / "executed").exists()


def test_what_a_header_gets_wrong_without_harm_is_mended_and_said(desk, caplog):
    same(desk, patched(desk.image(name="bold.nii"), PIXDIM + 4, "f", -2.0))
    assert "bold.nii: pixdim" in caplog.text and "\n" not in caplog.messages[0]


def test_a_mask_of_more_voxels_than_memory_is_refused_before_it_is_read(desk):
    """The files are as long as their headers say, and have holes instead of bytes."""
    path, big = desk.mask(name="mask.nii", dtype=np.uint8), (5000, 5000, 5000)
    os.truncate(patched(path, DIM + 2, "3h", *big), 352 + 5000**3)
    image = patched(desk.image(name="bold.nii"), DIM + 2, "4h", *big, 7)
    os.truncate(image, 352 + 7 * 4 * 5000**3)
    with bounded():
        refused(lambda: read_volumes(image, path), InvalidInput, "mask.nii", "3,000 GB of memory", "this process can have")


def test_the_mask_decides_what_must_fit_into_memory(desk, monkeypatch):
    values = np.random.default_rng(0).standard_normal((20, 20, 20, 50)).astype(np.float32)
    image, one = desk.image(values, name="bold.nii"), np.zeros((20, 20, 20))
    one[3, 4, 5] = 1
    few, many = desk.mask(one, name="few.nii"), desk.mask(np.ones((20, 20, 20)), name="many.nii")
    monkeypatch.setattr(_memory, "limit", lambda: 400_000)
    assert np.array_equal(read_volumes(image, few)["responses"][:, 0], values[3, 4, 5])
    refused(lambda: read_volumes(image, many), InvalidInput, "bold.nii", "50 volumes of 8000 voxels", "smaller mask")
