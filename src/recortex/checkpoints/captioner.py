"""Captioners: causal language models of transformers that are told by an image embedding what to say.

``captioner = load_captioner(folder)``, then ``captioner.captions(embeddings)``.

The folder is that of any causal language model (GPT-2 ...), with one file more, prefix.safetensors: the linear map from an image
embedding to the tokens that stand before the first word, as in ClipCap (Mokady et al. 2021): ``weight`` (token * width, feature) and
``bias`` (token * width). How many tokens they are follows from the width of the language model's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recortex.checkpoints.finding import require, weights_among
from recortex.checkpoints.image_text import tokenizer_among
from recortex.checkpoints.loading import check_complete, check_safetensors, in_one_line, quietly, read_json, sound, to_device
from recortex.checkpoints.weights import read_weights
from recortex.errors import InvalidInput, listed, shown

if TYPE_CHECKING:
    import torch

CONFIG, GENERATION, PREFIX = "config.json", "generation_config.json", "prefix.safetensors"
WORDS = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")


@dataclass(frozen=True)
class Captioner:
    """A language model, its tokenizer, and the map from an image embedding to the tokens before the first word.

    Parameters
    ----------
    model : torch.nn.Module
        A causal language model of transformers.
    tokenizer : transformers.PreTrainedTokenizerBase
    prefix : torch.nn.Linear
    """

    model: Any
    tokenizer: Any
    prefix: torch.nn.Linear

    @property
    def embedding_size(self) -> int:
        """How many numbers an image embedding has."""
        return self.prefix.in_features

    @property
    def width(self) -> int:
        """How many numbers a token has."""
        return self.model.get_input_embeddings().weight.shape[1]

    @property
    def prefix_tokens(self) -> int:
        """How many tokens stand before the first word."""
        return self.prefix.out_features // self.width

    @property
    def ends(self) -> tuple[int, ...]:
        """Numbers of the tokens that end a text."""
        end = self.model.generation_config.eos_token_id
        return () if end is None else tuple(end) if isinstance(end, list | tuple) else (end,)

    def told(self, embedding: torch.Tensor) -> torch.Tensor:
        """What stands before the first word: (n, token, width) of embeddings (n, feature)."""
        return self.prefix(embedding).unflatten(1, (-1, self.width))

    def captions(self, embedding: torch.Tensor, beams: int = 5, most: int = 50, batch: int = 64) -> list[str]:
        """The most probable captions that a beam search finds; nothing is drawn by chance.

        Parameters
        ----------
        embedding : (n, feature) tensor
            Image embeddings, as long as the model that they are of makes them.
        beams : int
            How many beginnings are followed at a time.
        most : int
            Longest caption in tokens; a longer one is cut off.
        batch : int
            How many at a time.

        Returns
        -------
        list of n str

        Raises
        ------
        InvalidInput
            Embeddings of another size or not finite; captions longer than the model can write.
        """
        import torch

        self._check(embedding, beams, most, batch)
        device = self.prefix.weight.device
        # the folder's own say about lengths and repeats holds; what it says about drawing by chance does not
        never = {
            "do_sample": False,
            "num_return_sequences": 1,
            "return_dict_in_generate": False,
            "min_length": 0,
            "max_length": None,
        }
        written: list[str] = []
        with torch.inference_mode(), quietly(), in_one_line("the captioner"):
            for part in embedding.split(batch) if len(embedding) else ():
                start = self.told(part.to(device, self.prefix.weight.dtype))
                seen = torch.ones(start.shape[:2], dtype=torch.long, device=device)
                made = self.model.generate(
                    inputs_embeds=start,
                    attention_mask=seen,
                    num_beams=beams,
                    max_new_tokens=most,
                    pad_token_id=self.ends[0],
                    **never,
                )
                written += [self._text(tokens) for tokens in made.tolist()]
        return written

    def to(self, device: str) -> Captioner:
        """The same on a device: "cpu", "cuda" ...

        Raises
        ------
        InvalidInput
            There is no such device, or it has too little memory left.
        """
        return Captioner(to_device(self.model, device), self.tokenizer, to_device(self.prefix, device))

    def _text(self, tokens: list[int]) -> str:
        """The words up to the end, in one line."""
        stop = next((at for at, token in enumerate(tokens) if token in self.ends), len(tokens))
        return " ".join(self.tokenizer.decode(tokens[:stop], skip_special_tokens=True).split())

    def _check(self, embedding: torch.Tensor, beams: int, most: int, batch: int) -> None:
        import torch

        for name, value in (("beams", beams), ("most", most), ("batch", batch)):
            if value < 1:
                raise InvalidInput(f"{name}: {value} is too few; give 1 or more")
        if embedding.ndim != 2 or embedding.shape[1] != self.embedding_size:
            raise InvalidInput(
                f"the captioner takes embeddings (n, {self.embedding_size}), got {tuple(embedding.shape)}; use those of the image-text "
                "model that it was trained with"
            )
        if wrong := (~torch.isfinite(embedding).all(1)).nonzero().flatten().tolist():
            raise InvalidInput(f"embeddings {listed(wrong)} (counted from 0) hold NaN or infinite numbers; leave those rows out")
        room = getattr(self.model.config, "max_position_embeddings", None)
        if room is not None and most > room - self.prefix_tokens:
            raise InvalidInput(
                f"most: {most} tokens are more than the {room - self.prefix_tokens} that this model can write; give fewer"
            )


def choose_captioner(names: set[str], where: str) -> list[str]:
    """Configuration, prefix, weights and tokenizer among the files of a folder."""
    config = require(names, (CONFIG, PREFIX), where, "a captioner (a causal language model of transformers with a prefix)")
    if not names & set(WORDS):
        raise InvalidInput(f"{where} lacks the files of its tokenizer (tokenizer.json); put them there")
    return [*config, *sorted({GENERATION} & names), *weights_among(names - {PREFIX}, ("model",), where), *tokenizer_among(names)]


def sizes_of_captioner(folder: Path) -> tuple[int, int | None]:
    """How many numbers the embeddings have that a captioner reads, and how many tokens it can write, by its files' headers.

    Returns
    -------
    features : int
    room : int or None
        None where its configuration sets no limit.

    Raises
    ------
    InvalidInput
        The prefix is none.
    """
    config = read_json(folder / CONFIG)
    shape = check_safetensors(folder / PREFIX).get("weight", ())
    if len(shape) != 2:
        raise InvalidInput(
            f"{folder / PREFIX} holds no weight (token * width, feature), so it is no captioner's prefix; use the one it was saved with"
        )
    width, room = (_number(config, *names) for names in (("n_embd", "hidden_size"), ("n_positions", "max_position_embeddings")))
    return shape[1], room - shape[0] // width if width and room else None


def load_captioner(folder: Path) -> Captioner:
    """Load a captioner: float32, on the CPU, without gradients.

    Parameters
    ----------
    folder : Path
        As ``save_captioner`` writes it, or that of any causal language model of transformers with a prefix.safetensors.

    Raises
    ------
    InvalidInput
        Files that are not there, damaged, or of another model; a model that does not say which token ends a text.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder; name the captioner's folder")
    for name in choose_captioner({path.name for path in folder.iterdir() if path.is_file()}, str(folder)):
        if name.endswith(".safetensors"):
            check_safetensors(folder / name)
        elif name in (CONFIG, GENERATION, "tokenizer.json", "tokenizer_config.json"):  # transformers passes over damaged ones
            read_json(folder / name)
    only_here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    looked_at: dict[str, Any] = {"output_loading_info": True, "ignore_mismatched_sizes": True}  # they are refused below, by name
    loading: Any = AutoModelForCausalLM
    with quietly(), in_one_line(f"{folder} cannot be loaded by transformers as a causal language model"):
        model, info = loading.from_pretrained(str(folder), use_safetensors=True, **looked_at, **only_here)
    check_complete(info, folder)
    with quietly(), in_one_line(f"{folder}: its tokenizer cannot be loaded by transformers"):
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **only_here)
    captioner = Captioner(sound(model, folder), tokenizer, _prefix(folder / PREFIX, model.get_input_embeddings().weight.shape[1]))
    _check_words(captioner, folder)
    return captioner


def save_captioner(captioner: Captioner, folder: Path) -> None:
    """Write a captioner as `load_captioner` reads it, weights in half precision; the captioner becomes half precision, too."""
    from safetensors.torch import save_file

    with quietly():
        captioner.model.half().save_pretrained(folder, safe_serialization=True)
        captioner.tokenizer.save_pretrained(folder)
    state = {name: value.contiguous() for name, value in captioner.prefix.half().state_dict().items()}
    save_file(state, folder / PREFIX, metadata={"format": "pt"})


def _prefix(path: Path, width: int) -> torch.nn.Linear:
    """The map from embeddings to tokens, whose sizes are looked at."""
    import torch

    state = read_weights(path)
    if set(state) != {"weight", "bias"} or state["weight"].ndim != 2:
        held = listed([f"{name} {tuple(value.shape)}" for name, value in sorted(state.items())], 3)
        raise InvalidInput(f"{path} holds {held}, not a weight (token * width, feature) and a bias (token * width)")
    weight, bias = state["weight"], state["bias"]
    if len(weight) % width or not weight.numel():
        raise InvalidInput(
            f"{path}: weight has {len(weight)} rows, no multiple of the {width} numbers of the language model's tokens; it is of another "
            "language model"
        )
    if bias.shape != weight.shape[:1]:
        raise InvalidInput(f"{path}: bias has shape {tuple(bias.shape)} and weight {tuple(weight.shape)}; they are of two models")
    prefix = torch.nn.Linear(weight.shape[1], len(weight))
    prefix.load_state_dict(state)
    return sound(prefix, path)


def _check_words(captioner: Captioner, folder: Path) -> None:
    """Refuse a model that cannot end, or whose tokenizer is another model's."""
    place = folder / GENERATION if (folder / GENERATION).is_file() else folder / CONFIG
    known, words = captioner.model.get_input_embeddings().weight.shape[0], len(captioner.tokenizer)
    if words > known:
        raise InvalidInput(f"{folder}: the tokenizer has {words} tokens and the model knows {known}; it has another tokenizer")
    ends = captioner.ends
    if not ends or not all(isinstance(end, int) and 0 <= end < known for end in ends):
        said = f"has {shown(list(ends))} as" if ends else "does not say"
        raise InvalidInput(
            f"{place} {said} eos_token_id, the token that ends a text, so no caption would end; write its number there"
        )
    end = captioner.tokenizer.eos_token_id
    if end is not None and end not in ends:
        raise InvalidInput(
            f"{folder}: the tokenizer ends a text with token {end} and {place.name} with {listed(ends)}; they are of two models"
        )


def _number(config: dict[str, Any], *names: str) -> int | None:
    """The first of a configuration's fields that is a number; language models name them in two ways."""
    return next((value for name in names if isinstance(value := config.get(name), int) and value > 0), None)
