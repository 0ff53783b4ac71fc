"""Laws of sufficient statistics: they add, subtract, move and scale as the rows would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recortex.errors import InvalidInput
from recortex.linear import SufficientStatistics

MOMENTS = ("n", "sum_x", "sum_y", "xx", "xy", "yy")


def same(a: SufficientStatistics, b: SufficientStatistics, rtol: float = 1e-9) -> None:
    for name in (*MOMENTS, "shift_x", "shift_y"):
        first, second = np.asarray(getattr(a, name)), np.asarray(getattr(b, name))
        np.testing.assert_allclose(first, second, rtol=rtol, atol=rtol * max(1.0, np.abs(second).max(initial=0)))


@st.composite
def rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows, n_features, n_targets = (draw(st.integers(low, 12)) for low in (2, 0, 0))
    mean = draw(st.sampled_from([0.0, 1.0, 100.0]))
    return (
        rng.standard_normal((n_rows, n_features)) + mean,
        rng.standard_normal((n_rows, n_targets)) - mean,
        rng.integers(1, 4, n_rows).astype(float),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows(), st.integers(1, 11))
def test_parts_add_up_and_come_off(data: tuple, cut: int) -> None:
    X, y, weight = data
    cut = min(cut, len(X) - 1)
    whole = SufficientStatistics.from_rows(X, y, weight)
    # Each part about its own mean: the sum finds the common origin.
    first = SufficientStatistics.from_rows(X[:cut], y[:cut], weight[:cut])
    second = SufficientStatistics.from_rows(X[cut:], y[cut:], weight[cut:])
    same((first + second).about(whole.shift_x, whole.shift_y), whole)
    same((whole - second).about(first.shift_x, first.shift_y), first)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows())
def test_weights_are_repeats(data: tuple) -> None:
    X, y, weight = data
    repeated = np.repeat(np.arange(len(X)), weight.astype(int))
    shift_x, shift_y = X.mean(0), y.mean(0)
    same(
        SufficientStatistics.from_rows(X, y, weight, shift_x, shift_y),
        SufficientStatistics.from_rows(X[repeated], y[repeated], None, shift_x, shift_y),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows(), st.booleans())
def test_centred_and_scaled_is_what_the_rows_give(data: tuple, fit_intercept: bool) -> None:
    X, y, weight = data
    statistics = SufficientStatistics.from_rows(X, y, weight, shift_x=X[0], shift_y=y[0])
    scale = statistics.scale_x
    view = statistics.centred(fit_intercept).scaled(scale)
    if fit_intercept:
        X, y = X - np.average(X, axis=0, weights=weight), y - np.average(y, axis=0, weights=weight)
    Z = X / scale
    np.testing.assert_allclose(view.xx, (Z.T * weight) @ Z, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(view.xy, (Z.T * weight) @ y, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(view.yy, weight @ y**2, rtol=1e-8, atol=1e-8)


def test_scale_is_the_standard_deviation_and_one_for_constants() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 4)) * 5 + 1e4
    X[:, 1], X[:, 2] = 0.1, 0.0
    statistics = SufficientStatistics.from_rows(X, X, shift_x=np.full(4, 9e3))
    np.testing.assert_allclose(statistics.scale_x, [X[:, 0].std(), 1, 1, X[:, 3].std()], rtol=1e-8)
    np.testing.assert_allclose(statistics.scale_y, statistics.scale_x, rtol=1e-8)


def test_float32_survives_raw_bold() -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((3000, 5)) * 30 + 1e4).astype(np.float32)
    y = (X[:, :2] * 0.2 + rng.standard_normal((3000, 2)) * 30 + 1e4).astype(np.float32)
    narrow = SufficientStatistics.from_rows(X, y).centred()
    wide = SufficientStatistics.from_rows(X.astype(float), y.astype(float)).centred()
    assert narrow.xy.dtype == np.float32 and narrow.xx.dtype == narrow.yy.dtype == np.float64
    scale = 3000 * 30.0**2
    np.testing.assert_allclose(narrow.xy / scale, wide.xy / scale, atol=1e-6)
    np.testing.assert_allclose(narrow.xx / scale, wide.xx / scale, atol=1e-6)
    np.testing.assert_allclose(narrow.yy, wide.yy, rtol=1e-5)


@pytest.mark.parametrize("dtypes", [("f4", "f8"), ("f8", "f4"), ("f8", "f8")])
def test_mixed_precision_is_float64(dtypes: tuple[str, str]) -> None:
    X, y = np.ones((3, 2), dtypes[0]), np.ones((3, 2), dtypes[1])
    assert SufficientStatistics.from_rows(X, y).xy.dtype == np.float64


def test_a_tile_goes_without_its_gram() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 2))
    tile, whole = SufficientStatistics.from_rows(X, y, gram=False), SufficientStatistics.from_rows(X, y)
    assert tile.xx is None and (tile + tile).xx is None and tile.centred().scaled(np.ones(3)).xx is None
    np.testing.assert_array_equal(tile.xy, whole.xy)


def test_a_band_of_the_statistics_is_the_statistics_of_the_band() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 6)) + 3, rng.standard_normal((20, 4))
    whole = SufficientStatistics.from_rows(X, y)
    for features in ([1, 4, 2], np.array([True, False, True, False, False, True])):
        same(whole.restricted(features), SufficientStatistics.from_rows(X[:, features], y))
    same(whole.targets([3, 0]), SufficientStatistics.from_rows(X, y[:, [3, 0]]))


def test_saved_and_loaded_they_are_the_same_to_the_bit(tmp_path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 6)).astype("f4"), rng.standard_normal((20, 4)).astype("f4")
    for name, gram in (("whole.npz", True), ("tile.npz", False)):
        made = SufficientStatistics.from_rows(X, y, gram=gram)
        made.save(tmp_path / name)
        again = SufficientStatistics.load(tmp_path / name)
        assert (again.xx is None) == (made.xx is None) and again.n == made.n and isinstance(again.n, float)
        for moment in ("sum_x", "sum_y", "xy", "yy", "shift_x", "shift_y"):
            np.testing.assert_array_equal(getattr(again, moment), getattr(made, moment))
            assert getattr(again, moment).dtype == getattr(made, moment).dtype


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_another_file_is_no_statistics(tmp_path, content) -> None:
    (tmp_path / "other.npz").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"other\.npz holds no sufficient statistics"):
        SufficientStatistics.load(tmp_path / "other.npz")
    np.savez(tmp_path / "numbers.npz", a=np.ones(3))
    with pytest.raises(InvalidInput, match="holds no sufficient statistics"):
        SufficientStatistics.load(tmp_path / "numbers.npz")
