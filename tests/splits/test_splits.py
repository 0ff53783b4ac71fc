"""Splits: every trial is tested as promised, no stimulus stands on both sides, and a hash tells two splits apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recortex.errors import InvalidInput
from recortex.splits.base import Fold, check, split_hash
from recortex.splits.fixed import FixedSplit
from recortex.splits.held_out import held_out_table, training_stimuli
from recortex.splits.hold_out import HoldOut
from recortex.splits.k_fold import KFold


def trials(seed: int = 0, stimuli: int = 20, repeats: int = 3) -> dict[str, np.ndarray]:
    """Each stimulus in `repeats` runs of its own half of the session; a category of five stimuli each."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(stimuli) for _ in range(repeats)])
    return {
        "stimulus": np.array([f"s{n:02d}" for n in order]),
        "category": np.array([f"c{n // 5}" for n in order]),
        "set": np.array([f"set{n % 4}" for n in order]),
        "run": np.repeat([f"r{n}" for n in range(repeats)], stimuli),
        "split": np.where(order < 15, "train", "test"),
    }


def rows(table: dict[str, np.ndarray], order: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[order] for name, values in table.items()}


def said(make, *words: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        make()
    text = str(caught.value)
    assert "\n" not in text
    assert all(word in text for word in words), text
    return text


def by_stimulus(folds: list[Fold], table: dict[str, np.ndarray]) -> list[tuple[frozenset, frozenset]]:
    return [tuple(frozenset(table["stimulus"][side]) for side in (fold.train, fold.test)) for fold in folds]


SPLITS = [
    KFold(folds=5),
    KFold(folds=7, seed=3),
    KFold(folds=4, seed=None),
    KFold(),
    KFold(by="category", folds=2),
    KFold(by="category"),
    KFold(by="set", folds=4),
    FixedSplit(),
    HoldOut(test=0.25),
    HoldOut(by="category", test=0.25, seed=2),
]
FOLDED = [split for split in SPLITS if isinstance(split, KFold)]


@pytest.mark.parametrize("split", SPLITS, ids=repr)
def test_no_trial_and_no_stimulus_stands_on_both_sides(split):
    table = trials()
    for fold in split.apply(table):
        assert not set(fold.train) & set(fold.test)
        assert not set(table["stimulus"][fold.train]) & set(table["stimulus"][fold.test])
        assert len(fold.train) and len(fold.test)
        assert (np.diff(fold.train) > 0).all() and (np.diff(fold.test) > 0).all()


@pytest.mark.parametrize("split", FOLDED, ids=repr)
def test_every_trial_is_tested_exactly_once_and_fits_in_all_other_folds(split):
    table = trials()
    folds = split.apply(table)
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested) == list(range(60))
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(60))


@pytest.mark.parametrize("split", SPLITS, ids=repr)
def test_groups_stay_together(split):
    table = trials()
    for fold in split.apply(table):
        assert not set(split.groups(table)[fold.train]) & set(split.groups(table)[fold.test])


@given(st.integers(2, 12), st.integers(12, 30), st.integers(1, 4), st.one_of(st.none(), st.integers(0, 99)))
def test_folds_are_of_nearly_one_size(folds, stimuli, repeats, seed):
    table = trials(1, stimuli, repeats)
    sizes = [len(set(table["stimulus"][fold.test])) for fold in KFold(folds=folds, seed=seed).apply(table)]
    assert len(sizes) == folds
    assert max(sizes) - min(sizes) <= 1


def test_leaving_one_out_leaves_each_group_out_under_its_name():
    table = trials()
    folds = KFold(by="category").apply(table)
    assert sorted(fold.name for fold in folds) == ["c0", "c1", "c2", "c3"]
    assert all(set(table["category"][fold.test]) == {fold.name} for fold in folds)
    assert len(KFold().apply(table)) == 20


def test_runs_with_stimuli_of_their_own_are_split_by_run():
    table = trials(repeats=1)
    table["run"] = np.repeat(["r1", "r2", "r3", "r4"], 5)
    folds = KFold(by="run").apply(table)
    assert [set(table["run"][fold.test]) for fold in folds] == [{"r1"}, {"r2"}, {"r3"}, {"r4"}]


def test_runs_and_blocks_whose_names_start_anew_are_different_ones():
    session, run, block = (np.repeat(np.arange(16), 3) // by % of for by, of in ((8, 2), (2, 4), (1, 2)))
    table = {"stimulus": np.arange(48).astype(str), "session": session, "run": run, "block": block}
    assert [fold.name for fold in KFold(by="run", seed=None).apply(table)] == [f"{s}/{r}" for s in (0, 1) for r in range(4)]
    assert len(KFold(by="block").apply(table)) == 16
    side = np.where(session == 0, "train", "test")
    assert len(FixedSplit(by="run").apply(table | {"split": side})) == 1


def test_without_a_seed_groups_are_dealt_in_stretches():
    table = {"stimulus": np.array(list("aabbccddeeff"))}
    assert [fold.test.tolist() for fold in KFold(folds=3, seed=None).apply(table)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


@pytest.mark.parametrize("make", [lambda seed: KFold(folds=4, seed=seed), lambda seed: HoldOut(test=0.3, seed=seed)])
def test_a_seed_draws_the_same_split_again_and_another_seed_another(make):
    table = trials()
    assert by_stimulus(make(1).apply(table), table) == by_stimulus(make(1).apply(table), table)
    assert split_hash(make(1).apply(table), table) != split_hash(make(2).apply(table), table)


@given(st.permutations(range(60)))
def test_the_hash_does_not_depend_on_the_order_of_rows(order):
    table, order = trials(), np.array(order)
    where = np.argsort(order)
    folds = KFold(folds=4).apply(table)
    moved = [Fold(fold.name, np.sort(where[fold.train]), np.sort(where[fold.test])) for fold in folds]
    assert split_hash(moved, rows(table, order)) == split_hash(folds, table)


@pytest.mark.parametrize("split", [*SPLITS[:2], *SPLITS[3:]], ids=repr)
def test_two_people_who_saw_the_same_stimuli_in_another_order_are_split_alike(split):
    """Scores of two people can only be held against each other where the same stimuli fitted and scored."""
    one, other = trials(0), trials(7)
    assert one["stimulus"].tolist() != other["stimulus"].tolist()
    assert split_hash(split.apply(one), one) == split_hash(split.apply(other), other)


def test_the_hash_differs_when_a_stimulus_moves_and_when_sides_are_exchanged():
    table = {"stimulus": np.array(list("abcd"))}
    fold = [Fold("x", np.array([0, 1]), np.array([2, 3]))]
    hashes = {
        split_hash(fold, table),
        split_hash([Fold("x", np.array([0, 2]), np.array([1, 3]))], table),
        split_hash([Fold("x", np.array([2, 3]), np.array([0, 1]))], table),
        split_hash([Fold("x", np.array([0, 1]), np.array([2]))], table),
        split_hash(fold, {"stimulus": np.array(list("abce"))}),
    }
    assert len(hashes) == 5
    assert split_hash([Fold("another name", fold[0].train, fold[0].test)], table) in hashes
    assert all(len(one) == 12 for one in hashes)


def test_the_fixed_split_takes_only_the_trials_it_names():
    table = trials()
    table["split"][:2] = "practice"
    [fold] = FixedSplit().apply(table)
    assert set(table["split"][fold.train]) == {"train"} and set(table["split"][fold.test]) == {"test"}
    assert not {0, 1} & {*fold.train, *fold.test}
    [swapped] = FixedSplit(train="test", test="train").apply(table)
    assert np.array_equal(swapped.train, fold.test)


@pytest.mark.parametrize(("share", "count"), [(0.1, 2), (0.5, 10), (0.01, 1), (0.9, 18)])
def test_a_share_of_the_groups_is_held_out(share, count):
    table = trials()
    [fold] = HoldOut(test=share).apply(table)
    assert len(set(table["stimulus"][fold.test])) == count


@pytest.mark.parametrize("split", [KFold(by="catgory"), HoldOut(by="catgory")])
def test_a_missing_column_gets_the_right_name(split):
    said(lambda: split.apply(trials()), "catgory", "did you mean category?")


def test_a_missing_split_column_is_told_with_the_values_it_needs():
    table = trials()
    del table["split"]
    said(lambda: FixedSplit().apply(table), "no column split", "train", "test", "trial table")
    said(lambda: FixedSplit(column="categry").apply(table), "did you mean category?")


def test_a_column_that_is_not_there_is_told_with_those_that_are_and_averaging_only_where_it_can_be():
    said(
        lambda: KFold(by="xyz").apply({"stimulus": np.array(["a", "a"]), "run": np.array(["1", "2"])}),
        "choose from stimulus, run, or",
    )
    said(lambda: KFold(by="xyz").apply({"stimulus": np.array(["a", "b"])}), "choose from stimulus, set repeats: keep if")


def test_values_that_no_trial_has_are_told_with_those_there_are():
    said(lambda: FixedSplit(train="training").apply(trials()), "split = training", "test, train", "train: VALUE and test: VALUE")


@pytest.mark.parametrize("word", ["", "n/a", "nan"])
def test_a_trial_without_a_group_is_named(word: str):
    table = trials()
    table["category"] = np.array([word if row in (3, 5) else label for row, label in enumerate(table["category"])])
    said(lambda: KFold(by="category", folds=2).apply(table), "2 of", "state no category", "trials 3, 5", "fill in")


def test_too_few_groups_are_counted():
    said(
        lambda: KFold(by="category", folds=5).apply(trials()), "category", "4 different category values", "5 folds", "4 or fewer"
    )


@pytest.mark.parametrize("split", [KFold(by="session"), KFold(by="session", folds=2)])
def test_a_single_group_cannot_be_split_and_the_way_out_is_another_column(split):
    table = trials() | {"session": np.full(60, "only")}
    said(lambda: split.apply(table), "session", "another column")


def test_stimuli_that_runs_share_are_named():
    said(lambda: KFold(by="run").apply(trials()), "fold r0", "20 stimuli", "s00, s01, s02", "17 more", "split by stimulus")


def test_a_stimulus_that_a_table_puts_on_both_sides_is_named():
    table = trials()
    table["split"][np.flatnonzero(table["stimulus"] == "s03")[0]] = "test"
    said(lambda: FixedSplit().apply(table), "1 stimuli", "s03")


def test_groups_that_a_fixed_split_tears_apart_are_named():
    table = trials()
    said(lambda: FixedSplit(by="set").apply(table), "fold test", "set0, set1, set2", "by: stimulus")


def test_two_folds_of_one_name_are_refused():
    trials = {"stimulus": np.array(["a", "b", "c"])}
    folds = [Fold("run 1", np.array([1, 2]), np.array([0])), Fold("run 1", np.array([0, 2]), np.array([1]))]
    with pytest.raises(InvalidInput, match="two folds are called run 1"):
        check(folds, trials)


def test_an_empty_side_is_named():
    table = {"stimulus": np.array(["a", "a", "b"])}
    said(
        lambda: HoldOut(test=0.9).apply(table),
        "test: 0.9 holds out all of 2 stimulus values",
        "set a smaller share, as test: 0.2",
    )
    said(lambda: check([Fold("x", np.array([0]), np.array([], dtype=int))], table), "fold x", "no test trials")
    said(lambda: check([Fold("x", np.array([0, 2]), np.array([2]))], table), "fold x", "trials 2")


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: KFold(folds=1), "folds"),
        (lambda: KFold(seed=-1), "seed"),
        (lambda: HoldOut(test=1.0), "test"),
        (lambda: HoldOut(test=0), "test"),
    ],
)
def test_numbers_that_make_no_split_are_refused_by_field(make, field):
    with pytest.raises(InvalidInput, match=field):
        make()


@pytest.mark.parametrize("split", SPLITS, ids=repr)
def test_what_a_split_is_called_tells_how_it_divides(split):
    assert split.by in split.describe() or "split" in split.describe()
    foreseen = split.expected_folds()
    assert foreseen is None or foreseen == len(split.apply(trials()))


def test_held_out_trials_are_written_in_the_order_of_the_table_with_the_fold_that_did_not_see_them():
    table = trials()
    folds = KFold(folds=5).apply(table)
    made = held_out_table(folds, table)
    assert made["row"].tolist() == list(range(60))
    assert made["stimulus"].tolist() == table["stimulus"].tolist()
    for row, name in zip(made["row"], made["held_out_in"], strict=True):
        assert row in next(fold for fold in folds if fold.name == name).test
    assert str(made["split_hash"]) == split_hash(folds, table)
    assert training_stimuli(folds[:1], table).tolist() == sorted(set(table["stimulus"][folds[0].train]))
