"""The models that ship, together: what they can do with one another, judged by the one that has no part in making anything."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from recortex.checkpoints.autoencoder import Autoencoder, load_autoencoder
from recortex.checkpoints.base import packed
from recortex.checkpoints.latent_diffusion import LatentDiffusion, load_latent_diffusion, pictures
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.judging.judge import Judge, load_judge
from recortex.metrics.identification import identification_ranks, k_way_accuracy
from recortex.pretraining.base import Examined, ExaminedModel, check_apart
from recortex.pretraining.captioner import CaptionerTraining
from recortex.pretraining.card import figures_table
from recortex.pretraining.judge import JudgeTraining
from recortex.pretraining.latent_diffusion import LatentDiffusionTraining, empty_words
from recortex.progress import steps

if TYPE_CHECKING:
    import torch

SHOWN = 16
SAID = ("kind", "background", "design", "colour", "count")


class ShippedModels(ExaminedModel):
    """The five models in a folder each, as recortex ships them, with what the judge says of the pictures that they make.

    Guidance is chosen on validation scenes; everything told is measured on other, held-out scenes, on weights as they are saved.

    Parameters
    ----------
    diffusion : LatentDiffusionTraining
        Brings the image-text model and the autoencoder with it.
    captioner : CaptionerTraining
        The captioner.
    judge : JudgeTraining
        The judge.
    validation : CLIP
        Embeddings of scenes that guidance is chosen on.
    held_out : CLIP
        Embeddings of scenes that the figures are measured on.
    held_out_latents : AutoencoderLatents
        Latents of the same.
    guidances : tuple of float
        Those to choose from.
    sampling_steps : int
        Steps from noise to a picture.
    """

    diffusion: LatentDiffusionTraining
    captioner: CaptionerTraining
    judge: JudgeTraining
    validation: CLIP
    held_out: CLIP
    held_out_latents: AutoencoderLatents
    guidances: tuple[float, ...] = Field(default=(1.0, 1.5, 2.0, 3.0), min_length=1)
    sampling_steps: int = Field(default=20, ge=1, le=1000)

    def check_inputs(self) -> None:
        """Embeddings and latents of the models that are shipped, scenes that none of them is trained on."""
        trained = self.diffusion.embeddings.trained
        if any(embeddings.trained != trained for embeddings in (self.validation, self.held_out, self.captioner.embeddings)):
            raise InvalidInput("validation, held_out and captioner must use the image-text model that diffusion was trained with")
        if self.held_out_latents.trained != self.diffusion.latents.trained:
            raise InvalidInput("held_out_latents must be of the autoencoder that diffusion was trained with")
        if self.held_out_latents.stimuli != self.held_out.stimuli:
            raise InvalidInput("held_out and held_out_latents must be of the same scenes")
        check_apart(self.held_out.stimuli, self.validation.stimuli, "held_out")
        for field, scenes in (("validation", self.validation.stimuli), ("held_out", self.held_out.stimuli)):
            check_apart(scenes, self.diffusion.captions.scenes, field)
            check_apart(scenes, self.judge.scenes, field)
        check_apart(self.judge.scenes, self.diffusion.captions.scenes, "judge")

    def compute(self) -> dict[str, Any]:
        """Gather the five folders, and let the judge look."""
        self.check_inputs()
        with TemporaryDirectory(prefix="recortex-") as place:
            folder = Path(place)
            parts = {
                "image_text": self.diffusion.embeddings.trained,
                "autoencoder": self.diffusion.latents.trained,
                "diffusion": self.diffusion,
                "captioner": self.captioner,
                "judge": self.judge,
            }
            for name, part in parts.items():
                assert part is not None
                part.write_to(folder / name)
            examined = self._examine(folder)
            for name in ("autoencoder", "diffusion"):
                mine = {figure: value for figure, value in examined.figures.items() if figure.startswith(name)}
                with open(folder / name / "README.md", "a", encoding="utf-8") as file:
                    file.write(f"\n## As the judge sees it\n\n{figures_table(mine, examined.goals)}\n")
            for name in ("image_text", "judge"):
                with open(folder / name / "README.md", "a", encoding="utf-8") as file:
                    file.write(f"\n## What guessing reaches\n\n{figures_table(self._guessed(), {})}\n")
            return packed(folder) | examined.arrays()

    def _guessed(self) -> dict[str, float]:
        """How often a guess by the frequency of each answer in held-out scenes is right; retrieval and comparisons by counting."""
        truth = _truth(self.held_out.stimuli)
        counts = {name: np.unique(truth[name], return_counts=True)[1] / len(truth[name]) for name in SAID}
        guessed = {name: float(np.sum(shares**2)) for name, shares in counts.items()}
        return guessed | {"retrieval among 200": 1 / 200, "two-way identification": 0.5}

    def _examine(self, folder: Path) -> Examined:
        import torch

        judge = load_judge(folder / "judge")
        autoencoder = load_autoencoder(folder / "autoencoder")
        model = load_latent_diffusion(folder / "diffusion")
        painter = _Painter(model, autoencoder, empty_words(self.diffusion.embeddings), self.sampling_steps)
        scored = {g: self._seen_in(painter, judge, self.validation, g) for g in self.guidances}
        best = max(scored, key=lambda guidance: scored[guidance]["kind"] + scored[guidance]["background"])

        truth = _truth(self.held_out.stimuli)
        seen = self.held_out.stimuli.run()["picture"] / np.float32(255)
        before = judge.verdicts(seen)
        latents = torch.from_numpy(self.held_out_latents.run()["features"]).reshape(-1, *model.latent_shape)
        decoded = judge.verdicts(pictures(autoencoder, latents))
        kinds = {name: float(np.mean(said["kind"] == truth["kind"])) for name, said in (("seen", before), ("decoded", decoded))}
        figures = {f"autoencoder_kind_{name}": value for name, value in kinds.items()}
        figures["autoencoder_kind_kept"] = kinds["decoded"] / max(kinds["seen"], 1e-9)

        embeddings = torch.from_numpy(self.held_out.run()["features"])
        drawn = painter.paint(embeddings, best, 1)
        again = painter.paint(embeddings[:SHOWN], best, 2)
        other = judge.verdicts(drawn)
        rivals = np.roll(np.arange(len(truth["kind"])), len(truth["kind"]) // 2)
        nothing = painter.paint(None, best, 3, len(embeddings))
        without = judge.verdicts(nothing)
        figures["diffusion_guidance"] = best
        figures |= {f"diffusion_{name}": float(np.mean(other[name] == truth[name])) for name in SAID}
        figures["diffusion_two_way"] = two_way(other["embedding"], before["embedding"])
        figures |= {f"diffusion_{name}_of_another_scene": float(np.mean(other[name] == truth[name][rivals])) for name in SAID[:2]}
        figures |= {f"diffusion_{name}_of_nothing": float(np.mean(without[name] == truth[name])) for name in SAID[:2]}
        figures |= {f"validation_kind_guidance_{g:g}": found["kind"] for g, found in scored.items()}
        figures |= {f"validation_background_guidance_{g:g}": found["background"] for g, found in scored.items()}
        figures["megabytes"] = sum(path.stat().st_size for path in folder.rglob("*")) / 1e6
        goals = {"autoencoder_kind_kept": 0.95, "diffusion_kind": 0.8, "diffusion_background": 0.95, "diffusion_two_way": 0.97}
        rows = {"seen": seen, "autoencoded": pictures(autoencoder, latents[:SHOWN]), "drawn": drawn, "drawn again": again}
        sheet = {name: row[:SHOWN] for name, row in (rows | {"of nothing": nothing}).items()}
        return Examined(figures, goals, sheet, [str(kind) for kind in truth["kind"][:SHOWN]])

    def _seen_in(self, painter: _Painter, judge: Judge, embeddings: CLIP, guidance: float) -> dict[str, float]:
        """How often the judge finds in pictures what was in the scenes whose embeddings they are made from."""
        import torch

        said = judge.verdicts(painter.paint(torch.from_numpy(embeddings.run()["features"]), guidance, 0))
        truth = _truth(embeddings.stimuli)
        return {name: float(np.mean(said[name] == truth[name])) for name in SAID}


class _Painter:
    """Pictures from embeddings, in batches; each from a seed of its own."""

    def __init__(self, model: LatentDiffusion, autoencoder: Autoencoder, empty: torch.Tensor, sampling_steps: int):
        self.model, self.autoencoder, self.empty, self.sampling_steps = model, autoencoder, empty, sampling_steps

    def paint(self, embeddings: torch.Tensor | None, guidance: float, sample: int, count: int = 0) -> np.ndarray:
        """(n, height, width, 3) pictures from 0 to 1."""
        n = count if embeddings is None else len(embeddings)
        made = []
        for start in steps(range(0, n, 64), "batches of pictures"):
            seeds = [sample * 1_000_000 + row for row in range(start, min(start + 64, n))]
            given = None if embeddings is None else embeddings[start : start + 64]
            words = self.empty.expand(len(seeds), -1, -1)
            latents = self.model.draw(given, words, self.empty, seeds, self.sampling_steps, guidance)
            made.append(pictures(self.autoencoder, latents))
        return np.concatenate(made)


def _truth(scenes: Any) -> dict[str, np.ndarray]:
    """What is in scenes, in the judge's words."""
    found = scenes.run()
    count = (found["kind"] != "").sum(1)
    return {
        "kind": found["category"],
        "background": found["background"],
        "design": found["design"][:, 0],
        "colour": found["colour"][:, 0],
        "count": count,
    }


def two_way(decoded: np.ndarray, seen: np.ndarray) -> float:
    """How often a picture is more like what it is of than like another scene, by the correlation of embeddings.

    Parameters
    ----------
    decoded, seen : (stimulus, feature) arrays
        Rows that belong together stand at the same place; each decoded row queries all that were seen, ties count half.
    """
    rows = [values - values.mean(1, keepdims=True) for values in (decoded, seen)]
    one, other = (row / np.linalg.norm(row, axis=1, keepdims=True) for row in rows)
    ranks = identification_ranks(one @ other.T, np.arange(len(one)))
    return float(np.mean(k_way_accuracy(ranks.beaten, ranks.ties, ranks.candidates, 2)))
