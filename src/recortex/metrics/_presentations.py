"""Single presentations of stimuli, in the order of these, some units at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput
from recortex.metrics._arrays import real_array, row_labels

_BLOCK = 2**21
"""Values turned to float64 at a time (16 MiB)."""


@dataclass(frozen=True, eq=False)
class Presentations:
    """Responses in the order of their stimuli.

    Attributes
    ----------
    responses : array (trial, unit)
        As given.
    order : array (trial,)
        Rows of the first stimulus, then of the second, and so on.
    counts : array (stimulus,)
        Presentations of each stimulus.
    """

    responses: NDArray[Any]
    order: NDArray[np.intp]
    counts: NDArray[np.intp]

    @classmethod
    def of(cls, responses: ArrayLike, stimulus: ArrayLike) -> Presentations:
        array, labels = real_array("responses", responses, "trial", "unit"), row_labels("stimulus", stimulus)
        if len(array) != len(labels):
            raise InvalidInput(f"responses has {len(array)} trials and stimulus {len(labels)}; they must be the same ones")
        _, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
        return cls(array, np.argsort(number, kind="stable"), counts)

    @property
    def n_unit(self) -> int:
        return int(self.responses.shape[1])

    @property
    def n_stimulus(self) -> int:
        return len(self.counts)

    @property
    def repeated(self) -> int:
        return int(np.count_nonzero(self.counts > 1))

    def tiles(self, beside: int = 0) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Some units at a time, (trial, unit) in the order of stimuli, counted from each unit's first trial: zero if constant."""
        step = max(1, _BLOCK // max(len(self.order), beside))
        for start in range(0, self.n_unit, step):
            tile = self.responses[:, start : start + step]
            with np.errstate(invalid="ignore"):  # infinities become NaN
                trials = np.subtract(tile[self.order], tile[:1], dtype=np.float64)
            yield slice(start, start + step), trials

    def by_stimulus(self, beside: int = 0) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.float64]]]:
        """Some units at a time: (stimulus, unit) means around their mean, and sums of squares within stimuli."""
        sums = sums_over(np.arange(len(self.order)), self.counts, len(self.order))
        number = np.repeat(np.arange(self.n_stimulus), self.counts)
        for units, trials in self.tiles(beside):
            with np.errstate(invalid="ignore"):
                means = (sums @ trials) / self.counts[:, None]
                trials -= means[number]  # before the means lose their own mean
                means -= means.mean(axis=0)
            yield units, means, sums @ np.square(trials, out=trials)


def sums_over(rows: NDArray[np.intp], sizes: NDArray[np.intp], n_row: int) -> Any:
    """(sum, row) sparse matrix of ones: the first `sizes[0]` of `rows` are summed, then the next `sizes[1]`, and so on."""
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(rows)), rows, np.concatenate([[0], np.cumsum(sizes)])), shape=(len(sizes), n_row))
