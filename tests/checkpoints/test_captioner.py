"""Captioners: what is planted is said, any causal language model with a prefix loads, and what is wrong is said in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from recortex.checkpoints.captioner import Captioner, load_captioner, save_captioner
from recortex.errors import InvalidInput
from tests.tiny_models import VOCABULARY, filled, tokenizer

FEATURES, WIDTH, TOKENS = 6, 16, 3
END = VOCABULARY.index("[END]")


def model(seed: int = 0, **changed):
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"vocab_size": len(VOCABULARY), "n_positions": 60, "n_embd": WIDTH, "n_layer": 2, "n_head": 2}
    special = {"bos_token_id": 1, "eos_token_id": END, "pad_token_id": 0}
    return filled(GPT2LMHeadModel(GPT2Config(**sizes | special | changed)), seed)


def write(folder: Path, prefix: dict[str, torch.Tensor] | None = None, **changed) -> Path:
    """A tiny captioner's folder, as transformers and safetensors write it."""
    model(**changed).save_pretrained(folder)
    tokenizer(folder)
    rng = np.random.default_rng(1)
    made = prefix or {
        "weight": torch.from_numpy(rng.standard_normal((TOKENS * WIDTH, FEATURES), dtype=np.float32)),
        "bias": torch.from_numpy(rng.standard_normal(TOKENS * WIDTH, dtype=np.float32)),
    }
    save_file(made, folder / "prefix.safetensors")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("captioner") / "tiny")


@pytest.fixture
def folder(made, tmp_path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "tiny"))


def embeddings(n: int = 12) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(2).standard_normal((n, FEATURES), dtype=np.float32))


def edit(path: Path, **changed) -> None:
    """Write fields of a JSON file anew; None takes one away."""
    found = json.loads(path.read_text()) | changed
    path.write_text(json.dumps({name: value for name, value in found.items() if value is not None}))


def log_probability(captioner: Captioner, embedding: torch.Tensor, tokens: list[int]) -> torch.Tensor:
    """Of every next token, by the model's plain forward pass."""
    said = captioner.model.get_input_embeddings()(torch.tensor(tokens, dtype=torch.long))[None]
    return captioner.model(inputs_embeds=torch.cat([captioner.told(embedding[None]), said], 1)).logits[0].log_softmax(-1)


def test_what_is_planted_is_said(tmp_path):
    """A model without a mind: it says the word that the embedding is of, and at the next place it ends."""
    planted = model(n_embd=len(VOCABULARY) + 1, n_head=1)
    with torch.no_grad():
        for name, value in planted.named_parameters():
            value.zero_()
            if "ln" in name and name.endswith("weight"):
                value.fill_(1)
        planted.transformer.wte.weight[:, :-1] = torch.eye(len(VOCABULARY))
        planted.transformer.wpe.weight[2, END] = 10
    prefix = torch.nn.Linear(len(VOCABULARY), 2 * (len(VOCABULARY) + 1), bias=True)
    with torch.no_grad():
        prefix.weight.zero_()
        prefix.bias.zero_()
        prefix.weight[-len(VOCABULARY) - 1 : -1] = torch.eye(len(VOCABULARY))  # of the last of two tokens
    planted.save_pretrained(tmp_path)
    tokenizer(tmp_path)
    save_file(prefix.state_dict(), tmp_path / "prefix.safetensors")
    captioner = load_captioner(tmp_path)
    words = torch.eye(len(VOCABULARY))[4:]
    assert captioner.prefix_tokens == 2
    assert captioner.captions(words) == VOCABULARY[4:]
    assert captioner.captions(words.flip(0), beams=1, batch=2) == VOCABULARY[:3:-1]


def test_one_beam_says_the_most_probable_word_at_each_step(made):
    captioner = load_captioner(made)
    given = embeddings()
    for embedding, caption in zip(given, captioner.captions(given, beams=1, most=8), strict=True):
        tokens: list[int] = []
        while len(tokens) < 8 and END not in tokens:
            tokens.append(int(log_probability(captioner, embedding, tokens)[-1].argmax()))
        assert caption == captioner.tokenizer.decode(tokens, skip_special_tokens=True)


def test_many_beams_find_the_caption_of_the_largest_mean_log_probability(made):
    """Among all of two tokens, and the empty one."""
    captioner = load_captioner(made)
    given, found = embeddings(30), []
    for embedding in given:
        first = log_probability(captioner, embedding, [])[-1]
        mean = {(END,): float(first[END])}
        for one in {*range(len(VOCABULARY))} - {END}:
            second = log_probability(captioner, embedding, [one])[-1]
            mean |= {(one, two): float(first[one] + second[two]) / 2 for two in range(len(VOCABULARY))}
        found.append(captioner.tokenizer.decode(max(mean, key=lambda tokens: mean[tokens]), skip_special_tokens=True))
    assert captioner.captions(given, beams=len(VOCABULARY), most=2) == found
    assert captioner.captions(given, beams=1, most=2) != found


def test_captions_do_not_depend_on_the_batch_or_on_chance(made):
    captioner = load_captioner(made)
    given = embeddings()
    once = captioner.captions(given)
    assert len(set(once)) > 3
    torch.manual_seed(77)
    assert captioner.captions(given, batch=5) == once
    assert captioner.captions(given[[3]]) == [once[3]]
    assert captioner.captions(given[:0]) == []


def test_a_caption_is_cut_at_the_most(made):
    captioner = load_captioner(made)
    for most in (1, 4):
        lengths = [len(caption.split()) for caption in captioner.captions(embeddings(), most=most)]
        assert max(lengths) <= most
    assert max(lengths) > 1


def test_what_is_saved_says_the_same_when_it_is_loaded(made, tmp_path):
    captioner = load_captioner(made)
    save_captioner(captioner, tmp_path)
    stored = load_file(tmp_path / "prefix.safetensors") | load_file(tmp_path / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    again = load_captioner(tmp_path)
    wanted = Captioner(captioner.model.float(), captioner.tokenizer, captioner.prefix.float())
    assert {value.dtype for value in again.model.state_dict().values()} == {torch.float32}
    assert not any(value.requires_grad for value in (*again.model.parameters(), *again.prefix.parameters()))
    assert torch.equal(log_probability(again, embeddings()[0], [4, 5]), log_probability(wanted, embeddings()[0], [4, 5]))
    assert again.captions(embeddings()) == wanted.captions(embeddings())


def test_gpt2_as_the_hub_has_it_loads_with_a_prefix(tmp_path):
    """Its tokenizer is one of bytes without a padding token, and its configuration would draw by chance."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import GPT2Tokenizer

    pieces = [*sorted(ByteLevel.alphabet()), "Ġa", "do", "dog", "<|endoftext|>"]
    (tmp_path / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nĠ a\nd o\ndo g\n")
    words = GPT2Tokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    assert words.pad_token is None
    end = len(pieces) - 1
    write(tmp_path, vocab_size=len(pieces), bos_token_id=end, eos_token_id=end, pad_token_id=None)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / name).unlink(missing_ok=True)
    edit(tmp_path / "generation_config.json", do_sample=True, temperature=3.0, max_length=5)
    edit(tmp_path / "config.json", task_specific_params={"text-generation": {"do_sample": True, "max_length": 50}})
    captioner = load_captioner(tmp_path)
    once = captioner.captions(embeddings(), most=12)
    assert once == captioner.captions(embeddings(), most=12)
    assert any(once) and "endoftext" not in "".join(once)
    assert captioner.tokenizer.decode(captioner.tokenizer("a dog")["input_ids"]) == "a dog"


def test_embeddings_that_do_not_fit_are_refused(made):
    captioner = load_captioner(made)
    with pytest.raises(InvalidInput, match=r"takes embeddings \(n, 6\), got \(2, 7\); use those of the image-text model"):
        captioner.captions(torch.zeros(2, 7))
    with pytest.raises(InvalidInput, match=r"takes embeddings \(n, 6\), got \(6,\)"):
        captioner.captions(torch.zeros(6))
    wrong = embeddings()
    wrong[3, 1], wrong[5, 0] = torch.nan, torch.inf
    with pytest.raises(InvalidInput, match=r"embeddings 3, 5 \(counted from 0\) hold NaN or infinite numbers"):
        captioner.captions(wrong)
    for name in ("beams", "most", "batch"):
        with pytest.raises(InvalidInput, match=f"{name}: 0 is too few; give 1 or more"):
            captioner.captions(embeddings(), **{name: 0})


def test_captions_longer_than_the_model_are_refused(made):
    with pytest.raises(InvalidInput, match="most: 58 tokens are more than the 57 that this model can write"):
        load_captioner(made).captions(embeddings(), most=58)


def test_a_device_that_is_not_there_is_refused(made):
    captioner = load_captioner(made)
    assert captioner.to("cpu").captions(embeddings(2)) == captioner.captions(embeddings(2))
    with pytest.raises(InvalidInput, match="device: there is no cuda:77 here"):
        captioner.to("cuda:77")


def spoil(name: str):
    """A function that makes one thing wrong in a folder."""

    def prefix(**changed):
        def change(folder: Path) -> None:
            found = load_file(folder / "prefix.safetensors")
            save_file(
                {key: value for key, value in (found | changed).items() if value is not None}, folder / "prefix.safetensors"
            )

        return change

    def cut(file: str, length: int):
        return lambda folder: (folder / file).write_bytes((folder / file).read_bytes()[:length])

    def no_words(folder: Path) -> None:
        for path in folder.glob("*token*"):
            path.unlink()

    def more_words(folder: Path) -> None:
        words = json.loads((folder / "tokenizer.json").read_text())
        words["model"]["vocab"] |= {"horse": len(VOCABULARY), "cow": len(VOCABULARY) + 1}
        (folder / "tokenizer.json").write_text(json.dumps(words))

    def fewer_layers(folder: Path) -> None:
        found = load_file(folder / "model.safetensors")
        save_file({key: value for key, value in found.items() if ".h.1." not in key}, folder / "model.safetensors")

    def nan(folder: Path) -> None:
        found = load_file(folder / "model.safetensors")
        found["transformer.ln_f.weight"][3] = torch.nan
        save_file(found, folder / "model.safetensors", metadata={"format": "pt"})

    return {
        "no folder": lambda folder: shutil.rmtree(folder),
        "no prefix": lambda folder: (folder / "prefix.safetensors").unlink(),
        "no configuration": lambda folder: (folder / "config.json").unlink(),
        "no weights": lambda folder: (folder / "model.safetensors").unlink(),
        "weights with code": lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
        "no tokenizer": no_words,
        "prefix of another width": prefix(weight=torch.zeros(50, FEATURES), bias=torch.zeros(50)),
        "bias of another prefix": prefix(bias=torch.zeros(WIDTH)),
        "prefix of other tensors": prefix(bias=None, scale=torch.zeros(3)),
        "prefix that is no matrix": prefix(weight=torch.zeros(TOKENS * WIDTH)),
        "prefix with NaN": prefix(bias=torch.full((TOKENS * WIDTH,), torch.nan)),
        "prefix cut off": cut("prefix.safetensors", 200),
        "weights cut off": cut("model.safetensors", 1000),
        "weights with NaN": nan,
        "weights of fewer layers": fewer_layers,
        "configuration cut off": cut("config.json", 50),
        "generation cut off": cut("generation_config.json", 10),
        "tokenizer cut off": cut("tokenizer.json", 100),
        "another model": lambda folder: edit(folder / "config.json", model_type="vit"),
        "unheard-of model": lambda folder: edit(folder / "config.json", model_type="nonesuch"),
        "code of its own": lambda folder: edit(folder / "config.json", auto_map={"AutoModelForCausalLM": "x.Y"}),
        "other sizes": lambda folder: edit(folder / "config.json", n_embd=32),
        "another tokenizer": more_words,
        "no end": lambda folder: edit(folder / "generation_config.json", eos_token_id=None),
        "end that is no token": lambda folder: edit(folder / "generation_config.json", eos_token_id=400),
        "another end": lambda folder: edit(folder / "generation_config.json", eos_token_id=7),
    }[name]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no folder", "tiny is no folder; name the captioner's folder"),
        ("no prefix", "is not a captioner .*: prefix.safetensors is not there"),
        ("no configuration", "is not a captioner .*: config.json is not there"),
        ("no weights", "holds no weights: model.safetensors is not there"),
        ("weights with code", "has its weights as pytorch_model.bin, a kind of file that may carry code and is never read"),
        ("no tokenizer", r"lacks the files of its tokenizer \(tokenizer.json\); put them there"),
        ("prefix of another width", "weight has 50 rows, no multiple of the 16 numbers .* another language model"),
        ("bias of another prefix", r"bias has shape \(16,\) and weight \(48, 6\); they are of two models"),
        ("prefix of other tensors", r"holds scale \(3,\), weight \(48, 6\), not a weight \(token \* width, feature\) and a bias"),
        ("prefix that is no matrix", r"holds bias \(48,\), weight \(48,\), not a weight"),
        ("prefix with NaN", r"prefix.safetensors: bias holds numbers that are none \(NaN\)"),
        ("prefix cut off", "prefix.safetensors cannot be read as safetensors: it should have"),
        ("weights cut off", "model.safetensors cannot be read as safetensors"),
        ("weights with NaN", r"transformer.ln_f.weight holds numbers that are none \(NaN\)"),
        ("weights of fewer layers", "the weights lack transformer.h.1"),
        ("configuration cut off", "config.json cannot be read as JSON"),
        ("generation cut off", "generation_config.json cannot be read as JSON"),
        ("tokenizer cut off", "tokenizer.json cannot be read as JSON"),
        ("another model", "cannot be loaded by transformers as a causal language model"),
        ("unheard-of model", "cannot be loaded by transformers as a causal language model: .*nonesuch"),
        ("code of its own", "asks for code of its own to be run"),
        ("other sizes", "the weights have in another shape transformer.h.0.*; they are of another model than its configuration"),
        ("another tokenizer", "the tokenizer has 13 tokens and the model knows 11; it has another tokenizer"),
        ("no end", r"generation_config.json does not say eos_token_id, .* so no caption would end; write its number there"),
        ("end that is no token", r"generation_config.json has \[400\] as eos_token_id"),
        ("another end", "the tokenizer ends a text with token 2 and generation_config.json with 7; they are of two models"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_in_one_line(folder, what, said):
    spoil(what)(folder)
    with pytest.raises(InvalidInput, match=said) as caught:
        load_captioner(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
