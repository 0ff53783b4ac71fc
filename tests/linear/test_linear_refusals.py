"""What the ridge refuses, with one line that says why."""

import numpy as np
import pytest

from recortex.linear import RidgeCV


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alphas": []}, "non-empty"),
        ({"alphas": [1.0, -1.0]}, ">= 0"),
        ({"alphas": [np.nan]}, "finite"),
        ({"alphas": [[1.0]]}, "list of numbers"),
        ({"solver": "svd"}, "solver must be"),
        ({"cv": 61}, "greater than the number of samples"),
        ({"cv": 1}, "at least one train/test split"),
    ],
)
def test_bad_parameters_are_refused(problem, change, message) -> None:
    with pytest.raises(ValueError, match=message):
        RidgeCV(**change).fit(*problem())


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", [0, 1])
def test_nan_and_infinity_are_refused(problem, where, value) -> None:
    data = problem()
    data[where][3, 2] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        RidgeCV().fit(*data)


def test_bad_weights_are_refused(problem) -> None:
    X, y = problem()
    for weight, message in [
        (-np.ones(len(X)), "[Nn]egative"),
        (np.zeros(len(X)), "zero"),
        (np.r_[np.zeros(12), np.ones(48)], "Fold 0 of cv has no sample_weight"),
        (np.r_[np.ones(12), np.zeros(48)], "Fold 0 of cv has no sample_weight"),
    ]:
        for solver in ("primal", "dual"):
            with pytest.raises(ValueError, match=message):
                RidgeCV(solver=solver, scale_features=True).fit(X, y, sample_weight=weight)
