"""How much memory this process can have, and the refusal of what would not fit, before any of it is taken."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from recortex.errors import InvalidInput

DEFLATE = 1032  # no packed byte becomes more bytes than this


def limit() -> int:
    """Bytes that this process can have: the machine's, or fewer where a control group or ``ulimit -v`` allows fewer."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    own = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return min(machine, *(most for most in own if most != resource.RLIM_INFINITY), *control_groups())


def control_groups(proc: Path = Path("/proc/self/cgroup"), system: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """The limits of the control groups that this process is in, of version 1 or 2; SLURM, Docker and systemd set them."""
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = system / "memory" if controllers else system
        file = "memory.limit_in_bytes" if controllers else "memory.max"
        here = root / group.lstrip("/")
        for folder in (here, *here.parents):
            if not folder.is_relative_to(root):
                break
            try:
                yield int((folder / file).read_text())
            except (OSError, ValueError):  # no such group seen from a container, or "max"
                continue


def afford(size: int, what: str, remedy: str) -> None:
    """Refuse what does not fit.

    Parameters
    ----------
    size : int
        Bytes that it takes.
    what, remedy : str
        For the message: what takes them, and what to do about it.

    Raises
    ------
    InvalidInput
        This process cannot have as many.
    """
    if size > (most := limit()):
        raise InvalidInput(f"{what} takes {in_words(size)} of memory, and this process can have {in_words(most)}; {remedy}")


def in_words(size: int) -> str:
    """Bytes for a reader.

    >>> in_words(8_000_000_000_000), in_words(2_500_000)
    ('8,000 GB', '0.0025 GB')
    """
    return f"{size / 1e9:,.0f} GB" if size >= 100e9 else f"{size / 1e9:.2g} GB"
