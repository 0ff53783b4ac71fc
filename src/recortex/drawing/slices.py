"""Values and kinds of voxels in axial slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recortex.drawing.colours import INK, Legend, Scale
from recortex.drawing.pictures import embedded

MOST = 10  # slices
_HEIGHT = 190  # CSS pixels that a slice is high at most
_NOTHING, _AIR = 0.9, 0.0  # grey of a voxel that is no unit, under colours and under greys


def slice_map(
    values: np.ndarray,
    voxel: np.ndarray,
    affine: np.ndarray,
    grid: np.ndarray,
    label: str,
    low: float | None = None,
    high: float | None = None,
    colour_map: str = "inferno",
) -> str:
    """A number of each unit in axial slices, left on the left.

    Parameters
    ----------
    values : (unit,) array
        NaN where there is none.
    voxel : (unit, 3) int array
        Indices i, j, k.
    affine : (4, 4) array
        Indices to millimetres: x right, y anterior, z up.
    grid : (3,) int array
        Number of voxels along i, j, k.
    label : str
        What is measured, with its unit.
    low, high : float, optional
        Ends of the colour bar.
    colour_map : str
        As of `Scale`.
    """
    scale = Scale.of(values, label, low, high, colour_map)
    return _mosaic(np.asarray(values, dtype=float), scale, voxel, affine, grid, label)


def slice_labels(
    labels: np.ndarray,
    voxel: np.ndarray,
    affine: np.ndarray,
    grid: np.ndarray,
    label: str,
    order: Sequence[str] = (),
    colours: Mapping[str, str] | None = None,
) -> str:
    """What kind each unit is of, in axial slices, left on the left.

    Parameters
    ----------
    labels : (unit,) str array
        Empty where a unit is of none.
    voxel, affine, grid
        As in `slice_map`.
    label, order, colours
        As in `cortex_labels`.
    """
    legend = Legend.of(labels, label, order, colours)
    codes = legend.codes(labels)
    return _mosaic(np.where(codes < 0, np.nan, codes), legend, voxel, affine, grid, label)


def _mosaic(
    values: np.ndarray, colours: Scale | Legend, voxel: np.ndarray, affine: np.ndarray, grid: np.ndarray, label: str
) -> str:
    image, edges, z_mm = _upright(values, voxel, affine, grid)
    units = np.flatnonzero(np.isfinite(image).any(axis=(0, 1)))
    if not len(units):
        units = np.arange(image.shape[2])
    chosen = units[np.unique(np.linspace(0, len(units) - 1, min(MOST, len(units)) + 2).round().astype(int)[1:-1])]
    known = np.isfinite(image)
    # one frame for all slices, with a voxel of air
    spans = []
    for axis in (0, 1):
        held = np.flatnonzero(known.any(axis=tuple({0, 1, 2} - {axis})))
        first, last = (held[0], held[-1]) if len(held) else (0, image.shape[axis] - 1)
        spans.append(slice(max(first - 1, 0), min(last + 2, image.shape[axis])))
    image, known = image[tuple(spans)], known[tuple(spans)]
    wide, high = (image.shape[axis] * edges[axis] for axis in (0, 1))
    zoom = min(_HEIGHT / high, 220 / wide)
    size = f"width:{wide * zoom:.0f}px;height:{high * zoom:.0f}px;image-rendering:pixelated;border-radius:3px"
    nothing = _AIR if isinstance(colours, Scale) and colours.colour_map == "gray" else _NOTHING
    cells = ""
    for level in chosen.tolist():
        picture = np.full((*image.shape[:2], 3), nothing, np.float32)
        some = known[:, :, level]
        flat = image[:, :, level][some]
        picture[some] = colours.colour(flat.astype(int) if isinstance(colours, Legend) else flat)
        # the first axis of the image runs to the right of the page, the second up
        upright = picture.transpose(1, 0, 2)[::-1]
        place = f"z = {z_mm[level]:.0f} mm".replace("-", "\u2212")
        cells += (
            f'<figure style="margin:0;text-align:center">{embedded(upright, f"{label}: axial slice at {place}", size)}'
            f'<figcaption style="font-size:12px;color:#5b6675">{place}</figcaption></figure>'
        )
    return (
        f'<div class="slices"><div style="display:flex;flex-wrap:wrap;gap:8px">{cells}</div>'
        f'<div style="font-size:13px;color:{INK};margin:6px 0">Axial slices seen from above: left is left, the front is up.</div>'
        f"{colours.key()}</div>"
    )


def _upright(
    values: np.ndarray, voxel: np.ndarray, affine: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The image with its axes turned to right, front and up, NaN where no unit is; edges of a voxel; height of each slice in mm."""
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    image = np.full(tuple(int(size) for size in grid), np.nan)
    image[tuple(voxel.T)] = values
    turn = io_orientation(affine)
    turned = affine @ inv_ornt_aff(turn, image.shape)
    image = apply_orientation(image, turn)
    middle = (np.array(image.shape) - 1) / 2
    levels = np.tile(middle, (image.shape[2], 1))
    levels[:, 2] = np.arange(image.shape[2])
    edges = np.linalg.norm(turned[:3, :3], axis=0)
    return image, edges, levels @ turned[2, :3] + turned[2, 3]
