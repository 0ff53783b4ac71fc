"""Numbers for each label, from a table: attributes, ratings, word vectors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from recortex import keys
from recortex.data._table_file import read_table
from recortex.data.base import Responses, rows_of
from recortex.errors import InvalidInput
from recortex.features._labels import labels_of_stimuli
from recortex.features.base import Features
from recortex.stage import Array, LocalFile


class LabelTable(Features):
    """A row of numbers for each label: your own attributes, ratings or word vectors; a stimulus has the features of its label.

    Parameters
    ----------
    path : file
        A .csv or .tsv table: a column `label`, and one of numbers for each feature. It may hold more labels than were shown.
    brain : Responses
        The recording whose trial table says what each stimulus is.
    column : str
        The column of the labels.
    """

    path: LocalFile
    brain: Responses
    column: str = "category"

    returns: ClassVar[dict[str, Array]] = Features.returns | {
        "feature_name": Array("feature", dtype="str", units="", about="as in the table's header, in its order"),
    }

    def recipe(self) -> dict[str, Any]:
        """With the content of the table, wherever it lies."""
        return super().recipe() | {"path": keys.content(self.path)}

    def check_ready(self) -> None:
        """The table must be one."""
        self._table()

    def expect(self) -> dict[str, int]:
        """A feature a column, and at most a stimulus a trial."""
        brain = self.brain.foresee()
        return {"stimulus": brain["trial"], "feature": len(self._table()[1])} if "trial" in brain else {}

    def compute(self) -> dict[str, Any]:
        """Look up the label of each stimulus.

        Raises
        ------
        InvalidInput
            A label that the table lacks or holds twice, a cell that is not a number, no column of numbers, or as in CategoryFeatures a
            column of the trials that is missing or does not determine the label.
        """
        known, names, values = self._table()
        stimulus, label = labels_of_stimuli(self.brain, self.column)
        rows = rows_of(label, known, f"labels in column {self.column} of the trials", str(self.path))
        return {"stimulus": stimulus, "features": values[rows], "feature_name": names}

    def _table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Labels (label,), names of the features (feature,), and their values (label, feature)."""
        table = read_table(self.path, ("label",))
        at = table.header.index("label")
        names = [name for name in table.header if name != "label"]
        if not names or "" in names:
            raise InvalidInput(
                f"{self.path}: {'a column has no name' if names else 'beside label there is no column of numbers'}"
            )
        labels: dict[str, int] = {}
        values = np.empty((len(table.rows), len(names)))
        for row, (cells, line) in enumerate(zip(table.rows, table.lines, strict=True)):
            label, numbers = cells[at], cells[:at] + cells[at + 1 :]
            if not label:
                raise InvalidInput(f"{self.path}: line {line} has no label")
            if label in labels:
                raise InvalidInput(f"{self.path}: label {label} stands on lines {labels[label]} and {line}; keep one")
            labels[label] = line
            for feature, cell in enumerate(numbers):
                values[row, feature] = _number(cell)
                if not np.isfinite(values[row, feature]):
                    raise InvalidInput(f"{self.path}: line {line} ({label}) has {names[feature]} {cell!r}, not a number")
        return np.array(list(labels)), np.array(names), values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan
