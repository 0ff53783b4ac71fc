"""How well a perfect model could predict each unit: what the repeats of a stimulus have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.base import Responses
from recortex.errors import InvalidInput, did_you_mean
from recortex.responses.normalisation import ZScore
from recortex.splits.base import Split
from recortex.stage import Array, Figure, Result, Stage


class NoiseCeiling(Stage):
    """Explainable variance of each unit, from presentations of the same stimulus; NaN where no stimulus was shown twice.

    It is that of the rows that are scored: single trials, or averages of as many presentations as the brain's rows hold.

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

    def compute(self) -> dict[str, Any]:
        """Compare the presentations of each stimulus."""
        from recortex.metrics import noise_ceiling, split_half

        measured = self.brain.measure()
        responses, stimulus = np.asarray(measured["responses"]), np.asarray(measured["stimulus"])
        if self.normalise_by:
            if self.normalise_by not in measured:
                raise InvalidInput(
                    f"normalise_by: the trials have no column {self.normalise_by}{did_you_mean(self.normalise_by, measured)}"
                )
            labels = np.asarray(measured[self.normalise_by]).astype(str)
            responses = ZScore(labels, self.normalise_by, unsupervised=True).own(responses)
        if self.split is not None:
            trials = self.brain.trial_table()
            tested = np.concatenate([fold.test for fold in self.split.apply(trials)])
            rows = np.isin(stimulus, trials["stimulus"][tested])
            responses, stimulus = responses[rows], stimulus[rows]
        names, counts = np.unique(stimulus, return_counts=True)
        repeated = np.array(int(np.sum(counts > 1)))
        if self.method == "split_half":
            halves = split_half(responses, stimulus, seed=self.seed)
            nothing = np.full(len(halves), np.nan)
            return {"explainable": halves, "low": nothing, "high": nothing, "repeated": repeated}
        averaged = counts if self.brain.repeats == "average" else np.ones(len(names))
        made = noise_ceiling(responses, stimulus, averaged, n_resamples=self.resamples, seed=self.seed)
        return {
            "explainable": made.explainable,
            "low": made.low,
            "high": made.high,
            "bias": made.bias,
            "signal": made.signal,
            "noise": made.noise,
            "repeated": repeated,
        }

    def figures(self, result: Result) -> list[Figure]:
        """The explainable variance of all units."""
        from recortex.drawing import histogram

        explainable = result["explainable"]
        explainable = explainable[np.isfinite(explainable)]
        if not len(explainable):
            return []
        bias = f"A unit without signal shows {np.nanmedian(result['bias']):.3f} on average, as no estimate falls below 0. "
        return [
            Figure(
                "Noise ceiling",
                f"Share of each unit's variance that the stimulus explains, from {int(result['repeated'])} stimuli shown at least twice; "
                f"the rest is noise, which no model predicts. {bias if 'bias' in result else ''}A perfect model is expected to reach a "
                "correlation of the square root of this share.",
                histogram(explainable, "explainable variance", "units", {"median": float(np.median(explainable))}),
                "encoding",
            )
        ]
