"""Pixel correlation and both meanings of SSIM, against SciPy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr
from skimage.color import rgb2gray
from skimage.metrics import structural_similarity

from recortex.errors import InvalidInput
from recortex.metrics import pixel_correlation, ssim, ssim_legacy_columnwise

MEDARC = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}


def picture_pair(*shape: int, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    seen = rng.random((3, *shape))
    decoded = 0.6 * seen + 0.4 * rng.random((3, *shape))
    return seen.astype(dtype), decoded.astype(dtype)


@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 3)])
def test_pixel_correlation_equals_scipy_over_all_pixels_and_channels(shape):
    seen, decoded = picture_pair(*shape)
    expected = [pearsonr(a.ravel(), b.ravel()).statistic for a, b in zip(seen, decoded, strict=True)]
    np.testing.assert_allclose(pixel_correlation(seen, decoded), expected, rtol=1e-13)


@pytest.mark.parametrize("shape", [(11, 11), (32, 21), (20, 33, 3), (15, 12, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ssim_equals_scikit_image(shape, dtype):
    seen, decoded = picture_pair(*shape, dtype=dtype)
    grey = rgb2gray if shape[-1] == 3 else lambda picture: picture.reshape(shape[:2])
    pairs = [(grey(a.astype(float)), grey(b.astype(float))) for a, b in zip(seen, decoded, strict=True)]
    plain = [structural_similarity(a, b, **MEDARC) for a, b in pairs]
    columnwise = [structural_similarity(a, b, channel_axis=-1, **MEDARC) for a, b in pairs]
    np.testing.assert_allclose(ssim(seen, decoded), plain, rtol=1e-11)
    np.testing.assert_allclose(ssim_legacy_columnwise(seen, decoded), columnwise, rtol=1e-11)


def test_the_two_meanings_of_ssim_are_two_numbers():
    """A mean over columns does not care where a column stands; structure in two dimensions does."""
    rng = np.random.default_rng(1)
    seen, decoded = picture_pair(40, 40)
    order = rng.permutation(40)
    shuffled = seen[:, :, order], decoded[:, :, order]
    np.testing.assert_allclose(ssim_legacy_columnwise(*shuffled), ssim_legacy_columnwise(seen, decoded), rtol=1e-12)
    smooth = np.tile(np.linspace(0, 1, 40), (3, 40, 1))
    assert np.all(np.abs(ssim(smooth, smooth[:, :, order]) - ssim_legacy_columnwise(smooth, smooth[:, :, order])) > 0.01)


@pytest.mark.parametrize("score", [ssim, ssim_legacy_columnwise])
def test_ssim_is_symmetric_and_one_for_equal_pictures(score):
    seen, decoded = picture_pair(16, 16)
    np.testing.assert_allclose(score(seen, decoded), score(decoded, seen), rtol=1e-14)
    np.testing.assert_allclose(score(seen, seen), 1, rtol=1e-12)
    flat = np.full_like(seen, 0.3)
    np.testing.assert_allclose(score(flat, flat), 1, rtol=1e-12)
    assert np.isnan(pixel_correlation(seen, flat)).all()


def test_small_pictures_are_refused_until_the_caller_names_a_smaller_window():
    seen, decoded = picture_pair(8, 8)
    with pytest.raises(InvalidInput, match=r"8 x 8 .* window of 11 .* sigma below 1\.00"):
        ssim(seen, decoded)
    with pytest.raises(InvalidInput, match="window of 11"):
        ssim_legacy_columnwise(seen, decoded)
    expected = [structural_similarity(a, b, **{**MEDARC, "sigma": 0.99}) for a, b in zip(seen, decoded, strict=True)]
    np.testing.assert_allclose(ssim(seen, decoded, sigma=0.99), expected, rtol=1e-11)
    with pytest.raises(InvalidInput, match=r"enlarge them$"):
        ssim(seen[:, :2], decoded[:, :2], sigma=0.5)
    with pytest.raises(InvalidInput, match="window of one pixel"):
        ssim(seen, decoded, sigma=0.1)


def test_columns_need_room_in_height_only():
    seen, decoded = picture_pair(20, 4)
    assert np.isfinite(ssim_legacy_columnwise(seen, decoded)).all()
    with pytest.raises(InvalidInput, match="20 x 4"):
        ssim(seen, decoded)


@pytest.mark.parametrize("score", [pixel_correlation, ssim, ssim_legacy_columnwise])
def test_values_outside_the_range_are_refused(score):
    seen, decoded = picture_pair(16, 16)
    with pytest.raises(InvalidInput, match=r"decoded holds values from .* to 255; .* 0\.\.1"):
        score(seen, np.where(decoded > 0.9, 255, decoded))
    with pytest.raises(InvalidInput, match=r"to 1\.001; "):
        score(np.where(seen > 0.9, 1.001, seen), decoded)
    with pytest.raises(InvalidInput, match=r"seen holds values from -0\.01"):
        score(np.where(seen < 0.1, -0.01, seen), decoded)
    decoded[0, 0, 0] = np.nan
    with pytest.raises(InvalidInput, match="decoded holds values from nan"):
        score(seen, decoded)
    with pytest.raises(InvalidInput, match="shapes must be equal"):
        score(seen, seen[:2])
    with pytest.raises(InvalidInput, match=r"\(picture, height, width\)"):
        score(seen[0], seen[0])


def test_ssim_refuses_channels_that_are_no_colour():
    seen, decoded = picture_pair(16, 16, 4)
    with pytest.raises(InvalidInput, match="4 channels"):
        ssim(seen, decoded)
    assert pixel_correlation(seen, decoded).shape == (3,)
