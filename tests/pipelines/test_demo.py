"""The demo: its tiny overlay runs as it is, and the whole of it finds what was planted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from recortex.data.about_units import about_units
from recortex.data.simulated.scene import BACKGROUNDS, KINDS
from recortex.pipeline import build, entries
from recortex.pipeline.outputs import lay_out
from recortex.pipeline.plan import make_plan
from recortex.pipeline.run import run
from tests import tiny_models

ANSWERS = {"kind": tuple(KINDS), "background": tuple(BACKGROUNDS), "count": ("1", "2", "3")}
Rows = dict[tuple[str, str, str, str, str], dict[str, str]]


def demo(*overlays: str, **sets: object) -> entries.Entries:
    """The pipeline under overlays, with fields set by stage__field."""
    return entries.gather("demo", overlays, [f"{place.replace('__', '.')}={given}" for place, given in sets.items()])[1]


def ran(tmp_path: Path, base: entries.Entries) -> tuple[dict[str, Any], Rows, str]:
    """Stages, scores by (stage, metric, subset, control, summary), and the report; a second run has nothing to compute."""
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
    nodes, rows, report = ran(tmp_path, demo("tiny"))
    assert {stage for stage, *_ in rows} == {"encoding", "picture_scores", "caption_scores", "voxel_caption_scores"}
    for control in ("shuffled", "mean", "class_mean", "nearest", "true_features", "frequency"):
        assert ("caption_scores", "accuracy", "kind", control, "difference") in rows
        assert ("picture_scores", "accuracy", "kind", control, "difference") in rows
    assert ("picture_scores", "two_way_identification", "", "unconditional", "difference") in rows
    drawn = nodes["pictures"].run()
    assert drawn.shape("samples")[:2] == (30, 2) and drawn["caption"].all()
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


def test_models_of_ones_own_take_the_place_of_those_that_ship(tmp_path: Path) -> None:
    models = tmp_path / "models"
    eye, words = tiny_models.open_clip(models / "image_text"), tiny_models.captioner(models / "captioner", 12, planted=False)
    own = {"clip__folder": eye, "bank__folder": eye, "latents__folder": tiny_models.autoencoder(models / "autoencoder")}
    own |= {"decoded_captions__folder": words, "voxel_captions__folder": words, "voxel_captions__level": 0.99}
    own |= {"pictures__folder": tiny_models.latent_diffusion(models / "diffusion", side=16)}
    own |= {"picture_scores__folder": tiny_models.judge(models / "judge", ANSWERS)}
    shorter = {"decoded_captions__most": 4, "voxel_captions__most": 4, "voxel_caption_scores__level": 0.99}
    base = demo(
        "tiny",
        scenes__count=60,
        bold__own=40,
        bold__shared=20,
        bank_scenes__count=30,
        voxel_captions__neighbours=5,
        **own,
        **shorter,
    )
    nodes = build.build(base)
    wanted = ["pictures", "picture_scores", "decoded_captions", "voxel_captions", "voxel_caption_scores"]
    for name in wanted:
        nodes[name].check_ready()
        nodes[name].run()
    assert nodes["clip"].run().shape("features") == (60, 12)
    made = nodes["pictures"].run()
    assert made.shape("samples") == (20, 2, 64, 64, 3) and made["caption"].all()
    scored = nodes["picture_scores"].run()
    assert {"", "shuffled", "mean", "class_mean", "unconditional", "nearest", "true_features", "frequency", "commonest"} == set(
        scored["control"]
    )
    assert set(" ".join(nodes["decoded_captions"].run()["caption"]).split()) <= set(tiny_models.VOCABULARY)

    wide = tiny_models.captioner(models / "wide", 20, planted=False)
    assert (
        "(trial, 20)" in (said := refused(own | {"decoded_captions__folder": wide})["decoded_captions"]) and "(trial, 12)" in said
    )
    wide = tiny_models.latent_diffusion(models / "wide_diffusion", features=20, side=16)
    assert "(20,)" in (said := refused(own | {"pictures__folder": wide})["pictures"]) and "(12,)" in said
    large = tiny_models.latent_diffusion(models / "large_diffusion", side=32)
    assert "1024 numbers" in (said := refused(own | {"pictures__folder": large})["pictures"]) and "(4, 32, 32)" in said


def refused(own: dict[str, Any]) -> dict[str, str]:
    """What `plan` says of entries that cannot be made, by their names."""
    items = make_plan({"": build.build(demo("tiny", **own))}).items
    return {item.name: item.reason for item in items if item.state == "missing"}


@pytest.mark.slow
def test_the_demo_finds_what_was_planted(tmp_path: Path) -> None:
    _, rows, _ = ran(tmp_path, demo())
    assert value(rows, "picture_scores", "two_way_identification") >= 0.9
    for control in ("shuffled", "mean", "unconditional", "nearest"):
        assert value(rows, "picture_scores", "two_way_identification", "", control, "difference", "low") > 0
    for fact, least in (("kind", 0.5), ("background", 0.7)):
        assert value(rows, "picture_scores", "accuracy", fact) >= least
        assert value(rows, "picture_scores", "accuracy", fact, "frequency") < 0.25
        ceiling = value(rows, "picture_scores", "accuracy", fact, "true_features")
        assert ceiling >= value(rows, "picture_scores", "accuracy", fact) - 0.05
    for fact, least in (("kind", 0.6), ("background", 0.7)):
        assert value(rows, "caption_scores", "accuracy", fact) >= least
        assert value(rows, "caption_scores", "accuracy", fact, "shuffled", "difference", "low") > 0
        guess, shuffled = (value(rows, "caption_scores", "accuracy", fact, control) for control in ("frequency", "shuffled"))
        assert abs(shuffled - guess) < 0.05
    assert value(rows, "caption_scores", "accuracy", "kind", "true_features") >= 0.92
    assert value(rows, "voxel_caption_scores", "accuracy", "kind") >= 0.8
    assert value(rows, "voxel_caption_scores", "passing_in_null_area", summary="share") <= 0.05
