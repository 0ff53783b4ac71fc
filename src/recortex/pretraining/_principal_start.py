"""A start for an autoencoder that is already one: the principal components of patches of pictures.

Residual blocks begin at nothing, and what is left, a space-to-depth convolutional net, is made linear: encoder and decoder then are
the best linear map to so many numbers and back, and training begins where that ends instead of at noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

AROUND = 0.03  # of the library's random weights, what is left beside the linear map
# A constant channel that carries the last norm, so that it divides all pictures by nearly the same number; and by how much signals
# are lifted over the bend of the last rectifier. Larger ones are more nearly linear, but then the first steps go astray: what a weight
# does goes with what it is given.
CARRIER, LIFT = 12.0, 3.0


def start_at_principal_components(autoencoder: Any, pictures: torch.Tensor) -> None:
    """Set the weights of an AutoencoderDC whose first resolution has no blocks.

    Parameters
    ----------
    autoencoder : diffusers.AutoencoderDC
        In three resolutions, without shortcut to and from the latents; its second and third have room for the colours of a patch.
    pictures : (n, 3, height, width) tensor
        From -1 to 1; some hundreds are enough.
    """
    import torch
    from diffusers.models.autoencoders.autoencoder_dc import ResBlock

    encoder, decoder = autoencoder.encoder, autoencoder.decoder
    latents, side = encoder.conv_out.out_channels, 4
    with torch.no_grad():
        for module in autoencoder.modules():
            if isinstance(module, ResBlock):
                norm: Any = module.norm
                norm.weight.zero_()
        _pass_on(encoder.conv_in.conv, 3)
        _pass_on(encoder.down_blocks[1][-1].conv, 3 * 4)
        patches = _patches(pictures, side)
        mean, variance, axes = _components(patches)
        axes, spread = axes[:, -latents:], variance[-latents:].clamp(min=1e-6).sqrt()

        inside = encoder.conv_in(pictures)
        for block in encoder.down_blocks:
            inside = block(inside)
        given = inside.movedim(1, -1).flatten(0, 2).double()
        given = torch.cat([given, torch.ones(len(given), 1, dtype=given.dtype)], 1)
        wanted = (patches - mean) @ axes / spread
        weights = torch.linalg.pinv(given.T @ given, hermitian=True, rtol=1e-12) @ (given.T @ wanted)
        _set_centre(encoder.conv_out, weights[:-1].T, weights[-1])

        up = decoder.up_blocks[1][0].conv
        _pass_on(up, 3 * side**2)
        up.weight[-4:] = 0  # the last channel, once depth is space again
        up.bias[-4:] = CARRIER
        decoder.norm_out.weight.fill_(CARRIER / (up.out_channels // 4) ** 0.5)
        decoder.norm_out.bias.fill_(LIFT)
        _pass_on(decoder.conv_out.conv, 3 * 4, around=0.0)
        decoder.conv_out.conv.bias.fill_(-LIFT)
        width = decoder.conv_in.out_channels
        nothing, each = torch.zeros(1, width, 1, 1), 0.1 * torch.eye(width)[:, :, None, None]
        grey = _decoded(decoder, nothing, side)
        back = torch.linalg.pinv(((_decoded(decoder, each, side) - grey) / 0.1).T, rtol=1e-3)
        _set_centre(decoder.conv_in, back @ (axes * spread), back @ (mean - grey[0]))


def _pass_on(conv: torch.nn.Conv2d, count: int, around: float = AROUND) -> None:
    """Let a convolution hand its first channels on as they are."""
    import torch

    conv.weight.mul_(around)
    conv.weight[:count] = 0
    conv.weight[range(count), range(count), 1, 1] = 1
    if conv.bias is not None:
        torch.nn.init.zeros_(conv.bias)


def _set_centre(conv: torch.nn.Conv2d, weights: torch.Tensor, offset: torch.Tensor) -> None:
    """Make a convolution look at its centre alone."""
    assert conv.bias is not None
    conv.weight.zero_()
    conv.weight[:, :, 1, 1] = weights.to(conv.weight)
    conv.bias.copy_(offset)


def _patches(pictures: torch.Tensor, side: int) -> torch.Tensor:
    """(patch, colour x place) in double precision."""
    import torch

    return torch.nn.functional.pixel_unshuffle(pictures, side).movedim(1, -1).flatten(0, 2).double()


def _components(patches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, variances and axes of the principal components, the largest last."""
    import torch

    mean = patches.mean(0)
    variance, axes = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    return mean, variance, axes


def _decoded(decoder: Any, inside: torch.Tensor, side: int) -> torch.Tensor:
    """What the decoder makes of states behind its first convolution, one place each."""
    for block in reversed(decoder.up_blocks):
        inside = block(inside)
    inside = decoder.norm_out(inside.movedim(1, -1)).movedim(-1, 1)
    return _patches(decoder.conv_out(decoder.conv_act(inside)), side)
