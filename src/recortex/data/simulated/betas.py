"""Published-style betas: what a simulated person's voxels did in each trial."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.base import Responses
from recortex.data.simulated.person import Cover, Person, count_voxels, meet
from recortex.data.simulated.scene import KINDS
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.trials import Order, order
from recortex.errors import InvalidInput
from recortex.stage import Array, Source

Fault = Literal["repeats_across_split", "nan_run", "dead_voxels", "left_right_flip"]
OFFSET, GAIN = 0.2, 0.05
"""Of a session: standard deviation of a voxel's offset, in standard deviations of its noise, and of the log of the gain. Ours."""
DEAD = 5  # voxels that the fault kills
SOME = 256  # trials at a time
UNIT = "unit"


class SimulatedBetas(Responses):
    """Single-trial responses of one simulated person to simulated scenes, in percent signal change, with the truth behind them.

    Early areas look at the pixels, late ones at what is in the scene; a null region in auditory cortex hears nothing. Noise is smooth
    through the volume, and sessions differ in offset and gain. How strong signal and noise are follows the Natural Scenes Dataset
    (NSD), see `simulated/noise.py`. Its size is ``shared: 1000, own: 9000, presentations: 3, sessions: 40, runs: 12`` for
    ``SimulatedScenes(count=73000)`` and eight people; with ``cover: visual`` that takes 1.3 GB of memory.

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
    faults : tuple of str
        What is wrong with the recording, for testing checks: "repeats_across_split" (of each test picture one presentation is called
        training), "nan_run" (a run of NaN), "dead_voxels" (some never change), "left_right_flip" (the voxels' i axis runs the other
        way than the affine says).
    repeats : "keep" or "average"
        Whether presentations stay single trials or are averaged.
    """

    stimuli: SimulatedScenes
    person: int = Field(default=1, ge=1)
    shared: int = Field(default=100, ge=1)
    own: int = Field(default=400, ge=0)
    presentations: int = Field(default=3, ge=1)
    sessions: int = Field(default=4, ge=1)
    runs: int = Field(default=6, ge=1)
    voxel_mm: float = Field(default=2.8, ge=1.5, le=12)
    cover: Cover = "cortex"
    seed: int = Field(default=0, ge=0)
    faults: tuple[Fault, ...] = ()

    returns: ClassVar[dict[str, Array]] = Responses.returns | {
        "responses": Array("trial", UNIT, units="percent", about="percent signal change of each voxel in each trial"),
        "area": Array(
            UNIT, dtype="str", units="", about="planted truth: area of each voxel; between is the belt, null hears nothing"
        ),
        "hemisphere": Array(UNIT, dtype="str", units="", about="left or right"),
        "vertex": Array(UNIT, dtype="int", units="", about="nearest vertex of fsaverage5, from 0 in each hemisphere"),
        "explainable": Array(UNIT, about="planted truth: share of single-trial variance that the noiseless response explains"),
        "noise_sd": Array(UNIT, units="percent", about="planted truth: standard deviation of the noise of one trial"),
        "signal_sd": Array(UNIT, units="percent", about="planted truth: that of the noiseless response over the trials"),
        "field_x": Array(
            UNIT, about="planted truth: centre of the receptive field as a share of the picture, from the left; NaN: none"
        ),
        "field_y": Array(UNIT, about="planted truth: centre of the receptive field as a share of the picture, from the top"),
        "field_size": Array(UNIT, about="planted truth: its standard deviation as a share of the picture"),
        "field_x_deg": Array(UNIT, units="degree", about="planted truth: centre of the receptive field right of fixation"),
        "field_y_deg": Array(UNIT, units="degree", about="planted truth: centre of the receptive field above fixation"),
        "field_size_deg": Array(UNIT, units="degree", about="planted truth: its standard deviation"),
        "field_share": Array(UNIT, about="planted truth: share of the signal that comes through the receptive field"),
        "preferred": Array(
            UNIT, "preference", dtype="str", units="", about="planted truth: up to two kinds, or count, or position"
        ),
        "tuning": Array(UNIT, "kind", about="planted truth: weight of each kind of thing"),
        "kind": Array("kind", dtype="str", units="", about="names of the kinds"),
        "count_tuning": Array(UNIT, "count", about="planted truth: weight of one, two and three things"),
        "position_tuning": Array(UNIT, "direction", about="planted truth: weight of how far right and how far up things are"),
    }

    def source(self) -> Source:
        """Made here."""
        return Source("Simulated cortex", "none needed", "", "", ("The responses are simulated; no brain was recorded.",))

    def observer(self) -> Person:
        """The person behind the recording."""
        return meet(self.person, self.seed, self.voxel_mm, self.cover)

    def looked_at(self) -> np.ndarray:
        """Which scenes the person sees, as rows of the stimuli: first the shared ones.

        Raises
        ------
        InvalidInput
            There are too few scenes.
        """
        first = self.shared + (self.person - 1) * self.own
        if first + self.own > self.stimuli.count:
            raise InvalidInput(
                f"{self.type_name()}: person {self.person} sees {self.shared} shared scenes and {self.own} own ones, which takes "
                f"{first + self.own} scenes, and {self.stimuli.type_name()} has {self.stimuli.count}; set its count: {first + self.own}"
            )
        return np.concatenate([np.arange(self.shared), np.arange(first, first + self.own)])

    def check_ready(self) -> None:
        """There must be scenes enough, and runs that hold no picture twice."""
        self._shown(self.looked_at())

    def expect(self) -> dict[str, int]:
        """Trials as the fields say, and as many voxels as the brain has."""
        shown = self.shared + self.own
        units = count_voxels((self.seed, self.person), self.voxel_mm, self.cover)
        return {"trial": shown * (self.presentations if self.repeats == "keep" else 1), "unit": units, "kind": len(KINDS)}

    def _shown(self, rows: np.ndarray) -> Order:
        rng = np.random.default_rng([self.seed, self.person, 20])
        return order(len(rows), self.presentations, self.sessions, self.runs, rng)

    def measure(self) -> dict[str, Any]:
        """Show the scenes to the person, add noise, session offsets and gains, then any faults."""
        rows = self.looked_at()
        shown = self._shown(rows)
        world = self.stimuli.run()
        person = self.observer()
        drive = person.drive(world.read("picture", rows), {name: world.read(name, rows) for name in ("kind", "x", "y", "size")})
        responses, explainable = self._recorded(person, drive, shown)
        scene = rows[shown.picture]
        x, y, size = person.field
        arrays = {
            "responses": responses,
            "stimulus": world["stimulus"][scene],
            "category": world["category"][scene],
            "session": shown.session.astype(str),
            "run": shown.run.astype(str),
            "repetition": shown.repetition.astype(str),
            "split": np.where(shown.picture < self.shared, "test", "train"),
            "voxel": person.voxel,
            "affine": person.affine,
            "grid": person.grid,
            "area": person.area,
            "hemisphere": person.hemisphere,
            "vertex": person.vertex,
            "explainable": explainable,
            "noise_sd": person.noise_sd,
            "signal_sd": drive[shown.picture].std(axis=0),
            "field_x": x,
            "field_y": y,
            "field_size": size,
            "field_x_deg": person.field_x_deg,
            "field_y_deg": person.field_y_deg,
            "field_size_deg": person.field_size_deg,
            "field_share": person.field_share,
            "preferred": person.tuning.preferred,
            "tuning": person.tuning.kind,
            "kind": np.array(KINDS),
            "count_tuning": person.tuning.count,
            "position_tuning": person.tuning.place,
        }
        return self._with_faults(arrays)

    def _recorded(self, person: Person, drive: np.ndarray, shown: Order) -> tuple[np.ndarray, np.ndarray]:
        """Responses, and the share of their variance that the drive explains, given the sessions' offsets and gains as drawn."""
        rng = np.random.default_rng([self.seed, self.person, 21])
        gain = np.exp(GAIN * rng.standard_normal(self.sessions)).astype(np.float32)[shown.session - 1]
        offset = person.spatial_noise(22).at(0, self.sessions) * (OFFSET * person.noise_sd).astype(np.float32)
        noise, sd = person.spatial_noise(23), person.noise_sd.astype(np.float32)
        trials = len(shown.picture)
        responses = np.empty((trials, len(person)), np.float32)
        # sums for the variances and the covariance of the drive and what is recorded of it
        sums = np.zeros((5, len(person)))
        for start in range(0, trials, SOME):
            some = slice(start, min(start + SOME, trials))
            heard = drive[shown.picture[some]]
            recorded = heard * gain[some, None] + offset[shown.session[some] - 1]
            for row, values in enumerate((heard, recorded, heard * heard, recorded * recorded, heard * recorded)):
                sums[row] += values.sum(axis=0, dtype=np.float64)
            responses[some] = recorded + noise.at(some.start, some.stop) * sd * gain[some, None]
        one, two, one_one, two_two, one_two = sums / trials
        of_drive, of_recorded = np.maximum(one_one - one**2, 0), np.maximum(two_two - two**2, 0)
        explained = (one_two - one * two) ** 2 / np.where(of_drive > 0, of_drive, np.inf)
        return responses, explained / (of_recorded + np.mean(gain.astype(float) ** 2) * person.noise_sd**2)

    def _with_faults(self, arrays: dict[str, Any]) -> dict[str, Any]:
        if "repeats_across_split" in self.faults:
            last = (arrays["split"] == "test") & (arrays["repetition"] == str(self.presentations))
            arrays["split"] = np.where(last, "train", arrays["split"])
        if "nan_run" in self.faults:
            arrays["responses"][(arrays["session"] == str(self.sessions)) & (arrays["run"] == str(self.runs))] = np.nan
        if "dead_voxels" in self.faults:
            arrays["responses"][:, : DEAD * 7 : 7] = 0
        if "left_right_flip" in self.faults:
            arrays["voxel"] = arrays["voxel"] * [-1, 1, 1] + [arrays["grid"][0] - 1, 0, 0]
        return arrays
