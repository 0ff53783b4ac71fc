"""Figures as HTML that stands alone: pictures as embedded PNG, plots as SVG. Stages use these in `figures`."""

from recortex.drawing.brain import brain_labels, brain_map
from recortex.drawing.pictures import picture_sheet, png
from recortex.drawing.plots import Course, Rung, courses, falling, histogram, ladder, matrix
from recortex.drawing.slices import slice_map
from recortex.drawing.tables import table

__all__ = [
    "Course",
    "Rung",
    "brain_labels",
    "brain_map",
    "courses",
    "falling",
    "histogram",
    "ladder",
    "matrix",
    "picture_sheet",
    "png",
    "slice_map",
    "table",
]
