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
    "tuple_type": "must be a list",
    "list_type": "must be a list",
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
    "model_type": "must be a stage of kind {class_name}",
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
        """Names are text as it stands: null names a field, and is not nothing."""
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal(key, "a list or mapping cannot be a name")
            name = self.construct_scalar(key)
            if name in found:
                raise _refusal(key, f"{shown(name)} stands twice")  # a later one would silently win
            found[name] = self.construct_object(value, deep=deep)
        return found

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


def parse(text: str, where: str, most: int = MOST_BYTES, in_lines: bool = True) -> Any:
    """The value of a text.

    Parameters
    ----------
    text : str
    where : str
        What it is called in a message: a file, an option.
    most : int
        Characters that are read at most.
    in_lines : bool
        Whether a message names the line, as for a file.

    Raises
    ------
    InvalidInput
        It is no YAML, or more than plain values.
    """
    if len(text) > most:
        raise InvalidInput(f"{where} has {len(text):,} characters; at most {most:,} are read")
    try:
        return yaml.load(text, _Loader)
    except yaml.reader.ReaderError as error:
        line = f"line {text.count(chr(10), 0, error.position) + 1}: " if in_lines else ""
        raise InvalidInput(f"{where}: {line}the character U+{ord(text[error.position]):04X} is no text") from error
    except yaml.MarkedYAMLError as error:
        raise InvalidInput(f"{where}: {_in_our_words(error, in_lines)}") from error


def _in_our_words(error: yaml.MarkedYAMLError, in_lines: bool) -> str:
    """What is wrong in which line; for the commonest slips with what to do."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    begun = error.context_mark.line + 1 if error.context_mark else line
    said, context = error.problem or error.context or "this is no YAML", error.context or ""
    if isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError):
        opened, close = ("[", "]") if "flow sequence" in context else ("{", "}")
        from_line = f" of line {begun}" if in_lines else ""
        if "'\\t' that cannot start" in said:
            return f"line {line} has a tab where spaces belong; use spaces"
        if "could not find expected ':'" in said:
            return f"line {begun}, or the one before, has a name without a colon; write NAME: VALUE, with a space after the colon"
        if "<stream end>" in said and "flow" in context:
            return f"the {opened}{from_line} is not closed; put a {close} where it ends"
        if "unexpected end of stream" in said and "quoted" in context:
            return f"the quotation mark{from_line} is not closed"
        if "that cannot start any token" in said or context == "while scanning an alias":
            said = "a value that begins with a sign such as @, %, ` or * needs quotation marks"
        elif "mapping values are not allowed" in said and in_lines:
            said = (
                "a second colon, or more blanks in front than the line before; begin the fields of an entry in one column, and put a "
                "value that holds a colon into quotation marks"
            )
        elif "mapping values are not allowed" in said:
            said = "a second colon; put the value into quotation marks"
        elif "double-quoted scalar" in context and "escape" in said:
            said = "in double quotation marks \\ changes what follows; write a path with / instead, or in single quotation marks"
        elif "flow" in context and "expected ','" in said:
            said = f"a comma is missing before this, or the {close} that closes the {opened}{from_line}"
        elif said.endswith(("but found ']'", "but found '}'")):
            said = f"this {said[-2]} closes nothing; take it away"
        elif "expected <block end>" in said and "<scalar>" in said:
            said = (
                "something follows a closed value; put a value that holds a quotation mark or bracket into quotation marks whole"
            )
        elif "expected <block end>" in said and in_lines and begun < line:
            said = "it starts in another column than the lines it belongs to; begin the fields of an entry in one column"
    return f"{f'line {line}: ' if in_lines else ''}{shown(said, 200)}"


def read(path: Path, kind: str, most: int = MOST_BYTES, form: str = "NAME: VALUE") -> dict[str, Any]:
    """The mapping that a file holds.

    Parameters
    ----------
    path : Path
    kind : str
        What the file should be, for the message: "a pipeline".
    most : int
        Bytes that are read at most.
    form : str
        What a line of such a file looks like, for the message.

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
        if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise InvalidInput(f"{where} is no text, and so not {kind}; name a .yaml file") from error
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{where} cannot be read: line {line} is not UTF-8; save it as UTF-8 text") from error
    loaded = parse(text, where, most)
    if not isinstance(loaded, dict) or not loaded:
        wrong = "is empty" if loaded is None or loaded == {} else f"is not {kind}"
        raise InvalidInput(f"{where} {wrong}; write it as lines of {form}")
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
    first = error.errors()[0]
    rest = len({other["loc"][:1] for other in error.errors()} - {first["loc"][:1]})
    loc = (whole, *first["loc"]) if whole else first["loc"]
    item = f", value {loc[-1] + 1}" if len(loc) > 1 and isinstance(loc[-1], int) else ""
    place = ".".join(map(str, loc[:-1] if item else loc)) + item
    said = " ".join(first["msg"].removeprefix("Value error, ").removeprefix("Input ").split())
    if first["type"] in _PLAINLY:
        said = _PLAINLY[first["type"]].format_map(first.get("ctx", {}))
    said = said.replace("at least 1 values", "at least one value")
    given, kind = first["input"], first["type"]
    remedy = ""
    if kind in ("tuple_type", "list_type") and isinstance(given, str | int | float):
        remedy = f"; write {shown(_as_list(given))}"
    elif kind == "string_type" and given is None:
        remedy = """; write "" for empty text, in a shell '""'"""
    named = kind == "value_error" and isinstance(given, str | Path) and Path(given).name and f"/{Path(given).name}" in said
    bare = (
        isinstance(given, dict | BaseModel) or kind in ("missing", "extra_forbidden", "too_short") or named or "write [" in remedy
    )
    got = "" if bare else f", got {in_words(given)}"
    more = f" (and {rest} more)" if rest else ""
    return f"{shown(place, 200)}{': ' if place else ''}{shown(said, 500)}{got}{remedy}{more}"


def in_words(value: Any) -> str:
    """A value as a person would write it, in one line."""
    if value is None:
        return "nothing"
    return shown(value) if isinstance(value, Path) else shown(repr(list(value) if isinstance(value, tuple) else value))


def _as_list(given: str | float) -> str:
    """The list that was most likely meant by what stands where one belongs: `1, 10` without its brackets, or one value."""
    try:
        plain = parse(f"[{given}]", "")
        if plain and all(isinstance(item, str | int | float) for item in plain):
            return f"[{given}]"
    except InvalidInput:
        pass
    return yaml.dump([given], Dumper=_Dumper, allow_unicode=True, width=LARGEST, default_flow_style=True).strip()


def no_text(text: str, allowed: str = "") -> str:
    """The first character that steers a terminal, ends a line, or is half of another; empty where all is text."""
    wrong = (one for one in text if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") and one not in allowed)
    return next(wrong, "")


def _refusal(at: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, at.start_mark)
