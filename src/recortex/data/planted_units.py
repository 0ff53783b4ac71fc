"""Units with planted receptive fields and known noise: responses whose explanation is known."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from recortex.data.base import Pictures, Responses
from recortex.stage import Array, Source

Share = Annotated[float, Field(gt=0, le=1)]


class PlantedUnits(Responses):
    """Simulated units that look at pictures through Gaussian receptive fields, saturate, and are noisy by a known amount.

    A unit sums the ink under a Gaussian, sees more or less of it (a sigmoid of the standardised sum, rising or falling), and adds
    white noise, so that a share `explainable` of its single-trial variance comes from the picture.

    Parameters
    ----------
    stimuli : Pictures
        What the units look at.
    units : int
        How many there are.
    presentations : int
        How often each picture is shown; every presentation has noise of its own.
    runs : int
        The pictures are shown in random order, cut into this many runs.
    explainable : (float, float)
        The range from which each unit's share of explainable single-trial variance is drawn.
    seed : int
        Draws receptive fields, order and noise.
    repeats : "keep" or "average"
        Whether presentations stay single trials or are averaged.
    """

    stimuli: Pictures
    units: int = Field(default=600, ge=1)
    presentations: int = Field(default=2, ge=1)
    runs: int = Field(default=10, ge=1)
    explainable: tuple[Share, Share] = (0.05, 0.6)
    seed: int = Field(default=0, ge=0)

    returns: ClassVar[dict[str, Array]] = Responses.returns | {
        "drive": Array("trial", "unit", about="planted truth: the response without noise"),
        "centre": Array("unit", "yx", units="pixel", about="planted truth: centre of the receptive field"),
        "size_px": Array("unit", units="pixel", about="planted truth: standard deviation of the receptive field"),
        "explainable": Array("unit", about="planted truth: share of single-trial variance that the picture explains"),
    }

    @model_validator(mode="after")
    def _range_is_ordered(self) -> PlantedUnits:
        if self.explainable[0] > self.explainable[1]:
            raise ValueError(f"explainable must run from low to high, got {self.explainable}")
        return self

    def source(self) -> Source:
        """Made here."""
        return Source(
            "Planted units (simulated)", "none needed", "", "", ("The responses are simulated; no brain was recorded.",)
        )

    def expect(self) -> dict[str, int]:
        """A row a presentation, or a stimulus where they are averaged."""
        seen = self.stimuli.foresee()
        if not seen:
            return {}
        shown = seen["stimulus"] * (self.presentations if self.repeats == "keep" else 1)
        return {"trial": shown, "unit": self.units, "yx": 2}

    def measure(self) -> dict[str, Any]:
        """Draw the units, show the pictures, add the noise."""
        seen = self.stimuli.run()
        ink = seen["picture"].astype(np.float64).mean(axis=3) / 255
        count, height, width = ink.shape
        rng = np.random.default_rng(self.seed)
        centre = rng.uniform(0, 1, (self.units, 2)) * [height - 1, width - 1]
        size = rng.uniform(0.08, 0.25, self.units) * min(height, width)
        ys, xs = np.mgrid[:height, :width]
        distance = (ys - centre[:, 0, None, None]) ** 2 + (xs - centre[:, 1, None, None]) ** 2
        field = np.exp(-distance / (2 * size[:, None, None] ** 2))
        summed = ink.reshape(count, -1) @ field.reshape(self.units, -1).T
        standard = (summed - summed.mean(axis=0)) / np.maximum(summed.std(axis=0), 1e-9)
        polarity = rng.choice([-1.0, 1.0], self.units)
        drive = np.tanh(standard * polarity)
        drive = (drive - drive.mean(axis=0)) / np.maximum(drive.std(axis=0), 1e-9)
        share = rng.uniform(*self.explainable, self.units)

        order = np.concatenate([rng.permutation(count) for _ in range(self.presentations)])
        noise = rng.standard_normal((len(order), self.units)) * np.sqrt(1 / share - 1)
        arrays = {
            "responses": (drive[order] + noise).astype(np.float32),
            "stimulus": seen["stimulus"][order],
            "repetition": np.repeat(np.arange(1, self.presentations + 1), count).astype(str),
            "run": (np.arange(len(order)) * self.runs // len(order) + 1).astype(str),
            "drive": drive[order].astype(np.float32),
            "centre": centre,
            "size_px": size,
            "explainable": share,
        }
        return arrays | ({"category": seen["category"][order]} if "category" in seen else {})
