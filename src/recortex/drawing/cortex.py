"""Values and kinds of units on the inflated cortex: four views of each hemisphere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from recortex.drawing.colours import INK, Legend, Scale
from recortex.drawing.pictures import embedded
from recortex.fsaverage import HEMISPHERES, VERTICES, sheet

VIEWS = ("lateral", "medial", "ventral", "posterior")
REACH_MM = (4.0, 12.0)  # least and most that a unit is drawn wide, along the sheet
_CELL_MM = (220.0, 150.0)
_PX_PER_MM = 2.0  # twice as many as are shown
_LIGHTS = 32  # steps of brightness: few make small files, and none is seen
_BARE = 0.84  # grey where nothing is


def cortex_map(
    values: np.ndarray,
    hemisphere: np.ndarray,
    vertex: np.ndarray,
    label: str,
    low: float | None = None,
    high: float | None = None,
) -> str:
    """A number of each unit on the cortex.

    Units of one vertex are averaged. A vertex without units takes the value of the nearest one with units along the sheet, as far as
    units lie from each other, and is grey beyond; between vertices values are interpolated.

    Parameters
    ----------
    values : (unit,) array
        NaN where there is none.
    hemisphere : (unit,) str array
        left or right.
    vertex : (unit,) int array
        Of fsaverage5, from 0 in each hemisphere.
    label : str
        What is measured, with its unit.
    low, high : float, optional
        Ends of the colour bar.
    """
    scale = Scale.of(values, label, low, high)
    reach = _reach_mm(hemisphere, vertex)
    drawn = {}
    for side in HEMISPHERES:
        mine = hemisphere == side
        known = mine & np.isfinite(values)
        count = np.bincount(vertex[known], minlength=VERTICES)
        sums = np.bincount(vertex[known], values[known].astype(float), VERTICES)
        mean = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
        spread = _spread(mean, vertex[mine], side, reach)
        drawn[side] = [_painted(view, spread, scale) for view in _views(side)]
    return _laid_out(drawn, scale.key(), label)


def cortex_labels(
    labels: np.ndarray,
    hemisphere: np.ndarray,
    vertex: np.ndarray,
    label: str,
    order: Sequence[str] = (),
    colours: Mapping[str, str] | None = None,
) -> str:
    """What kind each unit is of, on the cortex: of each vertex the most frequent kind of its units.

    Parameters
    ----------
    labels : (unit,) str array
        Empty where a unit is of none.
    hemisphere, vertex
        As in `cortex_map`.
    label : str
        What they are kinds of.
    order : sequence of str, optional
        The order of the legend.
    colours : mapping of str to str, optional
        Colours of some kinds, as #rrggbb.
    """
    legend = Legend.of(labels, label, order, colours)
    codes, reach = legend.codes(labels), _reach_mm(hemisphere, vertex)
    drawn = {}
    for side in HEMISPHERES:
        mine = hemisphere == side
        votes = np.zeros((VERTICES, len(legend.names) + 1), int)
        np.add.at(votes, (vertex[mine], codes[mine]), 1)  # -1, none, is the last column
        code = np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
        spread = _spread(np.where((code < 0) | (code == len(legend.names)), np.nan, code), vertex[mine], side, reach)
        drawn[side] = [_painted(view, spread, legend) for view in _views(side)]
    return _laid_out(drawn, legend.key(), label)


@dataclass(frozen=True, eq=False)
class _View:
    """What a view of a hemisphere shows in each of its pixels that is not empty.

    Parameters
    ----------
    inside : (height, width) bool array
    corners : (pixel, 3) int array
        The vertices around each pixel inside.
    weight : (pixel, 3) array
        How near each is; they sum to 1.
    light : (pixel,) array
        How bright it is, 0 to 1: less in folds, and where it is turned away.
    """

    inside: np.ndarray
    corners: np.ndarray
    weight: np.ndarray
    light: np.ndarray


def _views(side: str) -> list[_View]:
    return [_view(side, name) for name in VIEWS]


@cache
def _view(side: str, name: str) -> _View:
    """Look at a hemisphere from far away, along one axis."""
    from PIL import Image, ImageDraw

    here, outward = sheet(side), -1.0 if side == "left" else 1.0
    # towards the eye, and what is right in the picture; up follows
    towards = {"lateral": (outward, 0, 0), "medial": (-outward, 0, 0), "ventral": (0, 0, -1), "posterior": (0, -1, 0)}[name]
    rightward = {"lateral": (0, outward, 0), "medial": (0, -outward, 0), "ventral": (0, outward, 0), "posterior": (1, 0, 0)}[name]
    eye, right = np.array(towards, dtype=float), np.array(rightward, dtype=float)
    up = np.cross(eye, right)
    width, height = (round(length * _PX_PER_MM) for length in _CELL_MM)
    flat = here.inflated @ np.stack([right, -up], axis=1)
    middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
    flat = (flat - middle) * _PX_PER_MM + [width / 2, height / 2]

    corner = here.inflated[here.faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    facing = np.flatnonzero(normal @ eye > 0)
    far_to_near = facing[np.argsort((corner[facing] @ eye).mean(axis=1))]
    image = Image.new("I", (width, height), -1)
    draw = ImageDraw.Draw(image)
    points = flat[here.faces]
    for face in far_to_near.tolist():
        draw.polygon([tuple(point) for point in points[face].tolist()], fill=face)
    face = np.asarray(image)
    inside = face >= 0
    row, column = np.nonzero(inside)
    one, two, three = points[face[inside]].transpose(1, 0, 2)
    at = np.stack([column, row], axis=1) + 0.5
    double = _cross(two - one, three - one)
    weight = np.stack([_cross(two - at, three - at), _cross(three - at, one - at), _cross(one - at, two - at)], axis=1)
    weight = np.maximum(weight / np.where(np.abs(double) > 1e-9, double, 1.0)[:, None], 0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)

    smooth = np.zeros_like(here.inflated)
    for place in range(3):
        np.add.at(smooth, here.faces[:, place], normal)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-9)
    lamp = eye + 0.35 * up
    lit = np.maximum(smooth @ (lamp / np.linalg.norm(lamp)), 0)
    corners = here.faces[face[inside]]
    deep = np.where(here.cortical, 1 / (1 + np.exp(-8 * here.depth)), 0.0)
    folded = np.sum(weight * deep[corners], axis=1)
    light = (0.6 + 0.4 * np.sum(weight * lit[corners], axis=1)) * (1 - 0.15 * folded)
    light = np.round(light * _LIGHTS) / _LIGHTS
    return _View(inside, corners, weight.astype(np.float32), light.astype(np.float32))


def _cross(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    return one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]


def _reach_mm(hemisphere: np.ndarray, vertex: np.ndarray) -> float:
    """How far a unit's value is drawn: units lie about that far from each other."""
    from scipy.spatial import cKDTree

    nearest = []
    for side in HEMISPHERES:
        taken = np.unique(vertex[hemisphere == side])
        if len(taken) > 1:
            middle = sheet(side).midsurface[taken]
            nearest.append(cKDTree(middle).query(middle, k=2)[0][:, 1])
    return float(np.clip(1.5 * np.percentile(np.concatenate(nearest), 75), *REACH_MM)) if nearest else REACH_MM[1]


def _spread(values: np.ndarray, vertex: np.ndarray, side: str, reach_mm: float) -> np.ndarray:
    """Values of all vertices, (vertex,), from those that have units: the nearest one's, or NaN."""
    from scipy.sparse.csgraph import dijkstra

    here, taken = sheet(side), np.unique(vertex)
    out = np.full(VERTICES, np.nan)
    if len(taken):
        distance, _, source = dijkstra(
            here.graph, directed=False, indices=taken, limit=reach_mm, min_only=True, return_predecessors=True
        )
        near = np.isfinite(distance)
        out[near] = values[source[near]]
    out[~here.cortical] = np.nan
    return out


def _painted(view: _View, values: np.ndarray, colours: Scale | Legend) -> np.ndarray:
    """A view with the values of its vertices, (height, width, 3)."""
    around = values[view.corners]
    known = np.isfinite(around)
    covered = (view.weight * known).sum(axis=1)
    some = covered > 0.5
    colour = np.full((len(covered), 3), _BARE, np.float32)
    if isinstance(colours, Legend):
        # the kind of the nearest vertex that has one
        nearest = np.where(known, view.weight, -1).argmax(axis=1)[some]
        colour[some] = colours.colour(around[some, nearest].astype(int))
    else:
        colour[some] = colours.colour((view.weight * np.where(known, around, 0)).sum(axis=1)[some] / covered[some])
    picture = np.ones((*view.inside.shape, 3), np.float32)
    picture[view.inside] = colour * view.light[:, None]
    return picture


def _laid_out(drawn: Mapping[str, Sequence[np.ndarray]], key: str, label: str) -> str:
    """The views of both hemispheres, the left one left, above their key."""
    width = round(_CELL_MM[0] * _PX_PER_MM / 2)
    halves = ""
    for side, pictures in drawn.items():
        views = dict(zip(VIEWS, pictures, strict=True))
        # both hemispheres turn the same way outwards, as if opened like a book
        order = VIEWS if side == "left" else ("medial", "lateral", "posterior", "ventral")
        cells = "".join(
            f'<figure style="margin:0;text-align:center">'
            f"{embedded(views[name], f'{label}: {side} hemisphere, {name} view', f'width:100%;max-width:{width}px')}"
            f'<figcaption style="font-size:12px;color:#5b6675;margin-top:-2px">{name}</figcaption></figure>'
            for name in order
        )
        grid = f'<div style="display:grid;grid-template-columns:1fr 1fr;gap:4px 12px">{cells}</div>'
        halves += (
            f'<div style="flex:1 1 320px;max-width:{2 * width + 12}px"><div style="font-size:13px;text-align:center;color:{INK}">'
            f"{side} hemisphere</div>{grid}</div>"
        )
    return (
        f'<div class="cortex"><div style="display:flex;flex-wrap:wrap;gap:10px 28px">{halves}</div>'
        f'<div style="margin-top:8px">{key}</div><div style="font-size:12px;color:#5b6675">Inflated cortex (fsaverage5), darker in '
        "its folds; grey where there is nothing to show.</div></div>"
    )
