"""Disks that are full, read-only or out of inodes: one plain line, nothing half-written, and on once there is room.

File systems are mounted in a mount namespace of its own (``unshare -rm``), which takes them along when it ends.
"""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.failing import failing_calls, size_limits
from faults.refusals import plain, recovered, refused
from faults.runs import FIRST_LIGHT, HERE, Place, Run, run, scratch
from faults.sound import Reference, identities, results
from faults.tally import Tally


def disks(tally: Tally, trials: int, folder: Path) -> None:
    """Failing calls and limits here, mounted disks in a room of their own."""
    failing_calls(tally, max(1, trials // 12), folder)
    size_limits(tally, folder)
    if reason := no_room():
        tally.skip("mounted disks", reason)
    else:
        in_room(mounted, tally, trials, folder / "room")


def no_room() -> str:
    """Why this machine lets nobody mount; empty where it does."""
    if not shutil.which("unshare"):
        return "there is no unshare"
    said = subprocess.run(["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, text=True)
    return f"unshare cannot mount: {said.stderr.strip()}" if said.returncode else ""


def in_room(work: Callable[..., None], tally: Tally, *more: object) -> None:
    """Call a function of this module in a process that may mount."""
    with scratch() as here:
        told = here / "told"
        told.write_bytes(pickle.dumps((work, tally, more)))
        words = ["unshare", "-rm", sys.executable, "-c", IN_ROOM, str(told), str(HERE.parent)]
        subprocess.run(words, check=True)
        vars(tally).update(vars(pickle.loads(told.read_bytes())))


IN_ROOM = """
import pickle, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
told = Path(sys.argv[1])
work, tally, more = pickle.loads(told.read_bytes())
work(tally, *more)
told.write_bytes(pickle.dumps(tally))
"""


@contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """A file system in memory, for a while."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def change(folder: Path, options: str) -> None:
    """Make a disk larger, read-only ..."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def mounted(tally: Tally, trials: int, folder: Path) -> None:
    """All that needs a disk of its own."""
    reference = Reference.make(FIRST_LIGHT, folder, workers=False)
    pages = sum(-(-path.stat().st_size // 4096) for path in results(reference.place.cache)) + 2
    sizes = [max(1, round(pages * (share / (trials * 0.3)))) for share in range(1, round(trials * 0.3) + 1)]
    for kind, more, some in (("full disk", (), sizes), ("full disk, 2 workers", ("--workers", "2"), sizes[::8])):
        for size in some:
            sweep(tally, kind, f"{4 * size}k", reference, f"size={4 * size}k", "size=64m", more)
    count = 2 * len(reference.contents) + 12
    for inodes in range(2, count, max(1, count // max(1, trials // 12))):
        sweep(tally, "no inodes", str(inodes), reference, f"size=64m,nr_inodes={inodes}", "nr_inodes=0", ())
    for kind, one in (
        ("read-only cache, all there", all_cached),
        ("read-only cache, work to do", work_to_do),
        ("read-only cache, damage", damage_there),
        ("full outputs", full_outputs),
        ("read-only outputs", read_only_outputs),
        ("three disks", three_disks),
        ("full TMPDIR", full_temporary),
    ):
        if tally.wanted(kind):
            with scratch() as here:
                tally.add(kind, kind, one(reference, Place.at(here)))


def a_few(tally: Tally, reference: Reference) -> None:
    """The short form: a disk that is too small and a read-only cache."""
    sweep(tally, "full disk", "60k", reference, "size=60k", "size=64m", ())
    with scratch() as here:
        tally.add("read-only", "read-only", all_cached(reference, Place.at(here)))


def sweep(
    tally: Tally, kind: str, name: str, reference: Reference, small: str, large: str, more: tuple[str, ...]
) -> None:  # fmt: skip
    """A run on a disk that is too small, then on a larger one."""
    trial = f"{kind}/{name}"
    if not tally.wanted(trial):
        return
    with scratch() as here, disk(here / "disk", small) as there:
        place = Place(here, there / "cache", here / "outputs")
        ended = run(reference.pipeline, place, *more)
        tally.note(kind, "large enough", ended.code == 0)
        problems = refused(reference, place, ended, may_do=True)
        before = identities(place.cache)
        change(there, large)
        tally.add(kind, trial, problems + recovered(reference, place, before))


def all_cached(reference: Reference, place: Place) -> list[str]:
    """Nothing to compute: nothing to write."""
    with disk(place.folder / "disk", "size=64m") as there:
        here = Place(place.folder, there / "cache", place.outputs)
        shutil.copytree(reference.place.cache, here.cache)
        change(there, "ro")
        ended = run(reference.pipeline, here)
        listed = Run.start([*reference.pipeline.program, "cache", "list", "--cache", str(here.cache)], here).finish()
        made = [f"{name} was made again" for name in ended.made()]
        return ended.problems() + listed.problems() + made + reference.differences(here)


def work_to_do(reference: Reference, place: Place) -> list[str]:
    """One result is missing."""
    with disk(place.folder / "disk", "size=64m") as there:
        here = Place(place.folder, there / "cache", place.outputs)
        shutil.copytree(reference.place.cache, here.cache)
        results(here.cache)[0].unlink()
        change(there, "ro")
        problems = refused(reference, here, run(reference.pipeline, here), may_do=False)
        problems += plain(
            Run.start([*reference.pipeline.program, "cache", "clear", "--yes", "--cache", str(here.cache)], here).finish()
        )
        change(there, "rw")
        return problems + recovered(reference, here, identities(here.cache))


def damage_there(reference: Reference, place: Place) -> list[str]:
    """One result is damaged, and cannot be moved."""
    with disk(place.folder / "disk", "size=64m") as there:
        here = Place(place.folder, there / "cache", place.outputs)
        shutil.copytree(reference.place.cache, here.cache)
        path = results(here.cache)[0]
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:1000])
        change(there, "ro")
        ended = run(reference.pipeline, here)
        problems = plain(ended) + ([] if path.name in ended.out + ended.err else [f"{path.name} is not named"])
        change(there, "rw")
        return problems + recovered(reference, here, {})


def full_outputs(reference: Reference, place: Place) -> list[str]:
    """Room for a few links, no room for the report."""
    with disk(place.folder / "disk", "size=16k") as there:
        here = Place(place.folder, place.cache, there / "outputs")
        problems = refused(reference, here, run(reference.pipeline, here), may_do=False)
        change(there, "size=64m")
        return problems + recovered(reference, here, identities(here.cache))


def read_only_outputs(reference: Reference, place: Place) -> list[str]:
    """All is computed; only the folder cannot be written."""
    with disk(place.folder / "disk", "size=64m,ro") as there:
        here = Place(place.folder, place.cache, there / "outputs")
        problems = refused(reference, here, run(reference.pipeline, here), may_do=False)
        change(there, "rw")
        return problems + recovered(reference, here, identities(here.cache))


def three_disks(reference: Reference, place: Place) -> list[str]:
    """Cache, outputs and temporary files: no file may be renamed from one to another."""
    with (
        disk(place.folder / "a", "size=64m") as a,
        disk(place.folder / "b", "size=64m") as b,
        disk(place.folder / "c", "size=64m") as c,
    ):
        here = Place(place.folder, a / "cache", b / "outputs")
        problems = run(reference.pipeline, here, env={"TMPDIR": str(c)}).problems()
        left = [f"left in TMPDIR: {path.name}" for path in c.iterdir()]
        return problems + left + reference.aftermath(here)


def full_temporary(reference: Reference, place: Place) -> list[str]:
    """Nothing of ours goes through the folder for temporary files."""
    with disk(place.folder / "c", "size=4k") as c:
        (c / "filled").write_bytes(bytes(4096))
        return run(reference.pipeline, place, env={"TMPDIR": str(c)}).problems() + reference.aftermath(place)
