"""The early visual maps: where on the sheet V1, V2, V3 and hV4 lie, and which place of the visual field each vertex sees.

Around the occipital pole, where the fovea of all four is, distance along the sheet is eccentricity and the direction seen from the
pole tells the area and the polar angle. V1 lies on both sides of the calcarine sulcus, upper field below and lower field above;
V2 and V3 flank it, mirrored at each border; hV4 lies below the lower V3. A hemisphere sees the opposite half of the visual field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from recortex.fsaverage import Sheet

FIELD_OF_VIEW_DEG = 8.4
"""How wide a picture is seen, as in the Natural Scenes Dataset."""
POLE, CALCARINE, ABOVE = (16.0, -99.0, -6.0), (9.0, -72.0, 6.0), (10.0, -92.0, 24.0)
"""Right hemisphere: the fovea, the direction of the horizontal meridian of V1 from there, and a point of the dorsal side."""
MAGNIFICATION_MM, HALF_SPEED_DEG = 17.3, 0.75
"""Human V1 after Horton & Hoyt (1991): 17.3 mm / (eccentricity + 0.75 deg) of cortex a degree, taken for all four areas here."""
EDGES = (("V1", 0.0, 42.0), ("V2", 42.0, 72.0), ("V3", 72.0, 100.0))
"""Area, and between which directions (degrees from the calcarine, either side) it lies; a choice of ours."""
HV4 = (-100.0, -160.0)
SIZE_DEG = {"V1": (0.25, 0.13), "V2": (0.30, 0.19), "V3": (0.40, 0.27), "hV4": (0.55, 0.40)}
"""Standard deviation of a receptive field: at the fovea, and its growth a degree of eccentricity. Fields grow with eccentricity and
from V1 to hV4, as population receptive fields do (Dumoulin & Wandell 2008); the numbers themselves are round ones of ours."""


@dataclass(frozen=True, eq=False)
class Bands:
    """The maps of one hemisphere, a row a vertex; empty or NaN outside.

    Parameters
    ----------
    area : (vertex,) str array
    eccentricity_deg, angle : (vertex,) arrays
        Angle in radians from straight up to straight down.
    beyond_mm : (vertex,) array
        How far outside the maps a vertex lies, roughly.
    """

    area: np.ndarray
    eccentricity_deg: np.ndarray
    angle: np.ndarray
    beyond_mm: np.ndarray


def bands(sheet: Sheet, hemisphere: str, rng: np.random.Generator) -> Bands:
    """Lay out the maps; only what a picture reaches, `FIELD_OF_VIEW_DEG` / 2 from fixation, is planted.

    Parameters
    ----------
    sheet : Sheet
    hemisphere : "left" or "right"
    rng : numpy.random.Generator
        Moves the pole by some 2 mm and stretches the map by some 8 %.
    """
    from recortex.data.simulated.cortex import mirrored

    pole = sheet.nearest(mirrored(POLE, hemisphere) + 2.0 * rng.standard_normal(3))
    magnification = MAGNIFICATION_MM * np.exp(0.08 * rng.standard_normal())
    distance = sheet.distance_mm(pole, reach_mm=80.0)
    direction = _direction(
        sheet.sphere, pole, sheet.nearest(mirrored(CALCARINE, hemisphere)), sheet.nearest(mirrored(ABOVE, hemisphere))
    )
    eccentricity = HALF_SPEED_DEG * np.expm1(distance / magnification)
    area = np.full(len(distance), "", dtype="U3")
    angle = np.full(len(distance), np.nan)
    side = np.abs(direction)
    for number, (name, low, high) in enumerate(EDGES):
        band = (side >= low) & (side < high)
        area[band] = name
        across = (side[band] - low) / (high - low)
        # V1: horizontal at the calcarine to vertical at its edge; V2 from there back to horizontal; V3 out again
        from_horizontal = np.pi / 2 * (across if number != 1 else 1 - across)
        angle[band] = np.pi / 2 + np.sign(direction[band]) * from_horizontal
    band = (direction < HV4[0]) & (direction >= HV4[1])
    area[band] = "hV4"
    angle[band] = np.pi * (HV4[0] - direction[band]) / (HV4[0] - HV4[1])
    reach = FIELD_OF_VIEW_DEG / 2
    area[eccentricity > reach] = ""
    reach_mm = magnification * np.log1p(reach / HALF_SPEED_DEG)
    beyond = np.where(area != "", 0.0, np.maximum(distance - reach_mm, 0))
    return Bands(area, eccentricity, angle, beyond)


def _direction(sphere: np.ndarray, pole: int, ahead: int, above: int) -> np.ndarray:
    """Degrees, -180 to 180, in which each vertex is seen from the pole on the inflated sphere; 0 is ahead, above is positive."""
    unit = sphere / np.linalg.norm(sphere, axis=1, keepdims=True)
    first = unit[ahead] - unit[pole] * (unit[ahead] @ unit[pole])
    first /= np.linalg.norm(first)
    second = np.cross(unit[pole], first)
    second *= np.sign(unit[above] @ second)
    return np.degrees(np.arctan2(unit @ second, unit @ first))


def place(eccentricity_deg: np.ndarray, angle: np.ndarray, hemisphere: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees right of and above fixation of a place of a map; the left hemisphere sees the right half of the field."""
    outward = np.where(hemisphere == "left", 1.0, -1.0)
    return outward * eccentricity_deg * np.sin(angle), eccentricity_deg * np.cos(angle)


def in_picture(right_deg: np.ndarray, up_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees from fixation, the middle of the picture, as shares of its width and height: x to the right, y down."""
    return 0.5 + right_deg / FIELD_OF_VIEW_DEG, 0.5 - up_deg / FIELD_OF_VIEW_DEG
