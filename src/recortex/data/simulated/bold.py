"""The same person in a scanner: volumes of BOLD, from which responses to trials are yet to be found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.recording import Bold, course_of, voxel_words
from recortex.data.simulated.cortex import AREAS
from recortex.data.simulated.experiment import TRUTH, Experiment
from recortex.data.simulated.noise import smooth_field
from recortex.data.simulated.person import Person
from recortex.data.simulated.scanner import (
    DRIFT_SD,
    MOTION_SD,
    WHITE,
    Protocol,
    head_motion,
    peaks,
    with_memory,
)
from recortex.data.simulated.trials import Order
from recortex.errors import InvalidInput
from recortex.stage import Array, Figure, Result, Tiling

if TYPE_CHECKING:
    from recortex.drawing import Course

Fault = Literal["block_design", "nan_run", "dead_voxels", "wrong_onsets", "left_right_flip"]
LEVEL, LEVEL_SPREAD = 1000.0, 0.15  # signal of a voxel at rest, and standard deviation of its log
LATE_ONSETS_S = 6.0  # by how much the fault moves the onsets that are written down
DEAD = 5  # voxels that the fault kills
SHOWN_AREAS = ("V1", "FFA", "PPA", "null")
AREA_COLOURS = {
    "V1": "#08306b",
    "V2": "#2a6fb5",
    "V3": "#6aaed6",
    "hV4": "#b5dcf2",
    "LO": "#7a4b00",
    "EBA": "#e69f00",
    "FFA": "#009e73",
    "PPA": "#cc79a7",
    "VWFA": "#6a3d9a",
    "food": "#d55e00",
    "IPS": "#f0e442",
    "between": "#cfc4a5",
    "null": "#4d4d4d",
}
"""Early areas in shades of blue from the first on; what is no visual area in quiet colours."""
MOTION_NAMES = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


class SimulatedBold(Experiment, Bold):
    """Volumes of a simulated person who looks at simulated scenes, with the truth behind them.

    Each trial evokes the person's noiseless response, folded with a haemodynamic response whose peak varies between areas and voxels.
    Slow drift, head motion and noise that is smooth through the volume and has a memory are added, as strong as makes single trials
    as noisy as the betas of the same person (`SimulatedBetas`). See `simulated/scanner.py`.

    Parameters
    ----------
    stimuli : SimulatedScenes
        The scenes. The first `shared` of them are seen by everybody and are the test set; person n sees the n-th `own` of the others.
    person : int
        Who looks, from 1: people differ in brain size, grid, and where and how large their areas are.
    shared, own : int
        How many scenes are seen by everybody, and by this person only.
    presentations : int
        How often each is shown; never twice in a run.
    sessions, runs : int
        Sessions, and runs of each.
    voxel_mm : float
        Edge of a voxel; about 20,000 voxels at 2.8 mm, 2,000 at 8 mm.
    cover : "cortex" or "visual"
        All of the cortex, or visual areas, the belt around them and the null region.
    seed : int
        Draws the people, the order and the noise; another seed has other people.
    tr_s : float
        From volume to volume.
    trial_s, shown_s : float
        From trial to trial, and how long a scene is shown.
    faults : tuple of str
        What is wrong with the recording, for testing checks: "block_design" (the scenes of a run are shown sorted by their category,
        and drift is strong), "nan_run" (the last run is NaN), "dead_voxels" (some never change), "wrong_onsets" (onsets are written
        down 6 s late), "left_right_flip" (the voxels' i axis runs the other way than the affine says).
    """

    version: ClassVar[int] = 2

    tr_s: float = Field(default=1.6, ge=0.4, le=4)
    trial_s: float = Field(default=4.0, gt=0)
    shown_s: float = Field(default=3.0, gt=0)
    faults: tuple[Fault, ...] = ()

    returns: ClassVar[dict[str, Array]] = (
        Bold.returns
        | TRUTH
        | {
            "explainable": Array(
                "unit", about="planted truth: share of single-trial variance that reference scenes would explain"
            ),
            "signal_sd": Array(
                "unit", units="percent", about="planted truth: that of the noiseless response over reference scenes"
            ),
            "peak_s": Array("unit", units="s", about="planted truth: when the response to an impulse is highest"),
            "level": Array("unit", units="", about="planted truth: signal of each voxel at rest"),
            "noise_sd_bold": Array("unit", units="percent", about="planted truth: standard deviation of the noise of a volume"),
        }
    )

    def check_ready(self) -> None:
        """As for the betas; scenes must not overlap in time."""
        super().check_ready()
        if self.shown_s > self.trial_s:
            raise InvalidInput(
                f"{self.type_name()}: scenes are shown for {self.shown_s:g} s, longer than the {self.trial_s:g} s from trial to trial"
            )

    def protocol(self, run: int, trials: int) -> Protocol:
        """When things happen in one run, counted from 0 over all sessions."""
        rng = np.random.default_rng([self.seed, self.person, 30, run])
        return Protocol.of(trials, self.tr_s, self.trial_s, self.shown_s, rng)

    def motion(self, run: int, protocol: Protocol) -> np.ndarray:
        """Of the head in one run, (volume, 6)."""
        return head_motion(protocol.volumes, self.tr_s, np.random.default_rng([self.seed, self.person, 31, run]))

    def expect(self) -> dict[str, int]:
        """As the fields say."""
        run, volumes = self._runs()
        return {"event": len(run), "run": len(volumes), "volume": int(sum(volumes)), "unit": self.voxels()}

    def tiling(self) -> Tiling | None:
        """A part a run."""
        _, volumes = self._runs()
        starts = np.concatenate([[0], np.cumsum(volumes)[:-1]])
        return Tiling("volume", int(sum(volumes)), edges=tuple(starts.tolist())) if len(volumes) > 1 else None

    def compute(self) -> dict[str, Any]:
        """All runs: where there is only one."""
        return self.compute_tile(range(self.expect()["volume"]))

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """The volumes of one run, and everything else of all."""
        run_of, volumes = self._runs()
        run = int(np.searchsorted(np.cumsum(volumes), rows.start, side="right"))
        person, shown = self.observer(), self._order()
        scenes = self.looked_at()
        # of this run's scenes alone, so that a part costs no more than its share
        pictures, which = np.unique(shown.picture[run_of == run], return_inverse=True)
        amplitude = self.responses_to(scenes[pictures])[which]
        explainable = person.signal_sd**2 / (person.signal_sd**2 + person.noise_sd**2)
        protocols = [self.protocol(each, int((run_of == each).sum())) for each in range(len(volumes))]
        peak_s = peaks(person.area, smooth_field(person.position_mm, (*person.who, 32), 1)[0])
        noise_sd = person.noise_sd / _error(protocols[0], peak_s, self.motion(0, protocols[0]))
        level = LEVEL * np.exp(LEVEL_SPREAD * smooth_field(person.position_mm, (*person.who, 33), 1)[0])
        percent = self._percent(run, protocols[run], amplitude, peak_s, noise_sd, person)
        bold = (level * (1 + percent / 100)).astype(np.float32)
        onset_s = np.concatenate([protocol.onset_s for protocol in protocols])
        names = [f"{each + 1:02d}" for _ in range(self.sessions) for each in range(self.runs)]
        arrays = {
            "bold": bold,
            "volume_run": np.full(len(rows), run),
            "time_s": protocols[run].time_s,
            "confound": self.motion(run, protocols[run]),
            "confound_name": np.array(MOTION_NAMES),
            "run": np.array(names),
            "session": np.repeat([f"{session + 1:02d}" for session in range(self.sessions)], self.runs),
            "event_run": run_of,
            "onset_s": onset_s + LATE_ONSETS_S * ("wrong_onsets" in self.faults),
            "duration_s": np.full(len(run_of), self.shown_s),
            "peak_s": peak_s,
            "level": level,
            "noise_sd_bold": noise_sd,
        }
        return self._with_faults(
            arrays | self.labels(shown, scenes) | self.truth(person, person.signal_sd, explainable), run, len(volumes)
        )

    def _percent(
        self, run: int, protocol: Protocol, amplitude: np.ndarray, peak_s: np.ndarray, noise_sd: np.ndarray, person: Person
    ) -> np.ndarray:
        """Percent signal change of one run, (volume, unit)."""
        out = np.empty((protocol.volumes, len(person)))
        for peak in np.unique(peak_s):
            some = peak_s == peak
            out[:, some] = protocol.course(peak) @ amplitude[:, some]
        slow = smooth_field(person.position_mm, (*person.who, 34, run), protocol.drifts.shape[1])
        out += DRIFT_SD * (3 if "block_design" in self.faults else 1) * protocol.drifts @ slow / np.sqrt(len(slow))
        moved = smooth_field(person.position_mm, (*person.who, 35), len(MOTION_NAMES))
        out += MOTION_SD * self.motion(run, protocol) @ moved / np.sqrt(len(moved))
        remembered = with_memory(person.spatial_noise(36).at(*_times(run, protocol)), protocol.memory)
        fresh = person.spatial_noise(37).at(*_times(run, protocol))
        return out + noise_sd * (np.sqrt(1 - WHITE) * remembered + np.sqrt(WHITE) * fresh)

    def _order(self) -> Order:
        shown = self.shown()
        if "block_design" not in self.faults:
            return shown
        category = self.stimuli.run()["category"][self.looked_at()][shown.picture]
        by_category = np.lexsort((category, shown.run, shown.session))
        return Order(*(values[by_category] for values in (shown.picture, shown.session, shown.run, shown.repetition)))

    def _runs(self) -> tuple[np.ndarray, list[int]]:
        """The run of each event, counted from 0 over all sessions, and the number of volumes of each run."""
        shown = self.shown()
        run = (shown.session - 1) * self.runs + shown.run - 1
        return run, [self.protocol(each, count).volumes for each, count in enumerate(np.bincount(run).tolist())]

    def _with_faults(self, arrays: dict[str, Any], run: int, runs: int) -> dict[str, Any]:
        if "nan_run" in self.faults and run == runs - 1:
            arrays["bold"][:] = np.nan
        if "dead_voxels" in self.faults:
            arrays["bold"][:, : DEAD * 7 : 7] = arrays["bold"][0, : DEAD * 7 : 7]
        if "left_right_flip" in self.faults:
            arrays["voxel"] = arrays["voxel"] * [-1, 1, 1] + [arrays["grid"][0] - 1, 0, 0]
        return arrays

    def figures(self, result: Result) -> list[Figure]:
        """As of any recording, and where the planted areas are."""
        from recortex.drawing import brain_labels

        area = result["area"]
        planted = brain_labels(np.where(area == "rest", "", area), result, "planted area", AREAS, AREA_COLOURS)
        words = (
            "Which area each voxel was given: voxels of the belt (between) are driven by a mixture of what is around them, and those of "
            "null hear nothing."
        )
        return [*super().figures(result), Figure("Planted areas", words, planted, "data")]

    def courses_words(self) -> str:
        """With the truth."""
        return (
            "Of some areas the voxel with the strongest planted response; null has none. Grey: as recorded, with drift, motion and "
            "noise. Blue: the planted response to the trials alone."
        )

    def drawn_courses(self, result: Result, bold: np.ndarray) -> list[Course]:
        """The best voxel of some areas, over what was planted in it."""
        area, strength = result["area"], result["explainable"]
        strength = np.where(np.isfinite(bold).all(axis=0) & (bold.std(axis=0) > 0), strength, -1.0)
        chosen = [name for name in SHOWN_AREAS if (strength[area == name] >= 0).any()]
        units = [int(np.where(area == name, strength, -2.0).argmax()) for name in chosen]
        shown, scenes = self._order(), self.looked_at()
        mine = (shown.session == 1) & (shown.run == 1)
        world = self.stimuli.run()
        rows = scenes[shown.picture[mine]]
        graph = {name: world.read(name, rows) for name in ("kind", "x", "y", "size")}
        drive = self.observer().drive(world.read("picture", rows), graph)
        protocol, peak_s = self.protocol(0, len(rows)), result["peak_s"]
        return [
            course_of(bold[:, unit], f"{name}, voxel {voxel_words(result, unit)}", protocol.course(peak_s[unit]) @ drive[:, unit])
            for name, unit in zip(chosen, units, strict=True)
        ]


def _times(run: int, protocol: Protocol) -> tuple[int, int]:
    """Where the noise of a run lies among all times: runs are given room enough to be of any length."""
    return run * 100_000, run * 100_000 + protocol.volumes


def _error(protocol: Protocol, peak_s: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Standard deviation of single trials for noise of unit variance, (unit,)."""
    error = {peak: protocol.error_of_trials(peak, motion) for peak in np.unique(peak_s).tolist()}
    return np.array([error[peak] for peak in peak_s.tolist()])
