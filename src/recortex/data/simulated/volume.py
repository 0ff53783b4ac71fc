"""A scanner's grid over a person's cortex: which voxels hold grey matter, and which vertex each belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recortex.data.simulated.cortex import plant
from recortex.fsaverage import HEMISPHERES, sheet

MARGIN = 2  # empty voxels around the brain
DIVISIONS = 4  # a face of the sheet is looked at in points that cut its edges into so many pieces


@dataclass(frozen=True, eq=False)
class Volume:
    """The voxels of grey matter, a row a voxel, in the order of the grid (k fastest).

    Parameters
    ----------
    voxel : (unit, 3) int array
        Indices i, j, k.
    position_mm : (unit, 3) array
        Of their centres in the person's own brain: x right, y anterior, z up.
    affine : (4, 4) array
        Indices to millimetres.
    grid : (3,) int array
        Number of voxels along i, j, k.
    hemisphere : (unit,) str array
    vertex : (unit,) int array
        The nearest vertex of that hemisphere of fsaverage5.
    """

    voxel: np.ndarray
    position_mm: np.ndarray
    affine: np.ndarray
    grid: np.ndarray
    hemisphere: np.ndarray
    vertex: np.ndarray


def voxels(who: tuple[int, ...], voxel_mm: float) -> Volume:
    """Lay a person's grid over the person's brain.

    The brain is fsaverage's, stretched along each axis by some 4 % of its own; the grid is tilted and placed as in that person's
    sessions. A voxel is cortex where its centre is no further from the midsurface than half a voxel, or half the thickness of the
    sheet where that is more.

    Parameters
    ----------
    who : tuple of int
        Seeds: the person.
    voxel_mm : float
        Edge of a voxel.
    """
    from scipy.spatial import cKDTree

    rng = np.random.default_rng([*who, 2])
    stretch = np.exp(0.04 * rng.standard_normal(3))
    turn = _rotation(np.radians(rng.uniform(-1, 1, 3) * [12.0, 3.0, 3.0]))
    sheets = [sheet(hemisphere) for hemisphere in HEMISPHERES]
    middle = [here.midsurface * stretch for here in sheets]
    # the grid's own axes: columns of turn
    along = np.concatenate(middle) @ turn
    low = along.min(axis=0) - voxel_mm * (MARGIN + rng.random(3))
    grid = np.ceil((along.max(axis=0) - low) / voxel_mm).astype(int) + MARGIN + 1
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * voxel_mm, turn @ low
    index = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), axis=-1).reshape(-1, 3)
    position = index @ affine[:3, :3].T + affine[:3, 3]

    everywhere = np.concatenate(middle)
    to_vertex, nearest = cKDTree(everywhere).query(position, distance_upper_bound=voxel_mm + 6)
    near = np.flatnonzero(np.isfinite(to_vertex))
    to_sheet, _ = cKDTree(np.concatenate([_points(m, h.faces) for m, h in zip(middle, sheets, strict=True)])).query(
        position[near]
    )
    thickness = np.concatenate([here.thickness_mm for here in sheets])
    cortical = np.concatenate([here.cortical for here in sheets])
    vertex = nearest[near]
    kept = cortical[vertex] & (to_sheet <= np.maximum(voxel_mm, thickness[vertex]) / 2)
    chosen, vertex = near[kept], vertex[kept]
    size = len(middle[0])
    return Volume(
        index[chosen], position[chosen], affine, grid, np.array(HEMISPHERES)[(vertex >= size).astype(int)], vertex % size
    )


@dataclass(frozen=True, eq=False)
class VoxelLabels:
    """What each voxel belongs to: `cortex.Labels` at its vertex."""

    area: np.ndarray
    eccentricity_deg: np.ndarray
    angle: np.ndarray


def label(volume: Volume, who: tuple[int, ...]) -> VoxelLabels:
    """The labels of each voxel's nearest vertex."""
    planted = [plant(hemisphere, who) for hemisphere in HEMISPHERES]
    left = volume.hemisphere == HEMISPHERES[0]

    def of(name: str) -> np.ndarray:
        one, other = (getattr(labels, name)[volume.vertex] for labels in planted)
        return np.where(left, one, other)

    return VoxelLabels(of("area"), of("eccentricity_deg"), of("angle"))


def _rotation(angles: np.ndarray) -> np.ndarray:
    """Rotation about x, then y, then z, by radians."""
    out = np.eye(3)
    for axis, angle in enumerate(angles):
        first, second = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[[first, second], [first, second]] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        out = turn @ out
    return out


def _points(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Points spread evenly over every face."""
    steps = range(DIVISIONS + 1)
    weight = np.array([(i, j, DIVISIONS - i - j) for i in steps for j in steps if i + j <= DIVISIONS]) / DIVISIONS
    return np.einsum("pc,fcx->fpx", weight, vertices[faces]).reshape(-1, 3)
