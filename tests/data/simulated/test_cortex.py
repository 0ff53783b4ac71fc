"""The planted brain: areas where they are said to be, maps the right way round, voxels in the ribbon, people that differ."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from recortex import fsaverage
from recortex.data.simulated.cortex import AREAS, DISCS, EARLY, LATE, mirrored, plant
from recortex.data.simulated.person import Person
from recortex.data.simulated.retinotopy import FIELD_OF_VIEW_DEG, POLE, in_picture, place
from recortex.data.simulated.volume import MARGIN, label, voxels
from recortex.fsaverage import HEMISPHERES, VERTICES, sheet

PEOPLE = [(0, 1), (0, 2), (7, 1)]


@pytest.fixture(scope="module")
def volume():
    return voxels((0, 1), 4.0)


def test_the_sheet_comes_from_nilearns_own_files_and_asks_no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for hemisphere in HEMISPHERES:
        made = sheet.__wrapped__(hemisphere)
        assert len(made.white) == len(made.pial) == len(made.sphere) == VERTICES
        assert made.faces.shape == (2 * VERTICES - 4, 3)
    # nilearn's public way gives the same
    monkeypatch.setattr(fsaverage, "find_spec", lambda _: None)
    assert np.array_equal(sheet.__wrapped__("left").pial, sheet("left").pial)


def test_the_left_hemisphere_lies_left_and_the_medial_wall_is_no_cortex():
    left, right = (sheet(hemisphere) for hemisphere in HEMISPHERES)
    assert left.midsurface[:, 0].mean() < -20 and right.midsurface[:, 0].mean() > 20
    for here in (left, right):
        assert 0.03 < np.mean(~here.cortical) < 0.15
        assert np.abs(here.midsurface[~here.cortical, 0]).mean() < 15


def test_distances_along_the_sheet_are_a_metric_no_shorter_than_the_straight_line():
    here = sheet("right")
    one, other = here.nearest((41, -78, 0)), here.nearest((27, -44, -10))
    from_one, from_other = here.distance_mm(one), here.distance_mm(other)
    assert from_one[one] == 0 and from_one[other] == pytest.approx(from_other[one])
    assert np.all(from_one <= from_one[other] + from_other + 1e-9)
    assert np.all(from_one >= np.linalg.norm(here.midsurface - here.midsurface[one], axis=1) - 1e-9)
    near = here.distance_mm(one, reach_mm=20.0)
    assert np.array_equal(near[from_one <= 20], from_one[from_one <= 20]) and np.isinf(near[from_one > 20]).all()


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("hemisphere", HEMISPHERES)
def test_every_area_lies_where_the_table_puts_it(hemisphere, who):
    here, labels = sheet(hemisphere), plant(hemisphere, who)
    assert set(labels.area) <= {*AREAS, ""}
    for name, disc in DISCS.items():
        inside = labels.area == name
        if hemisphere not in disc.hemispheres:
            assert not inside.any()
            continue
        middle = here.midsurface[inside].mean(axis=0)
        assert np.linalg.norm(middle - mirrored(disc.centre, hemisphere)) < 12, name
        assert inside.sum() > 8
        # a disc: nothing of it further from its middle than its radius, stretched by three standard deviations, allows
        spread = here.distance_mm(here.nearest(middle))[inside]
        assert np.percentile(spread, 90) < 1.6 * disc.radius_mm
    for name in EARLY:
        assert (labels.area == name).sum() > 15


def test_the_left_side_reads_and_the_right_side_does_not():
    assert (plant("left", (0, 1)).area == "VWFA").any() and not (plant("right", (0, 1)).area == "VWFA").any()


@pytest.mark.parametrize("who", PEOPLE)
def test_null_touches_no_visual_area_nor_their_belt(who):
    for hemisphere in HEMISPHERES:
        here, labels = sheet(hemisphere), plant(hemisphere, who)
        null = here.midsurface[labels.area == "null"]
        heard = here.midsurface[~np.isin(labels.area, ["null", "rest", ""])]
        assert np.linalg.norm(null[:, None] - heard[None], axis=2).min() > 5


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("hemisphere", HEMISPHERES)
def test_the_maps_run_as_they_do_in_people(hemisphere, who):
    here, labels = sheet(hemisphere), plant(hemisphere, who)
    v1 = labels.area == "V1"
    # fovea at the pole, periphery in front
    from_pole = here.distance_mm(here.nearest(mirrored(POLE, hemisphere)))
    assert np.corrcoef(from_pole[v1], labels.eccentricity_deg[v1])[0, 1] > 0.8
    assert np.corrcoef(here.midsurface[v1, 1], labels.eccentricity_deg[v1])[0, 1] > 0.6
    # upper field (angle near 0) below the calcarine, lower field above it
    assert np.corrcoef(here.midsurface[v1, 2], labels.angle[v1])[0, 1] > 0.5
    # the whole of the opposite half of the picture, and no more
    assert labels.eccentricity_deg[v1].max() <= FIELD_OF_VIEW_DEG / 2 < 1.2 * labels.eccentricity_deg[v1].max()
    assert labels.angle[v1].min() < 0.4 and labels.angle[v1].max() > np.pi - 0.4
    # magnification: the inner quarter of the field takes more than 40 % of V1
    assert np.mean(labels.eccentricity_deg[v1] < FIELD_OF_VIEW_DEG / 4) > 0.4
    # the border of V1 and V2 is the vertical meridian, that of V2 and V3 the horizontal one
    edges = np.concatenate([here.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    for pair, meridian in ((("V1", "V2"), 1.0), (("V2", "V3"), 0.0)):
        both = (labels.area[edges] == pair).all(axis=1) & (labels.eccentricity_deg[edges] > 1.5).all(axis=1)
        assert both.sum() > 3
        at = np.abs(labels.angle[edges[both]] - np.pi / 2).mean(axis=1) / (np.pi / 2)
        assert abs(np.median(at) - meridian) < 0.3, pair


def test_places_of_the_map_lie_in_the_opposite_half_of_the_picture():
    right, up = place(np.array([2.0, 2.0, 2.0]), np.array([0.0, np.pi / 2, np.pi]), np.array(["left", "left", "right"]))
    assert np.allclose(right, [0, 2, 0]) and np.allclose(up, [2, 0, -2])
    x, y = in_picture(np.array([FIELD_OF_VIEW_DEG / 2, 0]), np.array([FIELD_OF_VIEW_DEG / 2, 0]))
    assert np.allclose(x, [1, 0.5]) and np.allclose(y, [0, 0.5])


def test_voxels_lie_in_the_ribbon_inside_the_grid_and_belong_to_their_nearest_vertex(volume):
    assert np.allclose(volume.voxel @ volume.affine[:3, :3].T + volume.affine[:3, 3], volume.position_mm)
    assert len(np.unique(volume.voxel, axis=0)) == len(volume.voxel)
    assert np.all(volume.voxel >= MARGIN) and np.all(volume.voxel < volume.grid - MARGIN)
    assert np.allclose(np.linalg.norm(volume.affine[:3, :3], axis=0), 4.0)
    assert np.linalg.det(volume.affine[:3, :3]) > 0
    # the brain is stretched; the vertices' own places are found back by a fit of that stretch
    surface = np.concatenate([sheet(hemisphere).midsurface for hemisphere in HEMISPHERES])
    row = volume.vertex + VERTICES * (volume.hemisphere == "right")
    stretch = (surface[row] * volume.position_mm).sum(axis=0) / (surface[row] ** 2).sum(axis=0)
    assert np.all(np.abs(np.log(stretch)) < 0.15)
    some = np.random.default_rng(0).choice(len(row), 200, replace=False)
    distance = np.linalg.norm(volume.position_mm[some, None] - (surface * stretch)[None], axis=2)
    mine = distance[np.arange(200), row[some]]
    assert np.mean(mine - distance.min(axis=1) < 0.1) > 0.97
    assert np.percentile(mine, 99) < 4.5


def test_left_voxels_lie_left(volume):
    x = volume.position_mm[:, 0]
    assert np.mean((x < 0) == (volume.hemisphere == "left")) > 0.98


def test_a_voxel_has_the_label_of_its_vertex(volume):
    labels = label(volume, (0, 1))
    for hemisphere in HEMISPHERES:
        here = volume.hemisphere == hemisphere
        assert np.array_equal(labels.area[here], plant(hemisphere, (0, 1)).area[volume.vertex[here]])
    assert "" not in labels.area
    assert np.array_equal(np.isfinite(labels.angle), np.isin(labels.area, EARLY))


def test_smaller_voxels_are_more_voxels():
    small, large = (len(voxels((0, 1), size).voxel) for size in (4.0, 8.0))
    assert 2.5 < small / large < 8


def test_people_differ_in_their_brains_and_grids_and_a_person_is_always_the_same():
    one, again, other, elsewhere = (Person(*who, voxel_mm=7.0) for who in ((1, 0), (1, 0), (2, 0), (1, 1)))
    plain = ("voxel", "affine", "grid", "vertex", "area", "ncsnr", "noise_sd", "field_x_deg", "field_size_deg", "field_share")
    for name in plain:
        assert getattr(one, name).tobytes() == getattr(again, name).tobytes(), name
    assert one.tuning.weights().tobytes() == again.tuning.weights().tobytes()
    for someone in (other, elsewhere):
        assert len(someone) != len(one)
        assert not np.allclose(someone.affine, one.affine)
    assert len({tuple(Person(number, 0, 7.0).grid) for number in range(1, 6)}) > 1


def test_the_visual_part_of_a_brain_is_a_part_of_the_whole():
    whole, part = Person(1, 0, 6.0), Person(1, 0, 6.0, "visual")
    assert set(part.area) == set(whole.area) - {"rest"}
    inside = {tuple(voxel): area for voxel, area in zip(whole.voxel.tolist(), whole.area, strict=True)}
    assert all(inside[tuple(voxel)] == area for voxel, area in zip(part.voxel.tolist(), part.area, strict=True))
    assert len(part) == np.sum(whole.area != "rest")


def test_a_person_has_every_area_on_both_sides_but_the_reading_one():
    person = Person(1, 0, 4.0)
    for hemisphere in HEMISPHERES:
        missing = set(AREAS) - set(person.area[person.hemisphere == hemisphere])
        assert missing == (set() if hemisphere == "left" else {"VWFA"})
    assert set(LATE) < set(AREAS)
