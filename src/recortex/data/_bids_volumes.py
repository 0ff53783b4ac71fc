"""Runs of functional images: when volumes were taken, where voxels lie, and the numbers in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np

from recortex.data._in_our_words import in_our_words, quoted
from recortex.data._memory import afford
from recortex.data._nifti import Image, open_image
from recortex.errors import InvalidInput, shown

TIMES = ("RepetitionTime", "StartTime", "VolumeTiming", "DelayTime", "AcquisitionDuration", "SliceTiming")
LISTS = ("VolumeTiming", "SliceTiming")
UNITS_S = {0: 1.0, 8: 1.0, 16: 1e-3, 24: 1e-6}  # of a header's times: not stated, seconds, milliseconds, microseconds
NEAR_S, NEAR_MM = 1e-3, 1e-2
REGRID = "give a mask on its grid"


@dataclass(frozen=True, eq=False)
class Series:
    """What headers and sidecars say of a run.

    Parameters
    ----------
    path : Path
    volumes : int
    grid : tuple of int
    affine : (4, 4) array
    tr_s, start_s : float
        From volume to volume, and when the first was taken.
    """

    path: Path
    volumes: int
    grid: tuple[int, ...]
    affine: np.ndarray
    tr_s: float
    start_s: float

    @property
    def time_s(self) -> np.ndarray:
        """Of each volume, (volume,)."""
        return (np.arange(self.volumes) + self.start_s / self.tr_s) * self.tr_s

    @property
    def length_s(self) -> float:
        """From the first volume to the end of the last."""
        return self.volumes * self.tr_s


def look_at(path: Path, sidecars: Sequence[Path], tr_s: float | None) -> Series:
    """Read the header of a run and its sidecars.

    Parameters
    ----------
    path : Path
    sidecars : sequence of Path
        From the outermost.
    tr_s : float, optional
        From volume to volume, whatever header and sidecar say.

    Raises
    ------
    InvalidInput
        No sidecar that says when volumes were taken, or one that disagrees with the header; no run of volumes.
    """
    with _opened(path) as image:
        header_s = _header_tr(path)
        said = _times(path, sidecars)
        if tr_s is None:
            tr_s = said.get("RepetitionTime")
            if tr_s is None:
                where = sidecars[-1] if sidecars else None
                if "VolumeTiming" in said:
                    raise InvalidInput(f"{path}: its volumes are not evenly spaced in time (VolumeTiming in {where})")
                there = (
                    f"{where} does not say RepetitionTime" if where else "it has no sidecar (bold.json, its own or further up)"
                )
                raise InvalidInput(f"{path}: {there}; add the seconds from volume to volume there, or give them with tr_s")
            if header_s and abs(header_s - tr_s) > NEAR_S:
                raise InvalidInput(
                    f"{path}: its header says {header_s:g} s from volume to volume, and {_saying(sidecars, 'RepetitionTime').name} "
                    f"RepetitionTime {tr_s:g} s; correct the one that is wrong, or give the right one with tr_s"
                )
        start_s = said.get("StartTime", _middle(said, tr_s))
        return Series(path, image.shape[3], image.shape[:3], image.affine, tr_s, start_s)


def _opened(path: Path) -> Any:
    return open_image(path, 4, "a run of functional images (volumes along the fourth)")


def _header_tr(path: Path) -> float:
    """Seconds from volume to volume, 0 where a header says nothing."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header
    from nibabel.openers import ImageOpener

    with in_our_words(path, "NIfTI"):
        with ImageOpener(str(path)) as file:
            start = file.read(Nifti2Header.sizeof_hdr)
        kind: Any = Nifti2Header if Nifti2Header.may_contain_header(start) else Nifti1Header
        header = kind(start[: kind.sizeof_hdr], check=False)
        step = float(header["pixdim"][4]) * UNITS_S.get(int(header["xyzt_units"]) & 0x38, 1.0)
    return step if isfinite(step) and step > 0 else 0.0


def _read(sidecar: Path) -> dict[str, Any]:
    with in_our_words(sidecar, "JSON"):
        said = json.loads(sidecar.read_text(encoding="utf-8-sig"))
        if not isinstance(said, dict):
            raise ValueError("it holds no names with values ({...})")
    return said


def _times(path: Path, sidecars: Sequence[Path]) -> dict[str, Any]:
    """What sidecars say of time; what stands nearer to the image wins."""
    made: dict[str, Any] = {}
    where: dict[str, Path] = {}
    for sidecar in sidecars:
        said = {name: value for name, value in _read(sidecar).items() if name in TIMES}
        for name, value in said.items():
            if name not in LISTS:
                number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
                if not number or value < 0 or (name == "RepetitionTime" and value == 0):
                    raise InvalidInput(f"{sidecar}: {name} is {shown(repr(value))}, not a number of seconds")
            elif name == "SliceTiming" and not _is_times(value):
                raise InvalidInput(f"{sidecar}: SliceTiming is {shown(repr(value))}, not a list of seconds")
            if name in where and where[name].parent == sidecar.parent and made[name] != value:
                raise InvalidInput(
                    f"{where[name]} and {sidecar.name} lie side by side, both apply to {path.name} and disagree on {name} ({made[name]} "
                    f"and {value}); keep it in one"
                )
            where[name] = sidecar
        made |= said
    return made


def _is_times(value: Any) -> bool:
    numbers = isinstance(value, list) and all(isinstance(item, int | float) and not isinstance(item, bool) for item in value)
    return numbers and all(isfinite(item) and item >= 0 for item in value)


def _middle(said: dict[str, Any], tr_s: float) -> float:
    """When half of a volume has been acquired, where no StartTime says it: between slices, or of what a pause leaves of the interval."""
    slices = np.unique(np.asarray(said.get("SliceTiming") or [0.0], dtype=float))
    if len(slices) > 1:
        return float(slices[-1] + slices[0] + (slices[-1] - slices[0]) / (len(slices) - 1)) / 2
    return float(said.get("AcquisitionDuration", tr_s - said.get("DelayTime", 0.0))) / 2


def _saying(sidecars: Sequence[Path], name: str) -> Path:
    return next(sidecar for sidecar in reversed(sidecars) if name in _read(sidecar))


def check_place(first: Series, other: Series) -> None:
    """Refuse a run whose voxels lie elsewhere than those of the first.

    Raises
    ------
    InvalidInput
        Another grid, or another affine.
    """
    if other.grid != first.grid:
        raise InvalidInput(
            f"{other.path} has a grid of {_by(other.grid)} voxels and {first.path.name} one of {_by(first.grid)}; bring all runs to one "
            "space (as fMRIPrep does), or choose among them with space, sessions or runs"
        )
    if not np.allclose(other.affine, first.affine, atol=NEAR_MM):
        most = np.abs(other.affine - first.affine).max()
        raise InvalidInput(
            f"{other.path} and {first.path.name} have one shape but lie differently in space (their affines differ by up to {most:.3g}); "
            "align the runs, or choose among them with space, sessions or runs"
        )


def common_mask(masks: Sequence[Path], series: Series) -> np.ndarray:
    """Which voxels are in every mask, (i, j, k): where none is 0.

    Raises
    ------
    InvalidInput
        A mask on another grid than the run, or no voxel in all.
    """
    inside = np.ones(series.grid, dtype=bool)
    for mask in dict.fromkeys(masks):
        with open_image(mask, 3, "a mask") as brain:
            if brain.shape != series.grid:
                raise InvalidInput(f"{mask} has {_by(brain.shape)} voxels and {series.path.name} {_by(series.grid)}; {REGRID}")
            if not np.allclose(brain.affine, series.affine, atol=NEAR_MM):
                raise InvalidInput(f"{mask} and {series.path.name} lie differently in space (their affines differ); {REGRID}")
            afford(24 * prod(brain.shape), f"{mask}, a mask of {_by(brain.shape)} voxels,", "resample it to larger voxels")
            with in_our_words(mask, "a mask"):
                voxels = brain.volume()
                brain.finish()
        found = np.isfinite(voxels) & (voxels != 0)
        if not found.any():
            raise InvalidInput(f"{mask} is 0 everywhere: no voxel counts; give a mask that is 1 where one does")
        inside &= found
    if not inside.any():
        raise InvalidInput(f"the masks of the runs share no voxel ({masks[0].name} and {len(set(masks)) - 1} more)")
    return inside


def bright(paths: Sequence[Path], share: float) -> np.ndarray:
    """Which voxels of the mean image, over all volumes of all runs, lie above a share of its own mean, (i, j, k).

    Raises
    ------
    InvalidInput
        A run cannot be read, or no voxel is as bright.
    """
    total: Any = 0.0
    count = 0
    for path in paths:
        for volume in volumes_of(path):
            total = total + volume.astype(np.float64)
            count += 1
    mean = np.where(np.isfinite(total), total, 0.0) / count
    inside = mean > share * mean.mean()
    if not inside.any() or mean.mean() <= 0:
        raise InvalidInput(
            f"no voxel of the mean image lies above {share:g} times its mean of {mean.mean():.3g} ({paths[0].name}); give a mask, or a "
            "smaller mean_share"
        )
    return inside


def volumes_of(path: Path) -> Iterator[np.ndarray]:
    """The volumes of a run, one after the other, (i, j, k) each.

    Raises
    ------
    InvalidInput
        It breaks off.
    """
    with _opened(path) as image:
        for number in range(image.shape[3]):
            with _breaking_off(image, number):
                made = image.volume(number)
                if number == image.shape[3] - 1:
                    image.finish()
            yield made


@contextmanager
def _breaking_off(image: Image, number: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise InvalidInput(f"{image.path} breaks off in volume {number}: {quoted(error)}; copy it again") from error


def read_run(series: Series, inside: np.ndarray) -> np.ndarray:
    """The voxels of a mask in every volume of a run.

    Returns
    -------
    (volume, unit) float32 array
        Units in the order of their indices i, j, k.

    Raises
    ------
    InvalidInput
        It breaks off, is more than fits into memory, or a voxel is not finite somewhere.
    """
    size = (series.volumes, int(inside.sum()))
    afford(
        4 * prod(size) + 16 * prod(series.grid), f"{series.path}, {size[0]} volumes of {size[1]} voxels,", "give a smaller mask"
    )
    made = np.empty(size, dtype=np.float32)
    for number, volume in enumerate(volumes_of(series.path)):
        made[number] = volume[inside]
        if not np.isfinite(made[number]).all():
            voxel = np.argwhere(inside)[np.flatnonzero(~np.isfinite(made[number]))[0]]
            raise InvalidInput(
                f"{series.path}: voxel {tuple(voxel.tolist())} is not a number in volume {number} (counted from 0); "
                "leave it out with a mask"
            )
    return made


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
