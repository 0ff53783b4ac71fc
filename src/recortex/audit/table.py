"""Columns of the trial table that nobody reads, though they look as if they should be."""

from __future__ import annotations

from difflib import get_close_matches

from recortex.audit.base import Case, Finding
from recortex.data.base import LABELS, NUMBERS

ALIKE = 0.8


def misspelt_column(case: Case) -> list[Finding]:
    """A column of the user's own whose name is almost that of one with a meaning, which the table lacks."""
    lacking = [name for name in (*LABELS, *NUMBERS) if name not in case.trials]
    meant = {
        name: near[0]
        for name in case.trials
        if name not in ("stimulus", *LABELS, *NUMBERS) and (near := get_close_matches(name, lacking, 1, ALIKE))
    }
    if not meant:
        return []
    said = [f"{name} (did you mean {near}?)" for name, near in meant.items()]
    return [
        Finding(
            "warn",
            "misspelt_column",
            f"the trial table has {', '.join(said)}, which nothing reads under that name",
            "rename it, or name it quite differently",
            tuple(said),
        )
    ]
