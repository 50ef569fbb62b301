r"""What clipping at black does to Gaussian noise, and back (Foi, Signal Processing 2009).

For :math:`\xi = \mu / \sigma` the clipped value :math:`\max(N(\mu, \sigma^2), 0)` has mean
:math:`\sigma\,(\phi(\xi) + \xi \Phi(\xi))` and second moment
:math:`\sigma^2 ((1 + \xi^2) \Phi(\xi) + \xi \phi(\xi))`. The ratio of mean and standard deviation
depends on :math:`\xi` alone and grows with it, so that a table turns it round.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.external.method import require

__all__ = ["clipped_moments", "unclipped_moments"]

_TABLE = np.linspace(-1.5, 8.0, 4001)  # of xi; beyond 8 nothing is clipped


def clipped_moments(
    mean: ArrayLike, sigma: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of Gaussian values once those below 0 have become 0.

    Examples
    --------
    >>> mean, sigma = clipped_moments(0.0, 1.0)
    >>> round(float(mean), 3), round(float(sigma), 3)
    (0.399, 0.584)
    """
    ndtr = require("scipy.special", "bench").ndtr
    scale = np.asarray(sigma, dtype=np.float64)
    xi = np.asarray(mean, dtype=np.float64) / scale
    density = np.exp(-np.square(xi) / 2) / np.sqrt(2 * np.pi)
    first = density + xi * ndtr(xi)
    second = (1 + np.square(xi)) * ndtr(xi) + xi * density
    return scale * first, scale * np.sqrt(second - np.square(first))


def unclipped_moments(
    mean: ArrayLike, sigma: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The inverse of `clipped_moments`, for values of which at most some nine tenths were clipped.

    Examples
    --------
    >>> mean, sigma = unclipped_moments(*clipped_moments(0.1, 0.2))
    >>> round(float(mean), 3), round(float(sigma), 3)
    (0.1, 0.2)
    """
    first, deviation = clipped_moments(_TABLE, 1.0)
    seen_mean = np.asarray(mean, dtype=np.float64)
    seen_sigma = np.asarray(sigma, dtype=np.float64)
    ratio = seen_mean / seen_sigma
    xi = np.interp(ratio, first / deviation, _TABLE)
    scale = seen_sigma / clipped_moments(xi, 1.0)[1]
    touched = ratio < _TABLE[-1]
    return np.where(touched, xi * scale, seen_mean), np.where(touched, scale, seen_sigma)
