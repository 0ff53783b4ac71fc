"""Pixels are the picture: laid back into its shape they show it."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels

COLOUR = np.random.default_rng(0).integers(0, 256, (3, 6, 9, 3), dtype=np.uint8)


def test_pixels_laid_back_into_their_shape_are_the_picture(pictures):
    made = Pixels(stimuli=pictures(COLOUR)).run()
    assert made["shape"].tolist() == [6, 9, 3]
    assert np.array_equal(np.round(made["features"] * 255).reshape(3, 6, 9, 3), COLOUR)
    assert made["features"].dtype == np.float32


def test_grey_pictures_have_a_pixel_a_place(pictures):
    made = Pixels(stimuli=pictures(COLOUR[..., 0])).run()
    assert made["shape"].tolist() == [6, 9, 1]
    assert np.array_equal(np.round(made["features"] * 255).reshape(3, 6, 9), COLOUR[..., 0])


def test_grey_weighs_colours_as_the_eye_does(pictures):
    made = Pixels(stimuli=pictures(COLOUR), grey=True).run()
    assert made["shape"].tolist() == [6, 9, 1]
    assert np.allclose(made["features"].reshape(3, 6, 9), COLOUR / 255 @ [0.299, 0.587, 0.114], atol=1e-6)
    once_grey = Pixels(stimuli=pictures(COLOUR[..., 0], "grey"), grey=True).run()["features"]
    assert np.allclose(once_grey, COLOUR[..., 0].reshape(3, -1) / 255)


def test_a_smaller_size_keeps_light_and_place(pictures):
    values = np.zeros((1, 32, 32), dtype=np.uint8)
    values[0, :16, 16:], values[0, 16:, :16] = 200, 80
    made = Pixels(stimuli=pictures(values), size=8).run()
    small = made["features"].reshape(8, 8) * 255
    assert made["shape"].tolist() == [8, 8, 1]
    assert small.mean() == pytest.approx(values.mean(), rel=0.01)
    corners = [small[:3, :3], small[:3, 5:], small[5:, :3], small[5:, 5:]]
    assert [float(corner.mean()) for corner in corners] == pytest.approx([0, 200, 80, 0], abs=8)


def test_fine_stripes_become_grey_and_not_coarse_stripes(pictures):
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (1, 64, 32))
    small = Pixels(stimuli=pictures(stripes), size=16).run()["features"].reshape(16, 16)
    assert np.abs(small[:, 2:-2] - 0.5).max() < 0.06


def test_a_size_that_is_there_already_changes_nothing(pictures):
    square = pictures(COLOUR[:, :, :6])
    assert np.array_equal(Pixels(stimuli=square, size=6).run()["features"], Pixels(stimuli=square).run()["features"])


def test_features_are_joined_by_name_and_never_by_row(pictures):
    stage = Pixels(stimuli=pictures(COLOUR))
    rows = stage.of(np.array(["2", "0", "2"]))
    assert np.array_equal(rows, stage.run()["features"][[2, 0, 2]])
    with pytest.raises(
        InvalidInput,
        match=r"1 of the stimuli of the trials is not in .*pictures\.npy: 7; they run from 0 to 7 and those from 0 to 2: add",
    ):
        stage.of(np.array(["0", "7"]))


@pytest.mark.parametrize("fields", [{}, {"size": 4}, {"grey": True}])
def test_the_size_that_is_foretold_is_the_size_that_comes(fields, pictures):
    stage = Pixels(stimuli=pictures(COLOUR), **fields)
    stage.stimuli.run()
    foretold = stage.foresee()
    stage.run()
    assert foretold == {name: stage.foresee()[name] for name in foretold} and foretold["stimulus"] == 3


def test_a_size_of_nothing_is_refused(pictures):
    with pytest.raises(InvalidInput, match="size"):
        Pixels(stimuli=pictures(COLOUR), size=0)
