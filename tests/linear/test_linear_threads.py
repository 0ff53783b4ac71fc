"""Pieces that are worked on side by side give what they give one after the other."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from recortex.linear import RidgeCV, threads
from recortex.linear.left_out import _inverse

ALPHAS = np.logspace(-1, 5, 7)


def fitted(n_features: int, y: np.ndarray, n_threads: int, **words) -> RidgeCV:
    X = np.random.default_rng(1).standard_normal((60, n_features)) + 3
    with threadpool_limits(n_threads, user_api="blas"):
        return RidgeCV(ALPHAS, **words).fit(X, y)


@pytest.mark.parametrize("selection", ["kfold", "gcv", "loo", "gcv+kfold"])
@pytest.mark.parametrize("n_features", [20, 300])
def test_a_fit_is_the_same_with_one_thread_and_with_three(monkeypatch, n_features, selection) -> None:
    """1,200 targets are parts of 512, 512 and 176 with one thread, and of 400 with three."""
    monkeypatch.setattr(threads, "SMALL_FIT", 0.0)
    y = np.random.default_rng(0).standard_normal((60, 1200)) + np.arange(1200)
    one, three = (
        fitted(n_features, y, count, selection=selection, store_cv_predictions=selection == "kfold") for count in (1, 3)
    )
    for name in ("best_alphas_", "cv_scores_", "coef_", "intercept_", "edge_", "cv_predictions_"):
        if hasattr(one, name):
            np.testing.assert_allclose(getattr(three, name), getattr(one, name), rtol=1e-9, atol=1e-11, err_msg=name)
    new = np.random.default_rng(2).standard_normal((5, n_features))
    with threadpool_limits(3, user_api="blas"):
        np.testing.assert_allclose(three.predict(new), one.predict(new), rtol=1e-9)


def test_pieces_are_worked_on_at_once_with_one_thread_of_blas_each_and_come_in_order() -> None:
    together = threading.Barrier(2, timeout=20)

    def work(piece: int) -> tuple[int, int]:
        together.wait()  # would break if one piece waited for the other
        return piece, threads.blas_threads()

    with threadpool_limits(2, user_api="blas"):
        assert list(threads.side_by_side(work, range(6))) == [(piece, 1) for piece in range(6)]
        assert threads.blas_threads() == 2


@pytest.mark.parametrize(("n_threads", "apart"), [(1, True), (2, False)])
def test_pieces_stay_in_the_calling_thread_where_they_are_not_to_be_kept_apart(n_threads, apart) -> None:
    with threadpool_limits(n_threads, user_api="blas"):
        seen = list(threads.side_by_side(lambda _: (threading.get_ident(), threads.blas_threads()), range(3), apart))
    assert seen == [(threading.get_ident(), n_threads)] * 3


def test_pieces_are_asked_for_as_they_are_needed() -> None:
    asked = []

    def pieces():
        for piece in range(100):
            asked.append(piece)
            yield piece

    with threadpool_limits(2, user_api="blas"):
        results = threads.side_by_side(lambda piece: piece, pieces())
        assert next(results) == 0
        assert len(asked) <= 3
        results.close()


def test_an_error_in_a_piece_reaches_the_caller_and_the_threads_of_blas_come_back() -> None:
    def work(piece: int) -> int:
        if piece == 3:
            raise ValueError("the fourth")
        return piece

    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ValueError, match="the fourth"):
            list(threads.side_by_side(work, range(9)))
        assert threads.blas_threads() == 2


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64, 65, 200])
def test_the_inverse_by_halves_is_the_inverse(size) -> None:
    made = np.random.default_rng(size).standard_normal((size, 2 * size + 1))
    matrix = made @ made.T + np.diag(np.geomspace(1e-2, 1e2, size))
    inverse = _inverse(matrix)
    np.testing.assert_allclose(inverse @ matrix, np.eye(size), atol=1e-14 * max(1.0, np.linalg.cond(matrix) if size else 1.0))
    np.testing.assert_allclose(inverse, inverse.T, rtol=1e-9, atol=1e-12)
