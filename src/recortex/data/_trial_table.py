"""The trial table: one line a trial, which stimulus was shown, and what else is known of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recortex.data._table_file import read_table
from recortex.data.base import LABELS, NUMBERS
from recortex.errors import InvalidInput

COLUMNS = ("stimulus", *LABELS, *NUMBERS)


def read_trials(path: Path) -> dict[str, np.ndarray]:
    """Read a .csv or .tsv trial table.

    Parameters
    ----------
    path : Path
        ``stimulus`` is required. ``session``, ``run``, ``block``, ``clip``, ``repetition``, ``split``, ``category``, ``concept`` and,
        in seconds, ``onset_s`` (or ``onset``, as in BIDS), ``window_s`` and ``trigger_s`` have a meaning; other columns are kept, to
        split or to decode by. Only a trigger may be missing: an empty cell.

    Returns
    -------
    dict of str to arrays
        Labels as text (trial,), onsets as numbers; other columns as extra (trial, extra_column) and extra_column.

    Raises
    ------
    InvalidInput
        No stimulus column, an empty stimulus, a time that is not a number.
    """
    read = read_table(path, ("stimulus",))
    header = ["onset_s" if name == "onset" else name for name in read.header]
    if header.count("onset_s") > 1:
        raise InvalidInput(f"{path} has both onset and onset_s; keep one")
    columns = dict(zip(header, map(list, zip(*read.rows, strict=True)), strict=True))
    if "" in columns["stimulus"]:
        raise InvalidInput(f"{path}: line {read.lines[columns['stimulus'].index('')]} has no stimulus")
    table = {
        name: _seconds(name, cells, read.lines, path) if name in NUMBERS else np.array(cells, dtype=str)
        for name, cells in columns.items()
        if name in COLUMNS
    }
    if others := [name for name in header if name not in COLUMNS and name]:
        table["extra_column"] = np.array(others)
        table["extra"] = np.column_stack([np.array(columns[name], dtype=str) for name in others])
    return table


def _seconds(name: str, cells: list[str], lines: list[int], path: Path) -> np.ndarray:
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if name == "trigger_s" and cell == "":
            continue
        try:
            values[row] = float(cell)
        except ValueError:
            pass  # refused below, as nan and inf are
        if not np.isfinite(values[row]):
            raise InvalidInput(f"{path}: line {lines[row]} has {name.removesuffix('_s')} {cell!r}, not a number of seconds")
    return values
