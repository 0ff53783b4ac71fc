"""Edges, light and colours, as maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from recortex.data.base import Pictures
from recortex.data.pictures import luma, resized
from recortex.features.maps import Maps, on_grid
from recortex.stage import Tiling

SURROUND = 0.1
"""Standard deviation of what light is compared with, as a share of the picture."""
OPPONENTS = ("light", "dark", "red", "green", "blue", "yellow")


class LowLevelMaps(Maps):
    """Maps of oriented contrast at several scales, of light and dark, and of opponent colours.

    Oriented contrast is the size of the derivative of the smoothed luma along an orientation (steered derivatives of a Gaussian,
    Freeman and Adelson 1991). Light and dark are what luma has above and below its surround; red against green is R - G, blue against
    yellow B - (R + G) / 2, each sign a channel. A feature is the root of a channel's mean over a square cell.

    Parameters
    ----------
    stimuli : Pictures
        The pictures; grey ones have no colours, and these channels are 0.
    cells : int
        Maps have cells x cells places.
    scales : tuple of float
        Standard deviations of the smoothing before edges are looked for, as shares of the picture.
    orientations : int
        Evenly spaced over half a turn.
    size : int
        Side in pixels to which the pictures are brought first, a multiple of `cells`.
    """

    stimuli: Pictures
    cells: int = Field(default=32, ge=1)
    scales: tuple[float, ...] = Field(default=(0.01, 0.03), min_length=1)
    orientations: int = Field(default=4, ge=1)
    size: int = Field(default=64, ge=8, le=512)

    @model_validator(mode="after")
    def _fits(self) -> LowLevelMaps:
        if self.size % self.cells:
            raise ValueError(f"size must be a multiple of cells: {self.size} pixels do not divide into {self.cells} cells")
        if wrong := [scale for scale in self.scales if not 0 < scale <= 0.5]:
            raise ValueError(f"scales are shares of the picture above 0 and at most .5, got {wrong}")
        return self

    def channels(self) -> list[str]:
        """Names of the channels."""
        turns = [f"{180 * number / self.orientations:g} deg" for number in range(self.orientations)]
        return [*(f"edges {number + 1} {turn}" for number in range(len(self.scales)) for turn in turns), *OPPONENTS]

    def expect(self) -> dict[str, int]:
        """A feature a channel and cell."""
        seen, channels = self.stimuli.foresee(), len(self.channels())
        return {"stimulus": seen["stimulus"], "feature": channels * self.cells**2, "channel": channels} if seen else {}

    def tiling(self) -> Tiling:
        """Some hundred pictures at a time."""
        return Tiling("stimulus", self.stimuli.run().shape("picture")[0], 512)

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """Maps of some pictures."""
        seen = self.stimuli.run()
        place = slice(rows.start, rows.stop)
        pictures = resized(seen.read("picture", place).astype(np.float32) / 255, self.size, self.size)
        maps = [self._pooled(values) for values in self._values(pictures)]
        x, y = on_grid(self.cells)
        names = self.channels()
        return {
            "stimulus": seen["stimulus"][place],
            "features": np.sqrt(np.concatenate(maps, axis=1)),
            "shape": np.array([len(names), self.cells, self.cells]),
            "x": np.tile(x, len(names)),
            "y": np.tile(y, len(names)),
            "of_channel": np.repeat(np.arange(len(names)), self.cells**2),
            "channel": np.array(names),
        }

    def _values(self, pictures: np.ndarray) -> Iterator[np.ndarray]:
        """Each channel, (stimulus, size, size), none below 0."""
        from scipy.ndimage import gaussian_filter

        grey = luma(pictures)[..., 0]
        for scale in self.scales:
            sd = scale * self.size
            across, down = (
                gaussian_filter(grey, sd, order=order, axes=(1, 2), mode="nearest") * sd for order in ((0, 1), (1, 0))
            )
            for turn in np.arange(self.orientations) * np.pi / self.orientations:
                yield np.abs(np.float32(np.cos(turn)) * across + np.float32(np.sin(turn)) * down)
        red, green, blue = (pictures[..., min(number, pictures.shape[3] - 1)] for number in range(3))
        light = grey - gaussian_filter(grey, SURROUND * self.size, axes=(1, 2), mode="nearest")
        for values in (light, red - green, blue - (red + green) / 2):
            yield np.maximum(values, 0)
            yield np.maximum(-values, 0)

    def _pooled(self, values: np.ndarray) -> np.ndarray:
        """Means over cells, (stimulus, place)."""
        step = self.size // self.cells
        return values.reshape(len(values), self.cells, step, self.cells, step).mean(axis=(2, 4)).reshape(len(values), -1)
