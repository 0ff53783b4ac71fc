"""What feature stages return."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from recortex.data.base import Stimuli, rows_of
from recortex.stage import Array, Node, Stage


class Features(Stage):
    """A row of features for each stimulus."""

    returns: ClassVar[dict[str, Array]] = {
        "stimulus": Array("stimulus", dtype="str", units="", about="names, distinct"),
        "features": Array("stimulus", "feature", about="features of each stimulus"),
        "shape": Array(
            "axis", dtype="int", units="", optional=True, about="sizes whose product is the number of features, slowest first"
        ),
    }

    embedding: ClassVar[bool] = False
    """Whether the cosine of two stimuli's features says how alike they are; the audit then looks for near-duplicates by it."""

    def context_s(self) -> float:
        """How far around a stimulus these features look, in seconds: a speech model hears what came before. 0 for single pictures."""
        return 0.0

    def recipe(self) -> dict[str, Any]:
        """What makes these features what they are, apart from which stimuli they are of: type and settings."""
        settings = {name: getattr(self, name) for name in type(self).model_fields if not isinstance(getattr(self, name), Node)}
        return {"type": self.type_name(), **settings}

    def of(self, stimulus: np.ndarray) -> np.ndarray:
        """The features of stimuli by name.

        Parameters
        ----------
        stimulus : (n,) str array
            Names, in any order, repeated as needed.

        Returns
        -------
        (n, feature) array

        Raises
        ------
        InvalidInput
            A stimulus has no features.
        """
        result = self.run()
        shown = getattr(self, "stimuli", None)
        where = shown.where() if isinstance(shown, Stimuli) else f"the {self.type_name()} stage"
        return result["features"][rows_of(stimulus, result["stimulus"], "stimuli of the trials", where)]
