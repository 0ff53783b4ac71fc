"""The universal law, for whatever fits: test trials turned into noise change no fitted array, not by one bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from recortex.data.picture_file import PictureFile
from recortex.data.response_file import ResponseFile
from recortex.stage import Stage

Make = Callable[[ResponseFile, PictureFile], Stage]


def recording(
    folder: Path, responses: np.ndarray, pictures: np.ndarray, table: dict[str, np.ndarray]
) -> tuple[ResponseFile, PictureFile]:
    """A recording of one's own on disk: responses (trial, unit), pictures (stimulus, height, width), trial table."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "betas.npy", responses.astype(np.float32))
    np.save(folder / "pictures.npy", pictures)
    lines = [",".join(table)] + [",".join(map(str, row)) for row in zip(*table.values(), strict=True)]
    (folder / "trials.csv").write_text("\n".join(lines) + "\n")
    brain = ResponseFile(path=folder / "betas.npy", trials=folder / "trials.csv")
    return brain, PictureFile(path=folder / "pictures.npy")


def planted(
    seed: int = 0, stimuli: int = 24, repeats: int = 2, units: int = 7
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Responses that follow small pictures linearly, with noise; runs hold each stimulus once."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (stimuli, 4, 4)).astype(np.uint8)
    order = np.concatenate([rng.permutation(stimuli) for _ in range(repeats)])
    weights = rng.standard_normal((16, units))
    responses = (pictures.reshape(stimuli, -1) / 255 - 0.5)[order] @ weights + 0.5 * rng.standard_normal((len(order), units))
    table = {
        "stimulus": order,
        "run": np.repeat(np.arange(repeats), stimuli),
        "category": np.where(order % 2, "odd", "even"),
        "split": np.where(order < stimuli - 5, "train", "test"),
    }
    return responses, pictures, table


def check_universal_law(folder: Path, make: Make, fitted: Sequence[str]) -> None:
    """Replace the test trials and test stimuli of each fold by noise; that fold's fitted arrays must stay bit-identical.

    Parameters
    ----------
    folder : Path
        An empty folder.
    make : callable
        Builds the stage, which has `brain` and `split`, on a recording.
    fitted : sequence of str
        Arrays of the stage whose first axis runs over folds.
    """
    responses, pictures, table = planted()
    stage = make(*recording(folder / "as_measured", responses, pictures, table))
    before = {name: stage.run()[name] for name in fitted}
    rng = np.random.default_rng(1)
    for number, fold in enumerate(stage.split.apply(stage.brain.trial_table())):
        noisy_responses, noisy_pictures = responses.copy(), pictures.copy()
        noisy_responses[fold.test] = 1e3 * rng.standard_normal((len(fold.test), responses.shape[1]))
        unseen = np.setdiff1d(table["stimulus"][fold.test], table["stimulus"][fold.train]).astype(int)
        noisy_pictures[unseen] = rng.integers(0, 256, (len(unseen), *pictures.shape[1:]))
        noisy = make(*recording(folder / f"noise_{number}", noisy_responses, noisy_pictures, table))
        assert noisy.key() != stage.key()
        after = noisy.run()
        for name in fitted:
            assert np.array_equal(after[name][number], before[name][number]), (
                f"{name} of fold {fold.name} has seen its test trials"
            )
