"""The simulated scanner: what it adds is what it says it adds, and single trials can be found again."""

from __future__ import annotations

import os

import numpy as np
import pytest

from recortex.data.simulated.bold import LATE_ONSETS_S, SimulatedBold
from recortex.data.simulated.scanner import (
    RESPONSES,
    Protocol,
    generalised_least_squares,
    head_motion,
    impulse_response,
    peaks,
    with_memory,
)
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.errors import InvalidInput
from recortex.responses.least_squares_all import LeastSquaresAll

FIELDS = {"shared": 20, "own": 100, "presentations": 2, "sessions": 2, "runs": 3, "voxel_mm": 7, "cover": "visual"}


@pytest.fixture(scope="module")
def scenes() -> SimulatedScenes:
    return SimulatedScenes(count=120)


def bold(scenes: SimulatedScenes, **fields) -> SimulatedBold:
    return SimulatedBold(stimuli=scenes, **FIELDS | fields)


def correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    return (one * other).sum(axis=0) / np.maximum(np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0)), 1e-12)


def by_truth(stage: SimulatedBold) -> np.ndarray:
    """Single trials as only the simulator can find them, (event, unit)."""
    seen = stage.run()
    found = np.empty((len(seen["onset_s"]), seen.shape("bold")[1]))
    for run in range(len(seen["run"])):
        volumes, events = seen["volume_run"] == run, seen["event_run"] == run
        percent = 100 * (seen["bold"][volumes] / seen["level"] - 1)
        protocol = stage.protocol(run, int(events.sum()))
        found[events] = generalised_least_squares(percent, protocol, seen["peak_s"], stage.motion(run, protocol))
    return found


def amplitude(stage: SimulatedBold) -> np.ndarray:
    return stage.responses_to(stage.looked_at())[stage.shown().picture]


@pytest.mark.parametrize("peak_s", [4.2, 5.5, 6.8])
def test_the_impulse_response_is_highest_where_it_says_and_dips_below_0_afterwards(peak_s: float) -> None:
    time_s = np.arange(0, 32, 0.01)
    response = impulse_response(time_s, peak_s)
    assert time_s[response.argmax()] == pytest.approx(peak_s, abs=0.15)
    assert response[0] == pytest.approx(0, abs=1e-3)
    assert -0.25 < response.min() < -0.05
    assert time_s[response.argmin()] > peak_s + 5
    assert abs(response[-1]) < 0.01


def test_the_noise_has_the_covariance_that_the_protocol_states() -> None:
    protocol = Protocol.of(10, 1.6, 4.0, 3.0, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    white = rng.standard_normal((2, protocol.volumes, 20_000))
    noise = np.sqrt(0.4) * with_memory(white[0], protocol.memory) + np.sqrt(0.6) * white[1]
    sampled = noise @ noise.T / noise.shape[1]
    np.testing.assert_allclose(sampled, protocol.covariance(), atol=0.05)


def test_head_motion_and_drift_are_of_stated_size() -> None:
    motion = head_motion(300, 1.6, np.random.default_rng(0))
    np.testing.assert_allclose(motion.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(motion.std(axis=0), 1)
    drifts = Protocol.of(60, 1.6, 4.0, 3.0, np.random.default_rng(0)).drifts
    np.testing.assert_allclose(drifts.T @ drifts / len(drifts), np.eye(drifts.shape[1]), atol=1e-9)


def test_peaks_differ_between_areas_and_lie_on_the_lattice() -> None:
    area = np.repeat(["V1", "IPS"], 500)
    found = peaks(area, np.random.default_rng(0).standard_normal(1000))
    assert len(np.unique(found)) <= RESPONSES
    assert found[area == "IPS"].mean() - found[area == "V1"].mean() == pytest.approx(1.0, abs=0.1)


def test_generalised_least_squares_finds_trials_exactly_without_noise() -> None:
    protocol = Protocol.of(12, 1.6, 4.0, 3.0, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    motion = head_motion(protocol.volumes, 1.6, rng)
    peak_s, size = np.array([4.5, 5.5, 5.5]), rng.standard_normal((12, 3))
    course = np.column_stack([protocol.course(peak) @ size[:, unit] for unit, peak in enumerate(peak_s)])
    course += protocol.nuisance(motion) @ rng.standard_normal((protocol.nuisance(motion).shape[1], 3))
    np.testing.assert_allclose(generalised_least_squares(course, protocol, peak_s, motion), size, atol=1e-8)


def test_single_trials_are_as_noisy_as_the_betas_of_the_same_person(scenes) -> None:
    """By generalised least squares with everything known: the noise of the volumes was set by it."""
    stage = bold(scenes)
    error = by_truth(stage) - amplitude(stage)
    ratio = error.std(axis=0) / stage.run()["noise_sd"]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    assert np.abs(error.mean(axis=0) / stage.run()["noise_sd"]).mean() < 0.15


def test_least_squares_reach_nine_tenths_of_generalised_least_squares(scenes) -> None:
    stage = bold(scenes)
    seen, truth = stage.run(), amplitude(stage)
    found = LeastSquaresAll(recording=stage).run()["responses"]
    heard = seen["explainable"] > 0.05
    best, ours = correlation(by_truth(stage), truth)[heard], correlation(found, truth)[heard]
    assert heard.sum() > 100
    assert np.median(ours) / np.median(best) > 0.9


def test_the_null_region_hears_nothing_and_the_table_is_that_of_the_betas(scenes) -> None:
    stage = bold(scenes)
    seen = stage.run()
    null = seen["area"] == "null"
    assert null.any() and (amplitude(stage)[:, null] == 0).all()
    order = stage.shown()
    np.testing.assert_array_equal(seen["stimulus"], scenes.run()["stimulus"][stage.looked_at()[order.picture]])
    np.testing.assert_array_equal(seen["event_run"], (order.session - 1) * 3 + order.run - 1)
    assert set(seen["split"][np.isin(seen["stimulus"], scenes.run()["stimulus"][:20])]) == {"test"}


def test_parts_are_the_runs_and_the_sizes_are_foreseen(scenes) -> None:
    stage = bold(scenes, seed=3)
    expected, edges = stage.expect(), stage.tiling().edges
    seen = stage.run()
    assert {dim: size for name in seen for dim, size in zip(stage.returns[name].dims, seen.shape(name), strict=True)}.items() >= (
        expected.items()
    )
    np.testing.assert_array_equal(np.flatnonzero(np.diff(seen["volume_run"], prepend=-1)), edges)


def test_the_same_seed_gives_the_same_volumes_and_another_others(scenes) -> None:
    stage = bold(scenes, runs=1, sessions=2, presentations=1)
    one = stage.run()["bold"].tobytes()
    os.remove(stage.run().path)
    assert stage.run()["bold"].tobytes() == one
    assert bold(scenes, runs=1, sessions=2, presentations=1, seed=1).run()["bold"].tobytes() != one


@pytest.mark.parametrize(
    ("fault", "words"),
    [("nan_run", "run 03 of session 02: .* is NaN"), ("dead_voxels", "run 01 of session 01: 5 of .* voxels never change")],
)
def test_broken_recordings_do_not_become_responses(scenes, fault, words) -> None:
    with pytest.raises(InvalidInput, match=words):
        LeastSquaresAll(recording=bold(scenes, faults=(fault,))).run()


def test_wrong_onsets_cost_most_of_the_signal(scenes) -> None:
    stage = bold(scenes, faults=("wrong_onsets",))
    np.testing.assert_allclose(stage.run()["onset_s"] - bold(scenes).run()["onset_s"], LATE_ONSETS_S)
    truth, heard = amplitude(stage), stage.run()["explainable"] > 0.1
    wrong = np.median(correlation(LeastSquaresAll(recording=stage).run()["responses"], truth)[heard])
    right = np.median(correlation(LeastSquaresAll(recording=bold(scenes)).run()["responses"], truth)[heard])
    assert wrong < 0.5 * right


def test_a_block_design_shows_the_scenes_of_a_run_by_category(scenes) -> None:
    seen = bold(scenes, faults=("block_design",)).run()
    for run in range(len(seen["run"])):
        category = seen["category"][seen["event_run"] == run].tolist()
        assert category == sorted(category)


def test_a_flip_moves_voxels_to_the_other_side(scenes) -> None:
    flipped, sound = bold(scenes, faults=("left_right_flip",)).run(), bold(scenes).run()
    np.testing.assert_array_equal(flipped["bold"], sound["bold"])
    left = sound["hemisphere"] == "left"

    def middle(seen, of) -> float:
        return float((seen["voxel"][of] @ seen["affine"][:3, :3].T + seen["affine"][:3, 3])[:, 0].mean())

    assert middle(sound, left) < -10 < 10 < middle(flipped, left)


def test_scenes_that_overlap_in_time_are_refused(scenes) -> None:
    with pytest.raises(InvalidInput, match="longer than the 2 s from trial to trial"):
        bold(scenes, trial_s=2.0, shown_s=3.0).check_ready()
