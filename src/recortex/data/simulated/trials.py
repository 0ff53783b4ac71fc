"""In which order a simulated person sees pictures: presentations spread over sessions and runs.

After the Natural Scenes Dataset (NSD), in which each of 10,000 pictures comes three times in 30,000 trials, 750 a session, 40 sessions
of 12 runs; a picture comes again sooner or later, in the same session or weeks on. Here half of the repeats come back soon, after half
a session on average, and the others anywhere in the experiment; never two in one run. Those two numbers are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recortex.errors import InvalidInput

SOON = 0.5  # share of repeats that come back soon
SOON_SESSIONS = 0.5  # mean delay of these
ATTEMPTS = 1000


@dataclass(frozen=True, eq=False)
class Order:
    """What is shown when, a row a trial.

    Parameters
    ----------
    picture : (trial,) int array
        Which picture.
    session, run : (trial,) int array
        Counted from 1; runs within their session.
    repetition : (trial,) int array
        The how-manieth presentation of the picture this is, from 1.
    """

    picture: np.ndarray
    session: np.ndarray
    run: np.ndarray
    repetition: np.ndarray


def order(pictures: int, presentations: int, sessions: int, runs: int, rng: np.random.Generator) -> Order:
    """Draw an order.

    Parameters
    ----------
    pictures, presentations : int
        How many, and how often each is shown.
    sessions, runs : int
        Sessions of the experiment, and runs of a session; all as long as each other, but for one trial.
    rng : numpy.random.Generator

    Raises
    ------
    InvalidInput
        There are fewer runs than presentations of a picture, or more runs than trials.
    """
    total, blocks = pictures * presentations, sessions * runs
    if blocks < presentations or total < blocks:
        raise InvalidInput(
            f"{pictures} pictures shown {presentations} times cannot fill {sessions} x {runs} runs in which none comes "
            "twice; set sessions and runs to between one run a presentation and one run a trial"
        )
    when = rng.random((pictures, 1))
    soon = rng.random((pictures, presentations - 1)) < SOON
    delay = np.where(soon, rng.exponential(SOON_SESSIONS / sessions, soon.shape), rng.random(soon.shape))
    when = np.concatenate([when, when + np.cumsum(delay, axis=1)], axis=1) % 1
    sequence = np.repeat(np.arange(pictures), presentations)[np.argsort(when, axis=None, kind="stable")]
    block = np.arange(total) * blocks // total
    _part(sequence, block, rng)
    repetition = np.empty(total, dtype=int)
    by_picture = np.argsort(sequence, kind="stable")
    repetition[by_picture] = np.tile(np.arange(1, presentations + 1), pictures)
    return Order(sequence, block // runs + 1, block % runs + 1, repetition)


def _part(sequence: np.ndarray, block: np.ndarray, rng: np.random.Generator) -> None:
    """Exchange trials until no picture comes twice in a run."""
    present = {pair: 0 for pair in zip(sequence.tolist(), block.tolist(), strict=True)}
    for pair in zip(sequence.tolist(), block.tolist(), strict=True):
        present[pair] += 1
    for trial in range(len(sequence)):
        mine, here = int(sequence[trial]), int(block[trial])
        for _ in range(ATTEMPTS):
            if present.get((mine, here), 0) < 2:
                break
            other = int(rng.integers(len(sequence)))
            yours, there = int(sequence[other]), int(block[other])
            if present.get((mine, there), 0) or present.get((yours, here), 0):
                continue
            for pair, change in (((mine, here), -1), ((yours, there), -1), ((mine, there), 1), ((yours, here), 1)):
                present[pair] = present.get(pair, 0) + change
            sequence[trial], sequence[other] = yours, mine
            mine = yours
        else:
            raise InvalidInput("no order was found in which no picture comes twice in a run; show more pictures, or in more runs")
