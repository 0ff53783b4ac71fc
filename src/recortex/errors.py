"""What can go wrong, in one line each: what happened, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any


class RecortexError(Exception):
    """Base of every error that recortex raises on purpose; the command line prints it as one line."""


class InvalidInput(RecortexError, ValueError):
    """A file, field, row or argument that cannot be used as it is."""


class MissingData(RecortexError, FileNotFoundError):
    """Data that a pipeline names and this machine does not have; the message holds the fetch command."""

    # OSError formats itself from errno and filename; these messages are whole sentences already
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NeedsAgreement(RecortexError, PermissionError):
    """Data whose owner asks for an agreement first; the message holds the licence page."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class MissingExtra(RecortexError, ImportError):
    """An optional package is not installed; the message holds the pip command."""


class CannotRead(RecortexError, OSError):
    """A file of ours that is there and that the system does not let us read now; it is not damaged."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class CannotWrite(RecortexError, OSError):
    """A disk that is full, read-only, over its quota, or gone; the message holds the way to go on."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class WorkersFailed(RecortexError):
    """Processes that were to do the work and did not start."""


class DamagedFile(RecortexError, OSError):
    """A result file that cannot be read back as it was written.

    Parameters
    ----------
    path : Path
        The damaged file.
    reason : str
        What was found wrong.
    """

    def __init__(self, path: Path, reason: str):
        super().__init__(path, reason)
        self.path = Path(path)
        self.reason = reason
        self.seen: tuple[int, int, int] | None = None  # which file it was, where another may have taken its name since

    def __str__(self) -> str:
        return f"{self.path} is damaged ({self.reason}); delete it and run again to recompute it"


def in_one_line(error: BaseException, bare: bool = False) -> str:
    """What a person reads of an error: ours as they are; others with what they most likely mean.

    >>> in_one_line(MemoryError("Unable to allocate 9 GiB"))
    'more memory is needed than there is (Unable to allocate 9 GiB); use fewer workers or units, or a machine with more'
    """
    said = (str(error).strip() or "no message").split("\n")[0]
    if bare:
        return said
    if isinstance(error, RecortexError):
        # as text alone: a name out of a broken file may hold what moves a terminal's cursor
        return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in " ".join(str(error).split("\n")))
    if isinstance(error, MemoryError):
        return f"more memory is needed than there is ({said}); use fewer workers or units, or a machine with more"
    return f"{type(error).__name__}: {said} (a mistake in recortex: run again with --debug to see where, and report it)"


def shown(value: object, most: int = 60) -> str:
    """A value as it stands in a message: in one line, and not too long."""
    text = str(value) if isinstance(value, str | Path) else repr(value)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= most else f"{text[: most - 20]}...{text[-17:]}"


def did_you_mean(name: object, choices: Iterable[str]) -> str:
    """The tail of a message about an unknown name: the nearest right one, or all of them when they are few.

    >>> did_you_mean("RigdeEncoder", ["RidgeEncoder", "Pixels"])
    '; did you mean RidgeEncoder?'
    >>> did_you_mean("xyz", ["brain", "stimuli"])
    '; choose from brain, stimuli'
    """
    known = sorted(set(choices))
    by_lower = {choice.lower(): choice for choice in known}
    low = str(name).lower()
    near = get_close_matches(low, by_lower, n=1, cutoff=0.8)
    if not near and len(low) >= 4:  # a part of the name, before one that only looks alike
        near = [choice for choice in by_lower if low in choice][:3]
    near = near or get_close_matches(low, by_lower, n=1, cutoff=0.72 if len(low) > 3 else 0.6)
    if near:
        return f"; did you mean {' or '.join(by_lower[choice] for choice in near)}?"
    if not known:
        return ""
    first = ", ".join(known[:20])
    return f"; choose from {first}" + (f" and {len(known) - 20} more" if len(known) > 20 else "")


def no_column(asked: str, name: str, trials: Mapping[str, Any]) -> str:
    """The message about a column that the trials do not have: misspelt, not in the table, or lost when repeats were averaged.

    >>> no_column("split", "sesion", {"stimulus": ["a", "b"], "session": ["1", "1"]})
    'split: the trials have no column sesion; did you mean session?'
    """
    near = did_you_mean(name, trials)
    if "did you mean" in near:
        return f"{asked}: the trials have no column {name}{near}"
    ways = [f"choose from {listed(trials, 10)}"]
    if len(set(trials.get("stimulus", ()))) == len(trials.get("stimulus", ())):  # else nothing was averaged
        ways.append("set repeats: keep if repeats are averaged (that drops what differs between them)")
    return (
        f"{asked}: the trials have no column {name}; {', '.join(ways)}, or add it to the trial table of a recording of your own"
    )


def listed(items: Iterable[object], most: int = 5) -> str:
    """The first few items of a longer list, and how many more there are.

    >>> listed(range(7), most=3)
    '0, 1, 2 and 4 more'
    """
    words = [str(item) for item in items]
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")
