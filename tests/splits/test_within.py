"""A split within one value of a column: the inner split there, and nothing of the others on any side."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels
from recortex.splits.base import Split, split_hash
from recortex.splits.fixed import FixedSplit
from recortex.splits.hold_out import HoldOut
from recortex.splits.k_fold import KFold
from recortex.splits.within import Within
from tests.laws import check_universal_law, planted, recording


def trials(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(20) for _ in range(3)])
    return {
        "stimulus": np.array([f"s{n:02d}" for n in order]),
        "set": np.array([f"set{n % 4}" for n in order]),
        "split": np.where(order < 14, "train", "test"),
        "run": np.where(order < 14, np.arange(60).astype(str), ""),
    }


@pytest.mark.parametrize("split", [KFold(folds=4), KFold(), HoldOut(test=0.25, seed=3), KFold(by="set", folds=2)], ids=repr)
def test_the_folds_are_those_of_the_inner_split_on_the_trials_inside_alone(split: Split):
    table = trials()
    inside = {name: values[table["split"] == "train"] for name, values in table.items()}
    folds, alone = Within(split=split).apply(table), split.apply(inside)
    assert [fold.name for fold in folds] == [fold.name for fold in alone]
    for fold, other in zip(folds, alone, strict=True):
        for side in ("train", "test"):
            rows = getattr(fold, side)
            assert (table["split"][rows] == "train").all() and (np.diff(rows) > 0).all()
            assert table["stimulus"][rows].tolist() == inside["stimulus"][getattr(other, side)].tolist()
    assert split_hash(folds, table) == split_hash(alone, inside)
    assert Within(split=split).expected_folds() == split.expected_folds()


def test_another_value_and_column_choose_other_trials():
    table = trials()
    folds = Within(split=KFold(folds=2), column="set", value="set1").apply(table)
    assert {name for fold in folds for name in table["set"][fold.test]} == {"set1"}
    assert Within(split=KFold(folds=2), column="set", value="set1").describe() == f"{KFold(folds=2).describe()}, within set set1"


def test_one_stands_within_another():
    table = trials()
    folds = Within(split=Within(split=KFold(folds=2), column="set", value="set1")).apply(table)
    tested = np.concatenate([fold.test for fold in folds])
    assert set(table["set"][tested]) == {"set1"} and set(table["split"][tested]) == {"train"}


def test_only_the_trials_inside_must_say_whom_they_belong_with():
    table = trials() | {"stimulus": np.array([f"t{n}" for n in range(60)])}
    split = Within(split=KFold(by="run", folds=2))
    groups = split.groups(table)
    assert split.apply(table) and set(groups[table["split"] == "test"]) == {"left out"}
    assert (groups[table["split"] == "train"] == table["run"][table["split"] == "train"]).all()


def said(make, *words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make()
    text = str(caught.value)
    assert "\n" not in text and all(word in text for word in words), text


def test_what_is_wrong_is_said_in_one_line():
    table = trials()
    said(lambda: Within(split=KFold(), column="splt").apply(table), "no column splt", "did you mean split")
    said(lambda: Within(split=KFold(), value="training").apply(table), "split = training", "test, train", "value: VALUE")
    said(lambda: Within(by="set", split=KFold()).apply(table), "by: set", "by stimulus", "inner split")
    said(lambda: Within(split=FixedSplit()).apply(table), "no trial has split = test")


def test_a_fit_never_sees_trials_outside(tmp_path):
    """Noise there changes no array at all, normalised by training trials or not; and the split knows its stimuli."""
    responses, pictures, table = planted()
    outside = table["split"] == "test"
    noisy = responses.copy()
    noisy[outside] = 1e3 * np.random.default_rng(1).standard_normal((int(outside.sum()), responses.shape[1]))
    for normalise in ("none", "training"):
        made = []
        for name, values in (("as", responses), ("noisy", noisy)):
            brain, shown = recording(tmp_path / f"{name}_{normalise}", values, pictures, table)
            split, by = Within(split=KFold(folds=3)), {"normalise": normalise, "normalise_by": "run"}
            made.append(RidgeEncoder(brain=brain, features=Pixels(stimuli=shown), split=split, **by))
        first, second = (stage.run() for stage in made)
        assert made[0].key() != made[1].key() and set(first) == set(second)
        assert all(np.array_equal(first[name], second[name]) for name in first)
        assert len(first["row"]) == np.sum(~outside)
    brain, shown = recording(tmp_path / "decoded", responses, pictures, table)
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=shown), split=Within(split=KFold(folds=3)))
    inside = set(np.unique(table["stimulus"][~outside]).astype(str))
    for rows, names in decoder.known():
        assert set(names) < inside and not set(names) & set(decoder.run()["stimulus"][rows])


def test_fitting_inside_never_sees_its_own_test_trials(tmp_path):
    def make(brain, shown):
        return RidgeEncoder(brain=brain, features=Pixels(stimuli=shown), split=Within(split=KFold(folds=3)))

    check_universal_law(tmp_path, make, ["coef", "intercept", "best_alpha"])
