"""The folder of a run: links to the results, the resolved pipeline, the scores as one table, the report."""

from __future__ import annotations

import csv
import io
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from recortex import disk, keys
from recortex.audit.base import Finding
from recortex.audit.fits import audited, audits_around, found, in_words
from recortex.data.base import Responses
from recortex.errors import InvalidInput
from recortex.fits.base import Fit
from recortex.pipeline.entries import Entries, dump
from recortex.pipeline.run import Branches
from recortex.scores.base import COLUMNS, UNIQUE, Scores
from recortex.stage import Stage, walk
from recortex.unfinished import is_abandoned

_DIFFERS = {"candidates": 0}


def lay_out(folder: Path, entries: Mapping[str, Entries], branches: Branches, failed: Sequence[tuple[str, str]] = ()) -> Path:
    """Write a run's folder; what is up to date stays as it is, what an earlier run left of other branches goes.

    Parameters
    ----------
    folder : Path
        ``outputs/<pipeline>``.
    entries, branches : mapping by branch name
        The pipeline as resolved entries, and as nodes.
    failed : sequence of (str, str)
        Stages that failed or were refused by an audit, and why.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    InvalidInput
        A file of somebody's stands where a link should.
    CannotWrite
        The disk is full, read-only, or gone.
    """
    texts = {branch: dump(entries[branch], nodes) for branch, nodes in branches.items()}
    disk.make_folder(folder, disk.OUTPUTS)
    with disk.refusals(folder, disk.OUTPUTS):
        return _lay_out(folder, texts, branches, failed)


def _lay_out(folder: Path, texts: Mapping[str, str], branches: Branches, failed: Sequence[tuple[str, str]]) -> Path:
    from recortex.report.page import write_report

    for place in (folder, *(path for path in folder.glob("*") if path.is_dir())):
        if (place.name if place != folder else "") not in branches:
            _clean(place)
    for branch, nodes in branches.items():
        place = folder / branch if branch else folder
        place.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        _write(place / "pipeline.yaml", texts[branch])
        _link(place, nodes)
    report, table = folder / "report.html", folder / "scores.csv"
    state = _state(branches, texts, failed)
    if report.is_file() and table.is_file() and f"{state} {_digest(table)}" in _head(report):
        return report
    rows = score_rows(branches)
    _write(table, _csv(rows))
    state = f"{state} {_digest(table)}"  # a report goes with the scores beside it
    write_report(report, folder.name, texts, branches, rows, audit_findings(branches), failed, state)
    return report


def audit_findings(branches: Branches) -> list[tuple[str, list[Finding]]]:
    """What the audits of every named fit found, each fit once."""
    out: dict[str, tuple[str, list[Finding]]] = {}
    for branch, nodes in branches.items():
        for name, node in nodes.items():
            if isinstance(node, Fit) and node.key() not in out and audited(node) is not None:
                out[node.key()] = (f"{name} ({branch})" if branch else name, found(audits_around(node)))
    return list(out.values())


def score_rows(branches: Branches) -> list[dict[str, Any]]:
    """Every audited score of a run as a row of `COLUMNS`; with several branches, their group rows too.

    Raises
    ------
    ValueError
        Two rows would have the same name.
    """
    rows: list[dict[str, Any]] = []
    for branch, nodes in branches.items():
        for name, node in nodes.items():
            result = audited(node) if isinstance(node, Scores) else None
            if result is None:
                continue
            table = {column: result[column] for column in COLUMNS if column in result}
            table["audit"] = np.full(len(table["metric"]), in_words(node))
            for place in range(len(table["metric"])):
                row = {column: values[place].item() for column, values in table.items()}
                rows.append({"branch": branch, "stage": name, **row})
    rows += group_rows(rows, branches) if len(branches) > 1 else []
    names = [tuple(row[column] for column in UNIQUE) for row in rows]
    if len(set(names)) < len(names):
        raise ValueError(f"two scores share {next(name for name in names if names.count(name) > 1)}")
    return [{column: row[column] for column in COLUMNS} for row in rows]


def group_rows(rows: Iterable[Mapping[str, Any]], branches: Branches) -> list[dict[str, Any]]:
    """A row for each score that differs between branches: its mean over them.

    It has a 95 % interval (Student's t over branches) only where every branch has a brain of its own: several analyses of one
    recording are no sample of anything. A column that is not the same in all branches says so.
    """
    from scipy.stats import t

    same: dict[tuple, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        same[tuple(row[column] for column in UNIQUE[1:])].append(row)
    out = []
    for members in same.values():
        stages = [branches[row["branch"]][row["stage"]] for row in members]
        if len({stage.key() for stage in stages}) < max(2, len(members)):
            continue  # shared by branches: it has its rows already
        means = {column: float(np.mean([row[column] for row in members])) for column in ("value", "chance", "ceiling")}
        low = high = float("nan")
        brains = {tuple(sorted(node.key() for node in walk(stage) if isinstance(node, Responses))) for stage in stages}
        if len(brains) == len(members):
            values = np.array([row["value"] for row in members])
            half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
            low, high = means["value"] - half, means["value"] + half
        shared = {
            column: members[0][column]
            if len({row[column] for row in members}) == 1
            else _DIFFERS.get(column, "differs between branches")
            for column in ("candidates", "unit", "split", "averaging", "audit")
        }
        fresh = {"branch": "group", "low": low, "high": high, "p": float("nan"), "n": len(members), "n_unit": "branch"}
        out.append(dict(members[0]) | means | shared | fresh)
    return out


def _clean(place: Path) -> None:
    """Take away what a run of other branches wrote into a folder: its links and its pipeline."""
    links = [path for path in place.glob("*.h5") if path.is_symlink()]
    for path in links:
        path.unlink(missing_ok=True)
    if links:
        (place / "pipeline.yaml").unlink(missing_ok=True)
        with suppress(OSError):  # not empty: what is a person's own stays
            place.rmdir()


def _link(place: Path, nodes: Mapping[str, Any]) -> None:
    wanted = {}
    for name, node in nodes.items():
        result = audited(node) if isinstance(node, Stage) else None
        if result is not None:
            wanted[f"{name}.h5"] = result.path
    for old in place.glob("*.h5"):
        if old.is_symlink() and old.name not in wanted:
            old.unlink(missing_ok=True)
    for name, target in wanted.items():
        link = place / name
        try:
            if os.readlink(link) == str(target):
                continue
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InvalidInput(
                f"{link} is not a link of recortex's; move it, or write to another folder with --outputs"
            ) from error
        link.unlink(missing_ok=True)
        with suppress(FileExistsError):  # another run lays out the same folder
            link.symlink_to(target)


def _sweep(place: Path) -> None:
    """Take away what a run that was killed left unfinished in a folder."""
    for path in place.glob(".*.tmp"):
        if is_abandoned(path):
            path.unlink(missing_ok=True)


def _state(branches: Branches, texts: Mapping[str, str], failed: Sequence[tuple[str, str]]) -> str:
    """Changes whenever the report would."""
    made = [
        [branch, name, node.key(), node.cached() is not None if isinstance(node, Stage) else None]
        for branch, nodes in branches.items()
        for name, node in nodes.items()
    ]
    seen = [audit.cached() is not None for nodes in branches.values() for node in nodes.values() for audit in audits_around(node)]
    return keys.digest([_code(), made, seen, texts, [list(item) for item in failed]])


def _code() -> list[list[Any]]:
    """The files that figures are drawn by, told apart as `make` does: by size and time."""
    import recortex

    root = Path(recortex.__file__).parent
    files = sorted(path for path in root.rglob("*") if path.suffix in (".py", ".html"))
    return [[path.relative_to(root).as_posix(), path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def _head(report: Path) -> str:
    with open(report, encoding="utf-8", errors="replace") as handle:
        return handle.read(500)


def _digest(table: Path) -> str:
    return keys.digest(table.read_text(encoding="utf-8", errors="replace"))


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
        disk.write_whole(path, text, lasting=False)


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        # an empty cell for "does not apply", as in every other table of the field
        writer.writerow({name: "" if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()})
    return text.getvalue()
