"""An image-text model without a network: the pixels are the embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.features.clip import CLIP


class ToyCLIP(CLIP):
    """Pixels, from -1 to 1."""

    def tiling(self) -> None:
        return None

    def expect(self) -> dict[str, int]:
        return {}

    def compute(self) -> dict[str, Any]:
        seen = self.stimuli.run()
        made = seen["picture"].reshape(len(seen["stimulus"]), -1).astype(np.float32) / 128 - 1
        return {"stimulus": seen["stimulus"], "features": made, "shape": np.array(made.shape[1:])}
