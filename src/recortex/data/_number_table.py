"""Numbers out of .csv and .tsv files, a row a line, perhaps under a line of names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recortex.data._in_our_words import what_it_is
from recortex.data._memory import afford
from recortex.data._sound import sound
from recortex.data._table_file import STRAY, decimal_comma, is_number, rows_of_cells
from recortex.errors import InvalidInput


def names(path: Path) -> list[str]:
    """None: a table is one array, without a name."""
    return []


def shape(path: Path, name: str | None) -> None:
    """Not known before all lines are read."""
    return None


def read(path: Path, name: str | None) -> np.ndarray:
    """Read all numbers of a table, .csv by commas or .tsv by tabs.

    Returns
    -------
    (row, column) float64 array
    """
    # a cell and its separator have two bytes or more, and become eight
    afford(4 * path.stat().st_size, str(path), "save it as .npy, in float32")
    separator, word = (",", "commas") if path.suffix.lower() == ".csv" else ("\t", "tabs")
    if really := what_it_is(path):
        raise ValueError(really)
    line, first = next(rows_of_cells(path, separator), (0, []))
    if not first:
        raise InvalidInput(f"{path} holds nothing: it has no line with a cell")
    if first[0] == "" and len(first) > 1:
        raise InvalidInput(
            f"{path}: its first column has no name; if it holds row numbers, save the table without them (index=False in pandas)"
        )
    if len(first) > 2 and first == [str(number) for number in range(len(first))]:
        raise InvalidInput(
            f"{path}: its first line counts the columns (0, 1, 2, ...), as pandas heads columns without names; leave it out "
            "(header=False), so that it is not taken for a row"
        )
    named = any(first) and not any(is_number(cell) or decimal_comma(cell) for cell in first)
    if len(first) == 1 and (named or not first[0]) and any(other in first[0] for other in ";\t,"):
        raise InvalidInput(f"{path}: its cells are not separated by {word}: {first[0][:40]!r}; save it with {word}")
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            values = np.loadtxt(handle, delimiter=separator, skiprows=line if named else 0, ndmin=2, comments=None, quotechar='"')
    except ValueError:
        _point_out(path, separator, named)
        raise
    sound(str(path), values.shape, values.dtype)
    return values


def _point_out(path: Path, separator: str, named: bool) -> None:
    """Refuse a table by the first cell that is no number, or line that is longer or shorter than the first."""
    columns = 0
    for number, (line, row) in enumerate(rows_of_cells(path, separator)):
        columns = columns or len(row)
        if len(row) != columns:
            raise InvalidInput(f"{path}: line {line} has {len(row)} cells, the first {columns}; {STRAY}")
        for column, cell in enumerate(row, 1):
            if not (named and number == 0) and not is_number(cell):
                said = "an empty cell" if cell == "" else repr(cell[:40])
                remedy = decimal_comma(cell) or "; give numbers only, with at most one line of names above them"
                raise InvalidInput(f"{path}: line {line}, column {column} is {said}, not a number{remedy}")
