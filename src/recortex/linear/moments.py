"""What a choice of alpha goes by: scores of a fold, from the moments of its predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

__all__ = ["SCORES", "Moments"]

SCORES = ("neg_mse", "r2", "r")


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted sums over the validation rows of a fold, of targets y and predictions p about the training means.

    Attributes
    ----------
    weight : float
        sum w.
    truth, truth_squares : arrays, (target,), float64
        sum w y and sum w y^2.
    products, squares : arrays, (alpha, target), float64
        sum w y p and sum w p^2.
    sums : array, (alpha, target), float64, or None
        sum w p; None where no score asks for it.
    """

    weight: float
    truth: Any
    truth_squares: Any
    products: Any
    squares: Any
    sums: Any

    def score(self, kind: str) -> np.ndarray:
        """Score every alpha and target, (alpha, target): the larger the better.

        Parameters
        ----------
        kind : {"neg_mse", "r2", "r"}
            Negative mean squared error, share of the variance within the fold, or Pearson correlation within the fold. Where the
            targets of a fold do not vary, or predictions for "r", the last two are 0.
        """
        xp = array_namespace(self.products)
        # A perfect fit may come out below zero by rounding.
        error = xp.clip(self.truth_squares - 2.0 * self.products + self.squares, 0.0, None) / self.weight
        if kind == "neg_mse":
            return -error
        spread = _spread(self.truth_squares, self.truth, self.weight)
        if kind == "r2":
            return xp.where(spread > 0, 1.0 - error / xp.where(spread > 0, spread, 1.0), 0.0)
        made = _spread(self.squares, self.sums, self.weight)
        both = (spread > 0) & (made > 0)
        shared = self.products / self.weight - self.truth * self.sums / self.weight**2
        return xp.where(both, shared / xp.where(both, spread * made, 1.0) ** 0.5, 0.0)


def _spread(squares: Any, sums: Any, weight: float) -> Any:
    """Variance, and 0 where it is rounding."""
    xp = array_namespace(squares)
    second = squares / weight
    variance = second - (sums / weight) ** 2
    return xp.where(variance > 1e-7 * second, variance, 0.0)
