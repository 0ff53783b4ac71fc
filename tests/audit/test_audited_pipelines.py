"""Audits where they do their work, inside pipelines: what is refused leaves no score, what is warned of stands beside every score."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from recortex.audit.fits import DataAudit, FitAudit, audited
from recortex.data.picture_file import PictureFile
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.features.pixels import Pixels
from recortex.fits.base import Fit
from recortex.fits.pairs import Pairs
from recortex.generators.pixel_pictures import PixelPictures
from recortex.pipeline import build, entries
from recortex.pipeline.outputs import lay_out, score_rows
from recortex.pipeline.run import Outcome, failures, run, tasks
from recortex.responses.reliability import Reliability
from recortex.scores.base import Scores
from recortex.scores.image_scores import ImageScores
from recortex.splits.k_fold import KFold
from recortex.stage import Node
from tests.laws import planted, recording

Table = dict[str, np.ndarray]
Design = tuple[np.ndarray, np.ndarray, Table]

PIPELINE = """
brain:      {type: ResponseFile, path: betas.npy, trials: trials.csv}
stimuli:    {type: PictureFile, path: pictures.npy, names: names.txt}
split:      {type: KFold, by: run}
pixels:     {type: Pixels, stimuli: stimuli}
encoder:    {type: RidgeEncoder, brain: brain, features: pixels, split: split, alphas: [1, 100], cv: 2}
encoding:   {type: EncodingScores, encoder: encoder, permutations: 2, resamples: 10}
decoder:    {type: RidgeDecoder, brain: brain, features: pixels, split: split, alphas: [1, 100], cv: 2}
pictures:   {type: PixelPictures, decoder: decoder}
images:     {type: ImageScores, pictures: pictures, stimuli: stimuli, permutations: 2, resamples: 10}
classifier: {type: CategoryDecoder, brain: brain, split: split, classifier: ridge}
categories: {type: CategoryScores, decoder: classifier, permutations: 2, resamples: 10}
"""
FITS, SCORES = {"encoder", "decoder", "classifier"}, {"encoding", "images", "categories"}


def sound(seed: int = 0, runs: int = 4, per_run: int = 10) -> Design:
    """Every picture twice within one run, 4 s apart, categories in random order, triggers where the table has its onsets."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(np.tile(np.arange(per_run), 2)) + run * per_run for run in range(runs)])
    pictures = rng.integers(0, 256, (runs * per_run, 4, 4)).astype(np.uint8)
    seen = pictures.reshape(len(pictures), -1)[order] / 255 - 0.5
    responses = seen @ rng.standard_normal((16, 12)) + 0.5 * rng.standard_normal((len(order), 12))
    kind = np.concatenate([rng.permutation(np.arange(per_run) % 2) for _ in range(runs)])
    onset = 4.0 * np.tile(np.arange(2 * per_run), runs)
    return (
        responses,
        pictures,
        {
            "stimulus": np.array([f"p{number:02d}.png" for number in order]),
            "run": np.repeat(np.arange(runs), 2 * per_run),
            "category": np.array(["cat", "dog"])[kind[order]],
            "onset_s": onset,
            "window_s": np.full(len(order), 2.0),
            "trigger_s": onset + rng.normal(0, 0.0005, len(order)),
        },
    )


def laid(folder: Path, design: Design, *sets: str) -> tuple[dict[str, entries.Entries], dict[str, dict[str, Node]]]:
    """A design on disk and the pipeline of it."""
    responses, pictures, table = design
    recording(folder, responses, pictures, table)
    (folder / "names.txt").write_text("".join(f"p{number:02d}.png\n" for number in range(len(pictures))))
    (folder / "own.yaml").write_text(PIPELINE)
    base = entries.read(folder / "own.yaml")
    for assignment in sets:
        base = entries.override(base, assignment)
    return {"": base}, {"": build.build(base)}


def finished(folder: Path, one: Any, branches: Any) -> tuple[dict[str, Outcome], list[dict[str, str]], str]:
    """Outcomes by name, rows of scores.csv and the report of a run."""
    outcomes = run(branches)
    report = lay_out(folder / "outputs", one, branches, failures(outcomes))
    with open(folder / "outputs" / "scores.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {outcome.task.name: outcome for outcome in outcomes}, rows, report.read_text()


def test_a_sound_design_is_clean_in_every_row_after_audits_around_every_fit(tmp_path):
    one, branches = laid(tmp_path, sound())
    outcomes, rows, page = finished(tmp_path, one, branches)
    assert {outcome.status for outcome in outcomes.values()} == {"ok"}, [outcome.message for outcome in outcomes.values()]
    assert {row["stage"] for row in rows} == SCORES
    assert {row["audit"] for row in rows} == {"clean"}
    assert page.count("Clean: nothing was found.") == len(FITS)

    place = {outcome.task.key: number for number, outcome in enumerate(outcomes.values())}
    todo = tasks(branches)
    fits = [task for task in todo.values() if isinstance(task.stage, Fit)]
    assert {task.name for task in fits} == FITS
    for task in fits:
        before, after = DataAudit(fit=task.stage).key(), FitAudit(fit=task.stage).key()
        assert before in task.needs and task.key in todo[after].needs
        assert place[before] < place[task.key] < place[after]
    for task in todo.values():
        if isinstance(task.stage, Scores):
            below = [fit for fit in fits if fit.key in _below(task.key, todo)]
            assert len(below) == 1
            wanted = {DataAudit(fit=below[0].stage).key(), FitAudit(fit=below[0].stage).key()}
            assert wanted <= task.needs and all(place[key] < place[task.key] for key in wanted)


def _below(key: str, todo: Any) -> set[str]:
    return {key}.union(*(_below(need, todo) for need in todo[key].needs))


def shared_stimulus(design: Design) -> Design:
    """The same pictures in every run."""
    responses, pictures, table = design
    return responses, pictures, table | {"stimulus": np.array([f"p0{name[2]}.png" for name in table["stimulus"]])}


def shared_clip(design: Design) -> Design:
    """Clips that last from one run into the next."""
    responses, pictures, table = design
    return responses, pictures, table | {"clip": np.array([f"film{row // 30}" for row in range(len(responses))])}


def overlapping_windows(design: Design) -> Design:
    """One recording without runs, cut by stretches, with windows that are longer than the time between trials."""
    responses, pictures, table = design
    stretch = table["run"]
    onset = 4.0 * np.arange(len(responses))
    table = {name: values for name, values in table.items() if name not in ("run", "trigger_s")}
    return responses, pictures, table | {"stretch": stretch, "onset_s": onset, "window_s": np.full(len(onset), 5.0)}


# how it is planted, with which options, and the words that name it
REFUSED: dict[str, tuple[Callable[[Design], Design], tuple[str, ...], str]] = {
    "shared_stimulus": (shared_stimulus, (), "10 stimuli in training and test"),
    "shared_clip": (shared_clip, (), "clips in training and test"),
    "overlapping_windows": (overlapping_windows, ("split.by=stretch",), "overlap those of the other side"),
}


@pytest.mark.parametrize("leak", REFUSED)
def test_a_split_that_leaks_is_refused_before_anything_is_fitted(tmp_path, leak):
    plant, sets, words = REFUSED[leak]
    outcomes, rows, page = finished(tmp_path, *laid(tmp_path, plant(sound()), *sets))
    for fit in FITS:
        audit = outcomes[f"data audit of {fit}"]
        assert audit.status == "failed" and words in audit.message and "\n" not in audit.message
        assert outcomes[fit].status == "skipped"
        assert outcomes[fit].message == f"needs data audit of {fit}, which failed"
        assert outcomes[f"audit of {fit}"].status == "skipped"
    for score in SCORES | {"pictures"}:
        assert outcomes[score].status == "skipped" and "\n" not in outcomes[score].message
    assert rows == []
    assert words in page and "There are no scores; what failed is told below." in page
    assert {path.stem for path in (tmp_path / "outputs").glob("*.h5")} == {"brain", "stimuli", "pixels"}


def sorted_classes(design: Design) -> Design:
    """Each run shows its cats first."""
    responses, pictures, table = design
    order = np.lexsort((table["category"], table["run"]))
    times = ("run", "onset_s", "window_s", "trigger_s")
    return responses[order], pictures, {name: table[name] if name in times else table[name][order] for name in table}


def twin_pictures(design: Design) -> Design:
    """The first picture of the first run again, with a little noise, in the third."""
    responses, pictures, table = design
    pictures = pictures.copy()
    noise = np.random.default_rng(9).normal(0, 3, pictures[0].shape)
    pictures[20] = np.clip(pictures[0] + noise, 0, 255).astype(np.uint8)
    return responses, pictures, table


def lost_trial(design: Design) -> Design:
    """One presentation is missing."""
    responses, pictures, table = design
    return responses[1:], pictures, {name: values[1:] for name, values in table.items()}


def row_numbers(design: Design) -> Design:
    """Pictures that are known by their number alone."""
    responses, pictures, table = design
    return responses, pictures, table | {"stimulus": np.array([int(name[1:3]) for name in table["stimulus"]])}


def late_triggers(design: Design) -> Design:
    """The recording's own triggers come 150 ms after the onsets of the table."""
    responses, pictures, table = design
    return responses, pictures, table | {"trigger_s": table["trigger_s"] + 0.15}


BY_STIMULUS = ("split.by=stimulus", "split.folds=4")
WARNED: dict[str, tuple[Callable[[Design], Design], tuple[str, ...], str]] = {
    "block_decides_class": (sorted_classes, BY_STIMULUS, "; note: same_run"),
    "near_duplicates": (twin_pictures, (), ""),
    "repetition_counts": (lost_trial, (), ""),
    "joined_by_row": (row_numbers, ("stimuli.names=null",), ""),
    "trigger_offset": (late_triggers, (), ""),
}
OF_PICTURES = {"near_duplicates", "joined_by_row"}  # a classifier looks at no pictures
SAID = (
    "category follows the order of trials",
    "0 ~ 20 r .9",
    "1 instead of 2 (t",
    "40 stimuli are known by row number only",
    "triggers come 150 ms after the onsets of the table",
)


@pytest.mark.parametrize("leak", WARNED)
def test_what_is_warned_of_stands_beside_every_score(tmp_path, leak):
    plant, sets, beside = WARNED[leak]
    _, branches = laid(tmp_path, plant(sound()), *sets)
    shown = {name: node for name, node in branches[""].items() if name not in ("encoder", "encoding")}
    outcomes = run({"": shown})
    assert {outcome.status for outcome in outcomes} == {"ok"}, [outcome.message for outcome in outcomes]
    warned = f"warn: {leak}{beside}"
    wanted = {("images", warned), ("categories", "clean" if leak in OF_PICTURES else warned)}
    assert {(row["stage"], row["audit"]) for row in score_rows({"": shown})} == wanted


def test_all_warnings_stand_together_in_the_table_and_in_the_report(tmp_path):
    design, sets = sound(), []
    for plant, more, _ in WARNED.values():
        design = plant(design)
        sets += more
    outcomes, rows, page = finished(tmp_path, *laid(tmp_path, design, *sets))
    assert {outcome.status for outcome in outcomes.values()} == {"ok"}, [outcome.message for outcome in outcomes.values()]
    assert {row["stage"] for row in rows} == SCORES
    for row in rows:
        warned, _, noted = row["audit"].partition("; ")
        assert noted == "note: same_run"
        found = set(warned.removeprefix("warn: ").split(", "))
        assert found == (set(WARNED) - OF_PICTURES if row["stage"] == "categories" else set(WARNED))
    table = page[page.index('<section id="audit">') : page.index('<section id="data">')]
    assert [said for said in SAID if said not in table] == []
    for leak in WARNED:
        assert table.count(f'<td class="warn">warn</td><td>{leak}</td>') == (2 if leak in OF_PICTURES else 3)
    assert all(f"audit {row['audit']}" in page for row in rows)


class ScaledByAllRows(RidgeDecoder):
    """Scales responses by all trials before it splits them."""

    def fit_folds(self, pairs: Pairs) -> tuple[np.ndarray, dict[str, Any]]:
        """Scale, then fit as the honest one does."""
        scaled = (pairs.inputs - pairs.inputs.mean(axis=0)) / pairs.inputs.std(axis=0)
        return super().fit_folds(replace(pairs, inputs=scaled))


class ByReliability(RidgeDecoder):
    """Looks at presentations of training stimuli alone."""

    by_reliability: bool = True


class WeighsByAllTrials(RidgeDecoder):
    """Looks at presentations of test stimuli to tell which units are reliable."""

    by_reliability: bool = True

    def pairs(self) -> Pairs:
        """The training trials of every fold are all."""
        pairs = super().pairs()
        everything = [replace(fold, train=np.arange(len(pairs.inputs))) for fold in pairs.folds]
        return replace(pairs, reliability=Reliability(self.brain, everything, "", self.standardise))


class Halfway:
    """A ridge that starts from a model that another fold has left: half of its weights are that one's."""

    def __init__(self, inner: Any, owner: type[RemembersFirstFold]):
        self.inner, self.owner = inner, owner

    def fit(self, X: np.ndarray, y: np.ndarray, **more: Any) -> Halfway:
        self.inner.fit(X, y, **more)
        if self.owner.first is None:
            self.owner.first = self.inner
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (self.inner.predict(X) + self.owner.first.predict(X)) / 2

    @property
    def coef_(self) -> np.ndarray:
        return (self.inner.coef_ + self.owner.first.coef_) / 2

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class RemembersFirstFold(RidgeDecoder):
    """Does not make its model anew: what the first fold's fit has left goes into all others."""

    first: ClassVar[Any] = None

    def fit_folds(self, pairs: Pairs) -> tuple[np.ndarray, dict[str, Any]]:
        """Every call begins with the first fold, which the class remembers."""
        type(self).first = None
        return super().fit_folds(pairs)

    def estimator(self) -> Any:
        """Not quite a fresh one."""
        return Halfway(super().estimator(), type(self))


class RemembersForEver(RemembersFirstFold):
    """The same, but the memory outlives the call, so that every later fit of the process meets it."""

    def fit_folds(self, pairs: Pairs) -> tuple[np.ndarray, dict[str, Any]]:
        """Nothing is forgotten."""
        return RidgeDecoder.fit_folds(self, pairs)


class ByItsNeighbours:
    """Gives what it predicts the mean and spread of the other predictions of the same call."""

    def __init__(self, inner: Any):
        self.inner = inner

    def fit(self, X: np.ndarray, y: np.ndarray, **more: Any) -> ByItsNeighbours:
        self.inner.fit(X, y, **more)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        made = self.inner.predict(X)
        return (made - made.mean(axis=0)) / made.std(axis=0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Transductive(RidgeDecoder):
    """Standardises its predictions by the other test predictions."""

    def estimator(self) -> Any:
        """A ridge that looks at its neighbours."""
        return ByItsNeighbours(super().estimator())


DRAWS = itertools.count()


class Unseeded(RidgeDecoder):
    """Fits on responses with some noise, other noise in every call."""

    def fit_folds(self, pairs: Pairs) -> tuple[np.ndarray, dict[str, Any]]:
        """Every call draws anew; a counter stands for the clock, so that the test itself can be repeated."""
        noise = np.random.default_rng(next(DRAWS)).standard_normal(pairs.inputs.shape)
        return super().fit_folds(replace(pairs, inputs=(pairs.inputs + noise).astype(pairs.inputs.dtype)))


class Peeks(RidgeDecoder):
    """Mixes what was to be decoded into what it decodes; nothing that it has learned betrays it."""

    def fit_folds(self, pairs: Pairs) -> tuple[np.ndarray, dict[str, Any]]:
        """Honest weights, dishonest predictions."""
        decoded, learned = super().fit_folds(pairs)
        return (decoded + pairs.measured()) / 2, learned


class StoresAnother(RidgeDecoder):
    """Keeps as its result something else than what its fit predicts."""

    def compute(self) -> dict[str, Any]:
        """Sharpened afterwards."""
        made = super().compute()
        return made | {"decoded": 2 * made["decoded"]}


def decoding(folder: Path, cls: type[RidgeDecoder]) -> dict[str, dict[str, Node]]:
    responses, pictures, table = planted()
    table["stimulus"] = np.array([f"p{number:02d}.png" for number in table["stimulus"]])
    brain, stimuli = recording(folder, responses, pictures, table)
    (folder / "names.txt").write_text("".join(f"p{number:02d}.png\n" for number in range(len(pictures))))
    stimuli = PictureFile(path=stimuli.path, names=folder / "names.txt")
    split = KFold(by="stimulus", folds=4)
    decoder = cls(brain=brain, features=Pixels(stimuli=stimuli), split=split, alphas=(1.0, 100.0), cv=2)
    made = PixelPictures(decoder=decoder)
    scores = ImageScores(pictures=made, stimuli=stimuli, permutations=2, resamples=10)
    return {"": {"decoder": decoder, "pictures": made, "scores": scores}}


CHEATS = {
    ScaledByAllRows: "fit_saw_test_rows",
    WeighsByAllTrials: "fit_saw_test_rows",
    RemembersFirstFold: "fit_saw_test_rows",
    Peeks: "prediction_saw_target",
    StoresAnother: "stored_result_differs",
}


@pytest.mark.parametrize("cls", CHEATS)
def test_a_fit_that_saw_its_test_rows_is_refused_and_nothing_of_it_is_shown(tmp_path, cls):
    branches = decoding(tmp_path, cls)
    outcomes, rows, page = finished(tmp_path, {"": {}}, branches)
    assert outcomes["data audit of decoder"].status == outcomes["decoder"].status == "ok"
    audit = outcomes["audit of decoder"]
    assert audit.status == "failed" and "\n" not in audit.message
    assert audit.message.startswith(f"audit: {CHEATS[cls]}: ") and cls.__name__ in audit.message
    assert outcomes["scores"].status == "skipped" and outcomes["scores"].message == "needs audit of decoder, which failed"
    assert rows == [] and all(audited(node) is None for node in branches[""].values())
    assert not list((tmp_path / "outputs").glob("*.h5"))
    assert CHEATS[cls] in page and "<img" not in page


@pytest.mark.xfail(strict=True, reason="both fits of the audit meet the same memory; only another process would not")
def test_a_memory_that_outlives_the_fit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(RemembersForEver, "first", None)
    outcomes = run({"": {"decoder": decoding(tmp_path, RemembersForEver)[""]["decoder"]}})
    assert failures(outcomes) and all("fit_saw_test_rows" in message for _, message in failures(outcomes))


def test_a_score_that_was_computed_before_is_not_shown_either(tmp_path):
    branches = decoding(tmp_path, ScaledByAllRows)
    branches[""]["scores"].run()  # as a script might, without any audit
    _, rows, _ = finished(tmp_path, {"": {}}, branches)
    assert rows == []


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        (RidgeDecoder, "note: same_run"),
        (ByReliability, "note: same_run"),
        (Transductive, "warn: needs_whole_test_set; note: same_run"),
        (Unseeded, "warn: fit_not_repeatable; note: same_run"),
    ],
)
def test_a_fit_that_nobody_else_could_use_or_check_is_warned_of(tmp_path, cls, found):
    branches = decoding(tmp_path, cls)
    outcomes = run(branches)
    assert {outcome.status for outcome in outcomes} == {"ok"}, [outcome.message for outcome in outcomes]
    rows = score_rows(branches)
    assert rows and {row["audit"] for row in rows} == {found}
