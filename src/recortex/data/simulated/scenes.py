"""Pictures of simulated scenes, with what is in them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from recortex.data.base import Pictures
from recortex.data.simulated.scene import KINDS, MOST, Combinations, Scene, scene, variant
from recortex.errors import did_you_mean
from recortex.stage import Array, Figure, Result, Source

SIDE = 64


class SimulatedScenes(Pictures):
    """Painted scenes of one to three things by day and by night, with the list of what is in them.

    The first n scenes are the same whatever `count` is. Kinds, backgrounds, colours, places, sizes and counts are independent of
    each other; the kind of the largest thing goes through all kinds before any comes again.

    Parameters
    ----------
    count : int
        How many scenes.
    seed : int
        Another seed gives other scenes under other names.
    kinds : tuple of str
        What kinds of things there are; leave some out to keep them for a test. Their order does not matter.
    combinations : "all", "familiar" or "new"
        One in six combinations of kind, background and colour family is held out: "familiar" scenes have none of them and "new"
        ones nothing else, though each kind, background and family is in both.
    """

    count: int = Field(default=2000, ge=1)
    seed: int = Field(default=0, ge=0)
    kinds: tuple[str, ...] = Field(default=KINDS, min_length=1)
    combinations: Combinations = "all"

    returns: ClassVar[dict[str, Array]] = Pictures.returns | {
        "category": Array("stimulus", dtype="str", units="", about="kind of the largest thing"),
        "kind": Array(
            "stimulus", "thing", dtype="str", units="", about="kind of each thing, largest first, padded with empty ones"
        ),
        "design": Array("stimulus", "thing", dtype="str", units="", about="which of its kind each thing is"),
        "colour": Array("stimulus", "thing", dtype="str", units="", about="colour of each thing"),
        "text": Array("stimulus", "thing", dtype="str", units="", about="what is written on it; empty but for the kind word"),
        "x": Array("stimulus", "thing", about="centre as a share of the picture, from the left; NaN where there is no thing"),
        "y": Array("stimulus", "thing", about="centre as a share of the picture, from the top; NaN where there is no thing"),
        "size": Array("stimulus", "thing", about="height as a share of the picture; NaN where there is no thing"),
        "background": Array("stimulus", dtype="str", units="", about="where the things are"),
        "night": Array("stimulus", dtype="bool", units="", about="whether it is night"),
    }

    @model_validator(mode="after")
    def _kinds_are_known(self) -> SimulatedScenes:
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(f"kinds: there is no kind {kind}{did_you_mean(kind, KINDS)}")
            if self.kinds.count(kind) > 1:
                raise ValueError(f"kinds: {kind} stands twice; name each kind once")
        return self

    def source(self) -> Source:
        """Made here."""
        return Source("Simulated scenes", "none needed", "", "", ("The pictures are drawn by a program.",))

    def expect(self) -> dict[str, int]:
        """Known beforehand."""
        return {"stimulus": self.count, "height": SIDE, "width": SIDE, "channel": 3, "thing": MOST}

    def scene(self, number: int) -> Scene:
        """What is in a scene."""
        return scene(self.seed, number, self.kinds, self.combinations)

    def wordings(self, number: int) -> list[str]:
        """Five true captions of a scene."""
        from recortex.data.simulated.words import wordings

        rng = np.random.default_rng([self.seed, variant(self.kinds, self.combinations), number, 3])
        return wordings(self.scene(number), rng)

    def names(self) -> list[str]:
        """Names of the scenes; scenes of another seed, other kinds or other combinations have other names."""
        special = variant(self.kinds, self.combinations)
        mark = "" if special == variant(KINDS, "all") else f"v{special:x}"
        return [f"s{self.seed}{mark}_{number:06d}" for number in range(self.count)]

    def compute(self) -> dict[str, Any]:
        """Draw the scenes and paint them."""
        from recortex.data.simulated.painting import paint

        picture = np.empty((self.count, SIDE, SIDE, 3), np.uint8)
        words = {name: np.full((self.count, MOST), "", dtype="<U16") for name in ("kind", "design", "colour", "text")}
        numbers = {name: np.full((self.count, MOST), np.nan) for name in ("x", "y", "size")}
        background, night = [], []
        for row in range(self.count):
            drawn = self.scene(row)
            picture[row] = paint(drawn, SIDE)
            background.append(drawn.background)
            night.append(drawn.night)
            for column, thing in enumerate(drawn.things):
                for name, values in (words | numbers).items():
                    values[row, column] = getattr(thing, name)
        return {
            "stimulus": np.array(self.names()),
            "category": words["kind"][:, 0],
            "picture": picture,
            **words,
            **numbers,
            "background": np.array(background),
            "night": np.array(night),
        }

    def figures(self, result: Result) -> list[Figure]:
        """A sheet of the first scenes, each above its first caption."""
        from recortex.drawing import picture_sheet

        shown = range(min(24, self.count))
        return [
            Figure(
                "Simulated scenes",
                f"{self.count} painted scenes of {SIDE} x {SIDE} pixels; the first of them, each above the first of its captions.",
                picture_sheet(
                    [result.read("picture", slice(0, len(shown))) / 255],
                    ["scene"],
                    result["stimulus"][: len(shown)].tolist(),
                    [self.wordings(number)[0] for number in shown],
                ),
                "data",
            )
        ]
