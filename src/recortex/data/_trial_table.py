"""The trial table: one line a trial, which stimulus was shown, and what else is known of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recortex.data._table_file import read_table
from recortex.data.base import LABELS
from recortex.errors import InvalidInput, did_you_mean

COLUMNS = ("stimulus", *LABELS, "onset_s")


def read_trials(path: Path) -> dict[str, np.ndarray]:
    """Read a .csv or .tsv trial table.

    Parameters
    ----------
    path : Path
        ``stimulus`` is required; ``session``, ``run``, ``block``, ``repetition``, ``split``, ``category`` and ``onset_s`` (or
        ``onset``, in seconds, as in BIDS) are used where they are; other columns are left alone.

    Returns
    -------
    dict of str to (trial,) arrays
        Labels as text, onsets as numbers.

    Raises
    ------
    InvalidInput
        No stimulus column, a column that looks misspelt, an empty stimulus, an onset that is not a number.
    """
    header, rows = read_table(path, ("stimulus",))
    header = ["onset_s" if name == "onset" else name for name in header]
    for name in header:
        if name not in COLUMNS and "did you mean" in (hint := did_you_mean(name, COLUMNS)):
            raise InvalidInput(f"{path}: unknown column {name}{hint} Rename it, or give it a name of its own")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(header) if name in COLUMNS}
    if "" in columns["stimulus"]:
        raise InvalidInput(f"{path}: line {columns['stimulus'].index('') + 2} has no stimulus")
    return {name: _seconds(cells, path) if name == "onset_s" else np.array(cells, dtype=str) for name, cells in columns.items()}


def _seconds(cells: list[str], path: Path) -> np.ndarray:
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            values[row] = float(cell)
        except ValueError:
            raise InvalidInput(f"{path}: line {row + 2} has onset {cell!r}, not a number of seconds") from None
    return values
