"""Entries become stages: names resolved, fields checked, every mistake in one line that names entry and field."""

from __future__ import annotations

import os
import re
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from recortex import catalog, plain_yaml
from recortex.errors import InvalidInput, did_you_mean, shown
from recortex.pipeline.entries import Entries, Entry
from recortex.stage import LocalPath, Node, Stage, is_abstract

DEEPEST = 50  # entries that use each other in a row; keys, records and messages to workers follow them inwards


def build(entries: Entries) -> dict[str, Node]:
    """Make the nodes of a pipeline, by entry name; an entry that several use is one object.

    Raises
    ------
    InvalidInput
        An unknown type, field or reference; a circle, or a chain without end; a value or an input of the wrong kind.
    """
    builder = _Builder(entries)
    for name in entries:
        builder.node(name)
    return builder.nodes


class _Builder:
    def __init__(self, entries: Entries):
        self.entries = entries
        self.nodes: dict[str, Node] = {}
        self.depths: dict[int, int] = {}
        self.path: list[str] = []

    def node(self, name: str) -> Node:
        """The node of an entry, made when it is first asked for."""
        if name in self.nodes:
            return self.nodes[name]
        if name in self.path:
            circle = " -> ".join([*self.path[self.path.index(name) :], name])
            raise InvalidInput(f"the entries use each other in a circle: {shown(circle, 400)}")
        self.path.append(name)
        entry = self.entries[name]
        of_type = entry.where("type")
        if entry.type not in catalog.STAGES:
            raise InvalidInput(
                f"{of_type}{name}: there is no stage {shown(entry.type)}{did_you_mean(entry.type, catalog.STAGES)}"
            )
        cls = catalog.find(entry.type)
        values = {}
        for key, value in entry.fields.items():
            if key not in cls.model_fields:
                hint = self.further(entry, key) or did_you_mean(key, cls.model_fields)
                raise InvalidInput(f"{entry.where(key)}{name}: {entry.type} has no field {shown(key)}{hint}")
            where = f"{entry.where(key)}{name}.{key}"
            values[key] = self.resolve(value, cls.model_fields[key].annotation, entry.folder(key), where)
        try:
            node = cls.model_validate(values, strict=True)  # what YAML tells apart stays apart: true is not 1, "3" not 3
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0]) if first["loc"] else "type"
            if first["type"] == "missing":
                asked = f"add {key}: ... to it (`recortex list {entry.type}` says what it is)"
                raise InvalidInput(f"{of_type}{name}: {entry.type} needs the field {key}; {asked}") from None
            raise InvalidInput(f"{entry.where(key)}{plain_yaml.complaint(error, name)}") from None
        if issubclass(cls, Stage) and is_abstract(cls):
            raise InvalidInput(f"{of_type}{name}: {entry.type} is a kind of stage, not one that computes")
        self.depths[id(node)] = 1 + max((self.depths.get(id(child), 0) for _, child in node.children()), default=0)
        self.check_depth(self.depths[id(node)])
        self.path.pop()
        self.nodes[name] = node
        return node

    def further(self, entry: Entry, key: str) -> str:
        """A hint where a key reaches through a field, as in ``split.folds``, into the entry that the field names."""
        field, dot, rest = key.partition(".")
        other = entry.fields.get(field)
        named = dot and isinstance(other, str) and other in self.entries
        return f"; change the entry that {field} names: {other}.{shown(rest)}" if named else ""

    def resolve(self, value: Any, annotation: Any, folder: Path, where: str) -> Any:
        """Follow a field's annotation down to where a string names another entry, or a file."""
        inner = _inside(annotation, type(value))
        if inner is not None and isinstance(value, list):
            return tuple(self.resolve(item, inner, folder, where) for item in value)
        if inner is not None and isinstance(value, dict):
            return {key: self.resolve(item, inner, folder, where) for key, item in value.items()}
        wanted = _node_types(annotation)
        if wanted and (value is not None or not _mentions(annotation, types.NoneType)):
            return self.refer(value, wanted, where)
        if isinstance(value, str) and _mentions(annotation, LocalPath):
            return _path(value, folder, where)
        return value

    def refer(self, text: Any, wanted: tuple[type[Node], ...], where: str) -> Node:
        """The node that a field names."""
        if isinstance(text, dict):
            entry, field = _example(wanted), where.rsplit(".", 1)[-1]
            raise InvalidInput(
                f"{where}: write the stage as an entry of its own, as in {entry}, and here {field}: {entry.split(':')[0]}"
            )
        if not isinstance(text, str):
            raise InvalidInput(f"{where} must be the name of an entry, got {plain_yaml.in_words(text)}")
        if text not in self.entries:
            raise InvalidInput(f"{where}: there is no entry {shown(text)}{did_you_mean(text, self.entries)}")
        self.check_depth(len(self.path))
        node = self.node(text)
        if not isinstance(node, wanted):
            kinds = " or ".join(cls.__name__ for cls in wanted)
            fitting = [name for name, entry in self.entries.items() if _makes(entry.type, wanted)]
            said = f"; {', '.join(fitting)} would do" if fitting else f"; add one, as in {_example(wanted)}, and name it here"
            raise InvalidInput(f"{where} needs an entry of kind {kinds}; {text} is {_article(node.type_name())}{said}")
        return node

    def check_depth(self, depth: int) -> None:
        """Refuse what would run out of Python's stack, here or on the way to a worker."""
        if depth > DEEPEST:
            raise InvalidInput(f"{self.path[-1]}: more than {DEEPEST} entries use each other in a row, or in a circle")


def _path(value: str, folder: Path, where: str) -> Path:
    """A path in a field, from the folder of whoever wrote it; a file or folder, since a device or pipe may never end."""
    try:
        path = folder / Path(value).expanduser()
        if not value.strip() or path in (Path(path.anchor), Path(os.path.expanduser("~"))):
            raise InvalidInput(f"{where}: must name a file or folder of yours, got {shown(repr(value))}")
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InvalidInput(f"{where}: {path} is a device or pipe; name a file or folder")
    except (OSError, RuntimeError) as error:  # too long, not to be looked into, nobody's home
        raise InvalidInput(f"{where}: {shown(value)} cannot be used: {getattr(error, 'strerror', None) or error}") from error
    return path


def _arguments(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if typing.get_origin(annotation) is not None else ()


def _inside(annotation: Any, kind: type) -> Any:
    """What a list or dictionary holds that stands in this annotation; None where none does."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return next((inner for part in _arguments(annotation) if (inner := _inside(part, kind)) is not None), None)
    parts = [part for part in _arguments(annotation) if part is not Ellipsis]
    fits = origin in (tuple, list, set, frozenset) if kind is list else kind is dict and origin is dict
    return parts[-1] if parts and fits else None


def _node_types(annotation: Any) -> tuple[type[Node], ...]:
    """The node classes that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, Node):
        return (annotation,)
    return tuple(cls for part in _arguments(annotation) for cls in _node_types(part))


def _mentions(annotation: Any, cls: type) -> bool:
    return (isinstance(annotation, type) and issubclass(annotation, cls)) or any(
        _mentions(part, cls) for part in _arguments(annotation)
    )


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'AEIOU' else 'a'} {word}"


def _makes(type_name: str, wanted: tuple[type[Node], ...]) -> bool:
    return type_name in catalog.STAGES and issubclass(catalog.find(type_name), wanted)


def _example(wanted: tuple[type[Node], ...]) -> str:
    """An entry of a kind, as one would begin to write it."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", wanted[0].__name__).lower()
    return f"my_{kind}: {{type: {next((name for name in catalog.STAGES if _makes(name, wanted)), 'STAGE')}, ...}}"
