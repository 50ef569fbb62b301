"""Whether the noise of a picture is independent from pixel to pixel."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["WHITE", "Whiteness", "measure_colour_whiteness", "measure_whiteness", "robust_sigma"]

WHITE = 0.8
"""The ratio from which on noise is called independent."""

_BLOCK = 16  # pixels a side
_FLATTEST = 1 / 8  # of the blocks: there the noise is, the picture is not
_LEAST = 16  # blocks, to say anything
_DEVIATION = 0.6745  # median absolute value of normal noise of unit deviation
_COLOURLESS = 0.4  # of the noise: independent channels differ by 1.4 times theirs


class Whiteness(NamedTuple):
    """What the flattest blocks of a picture say of its noise.

    Attributes
    ----------
    ratio
        Energy of the noise at the scale of a pixel by that at twice the scale: near 1 for
        independent noise, less for correlated noise such as that of cameras and compression.
    sigma
        Rough standard deviation of the noise at the scale of a pixel, in the units of the picture.
    """

    ratio: float
    sigma: float


def measure_whiteness(pixels: NDArray[Any]) -> Whiteness | None:
    """Compare the noise of a picture at two scales; None where it is too small to say.

    The diagonal coefficients of an orthonormal Haar transform hold the noise and little of the
    picture; of white noise they have one variance on all levels.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, C) without alpha. Values that are not finite are passed over.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 3, (256, 256))
    >>> measure_whiteness(noise).ratio > 0.9
    True
    >>> across = noise + np.roll(noise, 1, 0)
    >>> measure_whiteness(across + np.roll(across, 1, 1)).ratio < 0.5
    True
    """
    height, width = (length // (2 * _BLOCK) * 2 * _BLOCK for length in pixels.shape[:2])
    image = np.atleast_3d(pixels)[:height, :width]
    with np.errstate(invalid="ignore"):
        largest = np.abs(image.astype(np.float64)).max(initial=0, where=np.isfinite(image))
        image = (image / (largest or 1.0)).astype(np.float32)  # so that no square overflows
    smooth, fine = _haar(image)
    coarse = _haar(smooth)[1]
    energies = np.stack([_block_means(np.square(fine), 2), _block_means(np.square(coarse), 4)])
    fine_energy, coarse_energy = energies[:, (energies > 0).all(axis=0)]
    count = int(fine_energy.size * _FLATTEST)
    if count < max(_LEAST * _FLATTEST, 1):
        return None
    flattest = np.argpartition(fine_energy + coarse_energy, count - 1)[:count]
    fine_mean, coarse_mean = fine_energy[flattest].mean(), coarse_energy[flattest].mean()
    return Whiteness(float(fine_mean / coarse_mean), float(np.sqrt(fine_mean) * largest))


def robust_sigma(pixels: NDArray[Any]) -> float:
    """Return a standard deviation of white noise that lines and edges hardly change.

    It is the root of the mean over blocks of squares of the median absolute diagonal coefficient
    of a Haar transform, divided by 0.6745: of text, and of whatever else fills less than half of a
    block, there is little in a median. Fine texture counts as noise, and it is 0 where more than
    half of the pixels of all blocks are alike.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, C) without alpha, finite; the largest value no more than about one.

    References
    ----------
    Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 1994: the median
    absolute deviation as an estimate of the noise.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (256, 256))
    >>> line = np.arange(256) % 16 == 0
    >>> round(robust_sigma(noise), 2), round(robust_sigma(noise + line[:, None] * line), 2)
    (0.1, 0.1)
    """
    height, width = (length // _BLOCK * _BLOCK for length in pixels.shape[:2])
    image = np.atleast_3d(pixels)[:height, :width].astype(np.float32)
    blocks = np.abs(_haar(image)[1])
    if not blocks.size:
        return 0.0
    height, width, channels = blocks.shape
    side = _BLOCK // 2
    blocks = blocks.reshape(height // side, side, width // side, side, channels)
    deviations = np.median(blocks, axis=(1, 3)) / _DEVIATION
    return float(np.sqrt(np.square(deviations, dtype=np.float64).mean()))


def _haar(image: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the smooth and the diagonal part of one level."""
    half = np.float32(0.5)
    a, b, c, d = image[::2, ::2], image[::2, 1::2], image[1::2, ::2], image[1::2, 1::2]
    return (a + b + c + d) * half, (a - b - c + d) * half


def _block_means(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Return the means over blocks; `step` is how many pixels apart the values are."""
    side = _BLOCK // step
    height, width, channels = values.shape
    blocks = values.reshape(height // side, side, width // side, side, channels)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3))
    return means


def measure_colour_whiteness(pixels: NDArray[Any]) -> Whiteness | None:
    """Compare the noise of a colour picture at two scales, its colours by themselves too.

    Compression and demosaicing blur colours more than brightness: noise that is white in each
    channel but not in their differences is not independent. Nor is that of gray pictures in three
    channels, whose differences hold none.

    Parameters
    ----------
    pixels
        (H, W, 3); what has another number of channels is measured as `measure_whiteness` does.

    Returns
    -------
    Whiteness or None
        The smaller of the two ratios; 0 where the colours hold no noise.

    Examples
    --------
    >>> white = np.random.default_rng(0).normal(0, 3, (256, 256, 3))
    >>> measure_colour_whiteness(white).ratio > 0.9
    True
    >>> halved = white[::2, ::2].repeat(2, 0).repeat(2, 1) - white[::2, ::2].mean(-1).repeat(
    ...     2, 0
    ... ).repeat(2, 1)[..., None]
    >>> measure_colour_whiteness(white.mean(-1)[..., None] + halved).ratio < 0.5
    True
    """
    found = measure_whiteness(pixels)
    if found is None or pixels.ndim != 3 or pixels.shape[2] != 3:
        return found
    values = pixels.astype(np.float32)
    colours = measure_whiteness(values[..., ::2] - values[..., 1:2])
    if colours is None or colours.sigma < _COLOURLESS * found.sigma:
        return found._replace(ratio=0.0)
    return found._replace(ratio=min(found.ratio, colours.ratio))
