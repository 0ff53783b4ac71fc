"""Manifests: what a public dataset consists of, where it is published, on which terms; and its files on this machine.

Files are looked for in the folders of ``RECORTEX_MIRROR`` (a path list), then in ``RECORTEX_DATA`` or the user's data folder, where
`fetch` puts them. A size or checksum stands in a manifest only where it was seen on the file itself.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from recortex import keys
from recortex.errors import InvalidInput, MissingData, NeedsAgreement, did_you_mean
from recortex.stage import Source


class File(BaseModel):
    """One published file.

    Parameters
    ----------
    path : str
        Where it stands below a mirror or data folder.
    url : str
        Where it is published, at a fixed revision.
    size : int, optional
        Bytes, as seen.
    sha256 : str, optional
        As seen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    url: str
    size: int | None = None
    sha256: str | None = None


class Manifest(BaseModel):
    """One public dataset.

    Parameters
    ----------
    name, title : str
    licence, citation, url : str
        As the owner states them.
    access : "open", "agreement" or "on request"
    caveats : tuple of str
        What every report on these data must say.
    counts : dict
        Expected numbers, checked on the real files.
    files : tuple of File
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str
    licence: str
    citation: str
    url: str
    access: Literal["open", "agreement", "on request"]
    caveats: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    files: tuple[File, ...]

    def source(self) -> Source:
        """For provenance and the report."""
        return Source(self.title, self.licence, self.citation, self.url, self.caveats)

    def checksums(self) -> dict[str, str | None]:
        """For the key of stages that read these files: they are what they are wherever they lie."""
        return {file.path: file.sha256 or _content_or_none(self, file) for file in self.files}

    def locate(self, path: str) -> Path:
        """A file of this dataset on this machine, its checksum verified.

        Raises
        ------
        MissingData
            It is in none of the folders.
        InvalidInput
            It is there, and is not the published file.
        """
        file = next(file for file in self.files if file.path == path)
        found = _find(file)
        if found is not None:
            return found
        for other in _candidates(file):
            raise InvalidInput(
                f"{other} is not the published file of {self.name}: {_difference(file, other)}; delete it, then `recortex fetch "
                f"{self.name}`"
            )
        raise MissingData(
            f"{self.name}: {Path(path).name} is not on this machine; get it with `recortex fetch {self.name}`, or name a folder that "
            f"holds {path} in RECORTEX_MIRROR"
        )

    def missing(self) -> list[File]:
        """The files that are not on this machine as they were published."""
        return [file for file in self.files if _find(file) is None]


def _content_or_none(manifest: Manifest, file: File) -> str | None:
    found = _find(file)
    return keys.content(found) if found else None


def data_folder() -> Path:
    """Where fetched data go: ``RECORTEX_DATA``, else the user's data folder."""
    if folder := os.environ.get("RECORTEX_DATA"):
        return Path(folder).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("recortex")


def folders() -> list[Path]:
    """Where files are looked for, in order."""
    mirrors = [Path(folder).expanduser() for folder in os.environ.get("RECORTEX_MIRROR", "").split(os.pathsep) if folder]
    return [*mirrors, data_folder()]


def _candidates(file: File) -> list[Path]:
    paths = (folder / file.path for folder in folders())
    return [path.absolute() for path in paths if path.is_file()]


def _find(file: File) -> Path | None:
    """The first copy that is the published file; a cut-off one in a mirror does not hide a sound one behind it."""
    return next((path for path in _candidates(file) if not _difference(file, path)), None)


def _difference(file: File, path: Path) -> str:
    """What is wrong with a copy; empty where nothing is."""
    if file.size is not None and path.stat().st_size != file.size:
        return f"it has {path.stat().st_size} bytes, not {file.size}"
    if file.sha256 is not None and keys.content(path) != file.sha256:
        return "its sha256 differs"
    return ""


def manifest_folder() -> Path:
    """The folder of manifests, in an installed package or a checkout."""
    inside = Path(__file__).parent.parent / "data_manifests"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "data_manifests"


def names() -> list[str]:
    """Every dataset with a manifest."""
    return sorted(path.stem for path in manifest_folder().glob("*.yaml"))


@cache
def load(name: str) -> Manifest:
    """A dataset's manifest.

    Raises
    ------
    InvalidInput
        There is none of this name.
    """
    if name not in names():
        raise InvalidInput(f"there is no manifest of a dataset {name}{did_you_mean(name, names())}")
    return Manifest.model_validate(yaml.safe_load((manifest_folder() / f"{name}.yaml").read_text()))


def fetch(name: str) -> list[Path]:
    """Bring a dataset's files to this machine: from a mirror if one has them, else from where they are published.

    Raises
    ------
    NeedsAgreement
        Its owner asks for an agreement first.
    MissingData
        The network or the host did not give a file.
    """
    manifest = load(name)
    for file in manifest.missing():
        if manifest.access != "open":
            raise NeedsAgreement(
                f"{manifest.title}: access is by {manifest.access}; ask at {manifest.url}, then put the files into "
                f"{data_folder() / name}"
            )
        import pooch

        target = data_folder() / file.path
        known = f"sha256:{file.sha256}" if file.sha256 else None
        try:
            pooch.retrieve(file.url, known, fname=target.name, path=target.parent, progressbar=True)
        except (OSError, ValueError) as error:
            raise MissingData(f"{name}: {file.url} could not be fetched: {error}") from error
    return [manifest.locate(file.path) for file in manifest.files]
