"""CLIP's text features are what open_clip itself gives, averaged as said; captions are never cut or skipped in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

from recortex.data.caption_table import CaptionTable
from recortex.errors import InvalidInput
from recortex.features.clip_text import CLIPText
from tests import tiny_models

TABLE = "stimulus,caption\nx,a red cup\nx,a cup\nx,a cup on grass\ny,a blue dog\nz,a dog\nz,a dog on grass\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return tiny_models.open_clip(tmp_path_factory.mktemp("models") / "vit")


@pytest.fixture
def captions(tmp_path) -> CaptionTable:
    (tmp_path / "captions.csv").write_text(TABLE)
    return CaptionTable(path=tmp_path / "captions.csv")


def expected(folder: Path, texts: list[str], normalize: bool = False) -> np.ndarray:
    """By open_clip's public functions alone."""
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    with torch.inference_mode():
        return model.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(texts), normalize=normalize).numpy()


def refusal(make: Callable[[], object], *words: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        make()
    said = str(caught.value)
    assert "\n" not in said and all(word in said for word in words), said
    return said


def test_one_wording_is_the_embedding_of_open_clip(made, captions):
    result = CLIPText(captions=captions, folder=made, wording=0).run()
    assert result["stimulus"].tolist() == ["x", "y", "z"] and result["shape"].tolist() == [12]
    assert np.allclose(result["features"], expected(made, ["a red cup", "a blue dog", "a dog"]), atol=1e-5)


def test_wordings_are_averaged_and_only_those_that_are_there(made, captions):
    texts = ["a red cup", "a cup", "a cup on grass", "a blue dog", "a dog", "a dog on grass"]
    for unit_length in (False, True):
        each = expected(made, texts, unit_length)
        mean = np.stack([each[:3].mean(0), each[3], each[4:].mean(0)])
        mean = mean / np.linalg.norm(mean, axis=1, keepdims=True) if unit_length else mean
        result = CLIPText(captions=captions, folder=made, unit_length=unit_length).run()["features"]
        assert result.dtype == np.float32 and np.allclose(result, mean, atol=1e-5)


def test_how_many_captions_go_through_at_a_time_changes_nothing(made, captions):
    captions.run()
    stages = [CLIPText(captions=captions, folder=made, batch=batch) for batch in (1, 2, 32)]
    assert len({stage.key() for stage in stages}) == 1
    computed = [stage.compute()["features"] for stage in stages]
    assert all(np.allclose(features, computed[0], atol=1e-5) for features in computed)


def test_a_wording_that_a_stimulus_has_not_is_refused_by_name(made, captions):
    refusal(CLIPText(captions=captions, folder=made, wording=1).run, "captions.csv", "1 of 3 stimuli", "no wording 1", "y")
    refusal(CLIPText(captions=captions, folder=made, wording=3).run, "captions.csv", "has 3 wordings")


def test_a_caption_that_is_too_long_is_refused_or_cut_as_asked(made, tmp_path):
    (tmp_path / "long.csv").write_text(f"stimulus,caption\nx,{'a ' * 9}\ny,a cup\n")
    long = CaptionTable(path=tmp_path / "long.csv")
    refusal(CLIPText(captions=long, folder=made).run, "11 tokens", "reads 10")
    cut = CLIPText(captions=long, folder=made, too_long="cut").run()["features"]
    assert np.allclose(cut, expected(made, ["a a a a a a a a", "a cup"]), atol=1e-5)


def test_another_tokenizer_is_another_key(made, captions, tmp_path):
    import shutil

    shutil.copytree(made, tmp_path / "other")
    before = CLIPText(captions=captions, folder=tmp_path / "other").key()
    assert before == CLIPText(captions=captions, folder=made).key()
    path = tmp_path / "other" / "tokenizer.json"
    path.write_text(path.read_text().replace('"red"', '"rot"'))
    assert CLIPText(captions=captions, folder=tmp_path / "other").key() != before


def test_a_model_whose_tokenizer_is_not_there_is_refused(made, captions, tmp_path):
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    refusal(CLIPText(captions=captions, folder=tmp_path).run, "tokenizer.json", "put them there")


def test_a_device_that_is_not_here_is_refused(made, captions):
    refusal(CLIPText(captions=captions, folder=made, device="cuda:99").run, "device", "cuda:99")
