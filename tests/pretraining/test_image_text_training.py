"""The image-text model: its words, prompts and batches, and that open_clip loads what is saved."""

import re

import numpy as np
import pytest
import torch

from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.scene import BACKGROUNDS, COLOURS, DESIGNS, KINDS, scene
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.vocabulary import nouns
from recortex.data.simulated.words import Teller, wordings
from recortex.errors import InvalidInput
from recortex.pretraining._groups import SHARED, Batches
from recortex.pretraining._image_text_exam import Eyes
from recortex.pretraining._prompts import PROMPTS, UNCLEAR, answers, designs_present, kind_ensemble
from recortex.pretraining._word_tokens import END, PAD, START, UNKNOWN, vocabulary, word_tokenizer
from recortex.pretraining.image_text import LONGEST, ImageTextTraining, contrast, text_embedding, tokenised

TINY = {
    "steps": 3, "batch": 16, "dimension": 16, "width": 4, "blocks": (1, 1, 1, 1), "text_width": 32, "text_layers": 1,
}  # fmt: skip


def captions(count: int, seed: int) -> SimulatedCaptions:
    return SimulatedCaptions(scenes=SimulatedScenes(count=count, seed=seed))


def planted(count: int = 3000) -> dict[str, np.ndarray]:
    """Answers drawn at random, as those of many scenes."""
    rng = np.random.default_rng(4)
    return {name: rng.integers(0, len(choices), count) for name, choices in PROMPTS.items()}


# words


def test_every_caption_is_read_whole_and_without_unknown_words():
    said = [words for number in range(1500) for words in wordings(scene(77, number), np.random.default_rng(number))]
    tokens = word_tokenizer(LONGEST)(said)["input_ids"]
    assert not any(UNKNOWN in line for line in tokens)
    assert max(map(len, tokens)) <= LONGEST
    assert all(line[0] == START and line[-1] == END for line in tokens)


def test_the_vocabulary_is_small_and_holds_no_word_twice():
    words = vocabulary()
    assert len(words) == len(set(words)) <= 1024
    assert (words[PAD], words[START], words[END], words[UNKNOWN]) == ("<pad>", "<start>", "<end>", "<unknown>")


def test_a_word_that_no_caption_holds_is_unknown_and_the_rest_of_its_sentence_is_not():
    plain, strange = tokenised(["a red dog", "a red wombat"])
    assert strange.tolist()[:4] == [*plain.tolist()[:3], UNKNOWN]


def test_capitals_and_punctuation_do_not_matter():
    one, other = tokenised(["A man's face, in the snow.", "a man s face in the snow"])
    assert one.equal(other)


def test_longer_texts_are_cut_and_still_end():
    (line,) = tokenised(["dog " * 100]).tolist()
    assert len(line) == LONGEST and line[-1] == END


# prompts


def test_prompts_are_read_without_unknown_words_and_stand_for_one_answer_each():
    for name, phrased in PROMPTS.items():
        said = [prompt for prompts in phrased.values() for prompt in prompts]
        assert len(said) == len(set(said)), name
        assert not (tokenised(said) == UNKNOWN).any(), name


def test_there_is_a_prompt_for_every_answer():
    assert tuple(PROMPTS["kind"]) == KINDS
    assert tuple(PROMPTS["background"]) == BACKGROUNDS
    assert tuple(PROMPTS["colour"]) == COLOURS
    assert set(PROMPTS["design"]) == {design for designs in DESIGNS.values() for design in designs}
    assert "an animal" in PROMPTS["kind"]["animal"] and PROMPTS["colour"]["orange"] == ("an orange thing",)
    assert "in the snow" in PROMPTS["background"]["snow"] and PROMPTS["count"]["3"] == ("three things",)


def test_the_prompts_of_a_kind_hold_all_its_nouns_and_those_of_no_other():
    for kind in KINDS:
        prompts = " | ".join(kind_ensemble(kind))
        assert len(kind_ensemble(kind)) == len(nouns(kind))
        assert all(re.search(rf"\b{noun}\b", prompts) for noun in nouns(kind))
    said = [prompt for kind in KINDS for prompt in kind_ensemble(kind)]
    assert len(said) == len(set(said))


def test_answers_are_what_is_in_the_scene():
    stage = SimulatedScenes(count=60, seed=8)
    right = answers(stage.run())
    for number in range(stage.count):
        drawn = stage.scene(number)
        largest = drawn.things[0]
        said = {name: list(PROMPTS[name])[at] for name, at in ((name, right[name][number]) for name in right) if at != UNCLEAR}
        side = said.pop("side", "")
        assert said == {
            "kind": largest.kind,
            "design": largest.design,
            "colour": largest.colour,
            "background": drawn.background,
            "time": "night" if drawn.night else "day",
            "count": str(len(drawn.things)),
        }
        phrase = Teller(drawn, np.random.default_rng(0)).side(largest)
        assert (phrase in PROMPTS["side"][side]) if side else phrase == ""


def test_designs_that_are_present_are_those_of_all_things():
    stage = SimulatedScenes(count=20, seed=8)
    present = designs_present(stage.run()["design"])
    for number in range(stage.count):
        there = {design for design, said in zip(PROMPTS["design"], present[number], strict=True) if said}
        assert there == {thing.design for thing in stage.scene(number).things}


# batches


def test_half_a_batch_is_groups_that_share_something_and_no_scene_is_in_it_twice():
    right = planted()
    for step in range(40):
        rows, groups = Batches(right, 64, group=16).draw(np.random.default_rng(step))
        assert len(rows) == len(set(rows.tolist())) == 64
        assert [len(group) for group in groups] == [16, 16] or sum(map(len, groups)) in (31, 32)
        assert rows[-sum(map(len, groups)) :].tolist() == np.concatenate(groups).tolist()
        assert any(all(len(np.unique(right[name][group])) == 1 for name in names for group in groups) for names in SHARED)


def test_what_is_shared_changes_from_batch_to_batch():
    right = planted()
    batches = Batches(right, 64, group=16)
    seen = set()
    for step in range(100):
        _, groups = batches.draw(np.random.default_rng(step))
        seen.add(frozenset(name for name in right if all(len(np.unique(right[name][group])) == 1 for group in groups)))
    assert seen >= set(map(frozenset, SHARED))


def test_the_other_half_is_any_scenes():
    right = planted()
    batches = Batches(right, 64, group=16)
    halves = [batches.draw(np.random.default_rng(step))[0][:32] for step in range(300)]
    share = np.bincount(right["kind"][np.concatenate(halves)], minlength=len(KINDS)) / (300 * 32)
    assert np.abs(share - 1 / len(KINDS)).max() < 0.02
    assert all(len(np.unique(right["background"][half])) > 1 for half in halves)


def test_few_scenes_make_small_batches_of_any_of_them():
    right = {name: answer[:5] for name, answer in planted().items()}
    for step in range(30):
        rows, _ = Batches(right, 64).draw(np.random.default_rng(step))
        assert sorted(rows.tolist()) == list(range(5))


# the model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny model, its stage and the folder that it was saved in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECORTEX_CACHE", str(tmp_path_factory.mktemp("cache")))
        stage = ImageTextTraining(captions=captions(60, 5), held_out=captions(40, 6), **TINY)
        made = {name: values[()] for name, values in stage.run().items()}
        folder = tmp_path_factory.mktemp("model")
        stage.write_to(folder)
        yield stage, made, folder


def test_open_clip_loads_what_was_saved_with_its_tokenizer_and_preprocessing(trained):
    stage, made, folder = trained
    eyes = Eyes(folder)
    picture = stage.held_out.scenes.run()["picture"][:3]
    seen = eyes.see(picture)
    assert seen.shape == (3, 16)
    np.testing.assert_allclose(np.linalg.norm(seen, axis=1), 1, atol=1e-5)
    from PIL import Image

    np.testing.assert_allclose(
        eyes.preprocess(Image.fromarray(picture[0])).numpy(), (picture[0].transpose(2, 0, 1) / 255 - 0.5) / 0.25, atol=1e-6
    )
    assert eyes.tokenizer(["a red dog"]).equal(tokenised(["a red dog"]))
    assert eyes.read(["a red dog", "a blue cat"]).shape == (2, 16)
    assert {"open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json", "README.md"} <= set(made["file"].tolist())


def test_saving_and_reloading_gives_the_same_outputs(trained, tmp_path):
    stage, _, folder = trained
    one = Eyes(folder)
    stage.save(torch.nn.ModuleDict({"model": one.model}), tmp_path)
    other = Eyes(tmp_path)
    picture = stage.held_out.scenes.run()["picture"][:5]
    assert np.array_equal(one.see(picture), other.see(picture))
    assert np.array_equal(one.read(["a red dog"]), other.read(["a red dog"]))


def test_text_is_embedded_in_training_as_open_clip_embeds_it(trained):
    model = Eyes(trained[2]).model
    said = captions(30, 6).run()["caption"].ravel().tolist()
    tokens = tokenised(said)
    with torch.inference_mode():
        torch.testing.assert_close(text_embedding(model, tokens), model.encode_text(tokens), atol=1e-5, rtol=1e-4)


def test_pairs_with_the_same_words_are_not_told_apart():
    shown = tokenised(["a red dog", "a red dog", "a cat"])
    fit = torch.tensor([[2.0, 9.0, 0.0], [9.0, 2.0, 0.0], [0.0, 0.0, 2.0]])  # the two dogs find each other first
    blind = torch.tensor([[2.0, -1e9, 0.0], [-1e9, 2.0, 0.0], [0.0, 0.0, 2.0]])
    torch.testing.assert_close(contrast(fit, shown), contrast(blind, tokenised(["a dog", "a bird", "a cat"])))
    assert contrast(fit, tokenised(["a dog", "a bird", "a cat"])) > 3


def test_what_is_asked_is_measured_and_what_training_brings_down_is_recorded(trained):
    _, made, _ = trained
    assert {"zero-shot kind", "linear probe of kind", "caption of a picture among 20"} <= set(made["figure"].tolist())
    assert np.isfinite(made["value"]).all() and np.isfinite(made["loss"]).all()
    taught = {f"{way} {name}" for way in ("prompt", "head") for name in PROMPTS}
    assert set(made["term"].tolist()) == {"contrast", "head present"} | taught


def test_a_few_steps_bring_the_loss_down():
    stage = ImageTextTraining(captions=captions(24, 5), held_out=captions(8, 6), **TINY | {"batch": 24})
    torch.manual_seed(0)
    recipe = stage.recipe()
    optimiser = torch.optim.AdamW(recipe.network.parameters(), 3e-3)
    sums = []
    for step in range(30):
        loss = sum(recipe.losses(np.random.default_rng(step)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        sums.append(loss.item())
    assert np.mean(sums[-5:]) < 0.85 * np.mean(sums[:5])


def test_scenes_of_the_training_are_refused_as_held_out_ones():
    with pytest.raises(InvalidInput, match="held_out: 40 of its scenes are trained on"):
        ImageTextTraining(captions=captions(60, 5), held_out=captions(40, 5)).check_ready()
