"""Gabor energy answers to the grating it is tuned to, where that grating is, and to nothing that is even."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.errors import InvalidInput
from recortex.features.gabor_energy import GaborEnergy

FREQUENCIES = (1.0, 2.0, 4.0, 8.0)
TURNS = 8
SIZE = 64


def grating(frequency: float, turn: float, phase: float = 0.0, contrast: float = 0.8, size: int = SIZE) -> np.ndarray:
    """Light waves across the picture in the direction (cos turn, sin turn), x to the right and y down."""
    ys, xs = (np.mgrid[:size, :size] + 0.5) / size
    wave = np.cos(2 * np.pi * frequency * (xs * np.cos(turn) + ys * np.sin(turn)) + phase)
    return np.round(127.5 + 127.5 * contrast * wave).astype(np.uint8)


def patch(frequency: float, turn: float, row: float, column: float) -> np.ndarray:
    """A grating seen through a small round window at (row, column), as shares of the side."""
    ys, xs = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    window = np.exp(-((ys - row) ** 2 + (xs - column) ** 2) / (2 * 0.06**2))
    return np.round(127.5 + window * (grating(frequency, turn).astype(float) - 127.5)).astype(np.uint8)


def levels(features: np.ndarray, frequencies=FREQUENCIES, turns: int = TURNS) -> dict[float, np.ndarray]:
    """Each frequency's (stimulus, row, column, orientation)."""
    out, start = {}, 0
    for frequency in frequencies:
        side = max(1, round(frequency))
        stop = start + side * side * turns
        out[frequency] = features[:, start:stop].reshape(len(features), side, side, turns)
        start = stop
    assert start == features.shape[1]
    return out


def energy(stage: GaborEnergy) -> dict[float, np.ndarray]:
    return levels(stage.run()["features"], stage.frequencies, stage.orientations)


@pytest.mark.parametrize("frequency", [2.0, 4.0, 8.0])
def test_a_grating_drives_the_wavelets_of_its_frequency_and_orientation_most(frequency, pictures):
    turns = np.arange(TURNS) * np.pi / TURNS
    stage = GaborEnergy(stimuli=pictures(np.stack([grating(frequency, turn, 0.7) for turn in turns])), log=False)
    made = energy(stage)
    mean = {level: values.mean(axis=(1, 2)) for level, values in made.items()}  # (grating, orientation)
    for shown in range(TURNS):
        best = max(((values[shown].max(), level, int(values[shown].argmax())) for level, values in mean.items()))
        assert best[1:] == (frequency, shown)
        away = np.roll(mean[frequency][shown], TURNS // 2 - shown)  # the shown orientation in the middle
        assert (np.diff(away[2:5]) > 0).all() and (np.diff(away[4:7]) < 0).all()
        assert away[4] > 3 * max(away[0], away[1], away[7])


def test_the_phase_of_a_grating_does_not_matter(pictures):
    phases = np.linspace(0, 2 * np.pi, 9)[:-1]
    made = energy(GaborEnergy(stimuli=pictures(np.stack([grating(4, np.pi / 8, phase) for phase in phases])), log=False))
    best = made[4.0][:, 1:3, 1:3, 1]
    assert best.std(axis=0).max() < 0.1 * best.mean()


@pytest.mark.parametrize("light", [0, 90, 255])
def test_even_light_has_no_energy(light, pictures):
    even = GaborEnergy(stimuli=pictures(np.full((1, SIZE, SIZE), light, dtype=np.uint8)), log=False).run()["features"]
    waves = GaborEnergy(stimuli=pictures(grating(4, 0)[None], "waves"), log=False).run()["features"]
    assert even.max() < 1e-4 * waves.max()


def test_a_brighter_picture_of_the_same_contrast_has_the_same_energy(pictures):
    dim = np.round(grating(4, 0.3, contrast=0.3) / 2).astype(np.uint8)
    made = GaborEnergy(stimuli=pictures(np.stack([dim, dim + 100])), log=False).run()["features"]
    assert np.allclose(made[0], made[1], atol=1e-3 * made.max())


def test_energy_grows_in_proportion_to_contrast_and_its_logarithm_more_slowly(pictures):
    contrasts = np.array([0.1, 0.2, 0.4, 0.8])
    stimuli = pictures(np.stack([grating(4, 0, contrast=contrast) for contrast in contrasts]))
    plain = energy(GaborEnergy(stimuli=stimuli, log=False))[4.0][:, 1, 2, 0]
    logged = energy(GaborEnergy(stimuli=stimuli))[4.0][:, 1, 2, 0]
    assert np.allclose(plain / plain[0], contrasts / contrasts[0], rtol=0.05)
    assert np.allclose(logged, np.log1p(plain), rtol=1e-5)
    assert (np.diff(logged) > 0).all()


@pytest.mark.parametrize(("row", "column"), [(0.125, 0.875), (0.875, 0.375), (0.375, 0.125), (0.625, 0.625)])
def test_a_patch_drives_the_wavelets_at_its_place_most(row, column, pictures):
    made = energy(GaborEnergy(stimuli=pictures(patch(4, np.pi / 4, row, column)[None]), log=False))[4.0][0]
    assert np.unravel_index(made[..., 2].argmax(), (4, 4)) == (int(row * 4), int(column * 4))


def test_a_patch_that_moves_takes_its_energy_along(pictures):
    places = [0.125, 0.375, 0.625, 0.875]
    made = energy(GaborEnergy(stimuli=pictures(np.stack([patch(8, 0, 0.3, column) for column in places])), log=False))[8.0]
    centre = (made[..., 0].sum(axis=1) * (np.arange(8) + 0.5) / 8).sum(axis=1) / made[..., 0].sum(axis=(1, 2))
    assert np.allclose(centre, places, atol=0.07)


def test_a_stripe_along_a_row_is_not_a_stripe_along_a_column(pictures):
    upright = grating(4, 0)  # light changes along x
    assert np.array_equal(upright[0], upright[-1]) and not np.array_equal(upright[:, 0], upright[:, 8])
    made = energy(GaborEnergy(stimuli=pictures(np.stack([upright, upright.T])), log=False))[4.0].mean(axis=(1, 2))
    assert made.argmax(axis=1).tolist() == [0, TURNS // 2]


def test_tiles_are_the_whole(pictures):
    stage = GaborEnergy(stimuli=pictures(np.random.default_rng(0).integers(0, 256, (7, 32, 32), dtype=np.uint8)), size=32)
    whole = stage.run()
    tiles = [stage.compute_tile(range(start, stop)) for start, stop in ((0, 3), (3, 4), (4, 7))]
    assert np.allclose(np.concatenate([tile["features"] for tile in tiles]), whole["features"], atol=1e-6)
    assert np.concatenate([tile["stimulus"] for tile in tiles]).tolist() == whole["stimulus"].tolist()
    assert stage.tiling().tiles()[-1].stop == 7


def test_parts_joined_from_disk_are_the_whole(pictures, monkeypatch, tmp_path):
    from recortex import store
    from recortex.stage import Tiling

    stage = GaborEnergy(stimuli=pictures(np.random.default_rng(0).integers(0, 256, (7, 32, 32), dtype=np.uint8)), size=32)
    whole = stage.run()
    monkeypatch.setattr(GaborEnergy, "tiling", lambda self: Tiling("stimulus", 7, 3))
    with store.use(store.Store(tmp_path / "elsewhere")):
        joined = stage.run()
        assert np.allclose(joined["features"], whole["features"], atol=1e-6)
        assert joined["stimulus"].tolist() == whole["stimulus"].tolist()


def test_pictures_of_any_size_and_colour_are_brought_to_one(pictures):
    colour = np.repeat(grating(4, 0, size=96)[None, ..., None], 3, axis=3)
    made = energy(GaborEnergy(stimuli=pictures(colour), log=False))
    same = energy(GaborEnergy(stimuli=pictures(grating(4, 0)[None], "same"), log=False))
    assert np.allclose(made[4.0], same[4.0], rtol=0.15, atol=0.05 * same[4.0].max())


def test_the_number_of_wavelets_is_foretold(pictures):
    stage = GaborEnergy(stimuli=pictures(grating(4, 0)[None]), frequencies=(1, 3, 5.4), orientations=3)
    stage.stimuli.run()
    assert stage.foresee() == {"stimulus": 1, "feature": (1 + 9 + 25) * 3, "channel": 9}
    assert stage.run().shape("features") == (1, 105)


@pytest.mark.parametrize("frequencies", [(0, 2), (-2,), (), (float("nan"),), (float("inf"),), (6,)], ids=str)
def test_a_frequency_that_no_picture_of_this_size_can_hold_is_refused_by_name(frequencies, pictures):
    with pytest.raises(InvalidInput, match="frequenc"):
        GaborEnergy(stimuli=pictures(grating(2, 0, size=8)[None]), frequencies=frequencies, size=8).run()
