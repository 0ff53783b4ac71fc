"""Handwritten sixes and nines seen in the scanner (van Gerven et al. 2010)."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.data import manifests
from recortex.data._array_files import read_array
from recortex.data.base import Pictures, Responses
from recortex.stage import Source

FILE = "digits69/digit69_28x28.mat"
DIGITS = {1: "six", 2: "nine"}


def _both(training: str, test: str) -> tuple[np.ndarray, np.ndarray]:
    path = manifests.load("digits69").locate(FILE)
    return read_array(path, training), read_array(path, test)


def _names() -> np.ndarray:
    training, test = _both("labelTrn", "labelTest")
    return np.array([f"train{n:02d}" for n in range(len(training))] + [f"test{n:02d}" for n in range(len(test))])


def _categories() -> np.ndarray:
    return np.array([DIGITS[int(label)] for label in np.concatenate(_both("labelTrn", "labelTest")).ravel()])


class Digits69(Responses):
    """One person's visual cortex for 100 handwritten sixes and nines, each seen once; `split` is the published one, 90 and 10."""

    def key_extra(self) -> Any:
        """The published file."""
        return manifests.load("digits69").checksums()

    def source(self) -> Source:
        """Van Gerven et al. 2010, as published with Du et al. 2018."""
        return manifests.load("digits69").source()

    def check_ready(self) -> None:
        """The file must be on this machine."""
        manifests.load("digits69").locate(FILE)

    def expect(self) -> dict[str, int]:
        """As the manifest says."""
        counts = manifests.load("digits69").counts
        return {"trial": counts["trials"], "unit": counts["units"]}

    def measure(self) -> dict[str, Any]:
        """Both published parts, training first."""
        training, test = _both("fmriTrn", "fmriTest")
        return {
            "responses": np.concatenate([training, test]).astype(np.float32),
            "stimulus": _names(),
            "category": _categories(),
            "split": np.repeat(["train", "test"], [len(training), len(test)]),
            "column": np.arange(training.shape[1]),
        }


class Digits69Pictures(Pictures):
    """The 100 handwritten sixes and nines, 28 x 28 grey."""

    def key_extra(self) -> Any:
        """The published file."""
        return manifests.load("digits69").checksums()

    def source(self) -> Source:
        """Published in the same file as the responses."""
        return manifests.load("digits69").source()

    def check_ready(self) -> None:
        """The file must be on this machine."""
        manifests.load("digits69").locate(FILE)

    def expect(self) -> dict[str, int]:
        """As the manifest says."""
        return {"stimulus": manifests.load("digits69").counts["stimuli"], "height": 28, "width": 28, "channel": 1}

    def compute(self) -> dict[str, Any]:
        """Both published parts, turned the right way round: MATLAB stores pixels down the columns."""
        flat = np.concatenate(_both("stimTrn", "stimTest"))
        upright = flat.reshape(len(flat), 28, 28).transpose(0, 2, 1)
        return {"stimulus": _names(), "category": _categories(), "picture": upright[..., None]}
