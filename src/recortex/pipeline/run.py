"""Running a pipeline: each stage once, inputs first, in this process or on Dask workers; a failure stops its users, not the rest."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from recortex import keys, parts, store
from recortex.audit.fits import Audit, DataAudit, FitAudit, audits_around
from recortex.errors import DamagedFile, RecortexError, in_one_line
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
    user : str
        Who needs it first, for one that stands under no entry.
    """

    key: str
    stage: Stage
    names: list[str] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    user: str = ""

    @property
    def name(self) -> str:
        """How the task is called in progress and tables."""
        if self.names:
            return self.names[0]
        return f"{self.stage.type_name()} of {self.user}" if self.user else self.stage.type_name()


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
    unforeseen : bool
        Whether it is a mistake in recortex.
    """

    task: Task
    status: str
    seconds: float = 0.0
    bytes: int = 0
    message: str = ""
    error: BaseException | None = None
    unforeseen: bool = False


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
    users: dict[str, Task] = {}
    for task in found.values():
        if not isinstance(task.stage, Audit):
            users |= {key: task for key in task.needs - users.keys()}
    for task in reversed(found.values()):  # users before their inputs
        if user := users.get(task.key):
            task.user = user.name if user.names else user.user
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
    """The stages that failed or were refused, and why, those of one cause together; not those that only needed them."""
    names: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.status == "failed":
            names.setdefault(outcome.message, []).append(outcome.task.name)
    return [(", ".join(some), message) for message, some in names.items()]


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
                outcome = Outcome(task, "failed", message=in_one_line(error), error=error, unforeseen=_is_unforeseen(error))
        yield outcome


def _is_unforeseen(error: BaseException) -> bool:
    return not isinstance(error, RecortexError | MemoryError)


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
    unforeseen: bool = False


def on_worker(stage: Stage, name: str, root: Path, needs: Sequence[Any]) -> tuple[str, float, int] | Failure:
    """What a Dask worker does with a stage: its parts on all workers, then the stage itself; `needs` are the outcomes of its inputs."""
    for need in needs:
        if isinstance(need, Failure):
            return Failure(need.name, "skipped", f"needs {need.name}, which failed")
    try:
        with store.use(store.Store(root)), keys.settled():
            try:
                in_parts = stage.cached() is None and stage.tiling() is not None
            except DamagedFile as damage:  # an input; made again below, and the stage from it
                store.current().set_aside(damage)
                in_parts = False
            return _in_parts(stage, root) if in_parts else _make(stage, root)
    except Exception as error:
        return Failure(name, "failed", in_one_line(error), _is_unforeseen(error))


def _in_parts(stage: Stage, root: Path) -> tuple[str, float, int]:
    # held from the first part until they are joined: for other runs, which would make again what was joined and removed, and for
    # those who would take the parts for given up
    with store.current().lock(parts.folder(stage) / "all.h5", stage.type_name()):
        try:
            if stage.cached() is None:
                _parts_on_workers(stage, root)
        except DamagedFile as damage:  # an input; made again below, and the stage from it
            store.current().set_aside(damage)
        except FileNotFoundError:  # joined meanwhile by a run without workers; if not, raised again below
            pass
        made = _make(stage, root)
        shutil.rmtree(parts.folder(stage), ignore_errors=True)  # where another run had joined them, this lock stood there anew
        return made


def _parts_on_workers(stage: Stage, root: Path) -> None:
    tiling = stage.tiling()
    if tiling is None:
        return
    tiles = parts.settle(stage, tiling).tiles()
    if len(tiles) > 1:
        from distributed import worker_client

        with worker_client() as client:
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
        return Outcome(task, made.status, message=made.message, unforeseen=made.unforeseen)
    return Outcome(task, *made)
