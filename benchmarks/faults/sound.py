"""What must be the same after every blow: arrays bit for bit, the folder of outputs, and nothing left lying about."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
from faults.runs import Pipeline, Place, prune, run

Arrays = dict[str, tuple[str, tuple[int, ...], str]]


def arrays(path: Path) -> Arrays:
    """Type, shape and bytes (hashed) of every dataset of a file, read by h5py alone."""
    found: Arrays = {}

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            values = item[()]
            found[name] = (str(item.dtype), item.shape, hashlib.sha256(values.tobytes()).hexdigest()[:16])

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(look)
    return found


def results(cache: Path) -> list[Path]:
    """The files that count as results."""
    found = (cache / "results").glob("*/*.h5")
    return sorted(path for path in found if not path.name.startswith("."))


def contents(cache: Path) -> dict[str, Arrays]:
    """Every array of every result, by file."""
    return {path.relative_to(cache).as_posix(): arrays(path) for path in results(cache)}


def identities(cache: Path) -> dict[Path, tuple[int, int]]:
    """What changes when a result or a part is made again."""
    found = {}
    for path in results(cache):
        about = path.stat()
        found[path] = (about.st_ino, about.st_mtime_ns)
    return found


def parts(cache: Path) -> set[str]:
    """The ranges of the parts that are there, as a log writes them."""
    names = [re.fullmatch(r"(\d+)-(\d+)\.h5", path.name) for path in (cache / "results").glob("*/*.parts/*")]
    return {f"{int(name[1])}-{int(name[2])}" for name in names if name}


def layout(place: Place) -> dict[str, bytes | str]:
    """Every file and link of the outputs, links by where in the cache they lead."""
    found: dict[str, bytes | str] = {}
    for path in sorted(place.outputs.rglob("*")):
        name = path.relative_to(place.outputs).as_posix()
        if path.is_symlink():
            found[name] = os.path.relpath(os.readlink(path), place.cache)
        elif path.is_file():
            data = path.read_bytes()
            # a commit in the meantime is nobody's fault
            found[name] = re.sub(rb"commit [0-9a-f]{12}( .modified.)?", b"", data) if path.suffix == ".html" else data
    return found


def waste(cache: Path) -> list[str]:
    """Everything that is no result and no remembered checksum."""
    left = []
    for path in sorted(cache.rglob("*")):
        name = path.relative_to(cache).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(cache).parts)
        kept = re.fullmatch(r"results(/[^/]+(/[^/]+\.h5)?)?|digests(/.*)?|[^/]+", name)
        if hidden or not kept or path.suffix in (".tmp", ".lock", ".damaged", ".parts"):
            left.append(name)
    return left


def _told_apart(wanted: bytes | str | None, mine: bytes | str | None) -> str:
    """The first line in which a text differs."""
    if wanted is None or mine is None:
        return "is not there" if mine is None else "was not there"
    lines = [text.decode(errors="replace") if isinstance(text, bytes) else text for text in (wanted, mine)]
    pairs = zip_longest(*(text.splitlines() for text in lines), fillvalue="")
    was, now = next(((was, now) for was, now in pairs if was != now), ("", ""))
    return f"differs: {was.strip()[:120]!r} is now {now.strip()[:120]!r}"


def written() -> tuple[int, int]:
    """How many files recortex has, and when the last was written."""
    import recortex

    times = [path.stat().st_mtime_ns for path in Path(recortex.__file__).parent.rglob("*.py")]
    return len(times), max(times)


@dataclass
class Reference:
    """An undisturbed run, made once: what every other must come to, and how long it takes."""

    pipeline: Pipeline
    place: Place
    contents: dict[str, Arrays]
    layout: dict[str, bytes | str]
    code: tuple[int, int]
    seconds: dict[int, float] = field(default_factory=dict)

    @classmethod
    def make(cls, pipeline: Pipeline, folder: Path, workers: bool = True) -> Reference:
        """Run it twice, for what is read for the first time is read slowly; with `workers`, on Dask too."""
        place = Place.at(folder / f"reference-{pipeline.name}")
        code = written()
        run(pipeline, Place.at(folder / f"first-{pipeline.name}"))
        ended = run(pipeline, place)
        if ended.code != 0:
            raise SystemExit(f"{pipeline.name} does not run undisturbed: {ended.last()}")
        made = cls(pipeline, place, contents(place.cache), layout(place), code, {0: ended.seconds})
        if workers:
            made.seconds[2] = run(pipeline, Place.at(folder / f"reference-{pipeline.name}-2"), "--workers", "2").seconds
        return made

    def differences(self, place: Place) -> list[str]:
        """What of a finished run is not as it must be: arrays and outputs."""
        return self.array_differences(place.cache) + self.layout_differences(place)

    def array_differences(self, cache: Path, complete: bool = True) -> list[str]:
        """Arrays that are not the reference's; with `complete`, results that are not there too."""
        found = []
        present = {path.relative_to(cache).as_posix(): path for path in results(cache)}
        for name in sorted({*present, *(self.contents if complete else ())}):
            if name not in present:
                found.append(f"{name} is not there")
            elif name not in self.contents:
                found.append(f"{name} is a result that the reference does not have")
            else:
                found += self.file_differences(name, present[name])
        return found

    def file_differences(self, name: str, path: Path) -> list[str]:
        """Arrays of one file that are not the reference's."""
        try:
            mine = arrays(path)
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            return [f"{name} cannot be read: {str(error)[:200]}"]
        wanted = self.contents[name]
        return [f"{name}: WRONG {array}" for array in sorted({*mine, *wanted}) if mine.get(array) != wanted.get(array)]

    def layout_differences(self, place: Place) -> list[str]:
        """Outputs that are not the reference's."""
        mine = layout(place)
        names = [name for name in sorted({*mine, *self.layout}) if mine.get(name) != self.layout.get(name)]
        return [f"outputs/{name} {_told_apart(self.layout.get(name), mine.get(name))}" for name in names]

    def aftermath(self, place: Place) -> list[str]:
        """A finished run against the reference; then the cache is pruned, and must be clean and complete."""
        found = self.differences(place)
        swept = prune(place)
        found += [f"prune: {problem}" for problem in swept.problems()]
        if left := waste(place.cache):
            found.append(f"prune left {len(left)}: {', '.join(left[:3])}")
        before = identities(place.cache)
        again = run(self.pipeline, place)
        found += [f"after prune: {problem}" for problem in again.problems()]
        if again.made() or identities(place.cache) != before:
            found.append(f"after prune, computed again: {', '.join(again.made()) or 'a file changed'}")
        edited = "recortex itself was edited since the reference was made; start again"
        return [edited, *found] if found and written() != self.code else found
