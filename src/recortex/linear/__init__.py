"""Linear models from brain to stimulus and back, fitted from sufficient statistics.

`RidgeCV` chooses one alpha per target over arbitrary folds; `CalibratedRidgeCV` gives its predictions the
spread of the targets without looking at test data; `held_out_predictions` pools the predictions of outer
folds.
"""

from recortex.linear.banded import BandedRidgeCV
from recortex.linear.calibrated import CalibratedRidgeCV
from recortex.linear.held_out import HeldOutPredictions, apply_weights, held_out_predictions
from recortex.linear.partition import VariancePartition, variance_partition
from recortex.linear.ridge import RidgeCV
from recortex.linear.statistics import SufficientStatistics

__all__ = [
    "BandedRidgeCV",
    "CalibratedRidgeCV",
    "HeldOutPredictions",
    "RidgeCV",
    "SufficientStatistics",
    "VariancePartition",
    "apply_weights",
    "held_out_predictions",
    "variance_partition",
]
