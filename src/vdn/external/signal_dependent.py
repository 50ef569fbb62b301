r"""Noise whose variance grows with the brightness, fitted to one image.

The model :math:`\operatorname{Var} = a x + b` is the Poissonian–Gaussian one of Foi, Trimeche,
Katkovnik and Egiazarian (TIP 2008): smooth parts of the image are sorted into levels of brightness,
the noise of each level is measured on detail coefficients and freed from the effect of clipping,
and a robust line goes through the levels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import InputError
from vdn.external.clipping import unclipped_moments
from vdn.external.method import as_planes, require

__all__ = ["SignalDependentNoise", "estimate_sigma_signal_dependent", "fit_signal_dependent"]

_DETAIL = np.array([1.0, -2.0, 1.0]) / np.sqrt(6)  # blind to slopes, unit gain for white noise
_LEVELS, _FEWEST = 48, 160  # most levels of brightness; fewest pixels in a level
_SMOOTH_SHARE = 0.25  # of each level's pixels, those on the flattest ground
_SATURATED_SHARE = 0.25  # of pixels at black or white; levels with more are not used …
_LEAST_LEVELS = 4  # … unless fewer than these were left
_GAUSSIAN_MAD = 0.6744897501960817  # median of |N(0, 1)|
_HUBER, _ROUNDS = 1.345, 20


@dataclass(frozen=True, eq=False)
class SignalDependentNoise:
    """A fitted line Var = a x + b and what it was fitted to.

    Attributes
    ----------
    slope, offset
        a and b, in units of the image and their square.
    levels, variances, counts
        Brightness, measured variance and number of pixels of each level.
    """

    slope: float
    offset: float
    levels: NDArray[np.float64]
    variances: NDArray[np.float64]
    counts: NDArray[np.intp]

    def sigma(self, brightness: ArrayLike) -> NDArray[np.float32]:
        """Standard deviation at a brightness; no less than in the quietest level, halved."""
        floor = self.variances.min() / 4
        variance = self.slope * np.asarray(brightness, dtype=np.float64) + self.offset
        return np.sqrt(np.maximum(variance, floor)).astype(np.float32)


def fit_signal_dependent(
    channel: ArrayLike, black: float = 0.0, white: float = 1.0
) -> SignalDependentNoise:
    """Fit the variance of the noise against the brightness of one channel.

    Where values stop at black or white, the moments of a level are those of clipped noise; they are
    turned back into those of the whole. Levels that are clipped by more than a quarter are left out
    (the four best are kept in any case). Texture that leaves no smooth ground raises the estimate.

    Parameters
    ----------
    channel
        (H, W), any linear units.
    black, white
        Where values were clipped, if they were: if some lie there and none beyond.

    Raises
    ------
    InputError
        If the channel is too small for two levels of brightness.
    MissingExtraError
        Without SciPy.

    References
    ----------
    https://doi.org/10.1109/TIP.2008.2001399

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> clean = np.tile(np.linspace(0.1, 0.9, 256), (256, 1))
    >>> noisy = clean + generator.normal(0, np.sqrt(0.01 * clean + 0.001))
    >>> fit = fit_signal_dependent(noisy)
    >>> round(fit.slope, 3), round(fit.offset, 3)
    (0.01, 0.001)
    """
    ndimage = require("scipy.ndimage", "bench")
    values = as_planes(channel)[..., 0].astype(np.float64)
    detail = ndimage.correlate1d(ndimage.correlate1d(values, _DETAIL, axis=0), _DETAIL, axis=1)
    brightness = ndimage.uniform_filter(values, 7)
    slope = np.hypot(ndimage.sobel(brightness, axis=0), ndimage.sobel(brightness, axis=1))
    saturated = ndimage.uniform_filter(((values == black) | (values == white)).astype(float), 3)
    inner = (slice(4, -4), slice(4, -4))  # borders repeat pixels, and so their noise
    rows = [plane[inner].ravel() for plane in (brightness, detail, slope, saturated)]
    if _level_count(rows[0].size) < 2:
        raise InputError(
            f"image has shape {values.shape}: too small for two levels of {_FEWEST} pixels"
        )
    levels, sigmas, counts = _measure(*rows)
    dark = levels < (black + white) / 2
    if values.min() == black:
        levels[dark], sigmas[dark] = unclipped_moments(levels[dark] - black, sigmas[dark])
        levels[dark] += black
    if values.max() == white:
        levels[~dark], sigmas[~dark] = unclipped_moments(white - levels[~dark], sigmas[~dark])
        levels[~dark] = white - levels[~dark]
    variances = np.square(sigmas)
    a, b = _robust_line(levels, variances, counts)
    return SignalDependentNoise(a, b, levels, variances, counts)


def estimate_sigma_signal_dependent(image: ArrayLike) -> NDArray[np.float32]:
    """Estimate a map of noise levels that follow the brightness, each channel by its own line.

    Parameters
    ----------
    image
        (H, W) or (H, W, C) with black at 0 and white at 1.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `image`.

    Raises
    ------
    InputError, MissingExtraError
        As `fit_signal_dependent`.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (64, 64))
    >>> estimate_sigma_signal_dependent(noisy).shape
    (64, 64)
    """
    ndimage = require("scipy.ndimage", "bench")
    planes = as_planes(image)
    maps = [
        fit_signal_dependent(planes[..., c]).sigma(ndimage.uniform_filter(planes[..., c], 7))
        for c in range(planes.shape[2])
    ]
    return np.stack(maps, axis=-1).reshape(np.shape(image))


def _measure(
    brightness: NDArray[np.float64],
    detail: NDArray[np.float64],
    slope: NDArray[np.float64],
    saturated: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Brightness, noise level and count of each level, on its smoothest pixels.

    Brightness, slope and detail use orthogonal filters: choosing by the first two does not bias
    the noise measured on the third.
    """
    groups = np.array_split(brightness.argsort(), _level_count(len(brightness)))
    clipped = np.array([saturated[members].mean() for members in groups])
    most = max(_SATURATED_SHARE, np.sort(clipped)[:_LEAST_LEVELS][-1])
    rows = []
    for members, share in zip(groups, clipped, strict=True):
        if share <= most:
            kept = int(len(members) * _SMOOTH_SHARE)
            smooth = members[np.argpartition(slope[members], kept - 1)[:kept]]
            sigma = np.median(np.abs(detail[smooth])) / _GAUSSIAN_MAD
            rows.append((brightness[smooth].mean(), sigma, kept))
    levels, sigmas, counts = (np.array(column) for column in zip(*rows, strict=True))
    return levels, sigmas, counts


def _level_count(pixels: int) -> int:
    """How many levels of as many pixels each."""
    return min(pixels // _FEWEST, _LEVELS)


def _robust_line(
    levels: NDArray[np.float64], variances: NDArray[np.float64], counts: NDArray[np.intp]
) -> tuple[float, float]:
    """Huber's regression, each level weighted by the accuracy of a variance from its pixels."""
    design = np.stack([levels, np.ones_like(levels)], axis=1)
    expected: NDArray[np.float64] = np.maximum(variances, np.finfo(float).tiny)
    robust: NDArray[np.float64] = np.ones_like(levels)
    line: NDArray[np.floating] = np.zeros(2)
    for _ in range(_ROUNDS):
        deviation = expected / np.sqrt(counts)
        weight = np.sqrt(robust) / deviation
        line = np.linalg.lstsq(design * weight[:, None], variances * weight, rcond=None)[0]
        fitted = design @ line
        expected = np.maximum(fitted, variances.max() * 1e-3)
        score = (variances - fitted) / (expected / np.sqrt(counts))
        spread = np.median(np.abs(score)) / _GAUSSIAN_MAD
        size = np.abs(score) / max(spread, np.finfo(float).tiny)
        robust = np.where(size <= _HUBER, 1.0, _HUBER / np.maximum(size, _HUBER))
    return float(line[0]), float(line[1])
