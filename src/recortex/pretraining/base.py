"""What training stages return, and how they go from a recipe to a model's folder with its card."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex import parts
from recortex.checkpoints.base import Checkpoint, packed
from recortex.data.base import Stimuli
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.errors import InvalidInput
from recortex.pretraining.card import card
from recortex.pretraining.training import Recipe, Schedule, train
from recortex.stage import NOT_IN_KEY, Array, Figure, Result

if TYPE_CHECKING:
    import torch


@dataclass
class Examined:
    """What a trained model can do, on scenes that it was not trained on.

    Parameters
    ----------
    figures : dict of str to float
        By name.
    goals : dict of str to float
        What is asked of some of them.
    sheet : dict of str to array
        Rows of pictures, (n, height, width, channel) from 0 to 1, by what the row shows; all of one shape.
    captions : list of str
        Words above each column of the sheet.
    """

    figures: dict[str, float]
    goals: dict[str, float] = field(default_factory=dict)
    sheet: dict[str, np.ndarray] = field(default_factory=dict)
    captions: list[str] = field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray]:
        """As the arrays of an `ExaminedModel`."""
        made = {
            "figure": np.array(list(self.figures)),
            "value": np.array(list(self.figures.values()), dtype=float),
            "goal": np.array([self.goals.get(name, np.nan) for name in self.figures], dtype=float),
        }
        if self.sheet:
            rows = np.stack(list(self.sheet.values()))
            made |= {
                "sheet_row": np.array(list(self.sheet)),
                "sheet": np.round(np.clip(rows, 0, 1) * 255).astype(np.uint8),
                "sheet_caption": np.array(self.captions or [""] * rows.shape[1]),
            }
        return made


class ExaminedModel(Checkpoint):
    """A model's files, with what it can do on scenes that it was not trained on."""

    def check_inputs(self) -> None:
        """Refuse inputs that do not belong together, and held-out scenes that were trained on.

        Raises
        ------
        InvalidInput
        """

    def check_ready(self) -> None:
        """The inputs belong together."""
        super().check_ready()
        self.check_inputs()

    returns: ClassVar[dict[str, Array]] = Checkpoint.returns | {
        "figure": Array("figure", dtype="str", units="", about="what was measured on held-out scenes"),
        "value": Array("figure", about="the saved model's figure"),
        "goal": Array("figure", about="what is asked of it; NaN where nothing is"),
        "sheet_row": Array("sheet_row", dtype="str", units="", optional=True, about="what each row of the sheet shows"),
        "sheet_caption": Array("column", dtype="str", units="", optional=True, about="words above each column of the sheet"),
        "sheet": Array(
            "sheet_row", "column", "height", "width", "channel", dtype="uint8", units="", optional=True, about="held-out examples"
        ),
    }

    def figures(self, result: Result) -> list[Figure]:
        """What was measured, and a sheet of examples."""
        from recortex.drawing import picture_sheet, table

        measured = [
            [str(figure), f"{value:.3g}", "" if np.isnan(goal) else f"{goal:.3g}"]
            for figure, value, goal in zip(result["figure"], result["value"], result["goal"], strict=True)
        ]
        size = int(result["length"].sum()) / 1e6
        made = [
            Figure(
                "held-out scenes",
                f"Measured on what is saved ({size:.1f} MB, half precision), on scenes that it was not trained on.",
                table(["figure", "value", "goal"], measured),
                "models",
            )
        ]
        if "sheet" in result:
            rows = [row / 255 for row in result["sheet"]]
            labels = [str(label) for label in result["sheet_row"]]
            captions = [str(caption) for caption in result["sheet_caption"]]
            columns = [str(number) for number in range(1, len(captions) + 1)]
            sheet = picture_sheet(rows, labels, columns, captions)
            made.append(Figure("examples", "The first held-out scenes, chosen by nothing but their number.", sheet, "models"))
        return made


def check_apart(held_out: Stimuli, trained: Stimuli, field: str, used: str = "trained on") -> None:
    """Refuse held-out scenes that a model is trained on, or that are `used` for something else.

    Raises
    ------
    InvalidInput
    """
    if not isinstance(held_out, SimulatedScenes) or not isinstance(trained, SimulatedScenes):
        raise InvalidInput(f"{field}: models are trained and measured on SimulatedScenes, of which it is known what they show")
    if common := set(held_out.names()) & set(trained.names()):
        raise InvalidInput(f"{field}: {len(common)} of its scenes are {used} ({min(common)}); give them another seed")


def seen_by(model: Checkpoint | None) -> list[Stimuli]:
    """Scenes that a model in the same pipeline was trained on; of another model none is known."""
    return model.scenes_seen() if isinstance(model, ModelTraining) else []


class ModelTraining(ExaminedModel):
    """A small model trained from a random start, as the folder of files that its own library loads.

    Weights are saved in half precision, and what is measured is measured on the saved model. A run that is stopped or killed goes on
    where it was, and on a CPU ends with the same weights.

    Parameters
    ----------
    steps : int
        How many steps it is trained.
    batch : int
        How many examples a step sees.
    learning_rate : float
        The largest of the training; it falls to 0 along half a cosine.
    seed : int
        Another seed gives another start and other examples at each step.
    device : str
        Where it is trained: "cpu", "cuda" ...
    """

    steps: int = Field(default=1000, ge=1)
    batch: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)
    device: Annotated[str, NOT_IN_KEY] = "cpu"

    returns: ClassVar[dict[str, Array]] = ExaminedModel.returns | {
        "step": Array("record", dtype="int", units="", about="steps done at each record of the loss"),
        "term": Array("term", dtype="str", units="", about="what the loss is the sum of"),
        "loss": Array("record", "term", about="mean of each term since the record before"),
    }

    summary: ClassVar[str] = ""
    """What the model is, in a sentence or two for its card."""

    def scenes_seen(self) -> list[Stimuli]:
        """Scenes that it is trained on, and those that what it is made with was trained on."""
        raise TypeError(f"{type(self).__name__} does not say what it is trained on")

    def goes_on_from(self) -> ModelTraining | None:
        """The training whose weights it begins with, where they are not random."""
        return None

    def recipe(self) -> Recipe:
        """The network at its random start, and what brings it down."""
        raise TypeError(f"{type(self).__name__} has no recipe")

    def schedule(self) -> Schedule:
        """How it is trained."""
        return Schedule(self.steps, self.learning_rate)

    def save(self, network: torch.nn.Module, folder: Path) -> None:
        """Write the trained network as its library's folder."""
        raise TypeError(f"{type(self).__name__} cannot be saved")

    def examine(self, folder: Path) -> Examined:
        """Measure the saved model on held-out scenes."""
        raise TypeError(f"{type(self).__name__} is not examined")

    def compute(self) -> dict[str, Any]:
        """Train, save, measure.

        Raises
        ------
        InvalidInput
            The loss is not a number any more; the device is not there.
        """
        import torch

        self.check_inputs()
        torch.manual_seed(self.seed)
        recipe = self.recipe()
        curve = train(recipe, self.schedule(), parts.folder(self), self.seed, self.device)
        with TemporaryDirectory(prefix="recortex-") as place:
            folder = Path(place)
            self.save(recipe.network, folder)
            examined = self.examine(folder)
            (folder / "README.md").write_text(card(self, examined.figures, examined.goals))
            return packed(folder) | examined.arrays() | curve.arrays()

    def figures(self, result: Result) -> list[Figure]:
        """The loss, what was measured, and a sheet of examples."""
        from recortex.drawing import falling

        terms = {str(term): result["loss"][:, number] for number, term in enumerate(result["term"])}
        said = f"{self.steps} steps; the mean of each term of the loss since the record before."
        return [Figure("training", said, falling(result["step"], terms), "models"), *super().figures(result)]
