"""Test trials turned into noise: what no honest fit can notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from recortex.data.base import Responses
from recortex.fits.pairs import Pairs


class NoisyBrain:
    """A recording with noise in place of some trials' responses, in memory: all else is as the recording says.

    Parameters
    ----------
    brain : Responses
    rows : (n,) int array
    """

    def __init__(self, brain: Responses, rows: np.ndarray):
        result = brain.run()
        self._brain = brain
        self._arrays = {name: result[name] for name in result}
        self._arrays["responses"] = _noise_in(self._arrays["responses"], rows, rows)

    def run(self) -> dict[str, np.ndarray]:
        """The arrays."""
        return self._arrays

    def __getattr__(self, name: str) -> Any:
        return getattr(self._brain, name)


def _noise_in(values: np.ndarray, rows: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Noise in some rows; labels become other ones of those in use."""
    rng, out = np.random.default_rng(0), values.copy()
    if values.dtype.kind == "f":
        out[rows] = 10 * (float(np.abs(values).max()) or 1.0) * rng.standard_normal(values[rows].shape)
    else:
        names, number = np.unique(values[used], return_inverse=True)
        mine = number[np.searchsorted(used, rows)]
        out[rows] = names[(mine + rng.integers(1, len(names), len(rows))) % len(names)]  # never the true one
    return out


def with_noise(pairs: Pairs, rows: np.ndarray) -> Pairs:
    """The same pairs with noise in place of the inputs and targets of some trials."""
    used = np.unique(np.concatenate([side for fold in pairs.folds for side in (fold.train, fold.test)]))
    return replace(pairs, inputs=_noise_in(pairs.inputs, rows, used), targets=_noise_in(pairs.targets, rows, used))
