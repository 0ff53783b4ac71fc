"""How well an encoder predicts held-out responses, beside what it reaches when there is nothing to learn, and what noise permits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.encoders.base import Encoder
from recortex.fits.baselines import training_means
from recortex.fits.pairs import Pairs
from recortex.metrics import (
    bootstrap_counts,
    false_discovery,
    family_wise_p,
    permutation_p,
    resampled_correlation,
    unit_correlation,
)
from recortex.progress import steps
from recortex.responses.noise_ceiling import NoiseCeiling
from recortex.scores._draw_table import DrawTable
from recortex.scores.base import NAN, SAME_SCORE, Score, TestedScores, as_columns, averaging, mean_of
from recortex.stage import Array, Figure, Node, Result

SUMMARIES: dict[str, Callable[[np.ndarray], float]] = {
    "mean": np.nanmean,
    "p50": np.nanmedian,
    "p95": lambda values: np.nanpercentile(values, 95),
}
LEVEL = 0.05
AT_ONCE = 2**23  # responses of a block of units, in trials x units


def _summary(name: str, correlation: np.ndarray) -> float:
    return float(SUMMARIES[name](correlation)) if np.isfinite(correlation).any() else NAN


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

    version: ClassVar[int] = 3
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
        """Score, resample, refit; units pass in blocks through what is done to each by itself."""
        fitted = self.encoder.run()
        correlation, explainable = fitted["correlation"], self.ceiling().run()["explainable"]
        units = self.encoder.pairs(slice(0, 1)).column(self.unit(), "exchange")[fitted["row"]]
        null, by_unit = self._null(fitted)
        controls, samples = self._resampled(fitted, units)
        shared: dict[str, Any] = {
            "n": len(np.unique(units)),
            "n_unit": self.unit(),
            "split": self.encoder.split_words(),
            "averaging": averaging(self.encoder.brain, fitted["row"]),
            "protocol": self.null_words(),
        }
        scores = []
        for place, summary in enumerate(SUMMARIES):
            value, ceiling = _summary(summary, correlation), _summary(summary, np.sqrt(explainable))
            # of the mean alone: noise that resampling adds to each unit widens their distribution, so the bootstrap of a quantile
            # over units lies above the quantile itself
            ends: dict[str, Any] = _ends(samples[""]) if summary == "mean" else {}
            chance: dict[str, Any] = {}
            if len(null):
                chance = {"p": float(permutation_p(value, null[:, place], SAME_SCORE)), "chance": mean_of(null[:, place])}
            scores.append(Score("unit_correlation", summary, value, **shared, **ends, **chance, ceiling=ceiling))
        for control, reached in controls.items():
            value = _summary("mean", reached)
            scores.append(Score("unit_correlation", "mean", value, **shared, **_ends(samples[control]), control=control))
            difference, apart = _summary("mean", correlation) - value, samples[""] - samples[control]
            scores.append(Score("unit_correlation", "difference", difference, **shared, **_ends(apart), control=control))
        # a ceiling near 0 would make any noise a great share of it
        normalised = np.where(explainable >= self.least_ceiling, correlation / np.sqrt(np.maximum(explainable, 1e-12)), np.nan)
        if (steady := np.isfinite(normalised)).any():
            above = shared | {"subset": f"explainable >= {self.least_ceiling:g}", "n": int(steady.sum()), "n_unit": "unit"}
            scores.append(Score("normalised_correlation", "mean", float(normalised[steady].mean()), **above, ceiling=1.0))
            share = np.maximum(correlation[steady], 0) ** 2 / explainable[steady]
            scores.append(Score("noise_normalised_r2", "p50", float(np.median(share)), **above, ceiling=1.0))
        found: dict[str, np.ndarray] = {}
        if len(null):
            p, family = by_unit["unit_p"], family_wise_p(correlation, by_unit.pop("largest"))
            found = {"unit_p": p, "unit_q": false_discovery(p), "unit_p_family": family, "null": null} | by_unit
            for name, kind in (("unit_q", "false discovery rate"), ("unit_p_family", "family-wise error")):
                if len(null) + 1 >= 1 / LEVEL:  # with fewer fits no unit could be named
                    defined = np.isfinite(correlation)
                    counted = shared | {"subset": f"{kind} {LEVEL:g}", "n": int(defined.sum()), "n_unit": "unit"}
                    scores.append(Score("significant_units", "share", float(np.mean(found[name][defined] <= LEVEL)), **counted))
        return as_columns(scores) | found | {"explainable": explainable, "normalised": normalised}

    def _blocks(self, beside: int = 1) -> Iterator[slice]:
        """Some units at a time, where they are fitted without regard to each other; `beside` numbers of each are kept meanwhile."""
        trials, units = self.encoder.brain.run().shape("responses")
        step = max(1, AT_ONCE // max(trials, beside)) if self.encoder.separable else units
        return steps([slice(start, min(start + step, units)) for start in range(0, units, step)], "blocks of units")

    def _null(self, fitted: Result) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Summaries of each permutation, (permutation, summary); and of each unit its p and its correlation in the last of them.

        The largest correlation of each permutation stands beside these. The permutations are the same for all blocks.
        """
        correlation = fitted["correlation"]
        p, last, largest = np.empty(len(correlation)), np.empty(len(correlation), np.float32), np.array([np.nan], np.float32)
        with DrawTable(self.permutations, len(correlation)) as table:
            for block in self._blocks(self.permutations) if self.permutations else ():
                pairs, prediction = self.encoder.pairs(block), fitted.read("prediction", columns=block)
                reached = np.empty((self.permutations, block.stop - block.start), np.float32)
                for number, (source, refit) in enumerate(self.permuted(self.encoder, pairs, prediction)):
                    permuted = unit_correlation(pairs.measured(source), refit)
                    table.put(number, block.start, permuted)
                    reached[number] = permuted
                p[block], last[block] = permutation_p(correlation[block], reached, SAME_SCORE), reached[-1]
                largest = np.fmax(largest, np.fmax.reduce(reached, axis=1))
            null = np.array([[_summary(name, row) for name in SUMMARIES] for row in table]).reshape(-1, len(SUMMARIES))
        return null, {"unit_p": p, "null_correlation": last, "largest": largest}

    def _controls(self, pairs: Pairs) -> dict[str, np.ndarray]:
        """Predictions of the rungs that every encoder can be held against."""
        made = {}
        if (ordered := self.encoder.from_trial_order(pairs)) is not None:
            made["trial_order"] = ordered
        if "category" in pairs.trials:
            means = training_means(pairs, pairs.trials["category"])
            made |= {"class_mean": means} if means is not None else {}
        return made

    def _resampled(self, fitted: Result, units: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The correlation of each control with every unit; and the mean over units of all predictions in the same bootstrap samples."""
        reached: dict[str, np.ndarray] = {}
        total: dict[str, np.ndarray] = {}  # sums over units, and how many have a correlation, in each sample
        for block in self._blocks():
            pairs = self.encoder.pairs(block)
            measured, rivals = pairs.measured(), {"": fitted.read("prediction", columns=block)} | self._controls(pairs)
            for name, prediction in rivals.items():
                reached.setdefault(name, np.empty(fitted.shape("correlation")))[block] = unit_correlation(measured, prediction)
                sums = total.setdefault(name, np.zeros((2, self.resamples)))
                first = 0
                # one unit resampled is itself, and no interval
                for counts in bootstrap_counts(units, self.resamples, self.seed) if len(np.unique(units)) > 1 else ():
                    again = resampled_correlation(measured, prediction, counts)
                    here = slice(first, first + len(counts))
                    sums[:, here] += np.nansum(again, axis=1), np.isfinite(again).sum(axis=1)
                    first += len(counts)
        samples = {name: np.where(n > 0, sums / np.maximum(n, 1), NAN) for name, (sums, n) in total.items()}
        return {name: values for name, values in reached.items() if name}, samples

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
