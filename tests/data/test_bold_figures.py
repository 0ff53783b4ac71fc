"""What any recording of volumes shows of itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from recortex.data.recording import Bold
from tests.data.bold import arrays
from tests.drawing.pages import pictures


class Small(Bold):
    """The small recording."""

    broken: bool = False

    def compute(self) -> dict[str, Any]:
        """With a voxel that is NaN and one that is 0, if broken."""
        made = arrays()
        if self.broken:
            made["bold"][:, 0] = np.nan
            made["bold"][:, 1] = 0
        return made


def test_a_recording_shows_its_mean_volume_and_some_courses():
    images, courses = Small().figures(Small().run())
    assert "17 voxels, 26 volumes and 8 trials in 2 runs" in images.text
    assert len(pictures(images.html)) == 3 and "left is left" in images.html
    assert courses.title == "4 voxels over the first run" and "4 trials" in courses.text
    assert courses.html.startswith("<svg")
    assert {images.section, courses.section} == {"data"}


def test_voxels_that_are_nan_or_zero_are_not_drawn_and_break_nothing():
    stage = Small(broken=True)
    result = stage.run()
    drawn = stage.drawn_courses(result, result.read("bold", slice(0, 12)))
    assert len(drawn) == 4 and all(np.isfinite(course.signal).all() for course in drawn)
    images, _ = stage.figures(result)
    whole, _ = Small().figures(Small().run())
    light, full = (sum((picture > 0).any(axis=-1).sum() for picture in pictures(page.html).values()) for page in (images, whole))
    assert light < full


def test_courses_are_percent_about_0():
    result = Small().run()
    (course, *_) = Small().drawn_courses(result, result.read("bold", slice(0, 12)))
    assert abs(course.signal.mean()) < 1e-5 and 1 < course.signal.std() < 100 and not len(course.planted)
