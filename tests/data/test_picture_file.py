"""Pictures in one array, upright whatever program laid its pixels down."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io

from recortex.data.picture_file import PictureFile
from recortex.errors import InvalidInput
from tests.data import files
from tests.data.files import DOWN_THE_COLUMNS, LETTER, refused

STACK = np.stack([LETTER, 255 - LETTER])


def test_a_stack_of_grey_pictures_has_one_channel(tmp_path):
    np.save(tmp_path / "p.npy", STACK)
    made = PictureFile(path=tmp_path / "p.npy").run()
    assert np.array_equal(made["picture"][..., 0], STACK)
    assert made["stimulus"].tolist() == ["0", "1"]


def test_a_stack_of_coloured_pictures_keeps_its_channels(tmp_path):
    colour = np.stack([STACK, STACK // 2, STACK // 3], axis=3)
    np.savez(tmp_path / "p.npz", pictures=colour, other=STACK)
    assert np.array_equal(PictureFile(path=tmp_path / "p.npz", array="pictures").run()["picture"], colour)


def test_flat_rows_are_laid_out_by_hand_known_pixels(tmp_path):
    np.save(tmp_path / "rows.npy", LETTER.reshape(1, 12))
    np.save(tmp_path / "columns.npy", np.array([DOWN_THE_COLUMNS], dtype=np.uint8))
    by_rows = PictureFile(path=tmp_path / "rows.npy", height=4, width=3).run()["picture"]
    by_columns = PictureFile(path=tmp_path / "columns.npy", height=4, width=3, column_major=True).run()["picture"]
    assert np.array_equal(by_rows[0, ..., 0], LETTER)
    assert np.array_equal(by_columns[0, ..., 0], LETTER)


@pytest.mark.parametrize("writer", ["v5", "v7.3", "h5"])
def test_a_stack_that_matlab_shows_as_picture_height_width_is_upright(writer, tmp_path):
    path = tmp_path / ("p.h5" if writer == "h5" else "p.mat")
    if writer == "v5":
        scipy.io.savemat(path, {"pictures": STACK})
    elif writer == "v7.3":
        files.write_mat73(path, {"pictures": STACK})
    else:
        with h5py.File(path, "w") as file:
            file["pictures"] = STACK
    assert np.array_equal(PictureFile(path=path).run()["picture"][..., 0], STACK)


def test_the_field_of_a_struct_array_is_a_stack(tmp_path):
    stimuli = np.zeros((1, 2), dtype=[("image", object), ("name", object)])
    for place, picture in enumerate(STACK):
        stimuli[0, place] = (np.repeat(picture[..., None], 3, axis=2), f"s{place}")
    scipy.io.savemat(tmp_path / "p.mat", {"stimuli": stimuli})
    made = PictureFile(path=tmp_path / "p.mat", array="stimuli.image").run()
    assert np.array_equal(made["picture"], np.repeat(STACK[..., None], 3, axis=3))
    refused(lambda: PictureFile(path=tmp_path / "p.mat"), InvalidInput, "struct", "array: stimuli.image")
    refused(lambda: PictureFile(path=tmp_path / "p.mat", array="stimuli.imgae"), InvalidInput, "did you mean image?")


def test_logical_pictures_of_either_matlab_format_are_black_and_white(tmp_path):
    black = LETTER[None] > 100
    scipy.io.savemat(tmp_path / "v5.mat", {"p": black})
    files.write_mat73(tmp_path / "v73.mat", {"p": black.astype(np.uint8)})
    with h5py.File(tmp_path / "v73.mat", "r+") as file:
        file["p"].attrs["MATLAB_class"] = np.bytes_("logical")
        file["p"].attrs["MATLAB_int_decode"] = 1
    np.save(tmp_path / "p.npy", black)
    for name in ("p.npy", "v5.mat", "v73.mat"):
        assert np.array_equal(PictureFile(path=tmp_path / name).run()["picture"][0, ..., 0], black[0] * 255), name


def test_fractions_whole_numbers_and_floats_up_to_255_are_the_same_pictures(tmp_path):
    kinds = {"bytes": STACK, "whole": STACK.astype(np.int64), "float": STACK.astype(np.float32), "part": STACK / 255}
    for name, values in kinds.items():
        np.save(tmp_path / f"{name}.npy", values)
        assert np.array_equal(PictureFile(path=tmp_path / f"{name}.npy").run()["picture"][..., 0], STACK), name


@pytest.mark.parametrize("wrong", [-1.0, 256.0, np.nan, np.inf])
def test_a_value_that_is_no_light_is_refused(wrong, tmp_path):
    values = STACK.astype(float)
    values[1, 2, 1] = wrong
    np.save(tmp_path / "p.npy", values)
    refused(lambda: PictureFile(path=tmp_path / "p.npy"), InvalidInput, "p.npy", "0 to 255 or 0 to 1")


def test_names_stand_in_a_file_a_line_each(tmp_path):
    np.save(tmp_path / "p.npy", STACK)
    (tmp_path / "names.txt").write_text("cat, black\r\n dog \r\n\r\n", encoding="utf-8-sig", newline="")
    made = PictureFile(path=tmp_path / "p.npy", names=tmp_path / "names.txt").run()
    assert made["stimulus"].tolist() == ["cat, black", "dog"]


def test_numbers_start_where_they_are_told_to(tmp_path):
    np.save(tmp_path / "p.npy", STACK)
    assert PictureFile(path=tmp_path / "p.npy", numbered_from=1).run()["stimulus"].tolist() == ["1", "2"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("a\n", ["names 1 pictures", "holds 2"]),
        ("a\na\n", ["a stands twice; give every picture its own name"]),
        ("a\nb\nc\n", ["names 3"]),
    ],
)
def test_names_that_do_not_fit_are_refused(names, words, tmp_path):
    np.save(tmp_path / "p.npy", STACK)
    (tmp_path / "names.txt").write_text(names)
    refused(lambda: PictureFile(path=tmp_path / "p.npy", names=tmp_path / "names.txt"), InvalidInput, "names.txt", *words)


def test_a_file_of_names_that_is_no_text_is_refused(tmp_path):
    np.save(tmp_path / "p.npy", STACK)
    (tmp_path / "names.txt").write_bytes("Käse\nb\n".encode("latin-1"))
    refused(lambda: PictureFile(path=tmp_path / "p.npy", names=tmp_path / "names.txt"), InvalidInput, "names.txt", "UTF-8")


@pytest.mark.parametrize(
    ("shape", "fields", "words"),
    [
        ((2, 12), {}, ["12 pixels", "height and width"]),
        ((2, 12), {"height": 4, "width": 4}, ["height 4 x width 4 is 16, and a picture of the file has 12 pixels"]),
        ((2, 4, 3, 2), {}, ["(2, 4, 3, 2)", "(picture, height, width, 3): bring it to that order and save it again"]),
        ((2, 3, 4, 5), {}, ["(2, 3, 4, 5)", "again, here with numpy.moveaxis(x, 1, -1)"]),
        ((12,), {}, ["(12,)"]),
        ((2, 2, 3, 3, 3), {}, ["(2, 2, 3, 3, 3)"]),
    ],
)
def test_what_is_no_stack_of_pictures_is_refused(shape, fields, words, tmp_path):
    np.save(tmp_path / "p.npy", np.zeros(shape, dtype=np.uint8))
    refused(lambda: PictureFile(path=tmp_path / "p.npy", **fields), InvalidInput, "p.npy", *words)
