"""Scores as pure functions of NumPy arrays: correlations, identification, pictures, classes, intervals.

Scores come one a unit, a query, a picture or a trial, and what is undefined is NaN. Averaging is left to the
caller, who knows which repeats belong together; `accuracy`, `auc` and `IdentificationRanks.median_rank` alone
sum up.
"""

from recortex.metrics.bootstrap import Interval, bootstrap_interval, bootstrap_rows
from recortex.metrics.classification import accuracy, auc, hits
from recortex.metrics.correlation import (
    correlation_matrix,
    explained_variance,
    r2,
    row_correlation,
    unit_correlation,
)
from recortex.metrics.identification import IdentificationRanks, identification_ranks, k_way_accuracy
from recortex.metrics.permutation import permute_pairs
from recortex.metrics.pictures import pixel_correlation, ssim, ssim_legacy_columnwise

__all__ = [
    "IdentificationRanks",
    "Interval",
    "accuracy",
    "auc",
    "bootstrap_interval",
    "bootstrap_rows",
    "correlation_matrix",
    "explained_variance",
    "hits",
    "identification_ranks",
    "k_way_accuracy",
    "permute_pairs",
    "pixel_correlation",
    "r2",
    "row_correlation",
    "ssim",
    "ssim_legacy_columnwise",
    "unit_correlation",
]
