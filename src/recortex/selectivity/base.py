"""What stages return that put the selectivity of units into words, and how they choose the units that have any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.data.about_units import about_units
from recortex.encoders.base import Encoder
from recortex.errors import InvalidInput
from recortex.metrics import false_discovery
from recortex.progress import steps
from recortex.selectivity.reliability import check_ways, held_out_p
from recortex.splits.within import Within
from recortex.stage import Array, Figure, Result, Stage

UNITS_AT_ONCE = 2**20  # numbers of a block, in trials or permutations x units
SHOWN = 12
TELLING = 0.15  # a word that more captions hold says little of a unit


class UnitCaptions(Stage):
    """A caption for each unit whose encoder predicts held-out trials.

    Parameters
    ----------
    encoder : Encoder
        What is known of the units. Its held-out trials choose them, and the split that made these is best `Within` the training set,
        so that trials are left which neither wrote a caption nor chose its unit.
    level : float
        False discovery rate among the units that get a caption.
    permutations : int
        How often stimuli change places between predictions and held-out responses, for the p of each unit.
    seed : int
        Draws them.
    """

    encoder: Encoder
    level: float = Field(default=0.05, gt=0, lt=1)
    permutations: int = Field(default=1000, ge=1)
    seed: int = Field(default=0, ge=0)

    returns: ClassVar[dict[str, Array]] = {
        "caption": Array("unit", dtype="str", units="", about="what the unit stands for; empty where none is written"),
        "captioned": Array("unit", dtype="bool", units="", about="whether the unit has a caption"),
        "correlation": Array("unit", about="held-out correlation of the unit with what its caption is written from"),
        "unit_p": Array("unit", about="share of permutations of held-out stimuli that reach it, one-sided"),
        "unit_q": Array("unit", about="the same as false discovery rate (Benjamini and Hochberg)"),
    }

    def predicted(self, units: slice, row: np.ndarray) -> np.ndarray:
        """Held-out predictions that the units are chosen by, (held-out trial, unit)."""
        return self.encoder.run().read("prediction", columns=units)

    def check_ready(self) -> None:
        """Enough permutations for any p to be small."""
        super().check_ready()
        self.check_permutations()
        self.check_exchangeable()

    def check_permutations(self) -> None:
        """Refuse so few that no unit could be chosen.

        Raises
        ------
        InvalidInput
        """
        if (least := 1 / (self.permutations + 1)) > self.level:
            raise InvalidInput(
                f"permutations: {self.permutations} give no p below {least:.2g}, and level is {self.level:g}; give "
                f"{int(np.ceil(1 / self.level)) - 1} or more"
            )

    def check_exchangeable(self) -> None:
        """Refuse encoders whose trials hang together beyond their stimulus: exchanging single stimuli would flatter them.

        Raises
        ------
        InvalidInput
        """
        split = self.encoder.split
        while isinstance(split, Within):
            split = split.split
        if split.by != "stimulus":
            raise InvalidInput(
                f"encoder: its split keeps trials of one {split.by} together, as if they were not independent, and units are chosen by "
                "exchanging single stimuli, which would find too many; give it a split by stimulus where that is right"
            )

    def expect(self) -> dict[str, int]:
        """The units of the brain."""
        brain = self.encoder.brain.foresee()
        return {"unit": brain["unit"]} if brain else {}

    def unit_blocks(self) -> Iterator[slice]:
        """Some units at a time."""
        trials, units = self.encoder.brain.run().shape("responses")
        step = max(1, UNITS_AT_ONCE // max(trials, self.permutations))
        return steps([slice(start, min(start + step, units)) for start in range(0, units, step)], "blocks of units")

    def reliable(self) -> dict[str, np.ndarray]:
        """Which units are chosen, and by what: `captioned`, `correlation`, `unit_p`, `unit_q`."""
        self.check_permutations()
        self.check_exchangeable()
        fitted = self.encoder.run()
        check_ways(fitted["stimulus"], self.level)
        units, several = self.encoder.brain.run().shape("responses")[1], fitted.shape("fold")[0] > 1
        correlation, p = np.empty(units), np.empty(units)
        for block in self.unit_blocks():
            measured, predicted = self.encoder.pairs(block).measured(), self.predicted(block, fitted["row"])
            correlation[block], p[block] = held_out_p(
                measured, predicted, fitted["stimulus"], self.permutations, self.seed, several
            )
        q = false_discovery(p)
        return {"captioned": q <= self.level, "correlation": correlation, "unit_p": p, "unit_q": q}

    def figures(self, result: Result) -> list[Figure]:
        """The words of each area, where on the cortex they are, and some captions."""
        from recortex.drawing import brain_labels, table
        from recortex.selectivity.words import first_of, most_frequent, words_by_group

        captioned = result["captioned"]
        places: Mapping[str, Any] = self.encoder.brain.cached() or {}
        if not captioned.any():
            return []
        caption, r = result["caption"], result["correlation"]
        known = about_units(self.encoder.brain, ("area",))
        area = np.full(len(caption), "all") if known is None else known["area"]
        said, where = caption[captioned], area[captioned]
        rows = [
            [group, str(count), ", ".join(f"{word} {share:.0%} ({overall:.0%})" for word, share, overall in words)]
            for group, count, words in words_by_group(said, where)
        ]
        top = most_frequent(said, 11, TELLING)
        labels = np.where(captioned, first_of(caption, top), "")
        best = np.flatnonzero(captioned)[np.argsort(-r[captioned], kind="stable")]
        one_an_area = np.sort(np.unique(area[best], return_index=True)[1])
        shown = best[np.union1d(one_an_area, np.arange(min(SHOWN - len(one_an_area[:SHOWN]), len(best))))][:SHOWN]
        how_many = f"{len(said)} of {len(caption)} units have a caption, at a false discovery rate of {self.level:g}."
        return [
            Figure(
                "Words of each area",
                f"{how_many} Of those in an area, the share whose caption holds a word; in brackets the share of all units with a "
                "caption, above which these words lie most. Words that hardly say anything by themselves are left out, and nouns are "
                f"not told from other words. The map has the first of {len(top)} words that each caption holds: the most "
                f"frequent of those that at most {TELLING:.0%} of the captions hold.",
                table(["area", "units", "words"], rows) + brain_labels(labels, places, "first frequent word", order=top),
                "selectivity",
            ),
            Figure(
                "Captions of units",
                "The unit with the highest held-out correlation of each area, then the highest of all.",
                table(
                    ["unit", "area", "correlation", "caption"],
                    [[str(unit), str(area[unit]), f"{r[unit]:.2f}", str(caption[unit])] for unit in shown.tolist()],
                ),
                "selectivity",
            ),
        ]
