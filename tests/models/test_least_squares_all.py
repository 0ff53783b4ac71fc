"""Single trials out of volumes: planted responses come back, runs stand alone, and what no model can tell apart is refused."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from recortex.data.recording import Bold
from recortex.errors import InvalidInput
from recortex.responses.least_squares_all import LeastSquaresAll
from recortex.responses.single_trials import design, single_trials
from recortex.stage import Array

TR_S, VOLUMES, EVENTS, UNITS = 2.0, 60, 8, 5
TIME_S = (np.arange(VOLUMES) + 0.5) * TR_S
ONSET_S, SHOWN_S = np.arange(EVENTS) * 12.0 + 10, np.full(EVENTS, 2.0)


def planted(hrf: Any, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Volumes of one run without noise, and percent signal change of each trial, (event, unit)."""
    rng = np.random.default_rng(seed)
    model = design(TIME_S, ONSET_S, SHOWN_S, None, hrf, "polynomial", 1 / 128, 1, "the run")
    size = rng.standard_normal((EVENTS, UNITS)) + 1
    level = rng.uniform(500, 1500, UNITS)
    percent = model[:, :EVENTS] @ size
    return level * (1 + (percent - percent.mean(axis=0)) / 100), size


class Scanned(Bold):
    """Two runs of planted responses, or what the fields make of them."""

    shift_s: float = 0.0
    runs: int = 2
    gap: bool = False

    returns: ClassVar[dict[str, Array]] = Bold.returns

    def compute(self) -> dict[str, Any]:
        volumes = [planted("spm", run)[0] for run in range(self.runs)]
        time_s = TIME_S.copy()
        if self.gap:
            time_s[30:] += 1
        events = np.arange(EVENTS * self.runs)
        return {
            "run": np.array([f"r{run}" for run in range(self.runs)]),
            "stimulus": np.array([f"s{event % 10}" for event in events]),
            "event_run": events // EVENTS,
            "onset_s": np.tile(ONSET_S, self.runs) + self.shift_s,
            "duration_s": np.tile(SHOWN_S, self.runs),
            "bold": np.concatenate(volumes).astype(np.float32),
            "volume_run": np.repeat(np.arange(self.runs), VOLUMES),
            "time_s": np.tile(time_s, self.runs),
            "voxel": np.arange(3 * UNITS).reshape(UNITS, 3),
            "affine": np.eye(4),
            "grid": np.array([20, 20, 20]),
        }


@pytest.mark.parametrize("hrf", ["glover", "spm", 0.9, 1.2])
@pytest.mark.parametrize("noise", ["ols", "ar1"])
def test_planted_responses_come_back(hrf, noise) -> None:
    bold, size = planted(hrf)
    found = single_trials(bold, TIME_S, ONSET_S, SHOWN_S, hrf=hrf, noise=noise)
    np.testing.assert_allclose(found, size, atol=0.002 * np.abs(size).max() + (0.02 if noise == "ar1" else 0))


@pytest.mark.parametrize("shown_s", [0.0, 0.05, 0.1, 0.25, 1.0, 3.3])
@pytest.mark.parametrize("hrf", ["glover", "spm", 1.2])
def test_trials_of_any_length_come_back_at_their_height_wherever_they_fall_between_volumes(shown_s, hrf) -> None:
    """Every trial is a response of 1 %, summed up in steps of a millisecond."""
    from nilearn.glm.first_level import glover_hrf, spm_hrf

    fine, by = 0.001, 1.0 if isinstance(hrf, str) else hrf
    curve = {"glover": glover_hrf}.get(hrf, spm_hrf)(fine / by, 1)
    alone = np.convolve(curve, np.ones(max(1, round(shown_s / fine))))
    onset_s = np.arange(6) * 18.0 + 9 + np.random.default_rng(1).uniform(0, 4, 6)
    percent = np.zeros((VOLUMES, 1))
    for onset in onset_s:
        percent[:, 0] += np.interp(TIME_S - onset, np.arange(len(alone)) * fine, alone / alone.max(), left=0, right=0)
    bold = 1000 * (1 + (percent - percent.mean()) / 100)
    found = single_trials(bold, TIME_S, onset_s, np.full(6, shown_s), hrf=hrf)
    np.testing.assert_allclose(found, 1, atol=0.015)


@pytest.mark.parametrize("drift", ["cosine", "polynomial"])
def test_drift_and_confounds_are_taken_out(drift) -> None:
    bold, size = planted("spm")
    moved = np.random.default_rng(1).standard_normal((VOLUMES, 2))
    slow = np.linspace(-1, 1, VOLUMES) if drift == "polynomial" else np.cos(np.pi * (np.arange(VOLUMES) + 0.5) / VOLUMES)
    spoilt = bold * (1 + 0.05 * slow[:, None] + 0.02 * moved @ np.ones((2, UNITS)))
    found = single_trials(spoilt, TIME_S, ONSET_S, SHOWN_S, moved, hrf="spm", drift=drift)
    without = single_trials(spoilt, TIME_S, ONSET_S, SHOWN_S, hrf="spm", drift=drift)
    assert np.abs(found - size).max() < 0.25 < np.abs(without - size).max()


def test_ordinary_least_squares_are_those_of_numpy() -> None:
    bold = planted("glover")[0] + np.random.default_rng(2).standard_normal((VOLUMES, UNITS))
    model = design(TIME_S, ONSET_S, SHOWN_S, None, "glover", "polynomial", 1 / 128, 1, "the run")
    expected = np.linalg.lstsq(model, bold, rcond=None)[0][:EVENTS] * 100 / bold.mean(axis=0)
    np.testing.assert_allclose(single_trials(bold, TIME_S, ONSET_S, SHOWN_S, hrf="glover"), expected, rtol=1e-4, atol=1e-4)


def test_events_come_back_in_their_order_however_they_stand_in_time() -> None:
    bold, size = planted("spm")
    turned = np.random.default_rng(0).permutation(EVENTS)
    found = single_trials(bold, TIME_S, ONSET_S[turned], SHOWN_S[turned], hrf="spm")
    np.testing.assert_allclose(found, size[turned], atol=0.01)


def test_a_stretched_response_peaks_later() -> None:
    peak = [
        design(TIME_S, ONSET_S[:1], SHOWN_S[:1], None, stretch, "none", 1 / 128, 0, "the run")[:, 0].argmax()
        for stretch in (0.8, 1.0, 1.4)
    ]
    assert peak == sorted(peak) and peak[0] < peak[-1]


def test_runs_are_modelled_by_themselves_and_are_parts() -> None:
    stage = LeastSquaresAll(recording=Scanned())
    assert stage.tiling().edges == (0, EVENTS)
    made = stage.run()
    for run in range(2):
        np.testing.assert_allclose(made["responses"][run * EVENTS : (run + 1) * EVENTS], planted("spm", run)[1], atol=0.01)
    assert made["run"].tolist() == ["r0"] * EVENTS + ["r1"] * EVENTS
    np.testing.assert_array_equal(made["voxel"], Scanned().run()["voxel"])
    averaged = LeastSquaresAll(recording=Scanned(), repeats="average").run()
    np.testing.assert_allclose(
        averaged["responses"][0], made["responses"][made["stimulus"] == made["stimulus"][0]].mean(axis=0), rtol=1e-5
    )


def test_averages_are_made_of_single_trials_that_are_kept() -> None:
    stage = LeastSquaresAll(recording=Scanned())
    averaged = LeastSquaresAll(recording=Scanned(), repeats="average")
    assert stage.key() in averaged.inputs() and averaged.tiling() is None
    averaged.run()
    made = stage.cached()  # nothing of it was asked for
    assert made is not None
    some, table = averaged.recorded(slice(1, 3))
    np.testing.assert_array_equal(some, made["responses"][:, 1:3])
    np.testing.assert_array_equal(table["stimulus"], made["stimulus"])
    np.testing.assert_array_equal(table["run"], made["run"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shift_s": 500.0}, "run r0: event 0 .* begins at 510 s, and volumes were taken from 1 to 119 s"),
        ({"gap": True}, "run r0: the 60 volumes are not evenly spaced"),
    ],
)
def test_wrong_clocks_are_refused(fields, words) -> None:
    with pytest.raises(InvalidInput, match=words):
        LeastSquaresAll(recording=Scanned(**fields)).run()


def test_trials_that_no_model_tells_apart_are_refused() -> None:
    bold = planted("spm")[0]
    together = ONSET_S.copy()
    together[3] = together[2]
    with pytest.raises(InvalidInput, match="cannot be told apart"):
        single_trials(bold, TIME_S, together, SHOWN_S)
    with pytest.raises(InvalidInput, match="cannot be told apart"):
        single_trials(bold, TIME_S, np.linspace(5, 100, 70), np.full(70, 0.5))


def test_images_without_a_level_are_refused() -> None:
    bold = planted("spm")[0]
    with pytest.raises(InvalidInput, match="2 voxels have no mean above 0"):
        single_trials(bold * [1, -1, 1, -1, 1], TIME_S, ONSET_S, SHOWN_S)


@pytest.mark.parametrize("hrf", ["glovr", 0.0, -1, True, float("nan")])
def test_a_response_that_is_none_is_refused(hrf) -> None:
    with pytest.raises((ValueError, InvalidInput), match="must be glover, spm, or a number above 0"):
        LeastSquaresAll(recording=Scanned(), hrf=hrf).run()
