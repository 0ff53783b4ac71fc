"""All subjects looked at side by side: one that hangs or fails becomes a finding, and keeps nobody waiting."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from recortex.cli.doctor.finding import SUBJECTS, Finding, install, note, one_line, pip, problem

PATIENCE_S, THOROUGH_S = 15.0, 3600.0
SLOW_S = 70.0  # from a network disk, importing torch takes a minute
# the file that looks at a subject, the slowest first; it is imported where a failure is caught
FILES = {"torch": "pytorch", "hub": "hub", "data": "hub", "cache": "cache", "outputs": "disk", "disk": "disk"}
FILES |= {"packages": "packages", "python": "packages", "site": "packages"}
FILES |= {"cores": "machine", "memory": "machine", "limits": "machine"}


class Scope(NamedTuple):
    """What the person asked for."""

    cache: Path | None = None  # of --cache
    thorough: bool = False  # import every large package too, and read every result whole
    debug: bool = False  # show where an error of the doctor itself came from


Look = Callable[[Scope], list[Finding]]


def examine(cache: Path | None = None, thorough: bool = False, debug: bool = False) -> tuple[list[Finding], float]:
    """Everything there is to say about this installation, and the seconds that took; the arguments are those of `Scope`."""
    start = time.monotonic()
    scope = Scope(cache, thorough, debug)
    looks: dict[str, Look] = {subject: partial(_look, subject) for subject in FILES}
    patience_s = dict.fromkeys(FILES, THOROUGH_S) if thorough else dict.fromkeys(FILES, PATIENCE_S) | {"torch": SLOW_S}
    findings = side_by_side({"packages": look_numpy}, scope, {"packages": SLOW_S})
    if findings:  # everything else would fail for this one reason
        looks = {subject: looks[subject] for subject in ("python", "packages")}
    return findings + side_by_side(looks, scope, patience_s), time.monotonic() - start


def _look(subject: str, scope: Scope) -> list[Finding]:
    return getattr(import_module(f"recortex.cli.doctor.{FILES[subject]}"), f"look_{subject}")(scope)


def look_numpy(scope: Scope) -> list[Finding]:
    """Is there the one package without which nothing of recortex can be imported."""
    try:
        import numpy  # noqa: F401
    except Exception as error:
        what = f"NumPy cannot be imported: {one_line(error)}. Only Python and packages are looked at before that works"
        return [problem("packages", what, install(["numpy"], "--force-reinstall", "--no-deps"))]
    return []


def side_by_side(looks: Mapping[str, Look], scope: Scope, patience_s: Mapping[str, float]) -> list[Finding]:
    """The findings of all, in the order of `SUBJECTS`; each may take so many seconds."""
    told: dict[str, list[Finding]] = {}
    start = time.monotonic()
    threads = {subject: _start(subject, look, scope, told) for subject, look in looks.items()}
    for subject in sorted(threads, key=lambda one: patience_s[one]):
        threads[subject].join(max(start + patience_s[subject] - time.monotonic(), 0.0))
        what = f"no answer within {patience_s[subject]:.0f} s: a file server, disk or driver that does not respond?"
        remedy = "mount | grep -E 'nfs|lustre|gpfs|cifs|fuse'  # then `ls` each of them; one that hangs is for your administrator"
        told.setdefault(subject, [problem(subject, what, remedy)])
    findings = [finding for subject in looks for finding in told[subject]]
    return sorted(findings, key=lambda finding: SUBJECTS.index(finding.subject))


def _start(subject: str, look: Look, scope: Scope, told: dict[str, list[Finding]]) -> threading.Thread:
    def ask() -> None:
        try:
            findings = look(scope)
        except Exception as error:
            if scope.debug:
                traceback.print_exc()
            what = f"this could not be looked at: {type(error).__name__}: {one_line(error)}"
            if isinstance(error, ImportError):
                findings = [problem(subject, what, f"{pip()} check  # a package is missing or broken: install what it names")]
            else:
                findings = [note(subject, what, "recortex doctor --debug  # shows where; please put it into an issue")]
        told.setdefault(subject, findings)

    thread = threading.Thread(target=ask, name=subject, daemon=True)  # a dead file server must not keep the program from ending
    thread.start()
    return thread
