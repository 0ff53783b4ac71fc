"""All detectors on one case."""

from __future__ import annotations

from collections.abc import Callable

from recortex.audit.base import VERDICTS, Case, Finding
from recortex.audit.blocks import block_decides_class
from recortex.audit.counts import averaged_repeats, joined_by_row, repetition_counts
from recortex.audit.disclosed import disclosed
from recortex.audit.likeness import near_duplicates
from recortex.audit.sides import same_run, shared_clip, shared_concept, shared_stimulus
from recortex.audit.table import grouped_stimuli, misspelt_column
from recortex.audit.timing import overlapping_windows, trigger_offset

DETECTORS: tuple[Callable[[Case], list[Finding]], ...] = (
    shared_stimulus,
    shared_clip,
    overlapping_windows,
    block_decides_class,
    near_duplicates,
    repetition_counts,
    joined_by_row,
    misspelt_column,
    grouped_stimuli,
    trigger_offset,
    shared_concept,
    same_run,
    averaged_repeats,
    disclosed,
)


def examine(case: Case) -> list[Finding]:
    """What all detectors find, refusals first, then warnings, then notes.

    Parameters
    ----------
    case : Case
        Trials, folds and what is known of the stimuli.

    Returns
    -------
    list of Finding
        Empty where there is nothing to say.

    Raises
    ------
    InvalidInput
        Onsets, triggers or windows that are no seconds.
    """
    found = [finding for detector in DETECTORS for finding in detector(case)]
    return sorted(found, key=lambda finding: VERDICTS.index(finding.verdict))
