"""Voxelwise ridge regression."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from recortex.encoders._linear import LinearEncoder
from recortex.fits.pairs import Pairs


class RidgeEncoder(LinearEncoder):
    """Ridge regression with an alpha for every unit, chosen by cross-validation inside each fold's training trials.

    Parameters
    ----------
    brain, features, split, normalise, normalise_by
        As in every encoder.
    alphas : tuple of float
        Candidates for the penalty.
    cv : int
        Folds of the choice of alpha; they keep together what the split keeps together.
    standardise : bool
        Whether features are scaled to unit variance, by training trials of each inner fold alone.
    selection : "kfold", "gcv", "loo" or "gcv+kfold"
        How penalties are compared inside a fold's training trials: over folds; by generalised cross-validation, fast, which counts
        trials of the same features as one and refuses groups of several; by leaving out each group; or over folds near the best of
        the second.
    device : str, optional
        Where it is computed: a device of torch, as "cuda", instead of NumPy.
    """

    version: ClassVar[int] = 3

    selection: Literal["kfold", "gcv", "loo", "gcv+kfold"] = "kfold"

    def instead(self, pairs: Pairs, inputs: np.ndarray) -> np.ndarray:
        """Held-out predictions of the same procedure from other inputs; by folds, as trials of a stimulus may differ in these."""
        return LinearEncoder.instead(self.model_copy(update={"selection": "kfold"}), pairs, inputs)

    def estimator(self) -> Any:
        """A fresh RidgeCV."""
        from recortex.linear import RidgeCV

        return RidgeCV(self.alphas, cv=self.cv, selection=self.selection, scale_features=self.standardise, device=self.device)
