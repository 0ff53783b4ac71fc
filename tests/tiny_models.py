"""Models so small that they are made in no time, in the formats of the libraries that load the big ones; nobody trained them.

Their numbers are NumPy's, the same on every machine.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "89abcdef0123456789abcdef0123456789abcdef"
MEAN, SD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
VOCABULARY = ["[PAD]", "[START]", "[END]", "[UNK]", "a", "red", "blue", "cup", "dog", "on", "grass"]


def filled(model: Any, seed: int) -> Any:
    """The model with numbers of its own in every weight, as wide as trained ones are, and statistics as after training."""
    import torch

    rng = np.random.default_rng(seed)
    state = model.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            wide = 1 / np.sqrt(max(1, value[0].numel())) if value.ndim > 1 else 0.2
            made = rng.standard_normal(tuple(value.shape)) * wide
            if name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight")):
                made = 0.1 + np.abs(made) if name.endswith("running_var") else 1 + np.abs(made)
            state[name] = torch.from_numpy(np.asarray(made, dtype=np.float32))
    model.load_state_dict(state)
    return model.eval()


def open_clip(folder: Path, kind: str = "vit", seed: int = 0, text: dict[str, Any] | None = None, **changed: Any) -> Path:
    """A model folder of open_clip with a vision transformer or a ModifiedResNet; `changed` goes into its configuration."""
    import open_clip as library
    from safetensors.torch import save_file

    vision: dict[str, Any] = {
        "image_size": 32,
        "layers": 3,
        "width": 32,
        "head_width": 16,
        "patch_size": 16,
        "patch_dropout": 0.0,
    }
    if kind == "resnet":
        vision = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None, "head_width": 16}
    words = {
        "context_length": 10, "vocab_size": len(VOCABULARY), "width": 16, "heads": 2, "layers": 2, "pool_type": "eos", "eos_id": 2,
        "pad_id": 0, "hf_tokenizer_name": "words",
    } | (text or {})  # fmt: skip
    model_cfg = {"embed_dim": 12, "vision_cfg": vision, "text_cfg": words} | changed.pop("model_cfg", {})
    config = {"model_cfg": model_cfg, "preprocess_cfg": {"mean": MEAN, "std": SD}} | changed
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    model = filled(library.CLIP(**{name: value for name, value in model_cfg.items() if name != "custom_text"}), seed)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    tokenizer(folder)
    return folder


def tokenizer(folder: Path) -> None:
    """A word-level tokenizer that puts a beginning and an end."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing("[START] $A [END]", special_tokens=[("[START]", 1), ("[END]", 2)])
    special = {"pad_token": "[PAD]", "bos_token": "[START]", "eos_token": "[END]", "unk_token": "[UNK]"}
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder)


def dino(folder: Path, kind: str = "registers", seed: int = 0, **changed: Any) -> Path:
    """A model folder of transformers: "registers" and "dinov3" with register tokens, "dinov2" without."""
    import transformers

    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 28, "patch_size": 7}
    names = {"registers": "Dinov2WithRegisters", "dinov2": "Dinov2", "dinov3": "DINOv3ViT"}
    extra = {"registers": {"num_register_tokens": 4}, "dinov2": {}, "dinov3": {"num_register_tokens": 4, "intermediate_size": 32}}
    config = getattr(transformers, f"{names[kind]}Config")(**sizes | extra[kind] | changed)
    filled(getattr(transformers, f"{names[kind]}Model")(config), seed).save_pretrained(folder)
    transformers.BitImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 28, "width": 28}, image_mean=MEAN, image_std=SD
    ).save_pretrained(folder)
    return folder


def autoencoder(folder: Path, kind: str = "tiny", seed: int = 0, **changed: Any) -> Path:
    """A model folder of diffusers: "tiny" or "kl", both halving a picture's sides twice."""
    import diffusers

    if kind == "tiny":
        blocks = {"encoder_block_out_channels": (8, 8, 8), "decoder_block_out_channels": (8, 8, 8)}
        counts = {"num_encoder_blocks": (1, 1, 1), "num_decoder_blocks": (1, 1, 1)}
        model: Any = diffusers.AutoencoderTiny(**blocks | counts | changed)
    else:
        three = {"down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3}
        model = diffusers.AutoencoderKL(
            **three | {"block_out_channels": (8, 8, 8), "norm_num_groups": 4, "latent_channels": 4} | changed
        )
    filled(model, seed).save_pretrained(folder)
    return folder


def latent_diffusion(folder: Path, features: int = 12, width: int = 16, channels: int = 4, side: int = 8, seed: int = 0) -> Path:
    """A model folder of diffusers in the layout of Stable unCLIP, without autoencoder and text encoder.

    It takes image embeddings of `features` numbers, text tokens of `width`, and latents (channels, side, side).
    """
    import torch
    from diffusers import DDIMScheduler, DDPMScheduler, UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer

    unet = UNet2DConditionModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=2,
        cross_attention_dim=width,
        norm_num_groups=4,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=2 * features,
    )
    filled(unet, seed).save_pretrained(folder / "unet")
    schedule = {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction", "clip_sample": False}
    sampler = DDIMScheduler(**schedule, timestep_spacing="trailing", rescale_betas_zero_snr=True)
    sampler.save_pretrained(folder / "scheduler")
    DDPMScheduler(beta_schedule="squaredcos_cap_v2").save_pretrained(folder / "image_noising_scheduler")
    rng = np.random.default_rng(seed)
    normaliser = StableUnCLIPImageNormalizer(embedding_dim=features)
    normaliser.mean.data = torch.from_numpy(rng.standard_normal((1, features)).astype(np.float32))
    normaliser.std.data = torch.from_numpy(rng.random((1, features)).astype(np.float32) + 0.5)
    normaliser.save_pretrained(folder / "image_normalizer")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableUnCLIPImg2ImgPipeline"}))
    return folder


def text_encoder(folder: Path, width: int = 16, seed: int = 0) -> Path:
    """The text encoder and tokenizer that a diffusion model's folder may hold."""
    from transformers import CLIPTextConfig, CLIPTextModel

    sizes = {
        "hidden_size": width,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 12,
    }
    words = {"vocab_size": len(VOCABULARY), "max_position_embeddings": 9, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    filled(CLIPTextModel(CLIPTextConfig(**sizes, **words)), seed).save_pretrained(folder / "text_encoder")
    tokenizer(folder / "tokenizer")
    return folder


def captioner(folder: Path, features: int = len(VOCABULARY), planted: bool = True, room: int = 60) -> Path:
    """A captioner without a mind: it says the word whose feature is the largest, and ends. Not planted it babbles at length."""
    import torch
    from safetensors.torch import save_file
    from transformers import GPT2Config, GPT2LMHeadModel

    words = len(VOCABULARY)
    width, tokens, end = words + 1 if planted else 16, 2, VOCABULARY.index("[END]")
    special = {"bos_token_id": 1, "eos_token_id": end, "pad_token_id": 0}
    sizes = {"n_embd": width, "n_layer": 1, "n_head": 1} if planted else {"n_embd": width, "n_layer": 2, "n_head": 2}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=words, n_positions=room, **sizes, **special))
    prefix = torch.nn.Linear(features, tokens * width)
    rng = np.random.default_rng(1)
    with torch.no_grad():
        if planted:
            for value in (*model.parameters(), *prefix.parameters()):
                value.zero_()
            for name, value in model.named_parameters():
                if "ln" in name and name.endswith("weight"):
                    value.fill_(1)
            model.transformer.wte.weight[:, :-1] = torch.eye(words)
            model.transformer.wpe.weight[tokens, end] = 10
            prefix.weight[-width : -width + words, :words] = torch.eye(words)
        else:
            model = filled(model, 0)
            for value in prefix.parameters():
                value.copy_(torch.from_numpy(rng.standard_normal(tuple(value.shape), dtype=np.float32)))
    model.save_pretrained(folder)
    tokenizer(folder)
    save_file(prefix.state_dict(), folder / "prefix.safetensors")
    return folder


def judge(folder: Path, answers: dict[str, tuple[str, ...]], seed: int = 0) -> Path:
    """A judge with these answers, that nobody taught."""
    import timm

    from recortex.judging.judge import Judge, save_judge

    sizes = {"dims": [8, 8, 8, 8], "depths": [1, 1, 1, 1], "stem_type": "overlap_act", "kernel_sizes": 3, "ls_init_value": 1.0}
    network = filled(timm.create_model("convnext_atto", num_classes=sum(map(len, answers.values())), **sizes), seed)
    folder.mkdir(parents=True)
    save_judge(Judge(network, answers, 32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)), sizes, folder)
    return folder


def in_hub_layout(folder: Path, store: Path, model: str = "org/name", commit: str = COMMIT, main: bool = True) -> Path:
    """A copy as the hub's cache keeps it: blobs, links to them, and which commit is main."""
    repository = store / f"models--{model.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    for number, path in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        blob = repository / "blobs" / f"{commit[:8]}{number:02d}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, blob)
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    if main:
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / "main").write_text(commit)
    return snapshot
