"""Files of a finished stage, for use elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from recortex import disk
from recortex.errors import InvalidInput, MissingData, did_you_mean, shown

if TYPE_CHECKING:
    from recortex.stage import Node


def export_files(pipeline: str, branches: Mapping[str, Mapping[str, Node]], entry: str, to: Path, force: bool) -> list[Path]:
    """Write the files of a model that a pipeline trained into a folder.

    Parameters
    ----------
    pipeline : str
        Its name, for messages.
    branches : mapping of str to mapping of str to Node
        One branch, with its nodes by entry.
    entry : str
        Which of them.
    to : Path
        The folder; made if it is not there.
    force : bool
        Whether files that are there are replaced.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InvalidInput
        No such entry, one that makes no model, or a file is in the way.
    MissingData
        It has not been computed yet.
    CannotWrite
    """
    from recortex.checkpoints.base import Checkpoint

    nodes = next(iter(branches.values()))
    if entry not in nodes:
        raise InvalidInput(f"{pipeline} has no entry {shown(entry)}{did_you_mean(entry, nodes)}")
    stage = nodes[entry]
    if not isinstance(stage, Checkpoint):
        models = [name for name, node in nodes.items() if isinstance(node, Checkpoint)]
        said = f"those of {pipeline} are {', '.join(models)}" if models else f"{pipeline} has none"
        raise InvalidInput(f"{entry} is no model that a pipeline trains, and so has no files to export; {said}")
    if stage.cached() is None:
        raise MissingData(f"{entry} has not been computed yet: `recortex run {pipeline}`, then export again")
    folder = to.expanduser().absolute()
    if folder.is_file():
        raise InvalidInput(f"--to: {folder} is a file; name a folder")
    files = [folder / str(name) for name in stage.run()["file"]]
    if there := [path for path in files if path.exists() and not force]:
        raise InvalidInput(f"--to: {there[0]} is there already; name another folder, or replace its files with --force")
    with disk.refusals(folder, "--to FOLDER"):
        stage.write_to(folder)
    return files
