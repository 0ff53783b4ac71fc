"""Early areas see what is planted: stripes, colours and light under their fields, normalised and compressed."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.data.simulated import early, person
from recortex.data.simulated.early import CELLS, CHANNELS, ENERGIES, ORIENTATIONS, WAVELENGTHS_PX, channels, fields, seen
from recortex.data.simulated.person import Person

HALF = 128


@pytest.fixture(scope="module")
def someone():
    return Person(1, 0, 3.5, "visual")


def grating(wavelength: float, turn_deg: float, contrast: float = 0.5, phase: float = 0.0) -> np.ndarray:
    ys, xs = np.mgrid[:64, :64] + 0.5
    along = xs * np.cos(np.radians(turn_deg)) + ys * np.sin(np.radians(turn_deg))
    wave = 0.5 * (1 + contrast * np.cos(2 * np.pi * along / wavelength + phase))
    return np.repeat(np.round(255 * wave).astype(np.uint8)[None, :, :, None], 3, axis=3)


def flat(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((1, 64, 64, 3), (red, green, blue), np.uint8)


def dots(side: int, background: int = HALF) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bright dot at each place of a grid, and its x and y."""
    at = (np.arange(side) + 0.5) / side
    ys, xs = (np.mgrid[:64, :64] + 0.5) / 64
    pictures = np.full((side * side, 64, 64, 3), background, np.uint8)
    y, x = (values.ravel() for values in np.meshgrid(at, at, indexing="ij"))
    for row in range(side * side):
        pictures[row, np.hypot(ys - y[row], xs - x[row]) < 0.03] = 255
    return pictures, x, y


def nothing(count: int) -> dict[str, np.ndarray]:
    return {"kind": np.full((count, 3), ""), **{name: np.full((count, 3), np.nan) for name in ("x", "y", "size")}}


def centre(maps: np.ndarray) -> np.ndarray:
    return maps[..., 8:24, 8:24].mean(axis=(-1, -2))


@pytest.mark.parametrize("wavelength", WAVELENGTHS_PX)
@pytest.mark.parametrize("turn", range(ORIENTATIONS))
def test_a_channel_answers_most_to_stripes_of_its_own_width_and_direction(wavelength, turn):
    answer = centre(channels(grating(wavelength, 180 * turn / ORIENTATIONS)))[0, :ENERGIES]
    assert CHANNELS[int(answer.argmax())] == f"{wavelength:g} px {180 * turn // ORIENTATIONS} deg"


def test_energy_does_not_depend_on_where_the_stripes_are():
    answers = [centre(channels(grating(8, 45, phase=phase)))[0, :ENERGIES] for phase in (0, 1, 2, 3)]
    assert np.ptp(answers, axis=0).max() < 0.02 * np.max(answers)


def test_even_light_has_no_energy_and_no_contrast():
    for level in (0, 77, 255):
        assert np.abs(channels(flat(level, level, level))).max() < 1e-5


@pytest.mark.parametrize(
    ("colour", "name"),
    [((220, 60, 60), "red"), ((60, 220, 60), "green"), ((90, 90, 240), "blue"), ((220, 220, 40), "yellow")],
)
def test_a_colour_is_seen_by_its_own_channel_and_not_by_its_opponent(colour, name):
    opponent = {"red": "green", "green": "red", "blue": "yellow", "yellow": "blue"}[name]
    answer = dict(zip(CHANNELS, centre(channels(flat(*colour)))[0], strict=True))
    assert answer[name] > 0.3 and answer[opponent] == 0


def test_a_bright_dot_is_light_and_a_dark_one_dark():
    picture = flat(HALF, HALF, HALF)
    for value, name, other in ((255, "light", "dark"), (0, "dark", "light")):
        picture[0, 30:34, 30:34] = value
        maps = dict(zip(CHANNELS, channels(picture)[0], strict=True))
        assert maps[name][15:17, 15:17].min() > 0.2 and maps[other][15:17, 15:17].max() == 0


def test_answers_grow_ever_more_slowly_with_contrast_and_less_beside_other_stripes():
    low, middle, high = (centre(channels(grating(8, 0, contrast)))[0].max() for contrast in (0.1, 0.2, 0.4))
    assert low < middle < high and middle / low > high / middle
    alone, masked = grating(8, 0, 0.2), grating(8, 0, 0.2)
    masked = np.clip(masked.astype(int) + grating(8, 90, 0.4).astype(int) - HALF, 0, 255).astype(np.uint8)
    own = CHANNELS.index("8 px 0 deg")
    assert centre(channels(masked))[0, own] < 0.6 * centre(channels(alone))[0, own]


def test_a_field_adds_up_to_one_where_it_lies_inside_and_to_less_over_the_edge():
    made = fields(np.array([0.5, 0.0, 0.0]), np.array([0.5, 0.5, 0.0]), np.array([0.08, 0.08, 0.08]))
    assert np.allclose(made.sum(axis=0), [1, 0.5, 0.25], atol=0.01)
    peak = made[:, 0].argmax()
    assert abs(peak // CELLS - 15.5) < 1 and abs(peak % CELLS - 15.5) < 1


def test_large_fields_see_the_same_at_half_the_resolution(monkeypatch):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    x, y, size = rng.random(20), rng.random(20), rng.uniform(0.09, 0.2, 20)
    weight, power = rng.random((20, len(CHANNELS))).astype(np.float32), np.ones(20)
    coarse = seen(pictures, x, y, size, weight, power)
    monkeypatch.setattr(early, "LARGE", 1.0)
    assert np.allclose(coarse, seen(pictures, x, y, size, weight, power), rtol=0.02)


def test_what_is_seen_of_a_picture_does_not_depend_on_the_others():
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (early.SOME + 3, 64, 64, 3), dtype=np.uint8)
    x, y, size = rng.random((3, 8))
    weight = rng.random((8, len(CHANNELS))).astype(np.float32)
    together = seen(pictures, x, y, size / 4, weight, np.full(8, 0.5))
    assert np.allclose(together[-2:], seen(pictures[-2:], x, y, size / 4, weight, np.full(8, 0.5)), rtol=1e-4)
    assert np.isfinite(together).all() and together.min() >= 0


def test_a_dot_drives_a_voxel_most_at_its_planted_centre(someone):
    """In areas with a field and nothing else; light and dark dots on grey, as some voxels hear only one of them."""
    pictures, x, y = dots(16)
    light = someone.drive(pictures, nothing(256))
    dark = someone.drive(255 - pictures, nothing(256))
    empty = someone.drive(flat(HALF, HALF, HALF), nothing(1))
    centre_x, centre_y, size = someone.field
    for area in ("V1", "V2", "V3", "hV4"):
        units = np.flatnonzero(someone.area == area)
        answer = np.maximum(light, dark)[:, units] - empty[:, units]
        weight = np.maximum(answer - 0.7 * answer.max(axis=0), 0)
        weight /= weight.sum(axis=0)
        distance = np.hypot(x @ weight - centre_x[units], y @ weight - centre_y[units])
        assert np.mean(distance < np.maximum(size[units], 0.05)) > 0.9, area


def test_what_is_on_the_right_is_seen_by_the_left_side_and_what_is_above_by_the_lower_bank(someone):
    pictures, x, _ = dots(8)
    answer = someone.drive(pictures, nothing(64))
    empty = someone.drive(flat(HALF, HALF, HALF), nothing(1))[0]
    v1 = someone.area == "V1"
    answer = answer - empty
    for hemisphere, half in (("left", x > 0.5), ("right", x < 0.5)):
        units = v1 & (someone.hemisphere == hemisphere)
        assert answer[half][:, units].mean() > 5 * np.abs(answer[~half][:, units].mean())
    z = someone.position_mm[:, 2]
    upper = v1 & (someone.field_y_deg > 0.5)
    assert z[upper].mean() < z[v1 & (someone.field_y_deg < -0.5)].mean() - 5


def test_fields_grow_with_eccentricity_and_from_area_to_area(someone):
    far = np.hypot(someone.field_x_deg, someone.field_y_deg)
    before = 0.0
    for area in ("V1", "V2", "V3", "hV4"):
        units = someone.area == area
        slope, base = np.polyfit(far[units], someone.field_size_deg[units], 1)
        assert base > 0 and slope + base > before
        assert np.corrcoef(far[units], someone.field_size_deg[units])[0, 1] > 0.6
        before = slope + base


def test_early_areas_know_nothing_of_what_the_things_are(someone):
    pictures = np.random.default_rng(3).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    scene = {"kind": np.full((4, 3), "face"), **{name: np.full((4, 3), 0.5) for name in ("x", "y", "size")}}
    units = np.isin(someone.area, ["V1", "V2", "V3", "hV4"])
    assert np.array_equal(someone.drive(pictures, scene)[:, units], someone.drive(pictures, nothing(4))[:, units])
    assert np.ptp(someone.drive(pictures, nothing(4))[:, units], axis=0).min() > 0


def test_reference_scenes_set_the_scale(someone):
    answer = someone.drive(*person.reference_scenes())
    driven = someone.ncsnr > 0
    assert np.allclose(answer.std(axis=0)[driven], someone.signal_sd[driven], rtol=1e-3)
    assert np.allclose(answer.mean(axis=0)[driven], person.EVOKED * someone.signal_sd[driven], rtol=1e-3)
    assert not answer[:, ~driven].any()
