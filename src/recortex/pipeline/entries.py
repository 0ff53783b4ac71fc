"""The entries of a pipeline file as plain data, before they become stages: reading, overlays, overrides, branches."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from recortex import plain_yaml
from recortex.errors import InvalidInput, did_you_mean, shown
from recortex.stage import LocalPath, Node

LONGEST = 200  # bytes: names of entries and branches name files, which may have 255 with what is put around them
MOST_BRANCHES = 1000
SHOWN = "`recortex list` shows the stages"


@dataclass(frozen=True)
class Entry:
    """One named entry.

    Parameters
    ----------
    type : str
        The name of its class in the catalog.
    fields : dict
        The rest, as written.
    files : dict of str to Path
        The file that said a field, or the type; none for an option. A relative path in a field starts from its folder, or from the
        working folder.
    """

    type: str
    fields: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    def folder(self, key: str) -> Path:
        """Where a relative path in a field starts from."""
        return self.files[key].absolute().parent if key in self.files else Path.cwd()

    def where(self, key: str) -> str:
        """The file that said a field, or the type, as the beginning of a message; empty for an option."""
        return f"{shown(self.files[key], 400)}: " if key in self.files else ""


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
    words = shown(name, 400)
    try:
        path = Path(name).expanduser()
        if path.is_file():
            return path
        if path.exists():
            raise InvalidInput(f"{words} is {'a folder' if path.is_dir() else 'a device or pipe'}, not a pipeline file")
    except (OSError, RuntimeError) as error:  # a name too long, a folder that may not be looked into, a person who is not there
        raise InvalidInput(f"there is no pipeline file {words}: {getattr(error, 'strerror', None) or error}") from error
    ours = {file.stem: file for file in shipped().glob("*.yaml")}
    for stem, file in ours.items():
        if str(path) in (stem, file.name, f"pipelines/{file.name}"):
            return file
    here = path.parent if path.parent.is_dir() else Path()
    beside = [file.name for file in (*here.glob("*.yaml"), *here.glob("*.yml"))]
    whole = [f"{name}{suffix}" for suffix in (".yaml", ".yml") if f"{path.name}{suffix}" in beside]
    near = f"; did you mean {shown(whole[0], 400)}?" if whole else did_you_mean(path.name, beside)
    if "did you mean" not in near:
        near = did_you_mean(path.stem, ours)
    if "did you mean" not in near:
        near = f"; name one of yours (`recortex new` writes one), or one that comes with recortex: {', '.join(sorted(ours))}"
    raise InvalidInput(f"there is no pipeline file {words} in {here.absolute()}{near}")


def overlay_file(name: Path, pipeline: Path) -> Path:
    """The file of an overlay: a path, or the name of one that comes with recortex for this pipeline.

    Raises
    ------
    InvalidInput
        A plain name that is neither.
    """
    if name.exists() or name.suffix or name.name != str(name):
        return name
    mark = f"{pipeline.stem}_"
    ours = {file.stem.removeprefix(mark): file for file in (shipped() / "overlays").glob(f"{mark}*.yaml")}
    if str(name) not in ours:
        known = f"those that come with {pipeline.stem} are {', '.join(sorted(ours))}" if ours else "none comes with this pipeline"
        raise InvalidInput(f"--overlay: there is no file {shown(name)} here, and no overlay of that name; {known}")
    return ours[str(name)]


def gather(pipeline: str | Path, overlays: Sequence[str | Path] = (), sets: Sequence[str] = ()) -> tuple[str, Entries]:
    """A pipeline's name, and its entries under overlays and with fields set.

    Parameters
    ----------
    pipeline : str or path
        As of `pipeline_file`.
    overlays : sequence of str or path
        As of `overlay_file`, the last one on top.
    sets : sequence of str
        As of `override`: ``scenes.count=100``.

    Raises
    ------
    InvalidInput
        There is none of that name, or it cannot be read.
    """
    path = pipeline_file(pipeline)
    entries = read(path)
    for file in overlays:
        entries = overlay(entries, overlay_file(Path(file), path))
    for assignment in sets:
        entries = override(entries, assignment)
    return path.stem, entries


def read(path: Path) -> Entries:
    """Read a pipeline file.

    Raises
    ------
    InvalidInput
        It is no mapping of names to entries with a type, or as `recortex.plain_yaml.read`; the message names the line or entry.
    """
    return overlay({}, path)


def overlay(entries: Entries, path: Path) -> Entries:
    """Lay a file over entries: an entry with a type replaces or adds one, an entry without changes the fields it names.

    Raises
    ------
    InvalidInput
        As `read`; or an entry without a type that is not there to be changed.
    """
    out, where = dict(entries), shown(path, 400)
    for name, body in plain_yaml.read(path, "a pipeline", form="NAME: {type: STAGE, ...}").items():
        _check_name(name, where)
        if not isinstance(body, dict):
            if name == "type":
                raise InvalidInput(f"{where}: a stage needs a name of its own in front, as in brain: {{type: ResponseFile, ...}}")
            raise InvalidInput(f"{where}: {name} must be a stage; write {name}: {{type: STAGE, ...}} ({SHOWN})")
        fields = {key: value for key, value in body.items() if key != "type"}
        files = dict.fromkeys(body, path)
        if "type" in body:
            out[name] = Entry(_type(body["type"], f"{where}: {name}"), fields, files)
        elif name in out:
            out[name] = replace(out[name], fields=out[name].fields | fields, files=out[name].files | files)
        elif entries:
            raise InvalidInput(f"{where}: there is no entry {name} to change{did_you_mean(name, out)}; a new one needs a type")
        else:
            raise InvalidInput(f"{where}: {name} has no type; write {name}: {{type: STAGE, ...}} ({SHOWN})")
    if meeting := _meeting(out):
        raise InvalidInput(f"{where}: {' and '.join(meeting)} differ by case alone, and would be one file on some computers")
    return out


def override(entries: Entries, assignment: str) -> Entries:
    """Change one field: ``brain.repeats=average``, the value as YAML.

    Raises
    ------
    InvalidInput
        Not of that form, or no such entry.
    """
    target, equals, text = assignment.partition("=")
    name, dot, key = target.strip().partition(".")
    option = f"--set {shown(assignment)}"
    if not equals or not dot or not key:
        raise InvalidInput(f"{option}: write it as ENTRY.FIELD=VALUE, as in brain.repeats=average")
    return _assign(entries, name, key, plain_yaml.parse(text, option, in_lines=False), "--set")


def branches(entries: Entries, each: Sequence[str]) -> dict[str, Entries]:
    """One set of entries for each combination of values: ``encoder.cv=3,5``.

    Returns
    -------
    dict of str to Entries
        By branch name, such as ``cv=3``; the single branch without any `each` has the empty name.

    Raises
    ------
    InvalidInput
        Not of that form, no such entry, two branches of one name, or too many of them.
    """
    axes = []
    for assignment in each:
        target, equals, text = assignment.partition("=")
        name, dot, key = target.strip().partition(".")
        option = f"--each {shown(assignment)}"
        values = plain_yaml.parse(f"[{text}]", option, in_lines=False) if equals and dot else []
        if not values or not isinstance(values, list):
            raise InvalidInput(f"{option}: write it as ENTRY.FIELD=A,B,C, as in encoder.cv=3,5")
        if again := [value for number, value in enumerate(values) if repr(value) in map(repr, values[:number])]:
            raise InvalidInput(f"{option}: the value {shown(again[0])} stands twice")
        axes.append([(name, key, value) for value in values])
    if (count := prod(map(len, axes))) > MOST_BRANCHES:
        raise InvalidInput(f"--each: these values make {count:,} branches; at most {MOST_BRANCHES:,} run at once")
    fields, targets = [axis[0][1] for axis in axes], [axis[0][:2] for axis in axes]
    if twice := [target for target in targets if targets.count(target) > 1]:
        raise InvalidInput(f"--each: {shown('.'.join(twice[0]))} stands twice; give all its values at once")
    out: dict[str, Entries] = {}
    for combination in itertools.product(*axes):
        changed, words = entries, []
        for name, key, value in combination:
            changed = _assign(changed, name, key, value, "--each")
            plain = re.sub(r"[^\w.+-]+", "_", str(value)).strip("_")
            words.append(f"{key if fields.count(key) == 1 else f'{name}.{key}'}={plain}")
        branch = ",".join(words)
        if len(branch.encode()) > LONGEST:
            raise InvalidInput(f"--each: the branch {shown(branch)} has too long a name; give shorter values")
        if branch in out:
            raise InvalidInput(f"--each: two branches would be called {branch}; give values that differ in letters or digits")
        out[branch] = changed
    if meeting := _meeting(out):
        raise InvalidInput(f"--each: {' and '.join(meeting)} differ by case alone, and would be one folder on some computers")
    return out


def _assign(entries: Entries, name: str, key: str, value: Any, option: str) -> Entries:
    if name not in entries:
        raise InvalidInput(f"{option}: there is no entry {shown(name)}{did_you_mean(name, entries)}")
    entry = entries[name]
    if key == "type":
        changed = replace(entry, type=_type(value, f"{option} {name}.type"))
    else:
        changed = replace(entry, fields=entry.fields | {key: value})
    return entries | {name: replace(changed, files={said: file for said, file in entry.files.items() if said != key})}


def dump(entries: Entries, nodes: Mapping[str, Node]) -> str:
    """Entries as YAML again, resolved: options applied, and paths absolute, so that it runs from anywhere."""
    plain = {}
    for name, entry in entries.items():
        paths = {field: _absolute(getattr(nodes[name], field)) for field in entry.fields}
        fields = {field: value if paths[field] is None else paths[field] for field, value in entry.fields.items()}
        plain[name] = {"type": entry.type, **fields}
    return plain_yaml.dump(plain)


def _absolute(value: Any) -> Any:
    if isinstance(value, LocalPath):
        return str(value)
    if isinstance(value, tuple) and value and isinstance(value[0], LocalPath):
        return [str(path) for path in value]
    return None


def _check_name(name: str, where: str) -> None:
    if not name.isidentifier():
        raise InvalidInput(f"{where}: {shown(repr(name))} cannot name an entry; use letters, digits and underscores")
    if plain_yaml.parse(name, where) != name:
        raise InvalidInput(f"{where}: {name} cannot name an entry, as it means something else in a field; use another word")
    if len(name.encode()) > LONGEST:
        raise InvalidInput(f"{where}: {shown(name)} is too long for an entry's name, which names files")


def _type(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{where}: type must be the name of a stage, got {plain_yaml.in_words(value)}; {SHOWN}")
    return value


def _meeting(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that are one where case does not count, as on the disks of many computers."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
        if first != name:
            return first, name
    return None
