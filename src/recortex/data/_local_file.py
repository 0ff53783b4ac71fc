"""A path that must lead to a file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from recortex.stage import LocalPath


def _no_folder(path: LocalPath | None) -> LocalPath | None:
    # refused here and not when it is read: the key of a folder is made of every file in it, which may be a person's whole disk
    if path is not None and path.is_dir():
        raise ValueError(f"{path} is a folder; name a file in it")
    return path


LocalFile = Annotated[LocalPath, AfterValidator(_no_folder)]
