"""The streaming projection is the dense softmax, however the bank comes in, and the chosen temperature lets as many count as asked."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from recortex.errors import InvalidInput
from recortex.selectivity.projection import Projected, Projection, choose_temperature


def dense(directions: np.ndarray, bank: np.ndarray, temperature: float) -> Projected:
    """By the whole matrix, in float64, as the paper says it."""
    directions, bank = directions.astype(np.float64), bank.astype(np.float64)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    length = np.linalg.norm(bank, axis=1)
    unit = bank / length[:, None]
    log_p = temperature * directions @ unit.T
    log_p -= logsumexp(log_p, axis=1, keepdims=True)
    p = np.exp(log_p)
    towards = p @ unit
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    entropy = -(p * np.where(p > 0, log_p, 0)).sum(axis=1)
    return Projected(towards * (p @ length)[:, None], np.exp(entropy), (towards * directions).sum(axis=1))


def streamed(directions: np.ndarray, shards: list[np.ndarray], temperature: float, at_once: int = 2**27) -> Projected:
    projection = Projection(directions, temperature, at_once)
    for shard in shards:
        projection.add(shard)
    return projection.result()


def drawn(seed: int, units: int = 7, rows: int = 60, features: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bank = rng.standard_normal((rows, features)) * rng.uniform(0.1, 30, (rows, 1))
    return rng.standard_normal((units, features)), bank.astype(np.float32)


def close(one: Projected, other: Projected, tolerance: float = 1e-5) -> bool:
    scale = np.abs(other.embedding).max()
    return (
        np.allclose(one.embedding / scale, other.embedding / scale, atol=tolerance)
        and np.allclose(one.neighbours, other.neighbours, rtol=10 * tolerance)
        and np.allclose(one.cosine, other.cosine, atol=tolerance)
    )


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    log_temperature=st.floats(-2, 4),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    at_once=st.sampled_from([1, 300, 4096, 2**27]),
)
def test_any_shards_in_any_order_and_blocks_of_any_size_make_the_dense_softmax(seed, log_temperature, cuts, at_once):
    directions, bank = drawn(seed)
    temperature = 10**log_temperature
    shards = np.split(bank, sorted(cuts))
    order = np.random.default_rng(seed).permutation(len(shards))
    made = streamed(directions, [shards[place] for place in order], temperature, at_once)
    assert close(made, dense(directions, bank, temperature))


def test_at_the_ends_of_temperature_all_pictures_count_or_one_does():
    directions, bank = drawn(3)
    unit = bank / np.linalg.norm(bank, axis=1, keepdims=True)
    cosine = directions / np.linalg.norm(directions, axis=1, keepdims=True) @ unit.T
    cold = streamed(directions, [bank], 1e-6)
    assert np.allclose(cold.neighbours, len(bank), rtol=1e-4)
    mean = unit.mean(axis=0)
    assert np.allclose(cold.embedding, mean / np.linalg.norm(mean) * np.linalg.norm(bank, axis=1).mean(), rtol=1e-4)
    for hot in (1e4, 1e8):
        one = streamed(directions, np.split(bank, 4), hot)
        assert np.isfinite(one.embedding).all()
        assert np.allclose(one.neighbours, 1, atol=0.05)
        assert np.allclose(one.embedding, bank[cosine.argmax(axis=1)], rtol=0.02, atol=0.05)


def test_a_bank_whose_likest_picture_comes_last_or_first_is_the_same():
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((3, 8))
    bank = rng.standard_normal((50, 8)).astype(np.float32)
    rising = bank[np.argsort(bank @ directions[0])]
    for temperature in (150.0, 1e4):
        one = streamed(directions, list(rising[:, None]), temperature)
        assert close(one, streamed(directions, list(rising[::-1][:, None]), temperature))
        assert close(one, dense(directions, bank, temperature))


def test_embeddings_of_half_precision_are_taken_as_they_are():
    directions, bank = drawn(4)
    half = bank.astype(np.float16)
    assert close(streamed(directions, [half], 20.0), dense(directions, half, 20.0))


def test_a_block_of_similarities_stays_below_its_bytes():
    rng = np.random.default_rng(0)
    directions, bank = rng.standard_normal((400, 16)), rng.standard_normal((6000, 16)).astype(np.float32)
    projection = Projection(directions, 10.0, at_once=2**18)
    tracemalloc.start()
    projection.add(bank)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20  # the matrix of all similarities has 9.6 MB
    assert close(projection.result(), dense(directions, bank, 10.0))


@pytest.mark.parametrize("neighbours", [2.0, 10.0, 200.0])
def test_the_chosen_temperature_lets_as_many_pictures_count_as_asked(neighbours):
    rng = np.random.default_rng(1)
    directions, bank = rng.standard_normal((301, 12)), rng.standard_normal((2000, 12)).astype(np.float32)
    temperature = choose_temperature(directions, np.array_split(bank, 3), neighbours)
    assert temperature == choose_temperature(directions, [bank[::-1]], neighbours, at_once=2**19)
    counted = streamed(directions[::2], [bank], temperature).neighbours  # the same every other unit
    assert np.median(counted) == pytest.approx(neighbours, rel=0.01)


def said(make, *words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make()
    text = str(caught.value)
    assert "\n" not in text and all(word in text for word in words), text


def test_what_cannot_be_projected_is_refused_in_one_line():
    directions, bank = drawn(0)
    said(lambda: streamed(directions, [bank[:, :4]], 1.0), "(60, 4)", "5 features")
    broken = bank.copy()
    broken[[3, 8]] = 0
    said(lambda: streamed(directions, [broken], 1.0), "bank", "rows 3, 8")
    broken[5, 1] = np.nan
    said(lambda: streamed(directions, [broken[4:6]], 1.0), "rows 1")
    said(lambda: Projection(np.zeros((2, 5)), 1.0), "directions", "rows 0, 1")
    said(lambda: Projection(directions, 0.0), "temperature: 0")
    said(lambda: Projection(directions, np.inf), "temperature: inf")
    said(lambda: Projection(directions, 1.0).result(), "no embedding")
    said(lambda: choose_temperature(directions, [bank], 60), "neighbours: 60", "bank of 60")
