"""What was done to the responses before they came here, which no look at them can undo."""

from __future__ import annotations

from recortex.audit.base import Case, Finding


def disclosed(case: Case) -> list[Finding]:
    """Each disclosure, to stand beside the score."""
    return [
        Finding("note", "disclosed", said, "keep this beside every score; start from data without this step to be free of it")
        for said in case.disclosures
    ]
