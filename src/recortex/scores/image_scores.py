"""How much of the seen picture is in the decoded one, by its pixels."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.base import Pictures, rows_of
from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.errors import InvalidInput
from recortex.features.pairs import refit_permuted
from recortex.features.pixels import luma, shrink
from recortex.generators.base import GeneratedPictures
from recortex.metrics import bootstrap_interval, correlation_matrix, identification_ranks, pixel_correlation, ssim
from recortex.progress import steps
from recortex.scores.base import NAN, Score, Scores, as_columns, averaging, p_value
from recortex.stage import Array, Figure, Result

# (metric, subset) -> one value a trial
Values = dict[tuple[str, str], np.ndarray]
TIE = 1e-12  # equal candidates may differ in the last bits of a matrix product


class ImageScores(Scores):
    """Decoded against seen pictures: pixel correlation, SSIM and identification, with interval and a null of refits.

    Identification is exact, over all candidates: each decoded picture is compared by pixel correlation with the true pictures of all
    tested stimuli, ties counting half. ``within_category`` admits only candidates of the same category; ``by_stimulus`` asks the
    reverse, for each seen picture among the decoded ones. The null refits the decoder on permuted training pairs and makes the
    pictures again.

    Parameters
    ----------
    pictures : GeneratedPictures
        The decoded pictures.
    stimuli : Pictures
        The seen ones.
    protocol : "pixels"
        Compare in the pixel grid of the decoded pictures, values 0 to 1.
    permutations : int
        Refits with permuted training pairs.
    resamples : int
        Bootstrap samples of the stimuli; the candidates stay fixed.
    seed : int
        Draws both.
    """

    pictures: GeneratedPictures
    stimuli: Pictures
    protocol: Literal["pixels"] = "pixels"
    permutations: int = Field(default=20, ge=0)
    resamples: int = Field(default=2000, ge=2)
    seed: int = Field(default=0, ge=0)

    returns: ClassVar[dict[str, Array]] = Scores.returns | {
        "stimulus": Array("trial", dtype="str", units="", about="which stimulus was shown"),
        "correlation": Array("trial", about="pixel correlation of each decoded picture with the seen one"),
        "identification": Array("trial", about="share of the other stimuli that each decoded picture resembles less"),
        "null": Array("permutation", "score", optional=True, about="the score of each refit on permuted training pairs"),
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
        candidates = on_grid(shown["picture"][rows], made.shape("picture")[1:])
        category = shown["category"][rows] if "category" in shown else _labels(decoder, tested)
        measured = compare(made["picture"], candidates, truth, category)
        null = self._null(decoder, candidates, truth, category)

        scores = []
        for place, ((metric, subset), values) in enumerate(measured.items()):
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
                    candidates=_candidates(metric, subset, tested, category),
                    subset=subset,
                    protocol=self.protocol,
                    split=_split(decoder),
                    averaging=averaging(decoder.responses().run()),
                )
            )
        table = as_columns(scores) | {
            "correlation": measured["pixel_correlation", ""],
            "identification": measured["two_way_identification", ""],
        }
        # the trials' own column; the scores' columns are named otherwise
        return table | {"stimulus": names} | ({"null": null} if len(null) else {})

    def _null(self, decoder: DecodedFeatures, *against: Any) -> np.ndarray:
        """(permutation, score): the same scores after refits; empty for a decoder that was not fitted here."""
        if not isinstance(decoder, Decoder) or self.permutations == 0:
            return np.empty((0, 0))
        pairs, rng = decoder.pairs(), np.random.default_rng([self.seed, 1])
        null = []
        for _ in steps(range(self.permutations), "permutations"):
            pictures = self.pictures.render(refit_permuted(decoder.fit_folds, pairs, rng))["picture"]
            null.append([float(np.nanmean(values)) for values in compare(pictures, *against).values()])
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


def on_grid(pictures: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Seen pictures (uint8) on the pixel grid of decoded ones: 0 to 1, as many channels, resized where sizes differ."""
    values = pictures.astype(np.float64) / 255
    if shape[2] == 1:
        values = luma(values)
    elif values.shape[3] == 1:
        values = np.repeat(values, shape[2], axis=3)
    if values.shape[1:3] != shape[:2]:
        if shape[0] != shape[1]:
            raise InvalidInput(
                f"decoded pictures are {shape[0]} x {shape[1]} and the seen ones {values.shape[1:3]}: no common grid"
            )
        values = np.clip(shrink(values, shape[0]), 0, 1)
    return values


def compare(pictures: np.ndarray, candidates: np.ndarray, truth: np.ndarray, category: np.ndarray | None) -> Values:
    """Every score of decoded pictures, a value a trial.

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
    """
    seen = candidates[truth]
    likeness = correlation_matrix(pictures.reshape(len(pictures), -1), candidates.reshape(len(candidates), -1))
    forward = identification_ranks(likeness, truth, tolerance=TIE)
    same_stimulus = truth[:, None] == truth[None, :]
    reverse = identification_ranks(likeness[:, truth].T, np.arange(len(truth)), ~same_stimulus, tolerance=TIE)
    values = {("pixel_correlation", ""): pixel_correlation(seen, pictures)}
    if min(pictures.shape[1:3]) >= 11:  # the window of the usual SSIM; smaller pictures have none
        values["ssim", ""] = ssim(seen, pictures)
    values["two_way_identification", ""] = forward.two_way_identification()
    values["two_way_identification", "by_stimulus"] = reverse.two_way_identification()
    if category is not None and np.bincount(np.unique(category, return_inverse=True)[1]).max() > 1:
        within = identification_ranks(likeness, truth, category[truth][:, None] == category[None, :], tolerance=TIE)
        values["two_way_identification", "within_category"] = within.two_way_identification()
    values["top1_retrieval", ""] = forward.top1_retrieval()
    return values


def _labels(decoder: DecodedFeatures, tested: np.ndarray) -> np.ndarray | None:
    """The trial table's category of each tested stimulus; None where it has none, or more than one for a stimulus."""
    trials = decoder.responses().trial_table()
    if "category" not in trials:
        return None
    pairs = {(str(name), str(label)) for name, label in zip(trials["stimulus"], trials["category"], strict=True)}
    by_name = dict(pairs)
    return np.array([by_name[str(name)] for name in tested]) if len(by_name) == len(pairs) else None


def _candidates(metric: str, subset: str, tested: np.ndarray, category: np.ndarray | None) -> int:
    """Among how many the choice was made; the smallest number where it differs between trials."""
    if metric in ("pixel_correlation", "ssim"):
        return 0
    if subset == "within_category" and category is not None:
        sizes = np.unique(category, return_counts=True)[1]
        return int(sizes[sizes > 1].min())
    return len(tested)


def _split(decoder: DecodedFeatures) -> str:
    if isinstance(decoder, Decoder):
        return f"{decoder.split.describe()} [{decoder.run()['split_hash']}]"
    return "new data"
