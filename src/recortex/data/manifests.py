"""Manifests: what a public dataset consists of, where it is published, on which terms; and its files on this machine.

Files are looked for in the folders of ``RECORTEX_MIRROR`` (a path list), then in ``RECORTEX_DATA`` or the user's data folder, where
`fetch` puts them. A size or checksum stands in a manifest only where it was seen on the file itself.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from recortex import keys, plain_yaml
from recortex.data import archives
from recortex.data.download import download
from recortex.errors import InvalidInput, MissingData, NeedsAgreement, did_you_mean, shown
from recortex.stage import Source

MOST_BYTES = 2_000_000  # of a manifest: thousands of files
PUBLISHED = re.compile(r"https://[^\s/@]+/\S+")


def _inside(path: str) -> str:
    if not re.fullmatch(r"[\w.+ -]+(/[\w.+ -]+)+", path) or not {".", ".."}.isdisjoint(path.split("/")):
        raise ValueError("must be a path below the dataset's own folder, as in digits69/responses.mat")
    return path


def _published(url: str) -> str:
    if not PUBLISHED.fullmatch(url):
        raise ValueError("must be an address that begins with https://")
    return url


class File(BaseModel):
    """One published file.

    Parameters
    ----------
    path : str
        Where it stands below a mirror or data folder, the first folder being the dataset's.
    url : str
        Where it is published, at a fixed revision; https.
    size : int, optional
        Bytes, as seen.
    sha256 : str, optional
        As seen.
    unpack : bool
        For an archive (.zip, .tar, .tar.gz, ...): `fetch` unpacks it into a folder beside it that is called like it without that
        suffix, and `Manifest.locate` finds the folder under the archive's path, and its members under theirs: ``toy/pictures/1.png``
        for the member ``1.png`` of ``toy/pictures.zip``. The archive itself may then be deleted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    path: Annotated[str, AfterValidator(_inside)]
    url: Annotated[str, AfterValidator(_published)]
    size: Annotated[int, Field(gt=0)] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    unpack: bool = False

    @model_validator(mode="after")
    def _is_an_archive(self) -> File:
        if self.unpack and self.folder == self.path:
            raise ValueError(f"{self.path} cannot be unpacked: its name must end in one of {', '.join(archives.SUFFIXES)}")
        return self

    @property
    def folder(self) -> str:
        """The path without the suffix of an archive: where its members go."""
        suffix = next((suffix for suffix in archives.SUFFIXES if self.path.lower().endswith(suffix)), "")
        return self.path[: len(self.path) - len(suffix)]

    def here(self) -> Path | None:
        """The published file, or the folder that it was unpacked into; a cut-off copy in a mirror does not hide a sound one."""
        if not self.unpack:
            return self.sound_copy()
        for folder in (place / self.folder for place in folders()):
            found = archives.unpacked(folder)
            if found and self.sha256 in (None, found.sha256):
                return folder.absolute()
        return None

    def sound_copy(self) -> Path | None:
        """The first copy that is the file as published."""
        return next((path for path in self.copies() if not self.difference(path)), None)

    def copies(self) -> list[Path]:
        """Every file of its name where files are looked for."""
        paths = (folder / self.path for folder in folders())
        return [path.absolute() for path in paths if path.is_file()]

    def difference(self, path: Path) -> str:
        """What is wrong with a copy; empty where nothing is."""
        if self.size is not None and path.stat().st_size != self.size:
            return f"it has {path.stat().st_size} bytes, not {self.size}"
        if self.sha256 is not None and keys.content(path) != self.sha256:
            return "its sha256 differs"
        return ""

    def checksum(self) -> str | None:
        """The sha256 as published, else of what is here."""
        if self.sha256 or (found := self.here()) is None:
            return self.sha256
        sealed = archives.unpacked(found) if self.unpack else None
        return sealed.sha256 if sealed else keys.content(found)


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
    url: Annotated[str, AfterValidator(_published)]
    access: Literal["open", "agreement", "on request"]
    caveats: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    files: tuple[File, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_places_of_its_own(self) -> Manifest:
        taken: set[str] = set()
        for file in self.files:
            if not file.path.startswith(f"{self.name}/"):
                raise ValueError(f"{file.path} must lie in the dataset's own folder, {self.name}/")
            for path in {file.path, file.folder} if file.unpack else {file.path}:
                if path.casefold() in taken:
                    raise ValueError(f"two files would stand at {path}")
                taken.add(path.casefold())
        return self

    def source(self) -> Source:
        """For provenance and the report."""
        return Source(self.title, self.licence, self.citation, self.url, self.caveats)

    def checksums(self) -> dict[str, str | None]:
        """For the key of stages that read these files: they are what they are wherever they lie."""
        return {file.path: file.checksum() for file in self.files}

    def locate(self, path: str) -> Path:
        """A file of this dataset on this machine, its checksum verified; or a member of one that was unpacked, its size verified.

        Raises
        ------
        MissingData
            It is in none of the folders.
        InvalidInput
            It is there, and is not the published file; or the manifest names no such file.
        """
        file = self._file(path)
        found = file.here()
        if found is not None:
            return found if path == file.path else self._member(file, found, path)
        for other in [] if file.unpack else file.copies():
            raise InvalidInput(
                f"{other} is not the published file of {self.name}: {file.difference(other)}; delete it, then `recortex fetch "
                f"{self.name}`"
            )
        raise MissingData(
            f"{self.name}: {PurePosixPath(path).name} is not on this machine; get it with `recortex fetch {self.name}`, or name a folder "
            f"that holds {file.path} in RECORTEX_MIRROR{' first' if file.unpack else ''}"
        )

    def _file(self, path: str) -> File:
        for file in self.files:
            if file.path == path or (file.unpack and path.startswith(f"{file.folder}/")):
                return file
        raise InvalidInput(f"{self.name} has no file {path}{did_you_mean(path, [file.path for file in self.files])}")

    def _member(self, file: File, folder: Path, path: str) -> Path:
        name = path.removeprefix(f"{file.folder}/")
        sealed = archives.unpacked(folder)
        sizes = sealed.sizes if sealed else {}
        if name not in sizes:
            raise InvalidInput(f"{self.name}: {file.path} holds no {name}{did_you_mean(name, sizes)}")
        member = folder / name
        if not member.is_file() or member.stat().st_size != sizes[name]:
            raise InvalidInput(
                f"{member} is not the {sizes[name]} bytes that were unpacked; delete {folder}, then `recortex fetch {self.name}`"
            )
        return member

    def missing(self) -> list[File]:
        """The files that are not on this machine as they were published."""
        return [file for file in self.files if file.here() is None]


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
        There is none of this name, or it is not one.
    """
    if name not in names():
        raise InvalidInput(f"there is no dataset {shown(name)}{did_you_mean(name, names())}")
    path = manifest_folder() / f"{name}.yaml"
    said = plain_yaml.read(path, "a manifest", MOST_BYTES)
    if said.get("name", name) != name:
        raise InvalidInput(f"{path}: name: must be that of the file, {name}, got {shown(repr(said['name']))}")
    try:
        return Manifest.model_validate(said)
    except ValidationError as error:
        raise InvalidInput(f"{path}: {plain_yaml.complaint(error)}") from error


def fetch(name: str) -> list[Path]:
    """Bring a dataset's files to this machine: from a mirror if one has them, else from where they are published.

    Raises
    ------
    NeedsAgreement
        Its owner asks for an agreement first.
    MissingData
        The network or the host did not give a file.
    CannotWrite
        The disk did not take it.
    InvalidInput
        An archive cannot be unpacked.
    """
    manifest = load(name)
    for file in manifest.missing():
        copy = file.sound_copy()
        if copy is None and manifest.access != "open":
            raise NeedsAgreement(
                f"{manifest.title}: access is by {manifest.access}; ask at {manifest.url}, then put the files into "
                f"{data_folder() / name}"
            )
        if copy is None:
            copy = download(file.url, data_folder() / file.path, f"{name}: ", file.size, file.sha256)
        if file.unpack:
            archives.unpack(copy, data_folder() / file.folder)
    return [manifest.locate(file.path) for file in manifest.files]
