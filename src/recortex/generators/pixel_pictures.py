"""Decoded pixels put back into pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels
from recortex.generators.base import NOTHING, Beside, GeneratedPictures


class PixelPictures(GeneratedPictures):
    """The decoded pixels themselves, clipped to 0 .. 1: no prior, nothing that was not decoded.

    Parameters
    ----------
    decoder : DecodedFeatures
        A decoder of `Pixels`.
    """

    def expect(self) -> dict[str, int]:
        """A feature a pixel."""
        decoded = self.decoder.foresee()
        return {"trial": decoded["trial"], "height": decoded["feature"], "width": 1, "channel": 1} if decoded else {}

    def render(self, decoded: np.ndarray, beside: Beside = NOTHING) -> dict[str, Any]:
        """Unfold and clip.

        Raises
        ------
        InvalidInput
            The decoder aims at something other than pixels.
        """
        target = self.decoder.target()
        if not isinstance(target, Pixels):
            raise InvalidInput(
                f"PixelPictures needs a decoder of Pixels; this one decodes {target.type_name()}, which has no way back to pixels"
            )
        shape = tuple(int(size) for size in target.run()["shape"])
        return {"picture": np.clip(decoded.reshape(len(decoded), *shape), 0, 1)}
