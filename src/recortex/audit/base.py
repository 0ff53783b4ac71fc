"""What an audit looks at and what it says.

A detector is a function from a `Case` to findings. It fits nothing and changes nothing; it may look at test rows, because nothing that it
sees reaches a fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recortex.errors import InvalidInput, listed
from recortex.splits.base import UNSTATED, Fold

Verdict = Literal["refuse", "warn", "note"]
VERDICTS: tuple[Verdict, ...] = ("refuse", "warn", "note")
MOST_EVIDENCE = 20


@dataclass(frozen=True)
class Finding:
    """One thing to know before a score is believed.

    Parameters
    ----------
    verdict : "refuse", "warn" or "note"
        Whether no score may be computed, a score may be wrong, or a score must be read with this beside it.
    leak : str
        A short stable name.
    about : str
        One sentence with numbers, which names the fold and what stands in it.
    remedy : str
        What to do.
    evidence : tuple of str
        The offenders, at most 20.
    """

    verdict: Verdict
    leak: str
    about: str
    remedy: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Case:
    """What the detectors look at. What is not known stays at its default, and the detectors that need it say nothing.

    Parameters
    ----------
    trials : mapping of str to (trial,) arrays
        The trial table. "stimulus" is always there. Read where they are there: subject, session and run (they tell recordings apart),
        block, clip, concept, onset_s and trigger_s (seconds from the start of the run), window_s (seconds of recording behind each row).
    folds : sequence of Fold
        The split; rows number the trial table.
    label : str
        The column whose classes are decoded.
    n_repeats : (trial,) int array, optional
        How many presentations each row averages; without it one.
    pictures : (stimulus, height, width, channel) uint8 array, optional
        What was shown.
    picture_names : (stimulus,) str array, optional
        The stimulus of each picture.
    features : (stimulus, feature) array, optional
        Features of the stimuli.
    feature_names_of_rows : (stimulus,) str array, optional
        The stimulus of each row of `features`.
    embedding : bool
        Whether the cosine of two rows of `features` says how alike the stimuli are.
    numbered : bool
        Whether stimuli are known by their row number only.
    context_s : float
        How much of the recording's time beyond a row's own window its target features depend on, in seconds.
    disclosures : tuple of str
        What was done to the responses before they came here and saw test rows, a sentence each.

    Raises
    ------
    InvalidInput
        No stimulus column, columns or names of other lengths, pictures that are not uint8, or folds with an empty
        side or with rows that the table does not have.
    """

    trials: Mapping[str, np.ndarray]
    folds: Sequence[Fold]
    label: str = "category"
    n_repeats: np.ndarray | None = None
    pictures: np.ndarray | None = None
    picture_names: np.ndarray | None = None
    features: np.ndarray | None = None
    feature_names_of_rows: np.ndarray | None = None
    embedding: bool = False
    numbered: bool = False
    context_s: float = 0.0
    disclosures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if "stimulus" not in self.trials:
            raise InvalidInput("audit: the trial table has no stimulus column; name the stimulus of each trial")
        columns = dict(self.trials) | ({} if self.n_repeats is None else {"n_repeats": self.n_repeats})
        if short := [name for name, values in columns.items() if np.shape(values) != (self.n_trials,)]:
            raise InvalidInput(
                f"audit: {listed(short)} of the trial table must hold one value for each of {self.n_trials} trials"
            )
        for fold in self.folds:
            if not len(fold.train) or not len(fold.test):
                raise InvalidInput(f"audit: fold {fold.name} has no rows on one of its sides; use fewer folds or another column")
            rows = np.concatenate([fold.train, fold.test])
            if rows.min() < 0 or rows.max() >= self.n_trials:
                raise InvalidInput(
                    f"audit: fold {fold.name} has rows beyond the {self.n_trials} trials; make the split from this table"
                )
        for what, values, names in (
            ("pictures", self.pictures, self.picture_names),
            ("features", self.features, self.feature_names_of_rows),
        ):
            if values is not None and (names is None or len(names) != len(values)):
                raise InvalidInput(f"audit: {len(values)} {what} need as many stimulus names, in their order")
        if self.pictures is not None and (self.pictures.ndim != 4 or self.pictures.dtype != np.uint8):
            raise InvalidInput(
                f"audit: pictures are {self.pictures.dtype} of shape {self.pictures.shape}; give uint8 (stimulus, height, width, channel)"
            )
        if self.context_s < 0:
            raise InvalidInput(f"audit: context_s is {self.context_s:g}; give seconds, 0 or more")

    @property
    def n_trials(self) -> int:
        """Rows of the trial table."""
        return len(self.trials["stimulus"])

    def text(self, column: str) -> np.ndarray | None:
        """A column as labels, (trial,); None where there is no such column."""
        return np.asarray(self.trials[column]).astype(str) if column in self.trials else None

    def seconds(self, column: str, required: bool = True) -> np.ndarray | None:
        """A column as numbers, (trial,) in seconds; None where there is no such column.

        Parameters
        ----------
        column : str
            Numbers, or their text.
        required : bool
            Whether every trial must have one; else those without are NaN.

        Raises
        ------
        InvalidInput
            A text that is no number, or a missing or infinite one that is required.
        """
        if column not in self.trials:
            return None
        cells = np.asarray(self.trials[column])
        if cells.dtype.kind not in "fiu":
            words = cells.astype(str)
            try:
                cells = np.where(np.isin(words, UNSTATED), "nan", words).astype(float)
            except ValueError as error:
                raise InvalidInput(
                    f"audit: column {column} holds something else than seconds ({error}); mend the table"
                ) from error
        values = cells.astype(float)
        if required and not (finite := np.isfinite(values)).all():
            raise InvalidInput(
                f"audit: column {column} has no finite number in trial {np.flatnonzero(~finite)[0]}, counted from 0; fill it in, or "
                "leave the column out"
            )
        return values

    def repeats(self) -> np.ndarray:
        """How many presentations each row averages, (trial,)."""
        return np.ones(self.n_trials, int) if self.n_repeats is None else np.asarray(self.n_repeats)


def worst(findings: Sequence[Finding]) -> Literal["refuse", "warn", "note", "clean"]:
    """The gravest verdict, or "clean" where nothing was found."""
    return min((finding.verdict for finding in findings), key=VERDICTS.index, default="clean")
