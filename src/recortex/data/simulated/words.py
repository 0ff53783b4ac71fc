"""A scene in words: true sentences of different forms, as people would write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from recortex.data.simulated.scene import Scene, Thing
from recortex.data.simulated.vocabulary import DESIGN_NOUNS, KIND_NOUNS, PARTS, PLACES, TIMES, WEARS

WORDINGS = 5
APART = 0.15  # centres that differ by more are to the left or right of each other
NEARER = 0.07  # feet that differ by more are in front of or behind each other
MIDDLE = (0.44, 0.56)
SIDES = (0.38, 0.62)
BIG, SMALL = 0.5, 0.3

NUMBERS = {1: "one", 2: "two", 3: "three"}


class Teller:
    """Puts a scene into words; every choice among true ones is drawn from `rng`.

    Parameters
    ----------
    scene : Scene
    rng : numpy.random.Generator
    """

    def __init__(self, scene: Scene, rng: np.random.Generator):
        self.scene, self.rng = scene, rng
        self.things = scene.things
        self.largest, self.rest = scene.things[0], scene.things[1:]

    def one_of(self, choices: tuple[str, ...] | list[str]) -> str:
        """Any of them."""
        return choices[int(self.rng.random() * len(choices))]

    def place(self) -> str:
        """Where it is: "on the beach"."""
        return self.one_of(PLACES[self.scene.background])

    def time(self) -> str:
        """When it is: "at night"."""
        return self.one_of(TIMES[self.scene.night])

    def noun(self, thing: Thing) -> str:
        """What it is: "dog"."""
        return self.one_of(DESIGN_NOUNS.get(thing.design, (thing.design,)))

    def name(self, thing: Thing, size: str = "") -> str:
        """The thing with its colour and what is special to its kind: "a red house"."""
        noun, colour, size = self.noun(thing), thing.colour, f"{size} " if size else ""
        if thing.kind == "face":
            wears = WEARS[thing.design].format(colour, a(colour))
            if size:
                return a(f"{size}portrait of {a(noun)} {wears}")
            under = re.sub("^in", "under", wears)
            return self.one_of(
                [f"the face of {a(noun)} {wears}", f"{a(noun)}'s face {under}", f"a portrait of {a(noun)} {wears}"]
            )
        if thing.kind == "body":
            return f"{a(size + noun)} {self.one_of(['in', 'dressed in', 'wearing'])} {colour}"
        if thing.kind == "word":
            board = a(f"{size}{colour} {noun}")
            if size:
                return f'{board} with the word "{thing.text}"'
            says = [
                f'{board} that says "{thing.text}"',
                f'{board} with the word "{thing.text}"',
                f'the word "{thing.text}" on {board}',
            ]
            return self.one_of(says)
        if thing.design == "scissors":
            part = f"a {size}pair of {noun} {PARTS[thing.design].format(colour, a(colour))}"
            return self.one_of([f"a {size}pair of {colour} {noun}", part])
        if thing.design in PARTS and self.rng.random() < 0.5:
            return f"{a(size + noun)} {PARTS[thing.design].format(colour, a(colour))}"
        if thing.kind == "landscape" and self.scene.background == "room":
            return f"a {size}{self.one_of(['framed', 'painted'])} picture of {a(f'{colour} {noun}')}"
        return a(f"{size}{colour} {noun}")

    def kind(self, thing: Thing) -> str:
        """The thing by its kind alone: "a red animal"."""
        noun, colour = self.one_of(KIND_NOUNS[thing.kind]), thing.colour
        if thing.kind == "face":
            wears = WEARS[thing.design].format(colour, a(colour))
            return f"{a(noun)} {re.sub('^in', 'under', wears)}"
        if thing.kind == "body":
            return f"{a(noun)} in {colour}"
        if thing.kind == "word":
            return f'the {noun} "{thing.text}"'
        if thing.kind == "furniture":
            return f"a piece of {colour} {noun}"
        if thing.kind == "food":
            return f"some {colour} {noun}"
        return a(f"{colour} {noun}")

    def list(self, things: tuple[Thing, ...]) -> str:
        """Names in a row: "a red house, a dog and a ball"."""
        return joined([self.name(thing) for thing in things])

    def beside(self, thing: Thing) -> str:
        """Where a thing is as seen from the largest: "to its left"."""
        across, towards = thing.x - self.largest.x, thing.base - self.largest.base
        true = []
        if abs(across) > APART:
            side = "left" if across < 0 else "right"
            true += [f"to its {side}", f"on its {side}"]
        if abs(towards) > NEARER and abs(across) < 2 * APART:
            true += ["in front of it" if towards > 0 else "behind it"]
        return self.one_of(true or ["near it", "close to it"])

    def side(self, thing: Thing) -> str:
        """Where a thing is in the picture, where that is clear: "on the left"."""
        if thing.x < SIDES[0]:
            return self.one_of(["on the left", "at the left"])
        if thing.x > SIDES[1]:
            return self.one_of(["on the right", "at the right"])
        return self.one_of(["in the middle", "in the centre"]) if MIDDLE[0] < thing.x < MIDDLE[1] else ""


def a(words: str) -> str:
    """The words after "a" or "an"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def same_side(places: list[str]) -> bool:
    """Whether things are all on the same side of the largest, so that it need be said only once."""
    return len({place.replace("on its", "to its") for place in places}) == 1


def joined(words: list[str]) -> str:
    """Words in a row, "and" before the last."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def whole(tell: Teller) -> str:
    """Everything in one breath."""
    head = f"{tell.name(tell.largest)} {tell.place()} {tell.time()}"
    if not tell.rest:
        where = tell.side(tell.largest)
        return f"{head}, {where} of the picture" if where else head
    places = [tell.beside(thing) for thing in tell.rest]
    if same_side(places):
        return f"{head}, with {tell.list(tell.rest)} {places[0]}"
    return f"{head}, with {joined([f'{tell.name(thing)} {place}' for thing, place in zip(tell.rest, places, strict=True)])}"


def there_is(tell: Teller) -> str:
    """A plain statement."""
    return f"There is {tell.list(tell.things)} {tell.place()}."


def background_first(tell: Teller) -> str:
    """The place and the time, then the things."""
    return f"{tell.place()} {tell.time()}: {tell.list(tell.things)}"


def two_sentences(tell: Teller) -> str:
    """The time, then the largest thing, then the others where they are."""
    start = tell.one_of(["It is night", "It is dark"] if tell.scene.night else ["It is day", "It is daytime"])
    places = [tell.beside(thing) for thing in tell.rest]
    names = [tell.name(thing) for thing in tell.rest]
    parts = [f"{place} {name}" for place, name in zip(places, names, strict=True)]
    if same_side(places):
        parts = [f"{places[0]} {joined(names)}"]
    ending = "".join(f", {'and ' if part is parts[-1] else ''}{part}" for part in parts)
    return f"{start}. {tell.place()} there is {tell.name(tell.largest)}{ending}."


def counted(tell: Teller) -> str:
    """How many there are."""
    if not tell.rest:
        return f"{tell.one_of(['Just', 'Only', 'Nothing but'])} {tell.name(tell.largest)} {tell.place()}."
    things = f"{NUMBERS[len(tell.things)]} things {tell.place()}"
    return tell.one_of([f"{things}: {tell.list(tell.things)}", f"{things}, the largest of them {tell.name(tell.largest)}"])


def across(tell: Teller) -> str:
    """The things from left to right, where that is clear."""
    row = tuple(sorted(tell.things, key=lambda thing: thing.x))
    if len(row) > 1 and min(b.x - a.x for a, b in pairwise(row)) > APART / 2:
        return f"From left to right {'we see' if tell.rng.random() < 0.5 else 'there are'} {tell.list(row)}."
    where = tell.side(tell.largest)
    return f"{where or 'here'} is {tell.name(tell.largest)}, {tell.place()} {tell.time()}."


def short(tell: Teller) -> str:
    """A few words about the largest thing."""
    name = tell.name(tell.largest) if tell.rng.random() < 0.6 else tell.kind(tell.largest)
    return f"{name} {tell.place() if tell.rng.random() < 0.6 else tell.time()}"


def sized(tell: Teller) -> str:
    """The things with what is large and small about them."""
    words = []
    for thing in tell.things:
        big, small = thing.size > BIG, thing.size < SMALL
        size = tell.one_of(["big", "large"]) if big else tell.one_of(["small", "little"]) if small else ""
        words.append(tell.name(thing, size))
    return f"{joined(words)} {tell.place()}"


def as_a_scene(tell: Teller) -> str:
    """What sort of picture it is."""
    when = "night" if tell.scene.night else "daytime"
    return f"A {when} scene {tell.place()} with {tell.list(tell.things)}."


def in_company(tell: Teller) -> str:
    """One of the smaller things first."""
    if not tell.rest:
        return f"We see {tell.name(tell.largest)} {tell.side(tell.largest) or 'here'}; it is {'night' if tell.scene.night else 'day'}."
    return f"{tell.list(tell.rest)}, together with {tell.name(tell.largest)}, {tell.place()}"


FORMS: tuple[Callable[[Teller], str], ...] = (
    there_is,
    background_first,
    two_sentences,
    counted,
    across,
    sized,
    as_a_scene,
    in_company,
)


def wordings(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Five true captions of different forms: a full one first, a short one last.

    Parameters
    ----------
    scene : Scene
    rng : numpy.random.Generator

    Returns
    -------
    list of str
    """
    tell = Teller(scene, rng)
    middle = [FORMS[at] for at in rng.permutation(len(FORMS))[: WORDINGS - 2]]
    said: list[str] = []
    for form in (whole, *middle, short):
        for _ in range(40):  # a short form may happen to say what another says
            words = form(tell)
            if not any(words.lower() in other.lower() for other in said):
                break
        said.append(words)
    return [_written(words, rng) for words in said]


def _written(words: str, rng: np.random.Generator) -> str:
    """With capitals and a full stop, though not always under what is no sentence."""
    if not words.endswith(".") and rng.random() < 0.4:
        return words[0].lower() + words[1:]
    sentences = (words if words.endswith(".") else f"{words}.").split(". ")
    return ". ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)
