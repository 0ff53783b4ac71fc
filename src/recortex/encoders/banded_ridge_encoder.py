"""Voxelwise ridge regression on several feature spaces, each with a weight of its own."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.encoders._linear import LinearEncoder
from recortex.features.bands import Bands
from recortex.fits.pairs import Pairs
from recortex.stage import Array


class BandedRidgeEncoder(LinearEncoder):
    """Ridge regression on several feature spaces, with a weight for every space and unit, and an alpha for every unit.

    The penalty of a band is alpha / weight: a unit that hears one space is not held back by all others. Weights follow the scale of the
    features; how much variance a band explains is what VariancePartition says.

    Parameters
    ----------
    brain, split, normalise, normalise_by
        As in every encoder.
    features : Bands
        Feature spaces side by side.
    alphas, cv, device
        As in every linear encoder.
    standardise : bool
        Whether features are scaled to unit variance, by training trials of each inner fold alone; for bands of fewer features than
        training trials.
    selection : "kfold", "gcv" or "gcv+kfold"
        How weights and penalties are compared inside a fold's training trials: over folds; by generalised cross-validation, fast, which
        counts trials of the same features as one and refuses groups of several; or over folds near the best of the second.
    search : "random" or "gradient"
        Over candidates alone, or from the best of them downhill in the error of the folds, for every unit by itself.
    candidates : int
        How many weightings are tried: equal ones, each band alone, then random ones.
    steps : int
        Of the gradient search.
    seed : int
        Draws the random ones.
    """

    features: Bands
    selection: Literal["kfold", "gcv", "gcv+kfold"] = "kfold"
    search: Literal["random", "gradient"] = "random"
    candidates: int = Field(default=50, ge=1)
    steps: int = Field(default=20, ge=1)
    seed: int = Field(default=0, ge=0)

    returns: ClassVar[dict[str, Array]] = LinearEncoder.returns | {
        "band": Array("band", dtype="str", units="", about="names of the bands"),
        "band_weight": Array("fold", "band", "unit", about="weight of each band, 0 to 1; they sum to 1"),
    }

    def estimator(self) -> Any:
        """A fresh BandedRidgeCV on the bands of its features."""
        return self._estimator(self.features.run()["band"])

    def _estimator(self, bands: np.ndarray | None) -> Any:
        from recortex.linear import BandedRidgeCV

        return BandedRidgeCV(
            bands,
            self.alphas,
            self.cv,
            selection=self.selection,
            search=self.search,
            candidates=self.candidates,
            n_steps=self.steps,
            scale_features=self.standardise,
            device=self.device,
            random_state=self.seed,
        )

    def learned(self, estimator: Any) -> dict[str, np.ndarray]:
        """Weights of features and bands, and penalties."""
        return super().learned(estimator) | {"band_weight": estimator.band_weights_.T}

    def instead(self, pairs: Pairs, inputs: np.ndarray) -> np.ndarray:
        """Held-out predictions of the same procedure from other inputs, which are one band."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return _OfOneBand(**fields | {"selection": "kfold"}).instead(pairs, inputs)  # as of a RidgeEncoder

    def expect(self) -> dict[str, int]:
        """And its bands."""
        sizes = super().expect()
        return sizes | {"band": len(self.features.spaces)} if sizes else {}

    def _of(self, units: slice) -> dict[str, Any]:
        return super()._of(units) | {"band": self.features.names()}


class _OfOneBand(BandedRidgeEncoder):
    """The same on inputs that come in no bands."""

    def estimator(self) -> Any:
        return self._estimator(None)

    def instead(self, pairs: Pairs, inputs: np.ndarray) -> np.ndarray:
        return LinearEncoder.instead(self, pairs, inputs)
