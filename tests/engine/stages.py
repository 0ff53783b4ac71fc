"""Stages that the engine's tests run; in a module of their own, so that worker processes can import it too."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from recortex.errors import InvalidInput
from recortex.stage import NOT_IN_KEY, Array, Stage, Tiling

Log = Annotated[str, NOT_IN_KEY]


def note(log: str, word: str) -> None:
    """Leave a line, so that a test can count what was computed, in whichever process."""
    if log:
        with open(log, "a") as handle:
            handle.write(word + "\n")


def noted(log: Path | str) -> list[str]:
    path = Path(log)
    return path.read_text().split() if path.exists() else []


class Numbers(Stage):
    """Some numbers."""

    seed: int = 0
    count: int = 6
    wait_s: Annotated[float, NOT_IN_KEY] = 0.0
    log: Log = ""

    returns: ClassVar[dict[str, Array]] = {
        "value": Array("item", units="mV", about="some numbers"),
        "name": Array("item", dtype="str", units=""),
    }

    def compute(self) -> dict[str, Any]:
        note(self.log, "numbers")
        time.sleep(self.wait_s)
        value = np.random.default_rng(self.seed).standard_normal(self.count)
        return {"value": value, "name": np.array([f"n{item}" for item in range(self.count)])}


class Doubled(Stage):
    """Twice the numbers."""

    numbers: Numbers
    log: Log = ""

    returns: ClassVar[dict[str, Array]] = {"doubled": Array("item", units="mV")}

    def compute(self) -> dict[str, Any]:
        note(self.log, "doubled")
        return {"doubled": 2 * self.numbers.run()["value"]}


class Sum(Stage):
    """Two lots of numbers, added."""

    a: Numbers
    b: Numbers
    log: Log = ""

    returns: ClassVar[dict[str, Array]] = {"sum": Array("item", units="mV")}

    def compute(self) -> dict[str, Any]:
        note(self.log, "sum")
        return {"sum": self.a.run()["value"] + self.b.run()["value"]}


class Fails(Stage):
    """Never works."""

    numbers: Numbers
    bug: bool = False

    returns: ClassVar[dict[str, Array]] = {"value": Array("item")}

    def compute(self) -> dict[str, Any]:
        if self.bug:
            raise ZeroDivisionError("one\ntwo")
        raise InvalidInput("row 3 has no stimulus")


class After(Stage):
    """Uses what never works."""

    failing: Fails

    returns: ClassVar[dict[str, Array]] = {"value": Array("item")}

    def compute(self) -> dict[str, Any]:
        return {"value": self.failing.run()["value"]}


def wave(numbers: np.ndarray, size: int) -> dict[str, Any]:
    """What the tiled stages and the whole one make of numbers, for columns 0 .. size."""
    columns = np.arange(size)
    made = np.sin(np.outer(numbers, columns)).astype(np.float32)
    return {"wave": made, "label": np.array([f"c{n}é" for n in columns]), "positive": made[0] > 0, "base": numbers}


class Whole(Stage):
    """Waves, in one piece."""

    numbers: Numbers
    size: int = 10

    returns: ClassVar[dict[str, Array]] = {
        "wave": Array("item", "column_", about="tiled along its second axis"),
        "label": Array("column_", dtype="str", units=""),
        "positive": Array("column_", dtype="bool", units=""),
        "base": Array("item", about="the same in all parts"),
    }

    def compute(self) -> dict[str, Any]:
        return wave(self.numbers.run()["value"], self.size)


class Tiled(Whole):
    """Waves, in parts; a tile can be made to fail, to kill its process, or to break the rules."""

    step: Annotated[int, NOT_IN_KEY] = 3
    edges: Annotated[tuple[int, ...], NOT_IN_KEY] = ()
    stop_at: Annotated[int, NOT_IN_KEY] = -1
    kill: Annotated[bool, NOT_IN_KEY] = False
    breaks: Annotated[str, NOT_IN_KEY] = ""
    log: Log = ""

    def tiling(self) -> Tiling:
        return Tiling("column_", self.size, edges=self.edges) if self.edges else Tiling("column_", self.size, self.step)

    def compute_tile(self, rows: range) -> dict[str, Any]:
        if self.stop_at in rows:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError(f"stopped at {self.stop_at}")
        note(self.log, f"{rows.start}-{rows.stop}")
        full = wave(self.numbers.run()["value"], self.size)
        out = {name: values[..., rows.start : rows.stop] for name, values in full.items() if name != "base"}
        if self.breaks == "short" and rows.start == 3:
            out = {name: values[..., :-1] for name, values in out.items()}
        return out | {"base": full["base"] + (rows.start if self.breaks == "base" else 0)}


class Roomy(Stage):
    """Zeros, whose size is known beforehand."""

    count: int = 10

    returns: ClassVar[dict[str, Array]] = {"zero": Array("item")}

    def expect(self) -> dict[str, int]:
        return {"item": self.count}

    def compute(self) -> dict[str, Any]:
        return {"zero": np.zeros(self.count, dtype=np.float32)}
