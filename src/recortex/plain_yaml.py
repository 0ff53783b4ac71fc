"""YAML as recortex reads and writes it: mappings, lists, words and numbers, each in the one way that everybody reads them.

No anchors, tags, merges or doubled names, and little of what YAML 1.1 reads into words: `no` is a word and not false, `1:30` is not
ninety, `010` not eight, `2024-01-02` no date, `.nan` no number. What a word means is for the field to say that it stands in.
"""

from __future__ import annotations

import math
import re
import stat
import unicodedata
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from recortex.errors import InvalidInput, shown

MOST_BYTES = 100_000
DEEPEST = 20
LARGEST = 2**63  # whole numbers beyond are no seeds, sizes or counts, and files cannot hold them

_RESOLVED = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    "float": (
        r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?=[eE]))|\.[0-9]+)(?:[eE][-+]?[0-9]+)?",
        list("-+.0123456789"),
    ),
}

# what pydantic says in Python's words, by its name for it; in braces what it gives with it
_PLAINLY = {
    "missing": "is missing",
    "extra_forbidden": "there is no field of this name",
    "tuple_type": "must be a list, as in [1, 10, 100]",
    "list_type": "must be a list, as in [1, 10, 100]",
    "dict_type": "must be a mapping, as in {{a: 1}}",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} values",
    "too_long": "must have at most {max_length} values",
}


class _Loader(yaml.SafeLoader):
    """Plain values alone."""

    yaml_implicit_resolvers: dict[str, list] = {}
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refusal(event, "anchors and aliases (& and *) are not used here; repeat the value, or name a stage")
        if (tag := getattr(event, "tag", None)) is not None:
            raise _refusal(event, f"the tag {shown(tag)} is not used here; write a plain value")
        if self.depth > DEEPEST:
            raise _refusal(event, f"nested more than {DEEPEST} deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal(key, "a list or mapping cannot be a name")
            if key.value in seen:
                raise _refusal(key, f"{shown(key.value)} stands twice")  # a later one would silently win
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_scalar(self, node: Any) -> Any:
        text = super().construct_scalar(node)
        if character := no_text(text, allowed="\n\t"):
            raise _refusal(node, f"the character U+{ord(character):04X} is no text")
        return text

    def number(self, node: yaml.ScalarNode) -> int | float:
        """A number that a computer can hold."""
        value = float(node.value)
        if not math.isfinite(value) or (node.tag.endswith(":int") and abs(value) >= LARGEST):
            raise _refusal(node, f"{shown(node.value)} is larger than numbers go here")
        return int(node.value) if node.tag.endswith(":int") else value


class _Dumper(yaml.SafeDumper):
    """Quotes what this or any other reader would not take for the word it is."""

    yaml_implicit_resolvers = {first: list(known) for first, known in yaml.SafeDumper.yaml_implicit_resolvers.items()}

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _kind, (_pattern, _first) in _RESOLVED.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.number)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.number)


def parse(text: str, where: str, most: int = MOST_BYTES) -> Any:
    """The value of a text.

    Parameters
    ----------
    text : str
    where : str
        What it is called in a message: a file, an option.
    most : int
        Characters that are read at most.

    Raises
    ------
    InvalidInput
        It is no YAML, or more than plain values; the message names the line.
    """
    if len(text) > most:
        raise InvalidInput(f"{where} has {len(text):,} characters; at most {most:,} are read")
    try:
        return yaml.load(text, _Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InvalidInput(f"{where}: line {line}: the character U+{ord(text[error.position]):04X} is no text") from error
    except yaml.MarkedYAMLError as error:
        raise InvalidInput(f"{where}: {_in_our_words(error)}") from error


def _in_our_words(error: yaml.MarkedYAMLError) -> str:
    """What is wrong in which line; for the commonest slips with what to do."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    begun = error.context_mark.line + 1 if error.context_mark else line
    said = error.problem or error.context or "this is no YAML"
    if isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError):
        if "'\\t' that cannot start" in said:
            return f"line {line} has a tab where spaces belong; use spaces"
        if "could not find expected ':'" in said:
            return f"line {begun}, or the one before, has a name without a colon; write NAME: VALUE, with a space after the colon"
        if "<stream end>" in said and "flow" in (error.context or ""):
            return f"a {{ or [ that is opened in line {begun} is not closed"
    return f"line {line}: {shown(said, 200)}"


def read(path: Path, kind: str, most: int = MOST_BYTES) -> dict[Any, Any]:
    """The mapping that a file holds.

    Parameters
    ----------
    path : Path
    kind : str
        What the file should be, for the message: "a pipeline".
    most : int
        Bytes that are read at most.

    Raises
    ------
    InvalidInput
        It cannot be read, is too large, no UTF-8, or as `parse`; or it holds something else than a mapping.
    """
    where = shown(path, 400)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with open(path, "rb") as handle:
                content = handle.read(most + 1)
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no file {where}") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{where} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(mode):
        raise InvalidInput(
            f"{where} is {'a folder' if stat.S_ISDIR(mode) else 'a device or pipe'}, not a file that could hold {kind}"
        )
    if len(content) > most:
        raise InvalidInput(f"{where} has {path.stat().st_size:,} bytes; {kind} has at most {most:,}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{where} cannot be read: line {line} is not UTF-8; save it as UTF-8 text") from error
    loaded = parse(text, where, most)
    if not isinstance(loaded, dict) or not loaded:
        wrong = "is empty" if loaded is None or loaded == {} else f"is not {kind}"
        raise InvalidInput(f"{where} {wrong}; write it as lines of NAME: VALUE")
    return loaded


def dump(value: Any) -> str:
    """Plain values as YAML that we and every other reader take for the same."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def is_word(text: str) -> bool:
    """Whether a text without quotes is read as itself, by us and by others."""
    try:
        return yaml.safe_load(text) == text == parse(text, "")
    except (yaml.YAMLError, ValueError, TypeError, OverflowError):
        return False


def complaint(error: ValidationError, whole: str = "") -> str:
    """The first thing that pydantic finds wrong with plain values, in one line; `whole` is what they belong to."""
    first, rest = error.errors()[0], len(error.errors()) - 1
    place = ".".join(str(part) for part in ((whole, *first["loc"]) if whole else first["loc"]))
    said = " ".join(first["msg"].removeprefix("Value error, ").removeprefix("Input ").split())
    if first["type"] in _PLAINLY:
        said = _PLAINLY[first["type"]].format_map(first.get("ctx", {}))
    given = first["input"]
    bare = (
        isinstance(given, dict | BaseModel) or first["type"] in ("missing", "extra_forbidden") or said.startswith("there is no")
    )
    got = "" if bare else f", got {shown(repr(given))}"
    return f"{shown(place, 200)}{': ' if place else ''}{shown(said, 500)}{got}{f' (and {rest} more)' if rest else ''}"


def no_text(text: str, allowed: str = "") -> str:
    """The first character that steers a terminal, ends a line, or is half of another; empty where all is text."""
    wrong = (one for one in text if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") and one not in allowed)
    return next(wrong, "")


def _refusal(at: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, at.start_mark)
