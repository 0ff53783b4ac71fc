"""What encoders with a weight for every feature have in common."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.encoders.base import Encoder, check_width
from recortex.stage import NOT_IN_KEY, Array

# to four digits: the last ones of a power depend on the machine, and a default is part of a key
ALPHAS = tuple(float(f"{alpha:.4g}") for alpha in np.logspace(-1, 7, 17))


class LinearEncoder(Encoder):
    """Penalised regression whose penalties are chosen by cross-validation inside each fold's training trials.

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
    device : str, optional
        Where it is computed: a device of torch, as "cuda", instead of NumPy.
    """

    alphas: tuple[float, ...] = Field(default=ALPHAS, min_length=1)
    cv: int = Field(default=5, ge=2)
    standardise: bool = False
    device: Annotated[str | None, NOT_IN_KEY] = None

    returns: ClassVar[dict[str, Array]] = Encoder.returns | {
        "coef": Array("fold", "feature", "unit", units="", about="weights of each fold's fit, on features as they are"),
        "intercept": Array("fold", "unit", units="", about="predicted response where all features are 0"),
        "best_alpha": Array("fold", "unit", about="chosen penalty"),
    }

    separable: ClassVar[bool] = True

    def learned(self, estimator: Any) -> dict[str, np.ndarray]:
        """Weights and penalties."""
        return {"coef": estimator.coef_.T, "intercept": estimator.intercept_, "best_alpha": estimator.best_alphas_}

    def apply(self, features: np.ndarray) -> np.ndarray:
        """The mean of the folds' predictions, which is the prediction of their mean weights."""
        from recortex.linear import apply_weights

        fitted = self.run()
        coef = fitted["coef"].mean(axis=0)
        check_width(len(coef), features.shape[1], self.type_name())
        return apply_weights(features, coef, fitted["intercept"].mean(axis=0))
