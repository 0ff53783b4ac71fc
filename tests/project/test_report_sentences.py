"""What the report says of scores in plain words is what the rows hold."""

from __future__ import annotations

import re
from typing import Any

import pytest

from recortex.report.scores import score_groups, sentence

NAN = float("nan")


def row(metric: str = "two_way_identification", **known: Any) -> dict[str, Any]:
    """A row of scores.csv, of nothing but what is given."""
    plain = {"branch": "", "stage": "own", "metric": metric, "summary": "mean", "control": "", "subset": "", "protocol": ""}
    numbers = dict.fromkeys(("value", "low", "high", "p", "chance", "ceiling"), NAN) | {"n": 40, "candidates": 40}
    words = {"n_unit": "stimulus", "unit": "1", "split": "4-fold by stimulus", "averaging": "single trials", "audit": "clean"}
    return plain | numbers | words | known


def minus(control: str, low: float, high: float, **known: Any) -> dict[str, Any]:
    """A row of the difference to a control."""
    return row(**({"control": control, "summary": "difference", "value": (low + high) / 2, "low": low, "high": high} | known))


IDENTIFIED = (
    "Shown a decoded picture and two others, the one that was seen and one that was not, the seen one is the more similar "
    "{} of 100 times; guessing gives 50"
)
SHARE = "The share of {} permuted pairs that come as far, this one counted, is p = {}."


def test_identification_without_permutations_says_no_p_and_no_chance_but_guessing():
    assert sentence([row(value=0.874)]) == IDENTIFIED.format(87) + "."


def test_identification_with_permutations():
    said = sentence([row(value=0.874, chance=0.503, p=0.01)])
    assert said == (IDENTIFIED.format(87) + ", the same procedure on permuted pairs 50. " + SHARE.format("fits on", "0.0100"))


@pytest.mark.parametrize(
    ("p", "shown"), [(1 / 101, "0.0099"), (1 / 21, "0.0476"), (0.25, "0.2500"), (1.0, "1.0000"), (1 / 1001, "0.0010")]
)
def test_p_is_said_as_it_is_at_its_floor_and_above(p, shown):
    said = sentence([row(value=0.6, chance=0.5, p=p)])
    assert SHARE.format("fits on", shown) in said and said.count("p = ") == 1
    assert not re.search("significan|prove|chance alone", said)


def test_a_quick_null_is_not_called_a_fit():
    known = {"value": 0.6, "chance": 0.5, "p": 0.05, "protocol": "pixels 8x8 grey, quick null"}
    said = sentence([row(**known)])
    assert ", finished predictions held against permuted pairs 50." in said
    assert SHARE.format("finished predictions held against", "0.0500") in said
    assert "fits on" not in said and "same procedure" not in said
    said = sentence([row("unit_correlation", **known)])
    assert "; finished predictions held against permuted pairs reach 0.50." in said


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.0, "100"), (0.997, "99.7"), (0.96, "96"), (0.954, "95.4"), (0.949, "95"), (0.5, "50"), (0.0, "0"), (0.004, "0")],
)
def test_hundredths_are_whole_but_near_the_top(value, shown):
    assert sentence([row(value=value)]) == IDENTIFIED.format(shown) + "."


def test_only_what_never_fails_is_100_of_100():
    assert sentence([row(value=0.9996)]) == IDENTIFIED.format("more than 99.9") + "."


def test_p_is_never_said_to_be_0():
    said = sentence([row(value=0.9, chance=0.5, p=1 / 100_001)])
    assert said.endswith("that come as far, this one counted, is p < 0.0001.")


def test_within_a_category_is_said_beside_the_whole():
    rows = [row(value=0.9), row(value=0.61, subset="within_category")]
    assert sentence(rows).endswith("Among pictures of the same category, where the category does not help, it is 61 of 100.")
    undefined = [row(value=0.9), row(value=NAN, subset="within_category")]
    assert "same category" not in sentence(undefined)
    alone = sentence([row(value=0.61, subset="within_category", candidates=10)])
    assert alone.count("61 of 100") == 1


def test_accuracy():
    said = sentence([row("accuracy", value=0.67, candidates=8, chance=0.125, p=0.01)])
    assert said.startswith(
        "The right one of 8 categories is named in 67 of 100 cases; by the same procedure on permuted pairs in 12."
    )
    assert sentence([row("accuracy", value=0.67, candidates=8)]) == "The right one of 8 categories is named in 67 of 100 cases."


def test_encoding_with_and_without_a_ceiling():
    with_ceiling = sentence([row("unit_correlation", value=0.314, ceiling=0.451, chance=-0.004, p=0.05)])
    assert with_ceiling.startswith(
        "Predicted and measured responses of a unit correlate with 0.31 on average (1 is perfect), where noise permits 0.45 on "
        "average; the same procedure on permuted pairs reaches 0.00. "
    )
    without = sentence([row("unit_correlation", value=0.314)])
    assert without == "Predicted and measured responses of a unit correlate with 0.31 on average (1 is perfect)."
    assert "-0.05" in sentence([row("unit_correlation", value=-0.05)])


def test_the_mean_over_units_is_the_headline_and_not_a_quantile():
    rows = [row("unit_correlation", summary="p95", value=0.6), row("unit_correlation", value=0.2)]
    assert "0.20 on average" in sentence(rows)
    assert sentence(rows[:1]) == ""


def test_pixel_correlation():
    said = sentence([row("pixel_correlation", value=0.42, chance=0.1)])
    assert said == "Decoded and seen pictures correlate with 0.42 on average (1 is identity)."


@pytest.mark.parametrize("metric", ["two_way_identification", "accuracy", "unit_correlation", "pixel_correlation"])
def test_an_undefined_score_is_called_so(metric):
    said = sentence([row(metric, value=NAN)])
    assert said == "The score is not defined: what was predicted does not vary." and "nan" not in said


def test_no_headline_no_sentence():
    assert sentence([]) == ""
    assert sentence([row("ssim", value=0.5)]) == ""
    assert sentence([row(value=0.5, control="mean")]) == ""
    assert sentence([minus("mean", 0.1, 0.2)]) == ""


def test_controls_are_beaten_level_or_ahead_by_the_interval_of_the_difference():
    rows = [
        row(value=0.8),
        minus("shuffled", 0.2, 0.4),
        minus("class_mean", -0.05, 0.05),
        minus("trial_order", -0.3, -0.1),
        minus("mean", 0.0001, 0.3),
        minus("unconditional", 0.0, 0.3),
    ]
    said = sentence(rows)
    assert "It beats shuffled and mean (the 95 % interval of the paired difference lies above 0)." in said
    assert "It cannot be told from class mean and unconditional (the 95 % interval of the paired difference holds 0)." in said
    assert "It falls behind trial order (the 95 % interval of the paired difference lies below 0)." in said


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.2, "It beats mean "), (-0.2, -0.1, "It falls behind mean "), (-0.1, 0.1, "It cannot be told from mean ")],
)
def test_one_control_alone(low, high, words):
    said = sentence([row(value=0.5), minus("mean", low, high)])
    assert words in said and sum(said.count(start) for start in ("It beats", "It falls", "It cannot")) == 1


def test_three_controls_are_listed():
    rows = [row(value=0.5), *(minus(name, 0.1, 0.2) for name in ("shuffled", "mean", "class_mean"))]
    assert "It beats shuffled, mean and class mean (" in sentence(rows)


def test_controls_without_an_interval_and_the_ceiling_of_the_way_back_are_no_rivals():
    rows = [
        row(value=0.5),
        minus("true_features", -0.5, -0.4),
        minus("mean", NAN, NAN),
        minus("nearest", 0.1, 0.2, metric="ssim"),
    ]
    assert sentence(rows) == IDENTIFIED.format(50) + "."
    within = minus("mean", 0.1, 0.2, subset="within_category")
    assert "It beats" not in sentence([row(value=0.5), within])


@pytest.mark.parametrize("control", ["mean", "class_mean", "nearest"])
def test_what_is_made_of_the_training_set_is_compared_within_folds_where_there_are_several(control):
    pooled = [row(value=0.8), minus(control, 0.3, 0.4)]
    within = [row(value=0.8, subset="within_fold"), minus(control, -0.2, -0.1, subset="within_fold")]
    said = sentence(pooled + within)
    assert f"It falls behind {control.replace('_', ' ')} (" in said and "It beats" not in said
    assert f"It beats {control.replace('_', ' ')} (" in sentence(pooled)


@pytest.mark.parametrize("control", ["shuffled", "trial_order"])
def test_what_is_fitted_like_the_decoder_is_compared_over_all(control):
    rows = [row(value=0.8), minus(control, 0.3, 0.4), row(value=0.8, subset="within_fold")]
    assert "It beats" in sentence([*rows, minus(control, -0.2, -0.1, subset="within_fold")])


def test_a_group_says_what_its_rows_share_and_a_missing_audit():
    (group,) = score_groups([row(value=0.8, audit="warn: near_duplicates")])
    assert group["about"] == "40 stimuli, single trials, 4-fold by stimulus, audit warn: near_duplicates"
    (group,) = score_groups([row(value=0.8, audit="", branch="subject=1", n=1)])
    assert group["about"].startswith("1 stimulus, ") and group["about"].endswith("audit not run")
    assert group["name"] == "own (subject=1)" and group["sentence"] == sentence([row(value=0.8)])
    (cells,) = group["rows"]
    assert (cells["interval"], cells["p"], cells["ceiling"]) == ("–", "–", "–")
