"""Cells of a grid show the thing that is painted there, and which part of it."""

import numpy as np
import pytest
import torch

from recortex.data.simulated.scenes import SimulatedScenes
from recortex.pretraining._cells import ANSWERS, BESIDE, Cells, cell_losses, cells_of, numbers_read


def planted(**changed) -> dict[str, np.ndarray]:
    """Two scenes: a dog of half the picture's height in the middle, a cake nearer; a lone bus at the left."""
    return {
        "kind": np.array([["animal", "food", ""], ["vehicle", "", ""]]),
        "design": np.array([["dog", "cake", ""], ["bus", "", ""]]),
        "colour": np.array([["red", "blue", ""], ["green", "", ""]]),
        "x": np.array([[0.5, 0.625, np.nan], [0.25, np.nan, np.nan]]),
        "y": np.array([[0.5, 0.75, np.nan], [0.5, np.nan, np.nan]]),
        "size": np.array([[0.5, 0.25, np.nan], [0.5, np.nan, np.nan]]),
    } | changed


ASKED = ("kind", "design", "colour")


def test_a_cell_is_of_the_thing_whose_box_its_middle_is_in_and_the_nearer_hides_the_other():
    cells = cells_of(planted(), 8, ASKED)
    animal, food, vehicle = (1 + ANSWERS["kind"].index(kind) for kind in ("animal", "food", "vehicle"))
    first = np.zeros((8, 8), int)
    first[2:6, 2:6] = animal
    first[5:7, 4:6] = food  # its ground is lower in the picture
    second = np.zeros((8, 8), int)
    second[2:6, 0:4] = vehicle
    np.testing.assert_array_equal(cells.thing["kind"].numpy(), [first, second])
    for question, (one, other) in {"design": ("dog", "cake"), "colour": ("red", "blue")}.items():
        names = np.array(["", *ANSWERS[question]])[cells.thing[question].numpy()]
        assert set(names[0][first == animal]) == {one} and set(names[0][first == food]) == {other}
    swapped = planted(y=np.array([[0.875, 0.75, np.nan], [0.5, np.nan, np.nan]]))
    assert (cells_of(swapped, 8, ["kind"]).thing["kind"][0, 6, 4:6] == animal).all()


def test_a_part_is_how_far_from_the_centre_it_is_in_heights():
    part = cells_of(planted(), 8, ASKED).part.numpy()
    assert part.dtype == np.float32
    np.testing.assert_allclose(part[1, 0, 3, :4], [-0.375, -0.125, 0.125, 0.375])  # rightward
    np.testing.assert_allclose(part[1, 1, 2:6, 0], [-0.375, -0.125, 0.125, 0.375])  # downward
    assert not part[1][:, :, 4:].any() and not part[1][:, :2].any()


def test_cells_of_mirrored_pictures():
    """Exchange left and right of what the scenes say, and it is the same as of the cells."""
    found = SimulatedScenes(count=12, seed=9).run()
    said = {name: found[name] for name in (*ASKED, "x", "y", "size")}
    cells, wanted = cells_of(said, 8, ASKED), cells_of(said | {"x": 1 - said["x"]}, 8, ASKED)
    which = torch.arange(12) % 3 > 0
    made = cells.mirrored(which)
    for name in (*ASKED, "part"):
        before, turned, all_turned = (one.part if name == "part" else one.thing[name] for one in (cells, made, wanted))
        torch.testing.assert_close(turned[which], all_turned[which], atol=1e-6, rtol=0)
        assert torch.equal(turned[~which], before[~which])
    assert (made.thing["kind"] != cells.thing["kind"]).any()


def test_things_are_where_the_picture_is_not_the_background():
    """Cells of things vary more inside than cells beside, in painted scenes."""
    found = SimulatedScenes(count=200, seed=8).run()
    there = cells_of(found, 8, ["kind"]).thing["kind"].numpy() > 0
    blocks = found["picture"].reshape(200, 8, 8, 8, 8, 3).astype(float)
    spread = blocks.std((2, 4)).mean(-1)
    assert 0.2 < there.mean() < 0.5
    assert spread[there].mean() > 1.5 * spread[~there].mean()


def test_a_reading_that_is_right_costs_nothing_and_none_costs_what_guessing_does():
    cells = cells_of(planted(), 8, ASKED)
    sure, before = torch.zeros(2, numbers_read(ASKED), 8, 8), 0
    for question in ASKED:
        sure.scatter_(1, before + cells.thing[question][:, None], 50.0)
        before += 1 + len(ANSWERS[question])
    sure[:, -2:] = cells.part
    assert all(float(loss) == pytest.approx(0, abs=1e-6) for loss in cell_losses(sure, cells).values())
    guessed = cell_losses(torch.zeros_like(sure), cells)
    for question in ASKED:
        assert float(guessed[question]) == pytest.approx(np.log(1 + len(ANSWERS[question])), rel=1e-5)
    there = (cells.thing["kind"] > 0)[:, None].expand(-1, 2, -1, -1)
    assert float(guessed["part"]) == pytest.approx(2 * float(cells.part[there].square().mean()), rel=1e-5)


def test_what_is_beside_things_counts_less():
    cells = Cells({"kind": torch.tensor([[[0, 1]]])}, torch.zeros(1, 2, 1, 2))
    read = torch.zeros(1, numbers_read(["kind"]), 1, 2)
    read[0, 0, 0, 0] = 3.0
    at_background, at_thing = -torch.log_softmax(read[0, :-2, 0], 0)[[0, 1], [0, 1]]
    wanted = (BESIDE * at_background + at_thing) / (BESIDE + 1)
    torch.testing.assert_close(cell_losses(read, cells)["kind"], wanted)


def test_scenes_without_any_thing_where_it_is_asked_cost_no_part():
    nothing = Cells({"kind": torch.zeros(1, 2, 2, dtype=torch.long)}, torch.zeros(1, 2, 2, 2))
    assert float(cell_losses(torch.ones(1, numbers_read(["kind"]), 2, 2), nothing)["part"]) == 0
