"""Slices show voxels the right way round, whatever way the image is stored."""

from __future__ import annotations

import re

import numpy as np
import pytest

from recortex.drawing.slices import MOST, slice_labels, slice_map
from tests.drawing.pages import coloured, pictures

GRID = np.array([9, 11, 5])
AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])
AFFINE[:3, 3] = [-8, -20, -6]
# right, front: one voxel of its own in every slice
VOXEL = np.array([[7, 2, 1], [6, 2, 2], [1, 9, 3]])
VALUES = np.array([1.0, 0.6, 0.3])


def stored(order: tuple[int, int, int], flips: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same image with other axes: voxels, affine, grid."""
    voxel, affine, grid = VOXEL[:, order].copy(), AFFINE[:, [*order, 3]].copy(), GRID[list(order)]
    for axis in np.flatnonzero(flips):
        affine[:3, 3] += affine[:3, axis] * (grid[axis] - 1)
        affine[:3, axis] *= -1
        voxel[:, axis] = grid[axis] - 1 - voxel[:, axis]
    return voxel, affine, grid


def test_left_is_left_and_the_front_is_up():
    made = pictures(slice_map(VALUES, VOXEL, AFFINE, GRID, "signal", low=0, high=1))
    assert list(made) == [f"signal: axial slice at z = {place} mm" for place in ("−2", "2", "6")]
    for (alt, picture), (i, j, _) in zip(made.items(), VOXEL, strict=True):
        (row,), (column,) = np.nonzero(coloured(picture))
        # cropped to a voxel of air around all units: i 0 to 8, j 1 to 10
        assert (row, column) == (10 - j, i), alt
        assert picture.shape == (10, 9, 3)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(0, 0, 0), (1, 0, 0), (0, 1, 1)])
def test_the_way_an_image_is_stored_does_not_show(order, flips):
    assert slice_map(VALUES, *stored(order, flips), "signal") == slice_map(VALUES, VOXEL, AFFINE, GRID, "signal")


def test_a_voxel_is_as_wide_and_high_as_it_is_in_millimetres():
    width, height = map(
        int, re.search(r"width:(\d+)px;height:(\d+)px", slice_map(VALUES, VOXEL, AFFINE, GRID, "signal")).groups()
    )
    assert width / height == pytest.approx(9 * 2 / (10 * 3), rel=0.02)


def test_a_tall_volume_is_shown_in_some_slices_and_says_which():
    voxel = np.stack([np.full(60, 1), np.full(60, 1), np.arange(60)], axis=1)
    page = slice_map(np.arange(60.0), voxel, np.eye(4), np.array([3, 3, 60]), "signal")
    places = [int(place) for place in re.findall(r"<figcaption[^>]*>z = (\d+) mm", page)]
    assert len(places) == MOST and places == sorted(places) and np.ptp(np.diff(places)) <= 1
    assert "left is left" in page


def test_a_voxel_without_a_value_is_left_out():
    values = np.array([1.0, np.nan, 0.3])
    made = pictures(slice_map(values, VOXEL, AFFINE, GRID, "signal", low=0, high=1))
    assert len(made) == 2 and all(coloured(picture).sum() == 1 for picture in made.values())
    made = pictures(slice_map(np.full(3, np.nan), VOXEL, AFFINE, GRID, "signal"))
    assert not any(coloured(picture).any() for picture in made.values())


def test_kinds_have_the_colours_of_their_legend():
    page = slice_labels(np.array(["a", "", "b"]), VOXEL, AFFINE, GRID, "kind", colours={"a": "#ff0000", "b": "#0000ff"})
    made = list(pictures(page).values())
    assert [tuple(picture[coloured(picture)][0]) for picture in made] == [(255, 0, 0), (0, 0, 255)]
    assert ">a</span>" in page and ">b</span>" in page
