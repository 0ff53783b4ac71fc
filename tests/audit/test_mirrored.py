"""Each hemisphere sees the opposite half of the visual field; where it does not, something is mirrored."""

from types import SimpleNamespace

import numpy as np
import pytest

from recortex.audit.fits import FitAudit
from recortex.audit.mirrored import FEWEST, mirrored


def looking(units: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Units on both sides of the brain, a share of which looks to the opposite side."""
    rng = np.random.default_rng(seed)
    right_mm = rng.choice([-1, 1], units) * rng.uniform(6, 60, units)
    opposite = np.where(np.arange(units) < share * units, -1, 1)
    return right_mm, 0.5 + np.sign(right_mm) * opposite * rng.uniform(0.06, 0.5, units)


@pytest.mark.parametrize("share", [0.5, 0.75, 1.0])
def test_units_that_look_to_the_other_side_are_as_they_should_be(share):
    assert mirrored(*looking(200, share)) == []


@pytest.mark.parametrize("share", [0.0, 0.25, 0.35])
def test_units_that_look_to_their_own_side_are_found(share):
    (found,) = mirrored(*looking(200, share))
    assert (found.verdict, found.leak) == ("warn", "mirrored")
    assert f"{share:.0%} of 200" in found.about


def test_mirrored_pictures_are_found_as_mirrored_voxels_are():
    right_mm, field_x = looking(200, 0.8)
    assert mirrored(-right_mm, field_x) and mirrored(right_mm, 1 - field_x)
    assert not mirrored(-right_mm, 1 - field_x)


def test_units_near_the_midline_and_fields_near_the_middle_say_nothing():
    right_mm, field_x = looking(200, 0.0)
    assert mirrored(np.sign(right_mm) * 4, field_x) == []
    assert mirrored(right_mm, 0.5 + 0.1 * (field_x - 0.5)) == []


def test_few_units_say_nothing():
    right_mm, field_x = looking(FEWEST, 0.0)
    assert mirrored(right_mm, field_x)
    assert mirrored(right_mm[1:], field_x[1:]) == []


@pytest.mark.parametrize("flipped", [False, True])
def test_the_audit_of_a_fit_asks_where_its_units_look(flipped: bool) -> None:
    rng = np.random.default_rng(0)
    voxel = rng.integers(0, 40, (200, 3))
    right_mm = 3.0 * voxel[:, 0] - 60
    field_x = np.clip(0.5 - 0.3 * np.sign(right_mm) + 0.05 * rng.standard_normal(200), 0, 1)
    affine = np.diag([-3.0 if flipped else 3.0, 3, 3, 1])
    affine[:3, 3] = 57 if flipped else -60, 0, 0
    # units that are not predicted look anywhere
    predicted = np.arange(200) < 120
    fitted = {
        "field_x": np.where(predicted, field_x, 1 - field_x)[None],
        "correlation": np.where(predicted, 0.5, 0.0),
        "row": np.arange(100),
    }
    brain = {"voxel": voxel, "affine": affine, "stimulus": np.arange(100).astype(str)}
    fit = SimpleNamespace(run=lambda: fitted, brain=SimpleNamespace(run=lambda: brain))
    said = FitAudit._sides(SimpleNamespace(fit=fit))
    assert [finding.leak for finding in said] == (["mirrored"] if flipped else [])
    assert FitAudit._sides(SimpleNamespace(fit=SimpleNamespace(run=lambda: {"row": 0}, brain=fit.brain))) == []
