"""Tables of text: a header line and rows of the same length."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from recortex.errors import InvalidInput, did_you_mean, listed


@dataclass(frozen=True)
class Table:
    """Rows of stripped cells under a header, and the line of the file that each stood on."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read_table(path: Path, required: tuple[str, ...]) -> Table:
    """Read a .csv or .tsv table in UTF-8.

    Parameters
    ----------
    path : Path
    required : tuple of str
        Columns that must be there.

    Returns
    -------
    Table

    Raises
    ------
    InvalidInput
        Another kind of file, broken quotes or bytes, no rows, a missing or doubled column, a row of another length.
    """
    separator = {".csv": ",", ".tsv": "\t"}.get(path.suffix.lower())
    if separator is None:
        raise InvalidInput(f"{path}: a table is a .csv or .tsv file, not {path.suffix or 'one without suffix'}")
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle, delimiter=separator, strict=True)
            numbered = [(reader.line_num, [cell.strip() for cell in line]) for line in reader if line]
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"{path} cannot be read as a table in UTF-8: {error}") from error
    header = numbered[0][1] if numbered else []
    for name in required:
        if name not in header:
            hint = did_you_mean(name, header)
            if len(header) == 1 and any(other in header[0] for other in (";", "\t", ",")):
                hint = f"; its line {header[0]!r} is not separated by {'commas' if separator == ',' else 'tabs'}"
            elif "did you mean" not in hint:
                hint = f"; it has {listed(header, 8)}" if header else "; it is empty"
            raise InvalidInput(f"{path} has no column {name}{hint}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise InvalidInput(f"{path}: column {twice[0]} stands twice")
    for number, line in numbered[1:]:
        if len(line) != len(header):
            raise InvalidInput(f"{path}: line {number} has {len(line)} cells, the header {len(header)}")
    if len(numbered) == 1:
        raise InvalidInput(f"{path} has a header line and nothing below it")
    return Table(header, [line for _, line in numbered[1:]], [number for number, _ in numbered[1:]])
