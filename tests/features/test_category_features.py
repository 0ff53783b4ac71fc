"""Features of labels: who is what stands in the trial table, what that means in a table of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recortex.data.response_file import ResponseFile
from recortex.errors import InvalidInput
from recortex.features.category_features import CategoryFeatures
from recortex.features.label_table import LabelTable
from tests.data.files import numbers, refused, write_table

STIMULI = ["s3", "s1", "s2", "s1", "s4", "s3"]
LABELS = ["house", "face", "cat", "face", "face", "house"]
ATTRIBUTES = {"label": ["face", "house", "cat"], "animate": [1, 0, "1.0"], "size": [-0.5, "2e1", 3]}
HAXBY = Path(__file__).parents[2] / "pipelines/haxby_labels.csv"


@pytest.fixture
def brain(tmp_path):
    """brain(stimuli, labels, name) -> responses to them."""

    def make(stimuli=STIMULI, labels=LABELS, name="brain", **columns) -> ResponseFile:
        np.save(tmp_path / f"{name}.npy", numbers(len(stimuli)))
        table = write_table(tmp_path / f"{name}.csv", {"stimulus": stimuli, "category": labels, **columns})
        return ResponseFile(path=tmp_path / f"{name}.npy", trials=table)

    return make


@pytest.fixture
def table(tmp_path):
    """table(**changes) -> the path of a table of attributes."""

    def make(name="attributes.csv", **changes) -> Path:
        return write_table(tmp_path / name, ATTRIBUTES | changes, "\t" if name.endswith("tsv") else ",")

    return make


def test_a_stimulus_has_a_one_at_its_own_label_and_nowhere_else(brain):
    made = CategoryFeatures(brain=brain()).run()
    assert made["stimulus"].tolist() == ["s3", "s1", "s2", "s4"]
    assert made["feature_name"].tolist() == ["cat", "face", "house"]
    assert made["features"].tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 0]]


def test_ones_agree_with_scikit_learn(brain):
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    labels = rng.choice(["b", "a", "Z", "é"], 30)
    stage = CategoryFeatures(brain=brain([f"s{n}" for n in range(30)], labels.tolist()))
    assert np.array_equal(stage.run()["features"], OneHotEncoder(sparse_output=False).fit_transform(labels[:, None]))


@pytest.mark.parametrize("kind", ["category", "table"])
def test_features_are_joined_by_name_and_never_by_row(brain, table, kind):
    one = brain()
    stage = CategoryFeatures(brain=one) if kind == "category" else LabelTable(path=table(), brain=one)
    rows = stage.of(np.array(["s4", "s2", "s4"]))
    assert np.array_equal(rows[0], rows[2])
    assert rows.tolist() == ([[0, 1, 0], [1, 0, 0], [0, 1, 0]] if kind == "category" else [[1, -0.5], [1, 3], [1, -0.5]])
    refused(lambda: stage.of(np.array(["s9"])), InvalidInput, "s9", stage.type_name())


def test_any_column_of_the_trials_can_be_the_label(brain):
    one = brain(kind=["x", "y", "y", "y", "x", "x"], block=["1", "2", "3", "2", "4", "1"])
    assert CategoryFeatures(brain=one, column="kind").run()["feature_name"].tolist() == ["x", "y"]
    assert CategoryFeatures(brain=one, column="block").run().shape("features") == (4, 4)


@pytest.mark.parametrize("separator", ["csv", "tsv"])
def test_a_stimulus_has_the_numbers_of_its_label(brain, table, separator):
    made = LabelTable(path=table(f"attributes.{separator}"), brain=brain()).run()
    assert made["stimulus"].tolist() == ["s3", "s1", "s2", "s4"]
    assert made["feature_name"].tolist() == ["animate", "size"]
    assert made["features"].tolist() == [[0, 20], [1, -0.5], [1, 3], [1, -0.5]]


def test_where_the_label_column_stands_and_what_else_the_table_holds_does_not_matter(brain, tmp_path):
    path = write_table(
        tmp_path / "wide.csv", {"animate": [1, 1, 0, 9], "label": ["cat", "face", "house", "tree"], "size": [3, -0.5, 20, 9]}
    )
    made = LabelTable(path=path, brain=brain()).run()
    assert made["features"].tolist() == [[0, 20], [1, -0.5], [1, 3], [1, -0.5]]


def test_an_identity_table_is_the_one_hot_code(brain, tmp_path):
    path = write_table(
        tmp_path / "one.csv", {"label": ["house", "cat", "face"], "cat": [0, 1, 0], "face": [0, 0, 1], "house": [1, 0, 0]}
    )
    one = brain()
    table, coded = LabelTable(path=path, brain=one).run(), CategoryFeatures(brain=one).run()
    for array in ("stimulus", "features", "feature_name"):
        assert np.array_equal(table[array], coded[array])


def test_a_stimulus_with_two_labels_is_refused_by_name(brain, table):
    one = brain(labels=["house", "face", "cat", "cat", "face", "house"])
    for stage in (CategoryFeatures(brain=one), LabelTable(path=table(), brain=one)):
        refused(stage.run, InvalidInput, "stimulus s1", "face and cat")


def test_a_trial_without_a_label_is_refused(brain):
    for nothing in ("", "n/a"):
        one = brain(labels=["house", "face", nothing, "face", "face", "house"], name=f"brain{len(nothing)}")
        refused(CategoryFeatures(brain=one).run, InvalidInput, "trial 2 (s2)", "no category")


def test_a_column_that_is_none_of_labels_is_refused(brain):
    one = brain(onset_s=[0, 1, 2, 3, 4, 5])
    refused(CategoryFeatures(brain=one, column="catgory").run, InvalidInput, "catgory", "did you mean category?")
    refused(CategoryFeatures(brain=one, column="onset_s").run, InvalidInput, "onset_s", "times")


def test_one_label_for_all_is_refused(brain):
    refused(CategoryFeatures(brain=brain(labels=["face"] * 6)).run, InvalidInput, "one label only (face)")


def test_a_label_that_the_table_lacks_is_refused_by_name(brain, table):
    path = table(label=["face", "hose", "cat"])
    refused(LabelTable(path=path, brain=brain()).run, InvalidInput, "house", "attributes.csv", "did you mean hose?")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": ["face", "house", "face"]}, ["label face", "lines 2 and 4"]),
        ({"label": ["face", "", "cat"]}, ["line 3", "no label"]),
        ({"size": [1, "large", 2]}, ["line 3 (house)", "size 'large'", "not a number"]),
        ({"size": [1, "nan", 2]}, ["line 3 (house)", "size 'nan'", "not a number"]),
        ({"size": [1, 2, "inf"]}, ["line 4 (cat)", "size 'inf'"]),
        ({"size": ["", 2, 3]}, ["line 2 (face)", "size ''"]),
        ({"": [1, 2, 3]}, ["a column has no name"]),
    ],
)
def test_what_is_wrong_with_a_table_is_named_before_anything_runs(brain, table, changes, words):
    stage = LabelTable(path=table(**changes), brain=brain())
    refused(stage.check_ready, InvalidInput, "attributes.csv", *words)
    refused(stage.run, InvalidInput, "attributes.csv", *words)


def test_a_table_needs_labels_and_numbers(brain, tmp_path):
    lone = write_table(tmp_path / "lone.csv", {"label": ["face", "house", "cat"]})
    refused(LabelTable(path=lone, brain=brain()).check_ready, InvalidInput, "no column of numbers")
    unnamed = write_table(tmp_path / "unnamed.csv", {"name": ["face"], "size": [1]})
    refused(LabelTable(path=unnamed, brain=brain()).check_ready, InvalidInput, "no column label")


def test_features_of_other_recordings_are_the_same_kind_only_with_the_same_labels(brain, table, tmp_path):
    """An encoder fitted on cat, face, house must not be applied to cat, dog, house, which are as many."""
    one, two = brain(), brain(["t1", "t2", "t3"], ["house", "cat", "face"], "two")
    other = brain(["t1", "t2", "t3"], ["house", "cat", "dog"], "other")
    assert CategoryFeatures(brain=one).recipe() == CategoryFeatures(brain=two).recipe()
    assert CategoryFeatures(brain=one).recipe() != CategoryFeatures(brain=other).recipe()
    here, copy, changed = table(), table("copy.csv"), table("changed.csv", size=[1, 2, 3])
    assert LabelTable(path=here, brain=one).recipe() == LabelTable(path=copy, brain=two).recipe()
    assert LabelTable(path=here, brain=one).recipe() != LabelTable(path=changed, brain=one).recipe()


def test_sizes_are_foreseen_as_far_as_they_are_known(brain, table):
    one = brain()
    coded, tabled = CategoryFeatures(brain=one), LabelTable(path=table(), brain=one)
    assert coded.expect() == {}
    assert tabled.expect() == {"stimulus": 6, "feature": 2}
    one.run()
    assert coded.expect() == {"stimulus": 4, "feature": 3}
    assert coded.run().shape("features") == (4, 3)


def test_a_least_squares_encoder_of_ones_predicts_the_mean_of_each_label(brain):
    one = brain()
    x, y = CategoryFeatures(brain=one).of(np.array(STIMULI)), one.run()["responses"]
    predicted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    for label in set(LABELS):
        rows = np.array(LABELS) == label
        assert np.allclose(predicted[rows], y[rows].mean(axis=0), atol=1e-4)


def test_the_attributes_that_ship_tell_the_eight_categories_apart(brain):
    names = ["bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe"]
    made = LabelTable(path=HAXBY, brain=brain(names, names)).run()
    values = made["features"]
    assert values.shape == (8, 12)
    assert values.min() == 0 and values.max() == 1
    assert len(np.unique(values, axis=0)) == 8
    assert len(np.unique(values, axis=1).T) == 12
    animate = dict(zip(made["stimulus"].tolist(), values[:, made["feature_name"].tolist().index("animate")], strict=True))
    assert {name for name, value in animate.items() if value == 1} == {"cat", "face"}
