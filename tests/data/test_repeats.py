"""Repeats: kept, or averaged as pandas would, with labels and weights that stay right."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from recortex.data.base import Responses, average_repeats, rows_of
from recortex.errors import InvalidInput
from tests.data.files import Recording, refused


def shown(seed: int = 0, trials: int = 40, stimuli: int = 9) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([f"s{n}" for n in rng.integers(0, stimuli, trials)])


@pytest.mark.parametrize("seed", range(4))
def test_repeats_are_averaged_as_pandas_does(seed, tmp_path):
    stimulus = shown(seed)
    own = Recording.of(tmp_path, 40, 3, stimulus=stimulus, category=[name[-1] for name in stimulus])
    made = own.brain(repeats="average").run()
    grouped = pandas.DataFrame(own.responses).groupby(stimulus, sort=False)
    assert made["stimulus"].tolist() == list(dict.fromkeys(stimulus.tolist()))
    assert np.allclose(made["responses"], grouped.mean().to_numpy(), rtol=1e-12)
    assert made["n_repeats"].tolist() == grouped.size().tolist()
    assert made["category"].tolist() == [name[-1] for name in made["stimulus"]]


def test_kept_repeats_stay_single_trials(tmp_path):
    own = Recording.of(tmp_path, 40, 3, stimulus=shown())
    made = own.brain(repeats="keep").run()
    assert np.array_equal(made["responses"], own.responses)
    assert set(made["n_repeats"].tolist()) == {1}


def test_a_stimulus_of_two_categories_is_told_with_its_trials(tmp_path):
    own = Recording.of(tmp_path, 4, 2, stimulus=list("abab"), category=list("pqxq"))
    words = ("betas.npy: stimulus a has two values of category (p in trial 0 and x in trial 2, counted from 0)", "repeats: keep")
    refused(lambda: own.brain(repeats="average"), InvalidInput, *words)


def test_a_label_that_differs_between_repeats_is_dropped_and_one_that_does_not_is_kept(tmp_path):
    own = Recording.of(
        tmp_path, 4, 2, stimulus=list("abab"), run=[1, 1, 2, 2], session=list("xxxx"), onset_s=[0, 1, 0, 1], category=list("pqpq")
    )
    made = own.brain(repeats="average").run()
    assert "run" not in made and "onset_s" not in made
    assert made["session"].tolist() == ["x", "x"]
    assert made["category"].tolist() == ["p", "q"]


def test_columns_of_ones_own_are_kept_where_repeats_agree(tmp_path):
    own = Recording.of(tmp_path, 4, 2, stimulus=list("abab"), rt=[1, 2, 3, 4], artist=list("xyxy"))
    table = own.brain(repeats="average").trial_table()
    assert set(table) == {"stimulus", "artist"} and table["artist"].tolist() == ["x", "y"]
    assert own.brain().trial_table()["rt"].tolist() == ["1", "2", "3", "4"]


@pytest.mark.parametrize("column", ["split", "category"])
def test_repeats_that_disagree_on_what_they_are_for_are_refused(column, tmp_path):
    own = Recording.of(tmp_path, 4, 2, stimulus=list("abab"), **{column: ["p", "q", "p", "r"]})
    refused(lambda: own.brain(repeats="average"), InvalidInput, "b", column, "q", "r")
    assert own.brain(repeats="keep").run()[column].tolist() == ["p", "q", "p", "r"]


def test_averages_of_averages_are_the_average_of_all():
    rng = np.random.default_rng(1)
    stimulus = shown(2, 30, 4)
    arrays = {"responses": rng.standard_normal((30, 3)), "stimulus": stimulus, "n_repeats": np.ones(30, int)}
    parts = [average_repeats({k: v[rows] for k, v in arrays.items()}, Responses.returns) for rows in (slice(0, 7), slice(7, 30))]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in arrays}
    twice = average_repeats(joined, Responses.returns)
    once = average_repeats(arrays, Responses.returns)
    for name in once:
        same = np.allclose if name == "responses" else np.array_equal
        assert same(twice[name], once[name]), name
    again = average_repeats(once, Responses.returns)
    assert np.allclose(again["responses"], once["responses"])
    assert np.array_equal(again["n_repeats"], once["n_repeats"])


def test_averaging_leaves_what_belongs_to_units_alone():
    arrays = {"responses": np.eye(4, 3), "stimulus": np.array(list("aabb")), "n_repeats": np.ones(4, int), "column": np.arange(3)}
    assert average_repeats(arrays, Responses.returns)["column"].tolist() == [0, 1, 2]


def test_names_are_found_whatever_their_order_and_number():
    available = np.array(["b", "a", "c"])
    assert rows_of(np.array(["c", "c", "b"]), available, "stimuli", "the folder").tolist() == [2, 2, 0]
    said = refused(
        lambda: rows_of(np.array(["fase12"]), np.array(["face11", "face12", "house"]), "stimuli", "the folder"), InvalidInput
    )
    assert "1 of the stimuli is not in the folder: fase12; did you mean face12?" in said
    refused(lambda: rows_of(np.array(["a"]), np.array(["a", "a"]), "stimuli", "the folder"), InvalidInput, "a more than once")
