"""From volumes to a response a trial: one linear model a run with a regressor for every trial."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from recortex.data.base import ON_CORTEX, Responses
from recortex.data.recording import OF_EVENTS, Bold
from recortex.errors import InvalidInput
from recortex.responses.single_trials import single_trials
from recortex.stage import Array, Figure, Node, Result, Tiling


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

    version: ClassVar[int] = 3

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

    def recorded(self, units: slice = slice(None)) -> tuple[np.ndarray, dict[str, np.ndarray]]:
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
