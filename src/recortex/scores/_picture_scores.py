"""What scores of pictures have in common: the tested stimuli, identification among them, the ladder, seen beside decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from recortex.data.base import Pictures, rows_of
from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.generators.base import NOTHING, Beside, GeneratedPictures
from recortex.metrics import correlation_matrix, identification_ranks
from recortex.scores._decoded_scores import Control, DecodedScores, Measure, Values
from recortex.scores._ladder import labels_of, rung_pictures
from recortex.stage import Array, Figure, Result

MOST_SAMPLES = 4  # shown of a trial, that which is kept among them
TIE = 1e-12  # equal candidates may differ in the last bits of a matrix product


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


class PictureScores(DecodedScores):
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

    returns: ClassVar[dict[str, Array]] = DecodedScores.returns | {
        "correlation": Array("trial", about="pixel correlation of each decoded picture with the seen one"),
        "identification": Array("trial", about="share of the other stimuli that each decoded picture resembles less"),
    }

    def measure(self, tested: Tested) -> tuple[str, Measure]:
        """The protocol in words for the table of scores, and how pictures are scored.

        ("pixel_correlation", "") and ("two_way_identification", "") are always among the scores.
        """
        raise TypeError(f"{type(self).__name__} does not say how pictures are scored")

    def guesses(self, tested: Tested, truth: np.ndarray) -> dict[str, Control]:
        """Further controls that need no picture, by name: what they reach in those scores that they know, a value a trial."""
        return {}

    def ceilings(self, tested: Tested, truth: np.ndarray) -> dict[tuple[str, str], float]:
        """What perfect pictures would reach, where that is less than everything."""
        return {}

    def details(self, tested: Tested, truth: np.ndarray) -> dict[str, Any]:
        """Further arrays of the result."""
        return {}

    def decoded_by(self) -> dict[str, DecodedFeatures]:
        """What the pictures are made from."""
        return {"decoder": self.pictures.decoder} | self.pictures.beside()

    def remade(self, decoded: np.ndarray, beside: Beside = NOTHING) -> np.ndarray:
        """The pictures again."""
        return self.pictures.picture(decoded, beside)

    def compute(self) -> dict[str, Any]:
        """Compare, resample, refit, climb the ladder.

        Raises
        ------
        InvalidInput
            A stimulus without a picture, or fewer than two tested stimuli.
        """
        names, truth = self.shown()
        decoder = self.pictures.decoder
        labels = labels_of(decoder, self.stimuli)
        tested = Tested(
            names,
            rows_of(names, self.stimuli.run()["stimulus"], "decoded stimuli", self.stimuli.where()),
            np.array([labels[name] for name in names]) if set(names) <= set(labels) else None,
            decoder.run()["held_out_in"] if isinstance(decoder, Decoder) else None,
        )
        protocol, measure = self.measure(tested)
        made = self.pictures.run()["picture"]
        with self.pictures.held():
            rungs = rung_pictures(self.pictures, self.stimuli, labels, self.seed)
            arrays, real = self.table(made, measure, protocol, rungs, self.guesses(tested, truth), self.ceilings(tested, truth))
        return (
            arrays
            | {"correlation": real["pixel_correlation", ""][0], "identification": real["two_way_identification", ""][0]}
            | self.details(tested, truth)
        )

    def figures(self, result: Result) -> list[Figure]:
        """Seen beside decoded, from the best to the worst."""
        from recortex.drawing import picture_sheet

        made, shown = self.pictures.run(), self.stimuli.run()
        order = np.argsort(-result["correlation"], kind="stable")
        some = order[np.unique(np.linspace(0, len(order) - 1, 16).round().astype(int))]
        names = result["stimulus"][some]
        seen = shown["picture"][rows_of(names, shown["stimulus"], "decoded stimuli", self.stimuli.where())] / 255
        notes = [self.note(result, row) for row in some]
        if "caption" in made:
            notes = [f"“{said}”\n{note}" for said, note in zip(made["caption"][some], notes, strict=True)]
        rows, labels, below = [seen, made["picture"][some]], ["seen", "decoded"], ""
        if "samples" in made:
            apart, back = np.unique(some, return_inverse=True)  # read forwards, and only these
            samples = made.read("samples", apart)[back] / np.float32(255)
            numbers, kept = np.arange(samples.shape[1]), made["kept"][some]
            others = np.array([numbers[numbers != one][: MOST_SAMPLES - 1] for one in kept])
            rows += list(np.moveaxis(samples[np.arange(len(some))[:, None], others], 1, 0))
            labels += [f"other {number + 1}" for number in range(others.shape[1])]
            below = f", and below it {others.shape[1]} others of its {samples.shape[1]} samples, from other noise"
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
    likeness: np.ndarray,
    truth: np.ndarray,
    category: np.ndarray | None = None,
    fold: np.ndarray | None = None,
    tolerance: float = TIE,
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
    tolerance : float
        Likenesses that lie closer are the same.
    """
    same_stimulus = truth[:, None] == truth[None, :]
    ranked = {
        "": identification_ranks(likeness, truth, tolerance=tolerance),
        "by_stimulus": identification_ranks(likeness[:, truth].T, np.arange(len(truth)), ~same_stimulus, tolerance=tolerance),
    }
    if category is not None:
        ranked["within_category"] = identification_ranks(
            likeness, truth, category[truth][:, None] == category[None, :], tolerance=tolerance
        )
    if fold is not None and len(np.unique(fold)) > 1:
        of_stimulus = np.empty(likeness.shape[1], dtype=fold.dtype)
        of_stimulus[truth] = fold
        together = fold[:, None] == of_stimulus[None, :]
        ranked["within_fold"] = identification_ranks(likeness, truth, together, tolerance=tolerance)
        if category is not None:
            both = together & (category[truth][:, None] == category[None, :])
            ranked["within_category_and_fold"] = identification_ranks(likeness, truth, both, tolerance=tolerance)
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
