"""Which words captions hold, group by group. Words alone: no tagger that tells nouns from verbs is at hand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")


def content_words(caption: str) -> list[str]:
    """The words of a caption that say something by themselves, each once, in order; scikit-learn's English stop words are left out.

    >>> content_words("A dog and a second dog on the grass.")
    ['dog', 'second', 'grass']
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found = dict.fromkeys(WORD.findall(caption.lower()))
    return [word for word in found if len(word) > 1 and word not in ENGLISH_STOP_WORDS]


def words_by_group(
    captions: np.ndarray, groups: np.ndarray, most: int = 5
) -> list[tuple[str, int, list[tuple[str, float, float]]]]:
    """The content words that the captions of each group hold most beyond those of all groups.

    Parameters
    ----------
    captions, groups : (n,) str arrays
    most : int
        Words of each group.

    Returns
    -------
    list of (group, captions in it, list of (word, share of the group's captions that hold it, share of all captions))
        The largest group first. Words by how far their share in the group lies above that in all captions, then by share, then in
        alphabetical order.
    """
    overall = _counts(captions.tolist())
    found = []
    for group, count in Counter(groups.tolist()).items():
        mine = _counts(captions[groups == group].tolist())
        words = [(word, mine[word] / count, overall[word] / len(captions)) for word in _sorted(mine)]
        found.append((group, count, sorted(words, key=lambda word: word[2] - word[1])[:most]))
    return sorted(found, key=lambda entry: (-entry[1], entry[0]))


def most_frequent(captions: np.ndarray, most: int, share: float = 1.0) -> list[str]:
    """The content words that the most captions hold, in that order; those that more than a share of the captions hold tell little."""
    counts = _counts(captions.tolist())
    return [word for word in _sorted(counts) if counts[word] <= share * len(captions)][:most]


def first_of(captions: np.ndarray, words: Sequence[str]) -> np.ndarray:
    """Of each caption the first content word that is one of the given, or ""."""
    known = {caption: content_words(caption) for caption in set(captions.tolist())}
    return np.array([next((word for word in known[caption] if word in words), "") for caption in captions.tolist()])


def _counts(captions: Iterable[str]) -> Counter[str]:
    """How many captions hold each content word."""
    counts: Counter[str] = Counter()
    for caption, times in Counter(captions).items():
        counts.update(dict.fromkeys(content_words(caption), times))
    return counts


def _sorted(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda word: (-counts[word], word))
