"""What a scene can be asked about, with the prompts that stand for each answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recortex.data.simulated.scene import BACKGROUNDS, COLOURS, DESIGNS, KINDS, MOST
from recortex.data.simulated.vocabulary import DESIGN_NOUNS, KIND_NOUNS, PLACES, TIMES, nouns
from recortex.data.simulated.words import MIDDLE, NUMBERS, SIDES, a

UNCLEAR = -100  # the answer of a scene where none is right; cross-entropy leaves it out
SIDE_PHRASES: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "at the left"),
    "middle": ("in the middle", "in the centre"),
    "right": ("on the right", "at the right"),
}
PARTITIVES = {"food": "some", "furniture": "a piece of", "word": "the"}

PROMPTS: dict[str, dict[str, tuple[str, ...]]] = {
    "kind": {
        kind: tuple(f"{PARTITIVES[kind]} {noun}" if kind in PARTITIVES else a(noun) for noun in KIND_NOUNS[kind])
        for kind in KINDS
    },
    "design": {
        design: tuple(f"a pair of {noun}" if design == "scissors" else a(noun) for noun in DESIGN_NOUNS.get(design, (design,)))
        for designs in DESIGNS.values()
        for design in designs
    },
    "colour": {colour: (a(f"{colour} thing"),) for colour in COLOURS},
    "background": {background: PLACES[background] for background in BACKGROUNDS},
    "time": {"day": TIMES[False], "night": TIMES[True]},
    "count": {str(count): (f"{NUMBERS[count]} thing{'s' * (count > 1)}",) for count in range(1, MOST + 1)},
    "side": SIDE_PHRASES,
}
"""Prompts by attribute and answer; kind, design, colour and side are those of the largest thing."""


def kind_ensemble(kind: str) -> tuple[str, ...]:
    """Prompts for a kind by every noun of it: the general ones and those of its designs."""
    specific = nouns(kind)[len(KIND_NOUNS[kind]) :]
    return (*PROMPTS["kind"][kind], *("a pair of scissors" if noun == "scissors" else a(noun) for noun in specific))


def columns(scenes: Any) -> dict[str, np.ndarray]:
    """What `answers` reads of a result of `SimulatedScenes`."""
    return {name: scenes[name] for name in ("kind", "design", "colour", "background", "night", "x")}


def designs_present(design: np.ndarray) -> np.ndarray:
    """(stimulus, design) float32: 1 where one of a scene's things is of that design.

    Parameters
    ----------
    design : array (stimulus, thing) of str
    """
    return np.stack([(design == one).any(1) for one in PROMPTS["design"]], axis=1).astype(np.float32)


def answers(scenes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The number of the right answer of each scene by attribute, `UNCLEAR` where the side is.

    Parameters
    ----------
    scenes : mapping of str to array
        The arrays of `SimulatedScenes`.
    """
    x = scenes["x"][:, 0]
    side = np.select([x < SIDES[0], x > SIDES[1], (x > MIDDLE[0]) & (x < MIDDLE[1])], [0, 2, 1], UNCLEAR)
    said = {
        "kind": scenes["kind"][:, 0],
        "design": scenes["design"][:, 0],
        "colour": scenes["colour"][:, 0],
        "background": scenes["background"],
        "time": np.where(scenes["night"], "night", "day"),
        "count": (scenes["kind"] != "").sum(1).astype(str),
    }
    number = {name: {answer: at for at, answer in enumerate(PROMPTS[name])} for name in said}
    return {name: np.array([number[name][str(word)] for word in words]) for name, words in said.items()} | {"side": side}
