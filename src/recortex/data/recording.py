"""Recordings as they went on, run after run, before anything is taken out of them."""

from __future__ import annotations

from typing import ClassVar

from recortex.data.base import LABELS
from recortex.stage import Array, Stage

OF_EVENTS = tuple(name for name in LABELS if name not in ("session", "run"))


class Recording(Stage):
    """A continuous recording in runs, each with a clock of its own, and the events in it.

    Events come in the order of runs, and within a run in that of time. Only events that count as trials are listed: rest needs no
    entry.
    """

    returns: ClassVar[dict[str, Array]] = {
        "run": Array("run", dtype="str", units="", about="names of the runs; distinct within a session"),
        "session": Array("run", dtype="str", units="", optional=True, about="session of each run"),
        "stimulus": Array("event", dtype="str", units="", about="what was shown"),
        "event_run": Array("event", dtype="int", units="", about="run of each event, counted from 0"),
        "onset_s": Array("event", units="s", about="onset within the run"),
        "duration_s": Array("event", units="s", about="how long it was shown"),
        **{name: Array("event", dtype="str", units="", optional=True, about=f"{name} of each event") for name in OF_EVENTS},
    }

    def where(self) -> str:
        """What messages about the recording call it."""
        return self.type_name()


class Bold(Recording):
    """Functional MRI: volumes, a row each, with a column a voxel."""

    returns: ClassVar[dict[str, Array]] = Recording.returns | {
        "bold": Array("volume", "unit", units="", about="signal of each voxel, in the scanner's unit"),
        "volume_run": Array("volume", dtype="int", units="", about="run of each volume, counted from 0"),
        "time_s": Array("volume", units="s", about="when the volume was taken: the middle of its slices, on the run's clock"),
        "voxel": Array("unit", "axis", dtype="int", units="", about="voxel indices i, j, k of each unit"),
        "affine": Array("row", "column", units="mm", about="voxel indices to millimetres"),
        "grid": Array("axis", dtype="int", units="", about="number of voxels along i, j, k"),
        "confound": Array("volume", "confound_name", optional=True, about="what else moved the signal, as head motion"),
        "confound_name": Array("confound_name", dtype="str", units="", optional=True, about="names of the confounds"),
    }
