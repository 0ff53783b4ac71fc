"""Blocks and orders that give the class away, and many designs that do not."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.audit import Case
from recortex.audit.blocks import _expected_alike, block_decides_class
from recortex.splits.base import Fold
from tests.audit.designs import block_design, event_design, folds_by, random_folds, silent, the_finding


def sorted_by_class(rows: int = 100, classes: int = 2) -> dict[str, np.ndarray]:
    return {
        "stimulus": np.array([f"s{n:03d}" for n in range(rows)]),
        "category": np.array([f"c{n}" for n in np.arange(rows) * classes // rows]),
    }


def mini_blocks(runs: int = 4, blocks: int = 20, per_block: int = 5, seed: int = 0) -> dict[str, np.ndarray]:
    """Within a run, short blocks of one of two classes in random order."""
    rng = np.random.default_rng(seed)
    kinds = np.concatenate([rng.permutation(np.arange(blocks) % 2) for _ in range(runs)])
    rows = runs * blocks * per_block
    return {
        "stimulus": np.array([f"s{n:03d}" for n in range(rows)]),
        "category": np.repeat(np.array(["face", "house"])[kinds], per_block),
        "run": np.repeat([f"r{n}" for n in range(runs)], blocks * per_block),
        "block": np.tile(np.repeat([f"b{n:02d}" for n in range(blocks)], per_block), runs),
    }


def test_blocks_of_one_class_with_trials_on_both_sides_are_named():
    table = block_design()
    case = Case(table, random_folds(len(table["run"]), 5))
    finding = the_finding(
        block_decides_class, case, "warn", "(and 4 other folds)", "45 of them hold one category only", "run r1 block b000: c"
    )
    assert finding.leak == "block_decides_class"
    assert len(finding.evidence) == 20


def test_blocks_without_a_column_are_found_by_the_order_of_trials():
    table = block_design()
    del table["block"]
    case = Case(table, random_folds(len(table["run"]), 5))
    finding = the_finding(
        block_decides_class,
        case,
        "warn",
        "42 changes between neighbouring trials",
        "45 stretches of one category",
        "random order has 378.",
    )
    assert finding.evidence[0] == "run r2: category c1 from trial 117 to 125, 5 train and 4 test"


def test_a_block_design_split_by_run_is_silent():
    table = block_design()
    silent(Case(table, folds_by(table["run"], 6)))
    del table["block"], table["onset_s"]
    silent(Case(table, folds_by(table["run"], 3)))


@pytest.mark.parametrize(("classes", "torn"), [(2, 2), (5, 5), (10, 8)])
def test_rows_sorted_by_class_and_split_at_random_are_warned_of(classes, torn):
    case = Case(sorted_by_class(classes=classes), random_folds(100, 10))
    finding = the_finding(
        block_decides_class,
        case,
        "warn",
        f"category follows the order of trials: {classes - 1} change",
        f"{torn} stretches of one category",
        "p < 1e-12",
    )
    assert "give their onset_s" in finding.remedy
    assert "category c0 from trial 0 to" in " ".join(finding.evidence)


def test_short_recordings_sorted_by_class_are_warned_of_too():
    assert block_decides_class(Case(sorted_by_class(20), random_folds(20, 5)))


def test_rows_sorted_after_a_recording_in_random_order_are_silent_once_onsets_are_known():
    table = sorted_by_class()
    table["onset_s"] = np.random.default_rng(0).permutation(100) * 3.0
    silent(Case(table, random_folds(100, 10)))
    table["onset_s"] = np.arange(100) * 3.0
    shuffled = np.random.default_rng(1).permutation(100)
    hidden = {name: values[shuffled] for name, values in table.items()}
    the_finding(block_decides_class, Case(hidden, random_folds(100, 10)), "warn", "1 change between")


def test_averages_over_presentations_have_no_order():
    table = sorted_by_class()
    found = block_decides_class(Case(table, random_folds(100, 10), n_repeats=np.full(100, 12)))
    assert found == []


def test_runs_of_one_class_each_are_blocks():
    table = event_design(runs=8)
    table["category"] = np.repeat(["face", "house"] * 4, 40)
    del table["onset_s"]
    the_finding(block_decides_class, Case(table, random_folds(320, 5)), "warn", "8 runs", "run r1: face")
    silent(Case(table, folds_by(table["run"], 4)))


def test_blocks_in_random_order_that_stay_on_one_side_give_nothing_away():
    table = mini_blocks()
    case = Case(table, folds_by(np.char.add(table["run"], table["block"]), 8))
    assert block_decides_class(case) == []
    torn = Case(table, random_folds(400, 8))
    the_finding(block_decides_class, torn, "warn", "hold one category only", "run r0 block b00")


def test_whole_blocks_on_one_side_do_not_help_where_their_classes_are_sorted():
    table = mini_blocks(runs=1, blocks=40)
    table["category"] = np.repeat(["face", "house"], 100)
    case = Case(table, folds_by(table["block"], 5))
    the_finding(block_decides_class, case, "warn", "1 change between neighbouring blocks", "2 stretches")


def test_blocks_that_hold_several_classes_give_nothing_away():
    table = event_design()
    table["block"] = np.tile(np.repeat([f"b{n}" for n in range(8)], 5), 6)
    assert block_decides_class(Case(table, random_folds(240, 5))) == []
    pairs = mini_blocks(runs=1, blocks=6, per_block=2)  # six pairs are alike by chance once in a hundred times
    assert block_decides_class(Case(pairs, random_folds(12, 3))) == []


def test_a_few_blocks_of_one_class_among_mixed_ones_give_little_away():
    table, rng = mini_blocks(runs=1, blocks=40, per_block=6), np.random.default_rng(0)
    table["category"][120:] = rng.permutation(table["category"][120:])
    assert block_decides_class(Case(table, random_folds(240, 5))) == []


def test_only_runs_that_a_fold_tears_speak():
    table = event_design(runs=6, classes=2)
    table["category"][80:] = np.repeat(["c0", "c1"] * 4, 20)  # sorted in runs 3 to 6
    whole, tested = np.arange(80, 240), np.arange(0, 80, 4)
    fold = Fold("1", np.concatenate([np.setdiff1d(np.arange(80), tested), whole[:80]]), np.concatenate([tested, whole[80:]]))
    assert block_decides_class(Case(table, [fold])) == []
    assert block_decides_class(Case(table, random_folds(240, 5)))


def test_a_mild_habit_in_very_many_trials_is_no_block():
    rng = np.random.default_rng(0)
    category = np.cumsum(rng.random(5000) < 0.45) % 2
    table = {"stimulus": np.arange(5000).astype(str), "category": category.astype(str)}
    silent(Case(table, random_folds(5000, 5)))
    table["category"] = (np.cumsum(rng.random(5000) < 0.25) % 2).astype(str)
    the_finding(block_decides_class, Case(table, random_folds(5000, 5)), "warn", "where a random order has 2,49")


def test_a_class_that_is_held_out_whole_is_not_decoded():
    table = sorted_by_class(classes=10)
    silent(Case(table, folds_by(table["category"], 5)))


def test_one_class_or_no_label_is_silent():
    table = sorted_by_class()
    silent(Case(table, random_folds(100, 5), label="kind"))
    table["category"][:] = "six"
    silent(Case(table, random_folds(100, 5)))


def test_the_label_that_is_decoded_is_the_one_that_counts():
    table = sorted_by_class()
    table["kind"] = table["category"]
    table["category"] = np.random.default_rng(2).permutation(table["category"])
    silent(Case(table, random_folds(100, 5)))
    the_finding(block_decides_class, Case(table, random_folds(100, 5), label="kind"), "warn", "kind follows")


def test_chance_of_alike_neighbours_is_that_of_permuted_labels():
    rng = np.random.default_rng(0)
    recorded = np.repeat([0, 1, 2], [10, 25, 4])
    label = rng.integers(0, 3, 39)
    alike = []
    for _ in range(4000):
        mixed = np.concatenate([rng.permutation(label[recorded == run]) for run in range(3)])
        alike.append(((np.diff(mixed) == 0) & (np.diff(recorded) == 0)).sum())
    assert _expected_alike(recorded, label) == pytest.approx(np.mean(alike), abs=4 * np.std(alike) / np.sqrt(4000))


def random_order(seed: int) -> Case:
    """Runs and classes of random sizes, labels at random or balanced, split at random, so that runs are torn."""
    rng = np.random.default_rng(seed)
    runs, classes = int(rng.integers(1, 7)), int(rng.integers(2, 13))
    rows = runs * int(rng.integers(8, 60))
    odds = rng.dirichlet(np.full(classes, rng.choice([0.5, 2.0, 50.0])))
    label = rng.choice(classes, rows, p=odds) if rng.random() < 0.5 else rng.permutation(np.arange(rows) % classes)
    table = {"stimulus": np.arange(rows).astype(str), "category": label.astype(str)}
    if runs > 1 and rng.random() < 0.7:
        table["run"] = np.repeat(np.arange(runs), rows // runs).astype(str)
    if rng.random() < 0.3:
        table["block"] = (np.arange(rows) // int(rng.integers(2, 8))).astype(str)
    return Case(table, random_folds(rows, int(rng.integers(2, 8)), seed))


def test_false_alarms_on_random_orders_are_as_rare_as_promised():
    alarms = sum(bool(block_decides_class(random_order(seed))) for seed in range(300))
    assert alarms <= 2  # p < .001 each: three or more in 300 have a probability below .004


def test_a_fold_without_neighbours_in_training_is_silent():
    table = sorted_by_class()
    table["run"] = np.repeat(["r1", "r2"], 50)
    silent(Case(table, [Fold("1", np.arange(50), np.arange(50, 100))]))
