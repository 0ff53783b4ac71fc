"""What a person gets wrong is told in one line: which file, which field or row, and what to do about it.

Each case is a person's own recording (responses, a trial table, pictures) in which one thing is wrong. `CASES` go through the stage,
`COMMANDS` through the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from PIL import Image

from recortex.data.caption_table import CaptionTable
from recortex.data.picture_folder import PictureFolder
from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels
from tests.data import files
from tests.data.broken import Desk
from tests.data.files import GRID, VOXELS, recortex, refused, write_table

CASES: dict[str, tuple[Callable[[Desk], Any], tuple[str, ...]]] = {}
COMMANDS: dict[str, tuple[Callable[[Desk], str], tuple[str, ...]]] = {}


def case(*words: str) -> Callable:
    """One wrong thing, and what must stand in the message."""

    def register(make: Callable[[Desk], Any]) -> Callable[[Desk], Any]:
        CASES[make.__name__] = (make, words)
        return make

    return register


def command(*words: str) -> Callable:
    """One wrong thing in a pipeline file, given as its text."""

    def register(make: Callable[[Desk], str]) -> Callable[[Desk], str]:
        COMMANDS[make.__name__] = (make, words)
        return make

    return register


# lengths and axes


@case("betas.npy has 5 trials", "trials.csv has 7 lines", "one line a trial", "order")
def fewer_responses_than_lines(desk):
    return desk.brain(desk.own.npy(desk.responses[:5, :3]))


@case("betas.npy", "5 trials", "7 lines", "trial_axis: 1")
def trials_along_the_other_axis(desk):
    return desk.brain(desk.own.npy(desk.responses.T))


@case("betas.npy", "5 trials", "7 lines", "trial_axis: 0")
def trial_axis_turned_without_need(desk):
    return desk.brain(trial_axis=1)


@case("betas.csv", "8 trials", "7 lines", "header")
def unit_numbers_above_a_csv_taken_for_a_trial(desk):
    numbered = np.vstack([np.arange(5), desk.responses])
    np.savetxt(desk.folder / "betas.csv", numbered, delimiter=",")
    return desk.brain(desk.folder / "betas.csv")


@case("betas.npy", "(7,)", "(trial, unit)")
def one_axis(desk):
    return desk.brain(desk.own.npy(desk.responses[:, 0]))


@case("betas.npy", "(7, 5, 2)", "(trial, unit)")
def three_axes(desk):
    return desk.brain(desk.own.npy(np.dstack([desk.responses] * 2)))


@case("betas.npy", "complex", "real part")
def complex_numbers(desk):
    return desk.brain(desk.own.npy(desk.responses + 1j))


@case("betas.npy", "words, not numbers")
def words_instead_of_numbers(desk):
    return desk.brain(desk.own.npy(desk.responses.astype(str)))


@case("bold.nii.gz has 6 trials", "7 lines")
def fewer_volumes_than_lines(desk):
    return desk.brain(desk.image(files.volumes(desk.responses[:6])), mask=desk.mask())


# units that cannot be fitted


@case("betas.npy", "1 of 5 units", "units 2", "trial 3", "drop_units: invalid")
def a_nan(desk):
    values = desk.responses.copy()
    values[3, 2] = np.nan
    return desk.brain(desk.own.npy(values))


@case("betas.npy", "2 of 5 units", "units 0, 4", "drop_units: invalid")
def infinities_of_both_signs(desk):
    values = desk.responses.copy()
    values[3, 0], values[4, 4], values[5, 4] = np.inf, np.inf, -np.inf
    return desk.brain(desk.own.npy(values))


@case("betas.npy", "units 1", "never change", "drop_units: invalid")
def a_constant_unit(desk):
    values = desk.responses.copy()
    values[:, 1] = 3
    return desk.brain(desk.own.npy(values))


@case("bold.nii.gz", "1 of 5 units never change", "mask")
def a_voxel_outside_the_brain(desk):
    values = files.volumes(desk.responses)
    values[VOXELS[2]] = 0
    return desk.brain(desk.image(values), mask=desk.mask())


@case("betas.npy", "every unit is NaN, infinite or constant")
def nothing_left_to_drop_to(desk):
    return desk.brain(desk.own.npy(np.ones((7, 5))), drop_units="invalid")


# arrays that cannot be read as they are


@case("betas.npy", "pickle", "plain numbers")
def an_object_array(desk):
    return desk.brain(desk.own.npy(np.array([[1, None]] * 7, dtype=object)))


@case("betas.npz", "pickle", "plain numbers")
def an_object_array_in_an_npz(desk):
    np.savez(desk.folder / "betas.npz", betas=np.array([[1, None]] * 7, dtype=object))
    return desk.brain(desk.folder / "betas.npz")


@case("betas.mat", "betas", "cells", "plain array")
def a_cell_array(desk):
    cells = np.empty((1, 7), dtype=object)
    cells[0, :] = [row for row in desk.responses]
    return desk.brain(desk.mat(betas=cells))


@case("betas.mat", "references", "plain array")
def a_cell_array_of_v73(desk):
    path = files.write_mat73(desk.folder / "betas.mat", {"#refs#/a": desk.responses})
    with h5py.File(path, "r+") as file:
        file.create_dataset("betas", data=np.array([[file["#refs#/a"].ref]], dtype=h5py.ref_dtype))
    return desk.brain(path)


@case("betas.mat", "data is a struct", "array: data.betas")
def a_struct(desk):
    return desk.brain(desk.mat(data={"betas": desk.responses, "subject": "s1"}))


@case("betas.mat", "data has no field beta", "did you mean betas?")
def a_misspelt_field_of_a_struct(desk):
    return desk.brain(desk.mat(data={"betas": desk.responses}), array="data.beta")


@case("betas.mat", "sparse", "full")
def a_sparse_matrix(desk):
    return desk.brain(desk.mat(betas=scipy.sparse.csc_matrix(desk.responses)))


@case("betas.npz", "2 arrays", "betas, tr", "array: NAME")
def an_npz_without_a_name(desk):
    np.savez(desk.folder / "betas.npz", betas=desk.responses, tr=2)
    return desk.brain(desk.folder / "betas.npz")


@case("betas.npz", "no array beta", "did you mean betas?")
def a_misspelt_array(desk):
    np.savez(desk.folder / "betas.npz", betas=desk.responses, tr=2)
    return desk.brain(desk.folder / "betas.npz", array="beta")


@case("betas.h5", "3 arrays", "run1/betas", "array: NAME")
def an_h5_without_a_name(desk):
    with h5py.File(desk.folder / "betas.h5", "w") as file:
        for run in (1, 2, 3):
            file[f"run{run}/betas"] = desk.responses
    return desk.brain(desk.folder / "betas.h5")


@case("betas.npy", "array", "betas")
def a_name_for_a_file_of_one_array(desk):
    return desk.brain(array="betas")


@case("betas.npy", "cannot be read")
def a_npy_that_breaks_off(desk):
    content = desk.own.npy().read_bytes()
    return desk.brain(desk.bytes("betas.npy", content[: len(content) // 2]))


@case("betas.npz", "cannot be read")
def an_npz_that_breaks_off(desk):
    np.savez(desk.folder / "whole.npz", betas=desk.responses)
    content = (desk.folder / "whole.npz").read_bytes()
    return desk.brain(desk.bytes("betas.npz", content[: len(content) // 2]))


@case("broken.mat", "cannot be read")
def a_mat_that_breaks_off(desk):
    content = desk.mat(betas=desk.responses).read_bytes()
    return desk.brain(desk.bytes("broken.mat", content[: len(content) // 2]))


@case("broken.h5", "cannot be read")
def an_h5_that_breaks_off(desk):
    with h5py.File(desk.folder / "whole.h5", "w") as file:
        file["betas"] = desk.responses
    content = (desk.folder / "whole.h5").read_bytes()
    return desk.brain(desk.bytes("broken.h5", content[:-100]))


@case("betas.xlsx", ".xlsx", ".csv")
def an_unknown_suffix(desk):
    return desk.brain(desk.bytes("betas.xlsx", b"PK"))


@case("betas.npy", "not", "NumPy")
def a_text_called_npy(desk):
    return desk.brain(desk.bytes("betas.npy", b"1,2,3\n4,5,6\n"))


@pytest.mark.parametrize("suffix", ["npy", "npz", "mat", "h5", "csv", "tsv", "nii", "nii.gz"])
def test_a_file_of_no_bytes_is_refused_by_name(suffix, desk):
    path = desk.bytes(f"empty.{suffix}", b"")
    fields = {"mask": desk.mask()} if suffix.startswith("nii") else {}
    refused(lambda: desk.brain(path, **fields), InvalidInput, f"empty.{suffix}", "cannot be read")


# text


@case("betas.csv", "line 3, column 2", "'n/a'", "not a number")
def a_word_among_numbers(desk):
    cells = desk.responses.astype(str)
    cells[2, 1] = "n/a"
    return desk.brain(desk.bytes("betas.csv", "\n".join(",".join(row) for row in cells).encode()))


@case("betas.csv", "line 4, column 5", "empty cell")
def an_empty_cell(desk):
    cells = desk.responses.astype(str).astype(object)
    cells[3, 4] = ""
    return desk.brain(desk.bytes("betas.csv", "\n".join(",".join(row) for row in cells).encode()))


@case("betas.csv", "line 2", "6")
def a_row_that_is_longer(desk):
    lines = [",".join(row) for row in desk.responses.astype(str)]
    lines[1] += ",7"
    return desk.brain(desk.bytes("betas.csv", "\n".join(lines).encode()))


@case("betas.csv", "index", "column")
def a_column_of_row_numbers_that_pandas_wrote(desk):
    """Without a word it would become a unit that follows nothing but time."""
    import pandas

    pandas.DataFrame(desk.responses).to_csv(desk.folder / "betas.csv")
    return desk.brain(desk.folder / "betas.csv")


@case("betas.csv", "commas")
def semicolons(desk):
    np.savetxt(desk.folder / "betas.csv", desk.responses, delimiter=";")
    return desk.brain(desk.folder / "betas.csv")


@case("betas.csv", "UTF-8")
def a_csv_in_utf_16(desk):
    text = "\n".join(",".join(row) for row in desk.responses.astype(str))
    return desk.brain(desk.bytes("betas.csv", text.encode("utf-16")))


# images


@case("bold.nii.gz", "mask: FILE")
def an_image_without_a_mask(desk):
    return desk.brain(desk.image())


@case("mask.nii.gz", "(4, 3, 3)", "bold.nii.gz", "(4, 3, 2)", "resample_to_img")
def a_mask_of_another_shape(desk):
    return desk.brain(desk.image(), mask=desk.mask(np.ones((4, 3, 3))))


@case("mask.nii.gz", "bold.nii.gz", "affine", "resample")
def a_mask_of_another_place(desk):
    shifted = files.AFFINE.copy()
    shifted[0, 3] += 2
    return desk.brain(desk.image(), mask=desk.mask(affine=shifted))


@case("mask.nii.gz", "0 everywhere")
def a_mask_of_nothing(desk):
    return desk.brain(desk.image(), mask=desk.mask(np.zeros(GRID)))


@case("mask.nii.gz", "(4, 3, 2, 7)", "3 axes")
def a_mask_of_four_axes(desk):
    return desk.brain(desk.image(), mask=desk.mask(files.volumes(desk.responses)))


@case("bold.nii.gz", "(4, 3, 2)", "4 axes")
def an_image_of_three_axes(desk):
    return desk.brain(desk.image(files.volumes(desk.responses)[..., 0]), mask=desk.mask())


@case("broken.nii.gz", "breaks off", "volume")
def a_packed_image_that_breaks_off(desk):
    noise = np.random.default_rng(0).standard_normal((8, 8, 8, 7))
    content = desk.image(noise).read_bytes()
    return desk.brain(desk.bytes("broken.nii.gz", content[: len(content) * 3 // 4]), mask=desk.mask(np.ones((8, 8, 8))))


@case("broken.nii", "breaks off", "volume")
def an_image_that_breaks_off(desk):
    content = desk.image(name="bold.nii").read_bytes()
    return desk.brain(desk.bytes("broken.nii", content[: len(content) * 3 // 4]), mask=desk.mask())


@case("broken_mask.nii.gz")
def a_mask_that_breaks_off(desk):
    content = desk.mask(np.random.default_rng(0).standard_normal(GRID)).read_bytes()
    return desk.brain(desk.image(), mask=desk.bytes("broken_mask.nii.gz", content[: len(content) * 3 // 4]))


@case("bold.nii.gz", "cannot be read as NIfTI")
def a_text_called_nii_gz(desk):
    return desk.brain(desk.bytes("bold.nii.gz", b"<html>moved</html>"), mask=desk.mask())


@case("mask.npy", "NIfTI")
def a_mask_that_is_no_image(desk):
    return desk.brain(desk.image(), mask=desk.own.npy(files.mask(), "mask.npy"))


@case("betas.npy", "not a NIfTI image", "mask: mask.nii.gz")
def a_mask_for_what_is_no_image(desk):
    return desk.brain(mask=desk.mask())


@case("bold.nii.gz", "trial_axis")
def a_trial_axis_for_an_image(desk):
    return desk.brain(desk.image(), mask=desk.mask(), trial_axis=1)


@case("bold.nii", "affine", "finite")
def an_affine_of_nan(desk):
    content = bytearray(desk.image(name="bold.nii").read_bytes())
    content[300:304] = np.float32(np.nan).tobytes()  # srow_y[1]
    return desk.brain(desk.bytes("bold.nii", content), mask=desk.mask())


# the trial table


@case("trials.csv", "no column stimulus", "stimlus")
def a_misspelt_stimulus_column(desk):
    return desk.brain(trials=write_table(desk.own.trials, {"stimlus": range(7)}))


@case("trials.csv", "line 5", "no stimulus")
def an_empty_stimulus(desk):
    return desk.brain(trials=write_table(desk.own.trials, {"stimulus": [*"abc", "", *"def"]}))


@case("trials.txt", ".txt", ".csv (commas) or .tsv (tabs)")
def a_table_of_another_kind(desk):
    return desk.brain(trials=desk.bytes("trials.txt", b"stimulus\na\n"))


@case("trials.csv", "UTF-8")
def a_table_that_is_no_text(desk):
    return desk.brain(trials=desk.bytes("trials.csv", bytes(range(256))))


@case("stimulus a", "category", "face", "house")
def repeats_that_disagree(desk):
    table = {"stimulus": list("abcdefa"), "category": ["face"] * 6 + ["house"]}
    return desk.brain(trials=write_table(desk.own.trials, table), repeats="average")


# pictures and words


@case("notes.png", "cannot be read as a picture")
def a_text_called_png(desk):
    desk.pictures()
    desk.bytes("pictures/notes.png", b"hello")
    return PictureFolder(path=desk.folder / "pictures")


@case("s03.png", "cannot be read as a picture")
def a_picture_of_no_bytes(desk):
    desk.pictures()
    desk.bytes("pictures/s03.png", b"")
    return PictureFolder(path=desk.folder / "pictures")


@case("s03.png", "cannot be read as a picture")
def a_picture_that_breaks_off(desk):
    content = (desk.pictures() / "s03.png").read_bytes()
    desk.bytes("pictures/s03.png", content[: len(content) * 2 // 3])
    return PictureFolder(path=desk.folder / "pictures")


@case("no_pictures", "holds no pictures", ".png")
def a_folder_without_pictures(desk):
    (desk.folder / "no_pictures").mkdir()
    return PictureFolder(path=desk.folder / "no_pictures")


@case("s00.png", "not a folder", "PictureFile")
def a_file_where_a_folder_is_meant(desk):
    return PictureFolder(path=desk.pictures() / "s00.png")


@case("s06.png", "9 x 8", "s00.png", "6 x 6", "size: 8")
def pictures_of_two_sizes(desk):
    Image.fromarray(np.zeros((9, 8, 3), dtype=np.uint8)).save(desk.pictures() / "s06.png")
    return PictureFolder(path=desk.folder / "pictures")


@case("2 of the stimuli of the trials are not in ", "pictures: s05, s06; add them there, or leave their trials out")
def stimuli_without_a_picture(desk):
    features = Pixels(stimuli=PictureFolder(path=desk.pictures(5)))
    return features.of(desk.brain().trial_table()["stimulus"])


@case("7 of the stimuli of the trials", "s00.png", "did you mean s00?")
def stimuli_named_with_their_suffix(desk):
    brain = desk.brain(trials=write_table(desk.own.trials, {"stimulus": [f"s{n:02d}.png" for n in range(7)]}))
    return Pixels(stimuli=PictureFolder(path=desk.pictures())).of(brain.trial_table()["stimulus"])


@case("captions.csv", "line 3", "no caption")
def a_stimulus_without_words(desk):
    return CaptionTable(path=write_table(desk.folder / "captions.csv", {"stimulus": "ab", "caption": ["a dog", " "]}))


@case("captions.json", ".json", ".csv (commas) or .tsv (tabs)")
def captions_of_another_kind(desk):
    return CaptionTable(path=desk.bytes("captions.json", b"{}"))


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_input_is_told_in_one_line(name, desk):
    make, words = CASES[name]
    refused(lambda: make(desk), InvalidInput, *words)


# the same through pipeline files

GOOD = "brain: {type: ResponseFile, path: betas.npy, trials: trials.csv}\n"


@command("brain.path", "betas.npz", "there is no file or folder")
def a_missing_file(desk):
    return "brain: {type: ResponseFile, path: betas.npz, trials: trials.csv}"


@command("brain.trials", "trails.csv", "there is no file or folder")
def a_missing_table(desk):
    return "brain: {type: ResponseFile, path: betas.npy, trials: trails.csv}"


@command("brain.path", "betas is a folder", "name a file")
def a_folder_instead_of_a_file(desk):
    (desk.folder / "betas").mkdir()
    return "brain: {type: ResponseFile, path: betas, trials: trials.csv}"


@command("brain.trials", "trials.csv is a folder", "name a file")
def a_table_that_is_a_folder(desk):
    desk.own.trials.unlink()
    desk.own.trials.mkdir()
    return GOOD


@command("stimuli.path", "pictures is a folder", "name a file")
def a_folder_where_a_file_is_meant(desk):
    desk.pictures()
    return "stimuli: {type: PictureFile, path: pictures}"


@command("brain", "ResponseFile needs the field trials")
def a_missing_field(desk):
    return "brain: {type: ResponseFile, path: betas.npy}"


@command("brain", "no field trial_axes", "did you mean trial_axis?")
def a_misspelt_field(desk):
    return "brain: {type: ResponseFile, path: betas.npy, trials: trials.csv, trial_axes: 1}"


@command("brain.trial_axis", "0 or 1", "2")
def an_axis_that_is_not_there(desk):
    return "brain: {type: ResponseFile, path: betas.npy, trials: trials.csv, trial_axis: 2}"


@command("brain.repeats", "'keep' or 'average'", "mean")
def a_misspelt_choice(desk):
    return "brain: {type: ResponseFile, path: betas.npy, trials: trials.csv, repeats: mean}"


@command("brain", "no stage ResponsFile", "did you mean ResponseFile?")
def a_misspelt_stage(desk):
    return "brain: {type: ResponsFile, path: betas.npy, trials: trials.csv}"


@command("pixels.stimuli", "needs an entry of kind Pictures", "brain is a ResponseFile")
def responses_where_pictures_are_meant(desk):
    return GOOD + "pixels: {type: Pixels, stimuli: brain}"


@command("pixels.stimuli", "needs an entry of kind Pictures", "words is a CaptionTable")
def words_where_pictures_are_meant(desk):
    write_table(desk.folder / "words.csv", {"stimulus": "a", "caption": "b"})
    return "words: {type: CaptionTable, path: words.csv}\npixels: {type: Pixels, stimuli: words}"


@command("pixels.stimuli", "no entry stimul", "did you mean stimuli?")
def a_misspelt_reference(desk):
    desk.pictures()
    return "stimuli: {type: PictureFolder, path: pictures}\npixels: {type: Pixels, stimuli: stimul}"


@command("stimuli.size", "must be at least 1", "0")
def a_size_of_nothing(desk):
    desk.pictures()
    return "stimuli: {type: PictureFolder, path: pictures, size: 0}"


@command("brain.path", "must be a path", "5")
def a_number_for_a_path(desk):
    return "brain: {type: ResponseFile, path: 5, trials: trials.csv}"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_pipeline_is_told_in_one_line_by_the_command(name, desk):
    make, words = COMMANDS[name]
    desk.own.npy()
    (desk.folder / "my.yaml").write_text(make(desk))
    line = recortex("plan", desk.folder / "my.yaml").complaint
    assert line.startswith("InvalidInput: ")
    assert all(word in line for word in words), line


def test_what_a_stage_finds_is_told_by_the_run_beside_its_name_and_the_rest_goes_on(desk):
    desk.own.npy(np.where(np.arange(5) == 1, np.nan, desk.responses))
    desk.pictures()
    (desk.folder / "my.yaml").write_text(
        GOOD + "stimuli: {type: PictureFolder, path: pictures}\npixels: {type: Pixels, stimuli: stimuli}\n"
        "split: {type: KFold, folds: 3}\nencoder: {type: RidgeEncoder, brain: brain, features: pixels, split: split}\n"
    )
    said = recortex("run", desk.folder / "my.yaml", "--outputs", desk.folder / "outputs")
    told = {line.split()[2].rstrip(":"): line for line in said.out.splitlines() if line[:1].isdigit()}
    assert "failed" in told["brain"] and "units 1" in told["brain"] and "drop_units: invalid" in told["brain"]
    assert "skipped" in told["encoder"] and "needs brain" in told["encoder"]
    assert "ok" in told["pixels"]
    assert said.code == 2


def test_the_table_that_is_longer_than_the_responses_is_told_by_the_run(desk):
    desk.own.npy(desk.responses[:5, :4])
    (desk.folder / "my.yaml").write_text(GOOD)
    said = recortex("run", desk.folder / "my.yaml", "--outputs", desk.folder / "outputs")
    told = [
        line
        for line in said.out.splitlines()
        if "betas.npy has 5 trials and trials.csv has 7 lines below its header; give" in line
    ]
    assert told and all("failed" in line and "brain" in line for line in told)
    assert said.code == 2
