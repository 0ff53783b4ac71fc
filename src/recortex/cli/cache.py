"""Looking after the results on disk."""

from __future__ import annotations

import fcntl
import shutil
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from recortex.report.page import human_bytes
from recortex.store import Store

STALE_S = 24 * 3600  # an unfinished file this old belongs to no living process


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def list_cache(here: Store) -> None:
    """Results by kind of stage: how many, how large, how old."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column, justify in (("type", "left"), ("results", "right"), ("size", "right"), ("last made", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    total = 0
    for folder in sorted((here.root / "results").glob("*")):
        files = list(folder.glob("*.h5"))
        if not files:
            continue
        size = sum(map(_size, files))
        total += size
        last = time.strftime("%Y-%m-%d %H:%M", time.localtime(max(file.stat().st_mtime for file in files)))
        table.add_row(folder.name, str(len(files)), human_bytes(size), last)
    console = Console()
    console.print(table)
    console.print(f"{human_bytes(total)} in {here.root}", highlight=False, soft_wrap=True)


def prune_cache(here: Store) -> None:
    """Remove what no result needs."""
    removed, freed = 0, 0
    results = here.root / "results"
    for path in sorted({*results.glob("*/*"), *results.glob("*/*.parts/.*.tmp")}, reverse=True):  # a folder after what is in it
        if _is_waste(path):
            freed += _size(path)
            removed += 1
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    Console().print(f"removed {removed} files and folders, {human_bytes(freed)}", highlight=False)


def _is_waste(path: Path) -> bool:
    old = time.time() - path.stat().st_mtime > STALE_S
    if path.suffix == ".damaged":
        return True
    if path.suffix == ".tmp":
        return old
    if path.suffix == ".parts":
        return path.with_suffix(".h5").exists()  # joined already; parts of an unfinished result are kept to resume from
    return path.suffix == ".lock" and _is_idle(path)


def _is_idle(lock: Path) -> bool:
    with open(lock, "a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def clear_cache(here: Store) -> None:
    """Remove every result and every remembered checksum."""
    size = 0
    for name in ("results", "digests"):
        folder = here.root / name
        if folder.is_dir():
            size += _size(folder)
            shutil.rmtree(folder)
    Console().print(f"removed {human_bytes(size)} from {here.root}", highlight=False, soft_wrap=True)
