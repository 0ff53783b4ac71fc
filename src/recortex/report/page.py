"""One HTML file of everything a run left."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recortex.provenance import git_state, versions
from recortex.stage import Figure, Node, Result, Source, Stage, first_line

PARTS = (
    ("pictures", "Pictures", "What was seen, and what was decoded from responses that the decoder had not been fitted on."),
    ("encoding", "Encoding", "How well responses are predicted from stimuli, in trials that the encoder had not been fitted on."),
)
MEANINGS = {
    "unit_correlation": "Pearson correlation between predicted and measured responses of one unit over held-out trials; summarised over "
    "units by mean, median (p50) or 95th percentile (p95).",
    "pixel_correlation": "Pearson correlation between the pixels of a decoded picture and of the seen one, averaged over pictures.",
    "ssim": "Structural similarity in two dimensions (Gaussian window, sigma 1.5), averaged over pictures; 1 is identity.",
    "two_way_identification": "How often a decoded picture resembles the seen picture more than another one, over all pairs; 0.5 is "
    "guessing. by_stimulus: a seen picture among the decoded ones. within_category: only against pictures of the same category; "
    "within_fold: only against those of the same fold, where alone a picture retrieved from the training set compares fairly.",
    "top1_retrieval": "How often the seen picture is the most similar of all candidates.",
    "accuracy": "Share of trials whose category is named correctly.",
}


def write_report(
    path: Path,
    title: str,
    texts: Mapping[str, str],
    branches: Mapping[str, Mapping[str, Node]],
    rows: Sequence[Mapping[str, Any]],
    state: str,
) -> None:
    """Write the report of a run.

    Parameters
    ----------
    path : Path
    title : str
        Name of the pipeline.
    texts : mapping of str to str
        The resolved pipeline of each branch, as YAML.
    branches : mapping of str to mapping of str to Node
        Nodes by entry name.
    rows : sequence of mappings
        The table of scores.
    state : str
        A digest that the page carries, to know later whether it is still right.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    page = Environment(loader=PackageLoader("recortex", "report"), autoescape=True, undefined=StrictUndefined)
    done, missing = _results(branches)
    figures = _figures(done)
    parts = [(anchor, name, intro, [figure for figure in figures if figure.section == anchor]) for anchor, name, intro in PARTS]
    parts = [part for part in parts if part[3]]
    contents = [(anchor, name) for anchor, name, _, _ in parts]
    contents += [("scores", "All scores")] if rows else []
    contents += [("data", "Data"), ("asked", "What was asked"), ("versions", "Versions")]
    sources = list(dict.fromkeys(source for _, stage, _ in done for source in stage.sources()))
    used = {row["metric"] for row in rows}
    text = page.get_template("page.html").render(
        title=title.replace("_", " "),
        state=state,
        lead=_lead(sources, rows),
        contents=contents,
        parts=parts,
        scores=_score_groups(rows),
        units=" or ".join(sorted({counted(2, row["n_unit"])[2:] for row in rows})) or "stimuli",
        meanings=[(name, meaning) for name, meaning in MEANINGS.items() if name in used],
        sources=sources,
        data_figures=[figure for figure in figures if figure.section == "data"],
        texts=list(texts.items()),
        stages=[_stage_row(*item) for item in done],
        missing=", ".join(missing),
        versions=_versions(),
    )
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def _results(branches: Mapping[str, Mapping[str, Node]]) -> tuple[list[tuple[str, Stage, Result]], list[str]]:
    """Every distinct finished stage with its name, and the names of those that are not there."""
    done: dict[str, tuple[str, Stage, Result]] = {}
    missing = []
    for branch, nodes in branches.items():
        for name, node in nodes.items():
            if not isinstance(node, Stage):
                continue
            label = f"{name} ({branch})" if branch else name
            result = node.cached()
            if result is None:
                missing.append(label)
            else:
                done.setdefault(node.key(), (label, node, result))
    return list(done.values()), missing


def _figures(done: Sequence[tuple[str, Stage, Result]]) -> list[Figure]:
    figures = []
    for label, stage, result in done:
        for figure in stage.figures(result):
            figures.append(Figure(f"{label}: {figure.title}", figure.text, figure.html, figure.section))
    return figures


def _lead(sources: Sequence[Source], rows: Sequence[Mapping[str, Any]]) -> str:
    names = "; ".join(source.name for source in sources) or "no data"
    scored = f"{len(rows)} scores, each on trials that nothing was fitted on." if rows else "No scores were asked for."
    return f"{names}. {scored}"


def _number(value: float, digits: int = 3) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.{digits}f}"


PLURALS = {"stimulus": "stimuli"}


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(2, "stimulus"), counted(1, "branch")
    ('2 stimuli', '1 branch')
    """
    plural = PLURALS.get(noun, f"{noun}es" if noun.endswith("ch") else f"{noun}s")
    return f"{count} {noun if count == 1 else plural}"


def _score_groups(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one stage and branch under one heading, which says what they share."""
    groups: dict[tuple, list[Mapping[str, Any]]] = {}
    for row in rows:
        shared = tuple(row[column] for column in ("branch", "stage", "n", "n_unit", "averaging", "split", "protocol"))
        groups.setdefault(shared, []).append(row)
    out = []
    for (branch, stage, n, n_unit, averaging, split, protocol), members in groups.items():
        words = [counted(n, n_unit), averaging, split, f"protocol {protocol}" if protocol else ""]
        out.append(
            {
                "name": f"{stage} ({branch})" if branch else stage,
                "about": ", ".join(word for word in words if word),
                "rows": [_score_row(row) for row in members],
            }
        )
    return out


def _score_row(row: Mapping[str, Any]) -> dict[str, Any]:
    words = [row["metric"], row["summary"] if row["summary"] != "mean" else "", row["subset"], row["control"]]
    return {
        "score": " · ".join(word for word in words if word),
        "value": _number(row["value"]),
        "interval": "–" if math.isnan(row["low"]) else f"{_number(row['low'])} to {_number(row['high'])}",
        "chance": _number(row["chance"]),
        "p": _number(row["p"], 4),
        "ceiling": _number(row["ceiling"]),
        "candidates": row["candidates"] or "–",
    }


def _stage_row(name: str, stage: Stage, result: Result) -> dict[str, str]:
    return {
        "name": name,
        "type": stage.type_name(),
        "about": first_line(type(stage)),
        "size": human_bytes(result.path.stat().st_size),
    }


def human_bytes(count: float) -> str:
    """Bytes as a person says them.

    >>> human_bytes(4_300_000)
    '4.3 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _versions() -> str:
    words = [f"{name} {number}" for name, number in versions().items()]
    state = git_state()
    if state:
        words.append(f"commit {state['commit'][:12]}{' (modified)' if state['modified'] else ''}")
    return ", ".join(words)
