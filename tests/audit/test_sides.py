"""Stimuli, clips, concepts and runs on both sides of a fold."""

from __future__ import annotations

import numpy as np

from recortex.audit import Case, examine, worst
from recortex.audit.sides import same_run, shared_clip, shared_concept, shared_stimulus
from recortex.splits.base import Fold
from tests.audit.designs import event_design, folds_by, random_folds, silent, the_finding


def film(clips: int = 6, per_clip: int = 20) -> dict[str, np.ndarray]:
    rows = clips * per_clip
    return {
        "stimulus": np.array([f"frame{n:03d}" for n in range(rows)]),
        "clip": np.repeat([f"clip{n}" for n in range(clips)], per_clip),
    }


def test_a_stimulus_on_both_sides_is_refused_and_named():
    table = event_design()
    table["stimulus"] = table["stimulus"].astype("U10")
    table["stimulus"][[0, 50]] = "cat.png"
    folds = [Fold("1", np.arange(40, 240), np.arange(40))]
    finding = the_finding(
        shared_stimulus, Case(table, folds), "refuse", "fold 1", "1 of 40 test stimuli is also in training (cat.png)"
    )
    assert finding.leak == "shared_stimulus"
    assert finding.evidence == ("cat.png",)


def test_the_fold_with_most_shared_stimuli_is_named_and_the_others_counted():
    table = {"stimulus": np.array(["a", "b", "c", "d", "a", "b", "e", "c"])}
    folds = [Fold("first", np.array([0, 1, 2, 3]), np.array([7, 6])), Fold("second", np.array([0, 1, 2, 3, 6]), np.array([4, 5]))]
    the_finding(shared_stimulus, Case(table, folds), "refuse", "fold second (and 1 other fold)", "2 of 2", "(a, b)")


def test_repeats_split_at_random_are_refused_first():
    table = event_design()
    table["stimulus"] = np.array([f"s{n % 60}" for n in range(240)])
    found = examine(Case(table, random_folds(240, 5)))
    assert (found[0].leak, worst(found)) == ("shared_stimulus", "refuse")


def test_repeats_that_stay_on_one_side_are_silent():
    table = {"stimulus": np.array([f"s{n % 60}" for n in range(240)])}
    silent(Case(table, folds_by(table["stimulus"], 5)))


def test_a_clip_cut_by_the_split_is_refused():
    table = film()
    finding = the_finding(shared_clip, Case(table, random_folds(120, 4)), "refuse", "6 of 6 test clips", "clip0, clip1, clip2")
    assert finding.leak == "shared_clip"
    assert len(finding.evidence) == 6


def test_clips_that_stay_on_one_side_are_silent_and_rows_of_no_clip_are_no_clip():
    table = film()
    silent(Case(table, folds_by(table["clip"], 3)))
    table["clip"][:] = ""
    table["clip"][:40] = "clip0"
    silent(Case(table, [Fold("1", np.arange(40, 80), np.arange(80, 120)), Fold("2", np.arange(40), np.arange(40, 120))]))


def test_concepts_on_both_sides_are_noted_unless_they_are_what_is_decoded():
    table = event_design(runs=1)
    table.pop("run")
    table["concept"] = np.array([f"concept{n // 2:02d}" for n in range(40)])
    finding = the_finding(
        shared_concept, Case(table, [Fold("test", np.arange(5, 40), np.arange(5))]), "note", "1 of 3", "concept02"
    )
    assert finding.leak == "shared_concept"
    silent(Case(table, folds_by(table["concept"], 5)))
    table["concept"] = np.random.default_rng(0).permutation(table["concept"])
    silent(Case(table, random_folds(40, 5), label="concept"))


def test_single_trials_of_one_run_on_both_sides_are_noted():
    table = event_design()
    finding = the_finding(same_run, Case(table, random_folds(240, 5)), "note", "fold 1 (and 4 other folds)", "6 runs", "run r1")
    assert finding.leak == "same_run"
    assert "trial-order-only" in finding.remedy


def test_runs_of_one_name_in_two_sessions_are_two_runs():
    table = event_design(runs=2)
    table["run"][:] = "r1"
    table["session"] = np.repeat(["monday", "friday"], 40)
    silent(Case(table, [Fold("1", np.arange(40), np.arange(40, 80))]))
    torn = Case(table, [Fold("1", np.arange(45), np.arange(45, 80))])
    the_finding(same_run, torn, "note", "1 run with", "session friday run r1")


def test_split_by_run_is_silent_and_so_are_rows_that_average():
    table = event_design()
    silent(Case(table, folds_by(table["run"], 6)))
    averaged = Case(table, random_folds(240, 5), n_repeats=np.full(240, 4))
    assert same_run(averaged) == []
    del table["run"], table["onset_s"]
    silent(Case(table, random_folds(240, 5)))
