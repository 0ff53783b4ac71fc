"""Tables of text: a header line and rows of the same length."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from unicodedata import normalize

from recortex.data._in_our_words import CONTROL, in_our_words, what_it_is
from recortex.data._memory import afford
from recortex.errors import InvalidInput, did_you_mean, listed, shown

LINES = str.maketrans("\t\r\n", "   ")  # what running text may hold
STRAY = "look for a stray separator, or put quotation marks around a cell that holds one"


@dataclass(frozen=True)
class Table:
    """Rows of stripped cells under a header, and the line of the file that each stood on; text in Unicode's composed form."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read_table(path: Path, required: tuple[str, ...], text: tuple[str, ...] = ()) -> Table:
    """Read a .csv or .tsv table in UTF-8.

    Parameters
    ----------
    path : Path
    required : tuple of str
        Columns that must be there.
    text : tuple of str
        Columns of running text, in whose cells lines may end.

    Returns
    -------
    Table
        Without columns that have neither a name nor a cell, as spreadsheets leave them.

    Raises
    ------
    InvalidInput
        Another kind of file, broken quotes or bytes, no rows, a missing or doubled column, a row of another length, a control
        character, or more than fits into memory.
    """
    separator = {".csv": ",", ".tsv": "\t"}.get(path.suffix.lower())
    if separator is None:
        raise InvalidInput(
            f"{path} is no table, by its {'suffix ' + path.suffix if path.suffix else 'name without suffix'}: give a .csv (commas) or "
            ".tsv (tabs) file, or save it as one"
        )
    with in_our_words(path, "a table in UTF-8"):
        # a cell and its separator have two bytes or more; as an object of Python's it takes some sixty
        afford(30 * path.stat().st_size, str(path), "take away what is not needed of it")
        if really := what_it_is(path):
            raise ValueError(really)
        numbered = list(rows_of_cells(path, separator))
    header = numbered[0][1] if numbered else []
    for name in required:
        if name not in header:
            raise InvalidInput(f"{path} has no column {name}{_instead(name, numbered, separator)}")
    if twice := [name for name, count in Counter(header).items() if count > 1 and name]:
        raise InvalidInput(f"{path}: column {shown(twice[0])} stands twice; rename or remove one")
    for number, row in numbered[1:]:
        if len(row) != len(header):
            raise InvalidInput(f"{path}: line {number} has {len(row)} cells, the header {len(header)}; {STRAY}")
    if len(numbered) == 1:
        raise InvalidInput(f"{path} has a header line and nothing below it; give a line for each trial or stimulus")
    for number, row in numbered:
        if CONTROL.search("".join(row)):
            _refuse_control(path, number, header, row, text)
    if "" in header:
        kept = [name != "" or any(cells) for name, *cells in zip(*(row for _, row in numbered), strict=True)]
        numbered = [(number, list(compress(row, kept))) for number, row in numbered]
    _refuse_width(path, numbered)
    return Table(numbered[0][1], [row for _, row in numbered[1:]], [number for number, _ in numbered[1:]])


def rows_of_cells(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, with the last line of the file that it stands on.

    Raises
    ------
    InvalidInput
        A quotation mark that is not closed, or a cell that does not end.
    """
    with open(path, newline="", encoding="utf-8-sig") as handle:
        reader = csv.reader(handle, delimiter=separator, strict=True)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, [_clean(cell) for cell in row]
        except csv.Error as error:
            raise InvalidInput(
                f"{path}: line {reader.line_num}: {error}; look for a quotation mark that is not closed, or not doubled inside a cell"
            ) from error


def _clean(cell: str) -> str:
    """Without space around it, byte order marks, which stand where files were joined, and two ways to write one letter."""
    return cell.strip() if cell.isascii() else normalize("NFC", cell.replace("\ufeff", "").strip())


def _instead(name: str, numbered: list[tuple[int, list[str]]], separator: str) -> str:
    if not numbered:
        return "; it is empty"
    header = numbered[0][1]
    for line, row in numbered[1:10]:
        if name in row:
            return f" in its first line; if line {line} holds the names of the columns, take away what stands above it"
    if len(header) == 1 and any(other in header[0] for other in (";", "\t", ",")):
        word = "commas" if separator == "," else "tabs"
        return f"; its line {header[0][:80]!r} is not separated by {word}; save it with {word}"
    if all(map(is_number, header)):
        return "; its first line holds numbers, not names: put a line of column names above it, or name the right table"
    hint = did_you_mean(name, map(shown, header[:1000]))
    if "did you mean" in hint:
        return f"; rename its column{hint.removeprefix('; did you mean').removesuffix('?')} to {name}"
    first = listed((shown(column) for column in header), 8)
    if name != "stimulus":
        return f"; it has {first}"
    return (
        f"; its first line is {first}: rename the column of what was shown to stimulus, or if that line is a trial, put a line of "
        "column names above it"
    )


def is_number(cell: str) -> bool:
    """Whether a cell is a number as all programs write it; NaN and infinities are."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python's own way to write 1_000


def decimal_comma(cell: str) -> str:
    """A hint where a number is written with a decimal comma."""
    return "; write it with a point" if "," in cell and is_number(cell.replace(",", ".", 1)) else ""


def _refuse_control(path: Path, number: int, header: list[str], row: list[str], text: tuple[str, ...]) -> None:
    for column, cell in zip(header, row, strict=True):
        found = CONTROL.search(cell.translate(LINES) if column in text else cell)
        if found:
            raise InvalidInput(
                f"{path}: line {number} has {found.group()!r} in a cell of column {shown(column)}, which ends a line or cannot be seen; "
                "take it out"
            )


def _refuse_width(path: Path, numbered: list[tuple[int, list[str]]]) -> None:
    """The cells become an array whose every cell has room for the longest."""
    longest, line = max((max(map(len, row)), number) for number, row in numbered)
    afford(
        4 * longest * len(numbered) * len(numbered[0][1]),
        f"{path}: line {line} has a cell of {longest:,} characters; with room for as many in every cell the table",
        "shorten it",
    )
