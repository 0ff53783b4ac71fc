"""Handwritten digits that come with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from recortex.data.base import Pictures
from recortex.stage import Source


class HandwrittenDigits(Pictures):
    """Grey 8 x 8 pictures of the digits 0 to 9 from scikit-learn's own files: nothing to download.

    Parameters
    ----------
    count : int
        How many of the 1,797, the first ones, in which all digits take turns.
    """

    count: int = Field(default=600, ge=10, le=1797)

    def source(self) -> Source:
        """UCI's optical digits, test part, as scikit-learn ships it."""
        return Source(
            "Optical recognition of handwritten digits (UCI), as shipped with scikit-learn",
            "CC BY 4.0",
            "Alpaydin, E. & Kaynak, C. (1998). Optical Recognition of Handwritten Digits. UCI Machine Learning Repository.",
            "https://archive.ics.uci.edu/dataset/80",
        )

    def expect(self) -> dict[str, int]:
        """Known beforehand."""
        return {"stimulus": self.count, "height": 8, "width": 8, "channel": 1}

    def compute(self) -> dict[str, Any]:
        """Load and scale: 16 levels of ink to 0 .. 255."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        pictures = np.round(digits.images[: self.count] * (255 / 16)).astype(np.uint8)
        return {
            "stimulus": np.array([f"digit{n:04d}" for n in range(self.count)]),
            "category": digits.target[: self.count].astype(str),
            "picture": pictures[..., None],
        }
