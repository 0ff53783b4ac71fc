"""Receptive fields: planted ones are found, and for one field the fit is scikit-learn's ridge on what the field sees."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from recortex.errors import InvalidInput
from recortex.features.maps import on_grid
from recortex.linear.receptive_field import ReceptiveFieldCV, field_grid, gaussian

CELLS, CHANNELS = 8, 3
PLACES = np.tile(np.column_stack(on_grid(CELLS)), (CHANNELS, 1))
OF_CHANNEL = np.repeat(np.arange(CHANNELS), CELLS**2)


def world(rows: int = 300, units: int = 12, noise: float = 0.3, seed: int = 0):
    """Maps of noise, and units with a field of the grid each and a weight for each channel."""
    rng = np.random.default_rng(seed)
    fields = field_grid((0.12, 0.3))
    own = rng.choice(len(fields), units)
    X = rng.standard_normal((rows, CHANNELS * CELLS**2))
    seen = np.stack([X[:, c == OF_CHANNEL] @ gaussian(PLACES[c == OF_CHANNEL], fields[own]) for c in range(CHANNELS)], axis=2)
    weights = rng.choice([-1.0, 1.0], (units, CHANNELS)) * rng.uniform(0.5, 2, (units, CHANNELS))
    y = np.einsum("ruc,uc->ru", seen, weights)
    y = y / y.std(axis=0) + noise * rng.standard_normal(y.shape) + rng.uniform(-50, 50, units)
    return X, y, fields, own, weights


@pytest.mark.filterwarnings("ignore:.*array_api:UserWarning")
@parametrize_with_checks([ReceptiveFieldCV(), ReceptiveFieldCV(cv=2, alphas=(1.0,))])
def test_scikit_learn_checks(estimator, check) -> None:
    check(estimator)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_planted_fields_and_weights_are_found(dtype) -> None:
    X, y, fields, own, weights = world()
    made = ReceptiveFieldCV(PLACES, OF_CHANNEL, fields, (0.1, 1.0, 10.0)).fit(X.astype(dtype), y.astype(dtype))
    assert np.array_equal(made.best_field_, own)
    angle = (made.coef_ * weights).sum(axis=1) / np.linalg.norm(made.coef_, axis=1) / np.linalg.norm(weights, axis=1)
    assert (angle > 0.99).all()


def test_it_is_the_ridge_that_scikit_learn_fits_to_what_each_field_sees() -> None:
    X, y, fields, _, _ = world(rows=120, noise=2.0)
    alphas, groups = (1.0, 30.0, 1000.0), np.arange(120) // 3
    made = ReceptiveFieldCV(PLACES, OF_CHANNEL, fields, alphas, cv=4).fit(X, y, groups)
    best = np.full(y.shape[1], np.inf)
    chosen = np.zeros((y.shape[1], 2))
    for number, field in enumerate(fields):
        seen = np.column_stack(
            [X[:, c == OF_CHANNEL] @ gaussian(PLACES[c == OF_CHANNEL], field[None])[:, 0] for c in range(CHANNELS)]
        )
        for alpha in sorted(alphas, reverse=True):
            error = np.zeros(y.shape[1])
            for train, test in GroupKFold(4).split(seen, None, groups):
                scaler = StandardScaler().fit(seen[train])
                model = Ridge(alpha).fit(scaler.transform(seen[train]), y[train])
                error += ((y[test] - model.predict(scaler.transform(seen[test]))) ** 2).mean(axis=0) / 4
            better = error < best - 1e-12
            best[better], chosen[better] = error[better], (number, alpha)
    assert np.allclose(made.best_scores_, -best)
    assert np.array_equal(np.column_stack([made.best_field_, made.best_alphas_]), chosen)
    assert len(np.unique(made.best_alphas_)) > 1


def test_it_predicts_what_its_weights_say_also_far_from_zero() -> None:
    X, y, fields, own, _ = world(rows=200)
    far = (X + 1e3).astype("f4")
    made = ReceptiveFieldCV(PLACES, OF_CHANNEL, fields, (0.1,)).fit(far[:150], y[:150].astype("f4"))
    residual = y[150:] - made.predict(far[150:])
    assert np.array_equal(made.best_field_, own)
    assert (residual.var(axis=0) < 0.2 * y.var(axis=0)).all()


def test_many_targets_and_fields_in_tiles_are_the_few_ones(monkeypatch) -> None:
    X, y, fields, _, _ = world(rows=90, units=7, noise=1.0)
    whole = ReceptiveFieldCV(PLACES, OF_CHANNEL, fields).fit(X, y)
    monkeypatch.setattr("recortex.linear.receptive_field._TARGETS_AT_ONCE", 3)
    monkeypatch.setattr("recortex.linear.receptive_field._COLUMNS_AT_ONCE", 10)
    tiles = ReceptiveFieldCV(PLACES, OF_CHANNEL, fields).fit(X, y)
    assert np.array_equal(tiles.best_field_, whole.best_field_)
    assert np.allclose(tiles.predict(X), whole.predict(X))


def test_rows_of_a_group_stay_together() -> None:
    X, y, fields, _, _ = world(rows=60, noise=1.0)
    twice, groups = np.tile(np.arange(60), 2), np.tile(np.arange(60), 2)
    torn = ReceptiveFieldCV(PLACES, OF_CHANNEL, fields, cv=3).fit(X[twice], y[twice])
    kept = ReceptiveFieldCV(PLACES, OF_CHANNEL, fields, cv=3).fit(X[twice], y[twice], groups)
    assert (kept.best_scores_ < torn.best_scores_).mean() > 0.8


def test_centres_are_no_further_apart_than_said_and_within_the_picture() -> None:
    fields = field_grid((0.1, 0.3), spacing=1.5)
    assert (fields[:, :2] > 0).all() and (fields[:, :2] < 1).all()
    for size in (0.1, 0.3):
        x = np.unique(fields[fields[:, 2] == size, 0])
        assert len(fields[fields[:, 2] == size]) == len(x) ** 2
        assert np.diff(x).max() <= 1.5 * size + 1e-9 and x[0] <= 0.75 * size + 1e-9
    assert fields[0, 2] == 0.3


def test_a_field_between_the_places_of_a_coarse_map_sees_the_nearest() -> None:
    weight = gaussian(PLACES[OF_CHANNEL == 0], np.array([[0.5, 0.5, 1e-3], [0.07, 0.06, 0.001]]))
    assert np.allclose(weight.sum(axis=0), 1)
    assert np.allclose(weight[0, 1], 1) and (weight[:, 0] > 0.2).sum() == 4


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"places": PLACES[:5]}, "places must hold finite x and y of each of 192 features"),
        ({"places": PLACES * np.nan}, "places must hold finite"),
        ({"channels": OF_CHANNEL + 1}, "channels must number"),
        ({"channels": OF_CHANNEL[:7]}, "channels must number"),
        ({"fields": np.array([[0.5, 0.5, 0.0]])}, "a size above 0"),
        ({"fields": np.zeros((0, 3))}, "make them with field_grid"),
        ({"alphas": (-1.0,)}, "alphas must be finite"),
    ],
)
def test_what_is_no_layout_is_refused(fields, words) -> None:
    X, y, candidates, _, _ = world(rows=20)
    with pytest.raises(InvalidInput, match=words):
        ReceptiveFieldCV(**({"places": PLACES, "channels": OF_CHANNEL, "fields": candidates} | fields)).fit(X, y)
