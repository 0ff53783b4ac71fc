"""Linear models from brain to stimulus and back, fitted from sufficient statistics.

`RidgeCV` chooses one alpha per target over arbitrary folds; `CalibratedRidgeCV` gives its predictions the
spread of the targets without looking at test data; `held_out_predictions` pools the predictions of outer
folds, and `permute_pairs` exchanges stimuli for the null distribution of the same fit.
"""

from recortex.linear.calibrated import CalibratedRidgeCV
from recortex.linear.held_out import HeldOutPredictions, held_out_predictions, permute_pairs
from recortex.linear.ridge import RidgeCV
from recortex.linear.statistics import SufficientStatistics

__all__ = [
    "CalibratedRidgeCV",
    "HeldOutPredictions",
    "RidgeCV",
    "SufficientStatistics",
    "held_out_predictions",
    "permute_pairs",
]
