"""What a result file says of its own making."""

from __future__ import annotations

import subprocess
import time
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recortex.stage import Stage

PACKAGES = ("recortex", "numpy", "scipy", "scikit-learn", "scikit-image", "h5py", "pandas", "nibabel", "torch", "torchvision")


def provenance(stage: Stage) -> dict[str, Any]:
    """Configuration, input keys, versions, git state, and the licences of the data a stage descends from."""
    return {
        "configuration": stage.configuration(),
        "inputs": {key: input_.type_name() for key, input_ in stage.inputs().items()},
        "versions": versions(),
        "git": git_state(),
        "sources": [asdict(source) for source in stage.sources()],
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


@cache
def versions() -> dict[str, str]:
    """Versions of the packages that a result can depend on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def git_state() -> dict[str, Any]:
    """Commit of recortex's own checkout and whether it was modified; empty for an installed wheel."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    try:
        if "recortex/__init__.py" not in git("ls-files", "--full-name", "__init__.py"):
            return {}
        return {"commit": git("rev-parse", "HEAD"), "modified": bool(git("status", "--porcelain", "--", str(here)))}
    except (OSError, subprocess.SubprocessError):
        return {}
