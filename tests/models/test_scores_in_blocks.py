"""Scores and ceilings of a recording that does not fit into memory: units pass in blocks, and nothing of the result tells."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from recortex import store
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.features.pixels import Pixels
from recortex.fits.base import Fit
from recortex.fits.baselines import training_means
from recortex.fits.pairs import Pairs
from recortex.metrics import bootstrap_rows, false_discovery, family_wise_p, permutation_p, unit_correlation
from recortex.responses.noise_ceiling import NoiseCeiling
from recortex.scores._draw_table import DrawTable
from recortex.scores.base import SAME_SCORE
from recortex.scores.encoding_scores import EncodingScores
from recortex.splits.fixed import FixedSplit
from recortex.splits.hold_out import HoldOut
from recortex.splits.k_fold import KFold
from tests.laws import planted, recording

UNITS = 23


@pytest.fixture
def own(tmp_path):
    responses, pictures, table = planted(units=UNITS)
    responses[np.asarray(table["split"]) == "test", 4] = 1.5  # a unit that is constant where it is scored
    return recording(tmp_path / "own", responses, pictures, table)


def scores_of(own: Any, null: str = "quick", repeats: str = "keep", **more: Any) -> EncodingScores:
    brain, stimuli = own
    fields = {"split": KFold(by="stimulus", folds=3)} | more
    encoder = RidgeEncoder(
        brain=brain.model_copy(update={"repeats": repeats}),
        features=Pixels(stimuli=stimuli),
        alphas=(1.0, 100.0),
        cv=2,
        **fields,
    )
    return EncodingScores(encoder=encoder, permutations=21, resamples=30, null=null)


def refits_side_by_side(fit: Fit, pairs: Pairs, sources: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Refits of permuted targets, all trials of all of them in memory."""
    from recortex.linear import held_out_predictions

    width, waiting = pairs.targets.shape[1], iter(sources)
    tested = np.argsort(np.concatenate([fold.test for fold in pairs.folds]))
    while batch := list(islice(waiting, 2**14 // width)):
        predictions = []
        for fold in pairs.folds:
            inputs, everyone = pairs.inside(fold)[0], np.arange(len(pairs.targets))
            moved = np.hstack([pairs.moved(fold, source, everyone) for source in batch])
            rows = [(fold.train, fold.test)]
            predictions.append(held_out_predictions(fit.estimator, inputs, moved, rows, pairs.groups).predictions)
        pooled = np.concatenate(predictions)[tested]
        for place, source in enumerate(batch):
            yield source, pooled[:, place * width : (place + 1) * width]


def all_at_once(scores: EncodingScores) -> dict[str, np.ndarray]:
    """What EncodingScores is to compute, with whole recordings and all of the null in memory."""
    fit, fitted, pairs = scores.encoder, scores.encoder.run(), scores.encoder.pairs()
    measured, prediction, correlation = pairs.measured(), fitted["prediction"], fitted["correlation"]

    def summaries(values: np.ndarray) -> list[float]:
        if not np.isfinite(values).any():  # the mean of a class where one class alone was drawn
            return [np.nan] * 3
        return [float(summary) for summary in (np.nanmean(values), np.nanmedian(values), np.nanpercentile(values, 95))]

    sources = pairs.exchanges(scores.permutations, np.random.default_rng([scores.seed, 1]))
    made = refits_side_by_side(fit, pairs, sources) if scores.null == "refit" else ((source, prediction) for source in sources)
    permuted = [unit_correlation(pairs.measured(source), refit) for source, refit in made]
    null, by_unit = np.array([summaries(row) for row in permuted]), np.array([row.astype(np.float32) for row in permuted])
    p = permutation_p(correlation, by_unit, SAME_SCORE)
    rivals = {"": prediction}
    if (ordered := fit.from_trial_order(pairs)) is not None:
        rivals["trial_order"] = ordered
    if (means := training_means(pairs, pairs.trials["category"])) is not None:
        rivals["class_mean"] = means
    samples: dict[str, Any] = {name: [] for name in rivals}
    for rows in bootstrap_rows(pairs.column("stimulus", "exchange")[fitted["row"]], scores.resamples, scores.seed):
        for name, values in rivals.items():
            samples[name].append(summaries(unit_correlation(measured[rows], values[rows]))[0])
    of = {name: np.percentile(values, [2.5, 97.5]) for name, values in samples.items()}
    rows = [(value, np.nan, np.nan) for value in summaries(correlation)]
    rows[0] = (rows[0][0], *of[""])
    for name in list(rivals)[1:]:
        value = summaries(unit_correlation(measured, rivals[name]))[0]
        apart = np.percentile(np.array(samples[""]) - np.array(samples[name]), [2.5, 97.5])
        rows += [(value, *of[name]), (rows[0][0] - value, *apart)]
    value, low, high = np.array(rows).T
    chance, p_of_rows = np.full((2, len(rows)), np.nan)
    chance[:3] = [column.copy().mean() for column in null.T]
    p_of_rows[:3] = [permutation_p(value[place], null[:, place], SAME_SCORE) for place in range(3)]
    return {
        "value": value,
        "low": low,
        "high": high,
        "chance": chance,
        "p": p_of_rows,
        "null": null,
        "null_correlation": by_unit[-1],
        "unit_p": p,
        "unit_q": false_discovery(p),
        "unit_p_family": family_wise_p(correlation, by_unit),
    }


DESIGNS = [
    {"null": "quick", "split": FixedSplit()},
    {"null": "refit"},
    {"null": "refit", "repeats": "average"},
    {"null": "refit", "normalise": "training", "normalise_by": "run"},
    {"null": "refit", "split": FixedSplit()},
]


@pytest.mark.parametrize("design", DESIGNS, ids=str)
@pytest.mark.filterwarnings("error")
def test_scores_are_to_the_bit_those_of_everything_in_memory(own, design):
    scores = scores_of(own, **design)
    made = scores.compute()
    of_correlation = made["metric"] == "unit_correlation"
    for name, expected in all_at_once(scores).items():
        values = made[name][of_correlation] if len(made[name]) == len(of_correlation) else made[name]
        if name in ("low", "high"):  # sums over a sample, by products with its counts
            np.testing.assert_allclose(values, expected, rtol=1e-10, atol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(values, expected, err_msg=name)
        assert values.dtype == expected.dtype


@pytest.mark.parametrize("width", [8, 22])
@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_blocks_of_any_width_give_the_same_scores(own, monkeypatch, design, width):
    scores = scores_of(own, **design)
    whole = scores.compute()
    trials = scores.encoder.brain.run().shape("responses")[0]
    monkeypatch.setattr("recortex.scores.encoding_scores.AT_ONCE", trials * width)
    assert len(list(scores._blocks())) == -(-UNITS // width)
    parts = scores.compute()
    assert list(parts) == list(whole)
    # a matrix product for all units and one for some differ in their last bits, as does the sum over the trials of a single unit
    close = {"null", "null_correlation", "value", "low", "high", "chance"}
    if design["null"] == "quick" and width == 8:
        close = {"value", "low", "high"}  # where trial_order is fitted
        np.testing.assert_allclose(parts["low"][0], whole["low"][0], rtol=1e-12)
    for name, values in whole.items():
        if name in close:
            np.testing.assert_allclose(parts[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(parts[name], values, err_msg=name)


def test_an_encoder_whose_units_are_fitted_together_is_scored_in_one_block(own, monkeypatch):
    monkeypatch.setattr("recortex.scores.encoding_scores.AT_ONCE", 1)
    monkeypatch.setattr(RidgeEncoder, "separable", False)
    assert list(scores_of(own)._blocks()) == [slice(0, UNITS)]


def test_as_many_refits_side_by_side_as_fit_into_memory(own, monkeypatch):
    scores = scores_of(own)
    pairs = scores.encoder.pairs()
    sources = list(pairs.exchanges(5, np.random.default_rng(0)))
    made = [refit for _, refit in scores.encoder.refits(pairs, sources)]
    widths: list[int] = []
    fresh = RidgeEncoder.estimator

    def watched(self: RidgeEncoder) -> Any:
        estimator = fresh(self)
        fit = estimator.fit

        def fit_and_tell(X: Any, y: Any, **more: Any) -> Any:
            widths.append(y.shape[1])
            return fit(X, y, **more)

        estimator.fit = fit_and_tell
        return estimator

    monkeypatch.setattr(RidgeEncoder, "estimator", watched)
    monkeypatch.setattr("recortex.fits.base._NUMBERS_AT_ONCE", 2 * pairs.targets.size)
    for (_, refit), expected in zip(scores.encoder.refits(pairs, sources), made, strict=True):
        np.testing.assert_allclose(refit, expected, rtol=1e-5, atol=1e-6)
    assert widths == [2 * UNITS] * 6 + [UNITS] * 3


def test_a_table_gives_back_every_draw_and_leaves_no_file(tmp_path):
    values = np.random.default_rng(0).standard_normal((4, 10))
    with store.use(store.Store(tmp_path / "cache")), DrawTable(4, 10) as table:
        for first in (7, 0, 3):
            for draw in (2, 0, 3, 1):
                table.put(draw, first, values[draw, first : first + 4])
        np.testing.assert_array_equal(np.array(list(table)), values)
        assert list((tmp_path / "cache").iterdir()) == []


def test_largest_values_of_blocks_are_those_of_all_units():
    rng = np.random.default_rng(0)
    value, null = rng.standard_normal(50), rng.standard_normal((20, 50)).astype(np.float32)
    null[3, 5:20], null[7], value[4] = np.nan, np.nan, np.nan
    largest = np.fmax(np.fmax.reduce(null[:, :10], axis=1), np.fmax.reduce(null[:, 10:], axis=1))
    np.testing.assert_array_equal(family_wise_p(value, largest), family_wise_p(value, null))


def many(tmp_path: Any, units: int) -> Any:
    """A recording of 200 trials."""
    responses, pictures, table = planted(stimuli=100, units=units)
    return recording(tmp_path / f"of_{units}", responses, pictures, table)


def peak_of(work: Any) -> int:
    """Bytes of NumPy arrays and Python objects at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("null", ["quick", "refit"])
def test_scores_take_the_memory_of_a_block_and_not_of_the_recording(tmp_path, monkeypatch, null):
    monkeypatch.setattr("recortex.scores.encoding_scores.AT_ONCE", 200 * 500)
    monkeypatch.setattr("recortex.fits.base._NUMBERS_AT_ONCE", 200 * 500)
    peaks = []
    for units in (2_000, 4_500):
        split = HoldOut(test=0.3) if null == "quick" else KFold(by="stimulus", folds=3)
        encoder = scores_of(many(tmp_path, units), split=split).encoder
        scores = EncodingScores(encoder=encoder, permutations=2, resamples=2, null=null)
        encoder.run(), scores.ceiling().run()
        peaks.append(peak_of(scores.compute))
    assert peaks[1] - peaks[0] < 0.35 * 2_500 * 200 * 4  # of what there is more of the recording: a few numbers a unit


@pytest.mark.parametrize("repeats", ["keep", "average"])
@pytest.mark.parametrize("more", [{}, {"normalise_by": "run"}, {"method": "split_half"}, {"split": FixedSplit()}], ids=str)
def test_a_ceiling_in_parts_is_the_ceiling(own, tmp_path, monkeypatch, repeats, more):
    brain = own[0].model_copy(update={"repeats": repeats})
    if "normalise_by" in more:  # of a unit that varies
        np.save(brain.path, np.load(brain.path) + np.random.default_rng(0).standard_normal((48, UNITS), np.float32))
    stage = NoiseCeiling(brain=brain, resamples=20, **more)
    with store.use(store.Store(tmp_path / "whole")):
        assert brain.run() and stage.tiling() is None
        whole = stage.run()
    monkeypatch.setattr("recortex.responses.noise_ceiling.AT_ONCE", 5 * 48)
    with store.use(store.Store(tmp_path / "parts")):
        brain.run()
        assert len(stage.tiling().tiles()) == 5
        parts = stage.run()
    assert list(parts) == list(whole)
    for name in whole:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-12, err_msg=name)


def test_a_ceiling_takes_the_memory_of_a_part_and_not_of_the_recording(tmp_path, monkeypatch):
    monkeypatch.setattr("recortex.responses.noise_ceiling.AT_ONCE", 200 * 500)
    for repeats in ("keep", "average"):
        peaks = []
        for units in (2_000, 4_500):
            brain = many(tmp_path / repeats, units)[0].model_copy(update={"repeats": repeats})
            brain.run()
            peaks.append(peak_of(NoiseCeiling(brain=brain, resamples=10).run))
        assert peaks[1] - peaks[0] < 0.35 * 2_500 * 200 * 4


def test_a_flat_unit_is_called_by_its_number_among_all(own, monkeypatch):
    brain, _ = own
    values = np.load(brain.path)
    values[:24, 17] = 2
    np.save(brain.path, values)
    monkeypatch.setattr("recortex.responses.noise_ceiling.AT_ONCE", 5 * 48)
    with pytest.raises(ValueError, match=r"1 units \(units 17\) do not vary over the 24 trials"):
        NoiseCeiling(brain=brain, normalise_by="run", resamples=5).run()
