"""The folder of a run: links to the results, the resolved pipeline, the scores as one table, the report."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recortex import keys
from recortex.pipeline.entries import Entries, dump
from recortex.pipeline.run import Branches
from recortex.scores.base import COLUMNS, UNIQUE, Scores
from recortex.stage import Stage


def lay_out(folder: Path, entries: Mapping[str, Entries], branches: Branches) -> Path:
    """Write a run's folder; what is up to date stays as it is.

    Parameters
    ----------
    folder : Path
        ``outputs/<pipeline>``.
    entries, branches : mapping by branch name
        The pipeline as resolved entries, and as nodes.

    Returns
    -------
    Path
        The report.
    """
    from recortex.report.page import write_report

    folder.mkdir(parents=True, exist_ok=True)
    texts = {branch: dump(one) for branch, one in entries.items()}
    for branch, nodes in branches.items():
        place = folder / branch if branch else folder
        place.mkdir(parents=True, exist_ok=True)
        _write(place / "pipeline.yaml", texts[branch])
        _link(place, nodes)
    report = folder / "report.html"
    state = _state(branches, texts)
    if report.is_file() and state in _head(report):
        return report
    rows = score_rows(branches)
    _write_csv(folder / "scores.csv", rows)
    write_report(report, folder.name, texts, branches, rows, state)
    return report


def score_rows(branches: Branches) -> list[dict[str, Any]]:
    """Every score of a run as a row of `COLUMNS`; with several branches, their group rows too.

    Raises
    ------
    ValueError
        Two rows would have the same name.
    """
    rows: list[dict[str, Any]] = []
    for branch, nodes in branches.items():
        for name, node in nodes.items():
            result = node.cached() if isinstance(node, Scores) else None
            if result is None:
                continue
            table = {column: result[column] for column in COLUMNS if column in result}
            for place in range(len(table["metric"])):
                row = {column: values[place].item() for column, values in table.items()}
                rows.append({"branch": branch, "stage": name, **row})
    rows += group_rows(rows) if len(branches) > 1 else []
    names = [tuple(row[column] for column in UNIQUE) for row in rows]
    if len(set(names)) < len(names):
        raise ValueError(f"two scores share {next(name for name in names if names.count(name) > 1)}")
    return [{column: row[column] for column in COLUMNS} for row in rows]


def group_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each score over branches: their mean, with a 95 % interval of Student's t over branches."""
    from scipy.stats import t

    same: dict[tuple, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        same[tuple(row[column] for column in UNIQUE[1:])].append(row)
    out = []
    for members in same.values():
        if len(members) < 2:
            continue
        values = np.array([row["value"] for row in members])
        half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        means = {column: float(np.mean([row[column] for row in members])) for column in ("value", "chance", "ceiling")}
        candidates = {row["candidates"] for row in members}
        splits = {row["split"] for row in members}
        out.append(
            dict(members[0])
            | means
            | {
                "branch": "group",
                "low": means["value"] - half,
                "high": means["value"] + half,
                "p": float("nan"),
                "n": len(members),
                "n_unit": "branch",
                "candidates": candidates.pop() if len(candidates) == 1 else 0,
                "split": splits.pop() if len(splits) == 1 else "differs between branches",
            }
        )
    return out


def _link(place: Path, nodes: Mapping[str, Any]) -> None:
    wanted = {}
    for name, node in nodes.items():
        result = node.cached() if isinstance(node, Stage) else None
        if result is not None:
            wanted[f"{name}.h5"] = result.path
    for old in place.glob("*.h5"):
        if old.is_symlink() and old.name not in wanted:
            old.unlink()
    for name, target in wanted.items():
        link = place / name
        if link.is_symlink() and os.readlink(link) == str(target):
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _state(branches: Branches, texts: Mapping[str, str]) -> str:
    """Changes whenever the report would."""
    import recortex

    made = [
        [branch, name, node.key(), node.cached() is not None if isinstance(node, Stage) else None]
        for branch, nodes in branches.items()
        for name, node in nodes.items()
    ]
    return keys.digest([recortex.__version__, made, texts])


def _head(report: Path) -> str:
    with open(report, encoding="utf-8") as handle:
        return handle.read(500)


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        for row in rows:
            # an empty cell for "does not apply", as in every other table of the field
            writer.writerow({name: "" if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()})
