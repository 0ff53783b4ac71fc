"""Where the products of a fit are computed: NumPy on the CPU, or torch on any of its devices.

Everything in between is written in the array API standard, so that one text serves both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from recortex.errors import InvalidInput

__all__ = ["like", "on_cpu", "on_device"]


def on_device(values: np.ndarray, device: str | None) -> Any:
    """Bring an array to a device.

    Parameters
    ----------
    values : array
    device : str or None
        None for NumPy; else torch's name of a device: "cpu", "cuda", "cuda:1".

    Raises
    ------
    InvalidInput
        There is no such device here.
    """
    if device is None:
        return values
    import torch

    try:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)
    except (RuntimeError, AssertionError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise InvalidInput(
                f"device {device} has too little memory left; set a memory_limit, or device=None for the CPU"
            ) from error
        raise InvalidInput(
            f"there is no device {device} here; use device=None for the CPU, or cuda where torch finds a GPU"
        ) from error


def on_cpu(values: Any) -> np.ndarray:
    """Bring an array back to NumPy."""
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def like(values: Any, other: Any) -> Any:
    """An array in the precision of another, and where that one is."""
    xp = array_namespace(other)
    return xp.asarray(values, dtype=other.dtype, device=other.device)
