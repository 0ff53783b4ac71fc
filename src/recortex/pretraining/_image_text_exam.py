"""What an image-text model can do, measured on held-out scenes through open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.painting import paint
from recortex.data.simulated.scene import DESIGNS, KINDS, Scene
from recortex.data.simulated.scenes import SIDE, SimulatedScenes
from recortex.data.simulated.words import wordings
from recortex.pretraining._prompts import PROMPTS, UNCLEAR, answers, columns, kind_ensemble
from recortex.pretraining._retrieval import attributes, different, first_right, lookalikes
from recortex.pretraining.base import Examined

CANDIDATES = 200
SETS = 5  # sets of candidates that a figure is the mean of
FITTED = 4000  # scenes that probes are fitted on
SHEET = 8  # examples
DESIGN_COUNT = sum(map(len, DESIGNS.values()))

GOALS = {
    "zero-shot kind": 0.95,
    f"caption of a picture among {CANDIDATES}": 0.9,
    f"picture of a caption among {CANDIDATES}": 0.9,
    f"caption of a picture among {CANDIDATES} that differ in kind and design alone": 0.6,
    f"picture of a caption among {CANDIDATES} that differ in kind and design alone": 0.6,
    "linear probe of kind": 0.92,
    "linear probe of background": 0.92,
    "linear probe of colour": 0.92,
}


class Eyes:
    """A saved model, as open_clip loads it.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path):
        import open_clip

        self.model, _, self.preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
        self.tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
        self.model.eval()

    def see(self, pictures: np.ndarray, at_once: int = 250) -> np.ndarray:
        """Embeddings of length 1 of pictures (picture, height, width, channel) from 0 to 255."""
        import torch
        from PIL import Image

        made = []
        with torch.inference_mode():
            for start in range(0, len(pictures), at_once):
                batch = [self.preprocess(Image.fromarray(picture)) for picture in pictures[start : start + at_once]]
                made.append(self.model.encode_image(torch.stack(batch), normalize=True))
        return np.asarray(torch.cat(made))

    def read(self, texts: Sequence[str], at_once: int = 250) -> np.ndarray:
        """Embeddings of length 1 of texts."""
        import torch

        tokens = self.tokenizer(list(texts))
        with torch.inference_mode():
            made = [self.model.encode_text(batch, normalize=True) for batch in tokens.split(at_once)]
        return np.asarray(torch.cat(made))

    def choose(self, seen: np.ndarray, choices: Sequence[Sequence[str]]) -> np.ndarray:
        """The number of the choice whose prompts, on average, are nearest to each embedding of a picture."""
        return np.argmax(seen @ np.stack([self.read(prompts).mean(0) for prompts in choices]).T, 1)


def examined(folder: Path, held_out: SimulatedCaptions, known: SimulatedScenes) -> Examined:
    """Zero-shot answers, retrieval and linear probes.

    Parameters
    ----------
    folder : Path
        Of the saved model.
    held_out : SimulatedCaptions
        What it is measured on.
    known : SimulatedScenes
        What it was trained on; probes are fitted on the first of them.
    """
    eyes = Eyes(folder)
    scenes = held_out.scenes.run()
    seen = eyes.see(scenes["picture"])
    right = answers(columns(scenes))
    captions = held_out.run()["caption"][:, 0].tolist()
    said = eyes.read(captions)

    figures = {}
    for name, phrased in PROMPTS.items():
        clear = right[name] != UNCLEAR
        if clear.any():
            chosen = eyes.choose(seen[clear], list(phrased.values()))
            figures[f"zero-shot {name}"] = float(np.mean(chosen == right[name][clear]))
    # by every noun of a kind, those of its designs too, where "zero-shot kind" has the general ones alone
    kinds = eyes.choose(seen, [kind_ensemble(kind) for kind in KINDS])
    figures["zero-shot kind, all nouns"] = float(np.mean(kinds == right["kind"]))
    figures |= _retrieval(eyes, held_out.scenes, seen, said)
    figures |= _probes(eyes, known, seen, right, scenes["x"][:, 0])
    shown = scenes["picture"][:SHEET] / 255
    nearest = np.argmax(seen[:SHEET] @ said.T, 1)
    found = scenes["picture"][np.argmax(said[:SHEET] @ seen.T, 1)] / 255
    return Examined(
        figures,
        {name: goal for name, goal in GOALS.items() if name in figures},
        {"scene": shown, "nearest picture of its caption": found},
        [captions[at] for at in nearest],
    )


def _retrieval(eyes: Eyes, stage: SimulatedScenes, seen: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """Retrieval by full captions, both ways."""
    size = min(CANDIDATES, len(seen) // 2)
    sets = different(attributes(columns(stage.run())), size, SETS)
    figures = _both_ways([(seen[rows], said[rows]) for rows in sets], f"among {size}")
    for count, among in ((2, size), (1, DESIGN_COUNT)):
        pairs = [
            (eyes.see(np.stack([paint(one, SIDE) for one in alike])), eyes.read(_captions(alike, number)))
            for number, alike in enumerate(_alike(stage, count, among))
        ]
        about = f"among {among} that differ in kind and design alone"
        figures |= _both_ways(pairs, about if count == 2 else f"{about}, of one thing")
    return figures


def _alike(stage: SimulatedScenes, count: int, size: int) -> list[list[Scene]]:
    """Sets of lookalikes of the first scenes with so many things."""
    models = [scene for number in range(stage.count) if len((scene := stage.scene(number)).things) == count]
    return [lookalikes(scene, size, np.random.default_rng([stage.seed, at, 1])) for at, scene in enumerate(models[:SETS])]


def _captions(scenes: Sequence[Scene], number: int) -> list[str]:
    return [wordings(scene, np.random.default_rng([number, at, 2]))[0] for at, scene in enumerate(scenes)]


def _both_ways(pairs: Sequence[tuple[np.ndarray, np.ndarray]], about: str) -> dict[str, float]:
    """The mean over sets of pictures and captions."""
    if not pairs:
        return {}
    fits = [seen @ said.T for seen, said in pairs]
    return {
        f"caption of a picture {about}": float(np.mean([first_right(fit) for fit in fits])),
        f"picture of a caption {about}": float(np.mean([first_right(fit.T) for fit in fits])),
    }


def _probes(
    eyes: Eyes, known: SimulatedScenes, seen: np.ndarray, right: dict[str, np.ndarray], x: np.ndarray
) -> dict[str, float]:
    """What is told from the embedding by linear classifiers that were fitted on scenes of the training."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler

    scenes = known.run()
    few = slice(0, FITTED)
    fitted = eyes.see(scenes.read("picture", few))
    scale = StandardScaler().fit(fitted)
    fitted, tested = scale.transform(fitted), scale.transform(seen)
    answer = answers({name: values[few] for name, values in columns(scenes).items()})
    figures = {}
    for name in ("kind", "background", "colour", "design", "time", "count"):
        if len(np.unique(answer[name])) > 1:
            probe = LogisticRegression(C=0.03, max_iter=200).fit(fitted, answer[name])
            figures[f"linear probe of {name}"] = float(probe.score(tested, right[name]))
    line = Ridge(alpha=10.0).fit(fitted, scenes["x"][few, 0]).predict(tested)
    figures["linear probe of x, correlation"] = float(np.corrcoef(line, x)[0, 1])
    return figures
