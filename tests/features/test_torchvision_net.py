"""Features of a real network: the right layer, the right preprocessing, and nothing that a file could slip in."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import requests
import torch
import torchvision
from safetensors.torch import load_file, save_file
from scipy.io import loadmat
from scipy.stats import spearmanr
from torchvision.transforms._presets import ImageClassification

from recortex.data.picture_file import PictureFile
from recortex.errors import InvalidInput, MissingData
from recortex.features.torchvision_net import TorchvisionNet, prepare

RSA = "data/rsa92/Kriegeskorte_Neuron2008_supplementalData.mat"


@pytest.fixture
def squeezenet(shared) -> Path:
    path = shared / "weights" / "squeezenet1_0" / "squeezenet1_0.safetensors"
    if not path.exists():
        pytest.skip(f"{path} is not here; it is the real network of this test")
    return path


@pytest.fixture(scope="session")
def made_up(tmp_path_factory) -> Path:
    """Weights of the same shapes that nobody trained, for what holds of any weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "made_up.safetensors"
    save_file(torchvision.models.squeezenet1_0(weights=None).state_dict(), path)
    return path


@pytest.fixture
def few(pictures) -> PictureFile:
    return pictures(np.random.default_rng(0).integers(0, 256, (5, 40, 52, 3), dtype=np.uint8), "few")


@pytest.fixture
def no_network(tmp_path, monkeypatch) -> None:
    def unreachable(*args, **options):
        raise requests.ConnectionError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))
    monkeypatch.setattr(requests, "get", unreachable)


def refusal(make: Callable[[], object], kind: type[Exception], *words: str) -> str:
    with pytest.raises(kind) as caught:
        make()
    said = str(caught.value)
    assert type(caught.value) is kind and "\n" not in said, said
    assert all(word in said for word in words), said
    return said


def in_numpy(weights: Path, pictures: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """conv1 and its rectified output by nothing but the definition of a convolution, for pictures of that size already."""
    state = load_file(weights)
    kernel, bias = (state[f"features.0.{name}"].double().numpy() for name in ("weight", "bias"))
    light = (pictures / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    windows = np.lib.stride_tricks.sliding_window_view(light, kernel.shape[2:], axis=(1, 2))[:, ::2, ::2]
    conv = np.einsum("nyxcij,kcij->nkyx", windows, kernel) + bias[:, None, None]
    return {"features.0": conv, "features.1": np.maximum(conv, 0)}


def test_the_92_pictures_are_like_human_it_as_far_as_this_network_goes(squeezenet, shared):
    """Layer names and preprocessing at once: Spearman correlation with the mean matrix of four people in two sessions."""
    matrices = loadmat(shared / "data/rsa92/92_brainRDMs.mat")["RDMs"]
    assert matrices.shape == (1, 4, 2)
    human = np.mean([one["RDM"] for one in matrices.ravel()], axis=0)
    above = np.triu_indices(92, 1)
    stimuli = PictureFile(path=shared / RSA, array="stimuli_92objs.image")
    expected = {"features.2": 0.08, "features.5": 0.15, "features.8": 0.26, "features.12": 0.39}
    found = {}
    for layer in expected:
        net = TorchvisionNet(stimuli=stimuli, weights_file=squeezenet, layer=layer, pool="mean", size=227)
        found[layer] = spearmanr(1 - np.corrcoef(net.run()["features"])[above], human[above]).statistic
    assert found == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("layer", ["features.0", "features.1"])
def test_a_layer_gives_what_leaves_it_and_not_what_the_next_one_makes_of_it(layer, made_up, pictures):
    """torchvision's rectifiers write over their input; what was seen of the layer before must not change with it."""
    seen = np.random.default_rng(1).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    made = TorchvisionNet(stimuli=pictures(seen), weights_file=made_up, layer=layer, size=40).run()
    expected = in_numpy(made_up, seen, 40)[layer]
    assert tuple(made["shape"]) == expected.shape[1:]
    assert np.allclose(made["features"], expected.reshape(2, -1), atol=1e-4)


def test_the_shape_unfolds_features_channel_first_and_the_mean_is_over_places(made_up, few):
    flat = TorchvisionNet(stimuli=few, weights_file=made_up, layer="features.5", size=64).run()
    mean = TorchvisionNet(stimuli=few, weights_file=made_up, layer="features.5", size=64, pool="mean").run()
    unfolded = flat["features"].reshape(5, *flat["shape"])
    assert flat["shape"][0] == 256 and mean["shape"].tolist() == [256]
    assert np.allclose(unfolded.mean(axis=(2, 3)), mean["features"], atol=1e-6)


@pytest.mark.parametrize("size", [32, 64, 100])
def test_pictures_are_prepared_as_torchvision_prepares_them(size):
    pictures = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (3, 3, 70, 90), dtype=np.uint8))
    preset = ImageClassification(crop_size=size, resize_size=size)
    theirs = torch.stack([preset(picture) for picture in pictures])
    assert (prepare(pictures, size) - theirs).abs().max() < 0.02  # they round to bytes after resizing
    assert prepare(pictures, size).shape == (3, 3, size, size)


def test_a_grey_picture_is_seen_as_three_equal_channels(made_up, pictures):
    grey = np.random.default_rng(3).integers(0, 256, (2, 40, 40), dtype=np.uint8)
    one = TorchvisionNet(stimuli=pictures(grey, "one"), weights_file=made_up, size=64).run()["features"]
    three = pictures(np.repeat(grey[..., None], 3, axis=3), "three")
    same = TorchvisionNet(stimuli=three, weights_file=made_up, size=64).run()["features"]
    assert np.allclose(one, same, rtol=1e-3, atol=1e-4)


def test_how_many_pictures_go_through_at_a_time_changes_nothing(made_up, few):
    stages = [TorchvisionNet(stimuli=few, weights_file=made_up, size=64, batch=batch) for batch in (1, 2, 5, 32)]
    assert len({stage.key() for stage in stages}) == 1
    made = [stage.compute_tile(range(5))["features"] for stage in stages]
    for features in made[1:]:
        assert np.allclose(features, made[0], rtol=1e-4, atol=1e-5 * np.abs(made[0]).max())


def test_tiles_are_the_whole(made_up, few):
    stage = TorchvisionNet(stimuli=few, weights_file=made_up, size=64)
    tiles = [stage.compute_tile(range(2)), stage.compute_tile(range(2, 5))]
    assert np.allclose(np.concatenate([tile["features"] for tile in tiles]), stage.run()["features"], rtol=1e-4, atol=1e-4)
    assert np.concatenate([tile["stimulus"] for tile in tiles]).tolist() == list("01234")


def test_nothing_is_left_to_chance(made_up, few):
    """Dropout is off: the classifier gives the same twice."""
    stage = TorchvisionNet(stimuli=few, weights_file=made_up, layer="classifier.1", size=64)
    assert np.array_equal(stage.compute_tile(range(5))["features"], stage.compute_tile(range(5))["features"])


def test_a_layer_used_without_a_gradient_leaves_no_hook_behind(made_up, few):
    stage = TorchvisionNet(stimuli=few, weights_file=made_up, size=64)
    assert torch.is_grad_enabled()
    stage.run()
    assert torch.is_grad_enabled()


def test_a_wrong_layer_gets_the_nearest_right_one(made_up, few):
    make = TorchvisionNet(stimuli=few, weights_file=made_up, layer="feature.12").run
    refusal(make, InvalidInput, "squeezenet1_0", "feature.12", "did you mean features.12?")
    make = TorchvisionNet(stimuli=few, weights_file=made_up, layer="").run
    refusal(make, InvalidInput, "squeezenet1_0 has no layer")


def test_a_wrong_model_gets_the_nearest_right_one(made_up, few):
    refusal(TorchvisionNet(stimuli=few, weights_file=made_up, model="squeezenet1").run, InvalidInput, "did you mean squeezenet1_")


@pytest.fixture
def transformer(monkeypatch, tmp_path) -> dict[str, object]:
    """A vision transformer small enough to make in no time, in the place of vit_b_32."""
    small = {"image_size": 32, "patch_size": 16, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: torchvision.models.VisionTransformer(**small))
    torch.save(torchvision.models.VisionTransformer(**small).state_dict(), tmp_path / "vit.pth")
    return {"model": "vit_b_32", "weights_file": tmp_path / "vit.pth", "size": 32}


def test_a_layer_of_tokens_is_flattened_token_first(transformer, few):
    made = TorchvisionNet(stimuli=few, layer="encoder.ln", **transformer).run()
    assert made["shape"].tolist() == [5, 8] and made.shape("features") == (5, 40)


@pytest.mark.parametrize("layer", ["self_attention", "self_attention.out_proj"])
def test_a_layer_that_gives_several_arrays_or_is_passed_by_is_refused(layer, transformer, few):
    layer = f"encoder.layers.encoder_layer_0.{layer}"
    refusal(TorchvisionNet(stimuli=few, layer=layer, **transformer).run, InvalidInput, "vit_b_32", layer)


def test_a_size_that_the_network_cannot_see_is_refused(transformer, few):
    stage = TorchvisionNet(stimuli=few, layer="encoder.ln", **transformer | {"size": 64})
    refusal(stage.run, InvalidInput, "vit_b_32", "64", "32")


def test_weights_of_another_network_are_refused_by_name(made_up, few):
    make = TorchvisionNet(stimuli=few, weights_file=made_up, model="squeezenet1_1").run
    refusal(make, InvalidInput, "not fit squeezenet1_1")
    refusal(TorchvisionNet(stimuli=few, weights_file=made_up, model="alexnet").run, InvalidInput, "not fit alexnet", "more")


def broken_weights(folder: Path, made_up: Path) -> dict[str, Path]:
    def bytes_(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    def saved(name: str, value: object) -> Path:
        torch.save(value, folder / name)
        return folder / name

    whole = made_up.read_bytes()
    return {
        "cut off": bytes_("cut.safetensors", whole[: len(whole) // 2]),
        "header damaged": bytes_("header.safetensors", whole[:8] + b"\x00" * 50 + whole[58:]),
        "empty safetensors": bytes_("empty.safetensors", b""),
        "a text": bytes_("text.safetensors", b"not found\n" * 100),
        "empty pth": bytes_("empty.pth", b""),
        "a text pth": bytes_("text.pth", b"<html>\nnot found\n</html>"),
        "a list": saved("list.pth", [torch.zeros(2)]),
        "a tensor": saved("tensor.pth", torch.zeros(2)),
        "a checkpoint around them": saved("checkpoint.pth", {"epoch": 3, "state_dict": {"features.0.weight": torch.zeros(1)}}),
    }


KINDS = [
    "cut off", "header damaged", "empty safetensors", "a text", "empty pth", "a text pth", "a list", "a tensor",
    "a checkpoint around them",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_weights_are_refused_by_file(kind, made_up, few, tmp_path):
    path = broken_weights(tmp_path, made_up)[kind]
    refusal(TorchvisionNet(stimuli=few, weights_file=path).run, InvalidInput, path.name)


def test_a_folder_in_the_place_of_weights_is_refused_when_it_is_named(few, tmp_path):
    refusal(lambda: TorchvisionNet(stimuli=few, weights_file=tmp_path), InvalidInput, "is a folder")


class Malicious:
    """What runs when it is unpickled leaves a file behind."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize("wrap", ["pickle", "torch", "torch old format"])
def test_a_pickle_is_refused_and_never_run(wrap, few, tmp_path):
    path, trace = tmp_path / "weights.pth", tmp_path / "it_ran"
    payload = {"features.0.weight": Malicious(trace)}
    if wrap == "pickle":
        path.write_bytes(pickle.dumps(payload))
    else:
        torch.save(payload, path, _use_new_zipfile_serialization=wrap == "torch")
    refusal(TorchvisionNet(stimuli=few, weights_file=path).run, InvalidInput, "weights.pth")
    assert not trace.exists()
    pickle.loads(pickle.dumps(payload))["features.0.weight"].close()
    assert trace.exists()  # a careless reader would have run it


def test_safe_pth_weights_are_the_same_as_safetensors(made_up, few, tmp_path):
    torch.save(load_file(made_up), tmp_path / "weights.pth")
    one = TorchvisionNet(stimuli=few, weights_file=made_up, size=64).run()["features"]
    assert np.array_equal(one, TorchvisionNet(stimuli=few, weights_file=tmp_path / "weights.pth", size=64).run()["features"])


@pytest.mark.usefixtures("no_network")
def test_published_weights_that_are_nowhere_are_missing_and_the_message_says_where_to_put_them(few):
    said = refusal(TorchvisionNet(stimuli=few).run, MissingData, "squeezenet1_0-b66bff10.pth", "put it here as ", "weights_file")
    assert "https://download.pytorch.org" in said


@pytest.mark.usefixtures("no_network")
def test_a_misspelt_set_of_weights_gets_the_right_name(few):
    refusal(TorchvisionNet(stimuli=few, weights="IMAGENET1K_V11").run, InvalidInput, "did you mean IMAGENET1K_V1?")


@pytest.fixture
def published(monkeypatch, made_up, tmp_path) -> Callable[..., Path]:
    """published() -> a mirror that holds the file torchvision publishes, as far as name and digest go."""

    def publish(digest: str = "") -> Path:
        mirror = tmp_path / "mirror" / "torchvision"
        mirror.mkdir(parents=True)
        torch.save(load_file(made_up), mirror / "made_up.pth")
        digest = digest or hashlib.sha256((mirror / "made_up.pth").read_bytes()).hexdigest()[:8]
        name = f"squeezenet1_0-{digest}.pth"
        (mirror / "made_up.pth").rename(mirror / name)
        value = torchvision.models.SqueezeNet1_0_Weights.IMAGENET1K_V1.value
        entry = SimpleNamespace(url=f"https://download.pytorch.org/models/{name}", transforms=value.transforms, meta=value.meta)

        class Weights(dict):
            __members__ = {"IMAGENET1K_V1": entry}

        monkeypatch.setattr(torchvision.models, "get_model_weights", lambda model: Weights(IMAGENET1K_V1=entry))
        monkeypatch.setenv("RECORTEX_MIRROR", str(tmp_path / "mirror"))
        return mirror / name

    return publish


@pytest.mark.usefixtures("no_network")
def test_published_weights_are_found_in_a_mirror(published, made_up, few):
    published()
    local = TorchvisionNet(stimuli=few, weights_file=made_up, size=64).run()["features"]
    assert np.array_equal(TorchvisionNet(stimuli=few, size=64).run()["features"], local)


@pytest.mark.usefixtures("no_network")
def test_a_file_of_the_published_name_that_holds_something_else_is_refused(published, few):
    """Its digest stands in its name, and the result's key says no more than that name."""
    path = published(digest="b66bff10")
    refusal(TorchvisionNet(stimuli=few, size=64).run, InvalidInput, path.name)


@pytest.mark.usefixtures("no_network")
def test_published_weights_in_the_cache_of_pytorch_are_found_and_held_against_their_name(published, few, tmp_path, monkeypatch):
    path = published()
    monkeypatch.delenv("RECORTEX_MIRROR")
    cached = tmp_path / "torch_home" / "hub" / "checkpoints" / path.name
    cached.parent.mkdir(parents=True)
    path.rename(cached)
    assert TorchvisionNet(stimuli=few, size=64)._published() == cached
    cached.write_bytes(b"something else")
    refusal(TorchvisionNet(stimuli=few, size=64).run, InvalidInput, cached.name, "its sha256 differs")


def test_published_weights_are_used_as_torchvision_itself_uses_them(few, tmp_path, monkeypatch):
    """googlenet's published weights want another normalisation, which torchvision switches on with them."""
    torch.manual_seed(0)
    state = torchvision.models.GoogLeNet(init_weights=False).state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **options: dict(state))
    torch.save(state, tmp_path / "made_up.pth")
    name = f"googlenet-{hashlib.sha256((tmp_path / 'made_up.pth').read_bytes()).hexdigest()[:8]}.pth"
    (tmp_path / "made_up.pth").rename(tmp_path / name)
    monkeypatch.setattr(torchvision.models.GoogLeNet_Weights.IMAGENET1K_V1.value, "url", f"https://example.org/{name}")
    monkeypatch.setenv("RECORTEX_MIRROR", str(tmp_path))
    theirs = torchvision.models.googlenet(weights="IMAGENET1K_V1").eval()
    seen = torch.from_numpy(few.run()["picture"]).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = theirs.maxpool1(theirs.conv1(theirs._transform_input(prepare(seen, 64))))
    made = TorchvisionNet(stimuli=few, model="googlenet", layer="maxpool1", size=64).run()["features"]
    assert np.allclose(made, expected.flatten(1).numpy(), atol=1e-5)
