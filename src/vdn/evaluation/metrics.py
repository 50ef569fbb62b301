"""How near a denoised image is to the clean one, and what is left in the residual.

Images are (H, W) or (H, W, C) floats with white at 1.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from vdn.errors import InputError

__all__ = ["IDENTICAL", "eight_bit", "luma", "psnr", "ssim", "variance_ratio", "whiteness"]

IDENTICAL = 100.0  # dB for equal images, so that averages and JSON stay finite
_LUMA = np.array([65.481, 128.553, 24.966])
_RADIUS = 5  # 11 taps, for a window of standard deviation 1.5
_WINDOW = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / 1.5) ** 2)
_WINDOW /= _WINDOW.sum()
_CONSTANTS = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def eight_bit(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Clip to [0, 1] and round to 0-255.

    Examples
    --------
    >>> eight_bit(np.array([-0.2, 0.5, 1.3])).tolist()
    [0, 128, 255]
    """
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def luma(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return Y of MATLAB's ``rgb2ycbcr``, (H, W), both rounded to 8 bits; gray stays as it is.

    ITU-R BT.601 from 16 at black to 235 at white, on which tables of restoration are measured.

    Examples
    --------
    >>> (luma(np.array([[[0, 0, 0], [1, 1, 1]]])) * 255).tolist()
    [[16.0, 235.0]]
    """
    if image.ndim == 2:
        return image
    rounded = eight_bit(image) / 255
    return np.rint(16 + rounded @ _LUMA) / 255


def psnr(
    image: NDArray[np.floating], clean: NDArray[np.floating], *, rounded: bool = True
) -> float:
    r"""Peak signal-to-noise ratio in dB over all channels jointly.

    .. math:: 10 \log_{10} \frac{255^2}{\operatorname{mean}(a - b)^2}

    Parameters
    ----------
    image, clean
        Of one shape.
    rounded
        Clip and round both to 8 bits first, as the paper and most of the field do; otherwise take
        the floats as they are, with the peak at 1.

    Returns
    -------
    float
        At most 100, which stands for equal images.

    Raises
    ------
    InputError
        When the shapes differ.

    Examples
    --------
    >>> clean = np.full((8, 8), 0.5)
    >>> round(psnr(clean + 0.1, clean, rounded=False), 6)
    20.0
    """
    _same_shape(image, clean)
    if rounded:
        difference = eight_bit(image).astype(np.float64) - eight_bit(clean)
        error = np.mean(difference**2) / 255**2
    else:
        error = np.mean(np.subtract(image, clean, dtype=np.float64) ** 2)
    return float(-10 * np.log10(max(float(error), 10 ** (-IDENTICAL / 10))))


def ssim(
    image: NDArray[np.floating], clean: NDArray[np.floating], *, across_colours: bool = False
) -> float:
    """Structural similarity of the images rounded to 8 bits; a Gaussian window of 11 taps.

    There are two conventions, whose values for the same colour images differ by up to 0.05:

    - per channel (the default), then averaged; population covariance, mirrored borders, the
      outer 5 pixels left out: Wang et al. 2004, and scikit-image with `gaussian_weights=True,
      use_sample_covariance=False`;
    - `across_colours`: the channels taken for the slices of a volume, with a window of
      11 x 11 x 11 and replicated borders, every pixel counted. This is what MATLAB's `ssim`
      makes of an H x W x 3 array, and behind most published figures for SIDD.

    Raises
    ------
    InputError
        When the shapes differ or a side is below 11.

    References
    ----------
    Wang et al., Image quality assessment: from error visibility to structural similarity,
    IEEE TIP 2004, https://doi.org/10.1109/TIP.2003.819861

    Examples
    --------
    >>> clean = np.tile(np.linspace(0, 1, 32), (32, 1))
    >>> round(ssim(clean, clean), 9), ssim(1 - clean, clean) < 0
    (1.0, True)
    """
    _same_shape(image, clean)
    if min(image.shape[:2]) < len(_WINDOW):
        raise InputError(f"image has shape {image.shape}; SSIM needs sides of at least 11")
    x, y = (eight_bit(np.atleast_3d(a)).astype(np.float64) for a in (image, clean))
    volume = across_colours and x.shape[2] > 1
    axes = (0, 1, 2) if volume else (0, 1)
    mode: Literal["nearest", "reflect"] = "nearest" if across_colours else "reflect"

    def local_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        for axis in axes:
            values = correlate1d(values, _WINDOW, axis=axis, mode=mode)
        return values

    mean_x, mean_y = local_mean(x), local_mean(y)
    variances = local_mean(x * x) - mean_x**2 + local_mean(y * y) - mean_y**2
    covariance = local_mean(x * y) - mean_x * mean_y
    c1, c2 = _CONSTANTS
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity /= (mean_x**2 + mean_y**2 + c1) * (variances + c2)
    if not across_colours:
        similarity = similarity[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS]
    return float(similarity.mean())


def whiteness(residual: NDArray[np.floating], reach: int = 3) -> float:
    r"""Root mean square autocorrelation of what was removed, over the lags up to `reach`.

    .. math:: \rho(d) = \frac{\sum_p r_p\, r_{p+d}}{\sum_p r_p^2},

    within channels, with the mean of each removed. White noise of N pixels gives about
    :math:`1/\sqrt N`; structure of the image left in the residual gives more.

    Parameters
    ----------
    residual
        Noisy minus denoised, (H, W) or (H, W, C); divide it by the noise's standard deviation
        where that varies.
    reach
        Largest lag along each axis, in pixels.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((200, 200))
    >>> whiteness(noise) < 0.01 < whiteness(noise[:, :100].repeat(2, axis=1))
    True
    """
    planes = np.atleast_3d(residual).astype(np.float64)
    planes -= planes.mean(axis=(0, 1))
    height, width = planes.shape[:2]
    reach = min(reach, height - 1, width - 1)
    power = float(np.mean(planes**2))
    if reach < 1 or power == 0:
        return 0.0
    squares = []
    for down in range(reach + 1):
        for right in range(-reach if down else 1, reach + 1):
            here = planes[: height - down, max(0, -right) : width - max(0, right)]
            there = planes[down:, max(0, right) : width - max(0, -right)]
            squares.append((float(np.mean(here * there)) / power) ** 2)
    return float(np.sqrt(np.mean(squares)))


def variance_ratio(residual: NDArray[np.floating], sigma: NDArray[np.floating]) -> float:
    """Return the mean square of what was removed over the mean of the noise variance found.

    About 1 for a good denoiser with a good map; below where noise was left in the image.

    Examples
    --------
    >>> variance_ratio(np.full((4, 4), 0.1), np.full((4, 4), 0.2)).__round__(6)
    0.25
    """
    return float(np.mean(np.square(residual, dtype=np.float64)) / np.mean(np.square(sigma)))


def _same_shape(image: NDArray[np.floating], clean: NDArray[np.floating]) -> None:
    if image.shape != clean.shape:
        raise InputError(f"image has shape {image.shape}, the clean one {clean.shape}; align them")
