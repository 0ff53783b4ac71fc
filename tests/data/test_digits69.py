"""The first real data: as many as published, the right way round, and labelled with what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from recortex.data import manifests
from recortex.data.digits69 import Digits69, Digits69Pictures
from recortex.errors import MissingData
from recortex.features.pixels import Pixels
from recortex.splits.fixed import FixedSplit
from tests.data.files import refused


@pytest.mark.usefixtures("shared")
def test_there_are_as_many_trials_and_voxels_as_the_manifest_says():
    counts = manifests.load("digits69").counts
    brain, pictures = Digits69().run(), Digits69Pictures().run()
    assert brain.shape("responses") == (counts["trials"], counts["units"]) == (100, 3092)
    assert pictures.shape("picture") == (counts["stimuli"], 28, 28, 1)
    assert brain["column"].tolist() == list(range(3092))


@pytest.mark.usefixtures("shared")
def test_every_trial_has_its_picture_and_both_say_the_same_digit():
    brain, pictures = Digits69().run(), Digits69Pictures().run()
    assert brain["stimulus"].tolist() == pictures["stimulus"].tolist()
    assert brain["category"].tolist() == pictures["category"].tolist()
    assert len(set(brain["stimulus"].tolist())) == 100
    assert sorted(set(brain["category"].tolist())) == ["nine", "six"]


@pytest.mark.usefixtures("shared")
def test_the_published_split_is_ninety_and_ten():
    [fold] = FixedSplit().apply(Digits69().trial_table())
    assert (len(fold.train), len(fold.test)) == (90, 10)


def holes(picture: np.ndarray) -> list[tuple[float, float]]:
    """Centres of the paper that ink encloses, as (row, column)."""
    paper, count = ndimage.label(picture < 100)
    border = set(np.concatenate([paper[0], paper[-1], paper[:, 0], paper[:, -1]]).tolist())
    enclosed = [n for n in range(1, count + 1) if n not in border and (paper == n).sum() >= 3]
    return ndimage.center_of_mass(np.ones_like(paper), paper, enclosed)


@pytest.mark.usefixtures("shared")
def test_the_loop_of_a_six_lies_below_and_that_of_a_nine_above():
    pictures = Digits69Pictures().run()
    below = {"six": [], "nine": []}
    for picture, digit in zip(pictures["picture"][..., 0], pictures["category"], strict=True):
        below[digit] += [row > 13.5 for row, _ in holes(picture)]
    assert len(below["six"]) > 30 and len(below["nine"]) > 30
    assert np.mean(below["six"]) > 0.9
    assert np.mean(below["nine"]) < 0.1


@pytest.mark.usefixtures("shared")
def test_the_stem_of_a_six_begins_left_of_its_loop():
    """A mirror would put it on the right, and rows exchanged for columns on top of it."""
    pictures = Digits69Pictures().run()
    to_the_left = []
    for picture in pictures["picture"][..., 0][pictures["category"] == "six"].astype(float):
        for row, column in holes(picture)[:1]:
            ink = picture[max(0, int(row) - 7) : int(row) - 4].sum(axis=0)
            to_the_left.append((ink * np.arange(28)).sum() / ink.sum() < column)
    assert np.mean(to_the_left) > 0.8


@pytest.mark.usefixtures("shared")
def test_the_ink_of_a_six_lies_low_in_its_frame_and_that_of_a_nine_high():
    pictures = Digits69Pictures().run()
    lower = {"six": [], "nine": []}
    for picture, digit in zip(pictures["picture"][..., 0].astype(float), pictures["category"], strict=True):
        inked = np.flatnonzero(picture.max(axis=1) > 100)
        middle = (inked[0] + inked[-1]) / 2
        lower[digit].append((picture.sum(axis=1) * np.arange(28)).sum() / picture.sum() > middle)
    assert np.mean(lower["six"]) > 0.9
    assert np.mean(lower["nine"]) < 0.1


def test_what_is_wrong_with_the_data_follows_them_into_everything_made_of_them():
    [source] = Pixels(stimuli=Digits69Pictures()).sources()
    assert source == Digits69().sources()[0]
    assert any("sorted by digit" in caveat for caveat in source.caveats)
    assert "van Gerven" in source.citation


def test_without_the_file_the_fetch_command_is_named_before_anything_runs():
    for stage in (Digits69(), Digits69Pictures()):
        refused(stage.check_ready, MissingData, "recortex fetch digits69")
        refused(lambda stage=stage: stage, MissingData, "recortex fetch digits69")
        assert len(stage.key()) == 32
