"""What a pipeline is made of: nodes, which have a key, and stages, which are nodes with a result.

A `Node` is a frozen pydantic model. Fields typed as nodes are its inputs. A `Stage` adds `compute`, which returns a dictionary of
NumPy arrays as its class promises them in `returns`; `run` computes it once and from then on reads it from its HDF5 file.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from recortex import keys, parts, store
from recortex.arrays import Array, check_arrays
from recortex.errors import CannotRead, DamagedFile, InvalidInput, RecortexError, did_you_mean
from recortex.local_path import LocalFile, LocalPath
from recortex.parts import Tiling
from recortex.plain_yaml import complaint
from recortex.provenance import provenance
from recortex.store import Result

__all__ = ["NOT_IN_KEY", "Array", "Figure", "LocalFile", "LocalPath", "Node", "Result", "Source", "Stage", "Tiling", "walk"]


class NotInKey:
    """Marks a field that cannot change a result: ``device: Annotated[str, NOT_IN_KEY] = "cpu"``."""


NOT_IN_KEY = NotInKey()
TRIES = 3  # how often a stage begins again whose inputs are taken away while it reads them


@dataclass(frozen=True)
class Source:
    """Where data come from, and on which terms.

    Parameters
    ----------
    name : str
        What the data are called.
    licence, citation : str
        As their owner states them; "none given" is an answer.
    url : str
        Where they were published.
    caveats : tuple of str
        What every report on these data must say, such as normalisation that saw test responses.
    """

    name: str
    licence: str
    citation: str = ""
    url: str = ""
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A picture or table that a stage leaves for the report.

    Parameters
    ----------
    title, text : str
        Heading, and one or two sentences that say how to read it.
    html : str
        The figure itself: an ``<img>`` with embedded bytes, an ``<svg>`` or a ``<table>``.
    section : str
        The part of the report it belongs to: "pictures", "encoding", "scores" or "data".
    """

    title: str
    text: str
    html: str
    section: str


class Node(BaseModel):
    """A frozen piece of configuration with a key."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    version: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        """The YAML ``type``; classes from outside recortex carry their module, so that names cannot meet."""
        inside = cls.__module__.split(".")[0] == "recortex"
        return cls.__name__ if inside else f"{cls.__module__}:{cls.__qualname__}"

    def key_extra(self) -> Any:
        """More that decides the result, beyond the fields; dataset stages give their manifest's checksums here."""
        return None

    def key(self) -> str:
        """The hash that this node's result is found by."""
        return _key(self, {})

    def configuration(self) -> dict[str, Any]:
        """The whole tree below this node as nested plain values, by actual class."""
        return {"type": self.type_name()} | {name: _plain(getattr(self, name)) for name in type(self).model_fields}

    def __init__(self, /, *values: Any, **fields: Any):
        kind = type(self)
        if values:
            raise InvalidInput(
                f"{kind.__name__}: name its fields, as in {kind.__name__}({next(iter(kind.model_fields), 'field')}=...)"
            )
        for name in fields:
            if name not in kind.model_fields:
                raise InvalidInput(f"{kind.__name__} has no field {name}{did_you_mean(name, kind.model_fields)}")
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise InvalidInput(complaint(error, kind.__name__)) from error

    # as of pydantic's own: only who calls the class goes through it, not validation
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def children(self) -> Iterator[tuple[str, Node]]:
        """The nodes in this node's fields, with the field's name, in order."""
        for name in type(self).model_fields:
            for child in _nodes(getattr(self, name)):
                yield name, child


def _plain(value: Any) -> Any:
    if isinstance(value, Node):
        return value.configuration()
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _has_path(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, LocalPath) or (isinstance(value, list | tuple) and any(map(_has_path, value)))


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _nodes(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _nodes(item)


def walk(*roots: Node) -> list[Node]:
    """Every node below the roots and they themselves, inputs before their users, each object once."""
    seen: dict[int, Node] = {}
    for root in roots:
        path = [(root, root.children())]  # no recursion: a pipeline may be longer than Python's stack is deep
        while path:
            node, rest = path[-1]
            child = next((child for _, child in rest if id(child) not in seen), None)
            if child is None:
                seen.setdefault(id(node), node)
                path.pop()
            else:
                path.append((child, child.children()))
    return list(seen.values())


def _key(node: Node, memo: dict[int, str]) -> str:
    if id(node) in memo:
        return memo[id(node)]
    if not memo:  # inputs first, so that the walk below never goes deeper than one node
        for below in walk(node)[:-1]:
            _key_of_one(below, memo)
    return _key_of_one(node, memo)


def _key_of_one(node: Node, memo: dict[int, str]) -> str:
    fields = {}
    for name, field in type(node).model_fields.items():
        if NOT_IN_KEY in field.metadata:
            continue
        mine = _token(getattr(node, name), memo)
        # by token, not by ==, for which 1, 1.0 and True are one
        if field.is_required() or keys.digest(mine) != _default_digest(type(node), name):
            fields[name] = mine
    versions = [vars(cls)["version"] for cls in type(node).__mro__ if "version" in vars(cls)]
    memo[id(node)] = keys.digest([node.type_name(), versions, fields, _token(node.key_extra(), memo)])
    return memo[id(node)]


@cache
def _default_digest(cls: type[Node], name: str) -> str:
    """The digest of a field's default as validation leaves it: a default of 1 for a float is 1.0 in every instance."""
    field = cls.model_fields[name]
    annotation: Any = field.annotation
    default = TypeAdapter(annotation).validate_python(field.get_default(call_default_factory=True))
    return keys.digest(_token(default, {}))


def _token(value: Any, memo: dict[int, str]) -> Any:
    if isinstance(value, Node):
        return {"node": _key(value, memo)}
    if isinstance(value, LocalPath):
        return {"file": [keys.content(value), value.suffix.lower()]}
    if isinstance(value, list | tuple):
        return [_token(item, memo) for item in value]
    if isinstance(value, dict):
        pairs = [[keys.token(key), _token(item, memo)] for key, item in value.items()]
        return {"dict": sorted(pairs, key=keys.digest)}
    return keys.token(value)


class Stage(Node):
    """A node with a result. Subclasses give `returns` and `compute`, or `tiling` and `compute_tile`."""

    returns: ClassVar[dict[str, Array]] = {}

    def compute(self) -> dict[str, Any]:
        """Make every array of `returns` from the inputs' results."""
        raise TypeError(f"{type(self).__name__} has neither compute nor compute_tile")

    def tiling(self) -> Tiling | None:
        """How to split this stage into parts; None where it is made in one piece. The inputs have run."""
        return None

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """As `compute`, for a range along the tiled dimension; arrays without that dimension are the same in all tiles."""
        raise TypeError(f"{type(self).__name__} has a tiling but no compute_tile")

    def source(self) -> Source | None:
        """The data that this stage itself brings in; None for one that only has inputs."""
        return None

    def check_ready(self) -> None:
        """Raise what `run` would raise before it computes: missing data, a missing extra. Opens files at most, computes nothing."""

    def expect(self) -> dict[str, int]:
        """The sizes of the dimensions of a result that is not there yet, from headers and inputs; empty where they are not known."""
        return {}

    def foresee(self) -> dict[str, int]:
        """The sizes of this stage's dimensions: those of its result, else those it expects. Computes nothing."""
        result = self.cached()
        if result is None:
            return self.expect()
        return {dim: size for name in result for dim, size in zip(self.returns[name].dims, result.shape(name), strict=True)}

    def figures(self, result: Result) -> list[Figure]:
        """What this stage leaves for the report."""
        return []

    def inputs(self) -> dict[str, Stage]:
        """The stages this one reads, by key, through any plain nodes between."""
        found: dict[str, Stage] = {}
        for _, child in self.children():
            below = [child] if isinstance(child, Stage) else [node for node in walk(child) if isinstance(node, Stage)]
            found.update((stage.key(), stage) for stage in below)
        return found

    def sources(self) -> list[Source]:
        """Every source of data this stage descends from, each once."""
        found = [node.source() for node in walk(self) if isinstance(node, Stage)]
        return list(dict.fromkeys(source for source in found if source is not None))

    def cached(self) -> Result | None:
        """The result if it is there, without computing anything."""
        return store.current().load(self.type_name(), self.key())

    def run(self) -> Result:
        """The result: read if it is there, else computed (inputs first) and written."""
        return self.obtain()[0]

    def obtain(self) -> tuple[Result, bool]:
        """The result as `run` gives it, and whether this call computed it."""
        found = self.cached()
        if found is not None:
            return found, False
        here, name, key = store.current(), self.type_name(), self.key()
        with here.lock(here.file(name, key), name):
            bad: set[Path] = set()
            gone = 0
            while True:
                found = here.load(name, key)  # another process may have made it while this one waited
                if found is not None:
                    return found, False
                try:
                    return self._make(here, key), True
                except DamagedFile as damage:  # an input or a part that went bad: again, from a sound one
                    if damage.path in bad:
                        raise
                    bad.add(damage.path)
                    here.set_aside(damage)
                except (
                    FileNotFoundError
                ) as error:  # another process has joined the parts, or set aside the input, that this one read
                    gone += 1
                    if here.load(name, key) is None and isinstance(error, RecortexError):
                        raise
                    if gone > TRIES:
                        raise CannotRead(
                            f"{name}: a result was removed while it was read ({error.filename or error}); run again"
                        ) from error

    def _make(self, here: store.Store, key: str) -> Result:
        for stage in self.inputs().values():
            stage.run()
        tiling = self.tiling()
        if tiling is not None:
            made = parts.make_all(self, tiling)
            self._check_files(key)
            return parts.join(self, made, tiling, provenance(self))
        arrays = self.compute()
        self._check_files(key)
        check_arrays(self.returns, arrays, self.type_name())

        def fill(draft: store.Draft) -> None:
            for array, values in arrays.items():
                draft.put(array, values)

        written = here.write(self.type_name(), key, self.returns, fill, provenance(self))
        parts.remove(self)  # what a long computation kept there to go on from
        return written

    def _check_files(self, key: str) -> None:
        """Refuse to keep a result under the key of files that changed while they were read."""
        own = [self, *(node for name, node in self.children() if not isinstance(node, Stage))]
        if not any(_has_path(getattr(node, name)) for node in own for name in type(node).model_fields):
            return
        with keys.looking_again():
            if self.key() != key:
                raise InvalidInput(f"{self.type_name()}: a file changed while it was read; run again")


def is_abstract(cls: type[Stage]) -> bool:
    """Whether a stage class has nothing to compute: a room's base class."""
    return cls.compute is Stage.compute and cls.compute_tile is Stage.compute_tile


def first_line(cls: type) -> str:
    """The first line of a class's docstring."""
    return (inspect.getdoc(cls) or "").split("\n", 1)[0]
