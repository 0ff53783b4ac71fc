"""What is seen at each place of a picture: of which thing a cell of a coarse grid shows which part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recortex.data.simulated.scene import DESIGNS, KINDS

if TYPE_CHECKING:
    import torch

DESIGN_NAMES = tuple(design for designs in DESIGNS.values() for design in designs)
BESIDE = 0.25  # how much a cell without a thing counts


@dataclass(frozen=True)
class Cells:
    """Whose cell each is.

    Parameters
    ----------
    kind, design : (scene, row, column) int64 tensor
        Number of the thing's kind and design from 1 on; 0 where there is none.
    part : (scene, 2, row, column) float32 tensor
        How far from the thing's centre in units of its height, to the right and down; 0 where there is none.
    """

    kind: torch.Tensor
    design: torch.Tensor
    part: torch.Tensor

    def __getitem__(self, rows: np.ndarray) -> Cells:
        """Those of some scenes."""
        return Cells(self.kind[rows], self.design[rows], self.part[rows])

    def mirrored(self, which: torch.Tensor) -> Cells:
        """As they are once some scenes (scene,) have left and right exchanged."""
        import torch

        sign = torch.tensor([-1.0, 1.0])[:, None, None]
        return Cells(
            torch.where(which[:, None, None], self.kind.flip(2), self.kind),
            torch.where(which[:, None, None], self.design.flip(2), self.design),
            torch.where(which[:, None, None, None], self.part.flip(3) * sign, self.part),
        )

    def to(self, device: torch.device) -> Cells:
        """On a device."""
        return Cells(self.kind.to(device), self.design.to(device), self.part.to(device))


def cells_of(scenes: Mapping[str, np.ndarray], side: int) -> Cells:
    """The cells of scenes, of a thing where their middle is in its box; the nearer thing hides the other.

    Parameters
    ----------
    scenes : mapping of str to array
        Of `SimulatedScenes`.
    side : int
        Cells along an edge of the picture.
    """
    import torch

    words = {name: {word: at for at, word in enumerate(("", *known))} for name, known in _KNOWN.items()}
    kind, design = (np.vectorize(words[name].__getitem__)(scenes[name]) for name in _KNOWN)
    x, y, size = (scenes[name] for name in ("x", "y", "size"))
    nearest_last = np.argsort(np.where(np.isnan(y), -np.inf, y + size / 2), axis=1)
    middles = (np.arange(side) + 0.5) / side
    found = {"kind": np.zeros((len(x), side, side), np.int64), "design": np.zeros((len(x), side, side), np.int64)}
    part = np.zeros((len(x), 2, side, side), np.float32)
    rows = np.arange(len(x))
    for which in nearest_last.T:
        at = rows, which
        right = (middles - x[at][:, None]) / size[at][:, None]
        down = (middles - y[at][:, None]) / size[at][:, None]
        inside = (np.abs(down) < 0.5)[:, :, None] & (np.abs(right) < 0.5)[:, None, :]
        for name, numbers in (("kind", kind), ("design", design)):
            found[name] = np.where(inside, numbers[at][:, None, None], found[name])
        offset = np.stack(np.broadcast_arrays(right[:, None, :], down[:, :, None]), 1)
        part = np.where(inside[:, None], offset, part).astype(np.float32)
    return Cells(torch.from_numpy(found["kind"]), torch.from_numpy(found["design"]), torch.from_numpy(part))


_KNOWN = {"kind": KINDS, "design": DESIGN_NAMES}
ANSWERS = (1 + len(KINDS), 1 + len(DESIGN_NAMES), 2)
"""How many numbers are read from each cell: scores of kinds, scores of designs, and the part."""


def cell_losses(read: torch.Tensor, cells: Cells) -> dict[str, torch.Tensor]:
    """Cross-entropies of kind and design, and the square error of the part where there is a thing.

    Parameters
    ----------
    read : (scene, sum of `ANSWERS`, row, column) tensor
    cells : Cells
    """
    import torch
    from torch.nn.functional import cross_entropy

    kind, design, part = read.split(ANSWERS, 1)
    weight = torch.ones(ANSWERS[1], device=read.device)
    weight[0] = BESIDE
    there = (cells.kind > 0)[:, None]
    return {
        "kind": cross_entropy(kind, cells.kind, weight[: ANSWERS[0]]),
        "design": cross_entropy(design, cells.design, weight),
        "part": ((part - cells.part).square() * there).sum() / there.sum().clamp(min=1),
    }
