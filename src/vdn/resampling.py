"""Resampling by whole factors, as MATLAB's ``imresize`` has it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

__all__ = ["DOWNSAMPLING", "bicubic_taps", "cubic", "direct_taps", "enlarge", "enlarging_taps"]


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


def enlarge(image: np.ndarray, scale: int) -> np.ndarray:
    """Enlarge (H, W) or (H, W, C) floats by a whole factor, as MATLAB's ``imresize``.

    Cubic convolution with a = -1/2; borders mirror, edge pixels repeated.

    Examples
    --------
    >>> enlarge(np.array([[0.0, 1.0]]), 2).round(3)
    array([[-0.094,  0.203,  0.797,  1.094],
           [-0.094,  0.203,  0.797,  1.094]])
    """
    for axis in (0, 1) if scale > 1 else ():
        size = image.shape[axis]
        centres = (np.arange(size * scale) + 0.5) / scale - 0.5
        shape = (-1, *(1,) * (image.ndim - axis - 1))
        places = [np.floor(centres).astype(int) + step for step in (-1, 0, 1, 2)]
        image = np.add.reduce(
            [
                cubic(centres - place).astype(image.dtype).reshape(shape)
                * np.take(image, _mirrored(place, size), axis)
                for place in places
            ]
        )
    return image


def _mirrored(places: np.ndarray, size: int) -> np.ndarray:
    places = places % (2 * size)
    return np.minimum(places, 2 * size - 1 - places)


DOWNSAMPLING: Mapping[str, Callable[[int], np.ndarray]] = MappingProxyType(
    {"bicubic": bicubic_taps, "direct": direct_taps}
)
"""Name to the weights along one axis for a factor; factor and number of weights are both even or
both odd."""
