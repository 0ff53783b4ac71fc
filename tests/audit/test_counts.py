"""Numbers of presentations, averages of them, and joins by row."""

from __future__ import annotations

import numpy as np

from recortex.audit import Case
from recortex.audit.counts import averaged_repeats, joined_by_row, repetition_counts
from recortex.audit.disclosed import disclosed
from recortex.splits.base import Fold
from tests.audit.designs import event_design, folds_by, silent, the_finding


def presented(*counts: int) -> dict[str, np.ndarray]:
    return {"stimulus": np.repeat([f"s{n:03d}" for n in range(len(counts))], counts)}


def published(table: dict[str, np.ndarray], first_test: str) -> list[Fold]:
    test = table["stimulus"] >= first_test
    return [Fold("test", np.flatnonzero(~test), np.flatnonzero(test))]


def test_missing_and_surplus_repetitions_are_named():
    table = presented(*[4] * 30, 3, 5, *[20] * 9, 21)
    finding = the_finding(
        repetition_counts,
        Case(table, published(table, "s032")),
        "warn",
        "fold test",
        "in training 30 stimuli have 4 presentations and 2 have another number (s030: 3, s031: 5)",
        "in test 9 stimuli have 20 presentations and 1 has another number (s041: 21)",
    )
    assert finding.leak == "repetition_counts"
    assert finding.evidence == (
        "s030: 3 instead of 4 (training)",
        "s031: 5 instead of 4 (training)",
        "s041: 21 instead of 20 (test)",
    )


def test_presentations_within_averaged_rows_count():
    table = presented(*[1] * 40)
    repeats = np.full(40, 80)
    repeats[35] = 79
    the_finding(
        repetition_counts, Case(table, published(table, "s020"), n_repeats=repeats), "warn", "s035: 79", "80 presentations"
    )


def test_another_count_on_each_side_is_a_design():
    table = presented(*[4] * 30, *[20] * 10)
    silent(Case(table, published(table, "s030")))


def test_widely_mixed_counts_are_a_design():
    counts = np.random.default_rng(0).integers(1, 4, 300)
    table = presented(*counts)
    silent(Case(table, folds_by(table["stimulus"], 5)))


def test_averages_are_noted_with_their_range():
    table = presented(*[1] * 40)
    repeats = np.repeat([4, 80], [30, 10])
    finding = the_finding(
        averaged_repeats,
        Case(table, published(table, "s030"), n_repeats=repeats),
        "note",
        "training rows average 4 and test rows 80 presentations",
    )
    assert finding.leak == "averaged_repeats"
    repeats = np.tile([1, 2, 3], 14)[:40]
    mixed = Case(table, folds_by(table["stimulus"], 4), n_repeats=repeats)
    the_finding(averaged_repeats, mixed, "note", "rows average 1 to 3 presentations in training and test")


def test_single_trials_are_silent_with_and_without_their_count():
    table = presented(*[3] * 40)
    silent(Case(table, folds_by(table["stimulus"], 4)))
    silent(Case(table, folds_by(table["stimulus"], 4), n_repeats=np.ones(120, int)))


def test_stimuli_known_by_row_number_are_warned_of():
    table = event_design()
    folds = folds_by(table["run"], 3)
    finding = the_finding(joined_by_row, Case(table, folds, numbered=True), "warn", "240 stimuli are known by row number only")
    assert finding.leak == "joined_by_row"
    silent(Case(table, folds))


def test_each_disclosure_is_noted():
    table = event_design()
    folds = folds_by(table["run"], 3)
    said = ("z-scored by session with the test rows", "high-pass of whole runs, not causal")
    found = disclosed(Case(table, folds, disclosures=said))
    assert [(each.verdict, each.leak, each.about) for each in found] == [("note", "disclosed", each) for each in said]
    silent(Case(table, folds, disclosures=()))
