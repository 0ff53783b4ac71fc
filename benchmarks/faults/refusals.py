"""How a run must behave on a disk that refuses: a plain line, nothing half-written, and on once it does not refuse any more."""

from __future__ import annotations

import re
from pathlib import Path

from faults.runs import Ended, Place, run
from faults.sound import Reference, identities

CAUSES = r"full|room|quota|read-only|grow so large|does not answer|permission|something else stands"
REMEDIES = r"--cache|--outputs|RECORTEX_CACHE|make room|run again|another place|ulimit|move it"


def plain(ended: Ended) -> list[str]:
    """What is wrong with how a run says that its disk refused: code 2, and each refusal one line with cause and remedy."""
    problems = ended.problems(2)
    told = [line for line in ended.out.splitlines() if re.match(r"failed  \S", line)] + ended.err.splitlines()
    if not told:
        problems.append("nothing says why")
    for line in told:
        if not re.search(CAUSES, line):
            problems.append(f"no cause in {line[:240]!r}")
        elif not re.search(REMEDIES, line):
            problems.append(f"no remedy in {line[:240]!r}")
    return problems


def refused(reference: Reference, place: Place, ended: Ended, may_do: bool) -> list[str]:
    """A run on a bad disk: refused plainly (or, with `may_do`, done), and nothing there that is not whole."""
    if ended.code == 0 and may_do:
        return ended.noise() + reference.differences(place)
    return plain(ended) + reference.array_differences(place.cache, complete=False)


def recovered(reference: Reference, place: Place, before: dict[Path, tuple[int, int]]) -> list[str]:
    """The same command once the disk is good again."""
    problems = [f"once there was room: {problem}" for problem in run(reference.pipeline, place).problems()]
    after = identities(place.cache)
    problems += [f"{path.name} was there and was made again" for path in before if after.get(path) != before[path]]
    return problems + reference.aftermath(place)
