"""Pictures from arrays, for whatever makes features of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from recortex.data.picture_file import PictureFile


@pytest.fixture
def pictures(tmp_path) -> Callable[..., PictureFile]:
    """pictures(values, name) -> the stage of a file with these pictures."""

    def make(values: np.ndarray, name: str = "pictures", **fields) -> PictureFile:
        np.save(tmp_path / f"{name}.npy", values)
        return PictureFile(path=tmp_path / f"{name}.npy", **fields)

    return make
