"""Batches of which a part is alike in something, so that what else there is has to be learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# what the scenes of a group share; kind is what remains most often, as it is hardest to see
SHARED = (
    ("background", "time"),
    ("background", "colour"),
    ("background", "count"),
    ("time", "colour"),
    ("kind",),
    ("background", "time", "count"),
    ("design",),
    ("background", "time", "colour"),
)


class Batches:
    """Rows of scenes: half of a batch drawn from all, half from groups that share something, another thing in every batch.

    Parameters
    ----------
    answers : mapping of str to array of int
        By attribute.
    size : int
        Rows of a batch.
    group : int
        Rows of a group, at most; groups fill half a batch.
    shared : sequence of tuple of str
        The attributes that a group may share; each tuple is as likely.
    """

    def __init__(self, answers: Mapping[str, np.ndarray], size: int, group: int = 32, shared: Sequence[tuple[str, ...]] = SHARED):
        self.count = len(next(iter(answers.values())))
        self.size, self.group = min(size, self.count), group
        self.alike = [_alike([answers[name] for name in names]) for names in shared]

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
        """The rows of a batch, each once, and the groups that were drawn; those come last."""
        alike = self.alike[rng.integers(len(self.alike))]
        groups: list[np.ndarray] = []
        free = self.size // 2
        for at in rng.permutation(len(alike)):
            rows = rng.permutation(alike[at])[: min(self.group, free)]
            if len(rows) > 1:
                groups.append(rows)
                free -= len(rows)
            if free < 2:
                break
        chosen = np.concatenate(groups) if groups else np.empty(0, int)
        others = rng.permutation(self.count)
        others = others[~np.isin(others, chosen)][: self.size - len(chosen)]
        return np.concatenate([others, chosen]), groups


def _alike(codes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The rows of each combination of codes."""
    _, which = np.unique(np.stack(codes), axis=1, return_inverse=True)
    order = np.argsort(which, kind="stable")
    return np.split(order, np.cumsum(np.bincount(which))[:-1])
