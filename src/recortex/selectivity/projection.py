"""The softmax projection of directions onto a bank of embeddings, in one pass over a bank of any size.

Weights of an encoder point where no picture is. BrainSCUBA (Luo et al. 2024) brings them to natural pictures: each embedding of a bank
counts by ``softmax(temperature * cosine)``, and the weighted mean, as long as they are on average, is the projected embedding. Here the
softmax is summed up shard by shard, each sum relative to the largest cosine so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from recortex.errors import InvalidInput, listed

AT_ONCE = 2**26
"""Bytes of a block of similarities."""
PRECISE = 1000.0
"""Temperature above which products are float64: the last digit of a float32 cosine would move a weight by more than 1e-4."""
SAMPLE = 256  # units that a temperature is chosen by
BINS = 2**14  # of cosines, -1 to 1
COLDEST, HOTTEST = 1e-2, 1e4


class Projected(NamedTuple):
    """What became of each direction.

    Parameters
    ----------
    embedding : (unit, feature) float64 array
        The projected embedding, as long as the bank's are on average under the softmax.
    neighbours : (unit,) float64 array
        How many pictures of the bank count: the exponential of the entropy of the softmax, from 1 to all of them.
    cosine : (unit,) float64 array
        Between direction and projection.
    """

    embedding: np.ndarray
    neighbours: np.ndarray
    cosine: np.ndarray


class Projection:
    """Sums of a softmax projection: ``add`` every shard of the bank once, in any order, then ``result``.

    It keeps a few numbers for each unit and feature, whatever the bank, and a block of similarities while it adds.

    Parameters
    ----------
    directions : (unit, feature) array
        Of any length but 0.
    temperature : float
        What cosines are multiplied by before the softmax; 150 in the released BrainSCUBA.
    at_once : int
        Bytes that a block of similarities may take.

    Raises
    ------
    InvalidInput
        A direction without length, or a temperature that is no positive number.
    """

    def __init__(self, directions: np.ndarray, temperature: float, at_once: int = AT_ONCE):
        if not (np.isfinite(temperature) and temperature > 0):
            raise InvalidInput(f"temperature: {temperature:g} is no positive number")
        self._precision = np.dtype(np.float64 if temperature > PRECISE else np.float32)
        self._directions = unit_length(directions, "directions")[0]
        self._scaled = (temperature * self._directions).astype(self._precision)
        self._at_once = at_once
        units, features = directions.shape
        self._top = np.full(units, -np.inf)  # the largest logit so far; sums are of exp(logit - top)
        self._weight = np.zeros(units)
        self._summed = np.zeros((units, features))
        self._length = np.zeros(units)

    def add(self, embeddings: np.ndarray) -> None:
        """Take in some embeddings of the bank.

        Parameters
        ----------
        embeddings : (n, feature) array
            As long as their model makes them.

        Raises
        ------
        InvalidInput
            Another number of features, or an embedding without length.
        """
        check_shard(embeddings, self._summed.shape[1])
        for block in blocks(len(embeddings), self._summed.shape, self._precision.itemsize, self._at_once):
            unit, length = unit_length(embeddings[block], "embeddings of the bank", self._precision)
            share = self._scaled @ unit.T
            top = np.maximum(self._top, share.max(axis=1))
            if (risen := top > self._top).any():
                shrunk = np.exp(self._top[risen] - top[risen])
                self._weight[risen] *= shrunk
                self._length[risen] *= shrunk
                self._summed[risen] *= shrunk[:, None]
                self._top = top
            share -= top[:, None].astype(self._precision)
            np.exp(share, out=share)
            self._weight += share.sum(axis=1, dtype=np.float64)
            self._length += share @ length.astype(self._precision)
            self._summed += share @ unit

    def result(self) -> Projected:
        """The projection onto all that was added.

        Raises
        ------
        InvalidInput
            Nothing was added.
        """
        if not (self._weight > 0).all():
            raise InvalidInput("the bank holds no embedding to project onto")
        mean = self._summed / self._weight[:, None]
        with np.errstate(invalid="ignore"):  # embeddings that cancel each other have no direction
            towards = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        # the mean logit is that of the mean embedding, so the entropy needs no sum of its own
        entropy = np.log(self._weight) + self._top - np.einsum("uf,uf->u", self._scaled.astype(np.float64), mean)
        return Projected(
            towards * (self._length / self._weight)[:, None],
            np.exp(np.maximum(entropy, 0)),
            np.einsum("uf,uf->u", self._directions, towards),
        )


def choose_temperature(directions: np.ndarray, shards: Iterable[np.ndarray], neighbours: float, at_once: int = AT_ONCE) -> float:
    """The temperature at which so many pictures of the bank count for the median unit.

    Cosines of at most 256 units, evenly chosen, with the whole bank are counted in 16,384 bins, from which the entropy of the softmax
    follows at any temperature; then by bisection. Nothing is drawn, and no part of the bank stands for the rest: what counts at a
    useful temperature are its few nearest pictures, which a sample would miss.

    Parameters
    ----------
    directions : (unit, feature) array
    shards : iterable of (n, feature) arrays
        The bank, each embedding once.
    neighbours : float
        How many, in the sense of `Projected.neighbours`; more than 1, and less than the bank holds.
    at_once : int
        Bytes that a block of similarities may take.

    Returns
    -------
    float
        0.01 to 10,000, to four digits.

    Raises
    ------
    InvalidInput
        The bank holds no more pictures than that, or as in `Projection`.
    """
    some = unit_length(directions[:: -(-len(directions) // SAMPLE)], "directions")[0].astype(np.float32)
    counts = np.zeros((len(some), BINS))
    first = BINS * np.arange(len(some), dtype=np.int32)[:, None]
    for embeddings in shards:
        check_shard(embeddings, some.shape[1])
        for block in blocks(len(embeddings), some.shape, some.itemsize, at_once):
            cosine = some @ unit_length(embeddings[block], "embeddings of the bank", some.dtype)[0].T
            bins = np.clip(((cosine + 1) * (BINS / 2)).astype(np.int32), 0, BINS - 1) + first
            counts += np.bincount(bins.ravel(), minlength=counts.size).reshape(counts.shape)
    held = int(counts[0].sum())
    if held <= neighbours:
        raise InvalidInput(
            f"neighbours: {neighbours:g} pictures cannot count in a bank of {held}; give fewer, a larger bank, or a temperature"
        )
    unit, place = np.nonzero(counts)
    starts = np.searchsorted(unit, np.arange(len(some)))
    cosine = (place + 0.5) * (2 / BINS) - 1
    below = np.maximum.reduceat(cosine, starts)[unit] - cosine
    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(30):
        middle = (low + high) / 2
        if _median_neighbours(counts[unit, place], below, starts, float(np.exp(middle))) > neighbours:
            low = middle
        else:
            high = middle
    return float(f"{np.exp((low + high) / 2):.4g}")


def _median_neighbours(counts: np.ndarray, below: np.ndarray, starts: np.ndarray, temperature: float) -> float:
    """How many pictures count for the median unit, from how many of them lie how far below each unit's likest, unit after unit."""
    weight = counts * np.exp(-temperature * below)
    total = np.add.reduceat(weight, starts)
    entropy = np.log(total) + temperature * np.add.reduceat(weight * below, starts) / total
    return float(np.median(np.exp(entropy)))


def blocks(rows: int, shape: tuple[int, ...], itemsize: int, at_once: int) -> Iterator[slice]:
    """Some rows of a shard at a time, so that neither their similarities nor their copies take more than a number of bytes."""
    step = max(1, at_once // (itemsize * max(*shape, 1)))
    return (slice(start, start + step) for start in range(0, rows, step))


def unit_length(rows: np.ndarray, what: str, dtype: np.dtype | type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Rows brought to length 1, and how long they were.

    Raises
    ------
    InvalidInput
        A row is 0 or not finite.
    """
    length = np.sqrt(np.einsum("nf,nf->n", rows, rows, dtype=np.float64))
    if (wrong := np.flatnonzero(~(np.isfinite(length) & (length > 0)))).size:
        raise InvalidInput(
            f"{what}: rows {listed(wrong)} (counted from 0) are 0, NaN or infinite and point nowhere; leave them out"
        )
    return np.divide(rows, length[:, None], dtype=dtype, casting="same_kind"), length


def check_shard(embeddings: np.ndarray, features: int) -> None:
    """Refuse embeddings of another width than the directions.

    Raises
    ------
    InvalidInput
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != features:
        raise InvalidInput(
            f"embeddings of the bank have shape {embeddings.shape} and the directions {features} features; use those of one model"
        )
