"""How often stimuli were presented, and how trials and stimuli were joined."""

from __future__ import annotations

import numpy as np

from recortex.audit._groups import counted, groups, worst_fold
from recortex.audit.base import MOST_EVIDENCE, Case, Finding
from recortex.errors import listed

NEARLY_ALL = 0.8


def repetition_counts(case: Case) -> list[Finding]:
    """Stimuli with another number of presentations than nearly all of their side: trials that were lost, doubled or misnamed.

    Where less than 80 % of a side's stimuli agree in their number the design itself has mixed numbers, and nothing is said.
    """
    stimuli, repeats = groups(np.asarray(case.text("stimulus"))), case.repeats()
    odd = [_odd_ones(stimuli.code, repeats, rows) for fold in case.folds for rows in (fold.train, fold.test)]
    by_fold = [len(odd[2 * n][1]) + len(odd[2 * n + 1][1]) for n in range(len(case.folds))]
    if not any(by_fold):
        return []
    number, where = worst_fold(case.folds, by_fold)
    sentences, evidence = [], []
    for side, (usual, others, agreeing) in zip(("training", "test"), odd[2 * number : 2 * number + 2], strict=True):
        named = [(stimuli.names[stimulus], count) for stimulus, count in others]
        if named:
            sentences.append(
                f"in {side} {agreeing:,} stimuli have {counted(usual, 'presentation')} and {len(named):,} "
                f"{'has' if len(named) == 1 else 'have'} another number ({listed((f'{name}: {count}' for name, count in named), 3)})"
            )
        evidence += [f"{name}: {count} instead of {usual} ({side})" for name, count in named]
    return [
        Finding(
            "warn",
            "repetition_counts",
            f"{where}: {'; '.join(sentences)}",
            "compare the trial table with the log of the experiment: trials may be lost, doubled or misnamed",
            tuple(evidence[:MOST_EVIDENCE]),
        )
    ]


def averaged_repeats(case: Case) -> list[Finding]:
    """Rows that average presentations: a score of single trials would be lower."""
    repeats = case.repeats()
    if not len(repeats) or repeats.max() <= 1:
        return []
    sides = []
    for side in ("train", "test"):
        rows = np.concatenate([getattr(fold, side) for fold in case.folds]) if case.folds else np.arange(len(repeats))
        low, high = int(repeats[rows].min()), int(repeats[rows].max())
        sides.append(f"{low}" if low == high else f"{low} to {high}")
    said = f"training rows average {sides[0]} and test rows {sides[1]} presentations"
    return [
        Finding(
            "note",
            "averaged_repeats",
            said if sides[0] != sides[1] else f"rows average {sides[0]} presentations in training and test",
            "say so beside the score; scores of single trials are lower",
        )
    ]


def joined_by_row(case: Case) -> list[Finding]:
    """Stimuli known by row number only: nothing shows that row 17 of the recording is row 17 of the pictures."""
    if not case.numbered:
        return []
    count = len(set(np.asarray(case.text("stimulus")).tolist()))
    return [
        Finding(
            "warn",
            "joined_by_row",
            f"{counted(count, 'stimulus is', 'stimuli are')} known by row number only, so nothing shows that a row of the recording and "
            "the same row of the stimuli belong together",
            "name stimuli by their file in the trial table, or check some by eye and say how",
        )
    ]


def _odd_ones(stimulus: np.ndarray, repeats: np.ndarray, rows: np.ndarray) -> tuple[int, list[tuple[int, int]], int]:
    """The usual number of presentations among rows, the stimuli with another one and how many those have, and how many agree."""
    presented = np.bincount(stimulus[rows], weights=repeats[rows]).astype(int)
    there = np.flatnonzero(presented)
    if not len(there):
        return 0, [], 0
    numbers, how_many = np.unique(presented[there], return_counts=True)
    usual, agreeing = int(numbers[np.argmax(how_many)]), int(how_many.max())
    if agreeing < NEARLY_ALL * len(there):
        return usual, [], agreeing
    return usual, [(int(one), int(presented[one])) for one in there[presented[there] != usual]], agreeing
