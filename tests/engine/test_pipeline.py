"""Pipelines: files become stages or one clear line; runs compute what is not there, and lay it out."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import LocalCluster
from stages import Numbers, Whole, noted

from recortex import catalog, store
from recortex.errors import InvalidInput
from recortex.pipeline import entries
from recortex.pipeline.build import build
from recortex.pipeline.outputs import lay_out
from recortex.pipeline.plan import make_plan
from recortex.pipeline.run import Outcome, Watcher, failures, run, tasks
from recortex.pipeline.sites import Site
from recortex.stage import Node, Stage

TEST_STAGES = ("Numbers", "Doubled", "Sum", "Fails", "After", "Whole", "Tiled")

# as first_light, smaller
SMALL = """
digits:   {type: HandwrittenDigits, count: 60}
brain:    {type: PlantedUnits, stimuli: digits, units: 40, presentations: 2, repeats: average}
split:    {type: KFold, folds: 3}
pixels:   {type: Pixels, stimuli: digits}
gabor:    {type: GaborEnergy, stimuli: digits, size: 16, frequencies: [1, 2], orientations: 2}
encoder:  {type: RidgeEncoder, brain: brain, features: pixels, split: split}
other:    {type: RidgeEncoder, brain: brain, features: gabor, split: split}
encoding: {type: EncodingScores, encoder: encoder, permutations: 2, resamples: 20}
decoder:  {type: RidgeDecoder, brain: brain, features: pixels, split: split}
pictures: {type: PixelPictures, decoder: decoder}
scores:   {type: ImageScores, pictures: pictures, stimuli: digits, permutations: 2, resamples: 20}
"""

NAMES = "branch,stage,metric,summary,control,subset,protocol"
DESIGN_COLUMNS = f"{NAMES},value,low,high,p,chance,ceiling,n,n_unit,candidates,unit,split,averaging,audit"


@pytest.fixture(autouse=True)
def test_stages_in_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TEST_STAGES:
        monkeypatch.setitem(catalog.STAGES, name, "stages")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def written(tmp_path: Path, text: str, name: str = "p.yaml") -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def nodes(tmp_path: Path, text: str) -> dict[str, Node]:
    return build(entries.read(written(tmp_path, text)))


def branches_of(base: entries.Entries, *each: str) -> tuple[dict, dict]:
    split = entries.branches(base, each)
    return split, {name: build(one) for name, one in split.items()}


def refused(tmp_path: Path, text: str) -> str:
    """The one line that a file is refused with."""
    with pytest.raises(InvalidInput) as caught:
        nodes(tmp_path, text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def by_name(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {outcome.task.name: outcome for outcome in outcomes}


def statuses(outcomes: list[Outcome]) -> dict[str, str]:
    return {name: outcome.status for name, outcome in by_name(outcomes).items()}


def all_of(outcomes: list[Outcome]) -> set[str]:
    """The statuses there are, with what was said about any that failed."""
    return {outcome.status + (outcome.message and f": {outcome.message}") for outcome in outcomes}


# reading


def test_names_become_stages_and_a_name_that_two_use_is_one_object(tmp_path: Path) -> None:
    made = nodes(tmp_path, "after: {type: Sum, a: n, b: n}\nn: {type: Numbers, seed: 3}\n")
    assert made["after"].a is made["n"]
    assert made["after"].b is made["n"]
    assert made["n"].seed == 3
    assert set(made) == {"n", "after"}


def test_a_file_with_a_byte_order_mark_and_windows_lines_reads_the_same(tmp_path: Path) -> None:
    text = "n: {type: Numbers, seed: 3}\n"
    plain = nodes(tmp_path, text)["n"].key()
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert build(entries.read(tmp_path / "bom.yaml"))["n"].key() == plain


def test_small_numbers_may_be_written_as_people_write_them(tmp_path: Path) -> None:
    text = "n: {type: Numbers, wait_s: 1e-3}\n"
    assert nodes(tmp_path, text)["n"].wait_s == 0.001


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n: {type: Numbrs}", r"^n: there is no stage Numbrs; did you mean Numbers\?$"),
        ("n: {type: Numbers, sed: 1}", r"^n: Numbers has no field sed; did you mean seed\?$"),
        ("n: {type: Numbers}\nd: {type: Doubled, numbers: m}", r"^d.numbers: there is no entry m"),
        (
            "numbers1: {type: Numbers}\nd: {type: Doubled, numbers: number1}",
            r"^d.numbers: there is no entry number1; did you mean numbers1\?$",
        ),
        (
            "n: {type: Numbers}\nd: {type: Doubled}",
            r"^d: Doubled needs the field numbers; add numbers: \.\.\. to it \(`recortex list Doubled` says what it is\)$",
        ),
        ("n: {type: Numbers}\nd: {type: Doubled, numbers: 3}", "^d.numbers must be the name of an entry, got 3$"),
        (
            "d: {type: Doubled, numbers: {type: Numbers}}",
            "^d.numbers: write the stage as an entry of its own, as in my_numbers: {type: Numbers, ...}, and here numbers: my_n",
        ),
        ("n: {type: Numbers, seed: many}", r"^n\.seed: .*whole number, got 'many'$"),
        ("n: {type: Numbers, seed: many, count: few}", r"^n\.seed: .*\(and 1 more\)$"),
        ("n: {type: Numbers, seed: [1]}", r"^n\.seed: "),
        (
            "d: {type: PlantedUnits, stimuli: h, units: 0}\nh: {type: HandwrittenDigits}",
            r"^d\.units: .*at least 1",
        ),
        ("k: {type: KFold, folds: 1}", r"^k\.folds: .*at least 2"),
        ("p: {type: Pixels, stimuli: h, grey: perhaps}\nh: {type: HandwrittenDigits}", r"^p\.grey: .*, got 'perhaps'$"),
        ("f: {type: PictureFolder, path: nowhere}", r"^f\.path: there is no file or folder .*/nowhere$"),
        ("f: {type: PictureFolder, path: 7}", r"^f\.path: must be a path, as in data/betas\.npy, got 7"),
        ("r: {type: Responses}", "there is no stage Responses"),
    ],
)
def test_a_mistake_in_an_entry_gets_one_line_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    file, message = f"{tmp_path / 'p.yaml'}: ", refused(tmp_path, text)
    assert message.startswith(file) and re.search(said, message.removeprefix(file)), message


def test_an_input_of_the_wrong_kind_names_both_and_what_would_do(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        "digits: {type: HandwrittenDigits}\nbrain: {type: PlantedUnits, stimuli: digits}\n"
        "split: {type: KFold}\nencoder: {type: RidgeEncoder, brain: digits, features: brain, split: split}\n",
    )
    assert "p.yaml: encoder.brain needs an entry of kind Responses; digits is a HandwrittenDigits; brain would do" in said


def test_an_entry_that_would_do_is_named_wherever_it_stands_and_where_there_is_none_one_to_add(tmp_path: Path) -> None:
    encoder = "encoder: {type: RidgeEncoder, brain: digits, features: pixels}\ndigits: {type: HandwrittenDigits}\n"
    assert refused(tmp_path, encoder + "late: {type: PlantedUnits, stimuli: digits}\n").endswith("; late would do")
    assert refused(tmp_path, encoder).endswith("; add one, as in my_responses: {type: ResponseFile, ...}, and name it here")


def test_a_split_where_a_stage_belongs_is_refused_and_the_other_way_round(tmp_path: Path) -> None:
    base = "digits: {type: HandwrittenDigits}\nbrain: {type: PlantedUnits, stimuli: digits}\npixels: {type: Pixels, stimuli: digits}\n"
    said = refused(tmp_path, base + "e: {type: RidgeEncoder, brain: brain, features: pixels, split: brain}\n")
    assert said.endswith(
        "e.split needs an entry of kind Split; brain is a PlantedUnits; add one, as in my_split: {type: KFold, ...}, and name it here"
    )


@pytest.mark.parametrize(
    ("text", "circle"),
    [
        ("a: {type: Doubled, numbers: a}", "a -> a"),
        ("a: {type: Sum, a: b, b: b}\nb: {type: Doubled, numbers: c}\nc: {type: Sum, a: a, b: a}", "a -> b -> c -> a"),
        ("x: {type: Doubled, numbers: a}\na: {type: Doubled, numbers: b}\nb: {type: Doubled, numbers: a}", "a -> b -> a"),
    ],
)
def test_entries_that_use_each_other_in_a_circle_are_named(tmp_path: Path, text: str, circle: str) -> None:
    assert refused(tmp_path, text) == f"the entries use each other in a circle: {circle}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- {type: Numbers}\n", "is not a pipeline; write it as lines of NAME: {type: STAGE, ...}$"),
        ("Numbers\n", "is not a pipeline"),
        ("n: Numbers\n", "n must be a stage"),
        ("n: [type, Numbers]\n", "n must be a stage"),
        ("n: {seed: 1}\n", "n has no type"),
        ("n: {type: [Numbers]}\n", "n: type must be the name of a stage"),
        ("n: {type: null}\n", "n: type must be the name of a stage"),
        ("my name: {type: Numbers}\n", "'my name' cannot name an entry"),
        ("../n: {type: Numbers}\n", "cannot name an entry"),
        ("1: {type: Numbers}\n", "'1' cannot name an entry"),
        ("n: {type: Numbers, 1: 2}\n", "n: Numbers has no field 1"),
        ("n: {type: Numbers}\nn: {type: Numbers, seed: 1}\n", "line 2: n stands twice"),
        ("n:\n  type: Numbers\n  seed: 1\n  seed: 2\n", "line 4: seed stands twice"),
        ("n: &a {type: Numbers}\nm: *a\n", "line 1: anchors and aliases"),
        ("n: {type: Numbers, seed: *a}\n", "line 1: anchors and aliases"),
        ("n: {type: Numbers, seed: !!python/object:os.system x}\n", "line 1: the tag .* is not used here"),
        ("n: !Numbers {seed: 1}\n", "line 1: the tag !Numbers"),
        ("n: {type: Numbers, seed: " + "[" * 30 + "]" * 30 + "}\n", "line 1: nested more than 20 deep"),
        ("n: {type: Numbers\nm: {type: Numbers}\n", "line 2: "),
        ("n: {type: Numbers}\n\tm: {type: Numbers}\n", "line 2 has a tab"),
        ("---\nn: {type: Numbers}\n---\nm: {type: Numbers}\n", "line 3: "),
        ("n: {type: Numbers, ? [a, b] : 1}\n", "n"),
        ("? {a: 1}\n: {type: Numbers}\n", "cannot name an entry|line 1"),
        ("n: {type: Numbers, seed: \x01}\n", "p.yaml"),
    ],
)
def test_a_file_that_is_no_plain_mapping_of_names_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    message = refused(tmp_path, text)
    assert "p.yaml" in message
    assert re.search(said, message), message


def test_a_file_that_is_no_text_or_far_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00n")
    with pytest.raises(InvalidInput, match=r"binary\.yaml cannot be read"):
        entries.read(tmp_path / "binary.yaml")
    (tmp_path / "large.yaml").write_text("# " + "x" * 2_000_001)
    with pytest.raises(InvalidInput, match="has 2,000,003 bytes"):
        entries.read(tmp_path / "large.yaml")


def test_a_pipeline_is_found_by_path_or_by_the_name_of_a_shipped_one(tmp_path: Path) -> None:
    assert entries.pipeline_file("first_light").name == "first_light.yaml"
    assert entries.pipeline_file("pipelines/first_light.yaml").is_file()
    assert entries.pipeline_file(written(tmp_path, "n: {type: Numbers}")) == tmp_path / "p.yaml"
    with pytest.raises(InvalidInput, match=r"there is no pipeline file frist_light in .*; did you mean first_light"):
        entries.pipeline_file("frist_light")
    with pytest.raises(InvalidInput, match="is a folder"):
        entries.pipeline_file(tmp_path)
    with pytest.raises(InvalidInput, match=rf"there is no pipeline file .*; did you mean {tmp_path}/p\.yaml\?$"):
        entries.pipeline_file(tmp_path / "p")


# overlays, overrides, branches


def test_an_overlay_replaces_changes_and_adds(tmp_path: Path) -> None:
    base = entries.read(written(tmp_path, "n: {type: Numbers, seed: 1, count: 4}\nd: {type: Doubled, numbers: n}\n"))
    over = written(tmp_path, "n: {seed: 2}\nd: {type: Sum, a: n, b: m}\nm: {type: Numbers, seed: 5}\n", "over.yaml")
    made = build(entries.overlay(base, over))
    assert (made["n"].seed, made["n"].count) == (2, 4)
    assert type(made["d"]).__name__ == "Sum"
    assert made["d"].b.seed == 5
    assert base["n"].fields["seed"] == 1
    with pytest.raises(
        InvalidInput, match=r"over2\.yaml: there is no entry nn to change; did you mean n\?; a new one needs a type"
    ):
        entries.overlay(base, written(tmp_path, "nn: {seed: 2}\n", "over2.yaml"))


def test_a_mistake_names_the_file_that_says_it_and_an_option_none(tmp_path: Path) -> None:
    base = entries.read(written(tmp_path, "n: {type: Numbers, seed: 1}\n"))
    over = entries.overlay(base, written(tmp_path, "n: {seed: x}\n", "over.yaml"))
    assert base["n"].fields["seed"] == 1
    for made, beginning in (
        (over, f"{tmp_path}/over.yaml: n.seed: "),
        (entries.override(over, "n.seed=y"), "n.seed: "),
        (entries.override(base, "n.type=Doubled"), f"{tmp_path}/p.yaml: n: Doubled has no field seed"),
        (entries.override(base, "n.type=Twice"), "n: there is no stage Twice"),
    ):
        with pytest.raises(InvalidInput) as caught:
            build(made)
        assert str(caught.value).startswith(beginning)


def test_a_field_whose_name_yaml_has_other_plans_for_is_a_field(tmp_path: Path) -> None:
    """`null` is a field of scores, and nothing elsewhere in YAML."""
    made = nodes(tmp_path, SMALL.replace("encoder: encoder, permutations: 2", "encoder: encoder, null: quick"))
    assert made["encoding"].null == "quick"
    (tmp_path / "again.yaml").write_text(entries.dump(entries.read(tmp_path / "p.yaml"), made))
    assert build(entries.read(tmp_path / "again.yaml"))["encoding"].key() == made["encoding"].key()


def test_a_set_changes_one_entry_and_so_everyone_who_uses_it(tmp_path: Path) -> None:
    base = entries.read(written(tmp_path, "n: {type: Numbers}\nd: {type: Doubled, numbers: n}\nw: {type: Whole, numbers: n}\n"))
    made, plain = build(entries.override(base, "n.seed=7")), build(base)
    assert made["d"].numbers.seed == made["w"].numbers.seed == 7
    assert all(made[name].key() != plain[name].key() for name in plain)
    assert build(entries.override(base, "n.type=Numbers"))["n"].key() == plain["n"].key()
    pixels = entries.read(written(tmp_path, "p: {type: Pixels, stimuli: h, size: 4}\nh: {type: HandwrittenDigits}\n"))
    assert build(entries.override(pixels, "p.size="))["p"].size is None
    assert build(entries.override(pixels, "p.grey=true"))["p"].grey is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n.seed", "write it as ENTRY.FIELD=VALUE"),
        ("seed=3", "write it as ENTRY.FIELD=VALUE"),
        ("n.=3", "write it as ENTRY.FIELD=VALUE"),
        ("m.seed=3", "--set: there is no entry m"),
        ("n.seed=[1", r"^--set n\.seed=\[1: the \[ is not closed; put a \] where it ends$"),
        ("n.seed=&a 1", "anchors and aliases"),
        ("n.seed=!!int 1", "the tag"),
        ("n.seed={[a]: 1}", "."),
    ],
)
def test_a_set_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    base = entries.read(written(tmp_path, "n: {type: Numbers}\n"))
    with pytest.raises(InvalidInput, match=said):
        build(entries.override(base, text))


def test_a_set_of_a_field_that_is_not_there_names_it(tmp_path: Path) -> None:
    base = entries.read(written(tmp_path, "n: {type: Numbers}\n"))
    with pytest.raises(InvalidInput, match="n: Numbers has no field sede; did you mean seed"):
        build(entries.override(base, "n.sede=3"))


def test_each_makes_a_branch_for_every_combination(tmp_path: Path) -> None:
    base = entries.read(written(tmp_path, "n: {type: Numbers}\nm: {type: Numbers, seed: 9}\n"))
    split, made = branches_of(base, "n.seed=1,2", "m.count=3,4,5")
    assert list(split)[:2] == ["seed=1,count=3", "seed=1,count=4"]
    assert len(split) == 6
    assert {(branch["n"].seed, branch["m"].count) for branch in made.values()} == {(a, b) for a in (1, 2) for b in (3, 4, 5)}
    assert list(entries.branches(base, [])) == [""]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n.seed=1,1", "the value 1 stands twice"),
        ("n.seed=", "write it as"),
        ("n.seed", "write it as"),
        ("x.seed=1", "--each: there is no entry x"),
    ],
)
def test_an_each_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    base = entries.read(written(tmp_path, "n: {type: Numbers}\n"))
    with pytest.raises(InvalidInput, match=said):
        entries.branches(base, [text])


def test_no_branch_is_lost_to_another_of_its_name(tmp_path: Path) -> None:
    base = entries.read(written(tmp_path, "n: {type: Numbers}\nm: {type: Numbers}\n"))
    with pytest.raises(InvalidInput, match="two branches would be called log=a_b"):
        entries.branches(base, ["n.log=a/b,a_b"])
    assert list(entries.branches(base, ["n.seed=1,2", "m.seed=3"])) == ["n.seed=1,m.seed=3", "n.seed=2,m.seed=3"]


def test_a_relative_path_starts_at_the_file_that_says_it_or_at_the_working_folder_for_options(tmp_path: Path) -> None:
    for place in ("pipes/here", "over/here", "work/here"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.png").write_text(place)
    base = entries.read(written(tmp_path, "p: {type: PictureFolder, path: here}\n", "pipes/p.yaml"))
    assert build(base)["p"].path == tmp_path / "pipes" / "here"
    over = written(tmp_path, "p: {path: here}\n", "over/o.yaml")
    assert build(entries.overlay(base, over))["p"].path == tmp_path / "over" / "here"
    assert build(entries.override(base, "p.path=here"))["p"].path == tmp_path / "work" / "here"
    assert build(entries.override(base, "p.size=4"))["p"].path == tmp_path / "pipes" / "here"
    _, made = branches_of(base, "p.path=here,../over/here")
    assert [branch["p"].path.resolve() for branch in made.values()] == [tmp_path / "work" / "here", tmp_path / "over" / "here"]


# running


def test_every_stage_runs_once_inputs_first_and_a_second_run_computes_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = (
        f"s: {{type: Sum, a: n, b: m, log: {log}}}\nn: {{type: Numbers, log: {log}}}\nm: {{type: Numbers, seed: 2, log: {log}}}\n"
    )
    made = {"": nodes(tmp_path, text)}
    assert statuses(run(made)) == {"n": "ok", "m": "ok", "s": "ok"}
    assert noted(log) == ["numbers", "numbers", "sum"]
    files = {path: path.stat().st_mtime_ns for path in (store.current().root / "results").rglob("*.h5")}
    assert statuses(run(made)) == {"n": "cached", "m": "cached", "s": "cached"}
    assert len(noted(log)) == 3
    assert {path: path.stat().st_mtime_ns for path in (store.current().root / "results").rglob("*.h5")} == files


def test_a_failure_stops_its_users_and_nothing_else(tmp_path: Path) -> None:
    text = (
        "n: {type: Numbers}\nbad: {type: Fails, numbers: n}\nuser: {type: After, failing: bad}\n"
        "worse: {type: Fails, numbers: n, bug: true}\nfine: {type: Doubled, numbers: n}\n"
    )
    outcomes = by_name(run({"": nodes(tmp_path, text)}))
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "n": "ok",
        "bad": "failed",
        "user": "skipped",
        "worse": "failed",
        "fine": "ok",
    }
    assert outcomes["bad"].message == "row 3 has no stimulus"
    assert outcomes["user"].message == "needs bad, which failed"
    assert outcomes["worse"].message == (
        "ZeroDivisionError: one (a mistake in recortex: run again with --debug to see where, and report it)"
    )
    assert isinstance(outcomes["worse"].error, ZeroDivisionError)
    assert {name for name, outcome in outcomes.items() if outcome.unforeseen} == {"worse"}


def test_failures_of_one_cause_are_told_together_and_a_stage_without_an_entry_by_who_needs_it(tmp_path: Path) -> None:
    text = "n: {type: Numbers}\none: {type: Fails, numbers: n}\ntwo: {type: Fails, numbers: m}\nm: {type: Numbers, seed: 1}\n"
    assert failures(run({"": nodes(tmp_path, text)})) == [("one, two", "row 3 has no stimulus")]
    made = {"": nodes(tmp_path, SMALL)}
    assert {task.name for task in tasks(made).values()} - made[""].keys() == {
        *(f"{what} of {fit}" for what in ("data audit", "audit") for fit in ("encoder", "other", "decoder")),
        "NoiseCeiling of encoding",
    }


def test_branches_share_what_is_common(tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = (
        f"n: {{type: Numbers, log: {log}}}\nm: {{type: Numbers, seed: 5, log: {log}}}\ns: {{type: Sum, a: n, b: m, log: {log}}}\n"
    )
    _, made = branches_of(entries.read(written(tmp_path, text)), "n.seed=1,2,3")
    todo = tasks(made)
    assert sorted(task.name for task in todo.values()) == [
        "m (shared)",
        "n (seed=1)",
        "n (seed=2)",
        "n (seed=3)",
        "s (seed=1)",
        "s (seed=2)",
        "s (seed=3)",
    ]
    assert all(outcome.status == "ok" for outcome in run(made))
    assert sorted(noted(log)) == ["numbers"] * 4 + ["sum"] * 3


def test_two_names_for_equal_entries_are_one_stage(tmp_path: Path) -> None:
    (task,) = tasks({"": nodes(tmp_path, "a: {type: Numbers}\nb: {type: Numbers, seed: 0}\n")}).values()
    assert task.names == ["a", "b"]


def test_whoever_watches_hears_of_every_stage_and_of_steps(tmp_path: Path) -> None:
    class Ear(Watcher):
        heard: list[tuple] = []

        def begins(self, task: Any, number: int, total: int) -> None:
            self.heard.append(("begins", task.name, number, total))

        def steps(self, task: Any, what: str, done: int, total: int | None) -> None:
            self.heard.append((task.name, what, done, total))

        def ends(self, outcome: Outcome, number: int, total: int) -> None:
            self.heard.append((outcome.status, outcome.task.name, number, total))

    run({"": nodes(tmp_path, "n: {type: Numbers}\nt: {type: Tiled, numbers: n, size: 6}\n")}, Ear())
    assert Ear.heard == [
        ("begins", "n", 1, 2),
        ("ok", "n", 1, 2),
        ("begins", "t", 2, 2),
        ("t", "parts", 1, 2),
        ("t", "parts", 2, 2),
        ("ok", "t", 2, 2),
    ]


# planning


def test_a_plan_tells_what_is_there_and_computes_nothing(tmp_path: Path) -> None:
    made = {"": nodes(tmp_path, "n: {type: Numbers}\nt: {type: Tiled, numbers: n}\ng: {type: Digits69}\n")}
    plan = make_plan(made)
    assert {item.name: item.state for item in plan.items} == {"n": "to do", "t": "to do", "g": "missing"}
    assert "recortex fetch digits69" in next(item.reason for item in plan.items if item.name == "g")
    assert not (store.current().root / "results").exists()
    made[""]["n"].run()
    plan = make_plan(made)
    assert {item.name: item.state for item in plan.items}["n"] == "cached"
    assert "1 cached, 1 to do, 1 missing" in plan.summary()


def test_a_plan_of_shipped_pipelines_can_be_made() -> None:
    for name in ("first_light", "digits69"):
        plan = make_plan({"": build(entries.read(entries.pipeline_file(name)))})
        assert all(item.name for item in plan.items)
        assert plan.sources
    assert not (store.current().root / "results").exists()


def test_a_plan_counts_the_room_of_a_first_light_before_anything_is_made() -> None:
    plan = make_plan({"": build(entries.read(entries.pipeline_file("first_light")))})
    sizes = {item.name: item.disk for item in plan.items}
    assert sizes["brain"] > 400 * 600 * 4  # at least the responses
    assert sizes["digits"] > 400 * 64


# the folder of a run


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The small pipeline, run once with two branches: its outputs, and its cache."""
    root = tmp_path_factory.mktemp("small")
    (root / "small.yaml").write_text(SMALL)
    with store.use(store.Store(root / "cache")):
        split, made = branches_of(entries.read(root / "small.yaml"), "brain.seed=0,1")
        outcomes = run(made)
        assert all_of(outcomes) == {"ok"}
        lay_out(root / "outputs", split, made)
    yield root / "outputs", root / "cache"


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "scores.csv", newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_folder_of_a_run_links_to_every_result(small_run: tuple[Path, Path]) -> None:
    outputs, cache = small_run
    for branch in ("seed=0", "seed=1"):
        links = {path.stem: path for path in (outputs / branch).glob("*.h5")}
        assert set(links) == {line.split(":")[0] for line in SMALL.split("\n") if line} - {"split"}
        for link in links.values():
            assert link.is_symlink()
            assert link.resolve().is_relative_to(cache)
            assert len(store.Result(link)) > 0
    shared = [(outputs / branch / "digits.h5").resolve() for branch in ("seed=0", "seed=1")]
    assert shared[0] == shared[1]
    assert (outputs / "report.html").stat().st_size > 1000


def test_scores_have_the_columns_of_the_design_and_one_row_a_name(small_run: tuple[Path, Path]) -> None:
    outputs, _ = small_run
    assert (outputs / "scores.csv").read_text().split("\n")[0].strip() == DESIGN_COLUMNS
    rows = table(outputs)
    names = [tuple(row[column] for column in NAMES.split(",")) for row in rows]
    assert len(set(names)) == len(names)
    assert {row["stage"] for row in rows} == {"encoding", "scores"}
    assert {row["branch"] for row in rows} == {"seed=0", "seed=1", "group"}
    for row in rows:
        assert np.isfinite(float(row["value"]))
        assert "nan" not in row.values()
        assert int(row["n"]) > 0


def test_a_group_row_is_the_mean_over_branches(small_run: tuple[Path, Path]) -> None:
    rows = table(small_run[0])
    for group in (row for row in rows if row["branch"] == "group"):
        same = [
            float(row["value"])
            for row in rows
            if row["branch"] != "group" and all(row[name] == group[name] for name in NAMES.split(",")[1:])
        ]
        assert len(same) == 2
        assert float(group["value"]) == pytest.approx(np.mean(same))
        assert (group["n"], group["n_unit"]) == ("2", "branch")
        half = 12.706204736 * np.std(same, ddof=1) / np.sqrt(2)  # Student's t, 97.5 %, one degree of freedom
        assert float(group["high"]) - float(group["value"]) == pytest.approx(half, rel=1e-6, abs=1e-12)


def test_the_written_pipeline_runs_again_and_computes_nothing(small_run: tuple[Path, Path]) -> None:
    outputs, cache = small_run
    with store.use(store.Store(cache)):
        for branch in ("seed=0", "seed=1"):
            again = {"": build(entries.read(outputs / branch / "pipeline.yaml"))}
            assert all_of(run(again)) == {"cached"}


def test_a_pipeline_with_paths_and_options_runs_again_from_its_outputs(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "pipes" / "pictures").mkdir(parents=True)
    for number in range(3):
        Image.new("L", (4, 4), 80 * number).save(tmp_path / "pipes" / "pictures" / f"{number}.png")
    text = "stimuli: {type: PictureFolder, path: pictures}\npixels: {type: Pixels, stimuli: stimuli}\n"
    base = entries.read(written(tmp_path, text, "pipes/p.yaml"))
    split, made = branches_of(entries.override(base, "stimuli.colours=grey"))
    assert all_of(run(made)) == {"ok"}
    lay_out(Path("outputs/p"), split, made)
    again = build(entries.read(Path("outputs/p/pipeline.yaml")))
    assert again["pixels"].key() == made[""]["pixels"].key()
    assert all_of(run({"": again})) == {"cached"}


def test_laying_out_again_changes_no_file_and_mends_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split, made = branches_of(entries.read(written(tmp_path, SMALL.replace("permutations: 2", "permutations: 0"))))
    run(made)
    folder = tmp_path / "outputs"
    lay_out(folder, split, made)
    before = {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()}
    lay_out(folder, split, made)
    assert {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()} == before
    for name in ("scores.csv", "report.html", "brain.h5", "pipeline.yaml"):
        (folder / name).unlink()
        lay_out(folder, split, made)
        assert (folder / name).exists(), name
    before = {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()}
    monkeypatch.setattr("recortex.pipeline.outputs._code", lambda: [["drawing/plots.py", 1, 1]])  # drawn otherwise by now
    lay_out(folder, split, made)
    changed = {path.name for path in folder.iterdir() if path.lstat().st_mtime_ns != before[path.name]}
    assert changed == {"report.html"}


def test_a_link_of_an_entry_that_is_gone_is_removed_and_other_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    for text in ("n: {type: Numbers}\nm: {type: Numbers, seed: 1}\n", "n: {type: Numbers, seed: 2}\n"):
        split, made = branches_of(entries.read(written(tmp_path, text)))
        run(made)
        lay_out(folder, split, made)
        (folder / "mine.txt").write_text("mine")
    assert sorted(path.name for path in folder.glob("*.h5")) == ["n.h5"]
    assert (folder / "n.h5").resolve() == made[""]["n"].run().path.resolve()
    assert (folder / "mine.txt").exists()


def test_branches_of_an_earlier_run_go_and_what_is_a_persons_own_stays(tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    base = entries.read(written(tmp_path, "n: {type: Numbers}\n"))
    for each in (["n.seed=1,2"], ["n.seed=2,3"]):
        split, made = branches_of(base, *each)
        run(made)
        lay_out(folder, split, made)
        (folder / "notes").mkdir(exist_ok=True)
        (folder / "notes" / "mine.txt").write_text("mine")
        (folder / "notes" / "mine.h5").write_text("mine")
    assert not (folder / "seed=1" / "n.h5").is_symlink()
    assert (folder / "seed=3" / "n.h5").exists()
    assert (folder / "notes" / "mine.txt").read_text() == (folder / "notes" / "mine.h5").read_text() == "mine"


def test_what_failed_has_no_link(tmp_path: Path) -> None:
    split, made = branches_of(entries.read(written(tmp_path, "n: {type: Numbers}\nbad: {type: Fails, numbers: n}\n")))
    run(made)
    page = lay_out(tmp_path / "outputs", split, made)
    assert [path.name for path in (tmp_path / "outputs").glob("*.h5")] == ["n.h5"]
    assert "No scores were asked for." in page.read_text()


# on workers


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50) as made:
        yield made


def same_arrays(here: Mapping[str, np.ndarray], there: Mapping[str, np.ndarray], name: str) -> None:
    assert list(here) == list(there)
    for array in here:
        if here[array].dtype.kind == "f":
            np.testing.assert_allclose(there[array], here[array], rtol=1e-4, atol=1e-5, err_msg=f"{name}.{array}")
        else:
            np.testing.assert_array_equal(there[array], here[array], err_msg=f"{name}.{array}")


def test_workers_give_the_arrays_of_this_process(tmp_path: Path) -> None:
    made = {"": nodes(tmp_path, SMALL)}
    for name, site in (("here", None), ("there", Site(workers=2))):
        with store.use(store.Store(tmp_path / name)):
            assert all_of(run(made, site=site)) == {"ok"}
    for name, stage in made[""].items():
        if isinstance(stage, Stage):
            with store.use(store.Store(tmp_path / "here")):
                here = stage.cached()
            with store.use(store.Store(tmp_path / "there")):
                there = stage.cached()
            same_arrays(here, there, name)


def test_a_failure_on_a_worker_stops_its_users_and_nothing_else(tmp_path: Path, cluster: LocalCluster) -> None:
    text = (
        "n: {type: Numbers}\nbad: {type: Fails, numbers: n}\nuser: {type: After, failing: bad}\n"
        "worse: {type: Fails, numbers: n, bug: true}\nfine: {type: Doubled, numbers: n}\n"
    )
    made = {"": nodes(tmp_path, text)}
    outcomes = by_name(run(made, site=Site(cluster="address", address=cluster.scheduler_address)))
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "n": "ok",
        "bad": "failed",
        "user": "skipped",
        "worse": "failed",
        "fine": "ok",
    }
    assert outcomes["bad"].message == "row 3 has no stimulus"
    assert outcomes["user"].message == "needs bad, which failed"
    assert outcomes["worse"].message.startswith("ZeroDivisionError: one")
    assert {name for name, outcome in outcomes.items() if outcome.unforeseen} == {"worse"}
    assert statuses(run(made, site=Site(cluster="address", address=cluster.scheduler_address)))["n"] == "cached"


def test_parts_are_made_on_workers_and_joined_once(tmp_path: Path, cluster: LocalCluster) -> None:
    log = tmp_path / "log"
    made = {"": nodes(tmp_path, f"n: {{type: Numbers}}\nt: {{type: Tiled, numbers: n, step: 1, log: {log}}}\n")}
    assert statuses(run(made, site=Site(cluster="address", address=cluster.scheduler_address))) == {"n": "ok", "t": "ok"}
    assert sorted(noted(log)) == sorted(f"{start}-{start + 1}" for start in range(10))
    tiled, whole = made[""]["t"].run(), Whole(numbers=Numbers()).run()
    for name in whole:
        np.testing.assert_array_equal(tiled[name], whole[name])


def test_parts_that_failed_on_workers_are_kept_for_the_next_run(tmp_path: Path, cluster: LocalCluster) -> None:
    log = tmp_path / "log"
    text = f"n: {{type: Numbers}}\nt: {{type: Tiled, numbers: n, stop_at: 7, log: {log}}}\n"
    outcomes = by_name(run({"": nodes(tmp_path, text)}, site=Site(cluster="address", address=cluster.scheduler_address)))
    assert outcomes["t"].status == "failed"
    assert "stopped at 7" in outcomes["t"].message
    for _ in range(100):  # the other parts may still be on their way
        if len(noted(log)) == 3:
            break
        time.sleep(0.05)
    made = {"": nodes(tmp_path, text.replace("stop_at: 7, ", ""))}
    assert statuses(run(made)) == {"n": "cached", "t": "ok"}
    assert noted(log).count("0-3") == 1


def test_a_damaged_input_is_made_again_on_workers_too(tmp_path: Path, cluster: LocalCluster) -> None:
    from test_store import damage_array

    made = {"": nodes(tmp_path, "n: {type: Numbers}\nt: {type: Tiled, numbers: n}\n")}
    damage_array(Numbers().run().path, "value")
    outcomes = run(made, site=Site(cluster="address", address=cluster.scheduler_address))
    assert statuses(outcomes) == {"n": "cached", "t": "ok"}, [outcome.message for outcome in outcomes]
