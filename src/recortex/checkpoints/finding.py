"""Where a model's files lie: shipped with recortex, in a mirror, in the hub's cache; or how they come from the network."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from recortex import disk, keys
from recortex.errors import InvalidInput, MissingData, NeedsAgreement, RecortexError, did_you_mean, listed, shown

SHIPPED = ("image_text", "autoencoder", "diffusion", "captioner", "judge")
PINNED = re.compile("[0-9a-f]{40}")
HUB_ID = re.compile(r"(?!\.)[\w.-]{1,96}/(?!\.)[\w.-]{1,96}")
REVISION = re.compile(r"(?!.*\.\.)[\w][\w./-]{0,200}")
CARRIES_CODE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".msgpack", ".h5")
MODELS = Path(__file__).parents[1] / "models"

Choose = Callable[[set[str], str], list[str]]
"""(names of the files there, what messages call the place) -> the files that a loader reads, its configuration first.

Raises InvalidInput where one that it needs is not there.
"""


@dataclass(frozen=True)
class Found:
    """A model's folder on this machine.

    Parameters
    ----------
    folder : Path
        As the model's own library loads it.
    files : tuple of str
        Those in it that decide what the model does.
    """

    folder: Path
    files: tuple[str, ...]

    def content(self) -> list[list[str]]:
        """Name and sha256 of each file, by name: the same wherever the folder lies."""
        return sorted([name, keys.content(self.folder / name)] for name in self.files)


def look_in(folder: Path, choose: Choose) -> Found:
    """The model in a folder.

    Raises
    ------
    InvalidInput
        It is none of the kind that is looked for, or not all of one.
    """
    first, *rest = choose(_names(folder), str(folder))
    inside = Path(first).parent  # a diffusion model's autoencoder lies one folder down
    return Found(folder / inside, tuple(Path(name).relative_to(inside).as_posix() for name in (first, *rest)))


def look_for_shipped(name: str, choose: Choose) -> Found:
    """A model that comes with recortex.

    Raises
    ------
    MissingData
        This installation holds no such model.
    """
    folder = MODELS / name
    if not folder.is_dir():
        raise MissingData(
            f"this installation of recortex ships no {name} model ({folder} is not there); name one with folder, or install it anew"
        )
    return look_in(folder, choose)


def look_for(model: str, revision: str | None, choose: Choose) -> Found | None:
    """A model of the hub where it lies on this machine: in ``RECORTEX_MIRROR``, then in the hub's own cache.

    Parameters
    ----------
    model : str
        Its hub id, org/name.
    revision : str, optional
        A commit of 40 hex digits, which only the hub's own layout can show, or a branch or tag.
    choose : callable

    Returns
    -------
    Found or None
        None for a pinned revision that is not here: it can be fetched.

    Raises
    ------
    MissingData
        It is not here, and not pinned.
    """
    troubles: list[str] = []
    for folder in _places(model, revision, troubles):
        try:
            return look_in(folder, choose)
        except InvalidInput as error:  # half of a download is no reason not to look on
            troubles.append(str(error))
    if is_pinned(revision) and not is_offline():
        return None
    raise missing(model, revision, "; ".join(troubles))


def fetch(model: str, revision: str, choose: Choose) -> Found:
    """Fetch a pinned model from the hub into its cache.

    Raises
    ------
    MissingData, NeedsAgreement, InvalidInput
        The hub cannot be reached, asks for an agreement, has no such model or revision, or the model has not the files needed.
    """
    from huggingface_hub import HfApi, constants, errors, snapshot_download

    try:
        names = set(HfApi().list_repo_files(model, revision=revision))
        files = choose(names, f"{model} at {revision[:12]}")
        with disk.refusals(Path(constants.HF_HUB_CACHE), "HF_HOME"):
            snapshot_download(model, revision=revision, allow_patterns=[glob.escape(name) for name in files])
    except RecortexError:
        raise
    except errors.GatedRepoError as error:
        page = f"https://huggingface.co/{model}"
        raise NeedsAgreement(f"{model}: its owner asks for an agreement; accept it on {page}, then `hf auth login`") from error
    except errors.RevisionNotFoundError as error:
        raise InvalidInput(f"revision: {model} has no commit {revision}; copy one from its page on the hub") from error
    except errors.RepositoryNotFoundError as error:
        raise InvalidInput(
            f"model: the hub has no {model}, or it is private; correct its name, or log in with `hf auth login`"
        ) from error
    except Exception as error:  # whatever the hub's client and its connections raise
        raise missing(model, revision, f"the hub cannot be reached ({_first_line(error)})") from error
    found = look_for(model, revision, choose)
    if found is None:
        raise missing(model, revision, "what was fetched is not in the hub's cache")
    return found


def is_pinned(revision: str | None) -> bool:
    """Whether a revision is one commit for ever."""
    return revision is not None and PINNED.fullmatch(revision) is not None


def is_offline() -> bool:
    """Whether the hub is not to be asked."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def check_name(model: str, revision: str | None) -> None:
    """Refuse what cannot be a model of the hub.

    Raises
    ------
    InvalidInput
        Neither a hub id nor one of its revisions.
    """
    if HUB_ID.fullmatch(model) is None:
        raise InvalidInput(
            f"model: {shown(model)} is no model of the hub, as in facebook/dinov2-small; name a folder of yours with folder:"
        )
    if revision is not None and REVISION.fullmatch(revision) is None:
        raise InvalidInput(f"revision: {shown(revision)} is no commit (40 hex digits), branch or tag")


def missing(model: str, revision: str | None, why: str = "") -> MissingData:
    """The error for a model that is not here, with the ways to get it."""
    at = f" --revision {revision}" if revision else ""
    pin = "" if is_pinned(revision) else ", or pin it with revision: (all 40 digits of a commit) to have it fetched"
    return MissingData(
        f"{model}{f' at {revision}' if revision else ''} is not on this machine{f' ({why})' if why else ''}: "
        f"`hf download {model}{at}`, or name its folder with folder: or one that holds it in RECORTEX_MIRROR{pin}"
    )


def weights_among(names: set[str], stems: tuple[str, ...], where: str, any_other: bool = False) -> list[str]:
    """The files that hold a model's weights: safetensors, whole or in shards with their index.

    Parameters
    ----------
    names : set of str
        The files there are.
    stems : tuple of str
        What the weights' file may be called without its suffix, the preferred first.
    where : str
        For messages.
    any_other : bool
        Whether a single .safetensors of another name will do.

    Raises
    ------
    InvalidInput
        There are none, shards are missing, or there are only files that may carry code.
    """
    for stem in stems:
        if f"{stem}.safetensors" in names:
            return [f"{stem}.safetensors"]
        shards = sorted(name for name in names if re.fullmatch(rf"{re.escape(stem)}-\d{{5}}-of-\d{{5}}\.safetensors", name))
        if shards:
            count = int(shards[0][-17:-12])
            index = f"{stem}.safetensors.index.json"
            expected = [index, *(f"{stem}-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1))]
            if lacking := [name for name in expected if name not in names]:
                raise InvalidInput(f"{where} lacks {listed(lacking, 2)} of the model's weights; fetch it again")
            return expected
    folder = stems[0].rpartition("/")[0]
    here = sorted(name for name in names if name.rpartition("/")[0] == folder)
    others = [name for name in here if name.endswith(".safetensors")]
    if any_other and len(others) == 1:
        return others
    if others:
        raise InvalidInput(f"{where} has {listed(others, 3)} and no {stems[0]}.safetensors; rename the one that is meant")
    if pickled := [name for name in here if name.endswith(CARRIES_CODE)]:
        raise InvalidInput(
            f"{where} has its weights as {pickled[0]}, a kind of file that may carry code and is never read; save them as "
            f"{stems[0]}.safetensors, or name a revision that has them so"
        )
    raise InvalidInput(f"{where} holds no weights: {stems[0]}.safetensors is not there")


def require(names: set[str], wanted: tuple[str, ...], where: str, kind: str) -> list[str]:
    """Files that must be there.

    Raises
    ------
    InvalidInput
        One is not; the message says of which kind of folder it would be.
    """
    for name in wanted:
        if name not in names:
            hint = did_you_mean(name, names) if names else ""
            near = hint if "did you mean" in hint else ""
            raise InvalidInput(f"{where} is not {kind}: {name} is not there{near}")
    return list(wanted)


def _names(folder: Path) -> set[str]:
    """Files in a folder and in those in it, hidden ones left out."""
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is a file; name the model's folder")
    try:
        top = [path for path in folder.iterdir() if not path.name.startswith(".")]
        inside = [path for below in top if below.is_dir() for path in below.iterdir() if not path.name.startswith(".")]
        return {path.relative_to(folder).as_posix() for path in (*top, *inside) if path.is_file()}
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read: {error.strerror or error}") from error


def _places(model: str, revision: str | None, troubles: list[str]) -> Iterator[Path]:
    from huggingface_hub import constants

    mirrors = [Path(entry).expanduser() for entry in os.environ.get("RECORTEX_MIRROR", "").split(os.pathsep) if entry]
    for store in (*mirrors, Path(constants.HF_HUB_CACHE)):
        repo = store / f"models--{model.replace('/', '--')}"
        try:
            commit = _commit(repo, revision)
        except InvalidInput as error:
            troubles.append(str(error))
            continue
        if commit and (repo / "snapshots" / commit).is_dir():
            yield repo / "snapshots" / commit
        if revision is None and store in mirrors and (store / model).is_dir():  # a plain folder does not say which commit it is
            yield store / model


def _commit(repo: Path, revision: str | None) -> str:
    """Which snapshot of a cached model is meant; empty where none is known."""
    if is_pinned(revision):
        return str(revision)
    try:
        reference = repo / "refs" / (revision or "main")
        if reference.is_file():
            commit = reference.read_text(errors="replace").strip()
            return commit if PINNED.fullmatch(commit) else ""
        snapshots = repo / "snapshots"
        known = sorted(path.name for path in snapshots.iterdir() if PINNED.fullmatch(path.name)) if snapshots.is_dir() else []
    except OSError as error:
        raise InvalidInput(f"{repo} cannot be read: {error.strerror or error}") from error
    if revision is None and len(known) > 1:
        raise InvalidInput(f"{repo} holds commits {listed(known, 3)} and does not say which is main; pin one with revision:")
    return known[0] if revision is None and known else ""


def _first_line(error: Exception) -> str:
    said = " ".join((str(error).strip() or type(error).__name__).split())
    return shown(said, 120)
