"""The pipeline that trains the shipped models, at a size at which they learn nothing: from nothing to folders that libraries load."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

PROGRAM = Path(sys.executable).parent / "recortex"
MODELS = ("autoencoder", "captioner", "diffusion", "image_text", "judge")


def recortex(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"RECORTEX_CACHE": str(place / "cache"), "HF_HUB_OFFLINE": "1"}
    return subprocess.run([PROGRAM, *words], cwd=place, capture_output=True, text=True, timeout=300, env=env)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pipeline has run, and the models were exported to models/."""
    place = tmp_path_factory.mktemp("training")
    for words in (
        ["run", "train_models", "--overlay", "tiny"],
        ["export", "train_models", "models", "--overlay", "tiny", "--to", "models"],
    ):
        done = recortex(place, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_the_report_shows_what_was_trained(place: Path) -> None:
    report = (place / "outputs" / "train_models" / "report.html").read_text()
    for words in ("diffusion: training", "models: examples", "image_text: held-out scenes", "judge: training"):
        assert words in report
    assert "not drawn" not in report


def test_a_second_run_computes_nothing(place: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (place / "cache").rglob("*.h5")}
    done = recortex(place, "run", "train_models", "--overlay", "tiny")
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in (place / "cache").rglob("*.h5")} == before


def test_an_overlay_that_is_misspelt_names_those_there_are(tmp_path: Path) -> None:
    wrong = recortex(tmp_path, "plan", "train_models", "--overlay", "tinny")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "no overlay of that name; those that come with train_models are tiny" in wrong.stderr
    other = recortex(tmp_path, "plan", "first_light", "--overlay", "tiny")
    assert "none comes with this pipeline" in other.stderr


def test_each_folder_has_a_card_and_safe_weights_alone(place: Path) -> None:
    assert sorted(path.name for path in (place / "models").iterdir()) == sorted(MODELS)
    for name in MODELS:
        files = [path for path in (place / "models" / name).rglob("*") if path.is_file()]
        assert "On held-out scenes" in (place / "models" / name / "README.md").read_text()
        assert {path.suffix for path in files} <= {".md", ".json", ".safetensors"}
        assert any(path.suffix == ".safetensors" for path in files)
    assert "As the judge sees it" in (place / "models" / "diffusion" / "README.md").read_text()


def test_every_model_loads_in_its_own_library(place: Path) -> None:
    import open_clip
    import timm
    from diffusers import AutoencoderDC, UNet2DConditionModel
    from transformers import AutoModelForCausalLM

    models = place / "models"
    clip, _, _ = open_clip.create_model_and_transforms(f"local-dir:{models / 'image_text'}")
    numbers = open_clip.get_tokenizer(f"local-dir:{models / 'image_text'}")(["a red dog on the beach"])
    coder = AutoencoderDC.from_pretrained(models / "autoencoder")
    unet = UNet2DConditionModel.from_pretrained(models / "diffusion" / "unet")
    writer = AutoModelForCausalLM.from_pretrained(models / "captioner")
    judge = timm.create_model(f"local-dir:{models / 'judge'}", pretrained=True)
    with torch.inference_mode():
        assert clip.float().encode_text(numbers).shape == (1, clip.text_projection.shape[1])
        latents = coder.float().encode(torch.zeros(1, 3, 64, 64)).latent
        assert latents.shape == (1, 24, 8, 8) == (1, unet.config.in_channels, *[unet.config.sample_size] * 2)
        assert writer.config.vocab_size >= int(numbers.max())
        assert judge.eval()(torch.zeros(1, 3, 64, 64)).ndim == 2


def test_recortex_loads_what_was_exported_as_it_loads_any_folder(place: Path) -> None:
    from recortex import store
    from recortex.data.simulated.scenes import SimulatedScenes
    from recortex.features.autoencoder_latents import AutoencoderLatents
    from recortex.features.clip import CLIP

    scenes = SimulatedScenes(count=5, seed=9)
    with store.use(store.Store(place / "cache")):
        for kind, name, size in ((CLIP, "image_text", None), (AutoencoderLatents, "autoencoder", 1536)):
            made = kind(stimuli=scenes, folder=place / "models" / name).run()["features"]
            assert np.isfinite(made).all()
            assert size is None or made.shape[1] == size


def test_export_refuses_in_one_line(place: Path) -> None:
    again = recortex(place, "export", "train_models", "models", "--overlay", "tiny", "--to", "models")
    assert again.returncode == 2
    assert "is there already; name another folder, or replace its files with --force" in again.stderr
    assert recortex(place, "export", "train_models", "models", "--overlay", "tiny", "--to", "models", "--force").returncode == 0
    for entry, said in (("latents", "is no model that a pipeline trains"), ("modles", "did you mean models?")):
        wrong = recortex(place, "export", "train_models", entry, "--overlay", "tiny", "--to", "elsewhere")
        assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
        assert said in wrong.stderr
    untrained = recortex(place, "export", "train_models", "judge", "--to", "elsewhere")
    assert "has not been computed yet: `recortex run train_models`" in untrained.stderr
    assert not (place / "elsewhere").exists()
