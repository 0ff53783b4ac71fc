"""Maps of the cortex show every unit where it is, in the colour of its number or kind, and nothing where nothing is."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from recortex.drawing import brain_labels, brain_map
from recortex.drawing.colours import KINDS, Legend, Scale
from recortex.drawing.cortex import VIEWS, _spread, cortex_labels, cortex_map
from recortex.fsaverage import HEMISPHERES, VERTICES, sheet
from tests.drawing.pages import coloured, data_of, pictures


def near(point: tuple[float, float, float], side: str, radius_mm: float = 12.0) -> np.ndarray:
    """Vertices around a point that is stated for the right hemisphere."""
    here = sheet(side)
    place = np.array(point) * ([-1, 1, 1] if side == "left" else [1, 1, 1])
    return np.flatnonzero(np.isfinite(here.distance_mm(here.nearest(place), radius_mm)) & here.cortical)


def drawn(vertices: dict[str, np.ndarray], **fields) -> dict[str, np.ndarray]:
    """The pictures of a map that is 1 at these vertices, by side and view."""
    side = np.concatenate([[name] * len(rows) for name, rows in vertices.items()])
    vertex = np.concatenate(list(vertices.values()))
    made = pictures(cortex_map(np.ones(len(vertex)), side, vertex, "signal", low=0, high=1, **fields))
    return {f"{name} {view}": made[f"signal: {name} hemisphere, {view} view"] for name in HEMISPHERES for view in VIEWS}


@pytest.mark.parametrize("side", HEMISPHERES)
def test_values_of_one_hemisphere_appear_in_its_views_alone(side):
    made = drawn({side: np.flatnonzero(sheet(side).cortical)})
    for name, picture in made.items():
        assert coloured(picture).any() == name.startswith(side), name


def test_the_left_hemisphere_is_laid_out_left():
    page = cortex_map(np.ones(2), np.array(["right", "left"]), np.array([0, 0]), "signal")
    assert page.index("left hemisphere") < page.index("right hemisphere")
    assert page.count("<img") == 8


PLACES = {
    "frontal pole": ((26.0, 58.0, 4.0), "front", None),
    "occipital pole": ((14.0, -100.0, 0.0), "back", None),
    "hand area": ((38.0, -22.0, 60.0), None, "upper"),
    "temporal pole": ((32.0, 10.0, -36.0), "front", "lower"),
}


@pytest.mark.parametrize("side", HEMISPHERES)
@pytest.mark.parametrize("name", PLACES)
def test_a_planted_place_is_coloured_where_it_is(name, side):
    point, along, height = PLACES[name]
    made = drawn({side: near(point, side)})
    # seen from outside, the front of the left hemisphere is left; seen from inside it is right
    for view, front_is_left in (("lateral", side == "left"), ("medial", side == "right")):
        picture = made[f"{side} {view}"]
        rows, columns = np.nonzero(coloured(picture))
        if view == "lateral" or len(rows) > 20:
            assert len(rows) > 20, view
            across, down = columns.mean() / picture.shape[1], rows.mean() / picture.shape[0]
            if along:
                assert (across < 0.4) == ((along == "front") == front_is_left), (view, across)
            if height:
                assert (down < 0.4) if height == "upper" else (down > 0.6), (view, down)


def test_what_lies_inside_or_below_is_seen_from_there():
    fusiform = {"right": near((40.0, -50.0, -20.0), "right")}
    cingulate = {"right": near((6.0, 20.0, 32.0), "right")}
    seen = {view: coloured(picture).sum() for view, picture in drawn(fusiform).items()}
    assert max(seen, key=seen.get) == "right ventral"
    seen = {view: coloured(picture).sum() for view, picture in drawn(cingulate).items()}
    assert max(seen, key=seen.get) == "right medial" and seen["right lateral"] == 0


def test_from_behind_the_outer_side_of_each_hemisphere_is_on_its_own_side():
    for side, outer_is_left in (("left", True), ("right", False)):
        picture = drawn({side: near((41.0, -78.0, 0.0), side)})[f"{side} posterior"]
        body = np.nonzero((picture < 250).any(axis=-1))[1]
        middle = (body.min() + body.max()) / 2
        assert (np.nonzero(coloured(picture))[1].mean() < middle) == outer_is_left


def test_units_spread_no_farther_than_they_lie_apart_and_never_over_the_medial_wall():
    here = sheet("left")
    dense = drawn({"left": np.flatnonzero(here.cortical)[::4]})
    bare = drawn({"left": near((8.0, 64.0, -2.0), "left", 1.0)})
    everywhere = drawn({"left": np.flatnonzero(here.cortical)})
    for view in VIEWS:
        full = coloured(everywhere[f"left {view}"]).sum()
        assert coloured(dense[f"left {view}"]).sum() > 0.97 * full  # no salt and pepper
        assert coloured(bare[f"left {view}"]).sum() < 0.06 * full
    # the medial wall stays bare when all of the cortex is covered
    rows = np.flatnonzero(here.cortical)
    spread = _spread(np.where(here.cortical, 1.0, np.nan), rows, "left", 12.0)
    assert np.array_equal(np.isfinite(spread), here.cortical)
    inside = (everywhere["left medial"] < 250).any(axis=-1)
    assert 0.05 < 1 - coloured(everywhere["left medial"]).sum() / inside.sum() < 0.3


def test_units_of_a_vertex_are_averaged_and_nan_counts_for_nothing():
    side = np.array(["left"] * 3)
    pair = cortex_map(np.array([0.2, 0.6, np.nan]), side, np.array([7, 7, 7]), "r", low=0, high=1)
    assert pair == cortex_map(np.array([0.4]), side[:1], np.array([7]), "r", low=0, high=1)
    # a unit without a value leaves a hole that its neighbours do not fill
    patch = near((49.0, -66.0, 7.0), "left")
    values = np.where(np.isin(patch, near((49.0, -66.0, 7.0), "left", 5.0)), np.nan, 1.0)
    made = pictures(cortex_map(values, np.array(["left"] * len(patch)), patch, "r", low=0, high=1))
    full = pictures(cortex_map(np.ones(len(patch)), np.array(["left"] * len(patch)), patch, "r", low=0, high=1))
    lateral = "r: left hemisphere, lateral view"
    holes, whole = coloured(made[lateral]), coloured(full[lateral])
    middle = tuple(int(np.median(index)) for index in np.nonzero(whole))
    assert whole[middle] and not holes[middle] and holes.any()


def test_without_any_value_the_sheet_is_bare():
    for values in (np.full(5, np.nan), np.array([np.inf, -np.inf, np.nan, np.nan, np.nan])):
        made = pictures(cortex_map(values, np.array(["right"] * 5), np.arange(5), "r"))
        assert len(made) == 8 and not any(coloured(picture).any() for picture in made.values())
    assert cortex_map(np.empty(0), np.empty(0, str), np.empty(0, int), "r").count("<img") == 8


def test_colours_follow_the_numbers():
    patch = near((49.0, -66.0, 7.0), "right")
    side = np.array(["right"] * len(patch))
    brightness = []
    for value in (0.1, 0.4, 0.7, 1.0):
        made = pictures(cortex_map(np.full(len(patch), value), side, patch, "r", low=0, high=1))[
            "r: right hemisphere, lateral view"
        ]
        brightness.append(made[coloured(made)].mean())
    assert np.all(np.diff(brightness) > 15)


def test_the_scale_rises_in_lightness_so_that_it_reads_without_hue():
    colours = Scale(0, 1, "r").colour(np.linspace(0, 1, 50))
    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all() and lightness[-1] - lightness[0] > 0.7


def test_the_colour_bar_says_its_words_its_numbers_and_what_lies_beyond():
    rng = np.random.default_rng(0)
    key = Scale.of(np.append(rng.uniform(0, 0.57, 5000), -0.3), "correlation <r>", low=0).key()
    assert "correlation &lt;r&gt;" in key
    for number in ("≤ 0.0", "0.2", "0.4", "0.6"):
        assert f">{number}</text>" in key, number
    assert "≥" not in key
    key = Scale.of(np.append(rng.uniform(-2, 2, 5000), 50), "percent").key()
    assert ">−2</text>" in key and ">0</text>" in key and ">≥ 2" in key
    for same in (np.zeros(3), np.full(3, 7.5), np.full(2, np.nan), np.array([1e-9])):
        made = Scale.of(same, "r")
        assert made.low < made.high and np.isfinite(made.colour(same[np.isfinite(same)])).all() and "</text>" in made.key()


def test_a_categorical_map_has_the_colours_of_its_legend():
    face, place = near((40.0, -50.0, -20.0), "right"), near((49.0, -66.0, 7.0), "right")
    labels = np.array(["face"] * len(face) + ["body"] * len(place) + ["", ""])
    vertex = np.append(np.concatenate([face, place]), near((8.0, 64.0, -2.0), "right")[:2])
    page = cortex_labels(
        labels, np.array(["right"] * len(vertex)), vertex, "kind", ("face", "body", "house"), {"body": "#00ff00"}
    )
    assert page.index(">face<") < page.index(">body<") and ">house<" not in page
    assert "kind:" in page and "#00ff00" in page and KINDS[0] in page
    made = pictures(page)
    lateral, ventral = (made[f"kind: right hemisphere, {view} view"] for view in ("lateral", "ventral"))
    green = lateral[coloured(lateral)]
    assert (green[:, 1] > green[:, 0] + 100).mean() > 0.9
    blue = ventral[coloured(ventral)]
    assert (blue[:, 2] > blue[:, 0] + 60).mean() > 0.9
    # the two units of no kind are at the frontal pole, which stays bare
    assert np.nonzero(coloured(lateral))[1].mean() < 0.5 * lateral.shape[1] and not coloured(lateral)[:, -80:].any()


def test_a_vertex_is_of_the_kind_of_most_of_its_units():
    side = np.array(["left"] * 5)
    mixed = cortex_labels(
        np.array(["a", "b", "b", "", "b"]), side, np.full(5, 3), "kind", colours={"a": "#ff0000", "b": "#0000ff"}
    )
    lateral = np.concatenate([picture[coloured(picture)] for picture in pictures(mixed).values()])
    assert len(lateral) and (lateral[:, 2] > lateral[:, 0]).all()
    mostly = cortex_labels(np.array(["a", "", ""]), side[:3], np.full(3, 3), "kind")
    assert not any(coloured(picture).any() for picture in pictures(mostly).values())


def test_kinds_keep_to_distinct_colours_as_long_as_there_are_some():
    names = [f"kind {number:02d}" for number in range(len(KINDS))]
    legend = Legend.of(np.array(names), "kind")
    assert len(set(legend.colours)) == len(names)
    given = Legend.of(np.array(names[:3]), "kind", colours={names[2]: KINDS[0]})
    assert given.colours == (KINDS[1], KINDS[2], KINDS[0])


def test_a_map_of_all_of_the_cortex_is_small():
    rng = np.random.default_rng(0)
    side = np.repeat(HEMISPHERES, VERTICES)
    vertex = np.tile(np.arange(VERTICES), 2)
    page = cortex_map(rng.standard_normal(len(side)), side, vertex, "noise")
    assert max(len(data) for data in data_of(page).values()) < 60_000
    smooth = cortex_map(np.concatenate([sheet(name).white[:, 1] for name in HEMISPHERES]), side, vertex, "front")
    assert len(smooth) < 400_000


def test_units_are_drawn_where_their_recording_says_they_are_and_nowhere_else():
    units = {"hemisphere": np.array(["left"]), "vertex": np.array([5])}
    volume = {"voxel": np.array([[1, 1, 1]]), "affine": np.eye(4), "grid": np.array([3, 3, 3])}
    one = np.array([0.5])
    assert 'class="cortex"' in brain_map(one, units | volume, "r")
    assert 'class="slices"' in brain_map(one, volume, "r")
    assert 'class="cortex"' in brain_labels(np.array(["a"]), units, "kind")
    assert 'class="slices"' in brain_labels(np.array(["a"]), volume, "kind")
    for places in ({}, {"vertex": units["vertex"]}, {"voxel": volume["voxel"]}):
        assert brain_map(one, places, "r") == "" == brain_labels(np.array(["a"]), places, "kind")


def test_drawing_loads_neither_nilearn_nor_the_simulation():
    code = (
        "import sys, numpy as np; from recortex.drawing import brain_map; "
        "brain_map(np.ones(1), {'hemisphere': np.array(['left']), 'vertex': np.array([5])}, 'r'); "
        "print([name for name in sys.modules if name.startswith(('nilearn', 'recortex.data', 'matplotlib.pyplot'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
