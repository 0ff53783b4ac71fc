"""How much of the seen picture is in the decoded one, by its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.base import Pictures, rows_of
from recortex.data.pictures import luma, resized
from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.errors import InvalidInput
from recortex.features.pairs import refit_permuted
from recortex.generators.base import GeneratedPictures
from recortex.metrics import bootstrap_interval, correlation_matrix, identification_ranks, pixel_correlation, ssim
from recortex.progress import steps
from recortex.scores.base import NAN, Score, Scores, as_columns, averaging, p_value
from recortex.stage import Array, Figure, Result

# (metric, subset) -> one value a trial, and among how many candidates at least
Values = dict[tuple[str, str], tuple[np.ndarray, int]]
TIE = 1e-12  # equal candidates may differ in the last bits of a matrix product


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


class ImageScores(Scores):
    """Decoded against seen pictures: pixel correlation, SSIM and identification, with interval and a null of refits.

    Identification is exact, over all candidates: each decoded picture is compared by pixel correlation with the true pictures of all
    tested stimuli, ties counting half. ``within_category`` admits only candidates of the same category. ``within_fold`` admits only
    those of the same fold: pictures that are retrieved from the training set are themselves among the candidates of other folds, so
    a retrieval and a decoder compare fairly within folds alone. ``by_stimulus`` asks the reverse, for each seen picture among the
    decoded ones. The null refits the decoder on permuted pairs and makes the pictures again.

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
    permutations : int
        Refits with permuted pairs.
    resamples : int
        Bootstrap samples of the stimuli; the candidates stay fixed.
    seed : int
        Draws both.
    """

    pictures: GeneratedPictures
    stimuli: Pictures
    protocol: Literal["pixels"] = "pixels"
    size: int | None = Field(default=None, ge=1)
    grey: bool = False
    permutations: int = Field(default=20, ge=0)
    resamples: int = Field(default=2000, ge=2)
    seed: int = Field(default=0, ge=0)

    returns: ClassVar[dict[str, Array]] = Scores.returns | {
        "stimulus": Array("trial", dtype="str", units="", about="which stimulus was shown"),
        "correlation": Array("trial", about="pixel correlation of each decoded picture with the seen one"),
        "identification": Array("trial", about="share of the other stimuli that each decoded picture resembles less"),
        "null": Array("permutation", "score", optional=True, about="the score of each refit on permuted pairs"),
    }

    def compute(self) -> dict[str, Any]:
        """Compare, resample, refit.

        Raises
        ------
        InvalidInput
            A stimulus without a picture, or fewer than two tested stimuli.
        """
        made, shown = self.pictures.run(), self.stimuli.run()
        decoder, names = self.pictures.decoder, made["stimulus"]
        tested, truth = np.unique(names, return_inverse=True)
        if len(tested) < 2:
            raise InvalidInput("identification needs at least two tested stimuli; hold out more")
        rows = rows_of(tested, shown["stimulus"], "decoded stimuli", "the pictures")
        # colour counts only where both have it
        grey = self.grey or 1 in (made.shape("picture")[3], shown.shape("picture")[3])
        height, width = (self.size, self.size) if self.size else made.shape("picture")[1:3]
        grid = Grid(height, width, grey)
        candidates = grid.lay(shown["picture"][rows] / 255)
        category = shown["category"][rows] if "category" in shown else _labels(decoder, tested)
        fold = _folds(decoder)
        measured = compare(grid.lay(made["picture"]), candidates, truth, category, fold)
        null = self._null(decoder, grid, candidates, truth, category, fold)

        scores = []
        for place, ((metric, subset), (values, counted)) in enumerate(measured.items()):
            interval = bootstrap_interval(values, names, n_resamples=self.resamples, seed=self.seed)
            value = float(np.nanmean(values))
            scores.append(
                Score(
                    metric=metric,
                    summary="mean",
                    value=value,
                    low=interval.low,
                    high=interval.high,
                    p=p_value(value, null[:, place]) if len(null) else NAN,
                    chance=float(null[:, place].mean()) if len(null) else NAN,
                    n=interval.n_groups,
                    n_unit="stimulus",
                    candidates=counted,
                    subset=subset,
                    protocol=f"{self.protocol} {grid.describe()}",
                    split=_split(decoder),
                    averaging=averaging(decoder.responses().run(), made["row"]),
                )
            )
        table = as_columns(scores) | {
            "stimulus": names,
            "correlation": measured["pixel_correlation", ""][0],
            "identification": measured["two_way_identification", ""][0],
        }
        return table | ({"null": null} if len(null) else {})

    def _null(self, decoder: DecodedFeatures, grid: Grid, *against: Any) -> np.ndarray:
        """(permutation, score): the same scores after refits; empty for a decoder that was not fitted here."""
        if not isinstance(decoder, Decoder) or self.permutations == 0:
            return np.empty((0, 0))
        pairs, rng = decoder.pairs(), np.random.default_rng([self.seed, 1])
        null = []
        for _ in steps(range(self.permutations), "permutations"):
            made = self.pictures.render(refit_permuted(decoder.fit_folds, pairs, rng, "responses"))["picture"]
            compared = compare(grid.lay(made), *against)
            null.append([float(np.nanmean(values)) for values, _ in compared.values()])
        return np.array(null)

    def figures(self, result: Result) -> list[Figure]:
        """Seen beside decoded, from the best to the worst."""
        from recortex.drawing import picture_sheet

        made, shown = self.pictures.run(), self.stimuli.run()
        order = np.argsort(-result["correlation"], kind="stable")
        some = order[np.unique(np.linspace(0, len(order) - 1, 16).round().astype(int))]
        names = result["stimulus"][some]
        seen = shown["picture"][rows_of(names, shown["stimulus"], "decoded stimuli", "the pictures")] / 255
        notes = [f"r {result['correlation'][row]:.2f}" for row in some]
        return [
            Figure(
                "Seen and decoded",
                f"{len(some)} of {len(order)} held-out trials, evenly from the best to the worst by pixel correlation r; "
                "seen above, decoded below.",
                picture_sheet([seen, made["picture"][some]], ["seen", "decoded"], names, notes),
                "pictures",
            )
        ]


def compare(
    pictures: np.ndarray,
    candidates: np.ndarray,
    truth: np.ndarray,
    category: np.ndarray | None = None,
    fold: np.ndarray | None = None,
) -> Values:
    """Every score of decoded pictures, a value a trial, and its number of candidates.

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
    seen = candidates[truth]
    likeness = correlation_matrix(pictures.reshape(len(pictures), -1), candidates.reshape(len(candidates), -1))
    same_stimulus = truth[:, None] == truth[None, :]
    ranked = {
        "": identification_ranks(likeness, truth, tolerance=TIE),
        "by_stimulus": identification_ranks(likeness[:, truth].T, np.arange(len(truth)), ~same_stimulus, tolerance=TIE),
    }
    if category is not None:
        ranked["within_category"] = identification_ranks(
            likeness, truth, category[truth][:, None] == category[None, :], tolerance=TIE
        )
    if fold is not None and len(np.unique(fold)) > 1:
        of_stimulus = np.empty(len(candidates), dtype=fold.dtype)
        of_stimulus[truth] = fold
        ranked["within_fold"] = identification_ranks(likeness, truth, fold[:, None] == of_stimulus[None, :], tolerance=TIE)
    values: Values = {("pixel_correlation", ""): (pixel_correlation(seen, pictures), 0)}
    if min(pictures.shape[1:3]) >= 11:  # the window of the usual SSIM; smaller pictures have none
        values["ssim", ""] = ssim(seen, pictures), 0
    for subset, ranks in ranked.items():
        rivalled = ranks.candidates[ranks.candidates > 1]
        if not len(rivalled):
            continue
        values["two_way_identification", subset] = ranks.two_way_identification(), int(rivalled.min())
        if subset in ("", "within_fold"):
            values["top1_retrieval", subset] = ranks.top1_retrieval(), int(rivalled.min())
    return values


def _labels(decoder: DecodedFeatures, tested: np.ndarray) -> np.ndarray | None:
    """The trial table's category of each tested stimulus; None where it has none, or more than one for a stimulus."""
    trials = decoder.responses().trial_table()
    if "category" not in trials:
        return None
    pairs = {(str(name), str(label)) for name, label in zip(trials["stimulus"], trials["category"], strict=True)}
    by_name = dict(pairs)
    return np.array([by_name[str(name)] for name in tested]) if len(by_name) == len(pairs) else None


def _folds(decoder: DecodedFeatures) -> np.ndarray | None:
    """The fold of each decoded trial; None for a decoder that was not fitted here."""
    return decoder.run()["held_out_in"] if isinstance(decoder, Decoder) else None


def _split(decoder: DecodedFeatures) -> str:
    if isinstance(decoder, Decoder):
        return f"{decoder.split.describe()} [{decoder.run()['split_hash']}]"
    return "new data"
