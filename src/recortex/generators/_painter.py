"""A diffusion model, an autoencoder and a text tower at work together: pictures from conditions, in batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recortex.checkpoints.autoencoder import Autoencoder
from recortex.checkpoints.latent_diffusion import LatentDiffusion, pictures
from recortex.checkpoints.text_encoder import TextEncoder
from recortex.progress import steps as progress

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Painter:
    """All that is needed to draw.

    Parameters
    ----------
    model : LatentDiffusion
    autoencoder : Autoencoder
    words : TextEncoder
    steps, guidance, strength, noise_level
        As UnCLIP has them.
    device : str
        Where the models are.
    """

    model: LatentDiffusion
    autoencoder: Autoencoder
    words: TextEncoder
    steps: int
    guidance: float
    strength: float
    noise_level: int
    device: str

    def paint(
        self,
        trials: int,
        samples: int,
        seeds: np.ndarray,
        embedding: np.ndarray | None,
        start: np.ndarray | None,
        texts: np.ndarray | None,
        batch: int,
    ) -> np.ndarray:
        """Pictures of every trial.

        Parameters
        ----------
        trials, samples : int
        seeds : (trial, sample) int array
        embedding : (trial, feature) array or None
            None for pictures of no particular content.
        start : (trial, latent) array or None
            Latents to begin at, flat.
        texts : (trial,) str array or None
            What is said of each trial.
        batch : int
            How many pictures at a time.

        Returns
        -------
        (trial, sample, height, width, channel) uint8 array
        """
        import torch

        def of(values: np.ndarray, some: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(values[some].astype(np.float32)).to(self.device)

        empty = self.words.states([""])
        trial, flat = np.repeat(np.arange(trials), samples), seeds.reshape(-1)
        shown: np.ndarray | None = None
        for first in progress(range(0, len(flat), batch), "batches of pictures"):
            some = trial[first : first + batch]
            tokens = empty.expand(len(some), -1, -1) if texts is None else self.words.states(texts[some].tolist())
            latents = self.model.draw(
                None if embedding is None else of(embedding, some),
                tokens,
                empty,
                flat[first : first + batch].tolist(),
                steps=self.steps,
                guidance=self.guidance,
                level=self.noise_level,
                start=None if start is None else of(start, some).reshape(-1, *self.model.latent_shape),
                strength=self.strength,
            )
            drawn = np.round(pictures(self.autoencoder, latents) * 255).astype(np.uint8)
            if shown is None:
                shown = np.empty((len(flat), *drawn.shape[1:]), np.uint8)
            shown[first : first + len(drawn)] = drawn
        assert shown is not None  # there is a trial and a sample
        return shown.reshape(trials, samples, *shown.shape[1:])
