"""Maps answer to their own stimulus, at the place where it is."""

import numpy as np
import pytest

from recortex.errors import InvalidInput
from recortex.features.gabor_energy import GaborEnergy
from recortex.features.low_level_maps import OPPONENTS, LowLevelMaps

CELLS = 8


def maps(stage) -> dict[str, np.ndarray]:
    """Map by channel, (stimulus, y, x)."""
    made = stage.run()
    shape = made["shape"]
    assert np.prod(shape) == made.shape("features")[1]
    return dict(zip(made["channel"].tolist(), made["features"].reshape(-1, *shape).swapaxes(0, 1), strict=True))


def grating(turn: float, centre: tuple[float, float], size: int = 64) -> np.ndarray:
    """A patch of stripes across the direction `turn`, grey elsewhere."""
    ys, xs = (np.mgrid[:size, :size] + 0.5) / size
    wave = np.cos(2 * np.pi * 10 * (xs * np.cos(turn) + ys * np.sin(turn)))
    patch = np.hypot(xs - centre[0], ys - centre[1]) < 0.15
    return (127.5 + 100 * wave * patch).astype(np.uint8)


@pytest.mark.parametrize("number", range(4))
def test_stripes_are_seen_by_their_orientation_where_they_are(number, pictures):
    stage = LowLevelMaps(stimuli=pictures(grating(np.pi * number / 4, (0.75, 0.25))[None]), cells=CELLS, scales=(0.02,))
    drawn = {name: values[0] for name, values in maps(stage).items()}
    edges = [values for name, values in drawn.items() if name.startswith("edges")]
    assert np.argmax([values.sum() for values in edges]) == number
    down, across = np.unravel_index(edges[number].argmax(), (CELLS, CELLS))
    made = stage.run()
    at = made["features"][0][made["of_channel"] == number].argmax()
    x, y = (made[name][made["of_channel"] == number][at] for name in ("x", "y"))
    assert (x, y) == ((across + 0.5) / CELLS, (down + 0.5) / CELLS)
    assert np.hypot(x - 0.75, y - 0.25) < 0.2


@pytest.mark.parametrize(
    ("colour", "channel"),
    [
        ((255, 0, 0), "red"),
        ((0, 255, 0), "green"),
        ((0, 0, 255), "blue"),
        ((255, 255, 0), "yellow"),
        ((255, 255, 255), "light"),
        ((0, 0, 0), "dark"),
    ],
)
def test_a_spot_of_a_colour_is_seen_by_its_channel_where_it_is(colour, channel, pictures):
    values = np.full((1, 64, 64, 3), 128, np.uint8)
    values[0, 40:48, 8:16] = colour
    drawn = maps(LowLevelMaps(stimuli=pictures(values), cells=CELLS))[channel][0]
    assert np.unravel_index(drawn.argmax(), drawn.shape) == (5, 1)
    assert drawn.max() > 5 * np.median(drawn)


def test_grey_pictures_have_no_colours_and_even_ones_nothing(pictures):
    drawn = maps(LowLevelMaps(stimuli=pictures(grating(1.0, (0.5, 0.5))[None]), cells=CELLS))
    assert not any(drawn[name].any() for name in OPPONENTS[2:]) and drawn["light"].any()
    even = maps(LowLevelMaps(stimuli=pictures(np.full((1, 20, 20, 3), 90, np.uint8), "even"), cells=CELLS))
    assert all(np.abs(values).max() < 1e-3 for values in even.values())


def test_a_mirrored_picture_has_mirrored_maps(pictures):
    values = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    seen, mirrored = (
        maps(LowLevelMaps(stimuli=pictures(v, n), cells=CELLS)) for v, n in ((values, "a"), (values[:, :, ::-1], "b"))
    )
    turned = {"edges 1 45 deg": "edges 1 135 deg", "edges 1 135 deg": "edges 1 45 deg"}
    for name in ("light", "red", "edges 1 0 deg", "edges 1 90 deg", *turned):
        assert np.allclose(seen[name], mirrored[turned.get(name, name)][:, :, ::-1], atol=1e-3), name


def test_the_number_of_features_is_foretold(pictures):
    stage = LowLevelMaps(stimuli=pictures(np.zeros((3, 10, 12), np.uint8)), cells=4, scales=(0.05,), orientations=3)
    stage.stimuli.run()
    assert stage.foresee() == {"stimulus": 3, "feature": 9 * 16, "channel": 9}
    assert stage.run().shape("features") == (3, 144)


def test_a_wavelet_hears_most_of_stripes_at_the_place_it_says(pictures):
    turn, centre = np.pi / 4, (0.7, 0.2)
    made = GaborEnergy(stimuli=pictures(grating(turn, centre)[None]), frequencies=(4, 10), orientations=4).run()
    best = made["features"][0].argmax()
    assert np.hypot(made["x"][best] - centre[0], made["y"][best] - centre[1]) < 0.15
    assert made["channel"][made["of_channel"][best]] == "2: 10 cycles 45 deg"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cells": 20}, "LowLevelMaps: size must be a multiple of cells: 64 pixels do not divide into 20 cells"),
        ({"scales": (0.0,)}, "scales are shares of the picture"),
        ({"scales": (float("nan"),)}, "scales are shares of the picture"),
    ],
)
def test_what_cannot_be_a_map_is_refused(fields, words, pictures):
    with pytest.raises(InvalidInput, match=words):
        LowLevelMaps(stimuli=pictures(np.zeros((1, 8, 8), np.uint8)), **fields)
