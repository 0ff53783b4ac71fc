"""One HTML file of everything a run left."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recortex import disk
from recortex.audit.base import Finding
from recortex.audit.fits import audited
from recortex.errors import RecortexError
from recortex.provenance import git_state, versions
from recortex.report.scores import CONTROLS, MEANINGS, counted, score_groups
from recortex.scores.base import Scores
from recortex.stage import Figure, Node, Result, Source, Stage, first_line

PARTS = (
    ("pictures", "Pictures", "What was seen, and what was decoded from responses that the decoder had not been fitted on."),
    ("categories", "Categories", "Which category was seen, named from responses that the classifier had not been fitted on."),
    ("models", "Models", "What was trained, and what it can do on scenes that it was not trained on."),
    ("encoding", "Encoding", "How well responses are predicted from stimuli, in trials that the encoder had not been fitted on."),
    (
        "selectivity",
        "Selectivity",
        "What single units stand for, in words, and whether that holds for pictures never fitted on.",
    ),
)


def write_report(
    path: Path,
    title: str,
    texts: Mapping[str, str],
    branches: Mapping[str, Mapping[str, Node]],
    rows: Sequence[Mapping[str, Any]],
    audits: Sequence[tuple[str, Sequence[Finding]]],
    failed: Sequence[tuple[str, str]],
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
    audits : sequence of (str, findings)
        What the audits found, fit by fit.
    failed : sequence of (str, str)
        Stages that failed or were refused by an audit, and why.
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
    contents += ([("scores", "Scores")] if rows else []) + ([("audit", "Audit")] if audits else [])
    contents += [("data", "Data"), ("asked", "What was asked"), ("versions", "Versions")]
    sources = list(dict.fromkeys(source for _, stage, _ in done for source in stage.sources()))
    used = {row["metric"] for row in rows}
    text = page.get_template("page.html").render(
        title=title.replace("_", " "),
        state=state,
        lead=_lead(sources, rows, any(isinstance(node, Scores) for nodes in branches.values() for node in nodes.values())),
        contents=contents,
        parts=parts,
        scores=score_groups(rows),
        audits=audits,
        units=" or ".join(sorted({counted(2, row["n_unit"])[2:] for row in rows if row["low"] == row["low"]})) or "stimuli",
        meanings=[(name, meaning) for name, meaning in MEANINGS.items() if name in used],
        controls=[(name, meaning) for name, meaning in CONTROLS.items() if name in {row["control"] for row in rows}],
        sources=sources,
        data_figures=[figure for figure in figures if figure.section == "data"],
        texts=list(texts.items()),
        stages=[_stage_row(*item) for item in done],
        missing=", ".join(missing),
        failed=failed,
        versions=_versions(),
    )
    disk.write_whole(path, text, lasting=False)


def _results(branches: Mapping[str, Mapping[str, Node]]) -> tuple[list[tuple[str, Stage, Result]], list[str]]:
    """Every distinct finished stage with its name, and the names of those that are not there."""
    done: dict[str, tuple[str, Stage, Result]] = {}
    missing = []
    for branch, nodes in branches.items():
        for name, node in nodes.items():
            if not isinstance(node, Stage):
                continue
            label = f"{name} ({branch})" if branch else name
            result = audited(node)
            if result is None:
                missing.append(label)
            else:
                done.setdefault(node.key(), (label, node, result))
    return list(done.values()), missing


def _figures(done: Sequence[tuple[str, Stage, Result]]) -> list[Figure]:
    figures = []
    for label, stage, result in done:
        try:
            drawn = stage.figures(result)
        except (RecortexError, OSError):  # of reading: whoever asked for the report knows what to do
            raise
        except Exception as error:  # what was computed is worth more than its picture
            words = str(error).strip() or type(error).__name__
            logging.getLogger("recortex").warning("%s: its figures could not be drawn: %s", label, words)
            drawn = [Figure("not drawn", f"Its figures could not be drawn: {words}", "", "data")]
        figures += [Figure(f"{label}: {figure.title}", figure.text, figure.html, figure.section) for figure in drawn]
    return figures


def _lead(sources: Sequence[Source], rows: Sequence[Mapping[str, Any]], asked: bool) -> str:
    names = "; ".join(source.name for source in sources) or "no data"
    scored = "There are no scores; what failed is told below." if asked else "No scores were asked for."
    if rows:
        scored = f"{len(rows)} scores, each on trials that nothing was fitted on."
    return f"{names}. {scored}"


def _stage_row(name: str, stage: Stage, result: Result) -> dict[str, str]:
    return {
        "name": name,
        "type": stage.type_name(),
        "about": first_line(type(stage)),
        "size": human_bytes(result.nbytes),
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
