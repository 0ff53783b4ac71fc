"""Receptive fields in the picture."""

from __future__ import annotations

import numpy as np

from recortex.drawing.colours import BLUE, GREY
from recortex.drawing.plots import _axes, _svg

MOST_POINTS = 3000


def field_map(x: np.ndarray, y: np.ndarray, size: np.ndarray, sizes: np.ndarray) -> str:
    """Centres coloured by polar angle, and a histogram of sizes, as SVG.

    Parameters
    ----------
    x, y, size : (unit,) arrays
        Centre from the left and from the top, and standard deviation, as shares of the picture.
    sizes : (candidate,) array
        Sizes that could be found, ascending; the bars stand at these.
    """
    figure, axes = _axes(6.4, 2.9)
    axes.remove()
    left, right = figure.add_axes((0.08, 0.12, 0.36, 0.8)), figure.add_axes((0.56, 0.2, 0.42, 0.68))
    some = slice(None, None, -(-len(x) // MOST_POINTS))
    direction = np.degrees(np.arctan2(0.5 - y, x - 0.5))
    nudge = np.random.default_rng(0).uniform(-0.3, 0.3, (2, len(x))) * size
    colours = {"c": direction[some], "cmap": "hsv", "vmin": -180, "vmax": 180}
    left.scatter((x + nudge[0])[some], (y + nudge[1])[some], s=9, alpha=0.8, linewidths=0, **colours)
    left.axhline(0.5, color=GREY, linewidth=0.6)
    left.axvline(0.5, color=GREY, linewidth=0.6)
    left.set(xlim=(0, 1), ylim=(1, 0), aspect="equal", xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    left.set(xlabel="from the left", ylabel="from the top")
    left.spines[["top", "right"]].set_visible(True)
    nearest = np.abs(np.log(size)[:, None] - np.log(sizes)).argmin(axis=1)
    right.bar(np.arange(len(sizes)), np.bincount(nearest, minlength=len(sizes)), color=BLUE, width=0.8)
    right.set(xlabel="size, share of the picture", ylabel="units", xticks=np.arange(len(sizes)))
    right.set_xticklabels([f"{value:.2g}" for value in sizes], fontsize=8)
    right.spines[["top", "right"]].set_visible(False)
    return _svg(figure)
