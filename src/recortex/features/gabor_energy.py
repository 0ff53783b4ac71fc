"""Gabor energy: how much contrast of each orientation and scale there is at each place."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from recortex.data.base import Pictures
from recortex.data.pictures import luma, resized
from recortex.features.maps import Maps, on_grid
from recortex.stage import Tiling


class GaborEnergy(Maps):
    """A pyramid of Gabor wavelets in quadrature, after Kay et al. (2008), Nature 452:352: the energy of each, compressed.

    A level of f cycles a picture has an f x f grid of places and `orientations` wavelets at each.

    Parameters
    ----------
    stimuli : Pictures
        The pictures; colour is averaged away.
    frequencies : tuple of float
        Cycles a picture side.
    orientations : int
        Evenly spaced over half a turn.
    size : int
        Side in pixels to which the pictures are brought first.
    log : bool
        Whether log(1 + energy) is returned, or the energy itself (root of the sum of squares of the quadrature pair).
    """

    version: ClassVar[int] = 2

    stimuli: Pictures
    frequencies: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    orientations: int = Field(default=8, ge=1)
    size: int = Field(default=64, ge=8, le=512)
    log: bool = True

    @model_validator(mode="after")
    def _frequencies_fit(self) -> GaborEnergy:
        wrong = [value for value in self.frequencies if not 0 < value <= self.size / 2]
        if wrong or not self.frequencies:
            raise ValueError(
                f"frequencies must lie above 0 and at most at half the size, {self.size / 2:g} cycles a picture of {self.size} pixels; "
                f"got {self.frequencies}"
            )
        return self

    def expect(self) -> dict[str, int]:
        """A feature a wavelet."""
        seen = self.stimuli.foresee()
        places, channels = sum(side(frequency) ** 2 for frequency in self.frequencies), len(self.frequencies) * self.orientations
        return {"stimulus": seen["stimulus"], "feature": places * self.orientations, "channel": channels} if seen else {}

    def tiling(self) -> Tiling:
        """Some hundred pictures at a time."""
        return Tiling("stimulus", self.stimuli.run().shape("picture")[0], 512)

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """Energies of some pictures."""
        seen = self.stimuli.run()
        place = slice(rows.start, rows.stop)
        grey = luma(seen.read("picture", place).astype(np.float32) / 255)
        grey = resized(grey, self.size, self.size)
        flat = grey.reshape(len(grey), -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        wavelets = pyramid(self.size, self.frequencies, self.orientations)
        energy = np.hypot(flat @ wavelets.real.T, flat @ wavelets.imag.T)
        return {
            "stimulus": seen["stimulus"][place],
            "features": np.log1p(energy) if self.log else energy,
            **self._places(),
        }

    def _places(self) -> dict[str, np.ndarray]:
        """Place and channel of each wavelet, in the order of `pyramid`."""
        x, y, of_channel, names = [], [], [], []
        for number, frequency in enumerate(self.frequencies):
            across, down = on_grid(side(frequency))
            x.append(np.repeat(across, self.orientations))
            y.append(np.repeat(down, self.orientations))
            of_channel.append(np.tile(np.arange(self.orientations), len(across)) + number * self.orientations)
            names += [
                f"{number + 1}: {frequency:g} cycles {180 * turn / self.orientations:g} deg" for turn in range(self.orientations)
            ]
        made = {"x": x, "y": y, "of_channel": of_channel}
        return {name: np.concatenate(values) for name, values in made.items()} | {"channel": np.array(names)}


def side(frequency: float) -> int:
    """How many places of wavelets of a frequency stand side by side."""
    return max(1, round(frequency))


def pyramid(size: int, frequencies: tuple[float, ...], orientations: int) -> np.ndarray:
    """Complex Gabor wavelets of unit norm.

    Parameters
    ----------
    size : int
        Side of the picture in pixels.
    frequencies : tuple of float
        Cycles a picture side.
    orientations : int

    Returns
    -------
    (feature, size * size) complex64 array
        By frequency, then row, column and orientation of the wavelet. Each envelope is a Gaussian of standard deviation 0.4
        wavelengths, cut at the picture's edge; the mean is taken off, so that even light has no energy.
    """
    ys, xs = (np.mgrid[:size, :size] + 0.5) / size
    wavelets = []
    for frequency in frequencies:
        places = (np.arange(side(frequency)) + 0.5) / side(frequency)
        for y in places:
            for x in places:
                envelope = np.exp(-((ys - y) ** 2 + (xs - x) ** 2) / (2 * (0.4 / frequency) ** 2))
                for turn in np.arange(orientations) * np.pi / orientations:
                    phase = 2 * np.pi * frequency * ((xs - x) * np.cos(turn) + (ys - y) * np.sin(turn))
                    wavelet = envelope * np.exp(1j * phase)
                    wavelet -= envelope * (wavelet.sum() / envelope.sum())
                    wavelets.append((wavelet / np.linalg.norm(wavelet)).ravel())
    return np.array(wavelets, dtype=np.complex64)
