"""What there is: stages and their fields, datasets; and fetching one."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recortex import catalog
from recortex.data import archives, manifests
from recortex.errors import InvalidInput, did_you_mean, shown
from recortex.report.page import human_bytes
from recortex.stage import NOT_IN_KEY, first_line


def _console() -> Console:
    return Console(markup=False)  # a path or a title may hold what rich would take for its own signs


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def list_stages() -> None:
    """Every stage of the catalog, room by room."""
    table = _table("room", "type", "what it is")
    for room, names in groupby(catalog.STAGES, catalog.room):
        for place, name in enumerate(names):
            table.add_row(room if place == 0 else "", name, first_line(catalog.find(name)))
    _console().print(table)


def list_fields(name: str) -> None:
    """The fields of a stage, their defaults and meaning.

    Raises
    ------
    InvalidInput
        There is no such stage.
    """
    if name not in catalog.STAGES:
        near = did_you_mean(name, [*catalog.STAGES, *manifests.names()])
        if "did you mean" not in near:
            near = "; `recortex list` shows the stages, `recortex list datasets` the datasets"
        raise InvalidInput(f"there is no stage or dataset {shown(name)}{near}")
    cls = catalog.find(name)
    console = _console()
    console.print(Text.assemble((name, "bold"), "  ", first_line(cls)), highlight=False)
    meanings, besides = _meanings(cls)
    table = _table("field", "default", "meaning")
    for field, info in cls.model_fields.items():
        default = "required" if info.is_required() else repr(info.get_default(call_default_factory=True))
        default = default if len(default) <= 40 else default[:37] + "..."
        note = " (does not change the result)" if NOT_IN_KEY in info.metadata else ""
        choice = f" One of {', '.join(map(str, allowed))}." if (allowed := _choices(info.annotation)) else ""
        table.add_row(field, default, (meanings.get(field, "") + choice + note).strip())
    console.print(table)
    for sentence in besides:
        console.print(sentence, highlight=False)


def _choices(annotation: Any) -> list[Any]:
    """The values that a field is one of; none where it may hold others."""
    parts = typing.get_args(annotation) if typing.get_origin(annotation) is not None else ()
    if typing.get_origin(annotation) is typing.Literal:
        return list(parts)
    return [value for part in parts for value in _choices(part)]


def _meanings(cls: type) -> tuple[dict[str, str], list[str]]:
    """Field name to description, from a class and those it is a kind of; and what is said of several fields besides."""
    found: dict[str, str] = {}
    besides: list[str] = []
    for above in cls.__mro__:
        for name, text in _described(inspect.cleandoc(vars(above).get("__doc__") or "")).items():
            if not text.startswith("As in every "):
                found.setdefault(name, text)
            elif name not in found and (more := text.partition(". ")[2]) and more not in besides:
                besides.append(more)
    return found, besides


def _described(text: str) -> dict[str, str]:
    """Field name to description, from the Parameters section of a numpy docstring."""
    section = text.split("Parameters\n----------\n", 1)[-1]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.split("\n"):
        if re.match(r"^\w[\w, ]*( : .*)?$", line):
            names = [name.strip() for name in line.split(" : ")[0].split(",")]
        elif line.startswith("    "):
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def list_datasets(names: Sequence[str] = ()) -> None:
    """Datasets, or these alone: licence, and whether it is here."""
    table = _table("dataset", "here", "size", "access", "licence", "what it is")
    for name in names or manifests.names():
        manifest = manifests.load(name)
        sizes = [file.size for file in manifest.files]
        size = human_bytes(sum(size for size in sizes if size)) if all(sizes) else "as published"
        here = "yes" if not manifest.missing() else "no"
        table.add_row(name, here, size, manifest.access, manifest.licence, manifest.title)
    _console().print(table)


def fetch_dataset(name: str) -> None:
    """Show a dataset's terms, then bring its files here."""
    manifest = manifests.load(name)
    console = _console()
    console.print(manifest.title, style="bold", highlight=False)
    console.print(f"licence  {manifest.licence}\ncite     {manifest.citation}", highlight=False)
    for path in manifests.fetch(name):
        sealed = archives.unpacked(path)
        said = (
            f"{human_bytes(sum(sealed.sizes.values()))} in {len(sealed.sizes)} files"
            if sealed
            else human_bytes(path.stat().st_size)
        )
        console.print(f"here     {path}  {said}", highlight=False, soft_wrap=True)
