"""Planted units are what they say: the same for a seed, as noisy as planted, looking where planted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from recortex.data.handwritten_digits import HandwrittenDigits
from recortex.data.picture_file import PictureFile
from recortex.data.planted_units import PlantedUnits
from recortex.errors import InvalidInput
from recortex.features.planted_features import PlantedFeatures


@pytest.fixture
def noise(tmp_path):
    """Pictures whose pixels know nothing of each other, wider than high."""
    np.save(tmp_path / "noise.npy", np.random.default_rng(5).integers(0, 256, (400, 9, 14), dtype=np.uint8))
    return PictureFile(path=tmp_path / "noise.npy")


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(noise):
    make = PlantedUnits(stimuli=noise, units=6, seed=3).compute
    one, again, other = make(), make(), PlantedUnits(stimuli=noise, units=6, seed=4).compute()
    assert all(np.asarray(one[name]).tobytes() == np.asarray(again[name]).tobytes() for name in one)
    for name in ("responses", "centre", "size_px", "explainable", "stimulus"):
        assert np.asarray(one[name]).tobytes() != np.asarray(other[name]).tobytes(), name


def variance_components(responses: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    """Share of variance between stimuli, from a balanced one-way analysis of variance."""
    names, group = np.unique(stimulus, return_inverse=True)
    repeats = len(stimulus) // len(names)
    means = np.stack([responses[group == n].mean(axis=0) for n in range(len(names))])
    within = ((responses - means[group]) ** 2).sum(axis=0) / (len(names) * (repeats - 1))
    between = repeats * means.var(axis=0, ddof=1)
    signal = (between - within) / repeats
    return signal / (signal + within)


def test_single_trials_are_as_explainable_as_planted(noise):
    made = PlantedUnits(stimuli=noise, units=80, presentations=6, explainable=(0.05, 0.8)).run()
    measured = variance_components(made["responses"].astype(float), made["stimulus"])
    error = measured - made["explainable"]
    assert abs(error.mean()) < 0.006
    assert np.abs(error).max() < 0.08
    assert np.corrcoef(measured, made["explainable"])[0, 1] > 0.99
    assert made["explainable"].min() >= 0.05 and made["explainable"].max() <= 0.8


def test_the_noise_of_presentations_is_their_own(noise):
    made = PlantedUnits(stimuli=noise, units=20, presentations=2).run()
    left = (made["responses"] - made["drive"]).astype(float)
    order = [np.argsort(made["stimulus"][half], kind="stable") + half.start for half in (slice(0, 400), slice(400, 800))]
    across = [np.corrcoef(left[order[0], unit], left[order[1], unit])[0, 1] for unit in range(20)]
    assert abs(np.mean(across)) < 0.05
    assert np.allclose(made["drive"][order[0]], made["drive"][order[1]])


def test_averaging_presentations_raises_what_is_explained_as_it_must(noise):
    single = PlantedUnits(stimuli=noise, units=40, presentations=4, explainable=(0.2, 0.2))
    averaged = single.model_copy(update={"repeats": "average"}).run()
    r2 = [np.corrcoef(averaged["responses"][:, unit], averaged["drive"][:, unit])[0, 1] ** 2 for unit in range(40)]
    assert averaged["n_repeats"].tolist() == [4] * 400
    assert np.mean(r2) == pytest.approx(0.2 / (0.2 + 0.8 / 4), abs=0.02)


def test_units_correlate_most_with_pixels_at_their_planted_centre(noise):
    planted = PlantedUnits(stimuli=noise, units=60, presentations=3, explainable=(0.5, 0.9))
    made = planted.run()
    pixels = dict(zip(noise.run()["stimulus"], noise.run()["picture"][..., 0].astype(float), strict=True))
    seen = np.stack([pixels[name] for name in made["stimulus"]]).reshape(len(made["stimulus"]), -1)
    seen = (seen - seen.mean(axis=0)) / seen.std(axis=0)
    responses = made["responses"].astype(float)
    responses = (responses - responses.mean(axis=0)) / responses.std(axis=0)
    maps = np.abs(responses.T @ seen / len(seen)).reshape(60, 9, 14)
    weight = np.where(maps > 0.5 * maps.max(axis=(1, 2), keepdims=True), maps, 0)
    weight /= weight.sum(axis=(1, 2), keepdims=True)
    found = np.stack([(weight.sum(axis=2) * np.arange(9)).sum(axis=1), (weight.sum(axis=1) * np.arange(14)).sum(axis=1)], axis=1)
    assert np.median(np.linalg.norm(found - made["centre"], axis=1)) < 0.8
    assert np.mean(np.linalg.norm(found - made["centre"], axis=1) < 1.5) > 0.9
    assert made["centre"][:, 0].max() <= 8 and made["centre"][:, 1].max() > 9


def test_larger_receptive_fields_look_at_more_of_the_picture(noise):
    made = PlantedUnits(stimuli=noise, units=60, presentations=1).run()
    pixels = noise.run()
    row = {name: number for number, name in enumerate(pixels["stimulus"])}
    seen = pixels["picture"].reshape(400, -1)[[row[name] for name in made["stimulus"]]].astype(float)
    together = np.corrcoef(np.concatenate([made["drive"].T, seen.T]))[:60, 60:]
    spread = (np.abs(together) > 0.5 * np.abs(together).max(axis=1, keepdims=True)).sum(axis=1)
    inside = np.all((made["centre"] > 2) & (made["centre"] < [6, 11]), axis=1)
    assert np.corrcoef(made["size_px"][inside], spread[inside])[0, 1] > 0.7


def test_every_presentation_shows_every_picture_once_and_runs_share_the_trials_out(noise):
    made = PlantedUnits(stimuli=noise, units=2, presentations=3, runs=8).run()
    for repetition in "123":
        assert sorted(made["stimulus"][made["repetition"] == repetition]) == sorted(noise.run()["stimulus"])
    assert np.unique(made["run"], return_counts=True)[1].tolist() == [150] * 8


def test_the_planted_features_are_the_drive_of_each_stimulus(noise):
    brain = PlantedUnits(stimuli=noise, units=5)
    assert np.allclose(PlantedFeatures(brain=brain).of(brain.run()["stimulus"]), brain.run()["drive"])


def test_categories_come_along():
    stimuli = HandwrittenDigits(count=30)
    made = PlantedUnits(stimuli=stimuli, units=3, presentations=2).run()
    category = dict(zip(stimuli.run()["stimulus"], stimuli.run()["category"], strict=True))
    assert [category[name] for name in made["stimulus"]] == made["category"].tolist()


@pytest.mark.parametrize("share", [(0.0, 0.5), (0.5, 1.5), (0.6, 0.2), (-0.1, 0.2)])
def test_a_share_that_no_variance_can_have_is_refused_by_name(share, noise):
    with pytest.raises(InvalidInput, match="explainable"):
        PlantedUnits(stimuli=noise, units=5, explainable=share).run()


@pytest.mark.parametrize("count", [10, 123, 1797])
def test_there_are_as_many_handwritten_digits_as_asked_for(count):
    made = HandwrittenDigits(count=count).run()
    assert made.shape("picture") == (count, 8, 8, 1)
    assert len(set(made["stimulus"].tolist())) == count
    assert made["category"][:10].tolist() == list("0123456789")
    assert np.array_equal(made["picture"][..., 0], np.round(load_digits().images[:count] * 255 / 16))


def test_no_digits_or_more_than_there_are_are_refused():
    for count in (0, 1798):
        with pytest.raises(InvalidInput, match="count"):
            HandwrittenDigits(count=count)
