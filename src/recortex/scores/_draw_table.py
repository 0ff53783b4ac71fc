"""A statistic of every unit in every draw, on disk: written some units at a time, read a draw at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import numpy as np

from recortex import disk, store

_ITEM = np.dtype(np.float64).itemsize


class DrawTable:
    """(draw, unit) float64 numbers in a file without a name beside the results, which is gone with the ``with`` block or the process.

    Units pass in blocks and a quantile over units needs all of them: 1,000 permutations of 330,000 units are 2.6 GB.

    Parameters
    ----------
    draws, units : int
        Permutations, or samples of a bootstrap; and units.

    Raises
    ------
    CannotWrite
        The disk is full, read-only, over a quota, or gone.
    """

    def __init__(self, draws: int, units: int):
        self.draws, self.units = draws, units
        self._folder = store.current().root
        disk.make_folder(self._folder)
        with disk.refusals(self._folder):
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115

    def __enter__(self) -> DrawTable:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, draw: int, first: int, values: np.ndarray) -> None:
        """Write what some units have in a draw, from the number `first` on."""
        with disk.refusals(self._folder):
            self._file.seek((draw * self.units + first) * _ITEM)
            self._file.write(np.ascontiguousarray(values, dtype=np.float64).data)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Draw by draw, (unit,)."""
        for draw in range(self.draws):
            with disk.refusals(self._folder):
                self._file.seek(draw * self.units * _ITEM)
                row = self._file.read(self.units * _ITEM)
            yield np.frombuffer(row)
