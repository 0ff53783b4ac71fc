"""One model by many ways: the same files make the same key and the same features, other files never."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants, errors

from recortex.checkpoints import finding
from recortex.checkpoints.base import Checkpoint, packed
from recortex.data.picture_file import PictureFile
from recortex.errors import InvalidInput, MissingData, NeedsAgreement
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.features.dino import DINO
from recortex.stage import LocalPath
from tests import tiny_models
from tests.tiny_models import COMMIT, OTHER, in_hub_layout


class Training(Checkpoint):
    """In the place of one that trains: its model is a folder's."""

    path: LocalPath

    def compute(self) -> dict[str, Any]:
        return packed(self.path)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return tiny_models.autoencoder(tmp_path_factory.mktemp("models") / "autoencoder")


@pytest.fixture
def pictures(tmp_path) -> PictureFile:
    np.save(tmp_path / "pictures.npy", np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), dtype=np.uint8))
    return PictureFile(path=tmp_path / "pictures.npy")


@pytest.fixture
def latents(pictures) -> Callable[..., AutoencoderLatents]:
    return lambda **fields: AutoencoderLatents(stimuli=pictures, **fields)


def refusal(make: Callable[[], object], kind: type[Exception], *words: str) -> str:
    with pytest.raises(kind) as caught:
        make()
    said = str(caught.value)
    assert type(caught.value) is kind and "\n" not in said, said
    assert all(word in said for word in words), said
    return said


def numbers(stage: AutoencoderLatents) -> np.ndarray:
    """Computed anew, whatever is cached."""
    stage.stimuli.run()
    return stage.compute_tile(range(3))["features"]


# the laws


def test_the_same_files_by_every_way_make_the_same_features_and_by_content_the_same_key(
    made, latents, hub_cache, tmp_path, monkeypatch
):
    mirror = tmp_path / "mirror"
    shutil.copytree(made, mirror / "plain" / "model")
    in_hub_layout(made, mirror, "linked/model")
    in_hub_layout(made, hub_cache, "cached/model")
    shutil.copytree(made, tmp_path / "ours" / "autoencoder")
    monkeypatch.setenv("RECORTEX_MIRROR", os.pathsep.join([str(tmp_path / "nowhere"), str(mirror)]))
    monkeypatch.setattr(finding, "MODELS", tmp_path / "ours")
    by_content = [
        latents(folder=made),
        latents(folder=mirror / "plain" / "model"),
        latents(model="plain/model"),
        latents(model="linked/model"),
        latents(model="linked/model", revision="main"),
        latents(model="cached/model"),
        latents(),
    ]
    otherwise = [latents(model="cached/model", revision=COMMIT), latents(trained=Training(path=made))]
    for stage in by_content + otherwise:
        stage.check_ready()
        assert np.array_equal(numbers(stage), numbers(by_content[0]))
    assert len({stage.key() for stage in by_content}) == 1
    assert len({stage.key() for stage in by_content + otherwise}) == 3
    assert len({str(stage.recipe()) for stage in by_content}) == 1


def test_another_byte_in_a_file_that_is_read_is_another_key_and_one_that_is_not_read_is_none(made, latents, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    before = latents(folder=copy).key()
    (copy / "README.md").write_text("what it is")
    (copy / "pytorch_model.bin").write_bytes(b"what is never read")
    assert latents(folder=copy).key() == before
    for name in ("config.json", "diffusion_pytorch_model.safetensors"):
        whole = (copy / name).read_bytes()
        (copy / name).write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        assert latents(folder=copy).key() != before
        (copy / name).write_bytes(whole)
    assert latents(folder=copy).key() == before


def test_a_pinned_model_has_its_key_without_its_files_and_by_its_commit(latents):
    one = latents(model="org/name", revision=COMMIT)
    keys = {
        stage.key() for stage in (one, latents(model="org/name", revision=OTHER), latents(model="org/other", revision=COMMIT))
    }
    assert len(keys) == 3
    assert one.key() == latents(model="org/name", revision=COMMIT, device="cuda", batch=1).key()


def test_training_the_model_otherwise_is_another_key(made, latents, tmp_path):
    other = tiny_models.autoencoder(tmp_path / "other", seed=1)
    assert latents(trained=Training(path=made)).key() != latents(trained=Training(path=other)).key()


# where it is looked for


def test_a_mirror_comes_before_the_cache_and_the_first_mirror_first(made, latents, hub_cache, tmp_path, monkeypatch):
    second = tiny_models.autoencoder(tmp_path / "second", seed=1)
    in_hub_layout(second, hub_cache)
    assert latents(model="org/name").key() == latents(folder=second).key()
    in_hub_layout(made, tmp_path / "mirror")
    monkeypatch.setenv("RECORTEX_MIRROR", os.pathsep.join([str(tmp_path / "mirror"), str(hub_cache)]))
    assert latents(model="org/name").key() == latents(folder=made).key()


def test_a_plain_folder_never_stands_for_a_revision(made, latents, tmp_path, monkeypatch):
    """It does not say which commit it is."""
    shutil.copytree(made, tmp_path / "mirror" / "org" / "name")
    monkeypatch.setenv("RECORTEX_MIRROR", str(tmp_path / "mirror"))
    latents(model="org/name").check_ready()
    refusal(latents(model="org/name", revision="main").key, MissingData, "org/name at main")
    refusal(latents(model="org/name", revision=COMMIT).run, MissingData, "org/name", COMMIT)


def test_a_pinned_revision_is_taken_from_its_own_snapshot(made, latents, hub_cache, tmp_path):
    in_hub_layout(made, hub_cache, commit=COMMIT)
    in_hub_layout(tiny_models.autoencoder(tmp_path / "other", seed=1), hub_cache, commit=OTHER, main=False)
    assert np.array_equal(numbers(latents(model="org/name", revision=COMMIT)), numbers(latents(folder=made)))
    assert np.array_equal(numbers(latents(model="org/name", revision=OTHER)), numbers(latents(folder=tmp_path / "other")))


def test_several_snapshots_of_which_none_is_main_are_not_guessed_between(made, latents, hub_cache):
    in_hub_layout(made, hub_cache, commit=COMMIT, main=False)
    latents(model="org/name").check_ready()
    in_hub_layout(made, hub_cache, commit=OTHER, main=False)
    refusal(latents(model="org/name").key, MissingData, "which is main", COMMIT, OTHER)


def test_half_a_download_is_passed_over_for_a_whole_one(made, latents, hub_cache, tmp_path, monkeypatch):
    snapshot = in_hub_layout(made, tmp_path / "mirror")
    (snapshot / "diffusion_pytorch_model.safetensors").unlink()
    monkeypatch.setenv("RECORTEX_MIRROR", str(tmp_path / "mirror"))
    refusal(latents(model="org/name").key, MissingData, "holds no weights", "hf download org/name")
    in_hub_layout(made, hub_cache)
    assert latents(model="org/name").key() == latents(folder=made).key()


def test_the_autoencoder_of_a_whole_diffusion_model_is_found_in_it(made, latents, tmp_path):
    shutil.copytree(made, tmp_path / "whole" / "vae")
    (tmp_path / "whole" / "model_index.json").write_text("{}")
    assert latents(folder=tmp_path / "whole").key() == latents(folder=made).key()


def test_a_model_that_is_nowhere_and_not_pinned_says_how_to_get_it(latents):
    said = refusal(latents(model="org/name").key, MissingData, "hf download org/name`", "folder:", "RECORTEX_MIRROR", "pin it")
    assert said == refusal(latents(model="org/name").check_ready, MissingData)


def test_a_pinned_model_that_is_nowhere_is_ready_where_there_is_a_network_and_missing_where_it_is_switched_off(
    latents, monkeypatch
):
    stage = latents(model="org/name", revision=COMMIT)
    stage.check_ready()
    refusal(stage.run, MissingData, f"hf download org/name --revision {COMMIT}", "cannot be reached", "RECORTEX_MIRROR")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refusal(stage.check_ready, MissingData, f"hf download org/name --revision {COMMIT}")


def test_a_shipped_model_that_is_not_installed_is_said(latents, tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "MODELS", tmp_path)
    refusal(latents().key, MissingData, "autoencoder", "install it anew")


# the network


@pytest.fixture
def published(made, hub_cache, monkeypatch) -> dict[str, Any]:
    """A hub that has org/name, and notes what was fetched of it."""
    noted: dict[str, Any] = {"names": ["README.md", "pytorch_model.bin", *sorted(path.name for path in made.iterdir())]}

    def fetched(model: str, revision: str, allow_patterns: list[str]) -> str:
        noted["fetched"] = allow_patterns
        return str(in_hub_layout(made, hub_cache, model, revision))

    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda self, model, revision: noted["names"])
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    return noted


def test_a_pinned_model_is_fetched_and_nothing_of_it_but_what_is_read(published, made, latents):
    stage = latents(model="org/name", revision=COMMIT)
    assert np.array_equal(numbers(stage), numbers(latents(folder=made)))
    assert published["fetched"] == ["config.json", "diffusion_pytorch_model.safetensors"]


def test_a_pinned_model_with_nothing_but_pickled_weights_is_refused_before_it_is_fetched(published, latents):
    published["names"] = ["config.json", "diffusion_pytorch_model.bin"]
    refusal(latents(model="org/name", revision=COMMIT).run, InvalidInput, "diffusion_pytorch_model.bin", "save them as")
    assert "fetched" not in published


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (errors.GatedRepoError, NeedsAgreement, ["https://huggingface.co/org/name", "hf auth login"]),
        (errors.RepositoryNotFoundError, InvalidInput, ["the hub has no org/name"]),
        (errors.RevisionNotFoundError, InvalidInput, [COMMIT]),
    ],
)
def test_what_the_hub_refuses_is_said_in_one_line(raised, kind, words, latents, monkeypatch):
    def refuse(self, model, revision):
        error = raised.__new__(raised)  # without the answer of a host, whose class differs between versions
        error.args = ("401 Client Error.\nCannot access it",)
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", refuse)
    refusal(latents(model="org/name", revision=COMMIT).run, kind, *words)


# bad input


@pytest.mark.parametrize(
    "model", ["", "name", "org/name/more", "../name", "org/..", "a b/c", "org/na\nme", "https://x/y", "/etc/x"]
)
def test_what_is_no_model_of_the_hub_is_refused(model, latents):
    refusal(latents(model=model).key, InvalidInput, "is no model of the hub", "folder:")


@pytest.mark.parametrize("revision", ["", "../../x", "a b", "-x"])
def test_what_is_no_revision_is_refused(revision, latents):
    refusal(latents(model="org/name", revision=revision).key, InvalidInput, "revision", "40 hex digits")


@pytest.mark.parametrize(
    "ways", [{"model", "folder"}, {"model", "trained"}, {"folder", "trained"}, {"model", "folder", "trained"}]
)
def test_a_model_that_is_named_twice_is_refused(ways, made, latents):
    every = {"model": "org/name", "folder": made, "trained": Training(path=made)}
    stage = latents(**{name: every[name] for name in ways})
    for make in (stage.check_ready, stage.run, stage.key):
        refusal(make, InvalidInput, "keep one", *ways)


def test_a_revision_without_a_model_and_a_kind_of_which_none_is_shipped_are_refused(made, latents, pictures):
    refusal(latents(folder=made, revision=COMMIT).check_ready, InvalidInput, "revision goes with")
    refusal(DINO(stimuli=pictures).check_ready, InvalidInput, "DINO", "model:", "folder:")


def broken(made: Path, folder: Path) -> dict[str, tuple[Path, str]]:
    """Folders that hold no whole model, and what the message names."""

    def copy(name: str, **files: bytes | None) -> Path:
        shutil.copytree(made, folder / name)
        for file, content in files.items():
            path = folder / name / {"config": "config.json", "weights": "diffusion_pytorch_model.safetensors"}.get(file, file)
            path.unlink() if content is None else path.write_bytes(content)
        return folder / name

    weights = (made / "diffusion_pytorch_model.safetensors").read_bytes()
    config = (made / "config.json").read_bytes()
    (folder / "empty").mkdir()
    return {
        "empty": (folder / "empty", "config.json"),
        "no weights": (copy("none", weights=None), "no weights"),
        "cut off": (copy("cut", weights=weights[:-100]), "bytes"),
        "cut in the header": (copy("header", weights=weights[:50]), "safetensors"),
        "a web page": (copy("page", weights=b"<!DOCTYPE html><p>not found</p>" * 9), "safetensors"),
        "nothing in it": (copy("nothing", weights=b""), "safetensors"),
        "header of a list": (copy("list", weights=(2).to_bytes(8, "little") + b"[]"), "safetensors"),
        "header without weights": (copy("bare", weights=(2).to_bytes(8, "little") + b"{}"), "no weights"),
        "configuration is no JSON": (copy("json", config=config[:20]), "config.json"),
        "configuration is a list": (copy("array", config=b"[1]"), "config.json"),
        "configuration of another kind": (copy("kind", config=config.replace(b"AutoencoderTiny", b"UNet2DModel")), "UNet2DModel"),
        "configuration asks for code": (copy("code", config=config[:-2] + b',"auto_map": {}}'), "code of its own"),
    }


KINDS = [
    "empty", "no weights", "cut off", "cut in the header", "a web page", "nothing in it", "header of a list", "header without weights",
    "configuration is no JSON", "configuration is a list", "configuration of another kind", "configuration asks for code",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_or_foreign_folder_is_refused_before_and_in_a_run(kind, made, latents, tmp_path):
    folder, word = broken(made, tmp_path)[kind]
    stage = latents(folder=folder)
    assert refusal(stage.check_ready, InvalidInput, str(folder), word) == refusal(stage.run, InvalidInput)


def test_a_damaged_model_out_of_training_is_refused_too(made, latents, tmp_path):
    folder, word = broken(made, tmp_path)["configuration of another kind"]
    refusal(latents(trained=Training(path=folder)).run, InvalidInput, word)


def test_weights_that_do_not_fit_their_configuration_are_refused(made, latents, tmp_path):
    """The rest would be drawn by chance."""
    copy = tmp_path / "copy"
    shutil.copytree(tiny_models.autoencoder(tmp_path / "deep", num_encoder_blocks=(1, 2, 1)), copy)
    shutil.copyfile(made / "diffusion_pytorch_model.safetensors", copy / "diffusion_pytorch_model.safetensors")
    stage = latents(folder=copy)
    stage.check_ready()
    refusal(stage.run, InvalidInput, str(copy))


def test_a_file_in_the_place_of_a_folder_is_refused(latents, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    refusal(latents(folder=tmp_path / "model.safetensors").check_ready, InvalidInput, "name the model's folder")


def test_shards_count_in_the_key_and_one_that_is_not_there_is_missed():
    names = {"model.safetensors.index.json", *(f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3))}
    assert set(finding.weights_among(names, ("model",), "here")) == names
    for name in names:
        if name != "model-00001-of-00003.safetensors" or len(names) > 1:
            rest = names - {name}
            with pytest.raises(InvalidInput, match=name.replace(".", r"\.")):
                finding.weights_among(rest, ("model",), "here")


def test_every_stage_with_a_model_tells_its_source_only_where_it_is_someone_elses(made, latents, pictures):
    assert latents(folder=made).source() is None
    source = CLIP(stimuli=pictures, model="org/name", revision=COMMIT).source()
    assert source is not None and source.url == "https://huggingface.co/org/name" and COMMIT[:12] in source.name
