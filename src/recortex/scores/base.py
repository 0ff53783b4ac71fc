"""The table of scores: one row a score, with everything that is needed to read it.

`branch` and `stage` are added by the pipeline, which knows their names. ``control`` is empty for the real thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from recortex.stage import Array, Result, Stage

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
        What permuted pairs reach on average, or what follows from counting.
    ceiling : float
        What the noise leaves possible; NaN where there are no repeats to tell.
    n : int
        How many there were of `n_unit`.
    n_unit : str
        What was counted and resampled: "stimulus", "unit".
    candidates : int
        Among how many a choice was made; 0 for no choice.
    unit : str
        Unit of the value.
    split, averaging : str
        How trials were split, with its hash, and what was averaged before scoring.
    control, subset, protocol, audit : str
        Rung of the null ladder, part of the data, evaluation protocol, verdict of the audit.
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


def as_columns(scores: Sequence[Score]) -> dict[str, Any]:
    """Rows to columns, refusing two rows of one name."""
    names = [tuple(getattr(score, column) for column in UNIQUE[2:]) for score in scores]
    if len(set(names)) < len(names):
        raise ValueError(f"two scores share {next(name for name in names if names.count(name) > 1)}")
    rows = [asdict(score) for score in scores]
    return {name: np.array([row[name] for row in rows]) for name in _DTYPES}


def p_value(value: float, null: np.ndarray) -> float:
    """Share of null values that reach the value, the value itself counted: (b + 1) / (m + 1)."""
    null = np.asarray(null)[np.isfinite(null)]
    return float((np.sum(null >= value) + 1) / (len(null) + 1)) if len(null) else NAN


def averaging(brain: Result, rows: np.ndarray) -> str:
    """What was averaged in the scored rows of a brain, in words."""
    counts = np.unique(brain["n_repeats"][rows])
    if counts.max() == 1:
        return "single trials"
    return f"mean of {counts[0]} repeats" if len(counts) == 1 else f"mean of {counts[0]} to {counts[-1]} repeats"
