"""What early visual areas make of a picture: oriented energy and opponent colours, normalised, summed under a receptive field.

The model is the simulation's own. Pictures pass through quadrature pairs of Gabor filters (a complex filter in the frequency
domain; its magnitude is the energy of the pair), centre-surround luminance and opponent colours; energies are divided by what all
filters together see near by; each voxel adds the channels with its own weights under its Gaussian field, and a power below one
compresses the sum.
"""

from __future__ import annotations

import numpy as np

CELLS = 32
"""Channel maps have CELLS x CELLS places."""
WAVELENGTHS_PX = (4.0, 8.0, 16.0)  # of a picture of 64 pixels
ORIENTATIONS = 4
BANDWIDTH = 0.35  # standard deviation of a filter over its centre frequency
SEMISATURATION, LIGHT_SATURATION, COLOUR_SATURATION = 0.04, 0.15, 0.2
SIDE, PAD = 64, 8
CHANNELS = (
    *(f"{wavelength:g} px {180 * turn // ORIENTATIONS} deg" for wavelength in WAVELENGTHS_PX for turn in range(ORIENTATIONS)),
    *("light", "dark", "red", "green", "blue", "yellow"),
)
ENERGIES = len(WAVELENGTHS_PX) * ORIENTATIONS
POWER = {"V1": 0.7, "V2": 0.6, "V3": 0.55, "hV4": 0.5}
"""Compression of an area; fields of late areas have hV4's. Choices of ours: below one and falling, as in Kay et al. (2013)."""
COLOUR = {"V1": 0.35, "V2": 0.35, "V3": 0.2, "hV4": 0.7}
"""How much of a voxel's weights goes to opponent colours, on average; hV4 has most."""
LARGE = 0.09  # standard deviation of a field that half the resolution is enough for
SOME = 128  # pictures at a time


def channels(pictures: np.ndarray) -> np.ndarray:
    """Normalised channel maps.

    Parameters
    ----------
    pictures : (stimulus, 64, 64, 3) uint8 array

    Returns
    -------
    (stimulus, channel, CELLS, CELLS) float32 array
        0 to about 1, in the order of `CHANNELS`; a map's place is the middle of a square of 2 x 2 pixels.
    """
    rgb = pictures.astype(np.float32) / 255
    grey = rgb @ np.array([0.3, 0.6, 0.1], np.float32)
    maps = np.empty((len(pictures), len(CHANNELS), CELLS, CELLS), np.float32)
    energy = _energies(grey)
    pooled = _blurred(energy.sum(axis=1), 2.0)
    maps[:, :ENERGIES] = energy / (SEMISATURATION**2 + pooled)[:, None]
    small = _halved(rgb)
    light = _halved(grey[..., None])[..., 0]
    local = _blurred(light, 0.7) - _blurred(light, 4.0)
    red = small[..., 0] - small[..., 1]
    blue = small[..., 2] - (small[..., 0] + small[..., 1]) / 2
    pairs = ((local, LIGHT_SATURATION), (_blurred(red, 0.7), COLOUR_SATURATION), (_blurred(blue, 0.7), COLOUR_SATURATION))
    for number, (values, half) in enumerate(pairs):
        squashed = values / (half + np.abs(values))
        maps[:, ENERGIES + 2 * number] = np.maximum(squashed, 0)
        maps[:, ENERGIES + 2 * number + 1] = np.maximum(-squashed, 0)
    return maps


def fields(x: np.ndarray, y: np.ndarray, size: np.ndarray, cells: int = CELLS) -> np.ndarray:
    """Gaussian receptive fields.

    Parameters
    ----------
    x, y, size : (unit,) arrays
        Centre from the left and from the top, and standard deviation, as shares of the picture.
    cells : int
        Side of the maps that they look at.

    Returns
    -------
    (place, unit) float32 array
        Rows of a map one after the other; a field adds up to 1 over the whole plane, so to less where it hangs over the edge.
    """
    at = (np.arange(cells) + 0.5) / cells
    sd = np.maximum(size, 0.5 / cells)  # no narrower than the maps can show
    across, down = (np.exp(-((at[:, None] - centre) ** 2) / (2 * sd**2)) / (sd * np.sqrt(2 * np.pi) * cells) for centre in (x, y))
    field = (down[:, None] * across[None, :]).reshape(cells * cells, -1)
    return np.where(field > 1e-9, field, 0).astype(np.float32)  # numbers near the smallest that there are slow every product down


def channel_weights(area: np.ndarray, size_deg: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How much each voxel listens to each channel, (unit, channel), adding up to 1.

    A voxel prefers an orientation, coarser stripes the larger its field, and light or dark, red or green, blue or yellow.
    """
    units = len(area)
    prefers = rng.uniform(0, np.pi, units)[:, None]
    turn = np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS
    oriented = np.exp(np.cos(2 * (turn - prefers)))
    scale = np.log2(np.clip(6 * size_deg / 0.4, 3, 20) / 4) + 0.5 * rng.standard_normal(units)
    scaled = np.exp(-((np.arange(len(WAVELENGTHS_PX)) - scale[:, None]) ** 2) / 2)
    energy = (scaled[:, :, None] * oriented[:, None, :]).reshape(units, -1)
    coloured = np.exp(rng.standard_normal((units, len(CHANNELS) - ENERGIES)))
    share = np.array([COLOUR.get(str(name), COLOUR["hV4"]) for name in area])
    share = np.clip(share * np.exp(0.4 * rng.standard_normal(units)), 0.05, 0.9)[:, None]
    energy *= (1 - share) / energy.sum(axis=1, keepdims=True)
    coloured *= share / coloured.sum(axis=1, keepdims=True)
    return np.concatenate([energy, coloured], axis=1).astype(np.float32)


def seen(
    pictures: np.ndarray, x: np.ndarray, y: np.ndarray, size: np.ndarray, weight: np.ndarray, power: np.ndarray
) -> np.ndarray:
    """What each voxel's field sees of each picture, compressed.

    Parameters
    ----------
    pictures : (stimulus, 64, 64, 3) uint8 array
    x, y, size : (unit,) arrays
        The fields, as for `fields`.
    weight : (unit, channel) array
    power : (unit,) array

    Returns
    -------
    (stimulus, unit) float32 array
    """
    out = np.zeros((len(pictures), len(x)), np.float32)
    large = size > LARGE  # these see the same in maps of half the resolution
    groups = [
        (units, cells) for units, cells in ((np.flatnonzero(~large), CELLS), (np.flatnonzero(large), CELLS // 2)) if len(units)
    ]
    looking = [(units, cells, fields(x[units], y[units], size[units], cells)) for units, cells in groups]
    for start in range(0, len(pictures), SOME):
        rows = slice(start, start + SOME)
        maps = channels(pictures[rows])
        for units, cells, field in looking:
            if cells != CELLS:
                maps = maps.reshape(*maps.shape[:2], cells, 2, cells, 2).mean(axis=(3, 5))
            summed = np.zeros((len(maps), len(units)), np.float32)
            for channel in range(len(CHANNELS)):
                summed += (maps[:, channel].reshape(len(maps), -1) @ field) * weight[units, channel]
            out[rows, units] = summed
    return np.maximum(out, 0, out=out) ** power.astype(np.float32)


def _energies(grey: np.ndarray) -> np.ndarray:
    """Energy of each quadrature pair, (stimulus, wavelength and orientation, CELLS, CELLS).

    Only a band around a filter's centre frequency passes, so the band is shifted to the middle and brought back at half the
    resolution: the magnitude is the same.
    """
    from scipy import fft

    padded = np.pad(grey, ((0, 0), (PAD, PAD), (PAD, PAD)), mode="edge")
    size, half = padded.shape[1], padded.shape[1] // 2
    spectrum = fft.fft2(padded - padded.mean(axis=(1, 2), keepdims=True)).astype(np.complex64)
    offset = fft.fftfreq(half, 1 / half).astype(int)
    out = np.empty((len(grey), ENERGIES, CELLS, CELLS), np.float32)
    for number in range(ENERGIES):
        frequency = size / WAVELENGTHS_PX[number // ORIENTATIONS]
        turn = np.pi * (number % ORIENTATIONS) / ORIENTATIONS
        down, across = round(frequency * np.sin(turn)), round(frequency * np.cos(turn))
        rows, columns = down + offset, across + offset
        passed = np.exp(-(offset[:, None] ** 2 + offset[None, :] ** 2) / (2 * (BANDWIDTH * frequency) ** 2))
        # half a pixel on: a place is the middle of four pixels
        shift = np.exp(1j * np.pi * (rows[:, None] + columns[None, :]) / size)
        band = spectrum[:, rows[:, None] % size, columns[None, :] % size] * (passed * shift).astype(np.complex64)
        wave = fft.ifft2(band)[:, PAD // 2 : PAD // 2 + CELLS, PAD // 2 : PAD // 2 + CELLS] * (half / size) ** 2
        out[:, number] = wave.real**2 + wave.imag**2
    return out


def _halved(values: np.ndarray) -> np.ndarray:
    """Means of squares of 2 x 2 pixels, (stimulus, CELLS, CELLS, colour)."""
    return values.reshape(len(values), CELLS, SIDE // CELLS, CELLS, SIDE // CELLS, -1).mean(axis=(2, 4))


def _blurred(values: np.ndarray, cells: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, cells, axes=(1, 2), mode="nearest", truncate=3.0)
