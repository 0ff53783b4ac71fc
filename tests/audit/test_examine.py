"""All detectors together: order of findings, clean designs, refusals of a wrong case, and sizes."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.audit import Case, Finding, examine, worst
from recortex.errors import InvalidInput
from recortex.splits.base import Fold
from tests.audit.designs import block_design, event_design, folds_by, noise_pictures, random_folds, silent


def test_refusals_come_first_and_decide():
    table = event_design()
    table["stimulus"] = np.array([f"s{n % 60}" for n in range(240)])
    table["window_s"] = np.full(240, 5.0)
    case = Case(table, random_folds(240, 5), numbered=True, n_repeats=np.ones(240, int), disclosures=("z-scored upstream",))
    found = examine(case)
    assert [each.leak for each in found] == ["shared_stimulus", "overlapping_windows", "joined_by_row", "same_run", "disclosed"]
    assert [each.verdict for each in found] == ["refuse", "refuse", "warn", "note", "note"]
    assert [worst(found), worst(found[2:]), worst(found[3:]), worst([])] == ["refuse", "warn", "note", "clean"]
    assert all(isinstance(each, Finding) and each.about and each.remedy for each in found)


def test_a_warning_stands_before_a_note_of_an_earlier_detector():
    given = noise_pictures(20)
    given["pictures"][19] = given["pictures"][18]
    table = {"stimulus": given["picture_names"]}
    found = examine(Case(table, [Fold("1", np.arange(15), np.arange(15, 20))], **given, numbered=True))
    assert [each.leak for each in found] == ["joined_by_row", "duplicate_candidates"]


def clean(seed: int) -> Case:
    """A sound experiment: random labels, several runs, pictures of their own, triggers, whole runs or single stimuli held out."""
    rng = np.random.default_rng(seed)
    if seed % 5 == 0:
        table = block_design(runs=int(rng.integers(3, 8)), classes=int(rng.integers(2, 9)), seed=seed)
    else:
        table = event_design(int(rng.integers(2, 8)), int(rng.integers(10, 50)), int(rng.integers(2, 9)), seed)
    rows = len(table["run"])
    table["session"] = np.where(table["run"] < "r3", "morning", "evening")
    table["trigger_s"] = table["onset_s"] + rng.normal(0, 0.0005, rows)
    table["window_s"] = np.full(rows, 2.0)
    given = noise_pictures(rows, seed=seed)
    table["stimulus"] = rng.permutation(given["picture_names"])
    by_run = seed % 5 == 0 or seed % 2 == 0
    folds = folds_by(table["run"], 2, seed) if by_run else random_folds(rows, int(rng.integers(2, 6)), seed)
    features = rng.standard_normal((rows, 64)) + 3.0
    named = {"features": features, "feature_names_of_rows": given["picture_names"], "embedding": True}
    return Case(table, folds, **given, **named, n_repeats=np.ones(rows, int))


@pytest.mark.parametrize("seed", range(50))
def test_sound_experiments_raise_no_alarm(seed):
    case = clean(seed)
    found = examine(case)
    runs_torn = any(set(case.trials["run"][fold.train]) & set(case.trials["run"][fold.test]) for fold in case.folds)
    assert [each.leak for each in found] == (["same_run"] if runs_torn else [])


def test_findings_do_not_depend_on_the_order_of_rows():
    table = block_design()
    table["clip"] = table["block"]
    folds = random_folds(432, 4)
    order = np.random.default_rng(0).permutation(432)
    place = np.argsort(order)
    moved = [Fold(fold.name, np.sort(place[fold.train]), np.sort(place[fold.test])) for fold in folds]
    there = examine(Case(table, folds))
    assert [each.leak for each in there] == ["shared_clip", "block_decides_class", "same_run"]
    assert examine(Case({name: values[order] for name, values in table.items()}, moved)) == there


def refused(match: str, table: dict, folds: list[Fold], **more: object) -> None:
    with pytest.raises(InvalidInput, match=match):
        Case(table, folds, **more)


def test_a_case_that_does_not_fit_together_is_refused():
    table, folds = {"stimulus": np.array(["a", "b", "c"])}, [Fold("1", np.array([0, 1]), np.array([2]))]
    refused("no stimulus column", {"run": np.array(["1"])}, folds)
    refused("run of the trial table", table | {"run": np.array(["1", "2"])}, folds)
    refused("n_repeats of the trial table", table, folds, n_repeats=np.ones(4, int))
    refused("rows beyond the 3 trials", table, [Fold("1", np.array([0]), np.array([3]))])
    refused("fold 1 has no rows", table, [Fold("1", np.array([0]), np.array([], int))])
    refused("3 pictures need as many", table, folds, pictures=np.zeros((3, 2, 2, 1), np.uint8))
    refused("2 features need as many", table, folds, features=np.zeros((2, 4)), feature_names_of_rows=table["stimulus"])
    refused("pictures are float64", table, folds, pictures=np.zeros((3, 2, 2, 1)), picture_names=table["stimulus"])
    refused("context_s is -1", table, folds, context_s=-1.0)


def test_nothing_known_is_nothing_found():
    silent(Case({"stimulus": np.array(["a", "b", "c"])}, [Fold("1", np.array([0, 1]), np.array([2]))]))
    silent(Case({"stimulus": np.array(["a", "b"])}, []))


def test_a_hundred_thousand_trials():
    table = event_design(runs=200, per_run=500)
    table["window_s"] = np.full(100_000, 5.0)
    table["trigger_s"] = table["onset_s"]
    table["block"] = (np.arange(100_000) // 5).astype(str)
    leaks = [each.leak for each in examine(Case(table, random_folds(100_000, 5)))]
    assert leaks == ["overlapping_windows", "same_run"]


def test_three_thousand_pictures():
    given = noise_pictures(3000, size=40)
    given["pictures"][2900] = given["pictures"][17]
    folds = [Fold("1", np.arange(2000), np.arange(2000, 3000))]
    (finding,) = examine(Case({"stimulus": np.array([f"p{n:03d}.png" for n in range(3000)])}, folds, **given))
    assert finding.evidence == ("p017.png ~ p2900.png r 1 (train ~ test)",)
