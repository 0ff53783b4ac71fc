"""Who looks at which scenes, and when: what all recordings of a simulated person have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from recortex.data.simulated.person import Cover, Person, count_voxels, meet
from recortex.data.simulated.scene import KINDS
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.trials import Order, order
from recortex.errors import InvalidInput
from recortex.stage import Array, Source, Stage

TRUTH: dict[str, Array] = {
    "area": Array(
        "unit", dtype="str", units="", about="planted truth: area of each voxel; between is the belt, null hears nothing"
    ),
    "explainable": Array("unit", about="planted truth: share of single-trial variance that the noiseless response explains"),
    "noise_sd": Array("unit", units="percent", about="planted truth: standard deviation of the noise of one trial"),
    "signal_sd": Array("unit", units="percent", about="planted truth: that of the noiseless response over the trials"),
    "field_x": Array(
        "unit", about="planted truth: centre of the receptive field as a share of the picture, from the left; NaN: none"
    ),
    "field_y": Array("unit", about="planted truth: centre of the receptive field as a share of the picture, from the top"),
    "field_size": Array("unit", about="planted truth: its standard deviation as a share of the picture"),
    "field_x_deg": Array("unit", units="degree", about="planted truth: centre of the receptive field right of fixation"),
    "field_y_deg": Array("unit", units="degree", about="planted truth: centre of the receptive field above fixation"),
    "field_size_deg": Array("unit", units="degree", about="planted truth: its standard deviation"),
    "field_share": Array("unit", about="planted truth: share of the signal that comes through the receptive field"),
    "preferred": Array(
        "unit", "preference", dtype="str", units="", about="planted truth: up to two kinds, or count, or position"
    ),
    "tuning": Array("unit", "kind", about="planted truth: weight of each kind of thing"),
    "kind": Array("kind", dtype="str", units="", about="names of the kinds"),
    "count_tuning": Array("unit", "count", about="planted truth: weight of one, two and three things"),
    "position_tuning": Array("unit", "direction", about="planted truth: weight of how far right and how far up things are"),
}


class Experiment(Stage):
    """One simulated person who looks at simulated scenes.

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

    def source(self) -> Source:
        """Made here."""
        return Source("Simulated cortex", "none needed", "", "", ("The recording is simulated; no brain was recorded.",))

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
        self.shown()

    def voxels(self) -> int:
        """How many voxels the brain has."""
        return count_voxels((self.seed, self.person), self.voxel_mm, self.cover)

    def shown(self) -> Order:
        """Which of the scenes that the person sees comes when."""
        rng = np.random.default_rng([self.seed, self.person, 20])
        return order(len(self.looked_at()), self.presentations, self.sessions, self.runs, rng)

    def responses_to(self, rows: np.ndarray) -> np.ndarray:
        """Noiseless responses to some of the scenes, (scene, unit)."""
        world = self.stimuli.run()
        graph = {name: world.read(name, rows) for name in ("kind", "x", "y", "size")}
        return self.observer().drive(world.read("picture", rows), graph)

    def labels(self, shown: Order, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What the table says of each trial."""
        world, scene = self.stimuli.run(), rows[shown.picture]
        return {
            "stimulus": world["stimulus"][scene],
            "category": world["category"][scene],
            "repetition": shown.repetition.astype(str),
            "split": np.where(shown.picture < self.shared, "test", "train"),
        }

    def truth(self, person: Person, signal_sd: np.ndarray, explainable: np.ndarray) -> dict[str, Any]:
        """What was planted in each voxel, and where the voxels are."""
        x, y, size = person.field
        return {
            "voxel": person.voxel,
            "affine": person.affine,
            "grid": person.grid,
            "area": person.area,
            "hemisphere": person.hemisphere,
            "vertex": person.vertex,
            "explainable": explainable,
            "noise_sd": person.noise_sd,
            "signal_sd": signal_sd,
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
