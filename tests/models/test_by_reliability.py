"""Decoders that lean on units that can be trusted: how far each can be is told by training trials alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from recortex.data.handwritten_digits import HandwrittenDigits
from recortex.data.planted_units import PlantedUnits
from recortex.data.response_file import ResponseFile
from recortex.decoders.decode import Decode
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels
from recortex.responses.reliability import Reliability
from recortex.splits.base import Fold
from recortex.splits.fixed import FixedSplit
from recortex.splits.k_fold import KFold
from tests.laws import planted, recording


class Given:
    """Single trials that are given as they are."""

    repeats = "keep"

    def __init__(self, responses: np.ndarray, table: dict[str, np.ndarray]):
        self.responses, self.table = responses, table

    def run(self) -> Given:
        return self

    def __getitem__(self, name: str) -> np.ndarray:
        return {"n_repeats": np.ones(len(self.responses))}[name]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.responses.shape

    def gives_units(self) -> bool:
        return True

    def trial_table(self) -> dict[str, np.ndarray]:
        return self.table

    def recorded(self, units: slice) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return self.responses[:, units], self.table


def share_of(brain: ResponseFile) -> np.ndarray:
    """The share of each unit's variance that is signal, by the training trials of the recording's own split."""
    (fold,) = FixedSplit().apply(brain.trial_table())
    return Reliability(brain, [fold], "", standardise=False).gain(brain.run()["responses"], fold)


@pytest.mark.parametrize(("repeats", "presentations"), [("keep", 1), ("average", 3)])
def test_planted_explainable_variance_comes_back_from_training_trials(repeats: Any, presentations: int) -> None:
    brain = PlantedUnits(stimuli=HandwrittenDigits(count=1000), units=60, presentations=3, runs=3, repeats=repeats)
    share = brain.run()["explainable"].astype(float)
    truth = share / (share + (1 - share) / presentations)
    folds = KFold(by="stimulus", folds=2).apply(brain.trial_table())
    reliability = Reliability(brain, folds, "", standardise=False)
    for fold in folds:
        found = reliability.gain(brain.run()["responses"], fold)
        assert np.abs(found - truth).mean() < 0.04  # of 500 stimuli
        assert abs(np.mean(found - truth)) < 0.02


def test_of_one_recording_averages_are_more_reliable_than_their_trials(tmp_path: Path) -> None:
    brain, _ = recording(tmp_path, *planted(stimuli=200))
    averaged = brain.model_copy(update={"repeats": "average"})
    single, mean = (share_of(of) for of in (brain, averaged))
    np.testing.assert_allclose(mean, 2 * single / (1 + single), atol=0.02)  # Spearman and Brown


@pytest.mark.parametrize("standardise", [False, True])
def test_weights_are_a_ridges_on_shrunk_responses_and_apply_to_responses_as_they_are(tmp_path: Path, standardise: bool) -> None:
    responses, pictures, table = planted()
    brain, stimuli = recording(tmp_path / "own", 3 + responses * np.arange(1, 8), pictures, table)
    fields: dict[str, Any] = {"features": Pixels(stimuli=stimuli), "split": FixedSplit(), "by_reliability": True}
    decoder = RidgeDecoder(brain=brain, standardise=standardise, calibration="none", **fields)
    made, measured, trials = decoder.run(), brain.run()["responses"].astype(float), brain.trial_table()
    train, test = (np.flatnonzero(trials["split"] == side) for side in ("train", "test"))
    share = share_of(brain)
    shrunk = measured * share / (measured[train].std(axis=0) if standardise else 1)
    target = decoder.features.of(trials["stimulus"])[train]
    expected = np.column_stack(
        [
            Ridge(alpha).fit(shrunk[train], aim).predict(shrunk[test])
            for alpha, aim in zip(made["best_alpha"][0], target.T, strict=True)
        ]
    )
    np.testing.assert_allclose(made["decoded"], expected, atol=1e-4)
    np.testing.assert_allclose(measured[test] @ made["coef"][0] + made["intercept"][0], expected, atol=1e-4)
    new, _ = recording(tmp_path / "new", measured[test], pictures, {name: values[test] for name, values in table.items()})
    np.testing.assert_allclose(Decode(decoder=decoder, brain=new).run()["decoded"], made["decoded"], atol=1e-4)


def test_where_most_units_are_noise_more_is_decoded(tmp_path: Path) -> None:
    responses, pictures, table = planted(stimuli=120, units=20)
    noise = 3 * np.random.default_rng(1).standard_normal((len(responses), 180))
    brain, stimuli = recording(tmp_path, np.concatenate([responses, noise], axis=1), pictures, table)
    true = Pixels(stimuli=stimuli).of(brain.trial_table()["stimulus"])
    error, said = {}, {}
    for by_reliability in (False, True):
        decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), by_reliability=by_reliability, calibration="none")
        made = decoder.run()
        error[by_reliability] = np.mean((made["decoded"] - true) ** 2) / np.var(true - true.mean(axis=0))
        size = np.abs(made["coef"]).mean(axis=(0, 2)) * np.concatenate([responses, noise], axis=1).std(axis=0)
        said[by_reliability] = size[20:].mean() / size[:20].mean()
    assert error[True] < 0.9 * error[False]
    assert said[True] < 0.3 * said[False]


def test_a_unit_that_never_answers_alike_has_no_say(tmp_path: Path) -> None:
    responses, pictures, table = planted()
    order = np.argsort(table["stimulus"], kind="stable")
    responses[order[1::2], 0] = -responses[order[::2], 0]  # the second time the opposite of the first
    brain, stimuli = recording(tmp_path, responses, pictures, table)
    made = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit(), by_reliability=True).run()
    assert (made["coef"][:, 0] == 0).all() and (made["coef"][:, 1:] != 0).any(axis=-1).all()


def test_a_unit_that_does_not_change_in_training_has_no_say(tmp_path: Path) -> None:
    responses, pictures, table = planted()
    flat = responses.astype(np.float64)
    flat[:, 2] = np.where(table["split"] == "test", flat[:, 2], 0.1)
    brain, stimuli = recording(tmp_path, flat, pictures, table)
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit(), by_reliability=True)
    (fold,) = decoder.pairs().folds
    assert Reliability(brain, [fold], "", standardise=True).gain(flat, fold)[2] == 0
    assert (decoder.run()["coef"][:, 2] == 0).all()


def test_what_trials_of_a_block_share_is_no_signal() -> None:
    rng, stimuli, blocks, volumes = np.random.default_rng(0), 100, 2, 9
    stimulus = np.repeat(np.tile(np.arange(stimuli), blocks), volumes).astype(str)
    block = np.repeat(np.arange(stimuli * blocks), volumes).astype(str)
    signal = np.repeat(np.tile(rng.standard_normal((stimuli, 4)), (blocks, 1)), volumes, axis=0) * [0, 0, 1, 1]
    responses = (
        signal + np.repeat(rng.standard_normal((stimuli * blocks, 4)), volumes, axis=0) + rng.standard_normal(signal.shape)
    )
    brain = Given(responses, {"stimulus": stimulus, "block": block})
    fold = Fold("all", np.arange(len(stimulus)), np.array([], dtype=int))
    found = Reliability(brain, [fold], "", standardise=False).gain(responses, fold)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, [0, 0, 1 / 3, 1 / 3], atol=0.1)


def test_an_offset_of_a_run_that_rows_hold_is_noise_in_them() -> None:
    rng, stimuli, runs = np.random.default_rng(0), 300, 20
    stimulus = np.concatenate([rng.permutation(stimuli) for _ in range(2)]).astype(str)
    run = np.repeat(np.arange(runs), 2 * stimuli // runs).astype(str)
    signal = rng.standard_normal((stimuli, 6))[stimulus.astype(int)]
    responses = signal + rng.standard_normal(signal.shape) + 5 * rng.standard_normal((runs, 6))[run.astype(int)]
    fold = Fold("all", np.arange(len(stimulus)), np.array([], dtype=int))
    found = Reliability(Given(responses, {"stimulus": stimulus, "run": run}), [fold], "", False).gain(responses, fold)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, signal.var(axis=0) / responses.var(axis=0), rtol=0.25)


@pytest.mark.parametrize(("repeats", "averaged"), [("keep", 1), ("average", 4)])
@pytest.mark.parametrize("normalise_by", ["", "session"])
def test_averages_of_normalised_sessions_are_as_reliable_as_they_are(
    tmp_path: Path, repeats: Any, averaged: int, normalise_by: str
) -> None:
    rng, stimuli, noise = np.random.default_rng(7), 240, np.repeat([0.5, 1, 2, 3], 20)
    stimulus = np.tile(np.arange(stimuli), 4)
    responses = rng.standard_normal((stimuli, 80))[stimulus] + noise * rng.standard_normal((len(stimulus), 80))
    table = {"stimulus": stimulus, "session": 2 * stimulus // stimuli}  # repeats stay in their session
    brain, _ = recording(tmp_path, responses, np.zeros((stimuli, 2, 2), np.uint8), table)
    brain = brain.model_copy(update={"repeats": repeats})
    fold = Fold("all", np.arange(brain.run().shape("responses")[0]), np.array([], dtype=int))
    found = Reliability(brain, [fold], normalise_by, standardise=False).gain(brain.run()["responses"], fold)
    np.testing.assert_allclose(found.reshape(4, 20).mean(axis=1), (1 / (1 + noise**2 / averaged))[::20], atol=0.03)


@pytest.mark.parametrize("repeats", ["keep", "average"])
def test_without_a_second_presentation_it_is_refused(tmp_path: Path, repeats: Any) -> None:
    brain, stimuli = recording(tmp_path, *planted(repeats=1))
    brain = ResponseFile(path=brain.path, trials=brain.trials, repeats=repeats)
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit(), by_reliability=True)
    with pytest.raises(InvalidInput, match="by_reliability: 0 of the 19 training stimuli of fold test were shown more than once"):
        decoder.run()


def test_nothing_reliable_is_said(tmp_path: Path) -> None:
    responses, pictures, table = planted()
    order = np.argsort(table["stimulus"], kind="stable")
    responses[order[1::2]] = -responses[order[::2]]
    brain, stimuli = recording(tmp_path, responses, pictures, table)
    with pytest.raises(InvalidInput, match=r"by_reliability: no unit of .* responds to a stimulus as it did before"):
        RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit(), by_reliability=True).run()


def test_normalised_sessions_are_compared_as_they_are_decoded(tmp_path: Path) -> None:
    responses, pictures, table = planted(stimuli=100)
    drifted = np.where(table["run"][:, None] == 0, responses, 50 * responses + 200)
    fields: dict[str, Any] = {"split": FixedSplit(), "by_reliability": True, "normalise": "training", "normalise_by": "run"}
    made = []
    for name, values in (("as_measured", responses), ("drifted", drifted)):
        brain, stimuli = recording(tmp_path / name, values, pictures, table)
        made.append(RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), **fields).run()["decoded"])
    np.testing.assert_allclose(made[0], made[1], atol=1e-3)
