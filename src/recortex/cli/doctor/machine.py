"""What this process may have of the machine: cores and BLAS threads, memory, and what ``ulimit`` forbids."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from recortex.cli.doctor.examination import Scope
from recortex.cli.doctor.finding import Finding, note, number, ok, problem, size

UNLIMITED = 2**60
CACHES = ("inactive_file", "total_inactive_file")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LITTLE_MEMORY, TOO_LITTLE_MEMORY = 4e9, 1e9
FILE_SIZE, MANY = 500e6, 1e6
# by the letter of ulimit: its name, the least that is enough, and what less of it means
LIMITS = {
    "n": ("RLIMIT_NOFILE", 256, "files open in a process; Dask workers need some hundred"),
    "u": ("RLIMIT_NPROC", 256, "processes and threads of yours; BLAS and Dask may fail to start theirs"),
    "f": ("RLIMIT_FSIZE", 10e9, "in a file; larger results cannot be written"),
    "v": ("RLIMIT_AS", 16e9, "of addresses in a process; torch asks for more than it uses, and may fail"),
}


class Share(NamedTuple):
    """What the kernel's control groups let a container or job have; None where there is no limit."""

    cores: float | None = None
    memory: int | None = None  # bytes
    left: int | None = None  # of that memory, when file caches are given up


NO_LIMITS = Share()


def share(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> Share:
    """The tightest limits on the way from this process's group to the root, in versions 1 and 2."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return NO_LIMITS
    folders = [folder for line in lines for folder in _upwards(root, *line.split(":", 2)[1:])]
    cores = [count for folder in folders if (count := _cores(folder))]
    memory = [pair for folder in folders if (pair := _memory(folder))]
    limit, left = (min((pair[place] for pair in memory), default=None) for place in (0, 1))
    return Share(min(cores, default=None), limit, left)


def _upwards(root: Path, kinds: str, path: str) -> Iterator[Path]:
    """The folders of a group and those above it; in a container the path may be that of the host, and then only the root is there."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for top in [root / kinds, *(root / kind for kind in kinds.split(","))] if kinds else [root, root / "unified"]:
        yield from (folder for depth in range(len(parts), -1, -1) if (folder := top.joinpath(*parts[:depth])).is_dir())


def _words(folder: Path, *names: str) -> list[str]:
    try:
        return [word for name in names for word in (folder / name).read_text().split()]
    except OSError:
        return []


def _cores(folder: Path) -> float | None:
    words = _words(folder, "cpu.max") or _words(folder, "cpu.cfs_quota_us", "cpu.cfs_period_us")
    return int(words[0]) / int(words[1]) if words and words[0] not in ("max", "-1") else None


def _memory(folder: Path) -> tuple[int, int] | None:
    words = _words(folder, "memory.max", "memory.current") or _words(folder, "memory.limit_in_bytes", "memory.usage_in_bytes")
    if not words or words[0] == "max" or int(words[0]) >= UNLIMITED:
        return None
    stat = _words(folder, "memory.stat")
    caches = max((int(amount) for name, amount in zip(stat[::2], stat[1::2], strict=True) if name in CACHES), default=0)
    return int(words[0]), min(int(words[0]) - int(words[1]) + caches, int(words[0]))


def look_cores(scope: Scope) -> list[Finding]:
    """How many cores there are for this process, and how many BLAS would use."""
    from threadpoolctl import threadpool_info

    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    allowed = {
        "taskset or the batch system": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "the quota of its container or job": share().cores,
        "SLURM_CPUS_PER_TASK": int(granted) if granted.isdigit() else None,
    }
    pools = [(pool["internal_api"], pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"]
    return [judge_cores(os.cpu_count() or 1, allowed, pools)]


def judge_cores(there: int, allowed: Mapping[str, float | None], pools: Sequence[tuple[str, int]]) -> Finding:
    """Does BLAS keep to the cores of this process, given who allows how many, and the threads of each BLAS that is loaded."""
    limits = {who: least for who, least in allowed.items() if least is not None}
    who, least = min(limits.items(), key=lambda item: item[1], default=("", there))
    mine = max(1, min(int(least), there))
    head = number(there, "core") + (f", {mine} of them for this process ({who})" if mine < there else "")
    api, most = max(pools, key=lambda pool: pool[1], default=("", 0))
    if most > mine:
        what = (
            f"{head}, and BLAS ({api}) starts {most} threads: they get in each other's way, and work takes several times as long"
        )
        return note("cores", what, "export " + " ".join(f"{name}={mine}" for name in THREADS))
    return ok("cores", f"{head}; BLAS uses {number(most, 'thread')}; --workers {mine} at most")


def look_memory(scope: Scope) -> list[Finding]:
    """Memory that a run may take before the kernel or the batch system ends it."""
    import psutil

    memory = psutil.virtual_memory()
    return [judge_memory(memory.total, memory.available, share(), "SLURM_JOB_ID" in os.environ)]


def judge_memory(there: int, free: int, limits: Share = NO_LIMITS, job: bool = False) -> Finding:
    """Is there enough for a run; amounts in bytes."""
    told, left = f"{size(there)}, {size(free)} free", free
    remedy = "ps -eo rss,user,comm --sort=-rss | head  # shows what takes it (kB); or use fewer --workers"
    if limits.memory is not None and limits.left is not None and limits.memory < there:
        told += f"; this job or container may take {size(limits.memory)}, {size(limits.left)} of it left"
        if limits.left < left:
            left = limits.left
            remedy = (
                "sbatch --mem=16G JOB  # likewise srun" if job else "docker run --memory=16g IMAGE  # or what starts this job"
            )
    if left < TOO_LITTLE_MEMORY:
        return problem("memory", f"{told}: importing torch alone takes most of it; a run will be killed", remedy)
    if left < LITTLE_MEMORY:
        return note("memory", f"{told}: enough for small pipelines; `recortex plan` says what yours takes", remedy)
    return ok("memory", told)


def look_limits(scope: Scope) -> list[Finding]:
    """What ``ulimit`` forbids."""
    import resource

    soft = {letter: resource.getrlimit(getattr(resource, kind))[0] for letter, (kind, _, _) in LIMITS.items()}
    return judge_limits({letter: value for letter, value in soft.items() if value != resource.RLIM_INFINITY})


def judge_limits(found: Mapping[str, int]) -> list[Finding]:
    """Is any limit in the way, by the letter of ``ulimit``."""
    findings = []
    for letter, value in found.items():
        _, least, why = LIMITS[letter]
        if value < least:
            tell = problem if letter == "f" and value < FILE_SIZE else note
            told = f"there may be {size(value) if least > MANY else value} {why} (ulimit -{letter})"
            remedy = f"ulimit -{letter} $(ulimit -H -{letter})  # as far as you may; more is for your administrator"
            findings.append(tell("limits", told, remedy))
    return findings or [ok("limits", f"{found.get('n', 'any number of')} open files; no limit is in the way")]
