"""Linear models from brain to stimulus and back, fitted from sufficient statistics.

`RidgeCV` chooses one alpha a target, over folds or without them; `BandedRidgeCV` a weight for every band of features as
well, `ReducedRidgeCV` on fewer directions than there are features, and `ReceptiveFieldCV` through one Gaussian for each target;
`CalibratedRidgeCV` gives its predictions the spread of the targets without looking at test data. `variance_partition` fits all
subsets of bands from stored statistics, `lagged` and `convolved` make features of the past, and `held_out_predictions` pools the
predictions of outer folds.
"""

from recortex.linear.banded import BandedRidgeCV
from recortex.linear.calibrated import CalibratedRidgeCV
from recortex.linear.held_out import HeldOutPredictions, apply_weights, held_out_predictions
from recortex.linear.lags import convolved, lagged
from recortex.linear.partition import VariancePartition, variance_partition
from recortex.linear.receptive_field import ReceptiveFieldCV, field_grid
from recortex.linear.reduced import ReducedRidgeCV
from recortex.linear.ridge import RidgeCV
from recortex.linear.statistics import SufficientStatistics

__all__ = [
    "BandedRidgeCV",
    "CalibratedRidgeCV",
    "HeldOutPredictions",
    "ReceptiveFieldCV",
    "ReducedRidgeCV",
    "RidgeCV",
    "SufficientStatistics",
    "VariancePartition",
    "apply_weights",
    "convolved",
    "field_grid",
    "held_out_predictions",
    "lagged",
    "variance_partition",
]
