"""Columns of the trial table that nobody reads, though they look as if they should be."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np

from recortex.audit._groups import groups
from recortex.audit.base import MOST_EVIDENCE, Case, Finding
from recortex.data.base import LABELS, NUMBERS

ALIKE = 0.8


def misspelt_column(case: Case) -> list[Finding]:
    """A column of the user's own whose name is almost that of one with a meaning, which the table lacks."""
    lacking = [name for name in (*LABELS, *NUMBERS) if name not in case.trials]
    meant = {
        name: near[0]
        for name in case.trials
        if name not in ("stimulus", *LABELS, *NUMBERS) and (near := get_close_matches(name, lacking, 1, ALIKE))
    }
    if not meant:
        return []
    said = [f"{name} (did you mean {near}?)" for name, near in meant.items()]
    return [
        Finding(
            "warn",
            "misspelt_column",
            f"the trial table has {', '.join(said)}, which nothing reads under that name",
            "rename it, or name it quite differently",
            tuple(said),
        )
    ]


def grouped_stimuli(case: Case) -> list[Finding]:
    """A column of the user's own that gathers several stimuli under one name, on both sides of a fold: perhaps what was really shown.

    Only one that also tells the class, and has more than twice as many names as there are classes, is said: presentations that were
    numbered one by one, with the picture in a column beside.
    """
    labels = case.text(case.label)
    if labels is None:
        return []
    classes, stimuli = groups(labels), groups(np.asarray(case.text("stimulus")))
    for name in case.trials:
        if name in ("stimulus", *LABELS, *NUMBERS):
            continue
        values = groups(np.asarray(case.text(name)))
        tells = len(np.unique(values.code * np.int64(len(classes.names)) + classes.code)) == len(values.names)
        if not tells or not 2 * len(classes.names) < len(values.names) < len(stimuli.names):
            continue
        torn = [values.on_both_sides(fold) for fold in case.folds]
        if any(len(each) for each in torn):
            number = int(np.argmax([len(each) for each in torn]))
            return [
                Finding(
                    "warn",
                    "grouped_stimuli",
                    f"column {name} has {len(values.names)} values for {len(stimuli.names)} stimuli and tells the {case.label}; fold "
                    f"{case.folds[number].name} has {len(torn[number])} of them in training and test",
                    f"if {name} is what was shown, name stimuli by it, or split by it",
                    tuple(values.names[torn[number]][:MOST_EVIDENCE].tolist()),
                )
            ]
    return []
