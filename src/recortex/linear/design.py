"""What a choice of alphas needs of the feature side of a cross-validation, in the space of features or in that of rows."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from recortex.linear.moments import Moments
from recortex.linear.spectrum import Spectrum

__all__ = ["Design", "Side", "Whole"]


class Rotated(Protocol):
    """A tile of targets in the eigenbasis of a training set, against its validation set."""

    def moments(self, alphas: Any, with_sums: bool) -> Moments:
        """Of the predictions at each alpha, (alpha,)."""

    def only(self, targets: np.ndarray) -> Rotated:
        """Some targets of the tile."""


class Whole(Protocol):
    """A tile in the eigenbasis of the fit on all rows."""

    def solve(self, alphas: Any) -> tuple[np.ndarray, np.ndarray]:
        """Weights on all rows, (target, feature or row), and offsets, (target,)."""

    def spectrum(self) -> Spectrum:
        """The same in orthonormal coordinates of the rows, for what leaves single rows out."""


class Side(Protocol):
    """The side that needs no target, built once; targets pass in tiles."""

    @property
    def n_splits(self) -> int:
        """How many folds there are."""

    def only(self, tile: Any, targets: np.ndarray) -> Any:
        """Some targets of a tile."""

    def rotated(self, number: int, tile: Any) -> Rotated:
        """A tile in the eigenbasis of a fold."""

    def whole(self, tile: Any) -> Whole:
        """A tile in the eigenbasis of the fit on all rows."""


class Design(Side, Protocol):
    """With the rows themselves, from which it makes tiles."""

    @property
    def bytes(self) -> int:
        """What it takes."""

    def bytes_per_target(self, itemsize: int) -> int:
        """What a target takes while its tile is scored, beyond its rows."""

    def tile(self, y: np.ndarray, shift_y: np.ndarray) -> Any:
        """Targets, (row, target), and shifts near their means, (target,), as the others take them."""

    def predict(self, number: int, tile: Any, alphas: Any) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a fold's validation set, and their predictions, (row, target)."""

    def axes(self) -> np.ndarray:
        """Orthonormal coordinates of the rows, divided by the roots of their weights, (row, axis), float64."""
