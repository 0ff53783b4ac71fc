"""Stages that take their time: some numbers, and waves made of them in thirty parts, each of which leaves a line in a log."""

from __future__ import annotations

import os
import time
from typing import Annotated, Any, ClassVar

import numpy as np

from recortex.stage import NOT_IN_KEY, Array, Stage, Tiling


def note(word: str) -> None:
    """Append a line to the log that ``FAULTS_LOG`` names; in one system call, so that lines of several processes cannot mix."""
    if log := os.environ.get("FAULTS_LOG"):
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(handle, f"{word}\n".encode())
        os.close(handle)


class Numbers(Stage):
    """Random numbers, words and truths."""

    count: int = 40

    returns: ClassVar[dict[str, Array]] = {
        "value": Array("item", units="mV"),
        "name": Array("item", dtype="str", units=""),
        "positive": Array("item", dtype="bool", units=""),
        "none": Array("item", about="zeros: a checksum of nothing"),
        "scale": Array(units=""),
    }

    def compute(self) -> dict[str, Any]:
        note("numbers")
        value = np.random.default_rng(0).standard_normal(self.count)
        names = np.array([f"n{item}é" for item in range(self.count)])
        return {"value": value, "name": names, "positive": value > 0, "none": np.zeros(self.count), "scale": np.float64(2.5)}


class Waves(Stage):
    """Waves of the numbers, tiled along their second axis; a tile takes ``FAULTS_TILE_S`` seconds."""

    numbers: Numbers
    size: int = 300
    step: Annotated[int, NOT_IN_KEY] = 10

    returns: ClassVar[dict[str, Array]] = {
        "wave": Array("item", "column_"),
        "label": Array("column_", dtype="str", units=""),
        "positive": Array("column_", dtype="bool", units=""),
        "base": Array("item", about="the same in all parts"),
    }

    def tiling(self) -> Tiling:
        return Tiling("column_", self.size, self.step)

    def compute_tile(self, rows: range) -> dict[str, Any]:
        note(f"{rows.start}-{rows.stop}")
        time.sleep(float(os.environ.get("FAULTS_TILE_S", "0")))
        base = self.numbers.run()["value"]
        wave = np.sin(np.outer(base, np.arange(rows.start, rows.stop))).astype(np.float32)
        label = np.array([f"c{'é' * (column % 3)}{column}" for column in rows])
        return {"wave": wave, "label": label, "positive": wave[0] > 0, "base": base}


class Sums(Stage):
    """The waves, added up."""

    waves: Waves

    returns: ClassVar[dict[str, Array]] = {"sum": Array("column_")}

    def compute(self) -> dict[str, Any]:
        note("sums")
        return {"sum": self.waves.run()["wave"].sum(axis=0)}
