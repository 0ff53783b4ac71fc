"""Windows that overlap across a split, against every pair looked at; onsets against triggers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recortex.audit import Case
from recortex.audit.timing import overlapping_windows, trigger_offset
from recortex.errors import InvalidInput
from recortex.splits.base import Fold
from tests.audit.designs import event_design, folds_by, random_folds, silent, the_finding


def rapid(rows: int = 100, every_s: float = 0.2, window_s: float = 1.0) -> dict[str, np.ndarray]:
    """Rapid presentation: pictures 200 ms apart, epochs of a second."""
    return {
        "stimulus": np.array([f"p{n:03d}" for n in range(rows)]),
        "onset_s": np.arange(rows) * every_s,
        "window_s": np.full(rows, window_s),
    }


def test_overlapping_epochs_are_refused_with_their_number_and_smallest_gap():
    case = Case(rapid(), [Fold("1", np.arange(80), np.arange(80, 100))])
    finding = the_finding(overlapping_windows, case, "refuse", "fold 1", "10 pairs", "smallest gap -0.8 s")
    assert finding.leak == "overlapping_windows"
    assert finding.evidence[0] == "p079 at 15.8 s (train) ~ p080 at 16 s (test), the recording: 0.8 s in common"


def test_windows_that_touch_are_silent_and_so_are_those_of_other_runs():
    table = rapid(every_s=0.1, window_s=0.1)
    silent(Case(table, random_folds(100, 5)))
    table = rapid()
    table["run"] = np.repeat(["r1", "r2"], 50)
    silent(Case(table, [Fold("1", np.arange(50), np.arange(50, 100))]))


def test_context_of_the_target_features_widens_the_windows():
    table = rapid(every_s=2.0)
    folds = [Fold("1", np.arange(50), np.arange(50, 100))]
    silent(Case(table, folds))
    silent(Case(table, folds, context_s=1.0))
    wide = Case(table, folds, context_s=3.5)
    finding = the_finding(overlapping_windows, wide, "refuse", "3 pairs", "smallest gap 1 s", "reach 3.5 s")
    assert "1 s apart" in finding.evidence[0]
    assert "cut the stimulus" in finding.remedy
    del table["window_s"]
    silent(Case(table, folds))
    the_finding(overlapping_windows, Case(table, folds, context_s=2.5), "refuse", "1 pair of")


@given(st.integers(0, 10_000), st.floats(0, 2))
def test_pairs_and_smallest_gap_are_those_of_all_pairs_looked_at(seed, context):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(4, 40))
    table = {
        "stimulus": np.arange(rows).astype(str),
        "onset_s": rng.choice([rng.uniform(0, 30, rows), rng.integers(0, 12, rows).astype(float)]),
        "window_s": rng.uniform(0.1, 3, rows),
        "run": rng.integers(0, 3, rows).astype(str),
    }
    order = rng.permutation(rows)
    fold = Fold("1", np.sort(order[2:]), np.sort(order[:2]))
    start, end = table["onset_s"], table["onset_s"] + table["window_s"]
    gap = np.maximum(start[fold.train, None], start[fold.test]) - np.minimum(end[fold.train, None], end[fold.test])
    same = table["run"][fold.train, None] == table["run"][fold.test]
    pairs = same & (gap < context - 1e-6)
    found = overlapping_windows(Case(table, [fold], context_s=context))
    assert len(found) == pairs.any()
    if found:
        count, smallest = re.search(r"of ([\d,]+) pairs? of .*gap (\S+) s", found[0].about).groups()
        assert int(count) == pairs.sum()
        assert float(smallest) == pytest.approx(gap[pairs].min(), rel=0.01, abs=1e-6)


def test_windows_may_come_as_text_and_must_be_seconds():
    table = rapid()
    table["window_s"] = table["window_s"].astype(str)
    assert overlapping_windows(Case(table, random_folds(100, 5)))
    for cell, words in (("long", "something else than seconds"), ("", "no finite number in trial 3"), ("0", "not above 0")):
        table["window_s"][3] = cell
        with pytest.raises(InvalidInput, match=words):
            overlapping_windows(Case(table, random_folds(100, 5)))


def triggered(seed: int = 0) -> Case:
    table = event_design(seed=seed)
    table["trigger_s"] = table["onset_s"] + np.random.default_rng(seed).normal(0, 0.0005, 240)
    return Case(table, folds_by(table["run"], 6))


def test_triggers_close_to_the_onsets_are_silent():
    silent(triggered())


def test_a_constant_offset_is_told_in_milliseconds():
    case = triggered()
    case.trials["trigger_s"][:] += 0.15
    finding = the_finding(trigger_offset, case, "warn", "150 ms after the onsets")
    assert (finding.leak, finding.evidence) == ("trigger_offset", ())
    assert trigger_offset(case, tolerance_s=0.2) == []


def test_stray_and_missing_triggers_are_named():
    case = triggered()
    case.trials["trigger_s"][7] += 0.3
    case.trials["trigger_s"][[11, 12]] = np.nan
    finding = the_finding(
        trigger_offset, case, "warn", "1 of 240 trials lies more than 5 ms", "300 ms", "2 of 240 trials have no trigger"
    )
    names = case.trials["stimulus"]
    assert finding.evidence[0].startswith(f"trial 7 ({names[7]}): offset 300 ms")
    assert finding.evidence[1:] == (f"trial 11 ({names[11]}): no trigger", f"trial 12 ({names[12]}): no trigger")


def test_a_trigger_column_of_text_may_have_gaps():
    case = triggered()
    words = case.trials["trigger_s"].astype(str)
    words[5] = "n/a"
    table = dict(case.trials) | {"trigger_s": words}
    the_finding(trigger_offset, Case(table, case.folds), "warn", "1 of 240 trials has no trigger")
    table["trigger_s"] = np.full(240, "")
    the_finding(trigger_offset, Case(table, case.folds), "warn", "240 of 240 trials have no trigger")
