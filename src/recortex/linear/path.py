"""All alphas of a ridge regression from one eigendecomposition, and their validation moments without rows.

With the centred training Gram G = V diag(w) V' and cross-products C, B = V'C, the solution at alpha is
V [B / (w + alpha)]. With validation statistics seen from the training means (C_v, G_v, sums s_v) and
d = 1 / (w + alpha), the predictions of a target over the validation rows have

    sum p y = sum_j d_j B_j (V'C_v)_j,    sum p^2 = || L' (d o B) ||^2 with V' G_v V = L L',    sum p = sum_j d_j B_j (V's_v)_j,

so scoring every alpha costs nothing that grows with the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from scipy.linalg.lapack import dpstrf

from recortex.linear.device import like, on_cpu
from recortex.linear.moments import Moments
from recortex.linear.statistics import SufficientStatistics
from recortex.linear.threads import threads_for_eigh

__all__ = ["RidgePath", "Rotated", "shrinkage"]

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

    eigenvalues: Any
    vectors: Any

    @classmethod
    def from_gram(cls, gram: Any) -> RidgePath:
        """Decompose a (feature, feature) Gram matrix, or a (row, row) kernel."""
        xp = array_namespace(gram)
        with threads_for_eigh(len(gram)):
            eigenvalues, vectors = xp.linalg.eigh(gram)
        largest = float(eigenvalues[-1]) if len(gram) else 0.0
        real = eigenvalues > len(gram) * np.finfo(np.float64).eps * max(largest, 0.0)
        return cls(eigenvalues[real], vectors[:, real])

    def against(self, gram: Any) -> tuple[RidgePath, Any]:
        """Factor a validation Gram in the eigenbasis: V' gram V = L L'.

        Returns the path with its axes in pivot order, and L', (rank, axis), upper trapezoidal. Pivoting
        (LAPACK pstrf) stops at the rank, so few validation rows make a short factor.
        """
        rotated = on_cpu(self.vectors.T @ gram @ self.vectors)
        if not rotated.any():
            return self, like(np.zeros((0, len(rotated))), gram)
        factor, pivots, rank, _ = dpstrf(rotated)
        order = pivots - 1
        path = RidgePath(self.eigenvalues[order], self.vectors[:, order])
        return path, like(np.triu(factor)[:rank], gram)

    def rotate(self, train: SufficientStatistics) -> Any:
        """B = V'C of a tile of targets, (axis, target)."""
        return like(self.vectors, train.xy).T @ train.xy

    def coefficients(self, rotated: Any, alphas: Any) -> Any:
        """Solve for every target at its own alpha: B and (target,) to (target, feature)."""
        return (rotated * shrinkage(self.eigenvalues, alphas, rotated)).T @ like(self.vectors, rotated).T


def shrinkage(eigenvalues: Any, alpha: Any, values: Any) -> Any:
    """1 / (w + alpha) in the precision of `values`: (axis, 1) for one alpha, (axis, target) for one a target."""
    return 1.0 / (like(eigenvalues, values)[:, None] + like(alpha, values))


@dataclass(frozen=True, eq=False)
class Rotated:
    """A tile of targets in the eigenbasis of a training set, against its validation set.

    Attributes
    ----------
    eigenvalues : array, (axis,), float64
    basis : array, (axis, target)
        B.
    products : array, (axis, target)
        V'C_v.
    sums : array, (axis,)
        V's_v.
    factor : array, (rank, axis)
        L' of `RidgePath.against`.
    test : SufficientStatistics
        Validation rows about the training means; its Gram matrix is not used.
    """

    eigenvalues: Any
    basis: Any
    products: Any
    sums: Any
    factor: Any
    test: SufficientStatistics

    def moments(self, alphas: np.ndarray, with_sums: bool) -> Moments:
        """Of the predictions at each alpha, (alpha,)."""
        xp = array_namespace(self.basis)
        by_axis = xp.stack([shrinkage(self.eigenvalues, float(alpha), self.basis)[:, 0] for alpha in alphas])
        return Moments(
            self.test.n,
            self.test.sum_y,
            self.test.yy,
            xp.astype(by_axis @ (self.basis * self.products), xp.float64),
            xp.stack([self._squares(along) for along in by_axis]),
            xp.astype((by_axis * self.sums) @ self.basis, xp.float64) if with_sums else None,
        )

    def only(self, targets: np.ndarray) -> Rotated:
        """Some targets of the tile."""
        return replace(self, basis=self.basis[:, targets], products=self.products[:, targets], test=self.test.targets(targets))

    def _squares(self, by_axis: Any) -> Any:
        xp = array_namespace(self.basis)
        total = xp.zeros(self.basis.shape[1], dtype=xp.float64, device=self.basis.device)
        factor = self.factor * by_axis
        for start in range(0, len(factor), _FACTOR_ROWS):
            # L' is zero left of its diagonal: each block of its rows starts at its own column.
            part = factor[start : start + _FACTOR_ROWS, start:] @ self.basis[start:]
            total += xp.astype(xp.sum(part * part, axis=0), xp.float64)
        return total
