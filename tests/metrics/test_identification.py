"""Exact k-way accuracy against games played out in full, and the laws of identification."""

from __future__ import annotations

import doctest
from fractions import Fraction
from itertools import combinations, permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recortex.errors import InvalidInput
from recortex.metrics import correlation_matrix, identification, identification_ranks, k_way_accuracy


def played_out(beaten: int, ties: int, n_candidate: int, k: int, top: int) -> float:
    """Share of won games over every order of the tied candidates and every set of distractors."""
    won = []
    for place, *places_of_ties in permutations(range(ties + 1)):
        rivals = [-1] * beaten + places_of_ties + [n_candidate] * (n_candidate - 1 - beaten - ties)
        for distractors in combinations(rivals, k - 1):
            won.append(sum(rival < place for rival in distractors) < top)
    return float(np.mean(won))


@pytest.mark.parametrize("n_candidate", [2, 3, 5, 7])
def test_k_way_equals_every_game_played_out(n_candidate):
    for k in range(2, n_candidate + 1):
        for top in range(1, k):
            for beaten in range(n_candidate):
                for ties in range(min(n_candidate - beaten, 5)):
                    exact = k_way_accuracy([beaten], [ties], [n_candidate], k, top)[0]
                    expected = played_out(beaten, ties, n_candidate, k, top)
                    assert exact == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("n_candidate", "k", "top"),
    [(200, 50, 1), (1000, 10, 3), (1000, 1000, 5), (100_000, 50, 1), (100_000, 2000, 25)],
)
def test_k_way_equals_rational_arithmetic(n_candidate, k, top):
    rivals = n_candidate - 1
    beaten = np.unique([0, 1, top - 1, top, 7, rivals // k, rivals // 9, rivals - k + top, rivals - 1, rivals])
    exact = [
        float(
            Fraction(
                sum(comb(int(b), j) * comb(rivals - int(b), k - 1 - j) for j in range(top)),
                comb(rivals, k - 1),
            )
        )
        for b in beaten
    ]
    none = np.zeros_like(beaten)
    scores = k_way_accuracy(beaten, none, np.full_like(beaten, n_candidate), k, top)
    np.testing.assert_allclose(scores, exact, rtol=1e-9, atol=1e-14)


def test_k_way_equals_random_draws():
    rng = np.random.default_rng(0)
    n_candidate, k, top, n_draw = 80, 10, 2, 40_000
    similarity = rng.integers(0, 30, n_candidate).astype(float)
    similarity[0] = 24  # the true one: some better, some tied
    draws = rng.random((n_draw, n_candidate - 1)).argsort(axis=1)[:, : k - 1] + 1
    jitter = rng.uniform(0, 0.5, (n_draw, n_candidate))
    rivals = similarity[draws] + np.take_along_axis(jitter, draws, axis=1)
    won = np.count_nonzero(rivals > similarity[0] + jitter[:, :1], axis=1) < top
    ranks = identification_ranks(similarity[None], [0])
    assert ranks.ties[0] > 0
    assert ranks.k_way_accuracy(k, top)[0] == pytest.approx(won.mean(), abs=4 * won.std() / np.sqrt(n_draw))


counts = st.integers(2, 60).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(0, n - 1)).flatmap(
        lambda nb: st.tuples(st.just(nb[0]), st.just(nb[1]), st.integers(0, nb[0] - 1 - nb[1]))
    )
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(counts)
def test_two_way_and_retrieval_are_the_ends_of_k_way(count):
    n_candidate, beaten, ties = count
    ranks = identification.IdentificationRanks(*(np.array([c]) for c in (beaten, ties, n_candidate)))
    np.testing.assert_allclose(ranks.k_way_accuracy(2), ranks.two_way_identification(), atol=1e-13)
    for m in range(1, n_candidate):
        np.testing.assert_allclose(ranks.k_way_accuracy(n_candidate, m), ranks.top_retrieval(m), atol=1e-13)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(counts, st.data())
def test_k_way_moves_the_right_way(count, data):
    n_candidate, beaten, ties = count
    k = data.draw(st.integers(2, n_candidate))
    top = data.draw(st.integers(1, k - 1))
    score = k_way_accuracy([beaten], [ties], [n_candidate], k, top)[0]
    assert 0 <= score <= 1
    if ties:  # a tie lies between a loss and a win
        lost, won = k_way_accuracy([beaten + 1, beaten], [ties - 1, ties - 1], [n_candidate] * 2, k, top)
        assert lost - 1e-12 <= score <= won + 1e-12
    if k < n_candidate:
        assert k_way_accuracy([beaten], [ties], [n_candidate], k + 1, top)[0] <= score + 1e-12


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 9))
def test_the_order_of_candidates_and_the_scale_of_similarity_do_not_matter(seed, n_query, n_candidate):
    rng = np.random.default_rng(seed)
    similarity = rng.integers(-3, 4, (n_query, n_candidate)).astype(float)
    similarity[rng.random(similarity.shape) < 0.1] = np.nan
    truth = rng.integers(n_candidate, size=n_query)
    allowed = rng.random(similarity.shape) < 0.7
    ranks = identification_ranks(similarity, truth, allowed)
    order = rng.permutation(n_candidate)
    place = np.argsort(order)
    permuted = identification_ranks(similarity[:, order], place[truth], allowed[:, order])
    monotone = identification_ranks(np.exp(similarity) * 7 - 2, truth, allowed)
    for one, other, third in zip(ranks, permuted, monotone, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, third)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_a_query_that_serves_every_candidate_in_turn_scores_chance(seed, n):
    """Whatever the similarities, being right by turns is chance: no protocol of ties may leak."""
    rng = np.random.default_rng(seed)
    one_query = rng.integers(-2, 3, n).astype(float)
    ranks = identification_ranks(np.tile(one_query, (n, 1)), np.arange(n))
    assert ranks.two_way_identification().mean() == pytest.approx(0.5, abs=1e-12)
    assert ranks.rank().mean() == pytest.approx((n + 1) / 2, abs=1e-12)
    for k in range(2, n + 1):
        for top in range(1, k):
            assert ranks.k_way_accuracy(k, top).mean() == pytest.approx(top / k, abs=1e-12)


@pytest.mark.parametrize("collapsed", [np.nan, 0.25])
def test_a_decoder_that_says_nothing_scores_exactly_chance(collapsed):
    n = 40
    ranks = identification_ranks(np.full((n, n), collapsed), np.arange(n))
    np.testing.assert_allclose(ranks.two_way_identification(), 0.5, rtol=1e-15)
    np.testing.assert_allclose(ranks.top1_retrieval(), 1 / n, rtol=1e-15)
    np.testing.assert_allclose(ranks.top_retrieval(5), 5 / n, rtol=1e-15)
    np.testing.assert_allclose(ranks.k_way_accuracy(10, 3), 0.3, rtol=1e-13)
    assert ranks.median_rank() == (n + 1) / 2


def test_a_constant_decoded_picture_scores_chance_through_correlation():
    true = np.random.default_rng(3).random((6, 50))
    decoded = true.copy()
    decoded[2] = 0.5
    ranks = identification_ranks(correlation_matrix(decoded, true), np.arange(6))
    np.testing.assert_array_equal(ranks.two_way_identification(), [1, 1, 0.5, 1, 1, 1])


def test_one_unknown_rival_counts_half():
    ranks = identification_ranks([[0.9, np.nan, 0.1]], [0])
    assert ranks.ties[0] == 1
    assert ranks.two_way_identification()[0] == 0.75


def test_only_allowed_rivals_take_part():
    similarity = np.array([[0.5, 0.9, 0.1, 0.5], [0.3, 0.2, 0.8, 0.1]])
    same_category = np.array([[True, False, True, True], [False, False, True, False]])
    ranks = identification_ranks(similarity, [0, 2], same_category)
    assert (ranks.beaten[0], ranks.ties[0], ranks.candidates[0]) == (0, 1, 3)
    alone = [ranks.two_way_identification(), ranks.top1_retrieval(), ranks.rank(), ranks.k_way_accuracy(2)]
    assert all(np.isnan(score[1]) and not np.isnan(score[0]) for score in alone)
    assert ranks.median_rank() == 1.5
    assert same_category.sum() == 4, "the mask of the caller stays as it was"
    assert np.isnan(identification_ranks(similarity[1:], [2], same_category[1:]).median_rank())


def test_other_presentations_of_a_stimulus_can_be_left_out():
    """Perfect decoding of repeats is perfect once the twins, which are no less true, are no rivals."""
    stimulus = np.repeat(np.arange(5), 3)
    features = np.random.default_rng(4).normal(size=(5, 20))[stimulus]
    similarity, truth = correlation_matrix(features, features), np.arange(15)
    with_twins = identification_ranks(similarity, truth, tolerance=1e-12)
    np.testing.assert_array_equal(with_twins.ties, 2)
    without = identification_ranks(similarity, truth, allowed=stimulus[:, None] != stimulus, tolerance=1e-12)
    np.testing.assert_array_equal(without.candidates, 13)
    np.testing.assert_array_equal(without.two_way_identification(), 1)


def test_tolerance_makes_ties_of_what_rounding_parts():
    similarity = [[0.5, 0.5 + 1e-15, 0.5 - 1e-15, 0.6]]
    assert identification_ranks(similarity, [0])[:2] == ([2], [0])
    assert identification_ranks(similarity, [0], tolerance=1e-12)[:2] == ([1], [2])


def test_different_numbers_of_candidates_in_one_call():
    score = k_way_accuracy([0, 1, 0, 0], [0, 0, 0, 2], [2, 3, 4, 3], k=3)
    np.testing.assert_allclose(score, [np.nan, 0, 1, 1 / 3])


def test_what_makes_no_game_is_refused():
    similarity = np.zeros((3, 4))
    for truth in ([0, 1, 4], [0, -1, 2], [0, 1], [0.0, 1.0, 2.0]):
        with pytest.raises(InvalidInput, match="truth"):
            identification_ranks(similarity, truth)
    with pytest.raises(InvalidInput, match="booleans"):
        identification_ranks(similarity, [0, 1, 2], np.ones((3, 4)))
    with pytest.raises(InvalidInput, match=r"allowed \(4, 3\)"):
        identification_ranks(similarity, [0, 1, 2], np.ones((4, 3), bool))
    with pytest.raises(InvalidInput, match="tolerance"):
        identification_ranks(similarity, [0, 1, 2], tolerance=-1)
    for k, top in ((1, 1), (3, 3), (3, 0)):
        with pytest.raises(InvalidInput, match="k-way"):
            k_way_accuracy([0], [0], [4], k, top)
    with pytest.raises(InvalidInput, match="fewer than candidates"):
        k_way_accuracy([2], [2], [4], 2)
    with pytest.raises(InvalidInput, match="m of at least 1"):
        identification_ranks(similarity, [0, 1, 2]).top_retrieval(0)


def test_the_example_in_the_documentation():
    assert doctest.testmod(identification).failed == 0
