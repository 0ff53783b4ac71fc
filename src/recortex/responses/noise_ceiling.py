"""How well a perfect model could predict each unit: what the repeats of a stimulus have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.base import Responses
from recortex.responses._presentations import a_block_each, average_rows, recorded, without_offsets
from recortex.responses.normalisation import ZScore
from recortex.splits.base import Split, qualified
from recortex.stage import Array, Figure, Result, Stage, Tiling

AT_ONCE = 2**24  # responses of a part, in trials x units


class NoiseCeiling(Stage):
    """Explainable variance of each unit, from presentations of the same stimulus; NaN where no stimulus was shown twice.

    It is that of the rows that are scored: single trials, or averages of as many presentations as the brain's rows hold. What stimuli
    shown in the same runs share beyond themselves, an offset a run, is taken off before presentations are compared, and counts as noise
    of the scored rows. Trials of one block are one presentation, their mean: where no stimulus was shown in two blocks there is no
    ceiling.

    Parameters
    ----------
    brain : Responses
        The recording; its single presentations are read again where its rows are averages.
    split : Split, optional
        Only stimuli that this split holds out count; without it all.
    normalise_by : str
        A column of the trial table, such as "session", within which responses are z-scored first; empty for none.
    method : "variance" or "split_half"
        Variance between stimuli beyond what the variance within them explains, max(0, Var(means) - Var(noise) / n); or the correlation
        of the means of random halves, by Spearman and Brown, which suits sensors whose scale is not stable, describes averages over
        all repeats whatever the rows hold, and scatters around 0, below it too, where there is no signal.
    resamples : int
        Bootstrap samples of the stimuli.
    seed : int
        Draws them.
    """

    brain: Responses
    split: Split | None = None
    normalise_by: str = ""
    method: Literal["variance", "split_half"] = "variance"
    resamples: int = Field(default=500, ge=2)
    seed: int = Field(default=0, ge=0)

    version: ClassVar[int] = 2

    returns: ClassVar[dict[str, Array]] = {
        "explainable": Array("unit", about="share of the variance of the scored rows that the stimulus explains"),
        "low": Array("unit", about="2.5th percentile of explainable over resampled stimuli"),
        "high": Array("unit", about="97.5th percentile"),
        "bias": Array(
            "unit", optional=True, about="what a unit without signal shows on average, as its estimate cannot fall below 0"
        ),
        "signal": Array("unit", optional=True, about="variance of the responses to different stimuli, without noise"),
        "noise": Array("unit", optional=True, about="variance of single presentations around their stimulus's response"),
        "repeated": Array(dtype="int", units="", about="stimuli shown at least twice"),
    }

    def expect(self) -> dict[str, int]:
        """As many units as the brain has."""
        brain = self.brain.foresee()
        return {"unit": brain["unit"]} if brain else {}

    def tiling(self) -> Tiling | None:
        """A part for some units, where a recording is large and gives some of its units without the rest."""
        brain = self.brain.run()
        units, shown = brain.shape("responses")[1], int(brain["n_repeats"].sum())
        step = max(1, AT_ONCE // max(shown, 1))
        return Tiling("unit", units, step) if self.brain.gives_units() and units > step else None

    def compute(self) -> dict[str, Any]:
        """Compare the presentations of each stimulus."""
        return self._of(slice(None))

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """As `compute`, for some units; the resampled stimuli are the same in all parts."""
        return self._of(slice(rows.start, rows.stop))

    def _of(self, units: slice) -> dict[str, Any]:
        from recortex.metrics import noise_ceiling, split_half

        responses, table = recorded(self.brain, units, self.normalise_by)
        if self.normalise_by:
            labels = qualified(table, self.normalise_by)
            responses = ZScore(labels, self.normalise_by, unsupervised=True, first=units.start or 0).own(responses)
        shown = table["stimulus"]
        presented, stimulus = a_block_each(without_offsets(responses, table), table)
        if self.split is not None:
            trials = self.brain.trial_table()
            tested = trials["stimulus"][np.concatenate([fold.test for fold in self.split.apply(trials)])]
            mine, rows = np.isin(stimulus, tested), np.isin(shown, tested)
            presented, stimulus, responses, shown = presented[mine], stimulus[mine], responses[rows], shown[rows]
        names, counts = np.unique(stimulus, return_counts=True)
        repeated = np.array(int((counts > 1).sum()))
        if self.method == "split_half":
            halves = split_half(presented, stimulus, seed=self.seed)
            nothing = np.full(len(halves), np.nan)
            return {"explainable": halves, "low": nothing, "high": nothing, "repeated": repeated}
        averaged = counts if self.brain.repeats == "average" else np.ones(len(names))
        made = noise_ceiling(presented, stimulus, averaged, n_resamples=self.resamples, seed=self.seed)
        # the scored rows still hold the offsets
        scored = average_rows(responses, shown) if self.brain.repeats == "average" and repeated else responses
        modelled = made.signal + made.noise * float(np.mean(1 / averaged))
        share = np.minimum(1, modelled / np.maximum(scored.var(axis=0, ddof=1, dtype=np.float64), 1e-300))
        return {
            "explainable": made.explainable * share,
            "low": made.low * share,
            "high": made.high * share,
            "bias": made.bias * share,
            "signal": made.signal,
            "noise": made.noise,
            "repeated": repeated,
        }

    def figures(self, result: Result) -> list[Figure]:
        """The explainable variance of all units."""
        from recortex.drawing import brain_map, histogram

        shares = result["explainable"]
        explainable = shares[np.isfinite(shares)]
        if not len(explainable):
            return []
        bias = f"A unit without signal shows {np.nanmedian(result['bias']):.3f} on average, as no estimate falls below 0. "
        return [
            Figure(
                "Noise ceiling",
                f"Share of each unit's variance that the stimulus explains, from {int(result['repeated'])} stimuli shown at least twice; "
                f"the rest is noise, which no model predicts. {bias if 'bias' in result else ''}A perfect model is expected to reach a "
                "correlation of the square root of this share.",
                histogram(explainable, "explainable variance", "units", {"median": float(np.median(explainable))})
                + brain_map(shares, self.brain.cached() or {}, "explainable variance", low=0.0),
                "encoding",
            )
        ]
