"""What is in the simulated world: scenes of one to three things before a background, drawn at random by number.

A scene depends on its seed, its number and what it may be drawn from, and on nothing else: scene 17 is the same whether 20 or 20,000
are made, in any process, so they can be made in any order and anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

Combinations = Literal["all", "familiar", "new"]

DESIGNS = {
    "face": ("man", "woman", "girl", "grandfather", "baby"),
    "body": ("dancer", "runner", "gymnast", "hiker"),
    "house": ("cottage", "barn", "tower", "castle", "hut"),
    "landscape": ("mountain", "volcano", "waterfall", "hill"),
    "food": ("apple", "cupcake", "ice cream", "cake", "soup"),
    "animal": ("dog", "cat", "bird", "rabbit", "elephant"),
    "vehicle": ("car", "bus", "truck", "train", "boat"),
    "tool": ("hammer", "saw", "spade", "paintbrush", "scissors"),
    "plant": ("tree", "fir", "flower", "cactus", "palm"),
    "word": ("sign", "screen", "banner", "book", "note"),
    "furniture": ("chair", "table", "bed", "sofa", "bookcase"),
    "ball": ("football", "basketball", "striped ball", "tennis ball", "spotted ball"),
}
KINDS = tuple(DESIGNS)
FAMILIES = {
    "red": ("red", "pink"),
    "orange": ("orange", "brown"),
    "yellow": ("yellow",),
    "green": ("green", "turquoise"),
    "blue": ("blue", "purple"),
    "grey": ("white", "grey"),
}
FAMILY = {colour: family for family, colours in FAMILIES.items() for colour in colours}
COLOURS = tuple(FAMILY)
BACKGROUNDS = ("meadow", "beach", "street", "room", "snow", "water")
TEXTS = (
    *("sun", "sea", "cup", "hat", "key", "map", "pen", "box", "tea", "ice", "egg", "jam", "bag", "net", "oak", "fox"),
    *(
        "milk",
        "park",
        "open",
        "stop",
        "shop",
        "rain",
        "wind",
        "gold",
        "hope",
        "time",
        "home",
        "zoo",
        "exit",
        "taxi",
        "news",
        "east",
    ),
)
MOST = 3  # things in a scene
NIGHT = 1 / 3  # share of scenes at night
NEW = 1 / len(FAMILIES)  # share of combinations that are held out
WIDE = 1.2  # nominal width of every thing in its heights; places do not depend on what stands there
HEIGHTS = {1: ((0.46, 0.76),), 2: ((0.42, 0.56), (0.28, 0.38)), 3: ((0.37, 0.44), (0.28, 0.33), (0.22, 0.26))}
GROUND = (0.6, 0.97)  # where things touch the ground, y down
TOUCH = 0.06  # share of the smaller of two boxes that the other may cover


def _latin() -> dict[str, int]:
    """Numbers for kinds, backgrounds and colour families, whose sum modulo 6 decides what is held out."""
    rng = np.random.default_rng([6, 2026])
    numbers: dict[str, int] = {}
    for prefix, names in (("kind", KINDS), ("background", BACKGROUNDS), ("family", FAMILIES)):
        numbers |= {
            f"{prefix} {name}": int(n) % len(FAMILIES) for name, n in zip(names, rng.permutation(len(names)), strict=True)
        }
    return numbers


_NUMBERS = _latin()


def held_out(kind: str, background: str, family: str) -> bool:
    """Whether a combination never occurs in familiar scenes.

    One in six is held out, as in a Latin square: one colour family for every kind and background, one background for every kind
    and family. So any two of the three stay independent in familiar scenes and in new ones; only all three together are new.
    """
    total = _NUMBERS[f"kind {kind}"] + _NUMBERS[f"background {background}"] + _NUMBERS[f"family {family}"]
    return total % len(FAMILIES) == 0


@dataclass(frozen=True)
class Thing:
    """One thing in a scene.

    Parameters
    ----------
    kind, design, colour : str
        As in `DESIGNS` and `COLOURS`.
    x, y : float
        Centre as a share of the picture, y down.
    size : float
        Height as a share of the picture.
    mirrored : bool
        Whether left and right are exchanged.
    text : str
        What is written on it; empty but for the kind "word".
    chances : tuple of float
        Nine numbers from 0 to 1 that vary proportions and shades.
    """

    kind: str
    design: str
    colour: str
    x: float
    y: float
    size: float
    mirrored: bool
    text: str
    chances: tuple[float, ...]

    @property
    def base(self) -> float:
        """Where it touches the ground, y down; what is lower in the picture is nearer."""
        return self.y + self.size / 2


@dataclass(frozen=True)
class Scene:
    """A background with one to three things, the largest first.

    Parameters
    ----------
    background : str
        One of `BACKGROUNDS`.
    night : bool
    things : tuple of Thing
    chances : tuple of float
        Sixteen numbers from 0 to 1 that vary the background.
    """

    background: str
    night: bool
    things: tuple[Thing, ...]
    chances: tuple[float, ...]


def variant(kinds: Sequence[str], combinations: Combinations) -> int:
    """A number for what scenes are drawn from: sets that differ have scenes of their own."""
    among = sum(1 << number for number, kind in enumerate(KINDS) if kind in kinds)
    return among + (("all", "familiar", "new").index(combinations) << len(KINDS))


def scene(seed: int, number: int, kinds: Sequence[str] = KINDS, combinations: Combinations = "all") -> Scene:
    """Scene by its number.

    Parameters
    ----------
    seed, number : int
    kinds : sequence of str
        What it is drawn from, in any order. The largest thing's kind goes through all of them before any comes again.
    combinations : "all", "familiar" or "new"
        Which combinations of kind, background and colour family it may hold.
    """
    kinds = tuple(kind for kind in KINDS if kind in kinds)
    which = variant(kinds, combinations)
    rng = np.random.default_rng([seed, which, number, 1])
    background = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    night = bool(rng.random() < NIGHT)
    count = int(rng.integers(1, MOST + 1))
    first = _order(seed, which, kinds, number // len(kinds))[number % len(kinds)]
    others = [kind for kind in kinds if kind != first] or [first]
    others = [others[at] for at in rng.permutation(len(others))]
    x, y, sizes = _places(rng, count)
    things: list[Thing] = []
    for row in range(count):
        kind = first if row == 0 else others[(row - 1) % len(others)]
        free = [design for design in DESIGNS[kind] if all(design != thing.design for thing in things)]
        design = free[rng.integers(len(free))]
        families = [
            family
            for family in FAMILIES
            if combinations == "all" or held_out(kind, background, family) == (combinations == "new")
        ]
        shades = FAMILIES[families[rng.integers(len(families))]]
        chances = rng.random(12)
        things.append(
            Thing(
                kind,
                design,
                shades[int(chances[8] * len(shades))],
                x[row],
                y[row],
                sizes[row],
                bool(chances[9] < 0.5),
                TEXTS[int(chances[10] * len(TEXTS))] if kind == "word" else "",
                tuple(chances[[0, 1, 2, 3, 4, 5, 6, 7, 11]].tolist()),
            )
        )
    return Scene(background, night, tuple(things), tuple(rng.random(16).tolist()))


@lru_cache(maxsize=64)
def _order(seed: int, which: int, kinds: tuple[str, ...], block: int) -> tuple[str, ...]:
    """The kinds of the largest things in a block of scenes."""
    return tuple(kinds[at] for at in np.random.default_rng([seed, which, block, 2]).permutation(len(kinds)))


def _places(rng: np.random.Generator, count: int, tries: int = 160) -> tuple[list[float], list[float], list[float]]:
    """Places and heights of things that hardly overlap: the first of some random arrangements that will do, else the best of them."""
    low, high = np.array(HEIGHTS[count]).T
    height = rng.uniform(low, high)
    half = WIDE * height / 2
    x = half + rng.random((tries, count)) * (1 - 2 * half)
    lowest = np.maximum(GROUND[0], height + 0.04)
    base = lowest + rng.random((tries, count)) * (GROUND[1] - lowest)
    y = base - height / 2
    worst = np.zeros(tries)
    for one in range(count):
        for other in range(one):
            wide = half[one] + half[other] - np.abs(x[:, one] - x[:, other])
            tall = (height[one] + height[other]) / 2 - np.abs(y[:, one] - y[:, other])
            area = np.minimum(height[one], height[other]) ** 2 * WIDE
            worst = np.maximum(worst, np.maximum(wide, 0) * np.maximum(tall, 0) / area)
    good = int(np.argmax(worst <= TOUCH)) if (worst <= TOUCH).any() else int(np.argmin(worst))
    return x[good].tolist(), y[good].tolist(), height.tolist()
