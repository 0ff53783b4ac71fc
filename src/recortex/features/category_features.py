"""The category of each stimulus, one feature a category."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from recortex.data.base import Responses
from recortex.errors import InvalidInput
from recortex.features._labels import labels_of_stimuli
from recortex.features.base import Features
from recortex.stage import Array


class CategoryFeatures(Features):
    """One feature a label, 1 for the stimuli that have it and 0 for the others.

    An encoder of these predicts the mean of each label, drawn towards the mean of all by its penalty.

    Parameters
    ----------
    brain : Responses
        The recording whose trial table says what each stimulus is.
    column : str
        The column of the labels.
    """

    brain: Responses
    column: str = "category"

    returns: ClassVar[dict[str, Array]] = Features.returns | {
        "feature_name": Array("feature", dtype="str", units="", about="the label that each feature stands for, sorted"),
    }

    def recipe(self) -> dict[str, Any]:
        """With the labels: as many others would be other features."""
        return super().recipe() | {"labels": self.run()["feature_name"].tolist()}

    def expect(self) -> dict[str, int]:
        """Known once the recording has been read."""
        if self.brain.cached() is None:
            return {}
        stimulus, label = labels_of_stimuli(self.brain, self.column)
        return {"stimulus": len(stimulus), "feature": len(np.unique(label))}

    def compute(self) -> dict[str, Any]:
        """Compare each stimulus's label with each label.

        Raises
        ------
        InvalidInput
            No such column, a missing label, a stimulus with two, or one label for all.
        """
        stimulus, label = labels_of_stimuli(self.brain, self.column)
        names = np.unique(label)
        if len(names) < 2:
            raise InvalidInput(f"column {self.column} holds one label only ({names[0]}); there is nothing to tell apart")
        return {"stimulus": stimulus, "features": (label[:, None] == names).astype(np.float32), "feature_name": names}
