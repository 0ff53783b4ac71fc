"""Training of the captioner: sentences that lose nothing, figures that cannot be flattered, a saved model that says the same."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from recortex.checkpoints.captioner import Captioner, load_captioner
from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.scene import KINDS
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.vocabulary import nouns
from recortex.errors import InvalidInput
from recortex.features.clip import CLIP
from recortex.pretraining.captioner import (
    MOST,
    CaptionerTraining,
    answers,
    by_chance,
    decoded,
    named_things,
    sentence,
    sentence_tokenizer,
    statistics,
    true_answers,
)
from recortex.pretraining.training import Recipe, train
from tests import tiny_models

TRAINING, HELD_OUT = SimulatedScenes(count=24, seed=101), SimulatedScenes(count=12, seed=301)
SIZES = {"tokens": 2, "width": 16, "layers": 1, "heads": 2, "beams": 2, "steps": 4, "batch": 6}


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return tiny_models.open_clip(tmp_path_factory.mktemp("clip") / "tiny")


def stage(clip: Path, **changed) -> CaptionerTraining:
    given = {
        "embeddings": CLIP(stimuli=TRAINING, folder=clip),
        "captions": SimulatedCaptions(scenes=TRAINING),
        "held_out_embeddings": CLIP(stimuli=HELD_OUT, folder=clip),
        "held_out_captions": SimulatedCaptions(scenes=HELD_OUT),
    }
    return CaptionerTraining(**given | SIZES | changed)


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the next training be stopped by a signal at a call of its losses."""
    recipe = CaptionerTraining.recipe

    def stopping(self: CaptionerTraining) -> Recipe:
        made, calls = recipe(self), iter(range(1, 1000))

        def losses(rng: np.random.Generator) -> dict[str, torch.Tensor]:
            if next(calls) == step:
                signal.raise_signal(signal.SIGINT)
            return made.losses(rng)

        return Recipe(made.network, losses)

    monkeypatch.setattr(CaptionerTraining, "recipe", stopping)


def test_a_tiny_training_leaves_a_captioner_with_its_card(clip, tmp_path):
    made = stage(clip)
    result = made.run()
    made.write_to(tmp_path)
    captioner = load_captioner(tmp_path)
    assert {"README.md", "config.json", "model.safetensors", "prefix.safetensors", "tokenizer.json"} <= {*result["file"].tolist()}
    held_out = torch.from_numpy(made.held_out_embeddings.run()["features"])
    assert captioner.captions(held_out, beams=2, most=MOST) == result["sheet_caption"].tolist()
    assert captioner.prefix_tokens == 2
    figures = dict(zip(result["figure"].tolist(), result["value"].tolist(), strict=True))
    assert {"kind", "design", "colour_noisy", "background_noisy_drawn_in", "kind_by_chance", "things_there"} <= set(figures)
    assert all(0 <= value <= 1 for name, value in figures.items())
    assert "CaptionerTraining" in (tmp_path / "README.md").read_text()
    assert result["loss"].shape == (1, 1) and np.isfinite(result["loss"]).all()
    assert len(made.figures(result)) == 3


def test_a_training_that_is_stopped_goes_on_to_the_same_files(clip, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            stage(clip).run()
        again = stage(clip).run()  # which has fewer than three steps left, or it would be stopped again
    monkeypatch.setenv("RECORTEX_CACHE", str(tmp_path))
    whole = stage(clip).run()
    assert whole.path != again.path
    np.testing.assert_array_equal(whole["byte"], again["byte"])
    np.testing.assert_array_equal(whole["loss"], again["loss"])


def test_the_saved_captioner_takes_embeddings_as_they_are_and_says_what_the_trained_one_does(clip, tmp_path):
    made = stage(clip)
    network = made.recipe().network.eval()
    given = torch.from_numpy(made.embeddings.run()["features"])
    mean, sd = statistics(given)
    assert sd.max() / sd.min() > 1.5  # standardising them matters
    before = Captioner(network["model"], sentence_tokenizer(), network["prefix"]).told((given - mean) / sd)
    logits = network["model"](inputs_embeds=before).logits.detach()
    made.save(network, tmp_path)
    captioner = load_captioner(tmp_path)
    after = captioner.told(given)
    torch.testing.assert_close(after, before.detach(), atol=2e-2, rtol=2e-2)
    torch.testing.assert_close(captioner.model(inputs_embeds=after).logits, logits, atol=2e-2, rtol=2e-2)


def test_a_training_learns_what_embeddings_are_of(clip, tmp_path, monkeypatch):
    """Embeddings that hold the background and nothing else, under noise."""
    directions = np.random.default_rng(0).standard_normal((6, 12), dtype=np.float32)

    def planted(self: CLIP) -> dict[str, np.ndarray]:
        number = np.unique(self.stimuli.run()["background"], return_inverse=True)[1]
        return {"features": 3 + directions[number]}

    scenes, others = SimulatedScenes(count=300, seed=101), SimulatedScenes(count=40, seed=301)
    monkeypatch.setattr(CLIP, "run", planted)
    made = stage(
        clip,
        embeddings=CLIP(stimuli=scenes, folder=clip),
        captions=SimulatedCaptions(scenes=scenes),
        held_out_embeddings=CLIP(stimuli=others, folder=clip),
        held_out_captions=SimulatedCaptions(scenes=others),
        **SIZES | {"width": 32, "steps": 300, "batch": 16, "learning_rate": 1e-2, "noise": 0.5, "beams": 1},
    )
    torch.manual_seed(0)
    recipe = made.recipe()
    train(recipe, made.schedule(), tmp_path / "state", 0)
    made.save(recipe.network, tmp_path / "model")
    figures = made.examine(tmp_path / "model").figures
    assert figures["background"] > 0.9 > 0.4 > figures["background_by_chance"]
    assert figures["kind"] < 0.5  # of which embeddings say nothing


def test_sentences_are_written_as_they_were_read():
    words = sentence_tokenizer()
    scenes = SimulatedScenes(count=150, seed=101)
    for number in range(scenes.count):
        for caption in scenes.wordings(number):
            for text in (caption, sentence(caption)):
                tokens = words(text)["input_ids"]
                assert words.unk_token_id not in tokens, text
                assert tokens[-1] == words.eos_token_id
                assert words.decode(tokens, skip_special_tokens=True) == text
        assert len(words(sentence(scenes.wordings(number)[0]))["input_ids"]) <= MOST
    assert sentence("a dog by day") == "A dog by day."
    assert sentence("A dog by day.") == "A dog by day."


def test_true_captions_are_right_in_everything_and_those_of_other_scenes_by_chance():
    scenes = SimulatedScenes(count=240, seed=301)
    found = scenes.run()
    captions = [sentence(scenes.wordings(number)[0]) for number in range(scenes.count)]
    said, true = answers(captions), true_answers(found)
    assert {name: float(np.mean(said[name] == true[name])) for name in true} == dict.fromkeys(true, 1.0)
    assert named_things(captions, found["kind"]) == {"things_there": 1.0, "things_named": 1.0}
    chances = {name: by_chance(said[name], true[name]) for name in true}
    assert chances["kind"] == pytest.approx(1 / 12, abs=0.005)
    assert chances["background"] == pytest.approx(1 / 6, abs=0.01)
    rolled = np.mean([np.mean(np.roll(said["colour"], by) == true["colour"]) for by in range(1, scenes.count)])
    assert chances["colour"] == pytest.approx(rolled)


def test_a_caption_that_names_everything_gains_nothing():
    found = SimulatedScenes(count=120, seed=301).run()
    everything = "A red " + ", a red ".join(nouns(kind)[-1] for kind in KINDS) + " in town by day."
    said, true = answers([everything] * 120), true_answers(found)
    assert np.mean(said["kind"] == true["kind"]) == pytest.approx(1 / 12)
    named = named_things([everything] * 120, found["kind"])
    assert named["things_named"] == 1.0
    assert named["things_there"] < 0.25


def test_a_general_noun_is_no_design():
    said = answers(["A red animal in the snow."])
    assert said["kind"] == ["animal"] and said["design"] == [""]


def test_noise_is_as_strong_as_said_and_draws_in_as_ridge_does():
    torch.manual_seed(0)
    given = torch.randn(400, 4000)
    assert torch.equal(decoded(given, 0.0), given)
    made = decoded(given, 1.5)
    kept = (made * given).mean(1)  # of each embedding, about what is kept of it
    assert kept.max() > 0.9 and 0.2 < kept.min() < 0.4  # 1 / (1 + 1.5 ** 2) is 0.31
    left = (made - kept[:, None] * given).std(1) / kept
    assert left.min() < 0.1 and 1.4 < left.max() < 2


def test_a_feature_that_hardly_varies_does_not_blow_up():
    given = torch.randn(50, 4) * torch.tensor([1.0, 2.0, 0.0, 1e-9])
    mean, sd = statistics(given)
    assert sd.min() == pytest.approx(float(1e-3 * given.std(0).mean()))
    assert torch.isfinite((given - mean) / sd).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"captions": SimulatedCaptions(scenes=HELD_OUT)}, "embeddings and captions must be of the same scenes"),
        (
            {"held_out_captions": SimulatedCaptions(scenes=TRAINING)},
            "held_out_embeddings and held_out_captions must be of the same",
        ),
        ({"heads": 3}, "width: 16 is no multiple of the 3 heads"),
    ],
)
def test_what_does_not_fit_together_is_refused(clip, changed, said):
    with pytest.raises(InvalidInput, match=said):
        stage(clip, **changed).check_ready()


def test_embeddings_of_two_models_are_refused(clip, tmp_path):
    other = tiny_models.open_clip(tmp_path / "other", seed=1)
    with pytest.raises(InvalidInput, match="embeddings and held_out_embeddings must be of the same model"):
        stage(clip, held_out_embeddings=CLIP(stimuli=HELD_OUT, folder=other)).check_ready()
