"""What is written as BIDS is read back as it was, by recortex and by others; datasets as fMRIPrep leaves them are read too."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest

from recortex import keys, parts
from recortex.data import _bids_volumes
from recortex.data.bids import BidsBold
from recortex.data.bids_writing import DERIVATIVES, write_bids
from recortex.errors import InvalidInput
from tests.data.bold import FUNC, arrays, derived, read, said, set_tr, table, written
from tests.data.files import refused, write_nifti

BOTH = ("trans_x", "rot_z")


def same(made, wanted, but: tuple[str, ...] = ()) -> None:
    """Every array as it was; affines stand in headers in single precision."""
    assert set(made) == set(wanted)
    for name in set(wanted) - set(but):
        if name == "affine":
            assert np.allclose(made[name], wanted[name], rtol=0, atol=1e-6)
        elif name == "time_s":
            assert np.allclose(made[name], wanted[name], rtol=0, atol=1e-9)
        else:
            assert np.array_equal(made[name], wanted[name]), name


def bytes_of(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# the law


@pytest.mark.parametrize("sessions", [(), ("01", "02"), ("2", "10", "late")], ids=str)
def test_a_recording_that_is_written_and_read_is_the_recording(sessions, tmp_path):
    wanted = arrays(sessions, runs=2 if sessions else 11)
    made = read(written(tmp_path / "set", made=wanted), confounds=BOTH).run()
    same(made, wanted)
    assert made["bold"].dtype == np.float32


def test_what_was_read_is_written_with_the_same_bytes_and_again_the_same(tmp_path):
    first = written(tmp_path / "one", made=arrays(("01", "02")))
    again = read(first, confounds=BOTH)
    for folder, subject in (("two", again), ("three", again.run()), ("four", dict(again.run()))):
        write_bids(subject, tmp_path / folder, "01", "scenes", name="Small", licence="CC0")
        assert bytes_of(tmp_path / folder) == bytes_of(first)


def test_a_first_volume_that_is_not_taken_at_the_middle_is_said_and_read(tmp_path):
    wanted = arrays()
    wanted["time_s"] = wanted["time_s"] + 0.25
    folder = written(tmp_path / "set", made=wanted)
    assert json.loads((folder / f"{FUNC}1_bold.json").read_text())["StartTime"] == 1.0
    same(read(folder, confounds=BOTH).run(), wanted)


def test_short_integers_come_back_within_half_their_slope_and_are_scaled_by_other_readers(tmp_path):
    wanted = arrays()
    wanted["bold"][3] *= -1
    folder = written(tmp_path / "set", made=wanted, dtype="int16")
    made = read(folder, confounds=BOTH).run()
    same(made, wanted, but=("bold",))
    most = np.abs(wanted["bold"]).max()
    off = np.abs(made["bold"] - wanted["bold"]).max()
    assert 0 < off <= most / 65534 * 1.001
    image = nibabel.load(folder / f"{FUNC}1_bold.nii.gz")
    assert image.get_data_dtype() == np.int16
    assert np.array_equal(image.get_fdata(dtype=np.float32)[tuple(wanted["voxel"].T)].T, made["bold"][:12])


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_voxels_without_a_unit_are_exactly_zero(dtype, tmp_path):
    wanted = arrays()
    values = np.asarray(nibabel.load(written(tmp_path / "set", made=wanted, dtype=dtype) / f"{FUNC}1_bold.nii.gz").dataobj)
    values[tuple(wanted["voxel"].T)] = 0
    assert not values.any()


def test_units_in_another_order_come_back_in_that_of_their_voxels(tmp_path):
    wanted = arrays()
    order = np.random.default_rng(0).permutation(17)
    turned = wanted | {"voxel": wanted["voxel"][order], "bold": wanted["bold"][:, order]}
    same(read(written(tmp_path / "set", made=turned), confounds=BOTH).run(), wanted)


def test_a_second_person_joins_the_dataset_and_each_is_read_alone(tmp_path):
    other = arrays(bold=arrays()["bold"] + 1)
    folder = written(tmp_path / "set")
    before = bytes_of(folder)
    written(folder, "02", other)
    assert (folder / "participants.tsv").read_text() == "participant_id\nsub-01\nsub-02\n"
    changed = {name for name, digest in bytes_of(folder).items() if before.get(name, digest) != digest}
    assert changed == {"participants.tsv"}
    same(read(folder, confounds=BOTH).run(), arrays())
    same(read(folder, subject="02", confounds=BOTH).run(), other)


# other programs


def test_nilearn_finds_the_files_that_we_find(tmp_path):
    from nilearn.interfaces.bids import get_bids_files

    folder = written(tmp_path / "set", made=arrays(("01", "02")))
    written(folder, "02")
    stage = read(folder)
    for tag, kind, mine in (("bold", "nii.gz", "bold"), ("events", "tsv", "events")):
        found = get_bids_files(folder, file_tag=tag, file_type=kind, sub_label="01", modality_folder="func")
        assert found == [str(getattr(run, mine)) for run in stage._files()]
    assert len(found) == 4


def test_nilearn_makes_its_models_of_the_dataset(tmp_path):
    from nilearn.glm.first_level import first_level_from_bids

    wanted = arrays()
    folder = written(tmp_path / "set", made=wanted)
    derived(folder, folder / "derivatives/prep")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models, images, events, _ = first_level_from_bids(folder, "scenes", "MNI", derivatives_folder="derivatives/prep")
    assert [model.t_r for model in models] == [1.5]
    assert len(images[0]) == 2
    assert np.allclose(np.concatenate([one["onset"] for one in events[0]]), wanted["onset_s"])
    assert np.concatenate([one["trial_type"] for one in events[0]]).tolist() == wanted["category"].tolist()


@pytest.mark.parametrize("sessions", [(), ("01", "02")], ids=str)
def test_the_bids_validator_knows_every_file_by_its_name(sessions, tmp_path):
    validator = pytest.importorskip("bids_validator", reason="bids-validator is not installed").BIDSValidator()
    folder = written(tmp_path / "set", made=arrays(sessions))
    names = ["/" + name for name in bytes_of(folder)]
    assert len(names) > 10
    assert [name for name in names if not validator.is_bids(name)] == []
    assert not validator.is_bids("/sub-01/func/sub-01_task-scenes_run-1_blod.nii.gz")


def test_mne_bids_lists_the_person_and_the_task(tmp_path):
    mne_bids = pytest.importorskip("mne_bids", reason="mne-bids is not installed; it is for MEG and EEG and reads no fMRI")
    folder = written(tmp_path / "set")
    assert mne_bids.get_entity_vals(folder, "subject") == ["01"]


def test_the_description_says_what_bids_asks_for(tmp_path):
    folder = written(tmp_path / "set")
    about = json.loads((folder / "dataset_description.json").read_text())
    assert {"Name": "Small", "BIDSVersion": "1.9.0", "DatasetType": "raw", "License": "CC0"}.items() <= about.items()
    assert about["GeneratedBy"][0]["Name"] == "recortex"
    assert json.loads((folder / DERIVATIVES / "dataset_description.json").read_text())["DatasetType"] == "derivative"
    assert json.loads((folder / f"{FUNC}1_bold.json").read_text()) == {"RepetitionTime": 1.5, "TaskName": "scenes"}
    source = read(folder).source()
    assert (source.name, source.licence) == ("Small", "CC0")


# as others write it


def test_a_derivatives_folder_takes_its_events_from_the_raw_dataset(tmp_path):
    wanted = arrays()
    raw = written(tmp_path / "set", made=wanted)
    prep = derived(raw, raw / "derivatives/fmriprep")
    fields = {"folder": prep, "companions": (raw, raw / DERIVATIVES), "space": "MNI", "desc": "preproc"}
    made = read(raw, **fields, confounds=BOTH).run()
    doubled = {"bold": 2 * wanted["bold"], "time_s": np.concatenate([np.arange(n) * 1.5 + 0.7 for n in (12, 14)])}
    same(made, wanted | doubled)


def test_the_sidecar_nearest_to_the_image_wins_and_those_above_it_fill_in(tmp_path):
    folder = written(tmp_path / "set")
    for run in "12":
        (folder / f"{FUNC}{run}_bold.json").unlink()
    said(folder / "bold.json", RepetitionTime=9.0, StartTime=0.25)
    said(folder / "task-other_bold.json", RepetitionTime=8.0)
    said(folder / "sub-01/sub-01_task-scenes_bold.json", RepetitionTime=1.5)
    said(folder / f"{FUNC}2_bold.json", StartTime=0.5)
    made = read(folder).run()
    assert np.allclose(made["time_s"][:2], [0.25, 1.75])
    assert np.allclose(made["time_s"][12:14], [0.5, 2.0])


@pytest.mark.parametrize(
    ("sidecar", "first"),
    [
        ({"DelayTime": 6.0}, 1.0),
        ({"AcquisitionDuration": 1.5}, 0.75),
        ({"SliceTiming": [0.0, 0.5, 1.0, 1.5], "DelayTime": 6.0}, 1.0),
        ({"SliceTiming": [0.0, 4.0, 2.0, 6.0, 4.0, 0.0]}, 4.0),  # two at a time, over the whole interval
        ({"SliceTiming": [0.0, 0.0]}, 4.0),
        ({"SliceTiming": [0.0, 0.5], "DelayTime": 6.0, "StartTime": 3.0}, 3.0),
        ({}, 4.0),
    ],
    ids=str,
)
def test_volumes_with_a_pause_between_them_are_timed_by_their_slices(tmp_path, sidecar, first):
    folder = written(tmp_path / "set")
    for run in "12":
        (folder / f"{FUNC}{run}_bold.json").unlink()
    said(folder / "bold.json", RepetitionTime=8.0, **sidecar)
    time_s = read(folder, tr_s=8.0).run()["time_s"]
    np.testing.assert_allclose(time_s[:2], [first, first + 8])


@pytest.mark.parametrize("times", ["[0, 1]", [0.0, "x"], [0.0, -1.0], [0.0, True], 0.5])
def test_slice_times_that_are_none_are_refused(tmp_path, times):
    folder = written(tmp_path / "set")
    said(folder / "bold.json", SliceTiming=times)
    with pytest.raises(InvalidInput, match=r"bold.json: SliceTiming is .*, not a list of seconds"):
        read(folder).run()


def test_one_table_of_events_further_up_serves_every_run(tmp_path):
    folder = written(tmp_path / "set")
    (folder / f"{FUNC}1_events.tsv").rename(folder / "task-scenes_events.tsv")
    made = read(folder).run()
    assert np.array_equal(made["onset_s"], arrays()["onset_s"])  # the second run has its own, which is nearer
    (folder / f"{FUNC}2_events.tsv").unlink()
    made = read(folder).run()
    assert np.array_equal(made["onset_s"][:4], made["onset_s"][4:])


@pytest.mark.parametrize(("unit", "step"), [(10, 1.5), (18, 1500.0), (26, 1.5e6), (0, 1.5), (10, 0.0)])
def test_the_header_may_say_its_time_in_any_unit_or_not_at_all(unit, step, tmp_path):
    folder = written(tmp_path / "set")
    set_tr(folder / f"{FUNC}1_bold.nii.gz", step, unit)
    assert read(folder).run()["time_s"][1] == 2.25


def test_a_stated_time_from_volume_to_volume_settles_a_difference(tmp_path):
    folder = written(tmp_path / "set")
    said(folder / f"{FUNC}1_bold.json", RepetitionTime=2.0)
    assert read(folder, tr_s=2.0).run()["time_s"][:2].tolist() == [1.0, 3.0]
    assert read(folder, tr_s=1.5).run()["time_s"][:2].tolist() == [0.75, 2.25]


def test_events_are_sorted_in_time_skipped_by_type_and_named_by_any_column(tmp_path):
    folder = written(tmp_path / "set", made=arrays(runs=1))
    rows = [(6, 1, "face", "faces/b.png"), (0, 1, "rest", "n/a"), (3, 1, "house", "houses/a.png"), ("n/a", 1, "key", "n/a")]
    table(folder / f"{FUNC}1_events.tsv", ("onset", "duration", "trial_type", "stim_file"), *rows)
    made = read(folder, stimulus_column="stim_file", skip=("rest", "key"), category_column="trial_type").run()
    assert made["stimulus"].tolist() == ["a", "b"]
    assert made["category"].tolist() == ["house", "face"]
    assert made["onset_s"].tolist() == [3, 6]
    made = read(folder, stimulus_column="trial_type", skip=("rest", "key")).run()
    assert made["stimulus"].tolist() == ["house", "face"]
    assert "category" not in made


def test_runs_and_sessions_are_chosen_and_come_in_the_order_of_their_numbers(tmp_path):
    folder = written(tmp_path / "set", made=arrays(("2", "10"), runs=3))
    made = read(folder, sessions=("10", "2"), runs=("3", "1")).run()
    assert list(zip(made["session"].tolist(), made["run"].tolist(), strict=True)) == [
        ("2", "1"),
        ("2", "3"),
        ("10", "1"),
        ("10", "3"),
    ]
    assert np.array_equal(np.unique(made["event_run"]), [0, 1, 2, 3])


def test_a_mask_is_a_file_what_all_runs_share_or_the_bright_part_of_the_mean(tmp_path):
    wanted = arrays()
    folder = written(tmp_path / "set", made=wanted)
    assert np.array_equal(read(folder, mask_from="mean", mean_share=1.0).run()["voxel"], wanted["voxel"])
    assert read(folder, mask_from="mean").expect() == {}
    second = folder / DERIVATIVES / f"{FUNC}2_desc-brain_mask.nii.gz"
    some = np.zeros(tuple(wanted["grid"]), np.uint8)
    some[tuple(wanted["voxel"][5:].T)] = 1
    write_nifti(second, some, dtype=np.uint8)
    assert np.array_equal(read(folder).run()["bold"], wanted["bold"][:, 5:])
    own = write_nifti(tmp_path / "own.nii", some, dtype=np.uint8)
    assert np.array_equal(read(folder, mask=own).run()["voxel"], wanted["voxel"][5:])


# parts and keys


def test_a_run_is_read_once_and_a_killed_import_goes_on_with_the_next(tmp_path, monkeypatch):
    stage = read(written(tmp_path / "set", made=arrays(runs=4)))
    opened, original = [], _bids_volumes.volumes_of

    def counted(path):
        if len(opened) == 2 and "run-3" in path.name:
            opened.append("killed")
            raise KeyboardInterrupt
        opened.append(path.name[-14:-12])
        return original(path)

    monkeypatch.setattr(_bids_volumes, "volumes_of", counted)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    assert len(list(parts.folder(stage).glob("*.h5"))) == 2
    assert np.array_equal(stage.run()["bold"], arrays(runs=4)["bold"])
    assert len(opened) == 5


def test_the_sizes_that_headers_foretell_are_those_that_come(tmp_path):
    stage = read(written(tmp_path / "set"))
    told = stage.foresee()
    stage.run()
    assert told.items() <= stage.foresee().items()
    assert told["volume"] == 26
    assert told["unit"] == 17


def test_the_key_goes_by_the_files_that_are_read_and_by_no_other(tmp_path):
    folder = written(tmp_path / "set")
    stage = read(folder)
    before = stage.key()
    written(folder, "02")
    write_bids(arrays(), folder, "01", "other", name="Small", licence="CC0")
    (folder / "CHANGES").write_text("1.0.0")
    assert stage.key() == before
    for name in (
        f"{FUNC}2_bold.nii.gz",
        f"{FUNC}1_bold.json",
        f"{FUNC}1_events.tsv",
        f"{DERIVATIVES}/{FUNC}1_desc-brain_mask.nii.gz",
    ):
        was = (folder / name).read_bytes()
        (folder / name).write_bytes(was + b"\n")
        assert stage.key() != before, name
        (folder / name).write_bytes(was)
    said(folder / "bold.json", StartTime=0.1)
    assert stage.key() != before
    (folder / "bold.json").unlink()
    folder.rename(tmp_path / "moved")
    assert read(tmp_path / "moved").key() == before


def test_no_other_persons_images_are_hashed(tmp_path, monkeypatch):
    folder = written(tmp_path / "set")
    written(folder, "02")
    seen, original = [], keys.content
    monkeypatch.setattr(keys, "content", lambda path: seen.append(path.name) or original(path))
    read(folder).key()
    assert seen
    assert not [name for name in seen if not name.startswith("sub-01_task-scenes")]


def test_a_copy_elsewhere_is_read_where_it_is(tmp_path):
    """What is kept of a folder in this process must not outlive the folder."""
    import shutil

    folder = written(tmp_path / "set")
    stage = read(folder)
    stage.expect()
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    assert np.array_equal(read(tmp_path / "copy").run()["bold"], arrays()["bold"])


def test_single_trials_are_estimated_from_what_was_read(tmp_path):
    from recortex.responses.least_squares_all import LeastSquaresAll

    folder = written(tmp_path / "set", made=arrays(runs=2, volumes=40))
    made = LeastSquaresAll(recording=read(folder, confounds=BOTH), drift="polynomial", drift_order=1).run()
    assert made["responses"].shape == (8, 17)
    assert made["run"].tolist() == ["1"] * 4 + ["2"] * 4
    assert made["category"].tolist()[:2] == ["face", "house"]


# what BIDS has no way to say


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run": np.array(["first", "second"])}, "'first' is no number"),
        ({"run": np.array(["2", "1"])}, "in the order of session and number"),
        ({"run": np.array(["1", "01"])}, "distinct"),
        ({"session": np.array(["day 1", "day 1"])}, "'day 1' is no label of BIDS"),
        ({"voxel": np.zeros((17, 3), int)}, "two units lie in one voxel"),
        ({"voxel": arrays()["voxel"] + 3}, "outside of the grid"),
        ({"time_s": arrays()["time_s"] ** 2}, "not evenly spaced"),
        ({"time_s": arrays()["time_s"] - 5}, "taken at -4.25 s"),
        ({"bold": np.full((26, 17), np.nan, np.float32)}, "NaN"),
        ({"stimulus": np.array(["a\tb"] * 8)}, "which no table can write"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_bids_cannot_say_is_refused(change, words, tmp_path):
    refused(lambda: written(tmp_path / "set", made=arrays(**change)), InvalidInput, words)


def test_nothing_that_is_there_is_written_over(tmp_path):
    folder = written(tmp_path / "set")
    before = bytes_of(folder)
    refused(lambda: written(folder), InvalidInput, "is there already", "replace=True")
    refused(lambda: written(folder, made=arrays(runs=1), replace=True), InvalidInput, "run-2_bold.nii.gz", "move it away first")
    refused(lambda: write_bids(arrays(), folder, "02", "scenes", name="Other"), InvalidInput, "is of another dataset")
    said(folder / "dataset_description.json", GeneratedBy=None)
    refused(lambda: written(folder, replace=True), InvalidInput, "is of another dataset")
    said(folder / "dataset_description.json", **json.loads((folder / DERIVATIVES / "dataset_description.json").read_text()))
    written(folder, replace=True)
    assert bytes_of(folder) == before


def test_labels_are_those_of_bids(tmp_path):
    refused(lambda: written(tmp_path, "sub-01"), InvalidInput, "write 01, without sub-")
    refused(lambda: write_bids(arrays(), tmp_path, "01", "my task"), InvalidInput, "no label of BIDS")
    with pytest.raises(InvalidInput, match="BidsBold has no field subjects"):
        BidsBold(folder=tmp_path, subjects="01")
