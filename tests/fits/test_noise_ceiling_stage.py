"""The noise ceiling of a recording: planted explainable variance comes back, and stands beside the scores it bounds."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest

from recortex import store
from recortex.data.handwritten_digits import HandwrittenDigits
from recortex.data.planted_units import PlantedUnits
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.features.pixels import Pixels
from recortex.features.planted_features import PlantedFeatures
from recortex.pipeline.outputs import lay_out
from recortex.pipeline.run import run
from recortex.responses.noise_ceiling import NoiseCeiling
from recortex.scores.encoding_scores import EncodingScores
from recortex.splits.fixed import FixedSplit
from recortex.splits.hold_out import HoldOut
from recortex.splits.k_fold import KFold
from recortex.stage import Result
from tests.laws import planted, recording

UNITS = 60


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory):
    """One cache for the whole file: its simulation is made once."""
    with store.use(store.Store(tmp_path_factory.mktemp("kept"))):
        yield


def thousand(**more: Any) -> PlantedUnits:
    return PlantedUnits(stimuli=HandwrittenDigits(count=1000), units=UNITS, presentations=3, runs=3, **more)


def truth(brain: PlantedUnits, presentations: int) -> np.ndarray:
    """Explainable variance of a mean of so many presentations, from what was planted."""
    share = brain.run()["explainable"].astype(float)
    return share / (share + (1 - share) / presentations)


@pytest.mark.parametrize(("repeats", "presentations"), [("keep", 1), ("average", 3)])
@pytest.mark.parametrize("method", ["variance", "split_half"])
def test_planted_explainable_variance_comes_back(repeats, presentations, method):
    brain = thousand(repeats=repeats)
    made = NoiseCeiling(brain=brain, method=method, resamples=200).run()
    # halves of all presentations tell of their mean, whatever the rows hold
    error = made["explainable"] - truth(brain, 3 if method == "split_half" else presentations)
    assert np.median(np.abs(error)) <= 0.05 and abs(np.mean(error)) <= 0.02
    assert made["repeated"] == 1000
    if method == "variance":
        covered = (made["low"] <= truth(brain, presentations)) & (truth(brain, presentations) <= made["high"])
        assert covered.mean() >= 0.8
        assert np.median(np.abs(made["noise"] - (1 / brain.run()["explainable"] - 1)) / made["noise"]) <= 0.05
        assert np.median(np.abs(made["signal"] - 1)) <= 0.1


def test_of_a_split_only_held_out_stimuli_count():
    brain = thousand(repeats="average")
    split = HoldOut(test=0.4, seed=1)
    made = NoiseCeiling(brain=brain, split=split, resamples=50).run()
    assert made["repeated"] == 400
    trials = brain.trial_table()
    (fold,) = split.apply(trials)
    signal = brain.run()["drive"][fold.test].var(axis=0, ddof=1, dtype=float)
    noise = 1 / brain.run()["explainable"].astype(float) - 1
    held_out = signal / (signal + noise / 3)
    assert np.median(np.abs(made["explainable"] - held_out)) <= 0.05
    everything = NoiseCeiling(brain=brain, resamples=50).run()["explainable"]
    assert not np.allclose(made["explainable"], everything, atol=1e-3)


def test_a_published_test_set_with_repeats_has_a_ceiling_though_training_has_none(tmp_path):
    """Training pictures once and test pictures three times, as most published sets have it."""
    rng = np.random.default_rng(0)
    count, tested = 400, 300
    pictures = rng.integers(0, 256, (count, 4, 4)).astype(np.uint8)
    order = rng.permutation(np.concatenate([np.arange(count - tested), np.tile(np.arange(count - tested, count), 3)]))
    drive = rng.standard_normal((count, 40))
    noise = np.linspace(0.5, 2, 40)
    table = {"stimulus": order, "split": np.where(order < count - tested, "train", "test")}
    brain, _ = recording(tmp_path, drive[order] + noise * rng.standard_normal((len(order), 40)), pictures, table)
    made = NoiseCeiling(brain=brain, split=FixedSplit(), resamples=50).run()
    assert made["repeated"] == tested
    signal = drive[count - tested :].var(axis=0, ddof=1)
    assert np.median(np.abs(made["explainable"] - signal / (signal + noise**2))) <= 0.05
    averaged = brain.model_copy(update={"repeats": "average"})
    made = NoiseCeiling(brain=averaged, split=FixedSplit(), resamples=50).run()
    assert np.median(np.abs(made["explainable"] - signal / (signal + noise**2 / 3))) <= 0.05


def rows_of(result: Result, metric: str) -> list[dict[str, Any]]:
    names = ("metric", "summary", "subset", "control", "value", "ceiling")
    rows = [dict(zip(names, values, strict=True)) for values in zip(*(result[name] for name in names), strict=True)]
    return [row for row in rows if row["metric"] == metric and not row["control"]]


def test_an_oracle_comes_close_to_the_ceiling_and_not_above_it():
    brain = thousand(repeats="average")
    encoder = RidgeEncoder(
        brain=brain, features=PlantedFeatures(brain=brain), split=KFold(folds=5), alphas=(1.0, 100.0, 1000.0), cv=3
    )
    result = EncodingScores(encoder=encoder, permutations=0, resamples=2).run()
    ceiling = np.sqrt(truth(brain, 3))
    (mean,) = (row for row in rows_of(result, "unit_correlation") if row["summary"] == "mean")
    assert mean["ceiling"] == pytest.approx(ceiling.mean(), abs=0.02)
    assert 0.85 * mean["ceiling"] <= mean["value"] <= mean["ceiling"] + 0.005
    assert np.all(encoder.run()["correlation"] <= ceiling + 0.1)
    for row in rows_of(result, "unit_correlation"):
        assert row["value"] <= row["ceiling"] + 0.01
    (normalised,) = rows_of(result, "normalised_correlation")
    assert 0.85 <= normalised["value"] <= 1.05 and normalised["ceiling"] == 1
    np.testing.assert_allclose(
        result["normalised"][np.isfinite(result["normalised"])],
        (encoder.run()["correlation"] / np.sqrt(result["explainable"]))[result["explainable"] >= 0.1],
        rtol=1e-4,
    )


def test_a_recording_without_repeats_has_no_ceiling_and_never_1(tmp_path):
    digits = HandwrittenDigits(count=60)
    brain = PlantedUnits(stimuli=digits, units=8, presentations=1)
    alone = NoiseCeiling(brain=brain, resamples=10)
    result = alone.run()
    assert result["repeated"] == 0
    for name in ("explainable", "low", "high"):
        assert np.isnan(result[name]).all()
    assert alone.figures(result) == []
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=digits), alphas=(1.0, 100.0), cv=2)
    scores = EncodingScores(encoder=encoder, permutations=2, resamples=2)
    branches = {"": {"encoder": encoder, "scores": scores}}
    assert {outcome.status for outcome in run(branches)} <= {"ok", "cached"}
    assert np.isnan(scores.run()["ceiling"]).all() and np.isnan(scores.run()["normalised"]).all()
    lay_out(tmp_path / "outputs", {"": {}}, branches)
    with open(tmp_path / "outputs" / "scores.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert rows and {row["ceiling"] for row in rows} == {""}
    assert not {"normalised_correlation", "noise_normalised_r2"} & {row["metric"] for row in rows}


def in_sessions(count: int = 400, units: int = 40) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Every stimulus once in each of three sessions of very different offset and scale; and the share of each unit."""
    rng = np.random.default_rng(4)
    pictures = rng.integers(0, 256, (count, 4, 4)).astype(np.uint8)
    order = np.concatenate([rng.permutation(count) for _ in range(3)])
    share = rng.uniform(0.1, 0.7, units)
    drive = rng.standard_normal((count, units))
    single = drive[order] + np.sqrt(1 / share - 1) * rng.standard_normal((len(order), units))
    session = np.repeat([0, 1, 2], count)
    responses = np.array([0.0, 30.0, -80.0])[session, None] + np.array([1.0, 4.0, 0.5])[session, None] * single
    return responses, pictures, {"stimulus": order, "session": session}, share


def test_with_normalised_sessions_the_ceiling_is_that_of_normalised_responses(tmp_path):
    responses, pictures, table, share = in_sessions()
    brain, stimuli = recording(tmp_path, responses, pictures, table)
    normalised = NoiseCeiling(brain=brain, normalise_by="session", resamples=10).run()["explainable"]
    assert np.median(np.abs(normalised - share)) <= 0.05
    raw = NoiseCeiling(brain=brain, resamples=10).run()["explainable"]
    assert np.all(raw < 0.05), "offsets between sessions are noise of the rows as they stand"
    ridge = {"brain": brain, "features": Pixels(stimuli=stimuli), "alphas": (1.0, 100.0), "cv": 2}
    for normalise, by in (("none", ""), ("training", "session")):
        ceiling = EncodingScores(encoder=RidgeEncoder(**ridge, normalise=normalise), permutations=0).ceiling()
        assert ceiling.normalise_by == by
    scores = EncodingScores(encoder=RidgeEncoder(**ridge, normalise="training"), permutations=0, resamples=2).run()
    assert np.median(np.abs(scores["explainable"] - share)) <= 0.05


def test_a_perfect_encoder_of_normalised_sessions_reaches_their_ceiling(tmp_path):
    """Responses that follow the pictures linearly, so that a fit of pixels is the oracle."""
    responses, pictures, table = planted(stimuli=200, repeats=3, units=20)
    session = np.asarray(table.pop("run"))
    responses = np.array([0.0, 30.0, -80.0])[session, None] + np.array([1.0, 4.0, 0.5])[session, None] * responses
    brain, stimuli = recording(tmp_path, responses, pictures, table | {"session": session})
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), normalise="training", alphas=(1.0, 10.0), cv=3)
    result = EncodingScores(encoder=encoder, permutations=0, resamples=2).run()
    (normalised,) = rows_of(result, "normalised_correlation")
    assert 0.95 <= normalised["value"] <= 1.05


@pytest.mark.parametrize("stimuli_a_run", [10, 40, 200])
@pytest.mark.parametrize("again", ["in the same run", "in other runs"])
def test_runs_with_or_without_offsets_have_the_same_ceiling(tmp_path, stimuli_a_run, again):
    """An offset a run hides signal where a stimulus meets all runs alike, and looks like signal where it does not."""
    rng = np.random.default_rng(0)
    stimuli, units = 400, 30
    runs = stimuli // stimuli_a_run
    if again == "in the same run":
        order = np.concatenate(
            [rng.permutation(np.tile(np.arange(stimuli_a_run), 2)) + run * stimuli_a_run for run in range(runs)]
        )
    else:
        order = np.concatenate([rng.permutation(stimuli) for _ in range(2)])
        runs *= 2
    run = np.arange(len(order)) * runs // len(order)
    quiet = rng.standard_normal((stimuli, units))[order] + rng.standard_normal((len(order), units))
    loud = quiet + 2 * rng.standard_normal((runs, units))[run]
    pictures = np.zeros((stimuli, 2, 2), dtype=np.uint8)
    shares = {}
    for name, responses in {"quiet": quiet, "loud": loud}.items():
        brain, _ = recording(tmp_path / name, responses, pictures, {"stimulus": order, "run": run})
        made = NoiseCeiling(brain=brain, resamples=5).run()
        shares[name] = np.median(made["explainable"])
        if name == "loud" and stimuli_a_run > 10:
            # signal 1, noise 1, and an offset of variance about 4 that no model of the stimulus explains
            total = np.median(responses.var(axis=0))
            assert shares[name] == pytest.approx(1 / total, rel=0.25)
    assert shares["quiet"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("repeats", ["keep", "average"])
def test_what_trials_of_a_block_share_is_noise_once_a_stimulus_has_several_blocks(tmp_path, repeats):
    """Signal 1, each block's own response to the stimulus, and the noise of trials."""
    rng = np.random.default_rng(3)
    stimuli, blocks, trials, units, shared, single = 300, 3, 4, 40, 0.8, 1.2
    stimulus = np.tile(np.repeat(np.arange(stimuli), trials), blocks)
    block = np.repeat(np.arange(stimuli * blocks), trials)
    signal = rng.standard_normal((stimuli, units))[stimulus]
    noise = shared * rng.standard_normal((stimuli * blocks, units))[block] + single * rng.standard_normal((len(block), units))
    pictures = np.zeros((stimuli, 2, 2), dtype=np.uint8)
    brain, _ = recording(tmp_path, signal + noise, pictures, {"stimulus": stimulus, "block": block})
    made = NoiseCeiling(brain=brain.model_copy(update={"repeats": repeats}), resamples=20).run()
    of_block = shared**2 + single**2 / trials
    scored = 1 + (shared**2 + single**2 if repeats == "keep" else of_block / blocks)
    assert np.median(np.abs(made["explainable"] - 1 / scored)) <= 0.04
    assert np.median(made["noise"]) == pytest.approx(of_block, rel=0.05)
    assert made["repeated"] == stimuli
    halves = NoiseCeiling(brain=brain, method="split_half").run()
    assert np.median(halves["explainable"]) == pytest.approx(1 / (1 + of_block / blocks), abs=0.04)


def test_trials_of_one_block_have_no_ceiling_and_do_not_count_beside_stimuli_of_two(tmp_path):
    rng = np.random.default_rng(5)
    responses, pictures = rng.standard_normal((24, 6)), np.zeros((4, 2, 2), dtype=np.uint8)
    stimulus = np.repeat([0, 1, 2, 3, 0, 1], 4)
    for name, block, repeated in (("one", stimulus, 0), ("two", np.repeat(np.arange(6), 4), 2)):
        brain, _ = recording(tmp_path / name, responses, pictures, {"stimulus": stimulus, "block": block})
        made = NoiseCeiling(brain=brain, resamples=5).run()
        assert made["repeated"] == repeated and np.isfinite(made["explainable"]).all() == bool(repeated)


@pytest.mark.parametrize("unstated", ["n/a", ""])
def test_trials_that_state_no_block_are_presentations_of_their_own(tmp_path, unstated):
    responses, pictures, table = planted(stimuli=30, repeats=2)
    brain, _ = recording(tmp_path / "without", responses, pictures, table)
    beside, _ = recording(tmp_path / "unstated", responses, pictures, table | {"block": np.full(60, unstated)})
    one, other = (NoiseCeiling(brain=of, resamples=5).run() for of in (brain, beside))
    assert other["repeated"] == 30
    np.testing.assert_allclose(other["explainable"], one["explainable"], rtol=1e-5)


@pytest.mark.parametrize("repeats", ["keep", "average"])
def test_a_column_of_ones_own_can_be_normalised_by(tmp_path, repeats):
    responses, pictures, table, share = in_sessions()
    brain, _ = recording(tmp_path, responses, pictures, {"stimulus": table["stimulus"], "scanner": table["session"]})
    brain = brain.model_copy(update={"repeats": repeats})
    made = NoiseCeiling(brain=brain, normalise_by="scanner", resamples=10).run()
    assert np.median(np.abs(made["signal"] / (made["signal"] + made["noise"]) - share)) <= 0.05
