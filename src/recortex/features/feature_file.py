"""Features of one's own, from a file of numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data._array_files import read_array, shape_of
from recortex.data._in_our_words import in_our_words
from recortex.data._table_file import Table, decimal_comma, is_number, read_table, rows_of_cells
from recortex.data.base import Stimuli
from recortex.errors import InvalidInput, shown
from recortex.features.base import Features
from recortex.stage import Array, LocalFile

LIKE_NAMES = ("stimulus", "stimuli", "stim", "stimulus_id", "id", "name", "image", "image_id", "picture", "file", "filename")


class FeatureFile(Features):
    """Features of your own: .npy, .npz, .mat, .h5 or a table, with a row for each stimulus.

    Rows need names: a .csv or .tsv table may have a column `stimulus`; else give one of names, names_array and stimuli. Without any rows
    are numbered.

    Parameters
    ----------
    path : file
        The features, (stimulus, feature); further axes are laid flat.
    array : str, optional
        Which array of the file, where it holds several; ``struct.field`` in a .mat file.
    names : file, optional
        A .csv or .tsv table with a column `stimulus`, a line for each row of the features.
    names_array : str, optional
        Another array of the same file, with a whole number for each row, which is the stimulus's name.
    stimuli : Stimuli, optional
        The stimuli that the rows are of, in their order; the audit then looks at them too.
    numbered_from : int
        The first number, where rows are numbered: 1 for tables that were written in MATLAB.
    stimulus_axis : 0 or 1
        Which axis of an array runs over stimuli.
    around_s : float
        How far around a stimulus the features look, in seconds: those of a speech model hold what came before.
    made_by : str
        What made them, in your own words. Features that an encoder is applied to must be made by the same.
    """

    path: LocalFile
    array: str | None = None
    names: LocalFile | None = None
    names_array: str | None = None
    stimuli: Stimuli | None = None
    numbered_from: int = Field(default=0, ge=0)
    stimulus_axis: Literal[0, 1] = 0
    around_s: float = Field(default=0.0, ge=0)
    made_by: str = ""

    returns: ClassVar[dict[str, Array]] = Features.returns | {
        "feature_name": Array("feature", dtype="str", units="", optional=True, about="as in the header of a table with names"),
    }

    def context_s(self) -> float:
        """As stated."""
        return self.around_s

    def recipe(self) -> dict[str, Any]:
        """What its owner says of them: features of other stimuli lie in other files."""
        columns = self._columns()
        named = [name for name in columns if name != "stimulus"] if "stimulus" in columns else None
        return {"type": self.type_name(), "made_by": self.made_by, "around_s": self.around_s, "feature_name": named}

    def check_ready(self) -> None:
        """As far as headers show it."""
        self._check_fields()
        self._header()

    def expect(self) -> dict[str, int]:
        """As the file's header says, where it has one."""
        shape = self._header()
        return {"stimulus": shape[0], "feature": int(np.prod(shape[1:]))} if shape else {}

    def compute(self) -> dict[str, Any]:
        """Read, lay flat and name the rows.

        Raises
        ------
        InvalidInput
            The file cannot be read, has one axis only, or values that are NaN or infinite; as many names as rows are not given, or one
            stands twice.
        """
        self._check_fields()
        if "stimulus" in self._columns():
            table = read_table(self.path, ("stimulus",))
            feature_name, values = self._numbers(table)
            made: dict[str, Any] = {"stimulus": _named(table, str(self.path)), "feature_name": feature_name}
        else:
            values = read_array(self.path, self.array)
            self._check_axes(values.shape)
            values = np.moveaxis(values, self.stimulus_axis, 0)
            made = {"stimulus": self._names(len(values))}
            if values.ndim > 2:
                made["shape"] = np.array(values.shape[1:])
        values = values.reshape(len(values), -1)
        # numbers that float32 cannot hold stay float64
        wide = values.dtype.itemsize >= (8 if values.dtype.kind == "f" else 4)
        values = values.astype(np.float64 if wide else np.float32, copy=False)
        self._refuse_broken(values, made["stimulus"])
        return made | {"features": np.ascontiguousarray(values)}

    def _check_fields(self) -> None:
        ways = {name: getattr(self, name) is not None for name in ("names", "names_array", "stimuli")}
        given = [name for name, there in ways.items() if there]
        if self.numbered_from:
            given.append("numbered_from")
        if "stimulus" in self._columns():
            given.insert(0, "its column stimulus")
            if self.stimulus_axis:
                raise InvalidInput(f"{self.path} is a table with a line for each stimulus: leave out stimulus_axis")
        if not given and (likely := [name for name in self._columns() if name.strip().casefold() in LIKE_NAMES]):
            raise InvalidInput(
                f"{self.path}: its rows would be numbered, and its column {shown(likely[0])} looks like their names; call it stimulus, "
                "or take it out"
            )
        if len(given) > 1:
            raise InvalidInput(f"{self.path}: its rows are named by {' and by '.join(given)}; keep one")
        if self.names_array is not None and self.names_array == self.array:
            raise InvalidInput(f"{self.path}: array and names_array are both {shown(self.array)}; name two arrays")

    def _columns(self) -> list[str]:
        """The first line of a table; empty for other files."""
        separator = {".csv": ",", ".tsv": "\t"}.get(self.path.suffix.lower())
        if separator is None:
            return []
        with in_our_words(self.path, "a table in UTF-8"):
            return next(rows_of_cells(self.path, separator), (0, []))[1]

    def _header(self) -> tuple[int, ...] | None:
        if "stimulus" in self._columns():
            return None
        shape = shape_of(self.path, self.array)
        if shape is None:
            return None
        self._check_axes(shape)
        return (shape[self.stimulus_axis], *(size for axis, size in enumerate(shape) if axis != self.stimulus_axis))

    def _check_axes(self, shape: tuple[int, ...]) -> None:
        if len(shape) < 2:
            raise InvalidInput(
                f"{self.path} has shape {shape}; features are numbers of shape (stimulus, feature): for one a stimulus, reshape(-1, 1)"
            )

    def _names(self, count: int) -> np.ndarray:
        """The stimulus of each row of an array."""
        if self.names is not None:
            named, where = _named(read_table(self.names, ("stimulus",)), str(self.names)), str(self.names)
        elif self.names_array is not None:
            named, where = self._numbers_as_names(self.names_array), f"{self.path}: {shown(self.names_array)}"
        elif self.stimuli is not None:
            named, where = self.stimuli.run()["stimulus"], self.stimuli.where()
        else:
            return np.arange(self.numbered_from, self.numbered_from + count).astype(str)
        if len(named) != count:
            other = shape[1 - self.stimulus_axis] if len(shape := self._shape()) == 2 else 0
            turn = f"set stimulus_axis: {1 - self.stimulus_axis}" if other == len(named) else "give a row for each, in one order"
            raise InvalidInput(f"{self.path} has features of {count} stimuli and {where} names {len(named)}; {turn}")
        return named

    def _shape(self) -> tuple[int, ...]:
        return shape_of(self.path, self.array) or read_array(self.path, self.array).shape

    def _numbers_as_names(self, array: str) -> np.ndarray:
        values = read_array(self.path, array)
        if max(values.shape, default=1) != values.size:
            raise InvalidInput(
                f"{self.path}: {shown(array)} has shape {values.shape}; names are one whole number for each stimulus"
            )
        values = values.ravel()
        whole = values.astype(np.int64) if np.isfinite(values).all() else None
        if values.dtype.kind == "b" or whole is None or not (whole == values).all():
            raise InvalidInput(f"{self.path}: {shown(array)} holds other than whole numbers; a stimulus's name is one")
        names = whole.astype(str)
        if twice := _twice(names):
            raise InvalidInput(f"{self.path}: {shown(array)} holds {twice} twice; keep one row of features for a stimulus")
        return names

    def _numbers(self, table: Table) -> tuple[np.ndarray, np.ndarray]:
        """Names of the features (feature,), and their values (stimulus, feature), of a table."""
        at = table.header.index("stimulus")
        names = table.header[:at] + table.header[at + 1 :]
        if not names or "" in names:
            raise InvalidInput(
                f"{self.path}: {'a column has no name' if names else 'beside stimulus there is no column of numbers'}"
            )
        values = np.empty((len(table.rows), len(names)))
        for row, (cells, line) in enumerate(zip(table.rows, table.lines, strict=True)):
            for feature, (name, cell) in enumerate(zip(names, cells[:at] + cells[at + 1 :], strict=True)):
                if not is_number(cell):
                    said = f"{shown(repr(cell))}, not a number{decimal_comma(cell)}" if cell else "an empty cell"
                    raise InvalidInput(f"{self.path}: line {line} ({cells[at]}) has in column {shown(name)} {said}")
                values[row, feature] = float(cell)
        return np.array(names), values

    def _refuse_broken(self, values: np.ndarray, stimulus: np.ndarray) -> None:
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            row = int(np.flatnonzero(~finite)[0])
            feature = int(np.flatnonzero(~np.isfinite(values[row]))[0])
            raise InvalidInput(
                f"{self.path}: {int(np.sum(~finite))} of {len(values)} stimuli have features that are NaN or infinite (the first is "
                f"stimulus {shown(stimulus[row])}, feature {feature}, counted from 0); mend them, or take these rows out"
            )


def _named(table: Table, where: str) -> np.ndarray:
    """The column `stimulus` of a table, distinct and complete."""
    at = table.header.index("stimulus")
    lines: dict[str, int] = {}
    for cells, line in zip(table.rows, table.lines, strict=True):
        if not cells[at]:
            raise InvalidInput(f"{where}: line {line} names no stimulus")
        if cells[at] in lines:
            raise InvalidInput(f"{where}: stimulus {shown(cells[at])} stands on lines {lines[cells[at]]} and {line}; keep one")
        lines[cells[at]] = line
    return np.array(list(lines))


def _twice(names: np.ndarray) -> str:
    return next((name for name, times in Counter(names.tolist()).items() if times > 1), "")
