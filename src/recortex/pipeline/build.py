"""Entries become stages: names resolved, fields checked, every mistake in one line that names entry and field."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from recortex import catalog
from recortex.errors import InvalidInput, did_you_mean
from recortex.pipeline.entries import Entries
from recortex.stage import LocalPath, Node, Stage, is_abstract


def build(entries: Entries) -> dict[str, Node]:
    """Make the nodes of a pipeline, by entry name; an entry that several use is one object.

    Raises
    ------
    InvalidInput
        An unknown type, field or reference; a cycle; a value or an input of the wrong kind.
    """
    built: dict[str, Node] = {}
    for name in entries:
        _build(name, entries, built, [])
    return built


def _build(name: str, entries: Entries, built: dict[str, Node], path: list[str]) -> Node:
    if name in built:
        return built[name]
    if name in path:
        cycle = [*path[path.index(name) :], name]
        raise InvalidInput(f"the entries use each other in a circle: {' -> '.join(cycle)}")
    entry = entries[name]
    try:
        cls = catalog.find(entry.type)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from None
    values = {}
    for key, value in entry.fields.items():
        if key not in cls.model_fields:
            raise InvalidInput(f"{name}: {entry.type} has no field {key}{did_you_mean(key, cls.model_fields)}")
        annotation = cls.model_fields[key].annotation

        def refer(text: str, wanted: tuple[type[Node], ...], field: str = key) -> Node:
            if text not in entries:
                raise InvalidInput(f"{name}.{field}: there is no entry {text}{did_you_mean(text, entries)}")
            node = _build(text, entries, built, [*path, name])
            if not isinstance(node, wanted):
                kinds = " or ".join(_article(cls.__name__) for cls in wanted)
                given = _article(node.type_name())
                raise InvalidInput(f"{name}.{field} needs {kinds}; {text} is {given}{_fitting(wanted, built)}")
            return node

        values[key] = _resolve(value, annotation, refer, entry.folders.get(key, Path.cwd()), f"{name}.{key}")
    try:
        built[name] = cls(**values)
    except ValidationError as error:
        raise InvalidInput(_one_line(error, name, entry.type)) from None
    if issubclass(cls, Stage) and is_abstract(cls):
        raise InvalidInput(f"{name}: {entry.type} is a kind of stage, not one that computes")
    return built[name]


def _resolve(value: Any, annotation: Any, refer: Any, folder: Path, where: str) -> Any:
    """Follow a field's annotation down to where a string names another entry, or a file."""
    wanted = _node_types(annotation)
    if isinstance(value, list):
        inner = _inside(annotation)
        return tuple(_resolve(item, inner, refer, folder, where) for item in value)
    if isinstance(value, dict) and wanted:
        if "type" in value:
            raise InvalidInput(f"{where}: give the stage a name: an entry of its own, and its name here")
        inner = _inside(annotation)
        return {key: _resolve(item, inner, refer, folder, where) for key, item in value.items()}
    if wanted and value is not None:
        if not isinstance(value, str):
            raise InvalidInput(f"{where} must be the name of an entry, got {value!r}")
        return refer(value, wanted)
    if isinstance(value, str) and _mentions(annotation, LocalPath):
        return folder / Path(value).expanduser()
    return value


def _arguments(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if typing.get_origin(annotation) is not None else ()


def _inside(annotation: Any) -> Any:
    """What a list or dictionary of this annotation holds."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        collections = [part for part in _arguments(annotation) if typing.get_origin(part) in (tuple, list, dict)]
        return _inside(collections[0]) if collections else annotation
    parts = [part for part in _arguments(annotation) if part is not Ellipsis]
    return parts[-1] if parts else Any


def _node_types(annotation: Any) -> tuple[type[Node], ...]:
    """The node classes that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, Node):
        return (annotation,)
    return tuple(cls for part in _arguments(annotation) for cls in _node_types(part))


def _mentions(annotation: Any, cls: type) -> bool:
    return annotation is cls or any(_mentions(part, cls) for part in _arguments(annotation))


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'AEIOU' else 'a'} {word}"


def _fitting(wanted: tuple[type[Node], ...], built: dict[str, Node]) -> str:
    fitting = [name for name, node in built.items() if isinstance(node, wanted)]
    return f"; {', '.join(fitting)} would do" if fitting else ""


def _one_line(error: ValidationError, name: str, type_name: str) -> str:
    """Pydantic's first complaint, in our words."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in (name, *first["loc"]))
    if first["type"] == "missing":
        return f"{name}: {type_name} needs the field {first['loc'][-1]}"
    said = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    given = first["input"]
    shown = "" if isinstance(given, dict | Node) or said.startswith("there is no") else f", got {given!r}"
    more = f" (and {len(error.errors()) - 1} more)" if len(error.errors()) > 1 else ""
    return f"{place}: {said}{shown}{more}"
