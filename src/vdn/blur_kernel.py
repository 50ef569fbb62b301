"""The blur of an image summed up: one Gaussian kernel with intervals, out of what places say."""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from vdn.runtime.engine import Planes
from vdn.runtime.kernel import FLOOR, log_variances

__all__ = ["BlurKernel", "KernelStatistics"]

Interval = tuple[float, float]

_LEVEL = 0.9
_NODES = np.array([NormalDist().inv_cdf((i + 0.5) / 9) for i in range(9)])
_WIDEST = 64.0  # pixels
_CLASSES = 1600  # of widths and of correlations, each 0.4 % of a width from the next


@dataclass(frozen=True)
class BlurKernel:
    """The Gaussian that blurred an image, as far as it can be told.

    Lengths are in pixels of the result. Intervals hold 90 %: what a place of the image taken at
    random would say, so they cover a blur that varies too.

    Attributes
    ----------
    sigma
        Standard deviations along x and y.
    correlation
        Of x and y, -1 to 1: where it is not 0 the kernel is turned.
    sigma_interval, correlation_interval
        The intervals of these.

    Examples
    --------
    >>> kernel = BlurKernel((1.0, 2.0), 0.0, ((0.9, 1.1), (1.8, 2.3)), (-0.1, 0.1))
    >>> kernel.array().shape, round(float(kernel.array().sum()), 6)
    ((15, 15), 1.0)
    """

    sigma: tuple[float, float]
    correlation: float
    sigma_interval: tuple[Interval, Interval]
    correlation_interval: Interval

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The covariance of x and y in square pixels, (2, 2)."""
        x, y = self.sigma
        across = self.correlation * x * y
        return np.array([[x * x, across], [across, y * y]])

    def array(self) -> NDArray[np.float64]:
        """Return the kernel on the grid of the pixels, (K, K) of odd K and sum 1, rows along y."""
        from vdn.noise.blur import gaussian_weights  # takes longer to load than to use

        weights: NDArray[np.float64] = gaussian_weights(self.covariance[None])[0]
        return weights

    def describe(self) -> str:
        """Say it in a line.

        Examples
        --------
        >>> BlurKernel((1.0, 2.0), 0.0, ((0.9, 1.1), (1.8, 2.3)), (-0.1, 0.1)).describe()
        '1 x 2 px (0.9 to 1.1, 1.8 to 2.3), correlation 0 (-0.1 to 0.1)'
        """
        x, y = (f"{low:.2g} to {high:.2g}" for low, high in self.sigma_interval)
        low, high = self.correlation_interval
        return (
            f"{self.sigma[0]:.2g} x {self.sigma[1]:.2g} px ({x}, {y}), "
            f"correlation {self.correlation:.2g} ({low:.2g} to {high:.2g})"
        )

    def scaled(self, across: float, down: float) -> "BlurKernel":
        """Return the kernel after a resize of the image by these factors."""
        x, y = self.sigma
        x_ends, y_ends = (
            (factor * low, factor * high)
            for factor, (low, high) in zip((across, down), self.sigma_interval, strict=True)
        )
        return replace(self, sigma=(across * x, down * y), sigma_interval=(x_ends, y_ends))


class KernelStatistics:
    r"""What all places of an image say of its blur, gathered part by part.

    K-Net tells of every place from its neighbourhood, with a posterior that is wide where nothing
    is to be seen. Neighbours share their pixels, and what misleads a network about a picture does
    so everywhere; to multiply these posteriors would make a large picture far too certain. They are
    mixed instead, each with its precision as weight (a linear opinion pool): the median of the
    mixture is the estimate, which a minority of places cannot pull away, and its quantiles are the
    interval. Widths are pooled as :math:`\log(\lambda + f)`, see `vdn.runtime.kernel`, and
    correlations as their slopes.

    References
    ----------
    Genest and Zidek, "Combining probability distributions: a critique and an annotated
    bibliography", Statistical Science 1(1), 1986, https://doi.org/10.1214/ss/1177013825

    Examples
    --------
    >>> statistics = KernelStatistics()
    >>> place = np.array([5, 5, 5, 5 + np.log(4), 0, -6], np.float32)  # 1 x 2 pixels
    >>> statistics.add(np.tile(place[:, None, None], (1, 3, 4)))
    >>> [round(width, 2) for width in statistics.kernel.sigma]
    [1.0, 2.0]
    """

    def __init__(self) -> None:
        span = math.log(FLOOR), math.log(_WIDEST**2 + FLOOR)
        self._edges = [np.linspace(*span, _CLASSES + 1)] * 2 + [np.linspace(-4, 4, _CLASSES + 1)]
        self._weights = np.zeros((3, _CLASSES))

    def add(self, planes: Planes) -> None:
        """Take a part in: planes as in `vdn.runtime.kernel`."""
        means, deviations = log_variances(planes)
        slope = planes[4].astype(np.float64), np.exp(0.5 * planes[5].astype(np.float64))
        for row, (mean, deviation) in enumerate([*zip(means, deviations, strict=True), slope]):
            edges = self._edges[row]
            weight = 1 / np.square(deviation) / len(_NODES)
            for node in _NODES:
                values = np.clip(mean + node * deviation, edges[0], edges[-1])
                self._weights[row] += np.histogram(values, edges, weights=weight)[0]

    def merge(self, other: "KernelStatistics") -> "KernelStatistics":
        """Return the statistics over both images."""
        merged = KernelStatistics()
        merged._weights = self._weights + other._weights
        return merged

    @property
    def kernel(self) -> BlurKernel | None:
        """The kernel of the image; None where nothing was said."""
        if not self._weights.any():
            return None
        low, middle, high = ((1 + side * _LEVEL) / 2 for side in (-1, 0, 1))
        ends = [[self._quantile(row, each) for each in (low, middle, high)] for row in range(3)]
        widths = [[math.sqrt(max(math.exp(each) - FLOOR, 0)) for each in row] for row in ends[:2]]
        slopes = [math.tanh(each) for each in ends[2]]
        return BlurKernel(
            (widths[0][1], widths[1][1]),
            slopes[1],
            ((widths[0][0], widths[0][2]), (widths[1][0], widths[1][2])),
            (slopes[0], slopes[2]),
        )

    def _quantile(self, row: int, probability: float) -> float:
        below = np.concatenate([[0], np.cumsum(self._weights[row])])
        return float(np.interp(probability * below[-1], below, self._edges[row]))
