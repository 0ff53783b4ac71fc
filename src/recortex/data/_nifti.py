"""Volumes out of a 4D NIfTI image, through a mask on the same grid."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from recortex.data._in_our_words import in_our_words, quoted
from recortex.data._memory import DEFLATE, afford
from recortex.errors import InvalidInput

RESAMPLE = 'bring the mask onto the grid of the image (nilearn.image.resample_to_img(mask, image, interpolation="nearest"))'


@dataclass(frozen=True)
class Image:
    """An open image whose header is sound.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        With as many axes as were wanted.
    affine : (4, 4) array
        Voxel indices to millimetres.
    data : nibabel.arrayproxy.ArrayProxy
        Read when indexed.
    file : nibabel.openers.ImageOpener
        What it is read from.
    """

    path: Path
    shape: tuple[int, ...]
    affine: np.ndarray
    data: Any
    file: Any

    def volume(self, *number: int) -> np.ndarray:
        """One volume, or the only one."""
        return np.asarray(self.data[(slice(None),) * 3 + number + (0,) * (self.data.ndim - 3 - len(number))])

    def finish(self) -> None:
        """Read a packed file to its end, where its checksum is, and is held against what was read."""
        while self.path.suffix.lower() == ".gz" and self.file.read(2**20):
            pass


def is_nifti(path: Path) -> bool:
    """Whether a file is a NIfTI image, by its name."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


@contextmanager
def open_image(path: Path, axes: int, what: str) -> Iterator[Image]:
    """Open an image and read its header; extensions in it are passed over.

    Parameters
    ----------
    path : Path
    axes : int
        How many there must be; further ones of length 1, as some programs write them, hold nothing and are left out.
    what : str
        What it is to be, for the message.

    Raises
    ------
    InvalidInput
        It is no NIfTI image, has other axes or no numbers, promises more than it holds, or says nowhere where its voxels are.
    """
    from nibabel.openers import ImageOpener

    with in_our_words(path, "NIfTI"):
        # open until the end: volumes are read one after the other, and a packed file must not be unpacked from its start for each
        file = ImageOpener(str(path))
    with file:
        with in_our_words(path, "NIfTI"):
            header = _header(file, path)
            from nibabel.arrayproxy import ArrayProxy

            data: Any = ArrayProxy(file, header, mmap=False)
            affine, dtype = np.asarray(header.get_best_affine(), dtype=np.float64), header.get_data_dtype()
        shape = tuple(int(size) for size in data.shape)
        if len(shape) < axes or any(size != 1 for size in shape[axes:]):
            raise InvalidInput(f"{path} has shape {shape}; {what} has {axes} axes")
        if min(shape) < 1:
            raise InvalidInput(f"{path} has shape {shape}, which no image has; convert it again")
        if dtype.kind not in "fiu":
            kind = "complex numbers" if dtype.kind == "c" else "colours"
            raise InvalidInput(f"{path} holds {kind}; save it as one real number a voxel")
        promised, there = data.offset + prod(shape) * dtype.itemsize, path.stat().st_size
        if promised > there * (DEFLATE if path.suffix.lower() == ".gz" else 1):
            raise InvalidInput(
                f"{path} breaks off: its header promises {' x '.join(map(str, shape))} voxels and volumes in {promised:,} bytes, and "
                f"it has {there:,}; copy it again"
            )
        finite = bool(np.isfinite(affine).all())
        if not finite or np.linalg.matrix_rank(affine[:3, :3]) < 3:
            rows = "; ".join(" ".join(f"{number:g}" for number in row) for row in affine[:3])
            wrong = "has no inverse" if finite else "is not finite"
            raise InvalidInput(f"{path} does not say where its voxels are: its affine {wrong} ({rows}); convert it again")
        yield Image(path, shape[:axes], affine, data, file)


def _header(file: Any, path: Path) -> Any:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    start = file.read(Nifti2Header.sizeof_hdr)
    kind = next((kind for kind in (Nifti2Header, Nifti1Header) if kind.may_contain_header(start)), None)
    if kind is None or b"n+" not in start:
        raise ValueError("it has no NIfTI header, or its voxels lie in an .img file beside it")
    header: Any = kind(start[: kind.sizeof_hdr], check=False)
    header.check_fix(logger=(mended := _Mended()), error_level=40)
    if np.isinf(header["scl_slope"]):
        raise ValueError("its slope is infinite")
    for said in mended:
        logging.getLogger("recortex").warning("%s: %s", path.name, quoted(said))
    return header


class _Mended(list[str]):
    """What nibabel mends in a header, which it tells a logger."""

    def log(self, level: int, said: str) -> None:
        """Take what matters to a reader of warnings."""
        if level >= logging.WARNING:
            self.append(said)


def _inside(mask: Image) -> np.ndarray:
    """Which voxels count, (i, j, k): those of a mask that are not 0."""
    afford(
        24 * prod(mask.shape),
        f"{mask.path}, a mask of {' x '.join(map(str, mask.shape))} voxels,",
        "resample it to larger voxels",
    )
    with in_our_words(mask.path, "a mask"):
        voxels = mask.volume()
        mask.finish()
    found = np.isfinite(voxels) & (voxels != 0)
    if not found.any():
        raise InvalidInput(f"{mask.path} is 0 everywhere: no voxel counts; give a mask that is 1 where one does")
    return found


@contextmanager
def _open_both(path: Path, mask: Path | None) -> Iterator[tuple[Image, Image]]:
    """An image of responses and its mask, once they are known to lie on the same grid."""
    with open_image(path, 4, "an image of responses, one volume a trial,") as image:
        if mask is None:
            raise InvalidInput(f"{path} is an image: give a mask that says which voxels count (mask: FILE)")
        with open_image(mask, 3, "a mask") as brain:
            if brain.shape != image.shape[:3]:
                raise InvalidInput(f"{mask.name} has shape {brain.shape} and the image {path.name} {image.shape[:3]}; {RESAMPLE}")
            if not np.allclose(brain.affine, image.affine, atol=1e-2):
                raise InvalidInput(
                    f"{mask.name} and {path.name} have the same shape but lie differently in space (their affines differ); {RESAMPLE}"
                )
            yield image, brain


def size_of(path: Path, mask: Path | None) -> tuple[int, int]:
    """The number of volumes of an image and of voxels in its mask, without reading a volume; refuses as `read_volumes` does."""
    with _open_both(path, mask) as (image, brain):
        return image.shape[3], int(_inside(brain).sum())


def read_volumes(path: Path, mask: Path | None) -> dict[str, Any]:
    """Read the voxels of a mask from every volume.

    Parameters
    ----------
    path : Path
        A 4D image, one volume a trial.
    mask : Path
        A 3D image on the same grid; a voxel counts where it is not 0.

    Returns
    -------
    dict
        responses (trial, unit) float32, voxel (unit, axis), affine (row, column) in mm, grid (axis,).

    Raises
    ------
    InvalidInput
        No mask, or one on another grid or without a voxel; as `open_image`; a file that breaks off, more than fits into memory.
    """
    with _open_both(path, mask) as (image, brain):
        inside = _inside(brain)
        size, grid = (image.shape[3], int(inside.sum())), image.shape[:3]
        afford(4 * prod(size) + 16 * prod(grid), f"{path}, {size[0]} volumes of {size[1]} voxels,", "give a smaller mask")
        responses = np.empty(size, dtype=np.float32)
        for volume in range(size[0]):  # one at a time: the image may be larger than memory
            try:
                responses[volume] = image.volume(volume)[inside]
                if volume == size[0] - 1:
                    image.finish()
            except Exception as error:
                raise InvalidInput(f"{path} breaks off in volume {volume}: {quoted(error)}") from error
        return {"responses": responses, "voxel": np.argwhere(inside), "affine": image.affine, "grid": np.array(grid)}
