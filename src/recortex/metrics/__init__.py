"""Scores as pure functions of NumPy arrays: correlations, identification, pictures, classes, intervals, ceilings, nulls.

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
from recortex.metrics.multiple_testing import false_discovery, family_wise_p
from recortex.metrics.noise_ceiling import NoiseCeiling, VarianceComponents, noise_ceiling, signal_and_noise
from recortex.metrics.permutation import circular_shift, permutation_p, permute_pairs
from recortex.metrics.pictures import pixel_correlation, ssim, ssim_legacy_columnwise
from recortex.metrics.resampled import bootstrap_counts, resampled_correlation
from recortex.metrics.split_half import split_half

__all__ = [
    "IdentificationRanks",
    "Interval",
    "NoiseCeiling",
    "VarianceComponents",
    "accuracy",
    "auc",
    "bootstrap_counts",
    "bootstrap_interval",
    "bootstrap_rows",
    "circular_shift",
    "correlation_matrix",
    "explained_variance",
    "false_discovery",
    "family_wise_p",
    "hits",
    "identification_ranks",
    "k_way_accuracy",
    "noise_ceiling",
    "permutation_p",
    "permute_pairs",
    "pixel_correlation",
    "r2",
    "resampled_correlation",
    "row_correlation",
    "signal_and_noise",
    "split_half",
    "ssim",
    "ssim_legacy_columnwise",
    "unit_correlation",
]
