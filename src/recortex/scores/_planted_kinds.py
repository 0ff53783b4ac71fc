"""Captions of units against what was planted in them, where the brain is simulated."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from recortex.data.about_units import about_units
from recortex.scores.base import Score
from recortex.stage import Result, Stage

EXPLAINABLE = 0.3
PLANTED = ("preferred", "explainable", "area")


def planted_in(brain: Stage) -> Result | None:
    """What was planted in the units of a simulated brain; None where nothing was."""
    return about_units(brain, PLANTED)


def planted_kinds(truth: Result) -> np.ndarray:
    """Kinds of things that each unit was made to prefer, (unit, preference), "" for none."""
    preferred = truth["preferred"]
    return np.where(np.isin(preferred, truth["kind"]), preferred, "")


def first_kinds(captions: np.ndarray) -> np.ndarray:
    """The kind of the thing that each caption names first, "" where it names none."""
    from recortex.data.simulated.reading import read

    said, which = np.unique(captions, return_inverse=True)
    return np.array([read(caption).first.kind for caption in said.tolist()])[which]


def truth_scores(
    truth: Result | None, caption: np.ndarray, captioned: np.ndarray, passing: np.ndarray, shared: dict[str, Any]
) -> list[Score]:
    """What captions say against what was planted: one row each for kinds, for units that got a caption, and for false ones.

    Parameters
    ----------
    truth : Result or None
        What was planted; without it there are no rows.
    caption, captioned, passing : (unit,) arrays
    shared : dict
        Columns that all rows share.
    """
    if truth is None:
        return []
    planted = planted_kinds(truth)
    strong = (planted != "").any(axis=1) & (truth["explainable"] > EXPLAINABLE)
    scores = []
    if strong.any():
        share = float(captioned[strong].mean())
        chosen = f"selective, explainable > {EXPLAINABLE:g}"
        scores.append(Score("captioned_units", "share", share, int(strong.sum()), "unit", subset=chosen, **shared))
    asked = strong & captioned
    if asked.any():
        named = first_kinds(caption[asked])
        right = ((planted[asked] == named[:, None]) & (named != "")[:, None]).any(axis=1)
        frequency = {kind: times / len(named) for kind, times in Counter(named.tolist()).items() if kind}
        # the same named kinds, given to these units in any order
        chance = np.mean([sum(frequency.get(kind, 0.0) for kind in kinds if kind) for kinds in planted[asked].tolist()])
        scores.append(
            Score("accuracy", "mean", float(right.mean()), len(named), "unit", chance=float(chance), subset="kind", **shared)
        )
    if passing.any():
        false = float((truth["area"][passing] == "null").mean())
        scores.append(Score("passing_in_null_area", "share", false, int(passing.sum()), "unit", **shared))
    return scores
