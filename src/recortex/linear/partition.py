"""How much of the variance each band of features explains: alone, beyond the others, and by Shapley's rule.

Every subset of bands is fitted with alphas of its own, from the statistics that all subsets share: no row is read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from recortex.errors import InvalidInput
from recortex.linear.device import like, on_cpu
from recortex.linear.moments import Moments
from recortex.linear.primal import FeatureSide
from recortex.linear.selection import Selection
from recortex.linear.statistics import SufficientStatistics

__all__ = ["VariancePartition", "variance_partition"]

_TARGETS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class VariancePartition:
    """R2 on held-out data of every subset of bands.

    Attributes
    ----------
    bands : tuple of str
    subsets : tuple of tuples of str
        All but the empty one, the small ones first; the last is all bands.
    r2 : array, (subset, target), float64
        On the test statistics; it may be negative.
    best_alphas : array, (subset, target)
    """

    bands: tuple[str, ...]
    subsets: tuple[tuple[str, ...], ...]
    r2: np.ndarray
    best_alphas: np.ndarray

    @cached_property
    def _by_subset(self) -> dict[frozenset[str], np.ndarray]:
        known = {frozenset(subset): values for subset, values in zip(self.subsets, self.r2, strict=True)}
        return known | {frozenset(): np.zeros(self.r2.shape[1])}

    def of(self, *bands: str) -> np.ndarray:
        """R2 of some bands together, (target,)."""
        return self._by_subset[frozenset(bands)]

    @property
    def unique(self) -> np.ndarray:
        """What each band adds to all others, (band, target); on held-out data it may be negative, and is not clipped."""
        everything = frozenset(self.bands)
        return np.array([self._by_subset[everything] - self._by_subset[everything - {band}] for band in self.bands])

    @property
    def shapley(self) -> np.ndarray:
        """What each band adds, averaged over all orders of adding bands (Shapley 1953), (band, target); they sum to R2 of all."""
        count, shares = len(self.bands), []
        for band in self.bands:
            others = [other for other in self.bands if other != band]
            share = np.zeros(self.r2.shape[1])
            for size in range(count):
                orders = factorial(size) * factorial(count - size - 1) / factorial(count)
                for chosen in combinations(others, size):
                    share += orders * (self.of(*chosen, band) - self.of(*chosen))
            shares.append(share)
        return np.array(shares)


def variance_partition(
    groups: Sequence[SufficientStatistics],
    test: SufficientStatistics,
    bands: Mapping[str, Any],
    alphas: Sequence[float],
    *,
    folds: Sequence[tuple[Sequence[int], Sequence[int]]] | None = None,
    scoring: str = "neg_mse",
    fit_intercept: bool = True,
    scale_features: bool = False,
) -> VariancePartition:
    """Fit every subset of bands from stored statistics, and score it on those of held-out rows.

    Parameters
    ----------
    groups : sequence of SufficientStatistics
        Of training rows, a set a group (run, session, fold); a group stays on one side of every fold.
    test : SufficientStatistics
        Of held-out rows.
    bands : mapping of str to index
        Which features, (feature,), are whose.
    alphas : sequence of float
    folds : sequence of (train, test) lists of groups, optional
        For the choice of alphas; without it each group is left out once.
    scoring, fit_intercept, scale_features
        As in `RidgeCV`.

    Returns
    -------
    VariancePartition

    Raises
    ------
    InvalidInput
        No bands, a band without features, or fewer than two groups.
    """
    names = tuple(bands)
    everything = np.arange(groups[0].xy.shape[0]) if groups else np.empty(0, int)
    index = {name: everything[bands[name]] for name in names}
    if empty := [name for name in names if not index[name].size]:
        raise InvalidInput(f"band {empty[0]} has no features")
    if not names or len(groups) < 2:
        raise InvalidInput(f"a partition needs a band and two groups to choose alphas with, got {len(names)} and {len(groups)}")
    if folds is None:
        folds = [([other for other in range(len(groups)) if other != left], [left]) for left in range(len(groups))]
    sides = [(np.asarray(train), np.asarray(tested)) for train, tested in folds]
    subsets = tuple(subset for size in range(1, len(names) + 1) for subset in combinations(names, size))
    grid = np.asarray(alphas, np.float64)
    r2, chosen = [], []
    for subset in subsets:
        features = np.concatenate([index[name] for name in subset])
        restricted = [group.restricted(features) for group in groups]
        side = FeatureSide.build(restricted, sides, fit_intercept, scale_features)
        selection = Selection("kfold", scoring, grid, side, None)
        scored = [
            _held_out(side, selection, [group.targets(some) for group in restricted], test.restricted(features).targets(some))
            for some in _tiles(groups[0].xy.shape[1])
        ]
        r2.append(np.concatenate([score for score, _ in scored]))
        chosen.append(np.concatenate([alpha for _, alpha in scored]))
    return VariancePartition(names, subsets, np.array(r2), np.array(chosen))


def _tiles(n_targets: int) -> list[slice]:
    return [slice(start, start + _TARGETS_AT_ONCE) for start in range(0, n_targets, _TARGETS_AT_ONCE)]


def _held_out(
    side: FeatureSide, selection: Selection, tile: list[SufficientStatistics], test: SufficientStatistics
) -> tuple[np.ndarray, np.ndarray]:
    """R2 on held-out rows and alphas, (target,)."""
    best = selection.alphas[selection.choose(tile, None).place]
    coef, train = side.final.solve(tile, best)
    seen = test.about(train.shift_x_of(side.final.scale), train.shift_y)
    xp = array_namespace(coef)
    products = xp.sum(coef.T * seen.xy, axis=0)
    squares = xp.sum(coef.T * (like(seen.gram, coef) @ coef.T), axis=0)
    sums = coef @ like(seen.sum_x, coef)
    wide = [xp.astype(values, xp.float64)[None] for values in (products, squares, sums)]
    return on_cpu(Moments(seen.n, seen.sum_y, seen.yy, *wide).score("r2"))[0], best
