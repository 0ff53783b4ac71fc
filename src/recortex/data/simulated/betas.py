"""Published-style betas: what a simulated person's voxels did in each trial."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from recortex.data.base import Responses
from recortex.data.simulated.experiment import TRUTH, Experiment
from recortex.data.simulated.person import Person
from recortex.data.simulated.scene import KINDS
from recortex.data.simulated.trials import Order
from recortex.stage import Array

Fault = Literal["repeats_across_split", "nan_run", "dead_voxels", "left_right_flip"]
OFFSET, GAIN = 0.2, 0.05
"""Of a session: standard deviation of a voxel's offset, in standard deviations of its noise, and of the log of the gain. Ours."""
DEAD = 5  # voxels that the fault kills
SOME = 256  # trials at a time


class SimulatedBetas(Experiment, Responses):
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

    faults: tuple[Fault, ...] = ()

    returns: ClassVar[dict[str, Array]] = (
        Responses.returns
        | {
            "responses": Array("trial", "unit", units="percent", about="percent signal change of each voxel in each trial"),
        }
        | TRUTH
    )

    def expect(self) -> dict[str, int]:
        """Trials as the fields say, and as many voxels as the brain has."""
        trials = (self.shared + self.own) * (self.presentations if self.repeats == "keep" else 1)
        return {"trial": trials, "unit": self.voxels(), "kind": len(KINDS)}

    def measure(self) -> dict[str, Any]:
        """Show the scenes to the person, add noise, session offsets and gains, then any faults."""
        shown, person = self.shown(), self.observer()
        rows = self.looked_at()
        drive = self.responses_to(rows)
        responses, explainable = self._recorded(person, drive, shown)
        arrays = {
            "responses": responses,
            "session": shown.session.astype(str),
            "run": shown.run.astype(str),
            **self.labels(shown, rows),
            **self.truth(person, drive[shown.picture].std(axis=0), explainable),
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
