"""The cache: which folder, can its file system do what results ask of it, and are they sound."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from recortex.cli.doctor.examination import Scope
from recortex.cli.doctor.finding import Finding, note, number, ok, one_line, problem, size
from recortex.errors import DamagedFile, listed

NETWORK = {
    "nfs",
    "nfs4",
    "lustre",
    "gpfs",
    "beegfs",
    "cifs",
    "smb3",
    "smbfs",
    "ceph",
    "glusterfs",
    "panfs",
    "wekafs",
    "afs",
    "9p",
}
PASSING = {"tmpfs": "in memory", "ramfs": "in memory", "overlay": "inside of a container"}
ELSEWHERE = "export RECORTEX_CACHE=FOLDER"
PATIENCE_S, THOROUGH_S = 4.0, 3000.0  # the quick look takes no longer than importing torch beside it
BLOCK = 64e6  # bytes read at once


def look_cache(scope: Scope) -> list[Finding]:
    """Try the folder, and look into its results."""
    root, by = cache_root(scope.cache)
    elsewhere = "recortex doctor --cache FOLDER" if by == "--cache" else ELSEWHERE  # the option goes before the variable
    return [replace(one, remedy=one.remedy.replace(ELSEWHERE, elsewhere)) for one in _look(root, by, scope)]


def _look(root: Path, by: str, scope: Scope) -> list[Finding]:
    import psutil

    from recortex.disk import existing

    trial = try_folder(root)
    if trial.refused:
        return judge_trial(root, trial)
    mounts = [(mount.mountpoint, mount.fstype) for mount in psutil.disk_partitions(all=True)]
    findings = [judge_place(f"{root} ({by})", file_system(existing(root), mounts), shutil.which("sbatch") is not None)]
    held = take(root, THOROUGH_S if scope.thorough else PATIENCE_S, scope.thorough)
    return findings + judge_trial(root, trial) + judge_inventory(held, scope.thorough)


def cache_root(option: Path | None) -> tuple[Path, str]:
    """The cache folder, and who decided it; the option may come from the variable."""
    from recortex.store import current

    named = os.environ.get("RECORTEX_CACHE", "")
    if option is not None and str(option) != named:
        return option.expanduser().absolute(), "--cache"
    return current().root, "RECORTEX_CACHE" if named else "the default of this platform"


def file_system(folder: Path, mounts: Iterable[tuple[str, str]]) -> str:
    """The kind of a folder's file system, given the places and kinds of all that are mounted, the later on top."""
    real = Path(os.path.realpath(folder))
    above = [(len(place), order, kind) for order, (place, kind) in enumerate(mounts) if real.is_relative_to(place)]
    return max(above, default=(0, 0, ""))[2]


def judge_place(told: str, kind: str, cluster: bool) -> Finding:
    """Is a file system of some kind where a cache should be, on a machine that may hand jobs to others (`cluster`)."""
    if kind in PASSING:
        what = f"{told} lies {PASSING[kind]} ({kind}), and is lost when that ends"
        return note("cache", what, f"{ELSEWHERE}  # one on a disk that lasts")
    if kind in NETWORK or kind.startswith("fuse."):
        what = f"{told} lies on a network file system ({kind}): other machines share it; it is slower than a local disk"
        return note("cache", what, f"{ELSEWHERE}  # one on a local disk, if no other machine needs these results")
    if cluster:
        what = f"{told} lies on a disk of this machine ({kind or 'local'}): SLURM jobs on other nodes do not see it"
        return note("cache", what, f"{ELSEWHERE}  # for --site slurm: one that every node sees")
    return ok("cache", f"{told} on a local disk ({kind})" if kind else told)


class Trial(NamedTuple):
    """What a folder's file system did with small files."""

    refused: str = ""  # why a file could not be written, synced, renamed and removed; empty if it could
    replaces: bool = True  # a rename replaces a file that another holds open, and both see whole files
    locks: bool = True  # two descriptors exclude each other


def try_folder(folder: Path) -> Trial:
    """Write, sync, replace, lock and remove small files in a folder, or in the nearest above it that exists."""
    from recortex.disk import existing
    from recortex.unfinished import hold

    try:
        folder = existing(folder)
        if not folder.is_dir():
            return Trial(f"{folder} is a file, not a folder")
        with tempfile.TemporaryDirectory(prefix=".recortex-doctor-", dir=folder, ignore_cleanup_errors=True) as room:
            old, new = Path(room, "old"), Path(room, "new")
            for path in (old, new):
                with open(path, "wb") as file:
                    file.write(path.name.encode() * 1000)
                    file.flush()
                    os.fsync(file.fileno())
            with open(old, "rb") as reader:
                os.replace(new, old)
                replaces = (reader.read(), old.read_bytes()) == (b"old" * 1000, b"new" * 1000)
            with open(old, "a") as first, open(old, "a") as second:
                return Trial("", replaces, hold(first.fileno()) is True and hold(second.fileno()) is False)
    except OSError as error:
        return Trial(error.strerror or str(error))


def judge_trial(root: Path, trial: Trial) -> list[Finding]:
    """Can results be written, replaced and locked there."""
    if trial.refused:
        what = f"nothing can be written to {root} ({trial.refused}): results cannot be kept"
        return [problem("cache", what, f"{ELSEWHERE}  # one that you may write to, with room")]
    findings = []
    if not trial.replaces:
        what = f"a rename in {root} does not replace a file that is open: two processes may disturb each other"
        findings.append(problem("cache", what, f"{ELSEWHERE}  # one on another file system"))
    if not trial.locks:
        what = "its file system has no locks that exclude: two processes may compute a stage twice, never damage it"
        findings.append(note("cache", what, f"{ELSEWHERE}  # another file system, if that happens often"))
    return findings or [ok("cache", "files are written, replaced whole and locked as results need it")]


@dataclass
class Inventory:
    """What a cache holds."""

    results: dict[Path, float] = field(default_factory=dict)  # and when they were made
    bytes: int = 0
    looked: int = 0  # results that were opened
    damaged: list[str] = field(default_factory=list)  # TYPE/KEY.h5 (reason)
    unreadable: list[str] = field(default_factory=list)
    waste: int = 0  # what `recortex cache prune` would remove, but for locks
    waste_bytes: int = 0
    counted: bool = True  # whether there was time for all


def take(root: Path, patience_s: float, whole: bool = False) -> Inventory:
    """Count the files of a cache, and open its results, the newest first, for so many seconds; read every array, if `whole`."""
    deadline = time.monotonic() + patience_s
    found = Inventory()

    def refused(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            found.unreadable.append(f"{error.filename} ({error.strerror})")

    for at, below, files in os.walk(root / "results", onerror=refused):
        for path in (Path(at, name) for name in (*below, *files)):
            found.counted = time.monotonic() < deadline
            if not found.counted:
                break
            try:
                _count(path, found)
            except FileNotFoundError:
                continue  # a run goes on beside us
    for path in sorted(found.results, key=lambda one: -found.results[one]):
        if time.monotonic() < deadline:
            _open(path, found, whole)
    return found


def _count(path: Path, found: Inventory) -> None:
    from recortex.cli.cache import _is_waste, _size

    if path.suffix == ".h5" and path.parent.suffix != ".parts":
        found.bytes += path.stat().st_size
        found.results[path] = path.stat().st_mtime
    elif path.suffix != ".lock" and _is_waste(path):
        found.waste += 1
        found.waste_bytes += _size(path)


def _open(path: Path, found: Inventory, whole: bool) -> None:
    from recortex.result import Result

    name = f"{path.parent.name}/{path.name}"
    try:
        result = Result(path)
        found.looked += 1
        if result.key != path.stem:
            raise DamagedFile(path, "it does not hold the key of its name")
        for array in result if whole else ():
            rows = (result.shape(array) or (1,))[0]
            step = max(int(BLOCK * rows / path.stat().st_size), 1)
            for start in range(0, rows, step):
                result.read(array, slice(start, start + step))
    except DamagedFile as damage:
        found.damaged.append(f"{name} ({damage.reason})")
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            found.unreadable.append(f"{name} ({one_line(error, 100)})")


def judge_inventory(held: Inventory, thorough: bool = False) -> list[Finding]:
    """Are its results sound, and is there anything to sweep."""
    findings = []
    if held.damaged:
        what = f"{number(len(held.damaged), 'damaged result')}: {listed(held.damaged, 3)}"
        remedy = "recortex run PIPELINE  # sets them aside and computes them again; `recortex cache prune` then removes the old"
        findings.append(problem("cache", what, remedy))
    if held.unreadable:
        what = f"{len(held.unreadable)} files or folders cannot be read now: {listed(held.unreadable, 3)}"
        findings.append(problem("cache", what, f"{ELSEWHERE}  # one of your own; or ask whose files these are"))
    if held.waste:
        what = f"left over: {held.waste} files or folders that no result needs, {size(held.waste_bytes)}"
        findings.append(note("cache", what, "recortex cache prune"))
    if not held.damaged and not held.unreadable:
        count, looked = len(held.results), "read whole" if thorough else "opened"
        some = f"the newest {held.looked} {looked}" if held.looked < count else f"each {looked}"
        told = f"{number(count, 'result')}{'' if held.counted else ' or more'}, {size(held.bytes)}; {some}, none damaged"
        findings.append(ok("cache", told if count else "no results yet"))
    return findings
