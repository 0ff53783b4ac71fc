"""How much of what was seen is said in the decoded captions, fact by fact."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.data.base import Captions, Pictures, Stimuli, rows_of
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.decoders.decoded_captions import DecodedCaptions
from recortex.errors import InvalidInput, listed
from recortex.metrics import identification_ranks, permutation_p
from recortex.scores._caption_facts import FACTS, SCORED, agreement, read_facts, resemblance, scene_facts, shares
from recortex.scores._caption_ladder import exchanged, folds_of, null_words, rung_captions, split_of, units_of
from recortex.scores._ladder import labels_of
from recortex.scores.base import SAME_SCORE, TestedScores, as_columns, averaging, mean_of
from recortex.stage import Array, Figure, Result

# (metric, subset) -> one value a trial, and among how many candidates at least
Values = dict[tuple[str, str], tuple[np.ndarray, int]]
FULL = 0  # the wording that says the most
SHOWN = 12


class CaptionScores(TestedScores):
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
    - `frequency`, of accuracy alone: guesses that name each label as often as it comes among the training stimuli.

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
    permutations: int = Field(default=20, ge=0)

    returns: ClassVar[dict[str, Array]] = TestedScores.returns | {
        "stimulus": Array("trial", dtype="str", units="", about="which stimulus was shown"),
        "fact": Array("fact", dtype="str", units="", about="what a caption can be right about"),
        "right": Array("trial", "fact", about="1 where the caption is right, 0 where it is wrong or silent, NaN without truth"),
        "identification": Array("trial", about="share of the other stimuli that each caption agrees with in fewer facts"),
        "null": Array("permutation", "null_score", optional=True, about="the real scores' counterparts after each refit"),
    }

    def compute(self) -> dict[str, Any]:
        """Read, compare, resample, refit, climb the ladder.

        Raises
        ------
        InvalidInput
            A stimulus without a caption, fewer than two tested stimuli, or true captions of which nothing can be read.
        """
        made, decoder = self.captions.run(), self.captions.decoder
        names = made["stimulus"]
        tested, shown = np.unique(names, return_inverse=True)
        if len(tested) < 2:
            raise InvalidInput("identification needs at least two tested stimuli; hold out more")
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
        fold = folds_of(decoder)

        def scored(captions: np.ndarray, shown: np.ndarray = shown) -> Values:
            return compare(read_facts(captions.tolist()), true, shown, fold)

        real = scored(made["caption"])
        rungs: dict[str, dict[tuple[str, str], np.ndarray]] = {}
        for control, captions in rung_captions(self.captions, self.truth, self._labels()).items():
            rungs[control] = {place: values for place, (values, _) in scored(captions).items()}
        guessed = self._frequency(true[shown], known, facts)
        rungs["frequency"] = {("accuracy", fact): guessed[:, column] for column, fact in enumerate(FACTS)}
        null, shuffled = self._null(tested, scored)
        if len(null):
            rungs = {"shuffled": {place: values[shown] for place, values in shuffled.items()}} | rungs

        units = units_of(self, decoder)
        protocol = ", ".join(filter(None, ["facts read in captions", null_words(self, decoder)]))
        shared = {"split": split_of(decoder), "averaging": averaging(decoder.responses(), made["row"]), "protocol": protocol}
        scores = []
        for column, (place, (values, counted)) in enumerate(real.items()):
            about = shared | {"metric": place[0], "subset": place[1], "candidates": counted}
            row = self.scored(values, units, **about)
            if len(null):
                p = float(permutation_p(row.value, null[:, column], SAME_SCORE))
                row = replace(row, p=p, chance=mean_of(null[:, column]))
            scores.append(row)
            for control, others in rungs.items():
                if place in others:
                    other = np.where(np.isnan(values), np.nan, others[place])  # over the same trials
                    scores.append(self.scored(other, units, **about, control=control))
                    scores.append(self.scored(values - other, units, **about, control=control, summary="difference"))
        return (
            as_columns(scores)
            | {"stimulus": names, "fact": np.array(FACTS)}
            | {"right": agreement(read_facts(made["caption"].tolist()), true[shown])}
            | {"identification": real["two_way_identification", ""][0]}
            | ({"null": null} if len(null) else {})
        )

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

    def _frequency(self, true: np.ndarray, known: np.ndarray, facts: np.ndarray) -> np.ndarray:
        """How often a guess by the training stimuli's labels would be right, (trial, fact)."""
        guessed = np.empty(true.shape)
        for rows, names in self.captions.decoder.known():
            training = facts[rows_of(names, known, "training stimuli", self._truth_from().where())]
            guessed[rows] = shares(training, true[rows])
        return guessed

    def _null(self, tested: np.ndarray, scored: Any) -> tuple[np.ndarray, dict[tuple[str, str], np.ndarray]]:
        """Scores of fits on permuted pairs, (permutation, score), and what these reach on each tested stimulus, on average."""
        null: list[list[float]] = []
        summed: dict[tuple[str, str], np.ndarray] = {}
        times: dict[tuple[str, str], np.ndarray] = {}
        for names, refit in exchanged(self, self.captions.decoder) if self.permutations else ():
            shown = np.searchsorted(tested, names)
            compared = scored(self.captions.write(refit), shown)
            null.append([mean_of(values) for values, _ in compared.values()])
            for place, (values, _) in compared.items():
                sums, counts = summed.setdefault(place, np.zeros(len(tested))), times.setdefault(place, np.zeros(len(tested)))
                np.add.at(sums, shown, np.nan_to_num(values))
                np.add.at(counts, shown, np.isfinite(values))
        with np.errstate(invalid="ignore"):
            return np.array(null), {place: sums / times[place] for place, sums in summed.items()}

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
