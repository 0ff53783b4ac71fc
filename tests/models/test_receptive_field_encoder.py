"""The stage around receptive fields: what it returns, refuses and draws."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.audit.fits import DataAudit, FitAudit
from recortex.encoders.predict import Predict
from recortex.encoders.receptive_field_encoder import ReceptiveFieldEncoder
from recortex.errors import InvalidInput
from recortex.features.low_level_maps import LowLevelMaps
from recortex.features.pixels import Pixels
from recortex.scores.encoding_scores import EncodingScores
from recortex.splits.k_fold import KFold
from tests.laws import recording

STIMULI, UNITS, CELLS = 120, 6, 8


@pytest.fixture
def own(tmp_path):
    """A recording of units that see one place each, the encoder on it, and the places, x and y."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (STIMULI, CELLS, CELLS)).astype(np.uint8)
    pictures = np.kron(pictures, np.ones((1, 4, 4), np.uint8))
    x, y = rng.integers(1, CELLS - 1, (2, UNITS))
    order = np.concatenate([rng.permutation(STIMULI) for _ in range(2)])
    seen = pictures[:, 4 * y + 1, 4 * x + 1] / 128.0
    responses = seen[order] + 0.3 * rng.standard_normal((len(order), UNITS))
    table = {"stimulus": order, "run": np.repeat([0, 1], STIMULI), "category": np.where(order % 2, "odd", "even")}
    brain, stimuli = recording(tmp_path / "own", responses, pictures, table)
    features = LowLevelMaps(stimuli=stimuli, cells=CELLS, scales=(0.05,), orientations=2, size=32)
    encoder = ReceptiveFieldEncoder(
        brain=brain, features=features, split=KFold(by="stimulus", folds=3), sizes=(0.08, 0.2), alphas=(1.0, 30.0)
    )
    return encoder, (x + 0.5) / CELLS, (y + 0.5) / CELLS


def test_fields_are_found_in_every_fold_and_score_and_audit_take_them(own):
    encoder, x, y = own
    result = encoder.run()
    assert (np.hypot(result["field_x"] - x, result["field_y"] - y) < 0.1).all()
    assert (result["field_size"] == 0.08).all() and (result["correlation"] > 0.5).all()
    sizes = encoder.expect()
    assert {name: sizes[name] for name in ("fold", "channel", "unit")} == {"fold": 3, "channel": 8, "unit": UNITS}
    assert result.shape("coef") == (3, 8, UNITS) and result["channel"].tolist() == encoder.features.channels()
    assert not [found for found in FitAudit.findings(FitAudit(fit=encoder).run()) if found.verdict == "warn"]
    DataAudit(fit=encoder).run()
    scores = EncodingScores(encoder=encoder, permutations=19, resamples=20).run()
    assert (scores["unit_p"] == 0.05).all() and "trial_order" in scores["control"]


def test_new_stimuli_get_the_mean_of_the_folds(own):
    encoder, _, _ = own
    made, features = Predict(encoder=encoder, features=encoder.features).run(), encoder.features.run()["features"]
    result = encoder.run()
    fitted = []
    for fold in range(3):
        model = encoder.estimator()
        trials = encoder.brain.trial_table()
        pairs = encoder.pairs()
        rows = encoder.split.apply(trials)[fold].train
        model.fit(pairs.inputs[rows], pairs.targets[rows], pairs.groups[rows])
        assert np.array_equal(model.coef_.T, result["coef"][fold])
        fitted.append(model.predict(features))
    assert np.allclose(made["prediction"], np.mean(fitted, axis=0), atol=1e-5)


def test_the_figure_shows_fields_of_predicted_units_only(own):
    encoder, _, _ = own
    drawn = encoder.figures(encoder.run())
    assert [figure.title for figure in drawn][-1] == "Receptive fields"
    assert f"of the {UNITS} of {UNITS} units" in drawn[-1].text and "<svg" in drawn[-1].html


def test_features_without_places_are_refused_by_name(own):
    encoder, _, _ = own
    with pytest.raises(
        InvalidInput, match=r"^ReceptiveFieldEncoder\.features: Pixels does not say where in the picture"
    ) as refused:
        ReceptiveFieldEncoder(brain=encoder.brain, features=Pixels(stimuli=encoder.features.stimuli))
    assert "use LowLevelMaps or GaborEnergy" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("sizes", [(0.0,), (-1.0, 0.1), (float("nan"),), ()])
def test_sizes_are_shares_of_the_picture(own, sizes):
    encoder, _, _ = own
    with pytest.raises(InvalidInput, match=r"ReceptiveFieldEncoder\.sizes"):
        ReceptiveFieldEncoder(brain=encoder.brain, features=encoder.features, sizes=sizes)
