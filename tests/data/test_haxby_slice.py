"""Blocks out of volumes: what was planted in a run comes back, and nothing of one run is in another; then the published slice."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from recortex.data import manifests
from recortex.data._nifti import read_volumes
from recortex.data.haxby_slice import BOLD, LABELS, MASK, HaxbySlice, blocks, check_counts, read_labels, trials
from recortex.errors import InvalidInput, MissingData
from recortex.splits.k_fold import KFold
from tests.data.files import refused

CATEGORIES = ("bottle", "face", "house")
BLOCK, REST, UNITS = 4, 3, 5


def course(order: tuple[str, ...]) -> list[str]:
    """Labels of a run: rest, a block, rest, a block ... rest."""
    return ["rest"] * REST + [label for category in order for label in [category] * BLOCK + ["rest"] * REST]


def design(runs: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Labels and run numbers; every run has another order."""
    orders = [tuple(np.roll(CATEGORIES, number)) for number in range(runs)]
    label = np.array([name for order in orders for name in course(order)])
    return label, np.repeat(np.arange(runs), len(label) // runs)


def noise(label: np.ndarray, seed: int = 0) -> np.ndarray:
    return 100 + np.random.default_rng(seed).standard_normal((len(label), UNITS))


COUNTS = {"runs": 4, "volumes": 96, "voxels": UNITS, "categories": 3, "blocks": 12, "volumes_of_a_block": BLOCK}


def test_a_row_is_named_by_run_and_category_and_knows_when_it_was():
    made = trials(noise(design()[0]), *design())
    assert made["stimulus"].tolist()[:4] == ["run01_bottle", "run01_face", "run01_house", "run02_house"]
    assert made["block"].tolist() == made["stimulus"].tolist()
    assert len(set(made["block"].tolist())) == 12
    assert made["run"].tolist() == np.repeat(["run01", "run02", "run03", "run04"], 3).tolist()
    assert [name.split("_")[1] for name in made["stimulus"].tolist()] == made["category"].tolist()
    assert made["onset_s"].tolist() == [7.5, 25.0, 42.5] * 4
    assert made["responses"].dtype == np.float32


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_planted_responses_come_back_through_drift_and_scale_when_the_delay_is_right(delay):
    """Each category raises each voxel by what was planted; runs differ in level, slope and amplification."""
    label, run = design()
    rng = np.random.default_rng(1)
    planted = {category: rng.uniform(1, 3, UNITS) for category in CATEGORIES}
    volumes = np.zeros((len(label), UNITS))
    for number in range(4):
        rows = np.flatnonzero(run == number)
        late = np.array(["rest"] * delay + label[rows].tolist()[: len(rows) - delay])
        for category, value in planted.items():
            volumes[rows[late == category]] = value
        # rest that rises and falls as much, around 0: its mean and standard deviation are known
        volumes[rows[late == "rest"]] = np.resize([1.0, -1.0], (late == "rest").sum())[:, None]
        volumes[rows] = 500 + (2 + number) * volumes[rows]
    made = trials(volumes, label, run, delay=delay, detrend=None)
    expected = np.array([planted[category] for category in made["category"].tolist()])
    assert np.allclose(made["responses"], expected, atol=1e-5)
    wrong = trials(volumes, label, run, delay=1 if delay != 1 else 0, detrend=None)
    assert not np.allclose(wrong["responses"], expected, atol=0.1)
    # a straight line in each run changes nothing once straight lines are taken off
    line = np.outer(np.tile(np.linspace(-1, 1, 24), 4) * np.repeat([30, -80, 5, 400], 24), np.arange(1, UNITS + 1))
    flat, drifting = (trials(each, label, run, delay=delay)["responses"] for each in (volumes, volumes + line))
    assert np.allclose(flat, drifting, atol=1e-3)
    assert not np.allclose(trials(volumes + line, label, run, delay=delay, detrend=None)["responses"], expected, atol=0.1)


def test_a_higher_order_takes_off_more():
    label, run = design()
    volumes, time = noise(label), np.tile(np.linspace(-1, 1, 24), 4)
    bent = volumes + (50 * time**2)[:, None]
    for order, same in ((1, False), (2, True), (3, True)):
        pair = [trials(each, label, run, detrend=order)["responses"] for each in (volumes, bent)]
        assert np.allclose(*pair, atol=1e-4) == same


def test_detrending_agrees_with_scipy():
    from scipy.signal import detrend

    label, run = design()
    volumes = noise(label) * np.linspace(1, 9, len(label))[:, None]
    made = trials(volumes, label, run, scale="none")["responses"]
    clean = np.concatenate([detrend(volumes[run == number], axis=0) for number in range(4)])
    means = [clean[run == n][begin:stop].mean(axis=0) for n in range(4) for _, begin, stop in blocks(label[run == n])]
    assert np.allclose(made, means, atol=1e-5)


def test_scaling_by_the_run_agrees_with_scipy():
    from scipy.stats import zscore

    label, run = design()
    volumes = noise(label)
    made = trials(volumes, label, run, trial="volume", detrend=None, scale="run")["responses"]
    clean = np.concatenate([zscore(volumes[run == number], axis=0) for number in range(4)])
    assert np.allclose(made, clean[label != "rest"], atol=1e-5)


def test_without_detrending_and_scaling_a_block_is_the_mean_of_its_volumes():
    label, run = design()
    volumes = noise(label)
    made = trials(volumes, label, run, detrend=None, scale="none")
    rows = np.flatnonzero(run == 2)[label[run == 2] == "face"]
    assert np.allclose(made["responses"][made["stimulus"] == "run03_face"], volumes[rows].mean(axis=0), atol=1e-4)


@pytest.mark.parametrize("scale", ["rest", "run", "none"])
@pytest.mark.parametrize("detrend", [None, 1, 3])
@pytest.mark.parametrize("delay", [0, 2])
def test_noise_in_one_run_changes_no_row_of_another(scale, detrend, delay):
    label, run = design()
    before, after = noise(label), noise(label)
    after[run == 2] = 1000 * np.random.default_rng(9).standard_normal(after[run == 2].shape)
    rows = [trials(each, label, run, delay=delay, detrend=detrend, scale=scale) for each in (before, after)]
    other = rows[0]["run"] != "run03"
    assert np.array_equal(rows[0]["responses"][other], rows[1]["responses"][other])
    assert (rows[0]["responses"][~other] != rows[1]["responses"][~other]).all()


def test_which_category_a_block_had_changes_no_number():
    """Only rest is known to the preprocessing."""
    label, run = design()
    renamed = np.select([label == "face", label == "house", label == "bottle"], ["house", "bottle", "face"], label)
    assert np.array_equal(trials(noise(label), label, run)["responses"], trials(noise(label), renamed, run)["responses"])


def test_volumes_of_a_block_share_its_name_and_average_to_its_row():
    label, run = design()
    single, whole = (trials(noise(label), label, run, trial=trial, delay=1) for trial in ("volume", "block"))
    assert len(single["stimulus"]) == 12 * BLOCK
    for row, name in enumerate(whole["stimulus"]):
        mine = single["stimulus"] == name
        assert mine.sum() == BLOCK
        assert np.allclose(single["responses"][mine].mean(axis=0), whole["responses"][row], atol=1e-5)
        assert np.diff(single["onset_s"][mine]).tolist() == [2.5] * (BLOCK - 1)
        assert single["onset_s"][mine][0] == whole["onset_s"][row]


def test_blocks_of_one_run_stand_on_both_sides_only_where_nothing_was_made_of_the_whole_run():
    label, run = design()
    refused(lambda: KFold(by="block").apply(trials(noise(label), label, run)), InvalidInput, "the windows of", "split by run")
    assert len(KFold(by="block").apply(trials(noise(label), label, run, detrend=None, scale="none"))) == 12
    assert [fold.name for fold in KFold(by="run").apply(trials(noise(label), label, run))] == [
        "run01",
        "run02",
        "run03",
        "run04",
    ]


def test_a_window_covers_what_went_into_the_row():
    label, run = design()
    raw = trials(noise(label), label, run, delay=2, detrend=None, scale="none")
    assert set(raw["window_s"].tolist()) == {(BLOCK + 2) * 2.5}
    cleaned = trials(noise(label), label, run, delay=2)
    assert set((cleaned["onset_s"] + cleaned["window_s"]).tolist()) == {24 * 2.5}


def test_a_run_that_lacks_a_category_is_refused_by_name():
    label, run = design()
    label[(run == 1) & (label == "face")] = "rest"
    refused(lambda: trials(noise(label), label, run), InvalidInput, "run02", "no block of face")


def test_a_category_in_two_blocks_of_a_run_is_refused():
    label, run = design()
    label[np.flatnonzero((run == 0) & (label == "rest"))[-1]] = "bottle"
    refused(lambda: trials(noise(label), label, run), InvalidInput, "run01", "bottle in 2 blocks")


def test_a_run_in_two_pieces_is_refused():
    label, run = design()
    run[run == 3] = 0
    refused(lambda: trials(noise(label), label, run), InvalidInput, "run01", "do not follow each other")


def test_a_delay_that_leads_out_of_the_run_is_refused():
    label, run = design()
    trials(noise(label), label, run, delay=REST)
    refused(lambda: trials(noise(label), label, run, delay=REST + 1), InvalidInput, "run01", "beyond the end", "smaller delay_s")


def test_a_voxel_that_rests_too_still_is_refused():
    label, run = design()
    volumes = noise(label)
    volumes[(run == 1) & (label == "rest"), 3] = 7
    refused(lambda: trials(volumes, label, run, detrend=None), InvalidInput, "run02", "voxels (the first: 3)", "do not vary")
    volumes[run == 1, 3] = 7
    refused(lambda: trials(volumes, label, run), InvalidInput, "run02", "voxels (the first: 3)")


def test_a_run_without_rest_is_refused_where_rest_is_needed():
    label = np.array(["face"] * 4 + ["house"] * 4)
    run = np.zeros(8, dtype=int)
    refused(lambda: trials(noise(label), label, run), InvalidInput, "run01", "0 rest volumes", "scale: run")
    assert trials(noise(label), label, run, scale="run")["stimulus"].tolist() == ["run01_face", "run01_house"]


def test_counts_are_held_against_the_manifest():
    label, run = design()
    check_counts(noise(label), label, run, COUNTS)
    for name, count in COUNTS.items():
        if name != "volumes_of_a_block":
            wrong = COUNTS | {name: count + 1}
            refused(
                lambda wrong=wrong: check_counts(noise(label), label, run, wrong), InvalidInput, f"{count} {name}", f"{count + 1}"
            )
    refused(lambda: check_counts(noise(label)[:-1], label, run, COUNTS), InvalidInput, "95 volumes", "96 lines")
    label[np.flatnonzero(label == "house")[0]] = "rest"
    refused(lambda: check_counts(noise(label), label, run, COUNTS), InvalidInput, "block of house has 3 volumes", "4")


def test_a_line_of_labels_is_a_word_and_a_number(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("rest 0\nface 0\nrest 1\n")
    label, run = read_labels(path)
    assert (label.tolist(), run.tolist()) == (["rest", "face", "rest"], [0, 0, 1])
    for wrong in ("rest 0\nface\n", "rest 0\nface one\n", "rest 0\n\n", "rest 0\nface 0 1\n"):
        path.write_text(wrong)
        refused(lambda: read_labels(path), InvalidInput, "line 2", "the number of a run")


def test_a_delay_is_whole_volumes():
    assert HaxbySlice(delay_s=5).delay_s == 5
    for wrong in (1.0, -2.5, 17.5):
        with pytest.raises(InvalidInput):
            HaxbySlice(delay_s=wrong)


def test_what_was_done_to_whole_runs_is_disclosed_and_no_more():
    [said] = HaxbySlice().disclosures()
    assert "order 1" in said and "rest volumes" in said
    [said] = HaxbySlice(detrend=None, scale="run").disclosures()
    assert "polynomial" not in said and "all its volumes" in said
    assert HaxbySlice(detrend=None, scale="none").disclosures() == ()


def test_the_report_learns_what_nobody_knows():
    [source] = HaxbySlice().sources()
    assert source.licence == "CC BY-SA 3.0"
    assert any("Which pictures were shown" in caveat for caveat in source.caveats)
    assert any("no brain" in caveat for caveat in source.caveats)


def test_without_the_files_the_fetch_command_is_named_before_anything_runs():
    refused(HaxbySlice().check_ready, MissingData, "recortex fetch haxby_slice")
    assert len(HaxbySlice().key()) == 32


@pytest.mark.usefixtures("shared")
def test_the_published_slice_is_as_large_as_the_manifest_says():
    counts = manifests.load("haxby_slice").counts
    made = HaxbySlice().run()
    assert made.shape("responses") == (counts["blocks"], counts["voxels"]) == (96, 530)
    assert made["grid"].tolist() == [40, 20, 1]
    names, times = np.unique(made["category"], return_counts=True)
    assert names.tolist() == ["bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe"]
    assert set(times.tolist()) == {12}
    for fields in ({}, {"trial": "volume"}, {"trial": "volume", "repeats": "average"}):
        stage = HaxbySlice(**fields)
        assert stage.expect() == dict(zip(("trial", "unit"), stage.run().shape("responses"), strict=True))


def test_onsets_are_those_of_the_published_events(shared):
    """The same recording is published with events by run, which the loader does not read."""
    made = HaxbySlice().run()
    for number in range(1, 13):
        path = shared / f"data/haxby_slice/haxby2001/sub001/BOLD/task001_run{number:03d}/bold_events.tsv"
        with open(path, newline="") as handle:
            events = [(row["trial_type"], float(row["onset"])) for row in csv.DictReader(handle, delimiter="\t")]
        rows = made["run"] == f"run{number:02d}"
        assert list(zip(made["category"][rows].tolist(), made["onset_s"][rows].tolist(), strict=True)) == events


def test_volumes_are_those_of_the_published_runs(shared):
    """Each run is published as an image of its own too; its header confirms the volumes' distance."""
    import nibabel

    made = HaxbySlice(trial="volume", detrend=None, scale="none").run()
    voxel = tuple(made["voxel"].T)
    for number in (1, 12):
        path = shared / f"data/haxby_slice/haxby2001/sub001/BOLD/task001_run{number:03d}/bold_1slice.nii.gz"
        image = nibabel.load(path)
        assert image.header.get_zooms()[3] == 2.5
        rows = made["run"] == f"run{number:02d}"
        volumes = (made["onset_s"][rows] / 2.5).astype(int)
        assert np.array_equal(np.asarray(image.dataobj)[voxel].T[volumes], made["responses"][rows])


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("classifier", ["svm", "lda"])
def test_categories_are_decoded_from_runs_left_out(classifier):
    """With scikit-learn alone, so that no decoder of ours is in doubt."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    made = HaxbySlice().run()
    model = {"svm": LinearSVC(random_state=0), "lda": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")}[classifier]

    def right(rows: np.ndarray) -> int:
        x, y, run = (made[name][rows] for name in ("responses", "category", "run"))
        named = cross_val_predict(make_pipeline(StandardScaler(), model), x, y, groups=run, cv=LeaveOneGroupOut())
        return int((named == y).sum())

    assert right(np.ones(96, dtype=bool)) >= 0.66 * 96
    assert right(np.isin(made["category"], ["face", "house"])) >= 23


@pytest.mark.usefixtures("shared")
def test_the_published_labels_lie_on_the_response():
    """Halfway up in the first volume of a block and halfway down in the first after it: why no delay is added by default."""
    locate = manifests.load("haxby_slice").locate
    label, run = read_labels(locate(LABELS))
    volumes, shown = read_volumes(locate(BOLD), locate(MASK))["responses"], label != "rest"
    volumes = np.concatenate([volumes[run == n] - volumes[run == n].mean(axis=0) for n in range(12)])
    even, odd = run % 2 == 0, run % 2 == 1
    # voxels chosen in half of the runs, looked at in the other half
    active = np.argsort(volumes[even & ~shown].mean(axis=0) - volumes[even & shown].mean(axis=0))[:40]
    onset = np.array([n for n in range(1, 1452) if shown[n] and not shown[n - 1] and odd[n]])
    course = np.array([volumes[onset + lag][:, active].mean() for lag in range(-4, 13)])
    top, bottom = course[6:11].mean(), course[:3].mean()
    share = dict(zip(range(-4, 13), (course - bottom) / (top - bottom), strict=True))
    assert share[-1] < 0.5 < share[0]
    assert share[8] > 0.5 > share[9]
