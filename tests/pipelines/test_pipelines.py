"""Every pipeline that ships is planned; those that can run here are run, some smaller, and reach what they promise."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from recortex import store
from recortex.pipeline import build, entries
from recortex.pipeline.outputs import lay_out
from recortex.pipeline.plan import make_plan
from recortex.pipeline.run import run

ROOT = Path(__file__).parents[2]
PIPELINES = sorted((ROOT / "pipelines").glob("*.yaml"))


def load(name: str, *sets: str):
    base = entries.read(ROOT / "pipelines" / f"{name}.yaml")
    for assignment in sets:
        base = entries.override(base, assignment)
    return {"": base}, {"": build.build(base)}


def finish(tmp_path: Path, name: str, *sets: str):
    one, branches = load(name, *sets)
    outcomes = run(branches)
    assert {outcome.status for outcome in outcomes} == {"ok"}, [outcome.message for outcome in outcomes]
    report = lay_out(tmp_path / name, one, branches)
    with open(tmp_path / name / "scores.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {outcome.status for outcome in run(branches)} == {"cached"}
    real = {(row["stage"], row["metric"], row["summary"], row["subset"]): row for row in rows if not row["control"]}
    controls = {
        (row["stage"], row["metric"], row["summary"], row["subset"], row["control"]): row for row in rows if row["control"]
    }
    assert all(row["audit"] for row in rows), "every score of a pipeline is audited"
    return branches[""], real | controls, report


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_every_pipeline_is_planned_without_computing(path):
    _, branches = load(path.stem)
    plan = make_plan(branches)
    assert {item.state for item in plan.items} <= {"to do", "missing"}
    assert plan.sources
    assert not (store.current().root / "results").exists()


def test_first_light_encodes_what_was_planted_and_shows_what_was_seen(tmp_path):
    nodes, scores, report = finish(tmp_path, "first_light", "encoding.permutations=5", "picture_scores.permutations=2")
    own, oracle = (float(scores[stage, "unit_correlation", "mean", ""]["value"]) for stage in ("encoding", "oracle_encoding"))
    assert own >= 0.9 * oracle
    assert float(scores["picture_scores", "two_way_identification", "mean", ""]["value"]) >= 0.9
    # the oracle itself comes near the planted ceiling: explainable variance of the mean of two presentations
    share = nodes["brain"].run()["explainable"]
    ceiling = np.sqrt(share / (share + (1 - share) / 2))
    assert oracle >= 0.85 * ceiling.mean()
    page = report.read_text()
    assert page.count("<img") > 32
    assert not re.findall(r'(?:src|href)="(?!data:|#|https://archive.ics.uci.edu)[^"]*"', page), "the report must stand alone"


def test_digits69_decodes_the_digit_within_its_class(tmp_path, shared):
    nodes, scores, report = finish(
        tmp_path,
        "digits69",
        "tenfold.permutations=10",
        "fixed.permutations=10",
        "encoding.permutations=20",
        "encoding_beyond_digit.permutations=10",
    )
    assert float(scores["tenfold", "two_way_identification", "mean", "within_category"]["value"]) >= 0.76
    assert float(scores["tenfold", "two_way_identification", "mean", ""]["value"]) >= 0.86
    assert ("fixed", "two_way_identification", "mean", "") in scores
    encoding = scores["encoding", "unit_correlation", "p95", ""]
    assert float(encoding["value"]) >= 0.42
    assert float(encoding["value"]) > np.percentile(nodes["encoding"].run()["null"][:, 2], 99)
    assert float(encoding["value"]) > np.percentile(nodes["encoding_beyond_digit"].run()["null"][:, 2], 99)
    assert "research use" in report.read_text()
    subsets = ("", "within_category", "within_fold", "within_category_and_fold")
    for metric, subset in (*(("two_way_identification", subset) for subset in subsets), ("pixel_correlation", "")):
        for rung in ("shuffled", "mean", "class_mean"):
            assert float(scores["tenfold", metric, "difference", subset, rung]["low"]) > 0, (metric, subset, rung)
    assert ("tenfold", "two_way_identification", "difference", "within_fold", "nearest") in scores
    # the file is sorted by digit: the order of trials tells the digit, and the audit says so
    assert scores["tenfold", "ssim", "mean", ""]["audit"] == "warn: block_decides_class"
    assert float(scores["tenfold", "two_way_identification", "mean", "", "trial_order"]["value"]) > 0.6
    assert scores["fixed", "ssim", "mean", ""]["audit"] == "clean"


def test_haxby_decodes_eight_categories_and_tells_faces_from_houses(tmp_path, shared):
    _, scores, report = finish(
        tmp_path,
        "haxby",
        "eight_way.permutations=24",
        "face_house.permutations=24",
        "tuning_scores.permutations=99",
        "attribute_scores.permutations=99",
    )
    eight = scores["eight_way", "accuracy", "mean", ""]
    assert float(eight["value"]) >= 0.66 and eight["n"] == "96" and eight["n_unit"] == "block" and eight["candidates"] == "8"
    assert float(eight["p"]) == 0.04 and "run" in eight["split"] and eight["protocol"] == "null within run"
    # 24 accuracies over 96 blocks, each with a standard deviation near sqrt(.125 * .875 / 96)
    assert abs(float(eight["chance"]) - 1 / 8) < 3 * np.sqrt(0.125 * 0.875 / 96 / 24)
    assert float(scores["face_house", "accuracy", "mean", ""]["value"]) >= 23 / 24
    assert float(scores["eight_way", "accuracy", "mean", "", "trial_order"]["value"]) < 0.25
    assert float(scores["tuning_scores", "unit_correlation", "p95", ""]["value"]) > 0.5
    assert float(scores["tuning_scores", "significant_units", "share", "false discovery rate 0.05"]["value"]) > 0.2
    assert all(row["audit"] == "note: disclosed" for row in scores.values())
    page = report.read_text()
    assert "CC BY-SA 3.0" in page and "The right one of 8 categories is named in" in page


def test_simulated_fmri_finds_what_was_planted_and_draws_it_on_the_cortex(tmp_path, monkeypatch):
    small = {
        "scenes.count": 60,
        "bold.shared": 24,
        "bold.own": 36,
        "bold.presentations": 6,
        "bold.sessions": 2,
        "bold.runs": 6,
        "bold.voxel_mm": 9,
        "encoder.candidates": 8,
        "encoding.permutations": 2,
        "oracle_encoding.permutations": 2,
    }
    nodes, scores, report = finish(tmp_path, "simulated_fmri", *(f"{field}={value}" for field, value in small.items()))
    area = nodes["bold"].run()["area"]
    early, null = np.isin(area, ["V1", "V2", "V3"]), area == "null"
    reached = {name: nodes[name].run()["correlation"] for name in ("encoder", "oracle")}
    assert reached["oracle"][early].mean() >= reached["encoder"][early].mean() > 0.1
    # neighbouring voxels of the null region share noise: about 5 directions, over 24 stimuli
    assert all(abs(made[null].mean()) < 3 / np.sqrt(24 * 5) for made in reached.values())
    for stage in ("encoding", "oracle_encoding"):
        score = scores[stage, "unit_correlation", "mean", ""]
        assert score["n"] == "24" and float(score["value"]) < float(score["ceiling"]) + 0.1
    # where units are goes from the volumes into the responses, past the average over repeats
    for name in ("hemisphere", "vertex"):
        assert np.array_equal(nodes["responses"].run()[name], nodes["bold"].run()[name])
    page = report.read_text()
    for words, maps in (
        ("held-out correlation", 3),
        ("explainable variance", 1),
        ("band that adds most", 1),
        ("planted area", 1),
    ):
        assert page.count(f'alt="{words}: left hemisphere, medial view"') == maps, words
    assert "axial slice at z" in page and "could not be drawn" not in page
    assert len(page) < 2_500_000

    # a figure that fails takes no report with it
    from recortex import drawing
    from recortex.report.page import _figures

    def fail(*_, **__):
        raise ZeroDivisionError("no ink")

    monkeypatch.setattr(drawing, "brain_map", fail)
    made = [(name, nodes[name], nodes[name].run()) for name in ("encoder", "bold")]
    titles = [(figure.title, figure.text) for figure in _figures(made)]
    assert titles[0] == ("encoder: not drawn", "Its figures could not be drawn: no ink")
    assert [title for title, _ in titles[1:]] == [
        "bold: Functional images",
        "bold: 4 voxels over the first run",
        "bold: Planted areas",
    ]


def test_workers_give_the_arrays_of_one_process(tmp_path):
    from recortex.pipeline.sites import Site

    small = ("digits.count=60", "brain.units=40", "encoding.permutations=2", "picture_scores.permutations=2")
    _, branches = load("first_light", *small)
    results = {}
    for name, site in (("here", None), ("workers", Site(workers=2))):
        with store.use(store.Store(tmp_path / name)):
            outcomes = run(branches, site=site)
            assert {outcome.status for outcome in outcomes} == {"ok"}, [outcome.message for outcome in outcomes]
            results[name] = {entry: node.run() for entry, node in branches[""].items() if hasattr(node, "run")}
    for entry, here in results["here"].items():
        for array in here:
            mine, theirs = here[array], results["workers"][entry][array]
            if mine.dtype.kind == "f":
                np.testing.assert_allclose(theirs, mine, rtol=1e-4, atol=1e-5, err_msg=f"{entry}.{array}")
            else:
                assert np.array_equal(theirs, mine), f"{entry}.{array}"
