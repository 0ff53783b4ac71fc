"""Python, the packages recortex stands on, as their metadata say, and Dask: recent enough, and agreeing."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from recortex.cli.doctor.examination import Scope
from recortex.cli.doctor.finding import Finding, install, note, number, ok, pip, problem
from recortex.errors import listed

COMPANIONS = ("torchvision", "torchaudio")  # how they fit torch is told under torch
EXTRAS = {"cluster": "SLURM jobs", "captions": "scores of captions"}


class Package(NamedTuple):
    """An installed package, the requirements in its metadata, and where it is imported from."""

    name: str
    version: str
    asks: tuple[str, ...] = ()
    folder: Path = Path()

    def needs(self, extra: str = "") -> list[Requirement]:
        """What it needs on this machine, or what one of its extras needs besides."""
        found = []
        for text in self.asks:
            with suppress(InvalidRequirement):  # in the metadata of old packages
                need = Requirement(text) if ("extra ==" in text) == bool(extra) else None
                if need is not None and (need.marker is None or need.marker.evaluate({"extra": extra})):
                    found.append(need)
        return found


class Environment(dict[str, Package]):
    """The packages that are imported, by their canonical names."""

    def version(self, name: str) -> str:
        """The version of a package, however its name is spelt; empty where it is missing."""
        found = self.get(canonicalize_name(name))
        return found.version if found else ""

    def meets(self, need: Requirement) -> bool:
        """Whether a package is here in a version that is wanted."""
        version = self.version(need.name)
        try:
            return version != "" and need.specifier.contains(Version(version), prereleases=True)
        except InvalidVersion:
            return True  # nobody can tell


def installed(path: Sequence[str]) -> Environment:
    """What lies on a search path; nothing is imported."""
    here = Environment()
    for one in metadata.distributions(path=list(path)):
        about = one.metadata
        if about is not None and "Name" in about and "Version" in about:  # else a broken-off pip left it
            found = Package(about["Name"], about["Version"], tuple(one.requires or ()), Path(str(one.locate_file(""))))
            here.setdefault(canonicalize_name(found.name), found)
    return here


@cache
def environment() -> Environment:
    """What is installed here."""
    return installed(sys.path)


def look_python(scope: Scope) -> list[Finding]:
    """Python itself: its version, its system, and what it must not mix with."""
    about = environment().get("recortex")
    needed = metadata.metadata("recortex")["Requires-Python"] if about else ""
    encoding = locale.getpreferredencoding(False)
    return judge_python(platform.python_version(), needed or "", platform.system(), encoding, os.environ.get("PYTHONPATH", ""))


def judge_python(version: str, needed: str, system: str, encoding: str, python_path: str) -> list[Finding]:
    """Is this Python fit, where it needs a version such as ``>=3.11``, and text files are written in some encoding."""
    from recortex import __version__

    own = "a virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment"
    own = "a conda environment" if Path(sys.prefix, "conda-meta").is_dir() else own
    head = f"recortex {__version__} on Python {version}, {system} {platform.machine()}, in {own}"
    findings = [ok("python", head)]
    if not SpecifierSet(needed).contains(version, prereleases=True):
        lowest = needed.split(",")[0].lstrip("<>=~! ")
        remedy = f"conda create -n recortex python={lowest}  # then activate it and install recortex there"
        findings = [problem("python", f"{head}; recortex needs Python {needed}", remedy)]
    if encoding.lower().replace("-", "") != "utf8":
        what = f"text is written as {encoding} here; names and tables with other letters may fail"
        findings.append(note("python", what, "export PYTHONUTF8=1"))
    if python_path:
        what = f"PYTHONPATH puts {python_path} before the packages of this environment, whatever versions lie there"
        findings.append(note("python", what, "unset PYTHONPATH  # and unload the module that set it"))
    return findings


def look_packages(scope: Scope) -> list[Finding]:
    """Gather and judge."""
    return judge_needs(environment())


def judge_needs(here: Environment) -> list[Finding]:
    """Is there what recortex asks for, and what that asks for in turn; and what of the extras."""
    recortex = here.get("recortex")
    if recortex is None:
        what = "recortex is not installed here, only on the search path; the versions it needs are not known"
        return [problem("packages", what, f"{pip()} install -e .  # in the folder that holds pyproject.toml")]
    base = recortex.needs()
    unmet = [need for need in base if not here.meets(need)]
    if unmet:
        told = listed((f"{_plain(need)} ({_here(need, here)})" for need in unmet), 12)
        findings = [problem("packages", f"recortex needs what is not here: {told}", install(map(_plain, unmet)))]
    else:
        told = ", ".join(f"{need.name} {here.version(need.name)}" for need in base)
        findings = [ok("packages", f"the {number(len(base), 'package')} that recortex needs: {told}")]
    findings += _conflicts(here, recortex)
    for name, use in EXTRAS.items():
        there = all(here.meets(need) for need in recortex.needs(name))
        told = "is installed" if there else f'is not installed: pip install "recortex[{name}]"'
        findings.append(ok("packages", f"the extra {name} ({use}) {told}"))
    return findings


def _plain(need: Requirement) -> str:
    return f"{need.name}{need.specifier}"


def _here(need: Requirement, here: Environment) -> str:
    version = here.version(need.name)
    return f"here is {version}" if version else "it is missing"


def _conflicts(here: Environment, recortex: Package) -> list[Finding]:
    """Needs that are not met of the packages that recortex needs, and of those that they need."""
    users = {"recortex": recortex}
    todo = [recortex]
    unmet: list[tuple[Package, Requirement]] = []
    while todo:
        user = todo.pop()
        for need in user.needs():
            name = canonicalize_name(need.name)
            if name in here and name not in users:
                users[name] = here[name]
                todo.append(here[name])
            if user is not recortex and not here.meets(need) and (user.name in COMPANIONS, name) != (True, "torch"):
                unmet.append((user, need))
    if not unmet:
        return []
    told = listed((f"{user.name} {user.version} needs {_plain(need)}, {_here(need, here)}" for user, need in unmet), 6)
    return [problem("packages", f"packages do not agree: {told}", install(dict.fromkeys(_plain(need) for _, need in unmet)))]


def look_site(scope: Scope) -> list[Finding]:
    """What runs pipelines on several machines."""
    return [judge_site(environment(), shutil.which("sbatch") is not None)]


def judge_site(here: Environment, slurm: bool) -> Finding:
    """Can this site's batch system be used."""
    told = ", ".join(f"{name} {here.version(name)}" for name in ("dask", "distributed", "dask-jobqueue") if here.version(name))
    if slurm and not here.version("dask-jobqueue"):
        return note(
            "site",
            f"{told}; SLURM is here (sbatch), and dask-jobqueue is not: --site slurm fails",
            install(["recortex[cluster]"]),
        )
    return ok("site", f"{told}; {'SLURM is here' if slurm else 'no SLURM here'}")
