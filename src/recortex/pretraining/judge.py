"""Training of the judge, which says what is in a picture and helps to make none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.data.base import Stimuli
from recortex.data.simulated.scene import BACKGROUNDS, COLOURS, DESIGNS, KINDS, MOST
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.judging.judge import Judge, load_judge, normalised, save_judge
from recortex.pretraining._prompts import designs_present
from recortex.pretraining.base import Examined, ModelTraining, check_apart
from recortex.pretraining.training import Recipe, Schedule
from recortex.stage import Result

if TYPE_CHECKING:
    import torch

ARCHITECTURE = "convnext_atto"
ANSWERS = {
    "kind": KINDS,
    "design": tuple(design for designs in DESIGNS.values() for design in designs),  # asking for it teaches the kind sooner
    "background": BACKGROUNDS,
    "colour": COLOURS,
    "count": tuple(str(count) for count in range(1, MOST + 1)),
}
MEAN, SD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
GOALS = {"kind": 0.97, "background": 0.99}
BLUR = 1.0  # picture elements, of the blur under which it is measured
NOISE = 0.05  # standard deviation of the noise under which it is measured
SHOWN = 12
EVERY = 0.5  # weight of the head that is not saved, as of a question


class JudgeTraining(ModelTraining):
    """A judge: a ConvNeXt that names kind, design and colour of the largest thing, the background, and the count of things.

    It sees scenes that no other model sees, often blurred, noisy or off in colour as made pictures are, so that it judges by
    what is there and not by how cleanly it is painted. A head that is not saved is asked for every design in the scene.

    Parameters
    ----------
    scenes, held_out : SimulatedScenes
        What it is trained on, and what it is measured on.
    widths : tuple of int
        Channels at each of its four resolutions.
    depths : tuple of int
        Blocks at each.
    smoothing : float
        How much of a label is given to all answers alike.
    """

    scenes: SimulatedScenes
    held_out: SimulatedScenes
    version: ClassVar[int] = 2

    steps: int = Field(default=14_000, ge=1)
    batch: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=2e-3, gt=0, lt=1)
    widths: tuple[int, int, int, int] = (32, 64, 128, 256)
    depths: tuple[int, int, int, int] = (2, 3, 2, 1)
    smoothing: float = Field(default=0.05, ge=0, lt=1)

    summary: ClassVar[str] = (
        "It says of a 64 x 64 picture of what kind and colour the largest thing is, before which background, and how many things "
        "there are. It is meant for judging pictures that other models make, and was trained on other scenes than they."
    )

    def check_inputs(self) -> None:
        """Held-out scenes that are not trained on."""
        check_apart(self.held_out, self.scenes, "held_out")

    def arguments(self) -> dict[str, Any]:
        """With which timm's architecture is made."""
        # batch normalisation and ReLU cost less than what large ConvNeXts have
        return {
            "dims": list(self.widths),
            "depths": list(self.depths),
            "kernel_sizes": 3,
            "stem_type": "overlap_act",
            "norm_layer": "batchnorm2d",
            "act_layer": "relu",
            "conv_mlp": True,
            "ls_init_value": 1.0,
        }

    def scenes_seen(self) -> list[Stimuli]:
        """Its scenes."""
        return [self.scenes]

    def schedule(self) -> Schedule:
        """With a moving average, which judges better."""
        return Schedule(self.steps, self.learning_rate, decay=0.05, average=0.999)

    def recipe(self) -> Recipe:
        """Cross-entropy of each question, on pictures that are moved, mirrored and damaged."""
        import timm
        import torch
        from torch.nn import functional

        classes = sum(map(len, ANSWERS.values()))
        judge: Any = timm.create_model(ARCHITECTURE, num_classes=classes, **self.arguments())
        judge.to(memory_format=torch.channels_last)
        every = torch.nn.Linear(judge.num_features, len(ANSWERS["design"]))
        network = torch.nn.ModuleDict({"judge": judge, "every": every})
        found = self.scenes.run()
        present = torch.from_numpy(designs_present(found["design"]))
        pictures, wanted = found["picture"], truth(found)
        targets = {question: numbered(wanted[question], answers) for question, answers in ANSWERS.items()}

        def losses(rng: np.random.Generator) -> dict[str, torch.Tensor]:
            device = every.weight.device
            rows = rng.integers(len(pictures), size=self.batch)
            shown = torch.from_numpy(pictures[rows]).to(device).permute(0, 3, 1, 2).to(torch.float32) / 255
            before = judge.forward_head(judge.forward_features(normalised(damaged(moved(shown)), MEAN, SD)), pre_logits=True)
            scores = judge.head.fc(before).split([len(answers) for answers in ANSWERS.values()], 1)
            terms = {
                question: functional.cross_entropy(
                    among, torch.from_numpy(targets[question][rows]).to(device), label_smoothing=self.smoothing
                )
                for question, among in zip(ANSWERS, scores, strict=True)
            }
            there = functional.binary_cross_entropy_with_logits(every(before), present[rows].to(device))
            return terms | {"every design": EVERY * present.shape[1] * there}  # the sum over designs

        return Recipe(network, losses)

    def save(self, network: torch.nn.Module, folder: Path) -> None:
        """As timm has it, with the labels in its configuration."""
        side = int(self.scenes.run().shape("picture")[1])
        save_judge(Judge(network.get_submodule("judge"), ANSWERS, side, MEAN, SD), self.arguments(), folder)

    def examine(self, folder: Path) -> Examined:
        """How often it is right about held-out scenes, as they are, blurred, and noisy."""
        import torch

        judge = load_judge(folder)
        found = self.held_out.run()
        wanted = truth(found)
        pictures = found["picture"] / np.float32(255)
        clean = torch.from_numpy(pictures).permute(0, 3, 1, 2)
        draw = torch.Generator().manual_seed(self.seed)
        noisy = clean + NOISE * torch.randn(clean.shape, generator=draw)
        rows = {
            "": pictures,
            "_blurred": as_pictures(blurred(clean, torch.full((len(clean),), BLUR))),
            "_noisy": as_pictures(noisy),
        }
        figures: dict[str, float] = {}
        for condition, shown in rows.items():
            verdicts = judge.verdicts(shown)
            figures |= {
                f"{question}{condition}": float(np.mean(verdicts[question].astype(str) == wanted[question]))
                for question in ANSWERS
            }
        verdicts = judge.verdicts(pictures[:SHOWN])
        said = [verdicts[question] for question in ("count", "colour", "kind", "background")]
        captions = [f"{count} · {colour} {kind} · {background}" for count, colour, kind, background in zip(*said, strict=True)]
        sheet = {name.strip("_") or "seen": shown[:SHOWN] for name, shown in rows.items()}
        return Examined(figures, GOALS, sheet, captions)


def truth(found: Result) -> dict[str, np.ndarray]:
    """The right answers for scenes, as words."""
    return {
        "kind": found["category"],
        "design": found["design"][:, 0],
        "background": found["background"],
        "colour": found["colour"][:, 0],
        "count": (found["kind"] != "").sum(1).astype(str),
    }


def numbered(words: np.ndarray, answers: Sequence[str]) -> np.ndarray:
    """The number of each word among the answers."""
    numbers = {answer: number for number, answer in enumerate(answers)}
    return np.array([numbers[str(word)] for word in words])


def moved(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures (n, 3, height, width), each mirrored or not and shifted a little; the edge is continued.

    Half of them by whole picture elements, so that nothing is resampled, the others made somewhat larger or smaller, too.
    """
    import torch

    count, device = len(pictures), pictures.device
    whole = torch.rand(count, device=device) < 0.5
    size = torch.where(whole, 1.0, 1 + 0.1 * (2 * torch.rand(count, device=device) - 1))
    mirrored = 1 - 2.0 * torch.randint(2, (count,), device=device)
    half = torch.tensor([pictures.shape[3], pictures.shape[2]], device=device) / 2
    shift = 0.12 * (2 * torch.rand(count, 2, device=device) - 1)
    places = torch.zeros(count, 2, 3, device=device)
    places[:, 0, 0], places[:, 1, 1] = size * mirrored, size
    places[:, :, 2] = torch.where(whole[:, None], (shift * half).round() / half, shift)
    grid = torch.nn.functional.affine_grid(places, list(pictures.shape), align_corners=False)
    return torch.nn.functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def damaged(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures with what made ones suffer from; a third stay as they are.

    Of the others half are blurred, half noisy, all a little off in colour and contrast.
    """
    import torch

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(len(pictures), *shape, device=pictures.device)

    made = blurred(pictures, 1.6 * (2 * drawn() - 1).clamp(min=0))
    noise = 0.1 * (2 * drawn(1, 1, 1) - 1).clamp(min=0) * torch.randn_like(pictures)
    contrast, colour, light = 0.85 + 0.3 * drawn(1, 1, 1), 0.08 * (drawn(3, 1, 1) - 0.5), 0.12 * (drawn(1, 1, 1) - 0.5)
    made = ((made - 0.5) * contrast + 0.5 + colour + light + noise).clamp(0, 1)
    return torch.where(drawn(1, 1, 1) < 1 / 3, pictures, made)


def blurred(pictures: torch.Tensor, sd: torch.Tensor, reach: int = 4) -> torch.Tensor:
    """Pictures (n, 3, height, width), each convolved with a Gaussian of its own standard deviation (n,), 0 for none."""
    import torch

    places = torch.arange(-reach, reach + 1, device=pictures.device)
    kernel = torch.exp(-0.5 * (places / sd.clamp(min=1e-3)[:, None]).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None]
    count, colours, height, width = pictures.shape
    rows = pictures.reshape(1, count * colours, height, width)
    padded = torch.nn.functional.pad(rows, (reach, reach, reach, reach), mode="replicate")
    across = torch.nn.functional.conv2d(padded, kernel[:, :, None, :], groups=count * colours)
    return torch.nn.functional.conv2d(across, kernel[:, :, :, None], groups=count * colours).reshape(pictures.shape)


def as_pictures(values: torch.Tensor) -> np.ndarray:
    """Pictures (n, height, width, 3) from 0 to 1 of (n, 3, height, width)."""
    return values.clamp(0, 1).permute(0, 2, 3, 1).numpy()
