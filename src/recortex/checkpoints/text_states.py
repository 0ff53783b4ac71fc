"""What a text tower of open_clip makes of each token: the words that a diffusion model attends to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recortex.errors import InvalidInput

if TYPE_CHECKING:
    import torch

    from recortex.checkpoints.image_text import OpenClip


def text_states(loaded: OpenClip, tokens: torch.Tensor) -> torch.Tensor:
    """States of the last layer, after the tower's final norm.

    Parameters
    ----------
    loaded : OpenClip
    tokens : (text, token) int tensor
        As `tokens_of` gives them.

    Returns
    -------
    (text, token, width) tensor

    Raises
    ------
    InvalidInput
        The model's text tower has no final norm, so it is not one of CLIP's.
    """
    import torch

    tower = getattr(loaded.model, "text", loaded.model)
    norm = getattr(tower, "ln_final", None)
    if norm is None:
        raise InvalidInput(
            f"{type(tower).__name__} has no final norm (ln_final), so its tokens cannot be had; use a text tower of CLIP"
        )
    seen: list[torch.Tensor] = []
    handle = norm.register_forward_hook(lambda module, given, made: seen.append(made))
    try:
        with torch.no_grad():
            loaded.model.encode_text(tokens)
    finally:
        handle.remove()
    return seen[-1]
