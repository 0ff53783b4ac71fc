"""The judge learns what it is asked, sees pictures as made ones are, and comes back from its folder as it was."""

import json

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from recortex import SimulatedScenes
from recortex.data.simulated.scene import BACKGROUNDS
from recortex.judging.judge import load_judge
from recortex.pretraining.judge import ANSWERS, JudgeTraining, blurred, damaged, moved, numbered, truth

SMALL = {"batch": 16, "widths": (8, 8, 16, 16), "depths": (1, 1, 1, 1)}


def training(**fields) -> JudgeTraining:
    sizes = {"steps": 2} | SMALL | fields
    return JudgeTraining(scenes=SimulatedScenes(count=96, seed=5), held_out=SimulatedScenes(count=48, seed=6), **sizes)


def test_what_it_learns_it_can_name_on_other_scenes():
    """Backgrounds are learnt at once; a label in another's place would be found here."""
    stage = training(steps=80, learning_rate=8e-3)
    made = stage.run()
    figures = dict(zip(made["figure"].tolist(), made["value"], strict=True))
    assert figures["background"] > 0.5
    assert made["loss"][-1].sum() < made["loss"][0].sum()
    assert made["term"].tolist() == [*ANSWERS, "every design"]
    with stage.folder() as folder:
        judge = load_judge(folder)
    found = stage.held_out.run()
    said = judge.verdicts(found["picture"])
    assert np.mean(said["background"] == found["background"]) == figures["background"]
    assert judge.answers["background"] == BACKGROUNDS
    assert made["sheet"].shape == (3, 12, 64, 64, 3)


def test_the_folder_is_small_and_says_what_it_is():
    stage = training()
    with stage.folder() as folder:
        config = json.loads((folder / "config.json").read_text())
        assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    assert config["label_names"][:2] == ["kind: face", "kind: body"]
    assert len(config["label_names"]) == config["num_classes"] == 90


def test_the_truth_is_that_of_the_largest_thing():
    stage = SimulatedScenes(count=20, seed=9)
    wanted = truth(stage.run())
    for number in range(20):
        scene = stage.scene(number)
        assert wanted["kind"][number] == scene.things[0].kind
        assert wanted["colour"][number] == scene.things[0].colour
        assert wanted["count"][number] == str(len(scene.things))
        assert wanted["background"][number] == scene.background


def test_answers_are_numbered_in_their_order():
    assert numbered(np.array(["b", "a", "c"]), ("c", "b", "a")).tolist() == [1, 2, 0]


def test_each_picture_is_blurred_by_its_own_gaussian():
    pictures = torch.rand(3, 3, 24, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = blurred(pictures, torch.tensor([0.0, 0.7, 1.3], dtype=torch.float64))
    torch.testing.assert_close(made[0], pictures[0])
    for number, sd in ((1, 0.7), (2, 1.3)):
        wanted = gaussian_filter(pictures[number].numpy(), (0, sd, sd), mode="nearest", radius=(0, 4, 4))
        np.testing.assert_allclose(made[number].numpy(), wanted, atol=1e-9)


def test_moved_pictures_are_the_same_scene_elsewhere():
    """A spot stays within reach of where it was or of its mirror image; a plain picture stays as it is."""
    torch.manual_seed(0)
    spot = torch.zeros(64, 1, 64, 64).expand(64, 3, 64, 64).clone()
    spot[:, :, 30:34, 14:18] = 1
    made = moved(spot).sum(1)
    across = (made.sum(1) * torch.arange(64)).sum(1) / made.sum((1, 2))
    down = (made.sum(2) * torch.arange(64)).sum(1) / made.sum((1, 2))
    left = (across - 15.5).abs() < 7
    right = (across - 47.5).abs() < 7
    assert bool((left | right).all())
    assert 10 < int(left.sum()) < 54
    assert bool(((down - 31.5).abs() < 5).all())
    assert float(down.std()) > 1
    torch.testing.assert_close(moved(torch.full((4, 3, 64, 64), 0.3)), torch.full((4, 3, 64, 64), 0.3))


def test_damaged_pictures_stay_near_and_in_range():
    torch.manual_seed(0)
    pictures = torch.full((200, 3, 16, 16), 0.5)
    made = damaged(pictures)
    assert float(made.min()) >= 0 and float(made.max()) <= 1
    assert float((made.mean((2, 3)) - 0.5).abs().max()) < 0.11
    noisy = made.std((1, 2, 3)) > 0.03
    assert 40 < int(noisy.sum()) < 95
    assert 45 < int((made == pictures).all((1, 2, 3)).sum()) < 90


def test_half_of_the_moved_pictures_are_not_resampled():
    torch.manual_seed(0)
    pictures = torch.randint(0, 4, (60, 1, 64, 64)).to(torch.float32).expand(60, 3, 64, 64)
    made = moved(pictures)[:, 0]
    whole = ((made - made.round()).abs() < 1e-4).all((1, 2))
    assert 18 < int(whole.sum()) < 42


@pytest.mark.parametrize("field, value", [("batch", 1), ("smoothing", 1.0), ("widths", (8, 8))])
def test_what_cannot_be_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        training(**{field: value})
