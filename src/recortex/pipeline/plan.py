"""What a run would do, without doing it: which results are there, what is missing, how much space it takes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from recortex import disk, parts, store
from recortex.errors import RecortexError
from recortex.pipeline.run import Branches, Task, tasks
from recortex.stage import Source, Stage

BYTES = {"float": 4, "int": 8, "bool": 1, "uint8": 1, "str": 24}


@dataclass(frozen=True)
class Item:
    """One stage of a plan.

    Parameters
    ----------
    name, type : str
    state : "cached", "to do" or "missing"
    disk, memory : int
        Bytes of the result, and held while it is made (its inputs and itself); 0 where they are not known beforehand.
    space : int
        Bytes that must be free to make it: twice the result for a stage made in parts.
    reason : str
        What is missing.
    """

    name: str
    type: str
    state: str
    disk: int
    memory: int
    space: int
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """A whole plan: its stages, the sources they descend from, and the bytes free where results go.

    Parameters
    ----------
    items : sequence of Item
    sources : sequence of Source
    root : Path
        The cache.
    free : int
        Bytes that its disk has left.
    """

    items: Sequence[Item]
    sources: Sequence[Source]
    root: Path
    free: int

    @property
    def needed(self) -> int:
        """Bytes that a run will have on the disk at its fullest, as far as they are known beforehand.

        Parts are removed when their stage is joined, so only the largest of them counts twice.
        """
        todo = [item for item in self.items if item.state != "cached"]
        return sum(item.disk for item in todo) + max((item.space - item.disk for item in todo), default=0)

    def summary(self) -> str:
        """One line on what is to do, and how much room it takes."""
        from recortex.report.page import human_bytes

        count = {state: sum(item.state == state for item in self.items) for state in ("cached", "to do", "missing")}
        unknown = sum(item.state != "cached" and not item.disk for item in self.items)
        text = f"{count['cached']} cached, {count['to do']} to do, {count['missing']} missing; "
        text += f"needs {human_bytes(self.needed)}" if self.needed or not unknown else "needs an unknown amount"
        stages = "1 stage" if unknown == 1 else f"{unknown} stages"
        text += f" (and {stages} whose size is known only once the inputs are there)" if unknown and self.needed else ""
        return f"{text}, {human_bytes(self.free)} free"

    def shortage(self) -> str:
        """What to do where there is not enough room; empty where there is."""
        from recortex.report.page import human_bytes

        if self.needed < self.free:
            return ""
        return (
            f"{self.root} has {human_bytes(self.free)} free and the results will take {human_bytes(self.needed)}: make room "
            f"(`recortex cache prune`) or name another place with {disk.CACHE}"
        )


def make_plan(branches: Branches) -> Plan:
    """Look at every stage of a pipeline; nothing is computed.

    Returns
    -------
    Plan
    """
    todo = tasks(branches)
    items, sources = [], {}
    sizes: dict[str, int] = {}
    for task in todo.values():
        items.append(_item(task, sizes))
        sources.update(dict.fromkeys(task.stage.sources()))
    root = store.current().root
    return Plan(items, list(sources), root, shutil.disk_usage(disk.existing(root)).free)


def _item(task: Task, sizes: dict[str, int]) -> Item:
    stage, name = task.stage, ", ".join(task.names) or task.name
    result = stage.cached()
    if result is not None:
        sizes[task.key] = result.path.stat().st_size
        return Item(name, stage.type_name(), "cached", sizes[task.key], 0, 0)
    try:
        stage.check_ready()
        disk = expected_bytes(stage)
    except RecortexError as error:
        return Item(name, stage.type_name(), "missing", 0, 0, 0, str(error))
    sizes[task.key] = disk
    memory = disk + sum(sizes.get(key, 0) for key in task.needs) if disk else 0
    in_parts = (parts.folder(stage) / "tiling.json").exists() or type(stage).tiling is not Stage.tiling
    return Item(name, stage.type_name(), "to do", disk, memory, disk * (2 if in_parts else 1))


def expected_bytes(stage: Stage) -> int:
    """The size of a result that is not there yet, from the dimensions its stage foresees; 0 where it cannot know them."""
    dims = stage.foresee()
    if not dims:
        return 0
    required = [spec for spec in stage.returns.values() if not spec.optional]
    return sum(prod(dims.get(dim, 1) for dim in spec.dims) * BYTES[spec.dtype] for spec in required)
