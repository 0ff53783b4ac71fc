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
        Without shortcut to and from the latents; each resolution of its decoder but the first and the last has room for the colours
        of a patch, the second for one channel more. A narrow encoder keeps the largest components at each resolution, and is a
        little less than the best.
    pictures : (n, 3, height, width) tensor
        From -1 to 1; some hundreds are enough.
    """
    import torch
    from diffusers.models.autoencoders.autoencoder_dc import ResBlock

    encoder, decoder = autoencoder.encoder, autoencoder.decoder
    latents, halvings = encoder.conv_out.out_channels, len(encoder.down_blocks) - 1
    with torch.no_grad():
        for module in autoencoder.modules():
            if isinstance(module, ResBlock):
                norm: Any = module.norm
                norm.weight.zero_()
        patches = _patches(pictures, halvings)
        mean, variance, axes = _components(patches)
        spread = variance[:latents].clamp(min=1e-6).sqrt()

        inside = pictures
        for down in (encoder.conv_in, *(block[-1] for block in encoder.down_blocks[1:-1])):
            kept = min(inside.shape[1], down.conv.out_channels)
            _hand_on(down.conv, _components(_patches(inside, 0))[2][:, :kept].T)
            inside = down(inside)
        given = _patches(inside, 0)
        given = torch.cat([given, torch.ones(len(given), 1, dtype=given.dtype)], 1)
        wanted = (patches - mean) @ axes[:, :latents] / spread
        weights = torch.linalg.pinv(given.T @ given, hermitian=True, rtol=1e-12) @ (given.T @ wanted)
        _set_centre(encoder.conv_out, weights[:-1].T, weights[-1])

        ups = [block[0] for block in decoder.up_blocks[1:-1]]
        for number, up in enumerate(ups, 1):
            size = 3 * 4 ** (number + 1)
            _hand_on(up.conv, torch.eye(size)[:, : up.conv.in_channels] if up is not ups[-1] else axes[:, : up.conv.in_channels])
            through = torch.arange(size) // up.repeats  # its shortcut adds this one
            up.conv.weight[range(size), through, 1, 1] -= 1
        ups[0].conv.weight[-4:] = 0  # the last channel, once depth is space again
        ups[0].conv.bias[-4:] = CARRIER
        decoder.norm_out.weight.fill_(CARRIER / (ups[0].conv.out_channels // 4) ** 0.5)
        decoder.norm_out.bias.fill_(LIFT)
        _hand_on(decoder.conv_out.conv, torch.eye(12), around=0.0)
        decoder.conv_out.conv.bias.fill_(-LIFT)
        width = decoder.conv_in.out_channels
        nothing, each = torch.zeros(1, width, 1, 1), 0.1 * torch.eye(width)[:, :, None, None]
        grey = _decoded(decoder, nothing, halvings)
        back = torch.linalg.pinv(((_decoded(decoder, each, halvings) - grey) / 0.1).T, rtol=1e-3)
        _set_centre(decoder.conv_in, back @ (axes[:, :latents] * spread), back @ (mean - grey[0]))


def _hand_on(conv: torch.nn.Conv2d, matrix: torch.Tensor, around: float = AROUND) -> None:
    """Let a convolution's first outputs be a linear map (output, input) of its first inputs, place by place."""
    import torch

    conv.weight.mul_(around)
    outputs, inputs = matrix.shape
    conv.weight[:outputs] = 0
    conv.weight[:outputs, :inputs, 1, 1] = matrix.to(conv.weight)
    if conv.bias is not None:
        torch.nn.init.zeros_(conv.bias)


def _set_centre(conv: torch.nn.Conv2d, weights: torch.Tensor, offset: torch.Tensor) -> None:
    """Make a convolution look at its centre alone."""
    assert conv.bias is not None
    conv.weight.zero_()
    conv.weight[:, :, 1, 1] = weights.to(conv.weight)
    conv.bias.copy_(offset)


def _patches(pictures: torch.Tensor, halvings: int) -> torch.Tensor:
    """(patch, channel x place) in double precision, places in the order in which halving after halving puts them into channels."""
    from torch.nn.functional import pixel_unshuffle

    for _ in range(halvings):
        pictures = pixel_unshuffle(pictures, 2)
    return pictures.movedim(1, -1).flatten(0, 2).double()


def _components(patches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, variances and axes of the principal components, the largest first."""
    import torch

    mean = patches.mean(0)
    variance, axes = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    return mean, variance.flip(0), axes.flip(1)


def _decoded(decoder: Any, inside: torch.Tensor, halvings: int) -> torch.Tensor:
    """What the decoder makes of states behind its first convolution, one place each."""
    for block in reversed(decoder.up_blocks):
        inside = block(inside)
    inside = decoder.norm_out(inside.movedim(1, -1)).movedim(-1, 1)
    return _patches(decoder.conv_out(decoder.conv_act(inside)), halvings)
