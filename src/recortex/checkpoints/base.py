"""A trained model as the result of a stage: the files of the folder that its own library loads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from recortex.stage import Array, Stage


class Checkpoint(Stage):
    """A model's files, in the format of the library that loads it."""

    returns: ClassVar[dict[str, Array]] = {
        "file": Array("file", dtype="str", units="", about="path of each file inside the model's folder"),
        "length": Array("file", dtype="int", units="byte", about="length of each file"),
        "byte": Array("byte", dtype="uint8", units="", about="the files one after the other"),
    }

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """The model's folder, as long as the with block lasts; the stage runs if it has not."""
        with TemporaryDirectory(prefix="recortex-") as place:
            self.write_to(Path(place))
            yield Path(place)

    def write_to(self, folder: Path) -> None:
        """Write the model's files into a folder, which is made; the stage runs if it has not."""
        made = self.run()
        stops = np.cumsum(made["length"])
        content = made["byte"]
        for name, length, stop in zip(made["file"], made["length"], stops, strict=True):
            path = folder / str(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[stop - length : stop].tobytes())


def packed(folder: Path) -> dict[str, Any]:
    """The files below a folder as the arrays of a `Checkpoint`, in the order of their names."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    contents = [np.frombuffer(path.read_bytes(), np.uint8) for path in paths]
    return {
        "file": np.array([path.relative_to(folder).as_posix() for path in paths]),
        "length": np.array([len(content) for content in contents]),
        "byte": np.concatenate(contents),
    }
