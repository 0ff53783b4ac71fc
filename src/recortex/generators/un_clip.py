"""Pictures by a latent diffusion model that is told a decoded image embedding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from recortex.checkpoints import finding
from recortex.checkpoints.autoencoder import choose_autoencoder
from recortex.checkpoints.finding import Found
from recortex.checkpoints.from_open_clip import words_of
from recortex.checkpoints.latent_diffusion import choose_latent_diffusion, taken
from recortex.checkpoints.pretrained import Pretrained
from recortex.checkpoints.text_encoder import ENCODER
from recortex.decoders.base import DecodedFeatures
from recortex.decoders.decoded_captions import DecodedCaptions
from recortex.errors import InvalidInput
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.generators._painter import Painter
from recortex.generators._parts import Parts
from recortex.generators.base import NOTHING, Beside, GeneratedPictures
from recortex.stage import Array


class UnCLIP(Pretrained, GeneratedPictures):
    """A latent diffusion model in the layout of Stable unCLIP draws what a decoded image embedding stands for.

    It may start from decoded latents under noise, which say where things are, and be told a decoded caption. Each picture has noise
    of its own, drawn from the seed, the trial's place among the decoded ones and the sample's number: the same whatever else is drawn
    with it, and the same for every control.

    Parameters
    ----------
    decoder : DecodedFeatures
        A decoder of CLIP's pooled embedding, by the model that the diffusion model was trained with.
    start : DecodedFeatures, optional
        A decoder of AutoencoderLatents, of the same trials. Without it a picture starts from noise alone.
    captions : DecodedCaptions, optional
        Captions written from `decoder`; the end of one that is too long for the text tower is not read.
    latents : AutoencoderLatents, optional
        Whose autoencoder makes pictures of latents; without it that of `start`, else the one in the model's own folder, else the one
        that recortex ships.
    model : str
        "shipped", or the hub id, org/name, of a model in the layout of Stable unCLIP.
    steps : int
        Of the sampler, from pure noise; a start from decoded latents takes the share `strength` of them.
    guidance : float
        How far the conditions are followed: 1 as learnt, more exaggerates what they add.
    strength : float
        How much noise the decoded latents are put under: 0 leaves them as they are, 1 leaves nothing of them.
    noise_level : int
        How noisy the embedding is said to be, with noise added to match: a step of the 1,000 of the model's own schedule.
    samples : int
        Pictures a trial.
    keep : "first" or "closest"
        Which sample becomes the picture: the first, or the one whose own embedding is closest to the decoded one, which knows nothing
        of what was seen (as MindEye does, Scotti et al. 2023).
    seed : int
        Draws the noise.
    """

    start: DecodedFeatures | None = None
    captions: DecodedCaptions | None = None
    latents: AutoencoderLatents | None = None
    steps: int = Field(default=20, ge=1, le=1000)
    guidance: float = Field(default=2.0, ge=0, le=50)
    strength: float = Field(default=0.8, ge=0, le=1)
    noise_level: int = Field(default=0, ge=0, le=999)
    samples: int = Field(default=1, ge=1)
    keep: Literal["first", "closest"] = "first"
    seed: int = Field(default=0, ge=0)

    shipped: ClassVar[str] = "diffusion"
    version: ClassVar[int] = 2
    _held: Painter | None = PrivateAttr(default=None)
    returns: ClassVar[dict[str, Array]] = GeneratedPictures.returns | {
        "samples": Array(
            "trial",
            "sample",
            "height",
            "width",
            "channel",
            dtype="uint8",
            optional=True,
            about="all pictures of a trial, 0 to 255",
        ),
        "kept": Array("trial", dtype="int", units="", optional=True, about="which of them became the picture"),
        "caption": Array("trial", dtype="str", units="", optional=True, about="what the model was told in words"),
    }

    def beside(self) -> dict[str, DecodedFeatures]:
        """The decoder of latents."""
        return {} if self.start is None else {"start": self.start}

    def choose(self, names: set[str], where: str) -> list[str]:
        """The network, its schedules, and the autoencoder and text encoder where the folder has them."""
        return choose_latent_diffusion(names, where)

    def key_extra(self) -> Any:
        """With what recortex ships beside the network, and the tokenizer, where they are used."""
        extra = super().key_extra()
        more: dict[str, Any] = {}
        if self._parts().ships_autoencoder:
            more["autoencoder"] = finding.look_for_shipped("autoencoder", choose_autoencoder).content()
        target = self.decoder.target()
        own_words = extra is not None and any(name.startswith(f"{ENCODER}/") for name, _ in extra.get("files", ()))
        if isinstance(target, CLIP) and target.trained is None and not own_words:
            more["words"] = words_of(target).key_extra()
        return {"model": extra} | more if more else extra

    def check_fields(self) -> None:
        """Decoders of what the model takes.

        Raises
        ------
        InvalidInput
        """
        super().check_fields()
        target = self.decoder.target()
        if not isinstance(target, CLIP) or target.output != "pooled":
            said = target.type_name() if not isinstance(target, CLIP) else "CLIP's tokens"
            raise InvalidInput(f"UnCLIP: decoder decodes {said}, and the model takes CLIP's pooled embedding; decode that")
        if target.unit_length:
            raise InvalidInput(
                "UnCLIP: decoder decodes embeddings of unit length, and the model takes them as they are; leave unit_length out"
            )
        if self.start is not None:
            aim = self.start.target()
            if not isinstance(aim, AutoencoderLatents):
                raise InvalidInput(
                    f"UnCLIP: start decodes {aim.type_name()}, and a picture starts from AutoencoderLatents; decode those"
                )
            if self.latents is not None and self.latents.recipe() != aim.recipe():
                raise InvalidInput("UnCLIP: latents names another autoencoder than start decodes latents of; leave latents out")
        if self.captions is not None and self.captions.decoder != self.decoder:
            raise InvalidInput("UnCLIP: captions must be written from the same decoder; name it in both")
        self._parts().check_stages()
        if self.start is None and "strength" in self.model_fields_set:
            raise InvalidInput("UnCLIP: strength goes with a start from decoded latents; name start, or leave strength out")
        if self.start is not None and self.strength and not taken(self.steps, self.strength):
            raise InvalidInput(
                f"UnCLIP: strength: {self.strength:g} of {self.steps} steps is less than one step, so nothing would be drawn; give at "
                f"least {1 / self.steps:g}, more steps, or 0 for what the autoencoder makes of the decoded latents"
            )
        if self.keep == "closest" and self.samples == 1:
            raise InvalidInput("UnCLIP: keep: closest chooses among samples; ask for more than one, as samples: 4")

    def check_files(self, found: Found) -> None:
        """The decoders' sizes are those of the network, as far as they are known."""
        super().check_files(found)
        self._parts().check_files(found)

    def expect(self) -> dict[str, int]:
        """As many as trials are decoded, as large as network and autoencoder say."""
        decoded = self.decoder.foresee()
        found = None if self.trained is not None else self._here()
        size = None if found is None else self._parts().picture_size(found.folder)
        if not decoded or size is None:
            return {}
        sizes = {"trial": decoded["trial"], "height": size[0], "width": size[1], "channel": 3}
        return sizes | ({"sample": self.samples} if self.samples > 1 else {})

    def render(self, decoded: np.ndarray, beside: Beside = NOTHING) -> dict[str, Any]:
        """Draw `samples` pictures a trial, and keep one.

        Raises
        ------
        InvalidInput
            Models that do not fit together, or are damaged.
        """
        texts = self._told(decoded)
        pictures = self._painted(decoded, beside, texts, self.samples)
        kept = np.zeros(len(decoded), dtype=int)
        if self.keep == "closest":
            kept = self._closest(pictures, decoded)
        made: dict[str, Any] = {"picture": pictures[np.arange(len(decoded)), kept] / np.float32(255)}
        if self.samples > 1:
            made |= {"samples": pictures, "kept": kept}
        return made if texts is None else made | {"caption": texts}

    def picture(self, decoded: np.ndarray, beside: Beside = NOTHING) -> np.ndarray:
        """The pictures that are kept; where that is the first sample, no other one is drawn."""
        if self.keep == "first":
            return self._painted(decoded, beside, self._told(decoded), 1)[:, 0] / np.float32(255)
        return super().picture(decoded, beside)

    @contextmanager
    def held(self) -> Iterator[None]:
        """All models stay loaded, the captioner too."""
        with nullcontext() if self.captions is None else self.captions.held(), self._painter() as painter:
            self._held = painter
            try:
                yield
            finally:
                self._held = None

    def unconditional(self, rng: np.random.Generator) -> np.ndarray:
        """Pictures of no particular content, from the same noise; the first sample of each, as there is nothing to be close to."""
        count = self.decoder.run().shape("row")[0]
        with self._painter() as painter:
            return painter.paint(count, 1, self._seeds(count)[:, :1], None, None, None, self.batch)[:, 0] / np.float32(255)

    def _told(self, decoded: np.ndarray) -> np.ndarray | None:
        """What is said of each trial, (trial,)."""
        return None if self.captions is None else self.captions.write(decoded)

    def _painted(self, decoded: np.ndarray, beside: Beside, texts: np.ndarray | None, samples: int) -> np.ndarray:
        """(trial, sample, height, width, channel): the first samples of each trial."""
        seeds = self._seeds(len(decoded))[:, :samples]
        with self._painter() as painter:
            start = None if self.start is None else beside["start"]
            return painter.paint(len(decoded), samples, seeds, decoded, start, texts, self.batch)

    def _seeds(self, trials: int) -> np.ndarray:
        """(trial, sample): what the noise of each picture is drawn from."""
        drawn = [
            np.random.SeedSequence([self.seed, row, sample]).generate_state(1, np.uint64)[0] >> np.uint64(2)
            for row in range(trials)
            for sample in range(self.samples)
        ]
        return np.array(drawn, dtype=np.int64).reshape(trials, self.samples)

    def _closest(self, pictures: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Which sample of each trial has the embedding whose cosine with the decoded one is largest."""
        import torch

        target = self.decoder.target()
        assert isinstance(target, CLIP)
        aims = decoded / np.linalg.norm(decoded, axis=1, keepdims=True)
        likeness = np.empty(pictures.shape[:2])
        with target.model_folder() as folder, torch.inference_mode():
            look = target.look(folder)
            for trial, samples in enumerate(pictures):
                seen = look(samples).to("cpu", torch.float32).numpy()
                likeness[trial] = seen @ aims[trial] / np.linalg.norm(seen, axis=1)
        return likeness.argmax(axis=1)

    @contextmanager
    def _painter(self) -> Iterator[Painter]:
        """All models, loaded where they are not."""
        if self._held is not None:
            yield self._held
            return
        with self.model_folder() as folder, self._parts().loaded(folder, self.device) as loaded:
            yield Painter(*loaded, self.steps, self.guidance, self.strength, self.noise_level, self.device)

    def _parts(self) -> Parts:
        """The models beside the network: the autoencoder of `latents`, of `start`, or of neither."""
        aim = None if self.start is None else self.start.target()
        coder = self.latents or (aim if isinstance(aim, AutoencoderLatents) else None)
        return Parts(self.decoder, self.start, coder, self.is_shipped())
