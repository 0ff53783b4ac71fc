"""What a diffusion model can do with held-out scenes, measured on its saved files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recortex.checkpoints.autoencoder import load_autoencoder
from recortex.checkpoints.image_text import load_open_clip, tokens_of
from recortex.checkpoints.latent_diffusion import load_latent_diffusion, pictures
from recortex.checkpoints.text_states import text_states
from recortex.features.autoencoder_latents import AutoencoderLatents
from recortex.features.clip import CLIP
from recortex.pretraining.base import Examined

if TYPE_CHECKING:
    import torch

# The velocity's square error counts 1 + SNR in latents; above this it counts no more (as min-SNR, Hang et al. 2023, but not less
# where noise is all there is: that is where it is decided what a picture will show). What counts less is drawn less often.
MOST_WEIGHT = 5.0
SHOWN = 12


def examine(folder: Path, latents: AutoencoderLatents, embeddings: CLIP, seed: int) -> Examined:
    """How well it tells signal from noise in held-out latents with and without their embeddings, and some pictures it draws.

    Noise levels come as often as in training, evenly spread over how often they come.

    Parameters
    ----------
    folder : Path
        The model as saved.
    latents, embeddings
        Of the same held-out scenes.
    seed : int
        Draws noise and levels.
    """
    import torch

    model = load_latent_diffusion(folder)
    found = latents.run()
    shape = tuple(int(size) for size in found["shape"])
    clean = torch.from_numpy(found["features"].astype(np.float32)).reshape(-1, *shape)
    given = torch.from_numpy(embeddings.run()["features"].astype(np.float32))
    empty = empty_words(embeddings)
    draw = torch.Generator().manual_seed(seed)
    n = len(clean)
    reached = how_often(model.scheduler.alphas_cumprod).cumsum(0)
    time = torch.searchsorted(reached / reached[-1], (torch.arange(n) + 0.5) / n)[torch.randperm(n, generator=draw)]
    noise = torch.randn(clean.shape, generator=draw)
    noisy, aim = model.scheduler.add_noise(clean, noise, time), model.scheduler.get_velocity(clean, noise, time)
    labels = model.condition(given, torch.zeros(n, dtype=torch.long), torch.zeros_like(given))
    figures = {}
    with torch.inference_mode():
        for name, label in (("velocity_loss", labels), ("velocity_loss_without_embedding", torch.zeros_like(labels))):
            squares = [
                (model.unet(noisy[at], time[at], empty.expand(len(at), -1, -1), class_labels=label[at]).sample - aim[at]).square()
                for at in torch.arange(n).split(64)
            ]
            by_level = torch.cat(squares).mean((1, 2, 3))
            figures[name] = float(by_level.mean())
            for low, high in ((0, 300), (300, 600), (600, 1000)):
                figures[f"{name}_{low}_to_{high}"] = float(by_level[(time >= low) & (time < high)].mean())
    few = slice(0, SHOWN)
    words = empty.expand(SHOWN, -1, -1)
    drawn = {
        f"drawn {number}": model.draw(given[few], words, empty, range(number * SHOWN, (number + 1) * SHOWN)) for number in (1, 2)
    }
    drawn["of nothing"] = model.draw(None, words, empty, range(SHOWN))
    with latents.model_folder() as place:
        autoencoder = load_autoencoder(place)
    rows = {"seen": latents.stimuli.run().read("picture", few) / np.float32(255)}
    rows |= {name: pictures(autoencoder, made) for name, made in drawn.items()}
    return Examined(figures, sheet=rows)


def how_often(signal: torch.Tensor) -> torch.Tensor:
    """How often each noise level is drawn, (level,), up to a factor.

    Parameters
    ----------
    signal : (level,) tensor
        Share of the variance that is signal at each level: the schedule's cumulated alphas.
    """
    ratio = signal / (1 - signal)
    return (1 + ratio).clamp(max=MOST_WEIGHT) / (1 + ratio)


def empty_words(embeddings: CLIP) -> torch.Tensor:
    """(1, token, width): what the text tower of an image-text model makes of an empty text."""
    with embeddings.model_folder() as folder:
        loaded = load_open_clip(folder)
    return text_states(loaded, tokens_of(loaded, [""]))
