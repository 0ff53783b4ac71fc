"""An image-text model of the simulated world, in the format of open_clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.data.base import Stimuli
from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.scenes import SIDE
from recortex.pretraining._groups import Batches
from recortex.pretraining._prompts import PROMPTS, UNCLEAR, answers, columns, designs_present
from recortex.pretraining._word_tokens import END, PAD, vocabulary, word_tokenizer
from recortex.pretraining.base import Examined, ModelTraining, check_apart
from recortex.pretraining.training import Recipe, Schedule

if TYPE_CHECKING:
    import torch

MEAN, SD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)  # of the pictures as the network sees them, from 0 to 1 before
LONGEST = 48  # tokens of a text
HEAD = 32  # width of an attention head
SHARPEST = 100.0  # largest inverse temperature
WORDING = (0.4, 0.15, 0.15, 0.15, 0.15)  # how often each of the five captions is shown
SHIFT = 3  # pixels by which a picture is moved, at most


class ImageTextTraining(ModelTraining):
    """A residual network for pictures and a transformer for captions that meet in one embedding.

    Half of each batch is drawn at random. The other half are groups of scenes that are alike in something, another thing in every
    batch: random batches alone teach what is told apart at once (background, colour), and what all of a batch share is not learnt
    from it. Besides, prompts such as "an animal" or "on the beach" are told apart, and linear heads, which are not saved, tell the
    same and all designs from the embedding: they teach the picture network what words alone teach it slowly.

    Parameters
    ----------
    captions : SimulatedCaptions
        What it is trained on.
    held_out : SimulatedCaptions
        What it is measured on; of other scenes.
    dimension : int
        Of the embedding.
    width : int
        Channels of the picture network's first stage.
    blocks : tuple of int
        Residual blocks of its four stages.
    text_width, text_layers : int
        Of the transformer.
    prompting : float
        Weight of each cross-entropy between prompts, and of each head.
    """

    captions: SimulatedCaptions
    held_out: SimulatedCaptions
    steps: int = Field(default=6000, ge=1)
    batch: int = Field(default=48, ge=4)
    learning_rate: float = Field(default=1e-3, gt=0, lt=1)
    dimension: int = Field(default=256, ge=8, multiple_of=8)
    width: int = Field(default=24, ge=2, multiple_of=2)
    blocks: tuple[int, int, int, int] = (1, 2, 2, 1)
    text_width: int = Field(default=128, ge=HEAD, multiple_of=HEAD)
    text_layers: int = Field(default=3, ge=1)
    prompting: float = Field(default=0.5, ge=0)

    summary: ClassVar[str] = (
        "An image-text model (CLIP) of painted scenes of 64 x 64 pixels, for open_clip: a ModifiedResNet, a transformer with a "
        "word-level tokenizer, one embedding. It says how well a picture and a caption fit."
    )

    def check_inputs(self) -> None:
        """Held-out scenes that are not trained on."""
        check_apart(self.held_out.scenes, self.captions.scenes, "held_out")

    def scenes_seen(self) -> list[Stimuli]:
        """Those of its captions."""
        return [self.captions.scenes]

    def schedule(self) -> Schedule:
        """With a moving average of the weights."""
        return Schedule(self.steps, self.learning_rate, decay=0.05, average=0.99)

    def configuration_of_model(self) -> dict[str, Any]:
        """The model as open_clip's configuration has it."""
        return {
            "embed_dim": self.dimension,
            "vision_cfg": {
                "image_size": SIDE,
                "layers": list(self.blocks),
                "width": self.width,
                "head_width": HEAD,
                "patch_size": None,
            },
            "text_cfg": {
                "context_length": LONGEST,
                "vocab_size": len(vocabulary()),
                "hf_tokenizer_name": "word-level",  # the folder itself is read; empty, another vocabulary would be taken
                "width": self.text_width,
                "heads": self.text_width // HEAD,
                "layers": self.text_layers,
                "pool_type": "eos",
                "eos_id": END,
                "pad_id": PAD,
            },
        }

    def recipe(self) -> Recipe:
        """Contrast of pictures and captions, cross-entropy between prompts and of heads."""
        import torch
        from open_clip.model import CLIP
        from torch.nn import functional

        model = self.configuration_of_model()
        clip = CLIP(model["embed_dim"], model["vision_cfg"], model["text_cfg"])
        for name, weight in clip.visual.named_parameters():
            if name.endswith("bn3.weight"):  # from open_clip's 0 nothing is learnt for hundreds of steps
                torch.nn.init.ones_(weight)
        clip.visual = clip.visual.to(memory_format=torch.channels_last)  # faster
        heads = {name: torch.nn.Linear(self.dimension, len(phrased)) for name, phrased in PROMPTS.items()}
        heads["present"] = torch.nn.Linear(self.dimension, len(PROMPTS["design"]))
        network = torch.nn.ModuleDict({"model": clip, "heads": torch.nn.ModuleDict(heads)})
        scenes, said = self.captions.scenes.run(), self.captions.run()["caption"]
        picture = torch.from_numpy(scenes["picture"])
        tokens = tokenised(said.ravel().tolist()).reshape(*said.shape, LONGEST)
        right = answers(columns(scenes))
        present = torch.from_numpy(designs_present(scenes["design"]))
        prompts = {
            name: tokenised([prompt for phrases in phrased.values() for prompt in phrases]).split(
                list(map(len, phrased.values()))
            )
            for name, phrased in PROMPTS.items()
        }
        batches = Batches(right, self.batch, group=max(2, self.batch // 4))

        def losses(rng: np.random.Generator) -> dict[str, torch.Tensor]:
            rows, _ = batches.draw(rng)
            device = clip.logit_scale.device
            shown = tokens[rows, rng.choice(len(WORDING), len(rows), p=WORDING)].to(device)
            asked = [[phrases[rng.integers(len(phrases))] for phrases in choices] for choices in prompts.values()]
            texts = torch.cat([shown, *(torch.stack(one).to(device) for one in asked)])
            meant = functional.normalize(text_embedding(clip, texts), dim=-1)
            meant, *named = meant.split([len(rows), *(len(one) for one in asked)])
            embedding = clip.encode_image(_moved(picture[rows].to(device), rng))
            scale = clip.logit_scale.exp().clamp(max=SHARPEST)
            seen = scale * functional.normalize(embedding, dim=-1)
            terms = {"contrast": contrast(seen @ meant.T, shown)}
            for (name, answer), prompt in zip(right.items(), named, strict=True):
                wanted = torch.from_numpy(answer[rows]).to(device)
                for way, fit in (("prompt", seen @ prompt.T), ("head", heads[name](embedding))):
                    terms[f"{way} {name}"] = self.prompting * cross_entropy(fit, wanted)
            there = functional.binary_cross_entropy_with_logits(heads["present"](embedding), present[rows].to(device))
            terms["head present"] = self.prompting * present.shape[1] * there  # the sum over designs
            return terms

        return Recipe(network, losses)

    def save(self, network: torch.nn.Module, folder: Path) -> None:
        """As a folder that open_clip reads by the name ``local-dir:FOLDER``."""
        import torch
        from safetensors.torch import save_file

        half = {
            name: (value.half() if value.is_floating_point() else value).contiguous(memory_format=torch.contiguous_format)
            for name, value in network.get_submodule("model").state_dict().items()
        }
        save_file(half, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
        seen = {"size": SIDE, "mode": "RGB", "mean": MEAN, "std": SD, "interpolation": "bicubic", "resize_mode": "shortest"}
        made = {"model_cfg": self.configuration_of_model(), "preprocess_cfg": seen}
        (folder / "open_clip_config.json").write_text(json.dumps(made, indent=2) + "\n")
        word_tokenizer(LONGEST).save_pretrained(folder)

    def examine(self, folder: Path) -> Examined:
        """Zero-shot kinds, retrieval and linear probes."""
        from recortex.pretraining._image_text_exam import examined

        return examined(folder, self.held_out, self.captions.scenes)


def tokenised(texts: list[str]) -> torch.Tensor:
    """Numbers of the words of each text, padded."""
    return word_tokenizer(LONGEST)(texts, padding="max_length", max_length=LONGEST, truncation=True, return_tensors="pt")[
        "input_ids"
    ]


def contrast(fit: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """How badly pictures and captions find each other; pairs with the same words are not told apart.

    Parameters
    ----------
    fit : tensor (picture, caption)
    shown : tensor (caption, token)
    """
    import torch
    from torch.nn import functional

    own = torch.arange(len(fit), device=fit.device)
    same = (shown[:, None] == shown[None]).all(-1) & (own[:, None] != own)
    fit = fit.masked_fill(same, -torch.inf)
    return (functional.cross_entropy(fit, own) + functional.cross_entropy(fit.T, own)) / 2


def cross_entropy(fit: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """The mean over the scenes with a clear answer; 0 where there is none."""
    from torch.nn import functional

    total = functional.cross_entropy(fit, wanted, ignore_index=UNCLEAR, reduction="sum")
    return total / (wanted != UNCLEAR).sum().clamp(min=1)


def text_embedding(network: Any, tokens: torch.Tensor, parts: int = 4) -> torch.Tensor:
    """As the model's own `encode_text`, without the time that padding takes: texts of about the same length go through together."""
    import torch

    lengths = (tokens != PAD).sum(1)
    order = lengths.argsort(stable=True)
    made = []
    for rows in order.chunk(parts):
        longest = int(lengths[rows[-1]])
        inner = network.token_embedding(tokens[rows, :longest]) + network.positional_embedding[:longest]
        inner = network.ln_final(network.transformer(inner, attn_mask=network.attn_mask[:longest, :longest]))
        made.append(inner[torch.arange(len(rows), device=tokens.device), lengths[rows] - 1])  # where the end stands
    return torch.cat(made)[order.argsort()] @ network.text_projection


def _moved(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Pictures as the network sees them, all moved by a few pixels; what comes in at an edge is the edge."""
    import torch
    from torch.nn import functional

    x = picture.permute(0, 3, 1, 2).float() / 255
    across, down = rng.integers(-SHIFT, SHIFT + 1, 2)
    x = functional.pad(x, [SHIFT] * 4, mode="replicate")[..., SHIFT + down :, SHIFT + across :][..., :SIDE, :SIDE]
    mean, sd = (torch.tensor(values, device=x.device)[:, None, None] for values in (MEAN, SD))
    return ((x - mean) / sd).contiguous(memory_format=torch.channels_last)
