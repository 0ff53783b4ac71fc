"""Ridge in the space of features: the side of a cross-validation that needs no target, built once.

Targets then pass in tiles: cross-products, a set an atom of the folds, from which splits score and solve them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from recortex.linear.atom_rows import AtomRows, Pair, Tile
from recortex.linear.device import like, on_cpu
from recortex.linear.path import RidgePath, Rotated
from recortex.linear.spectrum import Spectrum
from recortex.linear.statistics import SufficientStatistics

__all__ = ["FeatureSide", "Primal", "PrimalSplit"]


@dataclass(frozen=True, eq=False)
class PrimalSplit:
    """The feature side of one training set and, unless it is the final fit, one validation set.

    Attributes
    ----------
    train, test : int arrays
        Atoms that are summed on either side; the final fit has no test atoms.
    fit_intercept : bool
    scale : array, (feature,), float64
        Training standard deviations, or ones, divided by the gain of each feature.
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
        cls,
        atoms: Tile,
        train: np.ndarray,
        test: np.ndarray,
        fit_intercept: bool,
        scale_features: bool,
        gain: Any | None = None,
    ) -> PrimalSplit:
        """Decompose one split, given the feature statistics of all atoms.

        `gain`, (feature,), multiplies features (0 leaves one out), which is the same as dividing their penalty by its square.
        """
        pooled = SufficientStatistics.total([atoms[index] for index in train])
        scale = pooled.scale_x if scale_features else 0.0 * pooled.sum_x + 1.0
        if gain is not None:
            xp, gain = array_namespace(scale), like(gain, scale)
            scale = xp.where(gain > 0, scale / xp.where(gain > 0, gain, 1.0), np.inf)
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
class PrimalWhole:
    """A tile of targets in the eigenbasis of the fit on all rows.

    Attributes
    ----------
    final : PrimalSplit
    train : SufficientStatistics
        Of all rows, centred and scaled.
    basis : array, (axis, target)
        B.
    """

    final: PrimalSplit
    train: SufficientStatistics
    basis: Any

    def solve(self, alphas: Any) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients, (target, feature), and offsets, (target,).

        Predictions are coef x + offset, with features about what they were about when the statistics were made.
        """
        coef = self.final.path.coefficients(self.basis, alphas)
        coef, xp = coef / like(self.final.scale, coef), array_namespace(coef)
        away = xp.astype(coef, xp.float64) @ self.train.shift_x_of(self.final.scale)
        return on_cpu(coef), on_cpu(self.train.shift_y - away)

    def spectrum(self) -> Spectrum:
        """The fit in orthonormal coordinates of its rows, for what leaves single rows out."""
        eigenvalues = on_cpu(self.final.path.eigenvalues)
        coordinates = on_cpu(self.basis) / (eigenvalues**0.5).astype(on_cpu(self.basis).dtype)[:, None]
        return Spectrum(eigenvalues, coordinates, on_cpu(self.train.yy))


@dataclass(frozen=True, eq=False)
class FeatureSide:
    """Every split of a cross-validation decomposed, and all atoms together.

    Attributes
    ----------
    splits : tuple of PrimalSplit
        One a fold.
    final : PrimalSplit
        On all atoms.
    """

    splits: tuple[PrimalSplit, ...]
    final: PrimalSplit

    @classmethod
    def build(
        cls, features: Tile, sides: Sequence[Pair], fit_intercept: bool, scale_features: bool, gain: Any | None = None
    ) -> FeatureSide:
        """From the statistics of atoms; `sides` lists the (train, test) atoms of each fold."""
        everything = np.arange(len(features)), np.empty(0, np.intp)
        splits = [PrimalSplit.from_atoms(features, *side, fit_intercept, scale_features, gain) for side in (*sides, everything)]
        return cls(tuple(splits[:-1]), splits[-1])

    @property
    def n_splits(self) -> int:
        """How many folds there are."""
        return len(self.splits)

    def only(self, tile: Tile, targets: np.ndarray) -> Tile:
        """Some targets of a tile."""
        return [atom.targets(targets) for atom in tile] if len(targets) < len(tile[0].yy) else tile

    def rotated(self, number: int, tile: Tile) -> Rotated:
        """A tile in the eigenbasis of a fold, against its validation set."""
        return self.splits[number].rotated(tile)

    def whole(self, tile: Tile) -> PrimalWhole:
        """A tile in the eigenbasis of the fit on all atoms."""
        train = self.final.training(tile)
        return PrimalWhole(self.final, train, self.final.path.rotate(train))


@dataclass(frozen=True, eq=False)
class Primal(FeatureSide):
    """With the rows themselves.

    Attributes
    ----------
    data : AtomRows
    """

    data: AtomRows

    @classmethod
    def of(cls, data: AtomRows, fit_intercept: bool, scale_features: bool) -> Primal:
        """Accumulate the feature statistics once per atom and decompose every split."""
        side = FeatureSide.build(data.features(), data.sides, fit_intercept, scale_features)
        return cls(side.splits, side.final, data)

    @property
    def bytes(self) -> int:
        """What the feature side takes: rows, and eigenvectors and a factor a split."""
        rows = self.data.rows
        return int(rows.nbytes) + 16 * rows.shape[1] ** 2 * (len(self.splits) + 1)

    def bytes_per_target(self, itemsize: int) -> int:
        """What a target takes while its tile is scored, beyond its rows."""
        return (2 * len(self.data.bounds) + 8) * self.data.rows.shape[1] * itemsize

    def tile(self, y: np.ndarray, shift_y: np.ndarray) -> Tile:
        """Cross-products of a tile of targets, (row, target), a set an atom."""
        return self.data.tile(y, shift_y)

    def predict(self, number: int, tile: Tile, alphas: Any) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a split's validation set, and their predictions, (row, target)."""
        split, data = self.splits[number], self.data
        coef, train = split.solve(tile, alphas)
        tested = np.concatenate([np.arange(data.bounds[index], data.bounds[index + 1]) for index in split.test])
        # About the provisional shift, which is exact; the mean is small from there.
        centred = data.rows[tested] - like(train.shift_x_of(split.scale), data.rows)
        made = like(centred, coef) @ coef.T + like(train.shift_y, coef)
        return data.order[tested], on_cpu(made)

    def axes(self) -> np.ndarray:
        """Orthonormal coordinates of the rows of the final fit, divided by the roots of their weights, (row, axis), float64."""
        final, data = self.final, self.data
        features = SufficientStatistics.total(data.features())
        centre = features.centred(final.fit_intercept).shift_x
        xp = array_namespace(data.rows)
        centred = (xp.astype(data.rows, xp.float64) - centre) / final.scale
        back = np.argsort(data.order)
        return on_cpu(centred @ (final.path.vectors / final.path.eigenvalues**0.5))[back]
