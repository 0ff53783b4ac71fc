"""The areas of the simulation, planted on the cortical sheet fsaverage5.

No visual atlas is in nilearn's wheel, so late areas are geodesic discs around stated points and early ones are bands around the
occipital pole (`retinotopy.py`). The points lie where the literature puts the areas to within a centimetre or so; they are round
numbers chosen by us, not a result to cite.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from recortex.fsaverage import HEMISPHERES, sheet


@dataclass(frozen=True)
class Area:
    """A disc on the sheet.

    Parameters
    ----------
    centre : (float, float, float)
        Millimetres of fsaverage in the RIGHT hemisphere: x right, y anterior, z up; the left one is its mirror image.
    radius_mm : float
        Along the midsurface.
    hemispheres : tuple of str
        Where it is.
    """

    centre: tuple[float, float, float]
    radius_mm: float
    hemispheres: tuple[str, ...] = HEMISPHERES


DISCS = {
    "LO": Area((41, -78, 0), 14.0),
    "EBA": Area((49, -66, 7), 13.0),
    "FFA": Area((40, -50, -20), 12.0),
    "PPA": Area((27, -44, -10), 12.0),
    "VWFA": Area((46, -58, -12), 10.0, ("left",)),
    "food": Area((29, -64, -11), 11.0),
    "IPS": Area((26, -64, 48), 13.0),
    "null": Area((50, -22, 8), 18.0),
}
EARLY = ("V1", "V2", "V3", "hV4")
LATE = tuple(name for name in DISCS if name != "null")
BETWEEN_MM = 8.0
"""How far beyond the edge of a visual area its belt of mixed voxels reaches."""
REACH_MM = 60.0  # beyond this nothing is asked of a distance
AREAS = (*EARLY, *DISCS, "between", "rest")
"""Every label: "between" is the belt around the visual areas, "rest" what is left of the cortex."""


def mirrored(point: tuple[float, float, float], hemisphere: str) -> np.ndarray:
    """A point stated for the right hemisphere, in the hemisphere that is meant."""
    return np.array(point, dtype=float) * ([-1, 1, 1] if hemisphere == "left" else [1, 1, 1])


@dataclass(frozen=True, eq=False)
class Labels:
    """What each vertex of one hemisphere belongs to.

    Parameters
    ----------
    area : (vertex,) str array
        One of `AREAS`; empty on the medial wall.
    eccentricity_deg, angle : (vertex,) arrays
        The retinotopic map: degrees from the point of fixation, and radians from straight up (0) by the horizontal (pi / 2) to
        straight down (pi) in the opposite half of the visual field. NaN outside the early areas.
    depth : (vertex,) array
        0 at the centre of a disc to 1 at its edge; NaN elsewhere.
    """

    area: np.ndarray
    eccentricity_deg: np.ndarray
    angle: np.ndarray
    depth: np.ndarray


@cache
def plant(hemisphere: str, who: tuple[int, ...]) -> Labels:
    """Lay the areas of one person on a hemisphere: discs whose centres and radii vary between people, then the early bands.

    Parameters
    ----------
    hemisphere : "left" or "right"
    who : tuple of int
        Seeds: the person. Centres move by some 2 mm in each direction, radii and the scale of the retinotopic map by some 8 %.
    """
    from recortex.data.simulated.retinotopy import bands

    here = sheet(hemisphere)
    rng = np.random.default_rng([*who, 1, HEMISPHERES.index(hemisphere)])
    relative = np.full((len(DISCS), len(here.white)), np.inf)
    beyond = np.full(len(here.white), np.inf)
    for row, (name, disc) in enumerate(DISCS.items()):
        shift, stretch = 2.0 * rng.standard_normal(3), np.exp(0.08 * rng.standard_normal())
        if hemisphere not in disc.hemispheres:
            continue
        distance = here.distance_mm(here.nearest(mirrored(disc.centre, hemisphere) + shift), REACH_MM)
        relative[row] = distance / (disc.radius_mm * stretch)
        if name in LATE:
            beyond = np.minimum(beyond, distance - disc.radius_mm * stretch)
    early = bands(here, hemisphere, rng)
    # where areas overlap a vertex goes to the one deeper inside which it lies; early ones come first
    inside = relative.min(axis=0) < 1
    area = np.where(inside, np.array(list(DISCS), dtype=object)[relative.argmin(axis=0)], "rest")
    belt = (np.minimum(beyond, early.beyond_mm) < BETWEEN_MM) & ~inside
    area = np.where(belt, "between", area)
    area = np.where(early.area != "", early.area, area)
    area = np.where(here.cortical, area, "").astype(str)
    mapped = np.isin(area, EARLY)
    return Labels(
        area,
        np.where(mapped, early.eccentricity_deg, np.nan),
        np.where(mapped, early.angle, np.nan),
        np.where(np.isin(area, list(DISCS)), relative.min(axis=0), np.nan),
    )
