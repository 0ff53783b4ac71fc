"""Pictures of simulated scenes: things are painted where, as large and in the colour that the list says."""

import dataclasses
import itertools

import numpy as np
import pytest

from recortex.data.simulated.painting import paint
from recortex.data.simulated.scene import BACKGROUNDS, DESIGNS, KINDS, Scene, Thing

EVERY_DESIGN = [(kind, design) for kind, designs in DESIGNS.items() for design in designs]


def alone(kind, design, colour="red", background="meadow", night=False, **fields) -> Scene:
    """A scene of one thing in the middle, or of none where `kind` is empty."""
    text = "milk" if kind == "word" else ""
    thing = Thing(kind, design, colour, 0.5, 0.6, 0.6, False, text, (0.3, 0.6, 0.2, 0.7, 0.5, 0.4, 0.5, 0.5, 0.8))
    things = (dataclasses.replace(thing, **fields),) if kind else ()
    return Scene(background, night, things, tuple(np.linspace(0.1, 0.9, 16).tolist()))


def changed(one: Scene, other: Scene) -> np.ndarray:
    """Where two pictures differ, as a weight a pixel."""
    return np.abs(paint(one).astype(float) - paint(other)).sum(axis=2)


@pytest.mark.parametrize(("kind", "design"), EVERY_DESIGN)
def test_a_thing_is_painted_where_and_as_large_as_the_list_says(kind, design):
    empty = alone("", "")
    for x, y, size in ((0.3, 0.7, 0.4), (0.6, 0.55, 0.7)):
        weight = changed(alone(kind, design, "blue", x=x, y=y, size=size), empty)
        at_y, at_x = (np.arange(64) + 0.5) / 64, (np.arange(64) + 0.5) / 64
        inside = (np.abs(at_y - y) < 0.55 * size)[:, None] & (np.abs(at_x - x) < 0.68 * size)[None]
        assert weight[inside].sum() > 0.97 * weight.sum()
        rows = np.flatnonzero(weight.max(axis=1) > 60)
        assert abs((rows[-1] - rows[0] + 1) / 64 - size) < 0.1 * size + 0.05


@pytest.mark.parametrize(("kind", "design"), EVERY_DESIGN)
def test_a_thing_is_painted_in_its_colour_by_day_and_by_night(kind, design):
    for night in (False, True):
        seen = {
            colour: paint(alone(kind, design, colour, night=night)).astype(float) for colour in ("red", "blue", "white", "green")
        }
        assert (seen["red"] - seen["blue"])[..., 0].sum() > 1000
        assert (seen["blue"] - seen["red"])[..., 2].sum() > 1000
        assert (seen["white"] - seen["green"]).sum() > 1000


@pytest.mark.parametrize("kind", KINDS)
def test_designs_of_a_kind_differ_more_than_the_chances_of_one_design(kind):
    # in grey, against the same background: form alone
    def grey(design, chances):
        one = alone(kind, design, "grey", chances=chances)
        return paint(one).astype(float).mean(axis=2).ravel()

    rng = np.random.default_rng(0)
    drawn = {design: [grey(design, (*rng.random(6), 0.5, 0.5, rng.random())) for _ in range(6)] for design in DESIGNS[kind]}
    same = [np.abs(a - b).mean() for some in drawn.values() for a, b in itertools.combinations(some, 2)]
    other = [
        np.abs(a - b).mean() for one, two in itertools.combinations(drawn, 2) for a, b in zip(drawn[one], drawn[two], strict=True)
    ]
    assert len(drawn) >= 4
    assert min(same) > 0, "chances vary the form"
    assert np.median(other) > (1.15 if kind == "ball" else 1.5) * np.median(same)


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_night_is_darker_and_backgrounds_differ_by_day_and_by_night(background):
    day, night = (paint(alone("", "", background=background, night=dark)).astype(float) for dark in (False, True))
    assert night.mean() < 0.6 * day.mean()
    for other in set(BACKGROUNDS) - {background}:
        assert np.abs(day - paint(alone("", "", background=other))).mean() > 15
        assert np.abs(night - paint(alone("", "", background=other, night=True))).mean() > 7


def test_a_written_word_can_be_told_from_another():
    for design in DESIGNS["word"]:
        one, other = (alone("word", design, "blue", text=text) for text in ("milk", "shop"))
        assert changed(one, other).sum() > 5000


def test_a_mirrored_thing_is_mirrored_and_its_writing_is_not():
    dog = changed(alone("animal", "dog"), alone("", ""))
    mirrored = changed(alone("animal", "dog", mirrored=True), alone("", ""))
    assert (
        np.corrcoef(dog.ravel(), mirrored[:, ::-1].ravel())[0, 1] > 0.9 > 0.8 > np.corrcoef(dog.ravel(), mirrored.ravel())[0, 1]
    )
    screen, turned = (paint(alone("word", "screen", mirrored=turn)).astype(float)[20:40] for turn in (False, True))
    assert np.corrcoef(screen.ravel(), turned.ravel())[0, 1] > 0.95
