"""How often the right category is decoded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from recortex.decoders.category_decoder import CategoryDecoder
from recortex.fits.pairs import Pairs
from recortex.metrics import correlation_matrix, hits, permutation_p
from recortex.scores.base import SAME_SCORE, TestedScores, as_columns, averaging, mean_of
from recortex.stage import Array, Figure, Result


class CategoryScores(TestedScores):
    """Accuracy over held-out trials, overall and for each category, with interval, chance by refitting and controls.

    The rungs of the null ladder, each followed by the difference to the real thing over the same trials:

    - `shuffled`: classifiers fitted on permuted pairs, the mean over all of them.
    - `mean`: always the most frequent label, counted over training and test trials, as the one that a fold holds out is the rarer in its
      training; where several are as frequent each has its share.
    - `trial_order`: the same classifier, given nothing of the brain but when each trial came.
    - `nearest`: the label of the training trial whose response correlates best.

    Parameters
    ----------
    decoder : CategoryDecoder
        What is scored.
    permutations, null, exchange, permute_within, resamples, seed
        As in every tested score. Where a category comes in blocks, `exchange: block`.
    """

    version: ClassVar[int] = 2
    decoder: CategoryDecoder

    returns: ClassVar[dict[str, Array]] = TestedScores.returns | {
        "null": Array(
            "permutation", "null_score", optional=True, about="accuracy of each refit on permuted pairs, overall and by label"
        ),
        "confusion": Array("shown", "named", about="how often each shown category (rows) was named as each (columns)"),
    }

    def compute(self) -> dict[str, Any]:
        """Count, resample, refit."""
        fitted, pairs = self.decoder.run(), self.decoder.pairs()
        labels, categories = fitted["label"], fitted["category"].tolist()
        used = np.unique(np.concatenate([side for fold in pairs.folds for side in (fold.train, fold.test)]))
        names, counts = np.unique(pairs.targets[used], return_counts=True)
        most = names[counts == counts.max()]
        rungs = {"mean": np.isin(labels, most) / len(most)}
        rungs |= {control: hits(labels, named) for control, named in self._controls(pairs).items()}
        subsets = ["", *categories]
        null, total, times = [], dict.fromkeys(categories, 0.0), dict.fromkeys(categories, 0)
        for source, refit in self.permuted(self.decoder, pairs, fitted["predicted"]):
            moved = pairs.measured(source)
            right = hits(moved, refit)
            null.append([mean_of(right[moved == subset] if subset else right) for subset in subsets])
            for category in categories:
                total[category] += right[moved == category].sum()
                times[category] += int(np.sum(moved == category))
        if null:
            rungs = {"shuffled": np.array([total[label] / times[label] for label in labels.tolist()])} | rungs
        nulls, right = np.array(null), hits(labels, fitted["predicted"])
        units = pairs.column(self.unit(), "exchange")[fitted["row"]]
        shared: dict[str, Any] = {
            "metric": "accuracy",
            "candidates": len(categories),
            "split": self.decoder.split_words(),
            "averaging": averaging(self.decoder.brain, fitted["row"]),
            "protocol": self.null_words(),
        }
        scores = []
        for place, subset in enumerate(subsets):
            rows = np.flatnonzero(labels == subset) if subset else np.arange(len(labels))
            row = self.scored(right[rows], units[rows], **shared, subset=subset)
            if null:
                row = replace(
                    row, p=float(permutation_p(row.value, nulls[:, place], SAME_SCORE)), chance=mean_of(nulls[:, place])
                )
            scores.append(row)
            if not subset:
                for control, other in rungs.items():
                    scores.append(self.scored(other, units, **shared, control=control))
                    scores.append(self.scored(right - other, units, **shared, control=control, summary="difference"))
        confusion = np.array(
            [[np.sum((labels == shown) & (fitted["predicted"] == named)) for named in categories] for shown in categories],
            dtype=float,
        )
        return as_columns(scores) | {"confusion": confusion} | ({"null": nulls} if null else {})

    def _controls(self, pairs: Pairs) -> dict[str, np.ndarray]:
        """Labels that each control names for the held-out trials."""
        nearest = np.empty_like(pairs.targets)
        for fold in pairs.folds:
            inputs, labels = pairs.inside(fold)
            likeness = correlation_matrix(inputs[fold.test], inputs[fold.train])
            nearest[fold.test] = labels[fold.train][np.argmax(np.nan_to_num(likeness, nan=-np.inf), axis=1)]
        ordered = self.decoder.from_trial_order(pairs)
        named = {"nearest": nearest[pairs.held_out()]}
        return named if ordered is None else named | {"trial_order": ordered}

    def figures(self, result: Result) -> list[Figure]:
        """What was taken for what."""
        from recortex.drawing import matrix

        names = self.decoder.run()["category"].tolist()
        share = result["confusion"] / result["confusion"].sum(axis=1, keepdims=True)
        return [
            Figure(
                "What was taken for what",
                f"Of {int(result['confusion'].sum())} held-out trials. A row is what was shown, a column what was named; its number is "
                "the share of the row.",
                matrix(share, names, names, "named", "shown"),
                "categories",
            )
        ]
