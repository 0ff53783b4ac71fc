"""Array files that lie, break off, or would run a program are told in one line; odd ones that are sound are read right."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from recortex.data import _memory
from recortex.data._array_files import array_names, read_array, shape_of
from recortex.data.picture_file import PictureFile
from recortex.errors import InvalidInput
from tests.data.broken import Broken, bounded
from tests.data.files import refused

BROKEN = Broken()
FLOATS = "{'descr': '<f8', 'fortran_order': False, 'shape': (7, 5), }"


class Runs:
    """What runs a program when it is unpickled: it makes a file in the working folder."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("executed",)


@pytest.fixture(autouse=True)
def at_the_desk(desk, monkeypatch):
    monkeypatch.chdir(desk.folder)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_array_file_is_told_in_one_line(name, desk):
    BROKEN.check(name, desk)


def npy(header: str | bytes = FLOATS, data: bytes = b"\0" * 280, version: int = 1, length: int | None = None) -> bytes:
    """A .npy file, byte by byte."""
    text = header.encode("latin-1") if isinstance(header, str) else header
    wide = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(wide, len(text) if length is None else length) + text + data


def claiming(shape: str, descr: str = "<f8") -> str:
    return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"


# .npy


@BROKEN("betas.npy", "promises 8,000,000,000,000 bytes", "there are 280")
def a_million_by_a_million(desk):
    return desk.brain(desk.bytes("betas.npy", npy(claiming("(1000000, 1000000)"))))


@BROKEN("betas.npy", "promises")
def more_numbers_than_can_be_counted(desk):
    return desk.brain(desk.bytes("betas.npy", npy(claiming("(4611686018427387904, 8)"))))


@BROKEN("betas.npy", "(7, -5)")
def a_negative_size(desk):
    return desk.brain(desk.bytes("betas.npy", npy(claiming("(7, -5)"))))


@BROKEN("betas.npy", "nothing", "(0, 5)")
def no_trials(desk):
    return desk.brain(desk.own.npy(np.zeros((0, 5))))


@BROKEN("betas.npy", "nothing", "(7, 0)")
def no_units(desk):
    return desk.brain(desk.own.npy(np.zeros((7, 0))))


@BROKEN("betas.npy", "Python objects", "pickle", "plain numbers")
def a_pickle_inside_that_would_run(desk):
    np.save("betas.npy", np.array([Runs()], dtype=object), allow_pickle=True)
    return desk.brain(desk.folder / "betas.npy")


@BROKEN("betas.npy", "not a NumPy array")
def a_pickle_called_npy_that_would_run(desk):
    return desk.brain(desk.bytes("betas.npy", pickle.dumps(Runs())))


@BROKEN("betas.npy", "records", "plain array")
def records(desk):
    return desk.brain(desk.own.npy(np.zeros(7, dtype=[("left", "f8"), ("right", "f8")])))


@BROKEN("betas.npy", "records")
def raw_bytes(desk):
    return desk.brain(desk.own.npy(np.zeros((7, 5), dtype="V8")))


@BROKEN("betas.npy", "words, not numbers")
def byte_strings(desk):
    return desk.brain(desk.own.npy(np.full((7, 5), b"abc")))


@BROKEN("betas.npy", "words, not numbers")
def a_thousand_milliards_of_empty_words(desk):
    return desk.brain(desk.bytes("betas.npy", npy(claiming("(1000000000000,)", "<U0"), b"")))


@BROKEN("betas.npy", "dates")
def dates(desk):
    return desk.brain(desk.own.npy(np.zeros((7, 5), dtype="M8[s]")))


@BROKEN("betas.npy", "durations")
def durations(desk):
    return desk.brain(desk.own.npy(np.zeros((7, 5), dtype="m8[s]")))


@BROKEN("betas.npy", "true and false")
def truths(desk):
    return desk.brain(desk.own.npy(desk.responses > 0))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_header_that_is_a_program(desk):
    return desk.brain(desk.bytes("betas.npy", npy("__import__('os').mkdir('executed')")))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_shape_that_is_a_program(desk):
    return desk.brain(desk.bytes("betas.npy", npy(claiming("__import__('os').mkdir('executed')"))))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_header_that_is_a_list(desk):
    return desk.brain(desk.bytes("betas.npy", npy("[1, 2]")))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_header_without_a_shape(desk):
    return desk.brain(desk.bytes("betas.npy", npy("{'descr': '<f8', 'fortran_order': False}")))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_shape_of_words(desk):
    return desk.brain(desk.bytes("betas.npy", npy(claiming("('7', '5')"))))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_kind_of_number_that_there_is_not(desk):
    return desk.brain(desk.bytes("betas.npy", npy(claiming("(7, 5)", "<f7"))))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_header_nested_a_thousand_deep(desk):
    return desk.brain(desk.bytes("betas.npy", npy("(" * 4000 + ")" * 4000)))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_header_of_ten_thousand_signs(desk):
    return desk.brain(desk.bytes("betas.npy", npy("-" * 9000 + "1")))


@BROKEN("betas.npy", "header is longer")
def a_header_of_a_megabyte(desk):
    return desk.brain(desk.bytes("betas.npy", npy(FLOATS + " " * 1_000_000, version=2)))


@BROKEN("betas.npy", "header is longer")
def a_header_of_four_gigabytes_that_is_not_there(desk):
    return desk.brain(desk.bytes("betas.npy", npy(version=2, length=2**32 - 1)))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_header_that_breaks_off(desk):
    return desk.brain(desk.bytes("betas.npy", npy(data=b"")[:40]))


@BROKEN("betas.npy", "header is none that NumPy writes", "numpy.save")
def a_header_that_is_no_text(desk):
    return desk.brain(desk.bytes("betas.npy", npy(bytes(range(128, 256)), version=3)))


@BROKEN("betas.npy", "not a NumPy array")
def a_version_of_the_future(desk):
    return desk.brain(desk.bytes("betas.npy", npy(version=9)))


@BROKEN("betas.npy", "280 bytes", "there are 279", "copy it again")
def one_byte_too_few(desk):
    return desk.brain(desk.bytes("betas.npy", npy(data=b"\0" * 279)))


@BROKEN("betas.npy", "280 bytes", "there are", "one .npz")
def two_arrays_one_after_the_other(desk):
    """`numpy.load` would give the first without a word."""
    return desk.brain(desk.bytes("betas.npy", npy() + npy()))


@BROKEN("betas.npy", "zip archive")
def an_npz_called_npy(desk):
    np.savez("betas.npz", betas=desk.responses)
    return desk.brain((desk.folder / "betas.npz").rename(desk.folder / "betas.npy"))


@BROKEN("betas.npy", "bytes are all 0")
def a_copy_of_zeros(desk):
    return desk.brain(desk.bytes("betas.npy", b"\0" * 4096))


@BROKEN("betas.npy", "packed with gzip")
def a_gzipped_npy(desk):
    return desk.brain(desk.bytes("betas.npy", gzip.compress(npy())))


@BROKEN("pictures.npy", "nothing", "(0, 4, 4)")
def no_pictures(desk):
    np.save("pictures.npy", np.zeros((0, 4, 4), dtype=np.uint8))
    return PictureFile(path=desk.folder / "pictures.npy")


@BROKEN("pictures.npy", "nothing", "(2, 0, 4)")
def pictures_of_no_height(desk):
    np.save("pictures.npy", np.zeros((2, 0, 4), dtype=np.uint8))
    return PictureFile(path=desk.folder / "pictures.npy")


@BROKEN("names.txt", "names 1 pictures", "holds 2")
def one_name_that_does_not_end(desk):
    np.save("pictures.npy", np.zeros((2, 4, 4), dtype=np.uint8))
    return PictureFile(path=desk.folder / "pictures.npy", names=desk.bytes("names.txt", b"x" * 1_000_000))


@BROKEN("names.txt", "'b\\x1b[2J'")
def a_name_that_clears_the_screen(desk):
    np.save("pictures.npy", np.zeros((2, 4, 4), dtype=np.uint8))
    return PictureFile(path=desk.folder / "pictures.npy", names=desk.bytes("names.txt", b"a\nb\x1b[2J\n"))


# .npz


def npz(desk, *members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED, name: str = "betas.npz") -> Path:
    with zipfile.ZipFile(desk.folder / name, "w", compression) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return desk.folder / name


@BROKEN("betas.npz: betas", "promises 8,000,000,000,000 bytes")
def a_packed_million_by_a_million(desk):
    return desk.brain(npz(desk, ("betas.npy", npy(claiming("(1000000, 1000000)")))))


@BROKEN("betas.npz: betas", "280 bytes", "there are 200,000,000")
def a_zip_bomb_behind_a_small_header(desk):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = npy(data=b"")
    packed = packer.compress(start + b"\0" * 200_000_000) + packer.flush()
    path = npz(desk, ("betas.npy", b""))
    size = struct.pack("<II", len(packed), len(start) + 200_000_000)
    content = path.read_bytes()
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    name = local + 30
    body = content[: local + 18] + size + content[local + 26 : name + 9] + packed
    directory = content[central : central + 20] + size + content[central + 28 :]
    end = directory.index(b"PK\x05\x06") + 16
    path.write_bytes(body + directory[:end] + struct.pack("<I", len(body)) + directory[end + 4 :])
    return desk.brain(path)


@BROKEN("betas.npz: betas", "encrypted")
def an_encrypted_archive(desk):
    content = bytearray(npz(desk, ("betas.npy", npy())).read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return desk.brain(desk.bytes("betas.npz", bytes(content)))


@BROKEN("betas.npz holds 2 arrays called betas")
@pytest.mark.filterwarnings("ignore:Duplicate name")
def two_arrays_of_one_name(desk):
    return desk.brain(npz(desk, ("betas.npy", npy()), ("betas.npy", npy())), array="betas")


@BROKEN("betas.npz: betas", "NumPy does not write", "savez")
def an_archive_packed_with_bzip2(desk):
    return desk.brain(npz(desk, ("betas.npy", npy()), compression=zipfile.ZIP_BZIP2))


@BROKEN("betas.npz: betas", "NumPy does not write", "savez")
def an_archive_packed_with_lzma(desk):
    return desk.brain(npz(desk, ("betas.npy", npy()), compression=zipfile.ZIP_LZMA))


@BROKEN("betas.npz", "cannot be read", "CRC")
def an_archive_with_a_flipped_bit(desk):
    content = bytearray(npz(desk, ("betas.npy", npy()), compression=zipfile.ZIP_STORED).read_bytes())
    content[content.index(b"PK\x01\x02") - 4] ^= 1
    return desk.brain(desk.bytes("betas.npz", bytes(content)))


@BROKEN("betas.npz: betas", "Python objects")
def a_packed_pickle_that_would_run(desk):
    np.savez("betas.npz", betas=np.array([Runs()], dtype=object))
    return desk.brain(desk.folder / "betas.npz")


@BROKEN("betas.npz holds no array")
def an_archive_of_texts(desk):
    return desk.brain(npz(desk, ("betas.txt", b"1 2 3")))


@BROKEN("betas.npz holds no array")
def an_archive_of_nothing(desk):
    return desk.brain(npz(desk))


@BROKEN("betas.npz: betas", "not a NumPy array")
def an_archive_whose_array_is_text(desk):
    return desk.brain(npz(desk, ("betas.npy", b"1 2 3\n4 5 6\n")))


@BROKEN("betas.npz: betas", "header is longer")
def an_archive_whose_header_is_a_bomb(desk):
    return desk.brain(npz(desk, ("betas.npy", npy(b" " * 50_000_000, version=2))))


@BROKEN("betas.npz", "2 arrays", "'a\\nb'", "array: NAME")
def names_that_end_lines(desk):
    np.savez("betas.npz", **{"a\nb": desk.responses, "c": desk.responses})
    return desk.brain(desk.folder / "betas.npz")


@BROKEN("betas.npz", "no array 'a\\nc'", "'a\\nb'")
def a_name_that_ends_a_line_and_is_misspelt(desk):
    np.savez("betas.npz", **{"a\nb": desk.responses, "c": desk.responses})
    return desk.brain(desk.folder / "betas.npz", array="a\nc")


@BROKEN("betas.npz", "cannot be read", "begins like a MATLAB file")
def a_mat_called_npz(desk):
    return desk.brain(desk.mat(betas=desk.responses).rename(desk.folder / "betas.npz"))


# .mat up to v7


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def variable(kind: int, shape: tuple[int, ...], body: bytes, name: bytes = b"betas", flags: int = 0, order: str = "<") -> bytes:
    """A variable of a .mat file of v5: class, shape and name, then whatever its class holds."""
    start = element(6, struct.pack(f"{order}II", kind | flags << 8, 0), order)
    shaped = element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
    return element(14, start + shaped + element(1, name, order) + body, order)


def doubles(values: np.ndarray, order: str = "<") -> bytes:
    return element(9, np.asarray(values, dtype=f"{order}f8").tobytes(order="F"), order)


def mat5(*variables: bytes, order: str = "<") -> bytes:
    mark = b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + b"".join(variables)


def packed(one: bytes) -> bytes:
    squeezed = zlib.compress(one, 9)
    return struct.pack("<II", 15, len(squeezed)) + squeezed


def struct_of(body: bytes, field: bytes = b"betas") -> bytes:
    """A struct called data with one field."""
    names = element(5, struct.pack("<i", 8)) + element(1, field.ljust(8, b"\0"))
    return variable(2, (1, 1), names + body, b"data")


def nested(depth: int) -> bytes:
    """A struct whose field is a cell in a cell in a cell ..."""
    parts, size = [], 0
    for level in range(depth):
        one = variable(1, (1, 1), b"", b"") if level else variable(6, (1, 1), doubles(np.ones(1)), b"")
        parts.append(one[:4] + struct.pack("<I", len(one) - 8 + size) + one[8:])
        size += len(one)
    return b"".join(reversed(parts))


@BROKEN("betas.mat: data.betas holds cells")
def cells_within_cells_that_would_crash_a_reader_that_recurses(desk):
    return desk.brain(desk.bytes("betas.mat", mat5(struct_of(nested(100_000)))), array="data.betas")


@BROKEN("betas.mat: data is a struct", "data.betas")
def packed_cells_within_cells_that_would_crash_a_reader_that_recurses(desk):
    return desk.brain(desk.bytes("betas.mat", mat5(packed(struct_of(nested(100_000))))))


@BROKEN("betas.mat", "betas claims 100,000,0")
def a_variable_of_one_number_that_claims_much_memory(desk):
    bomb = variable(6, (7, 5), element(9, b"\0" * 100_000_000))
    return desk.brain(desk.bytes("betas.mat", mat5(packed(bomb))))


@BROKEN("betas.mat cannot be read", "breaks off")
def a_part_that_claims_more_than_the_whole(desk):
    one = bytearray(variable(6, (7, 5), doubles(desk.responses)))
    at = len(one) - 8 * 35 - 4
    one[at : at + 4] = struct.pack("<I", 2**31)
    return desk.brain(desk.bytes("betas.mat", mat5(bytes(one))))


@BROKEN("betas.mat: betas", "GB of memory", "this process can have")
def a_matlab_million_by_a_million(desk):
    return desk.brain(desk.bytes("betas.mat", mat5(packed(variable(6, (1_000_000, 1_000_000), doubles(desk.responses))))))


@BROKEN("betas.mat", "cannot be read")
def a_shape_that_the_numbers_do_not_fill(desk):
    return desk.brain(desk.bytes("betas.mat", mat5(variable(6, (7, 50), doubles(desk.responses)))))


@BROKEN("betas.mat")
def a_matlab_shape_below_zero(desk):
    return desk.brain(desk.bytes("betas.mat", mat5(variable(6, (-7, 5), doubles(desk.responses)))))


@BROKEN("betas.mat: betas", "function")
def a_function_handle(desk):
    return desk.brain(desk.bytes("betas.mat", mat5(variable(16, (1, 1), variable(6, (1, 1), doubles(np.ones(1)), b"")))))


@BROKEN("betas.mat: betas", "object")
def a_matlab_object(desk):
    body = element(1, b"thing") + element(5, struct.pack("<i", 8)) + element(1, b"x".ljust(8, b"\0")) + nested(1)
    return desk.brain(desk.bytes("betas.mat", mat5(variable(3, (1, 1), body))))


@BROKEN("betas.mat: betas", "text")
def a_matlab_text(desk):
    return desk.brain(desk.mat(betas="seven by five"))


@BROKEN("betas.mat", "true and false")
def matlab_truths(desk):
    return desk.brain(desk.mat(betas=desk.responses > 0))


@BROKEN("betas.mat: betas", "nothing", "(0, 0)")
def a_matlab_array_of_nothing(desk):
    return desk.brain(desk.mat(betas=np.zeros((0, 0))))


@BROKEN("betas.mat: betas", "complex")
def matlab_complex_numbers(desk):
    return desk.brain(desk.mat(betas=desk.responses + 1j))


@BROKEN("betas.mat: betas", "no struct", "leave out .beta")
def a_field_of_what_is_no_struct(desk):
    return desk.brain(desk.mat(betas=desk.responses), array="betas.beta")


@BROKEN("betas.mat: data.betas differs in shape between 2 structs")
def structs_whose_fields_differ(desk):
    data = np.zeros((1, 2), dtype=[("betas", object)])
    data[0, 0], data[0, 1] = (desk.responses,), (desk.responses[:3],)
    return desk.brain(desk.mat(data=data), array="data.betas")


@BROKEN("betas.mat: data.subject holds text")
def a_field_of_words(desk):
    return desk.brain(desk.mat(data={"betas": desk.responses, "subject": "one"}), array="data.subject")


@BROKEN("betas.mat: data.cells holds cells")
def a_field_of_cells(desk):
    return desk.brain(desk.mat(data={"cells": np.array([[1, "a"]], dtype=object)}), array="data.cells")


@BROKEN("betas.mat holds 2 arrays called betas")
def a_matlab_variable_that_stands_twice(desk):
    one = variable(6, (7, 5), doubles(desk.responses))
    return desk.brain(desk.bytes("betas.mat", mat5(one, one)), array="betas")


@BROKEN("betas.mat", "cannot be read")
def a_packed_variable_with_a_flipped_byte(desk):
    content = bytearray(mat5(packed(variable(6, (7, 5), doubles(desk.responses)))))
    content[180] ^= 255
    return desk.brain(desk.bytes("betas.mat", bytes(content)))


@BROKEN("betas.mat", "cannot be read")
def a_variable_of_no_kind(desk):
    return desk.brain(desk.bytes("betas.mat", mat5(element(77, b"\0" * 64))))


@BROKEN("betas.mat")
def an_old_mat_that_claims_too_much(desk):
    path = desk.folder / "betas.mat"
    scipy.io.savemat(path, {"betas": desk.responses}, format="4")
    content = bytearray(path.read_bytes())
    content[4:12] = struct.pack("<ii", 2_000_000_000, 2_000_000_000)
    return desk.brain(desk.bytes("betas.mat", bytes(content)))


@BROKEN("betas.mat")
def an_old_mat_that_breaks_off(desk):
    path = desk.folder / "betas.mat"
    scipy.io.savemat(path, {"betas": desk.responses}, format="4")
    return desk.brain(desk.bytes("betas.mat", path.read_bytes()[:-9]))


@BROKEN("betas.mat", "begins like a web page")
def a_web_page_called_mat(desk):
    return desk.brain(desk.bytes("betas.mat", b"<!DOCTYPE html><html><title>404</title></html>" * 9))


@BROKEN("betas.mat", "Git LFS", "git lfs pull")
def a_stand_in_of_git_lfs(desk):
    return desk.brain(desk.bytes("betas.mat", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"))


@BROKEN("betas.mat", "bytes are all 0")
def a_mat_of_zeros(desk):
    return desk.brain(desk.bytes("betas.mat", b"\0" * 512))


# tables of numbers


def lines(desk, edit: Any = lambda cells: cells, separator: str = ",") -> bytes:
    return "\n".join(separator.join(row) for row in edit(desk.responses.astype(str).astype(object))).encode()


@BROKEN("betas.csv: line 3, column 2 is '1_000'", "not a number")
def a_number_as_programmers_write_it(desk):
    content = lines(desk).decode().split("\n")
    content[2] = content[2].replace(content[2].split(",")[1], "1_000", 1)
    return desk.brain(desk.bytes("betas.csv", "\n".join(content).encode()))


@BROKEN("betas.tsv: line 1, column 1 is '0,25'", "point")
def decimal_commas(desk):
    return desk.brain(desk.bytes("betas.tsv", lines(desk, lambda cells: np.full((7, 5), "0,25", dtype=object), "\t")))


@BROKEN("betas.csv: line 2, column 1 is '0x1F'")
def hexadecimal_numbers(desk):
    return desk.brain(desk.bytes("betas.csv", b"1,2,3,4,5\n" + b"0x1F,2,3,4,5\n" * 6))


@BROKEN("betas.csv: line 1, column 3 is 'left'")
def a_header_of_words_and_numbers(desk):
    return desk.brain(desk.bytes("betas.csv", b"1,2,left,4,5\n" + lines(desk)))


@BROKEN("betas.csv: line 2, column 5 is '2\"'")
def a_quote_within_a_number(desk):
    return desk.brain(desk.bytes("betas.csv", b"1,2,3,4,5\n" + b'1,2,3,4,2"\n' * 6))


@BROKEN("betas.csv: line 7", "quotation mark")
def a_quote_that_is_not_closed(desk):
    return desk.brain(desk.bytes("betas.csv", b'1,2,3,4,5\n1,"2,3,4,5\n' + b"1,2,3,4,5\n" * 5))


@BROKEN("betas.csv", "line 2, column 6", "empty cell")
def a_comma_at_the_end_of_each_line(desk):
    return desk.brain(desk.bytes("betas.csv", b"a,b,c,d,e,\n" + lines(desk).replace(b"\n", b",\n") + b",\n"))


@BROKEN("betas.csv", "line 2, column 1")
def a_nul_byte(desk):
    return desk.brain(desk.bytes("betas.csv", b"1,2,3,4,5\n" + b"\x001,2,3,4,5\n" * 6))


@BROKEN("betas.csv", "a zip archive, as spreadsheets")
def a_spreadsheet_called_csv(desk):
    return desk.brain(npz(desk, ("xl/workbook.xml", b"<xml/>"), name="betas.csv"))


@BROKEN("betas.csv", "packed with gzip")
def a_gzipped_csv(desk):
    return desk.brain(desk.bytes("betas.csv", gzip.compress(lines(desk))))


@BROKEN("betas.csv", "web page")
def a_web_page_called_csv(desk):
    return desk.brain(desk.bytes("betas.csv", b"<html><body>Please log in</body></html>"))


@BROKEN("betas.csv")
def a_header_and_nothing_below(desk):
    return desk.brain(desk.bytes("betas.csv", b"v1,v2,v3,v4,v5\n"))


@BROKEN("betas.csv", "holds nothing")
def blank_lines_alone(desk):
    return desk.brain(desk.bytes("betas.csv", b"\r\n\r\n\n"))


@BROKEN("betas.csv", "UTF-8")
def a_latin_header(desk):
    return desk.brain(desk.bytes("betas.csv", "rechts,links,oben,größe,unten\n".encode("latin-1") + lines(desk)))


@BROKEN("betas.csv", "infinite", "drop_units")
def numbers_that_are_too_large(desk):
    return desk.brain(desk.bytes("betas.csv", b"1e999,2,3,4,5\n" + lines(desk).partition(b"\n")[2]))


# read right


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_of_a_npy_is_read_as_numpy_reads_it(version, desk):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, desk.responses, version=(version, 0))
    assert np.array_equal(desk.brain(desk.bytes("betas.npy", stream.getvalue())).run()["responses"], desk.responses)


@pytest.mark.parametrize("kind", ["i1", ">i2", "u4", "<i8", ">u8", "f2", ">f4", "f8", "longdouble"])
def test_every_kind_of_number_is_read_by_its_value(kind, desk):
    whole = np.random.default_rng(0).permutation(35).reshape(7, 5).astype(kind)
    made = desk.brain(desk.own.npy(np.asfortranarray(whole))).run()["responses"]
    assert np.array_equal(made, whole.astype(float))
    assert made.dtype.kind == "f" and made.dtype.isnative


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a b", "größe", "猫", "a/b", "..", ""])
def test_a_name_in_an_archive_is_a_name_and_no_path(name, desk):
    np.savez(desk.folder / "betas.npz", other=desk.responses * 2, **{name: desk.responses})
    there = set(desk.folder.parent.rglob("*"))
    assert np.array_equal(read_array(desk.folder / "betas.npz", name), desk.responses)
    assert set(desk.folder.parent.rglob("*")) == there


@pytest.mark.parametrize("kind", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("compressed", [False, True])
def test_every_matlab_kind_of_number_is_read_by_its_value(kind, compressed, desk):
    whole = np.random.default_rng(1).permutation(35).reshape(7, 5).astype(kind)
    scipy.io.savemat("betas.mat", {"betas": whole}, do_compression=compressed)
    assert np.array_equal(desk.brain(desk.folder / "betas.mat").run()["responses"], whole.astype(float))
    assert shape_of(desk.folder / "betas.mat") == (7, 5)


def test_a_mat_of_the_other_byte_order_is_read_by_its_value(desk):
    one = variable(6, (7, 5), doubles(desk.responses, ">"), order=">")
    path = desk.bytes("betas.mat", mat5(one, order=">"))
    assert np.array_equal(desk.brain(path).run()["responses"], desk.responses)


def test_a_struct_that_is_packed_is_read_to_its_field(desk):
    body = variable(6, (7, 5), doubles(desk.responses), b"")
    for name, content in {"plain.mat": struct_of(body), "packed.mat": packed(struct_of(body))}.items():
        path = desk.bytes(name, mat5(variable(6, (1, 1), doubles(np.ones(1)), b"tr"), content))
        assert np.array_equal(read_array(path, "data.betas"), desk.responses), name
        assert shape_of(path, "data.betas") is None


def test_line_ends_of_old_macintoshes_spaces_and_quotes_are_read_through(desk):
    content = lines(desk).replace(b"\n", b"\r").replace(b",", b' , "').replace(b"\r", b'"\r') + b'"\r'
    first, rest = content.split(b"\r", 1)
    path = desk.bytes("betas.csv", b"\xef\xbb\xbf" + lines(desk).replace(b"\n", b"\r") + b"\r")
    assert np.array_equal(desk.brain(path).run()["responses"], desk.responses)
    spaced = desk.bytes("spaced.csv", lines(desk).replace(b",", b" , "))
    assert np.array_equal(read_array(spaced), desk.responses)
    assert first and rest


@pytest.mark.parametrize("suffix", ["npy", "npz", "mat", "h5", "csv"])
def test_what_does_not_fit_into_memory_is_refused_before_it_is_read_with_both_numbers(suffix, desk, monkeypatch):
    import h5py

    values, path = np.ones((500, 500)), desk.folder / f"betas.{suffix}"
    if suffix == "npy":
        np.save(path, values)
    elif suffix == "npz":
        np.savez_compressed(path, betas=values)
    elif suffix == "mat":
        scipy.io.savemat(path, {"betas": values}, do_compression=True)
    elif suffix == "h5":
        with h5py.File(path, "w") as file:
            file["betas"] = values
    else:
        np.savetxt(path, values, delimiter=",", fmt="%d")
    assert read_array(path).shape == (500, 500)
    monkeypatch.setattr(_memory, "limit", lambda: 1_900_000)
    refused(lambda: read_array(path), InvalidInput, path.name, "0.002 GB", "this process can have 0.0019 GB")
    monkeypatch.setattr(_memory, "limit", lambda: 4_100_000)
    assert read_array(path).shape == (500, 500)


def test_a_shape_is_known_without_reading_or_having_room_for_the_numbers(desk, monkeypatch):
    path = desk.bytes("betas.npy", npy(claiming("(1000000, 1000000)"), b""))
    os.truncate(path, path.stat().st_size + 8_000_000_000_000)
    with bounded():
        assert shape_of(path) == (1_000_000, 1_000_000)
        refused(lambda: read_array(path), InvalidInput, "8,000 GB", "this process can have")
    assert array_names(path) == []
