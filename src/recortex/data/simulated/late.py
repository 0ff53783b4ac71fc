"""What late visual areas make of a scene: which kinds of things there are, how large and on which side, how many and where.

They know the scene graph and no pixel. A thing counts by its size beside that of the others, as if they competed; a thing in the
opposite half of the visual field counts more. All is linear in the columns that `things` gives, so these are the planted features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recortex.data.simulated.cortex import LATE
from recortex.data.simulated.scene import KINDS, MOST

PROFILES: dict[str, dict[str, float]] = {
    "LO": {
        "tool": 1.0,
        "vehicle": 0.9,
        "furniture": 0.9,
        "ball": 0.8,
        "animal": 0.8,
        "food": 0.6,
        "body": 0.6,
        "face": 0.5,
        "plant": 0.5,
    },
    "EBA": {"body": 1.0, "animal": 0.55, "face": 0.3, "tool": 0.15},
    "FFA": {"face": 1.0, "animal": 0.45, "body": 0.35, "ball": 0.1},
    "PPA": {"landscape": 1.0, "house": 0.95, "vehicle": 0.35, "furniture": 0.35, "plant": 0.25},
    "VWFA": {"word": 1.0, "face": 0.3, "tool": 0.2, "ball": 0.1},
    "food": {"food": 1.0, "plant": 0.3, "ball": 0.2, "animal": 0.15},
    "IPS": {},
}
"""Mean preference of each area; kinds that are not named get nothing. The order of kinds is as known from the literature on these
areas (faces and animals in FFA, places and houses in PPA ...), the numbers are ours."""
FIRST = {area: tuple(kind for kind, weight in profile.items() if weight >= 0.8) for area, profile in PROFILES.items()}
"""Kinds that an area's voxels may prefer."""
COUNTS = ("one thing", "two things", "three things")
PLACES = ("right", "up")
CONTRALATERAL = {"LO": 0.5, "EBA": 0.5, "FFA": 0.3, "PPA": 0.25, "VWFA": 0.3, "food": 0.25, "IPS": 0.6}
TWO_PREFERENCES = {"between": 0.6, "LO": 0.3, "rest": 0.5}
"""Share of voxels with two preferred kinds, one of them another area's; `TWO_ELSEWHERE` in areas not named."""
TWO_ELSEWHERE = 0.25
SIZE_POWER, COMPETITION = 1.5, 0.2


def things(graph: Mapping[str, np.ndarray]) -> np.ndarray:
    """The planted features of scenes.

    Parameters
    ----------
    graph : mapping
        `kind` (stimulus, thing) str, `x`, `y`, `size` (stimulus, thing), as `SimulatedScenes` has them.

    Returns
    -------
    (stimulus, column) array
        Weight of each kind; weight of each kind times how far right it is, -1 to 1; one, two or three things; how far right and how
        far up the middle of what there is lies. A thing's weight is size^1.5 / (0.2 + the sum of size^1.5 over all things).
    """
    kind, size = np.asarray(graph["kind"]), np.nan_to_num(np.asarray(graph["size"], dtype=float))
    right, up = (np.nan_to_num(sign * (2 * np.asarray(graph[name], dtype=float) - 1)) for name, sign in (("x", 1), ("y", -1)))
    strength = np.where(kind != "", size, 0) ** SIZE_POWER
    total = strength.sum(axis=1, keepdims=True)
    weight = strength / (COMPETITION + total)
    is_kind = kind[:, :, None] == np.array(KINDS)
    share = strength / np.maximum(total, 1e-9)
    count = (kind != "").sum(axis=1)
    return np.concatenate(
        [
            np.einsum("st,stk->sk", weight, is_kind),
            np.einsum("st,stk->sk", weight * right, is_kind),
            count[:, None] == np.arange(1, MOST + 1),
            (share * right).sum(axis=1, keepdims=True),
            (share * up).sum(axis=1, keepdims=True),
        ],
        axis=1,
    )


@dataclass(frozen=True, eq=False)
class Tuning:
    """What the voxels of late areas are tuned to, a row a voxel; rows of zeros where they are not.

    Parameters
    ----------
    kind : (unit, kind) array
        Weight of each of `KINDS`.
    right : (unit,) array
        How much more a thing counts at the right edge of the picture than in the middle; negative where the left counts more.
    count : (unit, 3) array
        Weight of one, two and three things.
    place : (unit, 2) array
        Weight of how far right and how far up things are.
    preferred : (unit, 2) str array
        What counts most: one kind, two kinds, "count" or "position"; padded with "".
    """

    kind: np.ndarray
    right: np.ndarray
    count: np.ndarray
    place: np.ndarray
    preferred: np.ndarray

    def weights(self) -> np.ndarray:
        """Of the columns that `things` gives, (column, unit)."""
        return np.concatenate([self.kind, self.kind * self.right[:, None], self.count, self.place], axis=1).T


def tune(area: np.ndarray, shared: np.ndarray, hemisphere: np.ndarray, slow: np.ndarray, rng: np.random.Generator) -> Tuning:
    """Draw what each voxel prefers.

    Parameters
    ----------
    area : (unit,) str array
    shared : (unit,) str array
        For voxels of the belt, the late area whose preferences they share, or "" for none; else anything.
    hemisphere : (unit,) str array
    slow : (kind, unit) array
        Standard normal numbers that change slowly over the cortex, so that neighbours prefer alike.
    rng : numpy.random.Generator
    """
    units = len(area)
    own = np.where(area == "between", shared, area)
    varied = (slow.T + rng.standard_normal((units, len(KINDS)))) / np.sqrt(2)
    outward = np.where(hemisphere == "left", 1.0, -1.0)
    right = outward * np.array([CONTRALATERAL.get(str(name), 0.3) for name in own]) * rng.uniform(0.5, 1.5, units)
    chance = rng.random((units, 2))
    made = Tuning(
        np.zeros((units, len(KINDS))),
        np.zeros(units),
        np.zeros((units, len(COUNTS))),
        np.zeros((units, len(PLACES))),
        np.full((units, 2), "", dtype="<U16"),
    )
    for unit in np.flatnonzero(np.isin(area, [*LATE, "rest"]) | ((area == "between") & (shared != ""))).tolist():
        name = str(own[unit])
        if name == "IPS":
            _number_or_place(made, unit, varied[unit], outward[unit])
            continue
        two = chance[unit, 0] < TWO_PREFERENCES.get(str(area[unit]), TWO_ELSEWHERE)
        made.kind[unit], chosen = _weights(name, varied[unit], two, chance[unit, 1])
        made.preferred[unit, : len(chosen)] = chosen
        made.right[unit] = right[unit]
    return made


def _weights(area: str, varied: np.ndarray, two: bool, chance: float) -> tuple[np.ndarray, list[str]]:
    """Weights of the kinds in one voxel, and the one or two that stand out."""
    weights = np.array([PROFILES.get(area, {}).get(kind, 0.0) for kind in KINDS]) * np.exp(0.35 * varied)
    by_chance = [KINDS[at] for at in np.argsort(-varied)]
    own = FIRST.get(area) or KINDS
    elsewhere = {kind for name, kinds in FIRST.items() if name != area for kind in kinds}
    chosen = [next(kind for kind in by_chance if kind in own)]
    if two:
        others = [kind for kind in by_chance if kind in elsewhere and kind not in own]
        chosen.append(next(kind for kind in others or by_chance if kind not in chosen))
    top = max(weights.max(), 1.0)
    for rank, kind in enumerate(chosen):
        # above all others by a margin, the second a little below the first
        weights[KINDS.index(kind)] = top * (1.25 - 0.1 * rank * (1 + chance))
    return weights, chosen


def _number_or_place(made: Tuning, unit: int, varied: np.ndarray, outward: float) -> None:
    """An IPS voxel: tuned to a number of things on a log scale, or to where they are, mostly on the opposite side."""
    if varied[0] < 0:
        number = 1 + int(np.argmax(varied[1 : 1 + MOST]))
        made.count[unit] = np.exp(-(np.log2(np.arange(1, MOST + 1) / number) ** 2) / (2 * 0.6**2))
        made.preferred[unit, 0] = "count"
    else:
        angle = np.arctan(varied[1])
        made.place[unit] = [outward * np.cos(angle), np.sin(angle)]
        made.preferred[unit, 0] = "position"
