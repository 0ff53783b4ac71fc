"""Files and folders of the user's as fields of a stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic_core import core_schema


class LocalPath(type(Path())):  # type: ignore[misc]
    """A file or folder of the user's that counts in a key by its content: moved, it is the same; changed, it is another."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._existing, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def _existing(cls, value: Any) -> Self:
        if not isinstance(value, str | Path):
            raise ValueError("must be a path, as in data/betas.npy")
        if str(value).strip() in ("", "~", "/"):
            raise ValueError("must name a file or folder of yours")
        path = cls(value).expanduser().absolute()
        if path.parts[1:2] and path.parts[1] in ("proc", "sys"):
            raise ValueError(f"{path} is the system's account of itself, not a file; save what it says to a file, and name that")
        if not path.exists():
            raise ValueError(f"there is no file or folder {path}")
        if not path.is_file() and not path.is_dir():
            raise ValueError(f"{path} is a device, pipe or socket, not a file; save what it gives to a file, and name that")
        return path


class LocalFile(LocalPath):
    """As `LocalPath`, but no folder: the key of a folder is made of every file in it, which may be a person's whole disk."""

    @classmethod
    def _existing(cls, value: Any) -> Self:
        path = super()._existing(value)
        if path.is_dir():
            raise ValueError(f"{path} is a folder; name a file in it")
        return path
