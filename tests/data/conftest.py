"""A recording of someone's own, on a desk of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.broken import Desk
from tests.data.files import Recording


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """With the trial table of seven trials of five units; the responses are the test's."""
    return Desk(Recording.of(tmp_path / "desk"))
