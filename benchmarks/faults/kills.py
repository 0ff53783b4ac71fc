"""kill -9 at random moments: of the process, of its group, of a Dask worker; and signals that ask politely."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from faults.failing import EVERY, calls_made, failing, shim
from faults.runs import DIGITS69, FIRST_LIGHT, QUICK, WAVES, Pipeline, Place, Run, run, scratch, start
from faults.sound import Reference, identities, parts
from faults.tally import Tally

SHARES = ((FIRST_LIGHT, 0.5), (WAVES, 0.35), (DIGITS69, 0.15))
ENDS_IN_S = 2.0


def kills(tally: Tally, trials: int, folder: Path) -> None:
    """As many kills as asked, some dead workers, and as many runs again whose last call is one that changes a file."""
    for pipeline, share in SHARES:
        kind, dead = f"kill -9, {pipeline.name}", f"dead worker, {pipeline.name}"
        if reason := pipeline.missing():
            tally.skip(kind, reason)
            continue
        if not (tally.wanted(kind) or tally.wanted(dead)):
            continue
        reference = Reference.make(pipeline, folder)
        rounds(tally, kind, reference, max(1, round(trials * share)), [signal.SIGKILL])
        if pipeline is not DIGITS69:
            dead_workers(tally, dead, reference, max(1, round(trials * share / 5)))
    last_calls(tally, "kill -9 at a file's call, quick", trials, folder)


def signals(tally: Tally, trials: int, folder: Path) -> None:
    """Ctrl-C, and SIGTERM."""
    for pipeline, share in SHARES:
        if reason := pipeline.missing():
            tally.skip(f"Ctrl-C and SIGTERM, {pipeline.name}", reason)
            continue
        asked = {f"{name}, {pipeline.name}": number for number, name in ((signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"))}
        asked = {kind: number for kind, number in asked.items() if tally.wanted(kind)}
        reference = Reference.make(pipeline, folder) if asked else None
        for kind, number in asked.items():
            rounds(tally, kind, reference, max(1, round(trials * share / 2)), [number])


def rounds(tally: Tally, kind: str, reference: Reference, count: int, numbers: list[signal.Signals]) -> None:
    """Rounds of a few blows to runs on one cache, a run to the end, and a look at what is there, until `count` blows have hit."""
    hits = number = 0
    while hits < count:
        trial = f"{kind}/{number}"
        number += 1
        if not tally.wanted(trial):
            if number > count:
                return
            continue
        rng = random.Random(f"{tally.seed} {trial}")
        with scratch() as folder:
            struck, problems = one_round(tally, kind, reference, Place.at(folder), rng, numbers, count - hits)
        hits += struck
        tally.add(kind, trial, problems, struck)


def one_round(
    tally: Tally,
    kind: str,
    reference: Reference,
    place: Place,
    rng: random.Random,
    numbers: list[signal.Signals],
    most: int,
    dask: float = 0.35,
) -> tuple[int, list[str]]:
    """Up to six blows, `dask` of them to runs with two workers; then the end."""
    problems: list[str] = []
    made: dict[Path, tuple[int, int]] = {}
    done: list[set[str]] = []  # the parts that were there after each blow
    struck: list[Run] = []
    hits = 0
    for blow in range(min(rng.randint(1, 6), most)):
        workers = 2 if rng.random() < dask else 0
        whom = "group" if numbers[0] == signal.SIGINT else rng.choice(["process", "group"])
        number, moment, patient = rng.choice(numbers), rng.uniform(0, reference.seconds[workers]), rng.random() < 0.5
        run_ = start(reference.pipeline, place, *_workers(workers), env=log(place, blow))
        ended = run_.wait(moment)
        if ended is not None:  # too late: it was a run like any other
            problems += [f"run {blow}: {problem}" for problem in ended.problems()]
            if blow == 0:  # on a machine that others use too, an undisturbed run takes now longer, now shorter
                reference.seconds[workers] = min(reference.seconds[workers], ended.seconds)
                return 0, problems
            break
        hits += 1
        words = f"blow {blow} ({whom}, {workers} workers, {moment:.2f} s)"
        run_.strike(number, whom)
        if number == signal.SIGKILL:
            run_.process.wait()
        else:
            problems += [
                f"{words}: {problem}" for problem in polite(tally, kind, run_, number, moment < begins(reference.pipeline))
            ]
        problems += [f"{words}: {problem}" for problem in reference.array_differences(place.cache, complete=False)]
        made |= identities(place.cache)
        done.append(parts(place.cache))
        if patient or number != signal.SIGKILL:
            problems += [f"{words}: {problem}" for problem in run_.orphans()]
        struck.append(run_)
    ended = run(reference.pipeline, place, env=log(place, hits))
    problems += [f"run to the end: {problem}" for problem in ended.problems()]
    now = identities(place.cache)
    for path, identity in made.items():
        if now.get(path) != identity:
            problems.append(f"{path.parent.name}/{path.name} was there after a blow and was made again")
    for blow, complete in enumerate(done, 1):
        for later in range(blow, hits + 1):
            again = complete.intersection(logged(place, later))
            problems += [
                f"part {part} was there after blow {blow - 1} and was made again by run {later}" for part in sorted(again)
            ]
    problems += [orphan for run_ in struck for orphan in run_.orphans()]
    return hits, problems + reference.aftermath(place)


def log(place: Place, number: int) -> dict[str, str]:
    """A log of its own for each run."""
    return {"FAULTS_LOG": str(place.folder / f"log-{number}")}


def logged(place: Place, number: int) -> list[str]:
    """What a run has computed."""
    path = place.folder / f"log-{number}"
    return path.read_text().split() if path.exists() else []


def _workers(workers: int) -> list[str]:
    return ["--workers", str(workers)] if workers else []


def polite(tally: Tally, kind: str, run_: Run, number: signal.Signals, early: bool = False) -> list[str]:
    """What is wrong with how a run heeds a signal; an `early` one comes before recortex is there to heed it."""
    began = time.monotonic()
    ended = run_.wait(15)
    if ended is None:
        run_.kill_all()
        return ["it did not stop within 15 s"]
    took = time.monotonic() - began
    problems = [f"it took {took:.1f} s to stop"] if took > ENDS_IN_S else []
    if early:
        tally.note(kind, "before recortex began")
        return problems
    if "report  " in ended.out and ended.code in (0, -number):  # it came while Python cleaned up
        tally.note(kind, "had ended by itself")
        return problems + ended.noise()
    if ended.code not in (128 + number, -number):
        problems.append(f"exit code {ended.code} instead of {128 + number}: {ended.last()}")
    if not re.search(r"\b(stopped|interrupted)\b", ended.last()):
        problems.append(f"the last line is {ended.last()!r}")
    return problems + ended.noise()


@cache
def begins(pipeline: Pipeline) -> float:
    """Seconds until Python has read what it needs to call the command line."""
    began = time.monotonic()
    before = "from recortex import catalog, cli" if pipeline.program[-1].endswith("launch.py") else "import recortex.cli.main"
    subprocess.run([sys.executable, "-c", before], check=True)
    return 1.3 * (time.monotonic() - began)


def dead_workers(tally: Tally, kind: str, reference: Reference, count: int) -> None:
    """Kill one of two workers, once there are two, at a random moment; the run must not mind."""
    for number in range(count):
        trial = f"{kind}/{number}"
        if not tally.wanted(trial):
            continue
        rng = random.Random(f"{tally.seed} {trial}")
        with scratch() as folder:
            place = Place.at(folder)
            tally.add(kind, trial, one_dead_worker(reference, place, rng, starting=number % 4 == 3))


def one_dead_worker(reference: Reference, place: Place, rng: random.Random, starting: bool = False) -> list[str]:
    """The run goes on with the other worker, or a new one; if it died at its start, the run may also give up in a plain line."""
    run_ = start(reference.pipeline, place, *_workers(2), env=log(place, 0))
    while run_.wait(0.02) is None and (len(run_.workers()) < 2 or not (starting or any(place.cache.rglob("*.*")))):
        pass
    rest = 0.3 if starting else reference.seconds[2] - (time.monotonic() - run_.began)
    ended = run_.wait(rng.uniform(0.0, max(rest, 0.2)))
    if ended is None:
        with suppress(ProcessLookupError, IndexError):
            os.kill(rng.choice(run_.workers()), signal.SIGKILL)
    ended = run_.finish()
    problems = run_.orphans()
    if starting and ended.code != 0:
        problems += ended.problems(2)
        ended = run(reference.pipeline, place)
    return problems + ended.problems() + reference.aftermath(place)


def last_calls(tally: Tally, kind: str, count: int, folder: Path) -> None:
    """Let every so many-th call that changes a file be the last, in the cache and in the outputs, then run to the end."""
    if not tally.wanted(kind):
        return
    library = shim(folder)
    if library is None:
        tally.skip(kind, "there is no C compiler")
        return
    reference = Reference.make(QUICK, folder, workers=False)
    for where, some in (("cache", round(0.7 * count)), ("outputs", round(0.3 * count))):
        total = calls_made(QUICK, library, EVERY, where)
        for number in range(some):
            trial = f"{kind}/{where}/{number}"
            if tally.wanted(trial):
                after = total * number // some
                with scratch() as here:
                    place = Place.at(here)
                    struck = run(QUICK, place, env=failing(library, getattr(place, where), EVERY, after=after, kill=1))
                    problems = [] if struck.code == -signal.SIGKILL else [f"it was not killed: {struck.last()}"]
                    problems += reference.array_differences(place.cache, complete=False)
                    problems += [f"run to the end: {problem}" for problem in run(QUICK, place).problems()]
                    problems += reference.aftermath(place)
                tally.add(kind, trial, [f"at call {after} of {total}: {problem}" for problem in problems])
