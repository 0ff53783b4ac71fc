"""How often the right category is decoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from recortex.decoders.category_decoder import CategoryDecoder
from recortex.metrics import bootstrap_interval, hits
from recortex.scores.base import Score, Scores, averaging


class CategoryScores(Scores):
    """Accuracy over held-out trials, overall and for each category, with interval over stimuli.

    Chance is the accuracy of always naming the most frequent label among the held-out trials.

    Parameters
    ----------
    decoder : CategoryDecoder
        What is scored.
    resamples : int
        Bootstrap samples of the stimuli.
    seed : int
        Draws them.
    """

    decoder: CategoryDecoder
    resamples: int = Field(default=2000, ge=2)
    seed: int = Field(default=0, ge=0)

    def score(self) -> Sequence[Score]:
        """Overall, then category by category."""
        fitted = self.decoder.run()
        right, labels = hits(fitted["label"], fitted["predicted"]), fitted["label"]
        categories, counts = np.unique(labels, return_counts=True)
        scores = []
        for subset in ("", *categories):
            rows = np.flatnonzero(labels == subset) if subset else np.arange(len(labels))
            interval = bootstrap_interval(right[rows], fitted["stimulus"][rows], n_resamples=self.resamples, seed=self.seed)
            scores.append(
                Score(
                    metric="accuracy",
                    summary="mean",
                    value=interval.value,
                    low=interval.low,
                    high=interval.high,
                    chance=float(counts.max() / counts.sum()) if not subset else float("nan"),
                    n=interval.n_groups,
                    n_unit="stimulus",
                    candidates=len(fitted["category"]),
                    subset=str(subset),
                    split=f"{self.decoder.split.describe()} [{fitted['split_hash']}]",
                    averaging=averaging(self.decoder.brain.run(), fitted["row"]),
                )
            )
        return scores
