"""What stands on both sides of a fold: stimuli, clips, concepts, runs."""

from __future__ import annotations

import numpy as np

from recortex.audit._groups import counted, groups, recordings, worst_fold
from recortex.audit.base import MOST_EVIDENCE, Case, Finding
from recortex.errors import listed
from recortex.splits.base import UNSTATED


def shared_stimulus(case: Case) -> list[Finding]:
    """A stimulus in training and test: its repeats share the response to it, so a score measures memory for it."""
    shared = _shared(case, "stimulus")
    if shared is None:
        return []
    where, names, tested = shared
    return [
        Finding(
            "refuse",
            "shared_stimulus",
            f"{where}: {len(names):,} of {counted(tested, 'test stimulus', 'test stimuli')} {_are(names)} also in training "
            f"({listed(names, 3)}), so a score would measure memory for them",
            "split by stimulus, or give presentations of different stimuli different names",
            tuple(names[:MOST_EVIDENCE]),
        )
    ]


def shared_clip(case: Case) -> list[Finding]:
    """A clip (film, sentence, piece of music) cut into rows that stand in training and test."""
    shared = _shared(case, "clip")
    if shared is None:
        return []
    where, names, tested = shared
    return [
        Finding(
            "refuse",
            "shared_clip",
            f"{where}: {len(names):,} of {counted(tested, 'test clip')} {_are(names)} also in training ({listed(names, 3)}), "
            "and rows of one clip share content and slow signal",
            "split by clip",
            tuple(names[:MOST_EVIDENCE]),
        )
    ]


def shared_concept(case: Case) -> list[Finding]:
    """A concept on both sides, where it is not the concept that is decoded: then a test is no zero-shot test."""
    shared = _shared(case, "concept") if case.label != "concept" else None
    if shared is None:
        return []
    where, names, tested = shared
    return [
        Finding(
            "note",
            "shared_concept",
            f"{where}: {len(names):,} of {counted(tested, 'test concept')} {_are(names)} also in training ({listed(names, 3)}), "
            "so this is no zero-shot test",
            "do not call the score zero-shot, or split by concept",
            tuple(names[:MOST_EVIDENCE]),
        )
    ]


def same_run(case: Case) -> list[Finding]:
    """Single trials of one run in training and test: they share drift and autocorrelated noise.

    Rows that average presentations are left out: where all come from one run the table still names it, but their noise is another.
    """
    if "run" not in case.trials:
        return []
    runs = recordings(case)
    single = case.repeats() == 1
    torn = [runs.on_both_sides(fold, single) for fold in case.folds]
    if not any(len(each) for each in torn):
        return []
    number, where = worst_fold(case.folds, [len(each) for each in torn])
    names = runs.names[torn[number]].tolist()
    return [
        Finding(
            "note",
            "same_run",
            f"{where}: {counted(len(names), 'run')} with single trials in training and test ({listed(names, 3)}), "
            "so both sides share drift and autocorrelated noise",
            "read the trial-order-only baseline beside the score, or split by run",
            tuple(names[:MOST_EVIDENCE]),
        )
    ]


def _shared(case: Case, column: str) -> tuple[str, list[str], int] | None:
    """Where labels of a column stand on both sides: the worst fold in words, the labels, and how many labels its test has."""
    labels = case.text(column)
    if labels is None:
        return None
    stated = np.ones(len(labels), bool) if column == "stimulus" else ~np.isin(labels, UNSTATED)
    together = groups(labels)
    shared = [together.on_both_sides(fold, stated) for fold in case.folds]
    if not any(len(each) for each in shared):
        return None
    number, where = worst_fold(case.folds, [len(each) for each in shared])
    test = case.folds[number].test
    tested = len(np.unique(together.code[test[stated[test]]]))
    return where, together.names[shared[number]].tolist(), tested


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
