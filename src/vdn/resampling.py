"""Weights of resampling by cubic convolution, as MATLAB's ``imresize`` has them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

__all__ = [
    "DOWNSAMPLING",
    "bicubic_taps",
    "cubic",
    "direct_taps",
    "enlarging_taps",
    "resample",
    "resize_taps",
]


def cubic(distance: np.ndarray) -> np.ndarray:
    r"""Return the cubic convolution kernel with :math:`a = -1/2` at distances in pixels.

    .. math:: 1 - \tfrac52 d^2 + \tfrac32 d^3 \;(d \le 1), \qquad
        2 - 4 d + \tfrac52 d^2 - \tfrac12 d^3 \;(1 < d \le 2)

    References
    ----------
    .. [1] Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions
       on Acoustics, Speech, and Signal Processing 29(6), 1981,
       https://doi.org/10.1109/TASSP.1981.1163711

    Examples
    --------
    >>> cubic(np.array([0, 0.5, 1, 1.5, 2])).tolist()
    [1.0, 0.5625, 0.0, -0.0625, 0.0]
    """
    d = np.abs(distance)
    near = 1 - 2.5 * d**2 + 1.5 * d**3
    far = 2 - 4 * d + 2.5 * d**2 - 0.5 * d**3
    return np.where(d <= 1, near, np.where(d <= 2, far, 0.0))


def bicubic_taps(scale: int) -> np.ndarray:
    """Return the weights that reduce by `scale` with anti-aliasing, about the centre of its pixels.

    Examples
    --------
    >>> (bicubic_taps(2) * 256).tolist()
    [-3.0, -9.0, 29.0, 111.0, 111.0, 29.0, -9.0, -3.0]
    """
    count = 4 * scale - scale % 2  # the outermost weights of odd factors are 0
    weights = cubic((np.arange(count) - (count - 1) / 2) / scale)
    return weights / weights.sum()


def direct_taps(scale: int) -> np.ndarray:
    """Return the weights that keep the first of `scale` pixels.

    Examples
    --------
    >>> direct_taps(3).tolist()
    [1.0, 0.0, 0.0]
    """
    return np.eye(scale)[0]


def enlarging_taps(scale: int) -> np.ndarray:
    """Return what a pixel adds to the row of pixels about it that is `scale` times as fine.

    Examples
    --------
    >>> (enlarging_taps(2) * 128).tolist()
    [-3.0, -9.0, 29.0, 111.0, 111.0, 29.0, -9.0, -3.0]
    """
    count = 4 * scale - scale % 2
    return cubic((np.arange(count) - (count - 1) / 2) / scale)


def resize_taps(length: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each of `target` pixels takes its value from, of `length`, and the weights.

    With anti-aliasing where there are fewer; beyond the border the outermost pixels go on.

    Returns
    -------
    places, weights : numpy.ndarray
        (target, K).

    Examples
    --------
    >>> places, weights = resize_taps(8, 4)
    >>> places[1].tolist(), weights.sum(axis=1).tolist()
    ([0, 0, 1, 2, 3, 4, 5, 6, 7], [1.0, 1.0, 1.0, 1.0])
    """
    stretch = max(length / target, 1.0)
    centres = (np.arange(target) + 0.5) * length / target - 0.5
    first = np.ceil(centres - 2 * stretch).astype(np.intp)
    places = first[:, None] + np.arange(int(4 * stretch) + 1)
    weights = cubic((places - centres[:, None]) / stretch)
    return places.clip(0, length - 1), weights / weights.sum(axis=1, keepdims=True)


def resample(
    values: np.ndarray, taps: tuple[np.ndarray, np.ndarray], axis: int, origin: int = 0
) -> np.ndarray:
    """Return values resampled along an axis, which begins at `origin` of what the taps are for.

    Examples
    --------
    >>> resample(np.ones((2, 8)), resize_taps(8, 4), axis=1).shape
    (2, 4)
    """
    places, weights = taps
    shape = [1] * values.ndim
    shape[axis] = len(places)
    total = np.zeros(1, values.dtype)
    for place, weight in zip(places.T - origin, weights.T.astype(values.dtype), strict=True):
        total = total + np.take(values, place, axis) * weight.reshape(shape)
    return total


DOWNSAMPLING: Mapping[str, Callable[[int], np.ndarray]] = MappingProxyType(
    {"bicubic": bicubic_taps, "direct": direct_taps}
)
"""Name to the weights along one axis for a factor; factor and number of weights are both even or
both odd."""
