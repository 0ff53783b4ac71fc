"""How many threads a piece of work may use, in BLAS or around it.

A second thread does not speed up small decompositions, and on a busy machine it slows them many times: OpenBLAS threads wait for each
other by spinning. Measured on 2 cores, a fit of 320 rows x 600 features took 0.4 s with one thread and, beside another job, 6 s with
two. Pieces that do not depend on each other are better worked on side by side, with one thread of BLAS each: nobody waits, and what is
done around the products is shared as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

__all__ = ["SMALL_SIDE", "blas_threads", "side_by_side", "threads_for_eigh", "threads_for_fit"]

SMALL_SIDE = 1024
SMALL_FIT = 2e9

Piece = TypeVar("Piece")
Result = TypeVar("Result")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # finds the libraries once; looking again for every fit would cost more than the fit


def threads_for_eigh(size: int) -> AbstractContextManager[Any]:
    """One thread for a symmetric decomposition of moderate size; whatever is set otherwise."""
    return _controller().limit(limits=1, user_api="blas") if size <= SMALL_SIDE else nullcontext()


def threads_for_fit(n_rows: int, n_features: int, n_targets: int) -> AbstractContextManager[Any]:
    """One thread for a whole fit whose products are small; whatever is set otherwise."""
    rank = min(n_rows, n_features)
    small = n_rows * rank * (rank + n_targets) <= SMALL_FIT and n_rows * n_features * rank <= SMALL_FIT
    return _controller().limit(limits=1, user_api="blas") if small else nullcontext()


def blas_threads() -> int:
    """How many threads a product may use now."""
    return max((found["num_threads"] for found in _controller().info() if found["user_api"] == "blas"), default=1)


def side_by_side(work: Callable[[Piece], Result], pieces: Iterable[Piece], apart: bool = True) -> Iterator[Result]:
    """Do some work on every piece, and yield the results in order.

    As many pieces at once as BLAS has threads, with one each; one after the other where they are not to be kept apart: what is on a
    device or large keeps all threads busy by itself.
    """
    count = blas_threads() if apart else 1
    if count == 1:
        yield from map(work, pieces)
        return
    waiting: deque[Future[Result]] = deque()
    with _controller().limit(limits=1, user_api="blas"), ThreadPoolExecutor(count) as pool:
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
