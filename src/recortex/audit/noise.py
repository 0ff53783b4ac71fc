"""Test trials turned into noise: what no honest fit can notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from recortex.data.base import Responses
from recortex.fits.pairs import Pairs
from recortex.stage import Result


class NoisyResult:
    """A recording's result with noise in place of some trials' responses, as they are read: all else is as on disk."""

    def __init__(self, result: Result, rows: np.ndarray):
        self._result, self._rows = result, rows

    def __getitem__(self, name: str) -> np.ndarray:
        return self.read(name)

    def __contains__(self, name: object) -> bool:
        return name in self._result

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of a copy that is being made, which has no result yet
            raise AttributeError(name)
        return getattr(self._result, name)

    def read(self, name: str, rows: slice | np.ndarray = slice(None), columns: slice = slice(None)) -> np.ndarray:
        """As of a result."""
        if name != "responses":
            return self._result.read(name, rows, columns)
        return _noise_in(self._result.read(name, columns=columns), self._rows, self._rows)[rows]


class NoisyBrain:
    """A recording with noise in place of some trials' responses.

    Parameters
    ----------
    brain : Responses
    rows : (n,) int array
    """

    def __init__(self, brain: Responses, rows: np.ndarray):
        self._brain, self._rows, self._result = brain, rows, NoisyResult(brain.run(), rows)

    def run(self) -> NoisyResult:
        """The arrays."""
        return self._result

    def recorded(self, units: slice = slice(None)) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Single presentations, those of these trials noise."""
        (responses, table), rows = self._brain.recorded(units), self._rows
        if self._brain.repeats == "average":
            rows = np.flatnonzero(np.isin(table["stimulus"], self.trial_table()["stimulus"][rows]))
        return _noise_in(responses, rows, rows), table

    def trial_table(self) -> dict[str, np.ndarray]:
        """As the recording says."""
        return self._brain.trial_table()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
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
