"""Tables that go with a run in BIDS: its events, and its confounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recortex.data._picture_bytes import picture_name
from recortex.data._table_file import Table, decimal_comma, is_number, read_table
from recortex.data._trial_table import MISSING
from recortex.data.base import WHOLE
from recortex.data.recording import OF_EVENTS
from recortex.errors import InvalidInput, did_you_mean, listed, shown


def read_events(
    path: Path, length_s: float, column: str, category: str | None, skip: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], set[str]]:
    """The events of a run that count as trials, in order of time.

    Parameters
    ----------
    path : Path
        An events.tsv.
    length_s : float
        Of the run; no trial begins later.
    column : str
        Names what was shown.
    category : str, optional
        The column that gives `category`, where it is another one.
    skip : tuple of str
        Values of trial_type that are no trials.

    Returns
    -------
    dict of str to (event,) arrays
        stimulus, onset_s, duration_s, those labels of events that are columns, and cell: what the table calls the stimulus.
    set of str
        The trial types that the table has.

    Raises
    ------
    InvalidInput
        A column is not there, a trial has no stimulus, onset or duration, or begins after the run; no trial is left.
    """
    read = read_table(path, ("onset", "duration"))
    cells = dict(zip(read.header, map(list, zip(*read.rows, strict=True)), strict=True))
    _need(path, read, column, "stimulus_column", "what was shown")
    if category is not None:
        _need(path, read, category, "category_column", "the category")
    if skip:
        _need(path, read, "trial_type", "", "what is left out with skip")
    types = cells.get("trial_type", [""] * len(read.rows))
    kept = [row for row, kind in enumerate(types) if kind not in skip]
    if not kept:
        raise InvalidInput(
            f"{path}: all of its {len(types)} events are of a trial_type that skip leaves out; leave out the run (runs)"
        )
    made: dict[str, np.ndarray] = {}
    for name in ("onset", "duration"):
        made[f"{name}_s"] = np.array([_number(path, read, row, name, cells[name][row]) for row in kept])
    for row, onset, duration in zip(kept, made["onset_s"], made["duration_s"], strict=True):
        where = f"{path}: line {read.lines[row]}"
        if duration < 0:
            raise InvalidInput(f"{where} has a duration of {duration:g} s; give how long it was shown, or 0")
        if onset >= length_s:
            raise InvalidInput(
                f"{where} has an event at {onset:g} s, and the run ends at {length_s:g} s; onsets are seconds from the first volume"
            )
    made["cell"] = np.array([_stated(path, read, row, column, cells[column][row], types[row]) for row in kept])
    # a picture goes by its file's name, as in a PictureFolder
    made["stimulus"] = np.array([picture_name(Path(cell)) if column == "stim_file" else cell for cell in made["cell"].tolist()])
    wanted = {name: name for name in OF_EVENTS if name in cells} | ({"category": category} if category is not None else {})
    for name, source in wanted.items():
        made[name] = np.array([cells[source][row] for row in kept])
    order = np.argsort(made["onset_s"], kind="stable")
    return {name: values[order] for name, values in made.items()}, set(types)


def _need(path: Path, read: Table, name: str, asked: str, what: str) -> None:
    if name not in read.header:
        way = (
            f"; name the one that says {what} with {asked}"
            if asked
            else ", and no trial_type, by which skip goes: leave out skip"
        )
        near = near if "did you mean" in (near := did_you_mean(name, read.header)) and asked else ""
        raise InvalidInput(f"{path} has no column {shown(name)}; it has {listed(map(shown, read.header), 12)}{way}{near}")


def _number(path: Path, read: Table, row: int, name: str, cell: str) -> float:
    if is_number(cell) and np.isfinite(float(cell)):
        return float(cell)
    raise InvalidInput(
        f"{path}: line {read.lines[row]} has {name} {shown(cell, 40)!r}, not a number of seconds{decimal_comma(cell)}; complete it, or "
        "leave out events of its trial_type with skip"
    )


def _stated(path: Path, read: Table, row: int, column: str, cell: str, kind: str) -> str:
    if cell in MISSING:
        way = (
            f"leave out its trial_type with skip: [{shown(kind)}]"
            if kind not in MISSING
            else "complete it, or take away the line"
        )
        raise InvalidInput(f"{path}: line {read.lines[row]} has no {column} ({cell or 'empty'}); if it is no trial, {way}")
    return cell


def check_names(stimulus: list[str], cells: list[str], files: list[str], column: str) -> None:
    """Refuse names that read alike and are not: 1, 01 and 1.0, as a column with n/a is often rewritten; a/1.png and b/1.png.

    Parameters
    ----------
    stimulus, cells : list of str
        As `read_events` gives them.
    files : list of str
        Which file each event is from.
    column : str

    Raises
    ------
    InvalidInput
        One number is written in two ways, or two pictures have one name.
    """
    first: dict[str, tuple[str, str]] = {}
    called: dict[str, str] = {}
    for name, cell, file in zip(stimulus, cells, files, strict=True):
        if (other := called.setdefault(name, cell)) != cell:
            raise InvalidInput(
                f"{file}: the pictures {other} and {cell} would both be called {name}; name another column of stimuli"
            )
        if WHOLE.fullmatch(name):
            spelling, there = first.setdefault(name.partition(".")[0].lstrip("0"), (name, file))
            if spelling != name:
                raise InvalidInput(f"{column} {spelling} of {there} is written {name} in {file}; write it in one way")


def read_confounds(path: Path, names: tuple[str, ...], volumes: int) -> np.ndarray:
    """Columns of a confounds table.

    Returns
    -------
    (volume, confound_name) float64 array

    Raises
    ------
    InvalidInput
        A column is not there, a cell is no number, or the table has another length than the run.
    """
    read = read_table(path, ())
    for name in names:
        if name not in read.header:
            raise InvalidInput(f"{path} has no column {shown(name)}{did_you_mean(name, read.header)}")
    if len(read.rows) != volumes:
        raise InvalidInput(
            f"{path} has {len(read.rows)} lines below its header, and the run {volumes} volumes; give a line a volume"
        )
    made = np.empty((volumes, len(names)))
    for place, name in enumerate(names):
        column = read.header.index(name)
        for row, cells in enumerate(read.rows):
            cell = cells[column]
            if not is_number(cell) or not np.isfinite(float(cell)):
                raise InvalidInput(
                    f"{path}: line {read.lines[row]} has {shown(cell, 40)!r} for {shown(name)}, not a number; leave out that "
                    "confound, or write there what is meant"
                )
            made[row, place] = float(cell)
    return made
