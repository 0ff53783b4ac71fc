"""Windows of raw recording on both sides of a split: two trials cut from the same seconds are the same data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from recortex.errors import InvalidInput

LEAST_S = 1e-6  # below any sampling interval: windows that only touch do not overlap


class Sides(Protocol):
    """A fold."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def train(self) -> np.ndarray:
        """Rows that fit."""

    @property
    def test(self) -> np.ndarray:
        """Rows that score."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Trials whose window overlaps an earlier one of the other side.

    Parameters
    ----------
    later, earlier : (n,) int arrays
        Rows of such trials, and for each the earlier one that reaches farthest.
    gap_s : (n,) array
        Seconds between their windows, below 0 where they have time in common.
    """

    later: np.ndarray
    earlier: np.ndarray
    gap_s: np.ndarray


def overlaps(fold: Sides, onset_s: np.ndarray, window_s: np.ndarray, recording: np.ndarray, context_s: float = 0.0) -> Overlaps:
    """Training and test windows of one recording with less than `context_s` between them, found by sorting.

    Parameters
    ----------
    fold : Fold
    onset_s, window_s : (trial,) arrays
        A window is [onset_s, onset_s + window_s], in seconds.
    recording : (trial,) array
        What shares a clock.
    context_s : float
        How far around its own window a trial's features look.
    """
    rows, in_test = np.concatenate([fold.train, fold.test]), np.repeat([False, True], [len(fold.train), len(fold.test)])
    code = np.unique(recording[rows], return_inverse=True)[1]
    order = np.lexsort((onset_s[rows], code))
    rows, in_test, code = rows[order], in_test[order], code[order]
    later, earlier, gaps = [], [], []
    edges = [0, *(np.flatnonzero(np.diff(code)) + 1), len(rows)]
    for begin, stop in pairwise(edges):
        here, tests = rows[begin:stop], in_test[begin:stop]
        starts, ends, place = onset_s[here], (onset_s + window_s)[here], np.arange(stop - begin)
        for late in (True, False):
            # for each row of one side, the row of the other that began before it and ends last
            other = np.where(tests == late, -np.inf, ends)
            reach = np.maximum.accumulate(other)
            which = np.maximum.accumulate(np.where(other == reach, place, 0))
            gap = starts - np.minimum(reach, ends)
            hit = np.flatnonzero((tests == late) & np.isfinite(reach) & (gap < context_s - LEAST_S))
            later.append(here[hit])
            earlier.append(here[which[hit]])
            gaps.append(gap[hit])
    return Overlaps(*(np.concatenate(parts) for parts in (later, earlier, gaps)))


def refuse_overlap(fold: Sides, trials: Mapping[str, np.ndarray], context_s: float = 0.0) -> None:
    """Refuse a fold whose sides share raw recording, where the trials have ``onset_s`` and ``window_s`` (or features a context).

    Raises
    ------
    InvalidInput
        Windows overlap, or one is not longer than 0 s; the message names an example.
    """
    if "onset_s" not in trials or ("window_s" not in trials and context_s == 0):
        return
    onset = np.asarray(trials["onset_s"], dtype=float)
    window = np.asarray(trials.get("window_s", np.zeros(len(onset))), dtype=float)
    if "window_s" in trials and (window <= 0).any():
        raise InvalidInput(
            f"window_s of trial {np.flatnonzero(window <= 0)[0]}, counted from 0, is not above 0; give the seconds that it spans"
        )
    recording = np.full(len(onset), "")
    for column in ("subject", "session", "run"):
        if column in trials:
            recording = np.char.add(np.char.add(recording, "/"), np.asarray(trials[column]).astype(str))
    shared = overlaps(fold, onset, window, recording, context_s)
    if len(shared.later):
        first = int(np.argmin(shared.gap_s))
        one, two = shared.earlier[first], shared.later[first]
        names = np.asarray(trials["stimulus"]).astype(str)
        context = f" or closer than the {context_s:g} s that their features look around" if context_s else ""
        raise InvalidInput(
            f"split: in fold {fold.name} the windows of {len(shared.later)} trials overlap those of the other side"
            f"{context} ({names[one]} at {onset[one]:g} s and {names[two]} at {onset[two]:g} s: {-shared.gap_s[first]:g} s in common), "
            "so both sides hold the same recording; split by run, or by stretches with a gap (onsets that start anew need a run column)"
        )
