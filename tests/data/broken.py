"""Someone's own recording in which one thing is broken, and what recortex must then do, as a stage and at the command line."""

from __future__ import annotations

import json
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from PIL import Image

from recortex.errors import InvalidInput
from recortex.stage import Stage
from tests.data.files import Recording, mask, recortex, refused, volumes, write_nifti

LONGEST_S = 30
MOST_MEMORY = 400e6  # bytes that a refusal may take beyond what was taken before, with all that it imports


@dataclass
class Desk:
    """A recording with its files at hand."""

    own: Recording

    @property
    def folder(self) -> Path:
        return self.own.folder

    @property
    def elsewhere(self) -> Path:
        """A place outside of the recording's folder."""
        return self.folder.parent / "elsewhere"

    @property
    def responses(self) -> np.ndarray:
        return self.own.responses

    def bytes(self, name: str, content: bytes) -> Path:
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def brain(self, path: Path | None = None, **fields: Any) -> Any:
        return self.own.brain(path, **fields)

    def mat(self, name: str = "betas.mat", **arrays: Any) -> Path:
        scipy.io.savemat(self.folder / name, arrays)
        return self.folder / name

    def image(self, values: np.ndarray | None = None, name: str = "bold.nii.gz", **header: Any) -> Path:
        return write_nifti(self.folder / name, volumes(self.responses) if values is None else values, **header)

    def mask(self, values: np.ndarray | None = None, name: str = "mask.nii.gz", **header: Any) -> Path:
        return write_nifti(self.folder / name, mask() if values is None else values, **header)

    def pictures(self, count: int = 7, folder: str = "pictures") -> Path:
        (self.folder / folder).mkdir()
        for number in range(count):
            picture = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(picture).save(self.folder / folder / f"s{number:02d}.png")
        return self.folder / folder


class Broken(dict[str, tuple[Callable[[Desk], Stage], tuple[str, ...]]]):
    """Broken inputs by name: what makes the stage that reads one, and what must stand in the message."""

    def __call__(self, *words: str) -> Callable:
        """Register a function; its name is that of the case."""

        def register(make: Callable[[Desk], Stage]) -> Callable[[Desk], Stage]:
            assert make.__name__ not in self, f"{make.__name__} stands twice"
            self[make.__name__] = (make, words)
            return make

        return register

    def check(self, name: str, desk: Desk) -> None:
        """Refused in one line by the stage and by `recortex run`, with nothing written, executed or taken beyond what must be."""
        make, words = self[name]
        stage = make(desk)
        there = standing(desk)
        with bounded():
            said = refused(lambda: stage, InvalidInput, *words)
            told_by_the_command(stage, desk, said)
        assert standing(desk) == there
        assert not (desk.folder / "executed").exists()


def told_by_the_command(stage: Stage, desk: Desk, said: str) -> None:
    """`recortex plan` does not break, and `recortex run` ends with 2 and says the same in one line."""
    fields = {name: str(value) if isinstance(value, Path) else value for name, value in stage if value is not None}
    pipeline = desk.elsewhere / "my.yaml"
    pipeline.parent.mkdir(exist_ok=True)
    pipeline.write_text(json.dumps({"broken": {"type": stage.type_name(), **fields}}, ensure_ascii=False), encoding="utf-8")
    planned = recortex("plan", pipeline)
    assert planned.code == (2 if "missing  " in planned.out else 0) and not planned.err, planned  # where a header shows it
    ran = recortex("run", pipeline, "--outputs", desk.elsewhere / "outputs")
    assert (ran.code, ran.err) == (2, ""), ran
    lines = [line for line in ran.out.splitlines() if "broken: " in line]
    assert {line.partition("broken: ")[2] for line in lines} == {said}, ran.out
    assert "Traceback" not in ran.out


def standing(desk: Desk) -> dict[str, tuple[int, int]]:
    """Every file of a desk, with its size and the time of its last change."""
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in desk.folder.rglob("*")}


@contextmanager
def bounded(seconds: int = LONGEST_S, memory: float = MOST_MEMORY) -> Iterator[None]:
    """Fail when what stands in a with block waits for ever, or takes memory as a broken header tells it to."""

    def late(*_: Any) -> None:
        raise AssertionError(f"not done after {seconds} s")

    before, handler = taken(), signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
    more = taken() - before
    assert more < memory, f"{more / 1e6:.0f} MB taken"


def taken() -> int:
    """The most bytes of memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
