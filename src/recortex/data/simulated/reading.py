"""What a caption says: the things it names with kind, design and colour, the place, the time, and how many things there are.

It reads what `words` writes, and sentences like them by whoever wrote them, and knows nothing of the scene.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from recortex.data.simulated.scene import COLOURS, DESIGNS
from recortex.data.simulated.vocabulary import DESIGN_NOUNS, KIND_NOUNS, PLACES

NUMBERS = {"one": 1, "two": 2, "three": 3}
MEANT = {noun: (kind, "") for kind, nouns in KIND_NOUNS.items() for noun in nouns} | {
    noun: (kind, design)
    for kind, designs in DESIGNS.items()
    for design in designs
    for noun in DESIGN_NOUNS.get(design, (design,))
}
PLACE = {phrase: background for background, phrases in PLACES.items() for phrase in phrases}


def _any_of(phrases: Iterable[str]) -> str:
    """A pattern for whole words, the longest first, since a "palm tree" is no "tree"."""
    return rf"\b(?:{'|'.join(map(re.escape, sorted(phrases, key=len, reverse=True)))})\b"


NOUN_OR_COLOUR = re.compile(rf"(?P<noun>{_any_of(MEANT)})|(?P<colour>{_any_of(COLOURS)})")
WHERE = re.compile(_any_of(PLACE))
WHEN = re.compile(r"\b(?:(?P<night>night|dark)|day|daytime|daylight)\b")
HOW_MANY = re.compile(r"\b(one|two|three) things?\b")
WRITTEN = re.compile('"[^"]*"')  # what stands on a sign is no thing in the scene
BREAK = re.compile(r"[,:;.]|\band\b")
OWN = re.compile(r"\s*(?:(?:framed|painted) picture of an?|pair of|piece of)?\s*")


@dataclass(frozen=True)
class Named:
    """A thing as a caption names it.

    Parameters
    ----------
    kind : str
        Empty where nothing is named.
    design : str
        Empty where only the kind is said, "an animal".
    colour : str
        Empty where none is said.
    """

    kind: str = ""
    design: str = ""
    colour: str = ""


@dataclass(frozen=True)
class Reading:
    """What a caption says.

    Parameters
    ----------
    things : tuple of Named
        In the order in which they are named.
    background : str
        The first that is said; empty where none is.
    night : bool or None
        None where the time is not said.
    count : int
        How many things there are: the number that is said, else how many are named.
    """

    things: tuple[Named, ...]
    background: str
    night: bool | None
    count: int

    @property
    def first(self) -> Named:
        """The thing that is named first; all its fields are empty where none is."""
        return self.things[0] if self.things else Named()


def read(caption: str) -> Reading:
    """Read a caption.

    Parameters
    ----------
    caption : str

    Returns
    -------
    Reading

    Examples
    --------
    >>> read("A portrait of an old man in a red hat in the snow, with a blue bird to its left.").things
    (Named(kind='face', design='grandfather', colour='red'), Named(kind='animal', design='bird', colour='blue'))
    """
    low = WRITTEN.sub("", caption.lower())
    where, when, number = WHERE.search(low), WHEN.search(low), HOW_MANY.search(low)
    things: tuple[Named, ...] = ()
    for part in BREAK.split(low):
        things += _things(part)
    count = NUMBERS[number[1]] if number else len(things)
    return Reading(things, PLACE[where[0]] if where else "", when["night"] is not None if when else None, count)


def _things(part: str) -> tuple[Named, ...]:
    """The things that are named between two commas, mostly one."""
    things: list[Named] = []
    ahead, end = "", 0  # a colour that waits for its noun, and where the last word that counts ended
    for found in NOUN_OR_COLOUR.finditer(part):
        between, end = part[end : found.start()], found.end()
        if found["colour"]:
            if things and not things[-1].colour:  # "a hammer with a red handle", unless another thing's own name follows
                follows = NOUN_OR_COLOUR.search(part, end)
                if not (follows and follows["noun"] and OWN.fullmatch(part[end : follows.start()])):
                    things[-1] = replace(things[-1], colour=found["colour"])
                    continue
            ahead = found["colour"]
            continue
        kind, design = MEANT[found["noun"]]
        own = ahead if OWN.fullmatch(between) or not things else ""
        ahead = ""
        if things and things[-1].kind == kind and "" in (things[-1].design, design):  # "the face of a man" is one thing
            last = things[-1]
            things[-1] = Named(kind, last.design or design, last.colour or own)
        else:
            things.append(Named(kind, design, own))
    return tuple(things)
