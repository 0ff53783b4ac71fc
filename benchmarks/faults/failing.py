"""Calls to the system that fail, or are the last, at a given one: a small C library put before the system's own; and ulimit."""

from __future__ import annotations

import errno
import random
import shutil
import subprocess
from functools import cache
from pathlib import Path

from faults.refusals import recovered, refused
from faults.runs import FIRST_LIGHT, HERE, QUICK, Pipeline, Place, Run, command, run, scratch
from faults.sound import Reference, identities, results
from faults.tally import Tally

EVERY = "write,sync,close,rename,open,remove"
FAILING = {  # the calls, what they say, whether only once, whether a run may yet succeed
    "quota used up": ("write", errno.EDQUOT, False, False),
    "disk full": ("write", errno.ENOSPC, False, False),
    "one write fails": ("write", errno.EIO, True, False),
    "one sync fails": ("sync", errno.EIO, True, False),
    "one close fails": ("close", errno.EDQUOT, True, True),
    "one rename fails": ("rename", errno.ENOSPC, True, False),
    "no new files": ("open", errno.ENOSPC, False, False),
    "nothing may be removed": ("remove", errno.EPERM, False, True),
    "a server goes away": (EVERY, errno.ESTALE, False, True),
    "short writes": ("write", 0, False, True),
}


def shim(folder: Path) -> Path | None:
    """The library, compiled; None without a compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "shim.c"), "-ldl"], check=True)
    return library


def failing(library: Path, folder: Path, calls: str, **more: object) -> dict[str, str]:
    """The environment in which calls fail."""
    settings = {f"FAULT_{name.upper()}": str(value) for name, value in more.items() if value not in (None, False)}
    return {"LD_PRELOAD": str(library), "FAULT_FOLDER": str(folder), "FAULT_CALLS": calls} | settings


@cache
def calls_made(pipeline: Pipeline, library: Path, calls: str, where: str) -> int:
    """How many such calls an undisturbed run makes."""
    with scratch() as here:
        place = Place.at(here)
        counter = here / "count"
        run(pipeline, place, env=failing(library, getattr(place, where), calls, count=counter))
        return counter.stat().st_size if counter.exists() else 0


def failing_calls(tally: Tally, count: int, folder: Path) -> None:
    """Each kind of call, failing after as many as `count` numbers of good ones; and writes that write less than asked."""
    library = shim(folder)
    if library is None:
        tally.skip("failing calls", "there is no C compiler")
        return
    if not any(tally.wanted(f"{name}, {where}") for name in FAILING for where in ("cache", "outputs")):
        return
    reference = Reference.make(QUICK, folder, workers=False)
    for name in FAILING:
        for where, most in (("cache", count), ("outputs", min(count, 3))):
            if tally.wanted(f"{name}, {where}"):
                one_failing(tally, reference, library, name, where, most)


def one_failing(tally: Tally, reference: Reference, library: Path, name: str, where: str, most: int) -> None:
    """A kind of call on the cache or the outputs, failing at some of the places where it is made."""
    calls, code, once, may_do = FAILING[name]
    short = name == "short writes"
    kind = f"{name}, {where}"
    total = calls_made(reference.pipeline, library, calls, where)
    for number in range(min(most, total)):
        trial = f"{kind}/{number}"
        after = int(total * random.Random(f"{tally.seed} {trial}").random())
        if not tally.wanted(trial):
            continue
        with scratch() as here:
            place = Place.at(here)
            env = failing(library, getattr(place, where), calls, after=after, errno=code, once=once, short=short)
            ended = run(reference.pipeline, place, env=env)
            problems = refused(reference, place, ended, may_do) if not short else ended.problems()
            tally.note(kind, f"ended with {ended.code}")
            problems += recovered(reference, place, identities(place.cache))
            tally.add(kind, trial, [f"after {after} of {total} calls: {problem}" for problem in problems])


def size_limits(tally: Tally, folder: Path) -> None:
    """Files that may not grow beyond a limit."""
    kind = "ulimit -f"
    if not tally.wanted(kind):
        return
    reference = Reference.make(FIRST_LIGHT, folder, workers=False)
    largest = max(path.stat().st_size for path in results(reference.place.cache))
    for number, share in enumerate((0.02, 0.1, 0.3, 0.6, 0.99)):
        trial = f"{kind}/{number}"
        if tally.wanted(trial):
            with scratch() as here:
                place = Place.at(here)
                ended = Run.start(command(FIRST_LIGHT, place), place, largest_file=int(largest * share)).finish()
                problems = refused(reference, place, ended, may_do=False)
                tally.add(kind, trial, problems + recovered(reference, place, identities(place.cache)))
