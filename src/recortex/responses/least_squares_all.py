"""From volumes to a response a trial: one linear model a run with a regressor for every trial."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from recortex.data.base import ON_CORTEX, Responses
from recortex.data.recording import OF_EVENTS, Bold
from recortex.errors import InvalidInput
from recortex.stage import Array, Figure, Node, Result, Tiling

Shape = Literal["glover", "spm"] | float


class LeastSquaresAll(Responses):
    """Responses to single trials, in percent signal change: all trials of a run are regressors of one linear model.

    The design is nilearn's: every trial its own regressor, drift and confounds beside them, and a constant. A run is modelled by
    itself, and is a part: a killed run goes on with the next. Where trials follow each other faster than the response decays, errors
    of neighbouring trials are correlated (Mumford et al. 2012, NeuroImage 59:2636), which a split by run keeps apart.

    Parameters
    ----------
    recording : Bold
        Volumes, and when what was shown.
    hrf : "glover", "spm" or float
        The response to a trial. A number stretches SPM's in time: 1.2 peaks a fifth later.
    drift : "polynomial", "cosine" or "none"
        What takes slow changes out of a run. Where trials follow each other without rest, slow changes of all responses look like
        drift: the fewer functions of time, the less is lost.
    drift_order : int, optional
        Of the polynomial; without it half the minutes of the run, rounded, and 1 at least.
    high_pass_s : float
        For the cosines: changes slower than this period are drift.
    confounds : bool
        Whether the recording's confounds are regressors.
    noise : "ar1" or "ols"
        Whether noise has a memory, estimated for every voxel, or none.
    repeats : "keep" or "average"
        Whether presentations of one stimulus stay single trials or are averaged.
    """

    recording: Bold
    hrf: Literal["glover", "spm"] | float = "spm"
    drift: Literal["polynomial", "cosine", "none"] = "polynomial"
    drift_order: int | None = Field(default=None, ge=0, le=8)
    high_pass_s: float = Field(default=128.0, gt=0)
    confounds: bool = True
    noise: Literal["ols", "ar1"] = "ols"

    version: ClassVar[int] = 2

    returns: ClassVar[dict[str, Array]] = Responses.returns | {
        "responses": Array("trial", "unit", units="percent", about="percent signal change of each voxel in each trial"),
    }

    @field_validator("hrf", mode="before")
    @classmethod
    def _known(cls, hrf: Any) -> Any:
        if hrf not in ("glover", "spm") and isinstance(hrf, str | bool):
            raise ValueError("must be glover, spm, or a number above 0 that stretches spm's in time")
        return hrf

    def where(self) -> str:
        """As the recording is called."""
        return f"{self.type_name()} of {self.recording.where()}"

    def disclosures(self) -> tuple[str, ...]:
        """That trials of a run were estimated together."""
        return (
            "the trials of a run were estimated together, so that errors of neighbouring trials are correlated; only a split by run "
            "keeps them apart",
        )

    def tiling(self) -> Tiling | None:
        """A part a run; averages are made of single trials, which are."""
        if self.repeats == "average":
            return None
        run = self.recording.run()["event_run"]
        starts = np.flatnonzero(np.diff(run, prepend=-1))
        return Tiling("trial", len(run), edges=tuple(starts.tolist())) if len(starts) > 1 else None

    def expect(self) -> dict[str, int]:
        """A trial for every event, where repeats are kept."""
        seen = self.recording.foresee()
        if not seen:
            return {}
        return {"unit": seen["unit"]} | ({"trial": seen["event"]} if self.repeats == "keep" else {})

    def children(self) -> Iterator[tuple[str, Node]]:
        """The recording, and the single trials that are averaged."""
        yield from super().children()
        if self.repeats == "average":
            yield "trials", self._trials()

    def gives_units(self) -> bool:
        """Single trials are kept."""
        return True

    def recorded(self, units: slice = slice(None)) -> dict[str, Any]:
        """As kept."""
        return super().recorded(units) if self.repeats == "keep" else self._trials().recorded(units)

    def measure(self) -> dict[str, Any]:
        """The trials of all runs."""
        if self.repeats == "average":
            made = self._trials().run()
            return {name: made[name] for name in made}
        return self._of(range(self.recording.run().shape("stimulus")[0]))

    def _trials(self) -> LeastSquaresAll:
        return self.model_copy(update={"repeats": "keep"})

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """The trials of one run."""
        return self.checked(self._of(rows))

    def _of(self, rows: range) -> dict[str, Any]:
        seen = self.recording.run()
        some = slice(rows.start, rows.stop)
        run_of, runs = seen["event_run"], seen["run"]
        called = (
            [f"{name} of session {session}" for name, session in zip(runs, seen["session"], strict=True)]
            if "session" in seen
            else runs
        )
        made = []
        for run in np.unique(run_of[some]).tolist():
            volumes = np.flatnonzero(seen["volume_run"] == run)
            events = np.flatnonzero(run_of == run)
            if not len(volumes):
                raise InvalidInput(f"{self.recording.where()}: run {called[run]} has {len(events)} events and no volumes")
            made.append(
                single_trials(
                    seen.read("bold", slice(volumes[0], volumes[-1] + 1)),
                    seen["time_s"][volumes],
                    seen["onset_s"][events],
                    seen["duration_s"][events],
                    seen.read("confound", slice(volumes[0], volumes[-1] + 1)) if self.confounds and "confound" in seen else None,
                    hrf=self.hrf,
                    drift=self.drift,
                    high_pass_hz=1 / self.high_pass_s,
                    drift_order=self.drift_order,
                    noise=self.noise,
                    where=f"{self.recording.where()}, run {called[run]}",
                )
            )
        label = {"run": runs[run_of[some]]}
        if "session" in seen:
            label["session"] = seen["session"][run_of[some]]
        label |= {name: seen[name][some] for name in ("stimulus", "onset_s", *OF_EVENTS) if name in seen}
        places = {name: seen[name] for name in ("voxel", "affine", "grid", *ON_CORTEX) if name in seen}
        return {"responses": np.concatenate(made)} | label | places

    def figures(self, result: Result) -> list[Figure]:
        """How strongly voxels respond."""
        from recortex.drawing import histogram

        mean = result.read("responses", slice(0, 2000)).mean(axis=0)
        rows = "stimuli, repeats averaged" if self.repeats == "average" else "single trials"
        return [
            Figure(
                "Response to trials",
                f"Mean percent signal change of each of {len(mean)} voxels over {min(2000, result.shape('responses')[0])} {rows}.",
                histogram(mean, "percent signal change", "voxels", {"median": float(np.median(mean))}),
                "data",
            )
        ]


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

    A trial's regressor is 1 where the response to it alone is highest, so that its weight is a height.

    Raises
    ------
    InvalidInput
        As in `single_trials`.
    """
    import pandas as pd
    from nilearn.glm.first_level import make_first_level_design_matrix

    step = np.diff(time_s)
    if len(time_s) < 3 or (step <= 0).any() or np.ptp(step) > 0.01 * step.mean():
        raise InvalidInput(f"{where}: the {len(time_s)} volumes are not evenly spaced in time")
    outside = np.flatnonzero((onset_s < time_s[0] - step[0]) | (onset_s >= time_s[-1]))
    if len(outside):
        raise InvalidInput(
            f"{where}: event {outside[0]} (counted from 0) begins at {onset_s[outside[0]]:g} s, and volumes were taken from "
            f"{time_s[0]:g} to {time_s[-1]:g} s; onsets are seconds from the start of their own run"
        )
    names = [f"trial{number:05d}" for number in range(len(onset_s))]
    events = pd.DataFrame({"trial_type": names, "onset": onset_s, "duration": duration_s})
    shape = hrf if isinstance(hrf, str) else stretched(hrf)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Matrix is singular")  # which is refused below, in words of ours
        made = make_first_level_design_matrix(
            time_s,
            events,
            hrf_model=shape,
            drift_model=None if drift == "none" else drift,
            high_pass=high_pass_hz,
            drift_order=max(1, round(len(time_s) * step.mean() / 120)) if drift_order is None else drift_order,
            add_regs=confounds,
            min_onset=min(-24.0, float(onset_s.min()) - 1.0),
        )
    others = [column for column in made.columns if column not in set(names)]
    # a callable's regressors are named after it
    own = {str(column).split("_", 1)[0]: column for column in others if str(column).split("_", 1)[0] in set(names)}
    own |= {name: name for name in names if name in made.columns}
    rest = [column for column in others if column not in set(own.values())]
    model = made[[own[name] for name in names] + rest].to_numpy(float, copy=True)
    model[:, : len(names)] /= height_of(duration_s, shape)
    scaled = model / np.maximum(np.linalg.norm(model, axis=0), 1e-12)
    rank = np.linalg.matrix_rank(scaled, tol=1e-6 * np.sqrt(len(model)))
    if rank < model.shape[1]:
        raise InvalidInput(
            f"{where}: {len(onset_s)} trials and {model.shape[1] - len(onset_s)} regressors of drift and confounds have only {rank} "
            f"directions among {len(time_s)} volumes, so trials cannot be told apart; they are too many or too near each other, or "
            "two begin at the same time"
        )
    return model


def height_of(duration_s: np.ndarray, hrf: Any) -> np.ndarray:
    """How high nilearn's regressor of each event is when nothing else is shown, (event,)."""
    from nilearn.glm.first_level import compute_regressor

    fine = np.arange(0, 40 + float(duration_s.max()), 0.1)
    lengths, which = np.unique(duration_s, return_inverse=True)
    heights = [compute_regressor(np.array([[0.0], [length], [1.0]]), hrf, fine)[0].max() for length in lengths]
    return np.array(heights)[which]


def stretched(by: float) -> Callable[..., np.ndarray]:
    """SPM's response, stretched in time, as nilearn takes it."""
    from nilearn.glm.first_level.hemodynamic_models import spm_hrf

    if not 0 < by < 10:
        raise InvalidInput(f"hrf must be glover, spm, or a number above 0 and below 10 that stretches spm's in time, got {by:g}")

    def response(t_r: float, oversampling: int = 50) -> np.ndarray:
        # a stretched curve is the same curve taken at a finer step
        return spm_hrf(t_r / by, oversampling, time_length=32.0)

    return response
