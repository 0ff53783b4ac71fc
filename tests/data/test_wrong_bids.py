"""What is wrong with a BIDS dataset is told in one line that names the file, before a volume is read."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from recortex.data.bids_writing import DERIVATIVES
from recortex.errors import InvalidInput
from tests.data.bold import FUNC, derived, read, said, set_tr, table, written
from tests.data.files import AFFINE, recortex, refused, write_nifti

WRONG = {}


def wrong(*words):
    """Register a way to break a dataset of two runs; it may return other fields."""
    return lambda make: WRONG.setdefault(make.__name__, (make, words)) and make


@wrong("run-1_bold.nii.gz", "no sidecar", "tr_s")
def a_missing_sidecar(folder):
    (folder / f"{FUNC}1_bold.json").unlink()


@wrong("run-1_bold.json does not say RepetitionTime")
def a_sidecar_without_a_repetition_time(folder):
    said(folder / f"{FUNC}1_bold.json", RepetitionTime=None)


@wrong("run-1_bold.json", "RepetitionTime is '2 s'", "not a number of seconds")
def a_repetition_time_in_words(folder):
    said(folder / f"{FUNC}1_bold.json", RepetitionTime="2 s")


@wrong("run-2_bold.nii.gz", "header says 1.5 s", "run-2_bold.json", "RepetitionTime 2 s", "tr_s")
def two_times_from_volume_to_volume(folder):
    said(folder / f"{FUNC}2_bold.json", RepetitionTime=2.0)


@wrong("VolumeTiming")
def a_sparse_run(folder):
    said(folder / f"{FUNC}1_bold.json", RepetitionTime=None, VolumeTiming=[0, 3, 9])


@wrong("run-1_bold.json", "cannot be read as JSON")
def a_sidecar_that_breaks_off(folder):
    (folder / f"{FUNC}1_bold.json").write_text('{"RepetitionTime": 1.')


@wrong("lie side by side", "disagree on RepetitionTime")
def two_sidecars_side_by_side(folder):
    (folder / f"{FUNC}1_bold.json").unlink()
    said(folder / "bold.json", RepetitionTime=1.5)
    said(folder / "task-scenes_bold.json", RepetitionTime=2.0)


@wrong("has no column stimulus", "it has onset, duration, trial_type, stim_file", "stimulus_column")
def events_without_the_column(folder):
    table(folder / f"{FUNC}1_events.tsv", ("onset", "duration", "trial_type", "stim_file"), (0, 1, "face", "a.png"))


@wrong("run-2_bold.nii.gz has no events.tsv", "companions", "runs")
def a_run_without_events(folder):
    (folder / f"{FUNC}2_events.tsv").unlink()


@wrong("line 3", "onset 'n/a'", "not a number of seconds", "skip")
def an_onset_that_is_not_there(folder):
    table(folder / f"{FUNC}1_events.tsv", ("onset", "duration", "stimulus"), (0, 1, "a"), ("n/a", 1, "b"))


@wrong("line 2", "onset 'NaN'")
def an_onset_that_is_no_number(folder):
    table(folder / f"{FUNC}1_events.tsv", ("onset", "duration", "stimulus"), ("NaN", 1, "a"))


@wrong("line 2", "duration of -1 s")
def a_duration_below_zero(folder):
    table(folder / f"{FUNC}1_events.tsv", ("onset", "duration", "stimulus"), (1, -1, "a"))


@wrong("line 3", "an event at 18 s", "ends at 18 s")
def an_onset_beyond_the_end(folder):
    table(folder / f"{FUNC}1_events.tsv", ("onset", "duration", "stimulus"), (17.9, 1, "a"), (18, 1, "b"))


@wrong("line 3 has no stimulus", "skip: [rest]")
def an_event_without_a_stimulus(folder):
    rows = (0, 1, "face", "a"), (3, 1, "rest", "n/a")
    table(folder / f"{FUNC}1_events.tsv", ("onset", "duration", "trial_type", "stimulus"), *rows)


@wrong("stimulus 1 of", "is written 1.0 in", "run-2")
def a_number_in_two_spellings(folder):
    for run, name in (("1", "1"), ("2", "1.0")):
        table(folder / f"{FUNC}{run}_events.tsv", ("onset", "duration", "stimulus"), (0, 1, name))


@wrong("a/1.png and b/1.png would both be called 1")
def two_pictures_of_one_name(folder):
    for run, name in (("1", "a/1.png"), ("2", "b/1.png")):
        table(folder / f"{FUNC}{run}_events.tsv", ("onset", "duration", "stim_file"), (0, 1, name))
    return {"stimulus_column": "stim_file"}


@wrong("skip has fase", "did you mean face?")
def a_misspelt_type_to_skip(folder):
    return {"skip": ("fase",)}


@wrong("all of its 4 events", "skip")
def a_run_of_which_nothing_is_left(folder):
    return {"skip": ("face", "house")}


@wrong("run-2_events.tsv has no column category", "other runs")
def a_label_that_only_some_runs_have(folder):
    table(folder / f"{FUNC}2_events.tsv", ("onset", "duration", "stimulus", "repetition"), (0, 1, "a", 1))


@wrong("run-2_bold.nii.gz has a grid of 5 x 4 x 4", "5 x 4 x 3")
def another_grid(folder):
    set_tr(write_nifti(folder / f"{FUNC}2_bold.nii.gz", np.ones((5, 4, 4, 14))), 1.5)


@wrong("run-2_bold.nii.gz", "affines differ by up to 0.5")
def another_affine(folder):
    moved = AFFINE.copy()
    moved[1, 3] += 0.5
    set_tr(write_nifti(folder / f"{FUNC}2_bold.nii.gz", np.ones((5, 4, 3, 14)), moved), 1.5)


@wrong("has no sub-1; did you mean 01?")
def a_subject_that_is_not_there(folder):
    return {"subject": "1"}


@wrong("subject: write 01, without sub-")
def a_subject_with_its_prefix(folder):
    return {"subject": "sub-01"}


@wrong("no label of BIDS")
def a_subject_that_leads_elsewhere(folder):
    return {"subject": "../01"}


@wrong("no image with task-scene; did you mean scenes?")
def a_task_that_is_not_there(folder):
    return {"task": "scene"}


@wrong("no image with run-02; did you mean 2?")
def a_run_that_is_not_there(folder):
    return {"runs": ("02",)}


@wrong("no image with ses-1", "none has ses in its name")
def a_session_that_is_not_there(folder):
    return {"sessions": ("1",)}


@wrong("no image with space-MNI", "none has space")
def a_space_that_is_not_there(folder):
    return {"space": "MNI"}


@wrong("images of several space: MNI, T1w; choose one with space: LABEL")
def several_spaces(folder):
    prep = derived(folder, folder / "derivatives/prep")
    derived(folder, prep, space="T1w")
    return {"folder": prep, "companions": (folder,)}


@wrong("images of several echo: 1, 2", "entities: {echo: LABEL}")
def several_echoes(folder):
    for run in "12":
        (folder / f"{FUNC}{run}_bold.nii.gz").rename(folder / f"{FUNC}{run}_echo-{run}_bold.nii.gz")


@wrong("run-01_bold.nii.gz and", "are one run twice")
def a_run_twice(folder):
    (folder / f"{FUNC}01_bold.nii.gz").write_bytes((folder / f"{FUNC}1_bold.nii.gz").read_bytes())


@wrong("are one run twice")
def a_run_packed_and_not(folder):
    nibabel.save(nibabel.load(folder / f"{FUNC}1_bold.nii.gz"), folder / f"{FUNC}1_bold.nii")


@wrong("is not named as BIDS names a run")
def an_image_of_someone_else(folder):
    (folder / f"{FUNC}1_bold.nii.gz").rename(folder / "sub-01/func/sub-02_task-scenes_bold.nii.gz")


@wrong("has no desc-brain_mask.nii.gz", "name", "derivatives/recortex in companions")
def a_dataset_without_a_mask(folder):
    return {"companions": ()}


@wrong("say which voxels are units", "mask_from: mean")
def no_word_of_a_mask(folder):
    return {"mask_from": None}


@wrong("one of them")
def two_masks(folder):
    return {"mask": write_nifti(folder / "mask.nii", np.ones((5, 4, 3))), "mask_from": "dataset"}


@wrong("mask.nii", "5 x 4 x 4", "5 x 4 x 3")
def a_mask_on_another_grid(folder):
    return {"mask": write_nifti(folder / "mask.nii", np.ones((5, 4, 4)))}


@wrong("mask.nii", "lie differently in space")
def a_mask_elsewhere(folder):
    return {"mask": write_nifti(folder / "mask.nii", np.ones((5, 4, 3)), 2 * AFFINE)}


@wrong("mask.nii is 0 everywhere")
def an_empty_mask(folder):
    return {"mask": write_nifti(folder / "mask.nii", np.zeros((5, 4, 3)))}


@wrong("share no voxel")
def masks_that_share_nothing(folder):
    whole = np.ones((5, 4, 3))
    for run, half in (("1", slice(0, 2)), ("2", slice(2, 5))):
        values = whole.copy()
        values[half] = 0
        write_nifti(folder / f"{DERIVATIVES}/{FUNC}{run}_desc-brain_mask.nii.gz", values)


@wrong("mean_share", "no voxel of the mean image lies above 9")
def a_share_that_no_voxel_has(folder):
    return {"mask_from": "mean", "mean_share": 9.0}


@wrong("run-1_bold.nii.gz has shape (5, 4, 3)", "4 axes")
def one_volume_only(folder):
    write_nifti(folder / f"{FUNC}1_bold.nii.gz", np.ones((5, 4, 3)))


@wrong("run-2_bold.nii.gz breaks off in volume")
def a_run_that_breaks_off(folder):
    path = folder / f"{FUNC}2_bold.nii.gz"
    path.write_bytes(path.read_bytes()[:-400])


@wrong("voxel", "is not a number in volume 3")
def a_voxel_that_is_no_number(folder):
    image = nibabel.load(folder / f"{FUNC}1_bold.nii.gz")
    values = image.get_fdata()
    values[..., 3] = np.nan
    set_tr(write_nifti(folder / f"{FUNC}1_bold.nii.gz", values, image.affine), 1.5)


@wrong("no BIDS dataset", "no folders sub-LABEL")
def a_folder_that_is_not_bids(folder):
    (folder / "other").mkdir()
    return {"folder": folder / "other"}


@wrong("name the folder above the person's")
def the_folder_of_a_person(folder):
    return {"folder": folder / "sub-01/func"}


@wrong("is a file; name the folder of a BIDS dataset")
def a_file(folder):
    return {"folder": folder / "README"}


@wrong("has no column trans_z; did you mean trans_x?")
def a_confound_that_is_not_there(folder):
    return {"confounds": ("trans_z",)}


@wrong("line 2 has 'n/a' for fd", "leave out that confound")
def a_confound_without_its_first_number(folder):
    table(folder / f"{DERIVATIVES}/{FUNC}1_desc-confounds_timeseries.tsv", ("fd",), ("n/a",), *[(1,)] * 11)
    return {"confounds": ("fd",)}


@wrong("11 lines below its header", "12 volumes")
def confounds_of_another_length(folder):
    table(folder / f"{DERIVATIVES}/{FUNC}1_desc-confounds_timeseries.tsv", ("trans_x",), *[(1,)] * 11)
    return {"confounds": ("trans_x",)}


IN_VOLUMES = {"a_run_that_breaks_off", "a_voxel_that_is_no_number", "a_share_that_no_voxel_has"}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_in_one_line_and_before_a_volume_is_read(name, tmp_path):
    make, words = WRONG[name]
    folder = written(tmp_path / "set")
    stage = read(folder, **(make(folder) or {}))
    told = refused(lambda: stage, InvalidInput, *words)
    assert len(told) < 600
    if name not in IN_VOLUMES:
        assert refused(stage.check_ready, InvalidInput, *words) == told


def test_the_command_line_says_it_too_and_makes_a_plan_of_what_is_right(tmp_path):
    folder = written(tmp_path / "set")
    entry = {"type": "BidsBold", "folder": str(folder), "subject": "01", "task": "scenes", "mask_from": "dataset"}
    pipeline = tmp_path / "my.yaml"
    pipeline.write_text(json.dumps({"brain": entry}))
    ran = recortex("run", pipeline, "--outputs", tmp_path / "outputs")
    assert ran.code == 2
    assert f"name {folder / DERIVATIVES} in companions" in ran.out.replace("\n", " ")
    pipeline.write_text(json.dumps({"brain": entry | {"companions": [str(folder / DERIVATIVES)]}}))
    assert recortex("run", pipeline, "--outputs", tmp_path / "outputs").code == 0
