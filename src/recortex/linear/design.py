"""The side of a cross-validated ridge that needs no target: rows, atoms, a decomposition of every split.

It is built once. Targets then pass in tiles: `Design.statistics` turns a tile into one set of cross-products
per atom, and splits score and solve it from these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recortex.errors import InvalidInput
from recortex.linear.folds import Atoms, Fold
from recortex.linear.path import RidgePath
from recortex.linear.row_space import RowSpace
from recortex.linear.statistics import SufficientStatistics

__all__ = ["Design", "Split", "build_designs"]

_NO_ATOMS = np.empty(0, np.intp)


@dataclass(frozen=True, eq=False)
class Split:
    """The feature side of one training set and, unless it is the final fit, one validation set.

    Attributes
    ----------
    train, test : int arrays
        Atoms of the design that are summed on either side; the final fit has no test atoms.
    fit_intercept : bool
    scale : array, (feature,)
        Training standard deviations, or ones.
    path : RidgePath
        Of the centred and scaled training Gram.
    factor : array, (rank, axis)
        Of the validation Gram, see `RidgePath.against`.
    """

    train: np.ndarray
    test: np.ndarray
    fit_intercept: bool
    scale: np.ndarray
    path: RidgePath
    factor: np.ndarray

    @classmethod
    def from_atoms(
        cls,
        atoms: Sequence[SufficientStatistics],
        train: np.ndarray,
        test: np.ndarray,
        fit_intercept: bool,
        scale_features: bool,
    ) -> Split:
        """Decompose one split, given the feature statistics of all atoms."""
        pooled = SufficientStatistics.total([atoms[index] for index in train])
        scale = pooled.scale_x if scale_features else np.ones(len(pooled.sum_x))
        centred = pooled.centred(fit_intercept).scaled(scale)
        path, factor = RidgePath.from_gram(centred.gram), np.zeros((0, 0))
        if test.size:
            held_out = SufficientStatistics.total([atoms[index] for index in test])
            held_out = held_out.scaled(scale).about(centred.shift_x, centred.shift_y)
            path, factor = path.against(held_out.gram)
        return cls(train, test, fit_intercept, scale, path, factor)

    def training(self, atoms: Sequence[SufficientStatistics]) -> SufficientStatistics:
        """Training statistics of a tile of targets, centred and scaled."""
        pooled = SufficientStatistics.total([atoms[index] for index in self.train])
        return pooled.centred(self.fit_intercept).scaled(self.scale)

    def losses(self, atoms: Sequence[SufficientStatistics], alphas: np.ndarray) -> np.ndarray:
        """Score a tile of targets on the validation set, (alpha, target)."""
        train = self.training(atoms)
        test = SufficientStatistics.total([atoms[index] for index in self.test]).scaled(self.scale)
        return self.path.losses(train.xy, test.about(train.shift_x, train.shift_y), self.factor, alphas)

    def coefficients(self, atoms: Sequence[SufficientStatistics], alphas: np.ndarray) -> tuple[np.ndarray, SufficientStatistics]:
        """Coefficients on the unscaled features, (target, feature), and the training statistics."""
        train = self.training(atoms)
        coef = self.path.coefficients(train.xy, alphas)
        coef /= self.scale.astype(coef.dtype)
        return coef, train


@dataclass(frozen=True, eq=False)
class Design:
    """Rows in the coordinates of the solver, cut into atoms, with the splits that draw on them.

    Attributes
    ----------
    rows : array, (row, feature or axis)
    shift : array, (feature or axis,), float64
        Provisional shift of `rows`.
    weight : array, (row,), or None
    atoms : tuple of int arrays
        Row indices of each atom.
    splits : tuple of Split
    space : RowSpace or None
        Where `rows` are coordinates in a row space rather than features.
    """

    rows: np.ndarray
    shift: np.ndarray
    weight: np.ndarray | None
    atoms: tuple[np.ndarray, ...]
    splits: tuple[Split, ...]
    space: RowSpace | None

    @classmethod
    def build(
        cls,
        rows: np.ndarray | RowSpace,
        shift: np.ndarray,
        weight: np.ndarray | None,
        atoms: tuple[np.ndarray, ...],
        sides: Sequence[tuple[np.ndarray, np.ndarray]],
        fit_intercept: bool,
        scale_features: bool,
    ) -> Design:
        """Accumulate the feature statistics once per atom and decompose every split.

        `sides` lists the (train, test) atoms of each split. A RowSpace is shifted and scaled already.
        """
        space = None
        if isinstance(rows, RowSpace):
            space, rows, scale_features = rows, rows.coordinates, False
            shift = np.zeros(rows.shape[1])
        bare = cls(rows, shift, weight, atoms, (), space)
        features = bare.statistics()
        splits = [Split.from_atoms(features, *side, fit_intercept, scale_features) for side in sides]
        return replace(bare, splits=tuple(splits))

    def statistics(self, y: np.ndarray | None = None, shift_y: np.ndarray | None = None) -> list[SufficientStatistics]:
        """One set of statistics per atom: of the features, or of a tile of targets next to them."""
        return [
            SufficientStatistics.from_rows(
                self.rows[rows],
                None if y is None else y[rows],
                None if self.weight is None else self.weight[rows],
                self.shift,
                shift_y,
                gram=y is None,
            )
            for rows in self.atoms
        ]

    def predict(self, split: Split, atoms: Sequence[SufficientStatistics], alphas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a split's validation set, and their predictions, (row, target)."""
        coef, train = split.coefficients(atoms, alphas)
        tested = np.concatenate([self.atoms[index] for index in split.test])
        # About the provisional shift first, which is exact; the mean is small from there.
        centred = self.rows[tested] - self.shift.astype(self.rows.dtype)
        centred -= (train.shift_x * split.scale - self.shift).astype(centred.dtype)
        return tested, centred @ coef.T + train.shift_y.astype(coef.dtype)

    def solve(self, X: np.ndarray, atoms: Sequence[SufficientStatistics], alphas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solve the final fit, the last split: coefficients, (target, feature), and offsets, (target,).

        Predictions are coef (x - shift) + offset with the shift that the design was built with.
        """
        final = self.splits[-1]
        coef, train = final.coefficients(atoms, alphas)
        offset = train.shift_y - coef @ (train.shift_x * final.scale - self.shift)
        return (coef if self.space is None else self.space.to_features(X, coef)), offset


def build_designs(
    X: np.ndarray,
    shift: np.ndarray,
    weight: np.ndarray | None,
    folds: Sequence[Fold],
    solver: str,
    fit_intercept: bool,
    scale_features: bool,
) -> list[Design]:
    """One design for all folds and the final fit, which is the last split of the last design.

    Only dual solutions with scaled features need more: the penalty is not invariant under scaling, so every
    training set has its own scales and thereby its own row space.
    """
    for number, fold in enumerate(folds):
        if weight is not None and not all(weight[side].any() for side in fold):
            raise InvalidInput(f"Fold {number} of cv has no sample_weight on its training or its test side")
    if solver == "dual" and scale_features:
        everything = (np.arange(len(X)), _NO_ATOMS)
        designs = []
        for train, test in [*folds, everything]:
            # Columns of X stand in the place of targets, whose moments come without a Gram matrix.
            seen = None if weight is None else weight[train]
            scale = SufficientStatistics.from_rows(X[train, :0], X[train], seen, shift_y=shift).scale_y
            space = RowSpace.from_rows(X, shift, scale)
            sides = (np.array([0]), np.array([1]) if test.size else _NO_ATOMS)
            atoms = (train, test) if test.size else (train,)
            designs.append(Design.build(space, shift, weight, atoms, [sides], fit_intercept, False))
        return designs
    parts = Atoms.from_folds(folds, len(X))
    splits = [*zip(parts.train, parts.test, strict=True), (np.arange(len(parts.rows)), _NO_ATOMS)]
    rows = RowSpace.from_rows(X, shift) if solver == "dual" else X
    return [Design.build(rows, shift, weight, parts.rows, splits, fit_intercept, scale_features)]
