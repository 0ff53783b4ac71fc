"""Plots as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np

from recortex.drawing.colours import BLUE, GREY, INK, ORANGE

LINES, DASHES = (BLUE, ORANGE, GREY, INK, "#3a9b6f", "#b0559b", "#c9a227"), ("-", "--", ":")


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


def _axes(width: float, height: float, rows: int = 0) -> tuple:
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
        if rows:
            figure, axes = plt.subplots(rows, 1, figsize=(width, height), sharex=True, squeeze=False)
            return figure, axes[:, 0]
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
class Course:
    """What a unit did over time, and what it should have done; the latter may be empty."""

    name: str
    signal: np.ndarray
    planted: np.ndarray


def courses(time_s: np.ndarray, drawn: Sequence[Course], onset_s: np.ndarray, y_label: str) -> str:
    """Courses under each other on one clock, with a tick for every trial below them, as SVG.

    Parameters
    ----------
    time_s : (time,) array
    drawn : sequence of Course
        Each of as many values as there are times.
    onset_s : (trial,) array
    y_label : str
        What is drawn, with its unit.
    """
    figure, axes = _axes(9.6, 1.15 * len(drawn) + 0.8, rows=len(drawn))
    for place, (axis, course) in enumerate(zip(axes, drawn, strict=True)):
        axis.plot(time_s, course.signal, color=GREY, linewidth=1.0, label="recorded")
        if len(course.planted):
            axis.plot(time_s, course.planted, color=BLUE, linewidth=1.6, label="planted, without noise")
        axis.set_title(course.name, fontsize=9, loc="left", pad=2, color=INK)
        axis.margins(x=0.01)
        if place < len(drawn) - 1:
            axis.tick_params(axis="x", length=0, labelbottom=False)
            axis.spines["bottom"].set_visible(False)
    last = axes[-1]
    last.plot(
        onset_s,
        np.zeros(len(onset_s)),
        "|",
        transform=last.get_xaxis_transform(),
        color=ORANGE,
        markersize=9,
        label="trial",
        clip_on=False,
    )
    last.set_xlabel("seconds of the run")
    figure.supylabel(y_label, fontsize=10, color=INK)
    handles, names = last.get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, fontsize=9, loc="upper right", ncols=len(names), bbox_to_anchor=(0.99, 1.02))
    figure.tight_layout(h_pad=0.4)
    return _svg(figure)


def falling(step: np.ndarray, terms: Mapping[str, np.ndarray]) -> str:
    """Terms of a loss over the steps of a training, on a scale of ratios, as SVG.

    Parameters
    ----------
    step : (record,) array
    terms : mapping of str to (record,) array
    """
    figure, axis = _axes(7.2, 3.0)
    for number, (name, values) in enumerate(terms.items()):
        colour, dashes = LINES[number % len(LINES)], DASHES[number // len(LINES) % len(DASHES)]
        marker = "." if len(step) < 3 else ""
        axis.plot(step, values, color=colour, linestyle=dashes, linewidth=1.4, label=name, marker=marker)
    if all((values > 0).all() for values in terms.values()):
        axis.set_yscale("log")
    axis.set_xlim(left=0)
    axis.set_xlabel("steps")
    axis.set_ylabel("loss")
    axis.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
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
