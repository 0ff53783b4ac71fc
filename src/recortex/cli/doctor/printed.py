"""The findings in a terminal, and as JSON to paste into an issue."""

from __future__ import annotations

import getpass
import io
import json
import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from recortex.cli.doctor.finding import Finding, number

COLOURS = {"ok": "green", "note": "yellow", "problem": "bold red"}
WIDEST = 118  # longer lines are hard to read
SUBJECT, STATE = 10, 9
UNBROKEN = r" (?=\d)|(?<=\d) (?=[kMGT]?B\b|s\b)"  # a name and its version, a number and its unit stay on one line


def waiting() -> AbstractContextManager:
    """A moving line while the doctor looks, where a person watches."""
    return Console(stderr=True).status("looking at packages, machine, cache and disks", spinner="line")


def print_findings(findings: Sequence[Finding], seconds: float, console: Console | None = None) -> None:
    """A line or more for each; under each note and problem the command that mends it, unbroken."""
    console = console or Console()
    if isinstance(console.file, io.TextIOWrapper):
        console.file.reconfigure(errors="replace")  # a terminal of another alphabet
    say = partial(console.print, soft_wrap=True, highlight=False)
    width = min(console.width, WIDEST) if console.is_terminal else WIDEST
    before = ""
    for finding in findings:
        head, before = finding.subject if finding.subject != before else "", finding.subject
        state: str = finding.state
        text = re.sub(UNBROKEN, "\xa0", finding.what)
        for line in wrap(text, max(width - SUBJECT - STATE, 30), break_long_words=False, break_on_hyphens=False):
            words = Text().append(f"{head:<{SUBJECT}}", "bold").append(f"{state:<{STATE}}", COLOURS[finding.state])
            say(words.append(line.replace("\xa0", " ")))
            head = state = ""
        if finding.remedy:
            say(Text(" " * SUBJECT).append(f"{'do':<{STATE}}", "dim").append(finding.remedy, "cyan"))
    problems, notes = (sum(finding.state == state for finding in findings) for state in ("problem", "note"))
    told = f"{number(problems, 'problem') if problems else 'no problem'}, {number(notes, 'note') if notes else 'no notes'}"
    say(Text(f"\n{told} ({seconds:.1f} s)", "bold"))
    if problems:
        say(Text("recortex doctor --json prints this for an issue", "dim"))


def as_json(findings: Sequence[Finding]) -> str:
    """The findings without home folders and user names."""
    from recortex import __version__

    home = os.path.expanduser("~")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no entry
        user = ""
    told = [{name: masked(text, {home, os.path.realpath(home)}, user) for name, text in asdict(one).items()} for one in findings]
    states = [finding.state for finding in findings]
    report = {"recortex": __version__, "problems": states.count("problem"), "notes": states.count("note"), "findings": told}
    return json.dumps(report, indent=1)


def masked(text: str, homes: set[str], user: str) -> str:
    """A text to paste where others read it.

    >>> masked("/home/ada/x, /scratch/ada/y, not /scratch/adam", {"/home/ada"}, "ada")
    '~/x, /scratch/USER/y, not /scratch/adam'
    """
    for home in sorted(homes - {"/", "~"}, key=len, reverse=True):
        text = re.sub(rf"{re.escape(home)}(?![\w-])", "~", text)
    return text if user in ("", "root") else re.sub(rf"(?<![\w-]){re.escape(user)}(?![\w-])", "USER", text)
