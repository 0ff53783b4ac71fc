"""What a run looks like in a terminal, and in a log file, where nothing moves."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from recortex.audit.fits import in_words
from recortex.errors import InvalidInput, listed
from recortex.pipeline.plan import Plan
from recortex.pipeline.run import Outcome, Task, Watcher, failures
from recortex.report.page import human_bytes
from recortex.scores.base import Scores

MARKS = {"ok": "[green]ok[/]", "cached": "[blue]cached[/]", "failed": "[red]failed[/]", "skipped": "[yellow]skipped[/]"}
QUIET_S = 20.0  # a log file hears of a running stage this often


@contextmanager
def watcher() -> Iterator[Watcher]:
    """A watcher for wherever the output goes: a live line in a terminal, plain lines in a file."""
    console = Console()
    watching: Watcher
    with _warnings_to(console):
        if console.is_terminal:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[count]}"),
            )
            with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
                watching = _Terminal(progress)
                yield watching
        else:
            yield _Log(console)


@contextmanager
def _warnings_to(console: Console) -> Iterator[None]:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            console.print(f"  [yellow]note[/]     {record.getMessage()}", highlight=False, soft_wrap=True)

    handler = Handler(logging.WARNING)
    logger = logging.getLogger("recortex")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Terminal(Watcher):
    def __init__(self, progress: Progress):
        self.progress = progress
        self.lines: dict[str, Any] = {}
        self.said: dict[str, str] = {}

    def begins(self, task: Task, number: int, total: int) -> None:
        self.lines[task.key] = self.progress.add_task(task.name, total=None, count="")

    def steps(self, task: Task, what: str, done: int, total: int | None) -> None:
        self.progress.update(self.lines[task.key], completed=done, total=total, count=f"{done}/{total or '?'} {what}")

    def ends(self, outcome: Outcome, number: int, total: int) -> None:
        if outcome.task.key in self.lines:
            self.progress.remove_task(self.lines.pop(outcome.task.key))
        if outcome.status != "cached":
            self.progress.console.print(_line(outcome, self.said), highlight=False, soft_wrap=True)


class _Log(Watcher):
    def __init__(self, console: Console):
        self.console, self.spoke = console, time.monotonic()
        self.said: dict[str, str] = {}

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)
        self.console.file.flush()
        self.spoke = time.monotonic()

    def steps(self, task: Task, what: str, done: int, total: int | None) -> None:
        if time.monotonic() - self.spoke > QUIET_S:
            self._say(f"{time.strftime('%H:%M:%S')}  …        {task.name}: {done}/{total or '?'} {what}")

    def ends(self, outcome: Outcome, number: int, total: int) -> None:
        if outcome.status != "cached":
            self._say(f"{time.strftime('%H:%M:%S')}{_line(outcome, self.said)}")


def _line(outcome: Outcome, said: dict[str, str]) -> str:
    """How a task ended; `said` is who failed with a message first, and the others only refer to."""
    head = f"  {MARKS[outcome.status]}{' ' * (9 - len(outcome.status))}{outcome.task.name}"
    if outcome.status == "ok":
        return f"{head}  [dim]{outcome.task.stage.type_name()}, {outcome.seconds:.1f} s, {human_bytes(outcome.bytes)}[/]"
    if outcome.status == "failed" and (first := said.setdefault(outcome.message, outcome.task.name)) != outcome.task.name:
        return f"{head}: for the same reason as {first}"
    return f"{head}: {_plain(outcome.message)}" if outcome.message else head


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def closing_table(outcomes: Sequence[Outcome], report: Path) -> None:
    """What was done, in four lines or fewer."""
    console = Console()
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name, justify in (("", "left"), ("stages", "right"), ("time", "right"), ("size", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for status, mark in MARKS.items():
        some = [outcome for outcome in outcomes if outcome.status == status]
        if some:
            seconds = sum(outcome.seconds for outcome in some)
            size = sum(outcome.bytes for outcome in some)
            table.add_row(mark, str(len(some)), f"{seconds:.1f} s", human_bytes(size) if size else "")
    console.print(table)
    for names, message in failures(outcomes):
        console.print(f"[red]failed[/]  {_plain(names)}: {_plain(message)}", highlight=False, soft_wrap=True)
    finished = [
        outcome.task for outcome in outcomes if outcome.status in ("ok", "cached") and isinstance(outcome.task.stage, Scores)
    ]
    verdicts = [(task.name, verdict) for task in finished if (verdict := in_words(task.stage)) not in ("", "clean")]
    _print_audit(console, "audit   ", verdicts)
    console.print(f"report  {report}", highlight=False, soft_wrap=True)


def _print_audit(console: Console, head: str, verdicts: Sequence[tuple[str, str]]) -> None:
    """What the audit says of stages, those of one verdict in one line."""
    for verdict in dict.fromkeys(verdict for _, verdict in verdicts):
        stages = dict.fromkeys(stage for stage, said in verdicts if said == verdict)
        told = "" if verdict == "clean" else "; the report says what each means and what to do"
        console.print(f"{head}{', '.join(stages)}: {_plain(verdict)}{told}", highlight=False, soft_wrap=True)


def plan_table(name: str, plan: Plan) -> None:
    """What a run would do."""
    console = Console()
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), title=None)
    for column, justify in (("entry", "left"), ("type", "left"), ("state", "left"), ("disk", "right"), ("memory", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    colours = {"cached": "blue", "to do": "default", "missing": "red"}
    for item in plan.items:
        table.add_row(
            item.name,
            item.type,
            f"[{colours[item.state]}]{item.state}[/]",
            human_bytes(item.disk) if item.disk else "?",
            human_bytes(item.memory) if item.memory else "" if item.state == "cached" else "?",
        )
    console.print(table)
    said: set[str] = set()
    for item in plan.items:
        if item.reason and item.reason not in said:  # of those that need the same missing file, the first says so
            said.add(item.reason)
            console.print(f"[red]missing[/]  {item.name}: {_plain(item.reason)}", highlight=False, soft_wrap=True)
    console.print(plan.summary(), highlight=False, soft_wrap=True)
    if shortage := plan.shortage():
        console.print(f"[red]no room[/]  {_plain(shortage)}", highlight=False, soft_wrap=True)
    for source in plan.sources:
        console.print(f"data     {source.name}; licence: {source.licence}", highlight=False, soft_wrap=True)
        for caveat in source.caveats:
            console.print(f"         {caveat}", highlight=False, soft_wrap=True)


def score_table(folder: Path, controls: bool = False) -> None:
    """The scores of a run's folder; with `controls` every rung of the null ladder too, and what each score has beyond it.

    Raises
    ------
    InvalidInput
        There are none.
    """
    path = folder / "scores.csv"
    if not folder.exists():
        raise InvalidInput(f"there is no folder {folder}; name the one that `recortex run` wrote, as in outputs/first_light")
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is a file; name the folder that `recortex run` wrote, as in outputs/first_light")
    if not path.is_file():
        below = sorted(str(table.parent) for table in folder.glob("*/scores.csv"))
        name = "the folder that `recortex run` wrote, as in outputs/first_light"
        if below:
            name = f"{'one of ' if below[1:] else ''}{listed(below)}"
        raise InvalidInput(f"{folder} holds no scores.csv; name {name}")
    with open(path, newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    if not rows:
        raise InvalidInput(
            f"{path} holds no scores: the pipeline asks for none, or its score stages failed; add a score, as EncodingScores, or run it "
            "again to see what failed"
        )
    branched = any(row["branch"] for row in rows)
    columns = (["branch"] if branched else []) + [
        "stage",
        "score",
        "value",
        "95 % interval",
        "chance",
        "p",
        "ceiling",
        "n",
        "candidates",
    ]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        right = column in ("value", "95 % interval", "chance", "p", "ceiling", "n", "candidates")
        table.add_column(column, justify="right" if right else "left", no_wrap=column not in ("stage", "score"))
    for row in rows:
        if controls or not row["control"]:
            table.add_row(*([row["branch"]] if branched else []), row["stage"], *_cells(row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # a pipe has no width to fit into
    console.print(table)
    if not controls and any(row["control"] for row in rows):
        console.print("controls  `recortex show --controls` sets every score beside them", highlight=False, soft_wrap=True)
    _print_audit(console, "audit     ", [(row["stage"], row["audit"]) for row in rows if row["audit"]])
    console.print(f"report    {folder / 'report.html'}", highlight=False, soft_wrap=True)


def _cells(row: dict[str, Any]) -> list[str]:
    control = f"minus {row['control']}" if row["summary"] == "difference" else row["control"]
    summary = row["summary"] if row["summary"] not in ("mean", "difference") else ""
    words = [row["metric"], summary, row["subset"], control]

    def number(name: str, digits: int = 3) -> str:
        return f"{float(row[name]):.{digits}f}" if row[name] else "–"

    interval = f"{number('low')} – {number('high')}" if row["low"] else "–"
    candidates = row["candidates"] if row["candidates"] != "0" else "–"
    score = " ".join(word for word in words if word)
    return [
        score,
        f"[bold]{number('value')}[/]",
        interval,
        number("chance"),
        number("p", 4),
        number("ceiling"),
        row["n"],
        candidates,
    ]
