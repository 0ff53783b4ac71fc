"""Text encoders whose tokens a diffusion model attends to: those of a diffusion model's own folder, or an image-text model's.

``encoder = load_text_encoder(folder)``, then ``encoder.states(["a red cup"])``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recortex.checkpoints.finding import require, weights_among
from recortex.checkpoints.image_text import OpenClip, tokens_of
from recortex.checkpoints.loading import check_complete, in_one_line, quietly, read_json, sound, to_device
from recortex.checkpoints.text_states import text_states
from recortex.errors import InvalidInput, shown

if TYPE_CHECKING:
    import torch

ENCODER, TOKENIZER = "text_encoder", "tokenizer"
WORDS = ("tokenizer.json", "vocab.json", "merges.txt", "special_tokens_map.json")


@dataclass(frozen=True)
class TextEncoder:
    """A text tower with its tokenizer.

    Parameters
    ----------
    network : torch.nn.Module
    read : callable
        list of n str -> (n, token, width) tensor, what the tower makes of each token.
    """

    network: torch.nn.Module
    read: Callable[[list[str]], torch.Tensor]

    def states(self, texts: list[str]) -> torch.Tensor:
        """What the tower makes of each token of each text: (text, token, width).

        Raises
        ------
        InvalidInput
            A text is too long.
        """
        import torch

        distinct = list(dict.fromkeys(texts))
        with torch.inference_mode():
            states = self.read(distinct)
        return states[[distinct.index(text) for text in texts]]


def of_image_text(loaded: OpenClip, device: str = "cpu") -> TextEncoder:
    """The text tower of a model of open_clip.

    Parameters
    ----------
    loaded : OpenClip
    device : str
    """
    network = to_device(loaded.model, device)
    return TextEncoder(network, lambda texts: text_states(loaded, tokens_of(loaded, texts, cut=True).to(device)))


def choose_text_encoder(names: set[str], where: str) -> list[str]:
    """The files of a diffusion model's text encoder and tokenizer among those of its folder; none where it has none."""
    if f"{ENCODER}/config.json" not in names:
        return []
    config = require(
        names, (f"{ENCODER}/config.json", f"{TOKENIZER}/tokenizer_config.json"), where, "a diffusion model with words"
    )
    words = [f"{TOKENIZER}/{name}" for name in WORDS if f"{TOKENIZER}/{name}" in names]
    return [*config, *weights_among(names, (f"{ENCODER}/model",), where), *words]


def load_text_encoder(folder: Path, device: str = "cpu") -> TextEncoder:
    """Load the text encoder of a diffusion model's folder, a CLIPTextModel of transformers, with its tokenizer.

    Parameters
    ----------
    folder : Path
        With folders text_encoder and tokenizer.
    device : str

    Raises
    ------
    InvalidInput
        Files that are not there, damaged, or of another model.
    """
    from transformers import AutoTokenizer, CLIPTextModel

    kind: Any = CLIPTextModel
    only_here: dict[str, Any] = {"local_files_only": True}
    with quietly(), in_one_line(f"{folder / ENCODER} cannot be loaded by transformers as a text encoder of CLIP"):
        model, info = kind.from_pretrained(folder / ENCODER, use_safetensors=True, output_loading_info=True, **only_here)
        check_complete(info, folder / ENCODER)
        network = to_device(sound(model, folder / ENCODER), device)
    with quietly(), in_one_line(f"{folder / TOKENIZER} cannot be loaded by transformers as a tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder / TOKENIZER, trust_remote_code=False, **only_here)
    context = int(model.config.max_position_embeddings)

    def read(texts: list[str]) -> torch.Tensor:
        tokens = tokenizer(texts, padding="max_length", truncation=True, max_length=context, return_tensors="pt")["input_ids"]
        return network(tokens.to(device))[0]

    return TextEncoder(network, read)


def width_of_text_encoder(folder: Path) -> int:
    """How many numbers a token has, as the configuration of a diffusion model's text encoder says."""
    width = read_json(folder / ENCODER / "config.json").get("hidden_size")
    if not isinstance(width, int):
        raise InvalidInput(f"{folder / ENCODER / 'config.json'} has {shown(width)} as hidden_size; it is damaged")
    return width
