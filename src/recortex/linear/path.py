"""All alphas of a ridge regression from one eigendecomposition, and their validation losses without rows.

With the centred training Gram G = V diag(w) V' and cross-products C, B = V'C, the solution at alpha is
V [B / (w + alpha)]. With validation statistics seen from the training means (yy, C_v, G_v) and
d = 1 / (w + alpha), the summed squared error of a target is

    yy - 2 sum_j d_j B_j (V'C_v)_j + || L' (d o B) ||^2,      V' G_v V = L L',

so scoring every alpha costs nothing that grows with the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpstrf

from recortex.linear.statistics import SufficientStatistics
from recortex.linear.threads import threads_for_eigh

__all__ = ["RidgePath"]

_FACTOR_ROWS = 128


@dataclass(frozen=True, eq=False)
class RidgePath:
    """Eigenpairs of a centred Gram matrix: everything about the features that a ridge solution needs.

    Directions at the level of rounding are left out, which is exact for alpha > 0 and gives the
    pseudo-inverse at alpha = 0.

    Attributes
    ----------
    eigenvalues : array, (axis,), float64
    vectors : array, (feature, axis), float64
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray

    @classmethod
    def from_gram(cls, gram: np.ndarray) -> RidgePath:
        """Decompose a (feature, feature) Gram matrix."""
        with threads_for_eigh(len(gram)):
            eigenvalues, vectors = np.linalg.eigh(gram)
        real = eigenvalues > len(gram) * np.finfo(np.float64).eps * max(eigenvalues.max(initial=0.0), 0.0)
        return cls(eigenvalues[real], vectors[:, real])

    def against(self, gram: np.ndarray) -> tuple[RidgePath, np.ndarray]:
        """Factor a validation Gram in the eigenbasis: V' gram V = L L'.

        Returns the path with its axes in pivot order, and L', (rank, axis), upper trapezoidal. Pivoting
        (LAPACK pstrf) stops at the rank, so few validation rows make a short factor.
        """
        rotated = self.vectors.T @ gram @ self.vectors
        if not rotated.any():
            return self, np.zeros((0, len(rotated)))
        factor, pivots, rank, _ = dpstrf(rotated)
        order = pivots - 1
        return RidgePath(self.eigenvalues[order], self.vectors[:, order]), np.triu(factor)[:rank]

    def shrinkage(self, alphas: np.ndarray) -> np.ndarray:
        """1 / (w + alpha), (alpha, axis)."""
        return 1.0 / (self.eigenvalues + alphas[:, None])

    def coefficients(self, cross: np.ndarray, alphas: np.ndarray) -> np.ndarray:
        """Solve for every target at its own alpha: (feature, target) and (target,) to (target, feature)."""
        vectors = self.vectors.astype(cross.dtype)
        rotated = (vectors.T @ cross).T
        rotated *= self.shrinkage(alphas).astype(cross.dtype)
        return rotated @ vectors.T

    def losses(self, train_cross: np.ndarray, test: SufficientStatistics, factor: np.ndarray, alphas: np.ndarray) -> np.ndarray:
        """Mean squared validation error of every alpha and target, (alpha, target), float64.

        Parameters
        ----------
        train_cross : array, (feature, target)
        test : SufficientStatistics
            Validation rows about the training means; `xx` is not used.
        factor : array, (rank, axis)
            L' of `against`.
        alphas : array, (alpha,)
        """
        dtype = train_cross.dtype
        vectors, factor = self.vectors.astype(dtype), factor.astype(dtype)
        shrinkage = self.shrinkage(alphas).astype(dtype)
        rotated = vectors.T @ train_cross
        losses = test.yy - 2.0 * (shrinkage @ (rotated * (vectors.T @ test.xy))).astype(np.float64)
        for loss, by_axis in zip(losses, shrinkage, strict=True):
            scaled = factor * by_axis
            for start in range(0, len(factor), _FACTOR_ROWS):
                # L' is zero left of its diagonal: each block of its rows starts at its own column.
                part = scaled[start : start + _FACTOR_ROWS, start:] @ rotated[start:]
                loss += np.einsum("ij,ij->j", part, part)
        # A perfect fit may come out below zero by rounding.
        return np.maximum(losses, 0.0) / test.n
