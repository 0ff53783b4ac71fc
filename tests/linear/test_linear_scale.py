"""What does not fit: tables on disk, limits of memory, weights that are never formed, and other devices."""

import pickle

import h5py
import numpy as np
import pytest

from recortex.errors import InvalidInput
from recortex.linear import BandedRidgeCV, CalibratedRidgeCV, RidgeCV
from recortex.linear.table import Table

ALPHAS = (0.1, 10.0, 1e3)
SHAPES = [(60, 12), (30, 80)]


@pytest.fixture
def on_disk(tmp_path, problem):
    """Numbers of 16 bits as scanners give them, in a file and decoded: X, y, and the two datasets."""

    def make(n_rows: int, n_features: int, **layout):
        X, y = problem(n_rows, n_features, 200)
        file = h5py.File(tmp_path / "data.h5", "w")
        data = file.create_dataset("y", data=np.round(y * 300).astype("i2"), **layout)
        data.attrs["scale_factor"], data.attrs["add_offset"] = 1 / 300, 40.0
        features = file.create_dataset("X", data=X.astype("f4"), **layout)
        return features[()], data[()].astype("f4") * np.float32(1 / 300) + np.float32(40.0), features, data

    return make


@pytest.mark.parametrize("layout", [{}, {"chunks": (7, 5)}, {"chunks": True, "compression": "gzip"}])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_dataset_is_fitted_as_its_decoded_numbers(on_disk, shape, layout) -> None:
    X, y, features, data = on_disk(*shape, **layout)
    one = RidgeCV(ALPHAS, memory_limit=3 * 10**6).fit(features, data)
    other = RidgeCV(ALPHAS).fit(X, y)
    np.testing.assert_array_equal(one.best_alphas_, other.best_alphas_)
    assert one.coef_.dtype == np.float32
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-5)
    for mixed in (RidgeCV(ALPHAS).fit(X, data), RidgeCV(ALPHAS).fit(features, y)):
        np.testing.assert_allclose(mixed.predict(X), other.predict(X), rtol=1e-5)


def test_integers_of_16_bits_stay_narrow_and_others_do_not(tmp_path) -> None:
    for stored, wanted in {"i2": "f4", "u1": "f4", "f2": "f4", "f4": "f4", "i4": "f8", "i8": "f8", "f8": "f8"}.items():
        table = Table(np.ones((3, 2), stored), "y")
        assert table.dtype == table.read(slice(0, 1)).dtype == np.dtype(wanted)


def test_blocks_cover_a_dataset_once_in_order(on_disk) -> None:
    _, y, _, data = on_disk(60, 12)
    table = Table(data, "y")
    pieces = [(columns, values.copy()) for columns, values in table.blocks(64)]
    assert [(columns.start, columns.stop) for columns, _ in pieces] == [(0, 64), (64, 128), (128, 192), (192, 200)]
    np.testing.assert_array_equal(np.concatenate([values for _, values in pieces], axis=1), y)


def test_what_is_no_number_is_refused_by_its_column(tmp_path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        values = np.random.default_rng(0).standard_normal((20, 300))
        values[3, 170] = np.nan
        data = file.create_dataset("y", data=values)
        with pytest.raises(InvalidInput, match="y has NaN or infinity in column 170, counted from 0"):
            RidgeCV(ALPHAS, memory_limit=10**6).fit(values[:, :3], data)
        with pytest.raises(InvalidInput, match="X has 19 rows and y has 20"):
            RidgeCV(ALPHAS).fit(values[1:, :3], data)
        with pytest.raises(InvalidInput, match="hold numbers"):
            Table(file.create_dataset("words", data=np.full((2, 2), b"a")), "y")
        with pytest.raises(InvalidInput, match="rows and columns"):
            Table(file.create_dataset("cube", data=np.zeros((2, 2, 2))), "y")


def test_a_limit_of_memory_makes_smaller_tiles_or_is_refused(problem, monkeypatch) -> None:
    X, y = problem(60, 12, 500)
    widths: list[int] = []
    blocks = Table.blocks
    monkeypatch.setattr(Table, "blocks", lambda table, step: widths.append(step) or blocks(table, step))
    wide = RidgeCV(ALPHAS).fit(X, y)
    free = widths[-1]
    narrow = RidgeCV(ALPHAS, memory_limit=250_000).fit(X, y)
    assert widths[-1] < 200 < free
    np.testing.assert_allclose(narrow.coef_, wide.coef_, rtol=1e-9)
    with pytest.raises(InvalidInput, match="give it at least"):
        RidgeCV(ALPHAS, memory_limit=1000).fit(X, y)


def test_dual_weights_predict_without_weights_of_features(problem) -> None:
    X, y = problem(30, 80)
    model = RidgeCV(ALPHAS, solver="dual", scale_features=True).fit(X, y)
    few, many = model.predict(X[:2]), model.predict(np.repeat(X, 50, axis=0))[::50]
    assert "coef" not in vars(model._weights)  # not formed
    np.testing.assert_allclose(few, many[:2], rtol=1e-9)
    np.testing.assert_allclose(many, X @ model.coef_.T + model.intercept_, rtol=1e-9)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(model.coef_, model.dual_coef_ @ scaled / X.std(axis=0), rtol=1e-7, atol=1e-9)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    limited = RidgeCV(ALPHAS, solver="dual", memory_limit=300_000).fit(X, np.tile(y, 200))
    assert limited.predict(X).shape == (30, 1400)
    with pytest.raises(InvalidInput, match="more than memory_limit"):
        _ = limited.coef_
    with pytest.raises(AttributeError, match="dual solver only"):
        _ = RidgeCV(ALPHAS, solver="primal").fit(X, y).dual_coef_


@pytest.mark.parametrize("selection", ["kfold", "gcv", "loo", "gcv+kfold"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_torch_on_the_cpu_gives_the_same(problem, shape, selection, dtype) -> None:
    X, y = (values.astype(dtype) for values in problem(*shape))
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    settings = {"selection": selection, "scale_features": True, "store_cv_predictions": True}
    here = RidgeCV(ALPHAS, **settings).fit(X, y, sample_weight=weight)
    there = RidgeCV(ALPHAS, device="cpu", **settings).fit(X, y, sample_weight=weight)
    tolerance = 1e-4 if dtype == "f4" else 1e-9
    np.testing.assert_array_equal(here.best_alphas_, there.best_alphas_)
    for name in ("coef_", "cv_predictions_"):
        one, other = getattr(here, name), getattr(there, name)
        assert isinstance(other, np.ndarray) and one.dtype == other.dtype == np.dtype(dtype)
        np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(there.cv_scores_, here.cv_scores_, rtol=tolerance)


def test_the_other_estimators_take_a_device_too(problem) -> None:
    X, y = problem()
    bands = np.arange(12) % 2
    for make in (CalibratedRidgeCV, lambda **more: BandedRidgeCV(bands, candidates=6, **more)):
        here, there = make(alphas=ALPHAS).fit(X, y), make(alphas=ALPHAS, device="cpu").fit(X, y)
        np.testing.assert_allclose(there.predict(X), here.predict(X), rtol=1e-8)


def test_a_device_that_is_not_there_is_told(problem) -> None:
    with pytest.raises(InvalidInput, match="there is no device nowhere here; use device=None"):
        RidgeCV(ALPHAS, device="nowhere").fit(*problem())
