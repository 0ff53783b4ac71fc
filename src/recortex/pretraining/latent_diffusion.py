"""The diffusion model that ships: latents of pictures from an image embedding and words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.checkpoints.image_text import load_open_clip, tokens_of
from recortex.checkpoints.latent_diffusion import (
    NOISING,
    NORMALISER,
    SCHEDULER,
    UNET,
    LatentDiffusion,
)
from recortex.checkpoints.loading import quietly
from recortex.checkpoints.text_states import text_states
from recortex.data.base import Stimuli
from recortex.data.simulated.captions import SimulatedCaptions
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.pretraining._cells import cell_losses, cells_of, numbers_read
from recortex.pretraining._latent_diffusion_exam import empty_words, examine, how_often
from recortex.pretraining.base import Examined, ModelTraining, check_apart, seen_by
from recortex.pretraining.training import Recipe, Schedule

if TYPE_CHECKING:
    import torch

GROUPS = 8  # of channels that are normalised together
ASKED = ("kind", "design", "colour")  # of the thing at each place, half-way through the network


class LatentDiffusionTraining(ModelTraining):
    """Training of the diffusion model that ships, from image embeddings and captions to an autoencoder's latents.

    A UNet learns to tell signal from noise in latents (v-prediction, Salimans & Ho 2022) given what Stable unCLIP gives it: an image
    embedding under noise of a stated level, and text tokens. Each is left out of a share of the examples, so that guidance and
    pictures of no particular content need no other network. Half-way through, a linear map that is not saved has to read from what it
    holds what is where in the picture, which teaches it sooner what to draw (as REPA does with features of vision models, Yu et al.
    2025).

    Parameters
    ----------
    latents : AutoencoderLatents
        Latents of the training scenes.
    embeddings : CLIP
        Embeddings of the same scenes, by the image-text model whose text tower gives the tokens.
    captions : SimulatedCaptions
        Captions of the same scenes.
    held_out_latents : AutoencoderLatents
        Latents of scenes that it is not trained on.
    held_out_embeddings : CLIP
        Embeddings of the same.
    widths : tuple of int
        Channels at each resolution of the UNet, each half the one before.
    told_width : int
        Channels in which time and embedding reach every block, where they scale and shift what it holds.
    heads : int
        Of the attention, at the two smallest resolutions.
    without_embedding, without_words : float
        Share of the examples that are not told of one or the other.
    noisy : float
        Share of the embeddings that are given under noise, of any level up to `noisiest`.
    noisiest : int
        Of the 1,000 levels of noise, the highest.
    meaning : float
        How much it counts that what is where can be read half-way.
    """

    version: ClassVar[int] = 5

    latents: AutoencoderLatents
    embeddings: CLIP
    captions: SimulatedCaptions
    held_out_latents: AutoencoderLatents
    held_out_embeddings: CLIP
    widths: tuple[int, ...] = Field(default=(112, 176), min_length=2)
    told_width: int = Field(default=384, ge=2)
    heads: int = Field(default=4, ge=1)
    without_embedding: float = Field(default=0.1, ge=0, le=1)
    without_words: float = Field(default=0.5, ge=0, le=1)
    noisy: float = Field(default=0.3, ge=0, le=1)
    noisiest: int = Field(default=600, ge=1, le=999)
    meaning: float = Field(default=0.1, ge=0)
    steps: int = Field(default=14_000, ge=1)
    batch: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0, lt=1)

    summary: ClassVar[str] = (
        "A UNet that draws the latents of a 64 x 64 picture from an image embedding and words, in the layout of Stable unCLIP: "
        "`recortex.generators` loads it, and diffusers loads its parts."
    )

    def check_inputs(self) -> None:
        """Latents, embeddings and captions of the same scenes and of trained models, held-out scenes that are not trained on."""
        uneven = [width for width in self.widths if width < GROUPS or width % GROUPS]
        if uneven or any(width % self.heads for width in self.widths[-2:]):
            raise InvalidInput(f"widths: each is a multiple of {GROUPS}, and the last two of the {self.heads} heads")
        if not self.latents.stimuli == self.embeddings.stimuli == self.captions.scenes:
            raise InvalidInput("latents, embeddings and captions must be of the same scenes")
        if self.held_out_latents.stimuli != self.held_out_embeddings.stimuli:
            raise InvalidInput("held_out_latents and held_out_embeddings must be of the same scenes")
        if self.embeddings.output != "pooled" or self.embeddings.unit_length:
            raise InvalidInput("embeddings must be pooled and as long as the model makes them; leave output and unit_length out")
        if self.embeddings.trained is None or self.latents.trained is None:
            raise InvalidInput("latents and embeddings must be of models that this pipeline trains (their field trained)")
        pairs = ((self.held_out_embeddings, self.embeddings), (self.held_out_latents, self.latents))
        if any(mine.model_copy(update={"stimuli": held_out.stimuli}) != held_out for held_out, mine in pairs):
            raise InvalidInput("held_out_latents and held_out_embeddings must be of the same models as latents and embeddings")
        for scenes in self.scenes_seen():
            check_apart(self.held_out_embeddings.stimuli, scenes, "held_out_embeddings")

    def scenes_seen(self) -> list[Stimuli]:
        """Its scenes, and those of the image-text model and the autoencoder."""
        return [self.captions.scenes, *seen_by(self.embeddings.trained), *seen_by(self.latents.trained)]

    def schedule(self) -> Schedule:
        """With a moving average of the weights, which draws better than the last ones."""
        return Schedule(self.steps, self.learning_rate, warmup=500, average=0.9995, record=max(1, self.steps // 200))

    def recipe(self) -> Recipe:
        """A UNet whose blocks are scaled and shifted by time and embedding: an embedding that is only added is learnt slowly."""
        import torch
        import torch.nn.functional as F

        latents = torch.from_numpy(self.latents.run()["features"].astype(np.float32))
        embeddings = torch.from_numpy(self.embeddings.run()["features"].astype(np.float32))
        shape = tuple(int(size) for size in self.latents.run()["shape"])
        words, empty = self._words(), empty_words(self.embeddings)
        model = self._model(shape, embeddings, empty.shape[-1])
        unet = model.unet
        plain = len(self.widths) - 2
        read = torch.nn.Conv2d(self.widths[-1], numbers_read(ASKED), 1)
        network = torch.nn.ModuleDict({"unet": unet, "read": read}).to(memory_format=torch.channels_last)
        cells = cells_of(self.captions.scenes.run(), -(-shape[-1] >> plain), ASKED)  # it rounds up when it halves
        held: dict[str, torch.Tensor] = {}
        unet.up_blocks[0].register_forward_hook(lambda block, given, made: held.update(half_way=made))
        often = how_often(model.scheduler.alphas_cumprod)

        def losses(rng: np.random.Generator) -> dict[str, torch.Tensor]:
            device = read.weight.device
            rows = torch.from_numpy(rng.integers(len(latents), size=self.batch))
            clean = latents[rows].reshape(-1, *shape).to(device)
            given = embeddings[rows].to(device)
            level = torch.randint(0, self.noisiest + 1, (self.batch,)) * (torch.rand(self.batch) < self.noisy)
            labels = model.condition(given, level.to(device), torch.randn_like(given))
            labels = labels * (torch.rand(self.batch, 1) >= self.without_embedding).to(device)
            tokens = empty.repeat(self.batch, 1, 1)
            said = torch.rand(self.batch) >= self.without_words
            tokens[said] = words(rows[said], rng)
            tokens = tokens.to(device)
            time = torch.multinomial(often, self.batch, replacement=True).to(device)
            noise = torch.randn_like(clean)
            noisy = model.scheduler.add_noise(clean, noise, time).contiguous(memory_format=torch.channels_last)
            aim = model.scheduler.get_velocity(clean, noise, time)
            made = unet(noisy, time, tokens, class_labels=labels).sample
            meant = cell_losses(read(held.pop("half_way")), cells[rows.numpy()].to(device))
            return {"velocity": F.mse_loss(made, aim)} | {name: self.meaning * loss for name, loss in meant.items()}

        return Recipe(network, losses)

    def _words(self) -> Callable[[torch.Tensor, np.random.Generator], torch.Tensor]:
        """A function from rows to what the text tower makes of one caption of each."""
        import torch

        with self.embeddings.model_folder() as folder:
            loaded = load_open_clip(folder)
        captions = self.captions.run()["caption"]
        numbers = torch.stack([tokens_of(loaded, wording.tolist()) for wording in captions.T], 1)

        def words(rows: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
            which = torch.from_numpy(rng.integers(captions.shape[1], size=len(rows)))
            return text_states(loaded, numbers[rows, which])

        return words

    def _model(self, shape: tuple[int, ...], embeddings: torch.Tensor, token_size: int) -> LatentDiffusion:
        """The network at its start, its schedule, and the embeddings' mean and standard deviation."""
        from diffusers import DDIMScheduler, DDPMScheduler, UNet2DConditionModel
        from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer

        plain = len(self.widths) - 2
        unet = UNet2DConditionModel(
            sample_size=shape[-1],
            in_channels=shape[0],
            out_channels=shape[0],
            block_out_channels=self.widths,
            down_block_types=("DownBlock2D",) * plain + ("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D") + ("UpBlock2D",) * plain,
            layers_per_block=1,
            attention_head_dim=self.heads,  # diffusers' name for the number of heads
            cross_attention_dim=token_size,
            norm_num_groups=GROUPS,
            time_embedding_dim=self.told_width,
            resnet_time_scale_shift="scale_shift",
            class_embed_type="projection",
            projection_class_embeddings_input_dim=2 * embeddings.shape[1],
        )
        schedule = {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction", "clip_sample": False}
        scheduler = DDIMScheduler(**schedule, timestep_spacing="trailing", rescale_betas_zero_snr=True)
        normaliser = StableUnCLIPImageNormalizer(embedding_dim=embeddings.shape[1])
        normaliser.mean.data = embeddings.mean(0, keepdim=True)
        normaliser.std.data = embeddings.std(0, keepdim=True).clamp(min=1e-3)  # of a feature that never changes
        return LatentDiffusion(unet, scheduler, DDPMScheduler(beta_schedule="squaredcos_cap_v2"), normaliser)

    def save(self, network: torch.nn.Module, folder: Path) -> None:
        """In the layout of Stable unCLIP, of which the autoencoder and the image-text model are folders of their own."""
        import json

        import torch

        unet: Any = network.get_submodule("unet")
        shape = tuple(int(size) for size in self.latents.run()["shape"])
        embeddings = torch.from_numpy(self.embeddings.run()["features"].astype(np.float32))
        model = self._model(shape, embeddings, unet.config["cross_attention_dim"])
        with quietly():
            whole = unet.to(torch.float16, memory_format=torch.contiguous_format)
            whole.save_pretrained(folder / UNET, safe_serialization=True)
        model.scheduler.save_pretrained(folder / SCHEDULER)
        model.noising.save_pretrained(folder / NOISING)
        model.normaliser.half().save_pretrained(folder / NORMALISER, safe_serialization=True)
        kinds = {UNET: whole, SCHEDULER: model.scheduler, NOISING: model.noising}
        index: dict[str, Any] = {name: ["diffusers", type(part).__name__] for name, part in kinds.items()}
        index[NORMALISER] = ["stable_diffusion", type(model.normaliser).__name__]
        absent = ("feature_extractor", "image_encoder", "tokenizer", "text_encoder", "vae")
        index |= {"_class_name": "StableUnCLIPImg2ImgPipeline"} | {name: [None, None] for name in absent}
        (folder / "model_index.json").write_text(json.dumps(dict(sorted(index.items())), indent=2) + "\n")

    def examine(self, folder: Path) -> Examined:
        """How well it tells signal from noise in held-out latents with and without their embeddings, and some pictures it draws."""
        return examine(folder, self.held_out_latents, self.held_out_embeddings, self.seed)
