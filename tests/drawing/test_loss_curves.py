"""The course of a training, and a table of figures."""

import numpy as np

from recortex.drawing import falling, table


def test_every_term_of_a_loss_has_a_line_that_differs_from_all_others():
    step = np.arange(10, 60, 10)
    terms = {f"term {number}": np.linspace(1 + number, 0.1, 5) for number in range(10)}
    drawn = falling(step, terms)
    styles = [piece.split('"')[0] for piece in drawn.split('style="') if piece.startswith("fill: none; stroke")]
    assert drawn.startswith("<svg")
    assert len({style for style in styles if "stroke-width: 1.4" in style}) >= 10


def test_a_loss_of_one_record_and_one_below_zero_are_drawn():
    assert "<svg" in falling(np.array([4]), {"loss": np.array([0.5])})
    assert "<svg" in falling(np.array([4, 8]), {"likelihood": np.array([-0.5, -0.6])})


def test_words_of_a_table_are_no_markup():
    assert table(["a"], [["<b>"]]) == "<table><tr><th>a</th></tr><tr><td>&lt;b&gt;</td></tr></table>"
