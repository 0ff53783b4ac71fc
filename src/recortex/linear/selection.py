"""One alpha for every target: by folds, by generalised cross-validation, by leave-one-out, or by two of them in turn."""

from __future__ import annotations

from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from recortex.errors import InvalidInput
from recortex.linear.design import Side, Whole
from recortex.linear.device import on_cpu
from recortex.linear.independent import Units
from recortex.linear.moments import SCORES
from recortex.linear.spectrum import LeaveOneOut, gcv_errors

__all__ = ["SELECTIONS", "Choice", "Selection", "check", "is_centred"]

_BESIDE = np.array([[-1], [0], [1]])
SELECTIONS = ("kfold", "gcv", "loo", "gcv+kfold")


class Choice(NamedTuple):
    """What was chosen for a tile of targets.

    Attributes
    ----------
    place : int array, (target,)
        Of the chosen alpha among the candidates.
    scores : array, (alpha, target), float64
        NaN where an alpha was not scored.
    whole : Whole or None
        Of the tile, where the choice asked for it.
    """

    place: np.ndarray
    scores: np.ndarray
    whole: Whole | None = None


class Selection:
    """A way to choose, for one design.

    Parameters
    ----------
    kind : {"kfold", "gcv", "loo", "gcv+kfold"}
    score : {"neg_mse", "r2", "r"}
        "gcv" and "loo" know no folds: their "r2" is over all rows, and "r" is refused.
    alphas : array, (alpha,)
    design : Side
    units : Units or None
        The independent rows; None for "kfold", which asks for none.
    axes : array, (row, axis), optional
        For "loo": `Design.axes`.
    centred : bool
        Whether features have mean 0, no intercept is fitted and there are no more units than features: then left-out rows of centred
        targets are no test.

    Raises
    ------
    InvalidInput
        Groups of several rows for "gcv", "r" without folds, or data that were centred before.
    """

    def __init__(
        self,
        kind: str,
        score: str,
        alphas: np.ndarray,
        design: Side,
        units: Units | None,
        axes: np.ndarray | None = None,
        centred: bool = False,
    ):
        if kind in ("gcv", "loo") and score == "r":
            raise InvalidInput(f"selection={kind!r} has no folds within which r could be computed; use scoring='neg_mse' or 'r2'")
        if units is not None and "gcv" in kind and not units.alone:
            raise InvalidInput(
                f"selection={kind!r} leaves out one row at a time, and the groups hold several different rows each; use "
                "selection='kfold', or 'loo', which leaves out whole groups"
            )
        if units is not None and units.group.max() < 1:
            raise InvalidInput(
                f"selection={kind!r} needs two independent rows or groups, and there is one (n_samples={units.count})"
            )
        self.kind, self.score, self.alphas, self.design, self.units = kind, score, alphas, design, units
        self.centred = centred
        self.left_out: LeaveOneOut | None = None
        self.making = Lock()
        self.axes = None if axes is None or units is None else axes[units.row[units.start]] * units.weight[:, None] ** 0.5
        self.descending = np.argsort(-alphas, kind="stable")

    def choose(self, tile: Any, y: np.ndarray | None) -> Choice:
        """Choose for a tile of targets.

        Parameters
        ----------
        tile
            As the design made it.
        y : array, (row, target), or None
            The targets themselves, about a shift, where `reads_rows`.
        """
        if self.kind == "kfold":
            return self._chosen(self._by_folds(tile))
        if y is not None and self.centred and is_centred(y).mean() > 0.5:
            raise InvalidInput(
                f"selection={self.kind!r} cannot be trusted where X and y were centred before, with no more rows than features: each row "
                "is minus the sum of the others, so every alpha but the smallest looks bad; leave the data as they are and set "
                "fit_intercept=True"
            )
        whole = self.design.whole(tile)
        if self.kind == "gcv+kfold":
            return self._refined(tile, y, whole)
        return self._chosen(self._by_gcv(whole, y) if self.kind == "gcv" else self._by_loo(whole, y), whole)

    @property
    def reads_rows(self) -> bool:
        """Whether a choice asks for the targets of single rows."""
        if self.units is None:
            return False
        return self.kind == "loo" or self.centred or self.units.has_repeats or (self.kind == "gcv" and self.score != "neg_mse")

    def _chosen(self, scores: np.ndarray, whole: Whole | None = None) -> Choice:
        return Choice(self._largest_of_best(scores), scores, whole)

    def _by_folds(self, tile: Any) -> np.ndarray:
        total = sum(
            on_cpu(self.design.rotated(number, tile).moments(self.alphas, self.score == "r").score(self.score))
            for number in range(self.design.n_splits)
        )
        return np.asarray(total) / self.design.n_splits

    def _by_gcv(self, whole: Whole, y: np.ndarray | None) -> np.ndarray:
        assert self.units is not None
        within = 0.0 if y is None else self.units.within(y)
        return self._as_score(gcv_errors(whole.spectrum(), self.units, within, self.alphas), y)

    def _by_loo(self, whole: Whole, y: np.ndarray | None) -> np.ndarray:
        assert self.units is not None and self.axes is not None and y is not None
        spectrum = whole.spectrum()
        means, within = self._unit_means(y)
        with self.making:  # by the first of the targets that pass side by side
            if self.left_out is None:
                self.left_out = LeaveOneOut(self.axes, spectrum.eigenvalues, self.units, self.alphas, means.dtype)
        errors = []
        for place in range(len(self.alphas)):
            left = self.left_out.residuals(spectrum.coordinates, means, place)
            errors.append((np.einsum("ij,ij->j", left, left) + within) / self.units.total)
        return self._as_score(np.array(errors), y)

    def _refined(self, tile: Any, y: np.ndarray | None, whole: Whole) -> Choice:
        """The best alpha of generalised cross-validation, then by folds uphill from it, until both neighbours are no better."""
        order = np.argsort(self.alphas, kind="stable")
        last = len(order) - 1
        at = np.argsort(order)[self._largest_of_best(self._by_gcv(whole, y))]
        scores = np.full((len(order), len(at)), np.nan)
        columns = np.arange(len(at))
        while columns.size:
            beside = np.clip(at[columns] + _BESIDE, 0, last)
            wanted = np.zeros((len(order), len(columns)), bool)
            wanted[beside, np.arange(len(columns))] = True
            wanted &= np.isnan(scores[:, columns])
            self._score(scores, wanted, columns, self.design.only(tile, columns), self.alphas[order])
            known = np.where(np.isnan(scores[:, columns]), -np.inf, scores[:, columns])
            at[columns] = last - known[::-1].argmax(axis=0)
            columns = columns[np.isnan(scores[np.clip(at[columns] + _BESIDE, 0, last), columns]).any(axis=0)]
        back = np.empty_like(scores)
        back[order] = scores
        return Choice(order[at], back, whole)

    def _score(self, scores: np.ndarray, wanted: np.ndarray, columns: np.ndarray, tile: Any, grid: np.ndarray) -> None:
        """Fill in scores of folds where they are wanted, (alpha, column): the targets that want one alpha together."""
        scores[:, columns] = np.where(wanted, 0.0, scores[:, columns])
        for number in range(self.design.n_splits):
            rotated = self.design.rotated(number, tile)
            for place in np.flatnonzero(wanted.any(axis=1)):
                some = np.flatnonzero(wanted[place])
                made = rotated.only(some).moments(grid[place : place + 1], self.score == "r").score(self.score)
                scores[place, columns[some]] += on_cpu(made)[0] / self.design.n_splits

    def _largest_of_best(self, scores: np.ndarray) -> np.ndarray:
        """Of equal scores the largest alpha."""
        return self.descending[np.argmax(scores[self.descending], axis=0)]

    def _as_score(self, errors: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        if self.score == "neg_mse" or y is None:
            return -errors
        assert self.units is not None
        means, within = self._unit_means(y)
        spread = (np.einsum("ij,ij->j", means, means) + within) / self.units.total
        return np.where(spread > 0, 1.0 - errors / np.where(spread > 0, spread, 1.0), 0.0)

    def _unit_means(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centred means of units with the roots of their weights, (unit, target), and the sum of squares within units."""
        assert self.units is not None
        means, within = self.units.means(y), self.units.within(y)
        weight = self.units.weight
        if self.units.fit_intercept:
            means = means - ((weight / weight.sum()) @ means).astype(means.dtype)
        return means if (weight == 1).all() else means * weight[:, None].astype(means.dtype) ** 0.5, within


def is_centred(values: np.ndarray) -> np.ndarray:
    """Which columns have a mean of 0, but for rounding in float32."""
    return np.abs(values.mean(axis=0, dtype=np.float64)) <= 1e-6 * values.std(axis=0, dtype=np.float64)


def check(selection: str, score: str) -> None:
    """Refuse a way to choose that there is not.

    Raises
    ------
    InvalidInput
    """
    for name, value, known in (("selection", selection, SELECTIONS), ("score", score, SCORES)):
        if value not in known:
            raise InvalidInput(f"{name} must be one of {', '.join(known)}, got {value!r}")
