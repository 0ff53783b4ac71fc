"""A training stage: from a recipe to a folder of files, measured as it is saved, with a card."""

import signal
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from recortex import parts, store
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.pretraining.base import Examined, ModelTraining
from recortex.pretraining.training import Recipe

STOP_AT = [0]  # the call of the losses at which a signal comes; 0 for none


class Line(ModelTraining):
    """A line through the mean brightness of scenes."""

    scenes: SimulatedScenes

    summary: ClassVar[str] = "It says how bright a scene is."

    def recipe(self) -> Recipe:
        """One weight."""
        network = torch.nn.Linear(1, 1)
        bright = torch.from_numpy(self.scenes.run()["picture"].mean((1, 2, 3), keepdims=True)[:, :, 0, 0]).float() / 255
        calls = 0

        def losses(rng: np.random.Generator) -> dict[str, torch.Tensor]:
            nonlocal calls
            calls += 1
            if calls == STOP_AT[0]:
                signal.raise_signal(signal.SIGINT)
            seen = bright[torch.from_numpy(rng.integers(len(bright), size=self.batch))]
            return {"square": (network(seen) - 2 * seen).square().mean()}

        return Recipe(network, losses)

    def save(self, network: torch.nn.Module, folder: Path) -> None:
        """One number."""
        (folder / "deep").mkdir()
        (folder / "deep" / "weight.txt").write_text(f"{float(network.weight.detach()):.6f}")
        (folder / "empty.txt").write_text("")

    def examine(self, folder: Path) -> Examined:
        """The number again."""
        found = float((folder / "deep" / "weight.txt").read_text())
        sheet = {"seen": np.zeros((2, 4, 4, 3)), "made": np.ones((2, 4, 4, 3))}
        return Examined({"weight": found, "bias": 0.5}, {"weight": 1.5}, sheet, ["one", "two"])


@pytest.fixture(autouse=True)
def _fresh(tmp_path):
    STOP_AT[0] = 0
    with store.use(store.Store(tmp_path / "cache")):
        yield


def line(**fields) -> Line:
    return Line(scenes=SimulatedScenes(count=40, seed=5), steps=30, batch=8, learning_rate=0.1, **fields)


def test_the_files_come_back_as_they_were_written(tmp_path):
    stage = line()
    result = stage.run()
    assert result["file"].tolist() == ["README.md", "deep/weight.txt", "empty.txt"]
    stage.write_to(tmp_path / "out")
    assert (tmp_path / "out" / "empty.txt").read_bytes() == b""
    weight = float((tmp_path / "out" / "deep" / "weight.txt").read_text())
    assert weight == pytest.approx(result["value"][0])
    with stage.folder() as folder:
        assert (folder / "deep" / "weight.txt").read_text() == (tmp_path / "out" / "deep" / "weight.txt").read_text()
    assert not folder.exists()


def test_the_figures_stand_beside_what_is_asked(tmp_path):
    result = line().run()
    assert result["figure"].tolist() == ["weight", "bias"]
    assert result["goal"][0] == 1.5
    assert np.isnan(result["goal"][1])
    assert result["sheet"].shape == (2, 2, 4, 4, 3)
    assert result["sheet"][1].min() == 255
    assert result["sheet_caption"].tolist() == ["one", "two"]
    assert result["loss"].shape == (len(result["step"]), 1)


def test_a_training_that_is_interrupted_goes_on_and_leaves_nothing_behind():
    whole = line().run()["value"][0]
    with store.use(store.Store(store.current().root / "other")):
        STOP_AT[0] = 12
        with pytest.raises(KeyboardInterrupt):
            line().run()
        STOP_AT[0] = 0
        stage = line()
        assert [path.name for path in parts.folder(stage).iterdir()] == ["training.ckpt"]
        assert stage.run()["value"][0] == whole
        assert not parts.folder(stage).exists()


def test_the_card_says_data_recipe_and_figures():
    with line().folder() as folder:
        card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: bsd-3-clause\n")
    for words in ("It says how bright a scene is.", "`SimulatedScenes` count = 40, seed = 5", "- steps: 30", "| bias | 0.5 |  |"):
        assert words in card
    assert "device" not in card


def test_the_report_shows_the_loss_the_figures_and_the_sheet():
    stage = line()
    titles = {figure.title: figure for figure in stage.figures(stage.run())}
    assert list(titles) == ["training", "held-out scenes", "examples"]
    assert "<svg" in titles["training"].html
    assert "<td>weight</td>" in titles["held-out scenes"].html
    assert {figure.section for figure in titles.values()} == {"models"}


def test_device_is_not_in_the_key_and_everything_else_is():
    assert line().key() == line(device="cuda").key()
    for other in (line(seed=1), Line(scenes=SimulatedScenes(count=41, seed=5), steps=30, batch=8, learning_rate=0.1)):
        assert other.key() != line().key()
