"""A misspelt column is not a column of one's own."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.audit import Case, examine
from recortex.splits.base import Fold

FOLDS = [Fold("1", np.arange(10, 20), np.arange(10))]


@pytest.mark.parametrize(
    ("written", "meant"), [("sesion", "session"), ("runs", "run"), ("catgory", "category"), ("onsets_s", "onset_s")]
)
def test_a_misspelt_column_is_said(written, meant):
    trials = {"stimulus": np.arange(20).astype(str), written: np.arange(20).astype(str)}
    (finding,) = examine(Case(trials, FOLDS))
    assert (finding.verdict, finding.leak) == ("warn", "misspelt_column")
    assert f"{written} (did you mean {meant}?)" in finding.about


@pytest.mark.parametrize("own", ["reaction_time", "gaze_x", "runs", "valence"])
def test_a_column_of_ones_own_is_not(own):
    trials = {"stimulus": np.arange(20).astype(str), "run": np.repeat(["1", "2"], 10), own: np.arange(20).astype(str)}
    assert examine(Case(trials, FOLDS)) == []
