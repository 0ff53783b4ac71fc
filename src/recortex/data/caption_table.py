"""Captions from a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.data._memory import afford
from recortex.data._table_file import read_table
from recortex.data.base import Captions
from recortex.errors import InvalidInput
from recortex.stage import LocalFile


class CaptionTable(Captions):
    """Words for each stimulus from a .csv or .tsv table with columns stimulus and caption, a line a wording.

    Parameters
    ----------
    path : file
        The table; a stimulus with several wordings stands on several lines.
    """

    path: LocalFile

    def compute(self) -> dict[str, Any]:
        """Read the table.

        Raises
        ------
        InvalidInput
            A missing column, a line of another length, an empty cell.
        """
        table = read_table(self.path, ("stimulus", "caption"), text=("caption",))
        wordings: dict[str, list[str]] = {}
        for number, row in zip(table.lines, table.rows, strict=True):
            stimulus, caption = (row[table.header.index(name)] for name in ("stimulus", "caption"))
            if not stimulus or not caption:
                raise InvalidInput(
                    f"{self.path}: line {number} has no {'caption' if stimulus else 'stimulus'}; write it, or take the line away"
                )
            wordings.setdefault(stimulus, []).append(caption)
        most = max(map(len, wordings.values()))
        longest = max(len(caption) for captions in wordings.values() for caption in captions)
        afford(
            4 * most * longest * len(wordings),
            f"{self.path}: a stimulus has {most} captions and one has {longest:,} letters; with room for as many and as long for each it",
            "shorten it",
        )
        padded = [captions + [""] * (most - len(captions)) for captions in wordings.values()]
        return {"stimulus": np.array(list(wordings)), "caption": np.array(padded)}
