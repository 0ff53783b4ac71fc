"""Is the true item found among the candidates? Exact k-way identification and retrieval, without draws.

Published k-way scores draw distractors at random and differ by the draw. Nothing needs to be drawn: how
many rivals beat the true candidate says everything, and the chance of winning against k - 1 of them is a
hypergeometric sum.

Who queries whom is part of a score's name: put decoded items in the rows (queries) and true items in the
columns (candidates) for `two_way_identification` as the field computes it, or transpose for the reverse.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput
from recortex.metrics._arrays import real_array, same_shape


class IdentificationRanks(NamedTuple):
    """Where the true candidate of each query stands; every score is a method and gives one value a query.

    The mean over queries is left to the caller, so that repeats can be averaged and stimuli resampled
    (`recortex.metrics.bootstrap_interval`). Ties are broken at random in expectation. A query without any
    rival is NaN in every score: nothing was identified.

    Attributes
    ----------
    beaten : array (query,), int
        Rivals strictly more similar to the query than its true candidate.
    ties : array (query,), int
        Rivals exactly as similar, or whose comparison is undefined (NaN).
    candidates : array (query,), int
        Rivals plus the true candidate.
    """

    beaten: NDArray[np.int64]
    ties: NDArray[np.int64]
    candidates: NDArray[np.int64]

    def two_way_identification(self) -> NDArray[np.float64]:
        """Share of rivals that the true candidate beats, a tie counting half; chance is 0.5."""
        with np.errstate(invalid="ignore"):
            return 1 - (self.beaten + self.ties / 2) / (self.candidates - 1)

    def k_way_accuracy(self, k: int, top: int = 1) -> NDArray[np.float64]:
        """Chance to be among the best `top` of `k` candidates; see the function `k_way_accuracy`."""
        return k_way_accuracy(self.beaten, self.ties, self.candidates, k, top)

    def top_retrieval(self, m: int) -> NDArray[np.float64]:
        """Whether the true candidate is among the best `m` of all; chance is m / candidates.

        With ties it is the expected hit: after `b` better rivals, the true candidate and its `t` ties share
        the places b+1 ... b+t+1, and it is equally likely at each.
        """
        if m < 1:
            raise InvalidInput(f"top_retrieval needs m of at least 1, not {m}")
        return self._where_rivals(np.clip((m - self.beaten) / (self.ties + 1), 0, 1))

    def top1_retrieval(self) -> NDArray[np.float64]:
        """Whether the true candidate is the best of all; chance is 1 / candidates."""
        return self.top_retrieval(1)

    def rank(self) -> NDArray[np.float64]:
        """Place of the true candidate, 1 the best, amid its ties; chance is (candidates + 1) / 2."""
        return self._where_rivals(1 + self.beaten + self.ties / 2)

    def median_rank(self) -> float:
        """Median of `rank` over the queries that have rivals, NaN if none has: the one summary given here.

        Ranks among different numbers of candidates do not compare; use it where `candidates` is one number.
        """
        rank = self.rank()[self.candidates > 1]
        return float(np.median(rank)) if rank.size else float("nan")

    def _where_rivals(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(self.candidates > 1, score, np.nan)


def identification_ranks(
    similarity: ArrayLike, truth: ArrayLike, allowed: ArrayLike | None = None, tolerance: float = 0.0
) -> IdentificationRanks:
    """Count the rivals that beat, and that tie with, the true candidate of each query.

    Parameters
    ----------
    similarity : array (query, candidate)
        Larger is more alike (pass a distance with a minus sign). NaN is no information, so it ties with
        everything: a decoder whose pictures are constant scores exactly chance.
    truth : array (query,), int
        Column of the candidate that is right for each query.
    allowed : array (query, candidate), bool, optional
        Which candidates may be rivals; by default all. Candidates of the same category only, for instance;
        and other presentations or copies of the same stimulus must be left out, as they are no less true.
        The true candidate takes part whatever its own entry.
    tolerance : float
        Similarities no further than this from that of the true candidate are ties. Matrix products can give
        equal candidates similarities that differ in the last bits: where there may be some, use about 1e-12
        for `correlation_matrix`.

    Returns
    -------
    IdentificationRanks
        ``beaten, ties, candidates``, each (query,), with the scores as methods.

    Raises
    ------
    InvalidInput
        If the shapes do not fit, `truth` is not a column of `similarity`, or `tolerance` is negative.

    Examples
    --------
    Two presentations of each of three stimuli query the three true items:

    >>> stimulus = np.array([0, 0, 1, 1, 2, 2])
    >>> similarity = np.array([[9, 1, 2], [9, 9, 2], [5, 4, 3], [1, 7, 2], [0, 0, 0], [1, 2, 3]])
    >>> ranks = identification_ranks(similarity, truth=stimulus)
    >>> ranks.two_way_identification()
    array([1.  , 0.75, 0.5 , 1.  , 0.5 , 1.  ])
    """
    similarity = real_array("similarity", similarity, "query", "candidate")
    n_query, n_candidate = similarity.shape
    truth = real_array("truth", truth, "query")
    if truth.dtype.kind not in "iu" or truth.shape != (n_query,):
        raise InvalidInput(
            f"truth must be one candidate's column number for each of {n_query} queries, not {truth.dtype} of shape {truth.shape}"
        )
    if n_query and (truth.min() < 0 or truth.max() >= n_candidate):
        raise InvalidInput(f"truth holds columns {truth.min()} to {truth.max()} of {n_candidate} candidates")
    if not tolerance >= 0:
        raise InvalidInput(f"tolerance must be 0 or more, not {tolerance}")

    rival = np.ones(similarity.shape, bool) if allowed is None else np.array(allowed)
    if rival.dtype != bool:
        raise InvalidInput(f"allowed must hold booleans, not {rival.dtype}")
    same_shape(similarity=similarity, allowed=rival)

    each_query = np.arange(n_query)
    rival[each_query, truth] = False
    of_truth = similarity[each_query, truth][:, None]
    rivals = np.count_nonzero(rival, axis=1)
    beaten = np.count_nonzero(rival & (similarity > of_truth + tolerance), axis=1)
    outdone = np.count_nonzero(rival & (similarity < of_truth - tolerance), axis=1)
    return IdentificationRanks(beaten, rivals - beaten - outdone, rivals + 1)


def k_way_accuracy(beaten: ArrayLike, ties: ArrayLike, candidates: ArrayLike, k: int, top: int = 1) -> NDArray[np.float64]:
    """Exact chance that the true candidate is among the best `top` of itself and k - 1 random rivals.

    The average over all sets of k - 1 distractors and over all orders of tied candidates, computed and not
    drawn. For a candidate beaten by `B` of `R` rivals it is the hypergeometric tail

    ``sum over j < top of C(B, j) C(R - B, k - 1 - j) / C(R, k - 1)``

    and with ties the mean of it over B = beaten ... beaten + ties. Chance is top / k.

    Parameters
    ----------
    beaten, ties, candidates : array (query,), int
        As counted by `identification_ranks`; `candidates` includes the true one.
    k : int
        Candidates in one trial of the game, the true one included; at least 2.
    top : int
        Places that count as a success; less than `k`.

    Returns
    -------
    array (query,)
        In 0..1; NaN where a query has fewer than `k` candidates.

    Raises
    ------
    InvalidInput
        If k, top or the counts make no game.

    Notes
    -----
    The tail is summed from the other side. Let the rivals stand in order; the `top`-th best of k - 1 drawn
    ones stands at place i with weight C(i, top - 1) C(R - 1 - i, k - 1 - top), and the true candidate
    succeeds if no more than i rivals stand before it. The weights are positive and known, up to their sum,
    from the ratios of neighbours, so nothing cancels or overflows at 1e5 candidates. (Their sum is
    C(R, k - 1): Graham, Knuth and Patashnik, *Concrete Mathematics*, equation 5.26.)
    """
    beaten, ties, candidates = _counts(beaten, ties, candidates)
    if k < 2 or not 1 <= top < k:
        raise InvalidInput(f"k-way accuracy needs k >= 2 and 1 <= top < k, not k={k} and top={top}")
    accuracy = np.full(beaten.shape, np.nan)
    for size in np.unique(candidates[candidates >= k]):
        success = _success_by_place(int(size) - 1, k - 1, top)
        for query in np.flatnonzero(candidates == size):
            first, last = beaten[query], beaten[query] + ties[query]
            accuracy[query] = success[first : last + 1].mean()
    return accuracy


def _success_by_place(rivals: int, drawn: int, top: int) -> NDArray[np.float64]:
    """(rivals + 1,): chance that fewer than `top` of `drawn` rivals are among the first 0, 1, ... of all."""
    place = np.arange(top - 1, rivals - drawn + top)  # where the top-th best drawn rival can stand
    here, ahead = place[:-1], rivals - 1 - place[:-1]
    log_ratio = np.log((here + 1) / (here + 2 - top)) + np.log((ahead - (drawn - top)) / ahead)
    log_weight = np.concatenate([[0.0], np.cumsum(log_ratio)])
    weight = np.zeros(rivals + 1)
    weight[place] = np.exp(log_weight - log_weight.max())
    at_or_after: NDArray[np.float64] = np.cumsum(weight[::-1])[::-1]
    at_or_after /= at_or_after[0]
    return at_or_after


def _counts(beaten: ArrayLike, ties: ArrayLike, candidates: ArrayLike) -> IdentificationRanks:
    beaten, ties = real_array("beaten", beaten, "query"), real_array("ties", ties, "query")
    candidates = real_array("candidates", candidates, "query")
    same_shape(beaten=beaten, ties=ties, candidates=candidates)
    if any(array.dtype.kind not in "iu" for array in (beaten, ties, candidates)):
        raise InvalidInput("beaten, ties and candidates are counts and must be integers")
    beaten, ties, candidates = (array.astype(np.int64) for array in (beaten, ties, candidates))
    if np.any(beaten < 0) or np.any(ties < 0) or np.any(beaten + ties >= candidates):
        raise InvalidInput("beaten and ties must be 0 or more, and together fewer than candidates")
    return IdentificationRanks(beaten, ties, candidates)
