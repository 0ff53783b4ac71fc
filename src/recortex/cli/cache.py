"""Looking after the results on disk."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from recortex import disk
from recortex.errors import InvalidInput
from recortex.report.page import human_bytes
from recortex.store import Store
from recortex.unfinished import hold, is_abandoned


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def check_cache(here: Store, named: bool) -> None:
    """Refuse a cache that somebody named and that is not there; the one of the platform is only empty before the first run.

    Raises
    ------
    InvalidInput
        There is no such folder.
    """
    if named and not here.root.is_dir():
        said = f"{here.root} is a file, not a cache" if here.root.exists() else f"there is no cache in {here.root}"
        raise InvalidInput(f"{said}; name its folder with {disk.CACHE}")


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
    if unfinished := _unfinished(here):
        size = sum(map(_size, unfinished))
        console.print(
            f"{len(unfinished)} unfinished, {human_bytes(size)}: a run goes on with them; `cache prune --unfinished` removes them",
            highlight=False,
            soft_wrap=True,
        )
        total += size
    console.print(f"{human_bytes(total)} in {here.root}", highlight=False, soft_wrap=True)


def prune_cache(here: Store, unfinished: bool = False) -> None:
    """Remove what no result needs; with `unfinished`, also the parts of results that no process is making."""
    removed, freed = 0, 0
    given_up = {path for path in _unfinished(here) if _is_given_up(path)} if unfinished else set()
    with disk.refusals(here.root):
        for path in _below(here.root / "results", here.root / "digests"):
            try:
                if path in given_up or _is_waste(path):
                    freed += _size(path)
                    _remove(path)
                    removed += 1
            except FileNotFoundError:  # a process that runs has taken it away itself
                continue
    Console().print(f"removed {removed} files and folders, {human_bytes(freed)}", highlight=False)


def _below(*folders: Path) -> list[Path]:
    """Everything in these folders, a folder after what is in it."""
    return [
        Path(at) / name for folder in folders for at, below, files in os.walk(folder, topdown=False) for name in (*files, *below)
    ]


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _unfinished(here: Store) -> list[Path]:
    """The folders of parts whose result is not there yet."""
    return [path for path in (here.root / "results").glob("*/*.parts") if not path.with_suffix(".h5").exists()]


def _is_given_up(folder: Path) -> bool:
    """Whether no process is at work on parts: neither on the whole nor on one of them."""
    return all(map(_is_idle, (folder.with_suffix(".lock"), *folder.glob("*.lock"))))


def _is_waste(path: Path) -> bool:
    if path.suffix == ".damaged":
        return True
    if path.suffix == ".tmp":
        return is_abandoned(path)
    if path.suffix == ".parts":
        return path.with_suffix(".h5").exists()  # joined already; parts of an unfinished result are kept to resume from
    return path.suffix == ".lock" and _is_idle(path)


def _is_idle(lock: Path) -> bool:
    try:
        with open(lock, "rb") as handle:
            return hold(handle.fileno()) is True
    except FileNotFoundError:
        return True


def clear_cache(here: Store) -> None:
    """Remove every result and every remembered checksum."""
    size = 0
    for name in ("results", "digests"):
        folder = here.root / name
        if folder.is_dir():
            with disk.refusals(folder):
                size += _size(folder)
                shutil.rmtree(folder)
    Console().print(f"removed {human_bytes(size)} from {here.root}", highlight=False, soft_wrap=True)
