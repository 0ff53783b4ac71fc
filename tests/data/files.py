"""Files as other programs write them, and a small recording whose every number is different."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np

from recortex.data.response_file import ResponseFile
from recortex.errors import RecortexError

# a letter that no flip or turn leaves alone: 4 rows, 3 columns, and the same down the columns, written out by hand
LETTER = np.array([[250, 240, 230], [220, 0, 10], [210, 200, 20], [190, 30, 40]], dtype=np.uint8)
DOWN_THE_COLUMNS = [250, 220, 210, 190, 240, 0, 200, 30, 230, 10, 20, 40]

AFFINE = np.array([[-2.0, 0.1, 0.0, 31.0], [0.2, 2.5, 0.0, -17.0], [0.0, 0.0, 3.0, 5.5], [0.0, 0.0, 0.0, 1.0]])
GRID = (4, 3, 2)
VOXELS = [(0, 1, 0), (0, 2, 1), (2, 0, 1), (3, 0, 0), (3, 2, 0)]


def numbers(trials: int = 7, units: int = 5) -> np.ndarray:
    """(trial, unit) quarters, all different: exact in float32, in text, and in an int16 image with a slope of a quarter."""
    order = np.random.default_rng(3).permutation(trials * units)
    return (order.reshape(trials, units) * 3 - 40) / 4


def write_table(path: Path, columns: Mapping[str, Sequence[Any]], separator: str = ",") -> Path:
    """A table with a header line."""
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter=separator)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def write_mat73(path: Path, arrays: Mapping[str, np.ndarray], user_block: bool = True) -> Path:
    """A .mat file of v7.3 as MATLAB writes it: HDF5 behind a text of 512 bytes, axes reversed, classes as attributes."""
    with h5py.File(path, "w", userblock_size=512 if user_block else 0) as file:
        for name, values in arrays.items():
            dataset = file.create_dataset(name, data=np.asarray(values).T)
            kind = {"float32": "single", "float64": "double"}.get(values.dtype.name, values.dtype.name)
            dataset.attrs["MATLAB_class"] = np.bytes_(kind)
    if user_block:
        with open(path, "r+b") as handle:
            text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024"
            handle.write(text.ljust(124) + b"\x00\x02IM")
    return path


def write_nifti(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE, **header: Any) -> Path:
    """An image, with `dtype`, `slope`, `intercept` and `endianness` of the header as given."""
    slope, intercept, order = header.get("slope", 1.0), header.get("intercept", 0.0), header.get("endianness", "<")
    dtype = np.dtype(header.get("dtype", np.float32))
    made = nibabel.Nifti1Header(endianness=order)
    made.set_data_dtype(dtype)
    stored = (values - intercept) / slope if "slope" in header else values
    stored = np.round(stored).astype(dtype) if dtype.kind in "iu" else stored.astype(dtype)
    content = bytearray(nibabel.Nifti1Image(stored, affine, made).to_bytes())
    content[112:120] = struct.pack(f"{order}2f", slope, intercept)  # nibabel chooses a slope of its own; here it is given
    path.write_bytes(gzip.compress(content) if path.suffix.lower() == ".gz" else content)
    return path


def volumes(responses: np.ndarray) -> np.ndarray:
    """Responses laid into the voxels of `VOXELS`, one volume a trial; every other voxel is about 1000."""
    image = np.full((*GRID, len(responses)), 1000.0) + np.arange(np.prod(GRID)).reshape(*GRID, 1)
    for unit, voxel in enumerate(VOXELS):
        image[voxel] = responses[:, unit]
    return image


def mask() -> np.ndarray:
    """1 at the voxels of `VOXELS`."""
    inside = np.zeros(GRID, dtype=np.uint8)
    for voxel in VOXELS:
        inside[voxel] = 1
    return inside


@dataclass
class Recording:
    """A folder with a trial table, ready for responses."""

    folder: Path
    responses: np.ndarray

    @property
    def trials(self) -> Path:
        return self.folder / "trials.csv"

    @classmethod
    def of(cls, folder: Path, trials: int = 7, units: int = 5, **columns: Sequence[Any]) -> Recording:
        """With a stimulus of its own for each trial, unless columns say otherwise."""
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder, numbers(trials, units))
        write_table(made.trials, {"stimulus": [f"s{n:02d}" for n in range(trials)]} | columns)
        return made

    def npy(self, values: np.ndarray | None = None, name: str = "betas.npy") -> Path:
        np.save(self.folder / name, self.responses if values is None else values)
        return self.folder / name

    def brain(self, path: Path | None = None, **fields: Any) -> ResponseFile:
        return ResponseFile(**{"path": path or self.npy(), "trials": self.trials} | fields)


def refused(make: Callable[[], Any], kind: type[RecortexError], *words: str) -> str:
    """Do what must be refused; the error is of one kind, one line long, and says the words. Returns what it said."""
    try:
        made = make()
        made = made.run() if hasattr(made, "run") else made
    except RecortexError as error:
        said = str(error)
        assert type(error) is kind, f"{type(error).__name__}: {said}"
        assert "\n" not in said, f"more than one line: {said!r}"
        lacking = [word for word in words if word not in said]
        assert not lacking, f"{lacking} not in: {said}"
        return said
    raise AssertionError(f"nothing was refused; it made {made!r}")


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of a command that was refused."""
        lines = self.err.strip().splitlines()
        assert self.code == 2, f"code {self.code}, {self.out!r}, {self.err!r}"
        assert len(lines) == 1, f"not one line: {self.err!r}"
        return lines[0]


def recortex(*arguments: object) -> Said:
    """The command line, in this process."""
    from recortex.cli.main import main

    before, out, err, code = sys.argv, io.StringIO(), io.StringIO(), 0
    sys.argv = ["recortex", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv = before
    return Said(code, out.getvalue(), err.getvalue())
