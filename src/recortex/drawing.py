"""Figures as HTML that stands alone: pictures as embedded PNG, plots as SVG. Stages use these in `figures`."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import Any

import numpy as np

INK = "#1f2a37"
BLUE = "#2563a8"
ORANGE = "#d9730d"
GREY = "#8a94a3"


def png(picture: np.ndarray, alt: str, side: int = 96) -> str:
    """An ``<img>`` of a picture.

    Parameters
    ----------
    picture : (height, width, channel) array
        0 to 1, one or three channels.
    alt : str
        What it shows, for those who cannot see it.
    side : int
        Height in CSS pixels; small pictures are enlarged without smoothing.
    """
    from PIL import Image

    values = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)
    if max(image.size) > 256:
        image.thumbnail((256, 256))
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" height="{side}" loading="lazy">'


def picture_sheet(rows: Sequence[np.ndarray], names: Sequence[str], columns: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Rows of pictures under each other, column by column the same stimulus.

    Parameters
    ----------
    rows : sequence of (column, height, width, channel) arrays
        0 to 1.
    names : sequence of str
        What each row shows: "seen", "decoded".
    columns : sequence of str
        Names of the stimuli.
    notes : sequence of str, optional
        A line below each column.
    """
    cells = []
    for column, name in enumerate(columns):
        images = "".join(png(row[column], f"{kind}: {name}") for row, kind in zip(rows, names, strict=True))
        note = f"<figcaption>{html.escape(str(notes[column]))}</figcaption>" if len(notes) else ""
        cells.append(f"<figure>{images}{note}</figure>")
    labels = "".join(f"<span>{html.escape(name)}</span>" for name in names) if len(names) > 1 else ""
    head = f'<div class="labels" aria-hidden="true">{labels}</div>' if labels else ""
    return f'<div class="sheet">{head}<div class="columns">{"".join(cells)}</div></div>'


def _svg(figure: object) -> str:
    import matplotlib.pyplot as plt

    buffer = StringIO()
    # no metadata: a report names no address that a figure does not need
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with plt.rc_context({"svg.fonttype": "path", "svg.hashsalt": "recortex"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata=nothing)  # type: ignore[attr-defined]
    plt.close(figure)  # type: ignore[arg-type]
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _axes(width: float, height: float) -> tuple:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    style: Any = {
        "font.size": 10,
        "axes.edgecolor": GREY,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with plt.rc_context(style):
        return plt.subplots(figsize=(width, height))


def histogram(values: np.ndarray, x_label: str, y_label: str, marks: Mapping[str, float], null: np.ndarray | None = None) -> str:
    """A histogram as SVG.

    Parameters
    ----------
    values : (n,) array
    x_label, y_label : str
    marks : mapping of str to float
        Vertical lines and what they are.
    null : (m,) array, optional
        The same quantity where there is nothing to find, drawn behind in grey on the same scale.
    """
    figure, axes = _axes(6.4, 2.6)
    both = values if null is None else np.concatenate([values, null])
    edges = np.linspace(both.min(), both.max(), 61)
    if null is not None:
        weights = np.full(len(null), len(values) / len(null))
        axes.hist(null, edges, weights=weights, color=GREY, alpha=0.45, label="pairs permuted")
    axes.hist(values, edges, color=BLUE, alpha=0.85, label="measured")
    for (name, place), dash in zip(marks.items(), ("-", "--", ":", "-."), strict=False):
        axes.axvline(place, color=ORANGE, linestyle=dash, linewidth=1.4, label=f"{name} {place:.2f}")
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _svg(figure)


def matrix(values: np.ndarray, rows: Sequence[str], columns: Sequence[str], x_label: str, y_label: str) -> str:
    """A matrix of shares as shaded cells with their numbers, as SVG.

    Parameters
    ----------
    values : (row, column) array
        0 to 1.
    rows, columns : sequence of str
    x_label, y_label : str
    """
    side = 1.6 + 0.5 * len(columns)
    figure, axes = _axes(side + 0.6, side)
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(rows)):
        for column in range(len(columns)):
            if values[row, column] >= 0.005:
                colour = "white" if values[row, column] > 0.6 else INK
                axes.text(column, row, f"{values[row, column]:.2f}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return _svg(figure)


@dataclass(frozen=True)
class Rung:
    """One rung of a ladder: a value with its interval, NaN where there is none."""

    name: str
    value: float
    low: float
    high: float


def ladder(rungs: Sequence[Rung], real: str, label: str) -> str:
    """A value among its controls, from the lowest to the highest, as SVG.

    Parameters
    ----------
    rungs : sequence of Rung
        From the bottom up.
    real : str
        The name of the rung that is no control; a line through it makes the others easy to compare.
    label : str
        What is measured.
    """
    figure, axes = _axes(4.6, 0.55 + 0.3 * len(rungs))
    for place, rung in enumerate(rungs):
        colour = BLUE if rung.name == real else GREY
        if np.isfinite(rung.low):
            axes.plot([rung.low, rung.high], [place, place], color=colour, linewidth=3, alpha=0.5, solid_capstyle="butt")
        axes.plot(rung.value, place, "o", color=colour, markersize=7 if rung.name == real else 5)
        axes.annotate(f"{rung.value:.2f}", (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=INK)
        if rung.name == real:
            axes.axvline(rung.value, color=BLUE, linewidth=0.8, alpha=0.5, zorder=0)
    axes.set_yticks(range(len(rungs)), [rung.name for rung in rungs])
    for tick, rung in zip(axes.get_yticklabels(), rungs, strict=True):
        if rung.name == real:
            tick.set_fontweight("bold")
    axes.set_ylim(-0.6, len(rungs) - 0.4)
    axes.margins(x=0.06)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label)
    return _svg(figure)
