"""`recortex new` looks at a person's files and writes a pipeline that runs, or says in one line why it cannot."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest
import scipy.io
import yaml
from PIL import Image

from recortex.data.response_file import ResponseFile
from tests.data import files
from tests.data.files import Recording, recortex, write_nifti, write_table

TRIALS = 12


@pytest.fixture
def own(tmp_path, monkeypatch) -> Recording:
    """Twelve pictures of two categories, seen once each; the working folder is theirs."""
    made = Recording.of(tmp_path / "own", TRIALS, 5, category=["face", "house"] * 6)
    made.npy()
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def pictures(own):
    """A picture for each stimulus."""
    (own.folder / "pictures").mkdir()
    for number in range(TRIALS):
        picture = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(picture).save(own.folder / "pictures" / f"s{number:02d}.png")
    return own.folder / "pictures"


def written(name: str = "my.yaml") -> dict:
    return yaml.safe_load(open(name, encoding="utf-8"))


def planned(name: str = "my.yaml") -> None:
    said = recortex("plan", name)
    assert said.code == 0, said.err
    assert "0 missing" in said.out


def run(tmp_path, name: str = "my.yaml", *options: str):
    said = recortex("run", name, "--outputs", tmp_path / "outputs", "--cache", tmp_path / "cache", *options)
    assert said.code == 0, said.out + said.err
    assert "failed" not in said.out
    return tmp_path / "outputs" / name.removesuffix(".yaml")


def test_responses_a_table_and_a_folder_of_pictures_become_a_pipeline_that_runs(own, pictures, tmp_path):
    said = recortex("new", "my.yaml", "--brain", "betas.npy", "--stimuli", "pictures")
    assert said.code == 0 and "my.yaml" in said.out
    text = (own.folder / "my.yaml").read_text()
    assert text.startswith("#") and "betas.npy: 12 trials of 5 units" in text and "12 pictures" in text
    entries = written()
    assert entries["brain"] == {"type": "ResponseFile", "path": "betas.npy", "trials": "trials.csv"}
    assert entries["stimuli"] == {"type": "PictureFolder", "path": "pictures"}
    kinds = {entry["type"] for entry in entries.values()}
    assert kinds >= {"RidgeEncoder", "EncodingScores", "RidgeDecoder", "ImageScores", "CategoryScores"}
    planned()
    fewer = [f"--set={name}.permutations=2" for name in ("encoding", "picture_scores", "nearest_scores")]
    outputs = run(tmp_path, "my.yaml", *fewer)
    assert (outputs / "report.html").stat().st_size > 1000
    assert (outputs / "scores.csv").read_text().count("\n") > 5


@pytest.mark.parametrize("kind", ["mat", "mat turned", "mat v7.3", "h5", "npz", "csv", "nii.gz"])
def test_every_kind_of_response_file_becomes_a_pipeline_that_runs(kind, own, tmp_path):
    (own.folder / "betas.npy").unlink()
    other, extra = np.arange(8.0).reshape(4, 2), []
    if kind == "mat":
        scipy.io.savemat("brain.mat", {"other": other, "betas": own.responses, "info": {"subject": "s1"}})
    elif kind == "mat turned":
        scipy.io.savemat("brain.mat", {"betas": own.responses.T})
    elif kind == "mat v7.3":
        files.write_mat73(own.folder / "brain.mat", {"other": other, "betas": own.responses})
    elif kind == "h5":
        with h5py.File("brain.h5", "w") as file:
            file["session/betas"], file["other"] = own.responses, other
    elif kind == "npz":
        np.savez("brain.npz", other=other, betas=own.responses)
    elif kind == "csv":
        header = ",".join(f"voxel {n}" for n in range(5))
        np.savetxt("brain.csv", own.responses, delimiter=",", header=header, comments="")
        extra = ["--trials", "trials.csv"]
    else:
        write_nifti(own.folder / "brain.nii.gz", files.volumes(own.responses))
        write_nifti(own.folder / "mask.nii.gz", files.mask(), dtype=np.uint8)
        extra = ["--mask", "mask.nii.gz"]
    brain = f"brain.{kind.split()[0]}"
    assert recortex("new", "my.yaml", "--brain", brain, *extra).code == 0
    planned()
    run(tmp_path)
    fields = {key: value for key, value in written()["brain"].items() if key != "type"}
    assert np.allclose(ResponseFile(**fields).run()["responses"], own.responses)
    assert fields.get("array") == {"mat": "betas", "mat v7.3": "betas", "h5": "session/betas", "npz": "betas"}.get(kind)
    assert fields.get("trial_axis") == (1 if kind == "mat turned" else None)


def test_a_field_of_a_struct_is_found(own):
    """One struct that holds everything is how most MATLAB files look."""
    scipy.io.savemat("brain.mat", {"data": {"betas": own.responses, "subject": "s1"}})
    assert recortex("new", "my.yaml", "--brain", "brain.mat").code == 0
    assert written()["brain"]["array"] == "data.betas"
    scipy.io.savemat("brain.mat", {"data": {"deep": {"betas": own.responses}}})
    assert recortex("new", "my.yaml", "--brain", "brain.mat", "--force").code == 0
    assert written()["brain"]["array"] == "data.deep.betas"
    planned()
    scipy.io.savemat("brain.mat", {"data": {"subject": "s1", "betas": own.responses[:5, :4]}})
    refuse("12 trials, as many as trials.csv has lines below its header", "data.betas: 5 x 4", brain="brain.mat")


def test_trials_without_a_category_are_left_out_and_the_comment_says_so(own, tmp_path):
    write_table(own.trials, {"stimulus": range(TRIALS), "category": ["face", "house"] * 5 + ["", "n/a"]})
    assert recortex("new", "my.yaml", "--brain", "betas.npy").code == 0
    assert written()["category"]["among"] == ["face", "house"]
    text = (own.folder / "my.yaml").read_text()
    assert "2 categories was seen. 2 trials state none and are left out." in text
    run(tmp_path, "my.yaml", "--set=category_scores.permutations=2", "--set=split.folds=4")


def test_repeats_are_averaged_and_the_comment_says_so(own, tmp_path):
    write_table(own.trials, {"stimulus": [f"s{n % 6}" for n in range(TRIALS)], "category": ["face", "house"] * 6})
    assert recortex("new", "my.yaml", "--brain", "betas.npy").code == 0
    assert written()["brain"]["repeats"] == "average"
    assert "repeats: keep" in (own.folder / "my.yaml").read_text()
    run(tmp_path)


def test_a_split_in_the_table_is_used(own, tmp_path):
    columns = {"stimulus": range(TRIALS), "category": ["face", "house"] * 6, "split": ["train"] * 8 + ["test"] * 4}
    write_table(own.trials, columns)
    assert recortex("new", "my.yaml", "--brain", "betas.npy").code == 0
    assert written()["split"] == {"type": "FixedSplit", "column": "split"}
    run(tmp_path)


def test_pictures_of_several_sizes_are_brought_to_one(own, pictures):
    Image.fromarray(np.zeros((5, 20, 3), dtype=np.uint8)).save(pictures / "s03.png")
    assert recortex("new", "my.yaml", "--brain", "betas.npy", "--stimuli", "pictures").code == 0
    assert written()["stimuli"]["size"] == 5
    planned()


def test_a_picture_that_exif_turns_counts_as_it_will_be_seen(own, pictures):
    for number in range(TRIALS):
        exif = Image.Exif()
        exif[0x0112] = 6 if number == 3 else 1
        Image.fromarray(np.zeros((5, 9, 3), dtype=np.uint8)).save(pictures / f"s{number:02d}.png", exif=exif)
    assert recortex("new", "my.yaml", "--brain", "betas.npy", "--stimuli", "pictures").code == 0
    assert written()["stimuli"].get("size") == 5


@pytest.mark.parametrize("first", [0, 1])
def test_pictures_in_an_array_are_numbered_as_the_table_does(first, own):
    values = np.random.default_rng(0).integers(0, 256, (TRIALS, 6, 6), dtype=np.uint8)
    np.savez("pictures.npz", table=np.zeros((3, 2)), pictures=values)
    write_table(own.trials, {"stimulus": np.arange(TRIALS) + first, "category": ["face", "house"] * 6})
    assert recortex("new", "my.yaml", "--brain", "betas.npy", "--stimuli", "pictures.npz").code == 0
    stimuli = written()["stimuli"]
    assert stimuli["array"] == "pictures" and stimuli.get("numbered_from", 0) == first


def test_hidden_files_of_the_system_are_not_pictures(own, pictures):
    (pictures / "._s00.png").write_bytes(b"resource fork")
    (pictures / ".thumbnails").mkdir()
    (pictures / ".thumbnails" / "s00.png").write_bytes(b"x")
    said = recortex("new", "my.yaml", "--brain", "betas.npy", "--stimuli", "pictures")
    assert said.code == 0, said.err


@pytest.mark.parametrize("name", ["2024-01-01", "123", "no", "null", "1e3", "a: b", "täst [1]", 'quo"te', "yes#no", "-x"])
def test_a_folder_of_any_name_is_named_so_that_it_is_found(name, own, pictures):
    (own.folder / "pictures").rename(own.folder / name)
    assert recortex("new", "my.yaml", "--brain", "betas.npy", f"--stimuli={name}").code == 0
    assert written()["stimuli"]["path"] == name
    planned()


@pytest.mark.parametrize("name", ["no", "on", "null", "true", "1"])
def test_an_array_of_any_name_is_named_so_that_it_is_found(name, own):
    np.savez("brain.npz", other=np.zeros((2, 2)), **{name: own.responses})
    assert recortex("new", "my.yaml", "--brain", "brain.npz").code == 0
    assert written()["brain"]["array"] == name
    planned()


def test_paths_are_told_from_where_the_pipeline_lies(own, pictures, tmp_path):
    assert recortex("new", tmp_path / "elsewhere" / "deep" / "my.yaml", "--brain", "betas.npy", "--stimuli", "pictures").code == 0
    os.chdir(tmp_path)
    planned(str(tmp_path / "elsewhere" / "deep" / "my.yaml"))


def test_a_pipeline_written_through_a_link_to_a_folder_finds_its_files(own, tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (own.folder / "link").symlink_to(tmp_path / "real" / "deep")
    assert recortex("new", "link/my.yaml", "--brain", "betas.npy").code == 0
    planned("link/my.yaml")


def test_the_name_that_is_printed_is_the_name_that_was_written(own):
    said = recortex("new", "my[a].yaml", "--brain", "betas.npy")
    assert "my[a].yaml" in said.out


def test_a_pipeline_that_is_there_is_kept_unless_forced(own):
    (own.folder / "my.yaml").write_text("mine")
    line = recortex("new", "my.yaml", "--brain", "betas.npy").complaint
    assert "my.yaml" in line and "--force" in line
    assert (own.folder / "my.yaml").read_text() == "mine"
    assert recortex("new", "my.yaml", "--brain", "betas.npy", "--force").code == 0
    assert "brain" in written()


def refuse(*words: str, brain: str = "betas.npy", more: tuple[object, ...] = ()) -> None:
    line = recortex("new", "wrong.yaml", "--brain", brain, *more).complaint
    assert line.startswith("InvalidInput: "), line
    assert all(word in line for word in words), line
    assert not os.path.exists("wrong.yaml")


def test_no_table_or_two_beside_the_responses_are_told_with_the_option(own):
    write_table(own.folder / "other.csv", {"stimulus": "ab"})
    refuse("--trials FILE", "other.csv, trials.csv")
    for path in ("other.csv", "trials.csv"):
        os.remove(path)
    refuse("--trials FILE", "betas.npy", "found none")


def test_files_that_are_not_there_are_named(own):
    refuse("no file or folder", "nope.npy", brain="nope.npy")
    refuse("no file or folder", "nope", more=("--stimuli", "nope"))
    refuse("no file or folder", "nope.csv", more=("--trials", "nope.csv"))


def test_responses_of_another_length_are_told_with_both(own):
    np.save("betas.npy", own.responses[:5, :4])
    refuse("betas.npy", "12 trials", "trials.csv", "it holds 5 x 4")


@pytest.mark.parametrize("suffix", ["npy", "npz", "mat", "h5", "csv", "nii", "nii.gz"])
@pytest.mark.parametrize("content", [b"", b"<html>moved</html>\n"], ids=["empty", "text"])
def test_a_damaged_response_file_is_refused_by_name(suffix, content, own):
    path = own.folder / f"broken.{suffix}"
    path.write_bytes(content)
    write_nifti(own.folder / "mask.nii.gz", files.mask())
    more = ("--trials", "trials.csv", *(("--mask", "mask.nii.gz") if "nii" in suffix else ()))
    refuse(path.name, brain=path.name, more=more)


def test_an_image_needs_a_mask_of_its_grid(own):
    write_nifti(own.folder / "bold.nii.gz", files.volumes(own.responses))
    write_nifti(own.folder / "mask.nii.gz", np.ones((4, 3, 3)))
    refuse("bold.nii.gz", "--mask FILE", brain="bold.nii.gz")
    refuse("mask.nii.gz", "(4, 3, 3)", "(4, 3, 2)", brain="bold.nii.gz", more=("--mask", "mask.nii.gz"))


def test_an_image_of_three_axes_or_another_length_is_refused(own):
    write_nifti(own.folder / "bold.nii.gz", files.volumes(own.responses)[..., :5])
    write_nifti(own.folder / "mask.nii.gz", files.mask())
    refuse("bold.nii.gz", "5", "12 trials", brain="bold.nii.gz", more=("--mask", "mask.nii.gz"))
    refuse("mask.nii.gz", "(4, 3, 2)", brain="mask.nii.gz", more=("--mask", "mask.nii.gz"))


def test_a_mask_for_what_is_no_image_is_refused(own):
    write_nifti(own.folder / "mask.nii.gz", files.mask())
    refuse("betas.npy", "mask", more=("--mask", "mask.nii.gz"))


def test_stimuli_without_a_picture_are_named(own, pictures):
    os.remove("pictures/s03.png")
    refuse(
        "1 stimulus of the trial table is not in pictures: s03; add it there, or leave its trials out",
        more=("--stimuli", "pictures"),
    )


def test_stimuli_that_no_number_of_an_array_names_are_told(own):
    """The array's pictures are 0, 1, 2 ...; the table speaks of s00, s01 ..."""
    np.save("pictures.npy", np.zeros((TRIALS, 6, 6), dtype=np.uint8))
    refuse("s00", "pictures.npy", "names: FILE}, FILE a text file", more=("--stimuli", "pictures.npy"))


def test_what_holds_no_pictures_is_refused(own, pictures):
    (own.folder / "nothing").mkdir()
    refuse("holds no pictures", "nothing", more=("--stimuli", "nothing"))
    refuse("betas.npy", "(picture, height, width)", more=("--stimuli", "betas.npy"))
    refuse("trials.txt", more=("--stimuli", own.trials.rename(own.folder / "trials.txt"), "--trials", "trials.txt"))


def test_a_picture_that_cannot_be_read_is_named(own, pictures):
    (pictures / "s03.png").write_bytes(b"x")
    refuse("s03.png", "cannot be read as a picture", more=("--stimuli", "pictures"))


def test_a_table_that_cannot_be_read_is_told_as_it_would_be_by_a_run(own):
    write_table(own.trials, {"stimlus": range(TRIALS)})
    refuse("trials.csv", "no column stimulus", "stimlus")


def test_one_stimulus_cannot_be_split(own):
    """Every trial of one stimulus: whatever is written for it would not run."""
    write_table(own.trials, {"stimulus": ["face"] * TRIALS, "category": ["a", "b"] * 6})
    refuse("one stimulus")


def test_a_folder_where_the_pipeline_should_go_is_refused(own, pictures):
    line = recortex("new", "pictures", "--brain", "betas.npy", "--force").complaint
    assert line.startswith("InvalidInput") and "pictures" in line
