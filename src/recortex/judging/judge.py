"""What an independent network says is in a picture: it saw other scenes than the models that it judges."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recortex.checkpoints.loading import check_safetensors, in_one_line, read_json, sound, three_numbers, to_device
from recortex.errors import InvalidInput, listed, shown

if TYPE_CHECKING:
    import torch

MARK = ": "  # between a question and one of its answers, as in "kind: house"
COUNT = "count"


@dataclass(frozen=True)
class Judge:
    """A network with an answer to several questions about a picture.

    Parameters
    ----------
    network : torch.nn.Module
        One of timm's, whose classes are the answers to all questions in a row.
    answers : dict of str to tuple of str
        The possible answers to each question, in the order of the classes.
    side : int
        Height and width in pixels of what the network sees.
    mean, sd : (3,) tuple of float
        By which pictures from 0 to 1 are normalised.
    """

    network: Any
    answers: dict[str, tuple[str, ...]]
    side: int
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def verdicts(self, pictures: np.ndarray, batch: int = 128) -> dict[str, np.ndarray]:
        """What is in pictures.

        Parameters
        ----------
        pictures : (stimulus, height, width, 3) array
            From 0 to 1, or whole numbers from 0 to 255. Those of another size than the network's are resized, bilinear with
            antialiasing; what is not square is squeezed.
        batch : int
            How many at a time.

        Returns
        -------
        dict of str to array
            By question ("kind", "design" and "colour" of the largest thing, "background", "count") the most probable answer, (stimulus,);
            by question with "_probability" after it that of each answer, (stimulus, answer), in the order of `answers`; and
            "embedding", (stimulus, feature), what the network sees before it answers.

        Raises
        ------
        InvalidInput
            Pictures of another shape or range.
        """
        import torch

        check_pictures(pictures)
        device = next(self.network.parameters()).device
        scores, embeddings = [], []
        with torch.inference_mode(), in_one_line("the judge"):
            for start in range(0, len(pictures), batch):
                seen = self.network.forward_features(self._input(pictures[start : start + batch]).to(device))
                scores.append(self.network.forward_head(seen).cpu())
                embeddings.append(self.network.forward_head(seen, pre_logits=True).cpu().numpy())
        widths = [len(answers) for answers in self.answers.values()]
        made: dict[str, np.ndarray] = {}
        for (question, answers), among in zip(self.answers.items(), torch.cat(scores).split(widths, 1), strict=True):
            said = np.array(answers)[among.argmax(1).numpy()]
            made[question] = said.astype(int) if question == COUNT else said
            made[f"{question}_probability"] = among.softmax(1).numpy()
        return made | {"embedding": np.concatenate(embeddings)}

    def _input(self, pictures: np.ndarray) -> torch.Tensor:
        """Pictures as the network wants them."""
        import torch

        values = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).to(torch.float32)
        if pictures.dtype == np.uint8:
            values = values / 255
        if values.shape[2:] != (self.side, self.side):
            values = torch.nn.functional.interpolate(values, (self.side, self.side), mode="bilinear", antialias=True)
        return normalised(values, self.mean, self.sd)


def load_judge(folder: Path | str, device: str = "cpu") -> Judge:
    """Load a judge as timm saves it: config.json with the labels, model.safetensors.

    Parameters
    ----------
    folder : path
    device : str
        "cpu", "cuda" ...

    Returns
    -------
    Judge

    Raises
    ------
    InvalidInput
        The folder holds no such model, a damaged one, or one without the labels of a judge.
    """
    folder = Path(folder)
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise InvalidInput(f"{folder} is not a judge: {name} is not there; name the folder that JudgeTraining made")
    config = read_json(folder / "config.json")
    check_safetensors(folder / "model.safetensors")
    answers = answers_in(config, folder / "config.json")
    preprocessing = _preprocessing(config, folder / "config.json")
    import timm

    with in_one_line(f"{folder} cannot be loaded as a judge"):
        network = timm.create_model(f"local-dir:{folder}", pretrained=True)
    if network.num_classes != sum(map(len, answers.values())):
        raise InvalidInput(
            f"{folder / 'config.json'}: {sum(map(len, answers.values()))} labels for {network.num_classes} classes; "
            "it is of another model than its weights"
        )
    return Judge(to_device(sound(network, folder), device), answers, *preprocessing)


def save_judge(judge: Judge, arguments: dict[str, Any], folder: Path) -> None:
    """Write a judge as timm loads it, weights in half precision.

    Parameters
    ----------
    judge : Judge
    arguments : dict
        With which timm's architecture was made, without the number of classes.
    folder : Path
    """
    from safetensors.torch import save_file

    labels = [f"{question}{MARK}{answer}" for question, answers in judge.answers.items() for answer in answers]
    config = {
        "architecture": judge.network.pretrained_cfg["architecture"],
        "num_classes": len(labels),
        "num_features": judge.network.num_features,
        "global_pool": "avg",
        "model_args": arguments,
        "label_names": labels,
        "pretrained_cfg": {
            "input_size": [3, judge.side, judge.side],
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": list(judge.mean),
            "std": list(judge.sd),
            "num_classes": len(labels),
            "pool_size": None,
            "first_conv": judge.network.pretrained_cfg["first_conv"],
            "classifier": judge.network.pretrained_cfg["classifier"],
        },
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    state = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in judge.network.state_dict().items()
    }
    save_file(state, folder / "model.safetensors", {"format": "pt"})


def normalised(pictures: torch.Tensor, mean: tuple[float, ...], sd: tuple[float, ...]) -> torch.Tensor:
    """Pictures (n, 3, height, width) from 0 to 1, each colour less its mean and over its standard deviation."""
    return (pictures - pictures.new_tensor(mean)[:, None, None]) / pictures.new_tensor(sd)[:, None, None]


def answers_in(config: dict[str, Any], path: Path) -> dict[str, tuple[str, ...]]:
    """The questions and answers among the labels of a configuration.

    Raises
    ------
    InvalidInput
        It has none, or no such ones.
    """
    labels = config.get("label_names")
    if not isinstance(labels, list) or not labels:
        raise InvalidInput(f"{path} has no label_names; a judge's say what each class stands for, as in {shown('kind: house')}")
    answers: dict[str, list[str]] = {}
    for label in labels:
        question, mark, answer = label.partition(MARK) if isinstance(label, str) else ("", "", "")
        if not (question and mark and answer):
            raise InvalidInput(f"{path}: label {shown(label)} is not a question with its answer, as in kind: house")
        if question in answers and question != next(reversed(answers)):
            raise InvalidInput(f"{path}: the labels of {shown(question)} do not stand together")
        if question == COUNT and not answer.isdecimal():
            raise InvalidInput(f"{path}: label {shown(label)} is no number of things")
        answers.setdefault(question, []).append(answer)
    if doubled := [question for question, given in answers.items() if len(set(given)) < len(given)]:
        raise InvalidInput(f"{path}: {listed(doubled)} has the same label twice")
    return {question: tuple(given) for question, given in answers.items()}


def check_pictures(pictures: np.ndarray) -> None:
    """Refuse what are no pictures.

    Raises
    ------
    InvalidInput
    """
    shape = pictures.shape
    if len(shape) != 4 or shape[3] != 3 or 0 in shape:
        raise InvalidInput(f"pictures to judge are (stimulus, height, width, 3), at least one; these are {shape}")
    if pictures.dtype == np.uint8:
        return
    if pictures.dtype.kind != "f":
        raise InvalidInput(f"pictures to judge are numbers from 0 to 1, or uint8 from 0 to 255; these are {pictures.dtype}")
    wrong = ~((pictures >= 0) & (pictures <= 1)).all((1, 2, 3))
    if wrong.any():
        first = int(np.argmax(wrong))
        low, high = pictures[first].min(), pictures[first].max()
        raise InvalidInput(f"pictures to judge are from 0 to 1; number {first} goes from {low:.3g} to {high:.3g}")


def _preprocessing(config: dict[str, Any], path: Path) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Side, mean and standard deviation, as timm's configuration has them."""
    inside = config.get("pretrained_cfg")
    inside = inside if isinstance(inside, dict) else config
    size: Any = inside.get("input_size")
    mean: Any = inside.get("mean")
    sd: Any = inside.get("std")
    if not (isinstance(size, list) and len(size) == 3 and size[0] == 3 and size[1] == size[2] and isinstance(size[1], int)):
        raise InvalidInput(f"{path}: input_size is {shown(size)}; a judge's is 3, side, side")
    if not three_numbers(mean) or not three_numbers(sd, positive=True):
        raise InvalidInput(f"{path}: mean or std is not three numbers; they say how pictures are normalised")
    return size[1], tuple(mean), tuple(sd)
