"""How much of the seen picture is in the decoded one, by its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.base import Pictures, rows_of
from recortex.data.pictures import luma, resized
from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.errors import InvalidInput, no_column
from recortex.fits.pairs import Pairs
from recortex.generators.base import GeneratedPictures
from recortex.metrics import correlation_matrix, identification_ranks, permutation_p, pixel_correlation, ssim
from recortex.scores._ladder import labels_of, rung_pictures
from recortex.scores.base import SAME_SCORE, TestedScores, as_columns, averaging, mean_of
from recortex.splits.base import Fold, qualified
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


class ImageScores(TestedScores):
    """Decoded against seen pictures: pixel correlation, SSIM and identification, with interval, chance by refitting and controls.

    Identification is exact, over all candidates: each decoded picture is compared by pixel correlation with the true pictures of all
    tested stimuli, ties counting half. ``within_category`` admits only candidates of the same category, ``within_fold`` only those of
    the same fold, ``within_category_and_fold`` only those of both. Within folds alone `mean`, `class_mean` and `nearest` compare
    fairly with a decoder: a training mean lies a little away from the picture it leaves out, and a retrieved picture is itself
    among the candidates of other folds. ``by_stimulus`` asks the reverse, for each seen picture among the decoded ones. The null
    refits the decoder after the stimuli changed places between responses, and makes the pictures again.

    The rungs of the null ladder are scored in the same way, each followed by the difference to the real thing over the same
    stimuli (its interval by a paired bootstrap):

    - `shuffled`: decoders fitted on permuted pairs, the mean over all of them (for new data: finished predictions, a quick null).
    - `mean`: the training mean in place of what was decoded.
    - `class_mean`: the training mean of the true category, which is given away; only where there are categories.
    - `trial_order`: the same decoder, given nothing of the brain but when each trial came.
    - `unconditional`: what the method makes without any condition; only for methods with a prior of their own.
    - `nearest`: the nearest training picture, retrieved by the decoded features.
    - `true_features`: the true features in place of the decoded ones, the ceiling of the way back to pictures.

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
    pictures: GeneratedPictures
    stimuli: Pictures
    protocol: Literal["pixels"] = "pixels"
    size: int | None = Field(default=None, ge=1)
    grey: bool = False
    permutations: int = Field(default=20, ge=0)

    returns: ClassVar[dict[str, Array]] = TestedScores.returns | {
        "stimulus": Array("trial", dtype="str", units="", about="which stimulus was shown"),
        "correlation": Array("trial", about="pixel correlation of each decoded picture with the seen one"),
        "identification": Array("trial", about="share of the other stimuli that each decoded picture resembles less"),
        "null": Array("permutation", "null_score", optional=True, about="the real scores' counterparts after each refit"),
    }

    def compute(self) -> dict[str, Any]:
        """Compare, resample, refit, climb the ladder.

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
        rows = rows_of(tested, shown["stimulus"], "decoded stimuli", self.stimuli.where())
        # colour counts only where both have it
        grey = self.grey or 1 in (made.shape("picture")[3], shown.shape("picture")[3])
        height, width = (self.size, self.size) if self.size else made.shape("picture")[1:3]
        grid = Grid(height, width, grey)
        candidates, fold = grid.lay(shown["picture"][rows] / 255), _folds(decoder)
        labels = labels_of(decoder, self.stimuli)
        category = np.array([labels[name] for name in tested]) if set(tested) <= set(labels) else None

        def scored(pictures: np.ndarray, truth: np.ndarray = truth) -> Values:
            return compare(grid.lay(pictures), candidates, truth, category, fold)

        real = scored(made["picture"])
        null, shuffled = self._null(decoder, tested, scored)
        rungs = {"shuffled": {place: values[truth] for place, values in shuffled.items()}} if len(null) else {}
        for control, pictures in rung_pictures(self.pictures, self.stimuli, labels, self.seed).items():
            rungs[control] = {place: values for place, (values, _) in scored(pictures).items()}

        units = self._units(decoder, names)
        shared = {"split": _split(decoder), "averaging": averaging(decoder.responses(), made["row"])}
        null_words = self.null_words()
        if not isinstance(decoder, Decoder) and self.null == "refit":
            null_words = ", ".join(filter(None, ["quick null", null_words]))
        shared["protocol"] = ", ".join(filter(None, [f"{self.protocol} {grid.describe()}", null_words]))
        scores = []
        for place, ((metric, subset), (values, counted)) in enumerate(real.items()):
            about = shared | {"metric": metric, "subset": subset, "candidates": counted}
            row = self.scored(values, units, **about)
            if len(null):
                p = float(permutation_p(row.value, null[:, place], SAME_SCORE))
                row = replace(row, p=p, chance=mean_of(null[:, place]))
            scores.append(row)
            for control, others in rungs.items():
                other = np.where(np.isnan(values), np.nan, others[metric, subset])  # over the same trials
                scores.append(self.scored(other, units, **about, control=control))
                scores.append(self.scored(values - other, units, **about, control=control, summary="difference"))
        table = as_columns(scores) | {
            "stimulus": names,
            "correlation": real["pixel_correlation", ""][0],
            "identification": real["two_way_identification", ""][0],
        }
        return table | ({"null": null} if len(null) else {})

    def _units(self, decoder: DecodedFeatures, names: np.ndarray) -> np.ndarray:
        """The exchangeable unit of each decoded trial.

        Raises
        ------
        InvalidInput
            The trials have no such column.
        """
        trials = decoder.responses().trial_table()
        if self.unit() not in trials:
            raise InvalidInput(no_column("exchange", self.unit(), trials))
        return qualified(trials, self.unit())[decoder.run()["row"]]

    def _null(
        self, decoder: DecodedFeatures, tested: np.ndarray, scored: Callable[..., Values]
    ) -> tuple[np.ndarray, dict[tuple[str, str], np.ndarray]]:
        """Scores of fits on permuted pairs, (permutation, score), and what these reach on each tested stimulus, on average."""
        null: list[list[float]] = []
        summed: dict[tuple[str, str], np.ndarray] = {}
        times: dict[tuple[str, str], np.ndarray] = {}
        for names, refit in self._moved(decoder) if self.permutations else ():
            truth = np.searchsorted(tested, names)
            compared = scored(self.pictures.render(refit)["picture"], truth)
            null.append([mean_of(values) for values, _ in compared.values()])
            for place, (values, _) in compared.items():
                sums, counts = summed.setdefault(place, np.zeros(len(tested))), times.setdefault(place, np.zeros(len(tested)))
                np.add.at(sums, truth, np.nan_to_num(values))
                np.add.at(counts, truth, np.isfinite(values))
        with np.errstate(invalid="ignore"):
            return np.array(null), {place: sums / times[place] for place, sums in summed.items()}

    def _moved(self, decoder: DecodedFeatures) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Stimuli that were exchanged between the decoded trials, and what was decoded for them.

        A decoder that is applied to new data is not fitted again: its finished predictions are held against exchanged stimuli.
        """
        decoded = decoder.run()["decoded"]
        if isinstance(decoder, Decoder):
            pairs = decoder.pairs()
            stimulus, held_out = np.asarray(pairs.trials["stimulus"]), pairs.held_out()
            for source, refit in self.permuted(decoder, pairs, decoded):
                yield stimulus[source][held_out], refit
            return
        trials = decoder.responses().trial_table()
        new = np.arange(len(decoded))
        pairs = Pairs(decoded, decoded, trials, [Fold("new data", np.array([], dtype=int), new)], np.asarray(trials["stimulus"]))
        rng = np.random.default_rng([self.seed, 1])
        for source in pairs.exchanges(self.permutations, rng, self.exchange, self.permute_within):
            yield np.asarray(trials["stimulus"])[source], decoded

    def figures(self, result: Result) -> list[Figure]:
        """Seen beside decoded, from the best to the worst."""
        from recortex.drawing import picture_sheet

        made, shown = self.pictures.run(), self.stimuli.run()
        order = np.argsort(-result["correlation"], kind="stable")
        some = order[np.unique(np.linspace(0, len(order) - 1, 16).round().astype(int))]
        names = result["stimulus"][some]
        seen = shown["picture"][rows_of(names, shown["stimulus"], "decoded stimuli", self.stimuli.where())] / 255
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
        together = fold[:, None] == of_stimulus[None, :]
        ranked["within_fold"] = identification_ranks(likeness, truth, together, tolerance=TIE)
        if category is not None:
            both = together & (category[truth][:, None] == category[None, :])
            ranked["within_category_and_fold"] = identification_ranks(likeness, truth, both, tolerance=TIE)
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


def _folds(decoder: DecodedFeatures) -> np.ndarray | None:
    """The fold of each decoded trial; None for a decoder that was not fitted here."""
    return decoder.run()["held_out_in"] if isinstance(decoder, Decoder) else None


def _split(decoder: DecodedFeatures) -> str:
    if isinstance(decoder, Decoder):
        return decoder.split_words()
    return "new data"
