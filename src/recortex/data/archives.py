"""Unpacking published archives, .zip and .tar (packed by gzip, bzip2, xz or not): whole or not at all, and plain files alone.

An archive is a stranger's program for writing files. It is taken member by member, each is looked at before a byte of it is written,
and bytes are counted as they come. What was unpacked carries a seal, so that a folder says which archive it came from.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import unicodedata
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from glob import escape
from pathlib import Path, PurePosixPath, PureWindowsPath

from recortex import disk, keys
from recortex.data._archive_members import Member, members_of
from recortex.errors import InvalidInput, RecortexError, shown
from recortex.plain_yaml import no_text
from recortex.unfinished import Unfinished, is_abandoned

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
SEAL = ".unpacked.json"
MOST_MEMBERS = 300_000
AT_ONCE = 2**20
NAME, PATH = 255, 1000  # bytes of a name, and of a path inside an archive


@dataclass(frozen=True)
class Unpacked:
    """What a sealed folder was unpacked from, and the bytes of each of its files by path."""

    sha256: str
    sizes: dict[str, int]


def unpack(archive: Path, into: Path, *, most_bytes: int | None = None) -> list[Path]:
    """Unpack an archive into a folder that is not there yet.

    Parameters
    ----------
    archive : Path
    into : Path
        The folder; it gets its name when everything is in it.
    most_bytes : int, optional
        What it may hold at most; no more than the disk has room for in any case.

    Returns
    -------
    list of Path
        Its files, in the archive's order.

    Raises
    ------
    InvalidInput
        It is no archive, cut off or damaged, too large, or a member is more than a plain file or folder inside it; nothing is kept.
    CannotWrite
        The disk refuses.
    """
    if os.path.lexists(into):
        raise InvalidInput(f"{into} is there already, so {archive.name} is not unpacked; move it away, or delete it")
    with disk.refusals(into, disk.DATA):
        into.parent.mkdir(parents=True, exist_ok=True)
        sweep(into)
        with Unfinished(into) as mark:  # held while this process lives; the folder beside it is known by its name
            folder = mark.path.with_suffix("")
            folder.mkdir()
            try:
                sizes = _fill(archive, folder, most_bytes)
                seal = {"archive": archive.name, "sha256": keys.content(archive), "sizes": sizes}
                disk.write_whole(folder / SEAL, json.dumps(seal, indent=0))
                folder.rename(into)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return [into / name for name in sizes]


def unpacked(folder: Path) -> Unpacked | None:
    """What a folder was unpacked from; None where it was not, or not to its end."""
    try:
        return _unpacked(folder / SEAL, (folder / SEAL).stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@cache
def _unpacked(seal: Path, _changed: int) -> Unpacked:
    said = json.loads(seal.read_text())
    return Unpacked(str(said["sha256"]), {str(name): int(size) for name, size in said["sizes"].items()})


def sweep(target: Path) -> None:
    """Remove what processes that are no more left of a target: their unfinished files, and the folders beside these."""
    for mark in target.parent.glob(f".{escape(target.name[:100])}.*.*-????????.tmp"):
        if is_abandoned(mark):
            shutil.rmtree(mark.with_suffix(""), ignore_errors=True)
            mark.unlink(missing_ok=True)


def _fill(archive: Path, folder: Path, most_bytes: int | None) -> dict[str, int]:
    free = shutil.disk_usage(folder).free
    sizes: dict[str, int] = {}
    seen: dict[str, tuple[str, bool]] = {}
    total, member = 0, None
    try:
        with closing(members_of(archive)) as members:
            for count, member in enumerate(members, 1):
                parts = _parts(member)
                total += member.size
                if count > MOST_MEMBERS:
                    raise _Wrong(f"is its member number {count:,}; at most {MOST_MEMBERS:,} are unpacked")
                if most_bytes is not None and total > most_bytes:
                    raise _Wrong(f"would make it {total:,} bytes; at most {most_bytes:,} are wanted")
                if total > free:
                    raise _Wrong(f"would make it {total:,} bytes, and {folder.parent} has room for {free:,}; make room")
                _meet(seen, parts, member.is_folder)
                path = folder.joinpath(*parts)
                with disk.refusals(path, disk.DATA):
                    (path if member.is_folder else path.parent).mkdir(parents=True, exist_ok=True)
                if not member.is_folder:
                    _copy(member, path)
                    sizes["/".join(parts)] = member.size
    except _Wrong as error:
        name = shown(member.name) if member else ""
        raise InvalidInput(f"{archive}: {name} {error}; nothing was unpacked") from error
    except RecortexError:
        raise
    except Exception as error:  # a foreign file raises whatever the parser stumbles over
        said = shown(" ".join(str(error).split()) or type(error).__name__, 200)
        if member is None and isinstance(error, tarfile.ReadError):
            raise InvalidInput(f"{archive} is no .zip or .tar archive ({said})") from error
        where = f" at {shown(member.name)} or behind it" if member else ""
        raise InvalidInput(f"{archive} is damaged or cut off{where}: {said}; nothing was unpacked") from error
    if not sizes:
        raise InvalidInput(f"{archive} holds no files; nothing was unpacked")
    return sizes


class _Wrong(Exception):
    """What is wrong with a member, as the end of a sentence that its name begins."""


def _copy(member: Member, path: Path) -> None:
    source, count = member.open(), 0
    if source is None:
        raise _Wrong("has no bytes of its own")
    with disk.refusals(path, disk.DATA):
        target = open(path, "xb")  # noqa: SIM115
    with source, target:
        while chunk := source.read(AT_ONCE):
            count += len(chunk)
            if count > member.size:
                raise _Wrong(f"holds more than the {member.size:,} bytes it claims")
            with disk.refusals(path, disk.DATA):
                target.write(chunk)
                target.flush()
        with disk.refusals(path, disk.DATA):
            target.close()  # a quota may be told only now
    if count < member.size:
        raise _Wrong(f"holds {count:,} of the {member.size:,} bytes it claims")


def _parts(member: Member) -> tuple[str, ...]:
    """A member's path below the folder; refused where it is not plainly inside, or no computer could hold it."""
    name = member.name
    if member.wrong:
        raise _Wrong(member.wrong)
    if (character := no_text(name)) or "\\" in name:
        raise _Wrong(f"has the character U+{ord(character or chr(92)):04X} in its name")
    if name.startswith("/") or PureWindowsPath(name).drive:
        raise _Wrong("is an absolute path")
    parts = PurePosixPath(name).parts
    if ".." in parts:
        raise _Wrong("leads out of its folder")
    if len(name.encode()) > PATH or any(len(part.encode()) > NAME for part in parts):
        raise _Wrong("has too long a name")
    if not parts and not member.is_folder:
        raise _Wrong("has no name")
    if parts and parts[0].casefold() == SEAL:
        raise _Wrong("has the name of what is written there last")
    if member.size < 0 or (member.is_folder and member.size):
        raise _Wrong(f"claims {member.size:,} bytes")
    return parts


def _meet(seen: dict[str, tuple[str, bool]], parts: tuple[str, ...], is_folder: bool) -> None:
    """Refuse a second member of a path, as disks see it that know no case, and a file that is also a folder."""
    for depth in range(1, len(parts) + 1):
        path, whole = "/".join(parts[:depth]), depth == len(parts)
        mine = (path, is_folder or not whole)
        known = seen.setdefault(unicodedata.normalize("NFC", path).casefold(), mine)
        if known is not mine and (known != mine or not mine[1]):
            raise _Wrong("is there twice" if known == mine else f"meets {shown(known[0])}: one path on many computers")
