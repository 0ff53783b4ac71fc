"""Eight processes at once on one cache and one folder of outputs: each stage once where locks work, never damage where they do not."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.runs import FIRST_LIGHT, WAVES, Place, environment, prune, scratch, start
from faults.sound import Reference, identities
from faults.tally import Tally

WRITERS = 8
NO_LOCKS = """
import fcntl
def refuse(*_):
    raise OSError(38, "Function not implemented")
fcntl.flock = fcntl.lockf = refuse
"""


def writers(tally: Tally, trials: int, folder: Path) -> None:
    """With locks, without, with one that is killed, with one that prunes, and on Dask."""
    ways = {
        "eight writers": {},
        "eight without locks": {"locks": False},
        "eight, some killed": {"killed": 3},
        "eight and a pruner": {"prunes": True},
        "eight, pruner, no locks": {"prunes": True, "locks": False},
        "three with 2 workers each": {"count": 3, "more": ("--workers", "2")},
    }
    for pipeline in (FIRST_LIGHT, WAVES):
        kinds = {f"{way}, {pipeline.name}": settings for way, settings in ways.items() if tally.wanted(f"{way}, {pipeline.name}")}
        reference = Reference.make(pipeline, folder, workers=False) if kinds else None
        for kind, settings in kinds.items():
            for number in range(max(1, trials // 50)):
                trial = f"{kind}/{number}"
                if reference is not None and tally.wanted(trial):
                    with scratch() as here:
                        rng = random.Random(f"{tally.seed} {trial}")
                        tally.add(kind, trial, at_once(tally, kind, reference, Place.at(here), rng, **settings))


def at_once(
    tally: Tally,
    kind: str,
    reference: Reference,
    place: Place,
    rng: random.Random,
    count: int = WRITERS,
    locks: bool = True,
    killed: int = 0,
    prunes: bool = False,
    more: tuple[str, ...] = (),
) -> list[str]:
    """Start them all within two seconds, wait for all."""
    env = {} if locks else without_locks(place.folder / "no-locks")
    with watched(place, prunes, env) as seen:
        runs = []
        for _ in range(count):
            runs.append(start(reference.pipeline, place, *more, env=env | {"FAULTS_LOG": str(place.folder / "log")}))
            time.sleep(rng.choice([0.0, rng.uniform(0, 0.5)]))
        for run_ in rng.sample(runs, killed):
            time.sleep(rng.uniform(0, reference.seconds[0]))
            run_.strike(signal.SIGKILL, "group")
        ended = [run_.finish() for run_ in runs]
    problems = []
    for number, one in enumerate(ended):
        if not (killed and one.code == -signal.SIGKILL):
            problems += [f"writer {number}: {problem}" for problem in one.problems()]
    problems += [orphan for run_ in runs for orphan in run_.orphans()]
    problems += prunes_said(place)
    made = Counter(name for one in ended for name in one.made())
    log = place.folder / "log"
    parts = Counter(line for line in log.read_text().split() if "-" in line) if log.exists() else Counter()
    twice = {name: times for name, times in (made + parts).items() if times > 1}
    replaced = [path.name for path, at in seen.items() if len(at) > 1]
    if locks and not killed:
        problems += [f"{name} was made {times} times" for name, times in twice.items()]
        problems += [f"{name} was replaced" for name in replaced]
    else:
        tally.note(kind, "made twice", sum(times - 1 for times in twice.values()))
        tally.note(kind, "replaced", len(replaced))
    return problems + reference.aftermath(place)


def without_locks(folder: Path) -> dict[str, str]:
    """The environment of a Python whose locks are refused, as on many a cluster's file system."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_LOCKS)
    return {"PYTHONPATH": os.pathsep.join([str(folder), environment()["PYTHONPATH"]])}


@contextmanager
def watched(place: Place, prunes: bool, env: dict[str, str]) -> Iterator[dict[Path, set[tuple[int, int]]]]:
    """Every identity that each result has while the block lasts; with `prunes`, the cache is swept all the while."""
    seen: dict[Path, set[tuple[int, int]]] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            try:
                for path, identity in identities(place.cache).items():
                    seen.setdefault(path, set()).add(identity)
            except OSError:
                continue  # a name that went while it was looked at

    def sweep() -> None:
        beside = Place(place.folder / "pruner", place.cache, place.outputs)
        beside.folder.mkdir()
        while not place.cache.exists() and not over.wait(0.02):  # nobody prunes a cache that is not there
            pass
        while not over.is_set():
            said = prune(beside, env)
            with open(beside.folder / "problems", "a") as file:
                file.writelines(f"prune: {problem}\n" for problem in said.problems())

    threads = [threading.Thread(target=work) for work in (look, *([sweep] if prunes else []))]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def prunes_said(place: Place) -> list[str]:
    """What went wrong with pruning meanwhile."""
    path = place.folder / "pruner" / "problems"
    return path.read_text().splitlines() if path.exists() else []
