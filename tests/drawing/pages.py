"""The pictures in a piece of a report."""

from __future__ import annotations

import base64
import re
from io import BytesIO

import numpy as np
from PIL import Image


def data_of(html: str) -> dict[str, bytes]:
    """Every embedded PNG by what its alt says."""
    found = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]*)"', html)
    assert len({alt for _, alt in found}) == len(found)
    return {alt: base64.b64decode(data) for data, alt in found}


def pictures(html: str) -> dict[str, np.ndarray]:
    """The same as (height, width, 3) arrays, 0 to 255."""
    return {alt: np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int) for alt, data in data_of(html).items()}


def coloured(picture: np.ndarray) -> np.ndarray:
    """Which pixels are not grey."""
    return np.ptp(picture, axis=-1) > 20
