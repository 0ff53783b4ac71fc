"""Ridge in the space of features: the side of a cross-validation that needs no target, built once.

Targets then pass in tiles: `Primal.tile` turns one into cross-products, a set per atom of the folds, and splits score and solve it
from these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from recortex.linear.device import like, on_cpu, on_device
from recortex.linear.folds import Atoms, Fold
from recortex.linear.path import RidgePath, Rotated
from recortex.linear.spectrum import Spectrum
from recortex.linear.statistics import SufficientStatistics

__all__ = ["Primal", "PrimalSplit"]

Tile = Sequence[SufficientStatistics]


@dataclass(frozen=True, eq=False)
class PrimalSplit:
    """The feature side of one training set and, unless it is the final fit, one validation set.

    Attributes
    ----------
    train, test : int arrays
        Atoms that are summed on either side; the final fit has no test atoms.
    fit_intercept : bool
    scale : array, (feature,), float64
        Training standard deviations, or ones.
    path : RidgePath
        Of the centred and scaled training Gram.
    factor : array, (rank, axis)
        Of the validation Gram, see `RidgePath.against`.
    """

    train: np.ndarray
    test: np.ndarray
    fit_intercept: bool
    scale: Any
    path: RidgePath
    factor: Any

    @classmethod
    def from_atoms(
        cls, atoms: Tile, train: np.ndarray, test: np.ndarray, fit_intercept: bool, scale_features: bool
    ) -> PrimalSplit:
        """Decompose one split, given the feature statistics of all atoms."""
        pooled = SufficientStatistics.total([atoms[index] for index in train])
        scale = pooled.scale_x if scale_features else 0.0 * pooled.sum_x + 1.0
        centred = pooled.centred(fit_intercept).scaled(scale)
        path, factor = RidgePath.from_gram(centred.gram), pooled.gram[:0]
        if test.size:
            held_out = SufficientStatistics.total([atoms[index] for index in test])
            held_out = held_out.scaled(scale).about(centred.shift_x, centred.shift_y)
            path, factor = path.against(held_out.gram)
        return cls(train, test, fit_intercept, scale, path, factor)

    def training(self, tile: Tile) -> SufficientStatistics:
        """Training statistics of a tile of targets, centred and scaled."""
        pooled = SufficientStatistics.total([tile[index] for index in self.train])
        return pooled.centred(self.fit_intercept).scaled(self.scale)

    def rotated(self, tile: Tile) -> Rotated:
        """A tile in the eigenbasis, against the validation set."""
        train = self.training(tile)
        test = SufficientStatistics.total([tile[index] for index in self.test]).scaled(self.scale)
        test = test.about(train.shift_x, train.shift_y)
        vectors = like(self.path.vectors, train.xy)
        return Rotated(
            self.path.eigenvalues,
            vectors.T @ train.xy,
            vectors.T @ test.xy,
            vectors.T @ like(test.sum_x, train.xy),
            like(self.factor, train.xy),
            test,
        )

    def solve(self, tile: Tile, alphas: Any) -> tuple[Any, SufficientStatistics]:
        """Coefficients on the unscaled features, (target, feature), and the training statistics."""
        train = self.training(tile)
        coef = self.path.coefficients(self.path.rotate(train), alphas)
        return coef / like(self.scale, coef), train


@dataclass(frozen=True, eq=False)
class Primal:
    """Rows cut into atoms, with the splits that draw on them.

    Attributes
    ----------
    rows : array, (row, feature)
        About `shift`, sorted by atom.
    order : int array, (row,)
        Which row of the data each is.
    bounds : tuple of int
        Where atoms begin and end among `rows`.
    weight : array, (row,), or None
    shift : array, (feature,), float64
    splits : tuple of PrimalSplit
        One a fold.
    final : PrimalSplit
        On all rows.
    """

    rows: Any
    order: np.ndarray
    bounds: tuple[int, ...]
    weight: Any | None
    shift: np.ndarray
    splits: tuple[PrimalSplit, ...]
    final: PrimalSplit

    @classmethod
    def build(
        cls,
        X: np.ndarray,
        shift: np.ndarray,
        weight: np.ndarray | None,
        folds: Sequence[Fold],
        fit_intercept: bool,
        scale_features: bool,
        device: str | None,
    ) -> Primal:
        """Accumulate the feature statistics once per atom and decompose every split."""
        atoms = Atoms.from_folds(folds, len(X))
        order = np.concatenate(atoms.rows)
        ordered = np.array_equal(order, np.arange(len(X)))
        rows = on_device((X if ordered else X[order]) - shift.astype(X.dtype), device)
        weight = None if weight is None else on_device(weight[order], device)
        bounds = (0, *np.cumsum([len(rows) for rows in atoms.rows]).tolist())
        features = _statistics(rows, None, None, weight, bounds, gram=True)
        splits = [
            PrimalSplit.from_atoms(features, train, test, fit_intercept, scale_features)
            for train, test in zip(atoms.train, atoms.test, strict=True)
        ]
        everything = np.arange(len(atoms.rows)), np.empty(0, np.intp)
        final = PrimalSplit.from_atoms(features, *everything, fit_intercept, scale_features)
        return cls(rows, order, bounds, weight, shift, tuple(splits), final)

    @property
    def n_splits(self) -> int:
        """How many folds there are."""
        return len(self.splits)

    def rotated(self, number: int, tile: Tile) -> Rotated:
        """A tile in the eigenbasis of a fold, against its validation set."""
        return self.splits[number].rotated(tile)

    @property
    def bytes(self) -> int:
        """What the feature side takes: rows, and eigenvectors and a factor a split."""
        n_features = self.rows.shape[1]
        return int(self.rows.nbytes) + 16 * n_features**2 * (len(self.splits) + 1)

    def bytes_per_target(self, itemsize: int) -> int:
        """What a target takes while its tile is scored, beyond its rows."""
        n_features = self.rows.shape[1]
        return (len(self.bounds) + 5) * n_features * itemsize

    def tile(self, y: np.ndarray, shift_y: np.ndarray) -> Tile:
        """Cross-products of a tile of targets, (row, target), a set per atom."""
        ordered = y if np.array_equal(self.order, np.arange(len(y))) else y[self.order]
        ordered = like(ordered, self.rows) if not isinstance(self.rows, np.ndarray) else ordered
        return _statistics(self.rows, ordered, shift_y, self.weight, self.bounds, gram=False)

    def predict(self, number: int, tile: Tile, alphas: Any) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a split's validation set, and their predictions, (row, target)."""
        split = self.splits[number]
        coef, train = split.solve(tile, alphas)
        tested = np.concatenate([np.arange(self.bounds[index], self.bounds[index + 1]) for index in split.test])
        # About the provisional shift, which is exact; the mean is small from there.
        centred = self.rows[tested] - like(train.shift_x * split.scale, self.rows)
        made = like(centred, coef) @ coef.T + like(train.shift_y, coef)
        return self.order[tested], on_cpu(made)

    def solve(self, tile: Tile, alphas: Any) -> tuple[np.ndarray, np.ndarray]:
        """The final fit: coefficients, (target, feature), and offsets, (target,).

        Predictions are coef (x - shift) + offset with the shift that the design was built with.
        """
        coef, train = self.final.solve(tile, alphas)
        xp = array_namespace(coef)
        away = xp.astype(coef, xp.float64) @ (train.shift_x * self.final.scale)
        return on_cpu(coef), on_cpu(train.shift_y - away)

    def spectrum(self, tile: Tile) -> Spectrum:
        """The final fit in orthonormal coordinates of its rows, for what leaves single rows out."""
        train, path = self.final.training(tile), self.final.path
        wide = array_namespace(train.xy).float64
        root = path.eigenvalues**0.5
        coordinates = (path.vectors.T @ array_namespace(train.xy).astype(train.xy, wide)) / root[:, None]
        return Spectrum(on_cpu(path.eigenvalues), on_cpu(coordinates), on_cpu(train.yy))

    def axes(self) -> np.ndarray:
        """Orthonormal coordinates of the rows of the final fit, divided by the roots of their weights, (row, axis), float64."""
        final = self.final
        features = SufficientStatistics.total(_statistics(self.rows, None, None, self.weight, self.bounds, gram=False))
        centre = features.centred(final.fit_intercept).shift_x
        back = np.argsort(self.order)
        wide = array_namespace(self.rows).astype(self.rows, array_namespace(self.rows).float64)
        return on_cpu(((wide - centre) / final.scale) @ (final.path.vectors / final.path.eigenvalues**0.5))[back]


def _statistics(rows: Any, y: Any | None, shift_y: Any | None, weight: Any | None, bounds: Sequence[int], gram: bool) -> Tile:
    zero = np.zeros(rows.shape[1])
    made = []
    for start, stop in pairwise(bounds):
        block = slice(start, stop)
        made.append(
            SufficientStatistics.from_rows(
                rows[block], None if y is None else y[block], None if weight is None else weight[block], zero, shift_y, gram
            )
        )
    return made
