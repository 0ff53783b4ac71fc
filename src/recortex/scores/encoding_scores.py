"""How well an encoder predicts held-out responses, beside what it reaches when there is nothing to learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.encoders.base import Encoder
from recortex.features.pairs import refit_permuted
from recortex.metrics import bootstrap_rows, unit_correlation
from recortex.progress import steps
from recortex.scores.base import NAN, Score, Scores, as_columns, averaging, p_value
from recortex.stage import Array, Figure, Result

SUMMARIES: dict[str, Callable[[np.ndarray], float]] = {
    "mean": np.nanmean,
    "p50": np.nanmedian,
    "p95": lambda values: np.nanpercentile(values, 95),
}


def _summaries(correlation: np.ndarray) -> list[float]:
    return [float(summary(correlation)) for summary in SUMMARIES.values()]


class EncodingScores(Scores):
    """Correlation over units: mean (with interval over stimuli), median and 95th percentile, each with a null of refits.

    The null refits the encoder after features were exchanged between stimuli, so that the whole procedure,
    choice of alpha included, meets data without a relation. With `permute_within` they are exchanged only inside a category:
    what is left then is what the category alone predicts, a harder null.

    Parameters
    ----------
    encoder : Encoder
        What is scored.
    permutations : int
        Refits with permuted pairs.
    permute_within : str
        Exchange features between all stimuli, or only between those that share this column of the trial table.
    resamples : int
        Bootstrap samples of the held-out stimuli.
    seed : int
        Draws both.
    """

    encoder: Encoder
    permutations: int = Field(default=100, ge=0)
    permute_within: Literal["", "category", "run", "session"] = ""
    resamples: int = Field(default=500, ge=2)
    seed: int = Field(default=0, ge=0)

    returns: ClassVar[dict[str, Array]] = Scores.returns | {
        "null": Array("permutation", "score", optional=True, about="the score of each refit on permuted pairs"),
        # not along "unit": that is a column of every table of scores
        "null_correlation": Array("scored_unit", optional=True, about="held-out correlation of each unit in one of these refits"),
    }

    def compute(self) -> dict[str, Any]:
        """Score, resample, refit."""
        fitted, pairs = self.encoder.run(), self.encoder.pairs()
        measured, prediction = pairs.responses[fitted["row"]], fitted["prediction"]
        correlation = fitted["correlation"]

        # of the mean alone: noise that resampling adds to each unit widens their distribution, so the bootstrap of a quantile over
        # units lies above the quantile itself
        draws = bootstrap_rows(fitted["stimulus"], self.resamples, self.seed)
        resampled = [
            float(np.nanmean(unit_correlation(measured[rows], prediction[rows])))
            for rows in steps(draws, "bootstrap samples", self.resamples)
        ]
        interval = dict(zip(("low", "high"), np.percentile(resampled, [2.5, 97.5]).tolist(), strict=True))

        rng = np.random.default_rng([self.seed, 1])
        null, null_correlation = np.empty((self.permutations, len(SUMMARIES))), None
        for number in steps(range(self.permutations), "permutations"):
            refit = refit_permuted(self.encoder.fit_folds, pairs, rng, "features", self.permute_within)
            null_correlation = unit_correlation(measured, refit)
            null[number] = _summaries(null_correlation)

        scores = [
            Score(
                metric="unit_correlation",
                summary=name,
                value=value,
                **(interval if name == "mean" else {}),
                p=p_value(value, null[:, column]) if len(null) else NAN,
                chance=float(null[:, column].mean()) if len(null) else NAN,
                n=len(np.unique(fitted["stimulus"])),
                n_unit="stimulus",
                split=f"{self.encoder.split.describe()} [{fitted['split_hash']}]",
                averaging=averaging(self.encoder.brain.run(), fitted["row"]),
                protocol=f"null within {self.permute_within}" if self.permute_within else "",
            )
            for column, (name, value) in enumerate(zip(SUMMARIES, _summaries(correlation), strict=True))
        ]
        out = as_columns(scores)
        return out if null_correlation is None else out | {"null": null, "null_correlation": null_correlation}

    def figures(self, result: Result) -> list[Figure]:
        """Measured units against one refit on permuted pairs."""
        from recortex.drawing import histogram

        if "null" not in result:
            return []
        at = result["summary"].tolist().index("p95")
        null, value = result["null"][:, at], result["value"][at]
        inside = f" inside the same {self.permute_within}" if self.permute_within else ""
        both = (self.encoder.run()["correlation"], result["null_correlation"])
        real, permuted = (values[np.isfinite(values)] for values in both)
        return [
            Figure(
                f"{self.encoder.features.type_name()} against chance",
                f"Blue: held-out correlation of {len(real)} units. Grey: the same after stimuli and responses were permuted{inside} and "
                f"everything was fitted again (one of {len(null)} times). The 95th percentile of the units is {value:.2f}; over "
                f"the permuted fits it is {null.mean():.2f} on average and {np.percentile(null, 99):.2f} at their 99th percentile. Over "
                "pooled folds a unit without signal lies a little below 0, because a training mean is high where the test mean is "
                "low: compare with the grey, not with 0.",
                histogram(real, "held-out correlation", "units", {"95th percentile": value}, permuted),
                "encoding",
            )
        ]
