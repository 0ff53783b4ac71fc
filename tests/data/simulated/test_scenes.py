"""The scenes of the simulated world: the same for the same seed, balanced, and painted as their list says."""

import hashlib
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.painting import paint
from recortex.data.simulated.scene import (
    BACKGROUNDS,
    COLOURS,
    FAMILIES,
    FAMILY,
    KINDS,
    held_out,
    scene,
)
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.errors import InvalidInput


@pytest.fixture(scope="module")
def many():
    return [scene(seed, number) for seed in (5, 6, 7) for number in range(3000)]


# the same again


def test_the_first_scenes_are_the_same_whatever_their_number():
    few, more = SimulatedScenes(count=17, seed=3).compute(), SimulatedScenes(count=40, seed=3).compute()
    assert set(few) == set(more)
    for name, values in few.items():
        np.testing.assert_array_equal(values, more[name][:17], err_msg=name)


def test_the_same_seed_gives_the_same_bytes_in_another_process():
    program = (
        "import hashlib; from recortex.data.simulated.scenes import SimulatedScenes as S;"
        "made = S(count=24, seed=7, combinations='familiar').compute();"
        "print(hashlib.sha256(b''.join(made[k].tobytes() for k in sorted(made))).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": "11"}, capture_output=True, text=True, check=True
    )
    made = SimulatedScenes(count=24, seed=7, combinations="familiar").compute()
    assert there.stdout.strip() == hashlib.sha256(b"".join(made[name].tobytes() for name in sorted(made))).hexdigest()


def test_another_seed_set_of_kinds_or_of_combinations_has_other_scenes_and_other_names():
    sets = [
        SimulatedScenes(count=30),
        SimulatedScenes(count=30, seed=1),
        SimulatedScenes(count=30, combinations="familiar"),
        SimulatedScenes(count=30, combinations="new"),
        SimulatedScenes(count=30, kinds=("face", "ball", "tool")),
    ]
    names, pictures = [], []
    for one in sets:
        made = one.compute()
        names += made["stimulus"].tolist()
        pictures += [picture.tobytes() for picture in made["picture"]]
    assert len(set(names)) == len(names) == 150
    assert len(set(pictures)) == 150


def test_no_two_pictures_are_the_same():
    assert len({paint(scene(0, number)).tobytes() for number in range(600)}) == 600


@pytest.mark.slow
def test_no_two_of_20000_pictures_are_the_same():
    assert len({hashlib.sha256(paint(scene(0, number)).tobytes()).digest() for number in range(20000)}) == 20000


# balance


def unrelated(one, other) -> float:
    """The p-value of a chi-square test of two columns of labels."""
    one, other = np.unique(one, return_inverse=True)[1], np.unique(other, return_inverse=True)[1]
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)
    return chi2_contingency(table).pvalue


def thirds(values) -> np.ndarray:
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values)


@pytest.mark.parametrize("combinations", ["all", "familiar", "new"])
def test_what_the_largest_thing_is_tells_nothing_about_anything_else(combinations, many):
    scenes = many
    if combinations != "all":
        scenes = [scene(seed, number, combinations=combinations) for seed in (5, 6, 7) for number in range(2000)]
    first = [one.things[0] for one in scenes]
    kind = [thing.kind for thing in first]
    others = {
        "background": [one.background for one in scenes],
        "night": [one.night for one in scenes],
        "count": [len(one.things) for one in scenes],
        "family": [FAMILY[thing.colour] for thing in first],
        "colour": [thing.colour for thing in first],
        "mirrored": [thing.mirrored for thing in first],
        **{name: thirds([getattr(thing, name) for thing in first]) for name in ("x", "y", "size", "base")},
    }
    for name, values in others.items():
        assert unrelated(kind, values) > 0.001, f"kind and {name}"
    for one, other in itertools.combinations(("background", "night", "count", "family"), 2):
        assert unrelated(others[one], others[other]) > 0.001, f"{one} and {other}"


def test_the_check_of_balance_sees_a_small_share_that_goes_together():
    kind = np.arange(6000) % 12
    other = np.random.default_rng(0).integers(0, 6, 6000)
    assert unrelated(kind, other) > 0.001
    assert unrelated(kind, np.where(np.random.default_rng(1).random(6000) < 0.1, kind % 6, other)) < 0.001


def test_what_smaller_things_are_tells_nothing_about_background_colour_or_size(many):
    rest = [(one, thing) for one in many for thing in one.things[1:]]
    kind = [thing.kind for _, thing in rest]
    assert unrelated(kind, [one.background for one, _ in rest]) > 0.001
    assert unrelated(kind, [thing.colour for _, thing in rest]) > 0.001
    assert unrelated(kind, thirds([thing.size for _, thing in rest])) > 0.001
    assert unrelated(kind, thirds([thing.x for _, thing in rest])) > 0.001


def test_kinds_take_turns_as_the_largest_thing(many):
    for start in range(0, 120, 12):
        assert {one.things[0].kind for one in many[start : start + 12]} == set(KINDS)


# what is held out


def combinations_of(scenes) -> set[tuple[str, str, str]]:
    return {(thing.kind, one.background, FAMILY[thing.colour]) for one in scenes for thing in one.things}


def test_familiar_and_new_scenes_share_no_combination_though_each_part_is_in_both():
    familiar = combinations_of(scene(1, number, combinations="familiar") for number in range(6000))
    new = combinations_of(scene(1, number, combinations="new") for number in range(1500))
    assert not familiar & new
    assert len(familiar) == 360
    assert len(new) == 72, "one in six of 432"
    for seen in (familiar, new):
        assert {kind for kind, _, _ in seen} == set(KINDS)
        assert {background for _, background, _ in seen} == set(BACKGROUNDS)
        assert {family for _, _, family in seen} == set(FAMILIES)


def test_any_two_of_kind_background_and_colour_family_meet_equally_often_in_what_is_held_out():
    held = [each for each in itertools.product(KINDS, BACKGROUNDS, FAMILIES) if held_out(*each)]
    for left_out, times in ((0, 2), (1, 1), (2, 1)):
        pairs = [tuple(part for at, part in enumerate(each) if at != left_out) for each in held]
        assert {pairs.count(pair) for pair in set(pairs)} == {times}
        assert len(set(pairs)) == len(held) // times


def test_every_colour_is_among_the_familiar_scenes_of_every_kind():
    seen = {(t.kind, t.colour) for n in range(4000) for t in scene(2, n, combinations="familiar").things}
    assert len(seen) == len(KINDS) * len(COLOURS)


def test_kinds_that_are_left_out_never_occur_and_their_order_does_not_matter():
    kinds = tuple(kind for kind in KINDS if kind not in ("face", "house"))
    made = SimulatedScenes(count=60, kinds=kinds).compute()
    assert set(made["kind"].ravel()) == {"", *kinds}
    again = SimulatedScenes(count=60, kinds=kinds[::-1]).compute()
    for name, values in made.items():
        np.testing.assert_array_equal(values, again[name], err_msg=name)


def test_scenes_of_one_kind_still_hold_up_to_three_different_things():
    scenes = [scene(0, number, kinds=("face",)) for number in range(60)]
    assert {len(one.things) for one in scenes} == {1, 2, 3}
    assert all(len({thing.design for thing in one.things}) == len(one.things) for one in scenes)


def test_an_unknown_or_repeated_kind_is_refused_by_name():
    with pytest.raises(InvalidInput, match="no kind vehicel; did you mean vehicle"):
        SimulatedScenes(kinds=("vehicel",))
    with pytest.raises(InvalidInput, match="face stands twice"):
        SimulatedScenes(kinds=("face", "face"))


# places


def test_things_lie_within_the_picture_largest_first_and_hardly_cover_each_other(many):
    covered = []
    for one in many:
        sizes = [thing.size for thing in one.things]
        assert all(large > 1.05 * small for large, small in itertools.pairwise(sizes))
        for thing in one.things:
            assert thing.size / 2 <= thing.x <= 1 - thing.size / 2
            assert thing.y - thing.size / 2 >= 0.02 and thing.base <= 0.98
        for a, b in itertools.combinations(one.things, 2):
            wide = (a.size + b.size) / 2 - abs(a.x - b.x)
            high = (a.size + b.size) / 2 - abs(a.y - b.y)
            covered.append(max(wide, 0) * max(high, 0) / min(a.size, b.size) ** 2)
    assert np.mean(np.array(covered) < 0.1) > 0.98
    assert max(covered) < 0.35


# stages


def test_the_stages_return_what_they_promise_a_row_a_scene(tmp_path):
    from recortex import store

    with store.use(store.Store(tmp_path)):
        scenes = SimulatedScenes(count=14)
        seen, told = scenes.run(), SimulatedCaptions(scenes=scenes).run()
        assert seen.shape("picture") == (14, 64, 64, 3)
        assert seen["picture"].dtype == np.uint8
        np.testing.assert_array_equal(seen["stimulus"], told["stimulus"])
        np.testing.assert_array_equal(seen["category"], seen["kind"][:, 0])
        np.testing.assert_array_equal(np.isnan(seen["x"]), seen["kind"] == "")
        assert told["caption"].shape == (14, 5)
        assert "".join(figure.html for figure in scenes.figures(seen)).count("<img") == 14
