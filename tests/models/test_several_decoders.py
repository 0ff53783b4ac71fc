"""The ladder of pictures that are made from two decoders: each control takes the place of what both decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from recortex.decoders.base import DecodedFeatures
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.features.pixels import Pixels
from recortex.generators.base import GeneratedPictures
from recortex.scores._ladder import rung_features, rung_pictures
from recortex.scores.image_scores import ImageScores
from recortex.splits.fixed import FixedSplit
from tests.laws import planted, recording

MADE: list[tuple[np.ndarray, np.ndarray]] = []


class Overlaid(GeneratedPictures):
    """The mean of what two decoders of pixels decode."""

    other: DecodedFeatures

    def beside(self) -> dict[str, DecodedFeatures]:
        return {"other": self.other}

    def render(self, decoded: np.ndarray, beside: Mapping[str, np.ndarray] = {}) -> dict[str, Any]:
        MADE.append((decoded, beside["other"]))
        return {"picture": np.clip((decoded + beside["other"]) / 2, 0, 1).reshape(len(decoded), 4, 4, 1)}


@pytest.fixture
def overlaid(tmp_path):
    """Two decoders, one that takes every response and one of another penalty."""
    brain, stimuli = recording(tmp_path, *planted(stimuli=24, units=12))
    fields = {"brain": brain, "features": Pixels(stimuli=stimuli), "split": FixedSplit(), "cv": 2, "calibration": "none"}
    MADE.clear()
    return Overlaid(decoder=RidgeDecoder(**fields, alphas=(1.0,)), other=RidgeDecoder(**fields, alphas=(1e3,))), stimuli


def test_every_control_takes_the_place_of_what_both_decoded(overlaid):
    pictures, stimuli = overlaid
    labels = {str(number): "odd" if number % 2 else "even" for number in range(24)}
    made = dict(rung_pictures(pictures, stimuli, labels, 0))
    assert set(made) == {"mean", "class_mean", "trial_order", "true_features", "nearest"}
    for rung in ("mean", "class_mean", "trial_order", "true_features"):
        one, two = (rung_features(decoder, labels)[rung] for decoder in (pictures.decoder, pictures.other))
        np.testing.assert_allclose(made[rung][..., 0].reshape(len(one), -1), np.clip((one + two) / 2, 0, 1))
    truth = pictures.decoder.features.of(pictures.decoder.run()["stimulus"])
    np.testing.assert_allclose(made["true_features"].reshape(truth.shape), truth)


def test_refits_of_both_meet_the_same_permuted_pairs(overlaid):
    pictures, stimuli = overlaid
    twins = Overlaid(decoder=pictures.decoder, other=pictures.decoder)
    scores = ImageScores(pictures=twins, stimuli=stimuli, permutations=3, resamples=10).run()
    assert len(MADE) > 4 and all(np.array_equal(one, two) for one, two in MADE)
    assert scores["null"].shape[0] == 3 and len(np.unique(scores["null"][:, 0])) == 3
