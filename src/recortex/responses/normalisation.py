"""Z-scoring of responses session by session, by training trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recortex.errors import InvalidInput, listed
from recortex.splits.base import Fold


@dataclass(frozen=True)
class ZScore:
    """How responses are brought to mean 0 and variance 1 within each session, run or other stretch of the recording.

    Parameters
    ----------
    labels : (trial,) str array
        Which stretch each trial belongs to.
    column : str
        What the labels are, for messages.
    unsupervised : bool
        Whether a stretch without training trials may be scaled by its own test trials. Nothing is fitted on these, but the score
        then needs the whole stretch to have been recorded: a single new trial could not be decoded.
    first : int
        Number of the first unit given, for messages.
    """

    labels: np.ndarray
    column: str
    unsupervised: bool
    first: int = 0

    def of(self, responses: np.ndarray, fold: Fold) -> np.ndarray:
        """Responses as one fold may see them.

        Parameters
        ----------
        responses : (trial, unit) array
        fold : Fold

        Returns
        -------
        (trial, unit) array
            Trials outside of the fold are NaN.

        Raises
        ------
        InvalidInput
            A stretch has no training trials and `unsupervised` is not set, or a unit does not vary in the trials that scale it.
        """
        out = np.full_like(responses, np.nan)
        tested = set(fold.test.tolist())
        used = np.concatenate([fold.train, fold.test])
        for label in np.unique(self.labels[used]):
            rows = used[self.labels[used] == label]
            scaling = np.array([row for row in rows if row not in tested], dtype=np.intp)
            if not len(scaling):
                if not self.unsupervised:
                    raise InvalidInput(
                        f"normalise: {self.column} {label} has no training trials in fold {fold.name}, so nothing may scale its test "
                        f"trials; set normalise: unsupervised to take those themselves (the audit will say so), or split otherwise"
                    )
                scaling = rows
            out[rows] = self._scaled(responses, scaling, rows, label)
        return out

    def own(self, responses: np.ndarray) -> np.ndarray:
        """New responses, each stretch scaled by itself."""
        out = np.empty_like(responses)
        for label in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == label)
            out[rows] = self._scaled(responses, rows, rows, label)
        return out

    def _scaled(self, responses: np.ndarray, scaling: np.ndarray, rows: np.ndarray, label: str) -> np.ndarray:
        mean = responses[scaling].mean(axis=0, dtype=np.float64)
        scale = (responses[scaling] - mean).std(axis=0, dtype=np.float64)
        if (flat := np.flatnonzero(scale <= 1e-7 * np.abs(mean))).size:
            raise InvalidInput(
                f"normalise: {len(flat)} units (units {listed(self.first + flat)}) do not vary over the {len(scaling)} trials that scale "
                f"{self.column} {label}; leave them out, or normalise by a longer stretch"
            )
        return ((responses[rows] - mean) / scale).astype(responses.dtype)
