"""Late areas hear what is planted: kinds, sizes, sides, counts and places, and nothing of the pixels."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.data.simulated.late import COUNTS, FIRST, PROFILES, things
from recortex.data.simulated.person import Person
from recortex.data.simulated.scene import KINDS
from recortex.data.simulated.scenes import SimulatedScenes

GREY = np.full((64, 64, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def someone():
    return Person(1, 0, 3.5, "visual")


@pytest.fixture(scope="module")
def world():
    return SimulatedScenes(count=720, seed=5).compute()


@pytest.fixture(scope="module")
def answers(someone, world):
    return someone.drive(world["picture"], world)


def graph(*scenes: list[tuple[str, float, float, float]]) -> dict[str, np.ndarray]:
    """Scenes of (kind, x, y, size)."""
    out = {"kind": np.full((len(scenes), 3), "", dtype="<U16")}
    out |= {name: np.full((len(scenes), 3), np.nan) for name in ("x", "y", "size")}
    for row, scene in enumerate(scenes):
        for column, values in enumerate(scene):
            for name, value in zip(("kind", "x", "y", "size"), values, strict=True):
                out[name][row, column] = value
    return out


def heard(person: Person, scenes: dict[str, np.ndarray]) -> np.ndarray:
    return person.drive(np.repeat(GREY[None], len(scenes["kind"]), axis=0), scenes)


def test_a_thing_weighs_by_its_size_beside_the_others():
    alone, small, beside = things(
        graph([("face", 0.5, 0.5, 0.6)], [("face", 0.5, 0.5, 0.3)], [("ball", 0.5, 0.5, 0.6), ("face", 0.5, 0.5, 0.3)])
    )
    face, ball = KINDS.index("face"), KINDS.index("ball")
    assert alone[face] > small[face] > beside[face] > 0
    assert beside[ball] > 2 * beside[face]
    assert alone[face] == pytest.approx(0.6**1.5 / (0.2 + 0.6**1.5))


def test_columns_say_how_many_things_there_are_and_where():
    rows = things(graph([("face", 0.9, 0.2, 0.5)], [("face", 0.1, 0.5, 0.4), ("ball", 0.9, 0.5, 0.4)], []))
    count = slice(2 * len(KINDS), 2 * len(KINDS) + len(COUNTS))
    assert rows[:, count].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert rows[0, -2:] == pytest.approx([0.8, 0.6])
    assert rows[1, -2:] == pytest.approx([0, 0], abs=1e-9)
    assert not rows[2].any()
    assert rows[0, len(KINDS) + KINDS.index("face")] == pytest.approx(0.8 * rows[0, KINDS.index("face")])


@pytest.mark.parametrize("area", ["EBA", "FFA", "PPA", "VWFA", "food"])
def test_an_area_answers_most_to_scenes_of_its_own_kind(area, someone, world, answers):
    mean = answers[:, someone.area == area].mean(axis=1)
    by_kind = {kind: mean[world["kind"][:, 0] == kind].mean() for kind in KINDS}
    own = [by_kind[kind] for kind in FIRST[area]]
    others = [value for kind, value in by_kind.items() if kind not in FIRST[area]]
    assert min(own) > max(others)


def test_the_face_area_answers_next_to_animals_and_bodies(someone):
    scenes = graph(*[[(kind, 0.5, 0.5, 0.6)] for kind in KINDS])
    mean = heard(someone, scenes)[:, someone.area == "FFA"].mean(axis=1)
    order = [KINDS[at] for at in np.argsort(-mean)][:3]
    assert order[0] == "face" and set(order[1:]) == {"animal", "body"}


def test_the_preferred_kinds_are_those_with_the_largest_weights_and_the_largest_answers(someone):
    scenes = graph(*[[(kind, 0.5, 0.5, 0.6)] for kind in KINDS])
    answer = heard(someone, scenes)
    tuned = np.flatnonzero(np.isin(someone.tuning.preferred[:, 0], KINDS) & (someone.ncsnr > 0))
    two = someone.tuning.preferred[tuned, 1] != ""
    assert 0.15 < two.mean() < 0.6
    for unit in tuned:
        wanted = [kind for kind in someone.tuning.preferred[unit] if kind]
        top = [KINDS[at] for at in np.argsort(-someone.tuning.kind[unit])][: len(wanted)]
        assert wanted == top
        if someone.field_share[unit] < 0.9:
            assert [KINDS[at] for at in np.argsort(-answer[:, unit])][: len(wanted)] == wanted


def test_a_voxel_of_two_preferences_answers_to_both_kinds_in_real_scenes(someone, world, answers):
    units = np.flatnonzero((someone.tuning.preferred[:, 1] != "") & (someone.field_share < 0.5))
    assert len(units) > 20
    above = []
    for unit in units:
        for kind in someone.tuning.preferred[unit]:
            shown = world["kind"][:, 0] == kind
            above.append(answers[shown, unit].mean() > answers[~shown, unit].mean())
    assert np.mean(above) > 0.95


def test_a_larger_thing_drives_more_and_one_on_the_opposite_side_too(someone):
    face = [[("face", x, 0.5, size)] for x, size in ((0.5, 0.3), (0.5, 0.7), (0.15, 0.5), (0.85, 0.5))]
    answer = heard(someone, graph(*face))
    units = (someone.area == "FFA") & (someone.tuning.kind[:, KINDS.index("face")] > 0.5)
    small, large, left, right = answer[:, units]
    assert np.all(large > small)
    on_the_left = someone.hemisphere[units] == "left"
    assert np.all(right[on_the_left] > left[on_the_left]) and np.all(left[~on_the_left] > right[~on_the_left])


def test_ips_counts_and_tells_where(someone, world, answers):
    number = (world["kind"] != "").sum(axis=1)
    units = np.flatnonzero((someone.area == "IPS") & (someone.tuning.preferred[:, 0] == "count"))
    assert len(units) > 10
    mean = np.array([answers[number == count][:, units].mean(axis=0) for count in (1, 2, 3)])
    assert np.mean(mean.argmax(axis=0) == someone.tuning.count[units].argmax(axis=1)) > 0.95
    units = np.flatnonzero((someone.area == "IPS") & (someone.tuning.preferred[:, 0] == "position"))
    columns = things(world)
    for unit in units:
        along = columns[:, -2:] @ someone.tuning.place[unit]
        assert np.corrcoef(along, answers[:, unit])[0, 1] > 0.99
    outward = np.where(someone.hemisphere[units] == "left", 1, -1)
    assert np.all(outward * someone.tuning.place[units, 0] > 0)


def test_late_voxels_without_a_field_see_no_pixels_and_are_linear_in_the_things(someone, world, answers):
    units = (someone.field_share == 0) & (someone.ncsnr > 0)
    assert units.any()
    design = np.column_stack([things(world), np.ones(len(answers))])
    left = answers[:, units] - design @ np.linalg.lstsq(design, answers[:, units], rcond=None)[0]
    assert np.abs(left).max() < 1e-3
    assert np.allclose(answers[:, units], someone.drive(world["picture"][::-1], world)[:, units], atol=1e-5)


def test_the_share_of_the_field_is_what_is_left_without_the_things(someone, world, answers):
    """In voxels that mix both, what the things explain falls as the field's share grows."""
    design = np.column_stack([things(world), np.ones(len(answers))])
    mixed = np.flatnonzero((someone.field_share > 0.05) & (someone.field_share < 0.95) & (someone.ncsnr > 0))
    left = answers[:, mixed] - design @ np.linalg.lstsq(design, answers[:, mixed], rcond=None)[0]
    explained = 1 - left.var(axis=0) / answers[:, mixed].var(axis=0)
    assert np.corrcoef(explained, 1 - someone.field_share[mixed])[0, 1] > 0.85
    assert np.all(explained > 1 - someone.field_share[mixed] - 0.2)


def test_the_null_region_is_tuned_to_nothing(someone, answers):
    null = someone.area == "null"
    assert null.sum() > 10
    assert not answers[:, null].any() and not someone.ncsnr[null].any()
    assert not someone.tuning.weights()[:, null].any() and np.isnan(someone.field_x_deg[null]).all()
    assert not someone.tuning.preferred[null].astype(bool).any()


def test_neighbours_in_an_area_prefer_alike(someone):
    units = np.flatnonzero(np.isin(someone.area, ["PPA", "LO"]))
    distance = np.linalg.norm(someone.position_mm[units, None] - someone.position_mm[units][None], axis=2)
    same = someone.tuning.preferred[units, 0][:, None] == someone.tuning.preferred[units, 0][None]
    own = someone.area[units][:, None] == someone.area[units][None]
    assert same[own & (distance > 0) & (distance < 5)].mean() > same[own & (distance > 15)].mean() + 0.05


def test_every_profile_names_kinds_that_there_are():
    assert all(set(profile) <= set(KINDS) for profile in PROFILES.values())
    assert set().union(*FIRST.values()) >= {"face", "body", "house", "landscape", "food", "word"}
