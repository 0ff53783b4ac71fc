"""How much of the seen picture is in the decoded one, by its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.pictures import luma, resized
from recortex.metrics import pixel_correlation, ssim
from recortex.scores._decoded_scores import Measure, Values
from recortex.scores._picture_scores import PictureScores, Tested, identified, resembles


@dataclass(frozen=True)
class Grid:
    """The pixels on which decoded and seen pictures are compared; scores on different grids do not compare."""

    height: int
    width: int
    grey: bool

    def lay(self, pictures: np.ndarray) -> np.ndarray:
        """(picture, height, width, channel) from 0 to 1, brought to this grid."""
        values = luma(pictures.astype(np.float64)) if self.grey else pictures.astype(np.float64)
        return np.clip(resized(values, self.height, self.width), 0, 1)

    def describe(self) -> str:
        """For the table of scores."""
        return f"{self.height}x{self.width} {'grey' if self.grey else 'RGB'}"


class ImageScores(PictureScores):
    """Decoded against seen pictures: pixel correlation, SSIM and identification, with interval, chance by refitting and controls.

    Identification is exact, over all candidates: each decoded picture is compared by pixel correlation with the true pictures of all
    tested stimuli, ties counting half. ``within_category`` admits only candidates of the same category, ``within_fold`` only those of
    the same fold, ``within_category_and_fold`` only those of both. Within folds alone `mean`, `class_mean` and `nearest` compare
    fairly with a decoder: a training mean lies a little away from the picture it leaves out, and a retrieved picture is itself
    among the candidates of other folds. ``by_stimulus`` asks the reverse, for each seen picture among the decoded ones. The null and
    the ladder of controls are those of all scores of pictures: `shuffled`, `mean`, `class_mean`, `trial_order`, `unconditional`,
    `nearest`, `true_features`.

    Parameters
    ----------
    pictures : GeneratedPictures
        The decoded pictures.
    stimuli : Pictures
        The seen ones.
    protocol : "pixels"
        Compare pixel by pixel, values 0 to 1.
    size : int, optional
        Side of the grid on which both are compared; without it that of the decoded pictures. Scores on different grids do not
        compare, so the grid stands in the table with the protocol.
    grey : bool
        Whether colour is averaged away first.
    permutations, null, exchange, permute_within, resamples, seed
        As in every tested score. The candidates stay fixed in the bootstrap.
    """

    version: ClassVar[int] = 2
    protocol: Literal["pixels"] = "pixels"
    size: int | None = Field(default=None, ge=1)
    grey: bool = False

    def measure(self, tested: Tested) -> tuple[str, Measure]:
        """By pixels on the grid."""
        made, shown = self.pictures.run(), self.stimuli.run()
        # colour counts only where both have it
        grey = self.grey or 1 in (made.shape("picture")[3], shown.shape("picture")[3])
        height, width = (self.size, self.size) if self.size else made.shape("picture")[1:3]
        grid = Grid(height, width, grey)
        candidates = grid.lay(shown["picture"][tested.row] / 255)

        def measure(pictures: np.ndarray, truth: np.ndarray) -> Values:
            return compare(grid.lay(pictures), candidates, truth, tested.category, tested.fold)

        return f"{self.protocol} {grid.describe()}", measure


def compare(
    pictures: np.ndarray,
    candidates: np.ndarray,
    truth: np.ndarray,
    category: np.ndarray | None = None,
    fold: np.ndarray | None = None,
) -> Values:
    """Every score of decoded pictures by their pixels, a value a trial, and its number of candidates.

    Parameters
    ----------
    pictures : (trial, height, width, channel) array
        Decoded, 0 to 1.
    candidates : (stimulus, height, width, channel) array
        Seen.
    truth : (trial,) int array
        Which candidate was shown.
    category : (stimulus,) array, optional
        Of each candidate.
    fold : (trial,) array, optional
        Which fold each trial was held out in.
    """
    return by_pixel(pictures, candidates[truth]) | identified(resembles(pictures, candidates), truth, category, fold)


def by_pixel(pictures: np.ndarray, seen: np.ndarray) -> Values:
    """Pixel correlation, and SSIM where pictures are large enough: a value a trial.

    Parameters
    ----------
    pictures, seen : (trial, height, width, channel) arrays
        Decoded and seen, 0 to 1.
    """
    values: Values = {("pixel_correlation", ""): (pixel_correlation(seen, pictures), 0)}
    if min(pictures.shape[1:3]) >= 11:  # the window of the usual SSIM; smaller pictures have none
        values["ssim", ""] = ssim(seen, pictures), 0
    return values
