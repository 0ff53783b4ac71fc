"""Valid instances of any node class, drawn by walking its fields; and the same tree with one field changed."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from recortex import catalog
from recortex.checkpoints.pretrained import Pretrained
from recortex.stage import LocalFile, LocalPath, Node, Stage, is_abstract

Place = tuple[tuple[str, int | str | None], ...]  # from the root: a field, and where in its tuple or mapping


def catalog_classes() -> list[type[Node]]:
    return [catalog.find(name) for name in catalog.STAGES]


def local_files(folder: Path) -> list[Path]:
    """Files and folders that differ by content, by suffix, or by name alone."""
    folder.mkdir(parents=True)
    for name, text in {"a.npy": "one", "b.npy": "two", "again.npy": "one", "a.csv": "one", "longer.npy": "one and more"}.items():
        (folder / name).write_text(text)
    for name, inside in {
        "p": {"x.png": "1"},
        "q": {"x.png": "2"},
        "r": {"y.png": "1"},
        "s": {"x.png": "1", "y.png": "1"},
    }.items():
        (folder / name).mkdir()
        for file, text in inside.items():
            (folder / name / file).write_text(text)
    return sorted(folder.iterdir())


# fields that a class holds against each other or against another field
BOUND = {
    ("PlantedUnits", "explainable"): st.tuples(st.floats(0.01, 0.5), st.floats(0.5, 1.0)),
    ("HaxbySlice", "delay_s"): st.sampled_from([0.0, 2.5, 5.0, 7.5]),
    ("GaborEnergy", "size"): st.integers(16, 128),
    ("LowLevelMaps", "size"): st.sampled_from([32, 64, 128]),
    ("LowLevelMaps", "cells"): st.sampled_from([1, 4, 16]),
    ("LowLevelMaps", "scales"): st.lists(st.floats(0.01, 0.4), min_size=1, max_size=3).map(tuple),
    ("ReceptiveFieldEncoder", "sizes"): st.lists(st.floats(0.05, 1.0), min_size=1, max_size=3).map(tuple),
    ("SimulatedScenes", "kinds"): st.lists(st.sampled_from(["face", "tool", "word"]), min_size=1, unique=True).map(tuple),
    ("ImageTextTraining", "dimension"): st.sampled_from([8, 64]),
    ("ImageTextTraining", "width"): st.sampled_from([2, 8]),
    ("ImageTextTraining", "text_width"): st.sampled_from([32, 64]),
    ("GaborEnergy", "frequencies"): st.lists(st.floats(0.5, 4.0), min_size=1, max_size=3).map(tuple),
}

# models of the hub, pinned: their key needs none of their files
MODEL = {
    "model": st.sampled_from(["org/one", "org/two"]),
    "revision": st.sampled_from(["0" * 40, "1" * 40]),
    "folder": st.none(),
    "trained": st.none(),
}


class Maker:
    """Draws instances; files come from a given list."""

    def __init__(self, files: list[Path]):
        self.files = files

    def node(self, wanted: type[Node]) -> st.SearchStrategy[Node]:
        fitting = [cls for cls in catalog_classes() if issubclass(cls, wanted) and _concrete(cls)]
        assert fitting, f"nothing in the catalog is a {wanted.__name__}"
        return st.sampled_from(fitting).flatmap(self.instance)

    def instance(self, cls: type[Node]) -> st.SearchStrategy[Node]:
        required, optional = {}, {}
        for name, field in cls.model_fields.items():
            always = field.is_required() or (issubclass(cls, Pretrained) and name in MODEL)
            (required if always else optional)[name] = self.field(cls, name)
        return st.fixed_dictionaries(required, optional=optional).map(lambda values: cls(**values))

    def field(self, cls: type[Node], name: str) -> st.SearchStrategy[Any]:
        """Values that a field admits, whatever the other fields are."""
        if (cls.__name__, name) in BOUND:
            return BOUND[cls.__name__, name]
        if issubclass(cls, Pretrained) and name in MODEL:
            return MODEL[name]
        return self.value(cls.model_fields[name].annotation, tuple(cls.model_fields[name].metadata))

    def value(self, annotation: Any, limits: tuple = ()) -> st.SearchStrategy[Any]:
        origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            said = [limit for mark in inside[1:] for limit in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
            return self.value(inside[0], (*limits, *said))
        if origin in (typing.Union, types.UnionType):
            return st.one_of(*(self.value(part, limits) for part in inside))
        if origin is typing.Literal:
            return st.sampled_from(inside)
        if origin is tuple and inside[-1] is Ellipsis:
            return st.lists(self.value(inside[0]), min_size=max(1, _limit(limits, "min_length", 1)), max_size=3).map(tuple)
        if origin is tuple:
            return st.tuples(*(self.value(part) for part in inside))
        if origin is dict:
            return st.dictionaries(st.sampled_from(["a", "b", "é"]), self.value(inside[1]), min_size=1)
        if annotation in (None, type(None)):
            return st.none()
        if annotation is LocalPath:
            return st.sampled_from(self.files).map(LocalPath)
        if annotation is LocalFile:
            return st.sampled_from([path for path in self.files if path.is_file()]).map(LocalFile)
        if annotation is bool:
            return st.booleans()
        if annotation is int:
            low, high = _bounds(limits, -50)
            return st.integers(math.floor(low), math.ceil(high)).filter(lambda value: _inside(value, limits))
        if annotation is float:
            low, high = _bounds(limits, -50.0)
            return st.floats(low, high, allow_nan=False).filter(lambda value: _inside(value, limits))
        if annotation is str:
            return st.text(st.characters(codec="utf-8"), max_size=6)
        if isinstance(annotation, type) and issubclass(annotation, Node):
            return self.node(annotation)
        raise NotImplementedError(f"tests/engine/instances.py cannot make a {annotation}; teach it")


def _concrete(cls: type[Node]) -> bool:
    return not (issubclass(cls, Stage) and is_abstract(cls))


def _limit(limits: tuple, name: str, otherwise: Any) -> Any:
    found = [getattr(limit, name) for limit in limits if getattr(limit, name, None) is not None]
    return found[0] if found else otherwise


def _bounds(limits: tuple, lowest: Any) -> tuple[Any, Any]:
    low = _limit(limits, "ge", _limit(limits, "gt", lowest))
    return low, _limit(limits, "le", _limit(limits, "lt", low + 50))


def _inside(value: Any, limits: tuple) -> bool:
    return (
        value > _limit(limits, "gt", -math.inf)
        and value < _limit(limits, "lt", math.inf)
        and value >= _limit(limits, "ge", -math.inf)
        and value <= _limit(limits, "le", math.inf)
    )


def places(node: Node, here: Place = ()) -> Iterator[tuple[Place, Node]]:
    """Every node of a tree and the way to it, the root first."""
    yield here, node
    for name in type(node).model_fields:
        value = getattr(node, name)
        if isinstance(value, Node):
            yield from places(value, (*here, (name, None)))
        elif isinstance(value, tuple | dict):
            for number, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(item, Node):
                    yield from places(item, (*here, (name, number)))


def changed(root: Node, place: Place, field: str, value: Any) -> Node:
    """The same tree, made anew, but for one field of one node."""
    fields = {name: getattr(root, name) for name in type(root).model_fields}
    if not place:
        return type(root)(**fields | {field: value})
    (name, number), rest = place[0], place[1:]
    if number is None:
        return type(root)(**fields | {name: changed(fields[name], rest, field, value)})
    if isinstance(fields[name], dict):
        item = changed(fields[name][number], rest, field, value)
        return type(root)(**fields | {name: fields[name] | {number: item}})
    items = list(fields[name])
    items[number] = changed(items[number], rest, field, value)
    return type(root)(**fields | {name: tuple(items)})


def rebuilt(value: Any) -> Any:
    """The same tree again, of objects of its own."""
    if isinstance(value, Node):
        return type(value)(**{name: rebuilt(getattr(value, name)) for name in type(value).model_fields})
    if isinstance(value, dict):
        return {key: rebuilt(item) for key, item in reversed(value.items())}
    return tuple(rebuilt(item) for item in value) if isinstance(value, tuple) else value


def essence(value: Any) -> Any:
    """What a value is, by actual type and content, written without the engine's own walk: equal where results must be equal."""
    if isinstance(value, Node):
        cls = type(value)
        fields = tuple((name, essence(getattr(value, name))) for name in cls.model_fields if not _ignored(cls, name))
        if isinstance(value, Pretrained):  # in the key by what they stand for
            fields += ((value.model, value.revision),)
        return (f"{cls.__module__}.{cls.__qualname__}", fields)
    if isinstance(value, LocalPath):
        if value.is_dir():
            inside = tuple((str(file.relative_to(value)), file.read_bytes()) for file in sorted(value.iterdir()))
            return ("folder", inside, value.suffix)
        return ("file", value.read_bytes(), value.suffix)
    if isinstance(value, tuple | list):
        return tuple(essence(item) for item in value)
    if isinstance(value, dict):
        return ("mapping", frozenset((essence(key), essence(item)) for key, item in value.items()))
    if isinstance(value, Enum):
        return (type(value).__name__, value.name)
    return (type(value).__name__, repr(value))


def _ignored(cls: type[Node], name: str) -> bool:
    return any(type(mark).__name__ == "NotInKey" for mark in cls.model_fields[name].metadata)
