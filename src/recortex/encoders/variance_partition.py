"""How much of each unit's variance every feature space explains: alone, beyond the others, and by Shapley's rule."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from recortex.encoders._linear import LinearEncoder
from recortex.errors import InvalidInput
from recortex.features.bands import Bands
from recortex.fits.pairs import Pairs
from recortex.progress import steps
from recortex.splits.base import Fold
from recortex.stage import Array, Figure, Result

MOST_BANDS = 8  # 255 subsets
ALL = "all bands together"
_AT_ONCE_BYTES = 2**29  # of cross-products


class VariancePartition(LinearEncoder):
    """Ridge regression on every subset of feature spaces, and what each space adds to the variance explained on held-out trials.

    Each subset has an alpha of its own for every unit, chosen over folds of training trials; R2 is over the held-out trials of all folds
    together, as in every encoder, and an offset counts. What a space explains beyond all others is its unique variance; its Shapley
    value is what it adds on average over all orders of adding spaces, and these sum to the R2 of all. Either may be negative on held-out
    trials, and is not clipped. Prediction, coef and best_alpha are those of all spaces together.

    Parameters
    ----------
    brain, split, normalise, normalise_by
        As in every encoder.
    features : Bands
        Two to eight feature spaces side by side.
    alphas, cv, device
        As in every linear encoder.
    standardise : bool
        Whether features are scaled to unit variance, by training trials of each inner fold alone; for bands of fewer features than
        training trials.
    """

    features: Bands

    returns: ClassVar[dict[str, Array]] = LinearEncoder.returns | {
        "band": Array("band", dtype="str", units="", about="names of the bands"),
        "subset": Array("subset", dtype="str", units="", about="subsets of bands, the small ones first; the last is all"),
        "member": Array("subset", "band", dtype="bool", units="", about="whether a subset has a band"),
        "subset_r2": Array("subset", "unit", about="coefficient of determination of each subset over held-out trials"),
        "subset_alpha": Array("fold", "subset", "unit", about="chosen penalty of each subset"),
        "unique": Array("band", "unit", about="R2 of all bands less that of all others"),
        "shapley": Array("band", "unit", about="what a band adds to R2, the mean over all orders of adding bands"),
    }

    def estimator(self) -> Any:
        """A fresh RidgeCV, of all bands together."""
        from recortex.linear import RidgeCV

        return RidgeCV(self.alphas, cv=self.cv, scale_features=self.standardise, device=self.device)

    def expect(self) -> dict[str, int]:
        """And its bands, and their subsets."""
        sizes, count = super().expect(), len(self.features.spaces)
        return sizes | {"band": count, "subset": 2**count - 1} if sizes else {}

    def check_ready(self) -> None:
        """There must be something to part, and not too much."""
        if not 2 <= (count := len(self.features.spaces)) <= MOST_BANDS:
            raise InvalidInput(
                f"features: {count} bands cannot be parted; give 2 to {MOST_BANDS}, as every subset of them is fitted"
                + ("" if count < 2 else ": join some with a Bands of their own")
            )

    def _of(self, units: slice) -> dict[str, Any]:
        from recortex.linear.partition import VariancePartition as Partition

        self.check_ready()
        pairs, names = self.pairs(units), tuple(self.features.spaces)
        if alone := [fold.name for fold in pairs.folds if len(fold.test) < 2]:
            raise InvalidInput(
                f"split: fold {alone[0]} holds out a single trial, and one has no variance to part; hold out more in each fold"
            )
        whole = super()._of(units)
        measured = pairs.measured().astype(np.float64)
        error, alphas = np.zeros((2 ** len(names) - 1, measured.shape[1])), []
        for fold in steps(pairs.folds, "folds"):
            squares, chosen = self._of_fold(pairs, fold)
            error += squares
            alphas.append(chosen)
        spread = ((measured - measured.mean(axis=0)) ** 2).sum(axis=0)
        subsets = tuple(subset for size in range(1, len(names) + 1) for subset in combinations(names, size))
        r2 = 1.0 - error / np.where(spread > 0, spread, np.nan)
        parts = Partition(names, subsets, r2, np.empty(0))
        return whole | {
            "band": self.features.names(),
            "subset": np.array([" + ".join(subset) for subset in subsets]),
            "member": np.array([[name in subset for name in names] for subset in subsets]),
            "subset_r2": r2,
            "subset_alpha": np.stack(alphas),
            "unique": parts.unique,
            "shapley": parts.shapley,
        }

    def figures(self, result: Result) -> list[Figure]:
        """How well the units are predicted, and by which bands."""
        return [*super().figures(result), *self._bands_drawn(result), *self._bands_mapped(result)]

    def _bands_drawn(self, result: Result) -> list[Figure]:
        from recortex.drawing import Rung, ladder

        everything = result["subset_r2"][-1]
        known = np.isfinite(everything)
        if not known.any():
            return []
        rungs = []
        for band, shapley, unique in zip(result["band"].tolist(), result["shapley"], result["unique"], strict=True):
            rungs += [(f"{band}, beyond the others", unique), (f"{band}, Shapley value", shapley)]
        drawn = [Rung(name, *np.percentile(values[known], [50, 25, 75])) for name, values in [*rungs, (ALL, everything)]]
        return [
            Figure(
                "Variance by band",
                f"R2 over {result.shape('row')[0]} held-out trials, {self.split.describe()}: what each band adds to all others, what "
                "it adds on average over all orders (Shapley values, whose sum in each unit is the R2 of all bands), and all bands "
                f"together. Dots are medians over all {int(known.sum())} units, also those that nothing predicts; bars run from the "
                "first to the third quartile. Below 0 a band cost more by what was fitted to noise than it explained.",
                ladder(drawn, ALL, "R2 over held-out trials"),
                "encoding",
            )
        ]

    def _bands_mapped(self, result: Result) -> list[Figure]:
        from recortex.drawing import brain_labels

        correlation = result["correlation"]
        least = 2 / np.sqrt(len(np.unique(result["stimulus"])))
        heard = np.nan_to_num(correlation) > least
        best = result["band"][np.nan_to_num(result["shapley"], nan=-np.inf).argmax(axis=0)]
        places: Mapping[str, Any] = self.brain.cached() or {}
        drawn = brain_labels(np.where(heard, best, ""), places, "band that adds most", result["band"].tolist())
        if not drawn or not heard.any():
            return []
        return [
            Figure(
                "Which band explains most",
                f"The band with the largest Shapley value, in the {int(heard.sum())} of {len(heard)} units whose held-out correlation is "
                f"above {least:.2f}, twice what its standard error would be without any relation. A small lead counts like a large one.",
                drawn,
                "encoding",
            )
        ]

    def _of_fold(self, pairs: Pairs, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """Sums of squared errors on the fold's test trials, and penalties, (subset, unit) each."""
        from recortex.linear import SufficientStatistics, variance_partition
        from recortex.linear.atom_rows import AtomRows
        from recortex.linear.device import on_device
        from recortex.linear.folds import resolve_folds

        inputs, targets = pairs.inside(fold)
        dtype = np.result_type(inputs, targets)
        train, test, band = self._rows(inputs.astype(dtype, copy=False), fold)
        columns = {name: np.flatnonzero(band == number) for number, name in enumerate(self.features.spaces)}
        none = np.zeros(len(band))
        inner = resolve_folds(self.cv, train, None, pairs.groups[fold.train])
        data = AtomRows.build(train, none, None, inner, self.device)
        grams, held_out = data.features(), on_device(test, self.device)
        gram = SufficientStatistics.from_rows(held_out, None, None, none).gram
        squares, penalties = [], []
        width = max(64, _AT_ONCE_BYTES // ((len(inner) + 1) * max(len(band), 1) * dtype.itemsize))
        for start in range(0, targets.shape[1], width):
            fitted, scored = (targets[side, start : start + width].astype(dtype, copy=False) for side in (fold.train, fold.test))
            shift = fitted.mean(axis=0, dtype=np.float64)
            groups = [tile.with_gram(atom.gram) for tile, atom in zip(data.tile(fitted, shift), grams, strict=True)]
            seen = SufficientStatistics.from_rows(held_out, on_device(scored, self.device), None, none, shift, gram=False)
            words: dict[str, Any] = {"folds": data.sides, "scale_features": self.standardise}
            found = variance_partition(groups, seen.with_gram(gram), columns, self.alphas, **words)
            variance = scored.var(axis=0, dtype=np.float64)
            # where the test trials of a fold are all the same, their R2 does not tell the error
            squares.append((1.0 - found.r2) * len(scored) * np.where(variance > 0, variance, np.nan))
            penalties.append(found.best_alphas)
        return np.concatenate(squares, axis=1), np.concatenate(penalties, axis=1)

    def _rows(self, inputs: np.ndarray, fold: Fold) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features of training and test trials about the training mean, (trial, axis), and the number of each one's band, (axis,).

        A band of more features than training trials is turned into the space that these span, which changes no ridge.
        """
        from recortex.linear.band_space import BandSpace

        names, number = np.unique(self.features.run()["band"], return_inverse=True)
        train, test = inputs[fold.train], inputs[fold.test]
        shift = train.mean(axis=0, dtype=np.float64).astype(inputs.dtype)
        space = BandSpace.of(train, shift, number)
        wide = [name for name, basis in zip(names.tolist(), space.bases, strict=True) if basis is not None]
        if wide and self.standardise:
            raise InvalidInput(
                f"standardise: band {wide[0]} has {int((number == names.tolist().index(wide[0])).sum())} features, more than the "
                f"{len(train)} training trials of fold {fold.name}, and cannot be scaled in each inner fold; set standardise: false"
            )
        away = test - shift
        along = [
            away[:, mine] if basis is None else away[:, mine] @ basis.T.astype(inputs.dtype)
            for mine, basis in zip(space.columns, space.bases, strict=True)
        ]
        return space.rows, np.concatenate(along, axis=1), space.band
