"""What is seen at each place of a picture: of which thing a cell of a coarse grid shows which part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recortex.data.simulated.scene import COLOURS, DESIGNS, KINDS

if TYPE_CHECKING:
    import torch

ANSWERS = {"kind": KINDS, "design": tuple(design for designs in DESIGNS.values() for design in designs), "colour": COLOURS}
"""What can be asked of the thing in a cell, with all answers."""
BESIDE = 0.25  # how much a cell without a thing counts


@dataclass(frozen=True)
class Cells:
    """Whose cell each is.

    Parameters
    ----------
    thing : dict of str to (scene, row, column) int64 tensor
        By question, the number of the answer from 1 on; 0 where there is no thing.
    part : (scene, 2, row, column) float32 tensor
        How far from the thing's centre in units of its height, to the right and down; 0 where there is none.
    """

    thing: dict[str, torch.Tensor]
    part: torch.Tensor

    def __getitem__(self, rows: np.ndarray) -> Cells:
        """Those of some scenes."""
        return Cells({name: numbers[rows] for name, numbers in self.thing.items()}, self.part[rows])

    def mirrored(self, which: torch.Tensor) -> Cells:
        """As they are once some scenes (scene,) have left and right exchanged."""
        import torch

        one, sign = which[:, None, None], torch.tensor([-1.0, 1.0])[:, None, None]
        turned = {name: torch.where(one, numbers.flip(2), numbers) for name, numbers in self.thing.items()}
        return Cells(turned, torch.where(one[:, None], self.part.flip(3) * sign, self.part))

    def to(self, device: torch.device) -> Cells:
        """On a device."""
        return Cells({name: numbers.to(device) for name, numbers in self.thing.items()}, self.part.to(device))


def cells_of(scenes: Mapping[str, np.ndarray], side: int, asked: Sequence[str]) -> Cells:
    """The cells of scenes, of a thing where their middle is in the square of its height; the nearer thing hides the other.

    Parameters
    ----------
    scenes : mapping of str to array
        Of `SimulatedScenes`.
    side : int
        Cells along an edge of the picture.
    asked : sequence of str
        Some of `ANSWERS`.
    """
    import torch

    numbers = {name: _numbered(scenes[name], ANSWERS[name]) for name in asked}
    x, y, size = (scenes[name] for name in ("x", "y", "size"))
    nearest_last = np.argsort(np.where(np.isnan(y), -np.inf, y + size / 2), axis=1)
    middles = (np.arange(side) + 0.5) / side
    thing = {name: np.zeros((len(x), side, side), np.int64) for name in asked}
    part = np.zeros((len(x), 2, side, side), np.float32)
    rows = np.arange(len(x))
    for which in nearest_last.T:
        at = rows, which
        right = (middles - x[at][:, None]) / size[at][:, None]
        down = (middles - y[at][:, None]) / size[at][:, None]
        inside = (np.abs(down) < 0.5)[:, :, None] & (np.abs(right) < 0.5)[:, None, :]
        for name in asked:
            thing[name] = np.where(inside, numbers[name][at][:, None, None], thing[name])
        offset = np.stack(np.broadcast_arrays(right[:, None, :], down[:, :, None]), 1)
        part = np.where(inside[:, None], offset, part).astype(np.float32)
    return Cells({name: torch.from_numpy(found) for name, found in thing.items()}, torch.from_numpy(part))


def _numbered(words: np.ndarray, answers: Sequence[str]) -> np.ndarray:
    """The number of each word among the answers, from 1 on; 0 for the empty one."""
    known, places = np.unique(words, return_inverse=True)
    number = {"": 0} | {answer: at for at, answer in enumerate(answers, 1)}
    return np.array([number[str(word)] for word in known])[places].reshape(words.shape)


def numbers_read(asked: Sequence[str]) -> int:
    """How many numbers are read from each cell: a score for each answer to each question and for no thing, and the part."""
    return sum(1 + len(ANSWERS[name]) for name in asked) + 2


def cell_losses(read: torch.Tensor, cells: Cells) -> dict[str, torch.Tensor]:
    """Cross-entropy of each question, and the square error of the part where there is a thing.

    Parameters
    ----------
    read : (scene, number, row, column) tensor
        As many numbers as `numbers_read` says.
    cells : Cells
    """
    import torch
    from torch.nn.functional import cross_entropy

    *scores, part = read.split([*(1 + len(ANSWERS[name]) for name in cells.thing), 2], 1)
    losses = {}
    for (name, right), given in zip(cells.thing.items(), scores, strict=True):
        weight = torch.ones(given.shape[1], device=read.device)
        weight[0] = BESIDE
        losses[name] = cross_entropy(given, right, weight)
        there = (right > 0)[:, None]
    return losses | {"part": ((part - cells.part).square() * there).sum() / there.sum().clamp(min=1)}
