"""Each hemisphere sees the opposite half of the visual field; where it does not, something is mirrored."""

import numpy as np
import pytest

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
