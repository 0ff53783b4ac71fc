"""The entries of a pipeline file as plain data, before they become stages: reading, overlays, overrides, branches."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from recortex.errors import InvalidInput, did_you_mean
from recortex.stage import LocalPath, Node

MOST_BYTES = 2_000_000
DEEPEST = 20


@dataclass
class Entry:
    """One named entry.

    Parameters
    ----------
    type : str
        The name of its class in the catalog.
    fields : dict
        The rest, as written.
    folders : dict of str to Path
        Where a relative path in a field starts from: the folder of the file that said it, or the working folder for an option.
    """

    type: str
    fields: dict[str, Any] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)


Entries = dict[str, Entry]


def shipped() -> Path:
    """The folder of pipelines that come with recortex, in an installed package or a checkout."""
    inside = Path(__file__).parent.parent / "pipelines"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "pipelines"


def pipeline_file(name: str | Path) -> Path:
    """The file of a pipeline: a path, or the name of one that comes with recortex.

    Raises
    ------
    InvalidInput
        There is none.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.exists():
        raise InvalidInput(f"{path} is a folder, not a pipeline file")
    for candidate in (shipped() / path.name, shipped() / f"{path.name}.yaml"):
        if candidate.is_file() and str(path) in (candidate.name, candidate.stem, f"pipelines/{candidate.name}"):
            return candidate
    known = sorted(file.stem for file in shipped().glob("*.yaml"))
    raise InvalidInput(f"there is no pipeline file {name}{did_you_mean(path.stem, known)}")


def read(path: Path) -> Entries:
    """Read a pipeline file.

    Raises
    ------
    InvalidInput
        It is not a mapping of names to entries with a type, or uses tags, anchors, doubled names, or more depth or length than a
        pipeline needs; the message names the line or entry.
    """
    found = {}
    for name, body in _mapping(path).items():
        if "type" not in body:
            raise InvalidInput(f"{path}: {name} has no type, as in {name}: {{type: RidgeEncoder, ...}}")
        if not isinstance(body["type"], str):
            raise InvalidInput(f"{path}: {name}: type must be a name, got {body['type']!r}")
        fields = {key: value for key, value in body.items() if key != "type"}
        found[name] = Entry(body["type"], fields, dict.fromkeys(fields, path.absolute().parent))
    return found


def overlay(entries: Entries, path: Path) -> Entries:
    """Lay a file over entries: an entry with a type replaces or adds one, an entry without changes the fields it names.

    Raises
    ------
    InvalidInput
        As `read`; or an entry without a type that is not there to be changed.
    """
    out = deepcopy(entries)
    for name, body in _mapping(path).items():
        fields = {key: value for key, value in body.items() if key != "type"}
        folders = dict.fromkeys(fields, path.absolute().parent)
        if "type" in body:
            out[name] = Entry(str(body["type"]), fields, folders)
        elif name in out:
            out[name].fields |= fields
            out[name].folders |= folders
        else:
            raise InvalidInput(f"{path}: there is no entry {name} to change{did_you_mean(name, out)}; a new one needs a type")
    return out


def override(entries: Entries, assignment: str) -> Entries:
    """Change one field: ``brain.subject=2``, the value as YAML.

    Raises
    ------
    InvalidInput
        Not of that form, or no such entry.
    """
    target, equals, text = assignment.partition("=")
    name, dot, key = target.strip().partition(".")
    if not equals or not dot or not key:
        raise InvalidInput(f"--set {assignment}: write it as ENTRY.FIELD=VALUE, as in brain.subject=2")
    return _assign(entries, name, key, _value(text, f"--set {assignment}"), "--set")


def branches(entries: Entries, each: Sequence[str]) -> dict[str, Entries]:
    """One set of entries for each combination of values: ``brain.subject=1,2,5,7``.

    Returns
    -------
    dict of str to Entries
        By branch name, such as ``subject=1``; the single branch without any `each` has the empty name.

    Raises
    ------
    InvalidInput
        Not of that form, no such entry, or two branches of one name.
    """
    axes = []
    for assignment in each:
        target, equals, text = assignment.partition("=")
        name, dot, key = target.strip().partition(".")
        values = _value(f"[{text}]", f"--each {assignment}") if equals and dot else []
        if not values or not isinstance(values, list):
            raise InvalidInput(f"--each {assignment}: write it as ENTRY.FIELD=A,B,C, as in brain.subject=1,2,5,7")
        axes.append([(name, key, value) for value in values])
    fields = [axis[0][1] for axis in axes]
    out: dict[str, Entries] = {}
    for combination in itertools.product(*axes):
        changed, words = entries, []
        for name, key, value in combination:
            changed = _assign(changed, name, key, value, "--each")
            shown = re.sub(r"[^\w.+-]+", "_", str(value)).strip("_")
            words.append(f"{key if fields.count(key) == 1 else f'{name}.{key}'}={shown}")
        branch = ",".join(words)
        if branch in out:
            raise InvalidInput(f"--each: two branches would be called {branch}; give values that differ in letters or digits")
        out[branch] = changed
    return out


def _assign(entries: Entries, name: str, key: str, value: Any, option: str) -> Entries:
    if name not in entries:
        raise InvalidInput(f"{option}: there is no entry {name}{did_you_mean(name, entries)}")
    out = deepcopy(entries)
    if key == "type":
        out[name].type = str(value)
    else:
        out[name].fields[key] = value
        out[name].folders[key] = Path.cwd()
    return out


def dump(entries: Entries, nodes: Mapping[str, Node]) -> str:
    """Entries as YAML again, resolved: options applied, and paths absolute, so that it runs from anywhere."""
    plain = {}
    for name, entry in entries.items():
        paths = {field: _absolute(getattr(nodes[name], field)) for field in entry.fields}
        fields = {field: value if paths[field] is None else paths[field] for field, value in entry.fields.items()}
        plain[name] = {"type": entry.type, **fields}
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def _absolute(value: Any) -> Any:
    if isinstance(value, LocalPath):
        return str(value)
    if isinstance(value, tuple) and value and isinstance(value[0], LocalPath):
        return [str(path) for path in value]
    return None


def parse(text: str) -> Any:
    """A value as pipeline files read it."""
    return yaml.load(text, _Loader)


def _value(text: str, where: str) -> Any:
    try:
        _refuse_tricks(text)
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise InvalidInput(f"{where}: {_first_line(error)}") from error


def _mapping(path: Path) -> dict[str, dict[str, Any]]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidInput(f"{path} has {path.stat().st_size:,} bytes; a pipeline file is at most {MOST_BYTES:,}")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        _refuse_tricks(text)
        loaded = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise InvalidInput(f"{path}: {_first_line(error)}") from error
    if not isinstance(loaded, dict) or not loaded:
        raise InvalidInput(f"{path} is not a pipeline: at its top level it must map names to stages")
    for name, body in loaded.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise InvalidInput(f"{path}: {name!r} cannot name an entry; use letters, digits and underscores")
        if not isinstance(body, dict) or not all(isinstance(key, str) for key in body):
            raise InvalidInput(f"{path}: {name} must be a mapping, as in {name}: {{type: RidgeEncoder, ...}}")
    return loaded


class _Loader(yaml.SafeLoader):
    """YAML without doubled keys; a later one would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"line {key.start_mark.line + 1}: a list or mapping cannot be a name")
            if key.value in seen:
                raise ValueError(f"line {key.start_mark.line + 1}: {key.value} stands twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


# 1e-3 is a number for everyone but YAML 1.1
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def _refuse_tricks(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError(f"line {line}: anchors and aliases (& and *) are not used here; repeat the value, or name a stage")
        if (tag := getattr(event, "tag", None)) is not None:
            raise ValueError(f"line {line}: the tag {tag} is not used here; write a plain value")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"line {line}: nested more than {DEEPEST} deep")


def _first_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).split("\n")[0]
