"""What clocks say: windows of training and test that overlap, onsets that triggers do not confirm."""

from __future__ import annotations

import numpy as np

from recortex.audit._groups import counted, recordings, worst_fold
from recortex.audit.base import MOST_EVIDENCE, Case, Finding
from recortex.errors import InvalidInput
from recortex.splits.base import Fold
from recortex.splits.windows import LEAST_S, overlaps

TRIGGER_TOLERANCE_S = 0.005


def overlapping_windows(case: Case) -> list[Finding]:
    """Training and test rows made from overlapping stretches of one recording, or closer than the context of their target features.

    A row's window is [onset_s, onset_s + window_s], without window_s a moment. Two windows overlap when less than context_s lies between
    them (with context_s 0: when they have time in common). Recordings are told apart by subject, session and run.
    """
    onset, window = case.seconds("onset_s"), case.seconds("window_s")
    if onset is None or (window is None and case.context_s == 0):
        return []
    if window is not None and (window <= 0).any():
        raise InvalidInput(
            f"audit: window_s of trial {np.flatnonzero(window <= 0)[0]}, counted from 0, is not above 0; give the seconds that a row "
            "spans"
        )
    end = onset if window is None else onset + window
    recording = recordings(case)
    pairs = [_pairs(fold, onset, end, recording.code, case.context_s) for fold in case.folds]
    if not any(pairs):
        return []
    number, where = worst_fold(case.folds, pairs)
    fold = case.folds[number]
    worst = overlaps(fold, onset, end - onset, recording.code, case.context_s)
    stimulus, in_test = np.asarray(case.text("stimulus")), np.zeros(case.n_trials, bool)
    in_test[fold.test] = True
    order = np.argsort(worst.gap_s, kind="stable")[:MOST_EVIDENCE]
    evidence = tuple(
        f"{_row(stimulus, onset, in_test, worst.earlier[n])} ~ {_row(stimulus, onset, in_test, worst.later[n])}, "
        f"{recording.names[recording.code[worst.later[n]]]}: {_gap(worst.gap_s[n])}"
        for n in order
    )
    context = f", where target features reach {case.context_s:g} s" if case.context_s else ""
    return [
        Finding(
            "refuse",
            "overlapping_windows",
            f"{where}: the windows of {counted(pairs[number], 'pair')} of training and test trials overlap in one recording (smallest "
            f"gap {worst.gap_s[order[0]]:.3g} s{context}), so both sides hold the same signal",
            "split by run or by longer stretches with a gap of at least a window"
            + (" and cut the stimulus at the edges of the split before its features are computed" if case.context_s else "")
            + "; if onsets start anew in each run, give a run column",
            evidence,
        )
    ]


def trigger_offset(case: Case, tolerance_s: float = TRIGGER_TOLERANCE_S) -> list[Finding]:
    """Onsets of the trial table against hardware triggers: a constant offset, single deviations, missing triggers.

    Parameters
    ----------
    case : Case
        With columns onset_s and trigger_s of one clock; a missing trigger is NaN or empty.
    tolerance_s : float
        How far the median offset may lie from 0 and each offset from the median, in seconds.
    """
    onset, trigger = case.seconds("onset_s"), case.seconds("trigger_s", required=False)
    if onset is None or trigger is None or not len(onset):
        return []
    stimulus, offset = np.asarray(case.text("stimulus")), trigger - onset
    missing = ~np.isfinite(offset)
    said, evidence = [], []
    if not missing.all():
        median = float(np.median(offset[~missing]))
        if abs(median) > tolerance_s:
            side = "after" if median > 0 else "before"
            said.append(f"triggers come {_ms(abs(median))} {side} the onsets of the table (median)")
        stray = np.abs(offset - median) > tolerance_s  # NaN compares false
        if stray.any():
            farthest = float(np.abs(offset - median)[stray].max())
            said.append(
                f"{stray.sum():,} of {counted(len(onset), 'trial')} {'lies' if stray.sum() == 1 else 'lie'} more than {_ms(tolerance_s)} "
                f"from the median offset of {_ms(median)} (the farthest {_ms(farthest)})"
            )
            rows = np.flatnonzero(stray)
            rows = rows[np.argsort(-np.abs(offset - median)[rows], kind="stable")]
            evidence += [f"trial {row} ({stimulus[row]}): offset {_ms(offset[row])}" for row in rows[:MOST_EVIDENCE]]
    if missing.any():
        said.append(f"{missing.sum():,} of {counted(len(onset), 'trial')} {'has' if missing.sum() == 1 else 'have'} no trigger")
        evidence += [f"trial {row} ({stimulus[row]}): no trigger" for row in np.flatnonzero(missing)[:MOST_EVIDENCE]]
    if not said:
        return []
    return [
        Finding(
            "warn",
            "trigger_offset",
            "; ".join(said),
            "cut windows by the trigger, and match triggers and trials by number before any is dropped",
            tuple(evidence[:MOST_EVIDENCE]),
        )
    ]


def _pairs(fold: Fold, onset: np.ndarray, end: np.ndarray, recording: np.ndarray, context_s: float) -> int:
    """How many training and test rows overlap: test by test those that begin before its end, less those that end before it begins."""
    rows, in_test = np.concatenate([fold.train, fold.test]), np.repeat([False, True], [len(fold.train), len(fold.test)])
    order = np.argsort(recording[rows], kind="stable")
    rows, in_test = rows[order], in_test[order]
    edges = np.flatnonzero(np.diff(recording[rows])) + 1
    count, reach = 0, context_s - LEAST_S
    for run, tests in zip(np.split(rows, edges), np.split(in_test, edges), strict=True):
        train, test = run[~tests], run[tests]
        count += int(np.searchsorted(np.sort(onset[train]), end[test] + reach, side="left").sum())
        count -= int(np.searchsorted(np.sort(end[train]) + reach, onset[test], side="right").sum())
    return count


def _row(stimulus: np.ndarray, onset: np.ndarray, in_test: np.ndarray, row: int) -> str:
    return f"{stimulus[row]} at {onset[row]:.6g} s ({'test' if in_test[row] else 'train'})"


def _gap(gap_s: float) -> str:
    return f"{-gap_s:.3g} s in common" if gap_s < 0 else f"{gap_s:.3g} s apart"


def _ms(value_s: float) -> str:
    return f"{value_s * 1000:.3g} ms"
