"""Recordings as they went on, run after run, before anything is taken out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from recortex.data.base import LABELS, ON_CORTEX
from recortex.stage import Array, Figure, Result, Stage

if TYPE_CHECKING:
    from recortex.drawing import Course

SHOWN_VOLUMES, SHOWN_VOXELS = 20, 4
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
        **ON_CORTEX,
        "confound": Array("volume", "confound_name", optional=True, about="what else moved the signal, as head motion"),
        "confound_name": Array("confound_name", dtype="str", units="", optional=True, about="names of the confounds"),
    }

    def figures(self, result: Result) -> list[Figure]:
        """Slices of the mean volume, and the courses of some voxels over the first run."""
        from recortex.drawing import courses, slice_map

        first = np.flatnonzero(result["volume_run"] == 0)
        bold = result.read("bold", slice(first[0], first[-1] + 1))
        known = np.isfinite(bold).all(axis=0)
        mean = np.where(known, bold[:SHOWN_VOLUMES].mean(axis=0), np.nan)
        voxel, affine, grid = (result[name] for name in ("voxel", "affine", "grid"))
        runs, volumes, events = (result.shape(name)[0] for name in ("run", "time_s", "stimulus"))
        drawn = self.drawn_courses(result, bold)
        mine = result["event_run"] == 0
        return [
            Figure(
                "Functional images",
                f"Mean of the first {min(SHOWN_VOLUMES, len(first))} volumes, in some slices; {len(voxel)} voxels, {volumes} volumes and "
                f"{events} trials in {runs} {'run' if runs == 1 else 'runs'}.",
                slice_map(mean, voxel, affine, grid, "signal, in the scanner's unit", colour_map="gray"),
                "data",
            ),
            Figure(
                f"{len(drawn)} voxels over the first run",
                f"{self.courses_words()} Each tick below is the onset of one of its {int(mine.sum())} trials.",
                courses(result["time_s"][first], drawn, result["onset_s"][mine], "signal, percent of its mean"),
                "data",
            ),
        ]

    def courses_words(self) -> str:
        """What `drawn_courses` shows."""
        return "Recorded signal of voxels at even distances in the table of units, as it comes, with drift and noise."

    def drawn_courses(self, result: Result, bold: np.ndarray) -> list[Course]:
        """Some voxels over the first run, whose volumes are given."""
        known = np.flatnonzero(np.isfinite(bold).all(axis=0) & (bold.mean(axis=0) != 0))
        some = known[np.linspace(0, len(known) - 1, SHOWN_VOXELS + 2).round().astype(int)[1:-1]] if len(known) else known
        return [course_of(bold[:, unit], f"voxel {voxel_words(result, unit)}") for unit in dict.fromkeys(some.tolist())]


def voxel_words(result: Result, unit: int) -> str:
    """The indices of a voxel, as i, j, k."""
    return ", ".join(str(index) for index in result["voxel"][unit].tolist())


def course_of(signal: np.ndarray, name: str, planted: np.ndarray | None = None) -> Course:
    """A voxel's signal in percent of its mean, about 0, and what was planted in percent, about 0 as well."""
    from recortex.drawing import Course

    mean = float(signal.mean())
    percent = 100 * (signal - mean) / abs(mean)
    return Course(name, percent, np.empty(0) if planted is None else planted - planted.mean())
