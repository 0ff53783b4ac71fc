"""Captions of simulated scenes: all that they say is true, checked with a table and a reading of their own."""

import re

import numpy as np
import pytest

from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.scene import COLOURS, DESIGNS, KINDS, TEXTS, Scene, scene
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.vocabulary import nouns
from recortex.data.simulated.words import FORMS, wordings

# what a noun says a thing is: its design, or its kind
MEANS = {
    **{design: design for designs in DESIGNS.values() for design in designs},
    "house": "cottage",
    "thatched hut": "hut",
    "fortress": "castle",
    "building": "house (kind)",
    "landscape": "landscape (kind)",
    "face": "face (kind)",
    "portrait": "face (kind)",
    "old man": "grandfather",
    "person": "body (kind)",
    "figure": "body (kind)",
    "food": "food (kind)",
    "bowl of soup": "soup",
    "soup bowl": "soup",
    "animal": "animal (kind)",
    "bunny": "rabbit",
    "vehicle": "vehicle (kind)",
    "lorry": "truck",
    "steam engine": "train",
    "sailing boat": "boat",
    "tool": "tool (kind)",
    "shovel": "spade",
    "brush": "paintbrush",
    "plant": "plant (kind)",
    "fir tree": "fir",
    "palm tree": "palm",
    "blossom": "flower",
    "word": "word (kind)",
    "computer screen": "screen",
    "sheet of paper": "note",
    "furniture": "furniture (kind)",
    "couch": "sofa",
    "bookshelf": "bookcase",
    "ball": "ball (kind)",
    "soccer ball": "football",
}
WHERE = {"meadow": "meadow", "grass": "meadow", "beach": "beach", "sand": "beach", "sea": "beach", "street": "street"} | {
    "town": "street",
    "room": "room",
    "indoors": "room",
    "snow": "snow",
    "snowy": "snow",
    "water": "water",
    "lake": "water",
}
NIGHT = {"night": True, "dark": True, "day": False, "daylight": False, "daytime": False}
COUNT = {"two things": 2, "three things": 3, "just": 1, "only": 1, "nothing but": 1}
NOUN = re.compile(rf"\b({'|'.join(sorted(MEANS, key=len, reverse=True))})\b")
COLOUR = re.compile(rf"\b({'|'.join(COLOURS)})\b")


def falsehoods(caption: str, seen: Scene) -> list[str]:
    """Everything that a caption says and that is not so."""
    wrong, low = [], caption.lower()
    for text in re.findall('"([a-z]+)"', low):
        if text not in [thing.text for thing in seen.things]:
            wrong.append(f"says {text}")
    low = re.sub('"[a-z]+"', "", low)
    largest = seen.things[0]
    mentioned = []
    for part in re.split(r", and |, | and |: |; |\. ", low):
        names, colours = {MEANS[noun] for noun in NOUN.findall(part)}, COLOUR.findall(part)
        if len(colours) > 1:
            wrong.append(f"two colours in {part}")
        fitting = [
            thing
            for thing in seen.things
            if names <= {thing.design, f"{thing.kind} (kind)"} and all(colour == thing.colour for colour in colours)
        ]
        if not names:
            fitting = [largest]
            if colours:
                wrong.append(f"a colour of nothing: {part}")
        if not fitting:
            wrong.append(f"there is no {part}")
            continue
        thing = fitting[0]
        mentioned += [thing] if names else []
        words = set(re.findall("[a-z]+", part))
        holds = {
            "big": thing.size > 0.4,
            "large": thing.size > 0.4,
            "largest": thing is largest,
            "small": thing.size < 0.4,
            "little": thing.size < 0.4,
            "behind": thing.base < largest.base,
            "front": thing.base > largest.base,
        }
        wrong += [f"{word} in {part}" for word, so in holds.items() if word in words and not so]
        if "its left" in part and not thing.x < largest.x - 0.1:
            wrong.append(part)
        if "its right" in part and not thing.x > largest.x + 0.1:
            wrong.append(part)
        if re.search("(on|at) the left", part) and not thing.x < 0.45:
            wrong.append(part)
        if re.search("(on|at) the right", part) and not thing.x > 0.55:
            wrong.append(part)
        if re.search("(middle|centre)", part) and not 0.4 < thing.x < 0.6:
            wrong.append(part)
    if "left to right" in low and [thing.x for thing in mentioned] != sorted(thing.x for thing in mentioned):
        wrong.append("order from left to right")
    for phrase, count in COUNT.items():
        if re.search(rf"\b{phrase}\b", low) and len(seen.things) != count:
            wrong.append(phrase)
    left = NOUN.sub("", low)
    for word in re.findall("[a-z]+", left):
        if WHERE.get(word, seen.background) != seen.background:
            wrong.append(word)
        if NIGHT.get(word, seen.night) != seen.night:
            wrong.append(word)
    return wrong


@pytest.fixture(scope="module")
def told():
    scenes = [scene(3, number) for number in range(3000)]
    return [(seen, wordings(seen, np.random.default_rng([3, number]))) for number, seen in enumerate(scenes)]


def test_every_caption_is_true(told):
    wrong = [(caption, found) for seen, captions in told for caption in captions if (found := falsehoods(caption, seen))]
    assert not wrong, wrong[:5]


def test_the_check_finds_captions_of_other_scenes_untrue(told):
    other = [seen for seen, _ in told[1:]]
    full = [bool(falsehoods(captions[0], seen)) for (_, captions), seen in zip(told[:-1], other, strict=True)]
    assert np.mean(full) > 0.99


@pytest.mark.parametrize("field", ["colour", "design", "x", "night", "background", "count"])
def test_the_check_finds_one_false_fact(told, field):
    import dataclasses

    found = []
    for seen, captions in told[:600]:
        first = seen.things[0]
        if field == "colour":
            thing = dataclasses.replace(first, colour=COLOURS[(COLOURS.index(first.colour) + 1) % len(COLOURS)])
        elif field == "design":
            designs = DESIGNS[first.kind]
            thing = dataclasses.replace(first, design=designs[(designs.index(first.design) + 1) % len(designs)])
        else:
            thing = dataclasses.replace(first, x=1 - first.x) if field == "x" else first
        other = dataclasses.replace(seen, things=(thing, *seen.things[1:]))
        if field == "night":
            other = dataclasses.replace(other, night=not seen.night)
        if field == "background":
            other = dataclasses.replace(other, background="snow" if seen.background != "snow" else "beach")
        if field == "count":
            other = dataclasses.replace(other, things=seen.things[:-1] or (first, first))
        found.append(any(falsehoods(caption, other) for caption in captions))
    assert np.mean(found) > {"x": 0.35, "count": 0.6}.get(field, 0.95)


def test_five_wordings_of_a_scene_differ_and_each_names_its_largest_thing(told):
    for seen, captions in told:
        assert len(captions) == 5
        assert len({caption.lower().strip(".") for caption in captions}) == 5
        kind = seen.things[0].kind
        for caption in captions:
            assert any(re.search(rf"\b{noun}\b", caption.lower()) for noun in nouns(kind)), caption


def test_the_first_wording_says_everything_and_the_last_is_short(told):
    for seen, captions in told:
        for thing in seen.things:
            assert thing.colour in captions[0].lower()
        assert len(captions[-1].split()) < 20
    full, last = ([len(captions[at].split()) for _, captions in told] for at in (0, -1))
    assert np.mean(full) > 1.8 * np.mean(last)


def test_captions_are_written_as_sentences_are(told):
    for _, captions in told:
        for caption in captions:
            assert caption == caption.strip() and "  " not in caption and ".." not in caption and " ," not in caption
            assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", caption.lower()), caption
            assert caption.endswith(".") == caption[0].isupper(), caption


def test_all_forms_occur_and_most_captions_are_unlike_any_other(told):
    starts = {" ".join(re.findall("[a-z]+", caption.lower())[:2]) for _, captions in told for caption in captions}
    assert {"there is", "from left", "two things", "three things", "it is", "we see"} <= starts
    assert len(FORMS) + 2 == 10
    every = [caption for _, captions in told for caption in captions[:-1]]
    assert len(set(every)) > 0.97 * len(every)


def test_no_noun_stands_for_two_kinds_and_no_painted_word_is_a_noun():
    every = [noun for kind in KINDS for noun in nouns(kind)]
    assert len(set(every)) == len(every)
    assert not set(every) & {*TEXTS, *COLOURS}
    assert set(every) == set(MEANS) - {"soup", "grandfather", "note"} | {"grandfather", "note"}


def test_captions_depend_on_seed_and_scene_alone():
    few, more = (SimulatedCaptions(scenes=SimulatedScenes(count=count)) for count in (5, 9))
    np.testing.assert_array_equal(few.compute()["caption"], more.compute()["caption"][:5])
    other = SimulatedCaptions(scenes=SimulatedScenes(count=9, seed=1)).compute()["caption"]
    assert not set(other[:, 0]) & set(more.compute()["caption"][:, 0])
