"""A judge says what its network says, in the right words, and refuses what is no judge and no picture."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from recortex.errors import InvalidInput
from recortex.judging.judge import Judge, load_judge, save_judge

ANSWERS = {"kind": ("house", "ball", "face"), "background": ("snow", "beach"), "count": ("1", "2", "3")}
ARGUMENTS = {"dims": [8, 8, 8, 8], "depths": [1, 1, 1, 1], "stem_type": "overlap_act", "kernel_sizes": 3, "ls_init_value": 1.0}


class Planted(torch.nn.Module):
    """Sees the mean of each colour; its answers are known sums of them."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(
            torch.tensor(
                [
                    *([0.0, 9.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 9.0]),  # a ball is red, a house green, a face blue
                    *([1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]),  # snow is light
                    *([0.0, 0.0, 4.0], [0.0, 0.0, 0.0], [0.0, 0.0, -4.0]),  # the less blue the more there are
                ]
            )
        )

    def forward_features(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.mean((2, 3))

    def forward_head(self, seen: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        return seen if pre_logits else seen @ self.weight.T


PLANTED = Judge(Planted(), ANSWERS, 8, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
COLOURS = np.array([[0.9, 0.1, 0.2], [0.2, 0.7, 0.1], [0.8, 0.8, 1.0]])


def plain(colours: np.ndarray, height: int = 8, width: int = 8) -> np.ndarray:
    return np.ones((1, height, width, 1)) * colours[:, None, None, :]


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return timm.create_model("convnext_atto", num_classes=8, **ARGUMENTS).eval()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_judge(Judge(network(), ANSWERS, 32, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)), ARGUMENTS, tmp_path)
    return tmp_path


def test_verdicts_are_the_planted_ones_in_their_own_words():
    verdicts = PLANTED.verdicts(plain(COLOURS))
    assert verdicts["kind"].tolist() == ["ball", "house", "face"]
    assert verdicts["background"].tolist() == ["beach", "beach", "snow"]
    assert verdicts["count"].tolist() == [3, 3, 1]
    assert verdicts["count"].dtype.kind == "i"


def test_probabilities_and_embedding_are_those_by_hand():
    verdicts = PLANTED.verdicts(plain(COLOURS))
    seen = (COLOURS - 0.5) / 0.25
    score = np.exp(seen[:, [1, 0, 2]] * 9)
    np.testing.assert_allclose(verdicts["embedding"], seen, atol=1e-5)
    np.testing.assert_allclose(verdicts["kind_probability"], score / score.sum(1, keepdims=True), atol=1e-5)
    for question, answers in ANSWERS.items():
        assert verdicts[f"{question}_probability"].shape == (3, len(answers))


def test_whole_numbers_to_255_are_the_same_pictures():
    whole = np.round(plain(COLOURS) * 255).astype(np.uint8)
    np.testing.assert_allclose(PLANTED.verdicts(whole)["embedding"], PLANTED.verdicts(whole / 255)["embedding"], atol=1e-5)


@pytest.mark.parametrize("height, width", [(16, 16), (5, 5), (12, 30)])
def test_pictures_of_another_size_are_resized(height: int, width: int):
    sizes: list[tuple[int, ...]] = []
    original = PLANTED.network.forward_features

    def watched(pictures):
        sizes.append(tuple(pictures.shape[1:]))
        return original(pictures)

    judge = Judge(Planted(), ANSWERS, 8, PLANTED.mean, PLANTED.sd)
    judge.network.forward_features = watched
    verdicts = judge.verdicts(plain(COLOURS, height, width))
    assert sizes == [(3, 8, 8)]
    np.testing.assert_allclose(verdicts["embedding"], PLANTED.verdicts(plain(COLOURS))["embedding"], atol=1e-5)


def test_batches_do_not_matter_and_order_is_kept(saved):
    judge = load_judge(saved)
    pictures = np.random.default_rng(0).random((7, 32, 32, 3))
    together, apart = judge.verdicts(pictures), judge.verdicts(pictures, batch=2)
    reverse = judge.verdicts(pictures[::-1])
    for name, values in together.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(apart[name], values, atol=1e-5)
            np.testing.assert_allclose(reverse[name][::-1], values, atol=1e-5)


def test_a_saved_judge_says_what_it_said(saved):
    rounded = network().half().float()
    before = Judge(rounded, ANSWERS, 32, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    loaded = load_judge(str(saved))
    pictures = np.random.default_rng(1).random((5, 32, 32, 3))
    assert (loaded.answers, loaded.side, loaded.mean, loaded.sd) == (before.answers, before.side, before.mean, before.sd)
    for name, values in before.verdicts(pictures).items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(loaded.verdicts(pictures)[name], values, atol=1e-6)
        else:
            assert loaded.verdicts(pictures)[name].tolist() == values.tolist()


def test_weights_are_in_half_precision_and_timm_itself_loads_them(saved):
    state = load_file(saved / "model.safetensors")
    assert {value.dtype for value in state.values()} == {torch.float16}
    theirs = timm.create_model(f"local-dir:{saved}", pretrained=True).eval()
    assert theirs.pretrained_cfg["label_names"][:4] == ["kind: house", "kind: ball", "kind: face", "background: snow"]
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, state[name].float()), name


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def with_config(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        config = {**json.loads(path.read_text()), **changes}
        path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))

    return change


def with_inside(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["pretrained_cfg"] |= changes
        path.write_text(json.dumps(config))

    return change


def with_nan(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state["head.fc.bias"][0] = torch.nan
    save_file(state, folder / "model.safetensors", {"format": "pt"})


FOREIGN = [
    (without("config.json"), "is not a judge: config.json is not there; name the folder"),
    (without("model.safetensors"), "is not a judge: model.safetensors is not there"),
    (cut, r"model.safetensors cannot be read as safetensors: it should have [\d,]+ bytes and has"),
    (no_json, "config.json cannot be read as JSON"),
    (with_config(label_names=None), "config.json has no label_names; a judge's say what each class stands for"),
    (with_config(label_names=["house", "ball"]), "label house is not a question with its answer, as in kind: house"),
    (with_config(label_names=["kind: a", "count: 1", "kind: b"]), "the labels of kind do not stand together"),
    (with_config(label_names=["kind: a", "kind: a"]), "kind has the same label twice"),
    (with_config(label_names=["kind: a", "count: many"]), "label count: many is no number of things"),
    (with_config(label_names=["kind: a", "kind: b"]), "2 labels for 8 classes; it is of another model"),
    (with_config(architecture="no_such_net"), "cannot be loaded as a judge: .*no_such_net"),
    (with_config(model_args={**ARGUMENTS, "dims": [8, 8, 8, 16]}), "cannot be loaded as a judge: .*size mismatch"),
    (with_config(auto_map={"x": "y"}), "asks for code of its own"),
    (with_inside(input_size=[3, 32, 16]), "input_size is .*; a judge's is 3, side, side"),
    (with_inside(std=[0.2, 0.0, 0.2]), "mean or std is not three numbers"),
    (with_nan, "head.fc.bias holds numbers that are none"),
]


@pytest.mark.parametrize("spoil, said", FOREIGN)
def test_a_damaged_or_foreign_folder_gets_one_clear_line(saved, spoil, said):
    spoil(saved)
    with pytest.raises(InvalidInput, match=said) as caught:
        load_judge(saved)
    assert "\n" not in str(caught.value)
    assert str(saved) in str(caught.value)


WRONG = [
    (np.zeros((8, 8, 3)), r"are \(stimulus, height, width, 3\), at least one; these are \(8, 8, 3\)"),
    (np.zeros((2, 3, 8, 8)), r"these are \(2, 3, 8, 8\)"),
    (np.zeros((0, 8, 8, 3)), r"at least one; these are \(0, 8, 8, 3\)"),
    (np.zeros((1, 8, 8, 3), int), "or uint8 from 0 to 255; these are int64"),
    (np.array([0.5, 1.5])[:, None, None, None] * np.ones((1, 8, 8, 3)), "number 1 goes from 1.5 to 1.5"),
    (np.full((1, 8, 8, 3), np.nan), "number 0 goes from nan to nan"),
]


@pytest.mark.parametrize("pictures, said", WRONG)
def test_what_are_no_pictures_is_refused(pictures, said):
    with pytest.raises(InvalidInput, match=said):
        PLANTED.verdicts(pictures)


def test_a_device_that_is_not_there_is_refused(saved):
    with pytest.raises(InvalidInput, match="device: there is no cuda:77 here"):
        load_judge(saved, "cuda:77")
