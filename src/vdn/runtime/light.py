"""The light in pictures of few counted photons: what a network takes away of it is given back.

A network trained on noise with a symmetric distribution goes by the middle of what it sees, and of
counts that are mostly 0 that is far below their mean: of 0.3 photons a pixel `gray` keeps a
sixteenth of the light. Counts are unbiased, so that the means of the noisy and of the clean picture
over some hundred pixels differ by little: by a thirtieth of the noise. What is smooth in the
difference is added to the result, which is Tukey's *twicing* with a smoother of its own.

References
----------
J. W. Tukey, Exploratory Data Analysis, Addison-Wesley 1977, chapter 16.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.runtime.engine import Planes

__all__ = ["REACH", "are_counts", "keep_light"]

_LEVELS = 64  # the most in the range of a picture of few photons: clipped pictures have more
_RADIUS, _TIMES = 8, 3  # of the box filters, which are next to a Gaussian of 8.5 pixels

REACH = _TIMES * _RADIUS
"""Pixels."""


def are_counts(pixels: NDArray[Any], scale: float) -> bool:
    """Return whether pixels are whole numbers in a range of few; NaN and infinity do not matter.

    `scale` is that of the range of the picture.

    Examples
    --------
    >>> are_counts(np.array([0.0, 2.0, 1.0]), 3), are_counts(np.array([0.5]), 3)
    (True, False)
    """
    if scale > _LEVELS:
        return False
    return pixels.dtype.kind in "iu" or bool(
        ((pixels == np.rint(pixels)) | ~np.isfinite(pixels)).all()
    )


def keep_light(mean: Planes, noisy: Planes) -> Planes:
    """Return a result, (C, H, W), with the smooth part of its difference from the noisy picture.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).poisson(0.3, (1, 64, 64)).astype(np.float32)
    >>> round(float(keep_light(np.zeros_like(noisy), noisy).mean()), 1)
    0.3
    """
    smooth: NDArray[np.float64] = noisy.astype(np.float64) - mean
    for axis in (1, 2):
        for _ in range(_TIMES):
            smooth = _box(smooth, axis)
    return mean + smooth.astype(np.float32)


def _box(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the mean over the pixels along an axis that are at most the radius away."""
    around = [(0, 0)] * values.ndim
    around[axis] = (_RADIUS + 1, _RADIUS)
    sums = np.moveaxis(np.cumsum(np.pad(values, around, "symmetric"), axis), axis, 0)
    side = 2 * _RADIUS + 1
    return np.moveaxis((sums[side:] - sums[:-side]) / side, 0, axis)
