"""Retrieval: candidates differ in what they should and in nothing else; perfection scores 1 and ignorance chance."""

import dataclasses
import re
from itertools import pairwise

import numpy as np
import pytest

from recortex.data.simulated.painting import paint
from recortex.data.simulated.scene import DESIGNS, scene
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.words import wordings
from recortex.pretraining._image_text_exam import _retrieval
from recortex.pretraining._retrieval import attributes, different, first_right, lookalikes


def test_a_perfect_model_retrieves_all_and_a_constant_one_by_chance():
    assert first_right(np.eye(50)) == 1
    assert first_right(np.ones((50, 50))) == pytest.approx(1 / 50)
    assert first_right(-np.eye(50)) == 0
    half = np.kron(np.eye(25), np.ones((2, 2)))  # two that cannot be told apart
    assert first_right(half) == pytest.approx(1 / 2)


def test_candidates_of_a_set_differ_in_what_they_are_and_no_row_is_in_two_sets():
    what = [number % 30 for number in range(100)]
    sets = different(what, 25, 3)
    assert [len(rows) for rows in sets] == [25, 25, 25]
    assert all(len({what[row] for row in rows}) == 25 for rows in sets)
    rows = np.concatenate(sets)
    assert len(np.unique(rows)) == len(rows)
    assert different(what, 31, 3) == []  # there are only 30


def test_scenes_are_the_same_by_their_attributes_if_only_places_and_writing_differ():
    scenes = {name: np.repeat(values[:3], 2, axis=0) for name, values in SimulatedScenes(count=3, seed=8).run().items()}
    scenes["x"] = np.random.default_rng(0).random(scenes["x"].shape)
    first = attributes(scenes)
    assert [one == other for one, other in pairwise(first)] == [True, False, True, False, True]
    for name in ("background", "night", "kind", "design", "colour"):
        changed = scenes | {name: scenes[name].copy()}
        changed[name][0] = ~changed[name][0] if name == "night" else "another"
        assert attributes(changed)[0] != first[0], name


@pytest.mark.parametrize(("count", "size"), [(1, 58), (2, 200)])
def test_lookalikes_differ_in_kind_and_design_and_in_nothing_else(count, size):
    model = next(one for one in (scene(9, number) for number in range(60)) if len(one.things) == count)
    alike = lookalikes(model, 200, np.random.default_rng(0))
    assert len(alike) == size
    assert len({tuple((thing.kind, thing.design) for thing in one.things) for one in alike}) == size
    written = {thing.text for one in alike for thing in one.things if thing.kind == "word"}
    assert len(written) == 1

    def rest(one):
        return dataclasses.replace(
            one, things=tuple(dataclasses.replace(thing, kind="", design="", text="") for thing in one.things)
        )

    assert {rest(one) for one in alike} == {rest(model)}
    assert all(thing.design in DESIGNS[thing.kind] for one in alike for thing in one.things)
    assert len({wordings(one, np.random.default_rng(3))[0] for one in alike}) == size
    assert len({paint(one, 64).tobytes() for one in alike[:40]}) == 40


def test_two_things_have_as_many_pairs_of_designs_as_is_said():
    model = next(one for one in (scene(9, number) for number in range(60)) if len(one.things) == 2)
    assert len(lookalikes(model, 10**6, np.random.default_rng(0))) == 3082


class Knowing:
    """Stands for a model that knows every scene by its number, or nothing."""

    def __init__(self, knows: bool):
        self.knows = knows

    def see(self, given):
        return np.eye(len(given)) if self.knows else np.ones((len(given), 4))

    read = see


def test_the_whole_task_gives_one_to_perfection_and_chance_to_ignorance():
    stage = SimulatedScenes(count=80, seed=8)
    for knows in (True, False):
        eyes = Knowing(knows)
        figures = _retrieval(eyes, stage, eyes.see(range(80)), eyes.read(range(80)))
        assert len(figures) == 6
        for name, value in figures.items():
            among = int(re.search(r"among (\d+)", name).group(1))
            assert value == pytest.approx(1 if knows else 1 / among), name
