"""What the doctor found, and the words it is told in."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from typing import Literal

SUBJECTS = ("python", "packages", "torch", "gpu", "cores", "memory", "limits", "hub", "data", "cache", "outputs", "disk", "site")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, told in one line: a note may slow or surprise, a problem stops work or damages it."""

    state: Literal["ok", "note", "problem"]
    subject: str  # one of `SUBJECTS`
    what: str
    remedy: str = ""  # a command line to copy; every note and problem has one

    def __post_init__(self) -> None:
        if self.subject not in SUBJECTS or "\n" in self.what + self.remedy:
            raise ValueError(f"a finding has a known subject, and is told in one line: {self}")
        if (self.state == "ok") == bool(self.remedy.strip()):
            raise ValueError(f"notes and problems need a remedy, and what is well needs none: {self}")


ok, note, problem = (partial(Finding, state) for state in ("ok", "note", "problem"))  # type: ignore[arg-type]


def size(count: float) -> str:
    """Bytes as a person says them, such as 4.3 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def number(count: int, thing: str) -> str:
    """So many things, as in 1 problem, 2 problems."""
    return f"{count} {thing}" + ("" if count == 1 else "s")


def one_line(error: object, most: int = 200) -> str:
    """What an error says, in one line that is not too long."""
    text = " ".join(str(error).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


@cache
def pip() -> str:
    """The pip of this very Python, as typed into a shell: the one on the PATH may serve another."""
    named = shutil.which("python")
    same = named is not None and os.path.abspath(named) == os.path.abspath(sys.executable)
    python = "python" if same else shlex.quote(sys.executable)
    return f"{python} -m pip" if find_spec("pip") else f"uv pip --python {python}"


def install(requirements: Iterable[object], *options: str) -> str:
    """The command that installs packages."""
    return " ".join([pip(), "install", *options, *(shlex.quote(str(one)) for one in requirements)])
