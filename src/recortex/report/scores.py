"""The score page: rows of one stage together, what they say in a sentence, and the null ladder as a drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from recortex.drawing import Rung, ladder

Row = Mapping[str, Any]

MEANINGS = {
    "unit_correlation": "Pearson correlation between predicted and measured responses of one unit over held-out trials; summarised over "
    "units by mean, median (p50) or 95th percentile (p95). Its ceiling is the same summary of what noise permits each unit, the square "
    "root of its explainable variance; no estimate of that falls below 0, so it is too high where most units have little signal.",
    "normalised_correlation": "That correlation divided by the highest one that noise permits, the square root of the unit's "
    "explainable variance; the mean over units that have enough of it. Nothing is clipped: single units may exceed 1.",
    "noise_normalised_r2": "Squared correlation (negative ones count as 0) divided by explainable variance; the median "
    "over the same units.",
    "significant_units": "Share of units whose correlation stands out from fits on permuted pairs, corrected for the number of units.",
    "pixel_correlation": "Pearson correlation between the pixels of a decoded picture and of the seen one, averaged over pictures.",
    "ssim": "Structural similarity in two dimensions (Gaussian window, sigma 1.5), averaged over pictures; 1 is identity.",
    "two_way_identification": "How often a decoded picture resembles the seen picture more than another one, over all pairs; 0.5 is "
    "guessing. by_stimulus: a seen picture among the decoded ones. within_category: only against pictures of the same category; "
    "within_fold, within_category_and_fold: only against those of the same fold, where alone a training mean or a retrieved training "
    "picture compares fairly.",
    "top1_retrieval": "How often the seen picture is the most similar of all candidates.",
    "accuracy": "Share of trials whose category is named correctly. Of decoded pictures: in which the judge, an independent network, "
    "finds what was in the seen one; of captions: which are right about it; the kind, design and colour of the largest thing, the "
    "background, and how many things there are. Of captions of units: share of units whose caption names a kind that was planted.",
    "caption_correlation": "Rank correlation between a unit's responses to pictures that its encoder never met and how well each of them "
    "fits the unit's caption, by the image-text model; the mean over units with a caption.",
    "passing_captions": "Share of captions that predict their unit, corrected for the number of units. Against permuted pictures: "
    "whether a caption says anything of its unit. Against the captions of other units: whether it says more than theirs, which no "
    "caption can that many units share.",
    "captioned_units": "Share of such units that got a caption, because their encoder predicts trials that it was not fitted on.",
    "passing_in_null_area": "Share of the captions that predict their unit whose unit was made to respond to nothing.",
}
CONTROLS = {
    "shuffled": "the same procedure fitted on permuted pairs, the mean over all permutations",
    "mean": "the training mean (of labels: the most frequent one) in place of what was decoded",
    "class_mean": "the training mean of the true category, which is given away",
    "trial_order": "the same procedure, given nothing but when each trial came",
    "unconditional": "what the method makes without looking at the brain",
    "nearest": "the nearest training example, looked up",
    "frequency": "a guess that names each answer as often as it comes among the training stimuli",
    "commonest": "the most frequent answer of the training stimuli every time; of captions of units, the most frequent one for all",
    "true_features": "the true features in place of the decoded ones: the ceiling of the way back to pictures",
}
HEADLINES = (
    ("two_way_identification", ""),
    ("two_way_identification", "within_category"),
    ("pixel_correlation", ""),
    ("accuracy", ""),
    ("accuracy", "kind"),
    ("caption_correlation", ""),
    ("unit_correlation", ""),
)
MADE_OF_TRAINING = ("mean", "class_mean", "nearest")
WITHIN_FOLDS = {"": "within_fold", "within_category": "within_category_and_fold"}
PLURALS = {"stimulus": "stimuli"}


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(2, "stimulus"), counted(1, "branch")
    ('2 stimuli', '1 branch')
    """
    plural = PLURALS.get(noun, f"{noun}es" if noun.endswith("ch") else f"{noun}s")
    return f"{count} {noun if count == 1 else plural}"


def score_groups(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of one stage and branch under one heading, with what they share, their sentence, their ladder and their table."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault((row["branch"], row["stage"]), []).append(row)
    out = []
    for (branch, stage), members in groups.items():
        first = members[0]
        shared = [
            counted(first["n"], first["n_unit"]),
            first["averaging"],
            first["split"],
            f"audit {first['audit'] or 'not run'}",
        ]
        out.append(
            {
                "name": f"{stage} ({branch})" if branch else stage,
                "about": ", ".join(word for word in shared if word),
                "sentence": sentence(members),
                "ladders": _ladders(members),
                "rows": [_cells(row) for row in members if not row["control"]],
                "controls": [_cells(row) for row in members if row["control"]],
            }
        )
    return out


def sentence(rows: Sequence[Row]) -> str:
    """What the scores of one stage say, for somebody who does not know the metrics; empty where there is no headline among them.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of scores.csv, of one stage and branch.
    """
    found = _headline(rows)
    if found is None:
        return ""
    metric, subset = found["metric"], found["subset"]
    said = [_plain_words(found)]
    within = next(
        (row for row in rows if (row["metric"], row["subset"], row["control"]) == (metric, "within_category", "")), None
    )
    if within is not None and not subset and not math.isnan(within["value"]):
        said.append(
            f"Among pictures of the same category, where the category does not help, it is {_in_hundred(within['value'])}."
        )
    if not math.isnan(found["p"]):
        made = "finished predictions held against" if _quick(found) else "fits on"
        said.append(f"The share of {made} permuted pairs that come as far, this one counted, is p {_share(found['p'])}.")
    above, level, below = _against_controls(rows, metric, subset)
    sides = [
        (above, "It beats", "lies above 0"),
        (level, "It cannot be told from", "holds 0"),
        (below, "It falls behind", "lies below 0"),
    ]
    for names, words, where in sides:
        if names:
            said.append(f"{words} {_listed(names)} (the 95 % interval of the paired difference {where}).")
    return " ".join(said)


def _headline(rows: Sequence[Row]) -> Row | None:
    for metric, subset in HEADLINES:
        for row in rows:
            if (row["metric"], row["subset"], row["summary"], row["control"]) == (metric, subset, "mean", ""):
                return row
    return None


def _quick(row: Row) -> bool:
    return "quick null" in row["protocol"]


def _plain_words(row: Row) -> str:
    value, chance, ceiling = row["value"], row["chance"], row["ceiling"]
    if math.isnan(value):
        return "The score is not defined: what was predicted does not vary."
    known = not math.isnan(chance)
    again = "finished predictions held against permuted pairs" if _quick(row) else "the same procedure on permuted pairs"
    captions = row["protocol"].startswith("facts")
    if row["metric"] == "two_way_identification":
        made, others, like = ("caption", "pictures", "better described") if captions else ("picture", "others", "more similar")
        return (
            f"Shown a decoded {made} and two {others}, the one that was seen and one that was not, the seen one is the {like} "
            f"{_in_hundred(value)} times; guessing gives 50" + (f", {again} {_hundredths(chance)}." if known else ".")
        )
    if row["metric"] == "accuracy" and row["subset"]:
        who = "Captions name" if captions or row["n_unit"] == "unit" else "The judge finds"
        return f"{who} the right {row['subset']} in {_in_hundred(value)} cases" + (
            f"; chance is {_hundredths(chance)}." if known else "."
        )
    if row["metric"] == "accuracy":
        return f"The right one of {row['candidates']} categories is named in {_in_hundred(value)} cases" + (
            f"; by {again} in {_hundredths(chance)}." if known else "."
        )
    if row["metric"] == "caption_correlation":
        return (
            f"What captions predict for new pictures correlates with the measured responses by {_number(value, 2)} on average, in ranks"
            + (f"; with permuted pictures by {_number(chance, 2)}." if known else ".")
        )
    if row["metric"] == "unit_correlation":
        limit = "" if math.isnan(ceiling) else f", where noise permits {_number(ceiling, 2)} on average"
        return (
            f"Predicted and measured responses of a unit correlate with {_number(value, 2)} on average (1 is perfect){limit}"
            + (f"; {again} reach{'' if _quick(row) else 'es'} {_number(chance, 2)}." if known else ".")
        )
    return f"Decoded and seen pictures correlate with {_number(value, 2)} on average (1 is identity)."


def _against_controls(rows: Sequence[Row], metric: str, subset: str) -> tuple[list[str], list[str], list[str]]:
    above: list[str] = []
    level: list[str] = []
    below: list[str] = []
    fair = _fair(rows, metric, subset)
    for row in rows:
        wanted = fair if row["control"] in MADE_OF_TRAINING else subset
        if (row["metric"], row["subset"], row["summary"]) != (metric, wanted, "difference") or row["control"] == "true_features":
            continue
        if math.isnan(row["low"]):
            continue
        (above if row["low"] > 0 else below if row["high"] < 0 else level).append(row["control"].replace("_", " "))
    return above, level, below


def _fair(rows: Sequence[Row], metric: str, subset: str) -> str:
    """The subset in which controls made of training pictures compare fairly: that within folds, where there is one."""
    fair = WITHIN_FOLDS.get(subset, subset)
    return fair if any((row["metric"], row["subset"]) == (metric, fair) for row in rows) else subset


def _ladders(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """A drawing for each headline score that has controls."""
    drawn = []
    for metric, headline in HEADLINES:
        subset = _fair(rows, metric, headline)
        here = [row for row in rows if (row["metric"], row["subset"]) == (metric, subset) and row["summary"] == "mean"]
        if len(here) < 2:
            continue
        real = next(row for row in here if not row["control"])
        rungs = [Rung(row["control"].replace("_", " ") or row["stage"], row["value"], row["low"], row["high"]) for row in here]
        rungs = sorted((rung for rung in rungs if not math.isnan(rung.value)), key=lambda rung: rung.value)
        name = " · ".join(filter(None, [metric, subset]))
        drawn.append((name, ladder(rungs, real["stage"], name)))
    return drawn


def _cells(row: Row) -> dict[str, Any]:
    control = f"{'minus ' if row['summary'] == 'difference' else ''}{row['control']}"
    words = [row["metric"], row["summary"] if row["summary"] not in ("mean", "difference") else "", row["subset"], control]
    return {
        "score": " · ".join(word for word in words if word),
        "value": _number(row["value"]),
        "interval": "–" if math.isnan(row["low"]) else f"{_number(row['low'])} to {_number(row['high'])}",
        "chance": _number(row["chance"]),
        "p": _number(row["p"], 4),
        "ceiling": _number(row["ceiling"]),
        "n": counted(row["n"], row["n_unit"]),
        "candidates": row["candidates"] or "–",
        "protocol": row["protocol"],
    }


def _number(value: float, digits: int = 3) -> str:
    if math.isnan(value):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}"  # no -0.00


def _hundredths(value: float) -> str:
    hundred = round(100 * value, 1 if 0.95 < abs(value) < 1 else 0) + 0.0
    return f"{hundred:g}" if hundred < 100 or value >= 1 else "more than 99.9"


def _share(p: float) -> str:
    return "< 0.0001" if p < 0.00005 else f"= {_number(p, 4)}"


def _in_hundred(value: float) -> str:
    return f"{_hundredths(value)} of 100"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
