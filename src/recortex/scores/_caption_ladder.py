"""The rungs of the null ladder that captions are held against: what each control would have said in place of what was decoded."""

from __future__ import annotations

import numpy as np

from recortex.captioners.nearest_caption import NearestCaption
from recortex.data.base import Captions
from recortex.decoders.decoded_captions import DecodedCaptions
from recortex.scores._ladder import rung_features


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
