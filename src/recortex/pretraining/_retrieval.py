"""Retrieval among scenes and captions: who the candidates are, and how often the right one comes first."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from recortex.data.simulated.scene import DESIGNS, TEXTS, Scene
from recortex.metrics.identification import identification_ranks

SAME = 1e-6  # similarities that differ by less are ties


def first_right(similarity: np.ndarray) -> float:
    """How often the right candidate is the nearest, in equal shares where others are as near.

    Parameters
    ----------
    similarity : array (query, candidate)
        As many candidates as queries, in the same order.

    Returns
    -------
    float
        Chance is 1 / candidate.
    """
    ranks = identification_ranks(similarity, np.arange(len(similarity)), tolerance=SAME)
    return float(np.mean((ranks.beaten == 0) / (1 + ranks.ties)))


def attributes(scenes: Mapping[str, np.ndarray]) -> list[Hashable]:
    """What a caption can tell two scenes apart by, but for places, sizes and writing: all else, for every thing."""
    return [
        (str(background), bool(night), *zip(map(str, kind), map(str, design), map(str, colour), strict=True))
        for background, night, kind, design, colour in zip(
            *(scenes[name] for name in ("background", "night", "kind", "design", "colour")), strict=True
        )
    ]


def different(of: Sequence[Hashable], size: int, most: int) -> list[np.ndarray]:
    """Sets of rows that all differ in what they are; each row is in one set at most, and is taken in order.

    Parameters
    ----------
    of : sequence
        What each row is.
    size : int
        Rows of a set.
    most : int
        How many sets there are at most.

    Returns
    -------
    list of array (size,) of int
        Only sets that are full.
    """
    sets: list[dict[Hashable, int]] = [{} for _ in range(most)]
    for row, what in enumerate(of):
        for members in sets:
            if len(members) < size and what not in members:
                members[what] = row
                break
    return [np.array(list(members.values())) for members in sets if len(members) == size]


def lookalikes(scene: Scene, size: int, rng: np.random.Generator) -> list[Scene]:
    """Scenes that differ from one another in the kinds and designs of their things and in nothing else.

    Background, night, the number of things, and each thing's colour, place, size, side and proportions are those of the scene
    given. No two scenes have the same designs in the same places, so that no two captions say the same, and the things of a scene
    are of different kinds. Where a thing is a word, the same is written on it in all of them.

    Parameters
    ----------
    scene : Scene
    size : int
        How many at most. One thing has 58 designs, so there are no more scenes of one thing than that; two things have 3,082 pairs.
    rng : numpy.random.Generator
        Draws which.
    """
    every = [(kind, design) for kind, designs in DESIGNS.items() for design in designs]
    text = TEXTS[rng.integers(len(TEXTS))]
    chosen: list[tuple[tuple[str, str], ...]] = [()]
    for _ in scene.things:
        chosen = [(*before, one) for before in chosen for one in every if all(one[0] != other[0] for other in before)]
    return [
        dataclasses.replace(
            scene,
            things=tuple(
                dataclasses.replace(thing, kind=kind, design=design, text=text if kind == "word" else "")
                for thing, (kind, design) in zip(scene.things, chosen[at], strict=True)
            ),
        )
        for at in rng.permutation(len(chosen))[:size]
    ]
