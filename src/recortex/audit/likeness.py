"""Stimuli that are nearly the same under different names: a score then measures memory for one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from recortex.audit._groups import counted, groups, worst_fold
from recortex.audit.base import MOST_EVIDENCE, Case, Finding

PIXEL_CORRELATION = 0.98
EMBEDDING_COSINE = 0.97
SIDE = 32
BLOCK = 1024
MOST_PAIRS = 200_000


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of stimuli that are alike.

    Parameters
    ----------
    first, second : (pair,) str arrays
        Their names.
    likeness : (pair,) array
        Pearson r of grey pixels, or cosine of centred features.
    """

    first: np.ndarray
    second: np.ndarray
    likeness: np.ndarray


def near_duplicates(case: Case) -> list[Finding]:
    """Near-duplicates on different sides of a fold (a warning) and within one test set (a note).

    Pictures are compared by the Pearson correlation of their grey values, averaged to at most 32 x 32 (r > .98); those without any
    contrast have no correlation and are left out. Features of an embedding are compared by cosine (> .97) after the mean over all
    stimuli is taken off: features of one network share a large common part, so that uncentred cosines of unrelated pictures are high
    already, and higher the more uniform the set is. Only pairs with a stimulus that some fold tests are compared.
    """
    ways = []
    if case.pictures is not None:
        ways.append(("pixel", "r", PIXEL_CORRELATION, case.pictures, case.picture_names))
    if case.features is not None and case.embedding:
        ways.append(("embedding", "cosine", EMBEDDING_COSINE, case.features, case.feature_names_of_rows))
    found = []
    for what, measure, threshold, values, names in ways:
        found += _findings(case, what, measure, threshold, values, np.asarray(names).astype(str))
    return found


def _findings(case: Case, what: str, measure: str, threshold: float, values: np.ndarray, names: np.ndarray) -> list[Finding]:
    stimuli = groups(np.asarray(case.text("stimulus")))
    tested = np.zeros(len(stimuli.names), bool)
    used = np.zeros(len(stimuli.names), bool)
    for fold in case.folds:
        tested[stimuli.code[fold.test]] = True
        used[stimuli.code[fold.train]] = True
    kept = np.flatnonzero(np.isin(names, stimuli.names[tested | used]))
    if len(kept) < 2:
        return []
    rows = _standard_pictures(values, kept) if what == "pixel" else _centred_features(values, kept)
    pairs = _alike(rows, names[kept], np.isin(names[kept], stimuli.names[tested]), threshold)
    if not len(pairs.likeness):
        return []
    first, second = (np.searchsorted(stimuli.names, each) for each in (pairs.first, pairs.second))
    across, within = [], []
    for fold in case.folds:
        train, test = np.zeros(len(stimuli.names), bool), np.zeros(len(stimuli.names), bool)
        train[stimuli.code[fold.train]] = True
        test[stimuli.code[fold.test]] = True
        across.append((train[first] & test[second]) | (test[first] & train[second]))
        within.append(test[first] & test[second])
    alike = f"{'pixel r' if what == 'pixel' else 'cosine of centred features'} > {_short(threshold)}"
    at_least = "at least " if len(pairs.likeness) == MOST_PAIRS else ""
    found = []
    if any(each.any() for each in across):
        number, where = worst_fold(case.folds, [int(each.sum()) for each in across])
        hit = across[number]
        test = np.zeros(len(stimuli.names), bool)
        test[stimuli.code[case.folds[number].test]] = True
        concerned = len(set(first[hit & test[first]]) | set(second[hit & test[second]]))
        found.append(
            Finding(
                "warn",
                "near_duplicates",
                f"{where}: {at_least}{counted(int(hit.sum()), 'pair')} of stimuli in training and test "
                f"{'is' if hit.sum() == 1 else 'are'} nearly the same ({alike}), which concerns {at_least}{concerned:,} of "
                f"{counted(int(test.sum()), 'test stimulus', 'test stimuli')}",
                "look at the pairs; leave out the ones in training, or add a column to the trial table with one name for "
                "both of a pair, and set by: COLUMN in the split",
                _evidence(pairs, hit, measure, lambda n: "train ~ test" if test[second[n]] else "test ~ train"),
            )
        )
    if any(each.any() for each in within):
        number, where = worst_fold(case.folds, [int(each.sum()) for each in within])
        hit = within[number]
        found.append(
            Finding(
                "note",
                "duplicate_candidates",
                f"{where}: {at_least}{counted(int(hit.sum()), 'pair')} of stimuli within the test set "
                f"{'is' if hit.sum() == 1 else 'are'} nearly the same ({alike}), so identification counts one against the other",
                "count both as right in identification, or leave one of each pair out of the candidates",
                _evidence(pairs, hit, measure, lambda n: "both test"),
            )
        )
    return found


def _standard_pictures(pictures: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Grey pictures of at most 32 x 32, each with mean 0 and length 1, as (stimulus, pixel); without contrast all 0."""
    from PIL import Image

    height, width = min(SIDE, pictures.shape[1]), min(SIDE, pictures.shape[2])
    small = np.empty((len(kept), height, width), np.float32)
    for n, row in enumerate(kept):
        # PIL's box average of whole bytes takes a fiftieth of the time of an antialiased resize in floating point
        image = Image.fromarray(pictures[row, :, :, 0] if pictures.shape[3] == 1 else pictures[row, :, :, :3])
        small[n] = np.asarray(image.convert("L").resize((width, height), Image.Resampling.BOX))
    flat = small.reshape(len(kept), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return _unit_length(flat)


def _centred_features(features: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Features without their mean over stimuli, each row of length 1."""
    rows = np.asarray(features[kept], np.float32).reshape(len(kept), -1)
    return _unit_length(rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32))


def _unit_length(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-6)


def _alike(rows: np.ndarray, names: np.ndarray, tested: np.ndarray, threshold: float) -> Pairs:
    """Pairs of differently named rows, at least one of them tested, with a product above the threshold; the most alike first."""
    found = list(_blocks_of_pairs(rows, tested, threshold))
    first, second = (np.concatenate([each[n] for each in found]) for n in (0, 1))
    likeness = np.concatenate([each[2] for each in found])
    differ = names[first] != names[second]
    order = np.argsort(-likeness[differ], kind="stable")[:MOST_PAIRS]
    return Pairs(names[first[differ]][order], names[second[differ]][order], likeness[differ][order])


def _blocks_of_pairs(
    rows: np.ndarray, tested: np.ndarray, threshold: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Row numbers first < second and products, block by block, until there are very many."""
    asked, total = np.flatnonzero(tested), 0
    yield np.empty(0, int), np.empty(0, int), np.empty(0, np.float32)
    for start in range(0, len(asked), BLOCK):
        block = asked[start : start + BLOCK]
        for left in range(0, len(rows), BLOCK):
            product = rows[block] @ rows[left : left + BLOCK].T
            own, other = np.nonzero(product > threshold)
            likeness = product[own, other]
            own, other = block[own], other + left
            # two tested rows meet twice, once from each side
            once = (own < other) | ((own > other) & ~tested[other])
            first, second = np.minimum(own, other)[once], np.maximum(own, other)[once]
            yield first, second, likeness[once]
            total += len(first)
            if total >= MOST_PAIRS:
                return


def _evidence(pairs: Pairs, hit: np.ndarray, measure: str, sides: Callable[[int], str]) -> tuple[str, ...]:
    return tuple(
        f"{pairs.first[n]} ~ {pairs.second[n]} {measure} {_short(pairs.likeness[n])} ({sides(n)})"
        for n in np.flatnonzero(hit)[:MOST_EVIDENCE]
    )


def _short(value: float) -> str:
    """Three decimals without the leading zero, cut and not rounded up to 1: .98, .999, 1."""
    return "1" if value >= 1 - 1e-6 else f"{np.floor(value * 1000 + 1e-4) / 1000:.3f}".lstrip("0").rstrip("0")
