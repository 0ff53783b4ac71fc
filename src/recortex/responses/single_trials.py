"""The linear model of a run: a regressor for every trial, drift and confounds beside them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np

from recortex.errors import InvalidInput

__all__ = ["design", "single_trials"]

Shape = Literal["glover", "spm"] | float
FINE_S = 0.04  # an onset is rounded to such a step, or to a shorter one


def single_trials(
    bold: np.ndarray,
    time_s: np.ndarray,
    onset_s: np.ndarray,
    duration_s: np.ndarray,
    confounds: np.ndarray | None = None,
    *,
    hrf: Shape = "spm",
    drift: str = "polynomial",
    high_pass_hz: float = 1 / 128,
    drift_order: int | None = None,
    noise: str = "ols",
    where: str = "the run",
) -> np.ndarray:
    """Responses to the trials of one run.

    Parameters
    ----------
    bold : (volume, unit) array
    time_s : (volume,) array
        When volumes were taken, evenly spaced.
    onset_s, duration_s : (event,) arrays
    confounds : (volume, confound) array, optional
    hrf, drift, high_pass_hz, drift_order, noise
        As in `LeastSquaresAll`.
    where : str
        For messages.

    Returns
    -------
    (event, unit) float32 array
        Percent of each voxel's mean over the run.

    Raises
    ------
    InvalidInput
        A voxel that is never above 0, volumes that are not evenly spaced, an event outside of the run, or events that no model can
        tell apart.
    """
    from nilearn.glm.first_level import run_glm

    check_volumes(bold, where)
    level = bold.mean(axis=0, dtype=np.float64)
    if not (level > 0).all():
        low = np.flatnonzero(~(level > 0))
        raise InvalidInput(
            f"{where}: {len(low)} voxels have no mean above 0 (the first: {low[0]}), so there is no percent signal change; leave out "
            "voxels outside the brain with a mask, and give images before any z-scoring"
        )
    model = design(time_s, onset_s, duration_s, confounds, hrf, drift, high_pass_hz, drift_order, where)
    labels, fitted = run_glm(bold.astype(np.float64), model, noise_model=noise)
    trials = np.empty((len(onset_s), bold.shape[1]), np.float32)
    for label, result in fitted.items():
        some = labels == label
        trials[:, some] = result.theta[: len(onset_s)] * (100 / level[some])
    return trials


def check_volumes(bold: np.ndarray, where: str) -> None:
    """Refuse volumes that no model should be fitted to.

    Raises
    ------
    InvalidInput
        NaN, infinite or constant voxels.
    """
    broken = np.argwhere(~np.isfinite(bold))
    if len(broken):
        raise InvalidInput(
            f"{where}: voxel {broken[0][1]} is NaN or infinite in volume {broken[0][0]} (counted from 0), as are "
            f"{len(broken) - 1} other values; leave out the run or mend the image"
        )
    if len(dead := np.flatnonzero((bold == bold[0]).all(axis=0))):
        raise InvalidInput(
            f"{where}: {len(dead)} of {bold.shape[1]} voxels never change (the first: {dead[0]}), as outside the brain; leave them "
            "out with a mask"
        )


def design(
    time_s: np.ndarray,
    onset_s: np.ndarray,
    duration_s: np.ndarray,
    confounds: np.ndarray | None,
    hrf: Shape,
    drift: str,
    high_pass_hz: float,
    drift_order: int | None,
    where: str,
) -> np.ndarray:
    """Nilearn's design matrix, (volume, regressor), with the trials in front in the order of the events.

    A trial's regressor is 1 where the response to it alone is highest, however short it is, so that its weight is a height.

    Raises
    ------
    InvalidInput
        As in `single_trials`.
    """
    from nilearn.glm.first_level import compute_regressor, make_first_level_design_matrix

    step = np.diff(time_s)
    if len(time_s) < 3 or (step <= 0).any() or np.ptp(step) > 0.01 * step.mean():
        raise InvalidInput(f"{where}: the {len(time_s)} volumes are not evenly spaced in time")
    outside = np.flatnonzero((onset_s < time_s[0] - step[0]) | (onset_s >= time_s[-1]))
    if len(outside):
        raise InvalidInput(
            f"{where}: event {outside[0]} (counted from 0) begins at {onset_s[outside[0]]:g} s, and volumes were taken from "
            f"{time_s[0]:g} to {time_s[-1]:g} s; onsets are seconds from the start of their own run"
        )
    fine = max(50, int(np.ceil(step.mean() / FINE_S)))
    earliest = min(-24.0, float(onset_s.min()) - 1.0)
    kernels = {length: response_to(length, hrf) for length in np.unique(duration_s).tolist()}
    # nilearn makes of an event without length one step of its fine time, and rounds other lengths to such steps
    trials = [
        compute_regressor(np.array([[onset], [0.0], [1.0]]), kernels[length], time_s, oversampling=fine, min_onset=earliest)[0]
        for onset, length in zip(onset_s.tolist(), duration_s.tolist(), strict=True)
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Matrix is singular")  # which is refused below, in words of ours
        beside = make_first_level_design_matrix(
            time_s,
            drift_model=None if drift == "none" else drift,
            high_pass=high_pass_hz,
            drift_order=max(1, round(len(time_s) * step.mean() / 120)) if drift_order is None else drift_order,
            add_regs=confounds,
        )
    model = np.column_stack([*trials, beside.to_numpy(float)])
    scaled = model / np.maximum(np.linalg.norm(model, axis=0), 1e-12)
    rank = np.linalg.matrix_rank(scaled, tol=1e-6 * np.sqrt(len(model)))
    if rank < model.shape[1]:
        raise InvalidInput(
            f"{where}: {len(onset_s)} trials and {model.shape[1] - len(onset_s)} regressors of drift and confounds have only {rank} "
            f"directions among {len(time_s)} volumes, so trials cannot be told apart; they are too many or too near each other, or "
            "two begin at the same time"
        )
    return model


def response_to(duration_s: float, hrf: Shape) -> Callable[..., np.ndarray]:
    """The response to an event of one length, as nilearn takes the response to an instant: its highest value is 1.

    Raises
    ------
    InvalidInput
        No such response is known.
    """
    from nilearn.glm.first_level import glover_hrf, spm_hrf

    known = {"glover": glover_hrf, "spm": spm_hrf}
    by = 1.0 if isinstance(hrf, str) else hrf
    if not 0 < by < 10 or (isinstance(hrf, str) and hrf not in known):
        raise InvalidInput(f"hrf must be glover, spm, or a number above 0 and below 10 that stretches spm's in time, got {hrf}")

    def response(t_r: float, oversampling: int = 50) -> np.ndarray:
        # a stretched curve is the same curve taken at a finer step
        curve = known.get(str(hrf), spm_hrf)(t_r / by, oversampling)
        if duration_s > 0:
            steps = duration_s * oversampling / t_r
            until = np.concatenate([[0.0], np.cumsum(curve)])
            ends = np.arange(1, len(until) + int(np.ceil(steps)))
            reached, begun = (np.interp(at, np.arange(len(until)), until) for at in (ends, ends - steps))
            curve = reached - begun
        return curve / curve.max()

    return response
