"""What load_open_clip gives is open_clip's own; what it refuses, open_clip would take in silence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip import pretrained
from PIL import Image
from safetensors.torch import load_file, save_file

from recortex.checkpoints.image_text import check_activation, load_open_clip, published, read_config, tokens_of
from recortex.errors import InvalidInput
from tests import tiny_models


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return tiny_models.open_clip(tmp_path_factory.mktemp("models") / "vit")


@pytest.fixture
def copy(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def refusal(make: Callable[[], object], *words: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        make()
    said = str(caught.value)
    assert "\n" not in said and all(word in said for word in words), said
    return said


def edited(folder: Path, change: Callable[[dict], object]) -> Path:
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_model_preprocessing_and_tokenizer_are_those_of_open_clip_itself(kind, tmp_path):
    folder = tiny_models.open_clip(tmp_path / kind, kind)
    loaded = load_open_clip(folder)
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8))
    words = ["a red cup", "a blue dog on grass"]
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(words)
    assert torch.equal(loaded.preprocess(image), preprocess(image))
    assert torch.equal(tokens_of(loaded, words), tokens)
    mine, theirs = loaded.model.state_dict(), model.eval().state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in mine.items())
    with torch.inference_mode():  # frozen weights may take another path through attention, with other last bits
        seen = preprocess(image)[None]
        torch.testing.assert_close(loaded.model.encode_image(seen), model.encode_image(seen), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(loaded.model.encode_text(tokens), model.encode_text(tokens), rtol=1e-5, atol=1e-5)


def test_half_precision_weights_are_used_in_float32(copy):
    path = copy / "open_clip_model.safetensors"
    save_file({name: value.half() if value.is_floating_point() else value for name, value in load_file(path).items()}, path)
    model = load_open_clip(copy).model
    assert {value.dtype for value in model.parameters()} == {torch.float32} and not model.training
    assert not any(value.requires_grad for value in model.parameters())


def test_whatever_else_lies_in_the_folder_is_not_taken_for_the_weights(copy, made, tmp_path):
    torch.save(
        load_file(tiny_models.open_clip(tmp_path / "o", seed=1) / "open_clip_model.safetensors"),
        copy / "open_clip_pytorch_model.bin",
    )
    mine, theirs = load_open_clip(copy, words=False), load_open_clip(made, words=False)
    assert all(torch.equal(one, other) for one, other in zip(mine.model.parameters(), theirs.model.parameters(), strict=True))
    assert mine.tokenizer is None
    (copy / "open_clip_model.safetensors").unlink()
    refusal(lambda: load_open_clip(copy), "open_clip_pytorch_model.bin", "never read", "safetensors")


@pytest.mark.parametrize("part", ["mean", "std"])
@pytest.mark.parametrize("value", [None, [0.5, 0.5], "0.5", [0.5, 0.5, float("nan")], 0.5])
def test_a_normalisation_that_is_missing_or_none_is_refused(part, value, copy):
    def change(config: dict) -> None:
        config["preprocess_cfg"] |= {part: value}
        if value is None:
            del config["preprocess_cfg"][part]

    refusal(lambda: load_open_clip(edited(copy, change)), "open_clip_config.json", f"the {part} ", "preprocess_cfg")


def test_a_configuration_without_preprocessing_or_model_is_refused(copy):
    refusal(lambda: read_config(edited(copy, lambda config: config.pop("preprocess_cfg"))), "the mean", "three numbers")
    refusal(lambda: read_config(edited(copy, lambda config: config["model_cfg"].pop("text_cfg"))), "model_cfg with text_cfg")
    refusal(lambda: read_config(edited(copy, lambda config: config.pop("model_cfg"))), "model_cfg with embed_dim")


def test_a_standard_deviation_of_zero_is_refused(copy):
    change = lambda config: config["preprocess_cfg"].update(std=[0.2, 0.0, 0.2])  # noqa: E731
    refusal(lambda: load_open_clip(edited(copy, change)), "the std")


def test_a_configuration_that_lets_code_of_its_own_run_is_refused(copy):
    change = lambda config: config["model_cfg"]["text_cfg"].update(tokenizer_kwargs={"trust_remote_code": True})  # noqa: E731
    refusal(lambda: load_open_clip(edited(copy, change)), "code of its own")


def test_weights_of_another_architecture_are_refused(copy, tmp_path):
    shutil.copyfile(
        tiny_models.open_clip(tmp_path / "rn", "resnet") / "open_clip_model.safetensors", copy / "open_clip_model.safetensors"
    )
    refusal(lambda: load_open_clip(copy), str(copy), "cannot be loaded by open_clip", "visual")


def test_a_configuration_that_open_clip_cannot_build_is_refused(copy):
    change = lambda config: config["model_cfg"]["vision_cfg"].update(width="wide")  # noqa: E731
    refusal(lambda: load_open_clip(edited(copy, change)), str(copy), "cannot be loaded by open_clip")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(value, copy):
    path = copy / "open_clip_model.safetensors"
    state = load_file(path)
    state["visual.proj"][0, 0] = value
    save_file(state, path)
    refusal(lambda: load_open_clip(copy), "open_clip_model.safetensors", "visual.proj", "NaN")


# words


def test_a_text_that_is_too_long_is_refused_or_cut_as_asked(made):
    loaded = load_open_clip(made)
    fits, long = " ".join(["a"] * 8), " ".join(["a"] * 9)
    assert tokens_of(loaded, [fits]).shape == (1, 10)
    refusal(lambda: tokens_of(loaded, ["a cup", long]), "11 tokens", "reads 10")
    assert torch.equal(tokens_of(loaded, [long], cut=True), tokens_of(loaded, [fits]))


def test_a_tokenizer_without_the_models_end_token_is_refused(copy):
    """open_clip would read the meaning off the beginning of every text, which is the same."""
    change = lambda config: config["model_cfg"]["text_cfg"].update(eos_id=9)  # noqa: E731
    loaded = load_open_clip(edited(copy, change))
    refusal(lambda: tokens_of(loaded, ["a cup"]), "token 9", "eos_id")


def test_an_end_token_that_is_not_the_highest_is_refused_where_the_model_looks_for_the_highest(copy):
    change = lambda config: config["model_cfg"]["text_cfg"].update(pool_type="argmax")  # noqa: E731
    loaded = load_open_clip(edited(copy, change))
    refusal(lambda: tokens_of(loaded, ["a cup"]), "end token 2", "argmax", "pool_type: eos")


def test_a_tokenizer_with_more_words_than_the_model_is_refused(tmp_path):
    folder = tiny_models.open_clip(tmp_path / "small", text={"vocab_size": 6})
    loaded = load_open_clip(folder)
    assert tokens_of(loaded, ["a red"]).max() == 5
    refusal(lambda: tokens_of(loaded, ["a red dog"]), "token 8", "knows 6")


def test_a_tokenizer_that_is_not_named_or_not_there_is_no_reason_to_take_clips(copy):
    for path in copy.glob("*token*"):
        path.unlink()
    refusal(lambda: load_open_clip(copy), "tokenizer.json", "words")
    load_open_clip(copy, words=False)
    refusal(lambda: load_open_clip(edited(copy, lambda c: c["model_cfg"]["text_cfg"].pop("hf_tokenizer_name"))), "49,408", "11")


# what open_clip knows by name


def test_openai_weights_need_the_architecture_with_quickgelu_and_others_the_one_without():
    refusal(lambda: published("ViT-B-32", "openai"), "QuickGELU", "use model: ViT-B-32-quickgelu")
    refusal(lambda: published("RN50", "openai"), "use model: RN50-quickgelu")
    assert published("ViT-B-32-quickgelu", "openai").config["model_cfg"]["quick_gelu"]
    assert "quick_gelu" not in published("ViT-B-32", "laion2b_s34b_b79k").config["model_cfg"]


def test_no_architecture_is_offered_in_the_place_of_another_that_does_not_exist():
    """Every refusal for the activation names one that open_clip has with those weights."""
    for architecture, tag in open_clip.list_pretrained():
        try:
            published(architecture, tag)
        except InvalidInput as error:
            if "QuickGELU" in str(error):
                right = str(error).rpartition("model: ")[2]
                assert tag in open_clip.list_pretrained_tags_by_model(right)
                assert "QuickGELU" not in refused(right, tag)


def refused(architecture: str, tag: str) -> str:
    try:
        published(architecture, tag)
    except InvalidInput as error:
        return str(error)
    return ""


def test_published_weights_come_with_repository_and_normalisation():
    known = published("ViT-B-32", "laion2b_s34b_b79k")
    assert (known.repository, known.file) == ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "")
    assert known.config["preprocess_cfg"]["mean"] == pretrained.get_pretrained_cfg("ViT-B-32", "laion2b_s34b_b79k")["mean"]
    other = published("ViT-B-16-SigLIP", "webli").config["preprocess_cfg"]
    assert other["mean"] == (0.5, 0.5, 0.5) and other["resize_mode"] == "squash"


def test_a_misspelt_architecture_or_tag_gets_the_right_one():
    refusal(lambda: published("ViT-B32", "openai"), "model:", "did you mean ViT-B-32")
    refusal(lambda: published("ViT-B-32", "laion2b_s34b_b79"), "weights:", "did you mean laion2b_s34b_b79k?")
    refusal(lambda: published("ViT-B-32", ""), "has no weights named", "laion2b_s34b_b79k")


def test_weights_that_are_only_published_as_pickled_files_are_refused(monkeypatch):
    monkeypatch.setitem(pretrained._PRETRAINED, "RN101", {"elsewhere": {"url": "https://example.org/weights.pt"}})
    refusal(lambda: published("RN101", "elsewhere"), "elsewhere", "never read")


def test_a_repository_of_openai_weights_whose_configuration_forgot_quickgelu_is_refused():
    repository = published("ViT-B-32-quickgelu", "openai").repository
    refusal(lambda: check_activation(repository, {"model_cfg": {}}), repository, "ViT-B-32-quickgelu", "openai")
    check_activation(repository, {"model_cfg": {"quick_gelu": True}})
    check_activation("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", {"model_cfg": {}})
