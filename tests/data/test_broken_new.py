"""`recortex new` on broken inputs: one line, exit code 2, and no file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from tests.data import files
from tests.data.broken import bounded
from tests.data.files import recortex

Case = Callable[[Path], list[object]]
BROKEN: dict[str, tuple[Case, tuple[str, ...]]] = {}


def case(*words: str) -> Callable[[Case], Case]:
    """What stands behind `recortex new`, made in the working folder, and what must stand in the line."""

    def register(make: Case) -> Case:
        BROKEN[make.__name__] = (make, words)
        return make

    return register


@pytest.fixture(autouse=True)
def at_the_desk(desk, monkeypatch) -> None:
    monkeypatch.chdir(desk.folder)
    desk.own.npy()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_input_of_new_is_told_in_one_line_and_nothing_is_written(name, desk):
    make, words = BROKEN[name]
    arguments = make(desk.folder)
    before = {path: path.lstat().st_mtime_ns for path in desk.folder.parent.rglob("*")}
    with bounded(20):
        line = recortex("new", *arguments).complaint
    assert all(word in line for word in words), line
    assert {path: path.lstat().st_mtime_ns for path in desk.folder.parent.rglob("*")} == before


def brain(name: str = "betas.npy", *more: object) -> list[object]:
    return ["my.yaml", "--brain", name, "--trials", "trials.csv", *more]


def fifo(name: str) -> str:
    os.mkfifo(name)
    return name


# the responses


@case("InvalidInput", "pipe.npy is a device or pipe")
def a_pipe_of_responses(folder):
    return brain(fifo("pipe.npy"))


@case("InvalidInput", "/dev/zero is a device or pipe")
def responses_without_end(folder):
    return brain("/dev/zero")


@case("InvalidInput", "no file", "gone.npy")
def a_link_to_nothing(folder):
    os.symlink("nowhere.npy", "gone.npy")
    return brain("gone.npy")


@case("InvalidInput", "xxx", "File name too long")
def a_name_that_no_disk_takes(folder):
    return brain("x" * 300)


@case("InvalidInput", "loop.npy")
def a_link_to_itself(folder):
    os.symlink("loop.npy", "loop.npy")
    return brain("loop.npy")


@case("InvalidInput", "results is a folder", "name a file")
def a_folder_of_responses(folder):
    os.mkdir("results")
    return brain("results")


@case("InvalidInput", "'be\\ntas.npy'", "rename")
def responses_whose_name_ends_a_line(folder):
    os.rename("betas.npy", "be\ntas.npy")
    return brain("be\ntas.npy")


@case("InvalidInput", "betas.txt", ".npy")
def responses_of_another_kind(folder):
    os.rename("betas.npy", "betas.txt")
    return brain("betas.txt")


@case("InvalidInput", "betas.npy", "promises")
def responses_that_claim_too_much(folder):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (7, 1000000000000), }"
    (folder / "betas.npy").write_bytes(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
    return brain()


@case("InvalidInput", "betas.npy", "Python objects")
def a_pickle_of_responses(folder):
    np.save("betas.npy", np.array([None]), allow_pickle=True)
    return brain()


@case("InvalidInput", "betas.npz", "words")
def an_archive_of_words(folder):
    np.savez("betas.npz", a=np.array(["x"]), b=np.array(["y"]))
    return brain("betas.npz")


@case("InvalidInput", "betas.npz", "cannot be read", "CRC")
def an_archive_of_lies(folder):
    np.savez("betas.npz", betas=np.zeros((7, 5)))
    content = (folder / "betas.npz").read_bytes()
    (folder / "betas.npz").write_bytes(content.replace(b"(7, 5)", b"(7, 9)"))
    return brain("betas.npz")


@case("InvalidInput", "another file", "other.h5")
def a_link_to_another_file(folder):
    with h5py.File("betas.h5", "w") as file:
        file["betas"] = h5py.ExternalLink("other.h5", "/betas")
    return brain("betas.h5")


@case("InvalidInput", "betas.h5: betas", "ever written")
def room_that_was_never_filled(folder):
    with h5py.File("betas.h5", "w") as file:
        file.create_dataset("betas", (7, 5))
    return brain("betas.h5")


@case("InvalidInput", "betas.mat", "cells")
def cells_of_responses(folder):
    import scipy.io

    scipy.io.savemat("betas.mat", {"betas": np.array([np.zeros(3), np.zeros(4)], dtype=object)})
    return brain("betas.mat")


@case("InvalidInput", "betas.csv: line 2, column 1 is 'x'")
def a_word_among_numbers(folder):
    (folder / "betas.csv").write_text("1,2\nx,3\n" * 4)
    return brain("betas.csv")


# the trial table


@case("InvalidInput", "pipe.csv is a device or pipe")
def a_pipe_of_trials(folder):
    return ["my.yaml", "--brain", "betas.npy", "--trials", fifo("pipe.csv")]


@case("InvalidInput", "--trials FILE", "found none")
def a_pipe_beside_the_responses(folder):
    os.remove("trials.csv")
    fifo("trials.csv")
    return ["my.yaml", "--brain", "betas.npy"]


@case("InvalidInput", "tables is a folder")
def a_folder_of_tables(folder):
    os.mkdir("tables")
    return ["my.yaml", "--brain", "betas.npy", "--trials", "tables"]


@case("InvalidInput", "trials.csv", "spreadsheets")
def a_workbook(folder):
    (folder / "trials.csv").write_bytes(b"PK\x03\x04" + b"\0" * 100)
    return brain()


@case("InvalidInput", "trials.csv: line 1", "\\x1b")
def a_column_that_clears_the_screen(folder):
    (folder / "trials.csv").write_text("stimulus,\x1b[2J\n" + "a,1\n" * 7)
    return brain()


@case("InvalidInput", "trials.csv: line 3", "\\n")
def a_stimulus_that_ends_a_line(folder):
    (folder / "trials.csv").write_text('stimulus\n"a\nb"\n' + "c\n" * 6)
    return brain()


# pictures


@case("InvalidInput", "pipe.npy is a device or pipe")
def a_pipe_of_pictures(folder):
    return brain("betas.npy", "--stimuli", fifo("pipe.npy"))


@case("InvalidInput", "pictures.npy", "nothing", "(0, 4, 4)")
def no_pictures(folder):
    np.save("pictures.npy", np.zeros((0, 4, 4)))
    return brain("betas.npy", "--stimuli", "pictures.npy")


@case("InvalidInput", "pictures.npz", "picture, height, width")
def an_archive_without_pictures(folder):
    np.savez("pictures.npz", a=np.zeros(3), b=np.zeros((7, 9)))
    return brain("betas.npy", "--stimuli", "pictures.npz")


@case("InvalidInput", "s03.png", "cannot be read as a picture", "a PDF")
def a_pdf_among_pictures(folder):
    pictures(folder)
    (folder / "pictures" / "s03.png").write_bytes(b"%PDF-1.4 ")
    return brain("betas.npy", "--stimuli", "pictures")


@case("InvalidInput", "s03.png", "more pixels than")
def a_bomb_among_pictures(folder):
    from tests.data.test_broken_images import png

    pictures(folder)
    (folder / "pictures" / "s03.png").write_bytes(png(20_000, 10_000, 8, 0, b"\0" * 1000))
    return brain("betas.npy", "--stimuli", "pictures")


@case("InvalidInput", "s\\n03.png", "rename")
def a_picture_whose_name_ends_a_line(folder):
    pictures(folder)
    os.rename("pictures/s03.png", "pictures/s\n03.png")
    return brain("betas.npy", "--stimuli", "pictures")


@case("InvalidInput", "7 stimuli", "pictures")
def pictures_of_other_names(folder):
    pictures(folder)
    (folder / "trials.csv").write_text("stimulus\n" + "".join(f"x{number}\n" for number in range(7)))
    return brain("betas.npy", "--stimuli", "pictures")


# the mask


@case("InvalidInput", "pipe.nii is a device or pipe")
def a_pipe_of_a_mask(folder):
    files.write_nifti(folder / "bold.nii", files.volumes(files.numbers()))
    return brain("bold.nii", "--mask", fifo("pipe.nii"))


@case("InvalidInput", "mask.nii", "no NIfTI header")
def a_mask_of_text(folder):
    files.write_nifti(folder / "bold.nii", files.volumes(files.numbers()))
    (folder / "mask.nii").write_text("everything")
    return brain("bold.nii", "--mask", "mask.nii")


@case("InvalidInput", "mask.nii is 0 everywhere")
def a_mask_of_nothing(folder):
    files.write_nifti(folder / "bold.nii", files.volumes(files.numbers()))
    files.write_nifti(folder / "mask.nii", np.zeros(files.GRID))
    return brain("bold.nii", "--mask", "mask.nii")


@case("InvalidInput", "bold.nii has 6 volumes", "7 trials")
def volumes_that_are_too_few(folder):
    files.write_nifti(folder / "bold.nii", files.volumes(files.numbers(6)))
    files.write_nifti(folder / "mask.nii", files.mask())
    return brain("bold.nii", "--mask", "mask.nii")


# the file to write


@case("InvalidInput", "is a folder", "my.yaml")
def a_folder_to_write(folder):
    os.mkdir("out.yaml")
    return ["out.yaml", *brain()[1:]]


@case("InvalidInput", "is there already", "--force")
def a_file_that_is_there(folder):
    (folder / "my.yaml").write_text("mine")
    return brain()


@case("CannotWrite", "betas.npy/my.yaml")
def a_folder_that_is_a_file(folder):
    return ["betas.npy/my.yaml", *brain()[1:]]


@case("InvalidInput", "pipe.yaml is a device or pipe")
def a_pipe_to_write_with_force(folder):
    return [fifo("pipe.yaml"), *brain()[1:], "--force"]


@case("InvalidInput", "/dev/full")
def a_device_to_write_with_force(folder):
    return ["/dev/full", *brain()[1:], "--force"]


@case("InvalidInput", "device.yaml is a device or pipe")
def a_link_to_a_device_to_write_with_force(folder):
    os.symlink("/dev/full", "device.yaml")
    return ["device.yaml", *brain()[1:], "--force"]


@case("InvalidInput", "betas.npy")
def the_responses_themselves_to_write_with_force(folder):
    return ["betas.npy", *brain()[1:], "--force"]


@case("CannotWrite", "name is too long")
def a_name_that_is_too_long(folder):
    return ["x" * 300 + ".yaml", *brain()[1:]]


@case("InvalidInput", "'my\\n.yaml'", "rename")
def a_file_whose_name_ends_a_line(folder):
    return ["my\n.yaml", *brain()[1:]]


def pictures(folder: Path) -> None:
    from tests.data.broken import Desk
    from tests.data.files import Recording

    Desk(Recording(folder, files.numbers())).pictures()


# right


def test_a_folder_that_is_not_there_is_made(desk):
    assert recortex("new", "a/b/my.yaml", *brain()[1:]).code == 0
    assert yaml.safe_load((desk.folder / "a" / "b" / "my.yaml").read_text())["brain"]["path"] == "../../betas.npy"


def test_names_in_an_archive_that_end_lines_cannot_write_entries(desk):
    np.savez("betas.npz", **{"b\nevil: {type: Pixels}": desk.responses, "other": np.zeros(3)})
    assert recortex("new", *brain("betas.npz")).code == 0
    entries = yaml.safe_load((desk.folder / "my.yaml").read_text())
    assert "evil" not in entries and entries["brain"]["array"] == "b\nevil: {type: Pixels}"
    assert recortex("plan", "my.yaml").code == 0


def test_the_largest_of_files_is_looked_at_by_its_header(desk):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (7, 100000000000), }"
    (desk.folder / "betas.npy").write_bytes(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
    os.truncate("betas.npy", 10 + len(header) + 7 * 8 * 100_000_000_000)
    with bounded():
        assert recortex("new", *brain()).code == 0
    assert "7 trials of 100000000000 units" in (desk.folder / "my.yaml").read_text()
