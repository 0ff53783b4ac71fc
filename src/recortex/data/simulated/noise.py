"""Noise of the simulated recordings: as strong as published ceilings say, and smooth through the volume.

What is published about the Natural Scenes Dataset (NSD; Allen et al. 2022, Nature Neuroscience 25:116) and used here: the noise
ceiling signal-to-noise ratio `ncsnr` is the standard deviation of the response to pictures over that of the noise of one trial, so
that a share ncsnr^2 / (ncsnr^2 + 1 / n) of the variance of averages over n trials can be explained. A typical value for these betas
is 0.26, and the files of eight people hold cortex-wide medians of 0.09 to 0.13, means of 0.12 to 0.17 and maxima of 1.1 to 1.6
(both as quoted by users and maintainers in cvnlab/nsddatapaper issue 1; such estimates lie above the truth where there is hardly
any signal). The medians of single areas in `NCSNR` are choices of ours: the order of areas is from early to late, and their level is
that at which some 36 % of three-trial averages of visual vertices is explainable, the figure that brain-score/vision's notebook on
NSD's surface betas gives, which an ncsnr of 0.43 amounts to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NCSNR = {
    "V1": 0.52,
    "V2": 0.50,
    "V3": 0.47,
    "hV4": 0.45,
    "LO": 0.43,
    "EBA": 0.45,
    "FFA": 0.43,
    "PPA": 0.43,
    "VWFA": 0.36,
    "food": 0.36,
    "IPS": 0.30,
    "between": 0.26,
    "rest": 0.08,
    "null": 0.0,
}
"""Median over the voxels of an area; "rest" is driven hardly at all and "null" not at all."""
SPREAD = 0.45  # standard deviation of log ncsnr over the voxels of an area
MOST_NCSNR = 1.6
NOISE_SD, NOISE_SPREAD = 1.5, 0.25  # percent signal change of one trial, median over voxels, and standard deviation of its log
FWHM_MM = 6.0  # of the kernel that makes noise smooth
SMOOTH = 0.5  # share of the noise variance that is smooth
BLOCK = 128  # times that are drawn together


@dataclass(frozen=True, eq=False)
class SpatialNoise:
    """Noise of unit variance in every voxel: a smooth part and an independent part.

    The value at a time depends on the seeds and that time alone, so any stretch of time can be asked for, in any order.

    Parameters
    ----------
    kernel : (unit, unit) sparse array
        Rows of unit norm: a Gaussian of distance through the volume.
    smooth : float
        Share of the variance that is smooth.
    seeds : tuple of int
    """

    kernel: object
    smooth: float
    seeds: tuple[int, ...]

    def at(self, start: int, stop: int) -> np.ndarray:
        """Noise at times start to stop, independent from time to time.

        Parameters
        ----------
        start, stop : int

        Returns
        -------
        (stop - start, unit) float32 array
        """
        units = self.kernel.shape[0]  # type: ignore[attr-defined]
        out = np.empty((stop - start, units), np.float32)
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            rng = np.random.default_rng([*self.seeds, block])
            own = slice(max(start - block * BLOCK, 0), min(stop - block * BLOCK, BLOCK))
            to = slice(block * BLOCK + own.start - start, block * BLOCK + own.stop - start)
            white = rng.standard_normal((BLOCK, units), np.float32)[own]
            smooth = (self.kernel @ white.T).T  # type: ignore[operator]
            white = rng.standard_normal((BLOCK, units), np.float32)[own]
            out[to] = np.sqrt(self.smooth) * smooth + np.sqrt(1 - self.smooth) * white
        return out

    def covariance(self, units: np.ndarray) -> np.ndarray:
        """Covariance between some voxels, (n, n): the truth behind `at`."""
        rows = self.kernel[units]  # type: ignore[index]
        return self.smooth * (rows @ rows.T).toarray() + (1 - self.smooth) * np.eye(len(units))


def spatial_noise(
    position_mm: np.ndarray, seeds: tuple[int, ...], fwhm_mm: float = FWHM_MM, smooth: float = SMOOTH
) -> SpatialNoise:
    """Noise over voxels at given places.

    Parameters
    ----------
    position_mm : (unit, 3) array
    seeds : tuple of int
    fwhm_mm : float
        Full width at half maximum of the kernel; noise of neighbours correlates over a distance that is 1.4 times as wide.
    smooth : float
        Share of the variance that is smooth; the rest is independent from voxel to voxel.
    """
    from scipy.sparse import csr_array, diags_array
    from scipy.spatial import cKDTree

    sd = fwhm_mm / np.sqrt(8 * np.log(2))
    tree = cKDTree(position_mm)
    pairs = tree.sparse_distance_matrix(tree, 2.5 * sd, output_type="coo_matrix")
    weight = np.exp(-(pairs.data**2) / (2 * sd**2))
    kernel = csr_array((weight, (pairs.row, pairs.col)), shape=pairs.shape)
    norm = np.sqrt(kernel.power(2).sum(axis=1))
    kernel = (diags_array(1 / norm) @ kernel).astype(np.float32).tocsr()
    kernel.sort_indices()
    return SpatialNoise(kernel, smooth, seeds)


def smooth_field(position_mm: np.ndarray, seeds: tuple[int, ...], count: int, fwhm_mm: float = 8.0) -> np.ndarray:
    """Standard normal numbers that change slowly from voxel to voxel, (count, unit)."""
    return spatial_noise(position_mm, seeds, fwhm_mm, smooth=1.0).at(0, count)


def levels(area: np.ndarray, position_mm: np.ndarray, who: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """How well each voxel hears, and how noisy it is.

    Parameters
    ----------
    area : (unit,) str array
    position_mm : (unit, 3) array
    who : tuple of int
        Seeds: the person.

    Returns
    -------
    ncsnr, noise_sd : (unit,) arrays
        Signal-to-noise ratio of one trial, and percent signal change.
    """
    rng = np.random.default_rng([*who, 3])
    slow = smooth_field(position_mm, (*who, 4), 2)
    own = rng.standard_normal(slow.shape)
    varied = (slow + own) / np.sqrt(2)
    median = np.array([NCSNR[str(name)] for name in area])
    ncsnr = np.minimum(median * np.exp(SPREAD * varied[0]), MOST_NCSNR)
    return ncsnr, NOISE_SD * np.exp(NOISE_SPREAD * varied[1])
