"""A pipeline's stages in Python: those that the command line makes of the same file, overlays and fields."""

from __future__ import annotations

import pytest

import recortex
from recortex.errors import InvalidInput
from recortex.pipeline import build, entries


def test_stages_of_a_pipeline_come_by_the_names_of_its_entries() -> None:
    whole, tiny = recortex.load("demo"), recortex.load("pipelines/demo.yaml", overlays=["tiny"])
    written = entries.read(entries.pipeline_file("demo"))
    assert set(whole) == set(tiny) == set(written)
    assert {name: stage.key() for name, stage in whole.items()} == {
        name: stage.key() for name, stage in build.build(written).items()
    }
    assert tiny["scenes"].count == 160 and whole["scenes"].count == 1000
    assert recortex.load("demo", ["tiny"], ["scenes.count=150"])["scenes"].count == 150
    assert tiny["decoder"].features == tiny["clip"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("dmeo",), "did you mean demo"),
        (("demo", ["tinny"]), "tiny"),
        (("demo", [], ["scenes.cuont=3"]), "count"),
        (("demo", [], ["scene.count=3"]), "scenes"),
    ],
)
def test_what_is_not_there_is_named(asked: tuple, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        recortex.load(*asked)
