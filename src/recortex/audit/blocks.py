"""Whether time alone tells the class: blocks of one class with trials in training and test (slow drift then decodes it)."""

from __future__ import annotations

import numpy as np

from recortex.audit._groups import RECORDING, Groups, counted, groups, recordings, rows_that_agree, worst_fold
from recortex.audit.base import MOST_EVIDENCE, Case, Finding
from recortex.errors import listed

SIGNIFICANCE = 0.001
NEARLY_ALL = 0.9
FAR_FEWER = 2 / 3
REMEDY = (
    "split so that a block stays on one side, or randomise classes within blocks in the next recording, and read the score of a "
    "decoder that knows only when a trial was"
)


def block_decides_class(case: Case) -> list[Finding]:
    """Blocks of one class that a fold tears apart, by the block column, by run, or by the order of trials.

    In the first two, nine tenths of the torn blocks must hold one class, more than chance explains (p < .001). The order of trials speaks
    where the label changes far less often between neighbours (at most two thirds of the changes that chance gives, p < .001) and a fold
    tears stretches of one label. Trials are ordered by onset_s within a recording, or by row; a block of one class counts as one trial.
    """
    labels = case.text(case.label)
    if labels is None:
        return []
    classes = groups(labels)
    if len(classes.names) < 2:
        return []
    there = [column for column in (*RECORDING, "block") if column in case.trials]
    for finest in dict.fromkeys([len(there), len(there) - ("block" in there)]):
        if finest and (found := _torn_blocks(case, classes, there[:finest])):
            return found
    return _torn_stretches(case, classes)


def _torn_blocks(case: Case, classes: Groups, columns: list[str]) -> list[Finding]:
    from scipy.stats import binom

    blocks = rows_that_agree(case, columns)
    torn = [blocks.on_both_sides(fold) for fold in case.folds]
    if not any(len(each) for each in torn):
        return []
    size, distinct, class_of = _classes_in(blocks, classes)
    ever = np.unique(np.concatenate(torn))
    ever = ever[size[ever] > 1]
    pure = ever[distinct[ever] == 1]
    if not len(ever) or len(pure) < NEARLY_ALL * len(ever):
        return []
    # a binomial with the mean chance of a pure block: wider than the sum of the blocks' own, so never too sure
    chance = _chance_of_one_class(np.bincount(classes.code), size[ever]).mean()
    if binom.sf(len(pure) - 1, len(ever), chance) >= SIGNIFICANCE or len(np.unique(class_of[pure])) < 2:
        return []
    number, where = worst_fold(case.folds, [np.isin(each, pure).sum() for each in torn])
    here, among = pure[np.isin(pure, torn[number])], int(np.isin(ever, torn[number]).sum())
    named = [f"{blocks.names[block]}: {classes.names[class_of[block]]}" for block in here]
    return [
        Finding(
            "warn",
            "block_decides_class",
            f"{where} has {counted(among, columns[-1])} with trials in training and test, and {len(here):,} of them "
            f"{'holds' if len(here) == 1 else 'hold'} one {case.label} only ({listed(named, 3)}), so slow drift alone could decode it",
            REMEDY,
            tuple(named[:MOST_EVIDENCE]),
        )
    ]


def _torn_stretches(case: Case, classes: Groups) -> list[Finding]:
    from scipy.stats import binom

    onset, recording = case.seconds("onset_s"), recordings(case)
    known = onset is not None or any(column in case.trials for column in (*RECORDING, "block"))
    if not known and (case.repeats() > 1).any():
        return []  # rows that average presentations have no place in time
    torn_recordings = np.zeros(len(recording.names), bool)
    for fold in case.folds:
        torn_recordings[recording.on_both_sides(fold)] = True
    rows = np.arange(case.n_trials)
    order = np.lexsort((rows, rows if onset is None else onset, recording.code))
    order = order[torn_recordings[recording.code[order]]]
    if len(order) < 2:
        return []
    recorded, label = recording.code[order], classes.code[order]
    begins = np.ones(len(order), bool)  # of what counts as one trial
    if "block" in case.trials:
        blocks = rows_that_agree(case, (*RECORDING, "block"))
        block = blocks.code[order]
        mixed = _classes_in(blocks, classes)[1][block] > 1
        begins[1:] = (np.diff(block) != 0) | mixed[1:]
    one_recorded, one_label = recorded[begins], label[begins]
    neighbours = np.diff(one_recorded) == 0
    alike = neighbours & (np.diff(one_label) == 0)
    n_neighbours, n_alike = int(neighbours.sum()), int(alike.sum())
    expected = _expected_alike(one_recorded, one_label)
    if not n_neighbours or n_neighbours - n_alike > FAR_FEWER * (n_neighbours - expected):
        return []
    # a random order has this mean and at most this variance (Mood 1940, Ann. Math. Stat. 11, 367: runs of several kinds)
    p = float(binom.sf(n_alike - 1, n_neighbours, expected / n_neighbours))
    if p >= SIGNIFICANCE:
        return []
    stretch_of_one = np.concatenate([[0], np.cumsum(~alike)])
    code = np.full(case.n_trials, -1)
    code[order] = stretch_of_one[np.cumsum(begins) - 1]
    untold = code == -1
    code[untold] = stretch_of_one[-1] + 1
    stretches = Groups(np.arange(code.max() + 1).astype(str), code)
    torn = [stretches.on_both_sides(fold, ~untold) for fold in case.folds]
    if not any(len(each) for each in torn):
        return []
    number, where = worst_fold(case.folds, [len(each) for each in torn])
    fold = case.folds[number]
    changes, chance = n_neighbours - n_alike, n_neighbours - expected
    return [
        Finding(
            "warn",
            "block_decides_class",
            f"{case.label} follows the order of trials: {counted(changes, 'change')} between neighbouring "
            f"{'trials' if begins.all() else 'blocks'} where a random order has {chance:,.1f} (p {_p(p)}); {where} has trials of "
            f"{counted(len(torn[number]), 'stretch', 'stretches')} of one {case.label} in training and test, so slow drift alone could "
            "decode it",
            REMEDY + ("" if onset is not None else "; if rows were sorted after the recording, give their onset_s and run"),
            _stretches_in_words(stretches, torn[number], fold.train, fold.test, order, classes, recording, case.label),
        )
    ]


def _stretches_in_words(
    stretches: Groups,
    torn: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    order: np.ndarray,
    classes: Groups,
    recording: Groups,
    label: str,
) -> tuple[str, ...]:
    in_train, in_test = (np.bincount(stretches.code[side], minlength=len(stretches.names)) for side in (train, test))
    wanted = torn[np.argsort(-np.minimum(in_train, in_test)[torn], kind="stable")[:MOST_EVIDENCE]]
    said = []
    for stretch in wanted:
        rows = order[stretches.code[order] == stretch]
        said.append(
            f"{recording.names[recording.code[rows[0]]]}: {label} {classes.names[classes.code[rows[0]]]} from trial {rows[0]} to "
            f"{rows[-1]}, {in_train[stretch]} train and {in_test[stretch]} test"
        )
    return tuple(said)


def _classes_in(blocks: Groups, classes: Groups) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each block: how many rows and how many classes it has, and one of those classes."""
    size = np.bincount(blocks.code, minlength=len(blocks.names))
    held = np.unique(blocks.code * np.int64(len(classes.names)) + classes.code)
    distinct = np.bincount(held // len(classes.names), minlength=len(blocks.names))
    class_of = np.zeros(len(blocks.names), int)
    class_of[held // len(classes.names)] = held % len(classes.names)
    return size, distinct, class_of


def _chance_of_one_class(class_sizes: np.ndarray, block_sizes: np.ndarray) -> np.ndarray:
    """For blocks drawn from all rows at random, the probability that a block holds one class: sum of C(n_c, b) / C(n, b)."""
    from scipy.special import gammaln

    sizes, which = np.unique(block_sizes, return_inverse=True)
    n = class_sizes.sum()

    def log_choose(total: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        return gammaln(total + 1) - gammaln(drawn + 1) - gammaln(total - drawn + 1)

    by_size = []
    for size in sizes:
        enough = class_sizes[class_sizes >= size]
        by_size.append(np.exp(log_choose(enough, size) - log_choose(n, size)).sum())
    return np.array(by_size)[which]


def _expected_alike(recorded: np.ndarray, label: np.ndarray) -> float:
    """How many neighbours agree, on average over all orders of labels within each recording: sum of n_c (n_c - 1) / n."""
    _, code = np.unique(recorded * np.int64(label.max() + 1) + label, return_inverse=True)
    of_class = np.bincount(code)
    recording_of_class = np.zeros(len(of_class), int)
    recording_of_class[code] = recorded
    return float((of_class * (of_class - 1) / np.bincount(recorded)[recording_of_class]).sum())


def _p(p: float) -> str:
    return f"= {p:.1g}" if p >= 1e-12 else "< 1e-12"
