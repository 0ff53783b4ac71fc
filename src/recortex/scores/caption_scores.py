"""How much of what was seen is said in the decoded captions, fact by fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from recortex.data.base import Captions, Pictures, Stimuli, rows_of
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.decoders.decoded_captions import DecodedCaptions
from recortex.errors import InvalidInput, listed
from recortex.generators.base import NOTHING, Beside
from recortex.metrics import identification_ranks
from recortex.scores._caption_facts import FACTS, SCORED, agreement, commonest, read_facts, resemblance, scene_facts, shares
from recortex.scores._caption_ladder import rung_captions
from recortex.scores._decoded_scores import DecodedScores, Values
from recortex.scores._ladder import labels_of
from recortex.stage import Array, Figure, Result

Guess = Callable[[np.ndarray, np.ndarray], np.ndarray]
FULL = 0  # the wording that says the most
SHOWN = 12


class CaptionScores(DecodedScores):
    """Decoded captions against what was seen: which facts are right, and identification by them, with chance and controls.

    A caption is read for what its first thing is (kind, design, colour), where it is (background), by night or by day, and how many
    things there are, in the words of the simulated world; no network judges another one. The truth is what the scenes themselves
    hold where `stimuli` are simulated ones, else what the true caption says, in its first wording. A fact counts where the truth is
    known of two tested stimuli or more; a caption that does not say it is wrong.

    - `accuracy`, by kind, background, colour, count and design: the share of trials whose caption is right.
    - `two_way_identification`: the share of other tested stimuli that a caption agrees with in fewer facts than with the seen one,
      ties counting half; ``within_fold`` admits only those of the same fold, where alone training means and retrieved captions,
      which are themselves candidates in other folds, compare fairly.

    The rungs of the null ladder are scored in the same way, each followed by the difference to the real thing over the same
    stimuli (its interval by a paired bootstrap):

    - `shuffled`: decoders fitted on permuted pairs, the mean over all of them (for new data: finished predictions, a quick null).
    - `mean`, `class_mean`: the training mean, of all or of the true category, in place of what was decoded.
    - `trial_order`: the same decoder, given nothing of the brain but when each trial came.
    - `nearest`: the caption of the nearest training stimulus, retrieved by the decoded features.
    - `true_features`: the true features in place of the decoded ones, the ceiling of the way to captions.
    - `frequency` and `commonest`, of accuracy alone: guesses that name each label as often as it comes among the training stimuli, or
      always the most frequent one.

    Parameters
    ----------
    captions : DecodedCaptions
        The decoded captions.
    truth : Captions
        True captions of the tested stimuli and of those that the decoder was fitted on.
    stimuli : Pictures, optional
        What was seen, shown beside the captions; simulated scenes say themselves what is in them.
    permutations, null, exchange, permute_within, resamples, seed
        As in every tested score. The candidates stay fixed in the bootstrap.
    """

    captions: DecodedCaptions
    truth: Captions
    stimuli: Pictures | None = None

    returns: ClassVar[dict[str, Array]] = DecodedScores.returns | {
        "fact": Array("fact", dtype="str", units="", about="what a caption can be right about"),
        "right": Array("trial", "fact", about="1 where the caption is right, 0 where it is wrong or silent, NaN without truth"),
        "identification": Array("trial", about="share of the other stimuli that each caption agrees with in fewer facts"),
    }

    def compute(self) -> dict[str, Any]:
        """Read, compare, resample, refit, climb the ladder.

        Raises
        ------
        InvalidInput
            A stimulus without a caption, fewer than two tested stimuli, or true captions of which nothing can be read.
        """
        made, (tested, shown) = self.captions.run()["caption"], self.shown()
        known, facts = self._facts()
        self._check_named(tested)
        true = facts[rows_of(tested, known, "decoded stimuli", self._truth_from().where())]
        true[:, (true != "").sum(axis=0) < 2] = ""
        if not (true != "").any():
            raise InvalidInput(
                f"{self.truth.where()}: the captions of the tested stimuli ({listed(tested, 3)}) name no thing, place, colour or number "
                "in the words of simulated scenes, and these alone are read, so nothing can be scored; leave CaptionScores out, or "
                "give captions in these words"
            )
        decoder = self.captions.decoder
        fold = decoder.run()["held_out_in"] if isinstance(decoder, Decoder) else None

        def measure(captions: np.ndarray, shown: np.ndarray) -> Values:
            return compare(read_facts(captions.tolist()), true, shown, fold)

        guesses = {}
        for control, guess in (("frequency", shares), ("commonest", commonest)):
            guessed = self._guessed(guess, true[shown], known, facts)
            guesses[control] = {("accuracy", fact): guessed[:, column] for column, fact in enumerate(FACTS)}
        with self.captions.held():
            rungs = rung_captions(self.captions, self.truth, self._labels())
            arrays, real = self.table(made, measure, "facts read in captions", rungs.items(), guesses)
        return arrays | {
            "fact": np.array(FACTS),
            "right": agreement(read_facts(made.tolist()), true[shown]),
            "identification": real["two_way_identification", ""][0],
        }

    def decoded_by(self) -> dict[str, DecodedFeatures]:
        """What the captions are written from."""
        return {"decoder": self.captions.decoder}

    def remade(self, decoded: np.ndarray, beside: Beside = NOTHING) -> np.ndarray:
        """The captions again."""
        return self.captions.write(decoded)

    def _truth_from(self) -> Stimuli:
        """The stage that says what is true."""
        return self.stimuli if isinstance(self.stimuli, SimulatedScenes) else self.truth

    def _facts(self) -> tuple[np.ndarray, np.ndarray]:
        """Names of stimuli, and their facts as far as they are known."""
        told = self._truth_from().run()
        if isinstance(self.stimuli, SimulatedScenes):
            return told["stimulus"], scene_facts(told)
        return told["stimulus"], read_facts(told["caption"][:, FULL].tolist())

    def _check_named(self, tested: np.ndarray) -> None:
        """Refuse stimuli without a true caption or picture before anything is fitted again: the decoder's own, and those it saw."""
        training = np.unique(np.concatenate([names for _, names in self.captions.decoder.known()]))
        for wanted, what in ((tested, "decoded stimuli"), (training, "training stimuli")):
            rows_of(wanted, self.truth.run()["stimulus"], what, self.truth.where())
        if self.stimuli is not None:
            rows_of(tested, self.stimuli.run()["stimulus"], "decoded stimuli", self.stimuli.where())

    def _labels(self) -> dict[str, str]:
        """The category of stimuli by name, as far as one of pictures, captions and trial tables tells."""
        told: Any = self.truth
        if self.stimuli is not None and "category" in self.stimuli.run():
            told = self.stimuli
        return labels_of(self.captions.decoder, told)

    def _guessed(self, guess: Guess, true: np.ndarray, known: np.ndarray, facts: np.ndarray) -> np.ndarray:
        """How often a guess by the training stimuli's labels would be right, (trial, fact)."""
        guessed = np.empty(true.shape)
        for rows, names in self.captions.decoder.known():
            training = facts[rows_of(names, known, "training stimuli", self._truth_from().where())]
            guessed[rows] = guess(training, true[rows])
        return guessed

    def figures(self, result: Result) -> list[Figure]:
        """True beside decoded captions, from the most to the fewest right facts."""
        from recortex.scores._caption_sheet import Card, caption_sheet

        made, told = self.captions.run(), self.truth.run()
        known = np.isfinite(result["right"]).sum(axis=1)
        order = np.argsort(-np.nansum(result["right"], axis=1) / np.maximum(known, 1), kind="stable")
        some = order[np.unique(np.linspace(0, len(order) - 1, SHOWN).round().astype(int))]
        names, written = result["stimulus"][some], made["caption"][some].tolist()
        captions = told["caption"][rows_of(names, told["stimulus"], "decoded stimuli", self.truth.where()), FULL]
        pictures: Any = [None] * len(some)
        if self.stimuli is not None:
            seen = self.stimuli.run()
            pictures = seen["picture"][rows_of(names, seen["stimulus"], "decoded stimuli", self.stimuli.where())] / 255
        stimuli, facts = self._facts()
        true = facts[rows_of(names, stimuli, "decoded stimuli", self._truth_from().where())]
        true = np.where(np.isfinite(result["right"][some]), true, "")
        cards = [
            Card(name, picture, caption, decoded, list(zip(FACTS, said, really, strict=True)))
            for name, picture, caption, decoded, said, really in zip(
                names.tolist(), pictures, captions.tolist(), written, read_facts(written).tolist(), true.tolist(), strict=True
            )
        ]
        text = (
            f"{len(some)} of {len(order)} held-out trials, evenly from those with the most right facts to those with the fewest: "
            "the true caption in grey, the decoded one below it in bold, and what it got right (✓) and wrong (✗)."
        )
        return [Figure("True and decoded captions", text, caption_sheet(cards), "pictures")]


def compare(said: np.ndarray, true: np.ndarray, shown: np.ndarray, fold: np.ndarray | None = None) -> Values:
    """Every score of decoded captions, a value a trial, and its number of candidates.

    Parameters
    ----------
    said : (trial, fact) str array
        What the captions say; empty where nothing.
    true : (stimulus, fact) str array
        Of the tested stimuli; empty where it is not known.
    shown : (trial,) int array
        Which stimulus each trial showed.
    fold : (trial,) array, optional
        Which fold each trial was held out in.
    """
    right = agreement(said, true[shown])
    labels = {fact: set(true[:, column]) - {""} for column, fact in enumerate(FACTS)}
    values: Values = {
        ("accuracy", fact): (right[:, column], len(labels[fact])) for column, fact in enumerate(SCORED) if labels[fact]
    }
    alike, told = resemblance(said, true), (true != "").any(axis=1)
    rivals = {"": np.broadcast_to(told, alike.shape)}
    if fold is not None and len(np.unique(fold)) > 1:
        of_stimulus = np.empty(len(true), dtype=fold.dtype)
        of_stimulus[shown] = fold
        rivals["within_fold"] = told & (fold[:, None] == of_stimulus)
    for subset, allowed in rivals.items():
        ranks = identification_ranks(alike, shown, allowed)
        rivalled = ranks.candidates[(ranks.candidates > 1) & told[shown]]
        if not subset or len(rivalled):
            scored = np.where(told[shown], ranks.two_way_identification(), np.nan)
            values["two_way_identification", subset] = scored, int(rivalled.min())
    return values
