"""How many threads BLAS may use for a piece of work.

A second thread does not speed up small decompositions, and on a busy machine it slows them many times: OpenBLAS threads wait for each
other by spinning. Measured on 2 cores, a fit of 320 rows x 600 features took 0.4 s with one thread and, beside another job, 6 s with two.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

SMALL_EIGH = 1024
SMALL_FIT = 2e9


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # finds the libraries once; looking again for every fit would cost more than the fit


def threads_for_eigh(size: int) -> AbstractContextManager[Any]:
    """One thread for a symmetric decomposition of moderate size; whatever is set otherwise."""
    return _controller().limit(limits=1, user_api="blas") if size <= SMALL_EIGH else nullcontext()


def threads_for_fit(n_rows: int, n_features: int, n_targets: int) -> AbstractContextManager[Any]:
    """One thread for a whole fit whose products are small; whatever is set otherwise."""
    rank = min(n_rows, n_features)
    small = n_rows * rank * (rank + n_targets) <= SMALL_FIT and n_rows * n_features * rank <= SMALL_FIT
    return _controller().limit(limits=1, user_api="blas") if small else nullcontext()
