"""The cortical sheet fsaverage5, as nilearn carries it: no network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

HEMISPHERES = ("left", "right")
VERTICES = 10242  # of one hemisphere


@dataclass(frozen=True, eq=False)
class Sheet:
    """One hemisphere.

    Parameters
    ----------
    hemisphere : "left" or "right"
    white, pial, sphere, flat : (vertex, 3) arrays
        Millimetres: x right, y anterior, z up.
    faces : (face, 3) int array
    """

    hemisphere: str
    white: np.ndarray
    pial: np.ndarray
    sphere: np.ndarray
    flat: np.ndarray
    faces: np.ndarray

    @property
    def midsurface(self) -> np.ndarray:
        """Half-way between white matter and pia, (vertex, 3)."""
        return (self.white + self.pial) / 2

    @property
    def thickness_mm(self) -> np.ndarray:
        """Between white matter and pia, (vertex,); 0 on the medial wall."""
        return np.linalg.norm(self.pial - self.white, axis=1)

    @property
    def cortical(self) -> np.ndarray:
        """Which vertices are cortex and not medial wall."""
        return self.thickness_mm > 0.1

    def nearest(self, point: tuple[float, float, float] | np.ndarray) -> int:
        """The cortical vertex nearest to a point in millimetres."""
        distance = np.linalg.norm(self.midsurface - np.asarray(point), axis=1)
        return int(np.where(self.cortical, distance, np.inf).argmin())

    @cached_property
    def inflated(self) -> np.ndarray:
        """The sheet blown up so that its folds open, (vertex, 3), about its middle."""
        return _read(f"infl_{self.hemisphere}", "pointset").astype(float)

    @cached_property
    def depth(self) -> np.ndarray:
        """How deep in a fold each vertex lies, (vertex,): above 0 in sulci, below 0 on gyri."""
        return _read(f"sulc_{self.hemisphere}").astype(float)

    @cached_property
    def graph(self) -> Any:
        """Lengths of the edges of the midsurface in millimetres, a sparse (vertex, vertex) array."""
        from scipy.sparse import csr_array

        edges = np.concatenate([self.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
        edges = np.unique(np.sort(edges, axis=1), axis=0)
        length = np.linalg.norm(self.midsurface[edges[:, 0]] - self.midsurface[edges[:, 1]], axis=1)
        size = len(self.white)
        return csr_array((np.maximum(length, 1e-6), edges.T), shape=(size, size))

    def distance_mm(self, vertex: int, reach_mm: float = np.inf) -> np.ndarray:
        """Length of the shortest path over the edges from a vertex to every other, (vertex,); infinite beyond reach_mm."""
        from scipy.sparse.csgraph import dijkstra

        return dijkstra(self.graph, directed=False, indices=vertex, limit=reach_mm)


@cache
def sheet(hemisphere: str) -> Sheet:
    """A hemisphere."""
    points = {name: _read(f"{name}_{hemisphere}", "pointset").astype(float) for name in ("white", "pial", "sphere", "flat")}
    return Sheet(hemisphere=hemisphere, faces=_read(f"white_{hemisphere}", "triangle"), **points)


def _read(name: str, array: str | None = None) -> np.ndarray:
    import nibabel

    image: Any = nibabel.load(_file(name))
    return np.asarray(image.agg_data(array))


def _file(name: str) -> str:
    """One of nilearn's files, found without importing nilearn where it lies as it has for years: that import takes seconds."""
    spec = find_spec("nilearn")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        file = Path(folder) / "datasets" / "data" / "fsaverage5" / f"{name}.gii.gz"
        if file.is_file():
            return str(file)
    from nilearn.datasets import fetch_surf_fsaverage

    return str(fetch_surf_fsaverage("fsaverage5")[name])
