"""A run that finds a damaged file: it names it, sets it aside and makes it again, or never noticed what was harmless."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from faults.damage import BYTES, flips, sound_file, verdict
from faults.runs import FIRST_LIGHT, QUICK, Place, run, scratch, start
from faults.sound import Reference, results
from faults.tally import Tally


def emptied(path: Path, rng: random.Random, others: list[Path]) -> None:
    path.write_bytes(b"")


def foreign(path: Path, rng: random.Random, others: list[Path]) -> None:
    path.unlink()
    with h5py.File(path, "w") as file:
        file["somebody's"] = np.arange(10)


def text(path: Path, rng: random.Random, others: list[Path]) -> None:
    path.write_text("no HDF5 at all\n")


def another(path: Path, rng: random.Random, others: list[Path]) -> None:
    """The result of another stage, under this one's key."""
    path.write_bytes(rng.choice([other for other in others if other != path]).read_bytes())


def a_folder(path: Path, rng: random.Random, others: list[Path]) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").write_text("somebody's")


def a_dead_link(path: Path, rng: random.Random, others: list[Path]) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def a_circular_link(path: Path, rng: random.Random, others: list[Path]) -> None:
    path.unlink()
    path.symlink_to(path.name)


WHOLE = {
    function.__name__.replace("_", " "): function
    for function in (emptied, foreign, text, another, a_folder, a_dead_link, a_circular_link)
}
NOT_NAMED = ("a dead link",)  # as good as nothing there


def commands(tally: Tally, reference: Reference, count: int) -> None:
    """A finished run with one file damaged and the outputs gone, run again; for bytes, with nothing else cached either."""
    for kind in [*BYTES, *WHOLE]:
        row = f"{kind}, run"
        for number in range(count):
            trial = f"{row}/{reference.pipeline.name}/{number}"
            if tally.wanted(trial):
                with scratch() as folder:
                    rng = random.Random(f"{tally.seed} {trial}")
                    problems = one_command(tally, row, kind, reference, Place.at(folder), rng)
                tally.add(row, trial, problems)


def one_command(tally: Tally, row: str, kind: str, reference: Reference, place: Place, rng: random.Random) -> list[str]:
    """Damage a file, run, look."""
    shutil.copytree(reference.place.cache, place.cache)
    there = results(place.cache)
    path = rng.choice(there)
    name = path.relative_to(place.cache).as_posix()
    path.chmod(0o644)
    if kind in WHOLE:
        WHOLE[kind](path, rng, there)
    else:
        data = bytearray(path.read_bytes())
        BYTES[kind](data, reference.place.cache / name, rng)
        path.write_bytes(data)
        if rng.random() < 0.7:  # its users are to read it
            for other in there:
                if other != path:
                    other.unlink()
    ended = run(reference.pipeline, place)
    problems = [f"{name}: {problem}" for problem in ended.problems()]
    aside = [left for left in place.cache.rglob("*") if left.name.endswith(".damaged")]
    named = path.name in ended.out + ended.err
    wrong = [f"{name}: {problem}" for problem in reference.differences(place)]
    if kind == "longer" and not named:  # the report gives the size of a file
        wrong = [problem for problem in wrong if "report.html differs" not in problem]
    if kind in WHOLE:
        if kind not in NOT_NAMED and not named:
            problems.append(f"{name} is not named in what was said")
        if kind not in NOT_NAMED and not aside:
            problems.append(f"{name} is not set aside")
    elif named:
        tally.note(row, "found")
        problems += [] if aside else [f"{name} is not set aside"]
    elif wrong and all(problem.startswith(f"{name}: {name}") for problem in wrong):
        # nobody had to read it: it must be found by whoever does
        said = verdict(path, sound_file(reference.place.cache / name))
        tally.note(row, f"not read yet, then {said}")
        wrong = [] if said in ("found", "harmless") else [f"{name}: read later: {said}"]
    else:
        tally.note(row, "harmless")
    return problems + wrong


def damaged_parts(tally: Tally, reference: Reference, count: int) -> None:
    """A run killed half-way, one of its parts (or the record of them) damaged, and run to the end."""
    for number in range(count):
        trial = f"damaged part/{number}"
        if tally.wanted(trial):
            with scratch() as folder:
                rng = random.Random(f"{tally.seed} {trial}")
                tally.add("damaged part", trial, one_damaged_part(reference, Place.at(folder), rng))


def one_damaged_part(reference: Reference, place: Place, rng: random.Random) -> list[str]:
    """Wait for two parts, kill, damage, finish."""
    begun = start(replace(reference.pipeline, tile_s=0.2), place)
    while begun.wait(0.01) is None and len(list(place.cache.rglob("*.parts/0*.h5"))) < 2:
        pass
    begun.kill_all()
    path = rng.choice([path for path in sorted(place.cache.rglob("*.parts/*")) if path.suffix in (".h5", ".json")])
    data = bytearray(path.read_bytes())
    kind = rng.choice([kind for kind in BYTES if not (path.suffix == ".json" and "chunk" in kind)])
    BYTES[kind](data, path, rng)
    path.chmod(0o644)
    path.write_bytes(data)
    problems = run(reference.pipeline, place).problems() + reference.aftermath(place)
    return [f"{kind} of {path.name}: {problem}" for problem in problems]


def damage(tally: Tally, trials: int, folder: Path) -> None:
    """Flips in every file of two pipelines, then the command line."""
    references = [Reference.make(pipeline, folder, workers=False) for pipeline in (QUICK, FIRST_LIGHT)]
    for reference, count in zip(references, (3 * trials // 2, trials // 5), strict=True):
        flips(tally, reference, max(1, count), folder)
    for reference, count in zip(references, (trials // 33, trials // 50), strict=True):
        commands(tally, reference, max(1, count))
    damaged_parts(tally, references[0], max(1, trials // 8))
