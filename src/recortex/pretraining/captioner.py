"""Training of the captioner that ships: sentences from image embeddings."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.checkpoints.captioner import Captioner, load_captioner, save_captioner
from recortex.data.base import Stimuli
from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.reading import read
from recortex.data.simulated.scene import TEXTS
from recortex.errors import InvalidInput
from recortex.features.clip import CLIP
from recortex.pretraining._word_tokens import END, PAD, SPECIAL, START, UNKNOWN, vocabulary
from recortex.pretraining.base import Examined, ModelTraining, check_apart, seen_by
from recortex.pretraining.training import Recipe, Schedule

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

SPACE = "▁"  # stands for the space before a word
MOST = 56  # tokens of a caption, its end counted
FULL = 0  # which of the five captions is learnt
GOALS = {"kind": 0.92, "background": 0.95, "colour": 0.8, "kind_noisy": 0.8}
SHOWN = 12


class CaptionerTraining(ModelTraining):
    """Training of the captioner that ships: a small GPT-2 from a random start, told by a few tokens of the image embedding.

    Of the five captions of a scene it learns the full one, as a sentence: the largest thing with its noun and colour, the place, the
    time, the other things and where they are. A beam search then weighs one true sentence against another; among all five forms it
    would choose the short ones, which are more probable and say less.

    Embeddings are given under noise, from none up to more than their own spread, and drawn towards their mean by more or less as
    ridge regression does, since embeddings that are decoded from brain responses are noisy and drawn in.

    Parameters
    ----------
    embeddings : CLIP
        Embeddings of the training scenes.
    captions : SimulatedCaptions
        Captions of the same scenes.
    held_out_embeddings : CLIP
        Embeddings of scenes that it is not trained on.
    held_out_captions : SimulatedCaptions
        Captions of the same.
    tokens : int
        Tokens that an embedding becomes.
    width : int
        Numbers of a token.
    layers, heads : int
        Of the transformer.
    noise : float
        Largest standard deviation of the noise, as a share of each feature's own over the training scenes.
    beams : int
        Of the beam search when it is measured.
    """

    embeddings: CLIP
    captions: SimulatedCaptions
    held_out_embeddings: CLIP
    held_out_captions: SimulatedCaptions
    tokens: int = Field(default=4, ge=1)
    width: int = Field(default=128, ge=8)
    layers: int = Field(default=3, ge=1)
    heads: int = Field(default=4, ge=1)
    noise: float = Field(default=1.5, ge=0)
    beams: int = Field(default=5, ge=1)
    steps: int = Field(default=2400, ge=1)
    batch: int = Field(default=48, ge=2)
    learning_rate: float = Field(default=2e-3, gt=0, lt=1)

    summary: ClassVar[str] = (
        "A small GPT-2 with a linear prefix that says in a sentence what an image embedding is of, also where the embedding is noisy: "
        "`recortex.checkpoints.captioner.load_captioner` loads it, and transformers loads the language model alone."
    )

    def check_inputs(self) -> None:
        """Embeddings and captions of the same scenes and of one model, held-out scenes that are not trained on."""
        if self.embeddings.stimuli != self.captions.scenes:
            raise InvalidInput("embeddings and captions must be of the same scenes")
        if self.held_out_embeddings.stimuli != self.held_out_captions.scenes:
            raise InvalidInput("held_out_embeddings and held_out_captions must be of the same scenes")
        if self.embeddings.model_copy(update={"stimuli": self.held_out_captions.scenes}) != self.held_out_embeddings:
            raise InvalidInput("embeddings and held_out_embeddings must be of the same model")
        if self.width % self.heads:
            raise InvalidInput(f"width: {self.width} is no multiple of the {self.heads} heads")
        check_apart(self.held_out_captions.scenes, self.captions.scenes, "held_out_captions")

    def scenes_seen(self) -> list[Stimuli]:
        """Those of its captions and those of the image-text model."""
        return [self.captions.scenes, *seen_by(self.embeddings.trained)]

    def schedule(self) -> Schedule:
        """With a moving average of the weights."""
        return Schedule(self.steps, self.learning_rate, decay=0.05, average=0.99)

    def recipe(self) -> Recipe:
        """Cross-entropy of each next word."""
        import torch
        from torch.nn import functional

        given = torch.from_numpy(self.embeddings.run()["features"].astype(np.float32))
        mean, sd = statistics(given)
        given = (given - mean) / sd
        captioner = self._captioner(given.shape[1])
        network = torch.nn.ModuleDict({"model": captioner.model, "prefix": captioner.prefix})
        sentences = [sentence(words) for words in self.captions.run()["caption"][:, FULL].tolist()]
        texts = captioner.tokenizer(sentences, padding=True, return_tensors="pt")["input_ids"]
        if texts.shape[1] > MOST:
            raise ValueError(f"a caption has {texts.shape[1]} tokens, more than {MOST}")

        def losses(rng: np.random.Generator) -> dict[str, torch.Tensor]:
            device = captioner.prefix.weight.device
            rows = torch.from_numpy(rng.integers(len(given), size=self.batch))
            wanted = texts[rows]
            wanted = wanted[:, : int((wanted != PAD).sum(1).max())].to(device)
            start = captioner.told(decoded(given[rows], self.noise).to(device))
            said = captioner.model.get_input_embeddings()(wanted[:, :-1])
            made = captioner.model(inputs_embeds=torch.cat([start, said], 1)).logits[:, self.tokens - 1 :]
            return {"word": functional.cross_entropy(made.flatten(0, 1), wanted.flatten(), ignore_index=PAD)}

        return Recipe(network, losses)

    def _captioner(self, features: int) -> Captioner:
        """At its random start."""
        import torch
        from transformers import GPT2Config, GPT2LMHeadModel

        tokenizer = sentence_tokenizer()
        config = GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=self.tokens + MOST,
            n_embd=self.width,
            n_layer=self.layers,
            n_head=self.heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=START,
            eos_token_id=END,
            pad_token_id=PAD,
        )
        return Captioner(GPT2LMHeadModel(config), tokenizer, torch.nn.Linear(features, self.tokens * self.width))

    def save(self, network: torch.nn.Module, folder: Path) -> None:
        """As transformers' folder of the language model, with the prefix; it takes embeddings as they are."""
        import torch

        assert isinstance(network, torch.nn.ModuleDict)
        mean, sd = statistics(torch.from_numpy(self.embeddings.run()["features"].astype(np.float32)))
        prefix: Any = network["prefix"]
        with torch.no_grad():
            prefix.weight /= sd
            prefix.bias -= prefix.weight @ mean
        save_captioner(Captioner(network["model"], sentence_tokenizer(), prefix), folder)

    def examine(self, folder: Path) -> Examined:
        """What captions say of held-out scenes: of their embeddings as they are, under noise, and of other scenes'.

        Kind, design and colour are those of the thing that a caption names first, and right if the largest thing is of them; so
        a caption gains nothing by naming many things. `things_there` is the share of all things named whose kind is in the scene,
        `things_named` the share of the things in a scene whose kind is named.
        """
        import torch

        captioner = load_captioner(folder)
        embeddings = torch.from_numpy(self.held_out_embeddings.run()["features"].astype(np.float32))
        scenes = self.held_out_captions.scenes.run()
        draw = torch.Generator().manual_seed(self.seed)
        mean, sd = statistics(embeddings)
        noisy = embeddings + sd * torch.randn(embeddings.shape, generator=draw)
        given = {"": embeddings, "_noisy": noisy, "_noisy_drawn_in": (noisy + mean) / 2}
        write = partial(captioner.captions, beams=self.beams, most=MOST)
        written = {condition: write(values) for condition, values in given.items()}
        truth = true_answers(scenes)
        figures: dict[str, float] = {}
        for condition, captions in written.items():
            answered = answers(captions)
            figures |= {f"{name}{condition}": float(np.mean(answered[name] == truth[name])) for name in truth}
            figures |= {f"{name}{condition}": value for name, value in named_things(captions, scenes["kind"]).items()}
            figures |= {f"{name}{condition}_by_chance": by_chance(answered[name], truth[name]) for name in truth if not condition}
        figures["distinct_captions"] = len(set(written[""])) / len(written[""])
        figures["megabytes"] = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        sheet = {"seen": scenes["picture"][:SHOWN] / np.float32(255)}
        return Examined(figures, GOALS, sheet, written[""][:SHOWN])


def sentence(words: str) -> str:
    """A caption with a capital and a full stop."""
    return words if words.endswith(".") else f"{words[0].upper()}{words[1:]}."


def sentence_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of the words of `vocabulary`, with capitals and punctuation: what it has read it writes again letter by letter."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = vocabulary()[len(SPECIAL) :]
    pieces = [*SPECIAL, *(SPACE + word for word in words), *(SPACE + word.capitalize() for word in words)]
    pieces += [f'{SPACE}"', *"\"',.:;", "s", *TEXTS]
    made = Tokenizer(models.WordLevel({piece: number for number, piece in enumerate(pieces)}, unk_token=SPECIAL[UNKNOWN]))
    spaces: dict[str, Any] = {"replacement": SPACE, "prepend_scheme": "always"}
    parts = pre_tokenizers.Split(Regex(rf"{SPACE}?(\p{{L}}+|[^\p{{L}}{SPACE}])"), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(**spaces, split=True), parts])
    made.decoder = decoders.Metaspace(**spaces)
    made.post_processor = processors.TemplateProcessing(single=f"$A {SPECIAL[END]}", special_tokens=[(SPECIAL[END], END)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=MOST,
        clean_up_tokenization_spaces=False,
        pad_token=SPECIAL[PAD],
        bos_token=SPECIAL[START],
        eos_token=SPECIAL[END],
        unk_token=SPECIAL[UNKNOWN],
    )


def statistics(embeddings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each feature; that of features that hardly vary is held at a thousandth of the others'."""
    sd = embeddings.std(0)
    return embeddings.mean(0), sd.clamp(min=float(1e-3 * sd.mean()))


def decoded(embeddings: torch.Tensor, most: float) -> torch.Tensor:
    """Standardised embeddings (n, feature) as a decoder might give them: each under noise of a strength of its own, and drawn in.

    Drawn in by 1 / (1 + strength squared), which is what ridge regression does to such noise, by nothing, or by what lies between.
    """
    import torch

    strength = most * torch.rand(len(embeddings), 1)
    kept = torch.lerp(torch.ones_like(strength), 1 / (1 + strength.square()), torch.rand_like(strength))
    return kept * (embeddings + strength * torch.randn_like(embeddings))


def true_answers(scenes: Any) -> dict[str, np.ndarray]:
    """What is in scenes, as words: kind, design and colour of the largest thing, background, time and number of things."""
    return {
        "kind": scenes["kind"][:, 0],
        "design": scenes["design"][:, 0],
        "colour": scenes["colour"][:, 0],
        "background": scenes["background"],
        "night": np.where(scenes["night"], "True", "False"),
        "count": (scenes["kind"] != "").sum(1).astype(str),
    }


def answers(captions: list[str]) -> dict[str, np.ndarray]:
    """What captions say, in the same words; of the things, the one that is named first."""
    said = [read(caption) for caption in captions]
    made = {name: np.array([getattr(one.first, name) for one in said]) for name in ("kind", "design", "colour")}
    return made | {name: np.array([str(getattr(one, name)) for one in said]) for name in ("background", "night", "count")}


def named_things(captions: list[str], kinds: np.ndarray) -> dict[str, float]:
    """How many of the things named are there, and how many of those that are there are named, by their kinds."""
    right = named = there = 0
    for caption, row in zip(captions, kinds.tolist(), strict=True):
        said, true = [thing.kind for thing in read(caption).things], [kind for kind in row if kind]
        right += sum(min(said.count(kind), true.count(kind)) for kind in set(said))
        named, there = named + len(said), there + len(true)
    return {"things_there": right / max(1, named), "things_named": right / max(1, there)}


def by_chance(said: np.ndarray, true: np.ndarray) -> float:
    """How often what is said of one scene is true of another: the mean over all pairs of scenes."""
    n = len(said)
    return float(((said[:, None] == true[None]).sum() - (said == true).sum()) / max(1, n * (n - 1)))
