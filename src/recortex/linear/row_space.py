"""More features than rows: the same problem in the n-dimensional space that the rows span.

A ridge solution lies in the span of the rows, and its penalty does not change under rotation. So features
are rotated once onto an orthonormal basis of that span, at most n axes, and everything else (statistics,
folds, alphas) is done there; only final coefficients are rotated back. The rotation is shared by all folds:
it uses no target and leaves every inner product between rows as it is, so nothing leaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recortex.linear.threads import threads_for_eigh

__all__ = ["RowSpace"]

_FEATURES_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class RowSpace:
    """Shifted and scaled rows Z = (X - shift) / scale in the eigenbasis of K = Z Z' = U diag(s^2) U'.

    Attributes
    ----------
    coordinates : array, (row, axis), precision of X
        U diag(s), which has the inner products of Z.
    duals : array, (row, axis), precision of X
        U diag(1/s); Z' duals is the orthonormal basis, (feature, axis), too large to keep.
    shift, scale : arrays, (feature,), float64
    """

    coordinates: np.ndarray
    duals: np.ndarray
    shift: np.ndarray
    scale: np.ndarray

    @classmethod
    def from_rows(cls, X: np.ndarray, shift: np.ndarray, scale: np.ndarray | None = None) -> RowSpace:
        """Find the row space of X, (row, feature), by one eigendecomposition of the (row, row) kernel."""
        n_rows, n_features = X.shape
        scale = np.ones(n_features) if scale is None else scale
        kernel = np.zeros((n_rows, n_rows))
        for _, block in _blocks(X, shift, scale):
            wide = block.astype(np.float64, copy=False)
            kernel += wide @ wide.T
        with threads_for_eigh(n_rows):
            squares, vectors = np.linalg.eigh(kernel)
        # Directions below the rounding of the kernel are noise; dividing by their s would amplify it.
        real = squares > n_rows * np.finfo(np.float64).eps * max(squares[-1], 0.0)
        vectors, singular = vectors[:, real], np.sqrt(squares[real])
        return cls((vectors * singular).astype(X.dtype), (vectors / singular).astype(X.dtype), shift, scale)

    def to_features(self, X: np.ndarray, coef: np.ndarray) -> np.ndarray:
        """Coefficients on axes, (target, axis), turned into those on features of X, (target, feature)."""
        dual_coef = coef @ self.duals.T
        out = np.empty((len(coef), X.shape[1]), coef.dtype)
        for columns, block in _blocks(X, self.shift, self.scale):
            out[:, columns] = dual_coef @ block
            out[:, columns] /= self.scale[columns].astype(coef.dtype)
        return out


def _blocks(X: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Shifted and scaled features, some columns at a time."""
    for start in range(0, X.shape[1], _FEATURES_AT_ONCE):
        columns = slice(start, start + _FEATURES_AT_ONCE)
        block = X[:, columns] - shift[columns].astype(X.dtype)
        block /= scale[columns].astype(X.dtype)
        yield columns, block
