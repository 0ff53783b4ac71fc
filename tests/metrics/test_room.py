"""The room as a whole: light to enter, and leaving what it is given as it was."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import recortex.metrics as metrics


def test_entering_loads_nothing_heavy():
    heavy = "{'scipy', 'sklearn', 'skimage', 'torch', 'pandas', 'matplotlib'}"
    code = f"import sys, recortex.metrics; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_exported_name_exists_and_is_documented():
    for name in metrics.__all__:
        assert getattr(metrics, name).__doc__


def test_inputs_stay_as_they_were():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 12, 15))
    pictures, decoded = rng.random((2, 2, 12, 15))
    kept = [array.copy() for array in (a, b, pictures, decoded)]
    for array in (a, b, pictures, decoded):
        array.flags.writeable = False
    metrics.unit_correlation(a, b), metrics.r2(a, b), metrics.explained_variance(a, b)
    ranks = metrics.identification_ranks(metrics.correlation_matrix(a, b), np.arange(12), ~np.eye(12, dtype=bool))
    metrics.bootstrap_interval(ranks.two_way_identification())
    metrics.pixel_correlation(pictures, decoded), metrics.ssim(pictures, decoded)
    shown_twice = np.arange(12) // 2
    metrics.noise_ceiling(a, shown_twice, 2, n_resamples=3), metrics.split_half(a, shown_twice, 2)
    metrics.permutation_p(a[0], b), metrics.family_wise_p(a[0], b), metrics.false_discovery(a[0])
    for array, before in zip((a, b, pictures, decoded), kept, strict=True):
        np.testing.assert_array_equal(array, before)
