"""Reading captions back: every form of thousands of scenes, as far as it says a thing."""

import dataclasses

import numpy as np
import pytest

from recortex.data.simulated.reading import Named, Reading, read
from recortex.data.simulated.scene import COLOURS, DESIGNS, KINDS, TEXTS, Scene, scene
from recortex.data.simulated.vocabulary import PLACES, TIMES, nouns
from recortex.data.simulated.words import FORMS, Teller, short, whole, wordings

LISTS = {"whole", "there_is", "background_first", "two_sentences", "sized", "as_a_scene"}  # name all things, the largest first
TIMED = {"whole", "background_first", "two_sentences", "as_a_scene"}


@pytest.fixture(scope="module")
def told() -> list[tuple[Scene, str, str]]:
    """Scenes, with the name of a form and a caption of that form."""
    made = []
    for number in range(2000):
        seen = scene(5, number)
        for form in (whole, short, *FORMS):
            made.append((seen, form.__name__, form(Teller(seen, np.random.default_rng([5, number])))))
    return made


def named(seen: Scene) -> tuple[Named, ...]:
    return tuple(Named(thing.kind, thing.design, thing.colour) for thing in seen.things)


def agrees(said: Named, true: Named) -> bool:
    """Whether all that is said is so, and the kind is said."""
    return said.kind == true.kind and said.design in ("", true.design) and said.colour in ("", true.colour)


def test_forms_that_list_all_things_are_read_thing_by_thing(told):
    for seen, form, caption in told:
        if form in LISTS:
            assert read(caption).things == named(seen), caption


def test_forms_that_choose_or_order_things_name_those_that_are_there(told):
    for seen, form, caption in told:
        true, said = named(seen), read(caption).things
        if form == "counted":
            assert said in (true, true[:1]), caption
        elif form == "in_company":
            assert said == (*true[1:], true[0]), caption
        elif form == "across":
            row = tuple(named(seen)[at] for at in np.argsort([thing.x for thing in seen.things]))
            assert said in (row, true[:1]), caption
        elif form == "short":
            assert len(said) == 1 and agrees(said[0], true[0]), caption
            assert said[0].colour or said[0] == Named("word"), caption


def test_the_background_is_read_wherever_it_is_said(told):
    silent = set()
    for seen, form, caption in told:
        says = any(phrase in caption.lower() for phrase in PLACES[seen.background])
        assert read(caption).background == (seen.background if says else ""), caption
        silent |= set() if says else {form}
    assert silent == {"short", "across", "in_company"}


def test_the_time_is_read_wherever_it_is_said(told):
    for seen, form, caption in told:
        night = read(caption).night
        assert night in ({seen.night} if form in TIMED else {seen.night, None}), caption
        if any(phrase in caption for phrase in TIMES[seen.night]):
            assert night is seen.night, caption


def test_things_are_counted(told):
    for seen, form, caption in told:
        if form in LISTS | {"counted", "in_company"}:
            assert read(caption).count == len(seen.things), caption


def test_captions_as_they_are_published_are_read_like_the_forms(told):
    for seen in {seen: None for seen, _, _ in told}:
        captions = wordings(seen, np.random.default_rng(1))
        assert read(captions[0]) == Reading(named(seen), seen.background, seen.night, len(seen.things))
        assert read(captions[0].upper()) == read(captions[0])


@pytest.mark.parametrize("field", ["kind", "design", "colour", "background", "night", "count"])
def test_one_other_fact_is_read_as_another(told, field):
    found = []
    for seen in list({seen: None for seen, _, _ in told})[:300]:
        first = seen.things[0]
        if field in ("kind", "design"):
            kind = KINDS[(KINDS.index(first.kind) + (field == "kind")) % len(KINDS)]
            designs = DESIGNS[kind]
            design = designs[(designs.index(first.design) + 1) % len(designs)] if field == "design" else designs[0]
            first = dataclasses.replace(first, kind=kind, design=design, text="sun")
        if field == "colour":
            first = dataclasses.replace(first, colour=COLOURS[(COLOURS.index(first.colour) + 1) % len(COLOURS)])
        rest = seen.things[1:] if field != "count" else seen.things[2:] or (first, first)
        other = dataclasses.replace(seen, things=(first, *rest))
        other = dataclasses.replace(other, night=seen.night != (field == "night"))
        if field == "background":
            other = dataclasses.replace(other, background="snow" if seen.background != "snow" else "beach")
        one, two = (read(whole(Teller(which, np.random.default_rng(2)))) for which in (seen, other))
        found.append({name for name in ("background", "night", "count") if getattr(one, name) != getattr(two, name)})
        found[-1] |= {name for name in ("kind", "design", "colour") if getattr(one.first, name) != getattr(two.first, name)}
    assert all(field in changed for changed in found)
    assert all(changed <= {field, *(["design"] if field == "kind" else [])} for changed in found)


def test_every_noun_is_read_as_its_own_kind_and_as_one_thing():
    for kind in KINDS:
        for noun in nouns(kind):
            things = read(f"there is a red {noun} in town").things
            assert [(thing.kind, thing.colour) for thing in things] == [(kind, "red")], noun


@pytest.mark.parametrize(
    ("caption", "things"),
    [
        ("a hammer with a red handle", [Named("tool", "hammer", "red")]),
        ("a man's face under a blue cap", [Named("face", "man", "blue")]),
        ('the word "sun" on a red sign', [Named("word", "sign", "red")]),
        ('the word "gold"', [Named("word", "", "")]),
        ("a framed picture of a green hill", [Named("landscape", "hill", "green")]),
        ("a dog with a red ball", [Named("animal", "dog", ""), Named("ball", "", "red")]),
        ("a dog and a cat", [Named("animal", "dog", ""), Named("animal", "cat", "")]),
        ("an animal and a red dog", [Named("animal", "", ""), Named("animal", "dog", "red")]),
        ("a dog beside a cat", [Named("animal", "dog", ""), Named("animal", "cat", "")]),
        (
            "a brush full of pink paint on a white chair",
            [Named("tool", "paintbrush", "pink"), Named("furniture", "chair", "white")],
        ),
        ("a palm tree, a fir tree and a tree", [Named("plant", name, "") for name in ("palm", "fir", "tree")]),
        ("carpets, doghouses and trainers", []),
        ("", []),
    ],
)
def test_things_in_one_breath_are_told_apart(caption, things):
    assert list(read(caption).things) == things


def test_what_stands_on_a_sign_is_not_taken_for_the_scene():
    for text in (*TEXTS, "dog", "blue", "at night", "on the beach", "two things"):
        said = read(f'A red sign with the word "{text}" in the snow by day.')
        assert said == Reading((Named("word", "sign", "red"),), "snow", False, 1)


def test_a_caption_that_says_nothing_is_read_as_nothing():
    said = read("It was lovely.")
    assert said == Reading((), "", None, 0)
    assert said.first == Named("", "", "")
