"""Volumes out of a 4D NIfTI image, through a mask on the same grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recortex.errors import InvalidInput


def is_nifti(path: Path) -> bool:
    """Whether a file is a NIfTI image, by its name."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def shape_of(path: Path, axes: int, what: str) -> tuple[int, ...]:
    """The shape of an image, from its header; refuses as `read_volumes` does."""
    return tuple(_load(path, axes, what).shape)


def _load(path: Path, axes: int, what: str) -> Any:
    import nibabel

    try:
        # kept open: volumes are read one after the other, and a packed file must not be unpacked from its start for each
        image: Any = nibabel.load(path, keep_file_open=True)
    except Exception as error:  # nibabel and gzip raise a dozen kinds for a broken file
        raise InvalidInput(f"{path} cannot be read as NIfTI: {error}") from error
    if len(image.shape) != axes:
        raise InvalidInput(f"{path} has shape {image.shape}; {what} has {axes} axes")
    return image


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
        No mask, another number of axes, shapes or affines that differ, an empty mask, a truncated file.
    """
    image = _load(path, 4, "an image of responses, one volume a trial,")
    if mask is None:
        raise InvalidInput(f"{path} is an image: give a mask that says which voxels count (mask: FILE)")
    brain = _load(mask, 3, "a mask")
    if brain.shape != image.shape[:3]:
        raise InvalidInput(f"{mask.name} has shape {brain.shape} and the image {path.name} {image.shape[:3]}; resample one")
    if not np.isfinite(image.affine).all():
        raise InvalidInput(f"{path} has an affine that is not finite")
    if not np.allclose(brain.affine, image.affine, atol=1e-2):
        raise InvalidInput(
            f"{mask.name} and {path.name} have the same shape but different affines, so a voxel means another place in each; "
            "resample the mask to the image"
        )
    voxels = np.asarray(brain.dataobj, dtype=np.float64)
    inside = np.isfinite(voxels) & (voxels != 0)
    if not inside.any():
        raise InvalidInput(f"{mask} is 0 everywhere: no voxel counts")
    responses = np.empty((image.shape[3], int(inside.sum())), dtype=np.float32)
    try:
        for volume in range(image.shape[3]):  # one at a time: the image may be larger than memory
            responses[volume] = np.asarray(image.dataobj[..., volume])[inside]
    except Exception as error:
        raise InvalidInput(f"{path} breaks off in volume {volume}: {error}") from error
    return {
        "responses": responses,
        "voxel": np.argwhere(inside),
        "affine": np.asarray(image.affine, dtype=np.float64),
        "grid": np.array(image.shape[:3]),
    }
