"""Bands of more features than rows, each in the space that its rows span: exact, as the penalty of a band does not change by rotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recortex.linear.threads import threads_for_eigh

__all__ = ["BandSpace"]


@dataclass(frozen=True, eq=False)
class BandSpace:
    """Features band by band: as they are, or as coordinates along at most as many axes as there are rows.

    Attributes
    ----------
    rows : array, (row, axis)
        About the shift.
    band : int array, (axis,)
    columns : tuple of int arrays
        Features of each band.
    bases : tuple of arrays, (axis of the band, feature of the band), or None for a band that is as it was
    """

    rows: np.ndarray
    band: np.ndarray
    columns: tuple[np.ndarray, ...]
    bases: tuple[np.ndarray | None, ...]

    @classmethod
    def of(cls, X: np.ndarray, shift: np.ndarray, band: np.ndarray) -> BandSpace:
        """Rotate what is wide; it uses no target and leaves inner products of rows as they are, so nothing leaks."""
        rows, bands, columns, bases = [], [], [], []
        for number in range(band.max() + 1):
            mine = np.flatnonzero(band == number)
            values, basis = X[:, mine] - shift[mine].astype(X.dtype), None
            if len(mine) > len(X):
                wide = values.astype(np.float64)
                with threads_for_eigh(len(X)):
                    squares, vectors = np.linalg.eigh(wide @ wide.T)
                real = squares > len(X) * np.finfo(np.float64).eps * max(squares[-1], 0.0)
                basis = (vectors[:, real] / np.sqrt(squares[real])).T @ wide
                values = (vectors[:, real] * np.sqrt(squares[real])).astype(X.dtype)
            rows.append(values)
            bands.append(np.full(values.shape[1], number))
            columns.append(mine)
            bases.append(basis)
        return cls(np.concatenate(rows, axis=1), np.concatenate(bands), tuple(columns), tuple(bases))

    def to_features(self, coef: np.ndarray) -> np.ndarray:
        """Weights of axes, (target, axis), as weights of features, (target, feature)."""
        out = np.empty((len(coef), sum(map(len, self.columns))), coef.dtype)
        for number, (mine, basis) in enumerate(zip(self.columns, self.bases, strict=True)):
            own = coef[:, self.band == number]
            out[:, mine] = own if basis is None else own @ basis.astype(coef.dtype)
        return out
