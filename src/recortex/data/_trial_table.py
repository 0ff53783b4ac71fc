"""The trial table: one line a trial, which stimulus was shown, and what else is known of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recortex.data._table_file import Table, decimal_comma, is_number, read_table
from recortex.data.base import LABELS, NUMBERS, WHOLE
from recortex.errors import InvalidInput

STATED = ("stimulus", "session", "run")  # of every trial: each was recorded somewhere, and a split must know where
MISSING = ("", "n/a")  # the second as BIDS writes it
COLUMNS = ("stimulus", *LABELS, *NUMBERS)


def read_trials(path: Path) -> dict[str, np.ndarray]:
    """Read a .csv or .tsv trial table.

    Parameters
    ----------
    path : Path
        ``stimulus`` is required. ``session``, ``run``, ``block``, ``clip``, ``repetition``, ``split``, ``category``, ``concept`` and,
        in seconds, ``onset_s`` (or ``onset``, as in BIDS), ``window_s`` and ``trigger_s`` have a meaning; other columns are kept, to
        split or to decode by. Only a trigger may be missing: empty, or "n/a" as in BIDS.

    Returns
    -------
    dict of str to arrays
        Labels as text (trial,), onsets as numbers; other columns as extra (trial, extra_column) and extra_column.

    Raises
    ------
    InvalidInput
        No stimulus column, a trial without a stimulus, run or session, a stimulus whose number is written in two ways, a time that
        is not a number.
    """
    read = read_table(path, ("stimulus",))
    header = ["onset_s" if name == "onset" else name for name in read.header]
    if header.count("onset_s") > 1:
        raise InvalidInput(f"{path} has both onset and onset_s; keep one")
    columns = dict(zip(header, map(list, zip(*read.rows, strict=True)), strict=True))
    for name in STATED:
        for cell, line in zip(columns.get(name, ()), read.lines, strict=False):
            if cell in MISSING:
                other = "take the line and its row of responses away" if name == "stimulus" else "take it away"
                raise InvalidInput(f"{path}: line {line} has no {name}; complete the column {name}, or {other}")
    _refuse_two_spellings(columns["stimulus"], read.lines, path)
    table: dict[str, np.ndarray] = {
        name: _seconds(name, cells, read, path) if name in NUMBERS else np.array(cells, dtype=str)
        for name, cells in columns.items()
        if name in COLUMNS
    }
    if others := [name for name in header if name not in COLUMNS and name]:
        table["extra_column"] = np.array(others)
        table["extra"] = np.column_stack([np.array(columns[name], dtype=str) for name in others])
    return table


def _refuse_two_spellings(stimulus: list[str], lines: list[int], path: Path) -> None:
    """Two spellings of one number would be two stimuli, one of which could train what the other tests."""
    first: dict[str, tuple[str, int]] = {}
    for cell, line in zip(stimulus, lines, strict=True):
        if WHOLE.fullmatch(cell):
            spelling, there = first.setdefault(cell.partition(".")[0].lstrip("0"), (cell, line))
            if spelling != cell:
                raise InvalidInput(
                    f"{path}: stimulus {spelling} of line {there} is written {cell} on line {line}; write it in one way"
                )


def _seconds(name: str, cells: list[str], read: Table, path: Path) -> np.ndarray:
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if name == "trigger_s" and cell in MISSING:
            continue
        if is_number(cell):
            values[row] = float(cell)
        if not np.isfinite(values[row]):
            called = name if name in read.header else name.removesuffix("_s")
            said = f"{called} {cell[:40]!r}, not a number of seconds"
            raise InvalidInput(f"{path}: line {read.lines[row]} has {said}{decimal_comma(cell)}")
    return values
