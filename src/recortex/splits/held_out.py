"""How held-out trials are written down: which trial, which stimulus, and which fold did not see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recortex.splits.base import Fold, Trials, split_hash
from recortex.stage import Array

HELD_OUT = {
    "row": Array("trial", dtype="int", units="", about="row of this held-out trial among the brain's trials"),
    "stimulus": Array("trial", dtype="str", units="", about="which stimulus was shown"),
    "held_out_in": Array("trial", dtype="str", units="", about="the fold whose fit did not see this trial"),
    "fold": Array("fold", dtype="str", units="", about="names of the folds"),
    "split_hash": Array(dtype="str", units="", about="equal where the same stimuli fitted and scored"),
}


def held_out_table(folds: Sequence[Fold], trials: Trials) -> dict[str, Any]:
    """The arrays of `HELD_OUT`: held-out trials in the order of the trial table, each in the first fold that scores it."""
    owner: dict[int, str] = {}
    for fold in folds:
        for row in fold.test:
            owner.setdefault(int(row), fold.name)
    rows = np.array(sorted(owner))
    return {
        "row": rows,
        "stimulus": np.asarray(trials["stimulus"])[rows],
        "held_out_in": np.array([owner[int(row)] for row in rows]),
        "fold": np.array([fold.name for fold in folds]),
        "split_hash": np.array(split_hash(folds, trials)),
    }


def training_stimuli(folds: Sequence[Fold], trials: Trials) -> np.ndarray:
    """Names of all stimuli on which any of the folds was fitted."""
    rows = np.unique(np.concatenate([fold.train for fold in folds]))
    return np.unique(np.asarray(trials["stimulus"])[rows])
