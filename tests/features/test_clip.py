"""CLIP features are what open_clip itself gives; tokens are those they are called; wrong asks get one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from huggingface_hub import constants
from open_clip import factory, pretrained
from PIL import Image
from safetensors.torch import load_file

from recortex.data.picture_file import PictureFile
from recortex.errors import InvalidInput
from recortex.features.clip import CLIP
from tests import tiny_models
from tests.tiny_models import COMMIT, in_hub_layout


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {kind: tiny_models.open_clip(folder / kind, kind) for kind in ("vit", "resnet")}


@pytest.fixture
def few(pictures) -> PictureFile:
    return pictures(np.random.default_rng(0).integers(0, 256, (5, 40, 52, 3), dtype=np.uint8), "few")


def refusal(make: Callable[[], object], *words: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        make()
    said = str(caught.value)
    assert "\n" not in said and all(word in said for word in words), said
    return said


def library(folder: Path, few: PictureFile) -> tuple[torch.nn.Module, torch.Tensor]:
    """Model and prepared pictures by open_clip's public functions alone."""
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    return model.eval(), torch.stack([preprocess(Image.fromarray(picture)) for picture in few.run()["picture"]])


@pytest.mark.parametrize("kind", ["vit", "resnet"])
@pytest.mark.parametrize("unit_length", [False, True])
def test_pooled_features_are_the_embedding_of_open_clip(kind, unit_length, made, few):
    model, seen = library(made[kind], few)
    with torch.inference_mode():
        expected = model.encode_image(seen, normalize=unit_length).numpy()
    result = CLIP(stimuli=few, folder=made[kind], unit_length=unit_length).run()
    assert result["shape"].tolist() == [12] and result["features"].dtype == np.float32
    assert np.allclose(result["features"], expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(result["features"], axis=1), 1, atol=1e-5) == unit_length
    assert not np.allclose(expected[0], expected[1], atol=1e-2)  # else the pictures make no difference


def test_the_tokens_of_a_transformer_are_normed_and_the_class_token_among_them_makes_the_embedding(made, few):
    model, _ = library(made["vit"], few)
    result = CLIP(stimuli=few, folder=made["vit"], output="tokens", class_token=True).run()
    assert result["shape"].tolist() == [5, 32]
    tokens = torch.from_numpy(result["features"]).reshape(5, 5, 32)
    pooled = CLIP(stimuli=few, folder=made["vit"]).run()["features"]
    assert np.allclose((tokens[:, 0] @ model.visual.proj).detach().numpy(), pooled, atol=1e-4)
    without = CLIP(stimuli=few, folder=made["vit"], output="tokens").run()
    assert without["shape"].tolist() == [4, 32]
    assert np.allclose(without["features"], tokens[:, 1:].flatten(1).numpy(), atol=1e-5)


def test_a_layer_is_what_leaves_that_block(made, few):
    model, seen = library(made["vit"], few)
    for layer in (1, 2, 3):
        kept: list[torch.Tensor] = []
        handle = model.visual.transformer.resblocks[layer - 1].register_forward_hook(
            lambda *parts, kept=kept: kept.append(parts[2])
        )
        with torch.inference_mode():
            model.encode_image(seen)
        handle.remove()
        result = CLIP(stimuli=few, folder=made["vit"], output="tokens", layer=layer, class_token=True).run()["features"]
        assert np.allclose(result, kept[0].flatten(1).numpy(), atol=1e-4)


def test_the_tokens_of_a_resnet_are_the_map_that_goes_into_its_attention_pool_row_by_row(made, few):
    model, seen = library(made["resnet"], few)
    kept: list[torch.Tensor] = []
    model.visual.attnpool.register_forward_pre_hook(lambda module, given: kept.append(given[0]))
    with torch.inference_mode():
        model.encode_image(seen)
    result = CLIP(stimuli=few, folder=made["resnet"], output="tokens").run()
    assert result["shape"].tolist() == [4, 256]
    tokens = result["features"].reshape(5, 4, 256)
    expected = kept[0].numpy()  # (picture, channel, y, x)
    assert np.allclose(tokens[:, 1], expected[:, :, 0, 1], atol=1e-4) and np.allclose(
        tokens[:, 2], expected[:, :, 1, 0], atol=1e-4
    )
    assert CLIP(stimuli=few, folder=made["resnet"], output="tokens", layer=2).run()["shape"].tolist() == [64, 64]


def test_how_many_pictures_go_through_at_a_time_changes_nothing(made, few):
    few.run()
    stages = [CLIP(stimuli=few, folder=made["resnet"], batch=batch) for batch in (1, 2, 5, 32)]
    assert len({stage.key() for stage in stages}) == 1
    parts = [stage.compute_tile(range(5))["features"] for stage in stages]
    parts.append(np.concatenate([stages[1].compute_tile(rows)["features"] for rows in (range(2), range(2, 5))]))
    for features in parts[1:]:
        assert np.allclose(features, parts[0], rtol=1e-4, atol=1e-5)
    assert np.array_equal(stages[0].compute_tile(range(5))["features"], parts[0])


def test_a_grey_picture_is_seen_as_three_equal_channels(made, pictures):
    grey = np.random.default_rng(3).integers(0, 256, (2, 40, 40), dtype=np.uint8)
    one = CLIP(stimuli=pictures(grey, "one"), folder=made["vit"]).run()["features"]
    three = pictures(np.repeat(grey[..., None], 3, axis=3), "three")
    assert np.array_equal(one, CLIP(stimuli=three, folder=made["vit"]).run()["features"])


def test_the_normalisation_is_the_checkpoints_and_in_the_key(made, few, tmp_path):
    shutil.copytree(made["vit"], tmp_path / "other")
    path = tmp_path / "other" / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["preprocess_cfg"]["mean"] = [0.1, 0.1, 0.1]
    path.write_text(json.dumps(config))
    one, other = CLIP(stimuli=few, folder=made["vit"]), CLIP(stimuli=few, folder=tmp_path / "other")
    assert one.key() != other.key() and not np.allclose(one.run()["features"], other.run()["features"], atol=1e-2)


def test_a_missing_normalisation_is_refused_before_and_in_a_run(few, tmp_path):
    folder = tiny_models.open_clip(tmp_path / "bare", preprocess_cfg={"std": [0.2, 0.2, 0.2]})
    stage = CLIP(stimuli=few, folder=folder)
    assert refusal(stage.check_ready, "open_clip_config.json", "the mean") == refusal(stage.run)


# open_clip's own names


@pytest.fixture
def known(made, tmp_path, monkeypatch) -> Path:
    """open_clip knows the small transformer as Tiny, its weights as toy, and they lie in the hub's cache."""
    model_cfg = json.loads((made["vit"] / "open_clip_config.json").read_text())["model_cfg"]
    entry = {"hf_hub": "org/tiny/", "mean": tuple(tiny_models.MEAN), "std": tuple(tiny_models.SD), "interpolation": "bicubic"}
    monkeypatch.setitem(factory._MODEL_CONFIGS, "Tiny", model_cfg)
    monkeypatch.setitem(factory._MODEL_CONFIGS, "Tiny-quickgelu", model_cfg | {"quick_gelu": True})
    tags = {"toy": entry, "openai": entry | {"quick_gelu": True}}
    monkeypatch.setitem(pretrained._PRETRAINED, "Tiny", tags)
    monkeypatch.setitem(pretrained._PRETRAINED, "Tiny-quickgelu", tags)
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copyfile(made["vit"] / "open_clip_model.safetensors", bare / "open_clip_model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    in_hub_layout(bare, tmp_path / "hub", "org/tiny")
    return tmp_path / "hub"


@pytest.mark.usefixtures("known")
def test_an_architecture_and_its_weights_by_open_clips_names_are_the_same_model_as_its_folder(made, few):
    stage = CLIP(stimuli=few, model="Tiny", weights="toy")
    stage.check_ready()
    assert np.array_equal(stage.run()["features"], CLIP(stimuli=few, folder=made["vit"]).run()["features"])
    pinned = CLIP(stimuli=few, model="Tiny", weights="toy", revision=COMMIT)
    few.run()
    assert np.array_equal(pinned.compute_tile(range(5))["features"], stage.run()["features"])
    other = CLIP(stimuli=few, model="Tiny-quickgelu", weights="toy")  # the same file in another architecture
    assert len({stage.key(), pinned.key(), other.key()}) == 3
    assert not np.allclose(
        other.run()["features"], stage.run()["features"], atol=1e-3
    )  # the same weights with another activation
    assert stage.source().url == "https://huggingface.co/org/tiny"


@pytest.mark.usefixtures("known")
def test_openai_weights_with_an_architecture_without_quickgelu_are_refused_with_the_right_name(few):
    stage = CLIP(stimuli=few, model="Tiny", weights="openai")
    refusal(stage.check_ready, "QuickGELU", "model: Tiny-quickgelu")
    refusal(stage.run, "QuickGELU")


# wrong asks


def test_fields_of_one_output_with_the_other_are_refused(made, few):
    for fields, word in (
        ({"layer": 1}, "layer goes with output: tokens"),
        ({"class_token": True}, "class_token goes with output: tokens"),
        ({"output": "tokens", "unit_length": True}, "unit_length goes with output: pooled"),
        ({"weights": "openai"}, "weights goes with an architecture"),
    ):
        stage = CLIP(stimuli=few, folder=made["vit"], **fields)
        refusal(stage.check_ready, word)
        refusal(stage.run, word)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_a_layer_that_is_not_there_is_refused_with_those_that_are(kind, made, few):
    last = {"vit": 3, "resnet": 4}[kind]
    refusal(CLIP(stimuli=few, folder=made[kind], output="tokens", layer=last + 1).run, f"no layer {last + 1}", f"1 to {last}")


def test_a_resnet_has_no_class_token(made, few):
    refusal(CLIP(stimuli=few, folder=made["resnet"], output="tokens", class_token=True).run, "no class token")


@pytest.mark.parametrize("device", ["cuda:99", "warp", "meta", ""])
def test_a_device_that_is_not_here_is_refused(device, made, few):
    refusal(CLIP(stimuli=few, folder=made["vit"], device=device).run, "device", "cpu")


def test_weights_that_make_no_numbers_are_refused(made, few, tmp_path):
    from safetensors.torch import save_file

    shutil.copytree(made["vit"], tmp_path / "huge")
    path = tmp_path / "huge" / "open_clip_model.safetensors"
    state = load_file(path)
    state["visual.proj"] *= 1e38
    save_file(state, path)
    refusal(CLIP(stimuli=few, folder=tmp_path / "huge").run, "stimuli are NaN or infinite", "the first is")


def test_a_folder_of_another_library_is_refused(few, tmp_path):
    refusal(CLIP(stimuli=few, folder=tiny_models.dino(tmp_path / "dino")).check_ready, "open_clip_config.json")
