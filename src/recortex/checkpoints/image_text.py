"""CLIP-like models in the format of open_clip: the public entry for whatever looks at pictures or reads words with one.

``loaded = load_open_clip(folder)``, then ``loaded.model.encode_image(torch.stack([loaded.preprocess(image)]))`` and
``loaded.model.encode_text(tokens_of(loaded, ["a red cup"]))``.

The folder holds open_clip_config.json (model_cfg and preprocess_cfg), weights as safetensors, and the tokenizer's files where the
configuration names one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from recortex.checkpoints.finding import require, weights_among
from recortex.checkpoints.loading import in_one_line, quietly, read_json, sound, three_numbers
from recortex.errors import InvalidInput, did_you_mean, listed, shown

if TYPE_CHECKING:
    import torch
    from PIL import Image

CONFIG = "open_clip_config.json"
STEMS = ("open_clip_model", "open_clip_pytorch_model", "model")  # in open_clip's own order
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
    "vocab.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip
WORDS_OF_CLIP = 49408  # open_clip's own tokenizer, which it takes where a configuration names none


class OpenClip(NamedTuple):
    """A loaded model: float32, on the CPU, without gradients.

    Parameters
    ----------
    model : torch.nn.Module
        With open_clip's ``encode_image`` and ``encode_text``.
    preprocess : callable
        A PIL image to the (3, height, width) that the model sees, as its checkpoint says.
    tokenizer : callable or None
        Texts to (text, token); `tokens_of` is the safe way to it. None where it was not asked for.
    """

    model: Any
    preprocess: Callable[[Image.Image], torch.Tensor]
    tokenizer: Any


class Published(NamedTuple):
    """What open_clip knows of weights by their tag: repository of the hub, file in it ("" for the usual), configuration."""

    repository: str
    file: str
    config: dict[str, Any]


def choose_open_clip(names: set[str], where: str, words: bool = True) -> list[str]:
    """Configuration, weights and, for words, the tokenizer among the files of a folder."""
    config = require(names, (CONFIG,), where, "a model folder of open_clip")
    return [*config, *weights_among(names, STEMS, where, any_other=True), *tokenizer_among(names, words)]


def tokenizer_among(names: set[str], words: bool = True) -> list[str]:
    """The files of a tokenizer, where words are asked for."""
    return sorted(set(TOKENIZER) & names) if words else []


def load_open_clip(folder: Path, config: dict[str, Any] | None = None, file: str = "", words: bool = True) -> OpenClip:
    """Load a model.

    Parameters
    ----------
    folder : Path
    config : dict, optional
        Instead of the folder's own.
    file : str
        The weights' file, where there are several.
    words : bool
        Whether the tokenizer is loaded too.

    Returns
    -------
    OpenClip

    Raises
    ------
    InvalidInput
        Files that are not there, damaged, or of another model; a configuration that leaves open how pictures are prepared.
    """
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    names = {path.name for path in folder.iterdir() if path.is_file()}
    weights = folder / (file or weights_among(names, STEMS, str(folder), any_other=True)[0])
    config = read_config(folder) if config is None else check_config(config, str(folder))
    with TemporaryDirectory(prefix="recortex-") as place, quietly(), in_one_line(f"{folder} cannot be loaded by open_clip"):
        # a folder of its own, for open_clip takes whatever weights and configuration lie in one
        stage = Path(place)
        (stage / CONFIG).write_text(json.dumps(config))
        for name in tokenizer_among(names, words):
            shutil.copyfile(folder / name, stage / name)
        _link(weights.resolve(), stage / "open_clip_model.safetensors")
        name = f"local-dir:{stage}"
        model = open_clip.create_model(name, pretrained_text=False, require_pretrained=True)
        preprocess = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
        tokenizer = _tokenizer(name, config["model_cfg"], folder) if words else None
    return OpenClip(sound(model, weights), preprocess, tokenizer)


def read_config(folder: Path) -> dict[str, Any]:
    """A folder's configuration, checked."""
    return check_config(read_json(folder / CONFIG), str(folder / CONFIG))


def check_config(config: dict[str, Any], where: str) -> dict[str, Any]:
    """Refuse a configuration that is none, or that leaves to open_clip how pictures are normalised.

    Raises
    ------
    InvalidInput
    """
    model = config.get("model_cfg")
    for part in ("embed_dim", "vision_cfg", "text_cfg"):
        if not isinstance(model, dict) or part not in model:
            raise InvalidInput(f"{where} has no model_cfg with {part}; it is not a configuration of open_clip")
    preprocess = config.get("preprocess_cfg")
    for part, positive in (("mean", False), ("std", True)):
        value = preprocess.get(part) if isinstance(preprocess, dict) else None
        if not three_numbers(value, positive):
            given = "does not say" if value is None else f"has {shown(value)} as"
            raise InvalidInput(
                f"{where} {given} the {part} that pictures are normalised by; write that of its training, three numbers, into "
                "preprocess_cfg (open_clip would silently take CLIP's)"
            )
    return config


def published(architecture: str, tag: str) -> Published:
    """Weights that open_clip knows by architecture and tag: "ViT-B-32", "laion2b_s34b_b79k".

    Raises
    ------
    InvalidInput
        No such architecture or tag; a tag whose weights were trained with another activation; weights that are only to be had as
        files that may carry code.
    """
    import open_clip

    architectures = open_clip.list_models()
    if architecture not in architectures:
        raise InvalidInput(
            f"model: open_clip has no architecture {shown(architecture)}{did_you_mean(architecture, architectures)}; a model of the "
            "hub is org/name"
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if tag not in tags:
        said = f"open_clip has no weights {shown(tag)} of {architecture}" if tag else f"{architecture} has no weights named"
        raise InvalidInput(f"weights: {said}{did_you_mean(tag, tags) if tag else f'; choose from {listed(tags, 20)}'}")
    entry, model = open_clip.get_pretrained_cfg(architecture, tag), open_clip.get_model_config(architecture)
    # the other way round open_clip's list is not to be relied on: it has such a pair that is right
    if entry.get("quick_gelu") and not model.get("quick_gelu"):
        raise InvalidInput(
            f"model: the weights {tag} were trained with QuickGELU and {architecture} is without; use model: {architecture}-quickgelu"
        )
    repository, _, file = str(entry.get("hf_hub") or "").rpartition("/")
    if not repository:
        raise InvalidInput(
            f"weights: {tag} of {architecture} are published only as a file that may carry code, which is never read; use "
            "other weights, or save them as safetensors in a folder of open_clip"
        )
    preprocess = {name: entry[name] for name in ("mean", "std", "interpolation", "resize_mode") if name in entry}
    return Published(repository, file, {"model_cfg": model, "preprocess_cfg": preprocess})


def check_activation(repository: str, config: dict[str, Any]) -> None:
    """Refuse a repository that open_clip lists as trained with QuickGELU, and whose own configuration is without.

    Raises
    ------
    InvalidInput
    """
    import open_clip

    for architecture, tag in open_clip.list_pretrained():
        entry = open_clip.get_pretrained_cfg(architecture, tag)
        if str(entry.get("hf_hub")).rpartition("/")[0] == repository and entry.get("quick_gelu"):
            if not config["model_cfg"].get("quick_gelu"):
                right = architecture if architecture.endswith("-quickgelu") else f"{architecture}-quickgelu"
                raise InvalidInput(
                    f"model: {repository} was trained with QuickGELU and its configuration is without; use model: {right} with "
                    f"weights: {tag}"
                )
            return


def tokens_of(loaded: OpenClip, texts: list[str], cut: bool = False) -> torch.Tensor:
    """Texts as the model reads them.

    Parameters
    ----------
    loaded : OpenClip
    texts : list of str
    cut : bool
        Whether a text that is too long is cut off instead of refused.

    Returns
    -------
    (text, token) int tensor

    Raises
    ------
    InvalidInput
        A text is too long, or the tokenizer is not the one that the model was trained with.
    """
    context = int(getattr(loaded.tokenizer, "context_length", 0))
    if not cut:
        for text in texts:
            count = _length(loaded.tokenizer, text)
            if count > context:
                raise InvalidInput(
                    f"{shown(repr(text))} has {count} tokens and the model reads {context}; shorten it, or let what is too long be cut"
                )
    with in_one_line("the tokenizer cannot read these texts"):
        tokens = loaded.tokenizer(texts)
    table = loaded.model.token_embedding if hasattr(loaded.model, "token_embedding") else None
    text_tower = getattr(loaded.model, "text", loaded.model)
    table = getattr(text_tower, "token_embedding", table)
    if table is not None and int(tokens.max()) >= table.num_embeddings:
        raise InvalidInput(
            f"the tokenizer gives token {int(tokens.max())} and the model knows {table.num_embeddings}; it has another tokenizer"
        )
    _check_end(loaded.model, loaded.tokenizer, tokens)
    return tokens


def _tokenizer(name: str, model: dict[str, Any], folder: Path) -> Any:
    import open_clip

    text = model["text_cfg"]
    if not text.get("hf_tokenizer_name"):
        if (size := text.get("vocab_size", WORDS_OF_CLIP)) != WORDS_OF_CLIP:
            raise InvalidInput(
                f"{folder / CONFIG} names no hf_tokenizer_name and has a vocab_size of {size}: open_clip's own tokenizer, with "
                f"{WORDS_OF_CLIP:,}, is not the one of this model"
            )
        return open_clip.get_tokenizer(name)
    if not tokenizer_among({path.name for path in folder.iterdir()}):
        raise InvalidInput(
            f"{folder} lacks the files of its tokenizer {text['hf_tokenizer_name']} (tokenizer.json); put them there"
        )
    return open_clip.get_tokenizer(name, trust_remote_code=False)


def _length(tokenizer: Any, text: str) -> int:
    """In tokens, those at beginning and end included."""
    inner = getattr(tokenizer, "tokenizer", None)
    if inner is None:
        return len(tokenizer.encode(text)) + 2
    return len(inner(tokenizer.clean_fn(text), truncation=False, verbose=False).input_ids)


def _check_end(model: Any, tokenizer: Any, tokens: torch.Tensor) -> None:
    """Refuse a text without the end token, at which the model reads off its meaning: open_clip would read off the beginning."""
    tower = getattr(model, "text", model)
    rule = getattr(model, "text_pool_type", getattr(tower, "pool_type", ""))
    end = getattr(model, "text_eos_id", getattr(tower, "eos_id", None))
    if rule == "eos" and end is not None and not bool(tokens.eq(int(end)).any(dim=1).all()):
        raise InvalidInput(f"the tokenizer never writes token {end}, which is the model's eos_id; correct eos_id in {CONFIG}")
    own = getattr(getattr(tokenizer, "tokenizer", None), "eos_token_id", None)
    if rule == "argmax" and own is not None and not bool((tokens.max(dim=1).values == own).all()):
        raise InvalidInput(
            f"the tokenizer's end token {own} is not the highest of each text, as the model's pool_type argmax needs; "
            f"set pool_type: eos and eos_id: {own} in {CONFIG}"
        )


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError:  # a system without links
        shutil.copyfile(source, target)
