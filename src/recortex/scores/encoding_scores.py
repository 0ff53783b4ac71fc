"""How well an encoder predicts held-out responses, beside what it reaches when there is nothing to learn, and what noise permits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.encoders.base import Encoder
from recortex.fits.baselines import training_means
from recortex.fits.pairs import Pairs
from recortex.metrics import bootstrap_rows, false_discovery, family_wise_p, permutation_p, unit_correlation
from recortex.progress import steps
from recortex.responses.noise_ceiling import NoiseCeiling
from recortex.scores.base import NAN, SAME_SCORE, Score, TestedScores, as_columns, averaging, mean_of
from recortex.stage import Array, Figure, Node, Result

SUMMARIES: dict[str, Callable[[np.ndarray], float]] = {
    "mean": np.nanmean,
    "p50": np.nanmedian,
    "p95": lambda values: np.nanpercentile(values, 95),
}
LEVEL = 0.05


def _summaries(correlation: np.ndarray) -> list[float]:
    return [float(summary(correlation)) if np.isfinite(correlation).any() else NAN for summary in SUMMARIES.values()]


def _mean(measured: np.ndarray, prediction: np.ndarray) -> float:
    return _summaries(unit_correlation(measured, prediction))[0]


class EncodingScores(TestedScores):
    """Correlation over units, with interval, chance by refitting, noise ceiling, and the units that stand out from chance.

    Mean (with interval), median and 95th percentile over units. The null refits the encoder after responses were exchanged between
    stimuli, so that the whole procedure, choice of alpha included, meets data without a relation. Beside the mean stand two
    controls with the interval of the paired difference: `class_mean`, the training mean of each trial's true category, and
    `trial_order`, the same encoder from nothing but when each trial came. Normalised scores count only units whose ceiling is
    at least `least_ceiling`.

    Parameters
    ----------
    encoder : Encoder
        What is scored.
    permutations, null, exchange, permute_within, resamples, seed
        As in every tested score.
    least_ceiling : float
        Explainable variance from which on a unit counts in normalised scores.
    """

    version: ClassVar[int] = 2
    encoder: Encoder
    resamples: int = Field(default=500, ge=2)
    least_ceiling: float = Field(default=0.1, gt=0, lt=1)

    # "scored_unit", as "unit" is a column of every table of scores
    returns: ClassVar[dict[str, Array]] = TestedScores.returns | {
        "null": Array("permutation", "summary_score", optional=True, about="mean, p50 and p95 of each fit on permuted pairs"),
        "null_correlation": Array("scored_unit", optional=True, about="held-out correlation of each unit in one of these fits"),
        "unit_p": Array("scored_unit", optional=True, about="share of fits on permuted pairs that reach the unit's correlation"),
        "unit_q": Array("scored_unit", optional=True, about="the same as false discovery rate (Benjamini and Hochberg)"),
        "unit_p_family": Array("scored_unit", optional=True, about="the same against the best unit of each permuted fit"),
        "explainable": Array(
            "scored_unit", about="noise ceiling: share of variance that the stimulus explains; NaN without repeats"
        ),
        "normalised": Array("scored_unit", about="correlation / sqrt(explainable); NaN below the least ceiling"),
    }

    def ceiling(self) -> NoiseCeiling:
        """The noise ceiling of the scored rows."""
        by = "" if self.encoder.normalise == "none" else self.encoder.normalise_by
        return NoiseCeiling(brain=self.encoder.brain, split=self.encoder.split, normalise_by=by)

    def children(self) -> Iterator[tuple[str, Node]]:
        """The encoder, and the ceiling that follows from it."""
        yield from super().children()
        yield "ceiling", self.ceiling()

    def compute(self) -> dict[str, Any]:
        """Score, resample, refit."""
        fitted, pairs = self.encoder.run(), self.encoder.pairs()
        measured, prediction, correlation = pairs.measured(), fitted["prediction"], fitted["correlation"]
        explainable = self.ceiling().run()["explainable"]
        null, by_unit = self._null(pairs, prediction)

        rivals = {"": prediction} | self._controls(pairs)
        units = pairs.column(self.unit(), "exchange")[fitted["row"]]
        samples = self._resampled(measured, rivals, units)
        shared: dict[str, Any] = {
            "n": len(np.unique(units)),
            "n_unit": self.unit(),
            "split": self.encoder.split_words(),
            "averaging": averaging(self.encoder.brain, fitted["row"]),
            "protocol": self.null_words(),
        }
        scores = []
        for place, (summary, value) in enumerate(zip(SUMMARIES, _summaries(correlation), strict=True)):
            # of the mean alone: noise that resampling adds to each unit widens their distribution, so the bootstrap of a quantile
            # over units lies above the quantile itself
            ends: dict[str, Any] = _ends(samples[""]) if summary == "mean" else {}
            chance: dict[str, Any] = {}
            if len(null):
                chance = {"p": float(permutation_p(value, null[:, place], SAME_SCORE)), "chance": mean_of(null[:, place])}
            ceiling = _summaries(np.sqrt(explainable))[place]
            scores.append(Score("unit_correlation", summary, value, **shared, **ends, **chance, ceiling=ceiling))
        for control, made in rivals.items():
            if control:
                value = _mean(measured, made)
                scores.append(Score("unit_correlation", "mean", value, **shared, **_ends(samples[control]), control=control))
                difference, apart = _summaries(correlation)[0] - value, samples[""] - samples[control]
                scores.append(Score("unit_correlation", "difference", difference, **shared, **_ends(apart), control=control))
        # a ceiling near 0 would make any noise a great share of it
        normalised = np.where(explainable >= self.least_ceiling, correlation / np.sqrt(np.maximum(explainable, 1e-12)), np.nan)
        if (steady := np.isfinite(normalised)).any():
            above = shared | {"subset": f"explainable >= {self.least_ceiling:g}", "n": int(steady.sum()), "n_unit": "unit"}
            scores.append(Score("normalised_correlation", "mean", float(normalised[steady].mean()), **above, ceiling=1.0))
            share = np.maximum(correlation[steady], 0) ** 2 / explainable[steady]
            scores.append(Score("noise_normalised_r2", "p50", float(np.median(share)), **above, ceiling=1.0))
        found: dict[str, np.ndarray] = {}
        if len(by_unit):
            p = permutation_p(correlation, by_unit, SAME_SCORE)
            found = {"unit_p": p, "unit_q": false_discovery(p), "unit_p_family": family_wise_p(correlation, by_unit)}
            for name, kind in (("unit_q", "false discovery rate"), ("unit_p_family", "family-wise error")):
                if len(by_unit) + 1 >= 1 / LEVEL:  # with fewer fits no unit could be named
                    defined = np.isfinite(correlation)
                    counted = shared | {"subset": f"{kind} {LEVEL:g}", "n": int(defined.sum()), "n_unit": "unit"}
                    scores.append(Score("significant_units", "share", float(np.mean(found[name][defined] <= LEVEL)), **counted))
            found |= {"null": null, "null_correlation": by_unit[-1]}
        return as_columns(scores) | found | {"explainable": explainable, "normalised": normalised}

    def _null(self, pairs: Pairs, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(permutation, summary) and (permutation, unit)."""
        by_unit, summaries = [], []
        for source, refit in self.permuted(self.encoder, pairs, prediction):
            correlation = unit_correlation(pairs.measured(source), refit)
            summaries.append(_summaries(correlation))
            by_unit.append(correlation.astype(np.float32))
        return np.array(summaries).reshape(-1, len(SUMMARIES)), np.array(by_unit)

    def _controls(self, pairs: Pairs) -> dict[str, np.ndarray]:
        """Predictions of the rungs that every encoder can be held against."""
        made = {}
        if (ordered := self.encoder.from_trial_order(pairs)) is not None:
            made["trial_order"] = ordered
        if "category" in pairs.trials:
            means = training_means(pairs, pairs.trials["category"])
            made |= {"class_mean": means} if means is not None else {}
        return made

    def _resampled(self, measured: np.ndarray, rivals: dict[str, np.ndarray], units: np.ndarray) -> dict[str, np.ndarray]:
        """Mean correlation of each prediction in the same bootstrap samples."""
        samples: dict[str, list[float]] = {name: [] for name in rivals}
        for rows in steps(bootstrap_rows(units, self.resamples, self.seed), "bootstrap samples", self.resamples):
            for name, prediction in rivals.items():
                samples[name].append(_mean(measured[rows], prediction[rows]))
        return {name: np.array(values) for name, values in samples.items()}

    def figures(self, result: Result) -> list[Figure]:
        """Measured units against one fit on permuted pairs."""
        from recortex.drawing import histogram

        if "null" not in result:
            return []
        at = result["summary"].tolist().index("p95")
        null, value = result["null"][:, at], result["value"][at]
        inside = f" inside the same {self.permute_within}" if self.permute_within else ""
        both = (self.encoder.run()["correlation"], result["null_correlation"])
        real, permuted = (values[np.isfinite(values)] for values in both)
        floor = 1 / (LEVEL * (len(null) + 1))
        few = (
            f" (with {len(null)} fits that takes at least {floor:.0%} of them)" if floor < 1 else " (impossible with so few fits)"
        )
        again = "everything was fitted again" if self.null == "refit" else "held against the finished predictions"
        return [
            Figure(
                f"{self.encoder.features.type_name()} against chance",
                f"Blue: held-out correlation of {len(real)} units. Grey: the same after stimuli and responses were permuted{inside} and "
                f"{again} (one of {len(null)} times). {int(np.sum(result['unit_q'] <= LEVEL))} units stand out at a false discovery "
                f"rate of {LEVEL:g}{few}, {int(np.sum(result['unit_p_family'] <= LEVEL))} against the best unit of every permuted fit. "
                f"The 95th percentile of the units is {value:.2f}; over the permuted fits it is {null.mean():.2f} on average and "
                f"{np.percentile(null, 99):.2f} at their 99th percentile. Over pooled folds a unit without signal lies a little below 0, "
                "because a training mean is high where the test mean is low: compare with the grey, not with 0.",
                histogram(real, "held-out correlation", "units", {"95th percentile": value}, permuted),
                "encoding",
            )
        ]


def _ends(samples: np.ndarray) -> dict[str, Any]:
    low, high = np.percentile(samples, [2.5, 97.5])
    return {"low": float(low), "high": float(high)}
