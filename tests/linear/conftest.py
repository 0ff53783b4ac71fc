"""Small problems with signal, noise and unequal feature scales."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

Problem = tuple[np.ndarray, np.ndarray]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Matrices this small gain nothing from threads, and a busy machine makes threads wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def problem() -> Callable[..., Problem]:
    """make(n_rows, n_features, n_targets, seed) -> X, y; the last target is pure noise."""

    def make(n_rows: int = 60, n_features: int = 12, n_targets: int = 7, seed: int = 0) -> Problem:
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n_rows, n_features)) * rng.uniform(0.3, 3.0, n_features) + rng.uniform(-1, 1, n_features)
        weights = rng.standard_normal((n_features, n_targets)) * np.linspace(1.0, 0.0, n_targets)
        y = X @ weights + 2.0 * rng.standard_normal((n_rows, n_targets)) + rng.uniform(-3, 3, n_targets)
        return X, y

    return make
