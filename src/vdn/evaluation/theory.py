r"""Where the PSNR of a noisy image must lie, so that a table can be checked against itself.

A clean value v (0 to 255) with noise of standard deviation s, clipped and rounded to 8 bits,
becomes k with the probability :math:`\Phi((k + ½ - v)/s) - \Phi((k - ½ - v)/s)`, the ends taking
their tails. The expectation of the squared error follows for every pixel, and with its variance the
interval in which the measured PSNR of an image lies.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from vdn.evaluation.metrics import eight_bit

__all__ = ["Expected", "expected_psnr"]

_NODES = tuple(np.geomspace(0.25, 160, 136).tolist())  # standard deviations that are tabulated
_WIDTH = 5.0  # standard errors on either side
_MARGIN = 0.01  # dB, for the interpolation between the nodes


@dataclass(frozen=True)
class Expected:
    """The PSNR to expect in dB, and how far from it a measured one may lie."""

    psnr: float
    tolerance: float

    def agrees(self, measured: float) -> bool:
        """Say whether a measured PSNR is within the tolerance.

        Examples
        --------
        >>> Expected(20.17, 0.05).agrees(20.2), Expected(20.17, 0.05).agrees(33.0)
        (True, False)
        """
        return abs(measured - self.psnr) <= self.tolerance


def expected_psnr(clean: NDArray[np.floating], sigma: NDArray[np.floating] | float) -> Expected:
    """Return the PSNR of an image with Gaussian noise after clipping and rounding to 8 bits.

    Parameters
    ----------
    clean
        (H, W) or (H, W, C), white at 1.
    sigma
        The standard deviation of the noise: a number, (H, W), or (H, W, C).

    Examples
    --------
    >>> gray = np.full((64, 64), 128 / 255)
    >>> round(expected_psnr(gray, 25 / 255).psnr, 2)  # 20 log10(255 / 25) is 20.17
    20.17
    >>> round(expected_psnr(np.zeros((64, 64)), 25 / 255).psnr, 2)  # half of it is clipped
    23.18
    """
    values = eight_bit(clean)
    deviation = np.asarray(sigma, np.float64) * 255
    if deviation.ndim == 2 and values.ndim == 3:
        deviation = deviation[..., None]
    if deviation.ndim == 0:
        second, fourth = (moment[values] for moment in _moments(float(deviation)))
    else:
        second, fourth = _interpolated(values, np.broadcast_to(deviation, values.shape))
    error = float(np.mean(second))
    standard_error = float(np.sqrt(np.sum(fourth - second**2))) / values.size
    decibel = 10 / np.log(10) * standard_error / error
    return Expected(float(10 * np.log10(255**2 / error)), float(_WIDTH * decibel + _MARGIN))


def _interpolated(
    values: NDArray[np.uint8], deviation: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Look both moments up between the nodes, linearly in the variance."""
    nodes, table = np.square(_NODES), _table()
    variance = np.clip(deviation**2, nodes[0], nodes[-1])
    above = np.clip(np.searchsorted(nodes, variance), 1, len(nodes) - 1)
    weight = (variance - nodes[above - 1]) / (nodes[above] - nodes[above - 1])
    low, high = table[:, above - 1, values], table[:, above, values]
    second, fourth = low + weight * (high - low)
    return second, fourth


@cache
def _table() -> NDArray[np.float64]:
    """Return both moments at every node and value, (2, nodes, 256)."""
    return np.stack([_moments(deviation) for deviation in _NODES], axis=1)


def _moments(deviation: float) -> NDArray[np.float64]:
    """Return E e^2 and E e^4 of the error at every value from 0 to 255, (2, 256)."""
    values = np.arange(256)
    edges = (np.arange(1, 256) - 0.5 - values[:, None]) / deviation
    below = np.hstack([np.zeros((256, 1)), ndtr(edges), np.ones((256, 1))])
    squares = (np.arange(256) - values[:, None]).astype(np.float64) ** 2
    probability = np.diff(below, axis=1)
    return np.stack([(probability * squares).sum(1), (probability * squares**2).sum(1)])
