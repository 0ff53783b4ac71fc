"""The models that ship, together: what they can do with one another, judged by the one that has no part in making anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.checkpoints.autoencoder import load_autoencoder
from recortex.checkpoints.base import packed
from recortex.checkpoints.image_text import load_open_clip
from recortex.checkpoints.latent_diffusion import load_latent_diffusion, pictures
from recortex.checkpoints.text_encoder import of_image_text
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.generators._painter import Painter
from recortex.judging.judge import Judge, load_judge
from recortex.metrics.identification import identification_ranks, k_way_accuracy
from recortex.pretraining.autoencoder_decoder import AutoencoderDecoderTraining
from recortex.pretraining.base import Examined, ExaminedModel, check_apart, seen_by
from recortex.pretraining.captioner import CaptionerTraining
from recortex.pretraining.card import figures_table
from recortex.pretraining.judge import JudgeTraining
from recortex.pretraining.latent_diffusion import LatentDiffusionTraining

SHOWN = 16
SAID = ("kind", "background", "design", "colour", "count")


class ShippedModels(ExaminedModel):
    """The five models in a folder each, as recortex ships them, with what the judge says of the pictures that they make.

    Guidance and steps are chosen on validation scenes; everything told is measured on other, held-out scenes, on weights as they are
    saved.

    Parameters
    ----------
    diffusion : LatentDiffusionTraining
        Brings the image-text model and the autoencoder with it.
    captioner : CaptionerTraining
        The captioner.
    judge : JudgeTraining
        The judge.
    validation : CLIP
        Embeddings of scenes that guidance and steps are chosen on.
    held_out : CLIP
        Embeddings of scenes that the figures are measured on.
    held_out_latents : AutoencoderLatents
        Latents of the same.
    decoder : AutoencoderDecoderTraining, optional
        The autoencoder with another decoder, instead of that which made the latents.
    guidances : tuple of float
        Those to choose from.
    sampling_steps : tuple of int
        Steps from noise to a picture: guidance is chosen with the first, then steps among all.
    """

    version: ClassVar[int] = 2

    diffusion: LatentDiffusionTraining
    captioner: CaptionerTraining
    judge: JudgeTraining
    validation: CLIP
    held_out: CLIP
    held_out_latents: AutoencoderLatents
    decoder: AutoencoderDecoderTraining | None = None
    guidances: tuple[float, ...] = Field(default=(1.0, 1.5, 2.0, 3.0), min_length=1)
    sampling_steps: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(default=(20, 10, 40), min_length=1)

    def check_inputs(self) -> None:
        """Embeddings and latents of the models that are shipped, scenes that none of them is trained on."""
        trained = self.diffusion.embeddings.trained
        if any(embeddings.trained != trained for embeddings in (self.validation, self.held_out, self.captioner.embeddings)):
            raise InvalidInput("validation, held_out and captioner must use the image-text model that diffusion was trained with")
        latents = self.diffusion.latents
        if latents.model_copy(update={"stimuli": self.held_out_latents.stimuli}) != self.held_out_latents:
            raise InvalidInput(
                "held_out_latents must be of the autoencoder that diffusion was trained with, of pictures of its size"
            )
        if self.decoder is not None and self.decoder.latents.trained != latents.trained:
            raise InvalidInput("decoder must be of the autoencoder that diffusion was trained with")
        if self.held_out_latents.stimuli != self.held_out.stimuli:
            raise InvalidInput("held_out and held_out_latents must be of the same scenes")
        check_apart(self.held_out.stimuli, self.validation.stimuli, "held_out", "chosen on, as those of validation")
        makers = [*self.diffusion.scenes_seen(), *self.captioner.scenes_seen(), *seen_by(self.decoder)]
        for field, scenes in (("validation", self.validation.stimuli), ("held_out", self.held_out.stimuli)):
            for seen in (*makers, self.judge.scenes):
                check_apart(scenes, seen, field)
        for seen in makers:
            check_apart(self.judge.scenes, seen, "judge", "trained on by what it judges")

    def compute(self) -> dict[str, Any]:
        """Gather the five folders, and let the judge look."""
        self.check_inputs()
        with TemporaryDirectory(prefix="recortex-") as place:
            folder = Path(place)
            parts = {
                "image_text": self.diffusion.embeddings.trained,
                "autoencoder": self.decoder or self.diffusion.latents.trained,
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
            guessed = self._guessed()
            for name, found in (("image_text", guessed | {"retrieval among 200": 1 / 200}), ("judge", guessed)):
                with open(folder / name / "README.md", "a", encoding="utf-8") as file:
                    file.write(f"\n## What guessing reaches\n\n{figures_table(found, {})}\n")
            return packed(folder) | examined.arrays()

    def _guessed(self) -> dict[str, float]:
        """How often a guess by the frequency of each answer in held-out scenes is right."""
        truth = _truth(self.held_out.stimuli)
        counts = {name: np.unique(truth[name], return_counts=True)[1] / len(truth[name]) for name in SAID}
        return {name: float(np.sum(shares**2)) for name, shares in counts.items()}

    def _examine(self, folder: Path) -> Examined:
        import torch

        judge = load_judge(folder / "judge")
        autoencoder = load_autoencoder(folder / "autoencoder")
        model = load_latent_diffusion(folder / "diffusion")
        with self.diffusion.embeddings.model_folder() as place:
            words = of_image_text(load_open_clip(place))

        def painter(guidance: float, steps: int) -> Painter:
            return Painter(model, autoencoder, words, steps, guidance, 1.0, 0, "cpu")

        scored = self.tried(lambda guidance, steps: self._seen_in(painter(guidance, steps), judge, self.validation))
        chosen = painter(*best(scored))

        truth = _truth(self.held_out.stimuli)
        seen = self.held_out.stimuli.run()["picture"] / np.float32(255)
        before = judge.verdicts(seen)
        latents = torch.from_numpy(self.held_out_latents.run()["features"]).reshape(-1, *model.latent_shape)
        decoded = judge.verdicts(pictures(autoencoder, latents))
        kinds = {name: float(np.mean(said["kind"] == truth["kind"])) for name, said in (("seen", before), ("decoded", decoded))}
        figures = {f"autoencoder_kind_{name}": value for name, value in kinds.items()}
        figures["autoencoder_kind_kept"] = kinds["decoded"] / max(kinds["seen"], 1e-9)

        embeddings = self.held_out.run()["features"]
        drawn = _painted(chosen, embeddings, 1)
        again = _painted(chosen, embeddings[:SHOWN], 2)
        nothing = _painted(chosen, None, 3, len(embeddings))
        other, without = judge.verdicts(drawn), judge.verdicts(nothing)
        figures |= {"diffusion_guidance": chosen.guidance, "diffusion_steps": chosen.steps}
        # beside each figure what is reached without knowing the scene, by chance and by the model, and what its autoencoder leaves
        for name, chance in self._guessed().items():
            figures[f"diffusion_{name}"] = float(np.mean(other[name] == truth[name]))
            figures[f"diffusion_{name}_by_chance"] = chance
            figures[f"diffusion_{name}_of_nothing"] = float(np.mean(without[name] == truth[name]))
            figures[f"diffusion_{name}_ceiling"] = float(np.mean(decoded[name] == truth[name]))
        for ending, said in (("", other), ("_of_nothing", without), ("_ceiling", decoded)):
            figures[f"diffusion_two_way{ending}"] = two_way(said["embedding"], before["embedding"])
        figures["diffusion_two_way_by_chance"] = 0.5
        for name in ("kind", "background"):
            figures |= {f"validation_{name}_guidance_{g:g}_steps_{steps}": found[name] for (g, steps), found in scored.items()}
        figures["megabytes"] = sum(path.stat().st_size for path in folder.rglob("*")) / 1e6
        goals = {"autoencoder_kind_kept": 0.95, "diffusion_kind": 0.8, "diffusion_background": 0.95, "diffusion_two_way": 0.97}
        rows = {"seen": seen, "autoencoded": pictures(autoencoder, latents[:SHOWN]), "drawn": drawn, "drawn again": again}
        sheet = {name: row[:SHOWN] for name, row in (rows | {"of nothing": nothing}).items()}
        return Examined(figures, goals, sheet, [str(kind) for kind in truth["kind"][:SHOWN]])

    def tried(self, found: Callable[[float, int], dict[str, float]]) -> dict[tuple[float, int], dict[str, float]]:
        """What is found with each guidance in the first number of steps, then with the best guidance in each other number."""
        scored = {(guidance, self.sampling_steps[0]): found(guidance, self.sampling_steps[0]) for guidance in self.guidances}
        guidance, _ = best(scored)
        return scored | {(guidance, steps): found(guidance, steps) for steps in self.sampling_steps[1:]}

    def _seen_in(self, painter: Painter, judge: Judge, embeddings: CLIP) -> dict[str, float]:
        """How often the judge finds in pictures what was in the scenes whose embeddings they are made from."""
        said = judge.verdicts(_painted(painter, embeddings.run()["features"], 0))
        truth = _truth(embeddings.stimuli)
        return {name: float(np.mean(said[name] == truth[name])) for name in SAID}


def best(scored: Mapping[tuple[float, int], Mapping[str, float]]) -> tuple[float, int]:
    """The guidance and steps with which kind and background are right most often; the first of equals."""
    return max(scored, key=lambda setting: scored[setting]["kind"] + scored[setting]["background"])


def _painted(painter: Painter, embeddings: np.ndarray | None, sample: int, count: int = 0) -> np.ndarray:
    """(n, height, width, 3) pictures from 0 to 1, each from a seed of its own."""
    n = count if embeddings is None else len(embeddings)
    seeds = sample * 1_000_000 + np.arange(n)[:, None]
    return painter.paint(n, 1, seeds, embeddings, None, None, batch=64)[:, 0] / np.float32(255)


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
