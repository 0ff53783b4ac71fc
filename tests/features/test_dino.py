"""DINO's features are what transformers itself gives, without the registers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional
from transformers import AutoModel

from recortex.data.picture_file import PictureFile
from recortex.errors import InvalidInput
from recortex.features.dino import DINO
from tests import tiny_models
from tests.tiny_models import MEAN, SD

KINDS = ["registers", "dinov2", "dinov3"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {kind: tiny_models.dino(folder / kind, kind) for kind in KINDS}


@pytest.fixture
def few(pictures) -> PictureFile:
    return pictures(np.random.default_rng(0).integers(0, 256, (5, 40, 52, 3), dtype=np.uint8), "few")


@pytest.fixture
def copy(made, tmp_path) -> Path:
    shutil.copytree(made["registers"], tmp_path / "copy")
    return tmp_path / "copy"


def refusal(make: Callable[[], object], *words: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        make()
    said = str(caught.value)
    assert "\n" not in said and all(word in said for word in words), said
    return said


def prepared(few: PictureFile) -> torch.Tensor:
    """Shorter side 32, bicubic, middle 28, normalised: written out, with torchvision alone."""
    pictures = torch.from_numpy(few.run()["picture"]).permute(0, 3, 1, 2)
    small = functional.resize(pictures, [32], functional.InterpolationMode.BICUBIC, antialias=True)
    return functional.normalize(functional.center_crop(small, [28, 28]) / 255, MEAN, SD)


def everything(folder: Path, few: PictureFile) -> torch.Tensor:
    """All tokens after the final norm: class, registers, patches."""
    with torch.inference_mode():
        return AutoModel.from_pretrained(folder).eval()(prepared(few)).last_hidden_state


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_the_tokens_of_transformers_and_registers_are_dropped(kind, made, few):
    tokens = everything(made[kind], few)
    registers = 0 if kind == "dinov2" else 4
    assert tokens.shape == (5, 1 + registers + 16, 16)
    cls, patches, mean = (DINO(stimuli=few, folder=made[kind], output=output).run() for output in ("cls", "patches", "mean"))
    assert (cls["shape"].tolist(), patches["shape"].tolist(), mean["shape"].tolist()) == ([16], [16, 16], [16])
    assert np.allclose(cls["features"], tokens[:, 0], atol=1e-4)
    assert np.allclose(patches["features"], tokens[:, 1 + registers :].flatten(1), atol=1e-4)
    assert np.allclose(mean["features"], tokens[:, 1 + registers :].mean(1), atol=1e-4)


@pytest.mark.parametrize("kind", ["registers", "dinov3"])
def test_what_is_called_a_register_is_one(kind, made, few):
    """Registers are the same for every picture before the first block; nothing else but the class token is."""
    model = AutoModel.from_pretrained(made[kind]).eval()
    with torch.inference_mode():
        start = model.embeddings(prepared(few))
    same = (start == start[:1]).all(dim=0).all(dim=1)
    assert np.flatnonzero(same.numpy()).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_what_leaves_that_block_before_the_final_norm(kind, made, few):
    model = AutoModel.from_pretrained(made[kind]).eval()
    blocks = model.model.layer if kind == "dinov3" else model.encoder.layer
    for layer in (1, 3):
        kept: list[torch.Tensor] = []
        handle = blocks[layer - 1].register_forward_hook(
            lambda *parts, kept=kept: kept.append(parts[2][0] if isinstance(parts[2], tuple) else parts[2])
        )
        with torch.inference_mode():
            model(prepared(few))
        handle.remove()
        result = DINO(stimuli=few, folder=made[kind], layer=layer).run()["features"]
        assert np.allclose(result, kept[0][:, 0], atol=1e-4)
    assert not np.allclose(result, DINO(stimuli=few, folder=made[kind]).run()["features"], atol=1e-2)


def test_how_many_pictures_go_through_at_a_time_changes_nothing(made, few):
    few.run()
    stages = [DINO(stimuli=few, folder=made["registers"], batch=batch) for batch in (1, 2, 32)]
    assert len({stage.key() for stage in stages}) == 1
    computed = [stage.compute_tile(range(5))["features"] for stage in stages]
    assert all(np.allclose(features, computed[0], atol=1e-5) for features in computed)


def test_half_precision_weights_are_used_in_float32(made, few, tmp_path):
    AutoModel.from_pretrained(made["registers"]).half().save_pretrained(tmp_path / "half")
    shutil.copyfile(made["registers"] / "preprocessor_config.json", tmp_path / "half" / "preprocessor_config.json")
    half, whole = (DINO(stimuli=few, folder=folder).run()["features"] for folder in (tmp_path / "half", made["registers"]))
    assert half.dtype == np.float32 and not np.array_equal(half, whole) and np.allclose(half, whole, atol=2e-2)


@pytest.mark.parametrize("name", ["image_mean", "image_std", "size", "crop_size"])
def test_preprocessing_that_is_left_open_is_refused_and_what_is_said_counts_in_the_key(name, copy, few):
    path = copy / "preprocessor_config.json"
    config = json.loads(path.read_text())
    stage = DINO(stimuli=few, folder=copy)
    before = stage.key()
    value = config.pop(name)
    path.write_text(json.dumps(config))
    assert refusal(stage.check_ready, "preprocessor_config.json", name) == refusal(stage.run)
    path.write_text(json.dumps(config | {name: [0.1, 0.1, 0.1] if isinstance(value, list) else {"height": 21, "width": 21}}))
    assert stage.key() != before


def test_a_folder_without_preprocessing_is_refused(copy, few):
    (copy / "preprocessor_config.json").unlink()
    refusal(DINO(stimuli=few, folder=copy).check_ready, str(copy), "preprocessor_config.json is not there")


def test_a_layer_that_is_not_there_is_refused_before_a_run(made, few):
    refusal(DINO(stimuli=few, folder=made["registers"], layer=4).check_ready, "no layer 4", "1 to 3")


def test_another_kind_of_model_is_refused(copy, few):
    path = copy / "config.json"
    path.write_text(path.read_text().replace('"dinov2_with_registers"', '"bert"'))
    refusal(DINO(stimuli=few, folder=copy).check_ready, "config.json", "bert", "dinov3_vit")


def test_weights_that_lack_a_part_are_refused_though_transformers_would_draw_it_by_chance(copy, few):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / "model.safetensors")
    del state["encoder.layer.1.mlp.fc1.weight"]
    save_file(state, copy / "model.safetensors", {"format": "pt"})
    refusal(DINO(stimuli=few, folder=copy).run, str(copy), "encoder.layer.1.mlp.fc1.weight")


def test_code_in_the_folder_is_never_run(copy, few, tmp_path):
    (copy / "own.py").write_text(f"open({str(tmp_path / 'it_ran')!r}, 'w')")
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModel": "own.Model"}}))
    refusal(DINO(stimuli=few, folder=copy).run, "config.json", "code of its own")
    assert not (tmp_path / "it_ran").exists()


def test_a_device_that_is_not_here_is_refused(made, few):
    refusal(DINO(stimuli=few, folder=made["registers"], device="cuda:99").run, "device", "cuda:99")
