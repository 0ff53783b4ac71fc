"""What scores of pictures have in common: the tested stimuli, the null by refitting, the ladder of controls, the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.data.base import Pictures, rows_of
from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.errors import InvalidInput, no_column
from recortex.fits.pairs import Pairs
from recortex.generators.base import Beside, GeneratedPictures
from recortex.metrics import correlation_matrix, identification_ranks, permutation_p
from recortex.scores._ladder import labels_of, rung_pictures
from recortex.scores.base import SAME_SCORE, TestedScores, as_columns, averaging, mean_of
from recortex.splits.base import Fold, qualified
from recortex.stage import Array, Figure, Result

# (metric, subset) -> one value a trial, and among how many candidates at least
Values = dict[tuple[str, str], tuple[np.ndarray, int]]
MOST_SAMPLES = 4  # shown of a trial
TIE = 1e-12  # equal candidates may differ in the last bits of a matrix product

Measure = Callable[[np.ndarray, np.ndarray], Values]
"""(pictures (trial, height, width, channel) from 0 to 1, which tested stimulus each trial showed) -> every score."""


@dataclass(frozen=True)
class Tested:
    """The stimuli whose pictures were decoded.

    Parameters
    ----------
    names : (stimulus,) str array
        Distinct, sorted.
    row : (stimulus,) int array
        Of each among all pictures.
    category : (stimulus,) str array or None
        None where not all have one.
    fold : (trial,) str array or None
        The fold that each decoded trial was held out in; None for a decoder that was not fitted here.
    """

    names: np.ndarray
    row: np.ndarray
    category: np.ndarray | None
    fold: np.ndarray | None


class PictureScores(TestedScores):
    """Decoded against seen pictures, with interval, chance by refitting and controls.

    The null refits the decoder after the stimuli changed places between responses, and makes the pictures again. The rungs of the
    null ladder are scored in the same way, each followed by the difference to the real thing over the same stimuli (its interval by
    a paired bootstrap):

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
    permutations, null, exchange, permute_within, resamples, seed
        As in every tested score. The candidates stay fixed in the bootstrap.
    """

    pictures: GeneratedPictures
    stimuli: Pictures
    permutations: int = Field(default=20, ge=0)

    returns: ClassVar[dict[str, Array]] = TestedScores.returns | {
        "stimulus": Array("trial", dtype="str", units="", about="which stimulus was shown"),
        "correlation": Array("trial", about="pixel correlation of each decoded picture with the seen one"),
        "identification": Array("trial", about="share of the other stimuli that each decoded picture resembles less"),
        "null": Array("permutation", "null_score", optional=True, about="the real scores' counterparts after each refit"),
    }

    def measure(self, tested: Tested) -> tuple[str, Measure]:
        """The protocol in words for the table of scores, and how pictures are scored.

        ("pixel_correlation", "") and ("two_way_identification", "") are always among the scores.
        """
        raise TypeError(f"{type(self).__name__} does not say how pictures are scored")

    def guesses(self, tested: Tested, truth: np.ndarray) -> dict[str, dict[tuple[str, str], np.ndarray]]:
        """Further controls that need no picture, by name: what they reach in those scores that they know, a value a trial."""
        return {}

    def details(self, tested: Tested, truth: np.ndarray) -> dict[str, Any]:
        """Further arrays of the result."""
        return {}

    def compute(self) -> dict[str, Any]:
        """Compare, resample, refit, climb the ladder.

        Raises
        ------
        InvalidInput
            A stimulus without a picture, or fewer than two tested stimuli.
        """
        made, shown = self.pictures.run(), self.stimuli.run()
        decoder, names = self.pictures.decoder, made["stimulus"]
        distinct, truth = np.unique(names, return_inverse=True)
        if len(distinct) < 2:
            raise InvalidInput("identification needs at least two tested stimuli; hold out more")
        labels = labels_of(decoder, self.stimuli)
        tested = Tested(
            distinct,
            rows_of(distinct, shown["stimulus"], "decoded stimuli", self.stimuli.where()),
            np.array([labels[name] for name in distinct]) if set(distinct) <= set(labels) else None,
            decoder.run()["held_out_in"] if isinstance(decoder, Decoder) else None,
        )
        protocol, measure = self.measure(tested)

        real = measure(made["picture"], truth)
        null, shuffled = self._null(distinct, measure)
        rungs = {"shuffled": {place: values[truth] for place, values in shuffled.items()}} if len(null) else {}
        for control, pictures in rung_pictures(self.pictures, self.stimuli, labels, self.seed).items():
            rungs[control] = {place: values for place, (values, _) in measure(pictures, truth).items()}
        rungs |= self.guesses(tested, truth)

        units = self._units(decoder, names)
        shared = {"split": _split(decoder), "averaging": averaging(decoder.responses(), made["row"])}
        null_words = self.null_words()
        if not self._refitted() and self.null == "refit":
            null_words = ", ".join(filter(None, ["quick null", null_words]))
        shared["protocol"] = ", ".join(filter(None, [protocol, null_words]))
        scores = []
        for place, ((metric, subset), (values, counted)) in enumerate(real.items()):
            about = shared | {"metric": metric, "subset": subset, "candidates": counted}
            row = self.scored(values, units, **about)
            if len(null):
                p = float(permutation_p(row.value, null[:, place], SAME_SCORE))
                row = replace(row, p=p, chance=mean_of(null[:, place]))
            scores.append(row)
            for control, others in rungs.items():
                if (metric, subset) not in others:
                    continue
                other = np.where(np.isnan(values), np.nan, others[metric, subset])  # over the same trials
                scores.append(self.scored(other, units, **about, control=control))
                scores.append(self.scored(values - other, units, **about, control=control, summary="difference"))
        table = as_columns(scores) | {
            "stimulus": names,
            "correlation": real["pixel_correlation", ""][0],
            "identification": real["two_way_identification", ""][0],
        }
        return table | self.details(tested, truth) | ({"null": null} if len(null) else {})

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

    def _null(self, tested: np.ndarray, measure: Measure) -> tuple[np.ndarray, dict[tuple[str, str], np.ndarray]]:
        """Scores of fits on permuted pairs, (permutation, score), and what these reach on each tested stimulus, on average."""
        null: list[list[float]] = []
        summed: dict[tuple[str, str], np.ndarray] = {}
        times: dict[tuple[str, str], np.ndarray] = {}
        for names, refit, beside in self._moved() if self.permutations else ():
            truth = np.searchsorted(tested, names)
            compared = measure(self.pictures.render(refit, beside)["picture"], truth)
            null.append([mean_of(values) for values, _ in compared.values()])
            for place, (values, _) in compared.items():
                sums, counts = summed.setdefault(place, np.zeros(len(tested))), times.setdefault(place, np.zeros(len(tested)))
                np.add.at(sums, truth, np.nan_to_num(values))
                np.add.at(counts, truth, np.isfinite(values))
        with np.errstate(invalid="ignore"):
            return np.array(null), {place: sums / times[place] for place, sums in summed.items()}

    def _refitted(self) -> bool:
        """Whether everything that the pictures are made from was fitted here, and can be fitted again."""
        return all(isinstance(decoder, Decoder) for decoder in (self.pictures.decoder, *self.pictures.beside().values()))

    def _moved(self) -> Iterator[tuple[np.ndarray, np.ndarray, Beside]]:
        """Stimuli that were exchanged between the decoded trials, and what was decoded for them.

        Decoders that are applied to new data are not fitted again: their finished predictions are held against exchanged stimuli.
        """
        decoder, beside = self.pictures.decoder, self.pictures.beside()
        if self._refitted():
            main: Any = decoder
            pairs = main.pairs()
            stimulus, held_out = np.asarray(pairs.trials["stimulus"]), pairs.held_out()
            # each draws the same exchanges, of the same trials
            others = [self._refits_of(other) for other in beside.values()]
            for source, refit in self._refits_of(main):
                moved = {name: next(other)[1] for name, other in zip(beside, others, strict=True)}
                yield stimulus[source][held_out], refit, moved
            return
        decoded, stays = decoder.run()["decoded"], {name: other.run()["decoded"] for name, other in beside.items()}
        trials = decoder.responses().trial_table()
        rows = decoder.run()["row"]
        new, stimulus = np.arange(len(rows)), np.asarray(trials["stimulus"])[rows]
        trials = {name: np.asarray(values)[rows] for name, values in trials.items()}
        pairs = Pairs(decoded, decoded, trials, [Fold("new data", np.array([], dtype=int), new)], stimulus)
        rng = np.random.default_rng([self.seed, 1])
        for source in pairs.exchanges(self.permutations, rng, self.exchange, self.permute_within):
            yield stimulus[source], decoded, stays

    def _refits_of(self, decoder: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return self.permuted(decoder, decoder.pairs(), decoder.run()["decoded"])

    def figures(self, result: Result) -> list[Figure]:
        """Seen beside decoded, from the best to the worst."""
        from recortex.drawing import picture_sheet

        made, shown = self.pictures.run(), self.stimuli.run()
        order = np.argsort(-result["correlation"], kind="stable")
        some = order[np.unique(np.linspace(0, len(order) - 1, 16).round().astype(int))]
        names = result["stimulus"][some]
        seen = shown["picture"][rows_of(names, shown["stimulus"], "decoded stimuli", self.stimuli.where())] / 255
        notes = [self.note(result, row) for row in some]
        rows, labels, below = [seen, made["picture"][some]], ["seen", "decoded"], ""
        if "samples" in made:
            samples = made["samples"][some] / np.float32(255)
            others = range(min(samples.shape[1], MOST_SAMPLES))
            rows += [samples[:, number] for number in others]
            labels += [f"sample {number + 1}" for number in others]
            below = f", and below it {len(others)} of the {samples.shape[1]} samples that it was kept from"
        return [
            Figure(
                "Seen and decoded",
                f"{len(some)} of {len(order)} held-out trials, evenly from the best to the worst by pixel correlation r; "
                f"seen above, decoded below{below}.",
                picture_sheet(rows, labels, names, notes),
                "pictures",
            )
        ]

    def note(self, result: Result, row: int) -> str:
        """What is said of a trial below its pictures."""
        return f"r {result['correlation'][row]:.2f}"


def identified(
    likeness: np.ndarray, truth: np.ndarray, category: np.ndarray | None = None, fold: np.ndarray | None = None
) -> Values:
    """How well trials identify the stimulus that was shown, among all tested and among some.

    Parameters
    ----------
    likeness : (trial, stimulus) array
        How alike what was decoded is to each tested stimulus.
    truth : (trial,) int array
        Which was shown.
    category : (stimulus,) array, optional
        Of each tested stimulus.
    fold : (trial,) array, optional
        Which fold each trial was held out in.
    """
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
        of_stimulus = np.empty(likeness.shape[1], dtype=fold.dtype)
        of_stimulus[truth] = fold
        together = fold[:, None] == of_stimulus[None, :]
        ranked["within_fold"] = identification_ranks(likeness, truth, together, tolerance=TIE)
        if category is not None:
            both = together & (category[truth][:, None] == category[None, :])
            ranked["within_category_and_fold"] = identification_ranks(likeness, truth, both, tolerance=TIE)
    values: Values = {}
    for subset, ranks in ranked.items():
        rivalled = ranks.candidates[ranks.candidates > 1]
        if not len(rivalled):
            continue
        values["two_way_identification", subset] = ranks.two_way_identification(), int(rivalled.min())
        if subset in ("", "within_fold"):
            values["top1_retrieval", subset] = ranks.top1_retrieval(), int(rivalled.min())
    return values


def resembles(pictures: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """(trial, stimulus): correlation of what stands for each picture, over all but the first axis."""
    return correlation_matrix(pictures.reshape(len(pictures), -1), candidates.reshape(len(candidates), -1))


def _split(decoder: DecodedFeatures) -> str:
    if isinstance(decoder, Decoder):
        return decoder.split_words()
    return "new data"
