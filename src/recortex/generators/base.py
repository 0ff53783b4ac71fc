"""What generators return."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from recortex.decoders.base import DecodedFeatures
from recortex.errors import InvalidInput
from recortex.splits.held_out import HELD_OUT
from recortex.stage import Array, Stage

Beside = Mapping[str, np.ndarray]
"""What other decoders decoded, (trial, feature), by the field that names the decoder."""
NOTHING: Beside = MappingProxyType({})


class GeneratedPictures(Stage):
    """A picture for each decoded trial.

    Parameters
    ----------
    decoder : DecodedFeatures
        What the pictures are made from.
    """

    decoder: DecodedFeatures

    returns: ClassVar[dict[str, Array]] = {
        "row": HELD_OUT["row"],
        "stimulus": HELD_OUT["stimulus"],
        "picture": Array("trial", "height", "width", "channel", about="decoded picture, 0 to 1"),
    }

    def beside(self) -> dict[str, DecodedFeatures]:
        """Further decoders that the pictures are made from, by field: of the same trials as `decoder`."""
        return {}

    def render(self, decoded: np.ndarray, beside: Beside = NOTHING) -> dict[str, Any]:
        """Make pictures of decoded features; the score stages call it again for their controls.

        Parameters
        ----------
        decoded : (trial, feature) array
            In the order of the decoder's trials.
        beside : mapping of str to (trial, feature) array
            What the further decoders decoded, for the same trials.

        Returns
        -------
        dict
            picture, (trial, height, width, channel) between 0 and 1, and what else the stage returns.
        """
        raise TypeError(f"{type(self).__name__} makes no pictures")

    def picture(self, decoded: np.ndarray, beside: Beside = NOTHING) -> np.ndarray:
        """The pictures of `render` alone, for the controls, which show nothing else."""
        return self.render(decoded, beside)["picture"]

    def held(self) -> AbstractContextManager[None]:
        """Whatever is loaded to make pictures stays loaded until the block ends."""
        return nullcontext()

    def unconditional(self, rng: np.random.Generator) -> np.ndarray | None:
        """A picture a trial as this method makes them without any condition: what its own prior gives.

        Returns
        -------
        (trial, height, width, channel) array or None
            None for a method that has no prior of its own.
        """
        return None

    def compute(self) -> dict[str, Any]:
        """A picture of each decoded trial.

        Raises
        ------
        InvalidInput
            Decoders of other trials.
        """
        source = self.decoder.run()
        beside = {name: decoder.run() for name, decoder in self.beside().items()}
        for name, other in beside.items():
            if not (np.array_equal(other["row"], source["row"]) and np.array_equal(other["stimulus"], source["stimulus"])):
                raise InvalidInput(
                    f"{self.type_name()}: {name} decodes other trials than decoder; give both the same brain and the same split"
                )
        made = self.render(source["decoded"], {name: other["decoded"] for name, other in beside.items()})
        return {"row": source["row"], "stimulus": source["stimulus"]} | made
