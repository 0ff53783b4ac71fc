"""The demo: its tiny overlay runs as it is, and the whole of it finds what was planted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from recortex.data.about_units import about_units
from recortex.pipeline import build, entries
from recortex.pipeline.outputs import lay_out
from recortex.pipeline.run import run

PIPELINES = Path(__file__).parents[2] / "pipelines"
Rows = dict[tuple[str, str, str, str, str], dict[str, str]]


def ran(tmp_path: Path, *overlays: str) -> tuple[dict[str, Any], Rows, str]:
    """Stages, scores by (stage, metric, subset, control, summary), and the report; a second run has nothing to compute."""
    base = entries.read(PIPELINES / "demo.yaml")
    for name in overlays:
        base = entries.overlay(base, PIPELINES / "overlays" / f"{name}.yaml")
    branches = {"": build.build(base)}
    outcomes = run(branches)
    assert {outcome.status for outcome in outcomes} == {"ok"}, [outcome.message for outcome in outcomes]
    report = lay_out(tmp_path / "demo", {"": base}, branches)
    assert {outcome.status for outcome in run(branches)} == {"cached"}
    with open(tmp_path / "demo" / "scores.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert all(row["audit"] for row in rows)
    named = {(row["stage"], row["metric"], row["subset"], row["control"], row["summary"]): row for row in rows}
    return branches[""], named, report.read_text()


def value(
    rows: Rows, stage: str, metric: str, subset: str = "", control: str = "", summary: str = "mean", column: str = "value"
) -> float:
    return float(rows[stage, metric, subset, control, summary][column])


def test_the_tiny_demo_goes_from_volumes_to_scores_of_captions_of_voxels(tmp_path: Path) -> None:
    nodes, rows, report = ran(tmp_path, "demo_tiny")
    assert {stage for stage, *_ in rows} == {"encoding", "picture_scores", "caption_scores", "voxel_caption_scores"}
    for control in ("shuffled", "mean", "class_mean", "nearest", "true_features", "frequency"):
        assert ("caption_scores", "accuracy", "kind", control, "difference") in rows
    assert ("voxel_caption_scores", "caption_correlation", "", "shuffled", "difference") in rows
    assert about_units(nodes["responses"], ("preferred", "area")) is not None
    for heading in ("Seen and decoded", "True and decoded captions", "Words of each area", "Captions against new pictures"):
        assert heading in report
    # what wrote a caption, what chose its voxel and what scored it are three sets of scenes
    encoder = nodes["voxel_encoder"]
    trials = encoder.brain.trial_table()
    (fold,) = encoder.split.apply(trials)
    fresh = set(trials["stimulus"][nodes["voxel_caption_scores"].fresh()])
    fitted, chosen = (set(trials["stimulus"][side]) for side in (fold.train, fold.test))
    assert not fresh & fitted and not fresh & chosen and not fitted & chosen
    assert fresh == set(trials["stimulus"][trials["split"] == "test"])


@pytest.mark.slow
def test_the_demo_finds_what_was_planted(tmp_path: Path) -> None:
    _, rows, _ = ran(tmp_path)
    for fact, least in (("kind", 0.6), ("background", 0.7)):
        assert value(rows, "caption_scores", "accuracy", fact) >= least
        assert value(rows, "caption_scores", "accuracy", fact, "shuffled", "difference", "low") > 0
        guess, shuffled = (value(rows, "caption_scores", "accuracy", fact, control) for control in ("frequency", "shuffled"))
        assert abs(shuffled - guess) < 0.05
    assert value(rows, "caption_scores", "accuracy", "kind", "true_features") >= 0.92
    assert value(rows, "voxel_caption_scores", "accuracy", "kind") >= 0.8
    assert value(rows, "voxel_caption_scores", "passing_in_null_area", summary="share") <= 0.05
