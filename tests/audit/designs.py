"""Experiments with nothing to find in them; a test plants one fault in one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from recortex.audit import Case, Finding, examine, worst
from recortex.splits.base import Fold

Table = dict[str, np.ndarray]


def folds_by(groups: np.ndarray, count: int, seed: int = 0) -> list[Fold]:
    """Whole groups dealt into folds at random, without any of the checks that a split makes."""
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    held_out = [np.isin(groups, part) for part in np.array_split(names, count)]
    return [Fold(str(n + 1), np.flatnonzero(~test), np.flatnonzero(test)) for n, test in enumerate(held_out)]


def random_folds(rows: int, count: int, seed: int = 0) -> list[Fold]:
    return folds_by(np.arange(rows), count, seed)


def event_design(runs: int = 6, per_run: int = 40, classes: int = 4, seed: int = 0) -> Table:
    """Single trials 4 s apart, classes in random order in each run, every trial a stimulus of its own."""
    rng = np.random.default_rng(seed)
    rows = runs * per_run
    category = np.concatenate([rng.permutation(np.arange(per_run) % classes) for _ in range(runs)])
    return {
        "stimulus": np.array([f"s{n:04d}" for n in rng.permutation(rows)]),
        "category": np.array([f"c{n}" for n in category]),
        "run": np.repeat([f"r{n + 1}" for n in range(runs)], per_run),
        "onset_s": np.tile(np.arange(per_run) * 4.0, runs),
    }


def block_design(runs: int = 6, classes: int = 8, per_block: int = 9, seed: int = 0) -> Table:
    """fMRI in the manner of Haxby 2001: each run holds a block of each class, in an order of its own."""
    rng = np.random.default_rng(seed)
    rows = runs * classes * per_block
    return {
        "stimulus": np.array([f"s{n:04d}" for n in range(rows)]),
        "category": np.concatenate([np.repeat([f"c{n}" for n in rng.permutation(classes)], per_block) for _ in range(runs)]),
        "run": np.repeat([f"r{n + 1}" for n in range(runs)], classes * per_block),
        "block": np.repeat([f"b{n:03d}" for n in range(runs * classes)], per_block),
        "onset_s": np.tile(np.arange(classes * per_block) * 2.5, runs),
    }


def noise_pictures(count: int, size: int = 12, seed: int = 0) -> dict[str, Any]:
    """Pictures of noise, named as the stimuli of a table of as many rows."""
    rng = np.random.default_rng(seed)
    return {
        "pictures": rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8),
        "picture_names": np.array([f"p{n:03d}.png" for n in range(count)]),
    }


def the_finding(detector: Callable[[Case], list[Finding]], case: Case, verdict: str, *words: str) -> Finding:
    """The one finding of a detector: its verdict, its name, and words of what it says; `examine` says the same."""
    (finding,) = detector(case)
    assert finding in examine(case)
    assert finding.verdict == verdict
    assert "\n" not in finding.about + finding.remedy
    for word in words:
        assert word in finding.about, finding.about
    assert len(finding.evidence) <= 20
    return finding


def silent(case: Case) -> None:
    assert examine(case) == []
    assert worst(examine(case)) == "clean"
