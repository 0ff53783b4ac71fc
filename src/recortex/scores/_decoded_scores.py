"""What scores of pictures and captions have in common: the null by refitting, the ladder of controls, the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.errors import InvalidInput, no_column
from recortex.fits.pairs import Pairs
from recortex.generators.base import NOTHING, Beside
from recortex.metrics import permutation_p
from recortex.scores.base import NAN, SAME_SCORE, TestedScores, as_columns, averaging, mean_of
from recortex.splits.base import Fold, qualified
from recortex.stage import Array

# (metric, subset) -> one value a trial, and among how many candidates at least
Values = dict[tuple[str, str], tuple[np.ndarray, int]]
Control = Mapping[tuple[str, str], np.ndarray]

Measure = Callable[[np.ndarray, np.ndarray], Values]
"""(what was made of each trial, which tested stimulus it showed) -> every score."""


class DecodedScores(TestedScores):
    """What was made of decoded features, against what was seen; with interval, chance by refitting and controls.

    Parameters
    ----------
    permutations, null, exchange, permute_within, resamples, seed
        As in every tested score. The candidates stay fixed in the bootstrap.
    """

    permutations: int = Field(default=20, ge=0)

    returns: ClassVar[dict[str, Array]] = TestedScores.returns | {
        "stimulus": Array("trial", dtype="str", units="", about="which stimulus was shown"),
        "null": Array("permutation", "null_score", optional=True, about="the real scores' counterparts after each refit"),
    }

    def decoded_by(self) -> dict[str, DecodedFeatures]:
        """The decoders that are refitted, the main one first, by the field that names each."""
        raise TypeError(f"{type(self).__name__} does not say what was decoded")

    def remade(self, decoded: np.ndarray, beside: Beside = NOTHING) -> np.ndarray:
        """What is made of features, (trial, ...)."""
        raise TypeError(f"{type(self).__name__} does not say what is made of features")

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """Names of the tested stimuli, sorted, and which of them each trial showed.

        Raises
        ------
        InvalidInput
            There are fewer than two.
        """
        names, truth = np.unique(self._main().run()["stimulus"], return_inverse=True)
        if len(names) < 2:
            raise InvalidInput("identification needs at least two tested stimuli; hold out more")
        return names, truth

    def table(
        self,
        made: np.ndarray,
        measure: Measure,
        protocol: str,
        rungs: Iterable[tuple[str, np.ndarray]],
        guesses: Mapping[str, Control],
        ceilings: Mapping[tuple[str, str], float] | None = None,
    ) -> tuple[dict[str, Any], Values]:
        """Score, refit, climb the ladder.

        Parameters
        ----------
        made : (trial, ...) array
            The real thing.
        measure : callable
        protocol : str
            For the table of scores.
        rungs : iterable of (str, (trial, ...) array)
            What stands in its place on each rung of the ladder but `shuffled`; one is made at a time, and not kept.
        guesses : mapping of str to mapping
            Further controls by what they reach, where they reach anything: (metric, subset) to a value a trial.
        ceilings : mapping of (metric, subset) to float, optional
            What could be reached at best.

        Returns
        -------
        arrays : dict
            The columns of the table, stimulus and null.
        real : dict
            What the real thing reaches.
        """
        names, truth = self.shown()
        decoder = self._main()
        real = measure(made, truth)
        null, shuffled = self._null(names, made, measure, list(real))
        controls: dict[str, Control] = {}
        if len(null):
            controls["shuffled"] = {place: values[truth] for place, values in shuffled.items()}
        for control, other in rungs:
            controls[control] = {place: values for place, (values, _) in measure(other, truth).items()}
        controls |= guesses

        rows = decoder.run()["row"]
        units = self._units(decoder, rows)
        shared: dict[str, Any] = {
            "split": decoder.split_words() if isinstance(decoder, Decoder) else "new data",
            "averaging": averaging(decoder.responses(), rows),
            "protocol": ", ".join(filter(None, [protocol, self._null_words()])),
        }
        scores = []
        for column, (place, (values, counted)) in enumerate(real.items()):
            about = shared | {"metric": place[0], "subset": place[1], "candidates": counted}
            row = self.scored(values, units, **about)
            if len(null) and len(drawn := null[np.isfinite(null[:, column]), column]):
                row = replace(row, p=float(permutation_p(row.value, drawn, SAME_SCORE)), chance=mean_of(drawn))
            scores.append(replace(row, ceiling=(ceilings or {}).get(place, NAN)))
            for control, reached in controls.items():
                if place in reached:
                    other = np.where(np.isnan(values), np.nan, reached[place])  # over the same trials
                    scores.append(self.scored(other, units, **about, control=control))
                    scores.append(self.scored(values - other, units, **about, control=control, summary="difference"))
        arrays = as_columns(scores) | {"stimulus": names[truth]}
        return arrays | ({"null": null} if len(null) else {}), real

    def _main(self) -> DecodedFeatures:
        return next(iter(self.decoded_by().values()))

    def _refitted(self) -> bool:
        """Whether everything that was decoded was fitted here, and can be fitted again."""
        return all(isinstance(decoder, Decoder) for decoder in self.decoded_by().values())

    def _null_words(self) -> str:
        """What the null was, where it was not the usual one; finished predictions alone are a quick one."""
        quick = not self._refitted() and self.null == "refit"
        return ", ".join(filter(None, ["quick null" if quick else "", self.null_words()]))

    def _units(self, decoder: DecodedFeatures, rows: np.ndarray) -> np.ndarray:
        """The exchangeable unit of each decoded trial.

        Raises
        ------
        InvalidInput
            The trials have no such column.
        """
        trials = decoder.responses().trial_table()
        if self.unit() not in trials:
            raise InvalidInput(no_column("exchange", self.unit(), trials))
        return qualified(trials, self.unit())[rows]

    def _null(
        self, tested: np.ndarray, made: np.ndarray, measure: Measure, places: Sequence[tuple[str, str]]
    ) -> tuple[np.ndarray, dict[tuple[str, str], np.ndarray]]:
        """Scores of fits on permuted pairs, (permutation, score), and what these reach on each tested stimulus, on average.

        Which stimuli have rivals in a subset depends on where they are: a permutation may have scores that the real thing lacks, which
        do not count, and lack some of its, which are NaN.
        """
        null: list[list[float]] = []
        anew = self._refitted() and self.null == "refit"  # else what was made stays, and only the stimuli change places
        summed: dict[tuple[str, str], np.ndarray] = {}
        times: dict[tuple[str, str], np.ndarray] = {}
        for names, refit, beside in self._moved() if self.permutations else ():
            truth = np.searchsorted(tested, names)
            compared = measure(self.remade(refit, beside) if anew else made, truth)
            null.append([mean_of(compared[place][0]) if place in compared else NAN for place in places])
            for place in set(places) & set(compared):
                values, _ = compared[place]
                sums, counts = summed.setdefault(place, np.zeros(len(tested))), times.setdefault(place, np.zeros(len(tested)))
                np.add.at(sums, truth, np.nan_to_num(values))
                np.add.at(counts, truth, np.isfinite(values))
        with np.errstate(invalid="ignore"):
            return np.array(null), {place: sums / times[place] for place, sums in summed.items()}

    def _moved(self) -> Iterator[tuple[np.ndarray, np.ndarray, Beside]]:
        """Stimuli that were exchanged between the decoded trials, and what was decoded for them.

        Decoders that are applied to new data are not fitted again: their finished predictions are held against exchanged stimuli.
        """
        (_, main), *others = self.decoded_by().items()
        if self._refitted():
            fitted: Any = main
            pairs = fitted.pairs()
            stimulus, held_out = np.asarray(pairs.trials["stimulus"]), pairs.held_out()
            # each draws the same exchanges, of the same trials
            again = {name: self._refits_of(other) for name, other in others}
            for source, refit in self._refits_of(main):
                yield stimulus[source][held_out], refit, {name: next(refits)[1] for name, refits in again.items()}
            return
        decoded, stays = main.run()["decoded"], {name: other.run()["decoded"] for name, other in others}
        rows = main.run()["row"]
        trials = {name: np.asarray(values)[rows] for name, values in main.responses().trial_table().items()}
        stimulus, new = trials["stimulus"], np.arange(len(rows))
        pairs = Pairs(decoded, decoded, trials, [Fold("new data", np.array([], dtype=int), new)], stimulus)
        rng = np.random.default_rng([self.seed, 1])
        for source in pairs.exchanges(self.permutations, rng, self.exchange, self.permute_within):
            yield stimulus[source], decoded, stays

    def _refits_of(self, decoder: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return self.permuted(decoder, decoder.pairs(), decoder.run()["decoded"])
