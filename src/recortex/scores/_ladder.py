"""The rungs of the null ladder that pictures are held against: what each control would have shown in place of what was decoded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recortex.data.base import Pictures, Responses
from recortex.decoders.base import DecodedFeatures, Decoder
from recortex.generators.base import GeneratedPictures
from recortex.generators.nearest_picture import NearestPicture
from recortex.stage import walk


def rung_pictures(
    pictures: GeneratedPictures, stimuli: Pictures, labels: dict[str, str], seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    """The pictures of every rung that applies, except `shuffled`, which needs refits; made one rung at a time.

    Parameters
    ----------
    pictures : GeneratedPictures
        The real thing.
    stimuli : Pictures
        Where a nearest training picture is taken from.
    labels : dict
        Category of each stimulus; may be empty.
    seed : int

    Yields
    ------
    rung : str
    (trial, height, width, channel) array
    """
    rng = np.random.default_rng([seed, 2])
    beside = {name: rung_features(decoder, labels) for name, decoder in pictures.beside().items()}
    for rung, decoded in rung_features(pictures.decoder, labels).items():
        if all(rung in rungs for rungs in beside.values()):
            yield rung, pictures.picture(decoded, {name: rungs[rung] for name, rungs in beside.items()})
    if (unconditional := pictures.unconditional(rng)) is not None:
        yield "unconditional", unconditional
    if not isinstance(pictures, NearestPicture):
        nearest = NearestPicture(decoder=pictures.decoder, stimuli=stimuli)
        yield "nearest", nearest.picture(pictures.decoder.run()["decoded"])


def rung_features(decoder: DecodedFeatures, labels: dict[str, str]) -> dict[str, np.ndarray]:
    """What a decoder would have decoded on the rungs of the ladder that apply to it.

    Parameters
    ----------
    decoder : DecodedFeatures
    labels : dict
        Category of each stimulus; may be empty.

    Returns
    -------
    dict of str to (trial, feature) arrays
        Under mean, class_mean, trial_order and true_features.
    """
    names = decoder.run()["stimulus"]
    found = {"mean": _known_means(decoder, names, {})}
    if labels:
        found["class_mean"] = _known_means(decoder, names, labels)
    if isinstance(decoder, Decoder):
        found["trial_order"] = decoder.from_trial_order(decoder.pairs())
    # new data may have stimuli of their own, of which the decoder's features know nothing
    if np.isin(names, decoder.target().run()["stimulus"]).all():
        found["true_features"] = decoder.target().of(names)
    return {rung: values for rung, values in found.items() if values is not None}


def labels_of(decoder: DecodedFeatures, stimuli: Pictures) -> dict[str, str]:
    """The category of stimuli by name: the pictures' own, else that of the trial tables below the decoder; empty where neither tells."""
    shown = stimuli.run()
    if "category" in shown:
        return dict(zip(shown["stimulus"].tolist(), shown["category"].tolist(), strict=True))
    labels: dict[str, str] = {}
    for brain in (node for node in walk(decoder) if isinstance(node, Responses)):
        trials = brain.trial_table()
        for name, label in zip(trials["stimulus"], trials.get("category", ()), strict=False):
            if labels.setdefault(str(name), str(label)) != str(label):
                return {}
    return labels


def _known_means(decoder: DecodedFeatures, names: np.ndarray, labels: dict[str, str]) -> np.ndarray | None:
    """Mean features of the stimuli that each trial's model was fitted on, all or those of its own label; None where there are none."""
    target = decoder.target()
    out: np.ndarray | None = None
    for rows, known in decoder.known():
        features = target.of(known)
        out = np.empty((len(names), features.shape[1]), features.dtype) if out is None else out
        of_known = np.array([labels.get(name, "") for name in known.tolist()])
        of_trial = np.array([labels.get(name, "") for name in names[rows].tolist()])
        for label in np.unique(of_trial):
            if not (of_known == label).any():
                return None
            out[rows[of_trial == label]] = features[of_known == label].mean(axis=0, dtype=np.float64)
    return out
