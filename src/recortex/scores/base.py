"""The table of scores: one row a score, with everything that is needed to read it.

`branch` and `stage` are added by the pipeline, which knows their names, and `audit` too. ``control`` is empty for the real thing, else
the rung of the null ladder that the row is of; the row of summary "difference" beside it is the real thing minus that rung.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.base import Responses
from recortex.errors import InvalidInput
from recortex.fits.base import Fit
from recortex.fits.pairs import Pairs
from recortex.metrics import bootstrap_interval
from recortex.progress import steps
from recortex.stage import Array, Stage

NAN = float("nan")


@dataclass(frozen=True)
class Score:
    """One score.

    Parameters
    ----------
    metric, summary : str
        A plain name, and how it was condensed over units or trials: "mean", "p50", "p95".
    value : float
    low, high : float
        95 % interval over the exchangeable unit; NaN where there is none.
    p : float
        Share of refits on permuted pairs that reach the value, (b + 1) / (m + 1); NaN where none were made.
    chance : float
        What permuted pairs reach on average.
    ceiling : float
        What the noise leaves possible; NaN where there are no repeats to tell.
    n : int
        How many there were of `n_unit`.
    n_unit : str
        The exchangeable unit, counted, resampled and permuted as a whole: "stimulus", "block", "run".
    candidates : int
        Among how many a choice was made; 0 for no choice.
    unit : str
        Unit of the value.
    split, averaging : str
        How trials were split, with its hash, and what was averaged before scoring.
    control, subset, protocol, audit : str
        Rung of the null ladder, part of the data, evaluation protocol, verdicts of the audit.
    """

    metric: str
    summary: str
    value: float
    n: int
    n_unit: str
    low: float = NAN
    high: float = NAN
    p: float = NAN
    chance: float = NAN
    ceiling: float = NAN
    candidates: int = 0
    unit: str = "1"
    split: str = ""
    averaging: str = ""
    control: str = ""
    subset: str = ""
    protocol: str = ""
    audit: str = ""


COLUMNS = [
    "branch",
    "stage",
    "metric",
    "summary",
    "control",
    "subset",
    "protocol",
    "value",
    "low",
    "high",
    "p",
    "chance",
    "ceiling",
    "n",
    "n_unit",
    "candidates",
    "unit",
    "split",
    "averaging",
    "audit",
]
UNIQUE = COLUMNS[:7]
_DTYPES = {field.name: {"float": "float", "int": "int", "str": "str"}[str(field.type)] for field in fields(Score)}


class Scores(Stage):
    """A table of scores."""

    returns: ClassVar[dict[str, Array]] = {name: Array("score", dtype=kind, units="") for name, kind in _DTYPES.items()}

    def expect(self) -> dict[str, int]:
        """A handful of rows."""
        return {"score": 10}

    def score(self) -> Sequence[Score]:
        """The scores."""
        raise TypeError(f"{type(self).__name__} has no scores")

    def compute(self) -> dict[str, Any]:
        """The scores as columns.

        Raises
        ------
        ValueError
            Two scores would share a row of the table.
        """
        return as_columns(self.score())


class TestedScores(Scores):
    """Scores of held-out predictions, with interval and chance over one exchangeable unit.

    Parameters
    ----------
    permutations : int
        Fits on permuted pairs.
    null : "refit" or "quick"
        Whether everything is fitted again on the permuted pairs, or the finished predictions are only held against them, which is
        refused for several folds: they predict each other's trials, and such a null is too narrow.
    exchange : str
        The exchangeable unit: a column of the trial table whose groups are resampled and permuted as a whole ("stimulus" with its
        repeats, "block", "clip"), or "circular_shift" for continuous series, shifted within each run and resampled by run.
    permute_within : str
        Only units of the same label in this column change places: "run" where runs differ, "category" for a harder null.
    resamples : int
        Bootstrap samples.
    seed : int
        Draws both.
    """

    version: ClassVar[int] = 2

    permutations: int = Field(default=100, ge=0)
    null: Literal["refit", "quick"] = "refit"
    exchange: str = "stimulus"
    permute_within: str = ""
    resamples: int = Field(default=2000, ge=2)
    seed: int = Field(default=0, ge=0)

    def unit(self) -> str:
        """The column whose groups are counted and resampled."""
        return "run" if self.exchange == "circular_shift" else self.exchange

    def null_words(self) -> str:
        """What the null was, where it was not the usual one; part of the protocol, as scores against other nulls do not compare."""
        words = ["quick null" if self.null == "quick" else ""]
        words += ["null by circular shift" if self.exchange == "circular_shift" else ""]
        words += [f"null within {self.permute_within}" if self.permute_within else ""]
        return ", ".join(word for word in words if word)

    def permuted(self, fit: Fit, pairs: Pairs, prediction: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Exchanges of targets, each with the held-out predictions that belong to it."""
        if self.permutations and self.null == "quick" and len(pairs.folds) > 1:
            raise InvalidInput(
                f"null: quick holds finished predictions of {len(pairs.folds)} folds against responses that other folds were fitted on, "
                "which calls noise significant; use null: refit, or a split with one test set"
            )
        rng = np.random.default_rng([self.seed, 1])
        sources = pairs.exchanges(self.permutations, rng, self.exchange, self.permute_within)
        made = ((source, prediction) for source in sources) if self.null == "quick" else fit.refits(pairs, sources)
        return steps(made, "permutations", self.permutations)

    def scored(self, values: np.ndarray, units: np.ndarray, **known: Any) -> Score:
        """The mean of a value a trial, with its interval over the exchangeable unit."""
        if not np.isfinite(values).any():  # such as the correlation of flat pictures
            nothing: dict[str, Any] = {"summary": "mean", "value": NAN, "n": 0, "n_unit": self.unit()}
            return Score(**(nothing | known))
        interval = bootstrap_interval(values, units, n_resamples=self.resamples, seed=self.seed)
        made: dict[str, Any] = {"summary": "mean", "value": interval.value, "low": interval.low, "high": interval.high}
        return Score(**(made | {"n": interval.n_groups, "n_unit": self.unit()} | known))


def as_columns(scores: Sequence[Score]) -> dict[str, Any]:
    """Rows to columns, refusing two rows of one name."""
    names = [tuple(getattr(score, column) for column in UNIQUE[2:]) for score in scores]
    if len(set(names)) < len(names):
        raise ValueError(f"two scores share {next(name for name in names if names.count(name) > 1)}")
    rows = [asdict(score) for score in scores]
    return {name: np.array([row[name] for row in rows]) for name in _DTYPES}


SAME_SCORE = 1e-5
"""Scores that lie closer are the same: a fit done in another batch differs in its last bits."""


def mean_of(values: np.ndarray) -> float:
    """The mean of what is defined; NaN where nothing is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else NAN


def averaging(responses: Responses, rows: np.ndarray) -> str:
    """What was averaged in the scored rows of a brain, in words."""
    brain = responses.run()
    if said := responses.row_words():
        return said
    counts = np.unique(brain["n_repeats"][rows])
    if counts.max() == 1:
        return "single trials"
    return f"mean of {counts[0]} repeats" if len(counts) == 1 else f"mean of {counts[0]} to {counts[-1]} repeats"
