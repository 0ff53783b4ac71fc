"""Training a network so that a run that is killed goes on where it was, and ends with the same weights.

Whatever is drawn at a step is drawn from generators that the seed and the number of the step decide, so nothing but weights, their
moving average, the optimiser's moments and the number of the step is kept.
"""

from __future__ import annotations

import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recortex import disk
from recortex.errors import InvalidInput
from recortex.interrupts import held_back
from recortex.pretraining._memory import keep_freed_memory
from recortex.progress import steps

if TYPE_CHECKING:
    import torch
    from lightning.pytorch import Trainer

KEPT_EVERY_S = 60.0


@dataclass(frozen=True)
class Schedule:
    """How long a network is trained and how fast.

    Parameters
    ----------
    steps : int
    rate : float
        Learning rate of AdamW after the warm-up; it falls to 0 along half a cosine.
    warmup : int
        Steps over which the rate rises.
    decay : float
        Weight decay, of matrices and kernels alone.
    average : float
        How much of the weights' moving average stays at each step, once many are done; 0 for none.
    clip : float
        Largest norm of a gradient.
    record : int
        Steps between two records of the loss.
    """

    steps: int
    rate: float
    warmup: int = 100
    decay: float = 0.01
    average: float = 0.0
    clip: float = 1.0
    record: int = 50

    def rate_at(self, step: int) -> float:
        """The share of the learning rate at a step."""
        risen = min(1.0, (step + 1) / max(1, min(self.warmup, self.steps // 4)))
        return risen * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))


@dataclass(frozen=True)
class Recipe:
    """What is trained.

    Parameters
    ----------
    network : torch.nn.Module
    losses : callable
        Makes the terms whose sum is brought down, by name, from the step's random generator; PyTorch's own is seeded before it.
    """

    network: torch.nn.Module
    losses: Callable[[np.random.Generator], dict[str, torch.Tensor]]


@dataclass
class Curve:
    """How the loss fell.

    Parameters
    ----------
    step : list of int
        The steps that were done at each record.
    loss : dict of str to list of float
        The mean of each term since the record before.
    """

    step: list[int] = field(default_factory=list)
    loss: dict[str, list[float]] = field(default_factory=dict)

    def arrays(self) -> dict[str, np.ndarray]:
        """As (record,), (term,) and (record, term) arrays step, term and loss."""
        return {"step": np.array(self.step), "term": np.array(list(self.loss)), "loss": np.array(list(self.loss.values())).T}


def train(recipe: Recipe, schedule: Schedule, folder: Path, seed: int, device: str = "cpu") -> Curve:
    """Train a network in place; afterwards it holds the moving average, in evaluation mode on the CPU.

    Parameters
    ----------
    recipe : Recipe
    schedule : Schedule
    folder : Path
        Where the state is kept about once a minute and found again; the caller removes it.
    seed : int
    device : str
        "cpu", "cuda", "cuda:1" ...

    Returns
    -------
    Curve

    Raises
    ------
    InvalidInput
        The loss is not a number any more; the device is not there.
    CannotWrite
        The state cannot be kept.
    """
    from lightning.pytorch import Trainer

    keep_freed_memory()
    disk.make_folder(folder)
    kept = folder / "training.ckpt"
    module = _module(recipe, schedule, seed, kept)
    with _quiet():
        trainer = Trainer(
            **_on(device),
            max_steps=schedule.steps,
            max_epochs=-1,
            gradient_clip_val=schedule.clip,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )

        def stop(error: BaseException) -> None:
            trainer.should_stop = module.asked_to_stop = True

        with held_back(stop):
            state, done = _sound(kept)
            trainer.fit(module, _Numbers(done, schedule.steps), ckpt_path=state, weights_only=True)
            keep(trainer, kept)  # after a signal, too, which is raised now
    if schedule.average:
        recipe.network.load_state_dict(module.averaged.module.state_dict())
    recipe.network.to("cpu").eval()
    return module.curve


def keep(trainer: Trainer, path: Path) -> None:
    """Write the state of a training whole or not at all."""
    draft = path.with_suffix(".draft")
    with disk.refusals(path):
        trainer.save_checkpoint(draft)
        os.replace(draft, path)


class _Numbers:
    """Numbers of the steps that are left, told to whoever follows the progress."""

    def __init__(self, done: int, total: int):
        self.done, self.total = done, total

    def __iter__(self) -> Iterator[int]:
        return steps(iter(range(self.done, self.total)), "steps of training", self.total, self.done)


def _sound(path: Path) -> tuple[Path | None, int]:
    """A kept state that can be read, and how many steps it is from the start; a damaged one is set aside, with a word."""
    import torch

    if not path.exists():
        return None, 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return path, int(state["global_step"])
    except (OSError, MemoryError):
        raise  # nothing is wrong with the state
    except Exception as error:  # whatever the parser stumbles over
        aside = path.with_suffix(".damaged")
        said = f"{type(error).__name__}; it is {aside.name} now"
        logging.getLogger("recortex").warning("the kept state %s of a training is damaged (%s): it begins anew", path, said)
        os.replace(path, aside)
        return None, 0


def _on(device: str) -> dict[str, Any]:
    """The same device in Lightning's words."""
    import torch

    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        said = str(error).split("\n")[0]
        raise InvalidInput(f"device {device!r} cannot be used for training: {said}; try device: cpu") from error
    if chosen.type == "cpu":
        return {"accelerator": "cpu", "devices": 1}
    return {"accelerator": "gpu", "devices": [chosen.index or 0]}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advice on how to train."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _module(recipe: Recipe, schedule: Schedule, seed: int, kept: Path) -> Any:
    """The recipe as Lightning wants it."""
    import torch
    from lightning.pytorch import LightningModule
    from torch.optim.swa_utils import AveragedModel

    def follow(averages: Any, weights: Any, done: torch.Tensor | int) -> None:
        # less at first, so that the beginning is soon forgotten
        share = min(schedule.average, (1 + int(done)) / (10 + int(done)))
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, weights, 1 - share)
        else:
            for average, weight in zip(averages, weights, strict=True):
                average.copy_(weight)

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = recipe.network
            self.averaged: Any = (
                AveragedModel(recipe.network, multi_avg_fn=follow, use_buffers=True) if schedule.average else torch.nn.Identity()
            )
            self.curve = Curve()
            self.sums: dict[str, float] = {}
            self.summed = 0
            self.kept_at = time.monotonic()
            self.asked_to_stop = False

        def on_train_start(self) -> None:
            if self.asked_to_stop:  # before the trainer began, which forgets it
                self.trainer.should_stop = True

        def training_step(self, number: int, _: int) -> torch.Tensor:
            self.network.train()
            rng = np.random.default_rng([seed, self.global_step])
            torch.manual_seed(int(rng.integers(2**62)))
            terms = recipe.losses(rng)
            loss = torch.stack(list(terms.values())).sum()
            if not torch.isfinite(loss):
                raise InvalidInput(
                    f"the loss is {float(loss)} at step {self.global_step} of {schedule.steps}; lower the learning rate"
                )
            for name, term in terms.items():
                self.sums[name] = self.sums.get(name, 0.0) + float(term.detach())
            self.summed += 1
            return loss

        def on_train_batch_end(self, *_: Any) -> None:
            if schedule.average:
                self.averaged.update_parameters(self.network)
            if self.global_step % schedule.record == 0 or self.global_step == schedule.steps:
                self.curve.step.append(self.global_step)
                for name, total in self.sums.items():
                    self.curve.loss.setdefault(name, []).append(total / self.summed)
                self.sums, self.summed = {}, 0
            if time.monotonic() - self.kept_at > KEPT_EVERY_S:
                keep(self.trainer, kept)
                self.kept_at = time.monotonic()

        def on_save_checkpoint(self, state: dict[str, Any]) -> None:
            state["curve"] = {"step": self.curve.step, "loss": self.curve.loss, "sums": self.sums, "summed": self.summed}

        def on_load_checkpoint(self, state: dict[str, Any]) -> None:
            curve = state["curve"]
            self.curve, self.sums, self.summed = Curve(curve["step"], curve["loss"]), curve["sums"], curve["summed"]

        def configure_optimizers(self) -> Any:
            wide = [weight for weight in recipe.network.parameters() if weight.requires_grad and weight.ndim > 1]
            narrow = [weight for weight in recipe.network.parameters() if weight.requires_grad and weight.ndim <= 1]
            groups = [{"params": wide, "weight_decay": schedule.decay}, {"params": narrow, "weight_decay": 0.0}]
            optimiser = torch.optim.AdamW([group for group in groups if group["params"]], lr=schedule.rate, fused=True)
            rates = torch.optim.lr_scheduler.LambdaLR(optimiser, schedule.rate_at)
            return {"optimizer": optimiser, "lr_scheduler": {"scheduler": rates, "interval": "step"}}

    return Module()
