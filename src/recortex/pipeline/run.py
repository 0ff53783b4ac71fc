"""Running a pipeline: each stage once, inputs first, in this process or on Dask workers; a failure stops its users, not the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from recortex import keys, parts, store
from recortex.audit.fits import DataAudit, FitAudit, audits_around
from recortex.errors import DamagedFile, in_one_line
from recortex.fits.base import Fit
from recortex.pipeline.sites import Site
from recortex.progress import listen
from recortex.scores.base import Scores
from recortex.stage import Node, Stage, walk

Branches = Mapping[str, Mapping[str, Node]]


@dataclass
class Task:
    """One distinct stage of a run.

    Parameters
    ----------
    key : str
    stage : Stage
    names : list of str
        The entries it stands under, with their branch where there are several; empty for one that is only a default.
    needs : set of str
        Keys of its inputs.
    """

    key: str
    stage: Stage
    names: list[str] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """How the task is called in progress and tables."""
        return self.names[0] if self.names else self.stage.type_name()


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Parameters
    ----------
    task : Task
    status : "ok", "cached", "failed" or "skipped"
    seconds : float
    bytes : int
        Size of the result.
    message : str
        What went wrong, in one line.
    error : BaseException, optional
        The same, for ``--debug``.
    """

    task: Task
    status: str
    seconds: float = 0.0
    bytes: int = 0
    message: str = ""
    error: BaseException | None = None


class Watcher:
    """Hears what a run does; the command line draws it."""

    def begins(self, task: Task, number: int, total: int) -> None:
        """A task starts."""

    def steps(self, task: Task, what: str, done: int, total: int | None) -> None:
        """A running task has done some of its steps."""

    def ends(self, outcome: Outcome, number: int, total: int) -> None:
        """A task has ended."""


def tasks(branches: Branches) -> dict[str, Task]:
    """Every distinct stage of all branches by key, inputs before their users."""
    found: dict[str, Task] = {}
    for branch, nodes in branches.items():
        stages = [node for node in walk(*nodes.values()) if isinstance(node, Stage)]
        by_identity = {id(node): name for name, node in nodes.items()}
        for stage in stages:
            key = stage.key()
            task = found.setdefault(key, Task(key, stage, needs=set(stage.inputs())))
            if id(stage) in by_identity:
                name = by_identity[id(stage)]
                task.names.append(f"{name} ({branch})" if branch else name)
    found = _audited(found)
    for task in found.values():
        bare = {name.split(" (")[0] for name in task.names}
        if len(task.names) == len(branches) > 1 and len(bare) == 1:
            task.names = [f"{bare.pop()} (shared)"]
    return found


def _audited(found: dict[str, Task]) -> dict[str, Task]:
    """The same tasks with an audit before and after every fit: no fit starts before the first, no score before the second."""
    out: dict[str, Task] = {}
    for key, task in found.items():
        fit = task.stage
        if isinstance(fit, Fit):
            before, after = (
                found.get(audit.key())
                or Task(audit.key(), audit, [f"{what} of {name}" for name in task.names], set(audit.inputs()))
                for audit, what in ((DataAudit(fit=fit), "data audit"), (FitAudit(fit=fit), "audit"))
            )
            task.needs.add(before.key)
            out |= {before.key: before, key: task, after.key: after}
        elif isinstance(fit, Scores):
            task.needs |= {audit.key() for audit in audits_around(fit)}
            out[key] = task
        else:
            out.setdefault(key, task)
    return out


def run(branches: Branches, watcher: Watcher | None = None, site: Site | None = None) -> list[Outcome]:
    """Run every stage of a pipeline that has no result yet.

    Parameters
    ----------
    branches : mapping of str to mapping of str to Node
        Nodes by entry name, for each branch.
    watcher : Watcher, optional
        Hears of progress.
    site : Site, optional
        The Dask cluster to run on; without one it runs in this process.

    Returns
    -------
    list of Outcome
        One a distinct stage.
    """
    todo = tasks(branches)
    watcher = watcher or Watcher()
    ended = _on_dask(todo, watcher, site) if site else _here(todo, watcher)
    outcomes: dict[str, Outcome] = {}
    for number, outcome in enumerate(ended, 1):
        outcomes[outcome.task.key] = outcome
        watcher.ends(outcome, number, len(todo))
    return list(outcomes.values())


def failures(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """The stages that failed or were refused, and why; not those that only needed them."""
    return [(outcome.task.name, outcome.message) for outcome in outcomes if outcome.status == "failed"]


def _here(todo: dict[str, Task], watcher: Watcher) -> Iterator[Outcome]:
    failed: dict[str, str] = {}
    for number, task in enumerate(todo.values(), 1):
        if blocked := _blocked(task, todo, failed):
            failed[task.key] = blocked
            yield Outcome(task, "skipped", message=f"needs {blocked}, which failed")
            continue
        watcher.begins(task, number, len(todo))
        with listen(partial(watcher.steps, task)):
            try:
                outcome = Outcome(task, *_make(task.stage, store.current().root))
            except Exception as error:
                failed[task.key] = task.name
                outcome = Outcome(task, "failed", message=in_one_line(error), error=error)
        yield outcome


def _blocked(task: Task, todo: dict[str, Task], failed: dict[str, str]) -> str:
    return next((failed[key] for key in todo if key in task.needs and key in failed), "")


def _make(stage: Stage, root: Path) -> tuple[str, float, int]:
    """Run one stage whose inputs have run; the function that a worker receives."""
    with store.use(store.Store(root)):
        start = time.perf_counter()
        result, made = stage.obtain()
        seconds = time.perf_counter() - start
        return "ok" if made else "cached", seconds, result.path.stat().st_size


def _on_dask(todo: dict[str, Task], watcher: Watcher, site: Site) -> Iterator[Outcome]:
    from distributed import as_completed

    with site.client() as client:
        root = store.current().root
        futures: dict[str, Any] = {}
        for number, task in enumerate(todo.values(), 1):
            watcher.begins(task, number, len(todo))
            type_name = task.stage.type_name()
            futures[task.key] = client.submit(
                on_worker,
                task.stage,
                task.name,
                root,
                [futures[key] for key in task.needs],
                key=f"recortex-{task.key}",
                resources=site.resources.get(type_name),
            )
        by_future = {futures[key].key: task for key, task in todo.items()}
        for future in as_completed(futures.values()):
            yield _told(by_future[future.key], future)


@dataclass(frozen=True)
class Failure:
    """A stage that failed on a worker, as a value: Dask goes on with the stages that do not need it."""

    name: str
    status: str
    message: str


def on_worker(stage: Stage, name: str, root: Path, needs: Sequence[Any]) -> tuple[str, float, int] | Failure:
    """What a Dask worker does with a stage: its parts on all workers, then the stage itself; `needs` are the outcomes of its inputs."""
    for need in needs:
        if isinstance(need, Failure):
            return Failure(need.name, "skipped", f"needs {need.name}, which failed")
    try:
        with store.use(store.Store(root)), keys.settled():
            if stage.cached() is None:
                try:
                    _parts_on_workers(stage, root)
                except DamagedFile as damage:  # an input; made again below, and the stage from it
                    store.current().set_aside(damage)
                except FileNotFoundError:  # joined meanwhile by another run; if not, raised again below
                    pass
            return _make(stage, root)
    except Exception as error:
        return Failure(name, "failed", in_one_line(error))


def _parts_on_workers(stage: Stage, root: Path) -> None:
    tiling = stage.tiling()
    if tiling is None:
        return
    tiles = parts.settle(stage, tiling).tiles()
    if len(tiles) > 1:
        from distributed import worker_client

        # held from the first part to the last, for those who would take them for given up
        with store.current().lock(parts.folder(stage) / "all.h5", stage.type_name()), worker_client() as client:
            client.gather([client.submit(_part, stage, tile, tiling.dim, root, pure=False) for tile in tiles])


def _part(stage: Stage, tile: range, dim: str, root: Path) -> str:
    with store.use(store.Store(root)):
        return str(parts.make(stage, tile, dim))


def _told(task: Task, future: Any) -> Outcome:
    error = future.exception()
    if error is not None:  # not the stage's own: those come as values
        said = (
            "every worker that ran it died, most often for lack of memory; use fewer workers or jobs with more, then run again: what "
            f"is finished is kept ({type(error).__name__})"
        )
        return Outcome(task, "failed", message=said, error=error)
    made = future.result()
    if isinstance(made, Failure):
        return Outcome(task, made.status, message=made.message)
    return Outcome(task, *made)
