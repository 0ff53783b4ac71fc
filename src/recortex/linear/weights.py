"""What a ridge has learned, as weights of features or, for more features than rows, as weights of training rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recortex.errors import InvalidInput
from recortex.linear.kernel import FEATURES_AT_ONCE, column_blocks, features_at_once, shifted
from recortex.linear.table import Table
from recortex.linear.threads import SMALL_SIDE, side_by_side

__all__ = ["DualWeights", "PrimalWeights"]


@dataclass(frozen=True, eq=False)
class PrimalWeights:
    """Predictions are coef (x - shift) + offset: with a mean of 1e4, coef x would cancel against the intercept.

    Attributes
    ----------
    coef : array, (target, feature)
    shift : array, (feature,), float64
    offset : array, (target,), float64
    """

    coef: np.ndarray
    shift: np.ndarray
    offset: np.ndarray

    @cached_property
    def intercept(self) -> np.ndarray:
        """Predictions where all features are 0, (target,), float64."""
        # einsum widens in a small buffer; `@` would copy all of coef to float64
        return self.offset - np.einsum("tf,f->t", self.coef, self.shift)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(row, feature) to (row, target)."""
        return (X - self.shift.astype(X.dtype)) @ self.coef.T + self.offset.astype(self.coef.dtype)


@dataclass(frozen=True, eq=False)
class DualWeights:
    """Predictions are dual K(rows, x) + offset, with the kernel of shifted and scaled features.

    Attributes
    ----------
    dual : array, (target, row)
    rows : Table, (row, feature)
        The training rows themselves.
    shift, scale : arrays, (feature,), float64
    offset : array, (target,), float64
    memory_limit : int or None
        Bytes that `coef` may take.
    """

    dual: np.ndarray
    rows: Table
    shift: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    memory_limit: int | None

    @cached_property
    def coef(self) -> np.ndarray:
        """Weights of the features, (target, feature).

        Raises
        ------
        InvalidInput
            They would take more than the memory limit.
        """
        shape = len(self.dual), self.rows.shape[1]
        size = shape[0] * shape[1] * self.dual.itemsize
        if self.memory_limit is not None and size > self.memory_limit:
            raise InvalidInput(
                f"coef_ would take {size / 1e9:.2g} GB, more than memory_limit; predict and dual_coef_ do without it, or fit fewer "
                "targets at a time"
            )
        coef = np.empty(shape, self.dual.dtype)
        for columns, block in self._blocks(self.rows):
            coef[:, columns] = self.dual @ block
            coef[:, columns] /= self.scale[columns].astype(coef.dtype)
        return coef

    @cached_property
    def intercept(self) -> np.ndarray:
        """Predictions where all features are 0, (target,), float64."""
        zero = np.zeros(len(self.rows))
        for columns, block in self._blocks(self.rows):
            zero += block @ (self.shift[columns] / self.scale[columns])
        return self.offset - np.einsum("tr,r->t", self.dual, zero)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(row, feature) to (row, target): by the kernel, or by weights a block at a time, whichever is less work."""
        by_rows = len(X) * (X.shape[1] + len(self.dual)) <= len(self.dual) * X.shape[1]
        apart = by_rows and len(self.rows) <= SMALL_SIDE
        step = features_at_once(X.shape[1]) if apart else FEATURES_AT_ONCE

        def product(blocks: tuple[tuple[slice, np.ndarray], ...]) -> np.ndarray:
            new, known = (shifted(self.shift, self.scale, *block) for block in blocks)
            return new @ known.T if by_rows else new @ (self.dual @ known).T

        made = sum(side_by_side(product, zip(Table(X, "X").blocks(step), self.rows.blocks(step), strict=True), apart))
        return np.asarray(made @ self.dual.T if by_rows else made) + self.offset.astype(self.dual.dtype)

    def _blocks(self, table: Table) -> Iterator[tuple[slice, np.ndarray]]:
        return column_blocks(table, self.shift, self.scale)
