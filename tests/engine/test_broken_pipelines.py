"""Broken pipeline files: each is refused in one line that says where, with code 2, soon, and in little memory; or it is a pipeline."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recortex import catalog, plain_yaml
from recortex.errors import InvalidInput
from recortex.pipeline import entries
from recortex.pipeline.build import build
from recortex.pipeline.sites import load_site
from recortex.stage import Node
from tests.data.files import recortex

TEST_STAGES = ("Numbers", "Doubled", "Sum", "Whole")
SECONDS = 30  # far more than any of these takes, and less than for ever
SHIPPED = sorted(entries.shipped().glob("*.yaml"))


@pytest.fixture(autouse=True)
def test_stages_in_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TEST_STAGES:
        monkeypatch.setitem(catalog.STAGES, name, "stages")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def one_line(said: str) -> str:
    assert len(said.splitlines()) == 1 and said.isprintable(), repr(said)
    assert len(said) < 1000, f"{len(said)} characters: {said[:300]}"
    return said


def outcome(content: str | bytes, name: str = "p.yaml") -> dict[str, Node] | str:
    """The law: nodes, or what it was refused with, in one line; any other error comes through."""
    Path(name).write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    try:
        return build(entries.read(Path(name)))
    except InvalidInput as error:
        return one_line(str(error))


def refusal(content: str | bytes) -> str:
    found = outcome(content)
    assert isinstance(found, str), f"it was taken: {found}"
    return found


def flow(field: str) -> str:
    return f"n: {{type: Numbers, {field}}}\n"


def seen(name: str, kind: str, fields: str) -> str:
    return f"{name}: {{type: {kind}, stimuli: h, {fields}}}\nh: {{type: HandwrittenDigits}}\n"


def doubled(numbers: str, more: str = "n: {type: Numbers}\n") -> str:
    return f"d: {{type: Doubled, numbers: {numbers}}}\n{more}"


def circle(length: int) -> str:
    return "".join(f"n{i}: {{type: Doubled, numbers: n{(i + 1) % length}}}\n" for i in range(length))


LAUGHS = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
AMONG = "c: {type: CategoryDecoder, brain: b, among: [[face]]}\nb: {type: HaxbySlice}\n"
OWN_ENTRY = r"write the stage as an entry of its own, as in my_numbers: {type: Numbers, \.\.\.}, and here numbers: my_numbers$"
RIDGE = (
    "h: {type: HandwrittenDigits}\nb: {type: PlantedUnits, stimuli: h}\nf: {type: Pixels, stimuli: h}\n"
    "e: {type: RidgeEncoder, brain: b, features: f, "
)
CHAIN = "n0: {type: Numbers}\n" + "".join(f"n{i}: {{type: Link, before: n{i - 1}}}\n" for i in range(1, 2000))

# what stands in a file, and what is said about it; "line N" wherever there is one
TEXTS: dict[str, tuple[str | bytes, str]] = {
    # anchors, tags, merges, directives, documents
    "a billion laughs": (LAUGHS, "line 1: anchors"),
    "an anchor on an entry": ("n: &x {type: Numbers}\n", "line 1: anchors and aliases"),
    "an anchor on a word": (flow("log: &x word"), "line 1: anchors"),
    "an anchor on a name": ("&x n: {type: Numbers}\n", "line 1: anchors"),
    "an alias that points nowhere": ("\n\nn: *x\n", "line 3: anchors"),
    "an anchor that holds itself": ("n: &x [*x]\n", "line 1: anchors"),
    "a merge": ("n: {<<: {type: Numbers}, seed: 1}\n", "n has no type"),
    "a merge beside a type": ("n: {type: Numbers, <<: {seed: 1}}\n", "n: Numbers has no field <<"),
    "a merge of a list": ("n: {type: Numbers, <<: [{seed: 1}, {seed: 2}]}\n", "no field <<"),
    "a merge at the top": ("<<: {n: {type: Numbers}}\n", "'<<' cannot name an entry"),
    "the default of YAML 1.1": ("n: {type: Numbers, =: 3}\n", "no field ="),
    "a Python object": (flow("seed: !!python/object:os.system x"), "line 1: the tag .* is not used"),
    "a Python call": (flow("seed: !!python/object/apply:os.system [touch ran]"), "line 1: the tag"),
    "a Python module": (flow("seed: !!python/module:os x"), "line 1: the tag"),
    "a Python name": ("n: {type: !!python/name:os.system }\n", "line 1: the tag"),
    "binary": (flow("log: !!binary aGVsbG8="), "line 1: the tag"),
    "a set": (flow("log: !!set {a, b}"), "line 1: the tag"),
    "an ordered map": (flow("log: !!omap [a: 1]"), "line 1: the tag"),
    "pairs": (flow("log: !!pairs [a: 1]"), "line 1: the tag"),
    "a timestamp": (flow("log: !!timestamp 2024-01-01"), "line 1: the tag"),
    "a plain word by tag": (flow("log: !!str 1"), "line 1: the tag"),
    "a tag that says nothing": (flow("log: ! 1"), "line 1: the tag"),
    "a tag of one's own": ("n: !Numbers {seed: 1}\n", "line 1: the tag !Numbers"),
    "a tag handle that is not there": (flow("log: !x!y 1"), "line 1: .*!x!"),
    "a tag with a newline in it": (flow("log: !<a%0Ab> 1"), "line 1: the tag 'a.nb'"),
    "a tag of 5000 letters": (flow(f"log: !{'x' * 5000} 1"), "line 1: the tag !xxx"),
    "YAML of the future": ("%YAML 9.9\n---\nn: {type: Numbers}\n", "line 1: .*incompatible"),
    "a directive twice": ("%YAML 1.1\n%YAML 1.1\n---\nn: {type: Numbers}\n", "line 2: .*duplicate"),
    "two documents": ("n: {type: Numbers}\n---\nm: {type: Numbers}\n", "line 2: .*document"),
    "a second document that is empty": ("n: {type: Numbers}\n---\n", "line 2: .*document"),
    "text behind the end": ("n: {type: Numbers}\n...\nm: 1\n", "line 3: "),
    # names
    "a name twice": ("n: {type: Numbers}\nm: {type: Numbers}\nn: {type: Numbers}\n", "line 3: n stands twice"),
    "a name twice, once in quotes": ('n: {type: Numbers}\n"n": {type: Numbers}\n', "line 2: n stands twice"),
    "a name twice by escape": ('n: {type: Numbers}\n"\\x6e": {type: Numbers}\n', "line 2: n stands twice"),
    "a field twice": (flow("seed: 1, seed: 2"), "line 1: seed stands twice"),
    "a type twice": (flow("type: Whole"), "line 1: type stands twice"),
    "names that differ by case": ("Brain: {type: Numbers}\nbrain: {type: Numbers}\n", "Brain and brain differ by case alone"),
    "names that one disk takes for the same": ("\u00e9: {type: Numbers}\ne\u0301: {type: Numbers}\n", "differ by case alone"),
    "a number for a name": ("1: {type: Numbers}\n", "'1' cannot name an entry"),
    "a fraction for a name": ("1.5: {type: Numbers}\n", "'1.5' cannot name an entry"),
    "nothing for a name": ("~: {type: Numbers}\n", "'~' cannot name an entry"),
    "an empty name": ('"": {type: Numbers}\n', "'' cannot name an entry"),
    "true for a name": ("true: {type: Numbers}\n", "true cannot name an entry, as it means something else"),
    "null for a name": ("null: {type: Numbers}\n", "null cannot name an entry, as it means something else"),
    "a date for a name": ("2024-01-01: {type: Numbers}\n", "'2024-01-01' cannot name an entry"),
    "a list for a name": ("[a, b]: {type: Numbers}\n", "line 1: a list or mapping cannot be a name"),
    "a mapping for a name": ("{a: b}: {type: Numbers}\n", "line 1: a list or mapping cannot be a name"),
    "a list for a field": (flow("[a]: 1"), "line 1: a list or mapping cannot be a name"),
    "a number for a field": (flow("1: 2"), "n: Numbers has no field 1;"),
    "a name that leaves the folder": ("../n: {type: Numbers}\n", "'../n' cannot name"),
    "a name from the root": ("/n: {type: Numbers}\n", "'/n' cannot name"),
    "a name with a NUL": ('"n\\0": {type: Numbers}\n', r"line 1: the character U\+0000 is no text"),
    "a name with a newline": ('"n\\nm": {type: Numbers}\n', r"'n\\nm' cannot name"),
    "a name of 300 letters": ("n" * 300 + ": {type: Numbers}\n", "nnn is too long for an entry's name"),
    "a name of 90 wide letters": ("\u540d" * 90 + ": {type: Numbers}\n", "is too long for an entry's name"),
    "a field with a newline": (flow('"se\\ned": 1'), r"has no field 'se\\ned'"),
    "a field of 5000 letters": (flow(f"{'x' * 500}: 1"), "has no field xxx"),
    # characters and bytes
    "a tab": ("n:\n\ttype: Numbers\n", "line 2 "),
    "a NUL": ("n: {type: Numbers}\n\0", r"line 2: the character U\+0000 is no text"),
    "an escape for the terminal": (flow("log: \x1b[31mred"), r"line 1: the character U\+001B is no text"),
    "the same by escape": (flow('log: "\\e[31mred"'), r"line 1: the character U\+001B"),
    "half a character": (flow('log: "\\ud800"'), r"line 1: the character U\+D800"),
    "another line separator": (flow('log: "a\\Lb"'), r"line 1: the character U\+2028"),
    "UTF-16": ("n: {type: Numbers}\n".encode("utf-16"), "line 1 is not UTF-8"),
    "UTF-16 without a mark": ("n: {type: Numbers}\n".encode("utf-16-le"), r"line 1: the character U\+0000"),
    "UTF-32": ("n: {type: Numbers}\n".encode("utf-32"), "line 1 is not UTF-8"),
    "Latin-1": ("# fine\nn: {type: Numbers, log: \u00e9}\n".encode("latin-1"), "line 2 is not UTF-8; save it as UTF-8"),
    "half a UTF-8 character at the end": (b"n: {type: Numbers, log: \xc3", "line 1 is not UTF-8"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "p.yaml is no text, and so not a pipeline; name a .yaml file"),
    "an array": (b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}\n", "p.yaml is no text, and so not a pipeline; name a .yaml file"),
    "a zip": (b"PK\x03\x04" + b"\0" * 100, r"line 1: the character U\+0003"),
    # shape and size
    "nothing at all": ("", "p.yaml is empty"),
    "white space": (" \n \n", "p.yaml is empty"),
    "a word": ("Numbers\n", "is not a pipeline"),
    "a number": ("3\n", "is not a pipeline"),
    "a list": ("- {type: Numbers}\n", "is not a pipeline"),
    "an empty mapping": ("{}\n", "p.yaml is empty"),
    "JSON cut off": ('{"n": {"type": "Numbers"', "the { of line 1 is not closed; put a } where it ends"),
    "a list cut off": ("n: {type: GaborEnergy, frequencies: [1, 2\n", r"the \[ of line 1 is not closed; put a \] where it ends"),
    "a line indented by one more": (
        "n:\n  type: Numbers\n   seed: 1\n", "line 3: a second colon, or more blanks in front .* in one column, and put a value"),
    "two names in one line": ("n: type: Numbers\n", "line 1: a second colon, or .* that holds a colon into quotation marks"),
    "a line indented by one less": ("n:\n  type: Numbers\n seed: 1\n", "line 3: it starts in another column than the lines it belongs"),
    "a comma that is missing": ("n: {type: Numbers seed: 1}\n", "line 1: a comma is missing before this, or the } that closes the {"),
    "the same behind quotes": ('n: {type: "Numbers" seed: 1}\n', "line 1: a comma is missing before this"),
    "a path of Windows": ('n: {type: Numbers, log: "C:\\data"}\n', r"line 1: in double quotation marks .* a path with / instead"),
    "another path of Windows": ('n: {type: Numbers, log: "C:\\x_1"}\n', r"line 1: in double quotation marks .* a path with / instead"),
    "a pattern without quotes": ("n: {type: Numbers, log: *.png}\n", "anchors|line 1: a value that begins with a sign such as"),
    "a word with an apostrophe": ("n: {type: Numbers, log: 'it's'}\n", "line 1: "),
    "the same below": ("n:\n  type: Numbers\n  log: 'it's'\n", "line 3: something follows a closed value; put a value that"),
    "a brace too many": ("n: {type: Numbers}}\n", "line 1: this } closes nothing; take it away"),
    "a web page": ("<!DOCTYPE html>\n<html><body>404</body></html>\n", "is not a pipeline|line "),
    "Python": ("from recortex import Numbers\nn = Numbers(seed=1)\n", "is not a pipeline|line "),
    "a quote that never ends": ('n: {type: "Numbers\n' + "m: 1\n" * 1000, "the quotation mark of line 1 is not closed"),
    "a brace that never ends": ("n: {type: Numbers\nm: {type: Numbers}\n", "line 2: "),
    "many brackets": ("n: " + "[" * 99_000, "line 1: nested more than 20 deep"),
    "many braces": ("n: " + "{a: " * 24_000, "line 1: nested more than 20 deep"),
    "many dashes": ("- " * 45_000 + "x\n", "line 1: nested more than 20 deep"),
    "many questions": ("? " * 45_000 + "x\n", "line 1: "),
    "brackets that only close": ("]" * 99_000, "line 1: "),
    "stairs": ("".join(" " * i + f"a{i}:\n" for i in range(200)), "line 2.: nested more than 20 deep"),
    "10 MB of comment": ("# " + "x" * 10_000_000 + "\nn: {type: Numbers}\n", "has 10,000,022 bytes; a pipeline has at most 100,000"),
    "100,000 entries": ("".join(f"n{i}: {{type: Numbers}}\n" for i in range(100_000)), "bytes; a pipeline has at most"),
    # entries
    "an entry that is nothing": ("n:\n", r"n must be a stage; write n: {type: STAGE, ...} \(`recortex list` shows the stages\)$"),
    "an entry that is a word": ("n: Numbers\n", "n must be a stage"),
    "an entry that is a list": ("n: [Numbers]\n", "n must be a stage"),
    "an entry without a type": ("n: {seed: 1}\n", r"n has no type; write n: {type: STAGE, ...} \(`recortex list`"),
    "an empty entry": ("n: {}\n", "n has no type"),
    "no type": ("n: {type: }\n", "n: type must be the name of a stage, got nothing; `recortex list`"),
    "a list for a type": ("n: {type: [Numbers]}\n", "n: type must be the name of a stage"),
    "a mapping for a type": ("n: {type: {a: 1}}\n", "n: type must be the name of a stage"),
    "true for a type": ("n: {type: true}\n", "n: type must be the name of a stage, got True"),
    "an unknown type": ("n: {type: Numbrs}\n", "n: there is no stage Numbrs; did you mean Numbers"),
    "a function of a module": ("n: {type: 'os:system'}\n", "n: there is no stage os:system"),
    "a class of the engine": ("n: {type: 'recortex.store:Store'}\n", "n: there is no stage recortex.store:Store"),
    "a builtin": ("n: {type: 'builtins:eval'}\n", "n: there is no stage builtins:eval"),
    "a module": ("n: {type: antigravity}\n", "n: there is no stage antigravity"),
    "a base class": ("n: {type: Features}\n", "n: there is no stage Features"),
    "the root of all": ("n: {type: Stage}\n", "n: there is no stage Stage"),
    "a double underscore": ("n: {type: __class__}\n", "n: there is no stage __class__"),
    "a type with a newline": ('n: {type: "Numbers\\nPixels"}\n', r"n: there is no stage 'Numbers\\nPixels'"),
    "a type of 5000 letters": (f"n: {{type: {'x' * 5000}}}\n", "n: there is no stage xxx"),
    "a field that every model has": (flow("model_config: {}"), "n: Numbers has no field model_config"),
    "a field of Python's": (flow("__class__: 1"), "n: Numbers has no field __class__"),
    "a field that is no field": (flow("version: 2"), "n: Numbers has no field version"),
    # values
    "not a number": (flow("wait_s: .nan"), r"n\.wait_s: must be a number, got '\.nan'"),
    "infinity": (flow("wait_s: .inf"), r"n\.wait_s: must be a number, got '\.inf'"),
    "infinity as Python says it": (flow("wait_s: inf"), r"n\.wait_s: must be a number, got 'inf'"),
    "not a number for a seed": (flow("seed: .nan"), r"n\.seed: must be a whole number, got '\.nan'"),
    "more than any number": (flow("wait_s: 1e400"), "line 1: 1e400 is larger than numbers go"),
    "less than any number": (flow("wait_s: -1e400"), "line 1: -1e400 is larger than numbers go"),
    "5000 digits": (flow(f"seed: {'9' * 5000}"), "line 1: 999.* is larger than numbers go"),
    "99,000 digits": (flow(f"seed: {'9' * 99_000}"), "line 1: 999.* is larger than numbers go"),
    "more than 64 bits": (flow(f"seed: {2**63}"), "line 1: 9223372036854775808 is larger than numbers go"),
    "hexadecimal of 10,000 digits": (flow(f"seed: 0x{'f' * 10_000}"), r"n\.seed: must be a whole number, got '0xfff"),
    "a clock time": (flow("seed: 1:30"), r"n\.seed: must be a whole number, got '1:30'"),
    "a clock time without end": (flow("wait_s: 1" + ":1" * 900 + ".5"), r"n\.wait_s: must be a number, got '1:1"),
    "a leading zero": (flow("seed: 010"), r"n\.seed: must be a whole number, got '010'"),
    "octal": (flow("seed: 0o10"), r"n\.seed: must be a whole number, got '0o10'"),
    "hexadecimal": (flow("seed: 0x10"), r"n\.seed: must be a whole number, got '0x10'"),
    "binary digits": (flow("seed: 0b11"), r"n\.seed: must be a whole number, got '0b11'"),
    "underscores": (flow("seed: 1_000"), r"n\.seed: must be a whole number, got '1_000'"),
    "digits of another script": (flow("seed: 1\u0663"), r"n\.seed: must be a whole number"),
    "yes for a number": (flow("seed: yes"), r"n\.seed: must be a whole number, got 'yes'"),
    "true for a number": (flow("seed: true"), r"n\.seed: must be a whole number, got True"),
    "true for a fraction": (flow("wait_s: true"), r"n\.wait_s: must be a number, got True"),
    "a fraction for a whole number": (flow("seed: 1.5"), r"n\.seed: must be a whole number, got 1.5"),
    "a word for a number": (flow("seed: '3'"), r"n\.seed: must be a whole number, got '3'"),
    "a number for a word": (flow("log: 3"), r"n\.log: must be text, got 3"),
    "nothing for a word": (flow("log: "), "n\\.log: must be text, got nothing; write \"\" for empty text, in a shell '\"\"'$"),
    "a date for a number": (flow("seed: 2024-01-02"), r"n\.seed: must be a whole number, got '2024-01-02'"),
    "a date that is none": (flow("seed: 2024-13-45"), r"n\.seed: must be a whole number, got '2024-13-45'"),
    "nothing for a number": (flow("seed: "), r"n\.seed: must be a whole number, got nothing"),
    "a list for a number": (flow("seed: [1]"), r"n\.seed: must be a whole number"),
    "a mapping for a number": (flow("seed: {a: 1}"), r"n\.seed: must be a whole number"),
    "a long list for a number": (flow(f"seed: [{'1, ' * 9_000}]"), r"n\.seed: must be a whole number"),
    "a long word for a number": (flow(f"seed: {'x' * 99_000}"), r"n\.seed: must be a whole number, got 'xxx"),
    "a word of many lines for a number": (flow('seed: "a\\nb"'), r"n\.seed: must be a whole number, got 'a\\nb'"),
    "a word for a list": (seen("g", "GaborEnergy", "frequencies: 1"), r"g\.frequencies: must be a list; write \[1\]$"),
    "a list without its brackets": (seen("g", "GaborEnergy", "frequencies: '1, 2'"), r"frequencies: must be a list; write \[1, 2\]$"),
    "words for a list": ("c: {type: CategoryDecoder, brain: b, among: a face}\nb: {type: HaxbySlice}\n", r"write \[a face\]$"),
    "nothing for a list": (seen("g", "GaborEnergy", "frequencies: "), r"g\.frequencies: must be a list, got nothing$"),
    "an empty list": (RIDGE + "alphas: []}\n", r"e\.alphas: must have at least one value$"),
    "a wrong value in a list": (RIDGE + "alphas: [1, a]}\n", r"e\.alphas, value 2: must be a number, got 'a'$"),
    "one wrong value alone": (RIDGE + "alphas: [a]}\n", r"e\.alphas, value 1: must be a number, got 'a'$"),
    "a mapping for a list": (seen("g", "GaborEnergy", "frequencies: {a: 1}"), r"g\.frequencies: "),
    "a list with a hole": (seen("g", "GaborEnergy", "frequencies: [1, ~]"), r"g\.frequencies, value 2: must be a number, got nothing$"),
    "a list too long": (seen("p", "PlantedUnits", "explainable: [0.1, 0.2, 0.3]"), r"p\.explainable"),
    "a list in a list": (AMONG, r"c\.among, value 1: must be text"),
    "yes for yes or no": (seen("p", "Pixels", "grey: yes"), r"p\.grey: must be true or false, got 'yes'"),
    "one for yes or no": (seen("p", "Pixels", "grey: 1"), r"p\.grey: must be true or false, got 1"),
    # references
    "itself": ("d: {type: Doubled, numbers: d}\n", "circle: d -> d$"),
    "a circle of three": (circle(3), "circle: n0 -> n1 -> n2 -> n0$"),
    "a circle of 500": (circle(500), "n50: more than 50 entries use each other"),
    "a chain of 2000": (CHAIN, "n50: more than 50 entries use each other in a row"),
    "a chain of 2000 from its end": ("".join(reversed(CHAIN.splitlines(keepends=True))), "more than 50 entries use each other in a row"),
    "a name that is nobody's": ("d: {type: Doubled, numbers: m}\n", r"d\.numbers: there is no entry m"),
    "a name with a newline that is nobody's": ('d: {type: Doubled, numbers: "a\\nb"}\n', r"d\.numbers: there is no entry 'a\\nb'"),
    "a name of 99,000 letters": (f"d: {{type: Doubled, numbers: {'m' * 99_000}}}\n", r"d\.numbers: there is no entry mmm"),
    "a number where a name belongs": ("d: {type: Doubled, numbers: 3}\n", r"d\.numbers must be the name of an entry, got 3"),
    "a list where a name belongs": (doubled("[n]"), r"d\.numbers must be the name of an entry, got \['n'\]"),
    "a mapping where a name belongs": (doubled("{seed: 1}"), OWN_ENTRY),
    "a stage where a name belongs": ("d: {type: Doubled, numbers: {type: Numbers}}\n", OWN_ENTRY),
    "nothing where a name belongs": ("d: {type: Doubled, numbers: ~}\n", r"d\.numbers must be the name of an entry, got nothing$"),
    "deep lists where a name belongs": (doubled("[" * 17 + "n" + "]" * 17), r"d\.numbers must be the name of an entry, got \[\["),
    "another kind": (doubled("e") + "e: {type: Doubled, numbers: n}\n", r"d\.numbers needs .*Numbers; e is a .*Doubled; n"),
    # paths
    "a path that is not there": ("p: {type: PictureFolder, path: nowhere}\n", r"p\.path: there is no file or folder .*/nowhere$"),
    "an empty path": ("p: {type: PictureFolder, path: ''}\n", r"p\.path: must name a file or folder of yours, got ''"),
    "a blank path": ("p: {type: PictureFolder, path: '  '}\n", r"p\.path: must name a file or folder of yours"),
    "everything": ("p: {type: PictureFolder, path: /}\n", r"p\.path: must name a file or folder of yours, got '/'"),
    "everything, in other words": ("p: {type: PictureFolder, path: '//'}\n", r"p\.path: must name a file or folder of yours"),
    "all that is one's own": ("p: {type: PictureFolder, path: ~/}\n", r"p\.path: must name a file or folder of yours"),
    "nobody's home": ("p: {type: PictureFolder, path: ~nobody_by_this_name/x}\n", r"p\.path: ~nobody_by_this_name/x cannot be used"),
    "a pattern": ("p: {type: PictureFolder, path: '*.png'}\n", r"p\.path: there is no file or folder .*\*\.png"),
    "a path of 300 letters": (f"p: {{type: PictureFolder, path: {'x' * 300}}}\n", r"p\.path: xxx.* cannot be used: File name too long"),
    "a path of 98,000 letters": (f"p: {{type: PictureFolder, path: {'x/' * 49_000}}}\n", r"p\.path: x/x.* File name too long"),
    "a path with a newline": ('p: {type: PictureFolder, path: "a\\nb"}\n', r"p\.path: there is no file or folder .*/a b"),
    "a path through a file": ("p: {type: PictureFolder, path: p.yaml/x}\n", r"p\.path: there is no file or folder"),
    "a device that never ends": ("p: {type: PictureFile, path: /dev/zero}\n", r"p\.path: /dev/zero is a device or pipe"),
    "a device of chance": ("p: {type: CaptionTable, path: /dev/urandom}\n", r"p\.path: /dev/urandom is a device or pipe"),
    "a number for a path": ("p: {type: PictureFolder, path: 7}\n", r"p\.path: must be a path, .*got 7"),
    "a list for a path": ("p: {type: PictureFolder, path: [a]}\n", r"p\.path: must be a path"),
    "nothing for a path": ("p: {type: PictureFolder, path: }\n", r"p\.path: must be a path, .*got nothing"),
    "an address for a path": ("p: {type: PictureFolder, path: https://example.org/x}\n", r"p\.path: there is no file or folder"),
}  # fmt: skip


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that can follow any other, for chains."""
    import stages

    class Link(stages.Stage):
        before: Node

        returns = {"value": stages.Array("item")}

        def compute(self) -> dict[str, Any]:
            return {"value": np.zeros(1)}

    monkeypatch.setattr(stages, "Link", Link, raising=False)
    monkeypatch.setitem(catalog.STAGES, "Link", "stages")


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("broken", TEXTS)
def test_a_broken_file_is_refused_in_one_line_that_says_where(broken: str) -> None:
    content, said = TEXTS[broken]
    found = refusal(content)
    assert re.search(said, found), found


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("log: no", "log", "no"),
        ("log: on", "log", "on"),
        ("log: 1:30", "log", "1:30"),
        ("log: 010", "log", "010"),
        ("log: 0x10", "log", "0x10"),
        ("log: 2024-01-02", "log", "2024-01-02"),
        ("log: 1_000", "log", "1_000"),
        ("log: .inf", "log", ".inf"),
        ("log: =", "log", "="),
        ("log: 1.2.3", "log", "1.2.3"),
        ("log: '3'", "log", "3"),
        ("log: \u540d", "log", "\u540d"),
        ("seed: 3", "seed", 3),
        ("seed: -3", "seed", -3),
        (f"seed: {2**63 - 1024}", "seed", 2**63 - 1024),
        ("wait_s: 3", "wait_s", 3.0),
        ("wait_s: 1e-3", "wait_s", 0.001),
        ("wait_s: 1E3", "wait_s", 1000.0),
        ("wait_s: .5", "wait_s", 0.5),
        ("wait_s: 5.", "wait_s", 5.0),
        ("wait_s: -0.0", "wait_s", -0.0),
    ],
)
def test_a_word_is_a_word_and_a_number_a_number(text: str, field: str, value: object) -> None:
    made = outcome(flow(text))
    assert isinstance(made, dict), made
    assert getattr(made["n"], field) == value
    assert type(getattr(made["n"], field)) is type(value)


@pytest.mark.parametrize("name", ["scores", "report", "pipeline", "con", "nul", "class", "_", "\u540d", "n" * 200])
def test_names_that_files_can_have_are_names(name: str) -> None:
    assert isinstance(outcome(f"{name}: {{type: Numbers}}\n"), dict)


def test_fifty_in_a_row_are_not_too_many(links: None) -> None:
    made = outcome("".join(CHAIN.splitlines(keepends=True)[:50]))
    assert isinstance(made, dict) and len(made) == 50
    assert len(made["n49"].key()) == 32


# what is no file at all


def a_pipe() -> Path:
    os.mkfifo("pipe")
    return Path("pipe")


def a_socket() -> Path:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
    return Path("socket")


def a_dangling_link() -> Path:
    Path("link").symlink_to("nowhere")
    return Path("link")


def a_circle_of_links() -> Path:
    Path("one").symlink_to("two")
    Path("two").symlink_to("one")
    return Path("one")


def a_folder() -> Path:
    Path("folder").mkdir()
    return Path("folder")


def a_locked_file() -> Path:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    Path("locked").write_text("n: {type: Numbers}\n")
    Path("locked").chmod(0)
    return Path("locked")


NO_FILES: list[Callable[[], Path]] = [
    a_pipe,
    a_socket,
    a_dangling_link,
    a_circle_of_links,
    a_folder,
    a_locked_file,
    lambda: Path("/dev/zero"),
    lambda: Path("/dev/null"),
    lambda: Path("/dev/full"),
    lambda: Path("x" * 300),
    lambda: Path("x/" * 3000),
    lambda: Path("a\nb"),
    lambda: Path("a\0b"),
    lambda: Path("folder/" + "y" * 300),
    lambda: Path("~nobody_by_this_name/x"),
    lambda: Path(""),
]


@pytest.mark.parametrize("make", NO_FILES)
@pytest.mark.parametrize(
    "reader", [entries.pipeline_file, lambda path: entries.overlay({}, path), lambda path: load_site(str(path))]
)
def test_what_is_no_file_is_refused_without_being_read(make: Callable[[], Path], reader: Callable[[Path], object]) -> None:
    path = make()
    with pytest.raises(InvalidInput) as caught:
        reader(path)
    one_line(str(caught.value))


def test_a_pipe_in_a_field_is_not_read() -> None:
    a_pipe()
    assert "is a device or pipe" in refusal("p: {type: PictureFile, path: pipe}\n")


def test_a_file_that_is_too_large_is_not_read_to_its_end() -> None:
    with open("large.yaml", "wb") as handle:
        handle.truncate(500_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="has 500,000,000 bytes"):
            entries.read(Path("large.yaml"))
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text", ["[" * 99_000, "a: {" * 24_000, '"' + "\\x41" * 24_000, "a: 1\n" * 6_000, "? " * 45_000, "'" + "''" * 45_000]
)
def test_a_bomb_takes_little_memory(text: str) -> None:
    tracemalloc.start()
    try:
        outcome(text)
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()


# overlays, options, branches


@pytest.fixture
def base() -> entries.Entries:
    Path("base.yaml").write_text("n: {type: Numbers}\nd: {type: Doubled, numbers: n}\n")
    return entries.read(Path("base.yaml"))


def said_of(make: Callable[[], object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        make()
    return one_line(str(caught.value))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m: {seed: 1}\n", "there is no entry m to change"),
        ("m: {}\n", "there is no entry m to change"),
        ("n: ~\n", "n must be a stage"),
        ("n: {type: ~}\n", "n: type must be the name of a stage"),
        ("N: {type: Numbers}\n", "n and N differ by case alone"),
        ("n: {sed: 1}\n", "n: Numbers has no field sed"),
        ("n: {type: Doubled, numbers: d}\n", "circle"),
        ("n: &x {seed: 1}\n", "line 1: anchors"),
        ("", "over.yaml is empty"),
    ],
)
def test_a_broken_overlay_is_refused_in_one_line(base: entries.Entries, text: str, said: str) -> None:
    Path("over.yaml").write_text(text)
    assert said in said_of(lambda: build(entries.overlay(base, Path("over.yaml"))))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write it as ENTRY.FIELD=VALUE"),
        ("=", "write it as ENTRY.FIELD=VALUE"),
        (".=", "write it as ENTRY.FIELD=VALUE"),
        ("n.seed", "write it as ENTRY.FIELD=VALUE"),
        ("n\n.seed=1", r"there is no entry 'n\n'"),
        ("n.se\ned=1", r"n: Numbers has no field 'se\ned'"),
        ("n.seed=1\n2", "n.seed: must be a whole number"),
        ("n.seed=&a 1", "--set n.seed=&a 1: anchors"),
        ("n.seed=*a", "--set n.seed=*a: anchors"),
        ("n.seed=!!python/name:os.system", "os.system: the tag"),
        ("n.seed=" + "[" * 5000, ": nested more than 20 deep"),
        ("n.seed=" + "9" * 5000, "is larger than numbers go"),
        ("n.seed=" + "x" * 300_000, "characters; at most 100,000"),
        ("n.seed=.nan", "must be a whole number, got '.nan'"),
        ("n.seed=010", "must be a whole number, got '010'"),
        ("n.seed={", "--set n.seed={: the { is not closed"),
        ("n.seed=1: 2: 3", "--set n.seed=1: 2: 3: a second colon; put the value into quotation marks"),
        ("n.seed=\x1b", r"': the character U+001B is no text"),
        ("n.seed=--- 1\n--- 2", "document"),
        ("n.type=[Numbers]", "type must be the name of a stage"),
        ("n.type=", "type must be the name of a stage"),
        ("n.type=os:system", "there is no stage os:system"),
        ("n.seed.x=1", "n: Numbers has no field seed.x"),
        ("d.numbers=d", "circle: d -> d"),
        ("d.numbers=/etc/passwd", "there is no entry /etc/passwd"),
    ],
)
def test_a_broken_set_is_refused_in_one_line(base: entries.Entries, text: str, said: str) -> None:
    assert said in said_of(lambda: build(entries.override(base, text)))


@pytest.mark.parametrize(
    ("each", "said"),
    [
        ([""], "write it as ENTRY.FIELD=A,B,C"),
        (["n.seed="], "write it as ENTRY.FIELD=A,B,C"),
        (["n.seed=1, 2]"], r"^--each n.seed=1, 2\]: this \] closes nothing"),
        (["n.seed=1 # 2"], r"^--each n.seed=1 # 2: the \[ is not closed"),
        (["n.seed=1], [2"], r"^--each n.seed=1\], \[2: "),
        (["m.seed=1,2"], "there is no entry m"),
        (["n.seed=1,1"], "the value 1 stands twice"),
        (["n.log=a,A"], "differ by case alone"),
        (["n.seed=1,2", "n.seed=3,4"], "n.seed stands twice"),
        ([f"n.log={'x' * 300},y"], "has too long a name"),
        ([f"n.log={chr(0x540D) * 90},y"], "has too long a name"),
        ([f"n.seed={','.join(map(str, range(1000)))}", f"d.log={','.join(f'x{i}' for i in range(1000))}"], "make 1,000,000 branches"),
        ([f"n.{field}={','.join(map(str, range(100)))}" for field in "abcdefgh"], "make 10,000,000,000,000,000 branches"),
    ],
)  # fmt: skip
def test_a_broken_each_is_refused_in_one_line(base: entries.Entries, each: list[str], said: str) -> None:
    assert re.search(said, said_of(lambda: [build(one) for one in entries.branches(base, each).values()]))


# site files


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "site.yaml is empty"),
        ("local\n", "is not a site file"),
        ("- local\n", "is not a site file"),
        ("cluster: [local]\n", "cluster: "),
        ("cluster: lokal\n", "cluster: .*'local', 'slurm' or 'address'"),
        ("cluster: &x local\nname: *x\n", "line 1: anchors"),
        ("cluster: !!python/name:os.system\n", "line 1: the tag"),
        ("cluster: local\ncluster: slurm\n", "line 2: cluster stands twice"),
        ("n: {type: Numbers}\n", "is not a site file: it has none of cluster, .*; name one that has, or .* address, local, slurm$"),
        ("cluster: local\nworker: 2\n", "worker: there is no field of this name; did you mean workers"),
        ("cluster: local\nworkers: 0\n", "workers: .*1, got 0"),
        ("cluster: local\nworkers: two\n", "workers: must be a whole number, got 'two'"),
        ("cluster: local\nworkers: 2.5\n", "workers: must be a whole number, got 2.5"),
        ("cluster: local\nworkers: '2'\n", "workers: must be a whole number"),
        ("cluster: local\nworkers: true\n", "workers: must be a whole number"),
        ("cluster: local\nworkers: 1" + "0" * 400 + "\n", "line 2: 1000.* is larger than numbers go"),
        ("cluster: local\nresources: {Numbers: {gpu: 1}}\n", "cluster: local takes no resources"),
        ("cluster: slurm\nresources: {Numbers: {gpu: many}}\n", "resources.Numbers.gpu: must be a number, got 'many'"),
        ("cluster: slurm\nresources: {Numbers: {gpu: .inf}}\n", "resources.Numbers.gpu: must be a number"),
        ("cluster: slurm\nresources: [gpu]\n", "resources: "),
        ("cluster: slurm\noptions: [queue]\n", "options: "),
        ("cluster: local\noptions: {queue: long}\n", "options are handed to SLURMCluster"),
        ("cluster: address\n", "cluster: address needs an address"),
        ("cluster: address\naddress: ''\n", "cluster: address needs an address"),
        ("cluster: local\naddress: tcp://127.0.0.1:8786\n", "cluster: address needs an address"),
        ("cluster: address\naddress: 8786\n", "address: must be text, got 8786"),
        ("cluster: address\naddress: '://'\n", "the address must be as tcp://HOST:8786"),
        ("cluster: address\naddress: file:///etc/passwd\n", "the address must be as tcp://HOST:8786"),
        ("cluster: address\naddress: tcp://host\n", "the address must be as tcp://HOST:8786"),
        ("cluster: address\naddress: \"tcp://host:1\\n2\"\n", "the address must be as tcp://HOST:8786"),
        ("x: " + "[" * 49_000, "line 1: nested more than 20 deep"),
        ("# " + "x" * 300_000, "bytes; a site file has at most 100,000"),
        ("\0", r"line 1: the character U\+0000"),
    ],
)  # fmt: skip
def test_a_broken_site_file_is_refused_in_one_line(text: str, said: str) -> None:
    Path("site.yaml").write_text(text)
    found = said_of(lambda: load_site("site.yaml"))
    assert "site.yaml" in found and re.search(said, found), found


def test_options_that_the_cluster_does_not_know_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """dask-jobqueue in the shape of its constructor."""
    import types

    class SLURMCluster:
        def __init__(self, *, queue: str = "", cores: int = 0):
            if not isinstance(cores, int):
                raise ValueError("cores must be\na number")

    monkeypatch.setitem(sys.modules, "dask_jobqueue", types.SimpleNamespace(SLURMCluster=SLURMCluster))
    for options in ("{qeue: normal}", "{cores: many}"):
        Path("site.yaml").write_text(f"cluster: slurm\noptions: {options}\n")
        site = load_site("site.yaml")
        with pytest.raises(InvalidInput) as caught, site.client():
            pass
        assert "SLURMCluster refuses the site's options" in one_line(str(caught.value))


def test_a_scheduler_that_does_not_answer_is_told_with_the_ways_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    def refuse(*_: object, **__: object) -> None:
        raise OSError("Timed out trying to connect")

    monkeypatch.setattr(distributed, "Client", refuse)
    Path("site.yaml").write_text("cluster: address\naddress: tcp://127.0.0.1:8786\n")
    with pytest.raises(InvalidInput) as caught, load_site("site.yaml").client():
        pass
    said = "answers at tcp://127.0.0.1:8786; start one (dask scheduler), or correct the address in the site file"
    assert one_line(str(caught.value)).endswith(said)


# whatever a file holds


def law(content: str | bytes) -> None:
    made = outcome(content)
    if isinstance(made, dict):
        base = entries.read(Path("p.yaml"))
        Path("again.yaml").write_text(entries.dump(base, made), encoding="utf-8")
        again = build(entries.read(Path("again.yaml")))
        assert {name: node.key() for name, node in again.items()} == {name: node.key() for name, node in made.items()}


anything = settings(max_examples=200, suppress_health_check=list(HealthCheck))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates(), st.datetimes(), st.binary(max_size=9),
    st.sampled_from(["n", "h", "no", "1:30", "010", "~", "", "/", "..", "\n", "p.yaml", "1e3", "0x1f", "<<", "=", "type", "Numbers"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SCALARS, inner, max_size=4), max_leaves=12
)
SIGNS = [*"{}[]:,&*!|>%@`'\"#-?<=~ \n\t\\0x1.", "n", "type", "Numbers", ": ", "- ", "\n  ", "---", "...", "seed"]
CUTS = [b"\n", b"{", b"}", b"[", b": ", b"*", b"&a ", b"!"]
FIELDS = {
    name: sorted(catalog.find(name).model_fields) for name in catalog.STAGES if name not in ("DataAudit", "FitAudit")
}  # fmt: skip


@anything
@given(st.text(max_size=300))
def test_any_text_is_a_pipeline_or_refused_in_one_line(text: str) -> None:
    law(text)


@anything
@given(
    st.lists(
        st.sampled_from([*"{}[]:,&*!|>%@`'\"#-?<=~ \n\t\\0x1.", "n", "type", "Numbers", ": ", "- ", "\n  ", "---", "...", "seed"])
    )
)
def test_any_signs_of_yaml_are_a_pipeline_or_refused_in_one_line(signs: list[str]) -> None:
    law("".join(signs))


@anything
@given(st.binary(max_size=200))
def test_any_bytes_are_a_pipeline_or_refused_in_one_line(content: bytes) -> None:
    law(content)


@anything
@given(VALUES)
def test_any_document_is_a_pipeline_or_refused_in_one_line(value: object) -> None:
    law(yaml.dump(value, allow_unicode=True))


@anything
@given(st.data())
def test_any_values_in_any_fields_are_a_pipeline_or_refused_in_one_line(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(FIELDS)))
    fields = data.draw(st.dictionaries(st.sampled_from(FIELDS[kind] or ["none"]), VALUES, max_size=4))
    law(
        yaml.safe_dump(
            {"n": {"type": "Numbers"}, "h": {"type": "HandwrittenDigits"}, "x": {"type": kind, **fields}}, allow_unicode=True
        )
    )


@anything
@given(st.data())
def test_a_shipped_pipeline_with_a_few_bytes_changed_is_a_pipeline_or_refused_in_one_line(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SHIPPED)).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 12))
        content[start : start + length] = data.draw(st.binary(max_size=6) | st.sampled_from(CUTS))
    law(bytes(content))


WORDS = [
    "no",
    "on",
    "1:30",
    "010",
    "08",
    "1e3",
    "1.",
    ".5",
    "+.5e3",
    "-0",
    "~",
    "null",
    "",
    " ",
    "=",
    "<<",
    "0x1f",
    "0o7",
    "1_0",
    ".inf",
    ".NaN",
]
WORDS += [
    "2024-01-02",
    "2001-12-14t21:59:43.10-05:00",
    "&a",
    "*a",
    "!x",
    "- x",
    "a: b",
    "a #b",
    "x:",
    "?",
    "%a",
    "@a",
    "`a",
    "a\n b\n",
    "\ta",
    "---",
    "...",
]
TEXTS_OF_PEOPLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn")), max_size=30) | st.sampled_from(WORDS)
NUMBERS = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS_OF_PEOPLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS_OF_PEOPLE, inner, max_size=4),
    max_leaves=12,
)


@anything
@given(PLAIN)
def test_what_is_written_reads_back_as_itself_here_and_elsewhere(value: object) -> None:
    written = plain_yaml.dump(value)
    assert repr(plain_yaml.parse(written, "text")) == repr(value)
    assert repr(yaml.safe_load(written)) == repr(value)


@pytest.mark.parametrize("word", [*WORDS, "plain", "a/b.c", "1.2.3"])
def test_a_word_that_says_it_is_one_is_read_as_itself(word: str) -> None:
    assert plain_yaml.parse(plain_yaml.dump([word]), "text") == yaml.safe_load(plain_yaml.dump([word])) == [word]
    if plain_yaml.is_word(word):
        assert plain_yaml.parse(word, "text") == yaml.safe_load(word) == word
    assert plain_yaml.is_word(word) == (word in ("plain", "a/b.c", "1.2.3", "0o7", "08"))


# at the command line


def complaint(*words: str) -> str:
    """The one line that a command is refused with, and code 2."""
    said = recortex(*words)
    assert said.out == "", said.out
    return one_line(said.complaint)


COMMANDS: dict[str, tuple[list[str], str]] = {
    "a bomb": (["plan", "bomb.yaml"], "InvalidInput: bomb.yaml: line 1: anchors"),
    "brackets": (["plan", "deep.yaml"], "deep.yaml: line 1: nested more than 20 deep"),
    "a Python object": (["run", "object.yaml"], "object.yaml: line 1: the tag"),
    "10 MB": (["run", "large.yaml"], "large.yaml has 10,000,000 bytes"),
    "Latin-1": (["plan", "latin.yaml"], "latin.yaml cannot be read: line 1 is not UTF-8"),
    "an empty file": (["plan", "empty.yaml"], "empty.yaml is empty"),
    "a folder": (["plan", "folder"], "folder is a folder, not a pipeline file"),
    "a device": (["plan", "/dev/zero"], "/dev/zero is a device or pipe, not a pipeline file"),
    "a pipe": (["run", "pipe"], "pipe is a device or pipe, not a pipeline file"),
    "no file": (["plan", "nothing.yaml"], "there is no pipeline file nothing.yaml"),
    "a name without end": (["plan", "x" * 3000], "there is no pipeline file xxx"),
    "a name with a newline": (["plan", "a\nb"], r"there is no pipeline file 'a\nb'"),
    "nobody's home": (["plan", "~nobody_by_this_name/x"], "there is no pipeline file ~nobody_by_this_name/x"),
    "a circle": (["plan", "circle.yaml"], "the entries use each other in a circle: a -> b -> a"),
    "a chain": (["plan", "chain.yaml"], "more than 50 entries use each other in a row"),
    "a module": (["run", "module.yaml"], "n: there is no stage os:system"),
    "an overlay that is a device": (["plan", "good.yaml", "--overlay", "/dev/zero"], "/dev/zero is a device or pipe"),
    "an overlay that is a pipe": (["plan", "good.yaml", "--overlay", "pipe"], "pipe is a device or pipe"),
    "an overlay that is a folder": (["plan", "good.yaml", "--overlay", "folder"], "folder is a folder"),
    "an overlay that is not there": (["plan", "good.yaml", "--overlay", "no.yaml"], "there is no file no.yaml"),
    "an overlay of brackets": (["plan", "good.yaml", "--overlay", "deep.yaml"], "deep.yaml: line 1: nested more than"),
    "a set of brackets": (["plan", "good.yaml", "--set", "h.count=" + "[" * 1000], "--set h.count=[[[", ),
    "a set with a newline": (["plan", "good.yaml", "--set", "h.co\nunt=1"], r"h: HandwrittenDigits has no field 'co\nunt'"),
    "a set of nan": (["plan", "good.yaml", "--set", "h.count=.nan"], "h.count: must be a whole number, got '.nan'"),
    "a set of a clock time": (["plan", "good.yaml", "--set", "h.count=1:30"], "must be a whole number, got '1:30'"),
    "an each of brackets": (["plan", "good.yaml", "--each", "h.count=" + "[" * 1000], "--each h.count=[[["),
    "a million branches": (
        ["plan", "good.yaml", "--each", f"h.count={','.join(map(str, range(1, 1001)))}",
         "--each", f"p.size={','.join(map(str, range(1, 1001)))}"], "--each: these values make 1,000,000 branches",
    ),
    "branches by case": (["plan", "good.yaml", "--each", "h.log=a,A"], "differ by case alone"),
    "a path of a device": (["plan", "device.yaml"], "p.path: /dev/zero is a device or pipe"),
    "a path of 300 letters": (["plan", "path.yaml"], "p.path: xxx"),
    "a site that is a device": (["run", "good.yaml", "--site", "/dev/zero"], "/dev/zero is a device or pipe"),
    "a site of brackets": (["run", "good.yaml", "--site", "deep.yaml"], "deep.yaml: line 1: nested more than"),
    "a site without an address": (["run", "good.yaml", "--site", "site.yaml"], "site.yaml: cluster: address needs an address"),
}  # fmt: skip


@pytest.fixture
def files() -> None:
    texts = {
        "good": "h: {type: HandwrittenDigits, count: 20}\np: {type: Pixels, stimuli: h}\n",
        "bomb": TEXTS["a billion laughs"][0],
        "deep": "n: " + "[" * 50_000,
        "object": flow("seed: !!python/object/apply:os.system ['touch ran']"),
        "large": "#" * 10_000_000,
        "empty": "",
        "circle": "a: {type: Predict, encoder: b}\nb: {type: Predict, encoder: a}\n",
        "chain": "".join(f"n{i}: {{type: Predict, encoder: n{i + 1}}}\n" for i in range(2000)),
        "module": "n: {type: 'os:system'}\n",
        "device": "p: {type: PictureFile, path: /dev/zero}\n",
        "path": f"p: {{type: PictureFile, path: {'x' * 300}}}\n",
        "site": "cluster: address\n",
    }
    for name, text in texts.items():
        Path(f"{name}.yaml").write_text(str(text))
    Path("latin.yaml").write_bytes("n: {type: \u00e9}\n".encode("latin-1"))
    a_folder()
    a_pipe()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("broken", COMMANDS)
def test_the_command_line_says_it_in_one_line_and_code_2(broken: str) -> None:
    words, said = COMMANDS[broken]
    assert said in complaint(*words)
    assert not Path("ran").exists() and not Path("outputs").exists()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "broken", ["a bomb", "brackets", "a Python object", "an overlay that is a device", "a name with a newline"]
)
def test_a_process_of_its_own_says_the_same(broken: str) -> None:
    words, said = COMMANDS[broken]
    program = Path(sys.executable).parent / "recortex"
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and said in done.stderr, done.stderr
    assert not Path("ran").exists()
