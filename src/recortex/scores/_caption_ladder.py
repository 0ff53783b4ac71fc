"""The rungs of the null ladder that captions are held against, and the refits of one decoder on permuted pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recortex.captioners.nearest_caption import NearestCaption
from recortex.data.base import Captions
from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.decoders.decoded_captions import DecodedCaptions
from recortex.errors import InvalidInput, no_column
from recortex.fits.pairs import Pairs
from recortex.scores._ladder import rung_features
from recortex.scores.base import TestedScores
from recortex.splits.base import Fold, qualified


def rung_captions(captions: DecodedCaptions, truth: Captions, labels: dict[str, str]) -> dict[str, np.ndarray]:
    """The captions of every rung that applies, except `shuffled`, which needs refits.

    Parameters
    ----------
    captions : DecodedCaptions
        The real thing.
    truth : Captions
        Where the caption of the nearest training stimulus is taken from.
    labels : dict
        Category of each stimulus; may be empty.

    Returns
    -------
    dict of str to (trial,) str arrays
    """
    decoder = captions.decoder
    made = {control: captions.write(features) for control, features in rung_features(decoder, labels).items()}
    if not isinstance(captions, NearestCaption):
        made["nearest"] = NearestCaption(decoder=decoder, captions=truth).write(decoder.run()["decoded"])
    return made


def exchanged(scores: TestedScores, decoder: DecodedFeatures) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Stimuli that were exchanged between the decoded trials, and what was decoded for them.

    A decoder that is applied to new data is not fitted again: its finished predictions are held against exchanged stimuli.

    Yields
    ------
    stimulus : (trial,) str array
    decoded : (trial, feature) array
    """
    decoded = decoder.run()["decoded"]
    if isinstance(decoder, Decoder):
        pairs = decoder.pairs()
        stimulus, held_out = np.asarray(pairs.trials["stimulus"]), pairs.held_out()
        for source, refit in scores.permuted(decoder, pairs, decoded):
            yield stimulus[source][held_out], refit
        return
    rows = decoder.run()["row"]
    trials = {name: np.asarray(values)[rows] for name, values in decoder.responses().trial_table().items()}
    stimulus, new = trials["stimulus"], np.arange(len(rows))
    pairs = Pairs(decoded, decoded, trials, [Fold("new data", np.array([], dtype=int), new)], stimulus)
    rng = np.random.default_rng([scores.seed, 1])
    for source in pairs.exchanges(scores.permutations, rng, scores.exchange, scores.permute_within):
        yield stimulus[source], decoded


def null_words(scores: TestedScores, decoder: DecodedFeatures) -> str:
    """What the null was, where it was not the usual one; finished predictions alone are a quick one."""
    said = scores.null_words()
    quick = not isinstance(decoder, Decoder) and scores.null == "refit"
    return ", ".join(filter(None, ["quick null" if quick else "", said]))


def units_of(scores: TestedScores, decoder: DecodedFeatures) -> np.ndarray:
    """The exchangeable unit of each decoded trial.

    Raises
    ------
    InvalidInput
        The trials have no such column.
    """
    trials = decoder.responses().trial_table()
    if scores.unit() not in trials:
        raise InvalidInput(no_column("exchange", scores.unit(), trials))
    return qualified(trials, scores.unit())[decoder.run()["row"]]


def folds_of(decoder: DecodedFeatures) -> np.ndarray | None:
    """The fold of each decoded trial; None for a decoder that was not fitted here."""
    return decoder.run()["held_out_in"] if isinstance(decoder, Decoder) else None


def split_of(decoder: DecodedFeatures) -> str:
    """How the trials were split, in words."""
    return decoder.split_words() if isinstance(decoder, Decoder) else "new data"
