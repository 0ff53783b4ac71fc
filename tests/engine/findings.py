"""What every finding of the doctor must be: told in one line, and with a remedy that a shell understands."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence

from recortex.cli.doctor.finding import Finding

COMMANDS = {"export", "unset", "ulimit", "env", "cd", "ps", "free", "mount", "recortex", "python", "uv", "ls"}
COMMANDS |= {"nvidia-smi", "srun", "sbatch", "docker", "conda", "mkdir"}


def checked(findings: Sequence[Finding]) -> Sequence[Finding]:
    """The same findings, each remedy looked at as a shell would."""
    for finding in findings:
        if finding.remedy or finding.state != "ok":
            parsed = subprocess.run(["bash", "-n", "-c", finding.remedy], capture_output=True, text=True)
            assert parsed.returncode == 0, (finding, parsed.stderr)
            first = shlex.split(finding.remedy, comments=True)[0]
            assert first in COMMANDS or re.search(r"/python[\d.]*$", first), finding
    return findings


def well(findings: Sequence[Finding], *words: str) -> None:
    """Nothing to complain of, and the words are told."""
    assert [finding.state for finding in findings] == ["ok"] * len(findings), findings
    told = " ".join(finding.what for finding in checked(findings))
    assert all(word in told for word in words), (words, told)


def one(findings: Sequence[Finding], state: str) -> Finding:
    """The only finding of this state."""
    (found,) = [finding for finding in checked(findings) if finding.state == state]
    return found


def ill(findings: Sequence[Finding], state: str, what: str, remedy: str) -> None:
    """One finding of this state, which names the thing, with a remedy that holds these words."""
    found = one(findings, state)
    assert what in found.what, found
    assert remedy in found.remedy, found
