"""A default or a result that moves without a new version of its class is noticed here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from recortex import catalog
from recortex.stage import Stage
from tests import golden


@pytest.fixture(scope="module")
def now():
    return golden.current()


@pytest.fixture(scope="module")
def then():
    return json.loads(golden.FILE.read_text())


def test_every_class_of_the_catalog_is_in_the_golden_file(then):
    assert set(then) == set(catalog.STAGES), "run: python -m tests.golden"


@pytest.mark.parametrize("name", catalog.STAGES)
def test_defaults_move_only_with_a_new_version(name, now, then):
    if now[name]["versions"] == then[name]["versions"]:
        # a field that is new, and has a default, leaves old keys and old results as they were
        moved = {field for field, default in then[name]["defaults"].items() if now[name]["defaults"].get(field) != default}
        assert not moved, f"defaults of {name} moved: raise its version, then run python -m tests.golden"
    assert now[name]["defaults"] == then[name]["defaults"], "run: python -m tests.golden"


@pytest.mark.parametrize("name", catalog.STAGES)
def test_results_move_only_with_a_new_version(name, now, then):
    if not issubclass(catalog.find(name), Stage):
        return
    if name in golden.WITHOUT_DIGEST:
        assert now[name]["digest"] is None
        return
    mine, old = now[name]["digest"], then[name]["digest"]
    assert set(mine) == set(old)
    for array, value in mine.items():
        assert value[0] == old[array][0], f"{name}.{array} has another shape: raise the version of {name}"
        if len(value) > 1 and isinstance(value[1], str):
            assert value == old[array], f"{name}.{array} moved: raise the version of {name}"
        else:
            np.testing.assert_allclose(
                value[1:], old[array][1:], rtol=2e-3, atol=2e-3, err_msg=f"{name}.{array} moved: raise the version"
            )
