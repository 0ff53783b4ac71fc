"""Runs of a pipeline through the command line, in a session of their own: started, struck, and looked at afterwards."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit

HERE = Path(__file__).parent
PIPELINES = HERE.parents[1] / "pipelines"
RECORTEX = str(Path(sys.executable).with_name("recortex"))
LIMIT_S = 300.0  # a run that takes this long hangs
NOISE = (
    "Traceback",
    "HDF5-DIAG",
    "Exception ignored",
    "Segmentation",
    "core dumped",
    "mistake in recortex",
    "--debug",
    "Error in",
)
ORPHANS_S = 10.0  # workers whose main process is gone must be gone as well


def _as_in_a_terminal(largest_file: int | None) -> None:
    """What a child begins with: Ctrl-C is heard, though a shell that runs the harness in the background has it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if largest_file is not None:
        setrlimit(RLIMIT_FSIZE, (largest_file, largest_file))


def _set(*assignments: str) -> tuple[str, ...]:
    return tuple(word for assignment in assignments for word in ("--set", assignment))


@dataclass(frozen=True)
class Pipeline:
    """A pipeline with settings that make it short."""

    name: str
    words: tuple[str, ...]
    program: tuple[str, ...] = (RECORTEX,)
    tile_s: float = 0.0

    def missing(self) -> str:
        """Why this machine cannot run it; empty where it can."""
        if self.name == "digits69" and not os.environ.get("RECORTEX_MIRROR"):
            return "RECORTEX_MIRROR names no folder with the data of digits69"
        return ""


FIRST_LIGHT = Pipeline(
    "first_light",
    (str(PIPELINES / "first_light.yaml"), *_set("brain.units=60", "digits.count=100", "picture_scores.permutations=2")),
)
DIGITS69 = Pipeline(
    "digits69",
    (
        str(PIPELINES / "digits69.yaml"),
        *_set(
            "ten_folds.folds=2", *(f"{name}.permutations=0" for name in ("tenfold", "fixed", "encoding", "encoding_beyond_digit"))
        ),
    ),
)
WAVES = Pipeline("waves", (str(HERE / "waves.yaml"),), (sys.executable, str(HERE / "launch.py")), tile_s=0.2)
QUICK = Pipeline("quick", (str(HERE / "waves.yaml"), *_set("waves.size=40")), WAVES.program)


@dataclass(frozen=True)
class Place:
    """Where a run works: a cache, a folder of outputs, and what its processes said."""

    folder: Path
    cache: Path
    outputs: Path

    @classmethod
    def at(cls, folder: Path) -> Place:
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, folder / "cache", folder / "outputs")


@contextmanager
def scratch(name: str = "") -> Iterator[Path]:
    """A folder for a while."""
    folder = Path(tempfile.mkdtemp(prefix=f"recortex-faults-{name}"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Ended:
    """What a run said, and how it ended; a negative code is the signal that ended it."""

    code: int | None
    out: str
    err: str
    seconds: float

    def made(self) -> list[str]:
        """The names of the stages that this run computed."""
        return re.findall(r"^\d\d:\d\d:\d\d  ok +(.+?)  ", self.out, flags=re.MULTILINE)

    def problems(self, code: int = 0) -> list[str]:
        """What is wrong with a run that should have ended with this code, and in either case in plain lines."""
        found = [] if self.code == code else [f"exit code {self.code} instead of {code}: {self.last()}"]
        return found + self.noise()

    def noise(self) -> list[str]:
        """What no newcomer should have to read."""
        said = self.out + self.err
        found = []
        for mark in NOISE:
            if mark in said:
                lines = [line for line in said.splitlines() if line.strip()]
                at = next(place for place, line in enumerate(lines) if mark in line)
                end = next((line for line in lines[at + 1 :] if line[0] not in " \t"), "") if mark == "Traceback" else ""
                found.append(f"says {lines[at].strip()[:200]!r}{f' ... {end[:200]!r}' if end else ''}")
        return found

    def last(self) -> str:
        """The last line, of the errors if there are any, else of what failed."""
        lines = [line for line in (self.err or self.out).splitlines() if line.strip()]
        lines = [line for line in lines if line.startswith("failed  ")] or lines
        return lines[-1][:300] if lines else "(said nothing)"


@dataclass
class Run:
    """A command under way, leader of its own session."""

    process: subprocess.Popen
    said: tuple[Path, Path]
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def start(
        cls, command: list[str], place: Place, env: Mapping[str, str] | None = None, largest_file: int | None = None
    ) -> Run:
        number = len(list(place.folder.glob("said-*.out")))
        said = place.folder / f"said-{number}.out", place.folder / f"said-{number}.err"
        with open(said[0], "wb") as out, open(said[1], "wb") as err:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=place.folder,
                env=environment() | dict(env or {}),
                start_new_session=True,
                preexec_fn=partial(_as_in_a_terminal, largest_file),
            )
        return cls(process, said)

    def wait(self, seconds: float = LIMIT_S) -> Ended | None:
        """How it ended; None if it has not by then."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        out, err = (path.read_text(errors="replace") for path in self.said)
        return Ended(self.process.returncode, out, err, time.monotonic() - self.began)

    def finish(self) -> Ended:
        """As `wait`, but a run that hangs is killed, and says so."""
        ended = self.wait()
        if ended is None:
            self.kill_all()
            out, err = (path.read_text(errors="replace") for path in self.said)
            return Ended(None, out, err + f"\nhung for {LIMIT_S:.0f} s, killed", LIMIT_S)
        return ended

    def members(self) -> list[int]:
        """Every living process of the session."""
        return [pid for pid, session, _ in processes() if session == self.process.pid]

    def workers(self) -> list[int]:
        """The processes of Dask workers."""
        children = [pid for pid, session, parent in processes() if session == self.process.pid == parent]
        return [pid for pid in children if b"spawn_main" in said_by(pid)]

    def strike(self, number: int, whom: str) -> None:
        """Send a signal to the main process or to its whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number) if whom == "group" else os.kill(self.process.pid, number)

    def orphans(self, seconds: float = ORPHANS_S) -> list[str]:
        """Processes that outlive the main one by this long; they are killed."""
        until = time.monotonic() + seconds
        while (left := self.members()) and time.monotonic() < until:
            time.sleep(0.05)
        words = [said_by(pid).replace(b"\0", b" ").decode(errors="replace")[:120] for pid in left]
        self.kill_all()
        return [f"a process outlived its run by {seconds:.0f} s: {word}" for word in words]

    def kill_all(self) -> None:
        """Leave nothing of the session."""
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def processes() -> Iterator[tuple[int, int, int]]:
    """(process, session, parent) of everything alive."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                state, parent, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                if state not in "ZX":
                    yield int(folder.name), int(session), int(parent)


def said_by(pid: int) -> bytes:
    """The command line of a process; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def environment() -> dict[str, str]:
    """One thread a process; this folder's stages to be found; nothing of the person at the keyboard."""
    kept = {name: value for name, value in os.environ.items() if name not in ("RECORTEX_CACHE", "COLUMNS")}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | threads | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])}


def command(pipeline: Pipeline, place: Place, *more: str) -> list[str]:
    """The words that run a pipeline."""
    folders = ["--cache", str(place.cache), "--outputs", str(place.outputs)]
    return [*pipeline.program, "run", *pipeline.words, *more, *folders]


def start(pipeline: Pipeline, place: Place, *more: str, env: Mapping[str, str] | None = None) -> Run:
    """Begin to run a pipeline."""
    return Run.start(command(pipeline, place, *more), place, {"FAULTS_TILE_S": str(pipeline.tile_s), **(env or {})})


def run(pipeline: Pipeline, place: Place, *more: str, env: Mapping[str, str] | None = None) -> Ended:
    """Run a pipeline to its end."""
    return start(pipeline, place, *more, env=env).finish()


def prune(place: Place, env: Mapping[str, str] | None = None) -> Ended:
    """Sweep the cache."""
    return Run.start([RECORTEX, "cache", "prune", "--cache", str(place.cache)], place, env).finish()
