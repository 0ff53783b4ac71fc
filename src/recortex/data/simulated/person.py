"""One simulated person: where the voxels are, what each responds to and how noisy it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property, lru_cache
from typing import Literal

import numpy as np

from recortex.data.simulated import early, late, noise
from recortex.data.simulated.cortex import EARLY, LATE
from recortex.data.simulated.retinotopy import FIELD_OF_VIEW_DEG, SIZE_DEG, in_picture, place
from recortex.data.simulated.volume import Volume, VoxelLabels, label, voxels

Cover = Literal["cortex", "visual"]
REFERENCES = 480
REFERENCE_SEED = 2**31 - 1
FIELD_SHARE = {**dict.fromkeys(EARLY, 1.0), "LO": 0.35, "EBA": 0.1, "FFA": 0.1, "PPA": 0.15, "VWFA": 0.15, "food": 0.1}
"""Share of the variance of a voxel's response, on average over an area, that comes through its receptive field; the rest comes from
kinds, count or position. In the belt it is the greater the nearer the early areas are; areas not named have no field."""
TUNED_MM = 16.0  # voxels of the belt that are further than this from all late areas are tuned to no kind
LATE_SIZE_DEG = 1.6  # median standard deviation of fields outside early areas
EVOKED = 2.0  # mean response to pictures, in standard deviations of the response over pictures


class Person:
    """A brain with a known answer; the same numbers give the same brain.

    Parameters
    ----------
    number : int
        Which person.
    seed : int
        Which world: another seed has other people.
    voxel_mm : float
        Edge of a voxel.
    cover : "cortex" or "visual"
        All of the cortex, or without what is hardly driven ("rest"): visual areas, their belt and the null region.

    Attributes
    ----------
    voxel, position_mm, affine, grid, hemisphere, vertex
        As in `volume.Volume`.
    area : (unit,) str array
        One of `cortex.AREAS`.
    ncsnr, noise_sd : (unit,) arrays
        Standard deviation of the response over pictures by that of the noise of one trial, 0 in the null region; and the latter, in
        percent signal change.
    field_x_deg, field_y_deg, field_size_deg : (unit,) arrays
        Centre right of and above fixation and standard deviation of the receptive field; NaN where there is none.
    field_share : (unit,) array
        Share of the response's variance that comes through the field.
    tuning : late.Tuning
    """

    field_x_deg: np.ndarray
    field_y_deg: np.ndarray
    field_size_deg: np.ndarray
    field_share: np.ndarray

    def __init__(self, number: int = 1, seed: int = 0, voxel_mm: float = 2.8, cover: Cover = "cortex"):
        self.who = (seed, number)
        volume, labels = _body(self.who, voxel_mm, cover)
        self.voxel, self.position_mm, self.affine, self.grid = volume.voxel, volume.position_mm, volume.affine, volume.grid
        self.hemisphere, self.vertex, self.area = volume.hemisphere, volume.vertex, labels.area
        self.ncsnr, self.noise_sd = noise.levels(self.area, self.position_mm, self.who)
        nearest, from_late, from_early = self._neighbours()
        self._grow_fields(labels, from_late / np.maximum(from_late + from_early, 1e-9))
        slow = noise.smooth_field(self.position_mm, (*self.who, 7), len(late.KINDS))
        shared = np.where(from_late < TUNED_MM, nearest, "")
        self.tuning = late.tune(self.area, shared, self.hemisphere, slow, np.random.default_rng([*self.who, 8]))
        heard = self.tuning.weights().any(axis=0)
        self.field_share = np.where(heard, self.field_share, 1.0) * np.isfinite(self.field_x_deg)

    def __len__(self) -> int:
        return len(self.area)

    @property
    def signal_sd(self) -> np.ndarray:
        """Standard deviation of the noiseless response over reference scenes, percent signal change, (unit,)."""
        return self.ncsnr * self.noise_sd

    @property
    def field(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Centre x (from the left), y (from the top) and size of the fields as shares of the picture; NaN where there is none."""
        x, y = in_picture(self.field_x_deg, self.field_y_deg)
        return x, y, self.field_size_deg / FIELD_OF_VIEW_DEG

    def drive(self, pictures: np.ndarray, graph: Mapping[str, np.ndarray]) -> np.ndarray:
        """Responses without noise.

        Parameters
        ----------
        pictures : (stimulus, 64, 64, 3) uint8 array
        graph : mapping
            `kind` (stimulus, thing) str and `x`, `y`, `size` (stimulus, thing), as `SimulatedScenes` has them.

        Returns
        -------
        (stimulus, unit) float32 array
            Percent signal change. Over reference scenes, which are the same for everybody and none of which a pipeline sees, each
            voxel's standard deviation is `signal_sd` and its mean `EVOKED` times that; 0 in the null region.
        """
        parts, level = self._parts(pictures, graph), self._levels
        out = np.zeros((len(pictures), len(self)), np.float32)
        for part, share, (mean, sd) in zip(parts, (self.field_share, 1 - self.field_share), level, strict=True):
            out += (part - mean) * (np.sqrt(share) / sd).astype(np.float32)
        out *= (self.signal_sd / self._together).astype(np.float32)
        out += (EVOKED * self.signal_sd).astype(np.float32)
        out[:, self.ncsnr == 0] = 0
        return out

    def spatial_noise(self, purpose: int) -> noise.SpatialNoise:
        """Noise of unit variance over this person's voxels; another purpose has other noise."""
        return noise.spatial_noise(self.position_mm, (*self.who, 9, purpose))

    def _parts(self, pictures: np.ndarray, graph: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """What comes through the field and what comes from the things, (stimulus, unit) each, unscaled."""
        through = np.zeros((len(pictures), len(self)), np.float32)
        looking = np.flatnonzero(self.field_share > 0)
        x, y, size, weight, power = (values[looking] for values in (*self.field, self._channel_weights, self._power))
        through[:, looking] = early.seen(pictures, x, y, size, weight, power)
        return through, (late.things(graph) @ self.tuning.weights()).astype(np.float32)

    @cached_property
    def _reference(self) -> tuple[np.ndarray, np.ndarray]:
        return self._parts(*reference_scenes())

    @cached_property
    def _levels(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Mean and standard deviation of both parts over the reference scenes."""
        return [(part.mean(axis=0), np.maximum(part.std(axis=0), 1e-6)) for part in self._reference]

    @cached_property
    def _together(self) -> np.ndarray:
        """Standard deviation of the sum of both parts, which are not quite independent."""
        total = np.zeros_like(self._reference[0])
        for part, share, (mean, sd) in zip(self._reference, (self.field_share, 1 - self.field_share), self._levels, strict=True):
            total += (part - mean) / sd * np.sqrt(share)
        del self.__dict__["_reference"]
        return np.maximum(total.std(axis=0), 1e-6)

    def _grow_fields(self, labels: VoxelLabels, towards_early: np.ndarray) -> None:
        """Receptive fields: by the map in early areas, large ones in the opposite half of the field elsewhere."""
        rng = np.random.default_rng([*self.who, 5])
        own = rng.standard_normal((4, len(self)))
        across, up, wide, share = (noise.smooth_field(self.position_mm, (*self.who, 6), 4) + own) / np.sqrt(2)
        mapped = np.isin(self.area, EARLY)
        x, y = place(labels.eccentricity_deg, labels.angle, self.hemisphere)
        base, slope = np.array([SIZE_DEG.get(str(name), (np.nan, np.nan)) for name in self.area]).T
        size = base + slope * labels.eccentricity_deg
        # outside the maps: 1.2 deg into the opposite half on average
        outward = np.where(self.hemisphere == "left", 1.0, -1.0)
        reach = FIELD_OF_VIEW_DEG / 2
        x = np.where(mapped, x, np.clip(outward * 1.2 + 1.2 * across, -reach, reach))
        y = np.where(mapped, y, np.clip(1.2 * up, -reach, reach))
        size = np.where(mapped, size, LATE_SIZE_DEG) * np.exp(0.15 * wide)
        mean_share = np.array([FIELD_SHARE.get(str(name), 0.0) for name in self.area])
        mean_share = np.where(self.area == "between", np.clip(towards_early, 0.05, 0.95), mean_share)
        odds = mean_share / np.maximum(1 - mean_share, 1e-9) * np.exp(share)
        self.field_share = np.where(mapped, 1.0, odds / (1 + odds))
        none = mean_share == 0
        self.field_x_deg, self.field_y_deg, self.field_size_deg = (np.where(none, np.nan, values) for values in (x, y, size))
        self._power = np.array([early.POWER.get(str(name), early.POWER["hV4"]) for name in self.area])
        self._channel_weights = early.channel_weights(self.area, np.nan_to_num(size, nan=LATE_SIZE_DEG), rng)

    def _neighbours(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each voxel the nearest late area, and how far that is and how far the nearest early area, in millimetres."""
        from scipy.spatial import cKDTree

        def nearest(areas: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
            there = np.flatnonzero(np.isin(self.area, areas))
            if not len(there):
                return np.full(len(self), ""), np.full(len(self), 1e3)
            distance, which = cKDTree(self.position_mm[there]).query(self.position_mm)
            return self.area[there[which]], distance

        (name, from_late), (_, from_early) = nearest(LATE), nearest(EARLY)
        return name, from_late, from_early


def _body(who: tuple[int, ...], voxel_mm: float, cover: Cover) -> tuple[Volume, VoxelLabels]:
    volume = voxels(who, voxel_mm)
    labels = label(volume, who)
    if cover == "cortex":
        return volume, labels
    kept = labels.area != "rest"
    own = {name: getattr(volume, name)[kept] for name in ("voxel", "position_mm", "hemisphere", "vertex")}
    return (
        Volume(affine=volume.affine, grid=volume.grid, **own),
        VoxelLabels(labels.area[kept], labels.eccentricity_deg[kept], labels.angle[kept]),
    )


@cache
def count_voxels(who: tuple[int, ...], voxel_mm: float, cover: Cover) -> int:
    """How many voxels a person has."""
    return len(_body(who, voxel_mm, cover)[1].area)


@lru_cache(maxsize=4)
def meet(number: int, seed: int, voxel_mm: float, cover: Cover) -> Person:
    """A person, the same object as long as few others are met in between: growing a brain takes seconds. Leave its arrays alone."""
    return Person(number, seed, voxel_mm, cover)


@cache
def reference_scenes() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Scenes that set the scale of every voxel: pictures and scene graph, drawn from all kinds under a seed of their own."""
    from recortex.data.simulated.scenes import SimulatedScenes

    made = SimulatedScenes(count=REFERENCES, seed=REFERENCE_SEED).compute()
    return made["picture"], {name: made[name] for name in ("kind", "x", "y", "size")}
