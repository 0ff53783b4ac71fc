"""How much a decoded picture looks like the seen one, pixel by pixel and by structure.

Pictures are real numbers in 0..1, and anything else is refused: clipping or rescaling changes these scores,
so it is the caller's explicit act.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput
from recortex.metrics._arrays import real_array, same_shape
from recortex.metrics.correlation import row_correlation

_TRUNCATE = 3.5
"""Standard deviations at which the Gaussian window of SSIM is cut, as in scikit-image."""


def pixel_correlation(seen: ArrayLike, decoded: ArrayLike) -> NDArray[np.float64]:
    """Pearson correlation over all pixels and channels, one value a picture ("PixCorr").

    Parameters
    ----------
    seen, decoded : array (picture, height, width) or (picture, height, width, channel)
        Values in 0..1. The MedARC protocol first resizes both to 425 x 425.

    Returns
    -------
    array (picture,)
        In -1..1; NaN where either picture is one flat colour value.

    Raises
    ------
    InvalidInput
        If shapes differ, or a value is outside 0..1 or not finite.
    """
    seen, decoded = _pictures(seen, decoded)
    n_values = int(np.prod(seen.shape[1:]))
    return row_correlation(seen.reshape(len(seen), n_values), decoded.reshape(len(seen), n_values))


def ssim(seen: ArrayLike, decoded: ArrayLike, sigma: float = 1.5) -> NDArray[np.float64]:
    """Structural similarity of the grey pictures over a two-dimensional Gaussian window, one value a picture.

    Wang et al. 2004, equation 13, equal to scikit-image's ``structural_similarity`` with
    ``gaussian_weights=True, use_sample_covariance=False, data_range=1.0``: the number that MedARC's script
    gives on scikit-image 0.20 or later. Columns of SSIM in papers are not one metric, see
    `ssim_legacy_columnwise`.

    Parameters
    ----------
    seen, decoded : array (picture, height, width) or (picture, height, width, channel)
        Values in 0..1; 3 channels are RGB and turned grey by scikit-image's ``rgb2gray``, 1 channel is grey.
    sigma : float
        Standard deviation of the window in pixels. 1.5 is the standard, and needs pictures of at least 11 x
        11; a smaller one makes room for smaller pictures, and then the score compares only with others of
        that sigma.

    Returns
    -------
    array (picture,)
        At most 1, the score of equal pictures. Defined for flat pictures too.

    Raises
    ------
    InvalidInput
        If shapes differ, a value is outside 0..1, or the window does not fit into the picture.
    """
    return _structural_similarity(seen, decoded, sigma, columnwise=False)


def ssim_legacy_columnwise(seen: ArrayLike, decoded: ArrayLike, sigma: float = 1.5) -> NDArray[np.float64]:
    """Mean of the one-dimensional structural similarities of the columns: what older papers printed as SSIM.

    Their call passed ``multichannel=True`` with a grey picture, which made scikit-image up to 0.19 take
    each column for a channel (Brain-Diffuser pins 0.17.2); later versions ignore the flag, and the same
    line gives `ssim`. For comparison with those tables, and for nothing else.

    Parameters
    ----------
    seen, decoded : array (picture, height, width) or (picture, height, width, channel)
        Values in 0..1; colour is turned grey as in `ssim`.
    sigma : float
        Standard deviation of the window in pixels, along the height; 1.5 needs a height of at least 11.

    Returns
    -------
    array (picture,)
        At most 1.

    Raises
    ------
    InvalidInput
        If shapes differ, a value is outside 0..1, or the window does not fit into a column.
    """
    return _structural_similarity(seen, decoded, sigma, columnwise=True)


def _structural_similarity(seen: ArrayLike, decoded: ArrayLike, sigma: float, columnwise: bool) -> NDArray[np.float64]:
    """scikit-image's structural similarity of each pair of pictures, turned grey."""
    from skimage.metrics import structural_similarity

    seen, decoded = _pictures(seen, decoded)
    radius = int(_TRUNCATE * sigma + 0.5)
    _check_room(radius, sigma, [seen.shape[1]] if columnwise else list(seen.shape[1:3]))
    return np.array(
        [
            structural_similarity(
                _grey(one_seen),
                _grey(one_decoded),
                gaussian_weights=True,
                sigma=sigma,
                use_sample_covariance=False,
                data_range=1.0,
                channel_axis=1 if columnwise else None,
            )
            for one_seen, one_decoded in zip(seen, decoded, strict=True)
        ]
    )


def _grey(picture: NDArray[Any]) -> NDArray[np.float64]:
    """(height, width) of a picture that may have channels."""
    if picture.ndim == 2:
        return picture.astype(np.float64)
    if picture.shape[2] == 1:
        return picture[..., 0].astype(np.float64)
    if picture.shape[2] != 3:
        raise InvalidInput(f"pictures have {picture.shape[2]} channels; only 1 or 3 (RGB) can be turned grey")
    from skimage.color import rgb2gray

    return np.asarray(rgb2gray(picture.astype(np.float64)), np.float64)


def _check_room(radius: int, sigma: float, sizes: list[int]) -> None:
    most = (min(sizes) - 1) // 2
    if radius < 1:
        raise InvalidInput(f"sigma={sigma:g} makes a window of one pixel; pass {0.5 / _TRUNCATE:.2f} or more")
    if radius > most:
        smaller = f" or pass sigma below {(most + 0.5) / _TRUNCATE:.2f}" if most else ""
        raise InvalidInput(
            f"pictures of {' x '.join(map(str, sizes))} pixels have no room for the SSIM window of "
            f"{2 * radius + 1} (sigma={sigma:g}); enlarge them{smaller}"
        )


def _pictures(seen: ArrayLike, decoded: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    checked = [_in_range(name, pictures) for name, pictures in (("seen", seen), ("decoded", decoded))]
    same_shape(seen=checked[0], decoded=checked[1])
    return checked[0], checked[1]


def _in_range(name: str, pictures: ArrayLike) -> NDArray[Any]:
    channel = ("channel",) if np.ndim(pictures) == 4 else ()
    pictures = real_array(name, pictures, "picture", "height", "width", *channel)
    if pictures.size:
        low, high = pictures.min(), pictures.max()
        if not (low >= 0 and high <= 1):
            raise InvalidInput(f"{name} holds values from {low:g} to {high:g}; pictures must lie in 0..1: clip or rescale")
    return pictures
