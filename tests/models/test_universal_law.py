"""No fit sees test data: held over every stage that fits, and shown to fail for one that cheats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recortex import catalog
from recortex.decoders.category_decoder import CategoryDecoder
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.encoders.banded_ridge_encoder import BandedRidgeEncoder
from recortex.encoders.receptive_field_encoder import ReceptiveFieldEncoder
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.encoders.variance_partition import VariancePartition
from recortex.features.bands import Bands
from recortex.features.low_level_maps import LowLevelMaps
from recortex.features.pixels import Pixels
from recortex.fits.base import Fit
from recortex.fits.pairs import Pairs
from recortex.splits.fixed import FixedSplit
from recortex.splits.hold_out import HoldOut
from recortex.splits.k_fold import KFold
from tests.laws import check_universal_law

SPLITS = [KFold(by="stimulus", folds=4), FixedSplit(), HoldOut(test=0.25)]
ALPHAS = (0.1, 10.0, 1000.0)
RIDGE = ("coef", "intercept", "best_alpha")


def bands(stimuli) -> Bands:
    return Bands(spaces={"fine": Pixels(stimuli=stimuli), "coarse": Pixels(stimuli=stimuli, size=2)})


FITS = {
    "RidgeEncoder": (
        lambda brain, stimuli, **more: RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, **more),
        RIDGE,
    ),
    "BandedRidgeEncoder": (
        lambda brain, stimuli, **more: BandedRidgeEncoder(
            brain=brain, features=bands(stimuli), alphas=ALPHAS, **{"candidates": 6} | more
        ),
        (*RIDGE, "band_weight"),
    ),
    "ReceptiveFieldEncoder": (
        lambda brain, stimuli, **more: ReceptiveFieldEncoder(
            brain=brain,
            features=LowLevelMaps(stimuli=stimuli, cells=4, scales=(0.1,), orientations=2, size=8),
            sizes=(0.15, 0.4),
            alphas=ALPHAS,
            **more,
        ),
        ("field_x", "field_y", "field_size", "best_alpha", "coef", "intercept"),
    ),
    "VariancePartition": (
        lambda brain, stimuli, **more: VariancePartition(brain=brain, features=bands(stimuli), alphas=ALPHAS, **more),
        (*RIDGE, "subset_alpha"),
    ),
    "RidgeDecoder": (
        lambda brain, stimuli, **more: RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, **more),
        (*RIDGE, "slope", "offset"),
    ),
    "CategoryDecoder": (
        lambda brain, stimuli, **more: CategoryDecoder(brain=brain, **more),
        ("coef", "intercept", "mean", "scale"),
    ),
}


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.type_name())
@pytest.mark.parametrize("name", FITS)
def test_noise_in_place_of_test_trials_changes_no_fitted_array(tmp_path, name, split):
    make, fitted = FITS[name]
    check_universal_law(tmp_path, lambda brain, stimuli: make(brain, stimuli, split=split), fitted)


@pytest.mark.parametrize("name", ["RidgeEncoder", "BandedRidgeEncoder", "VariancePartition", "RidgeDecoder"])
@pytest.mark.parametrize("standardise", [False, True])
def test_it_holds_with_and_without_scaling(tmp_path, name, standardise):
    make, fitted = FITS[name]
    check_universal_law(tmp_path, lambda brain, stimuli: make(brain, stimuli, standardise=standardise), fitted)


@pytest.mark.parametrize(
    ("name", "selection"),
    # a decoder's rows differ between repeats of a stimulus, which gcv refuses
    [("RidgeEncoder", "gcv"), ("RidgeEncoder", "loo"), ("RidgeEncoder", "gcv+kfold"), ("RidgeDecoder", "loo")],
)
def test_it_holds_for_every_choice_of_alpha(tmp_path, name, selection):
    make, fitted = FITS[name]
    check_universal_law(tmp_path, lambda brain, stimuli: make(brain, stimuli, selection=selection), fitted)


@pytest.mark.parametrize(
    "fields", [{"selection": "gcv"}, {"selection": "gcv+kfold"}, {"search": "gradient", "steps": 4}], ids=str
)
def test_it_holds_for_every_search_of_band_weights(tmp_path, fields):
    make, fitted = FITS["BandedRidgeEncoder"]
    check_universal_law(tmp_path, lambda brain, stimuli: make(brain, stimuli, **fields), fitted)


@pytest.mark.parametrize("calibration", ["variance", "regression", "none"])
def test_it_holds_for_every_calibration(tmp_path, calibration):
    make, fitted = FITS["RidgeDecoder"]
    check_universal_law(tmp_path, lambda brain, stimuli: make(brain, stimuli, calibration=calibration), fitted)


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.type_name())
def test_it_holds_where_units_count_as_far_as_they_are_reliable(tmp_path, split, standardise):
    make, fitted = FITS["RidgeDecoder"]
    fields = {"split": split, "by_reliability": True, "standardise": standardise}
    check_universal_law(tmp_path, lambda brain, stimuli: make(brain, stimuli, **fields), fitted)


@pytest.mark.parametrize("classifier", ["logistic", "svm", "ridge", "lda"])
def test_it_holds_for_every_classifier(tmp_path, classifier):
    make, fitted = FITS["CategoryDecoder"]
    check_universal_law(tmp_path, lambda brain, stimuli: make(brain, stimuli, classifier=classifier), fitted)


class ScaledOnAllRows(RidgeDecoder):
    """A decoder that makes the field's favourite mistake: it scales responses by all trials before it splits them."""

    def fit_folds(self, pairs: Pairs) -> tuple[np.ndarray, dict[str, Any]]:
        """Scale first, then fit as the honest one does."""
        from dataclasses import replace

        scaled = (pairs.inputs - pairs.inputs.mean(axis=0)) / pairs.inputs.std(axis=0)
        return super().fit_folds(replace(pairs, inputs=scaled))


def test_it_fails_for_a_scaler_fitted_on_all_rows(tmp_path):
    with pytest.raises(AssertionError, match="has seen its test trials"):
        check_universal_law(
            tmp_path, lambda brain, stimuli: ScaledOnAllRows(brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS), RIDGE
        )


def test_every_stage_of_the_catalog_that_fits_is_held_to_it():
    fits = {
        name for name in catalog.STAGES if issubclass(cls := catalog.find(name), Fit) or "fold" in getattr(cls, "returns", {})
    }
    assert fits == set(FITS)
