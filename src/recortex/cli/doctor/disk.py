"""Room for files, on every disk in use; and the current folder, where ``recortex run`` makes ``outputs/``."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from recortex.cli.doctor.cache import cache_root, try_folder
from recortex.cli.doctor.examination import Scope
from recortex.cli.doctor.finding import Finding, note, ok, problem, size
from recortex.disk import existing

LITTLE, TOO_LITTLE = 5e9, 500e6
FEW_FILES, TOO_FEW_FILES = 10_000, 500
# what moves each use of a disk elsewhere
MOVES = {
    "cache": "recortex cache prune  # then: export RECORTEX_CACHE=FOLDER on another disk",
    "data": "export RECORTEX_DATA=FOLDER  # on another disk",
    "hub": "export HF_HOME=FOLDER  # on another disk",
    "outputs": "recortex run PIPELINE --outputs FOLDER  # on another disk",
    "temporary": "export TMPDIR=FOLDER  # on another disk",
}


def look_outputs(scope: Scope) -> list[Finding]:
    """Try the current folder."""
    try:
        place = Path.cwd() / "outputs"
    except FileNotFoundError:
        return [problem("outputs", "the current folder does not exist any more", "cd")]
    refused = try_folder(place).refused
    if refused:
        what = f"nothing can be written to {place} ({refused}); a run from here fails when it lays out its folder"
        return [note("outputs", what, "recortex run PIPELINE --outputs FOLDER  # or start from a folder that you may write to")]
    return [ok("outputs", f"{place} can be written")]


def look_disk(scope: Scope) -> list[Finding]:
    """Every disk in use, once."""
    from huggingface_hub.constants import HF_HUB_CACHE

    from recortex.data.manifests import data_folder

    root, by = cache_root(scope.cache)
    moves = dict(MOVES)
    if by == "--cache":  # the option goes before the variable
        moves["cache"] = f"recortex cache prune --cache {shlex.quote(str(root))}  # then: --cache FOLDER on another disk"
    uses = {"cache": root, "data": data_folder(), "hub": Path(HF_HUB_CACHE)}
    try:
        uses |= {"outputs": Path.cwd(), "temporary": Path(tempfile.gettempdir())}
    except FileNotFoundError as error:  # no current folder, or none of those for temporary files can be written
        return [
            problem("disk", f"no folder to write to: {error.strerror}", "cd && export TMPDIR=FOLDER  # one that you may write to")
        ]
    findings = []
    named = os.environ.get("TMPDIR", "")
    if named and os.path.abspath(named) != str(uses["temporary"]):
        what = f"TMPDIR names {named}, which cannot be written; temporary files go to {uses['temporary']}"
        findings.append(note("disk", what, f"mkdir -p {shlex.quote(named)}  # or: unset TMPDIR"))
    for names, folder in by_disk(uses).values():
        about = os.statvfs(folder)
        free, total = about.f_bavail * about.f_frsize, about.f_blocks * about.f_frsize
        told = f"{', '.join(names)} ({folder})"
        findings.append(judge_room(told, free, total, about.f_favail if about.f_files else None, moves[names[0]]))
    return findings


def by_disk(uses: Mapping[str, Path]) -> dict[int, tuple[list[str], Path]]:
    """The uses of each file system, and the folder of the first."""
    disks: dict[int, tuple[list[str], Path]] = {}
    for name, folder in uses.items():
        here = existing(folder)
        disks.setdefault(here.stat().st_dev, ([], here))[0].append(name)
    return disks


def judge_room(place: str, free: float, total: float, files: int | None, remedy: str) -> Finding:
    """Is there room for enough bytes, and for enough files on a disk that counts them."""
    told = f"{place}: {size(free)} free of {size(total)}"
    if files is not None and files < FEW_FILES:
        what = f"{told}, and room for {files} more files only (inodes)"
        return (problem if files < TOO_FEW_FILES else note)("disk", what, remedy)
    if free < LITTLE and total > 0:  # where nothing is counted, nothing is known
        return (problem if free < TOO_LITTLE else note)("disk", told, remedy)
    return ok("disk", told)
